package move

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"comity/internal/db"
)

// liteSide is a SQLite file, on one connection.
type liteSide struct {
	path string
	c    *sqlite3.Conn // nil until hold or claim found nobody else
}

func openSQLite(address string, create bool) (*liteSide, error) {
	path, err := filepath.Abs(strings.TrimPrefix(address, "sqlite:"))
	if err != nil {
		return nil, err
	}
	if create {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return &liteSide{path: path}, nil
}

// connect opens the file so that closing it writes no log back: the source stays as it was, byte by byte.
func connect(path string) (*sqlite3.Conn, error) {
	c, err := sqlite3.OpenFlags(db.FileURI(path), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	_, err = c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
	if err == nil {
		err = fts5.Register(c)
	}
	if err == nil {
		err = c.Exec(`PRAGMA trusted_schema=OFF; PRAGMA secure_delete=ON; PRAGMA cache_size=-16000`)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (s *liteSide) close() error {
	if s.c == nil {
		return nil
	}
	c := s.c
	s.c = nil
	c.SetInterrupt(context.Background())
	return c.Close()
}

// hold finds out whether anybody has the file open, which a city does even while it rests: only then is the
// exclusive mode refused. It is given up again for a write transaction, beside which others can read.
func (s *liteSide) hold(ctx context.Context) error {
	if err := s.claim(ctx); err != nil {
		return err
	}
	if err := opened(s.c.Exec(`BEGIN IMMEDIATE`)); err != nil {
		return err
	}
	return s.begun(ctx)
}

// begun refuses a file no city has been started on since it was brought back: a reader would have to change it first,
// and verifying would wait for a lock that is ours.
func (s *liteSide) begun(ctx context.Context) error {
	if _, _, city, err := s.mark(ctx); err != nil || !city {
		return err
	}
	mode := ""
	if err := s.query(`PRAGMA journal_mode`, nil, func(st *sqlite3.Stmt) error { mode = st.ColumnText(0); return nil }); err != nil {
		return err
	}
	if !strings.EqualFold(mode, "wal") {
		return errors.New("no city was started on it since it was made or brought back; start this version once with it, stop it, and move then")
	}
	return nil
}

func (s *liteSide) claim(ctx context.Context) error {
	probe, err := connect(s.path)
	if err != nil {
		return opened(err)
	}
	err = probe.Exec(`PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; SELECT COUNT(*) FROM sqlite_schema; ROLLBACK`)
	if err = errors.Join(opened(err), probe.Close()); err != nil {
		return err
	}
	if s.c, err = connect(s.path); err != nil {
		return err
	}
	s.c.SetInterrupt(ctx)
	return nil
}

// opened puts SQLite's answer to a lock that others have into words.
func opened(err error) error {
	if errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.LOCKED) {
		return ErrOpen
	}
	return err
}

// query runs a statement and hands over each row.
func (s *liteSide) query(q string, bind func(*sqlite3.Stmt) error, row func(*sqlite3.Stmt) error) error {
	st, _, err := s.c.Prepare(q)
	if err != nil {
		return err
	}
	defer st.Close()
	if bind != nil {
		if err := bind(st); err != nil {
			return err
		}
	}
	for st.Step() {
		if err := row(st); err != nil {
			return err
		}
	}
	return st.Err()
}

func (s *liteSide) has(name string) (there bool, err error) {
	err = s.query(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1`, func(st *sqlite3.Stmt) error { return st.BindText(1, name) },
		func(*sqlite3.Stmt) error { there = true; return nil })
	return there, err
}

func (s *liteSide) mark(context.Context) (m mark, ok, others bool, err error) {
	if err := s.query(`SELECT 1 FROM sqlite_schema WHERE name NOT IN ('db_move', 'db_move_tables') AND name NOT LIKE 'sqlite%' LIMIT 1`, nil,
		func(*sqlite3.Stmt) error { others = true; return nil }); err != nil {
		return m, false, false, err
	}
	there, err := s.has("db_move")
	if err != nil || !there {
		return m, false, others, err
	}
	err = s.query(`SELECT city, begun_at, ended_at FROM db_move`, nil, func(st *sqlite3.Stmt) error {
		ok, m = true, markOf(st.ColumnText(0), st.ColumnInt64(1), st.ColumnInt64(2))
		return nil
	})
	return m, ok, others, err
}

func markOf(city string, begun, ended int64) mark {
	m := mark{city: city, begun: db.FromMicros(begun)}
	if ended != 0 {
		m.ended = db.FromMicros(ended)
	}
	return m
}

func (m mark) times() (begun, ended int64) {
	if !m.ended.IsZero() {
		ended = db.Micros(m.ended)
	}
	return db.Micros(m.begun), ended
}

func (s *liteSide) setMark(_ context.Context, m mark) (err error) {
	// Unlike a source, a target takes its log in when it is closed.
	if _, err := s.c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, false); err != nil {
		return err
	}
	return s.within(func() error {
		if err := s.c.Exec(`
			CREATE TABLE IF NOT EXISTS db_move (one INTEGER PRIMARY KEY CHECK (one = 1), city TEXT NOT NULL, begun_at INTEGER NOT NULL, ended_at INTEGER NOT NULL) STRICT;
			CREATE TABLE IF NOT EXISTS db_move_tables (name TEXT NOT NULL PRIMARY KEY, summary TEXT NOT NULL) STRICT`); err != nil {
			return err
		}
		return s.query(`INSERT INTO db_move (one, city, begun_at, ended_at) VALUES (1, ?1, ?2, ?3)
			ON CONFLICT (one) DO UPDATE SET city = excluded.city, begun_at = excluded.begun_at, ended_at = excluded.ended_at`, func(st *sqlite3.Stmt) error {
			begun, ended := m.times()
			return errors.Join(st.BindText(1, m.city), st.BindInt64(2, begun), st.BindInt64(3, ended))
		}, nil)
	})
}

// within is one transaction. Nobody else writes to a target, and a lock that lasts is told soon.
func (s *liteSide) within(do func() error) error {
	if err := s.c.BusyTimeout(10 * time.Second); err != nil {
		return err
	}
	if err := s.c.Exec(`BEGIN IMMEDIATE`); err != nil {
		return opened(err)
	}
	err := do()
	if err == nil {
		err = s.c.Exec(`COMMIT`)
	}
	if err != nil {
		s.c.SetInterrupt(context.Background())
		if !s.c.GetAutocommit() {
			err = errors.Join(err, s.c.Exec(`ROLLBACK`))
		}
	}
	return err
}

func (s *liteSide) copied(context.Context) (map[string]string, error) {
	out := map[string]string{}
	err := s.query(`SELECT name, summary FROM db_move_tables`, nil, func(st *sqlite3.Stmt) error {
		out[st.ColumnText(0)] = st.ColumnText(1)
		return nil
	})
	return out, err
}

func (s *liteSide) migrations(context.Context) (out []string, err error) {
	there, err := s.has("db_migrations")
	if err != nil || !there {
		return nil, err
	}
	err = s.query(`SELECT set_name, name FROM db_migrations ORDER BY set_name, number`, nil, func(st *sqlite3.Stmt) error {
		out = append(out, migration(st.ColumnText(0), st.ColumnText(1)))
		return nil
	})
	return out, err
}

// migration names a migration alike on both engines, which may have a text each for one number, with the state a step has
// reached.
func migration(set, file string) string {
	stem := strings.TrimSuffix(file, ".sql")
	for _, engine := range []string{".sqlite", ".postgres"} {
		stem = strings.TrimSuffix(stem, engine)
	}
	return set + " " + stem
}

// notMoved are the tables each database has for itself.
const notMoved = `('db_migrations', 'db_steps', 'db_nodes', 'db_move', 'db_move_tables')`

func (s *liteSide) tables(context.Context) ([]table, error) {
	var out []table
	refused := ""
	err := s.query(`SELECT l.name, l.type, m.sql FROM pragma_table_list AS l JOIN sqlite_schema AS m ON m.name = l.name AND m.type = 'table'
		WHERE l.schema = 'main' AND l.type <> 'shadow' AND l.name NOT LIKE 'sqlite%' AND l.name NOT IN `+notMoved+` ORDER BY l.name`, nil, func(st *sqlite3.Stmt) error {
		t := table{name: st.ColumnText(0), search: st.ColumnText(1) == "virtual"}
		if t.search && !strings.Contains(st.ColumnText(2), "USING fts5(tokens, content='', contentless_delete=1, tokenize='ascii')") {
			refused = t.name
		}
		out = append(out, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if refused != "" {
		return nil, fmt.Errorf("table %s is virtual and no search index of this program; it cannot be moved", refused)
	}
	for i := range out {
		if err := s.describe(&out[i]); err != nil {
			return nil, err
		}
	}
	return ordered(out)
}

func (s *liteSide) describe(t *table) error {
	if t.search {
		t.columns = searchColumns
		return nil
	}
	err := s.query(`SELECT name, type FROM pragma_table_info(?1) ORDER BY cid`, func(st *sqlite3.Stmt) error { return st.BindText(1, t.name) }, func(st *sqlite3.Stmt) error {
		k, ok := map[string]kind{"INTEGER": integer, "INT": integer, "TEXT": words, "BLOB": bytes, "REAL": decimal}[strings.ToUpper(st.ColumnText(1))]
		if !ok {
			return fmt.Errorf("column %s of table %s has the type %q, which is not moved", st.ColumnText(0), t.name, st.ColumnText(1))
		}
		t.columns = append(t.columns, column{name: st.ColumnText(0), kind: k})
		return nil
	})
	if err != nil {
		return err
	}
	return s.query(`SELECT DISTINCT "table" FROM pragma_foreign_key_list(?1)`, func(st *sqlite3.Stmt) error { return st.BindText(1, t.name) }, func(st *sqlite3.Stmt) error {
		t.needs = append(t.needs, st.ColumnText(0))
		return nil
	})
}

func (s *liteSide) count(_ context.Context, t table) (n int64, err error) {
	name := t.name
	if t.search {
		name += "_docsize"
	}
	err = s.query(`SELECT COUNT(*) FROM `+sqlite3.QuoteIdentifier(name), nil, func(st *sqlite3.Stmt) error { n = st.ColumnInt64(0); return nil })
	return n, err
}

func (s *liteSide) names(t table) string {
	var out []string
	for _, c := range t.columns {
		out = append(out, sqlite3.QuoteIdentifier(c.name))
	}
	return strings.Join(out, ", ")
}

func (s *liteSide) rows(ctx context.Context, t table, each func([]byte) error) error {
	s.c.SetInterrupt(ctx)
	if t.search {
		return s.searchRows(t, each)
	}
	var b []byte
	return s.query(`SELECT `+s.names(t)+` FROM `+sqlite3.QuoteIdentifier(t.name), nil, func(st *sqlite3.Stmt) (err error) {
		if b, err = litePut(b[:0], st, t); err != nil {
			return err
		}
		return each(b)
	})
}

func litePut(b []byte, st *sqlite3.Stmt, t table) ([]byte, error) {
	for i, c := range t.columns {
		is := st.ColumnType(i)
		switch {
		case is == sqlite3.NULL:
			b = putNull(b)
		case c.kind == integer && is == sqlite3.INTEGER:
			b = putInt(b, st.ColumnInt64(i))
		case c.kind == words && is == sqlite3.TEXT:
			raw := st.ColumnRawBlob(i)
			if why := unfit(raw); why != "" {
				return b, fmt.Errorf("column %s: %s (in the row whose %s)", c.name, why, rowName(st, t))
			}
			b = putBytes(b, raw)
		case c.kind == bytes && is == sqlite3.BLOB:
			b = putBytes(b, st.ColumnRawBlob(i))
		case c.kind == decimal && is == sqlite3.FLOAT:
			b = putFloat(b, st.ColumnFloat(i))
		default:
			return b, fmt.Errorf("column %s: a value is not of the type of its column (in the row whose %s)", c.name, rowName(st, t))
		}
	}
	return b, nil
}

// rowName finds a row again without telling what is in it: by its number.
func rowName(st *sqlite3.Stmt, t table) string {
	for i, c := range t.columns {
		if c.kind == integer && st.ColumnType(i) == sqlite3.INTEGER {
			return fmt.Sprintf("%s is %d", c.name, st.ColumnInt64(i))
		}
	}
	return "number is not known"
}

// searchRows reads an index that keeps no text: what stands in it is listed word by word.
func (s *liteSide) searchRows(t table, each func([]byte) error) error {
	name := sqlite3.QuoteIdentifier(t.name)
	if err := s.c.Exec(`DROP TABLE IF EXISTS temp.move_words; CREATE VIRTUAL TABLE temp.move_words USING fts5vocab(main, ` + name + `, instance)`); err != nil {
		return err
	}
	var b []byte
	if err := s.query(`SELECT id FROM `+sqlite3.QuoteIdentifier(t.name+"_docsize"), nil, func(st *sqlite3.Stmt) error {
		b = putNull(putNull(putInt(b[:0], st.ColumnInt64(0))))
		return each(b)
	}); err != nil {
		return err
	}
	var last []byte
	lastDoc, times := int64(0), 0
	err := s.query(`SELECT term, doc, "offset" FROM temp.move_words`, nil, func(st *sqlite3.Stmt) error {
		term, doc := st.ColumnRawBlob(0), st.ColumnInt64(1)
		if doc != lastDoc || string(term) != string(last) {
			last, lastDoc, times = append(last[:0], term...), doc, 0
		}
		if times++; times > mostPlaces || string(term) == gap {
			return nil
		}
		b = putInt(putBytes(putInt(b[:0], doc), term), st.ColumnInt64(2)+1)
		return each(b)
	})
	return errors.Join(err, s.c.Exec(`DROP TABLE IF EXISTS temp.move_words`))
}

func (s *liteSide) empty(_ context.Context, all []table) error {
	return s.within(func() error {
		for i := len(all) - 1; i >= 0; i-- {
			name := sqlite3.QuoteIdentifier(all[i].name)
			text := `DELETE FROM ` + name
			if all[i].search {
				text = `INSERT INTO ` + name + `(` + name + `) VALUES('delete-all')`
			}
			if err := s.c.Exec(text); err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
		}
		return s.c.Exec(`DELETE FROM db_move_tables`)
	})
}

func (s *liteSide) fill(ctx context.Context, t table, feed func(put func([]byte) error) (Summary, error)) error {
	s.c.SetInterrupt(ctx)
	return s.within(func() error {
		sum, err := s.insert(t, feed)
		if err != nil {
			return err
		}
		return s.query(`INSERT INTO db_move_tables (name, summary) VALUES (?1, ?2)`, func(st *sqlite3.Stmt) error {
			return errors.Join(st.BindText(1, t.name), st.BindText(2, noted(sum)))
		}, nil)
	})
}

func (s *liteSide) insert(t table, feed func(put func([]byte) error) (Summary, error)) (sum Summary, err error) {
	into, columns := sqlite3.QuoteIdentifier(t.name), t.columns
	if t.search {
		into = "temp.move_places"
		if err := s.c.Exec(`DROP TABLE IF EXISTS temp.move_places; CREATE TABLE temp.move_places (id INTEGER, term TEXT, place INTEGER)`); err != nil {
			return sum, err
		}
	}
	marks := make([]string, len(columns))
	for i := range marks {
		marks[i] = fmt.Sprintf("?%d", i+1)
	}
	st, _, err := s.c.Prepare(`INSERT INTO ` + into + ` (` + s.names(t) + `) VALUES (` + strings.Join(marks, ", ") + `)`)
	if err != nil {
		return sum, err
	}
	sum, err = feed(func(row []byte) error {
		if err := bindRow(st, columns, row); err != nil {
			return err
		}
		return st.Exec()
	})
	if err = errors.Join(err, st.Close()); err == nil && t.search {
		err = s.indexPlaces(t)
	}
	return sum, err
}

func bindRow(st *sqlite3.Stmt, columns []column, row []byte) error {
	for i, c := range columns {
		v, null, rest, err := field(row)
		if err != nil {
			return err
		}
		row = rest
		switch {
		case null:
			err = st.BindNull(i + 1)
		case c.kind == words:
			err = st.BindRawText(i+1, v)
		case c.kind == bytes && len(v) == 0:
			err = st.BindZeroBlob(i+1, 0)
		case c.kind == bytes:
			err = st.BindBlob(i+1, v)
		case len(v) != 8:
			err = errCutOff
		case c.kind == decimal:
			err = st.BindFloat(i+1, math.Float64frombits(binary.BigEndian.Uint64(v)))
		default:
			err = st.BindInt64(i+1, int64(binary.BigEndian.Uint64(v)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gap stands in a text for a place whose word the other engine did not keep, so that no words become neighbours that
// were none. Nobody can search for it: queries hold letters, digits and marks.
const gap = "\ue000"

// indexPlaces puts the words of each text in order and indexes it.
func (s *liteSide) indexPlaces(t table) (err error) {
	put, _, err := s.c.Prepare(`INSERT INTO ` + sqlite3.QuoteIdentifier(t.name) + ` (rowid, tokens) VALUES (?1, ?2)`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, put.Close(), s.c.Exec(`DROP TABLE temp.move_places`)) }()
	var id int64
	var tokens []string
	some := false
	flush := func() error {
		if !some {
			return nil
		}
		err := errors.Join(put.BindInt64(1, id), put.BindText(2, strings.Join(tokens, " ")))
		tokens = tokens[:0]
		return errors.Join(err, put.Exec())
	}
	err = s.query(`SELECT id, term, place FROM temp.move_places ORDER BY id, place`, nil, func(st *sqlite3.Stmt) error {
		if n := st.ColumnInt64(0); !some || n != id {
			if err := flush(); err != nil {
				return err
			}
			some, id = true, n
		}
		if st.ColumnType(1) == sqlite3.NULL {
			return nil
		}
		for place := st.ColumnInt64(2); int64(len(tokens)) < place-1; {
			tokens = append(tokens, gap)
		}
		tokens = append(tokens, st.ColumnText(1))
		return nil
	})
	return errors.Join(err, flush())
}

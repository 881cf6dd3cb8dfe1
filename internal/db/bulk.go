package db

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
	sqlitedriver "github.com/ncruces/go-sqlite3/driver"
)

// Into names a table and the columns that rows bring, with the kind of each.
type Into struct {
	Table   string
	Columns string // with commas between
	Kinds   string // for each column a letter: i an integer, t a text, b bytes
}

func (in Into) names() []string { return strings.Split(strings.ReplaceAll(in.Columns, " ", ""), ",") }

// Rows are rows on their way into one table, made without a transaction and by any goroutine. They lie there as
// PostgreSQL's binary COPY has them, so that they travel without being touched; SQLite takes them apart again.
type Rows struct {
	buf []byte
	n   int
}

// Len is how many rows there are.
func (r *Rows) Len() int { return r.n }

// Size is how many bytes they take.
func (r *Rows) Size() int { return len(r.buf) }

// Reset forgets the rows and keeps their room.
func (r *Rows) Reset() { r.buf, r.n = r.buf[:0], 0 }

// Row begins a row of so many columns; their values follow in order.
func (r *Rows) Row(columns int) *Rows {
	r.n++
	r.buf = binary.BigEndian.AppendUint16(r.buf, uint16(columns))
	return r
}

// Int is the next value of the row.
func (r *Rows) Int(v int64) *Rows {
	r.buf = binary.BigEndian.AppendUint64(append(r.buf, 0, 0, 0, 8), uint64(v))
	return r
}

// Text is the next value of the row.
func (r *Rows) Text(v string) *Rows {
	r.buf = append(binary.BigEndian.AppendUint32(r.buf, uint32(len(v))), v...)
	return r
}

// Bytes is the next value of the row, for a text as well.
func (r *Rows) Bytes(v []byte) *Rows {
	r.buf = append(binary.BigEndian.AppendUint32(r.buf, uint32(len(v))), v...)
	return r
}

// Load writes rows into a table in one go. It is for filling a database with what nobody else works on: a conflict
// with a row that is there fails the transaction.
func (tx *Tx) Load(ctx context.Context, in Into, rows *Rows) error {
	if err := tx.usable(); err != nil {
		return err
	}
	if rows.n == 0 {
		return nil
	}
	if len(in.names()) != len(in.Kinds) {
		return fmt.Errorf("db: load: %d columns and %d kinds of table %s", len(in.names()), len(in.Kinds), in.Table)
	}
	if err := tx.s.flush(ctx); err != nil { // above all the beginning of the transaction
		return tx.fail("BEGIN", err)
	}
	err := tx.s.conn.Raw(func(c any) error {
		if pg, ok := c.(*postgresConn); ok {
			return pg.load(ctx, in, rows)
		}
		return loadLite(c.(sqlitedriver.Conn).Raw(), in, rows)
	})
	if err != nil && !errors.Is(err, driver.ErrBadConn) {
		return tx.fail("INSERT INTO "+in.Table, err)
	}
	return err
}

// copyBegin and copyEnd stand before and behind the rows of a binary COPY.
const (
	copyBegin = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyEnd   = "\xff\xff"
)

func (c *postgresConn) load(ctx context.Context, in Into, rows *Rows) error {
	body := io.MultiReader(strings.NewReader(copyBegin), bytes.NewReader(rows.buf), strings.NewReader(copyEnd))
	_, err := c.PgConn().CopyFrom(ctx, body, `COPY `+in.Table+` (`+in.Columns+`) FROM STDIN (FORMAT BINARY)`)
	return err
}

func loadLite(c *sqlite3.Conn, in Into, rows *Rows) (err error) {
	marks := make([]string, len(in.Kinds))
	for i := range marks {
		marks[i] = fmt.Sprintf("?%d", i+1)
	}
	st, _, err := c.Prepare(`INSERT INTO ` + in.Table + ` (` + in.Columns + `) VALUES (` + strings.Join(marks, ", ") + `)`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	for rest := rows.buf; len(rest) > 0; {
		if int(binary.BigEndian.Uint16(rest)) != len(in.Kinds) {
			return fmt.Errorf("a row of %s has another number of columns", in.Table)
		}
		rest = rest[2:]
		for i, kind := range []byte(in.Kinds) {
			v := rest[4 : 4+binary.BigEndian.Uint32(rest)]
			rest = rest[4+len(v):]
			switch {
			case kind == 'i':
				err = st.BindInt64(i+1, int64(binary.BigEndian.Uint64(v)))
			case kind == 't':
				err = st.BindRawText(i+1, v)
			case len(v) == 0:
				err = st.BindZeroBlob(i+1, 0)
			default:
				err = st.BindBlob(i+1, v)
			}
			if err != nil {
				return err
			}
		}
		if err := st.Exec(); err != nil {
			return err
		}
	}
	return nil
}

// Into is where the rows of a search index go that [SearchTable.Tokens] makes: a number, and the tokens.
func (s SearchTable) Into(e Engine) Into {
	if e == Postgres {
		return Into{string(s), "id, tokens", "ib"}
	}
	return Into{string(s), "rowid, tokens", "it"}
}

// maxPlaces is how often PostgreSQL keeps one token of a text.
const maxPlaces = 255

// Tokens spells tokens the way the engine takes them from a load; the row is that of [SearchTable.IndexTokens].
func (s SearchTable) Tokens(e Engine, tokens []string) []byte {
	tokens = tokens[:min(len(tokens), maxTokens)]
	if e != Postgres {
		return []byte(strings.Join(tokens, " "))
	}
	places := map[string][]int{}
	for i, t := range tokens {
		if len(places[t]) < maxPlaces {
			places[t] = append(places[t], i+1)
		}
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(places)))
	for _, t := range slices.Sorted(maps.Keys(places)) {
		b = append(append(b, t...), 0)
		b = binary.BigEndian.AppendUint16(b, uint16(len(places[t])))
		for _, at := range places[t] {
			b = binary.BigEndian.AppendUint16(b, uint16(at)) // the two bits above are its weight, D
		}
	}
	return b
}

// Undress drops the indexes of tables that are about to be filled, but for those a key stands on and those named in
// keep, and returns the statements that make them again, for [DB.Dress]: an index is made faster of all its rows than
// row by row, unless rows come in its order.
func (tx *Tx) Undress(ctx context.Context, tables, keep []string) (again []string, err error) {
	for _, table := range tables {
		list, err := All(ctx, tx, indexesOf(tx.d.engine), []any{table}, func(row Scanner) (pair [2]string, err error) {
			return pair, row.Scan(&pair[0], &pair[1])
		})
		if err != nil {
			return nil, err
		}
		for _, pair := range list {
			if slices.Contains(keep, pair[0]) {
				continue
			}
			if err := tx.script(ctx, "DROP INDEX "+pair[0]); err != nil {
				return nil, err
			}
			text := strings.Replace(pair[1], "INDEX ", "INDEX IF NOT EXISTS ", 1) // whoever opens the tables meanwhile may make it
			// The index of a table in parts is described as if it were that of its empty trunk alone.
			again = append(again, strings.Replace(text, " ON ONLY ", " ON ", 1))
		}
	}
	return again, nil
}

// Dress runs one statement of [Tx.Undress].
func (d *DB) Dress(ctx context.Context, statement string) error {
	return d.Transact(ctx, func(tx *Tx) error {
		if d.engine == Postgres {
			if err := tx.script(ctx, `SET LOCAL maintenance_work_mem = '128MB'; SET LOCAL statement_timeout = 0`); err != nil {
				return err
			}
		}
		return tx.script(ctx, statement)
	})
}

// Settle does after a load what a server does by and by to rows that lie there for years: it counts what plans are made by
// and marks rows as seen by all, so that whoever reads them first need not, and no sweep of the server falls into what is
// measured then. SQLite has nothing to settle.
func (d *DB) Settle(ctx context.Context, tables []string) error {
	if d.engine != Postgres {
		return nil
	}
	s, err := openSession(ctx, d.engine, d.sql, "")
	if err != nil {
		return err
	}
	defer s.close() // and with it the setting
	if err := s.control(ctx, "SET statement_timeout = 0"); err != nil {
		return err
	}
	return s.control(ctx, "VACUUM (ANALYZE) "+strings.Join(tables, ", "))
}

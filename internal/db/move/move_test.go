package move

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

// house is a schema with one of everything.
var house = fstest.MapFS{"0001_house.sql": {Data: []byte(`
CREATE TABLE b_children (
  id INTEGER PRIMARY KEY,
  parent TEXT NOT NULL REFERENCES z_parents (name),
  note TEXT
) STRICT;
CREATE INDEX b_children_parent ON b_children (parent) WHERE note IS NOT NULL;
CREATE TABLE z_parents (name TEXT NOT NULL PRIMARY KEY, made INTEGER NOT NULL UNIQUE) STRICT, WITHOUT ROWID;
CREATE TABLE things (
  id INTEGER PRIMARY KEY,
  small INTEGER,
  words TEXT,
  raw BLOB,
  share REAL,
  "order" TEXT NOT NULL DEFAULT '',
  UNIQUE (small, "order")
) STRICT;
CREATE INDEX things_words ON things (words, id);
CREATE TABLE plain (a TEXT, b INTEGER) STRICT;
INSERT INTO plain (a, b) VALUES ('a migration wrote this', 1);
CREATE TABLE rest (a TEXT PRIMARY KEY) STRICT;
`)}}

// onPostgres spells the one difference in order: PostgreSQL wants a table before what refers to it.
var onPostgres = fstest.MapFS{"0001_house.sqlite.sql": house["0001_house.sql"], "0001_house.postgres.sql": {Data: []byte(parentsFirst(string(house["0001_house.sql"].Data)))}}

func parentsFirst(text string) string {
	from := strings.Index(text, "CREATE TABLE z_parents")
	to := from + strings.Index(text[from:], "\n") + 1
	return text[from:to] + text[:from] + text[to:]
}

const search = db.SearchTable("house_words")

func housed(t *testing.T, address string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), address, func() time.Time { return dbtest.Start })
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Migrate(t.Context(), "house", onPostgres); err != nil {
		t.Fatal(err)
	}
	if err := d.Transact(t.Context(), func(tx *db.Tx) error { return search.Create(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
	return d
}

// texts that try an index of words: scripts, doubles, removed and empty ones, more of one word than PostgreSQL keeps.
func texts(n int) string {
	switch n % 7 {
	case 0:
		return "The lamp at the teahouse is dark, the lamp flickers"
	case 1:
		return "坡子街路灯不亮，夜里看不清楚"
	case 2:
		return ""
	case 3:
		return strings.Repeat("again lamp ", 300) + "end"
	case 4:
		return "ÄÖÜ straße １２３ O'Brien back\\slash"
	}
	return fmt.Sprintf("report number %d of the day", n)
}

// furnish fills a house with n rows of everything.
func furnish(t *testing.T, d *db.DB, n int) {
	t.Helper()
	ctx := t.Context()
	err := d.Transact(ctx, func(tx *db.Tx) (err error) {
		put := func(q string, args ...any) {
			if err == nil {
				_, err = tx.Exec(ctx, q, args...)
			}
		}
		for i := 1; i <= n; i++ {
			name := fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
			put(`INSERT INTO z_parents (name, made) VALUES (?1, ?2)`, name, i)
			var note any
			if i%2 == 0 {
				note = texts(i)
			}
			put(`INSERT INTO b_children (id, parent, note) VALUES (?1, ?2, ?3)`, i, name, note)
			put(`INSERT INTO things (id, small, words, raw, share, "order") VALUES (?1, ?2, ?3, ?4, ?5, ?6)`, i*3, -i, texts(i), []byte(name)[:i%9], float64(i)/3, "o")
			if err == nil {
				err = search.IndexText(ctx, tx, int64(i), texts(i))
			}
		}
		put(`INSERT INTO things (id, small, words, raw, share) VALUES (?1, NULL, NULL, NULL, NULL)`, -5)
		put(`INSERT INTO things (id, small, words, raw, share) VALUES (?1, ?2, '', ?3, ?4)`, int64(1)<<62, int64(-1)<<63, []byte{0, 255, 0}, -0.5)
		if err == nil {
			err = search.RemoveText(ctx, tx, 2)
		}
		if err == nil {
			err = search.IndexText(ctx, tx, 4, "changed since")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// carry moves a house, making the tables as a city's start does.
func carry(t *testing.T, from, to, city string) (c Compared, kept Kept, err error) {
	t.Helper()
	ctx := t.Context()
	m, err := Begin(ctx, from, to, city)
	if err != nil {
		return c, kept, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if err := m.Mark(ctx, dbtest.Start); err != nil {
		return c, kept, err
	}
	if err := housed(t, to).Close(); err != nil {
		return c, kept, err
	}
	if kept, err = m.Copy(ctx, func(int64) {}); err != nil {
		return c, kept, err
	}
	if c, err = m.Compare(ctx, func(int64) {}); err != nil {
		return c, kept, err
	}
	return c, kept, m.Done(ctx, dbtest.Start)
}

func filled(t *testing.T, n int) (address string) {
	t.Helper()
	address = "sqlite:" + filepath.Join(t.TempDir(), "house.db")
	d := housed(t, address)
	furnish(t, d, n)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

func fingerprint(t *testing.T, address string) string {
	t.Helper()
	h := sha256.New()
	for _, end := range []string{"", "-wal"} {
		raw, err := os.ReadFile(strings.TrimPrefix(address, "sqlite:") + end)
		if err != nil && !(errors.Is(err, os.ErrNotExist) && end != "") {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%d\n", len(raw))
		h.Write(raw)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func finds(t *testing.T, d *db.DB, typed string) (ids []int64) {
	t.Helper()
	err := d.View(t.Context(), func(tx *db.Tx) (err error) {
		ids, err = search.Match(t.Context(), tx, typed, 0, 1000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func Test_every_table_arrives_and_comes_back_and_words_are_found_alike(t *testing.T) {
	from, to := filled(t, 200), dbtest.Postgres(t)
	before := fingerprint(t, from)
	c, kept, err := carry(t, from, to, "a city")
	if err != nil {
		t.Fatal(err)
	}
	if c.Tables != 6 || c.Rows < 1000 || kept != (Kept{}) {
		t.Errorf("compared %+v, %+v copied before", c, kept)
	}
	if fingerprint(t, from) != before {
		t.Error("the source was changed")
	}
	back := "sqlite:" + filepath.Join(t.TempDir(), "back.db")
	if _, _, err := carry(t, to, back, "back"); err != nil {
		t.Fatal(err)
	}
	old, there, home := housed(t, from), housed(t, to), housed(t, back)
	defer func() { _ = errors.Join(old.Close(), there.Close(), home.Close()) }()
	for _, typed := range []string{"lamp", "路灯", "lamp flickers", "again end", "lamp again", "changed", "report number 5", "straße", "１２３", "brien", "夜里看不清楚"} {
		want := fmt.Sprint(finds(t, old, typed))
		for name, d := range map[string]*db.DB{"there": there, "home": home} {
			if got := fmt.Sprint(finds(t, d, typed)); got != want {
				t.Errorf("%s: %q finds %s, not %s", name, typed, got, want)
			}
		}
	}
	// Numbers the database gives out go on behind those that were brought along.
	for name, d := range map[string]*db.DB{"there": there, "home": home} {
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			id, err := db.One(t.Context(), tx, `INSERT INTO b_children (parent) SELECT MIN(name) FROM z_parents RETURNING id`, nil, func(row db.Scanner) (n int64, err error) {
				err = row.Scan(&n)
				return n, err
			})
			if err == nil && id != 201 {
				err = fmt.Errorf("the next number is %d", id)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func Test_a_city_that_was_killed_moves_with_what_is_only_in_its_log(t *testing.T) {
	path := filepath.Join(t.TempDir(), "killed.db")
	alive := filepath.Join(t.TempDir(), "alive.db")
	d := housed(t, "sqlite:"+alive)
	furnish(t, d, 100)
	for _, end := range []string{"", "-wal"} { // as they lie there when the process is gone
		raw, err := os.ReadFile(alive + end)
		if err != nil || len(raw) == 0 {
			t.Fatalf("%d bytes, %v", len(raw), err)
		}
		if err := os.WriteFile(path+end, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	before := fingerprint(t, path)
	c, _, err := carry(t, path, dbtest.Postgres(t), "a city")
	if err != nil || c.Rows < 400 {
		t.Errorf("%+v, %v", c, err)
	}
	if fingerprint(t, path) != before {
		t.Error("the source was changed")
	}
}

func Test_indexes_and_keys_are_the_same_as_if_the_tables_had_grown_there(t *testing.T) {
	shape := func(address string) string {
		c, err := pgx.Connect(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		rows, err := c.Query(t.Context(), `SELECT replace(pg_get_indexdef(x.indexrelid), current_schema(), '') FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid WHERE c.relname NOT LIKE 'db_move%' AND `+own+`
			UNION ALL SELECT k.conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE c.relname NOT LIKE 'db_move%' AND `+own+` ORDER BY 1`)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(all, "\n")
	}
	grown, moved := dbtest.Postgres(t), dbtest.Postgres(t)
	if err := housed(t, grown).Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := carry(t, filled(t, 10), moved, "a city"); err != nil {
		t.Fatal(err)
	}
	if want, got := shape(grown), shape(moved); want != got || want == "" {
		t.Errorf("grown:\n%s\nmoved:\n%s", want, got)
	}
}

func Test_what_speaks_against_a_move_is_refused_before_anything_is_written(t *testing.T) {
	refused := func(t *testing.T, from, to, want string) {
		t.Helper()
		m, err := Begin(t.Context(), from, to, "a city")
		if err == nil {
			_ = m.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	empty := func() string { return "sqlite:" + filepath.Join(t.TempDir(), "x.db") }
	t.Run("a city that is open", func(t *testing.T) {
		from := filled(t, 3)
		d := housed(t, from)
		defer d.Close()
		refused(t, from, dbtest.Postgres(t), ErrOpen.Error())
	})
	t.Run("a city that is open in PostgreSQL", func(t *testing.T) {
		from := dbtest.Postgres(t)
		d := housed(t, from)
		defer d.Close()
		refused(t, from, empty(), ErrOpen.Error())
	})
	t.Run("no city at all", func(t *testing.T) {
		refused(t, "sqlite:"+filepath.Join(t.TempDir(), "none.db"), dbtest.Postgres(t), "no such file")
		refused(t, dbtest.Postgres(t), empty(), "it is empty")
	})
	t.Run("a target with something in it", func(t *testing.T) {
		to := dbtest.Postgres(t)
		if err := housed(t, to).Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, filled(t, 3), to, "it is not empty")
	})
	t.Run("one engine", func(t *testing.T) {
		refused(t, filled(t, 3), empty(), "comity backup")
	})
	t.Run("an address of nobody", func(t *testing.T) {
		refused(t, filled(t, 3), "postgres://u:hush@127.0.0.1:1/x", "refused")
		_, err := Begin(t.Context(), filled(t, 3), "postgres://u:hush@127.0.0.1:1/x", "a city")
		if strings.Contains(fmt.Sprint(err), "hush") {
			t.Errorf("the password is told: %v", err)
		}
	})
	t.Run("a database that is not there", func(t *testing.T) {
		to := strings.Replace(dbtest.Postgres(t), "/postgres?", "/atlantis?", 1)
		refused(t, filled(t, 3), to, "createdb -O postgres atlantis")
	})
	t.Run("a database in another encoding", func(t *testing.T) {
		admin := dbtest.Postgres(t)
		change(t, admin, `CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`)
		defer change(t, admin, `DROP DATABASE latin WITH (FORCE)`)
		refused(t, filled(t, 3), strings.Replace(admin, "/postgres?", "/latin?", 1), "LATIN1")
	})
	t.Run("a role that may not make tables", func(t *testing.T) {
		admin := dbtest.Postgres(t)
		change(t, admin, `CREATE ROLE guest LOGIN; CREATE SCHEMA walled; GRANT USAGE ON SCHEMA walled TO guest`)
		defer change(t, admin, `DROP SCHEMA walled CASCADE; DROP ROLE guest`)
		u, err := url.Parse(admin)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("search_path", "walled")
		u.User, u.RawQuery = url.User("guest"), q.Encode()
		m, err := Begin(t.Context(), filled(t, 3), u.String(), "a city")
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := m.Mark(t.Context(), dbtest.Start); err == nil || !strings.Contains(err.Error(), "let it own the database") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("two moves into one", func(t *testing.T) {
		to := dbtest.Postgres(t)
		m, err := Begin(t.Context(), filled(t, 3), to, "a city")
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		refused(t, filled(t, 3), to, ErrTaken.Error())
	})
	t.Run("a city that moved already, and another's move", func(t *testing.T) {
		from, to := filled(t, 3), dbtest.Postgres(t)
		if _, _, err := carry(t, from, to, "a city"); err != nil {
			t.Fatal(err)
		}
		m, err := Begin(t.Context(), from, to, "a city")
		if err != nil || m.Ended() != dbtest.Start || m.Close() != nil {
			t.Errorf("the move is not known to have ended: %v", err)
		}
		if _, err := Begin(t.Context(), from, to, "another"); err == nil || !strings.Contains(err.Error(), "another city") {
			t.Errorf("another city's target: %v", err)
		}
	})
}

// change runs SQL on a database nobody has open.
func change(t *testing.T, address, text string) {
	t.Helper()
	if postgresAddress(address) {
		c, err := pgx.Connect(t.Context(), address)
		if err == nil {
			_, err = c.Exec(t.Context(), text)
			err = errors.Join(err, c.Close(t.Context()))
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	c, err := sqlite3.Open(db.FileURI(strings.TrimPrefix(address, "sqlite:")))
	if err == nil {
		err = errors.Join(fts5.Register(c), c.Exec(text), c.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func Test_tables_columns_types_and_versions_that_differ_are_refused_by_name(t *testing.T) {
	for want, text := range map[string]string{
		"the schema of the source is older: it lacks migration house 0001_house": `DELETE FROM db_migrations`,
		"migration house 0002_later, which this program does not know":           `INSERT INTO db_migrations VALUES ('house', 2, '0002_later.sql', '', 0)`,
		"column extra of table things is at the source only":                     `ALTER TABLE things ADD COLUMN extra TEXT`,
		"column b of table plain is at the target only":                          `ALTER TABLE plain DROP COLUMN b`,
		"table attic is at the source only":                                      `CREATE TABLE attic (a TEXT) STRICT`,
		"table rest is at the target only":                                       `DROP TABLE rest`,
		"column a of table plain is of another type on each side":                `DROP TABLE plain; CREATE TABLE plain (a INTEGER, b INTEGER) STRICT`,
		`column x of table odd has the type "ANY"`:                               `CREATE TABLE odd (x ANY) STRICT`,
		"table maps is virtual":                                                  `CREATE VIRTUAL TABLE maps USING fts5(a)`,
	} {
		t.Run(want, func(t *testing.T) {
			from := filled(t, 3)
			change(t, from, text)
			if _, _, err := carry(t, from, dbtest.Postgres(t), "a city"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func Test_a_value_the_other_engine_cannot_hold_is_named_by_its_row(t *testing.T) {
	for want, text := range map[string]string{
		"zero byte": `UPDATE things SET words = CAST(x'610062' AS TEXT) WHERE id = 6`,
		"UTF-8":     `UPDATE things SET words = CAST(x'61ff62' AS TEXT) WHERE id = 6`,
	} {
		from := filled(t, 3)
		change(t, from, text)
		_, _, err := carry(t, from, dbtest.Postgres(t), "a city")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "id is 6") || !strings.Contains(err.Error(), "table things: column words") {
			t.Errorf("got %v", err)
		}
	}
}

func Test_a_move_that_broke_off_goes_on_and_begins_anew_when_the_city_was_open_in_between(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile, there string // SQL at the source and at the target
		again            bool
	}{
		"untouched":                    {``, ``, true},
		"open":                         {`UPDATE plain SET b = 2`, ``, false},
		"a new migration writes there": {``, `INSERT INTO z_parents (name, made) VALUES ('of a migration', 0)`, false},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := filled(t, 300), dbtest.Postgres(t)
			m, err := Begin(t.Context(), from, to, "a city")
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(m.Mark(t.Context(), dbtest.Start), housed(t, to).Close()); err != nil {
				t.Fatal(err)
			}
			// The server answers in the middle of a table as it does when its disk is full.
			change(t, to, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 450 THEN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$;
				CREATE TRIGGER full_disk BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION full_disk()`)
			_, err = m.Copy(t.Context(), func(int64) {})
			if err == nil || !strings.Contains(err.Error(), "table things: the disk of the PostgreSQL server is full") {
				t.Fatalf("got %v", err)
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			d := housed(t, to)
			if _, unfinished, err := d.MoveUnfinished(t.Context()); err != nil || !unfinished {
				t.Errorf("the target is not marked: %v, %v", unfinished, err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			change(t, to, `DROP TRIGGER full_disk ON things`)
			if c.meanwhile != "" {
				change(t, from, c.meanwhile)
			}
			if c.there != "" {
				change(t, to, c.there)
			}
			_, kept, err := carry(t, from, to, "a city")
			if err != nil || kept.Tables > 0 != c.again || kept.Anew == c.again {
				t.Errorf("%+v were there, %v", kept, err)
			}
			d = housed(t, to)
			defer d.Close()
			if _, unfinished, err := d.MoveUnfinished(t.Context()); err != nil || unfinished {
				t.Errorf("the target is still marked: %v, %v", unfinished, err)
			}
		})
	}
}

func Test_a_connection_lost_in_the_middle_of_a_table_leaves_nothing_of_it(t *testing.T) {
	from, to := filled(t, 3000), dbtest.Postgres(t)
	m, err := Begin(t.Context(), from, to, "a city")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Mark(t.Context(), dbtest.Start), housed(t, to).Close()); err != nil {
		t.Fatal(err)
	}
	pid := m.to.(*pgSide).c.PgConn().PID()
	killed := false
	_, err = m.Copy(t.Context(), func(rows int64) {
		if rows > 5000 && !killed {
			killed = true
			change(t, to, fmt.Sprintf(`SELECT pg_terminate_backend(%d, 10000)`, pid)) // which waits until it is gone
		}
	})
	if err == nil || !killed || !strings.Contains(err.Error(), "give the same command again") {
		t.Fatalf("killed %v: got %v", killed, err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, kept, err := carry(t, from, to, "a city"); err != nil || kept.Tables == 0 {
		t.Errorf("%+v were there, %v", kept, err)
	}
}

func Test_rows_that_differ_are_noticed_although_their_number_is_right(t *testing.T) {
	from, to := filled(t, 50), dbtest.Postgres(t)
	m, err := Begin(t.Context(), from, to, "a city")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := errors.Join(m.Mark(t.Context(), dbtest.Start), housed(t, to).Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Copy(t.Context(), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`UPDATE things SET share = share + 1 WHERE id = 6`: "table things has 52 rows on both sides, and their content differs",
		`DELETE FROM plain`: "table plain has 1 rows at the source and 0 at the target",
	} {
		change(t, to, text)
		if _, err := m.Compare(t.Context(), func(int64) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("after %s: %v", text, err)
		}
		if strings.HasPrefix(text, "UPDATE") {
			change(t, to, strings.Replace(text, "+", "-", 1))
		} else {
			change(t, to, `INSERT INTO plain VALUES ('a migration wrote this', 1)`)
		}
	}
}

func Test_a_move_stopped_at_any_row_is_gone_on_with_in_both_directions(t *testing.T) {
	lite := filled(t, 50)
	pg := dbtest.Postgres(t)
	if _, _, err := carry(t, lite, pg, "a city"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to string }{
		"to PostgreSQL": {lite, dbtest.Postgres(t)},
		"back":          {pg, "sqlite:" + filepath.Join(t.TempDir(), "x.db")},
	} {
		kept := 0
		// The first text, the last one, the row after it; in the middle of every larger table; while what is there is read
		// again. Each is a row further on than the one before.
		for _, stopAt := range []int{1, 49, 50, 51, 75, 101, 126, 152, 190} {
			m, err := Begin(t.Context(), c.from, c.to, "a city")
			if err != nil {
				t.Fatal(name, err)
			}
			if err := errors.Join(m.Mark(t.Context(), dbtest.Start), housed(t, c.to).Close()); err != nil {
				t.Fatal(name, err)
			}
			ctx, stop := context.WithCancel(t.Context())
			seen := 0
			m.tick = func() {
				if seen++; seen == stopAt {
					stop()
				}
			}
			again, err := m.Copy(ctx, func(int64) {})
			stop()
			if err == nil {
				t.Errorf("%s: it was not stopped at row %d", name, stopAt)
			} else if !errors.Is(err, context.Canceled) && !errors.Is(err, sqlite3.INTERRUPT) {
				t.Errorf("%s: %v", name, err)
			}
			kept += again.Tables
			if err := m.Close(); err != nil {
				t.Fatal(name, err)
			}
		}
		got, _, err := carry(t, c.from, c.to, "a city")
		if err != nil || got.Rows < 300 || kept == 0 {
			t.Errorf("%s: %+v, %d tables kept, %v", name, got, kept, err)
		}
	}
}

func Test_a_source_that_the_server_vacuums_is_waited_for(t *testing.T) {
	from := dbtest.Postgres(t)
	d := housed(t, from)
	furnish(t, d, 3)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("application_name", "vacuum")
	u.RawQuery = q.Encode()
	vacuum, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer vacuum.Close(context.Background())
	if _, err := vacuum.Exec(t.Context(), `BEGIN; LOCK TABLE things IN SHARE UPDATE EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	begun := make(chan error, 1)
	go func() {
		m, err := Begin(t.Context(), from, "sqlite:"+filepath.Join(t.TempDir(), "x.db"), "a city")
		begun <- errors.Join(err, m.Close())
	}()
	for waits := false; !waits; { // it gives way once somebody waits, as the server's own does
		if err := vacuum.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'things'::regclass)`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-begun:
			t.Fatalf("nobody waited: %v", err)
		default:
		}
	}
	if _, err := vacuum.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	if err := <-begun; err != nil {
		t.Error(err)
	}
}

func Test_an_address_that_asks_for_text_still_brings_whole_rows(t *testing.T) {
	from, to := filled(t, 20), dbtest.Postgres(t)
	m, err := Begin(t.Context(), from, to+"&default_query_exec_mode=simple_protocol&client_encoding=LATIN1", "a city")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := errors.Join(m.Mark(t.Context(), dbtest.Start), housed(t, to).Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Copy(t.Context(), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Compare(t.Context(), func(int64) {}); err != nil {
		t.Error(err)
	}
}

func Test_what_PostgreSQL_quotes_of_a_row_is_not_told(t *testing.T) {
	err := (&pgSide{}).worded(&pgconn.PgError{Code: "42601", Message: `syntax error in tsvector: "'lamp':1"`, TableName: "words"})
	if strings.Contains(err.Error(), "lamp") || !strings.Contains(err.Error(), "table words") {
		t.Errorf("it says %v", err)
	}
}

func Test_a_database_that_was_brought_back_and_never_started_is_refused_before_the_night_is_over(t *testing.T) {
	from := filled(t, 3)
	change(t, from, `PRAGMA journal_mode=DELETE`)
	m, err := Begin(t.Context(), from, dbtest.Postgres(t), "a city")
	if err == nil {
		_ = m.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "start this version once") {
		t.Errorf("got %v", err)
	}
}

func Test_rows_that_were_taken_out_of_a_file_again_cannot_be_read_in_it(t *testing.T) {
	pg, home := dbtest.Postgres(t), filepath.Join(t.TempDir(), "x.db")
	if _, _, err := carry(t, filled(t, 20), pg, "a city"); err != nil {
		t.Fatal(err)
	}
	m, err := Begin(t.Context(), pg, home, "back")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Mark(t.Context(), dbtest.Start), housed(t, home).Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Copy(t.Context(), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.to.empty(t.Context(), m.tables), m.Close()); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(home)
	if err != nil || strings.Contains(string(raw), "teahouse") {
		t.Errorf("what was taken out is still there, %v", err)
	}
}

func Test_a_source_that_was_let_go_of_before_the_end_leaves_the_target_marked(t *testing.T) {
	pg, home := dbtest.Postgres(t), "sqlite:"+filepath.Join(t.TempDir(), "x.db")
	if _, _, err := carry(t, filled(t, 3), pg, "a city"); err != nil {
		t.Fatal(err)
	}
	m, err := Begin(t.Context(), pg, home, "back")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Mark(t.Context(), dbtest.Start), housed(t, home).Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Copy(t.Context(), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Compare(t.Context(), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	change(t, pg, fmt.Sprintf(`SELECT pg_terminate_backend(%d, 10000)`, m.from.(*pgSide).c.PgConn().PID()))
	if err := m.Done(t.Context(), dbtest.Start); err == nil || !strings.Contains(err.Error(), "kept it from being changed was lost") {
		t.Errorf("got %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	d := housed(t, home)
	defer d.Close()
	if _, unfinished, err := d.MoveUnfinished(t.Context()); err != nil || !unfinished {
		t.Errorf("the target is not marked: %v, %v", unfinished, err)
	}
}

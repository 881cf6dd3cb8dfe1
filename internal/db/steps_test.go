package db_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

// The pets of an older program have a name; a newer one keeps first and last name apart.
var (
	older = set("0001_pets.sql", `CREATE TABLE pets (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;`)
	newer = with(older,
		"0002_names.expand.sql", `-- first; and what follows
ALTER TABLE pets ADD COLUMN first TEXT;
ALTER TABLE pets ADD COLUMN times INTEGER NOT NULL DEFAULT 0;
CREATE INDEX pets_first ON pets (first) WHERE first IS NOT NULL;`,
		"0002_names.contract.sql", `ALTER TABLE pets DROP COLUMN name;`)
)

func with(m fstest.MapFS, pairs ...string) fstest.MapFS {
	out := maps.Clone(m)
	maps.Copy(out, set(pairs...))
	return out
}

// named fills first names, and counts how often it did so for each row.
var named = db.Fill{Number: 2,
	Total: func(ctx context.Context, tx *db.Tx) (int64, error) {
		return db.One(ctx, tx, `SELECT COUNT(*) FROM pets`, nil, number)
	},
	Batch: func(ctx context.Context, tx *db.Tx, after string, limit int) (string, int, error) {
		from, _ := strconv.ParseInt(after, 10, 64)
		ids, err := db.All(ctx, tx, `SELECT id FROM pets WHERE id > ?1 ORDER BY id LIMIT ?2`, []any{from, limit}, number)
		if err != nil || len(ids) == 0 {
			return "", 0, err
		}
		last := ids[len(ids)-1]
		_, err = tx.Exec(ctx, `UPDATE pets SET first = name, times = times + 1 WHERE id > ?1 AND id <= ?2 AND first IS NULL`, from, last)
		return strconv.FormatInt(last, 10), len(ids), err
	}}

func opened(t *testing.T, address string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), address, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func changes(t *testing.T, d *db.DB, q string, args ...any) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), q, args...); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func counts(t *testing.T, d *db.DB, q string) (n int64) {
	t.Helper()
	err := d.View(t.Context(), func(tx *db.Tx) (err error) { n, err = db.One(t.Context(), tx, q, nil, number); return err })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (v version) migrate(ctx context.Context, d *db.DB) error {
	return d.Migrate(ctx, "pets", v.files, v.fills...)
}

// version is a program as far as its migrations go.
type version struct {
	files fstest.MapFS
	fills []db.Fill
}

func planOf(t *testing.T, d *db.DB, v version) *db.Plan {
	t.Helper()
	p, err := d.Plan(t.Context(), v.migrate)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func Test_a_step_goes_through_all_its_states_at_once_where_nobody_else_is(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		v := version{newer, []db.Fill{named}}
		for range 2 {
			if err := v.migrate(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		changes(t, d, `INSERT INTO pets (first) VALUES ('Rex')`)
		if s := planOf(t, d, v).Steps(); len(s) != 0 {
			t.Errorf("left is %+v", s)
		}
		if err := (version{older, nil}).migrate(t.Context(), d); !errors.Is(err, db.ErrNewer) {
			t.Errorf("the older program: %v", err)
		}
	})
}

func Test_SQLite_carries_a_step_with_old_rows_through_at_the_start(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	if err := (version{older, nil}).migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	changes(t, d, `INSERT INTO pets (name) VALUES ('Rex'), ('Bello')`)
	v := version{newer, []db.Fill{named}}
	broken := v
	broken.fills = []db.Fill{{Number: 2, Batch: func(context.Context, *db.Tx, string, int) (string, int, error) { return "", 0, errBroken }}}
	if err := broken.migrate(t.Context(), d); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	if err := v.migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if n := counts(t, d, `SELECT COUNT(*) FROM pets WHERE first IN ('Rex', 'Bello') AND times = 1`); n != 2 {
		t.Errorf("%d rows were brought up", n)
	}
	if err := planOf(t, d, v).Fill(t.Context(), db.Pace{}, func(db.Progress) {}); err == nil || !strings.Contains(err.Error(), "when it starts") {
		t.Errorf("filling by hand: %v", err)
	}
}

var errBroken = errors.New("the plug was pulled")

func Test_two_versions_work_on_one_database_while_a_step_is_carried_through(t *testing.T) {
	address := dbtest.Postgres(t)
	ctx := t.Context()
	old, next := version{older, nil}, version{newer, []db.Fill{named}}
	a := opened(t, address)
	if err := old.migrate(ctx, a); err != nil {
		t.Fatal(err)
	}
	const rows = 3000
	changes(t, a, `INSERT INTO pets (name) SELECT 'pet ' || g FROM generate_series(1, `+strconv.Itoa(rows)+`) g`)
	if err := a.Beat(ctx, "node-a", "1.0"); err != nil {
		t.Fatal(err)
	}

	// The newer one starts beside it: it expands and does no more. Both go on, and so does another start of the older.
	b := opened(t, address)
	if err := next.migrate(ctx, b); err != nil {
		t.Fatal(err)
	}
	if err := b.Beat(ctx, "node-b", "1.1"); err != nil {
		t.Fatal(err)
	}
	if n := counts(t, b, `SELECT COUNT(*) FROM pets WHERE first IS NULL`); n != rows {
		t.Fatalf("%d rows wait", n)
	}
	changes(t, a, `INSERT INTO pets (name) VALUES ('old')`)
	if err := old.migrate(ctx, opened(t, address)); err != nil {
		t.Errorf("the older program does not open an expanded database: %v", err)
	}
	looking, err := db.OpenReading(ctx, address, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer looking.Close()
	if err := next.migrate(ctx, looking); err != nil {
		t.Errorf("who only looks: %v", err)
	}

	// While the older one runs, nothing is filled or taken away.
	plan := planOf(t, b, next)
	if s := plan.Steps(); len(s) != 1 || s[0].State != db.Expand || s[0].Next != db.Filled || len(s[0].Behind) != 1 || s[0].Behind[0].Version != "1.0" {
		t.Errorf("left is %+v", s)
	}
	if err := plan.Fill(ctx, db.Pace{}, func(db.Progress) {}); !errors.Is(err, db.ErrBehind) || !strings.Contains(err.Error(), "node-a (version 1.0") {
		t.Errorf("filling beside the older: %v", err)
	}
	if err := a.Leave(ctx, "node-a"); err != nil {
		t.Fatal(err)
	}

	// Filling is broken off, goes on where it was, and nobody at work waits or is overlooked.
	pulled, stop := next, make(chan struct{})
	begun := map[string]bool{} // a batch that is run again begins where it did
	pulled.fills = []db.Fill{{Number: 2, Total: named.Total, Batch: func(ctx context.Context, tx *db.Tx, after string, limit int) (string, int, error) {
		if begun[after] = true; len(begun) == 3 {
			return "", 0, errBroken
		}
		return named.Batch(ctx, tx, after, limit)
	}}}
	var working sync.WaitGroup
	working.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := b.Transact(ctx, func(tx *db.Tx) error {
				if _, err := tx.Exec(ctx, `INSERT INTO pets (name, first, times) VALUES (?1, ?1, 1)`, fmt.Sprint("new ", i)); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `UPDATE pets SET name = 'renamed', first = 'renamed', times = 1 WHERE id = ?1`, i%rows)
				return err
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	if err := planOf(t, b, pulled).Fill(ctx, db.Pace{Share: 1}, func(db.Progress) {}); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	again := planOf(t, b, next)
	if s := again.Steps(); len(s) != 1 || s[0].Rows == 0 || s[0].All < rows {
		t.Errorf("after it was broken off: %+v", s)
	}
	var last db.Progress
	first := int64(0)
	if err := again.Fill(ctx, db.Pace{}, func(p db.Progress) {
		if first == 0 {
			first = p.Rows
		}
		last = p
	}); err != nil {
		t.Fatal(err)
	}
	close(stop)
	working.Wait()
	if !last.Done || first < 100 || last.Rows < rows {
		t.Errorf("it began at %d and ended with %+v", first, last)
	}
	if n := counts(t, b, `SELECT COUNT(*) FROM pets WHERE first IS NULL OR first <> name OR times <> 1`); n != 0 {
		t.Errorf("%d rows are not as they should be", n)
	}

	// What only the older one read is taken away. It refuses to start, and one that slipped in notices.
	late := opened(t, address)
	if err := old.migrate(ctx, late); err != nil {
		t.Fatal(err)
	}
	if err := planOf(t, b, next).Contract(ctx, func(string, string) {}); err != nil {
		t.Fatal(err)
	}
	if err := old.migrate(ctx, opened(t, address)); !errors.Is(err, db.ErrNewer) || !strings.Contains(err.Error(), "0002_names.contract.sql") {
		t.Errorf("the older program after contracting: %v", err)
	}
	if err := late.Beat(ctx, "node-late", "1.0"); !errors.Is(err, db.ErrOutdated) {
		t.Errorf("the one that slipped in: %v", err)
	}
	if nodes, err := b.Nodes(ctx); err != nil || !slices.ContainsFunc(nodes, func(n db.Node) bool { return n.ID == "node-late" && n.Alive }) {
		t.Errorf("an outdated node that runs is not among %+v, %v", nodes, err)
	}
	if err := next.migrate(ctx, opened(t, address)); err != nil {
		t.Error(err)
	}
	if s := planOf(t, b, next).Steps(); len(s) != 0 {
		t.Errorf("left is %+v", s)
	}
	edited := version{with(newer, "0002_names.contract.sql", `ALTER TABLE pets DROP COLUMN times;`), next.fills}
	if err := edited.migrate(ctx, b); err == nil || !strings.Contains(err.Error(), "was changed after") {
		t.Errorf("an edited text: %v", err)
	}
}

func Test_an_expand_that_broke_off_goes_on_behind_what_was_done(t *testing.T) {
	address := dbtest.Postgres(t)
	ctx := t.Context()
	a := opened(t, address)
	if err := (version{older, nil}).migrate(ctx, a); err != nil {
		t.Fatal(err)
	}
	changes(t, a, `INSERT INTO pets (name) VALUES ('Rex'), ('Rex')`)
	v := version{with(older, "0002_once.expand.sql", `ALTER TABLE pets ADD COLUMN chip TEXT;
CREATE UNIQUE INDEX pets_name ON pets (name);
CREATE TABLE owners (pet INTEGER NOT NULL) STRICT;`), nil}
	b := opened(t, address)
	if err := v.migrate(ctx, b); err == nil || !strings.Contains(err.Error(), "statement 2 of 3") {
		t.Fatalf("two of one name: %v", err)
	}
	const broken = `SELECT COUNT(*) FROM pg_index WHERE NOT indisvalid AND indexrelid = to_regclass('pets_name')`
	if counts(t, b, broken) != 1 {
		t.Fatal("no half made index was left, so the test tests nothing")
	}
	if err := (version{older, nil}).migrate(ctx, opened(t, address)); err != nil {
		t.Errorf("the older program, amid an expand: %v", err)
	}
	changes(t, a, `UPDATE pets SET name = 'Bello' WHERE id = 1`)

	// Somebody reads in a long transaction meanwhile: the change waits for its turn, and others do not wait behind it.
	release, held := make(chan struct{}), make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		_ = a.View(ctx, func(tx *db.Tx) error {
			_, err := db.One(ctx, tx, `SELECT COUNT(*) FROM pets`, nil, number)
			close(held)
			<-release
			return err
		})
	})
	<-held
	time.AfterFunc(1500*time.Millisecond, func() { close(release) })
	if err := v.migrate(ctx, b); err != nil {
		t.Fatal(err)
	}
	reading.Wait()
	if counts(t, b, broken) != 0 || counts(t, b, `SELECT COUNT(*) FROM owners`) != 0 {
		t.Error("the index is still broken")
	}
	if err := v.migrate(ctx, opened(t, address)); err != nil {
		t.Error(err)
	}
}

func Test_a_change_of_a_table_in_use_gives_way_and_comes_again(t *testing.T) {
	address := dbtest.Postgres(t)
	ctx := t.Context()
	a, b := opened(t, address), opened(t, address)
	if err := (version{older, nil}).migrate(ctx, a); err != nil {
		t.Fatal(err)
	}
	release, held := make(chan struct{}), make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		_ = a.Transact(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO pets (name) VALUES ('Rex')`)
			close(held)
			<-release
			return err
		})
	})
	<-held
	done := make(chan error, 1)
	go func() {
		done <- (version{with(older, "0002_chip.expand.sql", `ALTER TABLE pets ADD COLUMN chip TEXT;`), nil}).migrate(ctx, b)
	}()
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); { // others go on between its tries
		changes(t, b, `INSERT INTO pets (name) VALUES ('another')`)
		time.Sleep(20 * time.Millisecond)
	}
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	close(release)
	writing.Wait()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func Test_a_plain_change_waits_for_nodes_to_end_and_for_steps_to_be_done(t *testing.T) {
	address := dbtest.Postgres(t)
	ctx := t.Context()
	a := opened(t, address)
	if err := (version{older, nil}).migrate(ctx, a); err != nil {
		t.Fatal(err)
	}
	if err := a.Beat(ctx, "node-a", "1.0"); err != nil {
		t.Fatal(err)
	}
	plain := version{with(older, "0002_kinds.sql", `ALTER TABLE pets ADD COLUMN kind TEXT;`), nil}
	b := opened(t, address)
	if err := plain.migrate(ctx, b); err == nil || !strings.Contains(err.Error(), "node-a") || !strings.Contains(err.Error(), "stop every node") {
		t.Errorf("beside a node: %v", err)
	}
	if err := a.Leave(ctx, "node-a"); err != nil {
		t.Fatal(err)
	}
	if err := plain.migrate(ctx, b); err != nil {
		t.Fatal(err)
	}
	step := with(plain.files, "0003_first.expand.sql", `ALTER TABLE pets ADD COLUMN first TEXT;`, "0003_first.contract.sql", `ALTER TABLE pets DROP COLUMN kind;`)
	behind := version{with(step, "0004_more.sql", `ALTER TABLE pets ADD COLUMN more TEXT;`), nil}
	if err := behind.migrate(ctx, b); err == nil || !strings.Contains(err.Error(), "comity migrate contract") {
		t.Errorf("behind a step: %v", err)
	}
	if err := planOf(t, b, version{step, nil}).Contract(ctx, func(string, string) {}); err != nil {
		t.Fatal(err)
	}
	if err := behind.migrate(ctx, b); err != nil {
		t.Error(err)
	}
	for name, files := range map[string]fstest.MapFS{
		"a contract alone": with(older, "0002_x.contract.sql", "DROP TABLE pets;"),
		"both":             with(older, "0002_x.sql", "SELECT 1;", "0002_x.expand.sql", "SELECT 1;"),
	} {
		if err := (version{files, nil}).migrate(ctx, b); err == nil || !strings.Contains(err.Error(), ".expand") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (version{older, []db.Fill{named}}).migrate(ctx, b); err == nil || !strings.Contains(err.Error(), "the fill of 0002") {
		t.Errorf("a fill alone: %v", err)
	}
}

func Test_a_table_in_parts_gets_its_index_part_by_part(t *testing.T) {
	address := dbtest.Postgres(t)
	ctx := t.Context()
	first := version{set("0001_visits.postgres.sql", `CREATE TABLE visits (n BIGINT NOT NULL, what TEXT NOT NULL) PARTITION BY RANGE (n);
CREATE TABLE visits_a PARTITION OF visits FOR VALUES FROM (0) TO (10); CREATE TABLE visits_b PARTITION OF visits DEFAULT;`), nil}
	d := opened(t, address)
	if err := first.migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	changes(t, d, `INSERT INTO visits (n, what) SELECT g, 'x' FROM generate_series(1, 20) g`)
	next := version{with(first.files, "0002_what.expand.sql", `CREATE INDEX visits_what ON visits (what, n);`), nil}
	if err := next.migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	if n := counts(t, d, `SELECT COUNT(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname LIKE '%visits_what' AND c.relnamespace = current_schema()::regnamespace AND indisvalid`); n != 3 {
		t.Errorf("%d indexes are whole, want that of the table and two of its parts", n)
	}
}

package load

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
	"comity/packs"
)

// written are the tables a change writes to, beside the counters.
var written = []string{"cases", "events", "worklist", "tallies", "timers", "idempotency", "jobs", "subjects", "case_keys", "log_entries", "case_words"}

func count(t *testing.T, d *db.DB) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	err := d.View(t.Context(), func(tx *db.Tx) (err error) {
		for _, table := range written {
			if out[table], err = db.One(t.Context(), tx, "SELECT COUNT(*) FROM "+table, nil, scanInt); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func Test_the_baselines_write_the_rows_that_the_door_writes(t *testing.T) {
	p, err := pack.LoadFrom(packs.FS, "demo", pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	onServer := 0
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		var left []map[string]int64
		var engine db.Engine
		empty := func(ctx context.Context) (*Scratch, error) {
			at := address()
			d, err := db.Open(ctx, at, time.Now)
			if err != nil {
				return nil, err
			}
			if err := jobs.Migrate(ctx, d); err != nil {
				return nil, err
			}
			if err := courier.Migrate(ctx, d); err != nil {
				return nil, err
			}
			c, err := ledgertest.New(ctx, d, p, func(c *ledger.Config) { c.Notify = courier.Enqueue })
			if err != nil {
				return nil, err
			}
			engine = d.Engine()
			return &Scratch{Rooms: Rooms{DB: d, Ledger: c.Ledger, Reader: c.Reader, Pack: p, Now: time.Now}, Address: at, Close: func() error {
				left = append(left, count(t, d))
				c.Ledger.Close()
				return d.Close()
			}}, nil
		}
		const n = 12
		bases, err := Baselines(t.Context(), Against{Empty: empty, Clients: 2, Loops: 2, Cases: n, Turns: 1})
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]float64{}
		for _, b := range bases {
			names[b.Name] = b.PerSecond
		}
		want := []string{BareOne, Bare, Door}
		if _, err := exec.LookPath("pgbench"); err == nil && engine == db.Postgres {
			want = append(want, PgBench)
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, want) {
			t.Fatalf("measured %v, want %v", got, want)
		}
		door := left[1]
		for i, got := range left[2:] {
			if engine == db.SQLite && i == 2 { // where pgbench has nothing to do
				continue
			}
			for _, table := range written {
				// Two clients of pgbench have tallies of their own, and each line of it writes one of eight cases again.
				if table == "tallies" || i == 2 && (table == "worklist" || table == "timers" || table == "jobs") {
					continue
				}
				if got[table] != left[0][table] {
					t.Errorf("baseline %d wrote %d rows of %s, the door %d", i, got[table], table, left[0][table])
				}
			}
		}
		if door["cases"] != n || door["jobs"] == 0 || door["timers"] == 0 || door["subjects"] != n {
			t.Errorf("the door wrote %v", door)
		}
		onServer++
	})
	if os.Getenv("CI") != "" && onServer < 2 {
		t.Error("one engine was left out")
	}
}

func Test_a_script_for_pgbench_names_no_variable_but_its_own(t *testing.T) {
	c := &rows{n: 1 << 40}
	got := c.spell(statement{`INSERT INTO t (a, b, c, d, e, f) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
		[]any{`{"at":null,"it's":"a\nb"}`, c.n, int64(7), []byte{1, 0xab}, ownText("SR:1"), ownLine(0)}})
	const want = `INSERT INTO t (a, b, c, d, e, f) VALUES (E'{"at"\x3anull,"it''s"\x3a"a\\nb"}', CAST(:n AS BIGINT), 7, CAST(E'\\x01ab' AS BYTEA), (E'SR\x3a1' || CAST(:n AS TEXT)), CAST(:client_id AS BIGINT))`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := strings.Count(c.spell(statement{"?1", []any{"a:b:n"}}), ":"); n != 0 {
		t.Errorf("%d colons are left", n)
	}
}

func Test_a_password_is_not_on_the_command_line(t *testing.T) {
	to, env, err := ServerPrograms("postgres://me:secret@db/city?search_path=s1&sslmode=disable")
	if err != nil || strings.Contains(to, "secret") || strings.Contains(to, "search_path") || !slices.Equal(env, []string{"PGOPTIONS=-c search_path=s1", "PGPASSWORD=secret"}) {
		t.Errorf("%s %v %v", to, env, err)
	}
	if _, err := perSecond("nothing"); err == nil {
		t.Error("no figure is a figure")
	}
	if f, err := perSecond("latency average = 1 ms\ntps = 812.5 (without initial connection time)\n"); err != nil || f != 812.5 {
		t.Errorf("%v, %v", f, err)
	}
}

package main

import (
	"context"
	"errors"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/intake"
	"comity/internal/procedure"
)

func Test_every_set_of_migrations_a_start_applies_is_known_to_the_command(t *testing.T) {
	fsys, err := packFS("demo")
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCity(t.Context(), cityConfig{Data: filepath.Join(t.TempDir(), "city"), Pack: fsys, Clock: &clock{}, Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, r := range c.all() {
		sets := func(q string, d *db.DB) (out []string) {
			err := d.View(t.Context(), func(tx *db.Tx) (err error) {
				out, err = db.All(t.Context(), tx, q, nil, func(row db.Scanner) (s string, err error) { return s, row.Scan(&s) })
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		const q = `SELECT set_name || ' ' || name FROM db_migrations ORDER BY set_name, number`
		d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "alone.db"), c.clock.Now)
		if err != nil {
			t.Fatal(err)
		}
		for _, migrate := range migrations(r.compartment) {
			if err := migrate(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		if want, got := sets(q, r.db), sets(q, d); !slices.Equal(want, got) {
			t.Errorf("compartment %s: a start applies\n%q\nand the command knows\n%q", r.compartment, want, got)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func Test_an_operator_carries_a_step_on_with_the_command(t *testing.T) {
	t.Parallel()
	to, admin := newCityDatabases(t)
	data := filepath.Join(t.TempDir(), "city")
	anOfficer(t, to, data)
	call := func(verb string, more ...string) (string, error) {
		t.Helper()
		out, _, err := said(t, append([]string{"migrate", verb, "--pack", "demo", "--data", data, "--db", to, "--lang", "en"}, more...)...)
		return out, err
	}
	if out, err := call("status"); err != nil || strings.Count(out, "nothing is left to do") != len(procedure.AllCompartments) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, verb := range []string{"expand", "fill", "contract"} {
		if out, err := call(verb); err != nil || strings.Count(out, "nothing to do") != len(procedure.AllCompartments) {
			t.Errorf("%s: %v\n%s", verb, err, out)
		}
	}
	// As if the database were older: a plain change waits, and a node of an older version runs.
	admin(procedure.Civic, `DELETE FROM db_migrations WHERE set_name = 'ledger' AND number = (SELECT MAX(number) FROM db_migrations WHERE set_name = 'ledger')`)
	admin(procedure.Civic, `INSERT INTO db_nodes (id, version, knows, since, seen_at) SELECT 'web1', '0.9', 'ledger 1', t, t FROM (SELECT (EXTRACT(EPOCH FROM now()) * 1000000)::bigint AS t) x`)
	out, err := call("status")
	if err != nil || !strings.Contains(out, "civic: ledger 00") || !strings.Contains(out, "civic: node web1 runs version 0.9") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, err := said(t, "serve", "--pack", "demo", "--data", data, "--db", to, "--addr", "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "stop every node first") {
		t.Errorf("it starts beside an older node: %v", err)
	}
	// SQLite has nothing of the kind.
	if _, _, err := said(t, "migrate", "fill", "--pack", "demo", "--data", t.TempDir(), "--lang", "en"); err == nil || !strings.Contains(err.Error(), "when it starts") {
		t.Errorf("SQLite: %v", err)
	}
}

func Test_every_way_to_migrate_has_help(t *testing.T) {
	for _, v := range migrateVerbs {
		if _, errs, err := said(t, "migrate", v.name, "--help"); !errors.Is(err, flag.ErrHelp) || !strings.Contains(errs, "Examples:") {
			t.Errorf("migrate %s --help says %q, %v", v.name, errs, err)
		}
	}
	var usage *usageError
	for _, args := range [][]string{{"migrate"}, {"migrate", "up"}, {"migrate", "fill", "--share", "0"}, {"migrate", "status", "now"}} {
		if err := run(context.Background(), args, t.Output(), t.Output()); !errors.As(err, &usage) {
			t.Errorf("%v gives %v", args, err)
		}
	}
}

func Test_events_come_into_parts_while_the_city_goes_on(t *testing.T) {
	t.Parallel()
	to, admin := newCityDatabases(t)
	data := filepath.Join(t.TempDir(), "city")
	anOfficer(t, to, data)
	fsys, err := packFS("demo")
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCity(t.Context(), cityConfig{DB: to, Data: data, Pack: fsys, Clock: &clock{}, Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var opened atomic.Int64
	var working sync.WaitGroup
	working.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: rollingCategory, Text: "-", Unit: rollingUnit, Source: "web"})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := c.ledger.Do(context.Background(), authz.Reporter(), cmd); err != nil {
				t.Error(err)
				return
			}
			opened.Add(1)
			time.Sleep(20 * time.Millisecond)
		}
	})
	for range 2 { // the second time there is nothing to do
		out, _, err := said(t, "migrate", "partition", "--pack", "demo", "--data", data, "--db", to, "--lang", "en")
		if err != nil || strings.Count(out, "are in parts") != len(procedure.AllCompartments) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	before := opened.Load()
	for end := time.Now().Add(10 * time.Second); opened.Load() < before+5 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	close(stop)
	working.Wait()
	if opened.Load() < before+5 {
		t.Error("nothing is opened any more")
	}
	one := strings.Join(texts(t, c.db, `EXPLAIN SELECT doc FROM events WHERE n = 5 ORDER BY seq`), "\n")
	if !strings.Contains(one, "events_first_case") || strings.Contains(one, "events_20") || strings.Contains(one, "events_rest") {
		t.Errorf("a history is not read by the index of one part:\n%s", one)
	}
	if n := texts(t, c.db, `SELECT CAST(COUNT(*) AS TEXT) FROM events_rest`); n[0] != "0" {
		t.Errorf("%s rows lie outside every part", n[0])
	}
	c.clock.Fix(time.Now().AddDate(1, 0, 40)) // the next year has its part
	cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: rollingCategory, Text: "-", Unit: rollingUnit, Source: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ledger.Do(t.Context(), authz.Reporter(), cmd); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	admin(procedure.Civic, `DO $$ BEGIN IF (SELECT COUNT(*) FROM events_rest) > 0 OR (SELECT COUNT(DISTINCT tableoid) FROM events) <> 2 THEN RAISE 'events lie in the wrong parts'; END IF; END $$`)
	if out, errs, err := said(t, "verify", "--pack", "demo", "--data", data, "--db", to, "--quiet", "--lang", "en"); err != nil {
		t.Errorf("verify: %v\n%s%s", err, out, errs)
	}
	// And back into one file, as any city.
	back := filepath.Join(t.TempDir(), "back.db")
	if out, errs, err := said(t, "move", "--pack", "demo", "--data", data, "--db", to, "--to", "sqlite:"+back, "--quiet", "--lang", "en"); err != nil {
		t.Errorf("move: %v\n%s%s", err, out, errs)
	}
}

func texts(t *testing.T, d *db.DB, q string) (out []string) {
	t.Helper()
	err := d.View(t.Context(), func(tx *db.Tx) (err error) {
		out, err = db.All(t.Context(), tx, q, nil, func(row db.Scanner) (s string, err error) { return s, row.Scan(&s) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

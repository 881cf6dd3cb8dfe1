package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/load"
	"comity/internal/procedure"
	"comity/internal/text"
)

// measuredCity is an empty city for measuring; its other compartments lie in files, which no traffic touches.
func measuredCity(t *testing.T, address string) (measuring, *city) {
	t.Helper()
	fsys, err := packFS("demo")
	if err != nil {
		t.Fatal(err)
	}
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "city")
	cfg := cityConfig{DB: address, DBs: map[string]string{}, Data: data, Pack: fsys, Clock: &clock{}, Log: slog.New(slog.DiscardHandler), Hashing: account.Cheap()}
	for _, name := range procedure.AllCompartments {
		if name != procedure.Civic {
			cfg.DBs[name] = "sqlite:" + filepath.Join(data, name+".db")
		}
	}
	c, err := openCity(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := ledger.MarkMeasuring(t.Context(), c.db); err != nil {
		t.Fatal(err)
	}
	return measuring{say: words.In("en"), out: io.Discard, log: cfg.Log}, c
}

func Test_a_city_answers_every_kind_of_traffic_rightly(t *testing.T) {
	t.Parallel()
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		m, c := measuredCity(t, address())
		mix, asked := load.Mix{}, map[load.Kind]int64{}
		for _, k := range load.Kinds() {
			mix[k] = 1
		}
		for turn := range uint64(12) { // a slow machine needs more than one to be asked everything
			o := load.Options{Mix: mix, Clients: 4, Duration: time.Second, Seed: turn}
			if turn == 1 {
				o.Rate = 40
			}
			r, err := m.load(t.Context(), c, "", o, load.Crew{Tokens: 24, First: 60, Pages: 40, Seats: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range r.Kinds {
				asked[k.Kind] += k.Times.Count()
				for what, first := range k.First {
					t.Errorf("%s: %s: %s", k.Kind, what, first)
				}
			}
			if r.City.Version == "" || r.Machine.Cores == 0 || r.City.Cases < 60 {
				t.Errorf("machine %+v, city %+v", r.Machine, r.City)
			}
			if turn > 0 && len(asked) == len(mix) || t.Failed() {
				break
			}
		}
		for _, k := range load.Kinds() {
			if asked[k] == 0 {
				t.Errorf("%s was never answered", k)
			}
		}
		looksAreOnRecord(t, c)
	})
}

// looksAreOnRecord holds that desks and residents opened cases by logged looks.
func looksAreOnRecord(t *testing.T, c *city) {
	t.Helper()
	page, err := c.reader.Worklist(t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]int{}
	for _, it := range page.Items {
		looks, err := c.reader.Looks(t.Context(), it.ID, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range looks {
			by[l.Ground]++
		}
	}
	if len(by) < 2 {
		t.Errorf("looks on record by ground: %v; want those of desks and of residents", by)
	}
}

func Test_a_city_that_was_not_made_for_measuring_is_not_loaded(t *testing.T) {
	data := filepath.Join(t.TempDir(), "city")
	run := func(more ...string) (string, error) {
		var out bytes.Buffer
		err := runBench(t.Context(), append([]string{"run", "--pack", "demo", "--data", data, "--for", "200ms", "--warm", "0s", "--clients", "2", "--tokens", "12", "--first", "24", "--lang", "en"}, more...), &out, io.Discard)
		return out.String(), err
	}
	if _, err := run(); err == nil || !strings.Contains(err.Error(), "bench seed") {
		t.Fatalf("an empty city of somebody's: %v", err)
	}
	fsys, err := packFS("demo")
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCity(t.Context(), cityConfig{Data: data, Pack: fsys, Clock: &clock{}, Log: slog.New(slog.DiscardHandler), Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: "road.pavement", Text: "A tile is loose.", Unit: "guiyuan-ganyuan", Now: c.clock.Now()})
	if err == nil {
		_, err = c.ledger.Do(t.Context(), authz.Reporter(), cmd)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run("--mark"); err == nil || !strings.Contains(err.Error(), "holds cases") {
		t.Fatalf("a city with a case: %v", err)
	}
}

func Test_a_run_is_kept_and_held_against_an_earlier_one(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "a.json")
	args := []string{"run", "--pack", "demo", "--data", filepath.Join(dir, "city"), "--mark", "--for", "300ms", "--warm", "0s", "--clients", "2", "--tokens", "12", "--first", "24", "--lang", "en", "--mix", "follow=1,list-city=1", "--save", kept}
	var out bytes.Buffer
	if err := runBench(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SQLite 3.", "24 cases", "p99.9", "list-city", "follow"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said in\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := runBench(t.Context(), append(args, "--compare", kept), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "1.00 is the same") {
		t.Errorf("no comparison in\n%s", out.String())
	}
	for _, bad := range [][]string{{}, {"walk"}, {"run", "--mix", "walk=1"}, {"run", "--clients", "0"}, {"run", "--rate", "-1"}, {"run", "here"}} {
		var usage *usageError
		if err := runBench(t.Context(), bad, io.Discard, io.Discard); err == nil || !errors.As(err, &usage) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

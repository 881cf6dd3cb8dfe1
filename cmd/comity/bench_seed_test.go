package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/packs"
)

// seededCases is how many copies the tests make; COMITY_SEED_CASES asks for more.
func seededCases() int {
	if n, err := strconv.Atoi(os.Getenv("COMITY_SEED_CASES")); err == nil {
		return n
	}
	return 640
}

// seedling opens an empty city that is to be filled, and opens it again as often as asked.
type seedling struct {
	t    *testing.T
	cfg  cityConfig
	pack fs.FS
	b    benchSeed
	log  strings.Builder
}

func newSeedling(t *testing.T, address func() string) *seedling {
	t.Helper()
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	databases := map[string]string{}
	for _, name := range procedure.AllCompartments {
		databases[name] = strings.Replace(address(), "sqlite:", "sqlite-volatile:", 1)
	}
	s := &seedling{t: t, pack: sub, b: benchSeed{cases: seededCases(), models: 40, events: 20, years: 0.6, seed: 1, say: words.In("en"), out: io.Discard}}
	s.cfg = cityConfig{DBs: databases, Data: filepath.Join(t.TempDir(), "city"), Pack: sub, Hashing: account.Cheap(), Log: slog.New(slog.NewTextHandler(&s.log, nil))}
	return s
}

func (s *seedling) open(filling bool) (*city, error) {
	cfg := s.cfg
	cfg.Clock, cfg.Filling = &clock{}, filling
	return openCity(s.t.Context(), cfg)
}

func (s *seedling) must(filling bool) *city {
	s.t.Helper()
	c, err := s.open(filling)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// sound verifies everything there is and finds no invariant broken.
func (s *seedling) sound(c *city) verified {
	s.t.Helper()
	v, err := c.verifyCivic(s.t.Context(), func(bad error) { s.t.Errorf("verify: %v", bad) })
	if err != nil {
		s.t.Fatal(err)
	}
	found, err := c.surveyed(s.t.Context(), &c.rooms, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range found {
		if f.Count > 0 {
			s.t.Errorf("%d cases break %s: %v", f.Count, f.Name, f.Examples)
		}
	}
	return v
}

// diagnosed makes sure that the doctor says what the database is.
func (s *seedling) diagnosed(c *city, words string) {
	s.t.Helper()
	d := &doctor{say: s.b.say}
	d.measured(s.t.Context(), c)
	if len(d.found) != 1 || !strings.Contains(d.found[0].Text, words) {
		s.t.Errorf("the doctor says %+v", d.found)
	}
}

func (c *city) verifyCivic(ctx context.Context, bad func(error)) (verified, error) {
	return c.rooms.verify(ctx, bad, func(int) {})
}

func Test_a_city_for_measurements_is_a_city_like_any_other(t *testing.T) {
	t.Parallel()
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		ctx := t.Context()
		s := newSeedling(t, address)
		c := s.must(true)
		if err := s.b.begin(ctx, c, s.pack, s.cfg.Data); err != nil {
			t.Fatal(err)
		}
		broken, stop := context.WithCancel(ctx)
		if _, err := c.ledger.Fill(broken, []ledger.Beside{courier.Beside()}, func(int) { stop() }, nil); err == nil {
			t.Fatal("a filling goes on after it was broken off")
		}
		s.diagnosed(c, "is not whole")
		c.Close()
		if c, err := s.open(false); !errors.Is(err, ledger.ErrHalfFilled) {
			t.Errorf("half of a city for measurements opens: %v", err)
			if err == nil {
				c.Close()
			}
		}
		c = s.must(true)
		if err := s.b.fill(ctx, c, s.pack, s.cfg.Data); err != nil {
			t.Fatal(err)
		}
		stock, err := c.reader.Stock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.b.fill(ctx, c, s.pack, s.cfg.Data); err == nil {
			t.Error("a city that is whole is filled again")
		}
		c.Close()

		c = s.must(false)
		if err := c.tellMeasured(ctx); err != nil || !strings.Contains(s.log.String(), "city for measurements") {
			t.Errorf("it does not say at the start what it is: %v\n%s", err, s.log.String())
		}
		s.diagnosed(c, "city for measurements")
		v := s.sound(c)
		if v.Cases < s.b.cases || int64(v.Events) != stock.Events || v.Entries != stock.Events+stock.Looks || v.Heads == 0 || v.Waiting != 0 {
			t.Errorf("verified %+v of %+v", v, stock)
		}
		if per := float64(v.Events) / float64(v.Cases); per < 10 || per > 24 {
			t.Errorf("a case has %.1f events on average", per)
		}
		if share := float64(stock.Open) / float64(stock.Cases); share < 0.02 || share > 0.6 || stock.Late == 0 || stock.Timers == 0 {
			t.Errorf("open, late and timers: %+v", stock)
		}
		s.lists(c, stock)
		s.acts(c)
		s.sound(c)
	})
}

// lists asks for a page at every level, and opens what stands there.
func (s *seedling) lists(c *city, stock ledger.Stock) {
	s.t.Helper()
	ctx, p := s.t.Context(), c.packs.Current()
	levels := map[string]int{}
	for _, id := range p.Units.All() {
		u, _ := p.Units.Unit(id)
		if len(u.Roles) == 0 {
			continue // no work is done there
		}
		who := authz.Staff("test", []authz.Grant{{Role: "head", Unit: id}})
		for _, closed := range []bool{false, true} {
			page, err := c.reader.Worklist(ctx, who.Scope(), ledger.Filter{Closed: closed, Limit: 200})
			if err != nil {
				s.t.Fatal(err)
			}
			levels[fmt.Sprintf("%s %t", u.Level, closed)] += len(page.Items)
			if id == p.Units.Root() && !closed {
				s.open1(c, who, page.Items)
			}
		}
	}
	if len(levels) < 2*4 {
		s.t.Errorf("only these levels have units: %v", levels)
	}
	for level, n := range levels {
		// The demonstration gives nothing to groups, and in a small city little is open at one time.
		if closed := strings.HasSuffix(level, " true"); n == 0 && closed && !strings.HasPrefix(level, org.Group.String()+" ") {
			s.t.Errorf("no list of level %s has a case", level)
		}
	}
}

// open1 opens cases by a look, by their code, by search and by their proof.
func (s *seedling) open1(c *city, who authz.Actor, items []ledger.Item) {
	s.t.Helper()
	ctx := s.t.Context()
	if len(items) < 8 {
		s.t.Fatalf("%d cases are open", len(items))
	}
	codes := map[casework.Code]bool{}
	searched := 0
	for _, item := range items {
		own, err := c.ledger.Look(ctx, authz.Holder(string(item.ID)), ledger.Ticket{Case: item.ID, Purpose: ledger.PurposeOwn})
		if err != nil {
			s.t.Fatal(err)
		}
		k := own.Case()
		if k.Text == casework.Veil || k.Text == "" || strings.HasPrefix(k.Text, "~") || k.ID != item.ID || k.Ref != item.Ref || codes[k.Code] {
			s.t.Fatalf("case %s opens as %s with code %q and text %.20q", item.Ref, k.Ref, k.Code, k.Text)
		}
		codes[k.Code] = true
		if f, err := c.reader.ByCode(ctx, k.Code); err != nil || f.ID != item.ID {
			s.t.Fatalf("the code of %s opens %s: %v", item.Ref, f.Ref, err)
		}
		if _, ok, err := c.prove(ctx, k, 1); err != nil || !ok {
			s.t.Fatalf("the first event of %s has no receipt: %v", item.Ref, err)
		}
		if item.Title == "" || searched == 5 {
			continue
		}
		searched++
		page, err := c.reader.Worklist(ctx, who.Scope(), ledger.Filter{Words: []ledger.Word{{Text: item.Title, Phrase: true}}, Both: true, Limit: 200})
		if err != nil {
			s.t.Fatal(err)
		}
		found := page.Next != ""
		for _, i := range page.Items {
			found = found || i.ID == item.ID
		}
		if !found {
			s.t.Errorf("case %s is not found by its title", item.Ref)
		}
	}
	if searched == 0 {
		s.t.Error("no case has a title to search for")
	}
}

// acts lets somebody work on cases, and the nearest clocks run out.
func (s *seedling) acts(c *city) {
	s.t.Helper()
	ctx := s.t.Context()
	all := authz.Staff("test", []authz.Grant{{Role: "head", Unit: c.packs.Current().Units.Root()}}).Scope()
	page, err := c.reader.Worklist(ctx, all, ledger.Filter{States: []string{"in_hand", "received", "raised"}, Limit: 200})
	if err != nil {
		s.t.Fatal(err)
	}
	acted := 0
	for _, item := range page.Items {
		if item.Procedure != "service-request" {
			continue
		}
		who := authz.Staff("test", []authz.Grant{{Role: "head", Unit: item.Holder}})
		cmd := casework.Command{Case: item.ID, Version: casework.AnyVersion, Act: "accept"}
		if item.State == "in_hand" {
			cmd.Act, cmd.Fields = "answer", map[string]string{"outcome": "solved", "answer": "It was mended."}
			if item.Assignee != "" {
				if who, err = c.accounts.Worked(ctx, item.Assignee); err != nil {
					s.t.Fatal(err)
				}
			}
		}
		if _, err := c.ledger.Do(ctx, who, cmd); err != nil {
			s.t.Errorf("%s, which is %s, takes no %s: %v", item.Ref, item.State, cmd.Act, err)
		}
		acted++
	}
	if acted == 0 {
		s.t.Error("no case can be acted on")
	}
	before, err := c.reader.Stock(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	for range 20 {
		at, err := c.ledger.NextTimer(ctx)
		if err != nil || at.IsZero() {
			s.t.Fatalf("no clock runs: %v", err)
		}
		if at.Before(time.Now()) {
			at = time.Now()
		}
		c.clock.Fix(at)
		if err := c.Due(ctx); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := c.runner.RunDue(ctx, 1000); err != nil {
		s.t.Fatal(err)
	}
	after, err := c.reader.Stock(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if after.Events < before.Events+20 {
		s.t.Errorf("twenty clocks ran out and left %d events", after.Events-before.Events)
	}
	if err := c.tree.Tick(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func Test_no_city_that_is_somebodys_is_filled_for_measurements(t *testing.T) {
	s := newSeedling(t, func() string { return "sqlite:" + filepath.Join(t.TempDir(), "city.db") })
	c := s.must(true)
	cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: "road.pavement", Text: "A loose tile.", Unit: "guiyuan-ganyuan", Source: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ledger.Do(t.Context(), authz.Reporter(), cmd); err != nil {
		t.Fatal(err)
	}
	if err := s.b.fill(t.Context(), c, s.pack, s.cfg.Data); !errors.Is(err, ledger.ErrNotEmpty) {
		t.Errorf("a city with a case is filled: %v", err)
	}
	if _, err := c.ledger.Fill(t.Context(), nil, func(int) {}, func(int) {}); !errors.Is(err, ledger.ErrNotEmpty) {
		t.Errorf("a city without the mark is filled: %v", err)
	}

	s = newSeedling(t, func() string { return "sqlite:" + filepath.Join(t.TempDir(), "city.db") })
	c = s.must(true)
	if _, err := c.accounts.Create(t.Context(), account.Account{Login: "ada", Name: map[string]string{"en": "Ada"}}, "a long passphrase of hers"); err != nil {
		t.Fatal(err)
	}
	if err := s.b.fill(t.Context(), c, s.pack, s.cfg.Data); err == nil || !strings.Contains(err.Error(), "accounts") {
		t.Errorf("a city that was set up is filled: %v", err)
	}
}

package demo_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/demo"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/vault"
)

// season is a short play: what it opened, and how each case stands at its end.
type season struct {
	done   demo.Progress
	cases  []string // number, code, state and last event of each
	states map[string]int
	sent   int // messages
	reader *ledger.Reader
	roads  map[string]casework.Case // where the matters of the roads stand
	found  []ledger.Finding         // what the survey found at the end
}

const cases, days = 60, 60

func play(t *testing.T, seed uint64) season {
	t.Helper()
	return playFor(t, seed, cases, days)
}

func playFor(t *testing.T, seed uint64, cases, days int, roads ...string) season {
	t.Helper()
	ctx := t.Context()
	fsys := os.DirFS("../../packs/demo")
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	now, set := dbtest.Clock(t)
	d, err := db.Open(ctx, "sqlite-volatile:"+t.TempDir()+"/demo.db", now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := errors.Join(jobs.Migrate(ctx, d), courier.Migrate(ctx, d)); err != nil {
		t.Fatal(err)
	}
	reg := pack.NewRegistry(p)
	chance := rand.NewChaCha8([32]byte{byte(seed)})
	var mu sync.Mutex
	l, err := ledger.Open(context.Background(), d, ledger.Config{
		Definitions: reg,
		Opens: func(category string) (string, string, bool) {
			c, ok := p.Category(category)
			return p.Digest, c.Procedure, ok
		},
		Notify: courier.Enqueue,
		Random: func(b []byte) { mu.Lock(); defer mu.Unlock(); chance.Read(b) },
		Ring:   vault.Memory(procedure.Civic, "std"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	words := base.With(p.Texts)
	reader := l.Reader(func() *org.Tree { return p.Units })
	letters := &courier.Courier{DB: d, Ledger: l, Reader: reader, Packs: reg, Words: func(*pack.Pack) *text.Catalogue { return words },
		Link: func(k casework.Case, _ bool) string { return "/" + string(k.Ref) }}
	runner, err := jobs.NewRunner(d, letters.Kind())
	if err != nil {
		t.Fatal(err)
	}
	from := dbtest.Start
	until := from.AddDate(0, 0, days)
	set(from)
	show := demo.Play{Pack: p, Seeds: fsys, Ledger: l, Reader: reader, Jobs: runner, People: people(t, fsys), Set: set, From: from, Until: until, Cases: cases, Roads: roads, Seed: seed}
	s := season{states: map[string]int{}, reader: reader}
	if s.done, err = show.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if !now().Equal(until) {
		t.Errorf("the clock is left at %s, want %s", now(), until)
	}
	if len(roads) == 0 {
		everything(t, &s, d)
	} else if s.roads, err = show.RoadSamples(ctx); err != nil {
		t.Fatal(err)
	}
	beyond := ledger.Beyond{Units: p.Units, Calendars: p.CalendarVersions(), Works: func(_ context.Context, ids []string) (map[string]bool, error) {
		known := map[string]bool{}
		for _, w := range show.People {
			known[w.ID] = true
		}
		return known, nil
	}, Unsent: func(ctx context.Context, each func(casework.CaseID, int) error) error {
		return courier.Unsent(ctx, d, each)
	}}
	if s.found, err = l.Survey(ctx, beyond, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func people(t *testing.T, fsys fs.FS) (out []demo.Worker) {
	t.Helper()
	list, err := demo.People(fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		out = append(out, demo.Worker{ID: p.Login, Unit: org.UnitID(p.Unit), Roles: p.Roles})
	}
	return out
}

// everything notes how each case stands.
func everything(t *testing.T, s *season, d *db.DB) {
	t.Helper()
	all := authz.Staff("mayor", []authz.Grant{{Role: "head", Unit: "linjiang"}}).Scope()
	for _, closed := range []bool{false, true} {
		page, err := s.reader.Worklist(t.Context(), all, ledger.Filter{Closed: closed, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			c, err := s.reader.ByID(t.Context(), authz.Machine().Scope(), i.ID)
			if err != nil {
				t.Fatal(err)
			}
			s.states[c.State]++
			s.cases = append(s.cases, fmt.Sprintf("%s %s %s %s %d %s", c.Ref, c.Code, c.State, c.Holder, c.Seq, c.Changed.UTC().Format(time.RFC3339)))
		}
	}
	slices.Sort(s.cases)
	list, err := courier.Messages(t.Context(), d, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	s.sent = len(list)
}

func Test_two_months_of_invented_life_leave_whole_cases_and_repeat_for_the_same_seed(t *testing.T) {
	first := play(t, 1)
	if first.done.Done != cases || len(first.cases) != cases {
		t.Errorf("%d cases were opened and %d are there, want %d", first.done.Done, len(first.cases), cases)
	}
	if first.done.Refusals*20 >= first.done.Acts {
		t.Errorf("%d of %d acts were refused", first.done.Refusals, first.done.Acts+first.done.Refusals)
	}
	if len(first.states) < 3 || first.states["closed"] == 0 || first.sent < cases {
		t.Errorf("nothing much happened: states %v, %d messages", first.states, first.sent)
	}
	seen, err := first.reader.VerifyAll(t.Context(), func(bad error) { t.Error(bad) })
	if err != nil || seen.Cases != cases {
		t.Errorf("%d cases verified, %v", seen, err)
	}
	if len(first.found) != len(ledger.Invariants) {
		t.Errorf("surveyed %v", first.found)
	}
	for _, f := range first.found {
		if f.Count > 0 {
			t.Errorf("%s is broken by %d cases: %v", f.Name, f.Count, f.Examples)
		}
	}
	again := play(t, 1)
	for i := range min(len(first.cases), len(again.cases)) {
		if first.cases[i] != again.cases[i] {
			t.Fatalf("the same seed plays another year:\n%s\n%s", first.cases[i], again.cases[i])
		}
	}
	if again.done.Acts != first.done.Acts || again.done.Refusals != first.done.Refusals || again.sent != first.sent {
		t.Errorf("the same seed plays another year: %+v and %+v, %d and %d messages", first.done, again.done, first.sent, again.sent)
	}
	if other := play(t, 2); slices.Equal(other.cases, first.cases) {
		t.Error("another seed plays the same year")
	}
}

func Test_a_year_leaves_petitions_in_every_stage_and_breaks_no_invariant(t *testing.T) {
	s := playFor(t, 1, 1, 365, "seed/petitions.yaml")
	if s.done.Done < 75 || s.done.Refusals > 5 {
		t.Errorf("%+v", s.done)
	}
	for _, state := range []string{"received", "registered", "offered", "objected", "to_tell", "accepted", "listening", "verifying", "deciding",
		"in_hearing", "to_serve", "window", "in_review", "in_rereview", "handing_over", "studying", "withdrawn", "closed"} {
		if _, ok := s.roads["petition."+state]; !ok {
			t.Errorf("no petition is left in %s", state)
		}
	}
	for _, f := range s.found {
		if f.Count > 0 {
			t.Errorf("%s is broken by %d cases: %v", f.Name, f.Count, f.Examples)
		}
	}
}

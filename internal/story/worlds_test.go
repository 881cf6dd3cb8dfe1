package story_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/story"
)

// stored is the world of the real ledger on one engine.
type stored struct {
	t    *testing.T
	set  func(time.Time)
	city *ledgertest.City
}

func newStored(t *testing.T, d *db.DB, set func(time.Time), p *pack.Pack) *stored {
	t.Helper()
	return &stored{t: t, set: set, city: ledgertest.OpenPack(t, d, p)}
}

func (w *stored) Change(p *pack.Pack) error {
	w.city.Change(p)
	return nil
}

func (w *stored) Set(now time.Time) error {
	w.set(now)
	return nil
}

func (w *stored) Tick(now time.Time) error {
	ctx := w.t.Context()
	for n := 1; n > 0; {
		var err error
		if n, err = w.city.Ledger.Recount(ctx, w.city.Pack.CalendarVersions(), 2); err != nil {
			return err
		}
	}
	for range 10_000 {
		at, err := w.city.Ledger.NextTimer(ctx)
		if err != nil || at.IsZero() || at.After(now) {
			w.set(now)
			return err
		}
		w.set(at)
		if n, err := w.city.Ledger.RunTimers(ctx, 100); err != nil || n == 0 {
			return errors.Join(err, errors.New("a clock is due and does not run out"))
		}
	}
	return errors.New("clocks ran out ten thousand times")
}

func (w *stored) File(who story.Who, r intake.Report) (story.Receipt, error) {
	cmd, err := intake.Command(w.city.Pack, r)
	if err != nil {
		return story.Receipt{}, err
	}
	got, err := w.city.Ledger.Do(w.t.Context(), who.Actor("", ""), cmd)
	return story.Receipt{Case: got.Case, Replayed: got.Replayed}, err
}

func (w *stored) Act(who story.Who, s story.Step) (story.Receipt, error) {
	c, err := w.Case(s.Case)
	if err != nil {
		return story.Receipt{}, err
	}
	got, err := w.city.Ledger.Do(w.t.Context(), who.Actor(s.Holds, s.Case), s.Command(who, c.Seq))
	return story.Receipt{Case: got.Case, Replayed: got.Replayed}, err
}

func (w *stored) Case(id casework.CaseID) (casework.Case, error) {
	if err := w.city.Reader.Verify(w.t.Context(), id); err != nil {
		return casework.Case{}, err
	}
	return w.city.Reader.ByID(w.t.Context(), authz.Machine().Scope(), id)
}

func (w *stored) Events(id casework.CaseID) ([]casework.Event, error) {
	return w.city.Reader.Events(w.t.Context(), id)
}

func (w *stored) Worklist(unit org.UnitID) ([]casework.CaseID, error) {
	in := authz.Staff("reader", []authz.Grant{{Role: "clerk", Unit: unit}}).Scope()
	page, err := w.city.Reader.Worklist(w.t.Context(), in, ledger.Filter{Limit: 200})
	var out []casework.CaseID
	for _, item := range page.Items {
		out = append(out, item.ID)
	}
	return out, err
}

// told is one story of a pack of the project, parsed.
type told struct {
	*story.Story
	pack *pack.Pack
}

// everyStory reads the stories of every pack.
func everyStory(t *testing.T) []told {
	t.Helper()
	files, err := filepath.Glob("../../packs/*/stories/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories found in packs/*/stories (%v)", err)
	}
	packs := map[string]*pack.Pack{}
	var out []told
	for i, file := range files {
		if testing.Short() && i%5 != 0 {
			continue // the race detector needs some of each kind; make check plays all without -short
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := story.Parse(file, src)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		dir := filepath.Dir(filepath.Dir(file))
		if packs[dir] == nil {
			if packs[dir], err = pack.LoadFrom(os.DirFS(filepath.Dir(dir)), filepath.Base(dir), pack.Unsearched()); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, told{s, packs[dir]})
	}
	return out
}

func Test_every_story_is_true_of_the_kernel_alone(t *testing.T) {
	for _, s := range everyStory(t) {
		t.Run(filepath.Base(s.File), func(t *testing.T) {
			if transcript, err := story.Play(s.Story, s.pack, story.NewMemory(s.pack)); err != nil {
				t.Errorf("%v\n%s", err, transcript)
			}
		})
	}
}

func Test_every_story_is_told_in_the_same_words_by_the_ledger(t *testing.T) {
	for _, s := range everyStory(t) {
		t.Run(filepath.Base(s.File), func(t *testing.T) {
			t.Parallel() // making a database costs more than playing the story
			want, _ := story.Play(s.Story, s.pack, story.NewMemory(s.pack))
			dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
				got, err := story.Play(s.Story, s.pack, newStored(t, d, set, s.pack))
				if err != nil {
					t.Error(err)
				}
				if got != want {
					t.Errorf("the ledger tells it differently:\n%s\nthe kernel:\n%s", got, want)
				}
			})
		})
	}
}

func report(category string, unit org.UnitID) intake.Report {
	return intake.Report{Category: category, Text: "x", Unit: unit, Source: "web"}
}

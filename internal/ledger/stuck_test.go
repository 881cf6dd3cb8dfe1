package ledger_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// newStuck is a family whose matter cannot be raised from any state: what the checker would not let in.
func newStuck(t *testing.T, d *db.DB, set func(time.Time)) *family {
	t.Helper()
	p, err := small()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(jobs.Migrate(t.Context(), d), courier.Migrate(t.Context(), d)); err != nil {
		t.Fatal(err)
	}
	return newFamily(t, d, set, func(o *ledger.Config) {
		o.Notify = courier.Enqueue
		o.Definitions = torn{pack.NewRegistry(p), func(id string, d procedure.Definition) (*procedure.Definition, error) {
			d.Acts = slices.Clone(d.Acts)
			for i := range d.Acts {
				if id == "matter" && d.Acts[i].ID == "raise" {
					d.Acts[i].From = nil
				}
			}
			return &d, nil
		}}
	})
}

func Test_a_clock_whose_act_cannot_be_done_gives_the_unit_above_a_task_and_does_not_loop(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		f := newStuck(t, d, set)
		for _, place := range []struct {
			category            string
			holder, above, told org.UnitID
		}{
			{"matter", "mill", "east", "east"},
			{"secret", "east-law", "town-law", "town-law"}, // who stands above the department in general does not hear of it
		} {
			id := f.file(place.category)
			before := f.machine(id)
			term, _ := before.Clock("term")
			f.passes(term.Due)
			now := f.machine(id)
			events, err := f.r.Events(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(events, func(e casework.Event) bool { return e.Kind == "clock.stuck" })
			if i < 0 {
				t.Fatalf("events %v", f.kinds(id))
			}
			e := events[i]
			if e.Expired != "term" || !e.Raised || !e.Late || e.By.Role != string(authz.System) || !e.At.Equal(term.Due) || e.State != before.State {
				t.Errorf("the event says %+v", e)
			}
			if k, _ := now.Clock("term"); now.Raised != 1 || !now.Late || now.Holder != place.holder || k.Running() {
				t.Errorf("the case: raised %d times, late %v, held by %s, clock %+v", now.Raised, now.Late, now.Holder, k)
			}
			task := f.child(id, "look")
			kid := f.machine(task.Case)
			if kid.Holder != place.above || kid.Parent.Link != "look" || kid.Title != now.Title || (kid.Sealed != "") != (now.Sealed != "") {
				t.Errorf("the task is %+v", kid)
			}
			if want := []casework.Notice{{To: "unit", Unit: place.told, Template: "stuck"}}; !slices.Equal(e.Notices, want) {
				t.Errorf("told %+v, want %+v", e.Notices, want)
			}
			sent := texts(t, d, `SELECT key FROM jobs WHERE key LIKE ?1`, "notice:"+string(id)+":%")
			if n := len(slices.DeleteFunc(sent, func(k string) bool { return !strings.Contains(k, string(id)+":"+strconv.Itoa(e.Seq)+":") })); n != 1 {
				t.Errorf("%d messages wait to be sent, want 1", n)
			}
			// Nothing of it comes again, however often the timers are looked at.
			f.passes(term.Due.AddDate(0, 2, 0))
			if n := f.count(id, "clock.stuck"); n != 1 || f.machine(id).Raised != 1 {
				t.Errorf("the clock was stuck %d times", n)
			}
			if at, err := f.l.NextTimer(t.Context()); err != nil || !at.After(term.Due.AddDate(0, 2, 0)) {
				t.Errorf("a timer is still due: %s, %v", at, err)
			}
			if r := rule(f.try(id, "close", "outcome", "good")); r != "act.child_open" {
				t.Errorf("the case could be closed over the task: %s", r)
			}
			f.act(task.Case, "finish", "outcome", "good")
			f.act(id, "close", "outcome", "good")
		}
		f.whole()
	})
}

func Test_at_the_top_the_task_of_a_stuck_clock_is_ones_own(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		f := newStuck(t, d, set)
		r, err := f.l.Do(t.Context(), authz.Reporter(), casework.Command{Open: &casework.Opening{Unit: "town", Title: "x", Text: "x", Category: "matter", Source: "web"}})
		if err != nil {
			t.Fatal(err)
		}
		k := f.machine(r.Case)
		term, _ := k.Clock("term")
		f.passes(term.Due)
		if task := f.child(r.Case, "look"); task.Unit != "town" || f.count(r.Case, "clock.stuck") != 1 {
			t.Errorf("the task is %+v; events %v", task, f.kinds(r.Case))
		}
		f.whole()
	})
}

func Test_a_stuck_clock_whose_commit_fails_is_tried_again(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		f := newStuck(t, d, set)
		id := f.file("matter")
		k := f.machine(id)
		term, _ := k.Clock("term")
		f.passes(term.Due.Add(-time.Second))
		set(term.Due)
		commits := 0
		d.InterceptCommit(func(commit func() error) error {
			if commits++; commits == 2 { // the first claims the timer, the second answers it
				return errCut
			}
			return commit()
		})
		if _, err := f.l.RunTimers(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		d.InterceptCommit(nil)
		if n := f.count(id, "clock.stuck"); n != 0 {
			t.Fatalf("the clock was stuck %d times although nothing was stored", n)
		}
		set(term.Due.Add(2 * time.Minute)) // when the lease has ended
		if n, err := f.l.RunTimers(t.Context(), 10); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		if n := f.count(id, "clock.stuck"); n != 1 || len(f.machine(id).Children) != 1 {
			t.Errorf("the clock was stuck %d times", n)
		}
		f.whole()
	})
}

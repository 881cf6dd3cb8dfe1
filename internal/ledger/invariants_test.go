package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
)

func (f *family) beyond() ledger.Beyond {
	return ledger.Beyond{Units: f.pack.Units, Calendars: f.pack.CalendarVersions(), Patience: time.Hour,
		Works: func(_ context.Context, ids []string) (map[string]bool, error) {
			out := map[string]bool{}
			for _, id := range ids {
				out[id] = id != "nobody"
			}
			return out, nil
		},
		Unsent: func(ctx context.Context, each func(casework.CaseID, int) error) error {
			return courier.Unsent(ctx, f.db, each)
		}}
}

// broken surveys and returns what is not as it should be.
func (f *family) broken(b ledger.Beyond) map[string][]casework.Ref {
	f.t.Helper()
	found, err := f.l.Survey(context.Background(), b, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	var names []string
	out := map[string][]casework.Ref{}
	for _, x := range found {
		names = append(names, x.Name)
		if x.Count > 0 {
			out[x.Name] = x.Examples
		}
		if x.At.IsZero() || x.Count < len(x.Examples) {
			f.t.Errorf("finding %+v", x)
		}
	}
	if !slices.Equal(names, ledger.Invariants) {
		f.t.Errorf("found %v, want one of each of %v", names, ledger.Invariants)
	}
	return out
}

func (f *family) exec(q string, args ...any) {
	f.t.Helper()
	err := f.db.Transact(context.Background(), func(tx *db.Tx) error {
		n, err := tx.Exec(context.Background(), q, args...)
		if err == nil && n == 0 {
			return fmt.Errorf("no row was changed by %s", q)
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// eachQueued is eachFamily with notices that wait in the queue.
func eachQueued(t *testing.T, run func(t *testing.T, f *family)) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		if err := errors.Join(jobs.Migrate(t.Context(), d), courier.Migrate(t.Context(), d)); err != nil {
			t.Fatal(err)
		}
		run(t, newFamily(t, d, set, func(o *ledger.Config) { o.Notify = courier.Enqueue }))
	})
}

func Test_each_invariant_finds_the_row_that_breaks_it_and_only_that(t *testing.T) {
	const notice = `INSERT INTO jobs (id, kind, key, payload, run_at, prio, max_attempts, dead) VALUES (?1, 'notice', ?1, ?2, 0, 0, 1, ?3)`
	for name, test := range map[string]struct {
		invariant string
		// spoil breaks something and returns the case that is broken by it
		spoil func(f *family, id, asked, waiting, task casework.CaseID) casework.CaseID
	}{
		"a holder that does no work": {ledger.Unowned, func(f *family, id, _, _, _ casework.CaseID) casework.CaseID {
			f.exec(`UPDATE cases SET doc = REPLACE(doc, '"holder":"mill"', '"holder":"gone"') WHERE n = ?1`, key(id))
			return id
		}},
		"a pack that nobody has": {ledger.Unowned, func(f *family, id, _, _, _ casework.CaseID) casework.CaseID {
			f.exec(`UPDATE cases SET doc = REPLACE(doc, '"pack":"', '"pack":"gone') WHERE n = ?1`, key(id))
			return id
		}},
		"nothing due and nothing open": {ledger.Unowned, func(f *family, id, _, _, _ casework.CaseID) casework.CaseID {
			f.exec(`UPDATE cases SET doc = REPLACE(doc, '"status":"running"', '"status":"idle"') WHERE n = ?1`, key(id))
			f.exec(`DELETE FROM timers WHERE n = ?1`, key(id))
			return id
		}},
		"an account that is gone": {ledger.UnknownOfficer, func(f *family, id, _, _, _ casework.CaseID) casework.CaseID {
			f.exec(`UPDATE cases SET doc = REPLACE(doc, '"assignee":"of-mill"', '"assignee":"nobody"') WHERE n = ?1`, key(id))
			return id
		}},
		"a resident who is waited for without end": {ledger.EndlessWait, func(f *family, _, asked, _, _ casework.CaseID) casework.CaseID {
			f.exec(`UPDATE cases SET doc = REPLACE(doc, '"status":"running"', '"status":"idle"') WHERE n = ?1`, key(asked))
			f.exec(`DELETE FROM timers WHERE n = ?1`, key(asked))
			return asked
		}},
		"a parent that closed": {ledger.ClosedOverChild, func(f *family, _, _, waiting, task casework.CaseID) casework.CaseID {
			f.exec(`UPDATE cases SET is_open = 0 WHERE n = ?1`, key(waiting))
			f.exec(`DELETE FROM timers WHERE n = ?1`, key(waiting))
			return task
		}},
		"an answer whose notice died": {ledger.UnsentAnswer, func(f *family, _, _, _, _ casework.CaseID) casework.CaseID {
			id := f.file("matter")
			f.act(id, "close", "outcome", "good")
			f.exec(notice, "x", fmt.Sprintf(`{"case":%q,"seq":2,"n":0}`, id), int64(1))
			f.exec(notice, "y", fmt.Sprintf(`{"case":%q,"seq":2,"n":1}`, id), int64(0)) // the same case once
			f.exec(notice, "z", fmt.Sprintf(`{"case":%q,"seq":1,"n":0}`, id), int64(1)) // no answer
			f.set(dbtest.Start.Add(2 * time.Hour))
			return id
		}},
		"a timer that was lost": {ledger.ClockWithoutTimer, func(f *family, id, _, _, _ casework.CaseID) casework.CaseID {
			f.exec(`DELETE FROM timers WHERE n = ?1 AND clock = 'term'`, key(id))
			return id
		}},
		"a timer at another date": {ledger.ClockWithoutTimer, func(f *family, id, _, _, _ casework.CaseID) casework.CaseID {
			f.exec(`UPDATE timers SET fires_at = fires_at + 1 WHERE n = ?1 AND clock = 'term'`, key(id))
			return id
		}},
		"an alert that was lost": {ledger.ClockWithoutTimer, func(f *family, id, _, _, _ casework.CaseID) casework.CaseID {
			f.exec(`DELETE FROM timers WHERE n = ?1 AND clock = 'term~'`, key(id))
			return id
		}},
		"a timer of no clock": {ledger.TimerWithoutClock, func(f *family, id, _, _, _ casework.CaseID) casework.CaseID {
			f.exec(`INSERT INTO timers (n, clock, fires_at, prio, lease_until) VALUES (?1, 'ghost', 1, 0, 0)`, key(id))
			return id
		}},
		"a timer of a closed case": {ledger.TimerWithoutClock, func(f *family, _, _, _, _ casework.CaseID) casework.CaseID {
			id := f.file("matter")
			f.act(id, "close", "outcome", "good")
			f.exec(`INSERT INTO timers (n, clock, fires_at, prio, lease_until) VALUES (?1, 'term', 1, 0, 0)`, key(id))
			return id
		}},
		"a date of another calendar": {ledger.OldCalendar, func(f *family, id, _, _, _ casework.CaseID) casework.CaseID {
			f.exec(`UPDATE cases SET doc = REPLACE(doc, '"calendar":"plain@1"', '"calendar":"plain@0"') WHERE n = ?1`, key(id))
			return id
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // making a database costs more than the test
			eachQueued(t, func(t *testing.T, f *family) {
				id, asked, waiting := f.file("matter"), f.file("matter"), f.file("matter")
				f.act(id, "assign")
				f.act(asked, "question")
				f.act(waiting, "ask_task")
				f.file("secret")
				if got := f.broken(f.beyond()); len(got) > 0 {
					t.Fatalf("before anything was broken: %v", got)
				}
				spoilt, err := f.r.ByID(t.Context(), authz.Machine().Scope(), test.spoil(f, id, asked, waiting, f.child(waiting, "task").Case))
				if err != nil {
					t.Fatal(err)
				}
				bad := spoilt.Ref
				got := f.broken(f.beyond())
				if test.invariant == ledger.EndlessWait { // nothing is due there either
					if !slices.Equal(got[ledger.Unowned], []casework.Ref{bad}) {
						t.Errorf("found %v", got)
					}
					delete(got, ledger.Unowned)
				}
				if len(got) != 1 || !slices.Equal(got[test.invariant], []casework.Ref{bad}) {
					t.Errorf("found %v, want only %s in %s", got, bad, test.invariant)
				}
			})
		})
	}
}

func Test_an_answer_is_not_unsent_before_its_notice_could_leave(t *testing.T) {
	eachQueued(t, func(t *testing.T, f *family) {
		id := f.file("matter")
		f.act(id, "close", "outcome", "good")
		f.exec(`INSERT INTO jobs (id, kind, key, payload, run_at, prio, max_attempts) VALUES ('x', 'notice', 'x', ?1, 0, 0, 1)`, fmt.Sprintf(`{"case":%q,"seq":2,"n":0}`, id))
		if got := f.broken(f.beyond()); len(got) > 0 {
			t.Errorf("at once: %v", got)
		}
		f.set(dbtest.Start.Add(time.Hour))
		if got := f.broken(f.beyond()); len(got[ledger.UnsentAnswer]) != 1 {
			t.Errorf("after its patience: %v", got)
		}
	})
}

func Test_a_survey_walks_many_pages_and_names_fifty(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		f := newFamily(t, d, set)
		const many = 450
		for range many {
			f.file("matter")
		}
		f.exec(`DELETE FROM timers WHERE clock = 'term'`)
		f.exec(`INSERT INTO timers (n, clock, fires_at, prio, lease_until) VALUES (1, 'before', 1, 0, 0)`)
		f.exec(`INSERT INTO timers (n, clock, fires_at, prio, lease_until) VALUES (?1, 'behind', 1, 0, 0)`, int64(1)<<62)
		var seen []int
		found, err := f.l.Survey(t.Context(), f.beyondPlain(), func(n int) { seen = append(seen, n) })
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(seen, []int{200, 400, 450}) {
			t.Errorf("told %v", seen)
		}
		for _, x := range found {
			want, named := 0, 0
			switch x.Name {
			case ledger.ClockWithoutTimer:
				want, named = many, 50
			case ledger.TimerWithoutClock:
				want, named = 2, 2
			}
			if x.Count != want || len(x.Examples) != named {
				t.Errorf("%s: %d, named %d; want %d and %d", x.Name, x.Count, len(x.Examples), want, named)
			}
		}
		if before, err := f.r.Findings(t.Context()); err != nil || len(before) != 0 {
			t.Errorf("a survey kept %v, %v by itself", before, err)
		}
		for range 2 {
			if err := f.l.Keep(t.Context(), found); err != nil {
				t.Fatal(err)
			}
		}
		kept, err := f.r.Findings(t.Context())
		if err != nil || fmt.Sprint(kept) != fmt.Sprint(found) {
			t.Errorf("kept %v, want %v (%v)", kept, found, err)
		}
	})
}

func (f *family) beyondPlain() ledger.Beyond {
	return ledger.Beyond{Units: f.pack.Units, Calendars: f.pack.CalendarVersions()}
}

func Test_a_unit_that_a_new_pack_does_not_have_leaves_its_cases_unowned(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		f := newFamily(t, d, set)
		ref := f.machine(f.file("matter")).Ref
		smaller, err := org.NewTree([]org.Unit{{ID: "town", Level: org.City, Roles: []string{"officer"}}})
		if err != nil {
			t.Fatal(err)
		}
		b := f.beyondPlain()
		b.Units = smaller
		if got := f.broken(b); !slices.Equal(got[ledger.Unowned], []casework.Ref{ref}) {
			t.Errorf("found %v", got)
		}
	})
}

func Test_a_report_that_waits_for_one_that_does_not_know_of_it_is_found(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := ledgertest.Open(t, d, "../../packs/demo")
		file := func() ledger.Receipt {
			r, err := c.Ledger.Do(t.Context(), authz.Reporter(), casework.Command{Open: &casework.Opening{Unit: "guiyuan", Title: "坑", Text: "坑很深，快来", Category: "road.pavement", Place: casework.Place{Unit: "guiyuan-ganyuan"}}})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		lost := func() (out []casework.Ref) {
			found, err := c.Ledger.Survey(t.Context(), ledger.Beyond{Units: c.Pack.Units}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				if f.Name == ledger.LostLead {
					out = f.Examples
				}
			}
			return out
		}
		lead, second := file(), file()
		officer := authz.Staff("wu", []authz.Grant{{Role: "officer", Unit: "guiyuan"}})
		if _, err := c.Ledger.Do(t.Context(), officer, casework.Command{Case: second.Case, Act: "join", Version: casework.AnyVersion, Fields: map[string]string{"lead": string(lead.Ref)}}); err != nil {
			t.Fatal(err)
		}
		if got := lost(); len(got) > 0 {
			t.Fatalf("before anything was broken: %v", got)
		}
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE cases SET doc = REPLACE(doc, '"group":[', '"lost":[') WHERE n = ?1`, key(lead.Case))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := lost(); !slices.Equal(got, []casework.Ref{second.Ref}) {
			t.Errorf("found %v, want %s", got, second.Ref)
		}
	})
}

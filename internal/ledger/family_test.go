package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// small is the fixture in testdata/family: a matter that opens tasks and hands things over.
var small = sync.OnceValues(func() (*pack.Pack, error) { return pack.LoadFrom(os.DirFS("testdata"), "family", pack.Unsearched()) })

// family is a city of the fixture.
type family struct {
	city
	set func(time.Time)
}

func newFamily(t *testing.T, d *db.DB, set func(time.Time), options ...ledgertest.Option) *family {
	t.Helper()
	p, err := small()
	if err != nil {
		t.Fatal(err)
	}
	town := ledgertest.OpenPack(t, d, p, options...)
	return &family{city{t: t, db: d, l: town.Ledger, r: town.Reader, pack: p}, set}
}

// file opens a matter in Mill Street, or a secret one.
func (f *family) file(category string) casework.CaseID {
	f.t.Helper()
	cmd, err := intake.Command(f.pack, intake.Report{Category: category, Title: "The bridge", Text: "The bridge over the mill race is loose.", Unit: "mill", Source: "web"})
	if err != nil {
		f.t.Fatal(err)
	}
	r, err := f.l.Do(context.Background(), authz.Reporter(), cmd)
	if err != nil {
		f.t.Fatal(err)
	}
	return r.Case
}

// command is an act by somebody of the unit that the act asks for.
func command(id casework.CaseID, act string, fields ...string) casework.Command {
	cmd := casework.Command{Case: id, Version: casework.AnyVersion, Act: act}
	for i := 0; i < len(fields); i += 2 {
		if cmd.Fields == nil {
			cmd.Fields = map[string]string{}
		}
		cmd.Fields[fields[i]] = fields[i+1]
	}
	return cmd
}

func staffOf(unit org.UnitID) authz.Actor {
	return authz.Staff("of-"+string(unit), []authz.Grant{{Role: "officer", Unit: unit}, {Role: "head", Unit: unit}, {Role: "clerk", Unit: unit}})
}

// try does an act in the name of the unit that holds the case.
func (f *family) try(id casework.CaseID, act string, fields ...string) error {
	_, err := f.l.Do(context.Background(), staffOf(f.machine(id).Holder), command(id, act, fields...))
	return err
}

func (f *family) act(id casework.CaseID, act string, fields ...string) {
	f.t.Helper()
	if err := f.try(id, act, fields...); err != nil {
		f.t.Fatalf("%s: %v", act, err)
	}
}

// resident does an act with the case's code.
func (f *family) resident(id casework.CaseID, act string) {
	f.t.Helper()
	if _, err := f.l.Do(context.Background(), authz.Holder(string(id)), command(id, act)); err != nil {
		f.t.Fatalf("%s: %v", act, err)
	}
}

// child is the newest case the parent opened through a link.
func (f *family) child(parent casework.CaseID, link string) casework.Child {
	f.t.Helper()
	children := f.machine(parent).Children
	for _, c := range slices.Backward(children) {
		if c.Link == link {
			return c
		}
	}
	f.t.Fatalf("no child by link %s in %+v", link, children)
	return casework.Child{}
}

// passes lets every timer up to a time run out, each at its own.
func (f *family) passes(until time.Time) {
	f.t.Helper()
	for {
		at, err := f.l.NextTimer(context.Background())
		if err != nil {
			f.t.Fatal(err)
		}
		if at.IsZero() || at.After(until) {
			f.set(until)
			return
		}
		f.set(at)
		if n, err := f.l.RunTimers(context.Background(), 50); err != nil || n == 0 {
			f.t.Fatalf("a timer is due and does not run: %d, %v", n, err)
		}
	}
}

func rule(err error) string {
	var no *casework.Refusal
	if errors.As(err, &no) {
		return no.Rule
	}
	return fmt.Sprint(err)
}

func eachFamily(t *testing.T, run func(t *testing.T, f *family)) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) { run(t, newFamily(t, d, set)) })
}

func Test_a_case_cannot_close_over_an_open_child_and_goes_on_when_it_ends(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("matter")
		f.act(id, "ask_task", "reason", "look at the bolts")
		task := f.child(id, "task")
		kid := f.machine(task.Case)
		if kid.Holder != "east-works" || kid.Title != "The bridge" || kid.Intake["reason"] != "look at the bolts" || kid.Text == f.machine(id).Text || kid.Contact != (casework.Contact{}) {
			t.Errorf("the link carries title and reason to the works of the district, and nothing more: %+v", kid)
		}
		if kid.Parent == nil || kid.Parent.Case != id || kid.Parent.Link != "task" || !task.Open || task.Ref != kid.Ref {
			t.Errorf("the two do not know each other: %+v, %+v", kid.Parent, task)
		}
		if r := rule(f.try(id, "close", "outcome", "good")); r != "act.child_open" {
			t.Errorf("closing over an open child gave %s", r)
		}
		f.act(task.Case, "finish", "outcome", "good")
		parent := f.machine(id)
		if parent.State != "open" || parent.Children[0].Open || parent.Children[0].Outcome != "good" || f.count(id, "task_heard") != 1 {
			t.Errorf("the parent did not hear: state %s, %+v, events %v", parent.State, parent.Children, f.kinds(id))
		}
		events, _ := f.r.Events(t.Context(), id)
		heard := events[len(events)-1]
		kidEnd, _ := f.r.Events(t.Context(), task.Case)
		if !heard.At.Equal(kidEnd[len(kidEnd)-1].At) || heard.By.Role != string(authz.System) || heard.By.Unit != "east-works" {
			t.Errorf("heard %+v", heard)
		}
		f.act(id, "close", "outcome", "good")
		f.whole()
	})
}

func Test_an_outcome_that_no_act_answers_is_noted_in_the_record(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("matter")
		f.act(id, "ask_side", "unit", "west")
		side := f.child(id, "side")
		if k := f.machine(side.Case); k.Holder != "west" {
			t.Errorf("held by %s", k.Holder)
		}
		f.act(side.Case, "finish", "outcome", "good")
		if f.count(id, "child.ended") != 1 || f.machine(id).Children[0].Outcome != "good" || f.machine(id).State != "open" {
			t.Errorf("events %v", f.kinds(id))
		}
		f.whole()
	})
}

func Test_a_recall_ends_children_and_grandchildren_and_none_of_them_reports_back(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("matter")
		f.act(id, "ask_side", "unit", "west")
		f.act(id, "ask_task")
		task := f.child(id, "task")
		f.act(task.Case, "divide")
		f.act(task.Case, "divide")
		done := f.machine(task.Case).Children[0].Case
		f.act(done, "finish", "outcome", "good") // one grandchild has ended by itself before
		before := f.kinds(task.Case)
		f.resident(id, "withdraw")
		parent := f.machine(id)
		if parent.State != "over" || slices.ContainsFunc(parent.Children, func(c casework.Child) bool { return c.Open || c.Outcome != casework.Recalled }) {
			t.Errorf("state %s, children %+v", parent.State, parent.Children)
		}
		for _, k := range []casework.CaseID{task.Case, f.child(id, "side").Case, f.machine(task.Case).Children[1].Case} {
			if c := f.machine(k); c.Closed.IsZero() || f.count(k, "recalled") != 1 {
				t.Errorf("case %s stands in %s: %v", c.Ref, c.State, f.kinds(k))
			}
		}
		if f.count(done, "recalled") != 0 || f.machine(task.Case).Children[0].Outcome != "good" {
			t.Error("the grandchild that had ended was recalled too")
		}
		if n := f.count(id, "child.ended") + f.count(id, "task_heard"); n != 0 {
			t.Errorf("recalled children reported back: %v", f.kinds(id))
		}
		if after := f.kinds(task.Case); len(after) != len(before)+1 {
			t.Errorf("the task's record grew from %v to %v; want one recall", before, after)
		}
		f.whole()
	})
}

func Test_a_parent_that_takes_its_task_back_goes_on_and_may_ask_again(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("matter")
		f.act(id, "ask_task")
		first := f.child(id, "task")
		f.act(id, "take_back")
		if r := rule(f.try(first.Case, "finish", "outcome", "good")); r != "act.state" {
			t.Errorf("the recalled task could still be finished: %s", r)
		}
		f.act(id, "ask_task")
		second := f.child(id, "task")
		f.act(second.Case, "finish", "outcome", "bad")
		if f.count(id, "task_heard") != 1 || f.machine(id).State != "open" {
			t.Errorf("events %v", f.kinds(id))
		}
		f.whole()
	})
}

func Test_nobody_waits_for_what_was_handed_over(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("matter")
		f.act(id, "hand_over", "unit", "west")
		other := f.child(id, "advice")
		if k := f.machine(other.Case); k.Text != f.machine(id).Text || k.Title == f.machine(id).Title || k.Parent.Kind != procedure.Referral {
			t.Errorf("the referral carries the text: %+v", k)
		}
		f.act(id, "close", "outcome", "bad")
		if k := f.machine(other.Case); !k.Closed.IsZero() {
			t.Error("what was handed over ended with the case it came from")
		}
		seq := f.machine(id).Seq
		f.act(other.Case, "finish", "outcome", "good")
		now := f.machine(id)
		if now.Seq != seq+1 || f.count(id, "child.ended") != 1 || now.State != "over" {
			t.Errorf("the closed case keeps a line in its record, and nothing else: %v", f.kinds(id))
		}
		f.whole()
	})
}

// torn hands out definitions of the pack, some of them spoiled.
type torn struct {
	*pack.Registry
	spoil func(id string, d procedure.Definition) (*procedure.Definition, error)
}

func (b torn) Definition(digest, id string) (*procedure.Definition, error) {
	d, err := b.Registry.Definition(digest, id)
	if err != nil {
		return nil, err
	}
	return b.spoil(id, *d)
}

func Test_what_fails_in_the_opening_of_a_child_undoes_the_act_of_its_parent(t *testing.T) {
	calls := 0
	for name, spoil := range map[string]func(id string, d procedure.Definition) (*procedure.Definition, error){
		"its procedure cannot be found": func(id string, d procedure.Definition) (*procedure.Definition, error) {
			if id == "task" {
				return nil, errCut
			}
			return &d, nil
		},
		"its procedure cannot be found a second time": func(id string, d procedure.Definition) (*procedure.Definition, error) {
			if id == "task" {
				if calls++; calls%2 == 0 {
					return nil, errCut
				}
			}
			return &d, nil
		},
		"it asks what the link does not carry": func(id string, d procedure.Definition) (*procedure.Definition, error) {
			if id == "task" {
				d.Intake = []form.Field{{Name: "missing", Kind: form.Text, Required: true}}
			}
			return &d, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
				p, err := small()
				if err != nil {
					t.Fatal(err)
				}
				broken := true
				f := newFamily(t, d, set, func(o *ledger.Config) {
					o.Definitions = torn{pack.NewRegistry(p), func(id string, d procedure.Definition) (*procedure.Definition, error) {
						if !broken {
							return &d, nil
						}
						return spoil(id, d)
					}}
				})
				id := f.file("matter")
				if err := f.try(id, "ask_task"); err == nil {
					t.Fatal("the act went through")
				}
				k := f.machine(id)
				if k.Seq != 1 || k.State != "open" || len(k.Children) > 0 {
					t.Errorf("something of the act is left: %+v", k)
				}
				f.counts(map[string]int{"cases": 1, "events": 1})
				f.whole()
				broken = false
				f.act(id, "ask_task")
				f.counts(map[string]int{"cases": 2, "events": 3})
				f.whole()
			})
		})
	}
}

func Test_a_commit_that_failed_leaves_no_half_family(t *testing.T) {
	hooks := map[string]func(commit func() error) error{
		"and stored nothing":        func(func() error) error { return errCut },
		"after everything was kept": func(commit func() error) error { return errors.Join(commit(), errCut) },
	}
	for name, hook := range hooks {
		t.Run(name, func(t *testing.T) {
			eachFamily(t, func(t *testing.T, f *family) {
				tries := 0
				f.drawAhead()
				cut := func(id casework.CaseID, who authz.Actor, act string, fields ...string) {
					t.Helper()
					cmd := command(id, act, fields...)
					tries++
					cmd.Key = fmt.Sprint(act, tries)
					f.db.InterceptCommit(hook)
					_, err := f.l.Do(t.Context(), who, cmd)
					f.db.InterceptCommit(nil)
					if !errors.Is(err, errCut) {
						t.Fatalf("%s: the first try gave %v", act, err)
					}
					f.whole()
					r, err := f.l.Do(t.Context(), who, cmd)
					if err != nil || r.Replayed != (name == "after everything was kept") {
						t.Fatalf("%s again: %+v, %v", act, r, err)
					}
					f.whole()
				}
				id := f.file("matter")
				cut(id, staffOf("mill"), "ask_task")
				task := f.child(id, "task")
				f.counts(map[string]int{"cases": 2, "events": 3})
				cut(task.Case, staffOf("east-works"), "divide")
				part := f.child(task.Case, "part")
				cut(part.Case, staffOf("east-works"), "finish", "outcome", "good") // told to its parent
				cut(task.Case, staffOf("east-works"), "divide")
				cut(task.Case, staffOf("east-works"), "divide")
				cut(id, authz.Holder(string(id)), "withdraw") // ends the task and two of its parts
				f.counts(map[string]int{"cases": 5})
				if n := f.count(task.Case, "recalled"); n != 1 {
					t.Errorf("the task was recalled %d times", n)
				}
			})
		})
	}
}

func Test_a_child_that_ends_while_its_parent_is_acted_on_loses_nothing(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		other := newFamily(t, f.db, f.set) // to the database a second node
		const rounds = 12
		id := f.file("matter")
		for i := range rounds {
			f.act(id, "ask_side", "unit", "west")
			side := f.child(id, "side").Case
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := f.try(side, "finish", "outcome", "good"); err != nil {
					t.Errorf("round %d: the child: %v", i, err)
				}
			})
			wg.Go(func() {
				cmd := casework.Command{Case: id, Version: casework.AnyVersion, Note: &casework.Note{Text: fmt.Sprint(i)}}
				if _, err := other.l.Do(context.Background(), staffOf("mill"), cmd); err != nil {
					t.Errorf("round %d: the note: %v", i, err)
				}
			})
			wg.Wait()
		}
		if notes, heard := f.count(id, "noted"), f.count(id, "child.ended"); notes != rounds || heard != rounds {
			t.Errorf("%d notes and %d ended children, want %d of each", notes, heard, rounds)
		}
		if k := f.machine(id); k.Seq != 1+3*rounds || slices.ContainsFunc(k.Children, func(c casework.Child) bool { return c.Open }) {
			t.Errorf("%d events, children %+v", k.Seq, k.Children)
		}
		f.whole()
	})
}

func Test_one_of_a_recall_and_an_end_of_a_child_wins_on_two_nodes(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		other := newFamily(t, f.db, f.set)
		for range 8 {
			id := f.file("matter")
			f.act(id, "ask_task")
			task := f.child(id, "task").Case
			var wg sync.WaitGroup
			var ended, taken error
			wg.Go(func() { ended = f.try(task, "finish", "outcome", "good") })
			wg.Go(func() { taken = other.try(id, "take_back") })
			wg.Wait()
			if (ended == nil) == (taken == nil) {
				t.Errorf("finishing gave %v, taking back %v; want one of them to be refused", ended, taken)
			}
			for _, err := range []error{ended, taken} {
				if r := rule(err); err != nil && r != "act.state" {
					t.Errorf("refused by %s", r)
				}
			}
			if heard, recalled := f.count(id, "task_heard"), f.count(task, "recalled"); heard+recalled != 1 {
				t.Errorf("heard %d times, recalled %d times", heard, recalled)
			}
		}
		f.whole()
	})
}

// sees says in which ways a person of one unit meets a case.
func (f *family) sees(unit org.UnitID, id casework.CaseID) string {
	f.t.Helper()
	ctx := context.Background()
	in := staffOf(unit).Scope()
	k := f.machine(id)
	var ways []string
	find := func(way string, filter ledger.Filter) {
		page, err := f.r.Worklist(ctx, in, filter)
		if err != nil {
			f.t.Fatal(err)
		}
		if slices.ContainsFunc(page.Items, func(i ledger.Item) bool { return i.ID == id }) {
			ways = append(ways, way)
		}
	}
	find("list", ledger.Filter{})
	find("own list", ledger.Filter{Unit: unit})
	for _, below := range f.pack.Units.All() {
		if below != unit && f.pack.Units.Under(unit, below) {
			find("list of "+string(below), ledger.Filter{Unit: below})
		}
	}
	find("state", ledger.Filter{States: []string{k.State, "waiting"}})
	find("newest", ledger.Filter{Sort: "-opened"})
	find("number", ledger.Filter{Words: []ledger.Word{{Text: string(k.Ref)}}, Both: true})
	find("words", ledger.Filter{Words: []ledger.Word{{Text: "bridge mill"}}, Both: true})
	if k.Assignee != "" {
		find("assignee", ledger.Filter{Assignee: k.Assignee})
	}
	if _, err := f.r.Case(ctx, in, string(k.Ref)); err == nil {
		ways = append(ways, "ref")
	}
	if _, err := f.r.ByID(ctx, in, id); err == nil {
		ways = append(ways, "id")
	}
	if counts, err := f.r.Counts(ctx, in, unit, dbtest.Start.AddDate(1, 0, 0)); err != nil {
		f.t.Fatal(err)
	} else if counts.Open > 0 || counts.Today > 0 || len(counts.ByState) > 0 || slices.ContainsFunc(counts.ByUnit, func(u ledger.UnitCount) bool { return u.Open > 0 }) {
		ways = append(ways, "figures")
	}
	strip, err := f.r.Strip(ctx, in, ledger.Filter{}, []time.Time{dbtest.Start.AddDate(-1, 0, 0), dbtest.Start.AddDate(1, 0, 0)}, 10)
	if err != nil {
		f.t.Fatal(err)
	}
	if strip[0] > 0 {
		ways = append(ways, "strip")
	}
	if _, err := f.l.Do(ctx, staffOf(unit), casework.Command{Case: id, Version: casework.AnyVersion, Note: &casework.Note{Text: "x"}}); err == nil {
		ways = append(ways, "note")
	}
	return strings.Join(ways, ", ")
}

// allSealed is every way to a sealed case; words never find it.
const allSealed = "list, own list, state, newest, number, assignee, ref, id, figures, strip, note"

// only checks that the units named meet the case in the ways given, and all others in none.
func (f *family) only(id casework.CaseID, ways string, units ...org.UnitID) {
	f.t.Helper()
	for _, u := range f.pack.Units.All() {
		want := ""
		if slices.Contains(units, u) {
			want = ways
		}
		if got := f.sees(u, id); got != want {
			f.t.Errorf("%s meets the case by %q, want %q", u, got, want)
		}
	}
}

func Test_a_sealed_case_exists_for_the_unit_it_is_sealed_to_and_for_nobody_else(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("secret")
		if k := f.machine(id); k.Holder != "east-law" || k.Sealed != "east-law" {
			t.Fatalf("held by %s, sealed to %q", k.Holder, k.Sealed)
		}
		f.act(id, "assign")
		f.only(id, allSealed, "east-law")
		f.whole()
		// Its term runs out: it goes to the law department of the town, and the seal with it.
		f.passes(dbtest.Start.AddDate(0, 0, 15))
		if k := f.machine(id); k.Holder != "town-law" || k.Sealed != "town-law" || k.Raised != 1 {
			t.Fatalf("after the term: held by %s, sealed to %q", k.Holder, k.Sealed)
		}
		f.only(id, strings.Replace(allSealed, "assignee, ", "", 1), "town-law")
		f.whole()
		f.act(id, "assign")
		f.act(id, "close", "outcome", "good")
		page, err := f.r.Worklist(t.Context(), staffOf("town-law").Scope(), ledger.Filter{Closed: true})
		if err != nil || len(page.Items) != 1 {
			t.Errorf("the closed case: %+v, %v", page, err)
		}
		page, err = f.r.Worklist(t.Context(), staffOf("town").Scope(), ledger.Filter{Closed: true, Unit: "town-law"})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("the town finds the closed case in the list of its department: %+v, %v", page, err)
		}
		f.whole()
	})
}

func Test_a_case_that_is_sealed_later_leaves_every_list_it_stood_in(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("matter")
		f.act(id, "assign")
		plain := "list, own list, state, newest, number, words, assignee, ref, id, figures, strip, note"
		if got := f.sees("mill", id); got != plain {
			t.Errorf("before the seal Mill Street meets it by %q", got)
		}
		if got := f.sees("town", id); !strings.Contains(got, "list of mill") || !strings.Contains(got, "words") {
			t.Errorf("before the seal the town meets it by %q", got)
		}
		f.act(id, "invite", "unit", "west")
		f.act(id, "send")
		f.act(id, "assign")
		f.only(id, allSealed, "east-law") // a unit that had joined does not read it any more
		f.whole()
	})
}

func Test_what_a_sealed_case_opens_is_sealed_too(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("secret")
		f.act(id, "ask_task")
		task := f.child(id, "task").Case
		f.act(id, "ask_side", "unit", "west")
		side := f.child(id, "side").Case
		for k, unit := range map[casework.CaseID]org.UnitID{task: "east-works", side: "west"} {
			if c := f.machine(k); c.Sealed != unit {
				t.Errorf("the child at %s is sealed to %q", unit, c.Sealed)
			}
		}
		for _, above := range []org.UnitID{"town", "east", "east-law", "mill"} {
			if _, err := f.r.ByID(t.Context(), staffOf(above).Scope(), task); !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("%s reads the task: %v", above, err)
			}
		}
		f.act(task, "finish", "outcome", "good")
		if f.count(id, "task_heard") != 1 {
			t.Error("the sealed parent did not hear")
		}
		f.whole()
	})
}

func Test_joint_units_read_and_list_a_case_while_they_take_part(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("matter")
		if got := f.sees("west", id); got != "" {
			t.Errorf("before: %q", got)
		}
		f.act(id, "invite", "unit", "west")
		if r := rule(f.try(id, "invite", "unit", "west")); r != "form.invalid" {
			t.Errorf("a unit joined twice: %s", r)
		}
		if got := f.sees("west", id); got != "list, own list, state, newest, number, words, ref, id, figures, strip, note" {
			t.Errorf("joined: %q", got)
		}
		if _, err := f.l.Do(t.Context(), staffOf("west"), command(id, "remark")); err != nil {
			t.Errorf("a joint unit's own act: %v", err)
		}
		if _, err := f.l.Do(t.Context(), staffOf("west"), command(id, "close", "outcome", "good")); rule(err) != "actor.forbidden" {
			t.Errorf("a joint unit closed the case: %v", err)
		}
		f.whole()
		f.act(id, "release", "unit", "west")
		if got := f.sees("west", id); got != "" {
			t.Errorf("released: %q", got)
		}
		if _, err := f.l.Do(t.Context(), staffOf("west"), command(id, "remark")); rule(err) != "case.unknown" {
			t.Errorf("a released unit acted: %v", err)
		}
		f.whole()
	})
}

// alerts tells when the holder was told that a date comes near.
func (f *family) alerts(id casework.CaseID) (out []string) {
	f.t.Helper()
	events, err := f.r.Events(context.Background(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range events {
		if e.Alert != "" {
			out = append(out, e.At.In(f.pack.Zone).Format("01-02 15:04"))
			if len(e.Notices) != 1 || e.Notices[0].Unit != e.Holder || e.Notices[0].Template != "near" {
				f.t.Errorf("the alert orders %+v", e.Notices)
			}
		}
	}
	return out
}

func Test_alerts_fire_once_each(t *testing.T) {
	day := func(n int) time.Time { return dbtest.Start.AddDate(0, 0, n) }
	// Opened Monday 2 March 2026: ten working days end on Monday the 16th. Five days before is the
	// 11th, one day before the 15th, both at nine, when the office opens.
	for name, test := range map[string]struct {
		play func(f *family, id casework.CaseID)
		want []string
	}{
		"and again for the next day": {func(f *family, id casework.CaseID) {}, []string{"03-11 09:00", "03-15 09:00"}},
		"also when the program starts again in between": {func(f *family, id casework.CaseID) {
			f.passes(day(9).Add(time.Hour))
			f.l.Close()
			f.l = newFamily(f.t, f.db, f.set).l
		}, []string{"03-11 09:00", "03-15 09:00"}},
		"and not after the clock has stopped": {func(f *family, id casework.CaseID) {
			f.passes(day(10))
			f.act(id, "close", "outcome", "good")
		}, []string{"03-11 09:00"}},
		// Five days more end on Monday the 23rd: alerts on the 18th and the 22nd.
		"and are moved by an extension": {func(f *family, id casework.CaseID) {
			f.passes(day(1))
			f.act(id, "extend", "days", "5", "reason", "frost")
		}, []string{"03-18 09:00", "03-22 09:00"}},
		// The first has gone out when five days more are given; both come again before the new date.
		"also those that were sent before it": {func(f *family, id casework.CaseID) {
			f.passes(day(10))
			f.act(id, "extend", "days", "5", "reason", "frost")
		}, []string{"03-11 09:00", "03-18 09:00", "03-22 09:00"}},
		// Asked on Tuesday the 3rd and answered on Thursday the 5th: two days were lost, so the term ends
		// on Wednesday the 18th, and the alerts come on the 13th and the 17th.
		"and are moved by a pause": {func(f *family, id casework.CaseID) {
			f.passes(day(1))
			f.act(id, "question")
			f.passes(day(3))
			f.resident(id, "reply")
		}, []string{"03-13 09:00", "03-17 09:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachFamily(t, func(t *testing.T, f *family) {
				id := f.file("matter")
				test.play(f, id)
				f.whole()
				k := f.machine(id)
				end, ok := k.Clock("term")
				if ok && end.Running() {
					f.passes(end.Due.Add(-time.Minute))
				} else {
					f.passes(day(20))
				}
				if got := f.alerts(id); !slices.Equal(got, test.want) {
					t.Errorf("alerts at %v, want %v", got, test.want)
				}
				f.whole()
			})
		})
	}
}

func Test_an_alert_does_not_come_while_the_clock_stands_still(t *testing.T) {
	eachFamily(t, func(t *testing.T, f *family) {
		id := f.file("matter")
		f.passes(dbtest.Start.AddDate(0, 0, 8))
		f.act(id, "question") // asked on the 10th; nobody replies until the 17th, five working days later
		f.passes(dbtest.Start.AddDate(0, 0, 15))
		if got := f.alerts(id); len(got) > 0 {
			t.Errorf("alerts at %v while the term stood still", got)
		}
		f.whole()
	})
}

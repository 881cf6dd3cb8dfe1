package casework_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/enough"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// where the random people of the test work: one line of command, a bureau beside it, another district.
var where = []org.UnitID{"guiyuan-ganyuan", "guiyuan", "binjiang", "linjiang", "binjiang-sanitation", "donghu-sanitation"}

// life is one case on which random people do random things.
type life struct {
	t      *rapid.T
	d      *procedure.Definition
	c      casework.Case
	events []casework.Event
	now    time.Time
	done   int
	known  *procedure.Reached // every situation the model checker visited
}

func Test_whatever_anybody_does_a_case_stays_inside_its_definition(t *testing.T) {
	p, err := pack.LoadFrom(os.DirFS("../../packs"), "demo", pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	anywhere := *p.Procedures["service-request"]
	anywhere.Begins = nil // the test files at units that no category leads to
	known, ok := procedure.Explore(&anywhere)
	if !ok {
		t.Fatal("the procedure is too large to be explored")
	}
	finals := map[string]bool{}
	enough.Check(t, []string{"an act", "three states at the end"}, func(t *rapid.T, met func(string)) {
		l := &life{t: t, known: known, d: p.Procedures["service-request"], now: time.Date(2026, 2, 10, 1, 0, 0, 0, time.UTC)}
		l.open()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			l.now = l.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 30, 300, 1500, 3000, 20000}).Draw(t, "minutes")) * time.Minute)
			l.step()
		}
		l.replay()
		if l.done > 0 {
			met("an act")
		}
		if finals[l.c.State] = true; len(finals) >= 3 {
			met("three states at the end")
		}
	})
}

func (l *life) open() {
	o := &casework.Opening{ID: "k1", Ref: "SR-1", Pack: "p", Unit: rapid.SampledFrom(where).Draw(l.t, "unit"), Title: "t", Text: "t",
		Category: rapid.SampledFrom([]string{"waste.heap", "hazard.manhole", "hazard.gas"}).Draw(l.t, "category")}
	if rapid.Bool().Draw(l.t, "contact") {
		o.Contact = casework.Contact{Channel: "mail", Address: "li@example.org"}
	}
	l.do(casework.Command{Open: o}, authz.Reporter())
	if l.c.ID != "k1" || l.c.State != l.d.Start {
		l.t.Fatalf("a plain report was not opened: %+v", l.c)
	}
}

func (l *life) step() {
	switch rapid.IntRange(0, 9).Draw(l.t, "what") {
	case 0, 1, 2:
		if len(l.c.Clocks) > 0 {
			k := rapid.SampledFrom(l.c.Clocks).Draw(l.t, "clock")
			due := k.Due
			if rapid.IntRange(0, 9).Draw(l.t, "wrong date") == 0 {
				due = due.Add(time.Second)
			}
			if k.Running() && l.now.Before(k.Due) && rapid.Bool().Draw(l.t, "wait") {
				l.now = k.Due
			}
			l.do(casework.Command{Case: l.c.ID, Version: casework.AnyVersion, Tick: &casework.Tick{Clock: k.ID, Due: due}}, authz.Machine())
		}
	case 3:
		l.do(casework.Command{Case: l.c.ID, Version: l.version(), Note: &casework.Note{Text: rapid.SampledFrom([]string{"", "x", "\x00", "长"}).Draw(l.t, "note")}}, l.who())
	case 4:
		l.do(casework.Command{Case: l.c.ID, Version: casework.AnyVersion, Sent: &casework.Sent{Seq: 1, Template: "received", To: "resident"}}, l.who())
	default:
		a := rapid.SampledFrom(l.usual()).Draw(l.t, "act")
		l.do(casework.Command{Case: l.c.ID, Version: l.version(), Act: a.ID, Fields: l.fields(&a)}, l.fitting(&a))
	}
}

// usual prefers acts that fit the state, so that cases get somewhere; one in three is any act.
func (l *life) usual() []procedure.Act {
	if rapid.IntRange(0, 2).Draw(l.t, "any act") == 0 {
		return l.d.Acts
	}
	var out []procedure.Act
	for _, a := range l.d.Acts {
		if slices.Contains(a.From, l.c.State) {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return l.d.Acts
	}
	return out
}

func (l *life) version() int {
	return rapid.SampledFrom([]int{l.c.Seq, l.c.Seq, l.c.Version, casework.AnyVersion, l.c.Seq - 1, l.c.Seq + 1}).Draw(l.t, "version")
}

func (l *life) who() authz.Actor {
	name := rapid.SampledFrom([]string{"zhou", "chen", "fu", "he"}).Draw(l.t, "name")
	return rapid.SampledFrom([]authz.Actor{{}, authz.Reporter(), authz.Holder("k1"), authz.Holder("k2"), authz.Machine(), authz.History("import"), // history may tell of anybody; that its account is no officer of the case is the importer's to see to

		authz.Staff(name, []authz.Grant{{Role: rapid.SampledFrom([]authz.Role{"clerk", "officer", "head", "mayor", authz.System}).Draw(l.t, "role"), Unit: rapid.SampledFrom(where).Draw(l.t, "at")}})}).Draw(l.t, "who")
}

// fitting is mostly somebody who may do the act.
func (l *life) fitting(a *procedure.Act) authz.Actor {
	if rapid.IntRange(0, 3).Draw(l.t, "anybody") == 0 {
		return l.who()
	}
	unit := l.c.Holder
	if a.Of == procedure.OfOffered {
		unit = l.c.Offered
	}
	if up, ok := l.d.Units.Superior(unit); ok && a.Of == procedure.OfSuperior {
		unit = up
	}
	role := rapid.SampledFrom(a.By).Draw(l.t, "by")
	if role == string(authz.Resident) {
		return authz.Holder("k1")
	}
	return authz.Staff(rapid.SampledFrom([]string{"zhou", "chen", "fu", "he"}).Draw(l.t, "name"), []authz.Grant{{Role: authz.Role(role), Unit: unit}})
}

func (l *life) fields(a *procedure.Act) map[string]string {
	out := map[string]string{}
	for _, f := range a.Fields {
		good := map[form.Kind][]string{
			form.Text: {"12345"}, form.LongText: {"done as asked"}, form.Number: {"1", "2", "5"}, form.Choice: f.Options, form.Outcome: f.Options,
			form.Unit: {"binjiang-sanitation", "donghu-sanitation", "guiyuan"}, form.Officer: {"chen", "he"},
		}[f.Kind]
		v := rapid.SampledFrom(append(good, good[0], good[0])).Draw(l.t, f.Name)
		if rapid.IntRange(0, 19).Draw(l.t, "bad") == 0 {
			v = rapid.SampledFrom([]string{"", "atlantis", "-1", "99", "\x00", "\xff"}).Draw(l.t, "bad value")
		}
		out[f.Name] = v
	}
	if rapid.IntRange(0, 29).Draw(l.t, "extra") == 0 {
		out["surprise"] = "x"
	}
	return out
}

// do carries out one command and checks everything that must hold whatever it was.
func (l *life) do(cmd casework.Command, who authz.Actor) {
	before, fields := clone(l.t, l.c), maps.Clone(cmd.Fields)
	events, err := casework.Decide(l.d, l.c, cmd, who, l.now)
	if !reflect.DeepEqual(clone(l.t, l.c), before) || !maps.Equal(cmd.Fields, fields) {
		l.t.Fatalf("deciding changed the case or the command: %+v", cmd)
	}
	if err != nil {
		var no *casework.Refusal
		if !errors.As(err, &no) || no.Rule == "" || len(events) > 0 {
			l.t.Fatalf("a refusal must be one, and change nothing: %v, %d events", err, len(events))
		}
		if no.Rule == "clock.unheard" {
			l.t.Fatalf("a clock ran out unheard in state %s: %+v", l.c.State, cmd.Tick)
		}
		return
	}
	again, _ := casework.Decide(l.d, l.c, cmd, who, l.now)
	if !reflect.DeepEqual(again, events) {
		l.t.Fatal("deciding twice gives two answers")
	}
	if who.ID() == "" && len(events) > 0 {
		l.t.Fatalf("nobody did something: %+v", cmd)
	}
	for _, e := range events {
		l.moves(e)
		last := l.c
		l.c = casework.Fold(l.c, e)
		l.events = append(l.events, e)
		l.inside(last, e)
		l.done++
	}
}

// inside checks the case after one event against its definition.
func (l *life) inside(last casework.Case, e casework.Event) {
	c := l.c
	if e.Seq != last.Seq+1 || c.Seq != e.Seq || c.Version > c.Seq || e.At.Before(last.Changed) || e.By.Actor == "" || e.Kind == "" {
		l.t.Fatalf("event %d after %d: %+v", e.Seq, last.Seq, e)
	}
	st, ok := l.d.State(c.State)
	if !ok {
		l.t.Fatalf("state %q is not in the definition", c.State)
	}
	if _, ok := l.d.Units.Unit(c.Holder); !ok {
		l.t.Fatalf("held by %q, which is no unit", c.Holder)
	}
	if prev, ok := l.d.State(last.State); ok && prev.Final && last.State != c.State {
		l.t.Fatalf("left the final state %s", last.State)
	}
	if st.Final == c.Closed.IsZero() || (st.Owner == procedure.OwnerOffered) != (c.Offered != "") {
		l.t.Fatalf("state %s, closed %v, offered to %q", c.State, c.Closed, c.Offered)
	}
	if _, ok := l.d.Outcome(c.Outcome); !ok && c.Outcome != "" {
		l.t.Fatalf("outcome %q is not in the definition", c.Outcome)
	}
	if slices.Contains(c.Barred, c.Assignee) || c.Raised < last.Raised || len(c.Barred) < len(last.Barred) || last.Late && !c.Late {
		l.t.Fatalf("barred %v, assigned to %q, raised %d times", c.Barred, c.Assignee, c.Raised)
	}
	running := 0
	for _, k := range c.Clocks {
		if _, ok := l.d.Clock(k.ID); !ok {
			l.t.Fatalf("clock %q is not in the definition", k.ID)
		}
		if k.Running() {
			running++
			if k.Due.IsZero() || k.Due.Before(k.Raw) || k.Due.Before(k.Start) {
				l.t.Fatalf("clock %s runs to %v from %v", k.ID, k.Due, k.Start)
			}
		}
	}
	if !st.Final && running == 0 {
		l.t.Fatalf("nothing bounds the wait in state %s", c.State)
	}
	if l.known != nil {
		l.explored(e)
	}
	for _, a := range l.d.Acts {
		if a.Times > 0 && c.Times[a.ID] > a.Times {
			l.t.Fatalf("act %s was done %d times", a.ID, c.Times[a.ID])
		}
	}
}

// explored: what happens to a case must be what the checker has looked at, since the same Step decides in
// both.
func (l *life) explored(e casework.Event) {
	c := l.c
	withdrawn := slices.ContainsFunc(l.d.Acts, func(a procedure.Act) bool { return a.Withdraw && c.Times[a.ID] > 0 })
	at := procedure.Standing{Holder: c.Holder, Offered: c.Offered, Answered: withdrawn || !c.Answered.IsZero(), Sealed: c.Sealed != ""}
	if ok, what := l.known.Holds(casework.See(l.d, &c), at); !ok {
		l.t.Fatalf("after %s the case is in a situation the checker never met: %s", e.Kind, what)
	}
}

// moves checks that the clocks of an event are what procedure.Moves says: the words the checker reasons in.
func (l *life) moves(e casework.Event) {
	var a *procedure.Act
	if e.Act != "" {
		a, _ = l.d.Act(e.Act)
	}
	from := l.c.State
	if e.Opening == nil && e.Act == "" { // notes and notices
		if len(e.Clocks) > 0 {
			l.t.Fatalf("%s touched clocks", e.Kind)
		}
		return
	}
	want := map[string]string{}
	status := func(id string) procedure.Status {
		k, _ := l.c.Clock(id)
		return map[string]procedure.Status{"running": procedure.Running, "paused": procedure.Paused, "expired": procedure.Expired}[k.Status]
	}
	for _, m := range l.d.Moves(a, e.Kind, from, e.State, e.Expired, status) {
		want[m.Clock] = m.Op.After().String()
	}
	got := map[string]string{}
	for _, k := range e.Clocks {
		got[k.ID] = k.Status
	}
	if !maps.Equal(got, want) {
		l.t.Fatalf("event %s from %s to %s moved clocks to %v, the definition says %v", e.Kind, from, e.State, got, want)
	}
}

// replay folds the events as they come back from the store.
func (l *life) replay() {
	var c casework.Case
	for _, e := range l.events {
		c = casework.Fold(c, clone(l.t, e))
	}
	if !reflect.DeepEqual(clone(l.t, c), clone(l.t, l.c)) {
		l.t.Fatalf("the stored events give another case:\n%+v\n%+v", c, l.c)
	}
}

// clone writes a value down and reads it back: what a store does.
func clone[V any](t *rapid.T, v V) V {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out V
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

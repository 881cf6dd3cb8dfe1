package casework_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// again is the command that an event answered, and who gave it.
func again(c casework.Case, e casework.Event) (casework.Command, authz.Actor) {
	cmd := casework.Command{Case: e.Case, Version: casework.AnyVersion, Fields: maps.Clone(e.Fields), Behalf: e.Behalf}
	for _, f := range e.Files {
		f.Seq = 0
		cmd.Files = append(cmd.Files, f)
	}
	if !e.Recorded.IsZero() {
		cmd.At = e.At
	}
	switch {
	case e.Opening != nil:
		o := *e.Opening
		cmd.Open, cmd.Case = &o, ""
	case e.Expired != "":
		k, _ := c.Clock(e.Expired)
		cmd.Tick = &casework.Tick{Clock: e.Expired, Due: k.Due}
	case e.Alert != "":
		k, _ := c.Clock(e.Alert)
		cmd.Tick = &casework.Tick{Clock: e.Alert, Due: k.Alert, Alert: true}
	case len(e.Recounted) > 0:
		cmd.Recount = true
	case e.Note != nil:
		n := *e.Note
		cmd.Note = &n
	case e.Sent != nil:
		s := *e.Sent
		cmd.Sent = &s
	default:
		cmd.Act = e.Act
	}
	return cmd, actorOf(e)
}

func actorOf(e casework.Event) authz.Actor {
	switch role := authz.Role(e.By.Role); {
	case role == authz.System || e.By.Actor == authz.Machine().ID():
		return authz.Machine()
	case role == authz.Importer || e.By.Actor == authz.History("import").ID():
		return authz.History("import")
	case role == authz.Resident && e.Opening != nil:
		return authz.Reporter()
	case role == authz.Resident:
		return authz.Holder(string(e.Case))
	default:
		return authz.Staff(e.By.Actor, []authz.Grant{{Role: role, Unit: e.By.Unit}})
	}
}

// dates writes the clocks of a case as instants, in whatever zones they are held.
func dates(c casework.Case) (out []string) {
	micro := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return fmt.Sprint(t.UnixMicro())
	}
	for _, k := range c.Clocks {
		line := fmt.Sprint(k.ID, " ", k.Status, " ", micro(k.Start), " ", micro(k.Raw), " ", micro(k.Due), " ", micro(k.Alert), " ", k.Extra, k.Extended, k.Provisional, k.Calendar, k.Rule)
		for _, p := range k.Pauses {
			line += " " + micro(p.From) + " to " + micro(p.To)
		}
		out = append(out, line)
	}
	return out
}

// decideAgain lets the stored events happen anew, shown in a zone, each after what before does.
func (l *life) decideAgain(in *time.Location, before func(c casework.Case, now time.Time) casework.Case) casework.Case {
	var c casework.Case
	for _, e := range l.events {
		e = clone(l.t, e)
		now := e.At
		if !e.Recorded.IsZero() {
			now = e.Recorded
		}
		if c.ID != "" {
			c = before(c, e.At.In(in))
		}
		cmd, who := again(c, e)
		events, err := casework.Decide(l.d, c, cmd, who, now.In(in))
		if err != nil || len(events) != 1 {
			l.t.Fatalf("event %d, %s, cannot happen again: %d events, %v", e.Seq, e.Kind, len(events), err)
		}
		c = casework.Fold(c, clone(l.t, events[0]))
	}
	return c
}

// someLife is a case on which random people did random things.
func someLife(t *rapid.T, d *procedure.Definition) *life {
	l := &life{t: t, d: d, now: time.Date(2026, 2, 10, 1, 0, 0, 0, time.UTC)}
	l.open()
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		l.now = l.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 30, 300, 1500, 3000, 20000}).Draw(t, "minutes")) * time.Minute)
		l.step()
	}
	return l
}

func demoRequest(t *testing.T) *procedure.Definition {
	t.Helper()
	p, err := pack.LoadFrom(os.DirFS("../../packs"), "demo", pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	return p.Procedures["service-request"]
}

func nothing(c casework.Case, _ time.Time) casework.Case { return c }

func Test_the_clocks_of_a_case_are_a_pure_function_of_its_events(t *testing.T) {
	d := demoRequest(t)
	events, lives := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		lives++
		l := someLife(t, d)
		if got, want := dates(l.decideAgain(time.UTC, nothing)), dates(l.c); !slices.Equal(got, want) {
			t.Fatalf("decided anew:\n%q\nstored:\n%q", got, want)
		}
		events += len(l.events)
	})
	if events < 2*lives {
		t.Errorf("only %d events of %d lives happened anew; they are too short to show anything", events, lives)
	}
}

func Test_the_clocks_of_a_case_do_not_depend_on_the_zone_of_the_server(t *testing.T) {
	d := demoRequest(t)
	own := time.Local
	t.Cleanup(func() { time.Local = own })
	rapid.Check(t, func(t *rapid.T) {
		l := someLife(t, d)
		for _, name := range []string{"America/St_Johns", "Pacific/Kiritimati", "Asia/Shanghai"} {
			z, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			time.Local = z
			if got, want := dates(l.decideAgain(z, nothing)), dates(l.c); !slices.Equal(got, want) {
				t.Fatalf("in %s:\n%q\nin UTC:\n%q", name, got, want)
			}
		}
	})
}

func Test_what_has_nothing_to_do_with_the_clocks_does_not_move_them(t *testing.T) {
	d := demoRequest(t)
	rapid.Check(t, func(t *rapid.T) {
		l := someLife(t, d)
		unrelated := []struct {
			cmd casework.Command
			who authz.Actor
		}{
			{casework.Command{Note: &casework.Note{Text: "by the way"}}, authz.Holder("k1")},
			{casework.Command{Files: []casework.File{{SHA256: "x", Name: "x.jpg", Kind: "image/jpeg", Size: 1}}}, authz.Holder("k1")},
			{casework.Command{Sent: &casework.Sent{Seq: 1, Template: "received", To: "resident"}}, authz.Machine()},
			{casework.Command{Recount: true}, authz.Machine()},
		}
		got := l.decideAgain(time.UTC, func(c casework.Case, now time.Time) casework.Case {
			for range rapid.IntRange(0, 2).Draw(t, "between") {
				u := rapid.SampledFrom(unrelated).Draw(t, "unrelated")
				u.cmd.Case, u.cmd.Version = c.ID, casework.AnyVersion
				events, err := casework.Decide(l.d, c, u.cmd, u.who, now)
				if err != nil || u.cmd.Recount && len(events) > 0 {
					t.Fatalf("%+v: %d events, %v", u.cmd, len(events), err)
				}
				for _, e := range events {
					c = casework.Fold(c, e)
				}
			}
			return c
		})
		if got, want := dates(got), dates(l.c); !slices.Equal(got, want) {
			t.Fatalf("with other things in between:\n%q\nwithout:\n%q", got, want)
		}
	})
}

func Test_K9_counting_again_gives_what_counting_from_the_start_gives(t *testing.T) {
	d := demoRequest(t)
	rapid.Check(t, func(t *rapid.T) {
		l := someLife(t, d)
		cal := *d.Calendar
		cal.Version, cal.Off = "next", maps.Clone(cal.Off)
		for range rapid.IntRange(0, 3).Draw(t, "holidays") {
			day := cal.DayAt(l.c.Opened) + worktime.Day(rapid.IntRange(0, 40).Draw(t, "holiday"))
			if _, on := cal.On[day]; !on {
				cal.Off[day] = "new"
			}
		}
		compiled, err := cal.Compile()
		if err != nil {
			t.Fatal(err)
		}
		next := *d
		next.Calendar = compiled
		recount := casework.Command{Case: l.c.ID, Version: casework.AnyVersion, Recount: true}
		events, err := casework.Decide(&next, l.c, recount, authz.Machine(), l.now)
		if err != nil {
			t.Fatal(err)
		}
		live := 0
		for _, k := range l.c.Clocks {
			if k.Running() || k.Status == procedure.Paused.String() {
				live++
			}
		}
		if (len(events) == 1) != (live > 0) {
			t.Fatalf("%d live clocks, %d events", live, len(events))
		}
		for _, e := range events {
			if len(e.Clocks) != live || len(e.Recounted) != live || !e.Quiet() {
				t.Fatalf("%d clocks live, the event names %+v", live, e.Recounted)
			}
			for _, k := range e.Clocks {
				want := k.Rule.Due(compiled, k.Start, k.Pauses, k.Extra)
				if !k.Due.Equal(want.At) || !k.Raw.Equal(want.Raw) || k.Provisional != want.Provisional {
					t.Fatalf("clock %+v, counted from its start %+v", k, want)
				}
			}
			c := casework.Fold(l.c, e)
			if c.Version != l.c.Version || c.State != l.c.State {
				t.Fatalf("the case stands otherwise: %+v", c)
			}
			if more, err := casework.Decide(&next, c, recount, authz.Machine(), l.now); err != nil || len(more) > 0 {
				t.Fatalf("a second count gives %d events, %v", len(more), err)
			}
		}
	})
}

// served is a procedure whose time bar runs from the day a paper was received.
func served(t *testing.T) *procedure.Definition {
	t.Helper()
	units, err := org.NewTree([]org.Unit{{ID: "town", Level: org.City, Roles: []string{"clerk", "head"}}})
	if err != nil {
		t.Fatal(err)
	}
	cal, err := (&worktime.Calendar{ID: "c", Version: "1", Zone: time.FixedZone("+8", 8*3600), Week: [7]bool{1: true, 2: true, 3: true, 4: true, 5: true},
		KnownUntil: worktime.DayOf(2026, 12, 31), Opens: 540, Closes: 1050}).Compile()
	if err != nil {
		t.Fatal(err)
	}
	return &procedure.Definition{ID: "x", Programme: "p", Start: "open", Opening: "opened", Categories: []string{"x"}, Calendar: cal, Units: units,
		States: []procedure.State{{ID: "open", Owner: procedure.OwnerHolder}, {ID: "wait", Owner: procedure.OwnerResident}, {ID: "over", Final: true}},
		Acts: []procedure.Act{
			{ID: "answer", Event: "answered", From: []string{"open"}, By: []string{"clerk"}, Answers: true},
			{ID: "serve", Event: "served", From: []string{"open"}, By: []string{"clerk"}, Proof: true, Fields: []form.Field{{Name: "served_on", Kind: form.Date, Required: true}}},
			{ID: "extend", Event: "extended", From: []string{"open"}, By: []string{"head"}, While: "term", Extends: "term",
				Fields: []form.Field{{Name: "days", Kind: form.Number, Required: true}, {Name: "reason", Kind: form.Text, Required: true}}},
			{ID: "ask", Event: "asked", From: []string{"open"}, To: "wait", By: []string{"clerk"}},
			{ID: "reply", Event: "replied", From: []string{"wait"}, To: "open", By: []string{"resident"}},
			{ID: "close", Event: "closed", From: []string{"open", "wait"}, To: "over", By: []string{"system"}},
		},
		Clocks: []procedure.Clock{
			{ID: "term", Rule: worktime.Rule{N: 30, Unit: worktime.CalendarDays, Roll: worktime.NextWorkingDay}, Start: []string{"opened"}, Extend: procedure.Extend{Max: 30, Times: 1}, Expire: "close", Promise: true},
			{ID: "other", Rule: worktime.Rule{N: 30, Unit: worktime.CalendarDays}, Start: []string{"opened"}, Pause: []string{"wait"}, Expire: "close"},
			{ID: "bar", Rule: worktime.Rule{N: 30, Unit: worktime.CalendarDays, Roll: worktime.NextWorkingDay}, Start: []string{"served"}, From: "served_on", TimeBar: true, Expire: "close"},
		}}
}

// told is one case of it.
type told struct {
	t *testing.T
	d *procedure.Definition
	c casework.Case
}

func (k *told) do(on string, act string, fields ...string) error {
	k.t.Helper()
	now, err := time.ParseInLocation("2006-01-02 15:04", on, k.d.Calendar.Zone)
	if err != nil {
		k.t.Fatal(err)
	}
	cmd, who := casework.Command{Case: k.c.ID, Version: casework.AnyVersion, Act: act, Fields: map[string]string{}}, authz.Staff("z", []authz.Grant{{Role: "clerk", Unit: "town"}, {Role: "head", Unit: "town"}})
	for i := 0; i < len(fields); i += 2 {
		cmd.Fields[fields[i]] = fields[i+1]
	}
	switch act {
	case "open":
		cmd, who = casework.Command{Open: &casework.Opening{ID: "k1", Unit: "town", Title: "t", Text: "t", Category: "x"}}, authz.Reporter()
	case "reply":
		who = authz.Holder("k1")
	}
	events, err := casework.Decide(k.d, k.c, cmd, who, now)
	for _, e := range events {
		k.c = casework.Fold(k.c, e)
	}
	return err
}

func (k *told) must(on string, act string, fields ...string) {
	k.t.Helper()
	if err := k.do(on, act, fields...); err != nil {
		k.t.Fatalf("%s: %v", act, err)
	}
}

func (k *told) due(clock, want string) {
	k.t.Helper()
	w, _ := k.c.Clock(clock)
	got := w.Status
	if w.Running() {
		got = k.d.Calendar.DayAt(w.Due).String()
	}
	if got != want {
		k.t.Errorf("clock %s: %q, want %q", clock, got, want)
	}
}

func (k *told) refused(rule string, err error) {
	k.t.Helper()
	var no *casework.Refusal
	if !errors.As(err, &no) {
		k.t.Errorf("got %v, want the refusal %s", err, rule)
		return
	}
	got := no.Rule
	for _, f := range no.Fields {
		got += " " + f.Field + " " + f.Rule
	}
	if got != rule {
		k.t.Errorf("refused by %q, want %q", got, rule)
	}
}

func Test_K4_a_clock_stands_still_only_where_its_own_rule_says_so(t *testing.T) {
	k := &told{t: t, d: served(t)}
	k.must("2026-03-02 09:00", "open")
	k.must("2026-03-05 09:00", "ask")
	k.due("term", "2026-04-01")
	k.due("other", procedure.Paused.String())
	k.must("2026-03-09 09:00", "reply")
	k.due("term", "2026-04-01")
	k.due("other", "2026-04-05") // four days later: the 5th to the 8th were lost
}

func Test_K5_an_extension_is_given_once_within_its_bounds_before_the_date_and_with_a_reason(t *testing.T) {
	k := &told{t: t, d: served(t)}
	k.must("2026-03-02 09:00", "open")
	k.refused("form.invalid days form.range", k.do("2026-03-03 09:00", "extend", "days", "31", "reason", "x"))
	k.refused("form.invalid reason form.required", k.do("2026-03-03 09:00", "extend", "days", "10"))
	late := *k
	late.refused("act.too_late", late.do("2026-04-02 00:00", "extend", "days", "10", "reason", "x"))
	k.must("2026-04-01 23:00", "extend", "days", "10", "reason", "x")
	k.due("term", "2026-04-13") // the 11th is a Saturday
	k.refused("clock.extended", k.do("2026-04-02 09:00", "extend", "days", "10", "reason", "x"))
}

func Test_K6_the_residents_term_runs_from_proved_service_and_not_from_the_answer(t *testing.T) {
	k := &told{t: t, d: served(t)}
	k.must("2026-03-02 09:00", "open")
	k.must("2026-03-09 09:00", "answer")
	k.due("bar", "") // nothing runs out that nobody has received
	k.refused("form.invalid served_on form.date_future", k.do("2026-03-12 09:00", "serve", "served_on", "2026-03-13"))
	k.refused("form.invalid served_on form.date_before_case opened 2026-03-02", trim(k.do("2026-03-12 09:00", "serve", "served_on", "2026-03-01")))
	k.must("2026-03-12 09:00", "serve", "served_on", "2026-03-10")
	k.due("bar", "2026-04-09") // thirty days from the 10th, on which it was signed for
}

// trim writes what a refusal says about dates behind its rule.
func trim(err error) error {
	var no *casework.Refusal
	if errors.As(err, &no) {
		for i, f := range no.Fields {
			for name, value := range f.Params {
				no.Fields[i].Rule += " " + name + " " + value
			}
		}
	}
	return err
}

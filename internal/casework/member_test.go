package casework_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/enough"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

func each(mark string, values ...string) *procedure.Node {
	return &procedure.Node{Op: procedure.OpAll, Name: mark, List: values}
}

func some(mark string, values ...string) *procedure.Node {
	return &procedure.Node{Op: procedure.OpSome, Name: mark, List: values}
}

func both(list ...*procedure.Node) *procedure.Node {
	out := list[0]
	for _, n := range list[1:] {
		out = &procedure.Node{Op: procedure.OpAnd, Args: []*procedure.Node{out, n}}
	}
	return out
}

func has(mark, value string) *procedure.Node {
	return &procedure.Node{Op: procedure.OpEq, List: nil, Args: []*procedure.Node{
		{Op: procedure.OpMember, Name: mark, List: []string{"party"}}, {Op: procedure.OpText, List: []string{value}}}}
}

// table is the heart of a mediation: everybody agrees and is told of their rights before the first session, a
// mediator without a conflict holds it, and what is agreed stands when all have signed.
func table(t testing.TB) *procedure.Definition {
	t.Helper()
	units, err := org.NewTree([]org.Unit{{ID: "street", Level: org.Street, Roles: []string{"mediator", "head"}}})
	if err != nil {
		t.Fatal(err)
	}
	set := func(mark, value string) []procedure.Setting { return []procedure.Setting{{Fact: mark, Value: value}} }
	begins := []procedure.Setting{{Fact: "consent", Value: "asked"}, {Fact: "notice", Value: "owed"}, {Fact: "signed", Value: "no"}}
	open, staff := []string{"open"}, []string{"mediator"}
	law := procedure.Law{ID: "L"}
	guard := func(n *procedure.Node) procedure.Guard { return procedure.Guard{Src: "x", Root: n} }
	d := &procedure.Definition{
		ID: "m", Start: "open", Opening: "filed", Units: units, Categories: []string{"c"},
		Rolls: []procedure.Roll{
			{ID: "party", Most: 4, Marks: []procedure.Mark{{ID: "consent", Values: []string{"asked", "given", "refused"}}, {ID: "notice", Values: []string{"owed", "served"}}, {ID: "signed", Values: []string{"no", "yes"}}}},
			{ID: "mediator", Most: 2, Marks: []procedure.Mark{{ID: "interest", Values: []string{"asked", "none", "declared", "waived"}}}},
		},
		Joins:  procedure.Joining{Roll: "party", Marks: []procedure.Setting{{Fact: "consent", Value: "given"}, {Fact: "notice", Value: "owed"}, {Fact: "signed", Value: "no"}}},
		States: []procedure.State{{ID: "open", Owner: procedure.OwnerHolder}, {ID: "signing", Owner: procedure.OwnerHolder}, {ID: "agreed", Final: true}, {ID: "ended", Final: true}},
		Acts: []procedure.Act{
			{ID: "add_party", Event: "party_added", From: open, By: staff, Of: procedure.OfHolder, Adds: "party", Marks: begins, Fields: []form.Field{{Name: "name", Kind: form.Text, Required: true, Personal: true}, {Name: "mail", Kind: form.Text, Personal: true}},
				Notices: []procedure.Notice{{To: "member", Template: "invited"}}},
			{ID: "name_mediator", Event: "mediator_named", From: open, By: []string{"head"}, Of: procedure.OfHolder, Adds: "mediator", Marks: set("interest", "asked"), Fields: []form.Field{{Name: "officer", Kind: form.Officer, Required: true}},
				Notices: []procedure.Notice{{To: "party", Template: "named"}}},
			{ID: "disclose", Event: "disclosed", From: open, By: staff, Of: procedure.OfHolder, About: "mediator", As: "mediator", Marks: []procedure.Setting{{Fact: "interest", Field: "interest"}}, Fields: []form.Field{{Name: "interest", Kind: form.Choice, Required: true, Options: []string{"none", "declared"}}}},
			{ID: "waive", Event: "waived", From: open, By: []string{"head"}, Of: procedure.OfHolder, About: "mediator", Marks: set("interest", "waived"), When: guard(some("mediator.interest", "declared"))},
			{ID: "replace", Event: "replaced", From: open, By: []string{"head"}, Of: procedure.OfHolder, About: "mediator", Leaves: true},
			{ID: "serve", Event: "served", From: open, By: staff, Of: procedure.OfHolder, About: "party", Marks: set("notice", "served")},
			{ID: "consent", Event: "consented", From: open, By: []string{procedure.ByMember, "mediator"}, Of: procedure.OfHolder, About: "party", Marks: set("consent", "given"), When: guard(has("consent", "asked"))},
			{ID: "refuse", Event: "refused", From: open, To: "ended", By: []string{procedure.ByMember, "mediator"}, Of: procedure.OfHolder, About: "party", Marks: set("consent", "refused"), Answers: true, Remedy: procedure.RemedyNone, Law: law},
			{ID: "hold", Event: "held", From: open, By: staff, Of: procedure.OfHolder, As: "mediator",
				When: guard(both(each("party.consent", "given"), each("party.notice", "served"), each("mediator.interest", "none", "waived"), some("mediator.interest", "none", "waived")))},
			{ID: "draft", Event: "drafted", From: []string{"open", "signing"}, To: "signing", By: staff, Of: procedure.OfHolder, When: guard(&procedure.Node{Op: procedure.OpDone, Name: "hold"}), Every: []procedure.Every{{Roll: "party", Marks: set("signed", "no")}}},
			{ID: "sign", Event: "signed", From: []string{"signing"}, By: []string{procedure.ByMember, "mediator"}, Of: procedure.OfHolder, About: "party", Marks: set("signed", "yes"), When: guard(has("signed", "no"))},
			{ID: "seal", Event: "sealed", From: []string{"signing"}, To: "agreed", By: staff, Of: procedure.OfHolder, As: "mediator", Answers: true, Remedy: procedure.RemedyNone, Law: law, When: guard(both(each("party.signed", "yes"), some("party.signed", "yes")))},
			{ID: "end", Event: "term_ended", From: []string{"open", "signing"}, To: "ended", By: []string{procedure.BySystem}, Answers: true, Remedy: procedure.RemedyNone, Law: law},
		},
		Clocks: []procedure.Clock{{ID: "term", Rule: worktime.Rule{N: 30, Unit: worktime.CalendarDays}, Start: []string{"filed"}, Expire: "end"}},
		Orders: []procedure.Order{
			{ID: "told-before-session", Act: "hold", After: []string{"serve"}},
			{ID: "told-after-somebody-came", Act: "hold", After: []string{"serve"}, Anew: []string{"add_party"}},
			{ID: "disclosed-before-session", Act: "hold", After: []string{"disclose"}},
			{ID: "signed-before-it-stands", Act: "seal", After: []string{"sign"}, Anew: []string{"draft"}},
		},
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	d.Calendar = &worktime.Calendar{ID: "c", Version: "1", Zone: zone, KnownUntil: 30000}
	for i := range d.Acts {
		if err := d.Acts[i].When.Check(d, d.Acts[i].Fields, d.Acts[i].About); err != nil {
			t.Fatalf("%s: %v", d.Acts[i].ID, err)
		}
	}
	return d
}

func Test_the_checker_proves_what_must_come_before_a_session_and_a_signature(t *testing.T) {
	r := procedure.Check(table(t))
	for _, v := range r.Violations {
		t.Error(v)
	}
	if r.States < 50 {
		t.Errorf("%d situations were searched: the rolls are not among them", r.States)
	}
}

func Test_a_hole_in_a_guard_over_members_is_found(t *testing.T) {
	guard := func(d *procedure.Definition, act string, n *procedure.Node) {
		a, _ := d.Act(act)
		a.When = procedure.Guard{Src: "x", Root: n}
	}
	for name, c := range map[string]struct {
		order string
		mend  func(*procedure.Definition)
	}{
		"a session before the rights notice": {"told-before-session", func(d *procedure.Definition) {
			guard(d, "hold", both(each("party.consent", "given"), each("mediator.interest", "none", "waived"), some("mediator.interest", "none", "waived")))
		}},
		"a session somebody was not told of": {"told-after-somebody-came", func(d *procedure.Definition) {
			guard(d, "hold", both(some("party.notice", "served"), each("mediator.interest", "none", "waived"), some("mediator.interest", "none", "waived")))
		}},
		"a session under a mediator who disclosed nothing": {"disclosed-before-session", func(d *procedure.Definition) {
			guard(d, "hold", each("party.notice", "served"))
		}},
		"an agreement one party did not sign anew": {"signed-before-it-stands", func(d *procedure.Definition) {
			a, _ := d.Act("draft")
			a.Every = nil
		}},
	} {
		d := table(t)
		c.mend(d)
		found := procedure.Check(d).Violations
		if !slices.ContainsFunc(found, func(v procedure.Violation) bool { return v.Order == c.order && len(v.Road) > 1 }) {
			t.Errorf("%s: found %v", name, found)
		}
	}
}

func Test_whoever_does_whatever_members_stay_where_the_checker_looked(t *testing.T) {
	d := table(t)
	known, ok := procedure.Explore(d)
	if !ok {
		t.Fatal("too large")
	}
	enough.Check(t, []string{"a session", "an agreement"}, func(t *rapid.T, met func(string)) {
		now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
		c := casework.Case{}
		do := func(cmd casework.Command, who authz.Actor) {
			events, err := casework.Decide(d, c, cmd, who, now)
			var no *casework.Refusal
			if err != nil && !errors.As(err, &no) {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Act == "hold" || e.Act == "seal" {
					check(t, c, e)
				}
				c = casework.Fold(c, e)
				if e.Act == "hold" {
					met("a session")
				}
			}
			if ok, at := known.Holds(casework.See(d, &c), procedure.Standing{Holder: c.Holder, Answered: !c.Answered.IsZero()}); c.ID != "" && !ok {
				t.Fatalf("the checker never met: %s", at)
			}
		}
		do(casework.Command{Open: &casework.Opening{ID: "k1", Ref: "M-1", Unit: "street", Title: "t", Text: "t", Category: "c"}}, authz.Reporter())
		// A mediation that goes well, broken off anywhere: by luck alone nobody ever gets as far as a signature.
		he := authz.Staff("he", []authz.Grant{{Role: "mediator", Unit: "street"}, {Role: "head", Unit: "street"}})
		well := [][]string{{"add_party", "name", "Zhao"}, {"consent", "member", "m2"}, {"name_mediator", "officer", "he"}, {"disclose", "interest", "none"}, {"serve", "member", "m1"}, {"serve", "member", "m2"},
			{"hold"}, {"draft"}, {"sign", "member", "m1"}, {"sign", "member", "m2"}, {"seal"}}
		for _, step := range well[:rapid.IntRange(0, len(well)).Draw(t, "well")] {
			fields := map[string]string{}
			for i := 1; i < len(step); i += 2 {
				fields[step[i]] = step[i+1]
			}
			do(casework.Command{Case: "k1", Version: casework.AnyVersion, Act: step[0], Fields: fields}, he)
		}
		for range rapid.IntRange(20, 100).Draw(t, "steps") {
			a := rapid.SampledFrom(d.Acts).Draw(t, "act")
			if slices.Contains([]string{"refuse", "add_party", "name_mediator", "replace"}, a.ID) && rapid.IntRange(0, 9).Draw(t, "rarely") > 0 {
				continue // else every case ends, or fills up, before anything happens
			}
			fields := map[string]string{}
			for _, f := range a.Fields {
				fields[f.Name] = rapid.SampledFrom(append(f.Options, "he", "chen")[:max(2, len(f.Options))]).Draw(t, f.Name)
			}
			if a.About != "" && len(c.Members) > 0 {
				fields["member"] = rapid.SampledFrom(c.Members).Draw(t, "member").ID
			}
			name := rapid.SampledFrom([]string{"he", "chen"}).Draw(t, "name")
			grants := []authz.Grant{{Role: "mediator", Unit: "street"}, {Role: "head", Unit: "street"}}
			who := rapid.SampledFrom([]authz.Actor{authz.Staff(name, grants), authz.Staff(name, grants), authz.Staff(name, grants), authz.Staff(name, grants), authz.Holder("k1"), authz.Party("k1", "m2"), authz.Party("k1", "m3"), authz.Party("k2", "m2")}).Draw(t, "who")
			do(casework.Command{Case: "k1", Version: casework.AnyVersion, Act: a.ID, Fields: fields}, who)
		}
		if c.State == "agreed" {
			met("an agreement")
		}
	})
}

// check says the rules anew, in other words than the guards.
func check(t *rapid.T, c casework.Case, e casework.Event) {
	for _, m := range c.Members {
		switch {
		case m.Left:
		case m.Roll == "mediator" && e.Act == "hold" && m.Marks["interest"] != "none" && m.Marks["interest"] != "waived":
			t.Fatalf("a session is held with mediator %s, whose interest is %q", m.ID, m.Marks["interest"])
		case m.Roll == "party" && e.Act == "hold" && (m.Marks["notice"] != "served" || m.Marks["consent"] != "given"):
			t.Fatalf("a session is held while party %s has %v", m.ID, m.Marks)
		case m.Roll == "party" && e.Act == "seal" && m.Marks["signed"] != "yes":
			t.Fatalf("an agreement stands that party %s did not sign", m.ID)
		}
	}
	if by, ok := c.Member(e.By.Member); !ok || by.Left || by.Roll != "mediator" || by.Account != e.By.Actor {
		t.Fatalf("%s by somebody who is no mediator of the case: %+v", e.Act, e.By)
	}
}

func Test_a_member_acts_for_themselves_and_for_nobody_else(t *testing.T) {
	d := table(t)
	now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	c := casework.Case{}
	do := func(who authz.Actor, act string, fields map[string]string) string {
		events, err := casework.Decide(d, c, casework.Command{Case: "k1", Version: casework.AnyVersion, Act: act, Fields: fields}, who, now)
		var no *casework.Refusal
		if errors.As(err, &no) {
			return strings.TrimSpace(no.Rule + " " + fmt.Sprint(no.Fields))
		}
		for _, e := range events {
			c = casework.Fold(c, e)
		}
		return ""
	}
	events, err := casework.Decide(d, c, casework.Command{Open: &casework.Opening{ID: "k1", Ref: "M-1", Unit: "street", Title: "t", Text: "t", Category: "c", Contact: casework.Contact{Channel: "sms", Address: "1"}}}, authz.Reporter(), now)
	if err != nil {
		t.Fatal(err)
	}
	c = casework.Fold(c, events[0])
	he := authz.Staff("he", []authz.Grant{{Role: "mediator", Unit: "street"}, {Role: "head", Unit: "street"}})
	steps := []struct {
		what   string
		who    authz.Actor
		act    string
		fields map[string]string
		want   string
	}{
		{"the second party comes", he, "add_party", map[string]string{"name": "Zhao", "mail": "z@example.org"}, ""},
		{"a member names another", authz.Party("k1", "m2"), "consent", map[string]string{"member": "m1"}, "form.invalid [{member form.choice map[got:m1]}]"},
		{"a member of no roll", authz.Party("k1", "m9"), "consent", nil, "roll.left []"},
		{"the key of another case", authz.Party("k2", "m2"), "consent", nil, "actor.forbidden []"},
		{"a member does what is for staff", authz.Party("k1", "m2"), "serve", nil, "actor.forbidden []"},
		{"staff name nobody", he, "serve", nil, "form.invalid [{member form.required map[]}]"},
		{"staff name a mediator where a party is meant", he, "serve", map[string]string{"member": "m7"}, "form.invalid [{member form.choice map[got:m7]}]"},
		{"the member agrees", authz.Party("k1", "m2"), "consent", nil, ""},
		{"and again", authz.Party("k1", "m2"), "consent", nil, "act.guard []"},
		{"who filed has agreed by that", authz.Holder("k1"), "consent", nil, "act.guard []"},
		{"a session without a mediator", he, "hold", nil, "roll.not_on []"},
		{"he is named", he, "name_mediator", map[string]string{"officer": "he"}, ""},
		{"another discloses for him", authz.Staff("chen", []authz.Grant{{Role: "mediator", Unit: "street"}}), "disclose", map[string]string{"interest": "none"}, "roll.not_on []"},
		{"he discloses a cousin", he, "disclose", map[string]string{"interest": "declared"}, ""},
		{"all are told", he, "serve", map[string]string{"member": "m1"}, ""},
		{"all are told", he, "serve", map[string]string{"member": "m2"}, ""},
		{"he holds it with the conflict", he, "hold", nil, "act.guard []"},
		{"it is waived", he, "waive", map[string]string{"member": "m3"}, ""},
		{"now he may", he, "hold", nil, ""},
		{"a third party and a fourth", he, "add_party", map[string]string{"name": "A"}, ""},
		{"a third party and a fourth", he, "add_party", map[string]string{"name": "B"}, ""},
		{"a fifth", he, "add_party", map[string]string{"name": "C"}, "roll.full []"},
	}
	for _, s := range steps {
		if got := do(s.who, s.act, s.fields); got != s.want {
			t.Errorf("%s: %q, want %q", s.what, got, s.want)
		}
	}
	if m, _ := c.Member("m2"); m.Name != "Zhao" || m.Contact.Channel != "mail" || m.Marks["consent"] != "given" || m.Own {
		t.Errorf("the second party: %+v", m)
	}
	if m, _ := c.Member("m1"); !m.Own || m.Name != "" {
		t.Errorf("whoever filed: %+v", m)
	}
}

func Test_everybody_on_a_roll_is_told_by_their_own_way(t *testing.T) {
	d := table(t)
	now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	he := authz.Staff("he", []authz.Grant{{Role: "mediator", Unit: "street"}, {Role: "head", Unit: "street"}})
	events, err := casework.Decide(d, casework.Case{}, casework.Command{Open: &casework.Opening{ID: "k1", Ref: "M-1", Unit: "street", Title: "t", Text: "t", Category: "c", Contact: casework.Contact{Channel: "sms", Address: "1"}}}, authz.Reporter(), now)
	if err != nil {
		t.Fatal(err)
	}
	c := casework.Fold(casework.Case{}, events[0])
	told := func(act string, fields map[string]string) []casework.Notice {
		events, err := casework.Decide(d, c, casework.Command{Case: "k1", Version: casework.AnyVersion, Act: act, Fields: fields}, he, now)
		if err != nil {
			t.Fatal(err)
		}
		c = casework.Fold(c, events[0])
		return events[0].Notices
	}
	if got := told("add_party", map[string]string{"name": "Zhao", "mail": "z@example.org"}); len(got) != 1 || got[0] != (casework.Notice{To: "member", Member: "m2", Template: "invited"}) {
		t.Errorf("the new party is told %v", got)
	}
	if got := told("add_party", map[string]string{"name": "Without an address"}); len(got) != 0 {
		t.Errorf("nobody to write to is told %v", got)
	}
	got := told("name_mediator", map[string]string{"officer": "he"})
	want := []casework.Notice{{To: "resident", Template: "named"}, {To: "member", Member: "m2", Template: "named"}}
	if !slices.Equal(got, want) {
		t.Errorf("the parties are told %v, want %v", got, want)
	}
}

func Test_a_case_that_another_one_opens_begins_with_the_members_the_link_carries(t *testing.T) {
	d := table(t)
	now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	parent := casework.Case{ID: "k1", Ref: "M-1", Category: "c", Holder: "street", Title: "t", Contact: casework.Contact{Name: "Qian", Channel: "sms", Address: "1"}, Members: []casework.Member{
		{ID: "m1", Roll: "party", Own: true}, {ID: "m2", Roll: "party", Name: "Zhao", Contact: casework.Contact{Channel: "mail", Address: "z@example.org"}, Code: "SECRET", Marks: map[string]string{"signed": "yes"}},
		{ID: "m3", Roll: "mediator", Account: "he"}, {ID: "m4", Roll: "party", Name: "Gone", Left: true}}}
	child := *d
	child.Joins = procedure.Joining{}
	child.Opened = []procedure.Notice{{To: "party", Template: "begun"}}
	for _, carry := range [][]string{{"title", "roll:party"}, {"contact", "roll:party"}} {
		cmd := casework.ChildOf(parent, casework.Spawn{Link: "on", Case: "k2", Ref: "I-1", Unit: "street", Carry: carry})
		events, err := casework.Decide(&child, casework.Case{}, cmd, authz.Machine(), now)
		if err != nil {
			t.Fatal(err)
		}
		c := casework.Fold(casework.Case{}, events[0])
		own := slices.Contains(carry, "contact")
		first, _ := c.Member("m1")
		second, _ := c.Member("m2")
		if len(c.Members) != 2 || first.Own != own || second.Name != "Zhao" || second.Code != "" || second.Since != 1 {
			t.Errorf("%v: the child begins with %+v", carry, c.Members)
		}
		want := []casework.Notice{{To: "resident", Template: "begun"}, {To: "member", Member: "m2", Template: "begun"}}
		if !own {
			want[0] = casework.Notice{To: "member", Member: "m1", Template: "begun"}
			if first.Name != "Qian" || first.Contact.Address != "1" {
				t.Errorf("whoever filed is %+v, and could not be reached", first)
			}
		}
		if !slices.Equal(events[0].Notices, want) {
			t.Errorf("%v: told %v, want %v", carry, events[0].Notices, want)
		}
	}
}

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cedar-policy/cedar-go"
	"pgregory.net/rapid"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
)

// Who sees what is decided three times from one table: by Table.Decide in Go, by the lists the ledger reads
// for Actor.Scope, and by policies written out for Cedar, an engine of others that knows nothing of ours. The
// cases are real ones, opened, offered, joined and sealed through the door of a city drawn at random.
func Test_the_table_the_lists_and_another_engine_agree_about_who_sees_what(t *testing.T) {
	for seed := range int64(4) {
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			f := newForest(t, d, seed)
			rapid.Check(t, f.judge)
		})
	}
}

// forest is a city drawn at random with cases in every position.
type forest struct {
	city
	units []org.UnitID
	cases []casework.Case
}

const forestCases = 48

func newForest(t *testing.T, d *db.DB, seed int64) *forest {
	t.Helper()
	draw := rand.New(rand.NewSource(seed))
	files := forestFiles(draw)
	p, err := pack.Load(files, pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	made := ledgertest.OpenPack(t, d, p)
	f := &forest{city: city{t: t, db: d, l: made.Ledger, r: made.Reader, pack: p}, units: p.Units.All()}
	for range forestCases {
		f.plant(draw)
	}
	return f
}

// forestFiles writes the pack: a tree of units and two programmes with the acts that move a case about.
func forestFiles(draw *rand.Rand) fstest.MapFS {
	m := fstest.MapFS{}
	put := func(name, text string) { m[name] = &fstest.MapFile{Data: []byte(text)} }
	put("pack.yaml", `pack: forest
version: "1"
name: {en: Forest}
languages: [en]
zone: Asia/Shanghai
operator: {name: {en: Town hall}}
programmes: [{id: help, name: {en: Help}}, {id: care, name: {en: Care}}]
`)
	units := "units:\n  - {id: u0, level: city, roles: [officer], name: {en: u0}}\n"
	for i := 1; i < 14; i++ {
		units += fmt.Sprintf("  - {id: u%d, parent: u%d, level: city, roles: [officer], name: {en: u%d}}\n", i, draw.Intn(i), i)
	}
	put("units.yaml", units)
	put("roles.yaml", "roles: [{id: officer, name: {en: Officer}, reads: [{reach: subtree, level: identity}]}]\n")
	put("calendars/plain.yaml", "calendar: plain\nversion: \"1\"\nzone: Asia/Shanghai\nweek: [mon]\nknown_until: 2027-12-31\nhours: {opens: \"09:00\", closes: \"17:30\"}\n")
	put("categories.yaml", "groups: [{id: all, name: {en: All}}]\ncategories:\n  - {id: help, group: all, procedure: help, name: {en: Help}}\n  - {id: care, group: all, procedure: care, name: {en: Care}}\n")
	for _, g := range []string{"help", "care"} {
		put("procedures/"+g+".yaml", "procedure: "+g+"\nprogramme: "+g+"\nprefix: "+strings.ToUpper(g[:1])+`
calendar: plain
name: {en: Matter}
heading: title
start: open
opening: {event: received, past: {en: Received}}
phases: [{id: doing, name: {en: Open}}]
states: [{id: open, phase: doing, owner: holder, name: {en: Open}, now: {en: Open.}}]
acts:
  - {id: offer, event: offered, from: [open], by: [officer], effects: [offer], name: {en: Offer}, past: {en: Offered}, fields: [{name: unit, kind: unit, required: true, label: {en: Unit}}]}
  - {id: invite, event: invited, from: [open], by: [officer], effects: [invite], name: {en: Invite}, past: {en: Invited}, fields: [{name: unit, kind: unit, required: true, label: {en: Unit}}]}
  - {id: take, event: taken, from: [open], by: [officer], effects: [assign_self], name: {en: Take}, past: {en: Taken}}
  - {id: seal, event: sealed, from: [open], by: [officer], effects: [seal], name: {en: Seal}, past: {en: Sealed}}
`)
	}
	return m
}

// plant opens a case somewhere and moves it about.
func (f *forest) plant(draw *rand.Rand) {
	f.t.Helper()
	ctx := f.t.Context()
	holder := f.units[draw.Intn(len(f.units))]
	programme := []string{"help", "care"}[draw.Intn(2)]
	r, err := f.l.Do(ctx, authz.Reporter(), casework.Command{Open: &casework.Opening{Unit: holder, Title: "lantern", Text: "It is dark.", Category: programme, Source: "web"}})
	if err != nil {
		f.t.Fatal(err)
	}
	staff := authz.Staff(persons[draw.Intn(len(persons))], []authz.Grant{{Role: "officer", Unit: holder}})
	do := func(act string, unit org.UnitID) {
		cmd := casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: act}
		if unit != "" {
			cmd.Fields = map[string]string{"unit": string(unit)}
		}
		var no *casework.Refusal // a unit that has joined already: the case stays as it is
		if _, err := f.l.Do(ctx, staff, cmd); err != nil && !errors.As(err, &no) {
			f.t.Fatal(err)
		}
	}
	if draw.Intn(3) == 0 {
		do("take", "")
	}
	if draw.Intn(3) == 0 {
		do("offer", f.units[draw.Intn(len(f.units))])
	}
	for range draw.Intn(3) {
		do("invite", f.units[draw.Intn(len(f.units))])
	}
	if draw.Intn(5) == 0 {
		do("seal", "")
	}
	c, err := f.r.ByID(ctx, authz.Machine().Scope(), r.Case)
	if err != nil {
		f.t.Fatal(err)
	}
	f.cases = append(f.cases, c)
}

var persons = []string{"ann", "bo", "cai"}

// rule drawn for a role, and the grants of a person: what a failing run prints.
type world struct {
	roles  []authz.Declared
	grants map[string][]authz.Grant
}

var compartments = []string{"", "youth"}

func (f *forest) draw(t *rapid.T) world {
	programmes := rapid.SampledFrom([][]string{nil, nil, {"help"}, {"care"}, {"help", "care"}})
	w := world{grants: map[string][]authz.Grant{}}
	for _, id := range []authz.Role{"a", "b", "c", "away"} {
		d := authz.Declared{Role: id, Admin: rapid.IntRange(0, 9).Draw(t, "admin") == 9, Compartment: compartments[0]}
		if id == "away" {
			d.Compartment = compartments[1]
		}
		for range rapid.IntRange(0, 3).Draw(t, "rules") {
			d.Reads = append(d.Reads, authz.Rule{Programmes: programmes.Draw(t, "of"), Reach: rapid.SampledFrom(authz.Reaches).Draw(t, "reach"),
				Level: authz.Level(rapid.IntRange(int(authz.Steps), int(authz.Caucus)).Draw(t, "level"))})
		}
		w.roles = append(w.roles, d)
	}
	for _, p := range persons {
		for range rapid.IntRange(0, 3).Draw(t, "grants") {
			w.grants[p] = append(w.grants[p], authz.Grant{Role: rapid.SampledFrom([]authz.Role{"a", "b", "c", "away", "undeclared"}).Draw(t, "role"),
				Unit: rapid.SampledFrom(f.units).Draw(t, "unit"), Programmes: programmes.Draw(t, "for")})
		}
	}
	return w
}

// judge draws a table and three people, and asks all three about every case.
func (f *forest) judge(t *rapid.T) {
	w := f.draw(t)
	table := authz.NewTable(f.pack.Units, w.roles, nil)
	oracle := f.cedar(t, w)
	for _, id := range persons {
		who := authz.Staff(id, w.grants[id]).Under(table)
		listed := f.listed(t, who.Scope(), ledger.Filter{})
		found := f.listed(t, who.Scope(), ledger.Filter{Words: []ledger.Word{{Text: "lantern"}}, Both: true})
		for i := range f.cases {
			c := &f.cases[i]
			level := f.agree(t, who, table, oracle, c)
			item, ok := listed[c.ID]
			if ok != (level > 0) || ok && (item.Title != "") != (level >= authz.Story && c.Sealed == "") {
				t.Fatalf("%s, grants %+v, roles %+v\ncase %s\nthe table shows %q, the list has it: %v with title %q", id, w.grants[id], w.roles, spell(c), level, ok, item.Title)
			}
			if _, hit := found[c.ID]; hit != (level >= authz.Story && c.Sealed == "") {
				t.Fatalf("%s, grants %+v, roles %+v\ncase %s\nthe table shows %q, a search finds it: %v", id, w.grants[id], w.roles, spell(c), level, hit)
			}
		}
		c := &f.cases[rapid.IntRange(0, len(f.cases)-1).Draw(t, "case")]
		if _, err := f.r.Case(context.Background(), who.Scope(), string(c.Ref)); (err == nil) != who.Decide(f.pack.Units, c.Target()).Allowed {
			t.Fatalf("%s, grants %+v, roles %+v\ncase %s\nreading it by its number: %v", id, w.grants[id], w.roles, spell(c), err)
		}
	}
}

// agree compares the table, its scope and the other engine about one case, in both compartments, and answers
// the level at which the case is open in the first.
func (f *forest) agree(t *rapid.T, who authz.Actor, table *authz.Table, oracle oracle, c *casework.Case) authz.Level {
	var open authz.Level
	for i, compartment := range compartments {
		target := c.Target()
		target.Compartment = compartment
		var most authz.Level
		for level := authz.Steps; level <= authz.Caucus; level++ {
			target.Level = level
			d := table.Decide(who, target)
			if d.Allowed {
				most = level
			}
			if d.Allowed != oracle.allows(who.ID(), c, compartment, level) {
				t.Fatalf("%s, grants %+v, table %+v\ncase %s in compartment %q\n%s: the table says %v (%s), Cedar says %v\n%s", who.ID(), who.Grants(), table, spell(c), compartment, level, d.Allowed, d.Why, !d.Allowed, oracle.text)
			}
			if d.Allowed == (d.Why != "") || d.Allowed && (d.Ground == "" || d.Grant.Unit == "" || d.Rule.Level < level) {
				t.Fatalf("%s, grants %+v: the decision does not explain itself: %+v", who.ID(), who.Grants(), d)
			}
		}
		if got := who.In(compartment).Scope().Level(f.pack.Units, target); got != most {
			t.Fatalf("%s, grants %+v, table %+v\ncase %s in compartment %q: the table shows %q, the scope %q", who.ID(), who.Grants(), table, spell(c), compartment, most, got)
		}
		if i == 0 {
			open = most
		}
	}
	return open
}

// listed reads a list to its end, in small pages.
func (f *forest) listed(t *rapid.T, in authz.Scope, by ledger.Filter) map[casework.CaseID]ledger.Item {
	out := map[casework.CaseID]ledger.Item{}
	by.Limit = 37
	for {
		page, err := f.r.Worklist(context.Background(), in, by)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			if _, twice := out[i.ID]; twice {
				t.Fatalf("%+v lists case %s twice", in, i.Ref)
			}
			out[i.ID] = i
		}
		if by.After = page.Next; by.After == "" {
			return out
		}
	}
}

func spell(c *casework.Case) string {
	return fmt.Sprintf("%s of %s: holder %s, offered %q, joint %v, sealed %q, assignee %q", c.Ref, c.Programme, c.Holder, c.Offered, c.Joint, c.Sealed, c.Assignee)
}

// oracle is the table written out as Cedar policies, over the units and cases as Cedar entities. It shares
// no code with the table: reaches are membership in Cedar's own hierarchy.
type oracle struct {
	text     string
	set      *cedar.PolicySet
	entities cedar.EntityMap
}

func (f *forest) cedar(t *rapid.T, w world) oracle {
	var b strings.Builder
	roles := map[authz.Role]authz.Declared{}
	for _, d := range w.roles {
		roles[d.Role] = d
	}
	for _, p := range slices.Sorted(maps.Keys(w.grants)) {
		for _, g := range w.grants[p] {
			d := roles[g.Role]
			for _, r := range d.Reads {
				if d.Admin {
					continue
				}
				fmt.Fprintf(&b, "permit (principal == User::%q, action == Action::\"see\", resource) when {\n  context.level <= %d && context.compartment == %q%s%s &&\n  (%s)\n};\n",
					p, int(r.Level), d.Compartment, among(g.Programmes), among(r.Programmes), reach(r.Reach, g.Unit))
			}
		}
	}
	set, err := cedar.NewPolicySetFromBytes("table", []byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return oracle{b.String(), set, f.entities()}
}

func among(programmes []string) string {
	if len(programmes) == 0 {
		return ""
	}
	return fmt.Sprintf(" && [\"%s\"].contains(resource.programme)", strings.Join(programmes, `", "`))
}

func reach(r authz.Reach, unit org.UnitID) string {
	u := fmt.Sprintf("Unit::%q", unit)
	sealed := "if resource has sealed then resource.sealed == " + u + " else "
	switch r {
	case authz.Own:
		return sealed + "(resource.holder == " + u + " || (resource has offered && resource.offered == " + u + "))"
	case authz.Joint:
		return "!(resource has sealed) && resource.joint.contains(" + u + ")"
	}
	return sealed + "resource in " + u
}

// entities are the units, each in its superior, and the cases, each in all units that deal with it.
func (f *forest) entities() cedar.EntityMap {
	m := cedar.EntityMap{}
	unit := func(id org.UnitID) cedar.EntityUID { return cedar.NewEntityUID("Unit", cedar.String(id)) }
	put := func(e cedar.Entity) { m[e.UID] = e }
	for _, id := range f.units {
		e := cedar.Entity{UID: unit(id)}
		if up, ok := f.pack.Units.Superior(id); ok {
			e.Parents = cedar.NewEntityUIDSet(unit(up))
		}
		put(e)
	}
	for _, c := range f.cases {
		in := []cedar.EntityUID{unit(c.Holder)}
		attributes := cedar.RecordMap{"programme": cedar.String(c.Programme), "holder": unit(c.Holder)}
		var joint []cedar.Value
		for _, u := range c.Joint {
			in, joint = append(in, unit(u)), append(joint, unit(u))
		}
		attributes["joint"] = cedar.NewSet(joint...)
		if c.Offered != "" {
			in = append(in, unit(c.Offered))
			attributes["offered"] = unit(c.Offered)
		}
		if c.Sealed != "" {
			attributes["sealed"] = unit(c.Sealed)
		}
		put(cedar.Entity{UID: cedar.NewEntityUID("Case", cedar.String(c.ID)), Parents: cedar.NewEntityUIDSet(in...), Attributes: cedar.NewRecord(attributes)})
	}
	return m
}

func (o oracle) allows(person string, c *casework.Case, compartment string, level authz.Level) bool {
	ok, diagnostic := cedar.Authorize(o.set, o.entities, cedar.Request{
		Principal: cedar.NewEntityUID("User", cedar.String(person)), Action: cedar.NewEntityUID("Action", "see"),
		Resource: cedar.NewEntityUID("Case", cedar.String(c.ID)),
		Context:  cedar.NewRecord(cedar.RecordMap{"level": cedar.Long(level), "compartment": cedar.String(compartment)}),
	})
	if len(diagnostic.Errors) > 0 {
		panic(fmt.Sprint(diagnostic.Errors))
	}
	return ok == cedar.Allow
}

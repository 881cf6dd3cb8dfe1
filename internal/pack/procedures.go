package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"comity/internal/authz"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

func (l *loader) procedures() {
	files, _ := fs.Glob(l.fsys, "procedures/*.yaml")
	if len(files) == 0 && !l.p.Abstract {
		l.bad.at("procedures", 1, "a pack needs at least one procedure in procedures/*.yaml")
	}
	first := ""
	for _, name := range files {
		var f procedureFile
		if !readYAML(l.fsys, name, &f, &l.bad) {
			continue
		}
		if f.Procedure == "" && len(l.p.Base) > 0 {
			l.bad.on(f.Mark, "this file names no procedure, and no base has a file of its name to lay it over")
			continue
		}
		if l.p.Procedures[f.Procedure] != nil {
			l.bad.on(f.Mark.of("procedure"), "procedure %q is in two files; to change one of a base, use the name of its file", f.Procedure)
			continue
		}
		l.ask(&f)
		l.files = append(l.files, f)
		b := builder{loader: l, f: f, d: &procedure.Definition{}}
		l.p.Procedures[f.Procedure] = b.build()
		if first == "" {
			first = f.Procedure
		}
	}
	for i, c := range l.p.Categories {
		if c.Procedure == "" {
			l.p.Categories[i].Procedure = first
		}
		d := l.p.Procedures[l.p.Categories[i].Procedure]
		if d == nil && len(l.files) < len(files) {
			continue // it may be in a file that could not be read
		}
		if d == nil {
			l.bad.on(l.cats[i], "category %q: procedure %q is not in procedures/", c.ID, c.Procedure)
			continue
		}
		d.Categories = append(d.Categories, c.ID)
		l.categoryFacts(d, c)
	}
	l.links()
	l.compartments()
	for _, f := range l.files {
		for _, c := range f.Clocks {
			for cat, r := range c.ByCategory {
				if !slices.Contains(l.p.Procedures[f.Procedure].Categories, cat) {
					l.bad.on(r.Mark, "clock %q: by_category names %q, which is not a category of this procedure", c.ID, cat)
				}
			}
		}
	}
}

// builder turns one procedure file into a Definition and checks every name it uses.
type builder struct {
	*loader
	f procedureFile
	d *procedure.Definition
}

func (b *builder) build() *procedure.Definition {
	f, d := b.f, b.d
	b.id(f.Mark, "procedure", f.Procedure)
	d.ID, d.Programme, d.Prefix, d.Start, d.Opening = f.Procedure, f.Programme, f.Prefix, f.Start, f.Opening.Event
	d.Law = b.law(f.Law)
	b.compartment()
	d.Units = b.p.Units
	b.say(f.Mark, "procedure."+d.ID, f.Name, true)
	b.say(f.Opening.Mark, "event."+d.ID+"."+d.Opening, f.Opening.Past, true)
	b.p.Icons[d.ID] = f.Icon
	if !slices.ContainsFunc(b.p.Programmes, func(p Programme) bool { return p.ID == d.Programme }) {
		b.bad.on(f.Mark.of("programme"), "programme %q is not listed in pack.yaml", d.Programme)
	}
	if d.Calendar = b.p.Calendars[f.Calendar]; d.Calendar == nil {
		b.bad.on(f.Mark.of("calendar"), "calendar %q is not in calendars/", f.Calendar)
	}
	for _, ph := range f.Phases {
		b.p.Phases[d.ID] = append(b.p.Phases[d.ID], ph.ID)
		b.say(ph.Mark, "phase."+d.ID+"."+ph.ID, ph.Name, true)
	}
	for _, s := range f.States {
		b.state(s)
	}
	if _, ok := d.State(d.Start); !ok {
		b.bad.on(f.Mark.of("start"), "start %q is not a state", d.Start)
	}
	for _, o := range f.Outcomes {
		d.Outcomes = append(d.Outcomes, procedure.Outcome{ID: o.ID, Solved: o.Solved, Law: b.law(o.Law)})
		b.say(o.Mark, "outcome."+d.ID+"."+o.ID, o.Name, true)
	}
	for _, y := range f.Facts {
		b.fact(y)
	}
	for _, y := range f.Rolls {
		b.roll(y)
	}
	d.Intake = b.fields("open", f.Opening.Fields)
	d.Opened = b.notices(f.Opening.Notices)
	d.Stuck, d.StuckNotice = f.Stuck, f.StuckNotice
	for _, y := range f.Documents {
		b.document(y)
	}
	for _, a := range f.Acts {
		b.act(a)
	}
	for _, c := range f.Clocks {
		b.clock(c)
	}
	for _, y := range f.Links {
		b.link(y)
	}
	for _, y := range f.Orders {
		b.order(y)
	}
	d.Retention = b.retention(f.Retention)
	b.exceptions()
	b.references()
	b.aboutPeople()
	return d
}

func (b *builder) law(r lawRefYAML) procedure.Law {
	if r.ID != "" && !slices.Contains(b.p.Laws, r.ID) {
		b.bad.on(r.Mark, "law %q is not listed in pack.yaml", r.ID)
	}
	if r.ID != "" && r.Article != "" && b.p.Texts[b.p.Langs[0]]["law."+r.ID+".article."+r.Article] == "" {
		b.bad.on(r.Mark, "article %q of law %q has no words in pack.yaml", r.Article, r.ID)
	}
	law := procedure.Law{ID: r.ID, Article: r.Article, Since: r.Since, Verified: r.Verified}
	if known := b.p.LawDates[r.ID]; law.Since == "" {
		law.Since = known.Since
	}
	for name, day := range map[string]string{"since": r.Since, "verified": r.Verified} {
		if _, err := worktime.ParseDay(day); day != "" && err != nil {
			b.bad.on(r.Mark.of(name), "%s: %v", name, err)
		}
	}
	return law
}

func (b *builder) state(s stateYAML) {
	d := b.d
	if _, twice := d.State(s.ID); twice {
		b.bad.on(s.Mark, "state %q is listed twice", s.ID)
	}
	owner := procedure.Owner(s.Owner)
	switch {
	case slices.Contains(procedure.Owners, owner):
	case owner == "":
		if !s.Final {
			b.bad.on(s.Mark, "state %q has no owner; say one of %v", s.ID, procedure.Owners)
		}
	default:
		b.bad.on(s.Mark, "state %q: owner %q is not one of %v", s.ID, s.Owner, procedure.Owners)
	}
	if !slices.Contains(b.p.Phases[d.ID], s.Phase) {
		b.bad.on(s.Mark, "state %q: phase %q is not listed under phases", s.ID, s.Phase)
	}
	d.States = append(d.States, procedure.State{ID: s.ID, Phase: s.Phase, Final: s.Final, Owner: owner, Law: b.law(s.Law)})
	b.say(s.Mark, "state."+d.ID+"."+s.ID, s.Name, true)
	b.say(s.Mark, "state."+d.ID+"."+s.ID+".now", s.Now, true)
}

func (b *builder) act(a actYAML) {
	d := b.d
	where := a.Mark
	if _, twice := d.Act(a.ID); twice {
		b.bad.on(where, "act %q is listed twice", a.ID)
	}
	act := procedure.Act{ID: a.ID, Event: a.Event, From: a.From, To: a.To, By: a.By, Of: procedure.Of(a.Of), Answers: a.Answers,
		Withdraw: a.Withdraw, While: a.While, Extends: a.Extends, Times: a.Times, Key: a.Key, Prime: a.Prime, Law: b.law(a.Law),
		Spawn: a.Spawn, Recall: a.Recall, NotBy: a.NotBy, Behalf: a.Behalf, Dept: a.Dept, Proof: a.Proof, Remedy: a.Remedy,
		Documents: a.Documents, Dispute: a.Dispute, Consent: a.Consent,
		Adds: a.Adds, About: a.About, As: a.As, Leaves: a.Leaves, Marks: settings(a.Marks), Hears: a.Hears}
	for _, roll := range slices.Sorted(maps.Keys(a.Every)) {
		act.Every = append(act.Every, procedure.Every{Roll: roll, Marks: settings(a.Every[roll])})
	}
	if act.Of == "" {
		act.Of = procedure.OfHolder
	}
	if !slices.Contains(procedure.Ofs, act.Of) {
		b.bad.on(where, "act %q: of %q is not one of %v", a.ID, a.Of, procedure.Ofs)
	}
	for _, e := range a.Effects {
		if !slices.Contains(procedure.Effects, procedure.Effect(e)) {
			b.bad.on(where, "act %q: effect %q is not known; known are %v", a.ID, e, procedure.Effects)
		}
		act.Effects = append(act.Effects, procedure.Effect(e))
	}
	for _, s := range append(slices.Clone(a.From), a.To) {
		if _, ok := d.State(s); !ok && s != "" {
			b.bad.on(where, "act %q names the state %q, which is not listed", a.ID, s)
		}
	}
	b.key(a)
	if len(a.From) == 0 || a.Event == "" || len(a.By) == 0 {
		b.bad.on(where, "act %q needs from, event and by", a.ID)
	}
	act.Fields = b.fields(a.ID, a.Fields)
	b.needFields(a, act)
	b.hears(a, act)
	act.Notices = b.notices(a.Notices)
	act.Sets = settings(a.Set)
	act.When = b.guard(where.of("when"), "act "+strconv.Quote(a.ID)+": when", a.When)
	b.say(where, "when."+d.ID+"."+a.ID, a.WhenText, a.When != "")
	d.Acts = append(d.Acts, act)
	b.say(where, "act."+d.ID+"."+a.ID, a.Name, true)
	b.say(where, "event."+d.ID+"."+a.Event, a.Past, true)
}

// reservedKeys are the letters every page of the desk uses itself: new case, go to, next, previous,
// note, open, density, select.
const reservedKeys = "cgjknovx"

// key checks that an act's letter reaches it: one small letter, not the desk's own, and not that of
// another act by somebody of the same office in the same state.
func (b *builder) key(a actYAML) {
	if a.Key == "" || b.kept {
		return
	}
	if len(a.Key) != 1 || a.Key[0] < 'a' || a.Key[0] > 'z' || strings.Contains(reservedKeys, a.Key) {
		b.bad.on(a.Mark, "act %q: key %q is not a small letter that is free; the desk itself uses %s", a.ID, a.Key, reservedKeys)
	}
	for _, other := range b.f.Acts {
		if other.ID == a.ID {
			return
		}
		both := slices.ContainsFunc(a.From, func(s string) bool { return slices.Contains(other.From, s) })
		if other.Key == a.Key && both && other.Of == a.Of {
			b.bad.on(a.Mark, "act %q: key %q already does %q in the same state", a.ID, a.Key, other.ID)
		}
	}
}

// hears checks how acts follow those of another case.
func (b *builder) hears(a actYAML, act procedure.Act) {
	if led := slices.Contains(act.By, procedure.ByGroup); led != (len(act.Hears) > 0) {
		b.bad.on(a.Mark, "act %q: by [group] and hears go together; name the acts of the lead that bring it about, or %q for its end without an answer", a.ID, procedure.HearsEnd)
	}
	for _, id := range act.Hears {
		if id != procedure.HearsEnd && !slices.ContainsFunc(b.f.Acts, func(o actYAML) bool { return o.ID == id }) {
			b.bad.on(a.Mark.of("hears"), "act %q hears the act %q, which is not listed", a.ID, id)
		}
	}
	if act.Has(procedure.Group) && act.To == "" {
		b.bad.on(a.Mark, "act %q: effect %q needs a state to go to, in which the case waits for the other one", a.ID, procedure.Group)
	}
}

// needFields asks for the fields that effects read.
func (b *builder) needFields(a actYAML, act procedure.Act) {
	need := map[procedure.Effect]form.Field{
		procedure.Offer: {Name: "unit", Kind: form.Unit}, procedure.Give: {Name: "unit", Kind: form.Unit}, procedure.Invite: {Name: "unit", Kind: form.Unit},
		procedure.Release: {Name: "unit", Kind: form.Unit}, procedure.Assign: {Name: "officer", Kind: form.Officer}, procedure.Decide: {Name: "outcome", Kind: form.Outcome},
		procedure.Group: {Name: procedure.FieldLead, Kind: form.Text},
	}
	for e, f := range need {
		has := slices.ContainsFunc(act.Fields, func(x form.Field) bool { return x.Name == f.Name && x.Kind == f.Kind && x.Required })
		if act.Has(e) && !has {
			b.bad.on(a.Mark, "act %q: effect %q needs a required field %q of kind %q", a.ID, e, f.Name, f.Kind)
		}
	}
}

func (b *builder) fields(act string, list []fieldYAML) []form.Field {
	var out []form.Field
	for _, y := range list {
		kind := form.Kind(y.Kind)
		if !slices.Contains(form.Kinds, kind) {
			b.bad.on(y.Mark, "field %q: kind %q is not one of %v", y.Name, y.Kind, form.Kinds)
		}
		if y.Caucus && y.Public {
			b.bad.on(y.Mark, "field %q is said in confidence (caucus) and cannot be public too", y.Name)
		}
		f := form.Field{Name: y.Name, Kind: kind, Required: y.Required, Min: y.Min, Max: y.Max, Options: y.Options, Public: y.Public, Personal: y.Personal, Caucus: y.Caucus}
		if y.When.Field != "" {
			f.When = &form.When{Field: y.When.Field, In: y.When.In}
		}
		if kind == form.Outcome {
			for _, o := range b.f.Outcomes {
				f.Options = append(f.Options, o.ID)
			}
		}
		if kind == form.Choice {
			for _, o := range y.Options {
				if w, ok := y.Names[o]; ok {
					b.say(y.Mark, fmt.Sprintf("option.%s.%s.%s.%s", b.f.Procedure, act, y.Name, o), w, true)
				} else if b.p.Texts[b.p.Langs[0]][y.Name+"."+o] == "" {
					b.bad.on(y.Mark, "option %q of field %q has no words; give option_names or a text %q", o, y.Name, y.Name+"."+o)
				}
			}
		}
		b.say(y.Mark, fmt.Sprintf("field.%s.%s.%s", b.f.Procedure, act, y.Name), y.Label, true)
		out = append(out, f)
	}
	return out
}

// readers are whom a notice can be sent to.
var readers = []string{"resident", "holder", "offered", "superior", "joint", procedure.ByMember}

func (b *builder) notices(list []noticeYAML) []procedure.Notice {
	var out []procedure.Notice
	for _, n := range list {
		if _, roll := b.d.Roll(n.To); !roll && !slices.Contains(readers, n.To) {
			b.bad.on(n.Mark, "notice to %q, which is neither a roll nor one of %v", n.To, readers)
		}
		if b.p.Texts[b.p.Langs[0]]["notice."+n.Template] == "" {
			b.bad.on(n.Mark, "notice %q has no words; give the text %q", n.Template, "notice."+n.Template)
		}
		out = append(out, procedure.Notice{To: n.To, Template: n.Template})
	}
	return out
}

func (b *builder) clock(y clockYAML) {
	c := procedure.Clock{ID: y.ID, Law: b.law(y.Law), In: y.In, Start: y.Start, Stop: y.Stop, Pause: y.Pause, Expire: y.Expire, Promise: y.Promise,
		Extend: procedure.Extend{Max: y.Extend.Max, Times: y.Extend.Times, Law: b.law(y.Extend.Law)},
		From:   y.From, Until: y.Until, PauseLaw: b.law(y.PauseLaw), TimeBar: y.TimeBar, Binds: y.Binds,
		Alerts: y.Alert, AlertNotice: y.AlertNotice, Parameter: y.Parameter}
	if y.Binds != "" && y.Binds != "resident" && y.Binds != "unit" {
		b.bad.on(y.Mark, "clock %q: binds %q is not unit or resident", y.ID, y.Binds)
	}
	if y.Until != "" && y.Unit == "" {
		y.Unit = string(worktime.CalendarDays) // the date is the rule
	}
	c.Rule = b.rule(y.Mark, y.ID, ruleYAML{N: y.N, Unit: y.Unit, Roll: y.Roll, At: y.At, Arrival: y.Arrival})
	for cat, r := range y.ByCategory {
		if c.ByCategory == nil {
			c.ByCategory = map[string]worktime.Rule{}
		}
		c.ByCategory[cat] = b.rule(r.Mark, y.ID+" for "+cat, r)
	}
	if (len(y.In) > 0) == (len(y.Start) > 0) {
		b.bad.on(y.Mark, "clock %q: give either in (states) or start (events)", y.ID)
	}
	b.article(y, c)
	b.d.Clocks = append(b.d.Clocks, c)
	b.say(y.Mark, "clock."+b.d.ID+"."+y.ID, y.Name, true)
}

func (b *builder) rule(m mark, clock string, y ruleYAML) worktime.Rule {
	r := worktime.Rule{N: y.N, Unit: worktime.Unit(y.Unit), Roll: worktime.Roll(y.Roll), At: worktime.At(y.At), Arrival: worktime.Arrival(y.Arrival)}
	if err := r.Check(); err != nil {
		b.bad.on(m, "clock %q: %v", clock, err)
	}
	return r
}

// references checks the names clocks and acts use of each other, once all are known.
func (b *builder) references() {
	d := b.d
	events := []string{d.Opening}
	for _, a := range d.Acts {
		events = append(events, a.Event)
	}
	for i, y := range b.f.Clocks {
		for _, s := range slices.Concat(y.In, y.Pause) {
			if _, ok := d.State(s); !ok {
				b.bad.on(y.Mark, "clock %q names the state %q, which is not listed", y.ID, s)
			}
		}
		for _, e := range slices.Concat(y.Start, y.Stop) {
			if !slices.Contains(events, e) {
				b.bad.on(y.Mark, "clock %q names the event %q, which no act makes", y.ID, e)
			}
		}
		a, ok := d.Act(y.Expire)
		if !ok || !slices.Contains(a.By, string(authz.System)) {
			b.bad.on(y.Mark, "clock %q: expire %q is not an act by [system]", y.ID, y.Expire)
		}
		if i < len(d.Clocks) && slices.ContainsFunc(d.Clocks[:i], func(c procedure.Clock) bool { return c.ID == y.ID }) {
			b.bad.on(y.Mark, "clock %q is listed twice", y.ID)
		}
	}
	roles := b.rolesHeld()
	for _, y := range b.f.Acts {
		for _, r := range y.By {
			if !roles[r] {
				b.bad.on(y.Mark, "act %q: role %q is held by no unit%s", y.ID, r, suggest(r, keys(roles)))
			}
		}
		for _, c := range []string{y.While, y.Extends} {
			if _, ok := d.Clock(c); !ok && c != "" {
				b.bad.on(y.Mark, "act %q names the clock %q, which is not listed", y.ID, c)
			}
		}
		b.moreReferences(y, roles)
	}
	b.rolls()
	b.guards()
	b.dates()
}

func (b *builder) rolesHeld() map[string]bool {
	held := map[string]bool{procedure.BySystem: true, procedure.ByResident: true, procedure.ByParent: true, procedure.ByChild: true, procedure.ByGroup: true, procedure.ByMember: b.d != nil && len(b.d.Rolls) > 0}
	for _, rs := range b.p.Units.RolesAt() {
		for r := range rs {
			held[r] = true
		}
	}
	return held
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Failed says that a procedure does not have the properties every procedure must have.
type Failed struct {
	File      string
	Line      int
	Column    int
	Procedure string
	Violation procedure.Violation
	Pack      *Pack // for the words of the story
}

// Error is the short form; Story tells it in words.
func (f *Failed) Error() string {
	return fmt.Sprintf("%s:%d:%d: procedure %q: %s", f.File, f.Line, f.Column, f.Procedure, f.Violation)
}

// properties runs the model checker over every procedure, those that others open first: how long they
// can take is part of how long the others can.
func (l *loader) properties(memory *Memory) error {
	files := map[string]procedureFile{}
	for _, f := range l.files {
		files[f.Procedure] = f
	}
	for _, id := range l.order {
		l.begins(l.p.Procedures[id])
	}
	var units []org.Unit
	for _, id := range l.p.Units.All() {
		u, _ := l.p.Units.Unit(id)
		units = append(units, u)
	}
	var out []error
	for _, wave := range l.waves() {
		reports, err := checkAll(l.p, wave, units, memory)
		if err != nil {
			return err
		}
		for i, report := range reports {
			id := wave[i]
			l.p.Reports[id] = report
			for _, v := range report.Violations {
				where := placeOf(files[id], v)
				out = append(out, &Failed{File: where.file, Line: where.line, Column: where.col, Procedure: id, Violation: v, Pack: l.p})
			}
			for _, other := range l.p.Procedures {
				if other.ChildDays == nil {
					other.ChildDays = map[string]int{}
				}
				other.ChildDays[id] = max(report.Road.Ordinary.Final, report.Road.Worst.Final)
			}
		}
	}
	return errors.Join(out...)
}

// waves puts procedures that open none of each other together, those that others open first.
func (l *loader) waves() [][]string {
	var out [][]string
	at := map[string]int{}
	for _, id := range l.order {
		wave := 0
		for _, link := range l.p.Procedures[id].Links {
			if n, ok := at[link.Procedure]; ok {
				wave = max(wave, n+1)
			}
		}
		at[id] = wave
		if wave == len(out) {
			out = append(out, nil)
		}
		out[wave] = append(out[wave], id)
	}
	return out
}

// checkAll checks procedures side by side, on as many processors as there are: a check keeps one busy.
func checkAll(p *Pack, ids []string, units []org.Unit, memory *Memory) ([]procedure.Report, error) {
	out, bad := make([]procedure.Report, len(ids)), make([]error, len(ids))
	search := func(i int) error {
		d := p.Procedures[ids[i]]
		print, err := fingerprint(d, units)
		if err != nil {
			return err
		}
		known := false
		if out[i], known = memory.report(print); !known {
			out[i] = procedure.Check(d)
			memory.keep(print, out[i])
		}
		return nil
	}
	next := make(chan int)
	var all sync.WaitGroup
	for range min(len(ids), runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := range next {
				bad[i] = search(i)
			}
		})
	}
	for i := range ids {
		next <- i
	}
	close(next)
	all.Wait()
	return out, errors.Join(bad...)
}

// begins tells a procedure where and with what facts its cases can begin: by the categories that lead to
// it, and by the links of other procedures.
func (l *loader) begins(d *procedure.Definition) {
	d.Begins = nil
	for _, c := range l.p.Categories {
		if c.Procedure == d.ID {
			d.Begins = append(d.Begins, procedure.Begin{Facts: d.CategoryFacts[c.ID], Units: l.receivers(c)})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.p.Procedures)) {
		other := l.p.Procedures[id]
		for i := range other.Links {
			if link := &other.Links[i]; link.Procedure == d.ID {
				for _, facts := range brought(other, link) {
					d.Begins = append(d.Begins, procedure.Begin{Facts: facts, Units: l.held(link)})
				}
			}
		}
	}
}

// receivers are the units that a category can lead to.
func (l *loader) receivers(c Category) []org.UnitID {
	var out []org.UnitID
	for _, at := range l.p.Units.All() {
		if to := l.p.RouteTo(c.ID, at); !slices.Contains(out, to) {
			out = append(out, to)
		}
	}
	for _, r := range l.p.Routes {
		for _, from := range l.p.concerned(r) {
			for _, at := range l.p.Units.All() {
				if to := l.p.reach(r.To, from, at); to.Category == c.ID && !slices.Contains(out, to.Unit) {
					out = append(out, to.Unit)
				}
			}
		}
	}
	return out
}

// brought lists the facts a case can begin with when a link opens it.
func brought(d *procedure.Definition, link *procedure.Link) []map[string]string {
	all := []map[string]string{{}}
	for _, s := range link.Sets {
		values := []string{s.Value}
		if f, ok := d.Fact(s.Field); ok {
			values = append([]string{""}, f.Values...)
		}
		var next []map[string]string
		for _, m := range all {
			for _, v := range values {
				n := maps.Clone(m)
				if v != "" {
					n[s.Fact] = v
				}
				next = append(next, n)
			}
		}
		all = next
	}
	return all
}

// held are the units in which a case opened by a link can begin; none listed means any.
func (l *loader) held(link *procedure.Link) []org.UnitID {
	dept, ok := strings.CutPrefix(link.Unit, procedure.UnitDept)
	var out []org.UnitID
	for _, id := range l.p.Units.All() {
		u, _ := l.p.Units.Unit(id)
		above := link.Unit == procedure.UnitSuperior && len(l.p.Units.Children(id)) > 0
		if ok && u.Dept == dept || above {
			out = append(out, id)
		}
	}
	return out
}

// placeOf points at the clock, act or state a violation is about.
func placeOf(f procedureFile, v procedure.Violation) mark {
	for _, l := range f.Links {
		if l.ID == v.Link {
			return l.Mark
		}
	}
	for _, c := range f.Clocks {
		if c.ID == v.Clock {
			return c.Mark
		}
	}
	for _, a := range f.Acts {
		if a.ID == v.Act && v.Clock == "" {
			return a.Mark
		}
	}
	for _, s := range f.States {
		if s.ID == v.State {
			return s.Mark
		}
	}
	return f.Mark
}

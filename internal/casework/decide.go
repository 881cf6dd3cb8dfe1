package casework

import (
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Longest title and text of a case and of a note, in runes.
const (
	MaxTitle = 120
	MaxText  = form.MaxText
)

// Decide says what a command does to a case under its definition: the events, or a *Refusal.
//
// It is pure: now is an argument, nothing is read or drawn. Invariants: an event never names a state
// the definition lacks; a refused command changes nothing; a Tick for a clock that is not running or
// has another date yields no event and no error, so timers may repeat themselves.
func Decide(d *procedure.Definition, c Case, cmd Command, who authz.Actor, now time.Time) ([]Event, error) {
	if now.Before(c.Changed) {
		now = c.Changed // a clock was set back; within a case it never goes back, so that no term is counted over less than no time
	}
	at, err := when(c, cmd, who, now)
	if err != nil {
		return nil, err
	}
	k := decision{d: d, c: c, cmd: cmd, who: who, at: at, now: now}
	if cmd.Open != nil {
		return k.open()
	}
	if c.ID == "" {
		return nil, refuse("case.unknown")
	}
	if cmd.Version != AnyVersion && (cmd.Version < c.Version || cmd.Version > c.Seq) {
		return nil, refuse(Conflict, "have", strconv.Itoa(cmd.Version), "now", strconv.Itoa(c.Version))
	}
	switch {
	case cmd.Tick != nil:
		return k.tick()
	case cmd.Sent != nil:
		return k.sent()
	case cmd.Note != nil:
		return k.note()
	case cmd.Ended != nil:
		return k.ended()
	case cmd.Recall:
		return k.recalled()
	case cmd.Recount:
		return k.recount()
	case cmd.Filed != nil:
		return k.filed()
	case cmd.Checked != nil:
		return k.checked()
	case cmd.Published != nil:
		return k.published()
	case cmd.Follow != nil:
		return k.follow()
	case cmd.Led != nil:
		return k.led()
	case cmd.Act != "":
		return k.act()
	case len(cmd.Files) > 0:
		return k.attach()
	}
	return nil, refuse("command.empty")
}

// when settles the time of the event: now, or for the importer the time it really happened.
func when(c Case, cmd Command, who authz.Actor, now time.Time) (time.Time, error) {
	if cmd.At.IsZero() || cmd.At.Equal(now) {
		return now, nil
	}
	if !who.Is(authz.Importer) && !who.Is(authz.System) {
		return now, refuse("history.importer_only")
	}
	if cmd.At.After(now) {
		return now, refuse("history.future", "at", cmd.At.Format(time.RFC3339))
	}
	if cmd.At.Before(c.Changed) {
		return now, refuse("history.order", "at", cmd.At.Format(time.RFC3339), "last", c.Changed.Format(time.RFC3339))
	}
	return cmd.At, nil
}

func refuse(rule string, kv ...string) *Refusal {
	r := &Refusal{Rule: rule}
	for i := 0; i+1 < len(kv); i += 2 {
		if r.Params == nil {
			r.Params = map[string]string{}
		}
		r.Params[kv[i]] = kv[i+1]
	}
	return r
}

type decision struct {
	d   *procedure.Definition
	c   Case
	cmd Command
	who authz.Actor
	at  time.Time
	now time.Time
}

// event starts the record of something that happened to the case as it stands.
func (k *decision) event(kind string, by By) Event {
	e := Event{
		Case: k.c.ID, Seq: k.c.Seq + 1, Kind: kind, At: k.at, By: by,
		State: k.c.State, Holder: k.c.Holder, Assignee: k.c.Assignee, Offered: k.c.Offered, Files: slices.Clone(k.cmd.Files),
	}
	if !k.at.Equal(k.now) {
		e.Recorded = k.now
	}
	for i := range e.Files {
		e.Files[i].Seq = e.Seq
		e.Files[i].Public = e.Files[i].Public || k.who.Is(authz.Resident)
		e.Files[i].Published = false // that is a decision of its own
	}
	return e
}

func (k *decision) open() ([]Event, error) {
	o := *k.cmd.Open
	if k.c.ID != "" {
		return nil, refuse("case.exists")
	}
	g, ok := authz.Allow(k.who, authz.Need{Roles: []authz.Role{authz.Resident}, Unit: o.Unit, Programme: k.d.Programme})
	if !ok && o.Parent != nil && k.who.Is(authz.System) {
		g, ok = authz.Grant{Role: authz.System}, true // opened by an act of another case, which holds the name of who did it
	}
	if !ok && k.who.IsStaff() {
		g, ok = anyGrant(k.who, k.d.Programme) // the counter takes in what a resident brings in person
	}
	if !ok {
		return nil, refuse("actor.forbidden")
	}
	o.Title, o.Text = strings.TrimSpace(o.Title), strings.TrimSpace(strings.ReplaceAll(o.Text, "\r\n", "\n"))
	var bad []form.Problem
	bad = append(bad, checkWords("title", o.Title, MaxTitle)...)
	bad = append(bad, checkWords("text", o.Text, MaxText)...)
	if o.Title == "" {
		bad = append(bad, form.Problem{Field: "text", Rule: "form.required"})
	}
	if o.Parent == nil && !slices.Contains(k.d.Categories, o.Category) {
		bad = append(bad, form.Problem{Field: "category", Rule: "category.unknown", Params: map[string]string{"got": clip(o.Category)}})
	}
	if _, ok := k.d.Units.Unit(o.Unit); !ok {
		bad = append(bad, form.Problem{Field: "unit", Rule: "unit.unknown", Params: map[string]string{"got": clip(string(o.Unit))}})
	}
	if o.Place.Point != nil && o.Place.Point.Check() != nil {
		bad = append(bad, form.Problem{Field: "place", Rule: "place.position"})
	}
	bad = append(bad, checkWords("address", o.Place.Address, 200)...)
	bad = append(bad, checkWords("contact", o.Contact.Address, 200)...)
	bad = append(bad, checkWords("name", o.Contact.Name, 100)...)
	clean, more := form.Check(k.d.Intake, k.cmd.Fields)
	if bad = append(bad, more...); len(bad) > 0 {
		return nil, &Refusal{Rule: "form.invalid", Law: k.d.Law, Fields: bad}
	}
	k.c.ID = o.ID
	e := k.event(k.d.Opening, k.by(g))
	e.State, e.Holder, e.Opening, e.Fields = k.d.Start, o.Unit, &o, clean
	e.Procedure, e.Programme = k.d.ID, k.d.Programme
	k.c.Members = o.Members
	k.c.Category, k.c.Holder, k.c.Facts, k.c.Contact, k.c.Opened = o.Category, o.Unit, o.Facts, o.Contact, k.at
	change := k.d.Begin(o.Category, o.Facts, clean)
	e.Facts = facts(o.Facts, change.Sets)
	k.joins(&e, change.Rolls)
	if r := k.clocks(&e, change.Moves); r != nil {
		r.Law = k.d.Law
		return nil, r
	}
	k.c.Facts = e.Facts
	if o.Sealed || k.d.Seal.Root != nil && k.d.Seal.Holds(See(k.d, &k.c), clean) == procedure.Yes {
		e.Sealed = e.Holder
	}
	e.Notices = k.notices(k.d.Opened, e)
	return []Event{e}, nil
}

// facts are the given ones with what an act sets; nil when there are none.
func facts(given map[string]string, sets []procedure.Set) map[string]string {
	if len(given)+len(sets) == 0 {
		return nil
	}
	out := maps.Clone(given)
	if out == nil {
		out = map[string]string{}
	}
	for _, s := range sets {
		out[s.Fact] = s.Value
	}
	return out
}

func anyGrant(who authz.Actor, programme string) (authz.Grant, bool) {
	for _, g := range who.Grants() {
		if len(who.Opens(g)) == 0 {
			continue // who may read no case writes none down either
		}
		if got, ok := authz.Allow(who, authz.Need{Roles: []authz.Role{g.Role}, Unit: g.Unit, Programme: programme}); ok {
			return got, true
		}
	}
	return authz.Grant{}, false
}

// act does one declared act.
func (k *decision) act() ([]Event, error) {
	a, ok := k.d.Act(k.cmd.Act)
	if !ok {
		return nil, refuse("act.unknown", "act", clip(k.cmd.Act))
	}
	if !a.ByPeople() {
		return nil, refuse("actor.forbidden")
	}
	by, err := k.allowed(a)
	if err != nil {
		return nil, err
	}
	if no := k.concerns(a, by); no != nil {
		no.Law = a.Law
		return nil, no
	}
	return k.do(a, by, "")
}

// unwrap gives a refusal of the procedure its law, and the procedure's name for its words.
func (k *decision) unwrap(r *procedure.Refused, a *procedure.Act) *Refusal {
	no := refuse(r.Rule, append(r.Params, "procedure", k.d.ID)...)
	no.Law = a.Law
	return no
}

// allowed settles who may act and in whose name, and what does not depend on the answers.
func (k *decision) allowed(a *procedure.Act) (By, error) {
	law := func(r *Refusal) *Refusal { r.Law = a.Law; return r }
	g, ok := k.grant(a)
	if !ok {
		return By{}, law(refuse("actor.forbidden"))
	}
	by := k.by(g)
	if r := k.onRoll(a, &by); r != nil {
		return By{}, law(r)
	}
	v := view{d: k.d, c: &k.c}
	if k.own(a, by) {
		v.about = by.Member
	}
	if r := k.d.Allowed(v, a, nil); r != nil {
		no := k.unwrap(r, a)
		if r.Rule == "act.too_late" {
			w, _ := k.c.Clock(a.While)
			no.Params["due"] = dueText(w)
		}
		return By{}, no
	}
	if a.About != "" && !k.own(a, by) && len(k.fitting(a)) == 0 {
		return By{}, law(refuse("roll.nobody", "roll", a.About))
	}
	if slices.ContainsFunc(k.who.Persons(), k.c.bars) {
		return By{}, law(refuse("actor.barred"))
	}
	for _, other := range a.NotBy {
		if slices.ContainsFunc(k.who.Persons(), func(id string) bool { return slices.Contains(k.c.Doers[other], id) }) {
			return By{}, law(refuse("actor.did_before", "act", other, "procedure", k.d.ID))
		}
	}
	if w, ok := k.c.Clock(a.While); ok && k.at.After(w.Due) {
		return By{}, law(refuse("act.too_late", "clock", a.While, "due", dueText(w), "procedure", k.d.ID))
	}
	return by, nil
}

// by names who acts under a grant, and for whom.
func (k *decision) by(g authz.Grant) By {
	return By{Actor: k.who.ID(), For: k.who.For(), Role: string(g.Role), Unit: g.Unit}
}

// grant finds the right under which the actor does the act.
func (k *decision) grant(a *procedure.Act) (authz.Grant, bool) {
	need := authz.Need{Roles: roles(a.By), Programme: k.d.Programme, Case: string(k.c.ID)}
	if k.cmd.Behalf {
		if len(a.Behalf) == 0 || !k.who.IsStaff() {
			return authz.Grant{}, false
		}
		need.Roles, need.Unit = roles(a.Behalf), k.c.Holder
		return authz.Allow(k.who, need)
	}
	if a.Of != procedure.OfJoint {
		need.Unit = k.nameOf(a.Of)
		return authz.Allow(k.who, need)
	}
	for _, unit := range k.c.Joint {
		need.Unit = unit
		if g, ok := authz.Allow(k.who, need); ok {
			return g, true
		}
	}
	return authz.Grant{}, false
}

func dueText(w Clock) string {
	if w.ID == "" {
		return ""
	}
	return w.Due.Format(time.RFC3339)
}

// CanAct reports whether this actor may do the act now, forms aside: what a page offers as buttons.
func CanAct(d *procedure.Definition, c Case, a *procedure.Act, who authz.Actor, now time.Time) bool {
	k := decision{d: d, c: c, who: who, at: now, now: now}
	_, err := k.allowed(a)
	return err == nil && a.ByPeople()
}

// WhyNot is the reason why this actor may not do the act now, forms aside; nil when they may. It is what
// a page shows to somebody who follows an old link.
func WhyNot(d *procedure.Definition, c Case, a *procedure.Act, who authz.Actor, now time.Time) *Refusal {
	k := decision{d: d, c: c, who: who, at: now, now: now}
	if !a.ByPeople() {
		return refuse("actor.forbidden")
	}
	var no *Refusal
	if _, err := k.allowed(a); errors.As(err, &no) {
		return no
	}
	return nil
}

// CanActFor is CanAct for staff who record what a resident asked for on signed paper.
func CanActFor(d *procedure.Definition, c Case, a *procedure.Act, who authz.Actor, now time.Time) bool {
	k := decision{d: d, c: c, who: who, at: now, now: now, cmd: Command{Behalf: true}}
	_, err := k.allowed(a)
	return err == nil && a.ByPeople()
}

func (k *decision) nameOf(of procedure.Of) org.UnitID {
	switch of {
	case procedure.OfOffered:
		return k.c.Offered
	case procedure.OfSuperior:
		if up, ok := k.d.Units.Superior(k.c.Holder); ok {
			return up
		}
	}
	return k.c.Holder
}

func roles(names []string) []authz.Role {
	out := make([]authz.Role, len(names))
	for i, n := range names {
		out[i] = authz.Role(n)
	}
	return out
}

// do turns an allowed act into its event. expired names the clock when the system answers an expiry.
func (k *decision) do(a *procedure.Act, by By, expired string) ([]Event, error) {
	member := k.cmd.Fields[procedure.FieldMember]
	clean, bad := form.Check(a.Fields, without(k.cmd.Fields, a))
	if k.cmd.Behalf && len(k.cmd.Files) == 0 {
		bad = append(bad, form.Problem{Field: "files", Rule: "act.paper"})
	}
	if len(bad) > 0 {
		return nil, &Refusal{Rule: "form.invalid", Law: a.Law, Fields: bad}
	}
	change, no := k.d.Step(See(k.d, &k.c), a, with(clean, a, member), expired)
	if no != nil {
		return nil, k.unwrap(no, a)
	}
	e := k.event(a.Event, by)
	if a.About != "" {
		e.Member = member
	}
	e.Act, e.Fields, e.Expired, e.State, e.Final = a.ID, clean, expired, change.State, change.Final
	e.Behalf, e.Documents, e.Facts = k.cmd.Behalf, a.Documents, facts(nil, change.Sets)
	if r := k.effects(a, &e); r != nil {
		r.Law = a.Law
		return nil, r
	}
	if st, ok := k.d.State(e.State); ok && st.Owner != procedure.OwnerOffered {
		e.Offered = "" // the offer ends with the state, however the case leaves it
	}
	e.Answers = a.Answers
	k.joins(&e, change.Rolls)
	if cl, ok := k.d.Clock(expired); ok && cl.Promise {
		e.Late = true
	}
	if r := k.clocks(&e, change.Moves); r != nil {
		r.Law = a.Law
		return nil, r
	}
	if r := k.spawn(change, &e); r != nil {
		r.Law = a.Law
		return nil, r
	}
	e.Notices = k.notices(a.Notices, e)
	return []Event{e}, nil
}

// effects applies what the act changes beyond the state.
func (k *decision) effects(a *procedure.Act, e *Event) *Refusal {
	for _, eff := range a.Effects {
		switch eff {
		case procedure.Escalate:
			e.Assignee, e.Offered, e.Raised = "", "", true
			if up, ok := k.above(k.c.Holder); ok {
				e.Holder = up
			}
		case procedure.Offer:
			to, r := k.unitField(e)
			if r != nil {
				return r
			}
			e.Offered = to
		case procedure.Take:
			e.Holder, e.Offered, e.Assignee = k.c.Offered, "", ""
		case procedure.TurnBack:
			e.Offered = ""
		case procedure.DecideAbove:
			e.Holder, e.Offered, e.Assignee = k.d.Units.CommonSuperior(k.c.Holder, k.c.Offered), "", ""
			e.Raised = true
		case procedure.Assign:
			officer := e.Fields["officer"]
			if slices.Contains(k.c.Barred, officer) {
				return &Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "officer", Rule: "officer.barred"}}}
			}
			e.Assignee = officer
		case procedure.AssignSelf:
			e.Assignee = k.who.Seat() // what a deputy takes on is the absent person's
		case procedure.Unassign:
			e.Assignee = ""
		case procedure.BarHandler:
			for _, id := range append([]string{k.c.Assignee, k.c.Answerer}, k.c.Stood...) {
				if id != "" && !slices.Contains(k.c.Barred, id) && !slices.Contains(e.Barred, id) {
					e.Barred = append(e.Barred, id)
				}
			}
			e.Assignee = ""
		case procedure.Decide:
			if _, ok := k.d.Outcome(e.Fields["outcome"]); !ok {
				return &Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "outcome", Rule: "outcome.unknown", Params: map[string]string{"got": clip(e.Fields["outcome"])}}}}
			}
			e.Outcome = e.Fields["outcome"]
		case procedure.Give:
			to, r := k.unitField(e)
			if r != nil {
				return r
			}
			e.Holder, e.Offered, e.Assignee = to, "", ""
		case procedure.SendToDept:
			to, ok := k.d.Units.Nearest(k.c.Holder, a.Dept)
			if !ok {
				return refuse("unit.no_department", "dept", a.Dept)
			}
			e.Holder, e.Offered, e.Assignee = to, "", ""
		case procedure.Seal:
			e.Sealed = e.Holder
		case procedure.Invite:
			to, r := k.unitField(e)
			if r != nil {
				return r
			}
			if slices.Contains(k.c.Joint, to) {
				return &Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "unit", Rule: "unit.joined"}}}
			}
			e.Joined = append(e.Joined, to)
		case procedure.Group:
			if r := k.lead(e); r != nil {
				return r
			}
		case procedure.Release:
			to := org.UnitID(e.Fields["unit"])
			if !slices.Contains(k.c.Joint, to) {
				return &Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "unit", Rule: "unit.not_joined"}}}
			}
			e.Left = append(e.Left, to)
		}
	}
	if k.c.Sealed != "" && e.Holder != k.c.Holder {
		e.Sealed = e.Holder // the seal goes with the case
	}
	k.unlead(a, e)
	return nil
}

// above is where an escalation leads, and a task or a message for the unit above. A sealed case stays in the
// line of its department: whoever stands above that department in general must not learn of it.
func (k *decision) above(unit org.UnitID) (org.UnitID, bool) {
	if k.c.Sealed != "" {
		return k.d.Units.SameAbove(unit)
	}
	return k.d.Units.Superior(unit)
}

// unitField reads another unit than the holder from the field "unit".
func (k *decision) unitField(e *Event) (org.UnitID, *Refusal) {
	to := org.UnitID(e.Fields["unit"])
	problem := form.Problem{Field: "unit", Rule: "unit.same"}
	if _, ok := k.d.Units.Unit(to); !ok {
		problem = form.Problem{Field: "unit", Rule: "unit.unknown", Params: map[string]string{"got": clip(string(to))}}
	} else if to != k.c.Holder {
		return to, nil
	}
	return "", &Refusal{Rule: "form.invalid", Fields: []form.Problem{problem}}
}

// spawn settles which cases the act opens and which open ones it ends.
func (k *decision) spawn(change procedure.Change, e *Event) *Refusal {
	if change.Recall {
		for _, c := range k.c.Children {
			if c.Open && c.Kind == procedure.Child {
				e.Recalled = append(e.Recalled, c.Case)
			}
		}
	}
	for _, l := range change.Spawn {
		s := Spawn{Link: l.ID, Kind: l.Kind, Procedure: l.Procedure, Unit: e.Holder}
		switch {
		case l.Unit == procedure.UnitSuperior:
			if up, ok := k.above(e.Holder); ok {
				s.Unit = up
			}
		case l.Unit == procedure.UnitField:
			s.Unit = org.UnitID(e.Fields["unit"])
			if s.Unit == "" {
				s.Unit = e.Holder // a task without another unit is one's own
			}
			if _, ok := k.d.Units.Unit(s.Unit); !ok {
				return &Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "unit", Rule: "unit.unknown", Params: map[string]string{"got": clip(string(s.Unit))}}}}
			}
		case strings.HasPrefix(l.Unit, procedure.UnitDept):
			dept := strings.TrimPrefix(l.Unit, procedure.UnitDept)
			to, ok := k.d.Units.Nearest(e.Holder, dept)
			if !ok {
				return refuse("unit.no_department", "dept", dept)
			}
			s.Unit = to
		}
		for _, name := range l.Carry {
			if v := e.Fields[name]; v != "" {
				if s.Fields == nil {
					s.Fields = map[string]string{}
				}
				s.Fields[name] = v
			}
			if slices.Contains(Carriers, name) || strings.HasPrefix(name, CarryRoll) {
				s.Carry = append(s.Carry, name)
			}
		}
		s.Facts = l.Brings(func(fact string) string {
			if v, ok := e.Facts[fact]; ok {
				return v
			}
			return k.c.Facts[fact]
		})
		for _, act := range l.NotBy {
			for _, id := range k.c.Doers[act] {
				if !slices.Contains(s.Barred, id) {
					s.Barred = append(s.Barred, id)
				}
			}
		}
		e.Spawn = append(e.Spawn, s)
	}
	return nil
}

// clocks carries out what the procedure says an event does to the clocks, and counts the dates anew.
func (k *decision) clocks(e *Event, moves []procedure.Move) *Refusal {
	changed := map[string]Clock{}
	var order []string
	for _, m := range moves {
		cl, _ := k.d.Clock(m.Clock)
		c, touched := changed[m.Clock]
		if !touched {
			c, _ = k.c.Clock(m.Clock)
			order = append(order, m.Clock)
		}
		switch m.Op {
		case procedure.OpStart:
			var r *Refusal
			if c, r = k.start(cl, e); r != nil {
				return r
			}
		case procedure.OpPause:
			c.Pauses = append(slices.Clone(c.Pauses), worktime.Span{From: k.at})
		case procedure.OpResume:
			c.Pauses = slices.Clone(c.Pauses)
			c.Pauses[len(c.Pauses)-1].To = k.at
		case procedure.OpExtend:
			if r := extend(&c, cl, e.Fields["days"]); r != nil {
				return r
			}
		}
		c.Status = m.Op.After().String()
		changed[m.Clock] = k.count(c, cl)
	}
	for _, id := range order {
		e.Clocks = append(e.Clocks, changed[id])
	}
	return nil
}

// start begins a clock at the event, or on the date that the law starts from.
func (k *decision) start(cl *procedure.Clock, e *Event) (Clock, *Refusal) {
	c := Clock{ID: cl.ID, Start: k.at, Rule: cl.RuleFor(k.c.Category), Promise: cl.Promise}
	cal := k.d.Calendar
	today := cal.DayAt(k.at)
	date := func(field string) (worktime.Day, *Refusal) {
		written := e.Fields[field]
		if written == "" {
			written = k.c.Intake[field]
		}
		day, err := worktime.ParseDay(written)
		if err != nil {
			return 0, invalid(field, "form.required")
		}
		return day, nil
	}
	if cl.From != "" {
		day, r := date(cl.From)
		if r != nil {
			return c, r
		}
		if day > today {
			return c, invalid(cl.From, "form.date_future")
		}
		// What an act says happened cannot lie before the case; what the opening asks about often does.
		if e.Opening == nil && e.Fields[cl.From] != "" && day < cal.DayAt(k.c.Opened) {
			return c, invalid(cl.From, "form.date_before_case", "opened", cal.DayAt(k.c.Opened).String())
		}
		if day < today {
			c.Start = cal.InstantAt(day, 0, 0, 0, 0)
		}
	}
	if cl.Until != "" {
		day, r := date(cl.Until)
		if r != nil {
			return c, r
		}
		if day < today {
			return c, invalid(cl.Until, "form.date_past")
		}
		c.Rule = worktime.Rule{N: int(day - today), Unit: worktime.CalendarDays, Roll: c.Rule.Roll}
		if err := c.Rule.Check(); err != nil {
			return c, invalid(cl.Until, "form.date_far")
		}
	}
	return c, nil
}

func invalid(field, rule string, kv ...string) *Refusal {
	p := form.Problem{Field: field, Rule: rule}
	if len(kv) > 0 {
		p.Params = refuse("", kv...).Params
	}
	return &Refusal{Rule: "form.invalid", Fields: []form.Problem{p}}
}

func extend(c *Clock, cl *procedure.Clock, answer string) *Refusal {
	if c.Rule.Unit != cl.Rule.Unit {
		// The form asks for the clock's own unit; four hours for a gas leak are not extended by days.
		return refuse("clock.other_unit")
	}
	days, err := strconv.Atoi(answer)
	if err != nil || days < 1 || c.Extra+days > cl.Extend.Max {
		return invalid("days", "form.range", "min", "1", "max", strconv.Itoa(cl.Extend.Max-c.Extra))
	}
	if c.Extended >= cl.Extend.Times {
		return refuse("clock.extended", "times", strconv.Itoa(cl.Extend.Times))
	}
	c.Extra += days
	c.Extended++
	return nil
}

// count computes the dates of a clock from its start, rule, pauses and extensions: a pure function of
// what was recorded and of the calendar, so that the same record gives the same date everywhere.
func (k *decision) count(c Clock, cl *procedure.Clock) Clock {
	cal := k.d.Calendar
	due := c.Rule.Due(cal, c.Start, c.Pauses, c.Extra)
	c.Raw, c.Due, c.Provisional = due.Raw, due.At, due.Provisional
	c.Calendar = cal.ID + "@" + cal.Version
	c.Alert = time.Time{}
	if !c.Running() {
		return c
	}
	for _, n := range cl.Alerts {
		at := cal.InstantAt(cal.DayAt(c.Raw)-worktime.Day(n), cal.Opens/60, cal.Opens%60, 0, 0)
		if at.After(k.at) && at.Before(c.Due) && (c.Alert.IsZero() || at.Before(c.Alert)) {
			c.Alert = at
		}
	}
	return c
}

// recount counts the open clocks again after the calendar changed (K9). It yields no event when no
// clock was counted with another version.
func (k *decision) recount() ([]Event, error) {
	if !k.who.Is(authz.System) {
		return nil, refuse("actor.forbidden")
	}
	e := k.event("clocks.recounted", By{Actor: k.who.ID(), Role: string(authz.System)})
	for _, c := range k.c.Clocks {
		cl, ok := k.d.Clock(c.ID)
		live := c.Running() || c.Status == procedure.Paused.String()
		if !ok || !live || c.Calendar == k.d.Calendar.ID+"@"+k.d.Calendar.Version {
			continue
		}
		e.Recounted = append(e.Recounted, Recounted{Clock: c.ID, Calendar: c.Calendar, Raw: c.Raw, Due: c.Due})
		e.Clocks = append(e.Clocks, k.count(c, cl))
	}
	if len(e.Recounted) == 0 {
		return nil, nil
	}
	return []Event{e}, nil
}

func statusOf(word string) procedure.Status {
	for _, s := range []procedure.Status{procedure.Running, procedure.Paused, procedure.Expired} {
		if s.String() == word {
			return s
		}
	}
	return procedure.Idle
}

// notices resolves whom an event owes a message. History owes none: what happened long ago
// elsewhere was told there.
func (k *decision) notices(list []procedure.Notice, e Event) []Notice {
	if k.who.Is(authz.Importer) || !e.Recorded.IsZero() {
		return nil
	}
	var out []Notice
	for _, n := range list {
		out = append(out, k.toMembers(n, e)...)
		switch n.To {
		case "resident":
			contact := k.c.Contact
			if e.Opening != nil {
				contact = e.Opening.Contact
			}
			if contact.Address == "" {
				continue // a follow code only: they look it up themselves
			}
			out = append(out, Notice{To: "resident", Template: n.Template})
		case "holder":
			out = append(out, Notice{To: "unit", Unit: e.Holder, Template: n.Template})
		case "offered":
			out = append(out, Notice{To: "unit", Unit: e.Offered, Template: n.Template})
		case "joint":
			for _, unit := range slices.Concat(k.c.Joint, e.Joined) {
				if !slices.Contains(e.Left, unit) {
					out = append(out, Notice{To: "unit", Unit: unit, Template: n.Template})
				}
			}
		case "superior":
			up, ok := k.above(e.Holder)
			if !ok {
				up = e.Holder
			}
			out = append(out, Notice{To: "unit", Unit: up, Template: n.Template})
		}
	}
	return out
}

// tick lets the system answer a clock that ran out.
func (k *decision) tick() ([]Event, error) {
	if !k.who.Is(authz.System) && !k.who.Is(authz.Importer) {
		return nil, refuse("actor.forbidden")
	}
	c, ok := k.c.Clock(k.cmd.Tick.Clock)
	if !ok || !c.Running() {
		return nil, nil
	}
	if k.cmd.Tick.Alert {
		return k.alert(c)
	}
	if !c.Due.Equal(k.cmd.Tick.Due) || k.at.Before(c.Due) {
		return nil, nil
	}
	c = k.first(c)
	cl, _ := k.d.Clock(c.ID)
	a, ok := k.d.Act(cl.Expire)
	if !ok {
		return nil, refuse("clock.unheard", "clock", c.ID, "state", k.c.State)
	}
	k.cmd.Fields = nil
	events, err := k.do(a, By{Actor: k.who.ID(), Role: string(authz.System), Unit: k.c.Holder}, c.ID)
	if err != nil {
		return k.stuck(c)
	}
	return events, nil
}

// alert tells the holder that a date comes near. It changes nothing else.
func (k *decision) alert(c Clock) ([]Event, error) {
	if !c.Alert.Equal(k.cmd.Tick.Due) || c.Alert.IsZero() || k.at.Before(c.Alert) {
		return nil, nil
	}
	cl, _ := k.d.Clock(c.ID)
	e := k.event("clock.at_risk", By{Actor: k.who.ID(), Role: string(authz.System), Unit: k.c.Holder})
	e.Alert = c.ID
	e.Clocks = []Clock{k.count(c, cl)}
	if cl.AlertNotice != "" {
		e.Notices = k.notices([]procedure.Notice{{To: "holder", Template: cl.AlertNotice}}, e)
	}
	return []Event{e}, nil
}

// stuck records that a clock ran out and its act could not be done. The checker proves that this cannot
// happen for a loaded pack; if it does, the case must not lie there in silence: it counts as raised, the
// clock is no longer waited for, and the unit above is told and given a task.
func (k *decision) stuck(c Clock) ([]Event, error) {
	e := k.event("clock.stuck", By{Actor: k.who.ID(), Role: string(authz.System), Unit: k.c.Holder})
	e.Expired, e.Raised = c.ID, true
	c.Status = procedure.Expired.String()
	e.Clocks = []Clock{c}
	if cl, ok := k.d.Clock(c.ID); ok && cl.Promise {
		e.Late = true
	}
	if l, ok := k.d.Link(k.d.Stuck); ok {
		if r := k.spawn(procedure.Change{Spawn: []*procedure.Link{l}}, &e); r != nil {
			return nil, r
		}
	}
	if k.d.StuckNotice != "" {
		e.Notices = k.notices([]procedure.Notice{{To: "superior", Template: k.d.StuckNotice}}, e)
	}
	return []Event{e}, nil
}

// ended hears that a child of this case has ended: by the act its link names, or by a line in the record.
func (k *decision) ended() ([]Event, error) {
	if !k.who.Is(authz.System) {
		return nil, refuse("actor.forbidden")
	}
	end := *k.cmd.Ended
	i := slices.IndexFunc(k.c.Children, func(c Child) bool { return c.Case == end.Case && c.Open })
	if i < 0 {
		return nil, nil // it was recalled, and is known to have ended
	}
	child := k.c.Children[i]
	k.c.Children = foldChildren(k.c.Children, Event{Ended: &end})
	by := By{Actor: k.who.ID(), Role: string(authz.System), Unit: child.Unit}
	note := func() ([]Event, error) {
		e := k.event("child.ended", by)
		e.Ended = &end
		return []Event{e}, nil
	}
	l, ok := k.d.Link(child.Link)
	if !ok || child.Kind != procedure.Child || !k.c.Closed.IsZero() {
		return note()
	}
	a, ok := k.d.Act(l.Answer(end.Outcome))
	if !ok {
		return note()
	}
	k.cmd.Fields = nil
	if slices.ContainsFunc(a.Fields, func(f form.Field) bool { return f.Name == "outcome" }) {
		k.cmd.Fields = map[string]string{"outcome": end.Outcome}
	}
	events, err := k.do(a, by, "")
	if err != nil {
		return note() // the case has moved on; what the child found stays in its record
	}
	events[0].Ended = &end
	return events, nil
}

// recalled ends this case because its parent does not need it any more.
func (k *decision) recalled() ([]Event, error) {
	if !k.who.Is(authz.System) {
		return nil, refuse("actor.forbidden")
	}
	if !k.c.Closed.IsZero() {
		return nil, nil
	}
	for i := range k.d.Acts {
		a := &k.d.Acts[i]
		if slices.Contains(a.By, procedure.ByParent) && slices.Contains(a.From, k.c.State) {
			k.cmd.Fields = nil
			return k.do(a, By{Actor: k.who.ID(), Role: string(authz.System), Unit: k.c.Holder}, "")
		}
	}
	return nil, refuse("case.not_recallable", "state", k.c.State)
}

// first is the term to answer when several of a case end together: one that an event started, such as
// the promise, before the term of the state. The case then moves up once, and the state's term begins
// anew with that, in whatever order the timers come.
func (k *decision) first(c Clock) Clock {
	if cl, ok := k.d.Clock(c.ID); !ok || len(cl.In) == 0 {
		return c
	}
	for i := range k.d.Clocks {
		o, ok := k.c.Clock(k.d.Clocks[i].ID)
		if ok && len(k.d.Clocks[i].In) == 0 && o.Running() && !o.Due.After(c.Due) {
			return o
		}
	}
	return c
}

func (k *decision) note() ([]Event, error) {
	n := *k.cmd.Note
	n.Text = strings.TrimSpace(strings.ReplaceAll(n.Text, "\r\n", "\n"))
	bad := checkWords("text", n.Text, MaxText)
	if n.Text == "" {
		bad = append(bad, form.Problem{Field: "text", Rule: "form.required"})
	}
	if len(bad) > 0 {
		return nil, &Refusal{Rule: "form.invalid", Fields: bad}
	}
	by, err := k.writer()
	if err != nil {
		return nil, err
	}
	n.Public = n.Public || k.who.Is(authz.Resident)
	e := k.event("noted", by)
	e.Note = &n
	return []Event{e}, nil
}

func (k *decision) attach() ([]Event, error) {
	by, err := k.writer()
	if err != nil {
		return nil, err
	}
	return []Event{k.event("attached", by)}, nil
}

// filed records the file of a case that has ended. Which papers it needs is for the procedure, whose order
// lets no case end before they are there; here it counts that nothing can be added to it any more.
func (k *decision) filed() ([]Event, error) {
	if st, ok := k.d.State(k.c.State); !ok || !st.Final {
		return nil, refuse("filed.open")
	}
	f := *k.cmd.Filed
	if sum, err := hex.DecodeString(f.Sum); err != nil || len(sum) != 32 || f.Sum != strings.ToLower(f.Sum) || f.Pages < 1 {
		return nil, refuse("filed.sum")
	}
	if !k.who.IsStaff() {
		return nil, refuse("actor.forbidden")
	}
	by, err := k.writer()
	if err != nil {
		return nil, err
	}
	e := k.event("file.made", by)
	f.Seq, f.At = e.Seq, e.At
	e.Filed = &f
	return []Event{e}, nil
}

// writer allows notes and papers to staff whose scope holds the case, and to its resident.
func (k *decision) writer() (By, error) {
	switch {
	case k.who.Is(authz.Resident):
		if g, ok := authz.Allow(k.who, authz.Need{Roles: []authz.Role{authz.Resident}, Case: string(k.c.ID)}); ok {
			return By{Actor: k.who.ID(), Role: string(g.Role)}, nil
		}
	case k.who.Is(authz.Importer):
		return By{Actor: k.who.ID(), Role: string(authz.Importer), Unit: k.c.Holder}, nil
	case k.who.IsStaff():
		for _, g := range k.who.Grants() {
			if k.c.ReadableBy(authz.Scope{Roots: k.who.Opens(g)}, k.d.Units) {
				return k.by(g), nil
			}
		}
	}
	return By{}, refuse("actor.forbidden")
}

func (k *decision) sent() ([]Event, error) {
	if !k.who.Is(authz.System) {
		return nil, refuse("actor.forbidden")
	}
	kind := "notice.sent"
	if k.cmd.Sent.Error != "" {
		kind = "notice.failed"
	}
	e := k.event(kind, By{Actor: k.who.ID(), Role: string(authz.System)})
	s := *k.cmd.Sent
	e.Sent = &s
	return []Event{e}, nil
}

func checkWords(field, s string, limit int) []form.Problem {
	_, bad := form.Check([]form.Field{{Name: field, Kind: form.LongText, Max: limit}}, map[string]string{field: s})
	return bad
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if utf8.RuneCountInString(s) > 40 {
		return string([]rune(s)[:40]) + "…"
	}
	return s
}

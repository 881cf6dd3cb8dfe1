package casework

import (
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
	}
	return e
}

func (k *decision) open() ([]Event, error) {
	o := *k.cmd.Open
	if k.c.ID != "" {
		return nil, refuse("case.exists")
	}
	g, ok := authz.Allow(k.who, authz.Need{Roles: []authz.Role{authz.Resident}, Unit: o.Unit, Programme: k.d.Programme})
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
	if !slices.Contains(k.d.Categories, o.Category) {
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
	e := k.event(k.d.Opening, By{Actor: k.who.ID(), Role: string(g.Role), Unit: g.Unit})
	e.State, e.Holder, e.Opening, e.Fields = k.d.Start, o.Unit, &o, clean
	e.Procedure, e.Programme = k.d.ID, k.d.Programme
	k.c.Category = o.Category
	k.clocks(&e, nil, "", k.d.Start, "")
	e.Notices = k.notices(k.d.Opened, e)
	return []Event{e}, nil
}

func anyGrant(who authz.Actor, programme string) (authz.Grant, bool) {
	for _, g := range who.Grants() {
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
	if slices.Contains(a.By, string(authz.System)) {
		return nil, refuse("actor.forbidden")
	}
	by, err := k.allowed(a)
	if err != nil {
		return nil, err
	}
	return k.do(a, by, "")
}

// allowed settles who may act and in whose name, and the guards that do not depend on the answers.
func (k *decision) allowed(a *procedure.Act) (By, error) {
	law := func(r *Refusal) *Refusal { r.Law = a.Law; return r }
	g, ok := authz.Allow(k.who, authz.Need{Roles: roles(a.By), Unit: k.nameOf(a.Of), Programme: k.d.Programme, Case: string(k.c.ID)})
	if !ok {
		return By{}, law(refuse("actor.forbidden"))
	}
	if !slices.Contains(a.From, k.c.State) {
		return By{}, law(refuse("act.state", "state", k.c.State, "act", a.ID))
	}
	if slices.Contains(k.c.Barred, k.who.ID()) && k.who.IsStaff() {
		return By{}, law(refuse("actor.barred"))
	}
	if a.Times > 0 && k.c.Times[a.ID] >= a.Times {
		return By{}, law(refuse("act.times", "times", strconv.Itoa(a.Times)))
	}
	if a.While != "" {
		w, ok := k.c.Clock(a.While)
		if !ok || !w.Running() || k.at.After(w.Due) {
			return By{}, law(refuse("act.too_late", "clock", a.While, "due", dueText(w)))
		}
	}
	return By{Actor: k.who.ID(), Role: string(g.Role), Unit: g.Unit}, nil
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
	return err == nil && !slices.Contains(a.By, string(authz.System))
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
	clean, bad := form.Check(a.Fields, k.cmd.Fields)
	if len(bad) > 0 {
		return nil, &Refusal{Rule: "form.invalid", Law: a.Law, Fields: bad}
	}
	e := k.event(a.Event, by)
	e.Act, e.Fields, e.Expired = a.ID, clean, expired
	if a.To != "" {
		e.State = a.To
	}
	if r := k.effects(a, &e); r != nil {
		r.Law = a.Law
		return nil, r
	}
	if st, ok := k.d.State(e.State); ok {
		e.Final = st.Final
		if st.Owner != procedure.OwnerOffered {
			e.Offered = "" // the offer ends with the state, however the case leaves it
		}
	}
	e.Answers = a.Answers
	if cl, ok := k.d.Clock(expired); ok && cl.Promise {
		e.Late = true
	}
	if r := k.clocks(&e, a, k.c.State, e.State, expired); r != nil {
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
			if up, ok := k.d.Units.Superior(k.c.Holder); ok {
				e.Holder = up
			}
		case procedure.Offer:
			to := org.UnitID(e.Fields["unit"])
			if _, ok := k.d.Units.Unit(to); !ok {
				return &Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "unit", Rule: "unit.unknown", Params: map[string]string{"got": clip(string(to))}}}}
			}
			if to == k.c.Holder {
				return &Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "unit", Rule: "unit.same"}}}
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
			e.Assignee = k.who.ID()
		case procedure.Unassign:
			e.Assignee = ""
		case procedure.BarHandler:
			for _, id := range []string{k.c.Assignee, k.c.Answerer} {
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
		}
	}
	return nil
}

// clocks applies the procedure's moves and counts the dates anew.
func (k *decision) clocks(e *Event, a *procedure.Act, from, to, expired string) *Refusal {
	status := func(id string) procedure.Status {
		c, _ := k.c.Clock(id)
		return statusOf(c.Status)
	}
	changed := map[string]Clock{}
	var order []string
	for _, m := range k.d.Moves(a, e.Kind, from, to, expired, status) {
		cl, _ := k.d.Clock(m.Clock)
		c, touched := changed[m.Clock]
		if !touched {
			c, _ = k.c.Clock(m.Clock)
			order = append(order, m.Clock)
		}
		switch m.Op {
		case procedure.OpStart:
			c = Clock{ID: cl.ID, Start: k.at, Rule: cl.RuleFor(k.c.Category), Promise: cl.Promise}
		case procedure.OpPause:
			c.Pauses = append(slices.Clone(c.Pauses), worktime.Span{From: k.at})
		case procedure.OpResume:
			c.Pauses = slices.Clone(c.Pauses)
			c.Pauses[len(c.Pauses)-1].To = k.at
		case procedure.OpExtend:
			if c.Rule.Unit != cl.Rule.Unit {
				// The form asks for the clock's own unit; four hours for a gas leak are not extended by days.
				return refuse("clock.other_unit")
			}
			days, err := strconv.Atoi(e.Fields["days"])
			if err != nil || days < 1 || c.Extra+days > cl.Extend.Max {
				return &Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "days", Rule: "form.range", Params: map[string]string{"min": "1", "max": strconv.Itoa(cl.Extend.Max - c.Extra)}}}}
			}
			if c.Extended >= cl.Extend.Times {
				return refuse("clock.extended", "times", strconv.Itoa(cl.Extend.Times))
			}
			c.Extra += days
			c.Extended++
		}
		c.Status = m.Op.After().String()
		due := c.Rule.Due(k.d.Calendar, c.Start, c.Pauses, c.Extra)
		c.Raw, c.Due, c.Provisional = due.Raw, due.At, due.Provisional
		c.Calendar = k.d.Calendar.ID + "@" + k.d.Calendar.Version
		changed[m.Clock] = c
	}
	for _, id := range order {
		e.Clocks = append(e.Clocks, changed[id])
	}
	return nil
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
		case "superior":
			up, ok := k.d.Units.Superior(e.Holder)
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
	if !ok || !c.Running() || !c.Due.Equal(k.cmd.Tick.Due) || k.at.Before(c.Due) {
		return nil, nil
	}
	c = k.first(c)
	cl, _ := k.d.Clock(c.ID)
	a, ok := k.d.Act(cl.Expire)
	if !ok || !slices.Contains(a.From, k.c.State) {
		// The checker proves this cannot happen for a loaded pack; staying loud beats losing a case.
		return nil, refuse("clock.unheard", "clock", c.ID, "state", k.c.State)
	}
	k.cmd.Fields = nil
	return k.do(a, By{Actor: k.who.ID(), Role: string(authz.System), Unit: k.c.Holder}, c.ID)
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
			reads := authz.Scope{Roots: []authz.Root{{Unit: g.Unit, Programmes: g.Programmes}}}
			if reads.Reads(k.d.Units, "", k.c.Holder, k.c.Programme) || (k.c.Offered != "" && reads.Reads(k.d.Units, "", k.c.Offered, k.c.Programme)) {
				return By{Actor: k.who.ID(), Role: string(g.Role), Unit: g.Unit}, nil
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

package explain

import (
	"slices"
	"strconv"
	"time"

	"comity/internal/casework"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Date is the whole answer to "why this date?": what the term is, every sentence behind its date with the
// law it stands on, and every day of the count.
type Date struct {
	ID, Name    string
	Status      string
	Due, Raw    time.Time // zero while it stands still
	Paused      bool
	Provisional bool
	Law         Law // of the term itself
	Reasons     []Reason
	Days        []Day
}

// Reason is one sentence of the answer.
type Reason struct {
	Kind  string // rule, until, from, begun, paused, extended, rolled, provisional, recounted, calendar
	Words string
	Law   Law
}

// Day is one day of the count.
type Day struct {
	ISO           string
	Date, Weekday string
	N             int // number of the counted day, or units run so far
	Counted, Due  bool
	Why           string // reason as a code
	Words         string // reason in words, with the name of a holiday
	Name          string
}

// Date explains one clock of the case; false when the case has none of that name. People are never named,
// only units, so that a resident and an officer read the same.
func (m Matter) Date(id string) (Date, bool) {
	k, ok := m.Case.Clock(id)
	cl, known := m.D.Clock(id)
	if !ok || !known {
		return Date{}, false
	}
	out := Date{ID: id, Name: m.clock(id), Status: k.Status, Due: k.Due, Raw: k.Raw, Provisional: k.Provisional,
		Paused: k.Status == procedure.Paused.String(), Law: LawOf(m.Say, cl.Law)}
	add := func(kind string, law procedure.Law, words string) {
		if words != "" {
			out.Reasons = append(out.Reasons, Reason{Kind: kind, Words: words, Law: LawOf(m.Say, law)})
		}
	}
	began, found := m.began(k)
	if cl.Until == "" {
		add("rule", cl.Law, m.Say.N("why.rule."+string(k.Rule.Unit), k.Rule.N))
	} else {
		add("until", cl.Law, m.until(cl, began))
	}
	if found {
		kind, law, words := m.begun(cl, k, began)
		add(kind, law, words)
	}
	for _, p := range k.Pauses {
		add("paused", cl.PauseLaw, m.pause(p))
	}
	for _, e := range m.Events {
		if a, ok := m.D.Act(e.Act); ok && a.Extends == id && e.Seq > began.Seq {
			law := cl.Extend.Law
			if law.None() {
				law = a.Law
			}
			add("extended", law, m.extended(a, e, k))
		}
	}
	if cal := m.D.Calendar; !k.Raw.IsZero() && cal.DayAt(k.Raw) < cal.DayAt(k.Due) {
		add("rolled", procedure.Law{}, m.Say.T("why.raw", "raw", m.Say.Date(k.Raw, m.Zone), "due", m.Say.Date(k.Due, m.Zone)))
	}
	if k.Provisional {
		add("provisional", procedure.Law{}, m.Say.T("why.provisional"))
	}
	for _, e := range m.Events {
		for _, r := range e.Recounted {
			if r.Clock == id && e.Seq > began.Seq {
				add("recounted", procedure.Law{}, m.Say.T("why.recounted", "date", m.Say.Date(e.At, m.Zone), "what", m.recounted(e, r)))
			}
		}
	}
	add("calendar", procedure.Law{}, m.Say.T("why.calendar", "calendar", k.Calendar))
	out.Days = m.Days(k)
	return out, true
}

// began finds the event that started the clock as it stands.
func (m Matter) began(k casework.Clock) (casework.Event, bool) {
	i := slices.IndexFunc(m.Events, func(e casework.Event) bool {
		return slices.ContainsFunc(e.Clocks, func(x casework.Clock) bool { return x.ID == k.ID && x.Start.Equal(k.Start) })
	})
	if i < 0 {
		return casework.Event{}, false
	}
	return m.Events[i], true
}

// field is the label of a date field of the event that started a clock: of its act, or of the opening.
func (m Matter) field(e casework.Event, name string) string {
	act := e.Act
	if act == "" || e.Fields[name] == "" {
		act = "open"
	}
	return m.Say.T("field." + m.D.ID + "." + act + "." + name)
}

// until says who set a date that is not counted but given.
func (m Matter) until(cl *procedure.Clock, e casework.Event) string {
	return m.Say.T("why.until", "unit", m.doer(e), "date", m.Say.Date(e.At, m.Zone), "field", m.field(e, cl.Until))
}

// begun says what the clock counts from: the event, or the date that the law starts from.
func (m Matter) begun(cl *procedure.Clock, k casework.Clock, e casework.Event) (string, procedure.Law, string) {
	title, _ := m.Title(e)
	at := m.Say.Date(k.Start, m.Zone)
	a, acted := m.D.Act(e.Act)
	switch {
	case cl.From != "" && acted && a.Proof:
		return "from", a.Law, m.Say.T("why.served", "date", at, "field", m.field(e, cl.From), "told", m.Say.Date(e.At, m.Zone), "unit", m.doer(e))
	case cl.From != "":
		return "from", procedure.Law{}, m.Say.T("why.from", "date", at, "field", m.field(e, cl.From), "told", m.Say.Date(e.At, m.Zone), "unit", m.doer(e))
	}
	return "begun", procedure.Law{}, m.Say.T("why.begun", "date", m.Say.DateTime(k.Start, m.Zone), "event", title)
}

// doer is who did something, as everybody may know it: the unit, the resident, or the machine.
func (m Matter) doer(e casework.Event) string {
	switch {
	case e.By.Role == procedure.ByResident:
		return m.Say.T("told.by.resident")
	case e.By.Unit != "":
		return m.unit(string(e.By.Unit))
	}
	return m.unit(string(e.Holder))
}

func (m Matter) pause(p worktime.Span) string {
	state := ""
	for _, e := range m.Events {
		if e.At.Equal(p.From) {
			state = m.Say.T("state." + m.D.ID + "." + e.State)
		}
	}
	if p.To.IsZero() {
		return m.Say.T("why.pause.open", "from", m.Say.Date(p.From, m.Zone), "state", state)
	}
	return m.Say.T("why.pause", "from", m.Say.Date(p.From, m.Zone), "to", m.Say.Date(p.To, m.Zone), "state", state)
}

// extended says who moved the date, by how much, to when and for what reason.
func (m Matter) extended(a *procedure.Act, e casework.Event, k casework.Clock) string {
	n, err := strconv.Atoi(e.Fields["days"])
	if err != nil {
		return ""
	}
	words := m.Say.T("why.extended", "unit", m.doer(e), "date", m.Say.Date(e.At, m.Zone), "by", m.Say.N("why.by."+string(k.Rule.Unit), n))
	for _, x := range e.Clocks {
		if x.ID == k.ID && !x.Due.IsZero() {
			words += m.Say.T("why.extended.to", "due", m.Say.Date(x.Due, m.Zone))
		}
	}
	for _, f := range a.Fields {
		if f.Name == "reason" && f.Public && e.Fields[f.Name] != "" {
			words += m.Say.T("why.extended.reason", "reason", e.Fields[f.Name])
		}
	}
	return words
}

// Days are every day from the event to the end, as the calendar in force has them.
func (m Matter) Days(k casework.Clock) []Day {
	var out []Day
	for _, l := range k.Rule.Explain(m.D.Calendar, k.Start, k.Pauses, k.Extra) {
		year, month, day := l.Day.Date()
		noon := time.Date(year, month, day, 12, 0, 0, 0, time.UTC) // a day of the calendar is in no zone
		d := Day{ISO: l.Day.String(), Date: m.Say.ShortDate(noon, time.UTC), Weekday: m.Say.T("date.weekday." + strconv.Itoa(int(noon.Weekday()))),
			N: l.N, Counted: l.Counted, Due: l.Why == worktime.WhyDue, Why: l.Why, Words: m.Say.T("why.day." + l.Why), Name: l.Name}
		if m.Say.Has(l.Name) {
			d.Name = m.Say.T(l.Name)
		}
		if d.Name != "" {
			d.Words = m.Say.T("why.named", "why", d.Words, "name", d.Name)
		}
		out = append(out, d)
	}
	return out
}

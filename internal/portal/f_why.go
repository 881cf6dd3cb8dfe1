package portal

import (
	"net/http"
	"strconv"

	"comity/internal/casework"
	"comity/internal/procedure"
	"comity/internal/web"
	"comity/internal/worktime"
)

// whyPage explains dates day by day, so that anybody can count along.
type whyPage struct {
	Base   string
	Ref    string
	Clocks []whyClock
}

// whyClock is one term: its rule, where it comes from, and every day of it.
type whyClock struct {
	Name, Rule, Law, Article string
	Start, Due               string
	Provisional, Paused      bool
	Extra                    string
	Days                     []whyDay
}

// whyDay is one day, counted or not, with the reason.
type whyDay struct{ Class, ISO, Date, Number, Why string }

func (p *Portal) why(w http.ResponseWriter, r *http.Request) error {
	m, err := p.matter(r, "portal.why.title")
	if err != nil {
		return err
	}
	v := whyPage{Base: m.base(), Ref: string(m.c.Ref)}
	for _, k := range m.c.Clocks {
		cl, ok := m.d.Clock(k.ID)
		if !ok || (!cl.Promise && !m.guards(cl.ID)) || (!k.Running() && k.Status != procedure.Paused.String()) {
			continue
		}
		v.Clocks = append(v.Clocks, m.explain(cl, k))
	}
	return m.page.Write(w, r, http.StatusOK, web.PublicLayout(m.page, whyBody(m.page, v)))
}

// guards reports whether an act of the resident is open only while this clock runs.
func (m *matter) guards(clock string) bool {
	for i := range m.d.Acts {
		if m.d.Acts[i].While == clock && m.may(&m.d.Acts[i]) {
			return true
		}
	}
	return false
}

func (m *matter) explain(cl *procedure.Clock, k casework.Clock) whyClock {
	v := whyClock{
		Name: m.page.T("clock." + m.d.ID + "." + k.ID), Law: m.page.Law(cl.Law), Article: m.page.Article(cl.Law),
		Rule:  m.page.N("portal.why.rule."+string(k.Rule.Unit), k.Rule.N),
		Start: m.page.Moment(k.Start), Provisional: k.Provisional, Paused: !k.Running(),
	}
	if k.Extra > 0 {
		v.Extra = m.page.N("portal.why.extra."+string(k.Rule.Unit), k.Extra)
	}
	if k.Running() {
		v.Due = m.page.Moment(k.Due)
	}
	for _, l := range k.Rule.Explain(m.d.Calendar, k.Start, k.Pauses, k.Extra) {
		v.Days = append(v.Days, m.day(k, l))
	}
	return v
}

func (m *matter) day(k casework.Clock, l worktime.Line) whyDay {
	date, weekday, name := m.page.CalendarDay(l)
	d := whyDay{Class: "off", ISO: l.Day.String(), Date: m.page.T("portal.why.date", "date", date, "weekday", weekday)}
	why := m.page.T("portal.why." + l.Why)
	if name != "" {
		why = m.page.T("portal.why.named", "why", why, "name", name)
	}
	if l.Counted {
		d.Class = ""
		d.Number = m.page.T("portal.why.number."+numberUnit(k.Rule.Unit), "n", strconv.Itoa(l.N))
	}
	if l.Why == worktime.WhyDue {
		d.Class = "due-day"
	}
	d.Why = why
	return d
}

// numberUnit groups the units for the words beside a counted day.
func numberUnit(u worktime.Unit) string {
	switch u {
	case worktime.Hours, worktime.Minutes:
		return string(u)
	}
	return "day"
}

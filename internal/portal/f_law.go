package portal

import (
	"net/http"
	"slices"
	"time"

	"comity/internal/casework"
	"comity/internal/procedure"
	"comity/internal/web"
)

// caseLaw shows a resident the procedure with the place where the case stands, and what can come
// next by when.
func (p *Portal) caseLaw(w http.ResponseWriter, r *http.Request) error {
	m, err := p.matter(r, "portal.law.case.title")
	if err != nil {
		return err
	}
	t := lawTeller{page: m.page, d: m.d, pk: p.Packs.Pack(m.c.Pack)}
	c := &lawCase{
		Base: m.base(), Ref: string(m.c.Ref), State: t.stateName(m.c.State), StateID: m.c.State,
		Now: m.page.T("state." + m.d.ID + "." + m.c.State + ".now"), Next: m.next(&t),
	}
	return m.page.Write(w, r, http.StatusOK, web.PublicLayout(m.page, lawBody(m.page, t.view(m.c.State, c))))
}

// next lists every way out of the present state: first what people may do, then what the clock does
// if nobody does anything.
func (m *matter) next(t *lawTeller) []lawNext {
	var out []lawNext
	add := func(a *procedure.Act, when string, clock bool) {
		n := lawNext{Name: t.actName(a.ID), Who: t.who(a), When: when, Clock: clock}
		if a.To != "" && a.To != m.c.State {
			n.To, n.ToID = t.stateName(a.To), a.To
		}
		out = append(out, n)
	}
	for i := range m.d.Acts {
		if a := &m.d.Acts[i]; m.open(a) {
			add(a, m.latest(a), false)
		}
	}
	for _, k := range m.c.Clocks {
		cl, ok := m.d.Clock(k.ID)
		if !ok || !k.Running() {
			continue
		}
		if a, ok := m.d.Act(cl.Expire); ok && slices.Contains(a.From, m.c.State) {
			add(a, m.page.T("portal.law.on", "when", m.page.Moment(k.Due)), true)
		}
	}
	return out
}

// open reports an act that somebody, the resident or another case can do now, as far as the case and
// its clocks decide it. Who of the office may do it is the office's affair.
func (m *matter) open(a *procedure.Act) bool {
	switch {
	case slices.Contains(a.By, procedure.BySystem):
		return false
	case slices.Contains(a.By, procedure.ByResident):
		return m.may(a)
	case slices.Contains(a.By, procedure.ByParent) && m.c.Parent == nil, slices.Contains(a.By, procedure.ByGroup):
		return false
	}
	return m.d.Allowed(casework.See(m.d, &m.c), a, nil) == nil
}

// latest is the last day for an act: of the term it is bound to, or of the first term that runs out
// when it is the turn of whoever does it.
func (m *matter) latest(a *procedure.Act) string {
	if k, ok := m.c.Clock(a.While); ok && k.Running() {
		return m.until(k.Due)
	}
	s, ok := m.d.State(m.c.State)
	if !ok || slices.Contains(a.By, procedure.ByResident) != (s.Owner == procedure.OwnerResident) || a.Withdraw {
		return ""
	}
	if k, ok := m.c.Due(); ok {
		return m.until(k.Due)
	}
	return ""
}

func (m *matter) until(due time.Time) string {
	return m.page.T("portal.law.by", "when", m.page.Day(due))
}

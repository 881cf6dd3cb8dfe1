package portal

import (
	"net/url"
	"strings"

	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/web"
)

// kidView is a matter that was opened from this one and is the resident's too: a review, a hearing, a
// hand-over. What offices ask each other is not shown.
type kidView struct {
	Purpose, Ref, Href string
	Words              []string // where it stands, by when, how it ended
	Open               bool
}

// family tells of the matters around this one, and of the ways beside it.
func (m *matter) family(v *casePage) {
	for _, k := range m.c.Children {
		if explain.Theirs(m.d, k.Link) {
			v.Kids = append(v.Kids, m.kid(k))
		}
	}
	if p := m.c.Parent; p != nil {
		v.Belongs = m.page.T("portal.case.belongs", "ref", string(p.Ref), "purpose", explain.Purpose(m.page.Speaker, p.Procedure, p.Link))
	}
	if key := "remedies." + m.d.ID; m.page.Has(key) {
		v.Ways = strings.Split(strings.TrimSpace(m.page.T(key)), "\n")
	}
}

func (m *matter) kid(k casework.Child) kidView {
	c := m.kids[k.Case]
	v := kidView{Purpose: explain.Purpose(m.page.Speaker, m.d.ID, k.Link), Ref: string(k.Ref), Href: m.kidAt(k), Open: k.Open}
	say := func(key string, kv ...string) { v.Words = append(v.Words, m.page.T(key, kv...)) }
	switch outcome := explain.Outcome(m.page.Speaker, k.Procedure, k.Outcome); {
	case k.Open:
		say("portal.kid.with", "unit", m.unit(string(c.Holder)))
		say("state." + c.Procedure + "." + c.State + ".now")
		if clock, ok := m.kidDue(c); ok {
			say("portal.kid.due", "clock", m.page.T("clock."+c.Procedure+"."+clock.ID), "date", m.page.Day(clock.Due))
		}
	case outcome != "":
		say("portal.kid.ended", "outcome", outcome)
	default:
		say("portal.kid.over")
	}
	return v
}

// kidDue is the date the resident waits for in another matter: the promised one, else the nearest.
func (m *matter) kidDue(c casework.Case) (casework.Clock, bool) {
	if k, ok := c.Promised(); ok && k.Running() {
		return k, true
	}
	return c.Due()
}

// kidAt is the page of another matter. At a device that belongs to nobody the link holds no code: see with.
func (m *matter) kidAt(k casework.Child) string {
	if m.page.Kiosk {
		return m.base() + "/with/" + url.PathEscape(string(k.Ref))
	}
	return "/f/" + string(m.kids[k.Case].Code)
}

// kidHref is the page of the matter a change is about, if it is the resident's.
func (m *matter) kidHref(c explain.Change) string {
	for _, k := range m.c.Children {
		if c.Ref != "" && k.Ref == c.Ref && explain.Theirs(m.d, k.Link) {
			return m.kidAt(k)
		}
	}
	return ""
}

// instead are the acts the resident can do now, as links.
func (m *matter) instead() []web.Link {
	var out []web.Link
	for i := range m.d.Acts {
		if a := &m.d.Acts[i]; m.may(a) {
			out = append(out, web.Link{Href: m.base() + "/do/" + a.ID, Label: m.page.T("act." + m.d.ID + "." + a.ID)})
		}
	}
	return append(out, web.Link{Href: m.base() + "/note", Label: m.page.T("portal.case.note")})
}

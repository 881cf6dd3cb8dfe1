package portal

import (
	"net/http"

	"comity/internal/procedure"
	"comity/internal/web"
)

// whyPage explains dates day by day, so that anybody can count along.
type whyPage struct {
	Base   string
	Ref    string
	Clocks []web.DateView
}

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
		if d, ok := m.told().Date(k.ID); ok {
			v.Clocks = append(v.Clocks, m.page.DateView(d, k.Rule.Unit))
		}
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

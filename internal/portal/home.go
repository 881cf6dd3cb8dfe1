package portal

import (
	"net/http"
	"slices"

	"comity/internal/procedure"
	"comity/internal/web"
)

// homePage is the start page: two ways on and what the city promises.
type homePage struct {
	Guide    bool       // there is a guide before filing
	Promises []string   // only what some procedure of the pack really holds
	Ways     []web.Link // to pages of programmes
}

func (p *Portal) home(w http.ResponseWriter, r *http.Request) error {
	page := p.Site.Page(r, "portal.home.title")
	v := homePage{Guide: p.Packs.Current().Explorer != nil, Promises: p.promises(page)}
	for _, g := range p.Programmes {
		if g.Front != nil {
			v.Ways = append(v.Ways, g.Front(page)...)
		}
	}
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, homeBody(page, v)))
}

// promises lists what the procedures open to residents have in common with the words: a page must
// not promise what the pack does not do.
func (p *Portal) promises(page *web.Page) []string {
	var dated, raised, contested bool
	for _, c := range p.Packs.Current().Categories {
		d := p.Packs.Current().ProcedureFor(c.ID)
		if d == nil || !c.Resident {
			continue
		}
		_, has := d.Promise()
		dated = dated || has
		raised = raised || slices.ContainsFunc(d.Acts, func(a procedure.Act) bool {
			return slices.Contains(a.By, "system") && a.Has(procedure.Escalate)
		})
		contested = contested || slices.ContainsFunc(d.Acts, func(a procedure.Act) bool {
			return slices.Contains(a.By, "resident") && a.Has(procedure.BarHandler)
		})
	}
	out := []string{page.T("portal.home.promise.code")}
	for _, x := range []struct {
		holds bool
		key   string
	}{{dated, "portal.home.promise.date"}, {raised, "portal.home.promise.raise"}, {contested, "portal.home.promise.contest"}} {
		if x.holds {
			out = append(out, page.T(x.key))
		}
	}
	return out
}

package desk

import (
	"net/http"
	"strconv"

	"comity/internal/ledger"
	"comity/internal/web"
)

// invariantsCard is the sum on the home of those who answer for the whole city.
type invariantsCard struct {
	Words, When string
	Broken      bool
}

// invariantsPage lists what must hold, what does not, and some of the cases.
type invariantsPage struct {
	When  string
	Rows  []invariantRow
	Blank web.Blank
}

type invariantRow struct {
	Name, Way string
	Count     string
	Broken    bool
	Examples  []web.Link
	More      []string // how many cases are not linked, and why
}

// oversees reports somebody who stands at the top unit: the figures are those of the whole city.
func (v *visit) oversees() bool { return v.reads(v.pack.Units.Root()) }

// invariantsCard is nil for everybody else.
func (v *visit) invariantsCard(p *web.Page) (*invariantsCard, error) {
	if !v.oversees() {
		return nil, nil
	}
	found, err := v.Reader.Findings(v.ctx())
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return &invariantsCard{Words: p.T("invariants.never")}, nil
	}
	broken := 0
	for _, f := range found {
		broken += f.Count
	}
	card := &invariantsCard{When: p.T("invariants.at", "when", p.Moment(found[0].At)), Broken: broken > 0, Words: p.T("invariants.whole", "n", strconv.Itoa(len(found)))}
	if broken > 0 {
		card.Words = p.N("invariants.broken", broken)
	}
	return card, nil
}

func (v *visit) invariants() error {
	if !v.oversees() {
		return web.ErrNotFound
	}
	found, err := v.Reader.Findings(v.ctx())
	if err != nil {
		return err
	}
	p := v.page("invariants.title")
	data := invariantsPage{Blank: web.Blank{Icon: "clock", Title: p.T("invariants.title"), Next: p.T("invariants.never"), Way: web.Link{Href: "/desk", Label: p.T("desk.nav.home")}}}
	for _, f := range found {
		data.When = p.T("invariants.at", "when", p.Moment(f.At))
		row, err := v.invariantRow(p, f)
		if err != nil {
			return err
		}
		data.Rows = append(data.Rows, row)
	}
	return v.write(p, http.StatusOK, invariantsBody(p, data))
}

// invariantRow links the examples this person may read, and counts the others.
func (v *visit) invariantRow(p *web.Page, f ledger.Finding) (invariantRow, error) {
	row := invariantRow{Name: p.T("invariant." + f.Name), Way: p.T("invariant." + f.Name + ".way"), Count: strconv.Itoa(f.Count), Broken: f.Count > 0}
	unread := 0
	for _, ref := range f.Examples {
		_, err := v.Reader.Case(v.ctx(), v.scope, string(ref))
		if missing(err) {
			unread++
			continue
		}
		if err != nil {
			return row, err
		}
		row.Examples = append(row.Examples, web.Link{Href: "/desk/cases/" + string(ref), Label: string(ref)})
	}
	if unread > 0 {
		row.More = append(row.More, p.N("invariants.unread", unread))
	}
	if n := f.Count - len(f.Examples); n > 0 {
		row.More = append(row.More, p.N("invariants.more", n))
	}
	return row, nil
}

package desk

import (
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/web"
)

// likeRow is another report that may be about the same thing.
type likeRow struct {
	Ref, Href, Title, State, Place, Opened string
	Use                                    string // the form with its number in it
}

// mostAlike is how many are proposed; whoever looks for another one types its number.
const mostAlike = 6

// alike lists the reports a case may go with, for an act that asks for one.
func (v *visit) alike(p *web.Page, d *procedure.Definition, c casework.Case, a *procedure.Act, in string) ([]likeRow, error) {
	if !a.Has(procedure.Group) {
		return nil, nil
	}
	list, err := v.Reader.Alike(v.ctx(), v.scope, ledger.Report{Case: c.ID, Category: c.Category, Place: c.Place.Unit, Words: c.Title + " " + c.Place.Address}, 2*mostAlike)
	if err != nil {
		return nil, err
	}
	var out []likeRow
	for _, x := range list {
		if _, waits := d.Hearing(x.State, ""); waits != nil || x.Procedure != d.ID || len(out) == mostAlike {
			continue // that one goes with another itself
		}
		row := likeRow{Ref: string(x.Ref), Href: caseHref(string(x.Ref)), Title: x.Title, State: p.T("state." + x.Procedure + "." + x.State), Opened: p.Day(x.Opened),
			Use: web.WithPrefill(actAddress(string(c.Ref), a.ID, in), map[string]string{procedure.FieldLead: string(x.Ref)})}
		if x.PlaceUnit != "" {
			row.Place = p.T("unit." + string(x.PlaceUnit))
		}
		out = append(out, row)
	}
	return out, nil
}

// groupRow is a case of the same group.
type groupRow struct{ Ref, Href string }

// group tells which case this one goes with, and which go with it. Numbers outside the officer's units lead nowhere.
func (v *visit) group(c casework.Case) (lead *groupRow, others []groupRow, err error) {
	row := func(ref casework.Ref) (groupRow, error) {
		r := groupRow{Ref: string(ref)}
		_, err := v.Reader.Case(v.ctx(), v.scope, r.Ref)
		if err == nil {
			r.Href = caseHref(r.Ref)
		} else if missing(err) {
			err = nil
		}
		return r, err
	}
	if c.Lead != nil {
		r, err := row(c.Lead.Ref)
		if err != nil {
			return nil, nil, err
		}
		lead = &r
	}
	for _, f := range c.Followers() {
		r, err := row(f.Ref)
		if err != nil {
			return nil, nil, err
		}
		others = append(others, r)
	}
	return lead, others, nil
}

package desk

import (
	"slices"
	"strconv"

	"comity/internal/alike"
	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/procedure"
	"comity/internal/web"
)

// likeRow is another report that may be about the same thing.
type likeRow struct {
	Ref, Href, Title, State, Place, Opened string
	Photo                                  string // address of a picture everybody may see; empty: there is none
	Use                                    string // the form with its number in it
}

// mostAlike is how many are proposed; whoever looks for another one types its number.
const mostAlike = 6

// alike lists the reports a case may go with, for an act that asks for one.
func (v *visit) alike(p *web.Page, d *procedure.Definition, c casework.Case, a *procedure.Act, in string) ([]likeRow, error) {
	if !a.Has(procedure.Group) {
		return nil, nil
	}
	m := alike.Matter{Case: c.ID, Category: c.Category, Point: c.Place.Point, Unit: c.Place.Unit, Words: c.Title + " " + c.Place.Address}
	list, err := v.finder().Inside(v.ctx(), v.scope, m, mostAlike)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(x alike.Likely) bool { return !x.Listed || x.Procedure != d.ID }) // the door would refuse the others
	rows := v.likeRows(p, list)
	for i, r := range rows {
		rows[i].Use = web.WithPrefill(actAddress(string(c.Ref), a.ID, in), map[string]string{procedure.FieldLead: r.Ref})
	}
	return rows, nil
}

func (v *visit) finder() alike.Finder {
	return alike.Finder{Reader: v.Reader, Pack: v.pack, Now: v.now}
}

// same lists the reports that one about to be taken in may repeat. A form that was sent before is not asked about: it
// would be shown the very report it made.
func (v *visit) same(o *casework.Opening, key string) ([]alike.Likely, error) {
	if _, ok := v.pack.Alike(o.Category); !ok {
		return nil, nil
	}
	if _, _, err := v.Reader.OpenedBy(v.ctx(), v.actor, key); !missing(err) {
		return nil, err
	}
	return v.finder().Inside(v.ctx(), v.scope, alike.Of(o), mostAlike)
}

// sameNone is the answer that it is none of them.
const sameNone = "none"

// sameAs is the report that was chosen, if the officer may see it.
func (v *visit) sameAs(category, answer string) (casework.Ref, error) {
	if answer == "" || answer == sameNone {
		return "", nil
	}
	return v.finder().Named(v.ctx(), v.scope, category, answer)
}

func (v *visit) likeRows(p *web.Page, list []alike.Likely) []likeRow {
	var out []likeRow
	for _, x := range list {
		row := likeRow{Ref: string(x.Ref), Href: caseHref(string(x.Ref)), Title: x.Title, State: p.T("state." + x.Procedure + "." + x.State), Opened: p.Day(x.Opened)}
		if row.Title == "" {
			row.Title = row.Ref
		}
		if x.Photo != "" {
			row.Photo = file.PublicPath(x.Ref, x.Photo)
		}
		if x.Unit != "" {
			row.Place = p.T("unit." + string(x.Unit))
		}
		if x.Metres >= 0 {
			row.Place = p.T("desk.alike.metres", "n", strconv.Itoa(int(x.Metres)), "unit", row.Place)
		}
		out = append(out, row)
	}
	return out
}

// named is the report that whoever opened a case took for the same matter, and the form that joins the two, while the
// case stands for itself and can be joined.
func (v *visit) named(d *procedure.Definition, c casework.Case) (r *groupRow, use string, err error) {
	if c.Alike == "" || c.Lead != nil || !c.Closed.IsZero() {
		return nil, "", nil
	}
	row, err := v.groupRow(c.Alike)
	if err != nil {
		return nil, "", err
	}
	for i := range d.Acts {
		if a := &d.Acts[i]; row.Href != "" && a.Has(procedure.Group) && slices.Contains(a.From, c.State) {
			use = web.WithPrefill(actAddress(string(c.Ref), a.ID, ""), map[string]string{procedure.FieldLead: row.Ref})
		}
	}
	return &row, use, nil
}

// groupRow is a case of the same group.
type groupRow struct{ Ref, Href string }

// groupRow is a case by its number, with a link if the officer reads it.
func (v *visit) groupRow(ref casework.Ref) (groupRow, error) {
	r := groupRow{Ref: string(ref)}
	_, err := v.Reader.Case(v.ctx(), v.scope, r.Ref)
	if err == nil {
		r.Href = caseHref(r.Ref)
	} else if missing(err) {
		err = nil
	}
	return r, err
}

// group tells which case this one goes with, and which go with it. Numbers outside the officer's units lead nowhere.
func (v *visit) group(c casework.Case) (lead *groupRow, others []groupRow, err error) {
	if c.Lead != nil {
		r, err := v.groupRow(c.Lead.Ref)
		if err != nil {
			return nil, nil, err
		}
		lead = &r
	}
	for _, f := range c.Followers() {
		r, err := v.groupRow(f.Ref)
		if err != nil {
			return nil, nil, err
		}
		others = append(others, r)
	}
	return lead, others, nil
}

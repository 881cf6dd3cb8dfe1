package desk

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/web"
)

// family is what surrounds a case: those it opened, the one that opened it, the units that joined, the seal.
type family struct {
	Kids   []kidRow
	Parent *parentRow
	Joint  []string   // text keys of units
	Lead   *groupRow  // the case this one goes with
	Named  *groupRow  // the case it may be the same as, in the opinion of whoever opened it
	Join   string     // the form that joins the two; empty: it cannot be joined now
	Group  []groupRow // the cases that go with it
	Seal   string     // who alone reads it, in words; empty = not sealed
	Seers  string     // the people who do
}

// kidRow is a case that this one opened. Of a sealed one only the number is shown.
type kidRow struct {
	Ref, Href, Purpose   string // no Href: outside the officer's units
	Unit, State, Outcome string
	Clock                string
	Pill                 web.Pill
	Open                 bool
	Waits                bool // this case cannot end before it
}

// parentRow leads back to the case that opened this one.
type parentRow struct{ Ref, Href, Purpose string }

func (v *visit) family(p *web.Page, d *procedure.Definition, c casework.Case) (family, error) {
	var f family
	kids, err := v.Reader.Children(v.ctx(), c)
	if err != nil {
		return f, err
	}
	for _, k := range c.Children {
		f.Kids = append(f.Kids, v.kidRow(p, d, k, kids[k.Case]))
	}
	if c.Parent != nil {
		f.Parent = &parentRow{Ref: string(c.Parent.Ref), Purpose: explain.Purpose(p.Speaker, c.Parent.Procedure, c.Parent.Link)}
		switch _, err := v.Reader.Case(v.ctx(), v.scope, f.Parent.Ref); {
		case err == nil:
			f.Parent.Href = caseHref(f.Parent.Ref)
		case !missing(err):
			return f, err
		}
	}
	if f.Lead, f.Group, err = v.group(c); err != nil {
		return f, err
	}
	if f.Named, f.Join, err = v.named(d, c); err != nil {
		return f, err
	}
	for _, u := range c.Joint {
		f.Joint = append(f.Joint, "unit."+string(u))
	}
	if c.Sealed != "" {
		f.Seal = p.T("desk.seal", "unit", p.T("unit."+string(c.Sealed)))
		f.Seers, err = v.seers(p, c)
	}
	return f, err
}

func caseHref(ref string) string { return "/desk/cases/" + url.PathEscape(ref) }

func (v *visit) kidRow(p *web.Page, d *procedure.Definition, k casework.Child, c casework.Case) kidRow {
	r := kidRow{Ref: string(k.Ref), Purpose: explain.Purpose(p.Speaker, d.ID, k.Link), Unit: "unit." + string(k.Unit), Open: k.Open,
		Waits: k.Open && k.Kind == procedure.Child}
	readable := c.ReadableBy(v.scope, v.pack.Units)
	if readable {
		r.Href = caseHref(r.Ref)
	}
	if c.Sealed != "" && !readable {
		return r
	}
	r.Unit = "unit." + string(c.Holder)
	r.State = p.T("state." + c.Procedure + "." + c.State)
	r.Outcome = explain.Outcome(p.Speaker, k.Procedure, k.Outcome)
	if due, ok := c.Due(); ok && k.Open {
		r.Clock = p.T("clock."+c.Procedure+"."+due.ID) + " " + shortDue(p, due.Due)
		r.Pill = p.Pill(web.Term{Start: due.Start, Due: due.Due})
	}
	return r
}

// seers names the people who read a sealed case: those with a grant in that very unit.
func (v *visit) seers(p *web.Page, c casework.Case) (string, error) {
	list, err := v.Accounts.OfUnit(v.ctx(), c.Sealed)
	if err != nil {
		return "", err
	}
	var names []string
	for _, a := range list {
		if a.Actor(v.pack.Rules).Scope().ReadsSealed(string(c.ID), c.Sealed, c.Programme) {
			names = append(names, a.NameIn(p.Lang))
		}
	}
	return strings.Join(names, p.T("desk.comma")), nil
}

// caseFacts are the facts that the rules of the procedure read.
func caseFacts(p *web.Page, d *procedure.Definition, c casework.Case) []web.Fact {
	var out []web.Fact
	for _, f := range d.Facts {
		if value := c.Facts[f.ID]; value != "" {
			name, words := explain.Fact(p.Speaker, d.ID, f.ID, value)
			out = append(out, web.Fact{Label: name, Value: words})
		}
	}
	return out
}

// stands reports an answer of the opening that is a fact of the case still, and shown as such.
func stands(d *procedure.Definition, c casework.Case, field, answer string) bool {
	return slices.ContainsFunc(d.OpenSets, func(s procedure.Setting) bool { return s.Field == field && c.Facts[s.Fact] == answer })
}

// retention says how long the file is kept, and by which rule.
func retention(p *web.Page, d *procedure.Definition) []web.Fact {
	r := d.Retention
	if r.Class == "" {
		return nil
	}
	class := r.Class
	if key := "retention." + r.Class; p.Has(key) {
		class = p.T(key)
	}
	words := p.T("desk.retention", "class", class, "years", strconv.Itoa(r.Years))
	if law := p.Law(r.Law); law != "" {
		words += p.T("desk.sep") + law
	}
	return []web.Fact{{Label: p.T("desk.fact.retention"), Value: words}}
}

// told is the case for those who put its rules into words.
func (v *visit) told(p *web.Page, d *procedure.Definition, c casework.Case, events []casework.Event) explain.Matter {
	return explain.Matter{Say: p.Speaker, Zone: p.Site.Zone, D: d, Case: c, Events: events}
}

// changeHref leads to the case a change is about, if the officer may read it.
func (v *visit) changeHref(c explain.Change) string {
	if c.Ref == "" {
		return ""
	}
	if _, err := v.Reader.Case(v.ctx(), v.scope, string(c.Ref)); err != nil {
		return ""
	}
	return caseHref(string(c.Ref))
}

// behalf lists what this officer may record for the resident now.
func (v *visit) behalf(p *web.Page, d *procedure.Definition, c casework.Case, in string) []web.Link {
	var out []web.Link
	for i := range d.Acts {
		if a := &d.Acts[i]; casework.CanActFor(d, c, a, v.actor, v.now) {
			out = append(out, web.Link{Href: behalfAddress(string(c.Ref), a.ID, in), Label: p.T("act." + d.ID + "." + a.ID)})
		}
	}
	return out
}

func behalfAddress(ref, act, in string) string {
	u := url.Values{"behalf": {"1"}}
	if in != "" {
		u.Set("in", in)
	}
	return caseHref(ref) + "/do/" + url.PathEscape(act) + "?" + u.Encode()
}

// forResident reports that the act is recorded for the resident.
func (v *visit) forResident() bool { return v.r.URL.Query().Get("behalf") != "" }

// can reports whether the officer may do the act of the address now, for the unit or for the resident.
func (v *visit) can(d *procedure.Definition, c casework.Case, a *procedure.Act) bool {
	if v.forResident() {
		return casework.CanActFor(d, c, a, v.actor, v.now)
	}
	return casework.CanAct(d, c, a, v.actor, v.now)
}

// hasPart reports whether a role of the officer may ever do the act, for the unit or for the resident.
func (v *visit) hasPart(a *procedure.Act) bool {
	roles := a.By
	if v.forResident() {
		roles = a.Behalf
	}
	return slices.ContainsFunc(v.actor.Grants(), func(g authz.Grant) bool { return slices.Contains(roles, string(g.Role)) })
}

// instead are the acts the officer can do now, as links.
func (v *visit) instead(p *web.Page, d *procedure.Definition, c casework.Case, in string) []web.Link {
	var out []web.Link
	for _, a := range explain.Instead(d, c, v.actor, v.now) {
		out = append(out, web.Link{Href: actAddress(string(c.Ref), a.ID, in), Label: p.T("act." + d.ID + "." + a.ID)})
	}
	return append(out, web.Link{Href: caseAddress(string(c.Ref), in), Label: p.T("desk.no.case")})
}

// no says a refusal, and for those of state and time what can be done instead.
func (v *visit) no(p *web.Page, d *procedure.Definition, c casework.Case, r *casework.Refusal) *web.No {
	var ways []web.Link
	if explain.Passes(r.Rule) {
		ways = v.instead(p, d, c, v.r.URL.Query().Get("in"))
	}
	out := p.No(r, ways)
	return &out
}

// record is the case the address names, with the law it follows and all that happened to it.
func (v *visit) record() (casework.Case, *procedure.Definition, []casework.Event, error) {
	return v.recordUpTo(authz.Story)
}

// recordUpTo is record with more of the case opened: a letter needs a name.
func (v *visit) recordUpTo(level authz.Level) (c casework.Case, d *procedure.Definition, events []casework.Event, err error) {
	if c, err = v.found(); err != nil {
		return c, nil, nil, err
	}
	if d, err = v.definition(c); err != nil {
		return c, nil, nil, err
	}
	open, err := v.openAs(c, ledger.Ticket{Purpose: ledger.PurposeHandle, Level: level})
	return open.c, d, open.events, err
}

// whyShow is the page that explains one date of the case.
func (v *visit) whyShow() error {
	c, d, events, err := v.record()
	if err != nil {
		return err
	}
	p := v.page("desk.why.title", "ref", string(c.Ref))
	v.speak(p, c)
	date, ok := v.told(p, d, c, events).Date(v.r.PathValue("clock"))
	if !ok {
		return web.ErrNotFound
	}
	k, _ := c.Clock(date.ID)
	in := v.r.URL.Query().Get("in")
	return v.write(p, 200, whyBody(p, string(c.Ref), caseAddress(string(c.Ref), in), p.DateView(date, k.Rule.Unit)))
}

// speak gives the page the words of the pack version the case was opened under.
func (v *visit) speak(p *web.Page, c casework.Case) {
	if c.Pack != v.pack.Digest {
		p.Speaker = v.site.Text.With(v.Packs.Pack(c.Pack).Texts).In(p.Lang)
	}
}

package portal

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/web"
)

// reportPage is the form: one document, so that a weak network costs one load and one send.
type reportPage struct {
	Draft    *draft
	Kept     bool // the form comes back from the server: the draft on the device must not overwrite it
	Groups   []groupOf
	Intake   []web.Control
	Mistakes []web.Mistake
	Wrong    map[string]string // field → words
	Photos   []string          // words per refused photo
	Map      *web.Plan
	Places   []string
	Meant    []web.Choice // places the address may mean
	Units    []unitGroup
	Key      string
	Guide    bool   // there is a guide for whoever is not sure
	Filled   string // the page of the guide whose answers were filled in; empty = none
}

// groupOf is a heading with the categories a resident may choose.
type groupOf struct {
	ID, Icon, Name string
	Open           bool
	Tiles          []tile
}

type tile struct {
	ID, Icon, Name, Hint string
	Chosen               bool
}

// unitGroup is a street with its communities, for those who use neither map nor address.
type unitGroup struct {
	Name  string
	Units []web.Choice
}

func (p *Portal) report(w http.ResponseWriter, r *http.Request) error {
	page := p.Site.Page(r, "portal.report.title")
	d := &draft{Who: "phone", Category: r.URL.Query().Get("category")}
	d.Guide = p.fromGuide(r, d)
	return p.showReport(w, r, page, d, nil, http.StatusOK)
}

// reportPost answers the three buttons of a report: look it through, change it, send it.
func (p *Portal) reportPost(w http.ResponseWriter, r *http.Request) error {
	d, err := p.readDraft(r, p.reportFields())
	if err != nil {
		return err
	}
	page := p.Site.Page(r, "portal.report.title")
	if r.PostFormValue("do") == "edit" {
		return p.showReport(w, r, page, d, nil, http.StatusOK)
	}
	d.Key = web.KeyOf(r)
	cmd, bad := d.check(p.Packs.Current(), page.Lang, p.Site.Now())
	if len(bad) > 0 {
		return p.showReport(w, r, page, d, bad, http.StatusUnprocessableEntity)
	}
	if r.PostFormValue("do") != "send" {
		if p.offer(r, page, d); len(d.offered) > 0 && !d.answeredMeant() {
			return p.showReport(w, r, page, d, nil, http.StatusOK)
		}
		return p.showCheck(w, r, d, cmd)
	}
	if cmd.Open.Alike, err = p.sameAs(r, d, cmd.Open); err != nil {
		return err
	}
	door := p.doorOf(d.Category)
	if err := door.take(r.Context(), p.Files, cmd.Files); err != nil {
		return err
	}
	receipt, err := door.Ledger.Do(r.Context(), authz.Reporter(), cmd)
	var no *casework.Refusal
	if errors.As(err, &no) && len(no.Fields) > 0 {
		return p.showReport(w, r, page, d, no.Fields, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/sent/"+string(receipt.Code), http.StatusSeeOther)
	return nil
}

func (p *Portal) showReport(w http.ResponseWriter, r *http.Request, page *web.Page, d *draft, bad []form.Problem, status int) error {
	pk := p.Packs.Current()
	v := reportPage{
		Draft: d, Kept: r.Method == http.MethodPost || d.Guide != "", Groups: groupsOf(page, pk, d.Category), Wrong: map[string]string{},
		Map: p.planOf(page, pk, d), Units: unitsOf(page, pk), Key: web.NewKey(),
		Guide: pk.Explorer != nil, Filled: d.Guide,
	}
	for _, pl := range pk.Places[:min(len(pk.Places), web.MaxOffered)] {
		v.Places = append(v.Places, page.T(pl.Key))
	}
	if r.Method == http.MethodPost {
		p.offer(r, page, d)
		v.Meant = d.offered
	}
	if proc := pk.ProcedureFor(d.Category); proc != nil {
		v.Intake = intakeControls(page, proc.ID, proc.Intake, d, bad)
	}
	for _, b := range bad {
		words := page.Problem(b.Rule, b.Params)
		field := b.Field
		if field == "photos" {
			if n := b.Params["name"]; n != "" {
				words = n + page.T("web.colon") + words
			}
			v.Photos = append(v.Photos, words)
		} else if v.Wrong[field] == "" {
			v.Wrong[field] = words
		}
		v.Mistakes = append(v.Mistakes, web.Mistake{ID: targets[field], Words: labelOf(page, field) + words})
	}
	page.Wrong = len(bad) > 0
	return page.Write(w, r, status, web.PublicLayout(page, reportBody(page, v)))
}

// targets are the ids the error summary jumps to.
var targets = map[string]string{
	"category": "kinds", "text": "text", "photos": "photos", "address": "address", "place": "map", "unit": "unit",
	"who": "who-phone", "phone": "phone", "name": "name", "title": "text", "contact": "phone",
}

// labelOf begins a line of the summary with the name of the field it is about.
func labelOf(page *web.Page, field string) string {
	if key := "portal.report.label." + field; page.Has(key) {
		return page.T(key) + page.T("web.colon")
	}
	return ""
}

func intakeControls(page *web.Page, proc string, fields []form.Field, d *draft, bad []form.Problem) []web.Control {
	var own []form.Problem
	for _, b := range bad {
		if name, ok := strings.CutPrefix(b.Field, "in."); ok {
			b.Field = name
			own = append(own, b)
		}
	}
	f := web.ActForm(proc, "open")
	f.Values, f.Problems = d.Fields, own
	controls := page.Controls(fields, f)
	for i := range controls {
		controls[i].Field.Name = "in." + controls[i].Field.Name
	}
	return controls
}

func groupsOf(page *web.Page, pk *pack.Pack, chosen string) []groupOf {
	var out []groupOf
	for _, g := range pk.Groups {
		group := groupOf{ID: g.ID, Icon: g.Icon, Name: page.T("group." + g.ID)}
		for _, c := range pk.Categories {
			if c.Group != g.ID || !c.Resident {
				continue
			}
			t := tile{ID: c.ID, Icon: c.Icon, Name: page.T("category." + c.ID), Chosen: c.ID == chosen}
			if key := "category." + c.ID + ".hint"; page.Has(key) {
				t.Hint = page.T(key)
			}
			group.Open = group.Open || t.Chosen
			group.Tiles = append(group.Tiles, t)
		}
		if len(group.Tiles) > 0 {
			out = append(out, group)
		}
	}
	return out
}

// unitsOf lists the communities under their streets; of a pack that has none, the streets.
func unitsOf(page *web.Page, pk *pack.Pack) []unitGroup {
	for _, level := range []org.Level{org.Community, org.Street} {
		var out []unitGroup
		for _, parent := range pk.Units.All() {
			g := unitGroup{Name: page.T("unit." + string(parent))}
			for _, id := range pk.Units.Children(parent) {
				if u, _ := pk.Units.Unit(id); u.Level == level && pk.Dept[id] == "" {
					g.Units = append(g.Units, web.Choice{Value: string(id), Label: page.T("unit." + string(id))})
				}
			}
			if len(g.Units) > 0 {
				out = append(out, g)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// checkPage shows every answer before anything is filed.
type checkPage struct {
	Draft  *draft
	Rows   []web.Check
	Unit   string // who receives it
	Hidden [][2]string
	Same   []likeRow // open reports it may be the same as
}

func (p *Portal) showCheck(w http.ResponseWriter, r *http.Request, d *draft, cmd casework.Command) error {
	page := p.Site.Page(r, "portal.check.title")
	pk := p.Packs.Current()
	row := func(key, value, to string) web.Check {
		if value == "" {
			value = page.T("portal.check.none")
		}
		return web.Check{Label: page.T(key), Value: value, Change: "/report#" + to, Button: true}
	}
	v := checkPage{Draft: d, Unit: page.T("unit." + string(cmd.Open.Unit))}
	v.Rows = append(v.Rows,
		row("portal.check.kind", page.T("category."+d.Category), "kinds"),
		row("portal.check.text", d.Text, "text"),
	)
	photos := row("portal.check.photos", "", "photos")
	if len(d.Photos) > 0 {
		photos.Rich = photosOf(page, d.Photos)
	}
	where := ""
	if at := cmd.Open.Place; at.Address != "" || at.Point != nil || d.Unit != "" { // else the unit is only the pack's fallback
		where = placeWords(page, at)
	}
	v.Rows = append(v.Rows, photos, row("portal.check.place", where, "where"))
	if proc := pk.ProcedureFor(d.Category); proc != nil {
		for _, f := range proc.Intake {
			v.Rows = append(v.Rows, web.Check{
				Label: page.T("field." + proc.ID + ".open." + f.Name), Value: page.Answer(web.ActForm(proc.ID, "open"), f, d.Fields[f.Name]),
				Change: "/report#more", Button: true,
			})
		}
	}
	how := page.T("portal.check.code")
	if cmd.Open.Contact.Address != "" {
		how = page.T("portal.check.sms", "phone", cmd.Open.Contact.Address)
	}
	v.Rows = append(v.Rows, row("portal.check.contact", how, "how"))
	if d.Name != "" {
		v.Rows = append(v.Rows, row("portal.check.name", d.Name, "name"))
	}
	v.Hidden = d.hidden()
	list, err := p.alike(r, d.Category, cmd.Open)
	if err != nil {
		return err
	}
	v.Same = likeRows(page, pk, list)
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, checkBody(page, v)))
}

// hidden carries the draft through the check page.
func (d *draft) hidden() [][2]string {
	out := [][2]string{
		{"category", d.Category}, {"text", d.Text}, {"address", d.Address}, {"lat", d.Lat}, {"lon", d.Lon}, {"unit", d.Unit}, {"meant", d.Meant},
		{"who", d.Who}, {"phone", d.Phone}, {"name", d.Name},
	}
	for _, f := range d.Photos {
		out = append(out, [2]string{"photo", f.Token})
	}
	for name, v := range d.Fields {
		out = append(out, [2]string{"in." + name, v})
	}
	slices.SortStableFunc(out, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return out
}

// placeWords says where something is, as far as it is known.
func placeWords(page *web.Page, at casework.Place) string {
	var parts []string
	if at.Address != "" {
		parts = append(parts, at.Address)
	}
	if at.Unit != "" {
		parts = append(parts, page.T("unit."+string(at.Unit)))
	}
	if at.Point != nil {
		parts = append(parts, page.T("portal.check.marked"))
	}
	return strings.Join(parts, "\n")
}

// reportPhoto shows a photo that waits for its report to whoever sent it: the token is the right to see it.
func (p *Portal) reportPhoto(w http.ResponseWriter, r *http.Request) error {
	f, ok := p.unsign(r.PathValue("token"))
	if !ok {
		return web.ErrNotFound
	}
	return p.serve(w, r, p.Files, f)
}

package desk

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/web"
)

// newForm is intake on behalf of a resident, with what was typed so far.
type newForm struct {
	Category, Text, Address, Unit          string
	Source, Name, Channel, ContactTo, Lang string
}

// newPage is what the intake page shows.
type newPage struct {
	Form     newForm
	Groups   []categoryGroup
	Units    []unitGroup
	Sources  []web.Choice
	Langs    []web.Choice
	Wrong    map[string]string
	Mistakes []web.Mistake
	Key      string
	Places   []string // street names for the browser's own suggestions
}

type categoryGroup struct {
	Label   string
	Choices []web.Choice
}

// slip is what the resident takes along.
type slip struct {
	Ref, Code, Title string
	Follow           string // address of the resident's page
	Unit             string // text key
	Promise          string
	Href             string
	Replayed         bool
}

// sources are the channels staff take matters in by.
var sources = []string{"counter", "phone"}

func (v *visit) newShow() error {
	f := newForm{Source: sources[0], Unit: string(v.who.Home())}
	return v.showNew(http.StatusOK, f, nil, web.NewKey())
}

func (v *visit) showNew(status int, f newForm, problems []form.Problem, key string) error {
	p := v.page("desk.new.title")
	p.Wrong = len(problems) > 0
	data := newPage{Form: f, Groups: v.categoryGroups(p), Units: v.placeUnits(p), Key: key, Wrong: map[string]string{}}
	for _, s := range sources {
		data.Sources = append(data.Sources, web.Choice{Value: s, Label: p.T("desk.source." + s)})
	}
	for _, l := range p.Site.Langs {
		data.Langs = append(data.Langs, web.Choice{Value: l, Label: p.Site.Text.In(l).T("web.lang.name")})
	}
	for _, pl := range v.pack.Places {
		data.Places = append(data.Places, p.T(pl.Key))
	}
	for _, b := range problems {
		field := fieldOf(b.Field)
		if data.Wrong[field] == "" {
			data.Wrong[field] = p.Problem(b.Rule, b.Params)
			data.Mistakes = append(data.Mistakes, web.Mistake{ID: "n-" + field, Words: p.T("desk.new."+field) + p.T("web.colon") + data.Wrong[field]})
		}
	}
	return v.write(p, status, newBody(p, data))
}

// fieldOf maps a problem's field to the control that can mend it.
func fieldOf(name string) string {
	switch name {
	case "title", "text":
		return "text"
	case "place", "unit", "point":
		return "unit"
	case "category", "address", "name", "contact":
		return name
	}
	return "text"
}

func (v *visit) categoryGroups(p *web.Page) []categoryGroup {
	var out []categoryGroup
	for _, g := range v.pack.Groups {
		cg := categoryGroup{Label: p.T("group." + g.ID)}
		for _, c := range v.pack.Categories {
			if c.Group == g.ID {
				cg.Choices = append(cg.Choices, web.Choice{Value: c.ID, Label: p.T("category." + c.ID)})
			}
		}
		if len(cg.Choices) > 0 {
			out = append(out, cg)
		}
	}
	return out
}

// placeUnits are the units a matter can lie in, departments left out, the officer's own part first.
func (v *visit) placeUnits(p *web.Page) []unitGroup {
	home := v.who.Home()
	top := unitGroup{Label: p.T("unit." + string(home))}
	rest := unitGroup{Label: p.T("desk.new.elsewhere")}
	for _, id := range v.pack.Units.All() {
		u, _ := v.pack.Units.Unit(id)
		if u.Kind == "department" || u.Level == org.Group {
			continue
		}
		depth := max(0, int(u.Level)-1)
		c := web.Choice{Value: string(id), Label: strings.Repeat("\u2003", depth) + p.T("unit."+string(id))}
		if v.pack.Units.Under(home, id) {
			top.Units = append(top.Units, c)
		} else {
			rest.Units = append(rest.Units, c)
		}
	}
	return slices.DeleteFunc([]unitGroup{top, rest}, func(g unitGroup) bool { return len(g.Units) == 0 })
}

func (v *visit) newDo() error {
	if err := v.parse(); err != nil {
		return err
	}
	get := v.r.PostFormValue
	f := newForm{Category: get("category"), Text: get("text"), Address: get("address"), Unit: get("unit"), Source: get("source"),
		Name: get("name"), ContactTo: strings.TrimSpace(get("contact")), Lang: get("lang")}
	key := web.KeyOf(v.r)
	if !slices.Contains(sources, f.Source) {
		f.Source = sources[0]
	}
	contact, problems := readContact(f)
	if len(problems) > 0 {
		return v.showNew(http.StatusUnprocessableEntity, f, problems, key)
	}
	report := intake.Report{Category: f.Category, Text: f.Text, Address: f.Address, Unit: org.UnitID(f.Unit), Contact: contact,
		Source: f.Source, Key: key}
	v.locate(&report, f.Address)
	cmd, err := intake.Command(v.pack, report)
	var receipt ledger.Receipt
	if err == nil {
		receipt, err = v.Ledger.Do(v.ctx(), v.actor, cmd)
	}
	var no *casework.Refusal
	switch {
	case errors.As(err, &no) && len(no.Fields) > 0:
		return v.showNew(http.StatusUnprocessableEntity, f, no.Fields, key)
	case err != nil:
		return err
	}
	return v.showSlip(receipt)
}

// locate finds the point when the address begins with a place the pack knows.
func (v *visit) locate(r *intake.Report, address string) {
	if address == "" {
		return
	}
	for _, pl := range v.pack.Places {
		for _, lang := range v.pack.Langs {
			if name := v.pack.Texts[lang][pl.Key]; name != "" && strings.HasPrefix(address, name) {
				point := pl.Point
				r.Point = &point
				return
			}
		}
	}
}

// readContact takes one line for either a telephone number or an address of mail.
func readContact(f newForm) (casework.Contact, []form.Problem) {
	c := casework.Contact{Name: strings.TrimSpace(f.Name), Lang: f.Lang}
	if f.ContactTo == "" {
		return c, nil
	}
	if strings.Contains(f.ContactTo, "@") {
		if at := strings.IndexByte(f.ContactTo, '@'); at < 1 || at == len(f.ContactTo)-1 || strings.ContainsAny(f.ContactTo, " \t") {
			return c, []form.Problem{{Field: "contact", Rule: "desk.contact.bad"}}
		}
		c.Channel, c.Address = "mail", f.ContactTo
		return c, nil
	}
	clean, bad := form.Check([]form.Field{{Name: "contact", Kind: form.Phone}}, map[string]string{"contact": f.ContactTo})
	if len(bad) > 0 {
		return c, bad
	}
	c.Channel, c.Address = "sms", clean["contact"]
	return c, nil
}

// showSlip is shown once, to be printed or read out: the code is the resident's and is not shown to
// officers anywhere else.
func (v *visit) showSlip(receipt ledger.Receipt) error {
	p := v.page("desk.slip.title")
	s := slip{Ref: string(receipt.Ref), Code: string(receipt.Code), Replayed: receipt.Replayed, Href: caseAddress(string(receipt.Ref), "")}
	if v.Follow != nil {
		s.Follow = p.Site.Origin(v.r) + v.Follow(receipt.Code)
	}
	c, err := v.Reader.ByCode(v.ctx(), receipt.Code)
	if err != nil {
		return err
	}
	s.Title, s.Unit = c.Title, "unit."+string(c.Holder)
	if _, err := v.Reader.Case(v.ctx(), v.scope, s.Ref); missing(err) {
		s.Href = "" // taken in here, dealt with elsewhere
	}
	if d, err := v.definition(c); err == nil {
		s.Promise = promise(p, d, c)
	}
	return v.write(p, http.StatusOK, slipBody(p, s))
}

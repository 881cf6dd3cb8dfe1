package desk

import (
	"net/url"
	"strings"

	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/procedure"
	"comity/internal/web"
)

// rollCard is who takes part in a case in one capacity.
type rollCard struct {
	ID, Name string
	Count    int
	Members  []memberRow
}

// memberRow is one of them, with what is known and what can be done about them now.
type memberRow struct {
	Name  string
	Sub   string // how they are reached
	Left  bool
	Marks []web.Fact
	Acts  []web.Link
}

// rolls are the cards of a case whose procedure has rolls, the empty ones too: that no mediator is named yet
// is something to see.
func (v *visit) rolls(p *web.Page, d *procedure.Definition, c casework.Case, in string) []rollCard {
	offered := v.aboutMembers(p, d, c, in)
	var out []rollCard
	for i := range d.Rolls {
		r := &d.Rolls[i]
		card := rollCard{ID: r.ID, Name: p.T("roll." + d.ID + "." + r.ID)}
		for _, m := range c.Members {
			if m.Roll != r.ID {
				continue
			}
			row := memberRow{Name: v.memberName(p, d, c, m), Left: m.Left, Acts: offered[m.ID]}
			if contact := m.Contact; contact.Address != "" && contact.Address != casework.Veil {
				row.Sub = contact.Address
			}
			for j := range r.Marks {
				if x := m.Marks[r.Marks[j].ID]; x != "" && !m.Left {
					key := "mark." + d.ID + "." + r.ID + "." + r.Marks[j].ID
					row.Marks = append(row.Marks, web.Fact{Label: p.T(key), Value: p.T(key + "." + x)})
				}
			}
			if !m.Left {
				card.Count++
			}
			card.Members = append(card.Members, row)
		}
		out = append(out, card)
	}
	return out
}

// aboutMembers lists by member what can be done about them.
func (v *visit) aboutMembers(p *web.Page, d *procedure.Definition, c casework.Case, in string) map[string][]web.Link {
	out := map[string][]web.Link{}
	for i := range d.Acts {
		a := &d.Acts[i]
		for _, m := range casework.Choices(d, c, a, v.actor, v.now) {
			to := actAddress(string(c.Ref), a.ID, in)
			to += map[bool]string{true: "&", false: "?"}[strings.Contains(to, "?")] + procedure.FieldMember + "=" + url.QueryEscape(m.ID)
			out[m.ID] = append(out[m.ID], web.Link{Href: to, Label: p.T("act." + d.ID + "." + a.ID), Icon: actIcon(a)})
		}
	}
	return out
}

// memberName is what a member is called here: by name, by account, or by their number on the roll.
func (v *visit) memberName(p *web.Page, d *procedure.Definition, c casework.Case, m casework.Member) string {
	name := m.Name
	switch {
	case m.Own && c.Contact.Name != "" && c.Contact.Name != casework.Veil:
		name = c.Contact.Name
	case m.Own:
		name = p.T("desk.roll.own")
	case m.Account != "":
		name = v.officer(p, m.Account)
	}
	if name == "" || name == casework.Veil {
		name = p.T("roll."+d.ID+"."+m.Roll) + " " + strings.TrimPrefix(m.ID, "m")
	}
	return name
}

// memberControl asks whom an act is about, where whoever does it has to say.
func (v *visit) memberControl(p *web.Page, d *procedure.Definition, c casework.Case, a *procedure.Act, f web.Form) []web.Control {
	list := casework.Choices(d, c, a, v.actor, v.now)
	if len(list) == 0 {
		return nil
	}
	field := form.Field{Name: procedure.FieldMember, Kind: form.Choice, Required: true}
	out := p.Controls([]form.Field{field}, f)
	out[0].Label, out[0].Choices = p.T("desk.roll.who"), nil
	for _, m := range list {
		out[0].Choices = append(out[0].Choices, web.Choice{Value: m.ID, Label: v.memberName(p, d, c, m)})
	}
	if out[0].Value == "" {
		out[0].Value = v.r.URL.Query().Get(procedure.FieldMember)
	}
	if out[0].Value == "" && len(list) == 1 {
		out[0].Value = list[0].ID
	}
	return out
}

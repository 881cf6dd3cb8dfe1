package casework

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"comity/internal/authz"
	"comity/internal/procedure"
)

// Member is somebody on a roll of this case: a party, a mediator. It has no meaning outside the case, and
// whoever takes part in two cases is two members that nothing joins.
type Member struct {
	ID      string            `json:"id"` // m1, m2 … in the order they came
	Roll    string            `json:"roll"`
	Own     bool              `json:"own,omitempty"`     // opened the case; the follow code of the case is their key
	Code    Code              `json:"code,omitempty"`    // their own key; drawn by the ledger
	Account string            `json:"account,omitempty"` // of somebody who works here
	Name    string            `json:"name,omitempty"`
	Contact Contact           `json:"contact,omitzero"`
	Marks   map[string]string `json:"marks,omitempty"`
	Since   int               `json:"since"`          // Seq of the event with which they came
	Left    bool              `json:"left,omitempty"` // they are on the roll no more
}

// Private is the same member with everything that says who it is kept as the ledger says.
func (m Member) Private(keep Keep) Member {
	m.Code = Code(keep.at(authz.Key, string(m.Code)))
	m.Name, m.Contact = keep.at(authz.Identity, m.Name), keep.contact(m.Contact)
	return m
}

// Member finds somebody who is or was on a roll.
func (c *Case) Member(id string) (Member, bool) {
	i := slices.IndexFunc(c.Members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return Member{}, false
	}
	return c.Members[i], true
}

// On lists who is on a roll now.
func (c *Case) On(roll string) []Member {
	var out []Member
	for _, m := range c.Members {
		if m.Roll == roll && !m.Left {
			out = append(out, m)
		}
	}
	return out
}

// carried are the members of a roll as they begin in a case that this one opens. Whoever filed this one holds the
// code of that one too where the link carries how they are reached.
func (c *Case) carried(roll string, contact bool, after int) []Member {
	var out []Member
	for _, m := range c.On(roll) {
		n := Member{ID: memberID(after + len(out) + 1), Roll: roll, Own: m.Own && contact, Account: m.Account, Name: m.Name, Contact: m.Contact, Marks: m.Marks, Since: 1}
		if m.Own && !contact {
			n.Name, n.Contact = c.Contact.Name, c.Contact
		}
		out = append(out, n)
	}
	return out
}

func memberID(n int) string { return "m" + strconv.Itoa(n) }

// Answers that are kept with a new member, and the answer that makes somebody of the house one.
const (
	memberName  = "name"
	memberPhone = "phone"
	memberMail  = "mail"
	memberStaff = "officer"
)

// joins carries out what the procedure says an event does to the rolls.
func (k *decision) joins(e *Event, change procedure.Enters) {
	marks := map[string]string{}
	for _, s := range change.Marks {
		marks[s.Fact] = s.Value
	}
	e.Every = change.Every
	switch {
	case change.Adds != "":
		m := Member{ID: memberID(len(k.c.Members) + 1), Roll: change.Adds, Marks: marks, Since: e.Seq}
		if e.Opening != nil {
			m.Own = true // name and contact are those of the case
		} else {
			m.Name, m.Account, m.Contact = e.Fields[memberName], e.Fields[memberStaff], contactOf(e.Fields)
		}
		e.Joins, e.Member = &m, m.ID
	case change.About != "":
		e.Marks, e.Leaves = marks, change.Leaves
	}
}

// contactOf reads how somebody is reached: a message to a telephone before a letter by mail.
func contactOf(fields map[string]string) Contact {
	c := Contact{Name: fields[memberName]}
	if c.Channel, c.Address = "sms", fields[memberPhone]; c.Address == "" {
		if c.Channel, c.Address = "mail", fields[memberMail]; c.Address == "" {
			c.Channel = ""
		}
	}
	return c
}

// onRoll finds which member acts: a resident by the key they hold, an officer by their account where the act
// is one of members of a roll.
func (k *decision) onRoll(a *procedure.Act, by *By) *Refusal {
	switch {
	case k.who.Is(authz.Member):
		by.Member = k.who.MemberID()
	case k.who.Is(authz.Resident):
		for _, m := range k.c.Members {
			if m.Own && !m.Left {
				by.Member = m.ID
			}
		}
		if by.Member == "" && !slices.Contains(a.By, procedure.ByResident) {
			return refuse("actor.forbidden")
		}
	case a.As != "":
		for _, m := range k.c.On(a.As) {
			if slices.Contains(k.who.Persons(), m.Account) && m.Account != "" {
				by.Member = m.ID
			}
		}
		if by.Member == "" {
			return refuse("roll.not_on", "roll", a.As)
		}
	}
	if by.Member == "" {
		return nil
	}
	m, ok := k.c.Member(by.Member)
	if !ok || m.Left {
		return refuse("roll.left")
	}
	if k.own(a, *by) && m.Roll != a.About {
		return refuse("actor.forbidden")
	}
	return nil
}

// own reports an act that is about whoever does it.
func (k *decision) own(a *procedure.Act, by By) bool {
	return a.About != "" && by.Member != "" && (!k.who.IsStaff() || a.About == a.As)
}

// concerns settles whom the act is about, and writes it among the answers: who acts for themselves names
// nobody else.
func (k *decision) concerns(a *procedure.Act, by By) *Refusal {
	if a.About == "" {
		return nil
	}
	id := k.cmd.Fields[procedure.FieldMember]
	if k.own(a, by) {
		if id != "" && id != by.Member {
			return invalid(procedure.FieldMember, "form.choice", "got", clip(id))
		}
		id = by.Member
	}
	if id == "" {
		return invalid(procedure.FieldMember, "form.required")
	}
	if m, ok := k.c.Member(id); !ok || m.Left || m.Roll != a.About {
		return invalid(procedure.FieldMember, "form.choice", "got", clip(id))
	}
	k.cmd.Fields = maps.Clone(k.cmd.Fields)
	if k.cmd.Fields == nil {
		k.cmd.Fields = map[string]string{}
	}
	k.cmd.Fields[procedure.FieldMember] = id
	return nil
}

// without leaves the name of the member out of the answers that the form checks.
func without(fields map[string]string, a *procedure.Act) map[string]string {
	if a.About == "" {
		return fields
	}
	fields = maps.Clone(fields)
	delete(fields, procedure.FieldMember)
	return fields
}

// with adds it for the rules, in a copy: what is stored has it in the event itself.
func with(clean map[string]string, a *procedure.Act, member string) map[string]string {
	if a.About == "" {
		return clean
	}
	clean = maps.Clone(clean)
	clean[procedure.FieldMember] = member
	return clean
}

// Choices are the members an act can be about when this actor does it: who is on its roll and fits its
// condition. An act that somebody does for themselves asks for nobody, and gives none.
func Choices(d *procedure.Definition, c Case, a *procedure.Act, who authz.Actor, now time.Time) []Member {
	if a.About == "" {
		return nil
	}
	k := decision{d: d, c: c, who: who, at: now, now: now}
	by, err := k.allowed(a)
	if err != nil || k.own(a, by) {
		return nil
	}
	return k.fitting(a)
}

// fitting are the members whom the condition of an act leaves.
func (k *decision) fitting(a *procedure.Act) []Member {
	return slices.DeleteFunc(k.c.On(a.About), func(m Member) bool {
		return k.d.Allowed(view{d: k.d, c: &k.c, about: m.ID}, a, nil) != nil
	})
}

// toMembers resolves a message to whom the act is about, or to everybody on a roll. Who has left is told as
// the last thing they are told.
func (k *decision) toMembers(n procedure.Notice, e Event) []Notice {
	list := foldMembers(k.c.Members, e)
	var out []Notice
	for _, m := range list {
		meant := n.To == procedure.ByMember && m.ID == e.Member || n.To == m.Roll && !m.Left
		if !meant {
			continue
		}
		contact := m.Contact
		if m.Own {
			contact = k.c.Contact
			if e.Opening != nil {
				contact = e.Opening.Contact
			}
		}
		switch {
		case m.Account != "" || contact.Address == "":
			// staff have their desk, and who gave no address is told in person or by letter
		case m.Own:
			out = append(out, Notice{To: "resident", Template: n.Template})
		default:
			out = append(out, Notice{To: procedure.ByMember, Member: m.ID, Template: n.Template})
		}
	}
	return out
}

func foldMembers(list []Member, e Event) []Member {
	if e.Opening != nil {
		list = e.Opening.Members
	}
	if e.Joins == nil && e.Member == "" && len(e.Every) == 0 {
		return list
	}
	list = slices.Clone(list)
	mark := func(m *Member, id, value string) {
		m.Marks = maps.Clone(m.Marks)
		if m.Marks == nil {
			m.Marks = map[string]string{}
		}
		m.Marks[id] = value
	}
	if e.Joins != nil {
		list = append(list, *e.Joins)
	}
	for i := range list {
		m := &list[i]
		if m.ID == e.Member {
			for id, v := range e.Marks {
				mark(m, id, v)
			}
			m.Left = m.Left || e.Leaves
		}
		for _, every := range e.Every {
			if m.Roll == every.Roll && !m.Left {
				mark(m, every.Mark, every.Value)
			}
		}
	}
	return list
}

// Marks are the values that members of a roll have, each once.
func (v view) Marks(roll, mark string) []string {
	var out []string
	for _, m := range v.c.On(roll) {
		if x := m.Marks[mark]; !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

func (v view) Mark(member, mark string) string {
	m, _ := v.c.Member(member)
	return m.Marks[mark]
}

func (v view) About() string { return v.about }

func (v view) Full(roll string) bool {
	r, ok := v.d.Roll(roll)
	return ok && r.Most > 0 && len(v.c.On(roll)) >= r.Most
}

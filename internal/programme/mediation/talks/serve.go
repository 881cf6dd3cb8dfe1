package talks

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/paper"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

// owedView is one party who has not been told yet.
type owedView struct {
	ID, Name, Reach string
	Form            formPage
	Open            bool // its form shows a mistake
}

type servePage struct {
	head
	Name    string
	Owed    []owedView
	Letters string // how many have no telephone number, in words; empty where all have one
	Done    string
}

// serving lists whom the notice of rights has not reached, each with a form for the proof that it did.
func (s *service) serving(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	return s.showServing(o, m, http.StatusOK, "", nil, nil)
}

func (s *service) showServing(o *programme.Officer, m *matter, status int, member string, values map[string]string, no *casework.Refusal) error {
	p := o.Page("talks.serve.title", "ref", string(m.c.Ref))
	s.speak(p, m.c)
	a := m.act(m.t.Serve)
	v := servePage{head: m.head(p, "serve"), Name: p.T("act." + m.d.ID + "." + a.ID)}
	if x, ok := m.c.Member(o.R.URL.Query().Get("done")); ok {
		v.Done = p.T("talks.serve.done", "who", m.name(p, x, o.Name))
	}
	letters := 0
	for _, x := range casework.Choices(m.d, m.c, a, o.Actor, o.Site.Now()) {
		row := owedView{ID: x.ID, Name: m.name(p, x, o.Name), Reach: m.reach(x), Open: x.ID == member}
		row.Form.Back, row.Form.Button = base(m.c)+"/serve/"+url.PathEscape(x.ID), v.Name
		if row.Open {
			row.Form.fill(p, m, a, nil, values, no)
		} else {
			row.Form.fill(p, m, a, nil, nil, nil)
		}
		for i := range row.Form.Controls {
			row.Form.Controls[i].ID += "-" + x.ID // every form of the page has its own
		}
		if row.Reach == "" {
			letters++
		}
		v.Owed = append(v.Owed, row)
	}
	if letters > 0 {
		v.Letters = p.N("talks.serve.letters", letters)
	}
	return o.Write(p, status, servingBody(p, v))
}

// reach is the telephone number or mail address of somebody; empty where a letter has to be carried.
func (m *matter) reach(x casework.Member) string {
	if x.Own {
		x.Contact = m.c.Contact
	}
	if x.Contact.Channel == "letter" || x.Contact.Address == casework.Veil {
		return ""
	}
	return x.Contact.Address
}

func (s *service) servePost(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	a := m.act(m.t.Serve)
	if err := web.ReadForm(o.R, asked(a, "files*")...); err != nil {
		return err
	}
	x, err := m.party(o, a.ID)
	if err != nil {
		return err
	}
	values := given(o.R, a)
	files, err := o.Uploads()
	if no, is := refused(err); is {
		return s.showServing(o, m, http.StatusUnprocessableEntity, x.ID, values, no)
	}
	if err != nil {
		return err
	}
	fields := maps.Clone(values)
	fields[procedure.FieldMember] = x.ID
	_, err = s.Ledger.Do(o.R.Context(), o.Actor, casework.Command{Case: m.c.ID, Version: casework.AnyVersion, Key: web.KeyOf(o.R), Act: a.ID, Fields: fields, Files: files})
	if no, is := refused(err); is {
		return s.showServing(o, m, web.StatusOf(no), x.ID, values, no)
	}
	if err != nil {
		return err
	}
	return o.Go(base(m.c) + "/serve?done=" + url.QueryEscape(x.ID))
}

// letterView is one letter, with the lines it is addressed by.
type letterView struct {
	To     string
	Blocks []paper.Block
}

type lettersPage struct {
	Ref, Back, City string
	Letters         []letterView
}

// letters prints the notice of rights for everybody who cannot be told by telephone or mail, a sheet each.
func (s *service) letters(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	p := o.Page("talks.letters.title", "ref", string(m.c.Ref))
	s.speak(p, m.c)
	a := m.act(m.t.Serve)
	v := lettersPage{Ref: string(m.c.Ref), Back: base(m.c) + "/serve", City: p.Name()}
	i := slices.IndexFunc(m.d.Documents, func(x procedure.Document) bool { return slices.Contains(a.Documents, x.ID) })
	if i < 0 {
		return web.ErrNotFound
	}
	t, ok := m.p.Documents[m.d.Documents[i].Template][p.Lang]
	if !ok {
		return web.ErrNotFound
	}
	for _, x := range casework.Choices(m.d, m.c, a, o.Actor, o.Site.Now()) {
		if m.reach(x) != "" {
			continue
		}
		name := m.name(p, x, o.Name)
		v.Letters = append(v.Letters, letterView{To: name, Blocks: t.Fill(func(place string) string { return m.letterFact(p, name, place) })})
	}
	return o.Write(p, http.StatusOK, lettersBody(p, v))
}

// gap is left where the pen fills in what is not known before the letter is handed over.
const gap = "____________"

func (m *matter) letterFact(p *web.Page, to, place string) string {
	said := ""
	switch place {
	case "ref":
		said = string(m.c.Ref)
	case "title":
		said = m.c.Title
	case "holder":
		said = p.T("unit." + string(m.c.Holder))
	case "name":
		said = to
	case "today":
		said = p.Day(p.Site.Now())
	case "opened":
		said = p.Day(m.c.Opened)
	case "unit.phone":
		said = m.p.Phone
	}
	if strings.TrimSpace(said) == "" {
		return gap
	}
	return said
}

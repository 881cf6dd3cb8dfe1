package portal

import (
	"errors"
	"net/http"
	"slices"

	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/procedure"
	"comity/internal/web"
)

// actForm is the form of one act of the resident.
type actForm struct {
	To, Key, Button string
	Controls        []web.Control
	Mistakes        []web.Mistake
	Withdraw        bool
}

// doPage is an act on a page of its own.
type doPage struct {
	Base, Ref, Title, Name string
	Law, Article           string
	Until                  string
	Refused                *web.No
	Form                   actForm
}

func (p *Portal) do(w http.ResponseWriter, r *http.Request) error {
	m, err := p.matter(r, "portal.case.title")
	if err != nil {
		return err
	}
	return p.ask(m, w, r)
}

// ask shows the form of the act in the address, or leads to the page a programme has for it.
func (p *Portal) ask(m *matter, w http.ResponseWriter, r *http.Request) error {
	for _, g := range p.Programmes {
		if g.Instead == nil || m.door.Compartment != procedure.Civic {
			continue
		}
		if page, ok := g.Instead(m.c, r.PathValue("act")); ok {
			http.Redirect(w, r, m.base()+"/"+page, http.StatusSeeOther)
			return nil
		}
	}
	return m.askAct(w, r)
}

func (p *Portal) doPost(w http.ResponseWriter, r *http.Request) error {
	m, err := p.matter(r, "portal.case.title")
	if err != nil {
		return err
	}
	return m.act(w, r)
}

// askAct shows the form of the act in the address.
func (m *matter) askAct(w http.ResponseWriter, r *http.Request) error {
	a, err := m.actOf(r)
	if err != nil {
		return err
	}
	return m.showAct(w, r, a, web.Prefill(r, a.Fields, nil), nil, http.StatusOK)
}

// act does the act in the address.
func (m *matter) act(w http.ResponseWriter, r *http.Request) error {
	a, err := m.actOf(r)
	if err != nil {
		return err
	}
	var known []string
	for _, f := range a.Fields {
		known = append(known, f.Name)
	}
	if err := web.ReadForm(r, known...); err != nil {
		return err
	}
	fields := map[string]string{}
	for _, f := range a.Fields {
		if v := r.PostFormValue(f.Name); v != "" {
			fields[f.Name] = v
		}
	}
	_, err = m.door.Ledger.Do(r.Context(), m.who, casework.Command{
		Case: m.c.ID, Version: casework.AnyVersion, Key: web.KeyOf(r), Act: a.ID, Fields: fields,
	})
	var no *casework.Refusal
	if errors.As(err, &no) && web.StatusOf(no) == http.StatusUnprocessableEntity {
		return m.showAct(w, r, a, fields, no, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, m.base()+"?done="+a.ID, http.StatusSeeOther)
	return nil
}

// actOf finds an act that whoever holds this key can ever do; whether it is open now the ledger decides.
func (m *matter) actOf(r *http.Request) (*procedure.Act, error) {
	a, ok := m.d.Act(r.PathValue("act"))
	if !ok || !m.theirs(a) {
		return nil, web.ErrNotFound
	}
	m.page.Title = m.page.T("act." + m.d.ID + "." + a.ID)
	return a, nil
}

// theirs reports an act of whoever reads the page: of residents, or of members of a roll they are on.
func (m *matter) theirs(a *procedure.Act) bool {
	on := m.member.Roll
	for _, x := range m.c.Members {
		if m.member.ID == "" && x.Own && !x.Left {
			on = x.Roll
		}
	}
	return m.member.ID == "" && slices.Contains(a.By, procedure.ByResident) ||
		on != "" && (a.About == "" || a.About == on) && slices.Contains(a.By, procedure.ByMember)
}

func (m *matter) showAct(w http.ResponseWriter, r *http.Request, a *procedure.Act, values map[string]string, no *casework.Refusal, status int) error {
	var bad []form.Problem
	v := doPage{Base: m.base(), Ref: string(m.c.Ref), Title: m.c.Title, Name: m.page.Title, Law: m.page.Law(a.Law), Article: m.page.Article(a.Law)}
	if no == nil {
		no = casework.WhyNot(m.d, m.c, a, m.who, m.now)
	}
	if no != nil {
		m.page.Wrong = status != http.StatusOK
		bad = no.Fields
		if len(bad) == 0 {
			said := m.page.No(no, m.instead())
			v.Refused = &said
		}
	}
	if k, ok := m.c.Clock(a.While); ok && k.Running() {
		v.Until = m.page.T("portal.case.until", "when", m.page.Day(k.Due))
	}
	v.Form = m.form(a, values, bad)
	return m.page.Write(w, r, status, web.PublicLayout(m.page, doBody(m.page, v)))
}

package portal

import (
	"errors"
	"net/http"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/web"
)

// notePage adds words or photos to a matter without changing where it is.
type notePage struct {
	Base, Ref, Title string
	Text             string
	Photos           []photo
	Key              string
	Wrong            map[string]string
	Refused          []string
	Mistakes         []web.Mistake
}

func (p *Portal) note(w http.ResponseWriter, r *http.Request) error {
	m, err := p.matter(r, "portal.note.title")
	if err != nil {
		return err
	}
	return p.showNote(w, r, m, &draft{Key: web.NewKey()}, nil, http.StatusOK)
}

func (p *Portal) notePost(w http.ResponseWriter, r *http.Request) error {
	m, err := p.matter(r, "portal.note.title") // first: nobody stores photos without a code
	if err != nil {
		return err
	}
	d, err := p.readDraft(r, noteFields)
	if err != nil {
		return err
	}
	d.Key = web.KeyOf(r)
	bad := d.refused
	if d.Text == "" && len(d.Photos) == 0 && len(bad) == 0 {
		bad = append(bad, form.Problem{Field: "text", Rule: "portal.note_empty"})
	}
	if len(bad) > 0 {
		return p.showNote(w, r, m, d, bad, http.StatusUnprocessableEntity)
	}
	cmd := casework.Command{Case: m.c.ID, Version: casework.AnyVersion, Key: d.Key}
	if d.Text != "" {
		cmd.Note = &casework.Note{Text: strings.TrimSpace(d.Text), Public: true}
	}
	for _, f := range d.Photos {
		cmd.Files = append(cmd.Files, f.File)
	}
	if err := m.door.take(r.Context(), p.Files, cmd.Files); err != nil {
		return err
	}
	_, err = m.door.Ledger.Do(r.Context(), authz.Holder(string(m.c.ID)), cmd)
	var no *casework.Refusal
	if errors.As(err, &no) && len(no.Fields) > 0 {
		return p.showNote(w, r, m, d, no.Fields, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, m.base()+"?done=note", http.StatusSeeOther)
	return nil
}

func (p *Portal) showNote(w http.ResponseWriter, r *http.Request, m *matter, d *draft, bad []form.Problem, status int) error {
	v := notePage{Base: m.base(), Ref: string(m.c.Ref), Title: m.c.Title, Text: d.Text, Photos: d.Photos, Key: d.Key, Wrong: map[string]string{}}
	for _, b := range bad {
		words := m.page.Problem(b.Rule, b.Params)
		if n := b.Params["name"]; n != "" {
			words = n + m.page.T("web.colon") + words
		}
		if b.Field == "photos" {
			v.Refused = append(v.Refused, words)
		} else {
			v.Wrong[b.Field] = words
		}
		v.Mistakes = append(v.Mistakes, web.Mistake{ID: targets[b.Field], Words: words})
	}
	m.page.Wrong = len(bad) > 0
	return m.page.Write(w, r, status, web.PublicLayout(m.page, noteBody(m.page, v)))
}

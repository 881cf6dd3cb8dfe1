package selfview

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

// What a person can ask for. Each is a case of its own, in the compartment of the matter it is about.
var askKinds = []string{"correction", "erasure", "copy", "restriction", "explanation", "complaint"}

// askProcedure begins the ids of the procedures that answer: rights-request, and one for each compartment
// apart, named rights-request-COMPARTMENT.
const askProcedure = "rights-request"

// Fields of their openings.
const (
	askKind  = "kind"
	askAbout = "about"
)

// maxAsk is the longest text of a request.
const maxAsk = 2000

// askCategory finds how requests are opened in a compartment.
func (v *View) askCategory(compartment string) (string, bool) {
	p := v.Packs.Current()
	for _, c := range p.Categories {
		d, ok := p.Procedures[c.Procedure]
		if ok && d.Compartment == compartment && (d.ID == askProcedure || strings.HasPrefix(d.ID, askProcedure+"-")) {
			return c.ID, true
		}
	}
	return "", false
}

// askPage is the form of one request.
type askPage struct {
	Part, Ref, Kind, Key string
	Text, Wrong          string
	Law                  string
}

// about is the matter a request is about: one of the person's own, in a part that is open.
func (v *View) about(r *programme.Visitor, part, ref string) (m Matter, room *Room, p pending, done bool, err error) {
	proof, p, done, err := v.proved(r)
	if done || err != nil {
		return m, nil, p, true, err
	}
	s, err := v.See(r.R.Context(), proof)
	if err != nil {
		return m, nil, p, true, err
	}
	room, ok := v.byLetter(part)
	if !ok {
		return m, nil, p, true, web.ErrNotFound
	}
	if m, ok = s.Find(room.Compartment, casework.Ref(ref)); !ok {
		return m, nil, p, true, web.ErrNotFound
	}
	return m, room, p, false, nil
}

func (v *View) ask(r *programme.Visitor) error {
	q := r.R.URL.Query()
	m, _, _, done, err := v.about(r, q.Get("part"), q.Get("ref"))
	if done || err != nil {
		return err
	}
	kind := q.Get("kind")
	if !slices.Contains(askKinds, kind) {
		return web.ErrNotFound
	}
	return v.showAsk(r, http.StatusOK, askPage{Part: q.Get("part"), Ref: string(m.Case.Ref), Kind: kind, Key: web.NewKey()})
}

func (v *View) showAsk(r *programme.Visitor, status int, a askPage) error {
	p := page(r, "mydata.ask."+a.Kind)
	p.Wrong = a.Wrong != ""
	return r.Write(p, status, askBody(p, a))
}

func (v *View) askPost(r *programme.Visitor) error {
	if err := web.ReadForm(r.R, "part", "ref", "kind", "text"); err != nil {
		return err
	}
	f := r.R.PostForm
	m, room, p, done, err := v.about(r, f.Get("part"), f.Get("ref"))
	if done || err != nil {
		return err
	}
	category, ok := v.askCategory(room.Compartment)
	if !ok || !slices.Contains(askKinds, f.Get("kind")) {
		return web.ErrNotFound
	}
	a := askPage{Part: f.Get("part"), Ref: string(m.Case.Ref), Kind: f.Get("kind"), Key: web.KeyOf(r.R), Text: strings.TrimSpace(f.Get("text"))}
	pg := page(r, "mydata.ask."+a.Kind)
	if a.Text == "" || len([]rune(a.Text)) > maxAsk {
		a.Wrong = pg.T("mydata.ask.wrong")
		return v.showAsk(r, http.StatusUnprocessableEntity, a)
	}
	to, err := v.Packs.Current().Route(pack.Matter{Category: category, At: m.Case.Holder, Answers: map[string]string{askKind: a.Kind}, Now: r.Site.Now()})
	if err != nil {
		return err
	}
	receipt, err := room.Ledger.Do(r.R.Context(), authz.Reporter(), casework.Command{Key: a.Key, Version: casework.AnyVersion,
		Fields: map[string]string{askKind: a.Kind, askAbout: a.Ref},
		Open: &casework.Opening{Unit: to.Unit, Category: to.Category, Route: to.Rule, Title: pg.T("mydata.ask." + a.Kind), Text: a.Text,
			Source: "self", Contact: contactOf(p, pg.Lang)}})
	var no *casework.Refusal
	if errors.As(err, &no) && len(no.Fields) > 0 {
		a.Wrong = problems(pg, no.Fields)
		return v.showAsk(r, http.StatusUnprocessableEntity, a)
	}
	if err != nil {
		return err
	}
	done2 := page(r, "mydata.asked.title")
	return r.Write(done2, http.StatusOK, askedBody(done2, string(receipt.Ref), string(receipt.Code)))
}

func problems(p *web.Page, bad []form.Problem) string {
	var out []string
	for _, b := range bad {
		out = append(out, p.Problem(b.Rule, b.Params))
	}
	return strings.Join(out, " ")
}

// contactOf is where the answer goes: to the contact that was proved.
func contactOf(p pending, lang string) casework.Contact {
	for _, f := range p.Facts {
		switch f.Kind {
		case ledger.ByPhone:
			return casework.Contact{Channel: "sms", Address: f.Value, Lang: lang}
		case ledger.ByMail:
			return casework.Contact{Channel: "mail", Address: f.Value, Lang: lang}
		}
	}
	return casework.Contact{Lang: lang}
}

func newProof() string { return rand.Text() }

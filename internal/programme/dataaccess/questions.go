package dataaccess

import (
	"encoding/json"
	"net/http"
	"strconv"

	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

// questionView is one question as everybody reads it.
type questionView struct {
	ID, Name, Purpose, Never string
	Answers                  []string
	Who                      string // which levels may ask
	Law, Article             string
	Grounds                  []groundView
}

// groundView is one thing a question can rest on.
type groundView struct{ Label, Law, Article string }

type bodyView struct {
	ID, Name  string
	Questions []questionView
}

type questionsPage struct {
	Bodies []bodyView
	Valid  string // how long an answer holds
	Steps  []string
}

// questions is the public register: what one body may ask another about a person.
func (a *access) questions(v *programme.Visitor) error {
	p := a.Packs.Current()
	if p.Register == nil {
		return errNone
	}
	page := v.Page("questions.title")
	q := questionsPage{Valid: validity(page, p)}
	for _, step := range []string{"consent", "answers", "shown", "once"} {
		q.Steps = append(q.Steps, page.T("questions.rule."+step))
	}
	for _, body := range p.Register.Bodies {
		b := bodyView{ID: body, Name: page.T("question.body." + body)}
		for _, x := range p.Register.Questions {
			if x.Body == body {
				b.Questions = append(b.Questions, viewOf(page, x))
			}
		}
		if len(b.Questions) > 0 {
			q.Bodies = append(q.Bodies, b)
		}
	}
	return v.Write(page, http.StatusOK, questionsBody(page, q))
}

// validity says how long an answer holds, as the clock of the procedure has it.
func validity(page *web.Page, p *pack.Pack) string {
	d := p.Procedures[p.Register.Procedure]
	c, ok := d.Clock("validity")
	if !ok {
		return ""
	}
	return page.N("questions.valid", c.Rule.N)
}

func viewOf(page *web.Page, q pack.Question) questionView {
	v := questionView{ID: q.ID, Name: page.T("question." + q.ID), Purpose: page.T("question." + q.ID + ".purpose"), Never: page.T("question." + q.ID + ".never"),
		Law: page.Law(q.Law), Article: page.Article(q.Law)}
	for _, x := range q.Answers {
		v.Answers = append(v.Answers, page.T("question.answer."+x))
	}
	for i, l := range q.Levels {
		if i > 0 {
			v.Who += page.T("questions.and")
		}
		v.Who += page.T("questions.level." + l.String())
	}
	if q.Consent {
		v.Grounds = append(v.Grounds, groundView{Label: page.T("questions.ground.consent")})
	}
	if !q.Duty.None() {
		v.Grounds = append(v.Grounds, groundView{page.T("questions.ground.duty"), page.Law(q.Duty), page.Article(q.Duty)})
	}
	return v
}

// questionJSON is a question for programs.
type questionJSON struct {
	ID      string            `json:"id"`
	Body    string            `json:"body"`
	Law     procedure.Law     `json:"law"`
	Consent bool              `json:"consent"`
	Duty    *procedure.Law    `json:"duty,omitempty"`
	Levels  []string          `json:"levels"`
	Answers []string          `json:"answers"`
	Words   map[string]string `json:"words"` // the question in each language
}

func (a *access) questionsJSON(v *programme.Visitor) error {
	p := a.Packs.Current()
	if p.Register == nil {
		return errNone
	}
	out := make([]questionJSON, 0, len(p.Register.Questions))
	for _, q := range p.Register.Questions {
		j := questionJSON{ID: q.ID, Body: q.Body, Law: q.Law, Consent: q.Consent, Answers: q.Answers, Words: map[string]string{}}
		if !q.Duty.None() {
			j.Duty = &q.Duty
		}
		for _, l := range q.Levels {
			j.Levels = append(j.Levels, l.String())
		}
		for _, lang := range p.Langs {
			j.Words[lang] = p.Texts[lang]["question."+q.ID]
		}
		out = append(out, j)
	}
	return sendJSON(v, "questions.json", out)
}

func sendJSON(v *programme.Visitor, name string, doc any) error {
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return send(v, "application/json; charset=utf-8", name, append(raw, '\n'))
}

func send(v *programme.Visitor, kind, name string, raw []byte) error {
	h := v.W.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `inline; filename="`+name+`"`)
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	h.Set("Cache-Control", "public, max-age=300")
	_, err := v.W.Write(raw)
	return err
}

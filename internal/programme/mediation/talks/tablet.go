package talks

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/programme"
	"comity/internal/web"
)

// termText is one term as it is read before it is signed.
type termText struct {
	No    string
	Lines []web.Fact
}

// signPage is what a party reads and signs, on the officer's tablet or by their own link.
type signPage struct {
	Action, Key, Hash string
	Version           string // which draft
	Title, Ref, Who   string
	Body              []web.Fact
	Terms             []termText
	LeftOpen          string
	Ticks             bool // every term is ticked by itself
	Mistakes          []web.Mistake
	No                *web.No
	Changes           []changeView // since the words that were about to be signed
	Done              string
	Script            string
	Name              string // typed so far
	Back, Leave       string // the way out, and what it is called
	Closed            string // why there is nothing to sign
}

// text is what is signed, in the language of the page, and by the hash that is the same in all of them.
func (v *signPage) text(p *web.Page, m *matter, d draft) {
	v.Hash, v.Version = m.hash(d, len(d.terms)), strconv.Itoa(d.no)
	v.Title, v.Ref = m.c.Title, string(m.c.Ref)
	v.Body = m.lines(p, d.event)
	for i, t := range d.terms {
		v.Terms = append(v.Terms, termText{strconv.Itoa(i + 1), m.lines(p, t.event)})
	}
	v.Key, v.Script = web.NewKey(), scriptHref()
}

// How long a handed device shows the agreement when nobody touches it, and without script at all. Reading a
// long agreement takes its time.
const (
	untouched  = 15 * time.Minute
	unscripted = time.Hour
)

// tablet is the page that the officer opens and hands over with the device. From here on the browser opens
// nothing else of the desk.
func (s *service) tablet(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	p := o.Visitor.Page("talks.tablet.title")
	s.speak(p, m.c)
	if o.R.URL.Query().Get("done") != "" {
		v := signPage{Done: p.T("talks.tablet.done"), Back: "/desk/locked"}
		return p.Write(o.W, o.R, http.StatusOK, web.BareLayout(p, signedBody(p, v)))
	}
	if _, err := m.party(o, m.t.Sign.Act); err != nil {
		return err // there is nothing to hand over, and the officer goes on
	}
	o.Hand(o.R.URL.Path)
	return s.showTablet(o, p, m, http.StatusOK, signPage{}, nil)
}

func (s *service) showTablet(o *programme.Officer, p *web.Page, m *matter, status int, v signPage, no *casework.Refusal) error {
	x, err := m.party(o, m.t.Sign.Act)
	if err != nil {
		return err
	}
	d, ok := m.last()
	if !ok {
		return web.ErrNotFound
	}
	v.Action, v.Who, v.Back, v.Leave = o.R.URL.Path, m.name(p, x, o.Name), "/desk/locked", p.T("talks.tablet.back")
	v.text(p, m, d)
	v.refuse(p, no)
	p.Idle = &web.Idle{After: untouched, Plain: unscripted, To: v.Back, Alive: "/desk/counter/alive"}
	return p.Write(o.W, o.R, status, web.BareLayout(p, signBody(p, v)))
}

// refuse puts a "no" on the page.
func (v *signPage) refuse(p *web.Page, no *casework.Refusal) {
	if no == nil {
		return
	}
	p.Wrong = true
	for _, bad := range no.Fields {
		v.Mistakes = append(v.Mistakes, web.Mistake{ID: "sign-" + bad.Field, Words: p.Problem(bad.Rule, bad.Params)})
	}
	if len(no.Fields) == 0 {
		said := p.No(no, nil)
		v.No = &said
	}
}

func (s *service) tabletPost(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	if err := web.ReadForm(o.R, "hash", "drawing", "typed", "read", "term*"); err != nil {
		return err
	}
	p := o.Visitor.Page("talks.tablet.title")
	s.speak(p, m.c)
	x, err := m.party(o, m.t.Sign.Act)
	if err != nil {
		return err
	}
	v, no, err := s.signed(o.R, p, m, func() (*matter, error) { return s.deskMatter(o, authz.Identity) }, o.Actor, x.ID, m.t.Sign.Tablet, 0)
	if err != nil {
		return err
	}
	if no != nil {
		if m, err = s.deskMatter(o, authz.Identity); err != nil {
			return err
		}
		return s.showTablet(o, p, m, web.StatusOf(no), v, no)
	}
	return o.Go(o.R.URL.Path + "?done=1")
}

// signed carries out what somebody sent from the page: the signature they drew, or the name they typed, goes
// through the pipeline of all files and onto the case with the act, in one command.
func (s *service) signed(r *http.Request, p *web.Page, m *matter, open opener, who authz.Actor, member, how string, ticks int) (signPage, *casework.Refusal, error) {
	v := signPage{Name: strings.TrimSpace(r.PostFormValue("typed"))}
	hash := r.PostFormValue("hash")
	if old, ok := m.known(hash); ok {
		if d, _ := m.last(); m.hash(d, len(d.terms)) != hash {
			v.Changes = m.changes(p, old, d)
		}
	}
	no := &casework.Refusal{Rule: "form.invalid"}
	if r.PostFormValue("read") != "yes" {
		no.Fields = append(no.Fields, form.Problem{Field: "read", Rule: "talks.unread"})
	}
	if ticks > 0 && len(r.PostForm["term"]) < ticks {
		no.Fields = append(no.Fields, form.Problem{Field: "terms", Rule: "talks.untick"})
	}
	drawing := r.PostFormValue("drawing")
	if drawing == "" && v.Name == "" {
		no.Fields = append(no.Fields, form.Problem{Field: "typed", Rule: "talks.unsigned"})
	}
	if d, ok := m.last(); !ok || m.hash(d, len(d.terms)) != hash {
		return v, stale(), nil
	}
	if len(no.Fields) > 0 {
		return v, no, nil
	}
	f, err := s.signature(r.Context(), p, hash, drawing, v.Name)
	if bad, is := refused(err); is {
		return v, bad, nil
	}
	if err != nil {
		return v, nil, err
	}
	err = s.sign(r, open, who, member, hash, map[string]string{m.t.Sign.How: how, m.t.Sign.Read: "yes"}, []casework.File{f})
	if bad, is := refused(err); is {
		return v, bad, nil
	}
	return v, nil, err
}

const drawn = "data:image/png;base64,"

// signature makes a file of what was drawn, else of the name that was typed, with the hash of the words it
// stands under.
func (s *service) signature(ctx context.Context, p *web.Page, hash, drawing, typed string) (casework.File, error) {
	name := p.T("talks.signature", "hash", hash[:12])
	if drawing == "" {
		return s.made(ctx, []byte(p.T("talks.typed", "name", typed, "hash", hash)+"\n"), name+".txt")
	}
	raw, ok := strings.CutPrefix(drawing, drawn)
	data, err := base64.StdEncoding.DecodeString(raw)
	if !ok || err != nil {
		return casework.File{}, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "typed", Rule: "talks.drawing"}}}
	}
	return s.made(ctx, data, name+".png")
}

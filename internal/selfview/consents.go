package selfview

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"comity/internal/casework"
	"comity/internal/consent"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

// beside leads from the page of a case to what it waits for, and to everything else of the person.
func (v *View) beside(ctx context.Context, p *web.Page, c casework.Case) (out []web.Link, err error) {
	if r, ok := v.roomOf(c.Pack, c.Procedure); ok && r.Consents != nil {
		list, err := r.Consents.Of(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		for _, k := range list {
			if k.Status == consent.Requested {
				out = append(out, web.Link{Href: p.FollowAt(string(c.Code)) + "/consent/" + k.ID, Label: p.T("consent.asked.link"), Icon: "pen"})
			}
		}
	}
	return append(out, web.Link{Href: "/my", Label: p.T("mydata.link"), Icon: "eye"}), nil
}

// roomOf is the compartment of a case.
func (v *View) roomOf(packDigest, procedure string) (*Room, bool) {
	d, err := v.Packs.Definition(packDigest, procedure)
	if err != nil {
		return nil, false
	}
	return v.room(d.Compartment)
}

// consentPage asks for a yes or a no.
type consentPage struct {
	At        string // address of the page
	Back      string
	Text      []string
	View      consentView
	Minor     bool
	Open      bool // it waits for an answer
	Choices   []choiceGroup
	Law       string
	Wrong     string
	Key       string
	Withdraw  bool
	Evidence  string
	GiverWas  string
	Withdrawn string
}

// choiceGroup are the boxes of one list.
type choiceGroup struct {
	Name, Label string
	Items       []web.Choice
}

func (v *View) consentOf(r *programme.Resident) (*Room, consent.Consent, error) {
	room, ok := v.roomOf(r.Case.Pack, r.Case.Procedure)
	if !ok || room.Consents == nil {
		return nil, consent.Consent{}, web.ErrNotFound
	}
	c, err := room.Consents.For(r.R.Context(), r.Actor, r.R.PathValue("consent"))
	if isRefusal(err) {
		err = web.ErrNotFound
	}
	return room, c, err
}

func isRefusal(err error) bool {
	var no *casework.Refusal
	return errors.As(err, &no)
}

func (v *View) consentPage(r *programme.Resident) error {
	_, c, err := v.consentOf(r)
	if err != nil {
		return err
	}
	return v.showConsent(r, http.StatusOK, c, consentPage{})
}

func (v *View) showConsent(r *programme.Resident, status int, c consent.Consent, d consentPage) error {
	p := r.Page("consent.title")
	p.Wrong = d.Wrong != ""
	letter := ""
	if room, ok := v.roomOf(r.Case.Pack, r.Case.Procedure); ok {
		letter = v.letter(room.Compartment)
	}
	key := pack.Notice{ID: c.Notice, Version: c.Version}.Key()
	d.Back = "/f/" + r.R.PathValue("code")
	d.At = d.Back + "/consent/" + c.ID
	d.View = consentShown(p, letter, c, r.Site.Now())
	d.View.Receipt = ""
	d.Text = strings.Split(p.T(key), "\n")
	d.Minor, d.Open, d.Key = c.Minor, c.Status == consent.Requested, web.NewKey()
	for _, l := range []struct {
		name string
		ids  []string
	}{{"purposes", c.Purposes}, {"recipients", c.Recipients}, {"categories", c.Categories}} {
		g := choiceGroup{Name: l.name, Label: p.T("consent." + l.name)}
		for _, id := range l.ids {
			g.Items = append(g.Items, web.Choice{Value: id, Label: p.T(key + "." + l.name + "." + id)})
		}
		d.Choices = append(d.Choices, g)
	}
	return r.Write(p, status, consentBody(p, d))
}

func (v *View) consentPost(r *programme.Resident) error {
	if err := web.ReadForm(r.R, "answer", "giver", "evidence", "purposes*", "recipients*", "categories*"); err != nil {
		return err
	}
	room, c, err := v.consentOf(r)
	if err != nil {
		return err
	}
	f := r.R.PostForm
	if f.Get("answer") == "withdraw" {
		if _, err := room.Consents.Withdraw(r.R.Context(), r.Actor, c.ID); err != nil {
			return err
		}
		return r.Go("/f/" + r.R.PathValue("code") + "/consent/" + c.ID)
	}
	d := consentPage{GiverWas: f.Get("giver"), Evidence: f.Get("evidence")}
	p := r.Page("consent.title")
	agree := f.Get("answer") == "yes"
	if agree && (len(f["purposes"]) == 0 || len(f["recipients"]) == 0 || len(f["categories"]) == 0) {
		d.Wrong = p.T("consent.nothing") // no box left is a no, and is not read as a yes to all
		return v.showConsent(r, http.StatusUnprocessableEntity, c, d)
	}
	_, receipt, err := room.Consents.Answer(r.R.Context(), r.Actor, c.ID, consent.Answer{Agree: agree, Giver: f.Get("giver"), Evidence: f.Get("evidence"),
		Only: consent.Scope{Purposes: f["purposes"], Recipients: f["recipients"], Categories: f["categories"]}})
	var no *casework.Refusal
	if errors.As(err, &no) {
		d.Wrong = p.T("refusal." + no.Rule)
		return v.showConsent(r, http.StatusUnprocessableEntity, c, d)
	}
	if err != nil {
		return err
	}
	if !agree {
		return r.Go("/f/" + r.R.PathValue("code"))
	}
	return v.showReceipt(&r.Visitor, receipt, "/f/"+r.R.PathValue("code"))
}

// receiptPage is what a person takes home.
type receiptPage struct {
	JSON, Line string
	Back       string
	Facts      []web.Fact
	Title      string
}

func (v *View) showReceipt(r *programme.Visitor, receipt consent.Receipt, back string) error {
	p := page(r, "consent.receipt.title")
	code, err := qr(r.Site.Origin(r.R)+"/consent/receipt#"+receipt.Compact(), p.T("consent.receipt.qr"))
	if err != nil {
		return err
	}
	c := consent.Consent{Notice: receipt.Notice, Version: receipt.Version, Status: receipt.State, Given: receipt.At, Until: receipt.Until,
		Scope: consent.Scope{Purposes: receipt.Purposes, Recipients: receipt.Recipients, Categories: receipt.Categories}}
	shown := consentShown(p, "", c, r.Site.Now())
	return r.Write(p, http.StatusOK, receiptBody(p, receiptPage{JSON: indented(receipt), Line: receipt.Compact(), Back: back, Facts: shown.Facts, Title: shown.Title}, code))
}

// receipt shows the receipt of a consent of the person; without one named it is the page where one is checked.
func (v *View) receipt(r *programme.Visitor) error {
	id := r.R.URL.Query().Get("consent")
	if id == "" {
		p := r.Page("consent.check.title")
		return r.Write(p, http.StatusOK, checkBody(p, checkPage{}))
	}
	proof, _, done, err := v.proved(r)
	if done || err != nil {
		return err
	}
	s, err := v.See(r.R.Context(), proof)
	if err != nil {
		return err
	}
	room, ok := v.byLetter(r.R.URL.Query().Get("part"))
	if !ok {
		return web.ErrNotFound
	}
	m, ok := s.withConsent(room.Compartment, id)
	if !ok {
		return web.ErrNotFound
	}
	i := slices.IndexFunc(m.Consents, func(c consent.Consent) bool { return c.ID == id })
	receipt, err := room.Consents.Receipt(r.R.Context(), m.Consents[i])
	if isRefusal(err) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	return v.showReceipt(r, receipt, "/my/data")
}

// checkPage is where anybody checks a receipt.
type checkPage struct {
	Text          string
	True, Checked bool
	Facts         []web.Fact
	Title         string
	Now           string
}

func (v *View) checkPost(r *programme.Visitor) error {
	if err := web.ReadForm(r.R, "receipt"); err != nil {
		return err
	}
	p := r.Page("consent.check.title")
	d := checkPage{Text: r.R.PostForm.Get("receipt"), Checked: true}
	for _, room := range v.Rooms {
		if room.Consents == nil {
			continue
		}
		receipt, status, err := room.Consents.Check(r.R.Context(), []byte(d.Text))
		if err != nil {
			continue
		}
		c := consent.Consent{Notice: receipt.Notice, Version: receipt.Version, Status: status, Given: receipt.At, Until: receipt.Until,
			Scope: consent.Scope{Purposes: receipt.Purposes, Recipients: receipt.Recipients, Categories: receipt.Categories}}
		shown := consentShown(p, "", c, r.Site.Now())
		d.True, d.Facts, d.Title, d.Now = true, shown.Facts, shown.Title, shown.Status
	}
	return r.Write(p, http.StatusOK, checkBody(p, d))
}

// deskPage is where an officer asks for a consent.
type deskPage struct {
	At, Back string
	Ref      string
	Notices  []web.Choice
	Shown    []consentView
	Wrong    string
}

// deskCase is the case of the address, in the compartment the officer's session is bound to.
func (v *View) deskCase(o *programme.Officer) (*Room, casework.Case, error) {
	room, ok := v.room(o.Actor.Compartment())
	if !ok || room.Consents == nil {
		return nil, casework.Case{}, web.ErrNotFound
	}
	c, err := room.Reader.Case(o.R.Context(), o.Actor.Scope(), o.R.PathValue("ref"))
	if errors.Is(err, ledger.ErrNotFound) {
		err = web.ErrNotFound
	}
	return room, c, err
}

func (v *View) deskConsent(o *programme.Officer) error { return v.showDesk(o, http.StatusOK, "") }

func (v *View) showDesk(o *programme.Officer, status int, wrong string) error {
	room, c, err := v.deskCase(o)
	if err != nil {
		return err
	}
	list, err := room.Consents.Of(o.R.Context(), c.ID)
	if err != nil {
		return err
	}
	p := o.Page("consent.desk.title", "ref", string(c.Ref))
	p.Wrong = wrong != ""
	d := deskPage{Back: "/desk/cases/" + string(c.Ref), Ref: string(c.Ref), Wrong: wrong}
	d.At = d.Back + "/consent"
	for _, n := range v.Packs.Current().Notices {
		if slices.Contains(n.Procedures, c.Procedure) {
			d.Notices = append(d.Notices, web.Choice{Value: n.ID + " " + n.Version + " " + n.Digest, Label: p.T("consent.notice.name", "title", p.T(n.Key()+".title"), "version", n.Version)})
		}
	}
	for _, k := range list {
		d.Shown = append(d.Shown, consentShown(p, "", k, o.Site.Now()))
	}
	return o.Write(p, status, deskBody(p, d))
}

func (v *View) deskConsentPost(o *programme.Officer) error {
	if err := web.ReadForm(o.R, "notice", "minor"); err != nil {
		return err
	}
	room, c, err := v.deskCase(o)
	if err != nil {
		return err
	}
	parts := strings.Fields(o.R.PostForm.Get("notice"))
	if len(parts) != 3 {
		return web.ErrNotFound
	}
	_, err = room.Consents.Ask(o.R.Context(), o.Actor, consent.Ask{Case: c.ID, Notice: parts[0], Version: parts[1], Digest: parts[2], Minor: o.R.PostForm.Get("minor") != ""})
	return v.deskDone(o, err)
}

// deskConsentEnd ends a consent that should not have been taken.
func (v *View) deskConsentEnd(o *programme.Officer) error {
	if err := web.ReadForm(o.R, "consent"); err != nil {
		return err
	}
	room, _, err := v.deskCase(o)
	if err != nil {
		return err
	}
	_, err = room.Consents.Invalidate(o.R.Context(), o.Actor, o.R.PostForm.Get("consent"))
	return v.deskDone(o, err)
}

func (v *View) deskDone(o *programme.Officer, err error) error {
	var no *casework.Refusal
	if errors.As(err, &no) {
		p := o.Page("consent.desk.title", "ref", o.R.PathValue("ref"))
		return v.showDesk(o, http.StatusUnprocessableEntity, p.T("refusal."+no.Rule))
	}
	if err != nil {
		return err
	}
	return o.Go("/desk/cases/" + o.R.PathValue("ref") + "/consent")
}

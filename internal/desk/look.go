package desk

import (
	"net/http"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/web"
)

// shown is a case as far as the officer has been shown it. Every case of the desk begins veiled; what lies
// under the veil is asked of the ledger with a purpose, and the look is on record before anything is seen.
type shown struct {
	c      casework.Case
	events []casework.Event
	level  authz.Level
	no     *casework.Refusal // why no more of it is shown
}

// open shows what somebody who works on the case needs: what it is about. Whoever stands above sees its steps
// and has to say first what for (see lookDo).
//
// Where a case has rolls, who is on them is the work: whoever may see it and deals with the case sees it from
// the beginning, and that is on record like every look.
func (v *visit) open(c casework.Case) (shown, error) {
	if d, err := v.definition(c); err == nil && len(d.Rolls) > 0 {
		s, err := v.openAs(c, ledger.Ticket{Purpose: ledger.PurposeHandle, Level: authz.Identity})
		if err != nil || s.no == nil {
			return s, err
		}
	}
	return v.openAs(c, ledger.Ticket{Purpose: ledger.PurposeHandle, Level: authz.Story})
}

func (v *visit) openAs(c casework.Case, t ledger.Ticket) (shown, error) {
	t.Case = c.ID
	look, err := v.Ledger.Show(v.ctx(), v.actor, t)
	if err != nil {
		return shown{}, err
	}
	return shown{look.Case(), look.Events(), look.Level, look.No}, nil
}

// lookForm asks for a purpose, to be shown more of a case than the page shows.
type lookForm struct {
	To       string
	Level    string
	Purposes []web.Choice
	Note     string
	Wrong    string
	Held     bool // kept by order: its reference is asked for
	Story    bool // what the case is about is hidden; otherwise only whose it is
}

// lookForm is what the page offers for the part that is still veiled; nil when nothing is, or nothing more
// may be shown to this officer.
func (v *visit) lookForm(p *web.Page, d *procedure.Definition, s shown) *lookForm {
	next := authz.Story
	if s.level >= authz.Story {
		next = authz.Identity
	}
	of := s.c.Target()
	of.Compartment, of.Level = d.Compartment, next
	way := v.actor.Decide(v.pack.Units, of)
	if s.level >= authz.Identity || !way.Allowed {
		return nil
	}
	if next == authz.Story && !v.veils(s.c) || next == authz.Identity && s.c.Contact.Name == "" && s.c.Contact.Address == "" {
		return nil
	}
	f := &lookForm{To: caseHref(string(s.c.Ref)) + "/look" + inQuery(v.r.URL.Query().Get("in")), Level: next.String(), Story: next == authz.Story,
		Held: s.no != nil && s.no.Rule == "look.held"}
	for _, x := range v.Packs.Pack(s.c.Pack).PurposesFor(entitled(way.Ground)) {
		label := "purpose." + x.ID
		if key := "desk." + label; p.Has(key) { // the pack's own are worded once, for whoever reads who looked
			label = key
		}
		f.Purposes = append(f.Purposes, web.Choice{Value: x.ID, Label: p.T(label)})
	}
	return f
}

// veils reports whether anything of the case is hidden: what is older than keys is not.
func (v *visit) veils(c casework.Case) bool {
	return c.Title == casework.Veil || c.Text == casework.Veil
}

// entitled is the word of packs for a ground: who was asked to join, or is offered the case, works on it.
func entitled(g authz.Ground) string {
	if g == authz.ByOffered || g == authz.ByJoint {
		return string(authz.ByHolder)
	}
	return string(g)
}

// lookDo shows the case for a stated purpose. The answer is the page itself and is kept nowhere: whoever
// comes back states a purpose again.
func (v *visit) lookDo() error {
	c, err := v.found()
	if err != nil {
		return err
	}
	if err := v.parse("level", "purpose", "note", "order"); err != nil {
		return err
	}
	level, ok := authz.ParseLevel(v.r.PostFormValue("level"))
	if !ok || level < authz.Story || level > authz.Identity {
		return &web.Refused{Status: http.StatusUnprocessableEntity, Rule: "look.level"}
	}
	s, err := v.openAs(c, ledger.Ticket{Purpose: v.r.PostFormValue("purpose"), Level: level, Note: v.r.PostFormValue("note"),
		Order: v.r.PostFormValue("order")})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if s.no != nil {
		status = web.StatusOf(s.no)
	}
	return v.showCase(status, s, noteForm{})
}

// gone says of a case whose content was erased when and why; nil for all others.
func (v *visit) gone(c casework.Case) (*web.Gone, error) {
	e, ok, err := v.Reader.Erased(v.ctx(), c.ID)
	if err != nil || !ok {
		return nil, err
	}
	return &web.Gone{At: e.At, Ground: e.Ground, Law: e.Law}, nil
}

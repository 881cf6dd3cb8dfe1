// Package talks owns the pages on which a mediation is talked through: offers side by side, the draft with its
// terms and versions, who has signed and how one signs, and the lists by which many parties are put on a roll
// and told their rights.
//
// It keeps nothing. Everything it shows is read from the events of the case, opened by a look that is on
// record; everything it does is an act of the case, through the one door. Which act is an offer and which of
// its answers is the amount is the pack's (talks.yaml). It refuses to show what was said in confidence
// anywhere but in the part of the desk's page that asks for it, to a term that holds words with which nobody
// can say later whether it was kept, to a signature under words that changed meanwhile, and to let a device that was
// handed to a party open another page of the desk.
//
// Open this file first, then read.go (what the events say) and diff.go (what changed between two versions);
// desk.go, draft.go, sign.go, tablet.go, many.go and serve.go are the desk's pages, party.go the parties'.
package talks

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

// Name is the programme's.
const Name = "talks"

// Deps is what the programme is built from.
type Deps struct {
	Ledger *ledger.Ledger
	Reader *ledger.Reader
	Packs  *pack.Registry
	Files  file.Store
}

type service struct{ Deps }

// New plugs the programme in.
func New(d Deps) programme.Programme {
	s := &service{d}
	return programme.Programme{
		Name: Name, Project: s.definite,
		Public: map[string]func(*programme.Visitor) error{"GET /talks/sign.js": script},
		Resident: map[string]func(*programme.Resident) error{
			"GET /f/{code}/talks": ofResident(s.offersOf), "GET /f/{code}/sign": ofResident(s.signOf), "POST /f/{code}/sign": ofResident(s.signPost),
		},
		Party: map[string]func(*programme.Party) error{
			"GET /p/{code}/talks": ofParty(s.offersOf), "GET /p/{code}/sign": ofParty(s.signOf), "POST /p/{code}/sign": ofParty(s.signPost),
		},
		Desk: map[string]func(*programme.Officer) error{
			"GET /desk/cases/{ref}/talks":                 s.talks,
			"POST /desk/cases/{ref}/talks/sealed":         s.sealed,
			"GET /desk/cases/{ref}/draft":                 s.draft,
			"GET /desk/cases/{ref}/sign":                  s.signing,
			"GET /desk/cases/{ref}/sign/{member}/paper":   s.paper,
			"POST /desk/cases/{ref}/sign/{member}/paper":  s.paperPost,
			"GET /desk/cases/{ref}/sign/{member}/tablet":  s.tablet,
			"POST /desk/cases/{ref}/sign/{member}/tablet": s.tabletPost,
			"GET /desk/cases/{ref}/parties":               s.many,
			"POST /desk/cases/{ref}/parties":              s.manyPost,
			"GET /desk/cases/{ref}/serve":                 s.serving,
			"POST /desk/cases/{ref}/serve/{member}":       s.servePost,
			"GET /desk/cases/{ref}/serve/letters":         s.letters,
		},
		Instead: s.instead, Beside: s.residentBeside, PartyBeside: s.partyBeside, DeskBeside: s.deskBeside,
	}
}

//go:embed sign.js
var signScript []byte

// scriptHref holds the hash of the script, so that browsers may keep it for good.
func scriptHref() string {
	sum := sha256.Sum256(signScript)
	return "/talks/sign.js?v=" + hex.EncodeToString(sum[:6])
}

func script(v *programme.Visitor) error {
	h := v.W.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := v.W.Write(signScript)
	return err
}

// definite refuses a term that holds words with which nobody can say later whether it was kept, or a day that
// is over, and a signature that nothing shows. It is asked in the transaction that would write it down.
func (s *service) definite(_ context.Context, _ *db.Tx, c casework.Case, e casework.Event) error {
	p := s.Packs.Pack(c.Pack)
	t := p.Talks
	if !t.Of(c.Procedure) {
		return nil
	}
	var bad []form.Problem
	switch e.Act {
	case t.Sign.Act:
		bad = unsigned(t, e)
	case t.Oral.Act:
		bad = vague(t, e, t.Oral.What)
	case t.Term.Act:
		bad = vague(t, e, t.Term.List()...)
		if day, err := time.ParseInLocation(time.DateOnly, e.Fields[t.Term.Day], p.Zone); err == nil && day.AddDate(0, 0, 1).Before(e.At) {
			bad = append(bad, form.Problem{Field: t.Term.Day, Rule: "talks.past"})
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &casework.Refusal{Rule: "form.invalid", Law: t.Law, Fields: bad}
}

// vague finds the answers that hold words nobody can keep or enforce.
func vague(t *pack.Talks, e casework.Event, fields ...string) (bad []form.Problem) {
	for _, name := range fields {
		if w := vagueIn(t, e.Fields[name]); len(w) > 0 {
			bad = append(bad, form.Problem{Field: name, Rule: "talks.vague", Params: map[string]string{"word": w[0]}})
		}
	}
	return bad
}

// unsigned tells what a signature lacks. One by link is for whoever holds the link. Each comes with what was
// signed: the drawing or the name from the page that shows the very words, or the scan of the paper. The plain
// form of the act sends nothing along, so nobody signs on it.
func unsigned(t *pack.Talks, e casework.Event) []form.Problem {
	own := e.By.Member != ""
	switch {
	case own != (e.Fields[t.Sign.How] == t.Sign.Link):
		return []form.Problem{{Field: t.Sign.How, Rule: "talks.how"}}
	case len(e.Files) > 0:
		return nil
	case own:
		return []form.Problem{{Field: t.Sign.How, Rule: "talks.page"}}
	}
	return []form.Problem{{Field: t.Sign.How, Rule: "talks.unproved"}}
}

// instead leads to the pages on which one signs: under the words, and with their hash.
func (s *service) instead(c casework.Case, act string) (string, bool) {
	t := s.Packs.Pack(c.Pack).Talks
	return "sign", t.Of(c.Procedure) && act == t.Sign.Act
}

// matter puts a case that was opened together with the words of its pack.
func (s *service) matter(c casework.Case, events []casework.Event) (*matter, error) {
	p := s.Packs.Pack(c.Pack)
	if !p.Talks.Of(c.Procedure) {
		return nil, web.ErrNotFound
	}
	d, err := s.Packs.Definition(c.Pack, c.Procedure)
	if err != nil {
		return nil, err
	}
	return &matter{t: p.Talks, p: p, d: d, c: c, events: events}, nil
}

// speak gives a page the words of the pack version the case was opened under.
func (s *service) speak(p *web.Page, c casework.Case) {
	if c.Pack != s.Packs.Current().Digest {
		p.Speaker = p.Site.Text.With(s.Packs.Pack(c.Pack).Texts).In(p.Lang)
	}
}

// deskMatter opens the case in the address for whoever works on it, who the parties are included: without
// that nothing here can be read.
func (s *service) deskMatter(o *programme.Officer, level authz.Level) (*matter, error) {
	c, err := s.Reader.Case(o.R.Context(), o.Actor.Scope(), o.R.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	if !s.Packs.Pack(c.Pack).Talks.Of(c.Procedure) {
		return nil, web.ErrNotFound
	}
	look, err := s.Ledger.Look(o.R.Context(), o.Actor, ledger.Ticket{Case: c.ID, Purpose: ledger.PurposeHandle, Level: level})
	if err != nil {
		return nil, err
	}
	return s.matter(look.Case(), look.Events())
}

func base(c casework.Case) string { return "/desk/cases/" + url.PathEscape(string(c.Ref)) }

// name is what somebody on a roll is called: by name, by account, or by their number.
func (m *matter) name(p *web.Page, x casework.Member, staff func(*web.Page, string) string) string {
	name := x.Name
	switch {
	case x.Own:
		name = m.c.Contact.Name
	case x.Account != "" && staff != nil:
		name = staff(p, x.Account)
	}
	if name == "" || name == casework.Veil {
		name = p.T("roll."+m.d.ID+"."+x.Roll) + " " + strings.TrimPrefix(x.ID, "m")
	}
	return name
}

func (m *matter) sideName(p *web.Page, side string) string {
	if side == "" {
		return p.T("talks.side.none")
	}
	return p.T("mark." + m.d.ID + "." + m.t.Party + "." + m.t.Side + "." + side)
}

// act finds an act that the pack named; loading made sure that it is there.
func (m *matter) act(id string) *procedure.Act {
	a, ok := m.d.Act(id)
	if !ok {
		return &procedure.Act{}
	}
	return a
}

func (m *matter) can(act string, who authz.Actor, now time.Time) bool {
	a, ok := m.d.Act(act)
	return ok && casework.CanAct(m.d, m.c, a, who, now)
}

// pointFacts are the points of an offer or a term with the labels of their form.
func (m *matter) pointFacts(p *web.Page, act string, names, values []string) []web.Fact {
	a := m.act(act)
	f := web.ActForm(m.d.ID, act)
	var out []web.Fact
	for i, name := range names {
		j := slices.IndexFunc(a.Fields, func(x form.Field) bool { return x.Name == name })
		if j < 0 || values[i] == "" {
			continue
		}
		out = append(out, web.Fact{Label: p.T(f.Prefix + "." + name), Value: p.Answer(f, a.Fields[j], values[i])})
	}
	return out
}

// lines are the answers of an act as a text, one to a line: what is read before it is signed, and what two
// versions are compared by. What was said in confidence is never among them.
func (m *matter) lines(p *web.Page, e casework.Event) []web.Fact {
	a := m.act(e.Act)
	f := web.ActForm(m.d.ID, a.ID)
	var out []web.Fact
	for _, field := range a.Fields {
		if v := e.Fields[field.Name]; v != "" && !field.Caucus {
			out = append(out, web.Fact{Label: p.T(f.Prefix + "." + field.Name), Value: p.Answer(f, field, v)})
		}
	}
	return out
}

// refused tells a "no" of the door, or of the upload, from a failure.
func refused(err error) (*casework.Refusal, bool) {
	var no *casework.Refusal
	if errors.As(err, &no) {
		return no, true
	}
	var f file.Refused
	if errors.As(err, &f) {
		return &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "files", Rule: f.Rule, Params: f.Params}}}, true
	}
	return nil, false
}

// made takes in what the page itself wrote: a signature that was drawn or typed.
func (s *service) made(ctx context.Context, data []byte, name string) (casework.File, error) {
	return s.Files.Take(ctx, bytes.NewReader(data), name, file.Limits{})
}

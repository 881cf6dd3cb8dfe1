package selfview

import (
	"cmp"
	"context"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/consent"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// Sight is what one person sees of themselves, for the length of one request.
type Sight struct{ Parts []Part }

// Part is one compartment. One that was not opened, one that holds nothing and one that its bearer hid look
// alike but for Open.
type Part struct {
	Compartment string
	Supported   bool // it takes a second proof
	Open        bool
	Programmes  []Programme
}

// Programme is what one programme does with data, whoever asks, and what it holds of this person.
type Programme struct {
	ID       string
	Register Register
	Matters  []Matter
}

// Register is the entry of the processing register.
//
// law: PIPL/17, GDPR/30
type Register struct{ Procedures []*procedure.Definition }

// Matter is a case of the person.
type Matter struct {
	Case     casework.Case // veiled
	D        *procedure.Definition
	Kinds    []string // what kinds of data it holds, as keys of texts
	Until    time.Time
	Looks    []Look
	Passed   []Passed
	Consents []consent.Consent
}

// Look is one look at a matter, without the name of who looked: a complaint brings that.
type Look struct {
	ID      string // its name in the log
	At      time.Time
	Unit    org.UnitID
	Role    string
	Stood   bool // somebody stood in for somebody else
	Purpose string
	Ground  string
	Level   authz.Level
}

// Own reports a look of the person, and Machine one of the program.
func (l Look) Own() bool     { return l.Role == string(authz.Resident) }
func (l Look) Machine() bool { return l.Role == string(authz.System) }

// Passed is something that went on to somebody else.
type Passed struct {
	At   time.Time
	Link string
	Ref  casework.Ref
	To   org.UnitID
	What []string // names of what was carried
}

// manyLooks bounds what one matter can show; the lists of looks of real cases are far shorter.
const manyLooks = 100_000

// See asks every compartment in turn.
func (v *View) See(ctx context.Context, p Proof) (Sight, error) {
	if len(p.facts) == 0 {
		return Sight{}, ErrProof
	}
	var s Sight
	for _, r := range v.Rooms {
		part := Part{Compartment: r.Compartment, Supported: procedure.Supported(r.Compartment)}
		part.Open = !part.Supported || p.has(r.Compartment)
		if part.Open {
			var err error
			if part.Programmes, err = v.programmes(ctx, r, p); err != nil {
				return Sight{}, err
			}
		}
		s.Parts = append(s.Parts, part)
	}
	return s, nil
}

// programmes are those of a compartment, in the order of the pack.
func (v *View) programmes(ctx context.Context, r *Room, p Proof) ([]Programme, error) {
	hidden, err := r.hidden(ctx, v.Packs.Current(), p.facts)
	if err != nil {
		return nil, err
	}
	var out []Programme
	for _, g := range programmesOf(v.Packs.Current(), r.Compartment) {
		if !hidden {
			cases, err := r.Reader.OfSubject(ctx, r.Reader.HeldBy(g.ID, p.facts))
			if err != nil {
				return nil, err
			}
			for _, c := range cases {
				m, err := v.matter(ctx, r, c)
				if err != nil {
					return nil, err
				}
				g.Matters = append(g.Matters, m)
			}
		}
		out = append(out, g)
	}
	return out, nil
}

// programmesOf lists the programmes that have procedures in a compartment.
func programmesOf(p *pack.Pack, compartment string) (out []Programme) {
	for _, g := range p.Programmes {
		x := Programme{ID: g.ID}
		for _, d := range p.Procedures {
			if d.Programme == g.ID && d.Compartment == compartment {
				x.Register.Procedures = append(x.Register.Procedures, d)
			}
		}
		if len(x.Register.Procedures) > 0 {
			slices.SortFunc(x.Register.Procedures, func(a, b *procedure.Definition) int { return cmp.Compare(a.ID, b.ID) })
			out = append(out, x)
		}
	}
	return out
}

func (v *View) matter(ctx context.Context, r *Room, c casework.Case) (Matter, error) {
	d, err := v.Packs.Definition(c.Pack, c.Procedure)
	if err != nil {
		return Matter{}, err
	}
	m := Matter{Case: c, D: d, Kinds: kindsOf(c, d)}
	if !c.Closed.IsZero() && d.Retention.Years > 0 {
		m.Until = c.Closed.AddDate(d.Retention.Years, 0, 0)
	}
	looks, err := r.Reader.Looks(ctx, c.ID, manyLooks)
	if err != nil {
		return m, err
	}
	for _, l := range looks {
		m.Looks = append(m.Looks, Look{ID: l.Ref, At: l.At, Unit: l.Unit, Role: l.Role, Stood: l.For != "", Purpose: l.Purpose, Ground: l.Ground, Level: l.Level})
	}
	if m.Passed, err = passed(ctx, r, c); err != nil {
		return m, err
	}
	if r.Consents != nil {
		m.Consents, err = r.Consents.Of(ctx, c.ID)
	}
	return m, err
}

// kindsOf names what kinds of data a case holds, without opening any.
func kindsOf(c casework.Case, d *procedure.Definition) []string {
	var out []string
	add := func(has bool, key string) {
		if has {
			out = append(out, key)
		}
	}
	add(c.Title != "" || c.Text != "", "mydata.kind.text")
	add(c.Contact.Address != "", "mydata.kind.contact")
	add(c.Contact.Name != "", "mydata.kind.name")
	add(c.Place.Address != "" || c.Place.Spot != "" || c.Place.Unit != "", "mydata.kind.place")
	add(len(c.Files) > 0, "mydata.kind.files")
	for _, f := range d.Intake {
		add(c.Intake[f.Name] != "", "field."+d.ID+".open."+f.Name)
	}
	add(len(c.Answer) > 0, "mydata.kind.answer")
	return out
}

// passed lists what went from a case to others: each case that it opened, and what was carried there.
func passed(ctx context.Context, r *Room, c casework.Case) ([]Passed, error) {
	if len(c.Children) == 0 {
		return nil, nil
	}
	events, err := r.Reader.Events(ctx, c.ID)
	var out []Passed
	for _, e := range events {
		for _, s := range e.Spawn {
			out = append(out, Passed{At: e.At, Link: s.Link, Ref: s.Ref, To: s.Unit, What: s.Carry})
		}
	}
	return out, err
}

// allKind is the pseudonym of a person for a whole compartment: only for hiding it.
const allKind = "all of it"

// tokens are every pseudonym a person has in a compartment.
func (r *Room) tokens(p *pack.Pack, facts []ledger.Fact) []string {
	out := r.Reader.HeldBy(allKind, facts).Tokens
	for _, g := range programmesOf(p, r.Compartment) {
		out = append(out, r.Reader.HeldBy(g.ID, facts).Tokens...)
	}
	return out
}

func (r *Room) hidden(ctx context.Context, p *pack.Pack, facts []ledger.Fact) (hidden bool, err error) {
	err = r.DB.View(ctx, func(tx *db.Tx) error {
		hidden, err = isHidden(ctx, tx, r.tokens(p, facts))
		return err
	})
	return hidden, err
}

// Hide takes a compartment off the person's own page, however they prove themselves from now on: with the
// pseudonyms of this proof go all those their matters stand under. It does the same where there are none.
func (v *View) Hide(ctx context.Context, p Proof, compartment string) error {
	r, ok := v.room(compartment)
	if !ok || len(p.facts) == 0 {
		return ErrProof
	}
	if procedure.Supported(compartment) && !p.has(compartment) {
		return ErrProof
	}
	tokens, err := v.allTokens(ctx, r, p.facts)
	if err != nil {
		return err
	}
	return r.DB.Transact(ctx, func(tx *db.Tx) error { return hide(ctx, tx, tokens) })
}

func (v *View) allTokens(ctx context.Context, r *Room, facts []ledger.Fact) ([]string, error) {
	tokens := r.tokens(v.Packs.Current(), facts)
	for _, g := range programmesOf(v.Packs.Current(), r.Compartment) {
		cases, err := r.Reader.OfSubject(ctx, r.Reader.HeldBy(g.ID, facts))
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			more, err := r.Reader.Tokens(ctx, c.ID)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, more...)
		}
	}
	slices.Sort(tokens)
	return slices.Compact(tokens), nil
}

// ShowAgain brings back the compartment of the case that a follow code opens, for whoever stands there with a
// proof of their own that the case is theirs. It answers nothing, so that nobody learns whether it did
// anything.
func (v *View) ShowAgain(ctx context.Context, p Proof, typed string) (known bool, err error) {
	code, err := casework.ParseCode(typed)
	if err != nil || len(p.facts) == 0 {
		return false, nil
	}
	for _, r := range v.Rooms {
		c, err := r.Reader.ByCode(ctx, code)
		if err != nil {
			continue
		}
		own, err := r.Reader.Tokens(ctx, c.ID)
		if err != nil {
			return true, err
		}
		mine := r.Reader.HeldBy(c.Programme, p.facts).Tokens
		if !slices.ContainsFunc(mine, func(t string) bool { return slices.Contains(own, t) }) {
			return true, nil
		}
		tokens, err := v.allTokens(ctx, r, p.facts)
		if err != nil {
			return true, err
		}
		return true, r.DB.Transact(ctx, func(tx *db.Tx) error { return unhide(ctx, tx, tokens) })
	}
	return false, nil
}

// Find is a matter of the person by its number, in a part that is open.
func (s Sight) Find(compartment string, ref casework.Ref) (Matter, bool) {
	for _, part := range s.Parts {
		for _, g := range part.Programmes {
			for _, m := range g.Matters {
				if part.Compartment == compartment && m.Case.Ref == ref {
					return m, true
				}
			}
		}
	}
	return Matter{}, false
}

// showAll brings a compartment back at the counter, where the person stands with a document.
func (v *View) showAll(ctx context.Context, r *Room, p Proof) error {
	tokens, err := v.allTokens(ctx, r, p.facts)
	if err != nil || !p.desk {
		return err
	}
	return r.DB.Transact(ctx, func(tx *db.Tx) error { return unhide(ctx, tx, tokens) })
}

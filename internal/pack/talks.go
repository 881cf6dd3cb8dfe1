package pack

import (
	"slices"

	"comity/internal/form"
	"comity/internal/procedure"
)

// Talks is what the pages about offers, drafts and signatures have to know of the procedures they serve:
// which act is an offer and which of its answers is the amount. A pack writes it in talks.yaml.
type Talks struct {
	Law        procedure.Law
	Procedures []string
	Party      string // roll of those who make offers and sign
	Side       string // its mark that says which side somebody is on
	Mediator   string // roll of those who sign beside the parties
	Offer      OfferAct
	Draft      DraftAct
	Term       TermAct
	Oral       OralAct // zero where every agreement is written
	Sign       SignAct
	Witness    WitnessAct
	Seals      []string // acts that put the agreement in force
	Adds       []string // acts by which many are put on a roll at once
	Serve      string   // act by which the notice of rights reaches one party
	Vague      []string // words that leave a term indefinite
}

// Points are the answers that make a promise definite.
type Points struct{ Issue, Who, What, Amount, Day, Place string }

// OfferAct is the act by which a party offers something.
type OfferAct struct {
	Act     string
	ReplyTo string // its field for the number of the offer it answers
	Points
}

// DraftAct begins a draft of the agreement.
type DraftAct struct {
	Act      string
	LeftOpen string // its field for what stays unsettled
}

// TermAct adds one term to the draft.
type TermAct struct {
	Act string
	Points
	Kind    string   // its field for what sort of promise it is
	Counted []string // the sorts that need an amount
}

// OralAct records an agreement that nobody wants in writing.
type OralAct struct {
	Act, What string // What is its field for who does what
}

// SignAct is a party's signature.
type SignAct struct {
	Act, Mark, How, Read string
	Paper, Tablet, Link  string // values of How
}

// WitnessAct is a mediator's signature.
type WitnessAct struct{ Act, Mark string }

// Of reports whether the pages serve cases of a procedure.
func (t *Talks) Of(procedure string) bool {
	return t != nil && slices.Contains(t.Procedures, procedure)
}

// List gives the points in the order in which a term is read, with the names of their fields.
func (p Points) List() []string { return []string{p.Who, p.What, p.Amount, p.Day, p.Place} }

type talksFile struct {
	Mark       mark         `yaml:"-"`
	Law        lawRefYAML   `yaml:"law" doc:"The article by which a term has to be definite."`
	Procedures []string     `yaml:"procedures" doc:"Procedures whose cases have offers, drafts and signatures."`
	Party      string       `yaml:"party" doc:"The roll of those who make offers and sign."`
	Side       string       `yaml:"side" doc:"The mark of that roll that says which side somebody is on."`
	Mediator   string       `yaml:"mediator" doc:"The roll of those who sign beside the parties."`
	Offer      offerActYAML `yaml:"offer" doc:"The act by which a party offers something."`
	Draft      draftActYAML `yaml:"draft" doc:"The act that begins a draft."`
	Term       termActYAML  `yaml:"term" doc:"The act that adds one term to the draft."`
	Oral       oralActYAML  `yaml:"oral" doc:"The act that records an agreement without writing; left out where there is none."`
	Sign       signActYAML  `yaml:"sign" doc:"The act by which a party signs."`
	Witness    witnessYAML  `yaml:"witness" doc:"The act by which a mediator signs."`
	Seals      []string     `yaml:"seals" doc:"Acts that put the agreement in force."`
	Adds       []string     `yaml:"adds" doc:"Acts by which many can be put on a roll from one list."`
	Serve      string       `yaml:"serve" doc:"The act by which the notice of rights reaches one party."`
	Vague      []string     `yaml:"vague" doc:"Words that leave a term indefinite; a term that holds one is refused."`
}

type offerActYAML struct {
	Mark    mark   `yaml:"-"`
	Act     string `yaml:"act" doc:"Id of the act."`
	ReplyTo string `yaml:"reply_to" doc:"Its field for the number of the offer it answers."`
	Issue   string `yaml:"issue" doc:"Its field for the issue."`
	Who     string `yaml:"who" doc:"Its field for who does it."`
	What    string `yaml:"what" doc:"Its field for what is done."`
	Amount  string `yaml:"amount" doc:"Its field for the amount."`
	Day     string `yaml:"day" doc:"Its field for the last day."`
	Place   string `yaml:"place" doc:"Its field for where and how."`
}

type draftActYAML struct {
	Mark     mark   `yaml:"-"`
	Act      string `yaml:"act" doc:"Id of the act."`
	LeftOpen string `yaml:"left_open" doc:"Its field for what stays unsettled."`
}

type termActYAML struct {
	Mark    mark     `yaml:"-"`
	Act     string   `yaml:"act" doc:"Id of the act."`
	Issue   string   `yaml:"issue" doc:"Its field for the issue."`
	Who     string   `yaml:"who" doc:"Its field for who does it."`
	What    string   `yaml:"what" doc:"Its field for what is done."`
	Amount  string   `yaml:"amount" doc:"Its field for the amount."`
	Day     string   `yaml:"day" doc:"Its field for the last day."`
	Place   string   `yaml:"place" doc:"Its field for where and how."`
	Kind    string   `yaml:"kind" doc:"Its field for the sort of promise."`
	Counted []string `yaml:"counted" doc:"The sorts that need an amount."`
}

type oralActYAML struct {
	Mark mark   `yaml:"-"`
	Act  string `yaml:"act" doc:"Id of the act."`
	What string `yaml:"what" doc:"Its field for who does what, how much and where."`
}

type signActYAML struct {
	Mark   mark   `yaml:"-"`
	Act    string `yaml:"act" doc:"Id of the act."`
	OfMark string `yaml:"mark" doc:"The mark of the roll of parties that says how somebody signed."`
	How    string `yaml:"how" doc:"Its field for how it is signed."`
	Read   string `yaml:"read" doc:"Its field for having read every term."`
	Paper  string `yaml:"paper" doc:"The value of how for signed paper."`
	Tablet string `yaml:"tablet" doc:"The value of how for the officer's tablet."`
	Link   string `yaml:"link" doc:"The value of how for the party's own link."`
}

type witnessYAML struct {
	Mark   mark   `yaml:"-"`
	Act    string `yaml:"act" doc:"Id of the act."`
	OfMark string `yaml:"mark" doc:"The mark of the roll of mediators that says whether somebody signed."`
}

// talks reads talks.yaml; a pack without it has no pages for offers and signatures.
func (l *loader) talks() {
	if !l.has("talks.yaml") {
		return
	}
	var f talksFile
	if !readYAML(l.fsys, "talks.yaml", &f, &l.bad) {
		return
	}
	b := builder{loader: l}
	o, t := f.Offer, f.Term
	l.p.Talks = &Talks{
		Law: b.law(f.Law), Procedures: f.Procedures, Party: f.Party, Side: f.Side, Mediator: f.Mediator, Seals: f.Seals, Adds: f.Adds,
		Offer:   OfferAct{o.Act, o.ReplyTo, Points{o.Issue, o.Who, o.What, o.Amount, o.Day, o.Place}},
		Draft:   DraftAct{f.Draft.Act, f.Draft.LeftOpen},
		Term:    TermAct{t.Act, Points{t.Issue, t.Who, t.What, t.Amount, t.Day, t.Place}, t.Kind, t.Counted},
		Oral:    OralAct{f.Oral.Act, f.Oral.What},
		Sign:    SignAct{f.Sign.Act, f.Sign.OfMark, f.Sign.How, f.Sign.Read, f.Sign.Paper, f.Sign.Tablet, f.Sign.Link},
		Witness: WitnessAct{f.Witness.Act, f.Witness.OfMark}, Serve: f.Serve, Vague: f.Vague,
	}
	c := talksCheck{loader: l, f: &f, t: l.p.Talks}
	for _, id := range f.Procedures {
		if c.d = l.p.Procedures[id]; c.d == nil {
			l.bad.on(f.Mark.of("procedures"), "procedure %q is not in this pack", id)
			continue
		}
		c.rolls()
		c.points(f.Offer.Mark, c.t.Offer.Act, c.t.Offer.Points, c.t.Offer.ReplyTo)
		c.points(f.Term.Mark, c.t.Term.Act, c.t.Term.Points, c.t.Term.Kind)
		c.signs()
		c.others()
	}
}

// talksCheck finds what talks.yaml names that is not there.
type talksCheck struct {
	*loader
	f *talksFile
	t *Talks
	d *procedure.Definition // the procedure it is held against
}

func (c *talksCheck) no(m mark, format string, args ...any) {
	c.bad.on(m, "procedure %q: "+format, append([]any{c.d.ID}, args...)...)
}

func (c *talksCheck) rolls() {
	if r, ok := c.d.Roll(c.t.Party); !ok {
		c.no(c.f.Mark.of("party"), "it has no roll %q", c.t.Party)
	} else {
		for _, id := range []string{c.t.Side, c.t.Sign.Mark} {
			if _, ok := r.Mark(id); !ok {
				c.no(c.f.Mark.of("party"), "its roll %q has no mark %q", r.ID, id)
			}
		}
	}
	if r, ok := c.d.Roll(c.t.Mediator); !ok {
		c.no(c.f.Mark.of("mediator"), "it has no roll %q", c.t.Mediator)
	} else if _, ok := r.Mark(c.t.Witness.Mark); !ok {
		c.no(c.f.Witness.Mark, "its roll %q has no mark %q", r.ID, c.t.Witness.Mark)
	}
}

func (c *talksCheck) act(m mark, id string) *procedure.Act {
	a, ok := c.d.Act(id)
	if !ok {
		var all []string
		for i := range c.d.Acts {
			all = append(all, c.d.Acts[i].ID)
		}
		c.no(m, "it has no act %q%s", id, suggest(id, all))
	}
	return a
}

// asks finds a field of an act.
func (c *talksCheck) asks(m mark, a *procedure.Act, name string) *form.Field {
	i := slices.IndexFunc(a.Fields, func(f form.Field) bool { return f.Name == name })
	if i < 0 {
		c.no(m, "act %q has no field %q", a.ID, name)
		return nil
	}
	return &a.Fields[i]
}

func (c *talksCheck) points(m mark, act string, p Points, more string) {
	a := c.act(m, act)
	if a == nil {
		return
	}
	for _, name := range append(p.List(), p.Issue, more) {
		f := c.asks(m, a, name)
		if f != nil && name == p.Day && f.Kind != form.Date {
			c.no(m, "field %q of act %q is of kind %s; the last day is a date", name, a.ID, f.Kind)
		}
		if f != nil && f.Caucus {
			c.no(m, "field %q of act %q is said in confidence; what is offered or agreed openly is not", name, a.ID)
		}
	}
}

func (c *talksCheck) signs() {
	m := c.f.Sign.Mark
	a := c.act(m, c.t.Sign.Act)
	if a == nil {
		return
	}
	c.asks(m, a, c.t.Sign.Read)
	how := c.asks(m, a, c.t.Sign.How)
	for _, v := range []string{c.t.Sign.Paper, c.t.Sign.Tablet, c.t.Sign.Link} {
		if how != nil && !slices.Contains(how.Options, v) {
			c.no(m, "field %q of act %q cannot be %q%s", how.Name, a.ID, v, suggest(v, how.Options))
		}
	}
	if a.About != c.t.Party {
		c.no(m, "act %q is not about a member of the roll %q", a.ID, c.t.Party)
	}
	if w := c.act(c.f.Witness.Mark, c.t.Witness.Act); w != nil && w.About != c.t.Mediator {
		c.no(c.f.Witness.Mark, "act %q is not about a member of the roll %q", w.ID, c.t.Mediator)
	}
}

func (c *talksCheck) others() {
	if a := c.act(c.f.Draft.Mark, c.t.Draft.Act); a != nil {
		c.asks(c.f.Draft.Mark, a, c.t.Draft.LeftOpen)
	}
	if c.t.Oral.Act != "" {
		if a := c.act(c.f.Oral.Mark, c.t.Oral.Act); a != nil {
			c.asks(c.f.Oral.Mark, a, c.t.Oral.What)
		}
	}
	for _, id := range c.t.Seals {
		c.act(c.f.Mark, id)
	}
	for _, id := range c.t.Adds {
		if a := c.act(c.f.Mark.of("adds"), id); a != nil && a.Adds == "" {
			c.no(c.f.Mark.of("adds"), "act %q puts nobody on a roll", id)
		}
	}
	if a := c.act(c.f.Mark.of("serve"), c.t.Serve); a != nil && a.About != c.t.Party {
		c.no(c.f.Mark.of("serve"), "act %q is not about a member of the roll %q", a.ID, c.t.Party)
	}
}

package pack

import (
	"errors"
	"io/fs"
	"slices"

	"comity/internal/procedure"
)

// Purpose is something for which sealed words of a case are opened. Its name is the text purpose.<id>;
// whoever opens them names one, and the person the case is about reads it.
type Purpose struct {
	ID      string
	Offered []string // to those who are entitled by one of these
	Law     procedure.Law
}

// The purposes every pack has. A pack gives them its words and its law, and may add others.
const (
	PurposeHandle    = "handle"         // do the work on the case
	PurposeContact   = "contact"        // reach the person
	PurposeSupervise = "supervise"      // see to it that it is done
	PurposeAnswer    = "answer_request" // answer what the person asked about their own data
	PurposeOwn       = "own"            // the person looks at their own matter
	PurposeNotice    = "notice"         // write and send what an act owes
	PurposeReview    = "review"         // examine what was done
	PurposeTransfer  = "transfer"       // see whether it is for one's own unit
)

// Entitled lists what can entitle somebody to open sealed words.
var Entitled = []string{"holder", "assignee", "superior", "delegate", "code", "order", "break_glass", "machine"}

// purposesOfAll are the purposes of a pack that says nothing of its own.
var purposesOfAll = []Purpose{
	{ID: PurposeHandle, Offered: []string{"holder", "assignee", "delegate"}},
	{ID: PurposeContact, Offered: []string{"holder", "assignee", "delegate"}},
	{ID: PurposeTransfer, Offered: []string{"holder", "superior", "delegate"}},
	{ID: PurposeSupervise, Offered: []string{"superior"}},
	{ID: PurposeReview, Offered: []string{"superior", "order", "break_glass"}},
	{ID: PurposeAnswer, Offered: []string{"holder", "assignee", "superior", "delegate"}},
	{ID: PurposeOwn, Offered: []string{"code"}},
	{ID: PurposeNotice, Offered: []string{"machine"}},
}

// Purpose finds a purpose.
func (p *Pack) Purpose(id string) (Purpose, bool) {
	i := slices.IndexFunc(p.Purposes, func(x Purpose) bool { return x.ID == id })
	if i < 0 {
		return Purpose{}, false
	}
	return p.Purposes[i], true
}

// PurposesFor lists what somebody who is entitled in this way may open sealed words for.
func (p *Pack) PurposesFor(entitled string) []Purpose {
	var out []Purpose
	for _, x := range p.Purposes {
		if slices.Contains(x.Offered, entitled) {
			out = append(out, x)
		}
	}
	return out
}

type purposesFile struct {
	Mark     mark          `yaml:"-"`
	Purposes []purposeYAML `yaml:"purposes" doc:"The purposes, beside those every pack has."`
}

type purposeYAML struct {
	Mark    mark       `yaml:"-"`
	ID      string     `yaml:"id" doc:"Id of the purpose: handle, contact, transfer, supervise, review, answer_request, own, notice, or one of the pack's own."`
	Name    words      `yaml:"name" doc:"What the person reads who asks who has looked, and why; left out, the program's own words."`
	Offered []string   `yaml:"offered" enum:"entitled" doc:"Who may name it, by what entitles them; left out, as every pack has it."`
	Law     lawRefYAML `yaml:"law" doc:"The article it rests on."`
}

// purposes reads purposes.yaml; what a pack does not say is as every pack has it.
func (l *loader) purposes() {
	for _, x := range purposesOfAll {
		x.Offered = slices.Clone(x.Offered)
		l.p.Purposes = append(l.p.Purposes, x)
	}
	if _, err := fs.Stat(l.fsys, "purposes.yaml"); errors.Is(err, fs.ErrNotExist) {
		return
	}
	var f purposesFile
	if !readYAML(l.fsys, "purposes.yaml", &f, &l.bad) {
		return
	}
	seen := map[string]bool{}
	for _, y := range f.Purposes {
		if l.id(y.Mark, "purpose", y.ID); seen[y.ID] {
			l.bad.on(y.Mark, "purpose %q is listed twice", y.ID)
		}
		seen[y.ID] = true
		l.purpose(y)
	}
}

func (l *loader) purpose(y purposeYAML) {
	at := slices.IndexFunc(l.p.Purposes, func(x Purpose) bool { return x.ID == y.ID })
	if at < 0 {
		if len(y.Offered) == 0 {
			l.bad.on(y.Mark, "purpose %q is the pack's own; say to whom it is offered: %v", y.ID, Entitled)
		}
		l.say(y.Mark, "purpose."+y.ID, y.Name, true)
		l.p.Purposes = append(l.p.Purposes, Purpose{ID: y.ID})
		at = len(l.p.Purposes) - 1
	} else if len(y.Name) > 0 {
		l.say(y.Mark, "purpose."+y.ID, y.Name, true)
	}
	x := &l.p.Purposes[at]
	if len(y.Offered) > 0 {
		x.Offered = y.Offered
	}
	for _, who := range y.Offered {
		if !slices.Contains(Entitled, who) {
			l.bad.on(y.Mark.of("offered"), "purpose %q: offered %q is not one of %v", y.ID, who, Entitled)
		}
	}
	b := builder{loader: l}
	x.Law = b.law(y.Law)
}

// Package procedure owns what a pack declares about one kind of case: states, acts, clocks, forms,
// outcomes, and what each act does to the clocks. Check, the model checker, walks the same
// declarations before a pack loads.
//
// It refuses phrases, jurisdictions and numbers of its own: every day count, role and law comes from
// the pack. It refuses cases too: what happened to one case is package casework.
//
// Open this file first, then clocks.go, then check.go.
package procedure

import (
	"slices"

	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/worktime"
)

// Law points at the rule an element comes from.
type Law struct {
	ID      string `json:"id"`
	Article string `json:"article,omitempty"`
	Since   string `json:"since,omitempty"` // in force from, ISO date
}

// Definition is one procedure of one pack version. It is immutable once loaded; a case keeps the
// version it was opened under.
type Definition struct {
	ID        string // "service-request"
	Programme string // "service"
	Prefix    string // first part of the reference, "SR"
	Law       Law
	Start     string       // state of a new case
	Opening   string       // event of a new case, "received"
	Intake    []form.Field // asked when the case is opened, beside text, place and category
	States    []State
	Acts      []Act
	Clocks    []Clock
	Outcomes  []Outcome
	Opened    []Notice // sent when the case is opened

	Categories []string           // codes a new case may carry
	Calendar   *worktime.Calendar // counts this procedure's days
	Units      *org.Tree          // who can hold its cases
}

// State is where a case can be.
type State struct {
	ID    string
	Phase string // the step a resident sees; several states share one
	Final bool   // nothing leads out
	Owner Owner  // who has to act
}

// Owner says whose turn it is in a state.
type Owner string

// Owners. Every open state has one; the checker refuses a state that is nobody's.
const (
	OwnerHolder   Owner = "holder"   // the unit that holds the case
	OwnerOffered  Owner = "offered"  // the unit it is offered to
	OwnerResident Owner = "resident" // the resident may act; a clock bounds the wait
)

// Of says in the name of which unit an act is done.
type Of string

// The unit whose grant the act needs.
const (
	OfHolder   Of = "holder"
	OfOffered  Of = "offered"
	OfSuperior Of = "superior" // the unit one step above the holder (the holder itself at the top)
)

// Effect is a change beyond the state that an act can make. The list is short on purpose: a new
// effect is a change of the kernel and needs a decision record.
type Effect string

// The effects.
const (
	Escalate    Effect = "escalate"     // the case moves to the unit above; at the top it stays and is raised again
	Offer       Effect = "offer"        // offered to the unit in field "unit"; the holder keeps it until accepted
	Take        Effect = "take"         // the offered unit becomes the holder
	TurnBack    Effect = "turn_back"    // the offer ends, the holder keeps the case
	DecideAbove Effect = "decide_above" // the common superior of holder and offered unit becomes the holder
	Assign      Effect = "assign"       // field "officer" becomes the assignee
	AssignSelf  Effect = "assign_self"  // who acts becomes the assignee
	Unassign    Effect = "unassign"
	BarHandler  Effect = "bar_handler" // who answered or was assigned may not act on this case again
	Decide      Effect = "outcome"     // field "outcome" becomes the outcome
)

// Effects lists every effect, for the pack loader.
var Effects = []Effect{Escalate, Offer, Take, TurnBack, DecideAbove, Assign, AssignSelf, Unassign, BarHandler, Decide}

// Moves reports effects that give the case to another unit, which then gets its own full time on
// state clocks.
func (e Effect) Moves() bool { return e == Escalate || e == Take || e == DecideAbove }

// Act is something a role may do in some states.
type Act struct {
	ID       string
	Event    string // past tense; the kind of the stored event
	From     []string
	To       string // empty: the state stays
	By       []string
	Of       Of
	Fields   []form.Field
	Effects  []Effect
	Answers  bool   // the resident is told how the matter ends
	Withdraw bool   // the resident ends it themselves
	While    string // only while this clock runs (contest window, extension before expiry)
	Extends  string // the clock it extends
	Times    int    // at most so often per case; 0 = any number
	Key      string // single letter that does it at the desk
	Prime    bool   // the usual next step
	Law      Law
	Notices  []Notice
}

// Has reports whether the act has the effect.
func (a *Act) Has(e Effect) bool { return slices.Contains(a.Effects, e) }

// Moves reports whether the act gives the case to another unit.
func (a *Act) Moves() bool { return slices.ContainsFunc(a.Effects, Effect.Moves) }

// Notice is a message an act owes to somebody.
type Notice struct {
	To       string // resident, holder, offered, superior
	Template string
}

// Clock is a term the law or the city sets.
type Clock struct {
	ID         string
	Law        Law
	Rule       worktime.Rule
	ByCategory map[string]worktime.Rule // another term for some categories
	In         []string                 // runs while the case is in one of these states, anew on each entry
	Start      []string                 // else: events that start it
	Stop       []string                 // and events that stop it
	Pause      []string                 // states in which it stands still
	Extend     Extend
	Expire     string // the system's act when it runs out
	Promise    bool   // the date the resident is told
}

// Extend bounds extensions of a clock.
type Extend struct {
	Max   int // in the unit of the rule, all extensions together
	Times int
}

// RuleFor is the rule for a category.
func (c *Clock) RuleFor(category string) worktime.Rule {
	if r, ok := c.ByCategory[category]; ok {
		return r
	}
	return c.Rule
}

// Outcome is how a matter ended, apart from its state.
type Outcome struct {
	ID     string
	Solved bool
}

// State finds a state.
func (d *Definition) State(id string) (*State, bool) {
	i := slices.IndexFunc(d.States, func(s State) bool { return s.ID == id })
	if i < 0 {
		return nil, false
	}
	return &d.States[i], true
}

// Act finds an act.
func (d *Definition) Act(id string) (*Act, bool) {
	i := slices.IndexFunc(d.Acts, func(a Act) bool { return a.ID == id })
	if i < 0 {
		return nil, false
	}
	return &d.Acts[i], true
}

// Clock finds a clock.
func (d *Definition) Clock(id string) (*Clock, bool) {
	i := slices.IndexFunc(d.Clocks, func(c Clock) bool { return c.ID == id })
	if i < 0 {
		return nil, false
	}
	return &d.Clocks[i], true
}

// Outcome finds an outcome code.
func (d *Definition) Outcome(id string) (*Outcome, bool) {
	i := slices.IndexFunc(d.Outcomes, func(o Outcome) bool { return o.ID == id })
	if i < 0 {
		return nil, false
	}
	return &d.Outcomes[i], true
}

// Promise is the clock whose date the resident is told, if there is one.
func (d *Definition) Promise() (*Clock, bool) {
	i := slices.IndexFunc(d.Clocks, func(c Clock) bool { return c.Promise })
	if i < 0 {
		return nil, false
	}
	return &d.Clocks[i], true
}

// Package procedure owns what a pack declares about one kind of case: states, acts, clocks, forms,
// outcomes, and what each act does to the clocks. Check, the model checker, walks the same
// declarations before a pack loads.
//
// It refuses phrases, jurisdictions and numbers of its own: every day count, role and law comes from
// the pack. It refuses cases too: what happened to one case is package casework.
//
// Open this file first, then guard.go (what an act may depend on), roll.go (who takes part), step.go (what an act does: the rules
// that production and the checker share), clocks.go, check.go, order.go (what must come before what), and road.go (the longest lawful road).
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
	// Verified is the day somebody compared the element with the published words; empty = not yet.
	Verified string `json:"verified,omitempty"`
}

// None reports a law that names nothing.
func (l Law) None() bool { return l.ID == "" }

// Definition is one procedure of one pack version. It is immutable once loaded; a case keeps the
// version it was opened under.
type Definition struct {
	ID        string // "service-request"
	Programme string // "service"
	Prefix    string // first part of the reference, "SR"
	// Compartment keeps its cases in a database with keys of its own; never empty once loaded.
	Compartment string
	// Heading is what lists call a case; never empty once loaded.
	Heading   string
	Basis     Basis
	Law       Law
	Start     string       // state of a new case
	Opening   string       // event of a new case, "received"
	Intake    []form.Field // asked when the case is opened, beside text, place and category
	States    []State
	Acts      []Act
	Clocks    []Clock
	Outcomes  []Outcome
	Opened    []Notice // sent when the case is opened
	OpenSets  []Setting
	Seal      Guard // when the case is sealed from its first event
	Facts     []Fact
	Rolls     []Roll
	Joins     Joining // whoever opens a case is put on a roll
	Links     []Link
	Documents []Document
	Orders    []Order
	Retention Retention

	Sealing    Sealing    // when its cases are put under seal
	BreakGlass BreakGlass // whether somebody may look in an emergency
	// CategoryFacts are facts a category sets when a case is opened: category → fact → value.
	CategoryFacts map[string]map[string]string
	// Begins are the ways a case of this procedure can begin: the facts it has and the units that can
	// receive it. Empty: with no facts, anywhere.
	Begins []Begin
	// Stuck names the link through which the unit above gets a task when a clock ran out and its act
	// could not be done; StuckNotice the message it gets.
	Stuck, StuckNotice string
	// Recallable says that another procedure opens this one as a child and may recall it.
	Recallable bool
	// Ends gives, for procedures opened by links, the outcomes a case of theirs can end with; ChildDays
	// the longest time that can take. The pack fills both in, procedures without links first.
	Ends      map[string][]string
	ChildDays map[string]int

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
	Law   Law
}

// Owner says whose turn it is in a state.
type Owner string

// Owners. Every open state has one; the checker refuses a state that is nobody's.
const (
	OwnerHolder   Owner = "holder"   // the unit that holds the case
	OwnerOffered  Owner = "offered"  // the unit it is offered to
	OwnerResident Owner = "resident" // the resident may act; a clock bounds the wait
	OwnerChild    Owner = "child"    // a case this one opened; it has clocks of its own
	OwnerOutside  Owner = "outside"  // a body outside this deployment; a clock bounds the wait
)

// Owners lists every owner, for the pack loader.
var Owners = []Owner{OwnerHolder, OwnerOffered, OwnerResident, OwnerChild, OwnerOutside}

// Of says in the name of which unit an act is done.
type Of string

// The unit whose grant the act needs.
const (
	OfHolder   Of = "holder"
	OfOffered  Of = "offered"
	OfSuperior Of = "superior" // the unit one step above the holder (the holder itself at the top)
	OfJoint    Of = "joint"    // any unit that was asked to join
)

// Ofs lists them, for the pack loader.
var Ofs = []Of{OfHolder, OfOffered, OfSuperior, OfJoint}

// Kernel roles an act can name beside the pack's own. No unit grants them.
const (
	ByMember   = "member"   // somebody on a roll of the case, with a key of their own
	BySystem   = "system"   // a clock that ran out
	ByResident = "resident" // whoever the case belongs to
	ByParent   = "parent"   // the case that opened this one recalls it
	ByChild    = "child"    // a case this one opened has ended
	ByGroup    = "group"    // the case with which this one goes was answered, or goes no further
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
	BarHandler  Effect = "bar_handler"  // who answered or was assigned may not act on this case again
	Decide      Effect = "outcome"      // field "outcome" becomes the outcome
	Give        Effect = "give"         // the unit in field "unit" becomes the holder at once
	SendToDept  Effect = "send_to_dept" // the nearest department of the act's kind on the way up becomes the holder
	Seal        Effect = "seal"         // from here on only the unit that holds the case reads it
	Invite      Effect = "invite"       // the unit in field "unit" joins; the holder stays responsible
	Release     Effect = "release"      // the unit in field "unit" is no longer needed
	Group       Effect = "group"        // the case goes with the one whose number is in field "lead", and hears its answer
)

// Effects lists every effect, for the pack loader.
var Effects = []Effect{Escalate, Offer, Take, TurnBack, DecideAbove, Assign, AssignSelf, Unassign, BarHandler, Decide, Give, SendToDept, Seal, Invite, Release, Group}

// Moves reports effects that give the case to another unit, which then gets its own full time on
// state clocks.
func (e Effect) Moves() bool {
	return e == Escalate || e == Take || e == DecideAbove || e == Give || e == SendToDept
}

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

	When      Guard     // only when this holds
	Sets      []Setting // facts it changes
	Spawn     []string  // links it opens
	Recall    bool      // ends the children that are open
	NotBy     []string  // nobody who did one of these acts on this case may do this one
	Behalf    []string  // roles that may record it for the resident, on signed paper
	Dept      string    // of SendToDept
	Proof     bool      // proves that the resident has received a document
	Remedy    string    // of an answer: the clock within which it can be challenged, or RemedyNone
	Documents []string
	Dispute   bool // between offices; not part of the ordinary road
	Consent   bool // the person agrees to something they could refuse

	Adds   string    // roll that somebody is put on
	About  string    // roll of the member it is about, whom field "member" names
	As     string    // roll on which whoever does it must be, by their account
	Leaves bool      // the member it is about leaves the roll
	Marks  []Setting // of the new member, or of the one it is about
	Every  []Every   // of all members of a roll

	Hears []string // by [group]: acts of the lead that bring this one about; HearsEnd: the lead goes no further
}

// RemedyNone marks an answer that the law makes the last word.
const RemedyNone = "none"

// Setting gives a fact a value when an act is done: Value, or the answer to the choice field Field.
type Setting struct{ Fact, Value, Field string }

// Begin is one way a case can begin.
type Begin struct {
	Facts map[string]string
	Units []org.UnitID // empty = any
}

// Fact is a small finite thing about the matter that guards may read. Every fact may also be unset.
type Fact struct {
	ID     string
	Values []string
	Law    Law
	// KeepsClocks says that changing this fact is a correction: no clock may start or stop by it.
	KeepsClocks bool
}

// Link is a typed way from this case to another one, which an act opens. It never leads from a person.
type Link struct {
	ID        string
	Kind      LinkKind
	Procedure string
	Unit      string            // where the other case is held: holder, superior, field, or dept:KEY
	Carry     []string          // what the other case is told; nothing else crosses
	Sets      []Setting         // facts of the other case; Field names a fact of this one
	NotBy     []string          // who did these acts here may not act there
	Review    bool              // the other case examines what was done here
	Many      bool              // may be open several times at once
	Sealed    bool              // goes to another compartment, as an envelope; nothing but Carry crosses
	Ended     map[string]string // outcome of the child ("*" any other) → our act by [child]
	Law       Law
}

// LinkKind says whether anybody waits.
type LinkKind string

// The kinds of links.
const (
	Child    LinkKind = "child"    // this case cannot close while the other is open
	Referral LinkKind = "referral" // handed over; nobody waits
)

// Where the other case of a link is held.
const (
	UnitHolder   = "holder"
	UnitSuperior = "superior"
	UnitField    = "field"
	UnitDept     = "dept:" // followed by the department's key
)

// Answer is the act that hears a child's outcome; "" when it is only noted.
func (l *Link) Answer(outcome string) string {
	if a, ok := l.Ended[outcome]; ok {
		return a
	}
	return l.Ended["*"]
}

// Document is a paper that an act makes; its words are a template of the pack.
type Document struct {
	ID, Template string
	Law          Law
	Remedies     bool // tells the resident how, where and until when to challenge the answer
}

// Compartments. Cases of two never lie in one database, and nothing joins them (decision 21).
const (
	Civic       = "civic"       // ordinary matters; what a procedure belongs to that names none
	Residence   = "residence"   // residence and tenancies
	Reentry     = "reentry"     // help after release
	Corrections = "corrections" // community corrections
	Youth       = "youth"       // young people
	Mental      = "mental"      // mental health, and those who care
)

// AllCompartments lists them, the supported ones last.
var AllCompartments = []string{Civic, Residence, Reentry, Corrections, Youth, Mental}

// Supported reports a compartment of people who are supported: a session sees one of these at a time.
func Supported(compartment string) bool {
	return slices.Contains([]string{Reentry, Corrections, Youth, Mental}, compartment)
}

// What lists call a case.
const (
	HeadingTitle    = "title"    // the resident's own words, which then lie unsealed
	HeadingCategory = "category" // the name of its category, and no address
)

// Headings lists them, for the pack loader.
var Headings = []string{HeadingTitle, HeadingCategory}

// Basis is the legal ground a case is opened on.
type Basis struct {
	Ground string // consent, duty or request; empty for ordinary matters
	Law    Law
}

// Grounds of a case. Under a duty nobody is asked for a consent that they could not refuse.
const (
	ByConsent = "consent"
	ByDuty    = "duty"
	ByRequest = "request"
)

// Grounds lists them, for the pack loader.
var Grounds = []string{ByConsent, ByDuty, ByRequest}

// Retention says how long the file of a case is kept after it ends.
type Retention struct {
	Class string
	Years int
	Law   Law
	Then  string // what comes before the end: nothing, or ThenArchive
}

// ThenArchive hands a case to the archive before it is erased.
const ThenArchive = "archive"

// Sealing says when a closed case is put under seal, so that nobody can tell it from one that never was. It
// is not the effect Seal, after which one unit still reads the case.
type Sealing struct {
	When  string // closure or order; empty: never
	Hours int    // the longest it may be open under an order
	Law   Law
}

// When cases are put under seal.
const (
	AtClosure = "closure" // as soon as they are closed and what they owe has been sent
	OnOrder   = "order"   // when somebody with the right to it says so
)

// Sealings lists them, for the pack loader.
var Sealings = []string{AtClosure, OnOrder}

// BreakGlass lets somebody outside the unit look at one case in an emergency. Minutes is zero where it may
// not be done.
type BreakGlass struct {
	Minutes int // how long it lasts
	Tell    int // hours within which the person is told
	Review  int // working days within which it is reviewed
	Law     Law
}

// ByPeople reports an act that somebody does, in contrast to the system, a parent, a child or a lead.
func (a *Act) ByPeople() bool {
	return !slices.ContainsFunc(a.By, func(r string) bool { return r == BySystem || r == ByParent || r == ByChild || r == ByGroup })
}

// HearsEnd is heard where a lead ends without an answer, is sealed, or answers in a way nothing else hears.
const HearsEnd = "*"

// Hearing is the act by which a case in a state hears that its lead did an act; nil when it goes with nobody there.
func (d *Definition) Hearing(state, act string) (exact, end *Act) {
	for i := range d.Acts {
		a := &d.Acts[i]
		if !slices.Contains(a.By, ByGroup) || !slices.Contains(a.From, state) {
			continue
		}
		if slices.Contains(a.Hears, act) {
			exact = a
		}
		if slices.Contains(a.Hears, HearsEnd) {
			end = a
		}
	}
	return exact, end
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

	From        string // date field of the starting act from which it counts; empty = from the act
	Until       string // date field that is the end itself; the rule is not used
	PauseLaw    Law
	Parameter   bool   // no law sets it; the pack says what is to be confirmed, and by whom
	TimeBar     bool   // the resident loses a right when it runs out
	Binds       string // "resident": running out is lawful; "unit": it is a breach; empty: a breach if it escalates
	AlertNotice string // template of that message
	Alerts      []int  // days before the internal target (Raw) on which the holder is told
}

// Extend bounds extensions of a clock.
type Extend struct {
	Max   int // in the unit of the rule, all extensions together
	Times int
	Law   Law
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
	Law    Law
}

// find returns the element of list with this id.
func find[T any](list []T, id string, of func(*T) string) (*T, bool) {
	for i := range list {
		if of(&list[i]) == id {
			return &list[i], true
		}
	}
	return nil, false
}

// State finds a state.
func (d *Definition) State(id string) (*State, bool) {
	return find(d.States, id, func(s *State) string { return s.ID })
}

// Act finds an act.
func (d *Definition) Act(id string) (*Act, bool) {
	return find(d.Acts, id, func(a *Act) string { return a.ID })
}

// actAt is the place of an act, −1 where there is none.
func (d *Definition) actAt(id string) int {
	for i := range d.Acts {
		if d.Acts[i].ID == id {
			return i
		}
	}
	return -1
}

// Clock finds a clock.
func (d *Definition) Clock(id string) (*Clock, bool) {
	return find(d.Clocks, id, func(c *Clock) string { return c.ID })
}

// Outcome finds an outcome code.
func (d *Definition) Outcome(id string) (*Outcome, bool) {
	return find(d.Outcomes, id, func(o *Outcome) string { return o.ID })
}

// Fact finds a fact.
func (d *Definition) Fact(id string) (*Fact, bool) {
	return find(d.Facts, id, func(f *Fact) string { return f.ID })
}

// Link finds a link.
func (d *Definition) Link(id string) (*Link, bool) {
	return find(d.Links, id, func(l *Link) string { return l.ID })
}

// Document finds a document.
func (d *Definition) Document(id string) (*Document, bool) {
	return find(d.Documents, id, func(x *Document) string { return x.ID })
}

// inner reports a procedure that only other ones open: what comes of it is told to the case it belongs to,
// and that one answers the resident.
func (d *Definition) inner() bool { return d.Recallable && len(d.Categories) == 0 }

// Promise is the clock whose date the resident is told, if there is one.
func (d *Definition) Promise() (*Clock, bool) {
	i := slices.IndexFunc(d.Clocks, func(c Clock) bool { return c.Promise })
	if i < 0 {
		return nil, false
	}
	return &d.Clocks[i], true
}

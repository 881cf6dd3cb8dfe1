// Package casework owns the case: what is known about it (Case), what was asked (Command), what
// happened (Event), why not (Refusal), and the two pure functions between them, Decide and Fold.
//
// It refuses storage, clocks of its own and knowledge of any programme: the same Decide serves the
// web, the API, imports, timers and the stories. It also refuses any field that counts or rates a
// person; nothing here joins two cases of one person.
//
// Open this file first, then decide.go, then fold.go; code.go is the resident's follow code.
package casework

import (
	"time"

	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/place"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// CaseID is the stored key of a case; Ref is the number people use.
type CaseID string

// Ref is the public number of a case, for example SR-26-000123. It is guessable and opens nothing.
type Ref string

// Case is everything known about one case: the fold of its events.
type Case struct {
	ID        CaseID `json:"id"`
	Ref       Ref    `json:"ref"`
	Code      Code   `json:"code"`
	Pack      string `json:"pack"` // digest of the pack version it was opened under
	Procedure string `json:"procedure"`
	Programme string `json:"programme"`
	Seq       int    `json:"seq"`     // number of events
	Version   int    `json:"version"` // Seq of the last event somebody must have seen to act: all but sent notices

	State    string         `json:"state"`
	Holder   org.UnitID     `json:"holder"`
	Assignee string         `json:"assignee,omitempty"`
	Offered  org.UnitID     `json:"offered,omitempty"`
	Barred   []string       `json:"barred,omitempty"` // who may not act again on this case
	Clocks   []Clock        `json:"clocks,omitempty"`
	Times    map[string]int `json:"times,omitempty"`  // acts done, for acts limited in number
	Raised   int            `json:"raised,omitempty"` // how often it was escalated

	Title    string            `json:"title"`
	Text     string            `json:"text"`
	Category string            `json:"category"`
	Route    string            `json:"route,omitempty"` // rule of the pack that named the unit that received it
	Place    Place             `json:"place"`
	Alike    Ref               `json:"alike,omitempty"` // the report it may be the same as, as whoever opened it said; a hint, and no more
	Intake   map[string]string `json:"intake,omitempty"`
	Contact  Contact           `json:"contact"`
	Source   string            `json:"source"`             // channel: web, counter, phone, api, import
	External string            `json:"external,omitempty"` // number in the system it was imported from

	Outcome  string            `json:"outcome,omitempty"`
	Answer   map[string]string `json:"answer,omitempty"` // fields of the last answering act
	Answered time.Time         `json:"answered,omitzero"`
	Answerer string            `json:"answerer,omitempty"`
	Late     bool              `json:"late,omitempty"` // the promised date passed without an answer
	Opened   time.Time         `json:"opened"`
	Closed   time.Time         `json:"closed,omitzero"`
	Changed  time.Time         `json:"changed"`
	Files    []File            `json:"files,omitempty"`
	Rating   string            `json:"rating,omitempty"`

	Facts    map[string]string   `json:"facts,omitempty"`    // what guards read
	Doers    map[string][]string `json:"doers,omitempty"`    // act → staff who did it, for the separation of duties
	Stood    []string            `json:"stood,omitempty"`    // deputies who acted on it, and whom they acted for
	Children []Child             `json:"children,omitempty"` // cases this one opened, oldest first
	Parent   *Parent             `json:"parent,omitempty"`   // the case that opened this one
	Joint    []org.UnitID        `json:"joint,omitempty"`    // units that were asked to join
	Sealed   org.UnitID          `json:"sealed,omitempty"`   // the only unit that reads it; empty = not sealed
	Members  []Member            `json:"members,omitempty"`  // who takes part, in the order they came
	Filed    []Filed             `json:"filed,omitempty"`    // the files it was put together into, oldest first
	Lead     *Lead               `json:"lead,omitempty"`     // the case it goes with, whose answer is also its own
	Group    []Follower          `json:"group,omitempty"`    // cases that go with this one, in the order they came
}

// Lead is another case about the same matter. Whoever opened this one keeps their code, their dates and their own
// right to contest; only the work is done once.
type Lead struct {
	Case CaseID `json:"case"`
	Ref  Ref    `json:"ref"`
}

// Follower is a case that goes with this one, or did.
type Follower struct {
	Case CaseID `json:"case"`
	Ref  Ref    `json:"ref"`
	Left bool   `json:"left,omitempty"`
}

// Filed is the file of an ended case as it went to the archive: a hash of what its pages say, by which
// anybody who holds a page can ask whether it belongs to the case. It says nothing about anybody and is
// therefore never sealed.
type Filed struct {
	Sum   string    `json:"sum"`   // SHA-256, in lower-case hexadecimal
	Pages int       `json:"pages"` // that bear a number
	Seq   int       `json:"seq,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

// Child is a case that this one opened through a link of its procedure.
type Child struct {
	Link      string             `json:"link"`
	Kind      procedure.LinkKind `json:"kind"`
	Case      CaseID             `json:"case"`
	Ref       Ref                `json:"ref"`
	Procedure string             `json:"procedure"`
	Unit      org.UnitID         `json:"unit"` // that received it
	Open      bool               `json:"open,omitempty"`
	Outcome   string             `json:"outcome,omitempty"`
}

// Recalled is the outcome of a child that its parent recalled.
const Recalled = "recalled"

// Parent is the case that opened this one, and through which of its links.
type Parent struct {
	Link      string             `json:"link"`
	Kind      procedure.LinkKind `json:"kind"`
	Case      CaseID             `json:"case"`
	Ref       Ref                `json:"ref"`
	Procedure string             `json:"procedure"`
	Pack      string             `json:"pack"` // version the link was declared in
}

// Place is where the matter is.
type Place struct {
	Point   *place.Point `json:"point,omitempty"`
	Address string       `json:"address,omitempty"`
	Unit    org.UnitID   `json:"unit,omitempty"` // the community or street it lies in, if known
	Spot    string       `json:"spot,omitempty"` // Point, sealed; a case has one of the two
}

// Contact is how the resident wants to be told. All fields may be empty: a follow code is enough.
type Contact struct {
	Channel string `json:"channel,omitempty"` // "sms", "mail" or empty
	Address string `json:"address,omitempty"`
	Name    string `json:"name,omitempty"`
	Lang    string `json:"lang,omitempty"`
}

// Clock is one term of one case, with the rule as it was when the term started.
type Clock struct {
	ID          string          `json:"id"`
	Status      string          `json:"status"` // procedure.Status words
	Start       time.Time       `json:"start"`
	Rule        worktime.Rule   `json:"rule"`
	Pauses      []worktime.Span `json:"pauses,omitempty"`
	Extra       int             `json:"extra,omitempty"`    // extensions so far, in the rule's unit
	Extended    int             `json:"extended,omitempty"` // how many times
	Calendar    string          `json:"calendar"`           // id and version the dates were counted with
	Raw         time.Time       `json:"raw"`
	Due         time.Time       `json:"due"`
	Provisional bool            `json:"provisional,omitempty"`
	Promise     bool            `json:"promise,omitempty"` // the date the resident was told
	Alert       time.Time       `json:"alert,omitzero"`    // when the holder is next told that the date comes near
}

// Running reports a clock whose date is being counted towards.
func (c Clock) Running() bool { return c.Status == procedure.Running.String() }

// File is an attachment; the bytes are kept under their hash.
type File struct {
	SHA256 string `json:"sha256"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Size   int64  `json:"size"`
	Key    string `json:"key,omitempty"` // opens the bytes where they are kept; empty for files kept in the clear
	Sent   string `json:"-"`             // hash of what was sent, to know a repeated command by; stored nowhere
	Seq    int    `json:"seq"`
	Public bool   `json:"public,omitempty"` // the resident sent it or may see it

	Held        string `json:"held,omitempty"`         // why it waits until somebody decides, or Refused; it then has no Key
	Locked      string `json:"locked,omitempty"`       // what Key will be when it is released
	Original    string `json:"original,omitempty"`     // what was sent, untouched, is kept under this hash
	OriginalKey string `json:"original_key,omitempty"` // and opened by this
	Redacts     string `json:"redacts,omitempty"`      // hash of the file of the case this is a copy of, made to be published
	Published   bool   `json:"published,omitempty"`    // everybody may see this copy beside the report
}

// Stored names everything that is kept of it.
func (f File) Stored() []string {
	if f.Original == "" {
		return []string{f.SHA256}
	}
	return []string{f.SHA256, f.Original}
}

// HeldRefused is what a file is held by for good: somebody decided that nobody is to open it.
const HeldRefused = "refused"

// Checked is the decision about a file that was held.
type Checked struct {
	SHA256  string `json:"sha256"`
	Release bool   `json:"release,omitempty"`
	Reason  string `json:"reason,omitempty"` // in words; empty where the scanner found nothing the second time
}

// Published shows a redacted copy to everybody, or takes it back.
type Published struct {
	SHA256 string `json:"sha256"`
	Show   bool   `json:"show,omitempty"`
}

// Command asks for one change. Exactly one of Open, Act, Note, Attach, Tick, Sent, Ended, Recall,
// Recount, Filed, Checked, Published, Follow and Led is set.
type Command struct {
	Case    CaseID
	Version int       // the Version or Seq the actor has seen; AnyVersion where the actor sees none
	Key     string    // idempotency key; empty = none
	At      time.Time // when it really happened; only the importer may set it

	Open   *Opening
	Act    string
	Fields map[string]string // answers to the act's form
	Files  []File            // with an act, an opening, or alone (Attach)
	Note   *Note
	Tick   *Tick
	Sent   *Sent

	Behalf  bool   // with an act: staff records what the resident asked for on signed paper
	Ended   *Ended // a child of this case has ended
	Recall  bool   // the parent recalls this case
	Recount bool   // the calendar has a new version: count the dates of the clocks again
	Filed   *Filed `json:",omitempty"` // the file of the ended case was put together; it comes with Files

	Checked *Checked `json:",omitempty"` // a file that was held is released or refused

	Published *Published `json:",omitempty"` // a redacted copy is shown to everybody, or taken back

	Lead   *Leading  `json:"-"` // with an act of effect group: the case that field "lead" names, for the ledger to find
	Follow *Follower `json:"-"` // a case goes with this one from now on, or has left
	Led    *Led      `json:"-"` // the case this one goes with was answered, or goes no further
}

// AnyVersion skips the check of the version: for timers and for residents, whose acts are guarded by
// the state alone.
const AnyVersion = -1

// Opening is a new case. ID, Ref and Code are drawn by the ledger, since drawing is not pure.
type Opening struct {
	ID       CaseID
	Ref      Ref
	Code     Code
	Pack     string
	Unit     org.UnitID // the unit that receives it
	Title    string
	Text     string
	Category string
	Route    string `json:",omitempty"` // rule of the pack that named the unit; empty: the category's own route
	Place    Place
	Alike    Ref `json:",omitempty"` // the report it may be the same as, in the opinion of whoever opens it
	Contact  Contact
	Source   string
	External string

	Parent *Parent           // the case that opens this one; then Facts and Barred may be set
	Facts  map[string]string // facts it begins with, beside those of its category
	Barred []string          // who may not act on it
	Sealed bool              // its parent is sealed, so it is too

	Members []Member `json:",omitempty"` // of the parent's rolls that the link carries; anew here, with keys of their own
}

// Ended tells a case that a child of it has ended.
type Ended struct {
	Case    CaseID `json:"case"`
	Outcome string `json:"outcome,omitempty"`
}

// Leading is what a case must know of the one it is to go with.
type Leading struct {
	Lead
	Procedure string
	Closed    bool
	Follows   Ref // the case that one goes with itself; empty = none
}

// Led tells a case what happened to the one it goes with.
type Led struct {
	Case   CaseID
	Act    string
	Fields map[string]string
	Files  []File
	By     By   // who answered there; they answered here, too
	End    bool // it goes no further: it ended, or nobody but one unit reads it any more
}

// Note is something written down that changes no state.
type Note struct {
	Text   string
	Public bool // the resident reads it
}

// Tick tells that a clock reached its date. Due is repeated so that a late tick of a clock that was
// stopped and started again does nothing.
type Tick struct {
	Clock string
	Due   time.Time
	Alert bool // the date comes near; Due is the time of the alert
}

// Sent records that a notice left the house, or why it could not.
type Sent struct {
	Seq      int // of the event that ordered it
	N        int
	Template string
	To       string
	Channel  string
	Error    string // rule name; empty when it was delivered
}

// Event is one thing that happened. The stored event is the audit record: nothing else is.
type Event struct {
	Case      CaseID            `json:"case"`
	Seq       int               `json:"seq"`
	Kind      string            `json:"kind"` // past tense: received, accepted, noted, notice.sent
	Act       string            `json:"act,omitempty"`
	At        time.Time         `json:"at"`                // when it happened
	Recorded  time.Time         `json:"recorded,omitzero"` // when it was written down, if later
	By        By                `json:"by"`
	State     string            `json:"state"`
	Holder    org.UnitID        `json:"holder"`
	Assignee  string            `json:"assignee,omitempty"`
	Offered   org.UnitID        `json:"offered,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"`
	Outcome   string            `json:"outcome,omitempty"`
	Barred    []string          `json:"barred,omitempty"` // added by this event
	Raised    bool              `json:"raised,omitempty"`
	Answers   bool              `json:"answers,omitempty"`
	Late      bool              `json:"late,omitempty"`
	Final     bool              `json:"final,omitempty"`
	Clocks    []Clock           `json:"clocks,omitempty"` // as they stand after, only those that changed
	Expired   string            `json:"expired,omitempty"`
	Notices   []Notice          `json:"notices,omitempty"`
	Files     []File            `json:"files,omitempty"`
	Opening   *Opening          `json:"opening,omitempty"`
	Procedure string            `json:"procedure,omitempty"`
	Programme string            `json:"programme,omitempty"`
	Note      *Note             `json:"note,omitempty"`
	Sent      *Sent             `json:"sent,omitempty"`

	Facts     map[string]string   `json:"facts,omitempty"` // that changed
	Spawn     []Spawn             `json:"spawn,omitempty"`
	Recalled  []CaseID            `json:"recalled,omitempty"` // children that end with this event
	Ended     *Ended              `json:"ended,omitempty"`
	Joined    []org.UnitID        `json:"joined,omitempty"`
	Left      []org.UnitID        `json:"left,omitempty"`
	Sealed    org.UnitID          `json:"sealed,omitempty"`
	Documents []string            `json:"documents,omitempty"` // made by the act
	Behalf    bool                `json:"behalf,omitempty"`
	Joins     *Member             `json:"joins,omitempty"`     // who is put on a roll
	Member    string              `json:"member,omitempty"`    // whom on a roll the act is about
	Marks     map[string]string   `json:"marks,omitempty"`     // theirs that changed
	Leaves    bool                `json:"leaves,omitempty"`    // they leave the roll
	Every     []procedure.RollSet `json:"every,omitempty"`     // marks of everybody on a roll that changed
	Alert     string              `json:"alert,omitempty"`     // the clock whose date comes near
	Recounted []Recounted         `json:"recounted,omitempty"` // dates before a new calendar
	Filed     *Filed              `json:"filed,omitempty"`     // the file as it went to the archive
	Checked   *Checked            `json:"checked,omitempty"`   // a file that was held is released or refused
	Published *Published          `json:"published,omitempty"` // a redacted copy is shown to everybody, or taken back
	Lead      *Lead               `json:"lead,omitempty"`      // the case it goes with from here on
	Unled     CaseID              `json:"unled,omitempty"`     // the case it went with until here
	Follow    *Follower           `json:"follow,omitempty"`    // another case goes with this one, or left
}

// Spawn is a case that an event opens: what crosses the link, and nothing more. Case and Ref are drawn
// by the ledger, since drawing is not pure.
type Spawn struct {
	Link      string             `json:"link"`
	Kind      procedure.LinkKind `json:"kind"`
	Procedure string             `json:"procedure"`
	Unit      org.UnitID         `json:"unit"`
	Case      CaseID             `json:"case"`
	Ref       Ref                `json:"ref"`
	Carry     []string           `json:"carry,omitempty"` // names of what the other case is told
	Fields    map[string]string  `json:"fields,omitempty"`
	Facts     map[string]string  `json:"facts,omitempty"`
	Barred    []string           `json:"barred,omitempty"`
}

// Recounted is a date as it stood under the calendar before.
type Recounted struct {
	Clock    string    `json:"clock"`
	Calendar string    `json:"calendar"`
	Raw      time.Time `json:"raw,omitzero"`
	Due      time.Time `json:"due,omitzero"`
}

// Quiet reports an event that an officer need not have seen to act: a notice that left, a date that
// comes near, a date counted again, another case that joined.
func (e *Event) Quiet() bool {
	return e.Sent != nil || e.Alert != "" || len(e.Recounted) > 0 || e.Follow != nil
}

// By is who did it, in whose name.
type By struct {
	Actor string     `json:"actor"`
	For   string     `json:"for,omitempty"` // the absent person a deputy acted for
	Role  string     `json:"role"`
	Unit  org.UnitID `json:"unit,omitempty"`

	Member string `json:"member,omitempty"` // whoever on a roll of the case it was
}

// Notice is a message an event owes; the courier sends it and records that it did.
type Notice struct {
	To       string     `json:"to"` // resident, unit or member
	Unit     org.UnitID `json:"unit,omitempty"`
	Member   string     `json:"member,omitempty"`
	Template string     `json:"template"`
}

// Refusal is a "no" that the user can read: a value, not a failure. The words are the pack's, under
// the key "refusal." + Rule.
type Refusal struct {
	Rule   string            `json:"rule"`
	Law    procedure.Law     `json:"law"`
	Params map[string]string `json:"params,omitempty"`
	Fields []form.Problem    `json:"fields,omitempty"`
}

// Error makes a Refusal an error for logs; people read the pack's text instead.
func (r *Refusal) Error() string { return "refused: " + r.Rule }

// Conflict is the refusal of a stale version: somebody else changed the case first.
const Conflict = "version.stale"

// Package story reads and plays stories: what happens to a case, told line by line so that a jurist
// can check it, with what everybody must see afterwards.
//
// It refuses silence. A refusal nobody expected fails the story, and so does an event or a notice
// that no line of the story names: what did not happen is told as surely as what did. It refuses a
// meaning of its own, too: a World carries the lines out, and the same story with the same
// expectations is played in a World of memory, over the ledger on every engine, and over HTTP.
//
// A story is a text archive: the script first, then files, each under a line "-- name --":
//
//	# Nobody answers Mrs Li; the case goes up one level       (a comment, up to the end of the line)
//	pack demo
//	at 2026-03-02 09:10  resident li files road.pavement 'A tile is loose.' in guiyuan-ganyuan
//	expect state received; holder guiyuan; clock accept due 2026-03-03 23:59:59 Asia/Shanghai
//	expect events received; notices resident received
//	at 2026-03-04 08:00  tick
//	expect state raised; holder binjiang; events raised; notices unit binjiang raised; nothing else
//
// The grammar, one statement to a line (docs/stories.md explains it with examples):
//
//	pack ID
//	at DATE TIME WHO files CATEGORY TEXT [in UNIT] [at point LON LAT] [title TEXT] [as NAME]
//	             [key KEY] [without contact] [FIELD=TEXT …]
//	at DATE TIME WHO does ACT [on NAME] [seen N] [key KEY] [behalf] [file NAME] [FIELD=TEXT …]
//	at DATE TIME WHO notes TEXT [on NAME] [seen N] [key KEY] [public]
//	at DATE TIME tick
//	at DATE TIME pack changes @SECTION
//	expect [on NAME] CLAUSE; CLAUSE; …
//
// WHO is "resident NAME" or "ROLE NAME of UNIT". TEXT is 'quoted' or "quoted" (a quote inside is
// written twice), a bare word, or @SECTION, the text of a file of the archive. A clause is one of
//
//	state S · holder UNIT · offered UNIT · assignee NAME · barred NAME, … · outcome O · rating R
//	raised N times · late · not late · version N
//	clock C due DATE TIME [ZONE] · clock C paused|expired|idle · no other clock
//	provisional C · firm C
//	events KIND, … · notices resident TEMPLATE, unit UNIT TEMPLATE, …
//	worklist of UNIT has N · worklist of UNIT shows NAME, …
//	fact F V · sealed UNIT · joint UNIT, … · documents D, … · child LINK open|OUTCOME
//	refused RULE [field FIELD [RULE]] … · replayed · nothing else
//
// A case that another one opens is called PARENT/LINK, the second one of that link PARENT/LINK2.
//
// where "nobody" and "nothing" stand for the empty value. Lists are complete and in order: events and
// notices are those since the story last looked. "nothing else" says that no event and no notice is
// left untold.
//
// Open this file first, then parse.go, run.go and memory.go; archive.go is the reader of archives.
package story

import (
	"fmt"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/org"
	"comity/internal/pack"
)

// Story is one parsed story. It is not changed by playing it.
type Story struct {
	File  string // for messages
	Title string // the first comment
	Pack  string // id of the pack it is played in
	Lines []Line
	Files map[string]string // the sections after the script
}

// Line is one statement that does or expects something.
type Line struct {
	No     int
	Text   string // as written, without comment and surrounding space
	Kind   Kind
	At     time.Time // civil time as written; Play reads it in the pack's zone
	Who    Who
	Step   Step
	Report Report
	Change string // name of the section that changes the pack
	Expect []Clause
	Name   string // of the case: given by files, meant by does, notes and expect; empty = the last one
}

// Kind is what a line does.
type Kind string

// The kinds.
const (
	Files   Kind = "files"
	Does    Kind = "does"
	Notes   Kind = "notes"
	Ticks   Kind = "tick"
	Changes Kind = "changes"
	Expects Kind = "expect"
)

// Who acts. Role is authz.Resident, authz.Member (Name is then the member's id on the case) or a role of the pack.
type Who struct {
	Role authz.Role
	Name string
	Unit org.UnitID
}

// Resident reports somebody who is not staff.
func (w Who) Resident() bool { return w.Role == authz.Resident }

// Member reports somebody on a roll of the case, with a key of their own.
func (w Who) Member() bool { return w.Role == authz.Member }

// Staff reports somebody of a unit.
func (w Who) Staff() bool { return !w.Resident() && !w.Member() }

// Actor is the kernel's actor for somebody in a story; holds is the case whose follow code a resident has.
func (w Who) Actor(holds, about casework.CaseID) authz.Actor {
	switch {
	case w.Member():
		return authz.Party(string(about), w.Name)
	case w.Staff():
		return authz.Staff(w.Name, []authz.Grant{{Role: w.Role, Unit: w.Unit}})
	case holds == "":
		return authz.Reporter()
	}
	return authz.Holder(string(holds))
}

// Report is what somebody files, as the script says it.
type Report struct {
	intake.Report
	NoContact bool
}

// Step is an act or a note of one actor on one case.
type Step struct {
	Case   casework.CaseID // set when it is played
	Holds  casework.CaseID // the case whose follow code the resident holds; set when it is played
	Act    string
	Note   string
	Public bool
	Fields map[string]string
	Seen   int // version the actor has seen; casework.AnyVersion = the newest, or none for residents
	Key    string
	Behalf bool   // staff records what the resident asked for on paper
	With   string // name of the case it goes with from now on
	Paper  string // name of the scanned paper attached to the step
}

// Command is the kernel's command for the step. seq is the newest version of the case, which staff have
// just read unless the story says otherwise.
func (s Step) Command(who Who, seq int) casework.Command {
	cmd := casework.Command{Case: s.Case, Version: s.Seen, Key: s.Key, Act: s.Act, Fields: s.Fields, Behalf: s.Behalf}
	if s.Note != "" {
		cmd.Note = &casework.Note{Text: s.Note, Public: s.Public}
	}
	if s.Paper != "" {
		cmd.Files = []casework.File{{SHA256: "of-" + s.Paper, Name: s.Paper, Kind: "image/jpeg", Size: 1}}
	}
	if s.Seen == casework.AnyVersion && who.Staff() {
		cmd.Version = seq
	}
	return cmd
}

// Clause is one thing a line expects.
type Clause struct {
	Col  int
	Verb string   // "state", "clock", …
	Args []string // the words after it
	List []string // the items of a list, each in words
}

// Receipt is what a World answers to a line it accepts.
type Receipt struct {
	Case     casework.CaseID
	Replayed bool // the same line with the same key was accepted before; nothing happened now
}

// World is where a story is played. A refused line is a *casework.Refusal; any other error ends the
// story. Times never go back.
type World interface {
	// Set moves the clock to now. No clock of a case runs out by that.
	Set(now time.Time) error
	// Tick lets every clock of every case that is due by now run out, each at its own time, and
	// leaves the clock at now. Before that, dates that another version of the calendar counted are
	// counted again.
	Tick(now time.Time) error
	File(who Who, r intake.Report) (Receipt, error)
	Act(who Who, s Step) (Receipt, error)
	// Change puts a new version of the pack in force for cases filed from now on, and its calendars for
	// all.
	Change(p *pack.Pack) error
	Case(id casework.CaseID) (casework.Case, error)
	Events(id casework.CaseID) ([]casework.Event, error)
	// Worklist lists the open cases that staff of the unit see, nearest date first.
	Worklist(unit org.UnitID) ([]casework.CaseID, error)
}

// Mismatch is an expectation that was not met.
type Mismatch struct {
	File      string
	Line, Col int
	What      string
	Want, Got string
}

// Error names the place and both sides.
func (m *Mismatch) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s\n\twant %s\n\tgot  %s", m.File, m.Line, m.Col, m.What, m.Want, m.Got)
}

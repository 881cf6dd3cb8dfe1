// Package mediation owns what mediation needs beyond its procedures: the roster of committees and
// mediators, rooms, and sessions with their time, place and people.
//
// Tables: mediation_mediators with mediation_training and mediation_away (who mediates, where and when),
// mediation_rooms, mediation_seats (which member of a case is whom of the roster), mediation_sessions with
// mediation_holders, mediation_unavailable (when a party cannot come), mediation_matters (where each case
// stands, for counts), mediation_log (who changed what). The life of a session: an officer calls it from
// the page of the case, at a time the solver found or their own; everybody is told, reminded, and can take
// the date into their calendar; it is moved, opened, put on record or missed by acts of the case, and its
// row follows in the same transaction (Project).
//
// What the case says is true. Which procedures have sessions, and which of their acts calls, moves, opens
// and records one, is the pack's (mediation.yaml). It refuses to rate, rank or count mediators and parties,
// to keep a word about a matter, to look from one case into another, and to have anybody or any room in
// two sessions at once, whoever asks for it.
//
// Open this file first, then session.go (what follows from an event), plan.go (what the solver is asked),
// book.go (calling and moving); hours.go and roster.go are small types, store*.go have all SQL, remind.go and
// ics.go carry the date to people; the pages are desk_*.go, people.go (parties) and public.go.
package mediation

import (
	"context"
	"embed"
	"errors"
	"io/fs"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

//go:embed schema/*.sql
var schema embed.FS

// Name is the programme's.
const Name = "mediation"

// errNone says that there is no such mediator, room or session for whoever asks.
var errNone = web.ErrNotFound

func refuse(rule string, kv ...string) *casework.Refusal {
	r := &casework.Refusal{Rule: rule, Params: map[string]string{}}
	for i := 0; i+1 < len(kv); i += 2 {
		r.Params[kv[i]] = kv[i+1]
	}
	return r
}

// isRefusal tells a "no" from a failure.
func isRefusal(err error) (*casework.Refusal, bool) {
	var no *casework.Refusal
	ok := errors.As(err, &no)
	return no, ok
}

// Deps is what the programme is built from.
type Deps struct {
	DB      *db.DB
	Ledger  *ledger.Ledger
	Reader  *ledger.Reader
	Packs   *pack.Registry
	Courier *courier.Courier
}

// service serves the pages and carries the reminders.
type service struct{ Deps }

// New plugs the programme in.
func New(d Deps) programme.Programme {
	s := &service{d}
	return programme.Programme{
		Name: Name, Migrate: Migrate, Forget: Forget, Project: s.project,
		Jobs:   []jobs.Kind{{Name: reminderKind, Run: s.sendReminder}},
		Public: map[string]func(*programme.Visitor) error{"GET /mediators": s.public},
		Resident: map[string]func(*programme.Resident) error{
			"GET /f/{code}/session":       ofResident(s.people),
			"GET /f/{code}/session.ics":   ofResident(s.peopleFile),
			"POST /f/{code}/session/away": ofResident(s.peopleAway),
		},
		Party: map[string]func(*programme.Party) error{
			"GET /p/{code}/session":       ofParty(s.people),
			"GET /p/{code}/session.ics":   ofParty(s.peopleFile),
			"POST /p/{code}/session/away": ofParty(s.peopleAway),
		},
		Desk: map[string]func(*programme.Officer) error{
			"GET /desk/mediation":                             s.centre,
			"GET /desk/mediation/mediators":                   s.roster,
			"GET /desk/mediation/mediators/new":               s.mediatorNew,
			"POST /desk/mediation/mediators/new":              s.mediatorNewPost,
			"GET /desk/mediation/mediators/import":            s.importShow,
			"POST /desk/mediation/mediators/import":           s.importPost,
			"GET /desk/mediation/mediators/{id}":              s.mediatorShow,
			"GET /desk/mediation/mediators/{id}/edit":         s.mediatorEdit,
			"POST /desk/mediation/mediators/{id}/edit":        s.mediatorEditPost,
			"POST /desk/mediation/mediators/{id}/training":    s.trainingPost,
			"POST /desk/mediation/mediators/{id}/away":        s.awayPost,
			"GET /desk/mediation/mediators/{id}/file.ics":     s.mediatorFile,
			"GET /desk/mediation/rooms":                       s.rooms,
			"GET /desk/mediation/rooms/new":                   s.roomNew,
			"POST /desk/mediation/rooms/new":                  s.roomNewPost,
			"GET /desk/mediation/rooms/{id}/edit":             s.roomEdit,
			"POST /desk/mediation/rooms/{id}/edit":            s.roomEditPost,
			"GET /desk/mediation/plan":                        s.planShow,
			"POST /desk/mediation/plan":                       s.planPost,
			"GET /desk/mediation/figures":                     s.figures,
			"GET /desk/mediation/figures.csv":                 s.figuresCSV,
			"GET /desk/mediation/signals":                     s.signals,
			"GET /desk/mediation/sessions/{session}/file.ics": s.sessionFile,
			"GET /desk/cases/{ref}/sessions":                  s.sessions,
			"POST /desk/cases/{ref}/sessions":                 s.sessionsPost,
			"GET /desk/cases/{ref}/mediator":                  s.naming,
			"POST /desk/cases/{ref}/mediator":                 s.namingPost,
		},
		Front: s.front, Beside: s.beside, PartyBeside: s.partyBeside, DeskBeside: s.deskBeside, Menu: s.menu, Agenda: s.agenda,
	}
}

// Migrate makes the tables.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "mediation", sub)
}

// open refuses the pages of a city without mediation.
func (s *service) open() (*pack.Pack, error) {
	p := s.Packs.Current()
	if p.Mediation == nil {
		return nil, errNone
	}
	return p, nil
}

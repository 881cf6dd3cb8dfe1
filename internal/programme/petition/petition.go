// Package petition owns what petitions need beyond their procedure: reception days, on which a leader
// sits and hears people.
//
// Tables: reception_days (who sits when and where), reception_bookings (a matter has a slot or waits),
// reception_promises (what was promised, by when, and whether it was kept), reception_log (who changed
// what). The life of a day: staff of a unit write it down and publish it; it stands in the public
// calendar; residents ask for a slot from the page of their case, or wait in the order in which they
// asked; after the meeting its outcome becomes an act or a public note of the case, and a promise with
// a day is followed until it is kept.
//
// A change of a case and the row that belongs to it are one transaction (ledger.DoWith). It refuses to
// keep a word about a matter in tables of its own, to know who a person is, to count visits, and to
// let more than one booking of a case stand at a time. How many days papers are due before a reception,
// which programmes offer one and which roles arrange it are parameters of the pack.
//
// Open this file first, then reception.go for what a day and a booking are, book.go for the steps of
// booking; store.go has all SQL; public.go, resident.go and staff.go are the pages.
package petition

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
	"comity/internal/worktime"
)

//go:embed schema/*.sql
var schema embed.FS

// Name is the programme of packs whose cases are offered receptions unless the pack says otherwise.
const Name = "petition"

// Acts of a procedure, where it has them: what came of a meeting, and a promise that opens a task.
const (
	heldAct    = "reception_held"
	promiseAct = "reception_promise"
)

// errNone says that there is no such day, booking or promise for whoever asks.
var errNone = web.ErrNotFound

func refuse(rule string, kv ...string) *casework.Refusal {
	r := &casework.Refusal{Rule: rule, Params: map[string]string{}}
	for i := 0; i+1 < len(kv); i += 2 {
		r.Params[kv[i]] = kv[i+1]
	}
	return r
}

// Deps is what the programme is built from.
type Deps struct {
	DB      *db.DB
	Ledger  *ledger.Ledger
	Reader  *ledger.Reader
	Packs   *pack.Registry
	Courier *courier.Courier
}

// receptions serves the pages and carries the letters.
type receptions struct{ Deps }

// New plugs the programme in.
func New(d Deps) programme.Programme {
	r := &receptions{d}
	return programme.Programme{
		Name: Name, Forget: Forget, Migrate: Migrate,
		Jobs: []jobs.Kind{{Name: letterKind, Run: r.send}},
		Public: map[string]func(*programme.Visitor) error{
			"GET /reception":        r.calendar,
			"GET /reception.ics":    r.feed,
			"GET /reception/{file}": r.dayFile,
		},
		Resident: map[string]func(*programme.Resident) error{
			"GET /f/{code}/reception":           r.mine,
			"GET /f/{code}/reception/book":      r.confirm,
			"POST /f/{code}/reception/book":     r.bookPost,
			"GET /f/{code}/reception/withdraw":  r.withdrawAsk,
			"POST /f/{code}/reception/withdraw": r.withdrawPost,
		},
		Desk: map[string]func(*programme.Officer) error{
			"GET /desk/reception":                             r.days,
			"GET /desk/reception/new":                         r.newDay,
			"POST /desk/reception/new":                        r.newDayPost,
			"GET /desk/reception/promises":                    r.promises,
			"GET /desk/reception/promises/{promise}":          r.keepShow,
			"POST /desk/reception/promises/{promise}":         r.keepPost,
			"GET /desk/reception/day/{day}":                   r.day,
			"GET /desk/reception/day/{day}/edit":              r.editDay,
			"POST /desk/reception/day/{day}/edit":             r.editDayPost,
			"POST /desk/reception/day/{day}/publish":          r.publish,
			"POST /desk/reception/day/{day}/discard":          r.discard,
			"GET /desk/reception/day/{day}/cancel":            r.cancelShow,
			"POST /desk/reception/day/{day}/cancel":           r.cancelPost,
			"GET /desk/reception/day/{day}/held/{booking}":    r.heldShow,
			"POST /desk/reception/day/{day}/held/{booking}":   r.heldPost,
			"POST /desk/reception/day/{day}/absent/{booking}": r.absent,
		},
		Front: r.front, Beside: r.beside, Menu: r.menu,
	}
}

// Migrate makes the tables.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "petition", sub)
}

// offers reports a programme whose cases may come to a reception. A pack names them by the parameters
// reception.offered.PROGRAMME; without any it is the programme of this name.
func offers(p *pack.Pack, id string) bool {
	if n, said := p.Parameters["reception.offered."+id]; said {
		return n > 0
	}
	return id == Name
}

// offered lists the programmes of the pack whose cases may come.
func offered(p *pack.Pack) []string {
	var out []string
	for _, g := range p.Programmes {
		if offers(p, g.ID) {
			out = append(out, g.ID)
		}
	}
	return out
}

// open refuses the pages of a city that has no receptions.
func (r *receptions) open() (*pack.Pack, error) {
	p := r.Packs.Current()
	if len(offered(p)) == 0 {
		return nil, errNone
	}
	return p, nil
}

// heldIn finds the act that records a meeting in a procedure.
func heldIn(d *procedure.Definition) (*procedure.Act, bool) { return d.Act(heldAct) }

// definitions lists the procedures whose cases may come, by their names.
func definitions(p *pack.Pack) []*procedure.Definition {
	var out []*procedure.Definition
	for _, d := range p.Procedures {
		if offers(p, d.Programme) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *procedure.Definition) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// calendarOf is the calendar offices work by.
func calendarOf(p *pack.Pack) *worktime.Calendar {
	for _, d := range definitions(p) {
		if d.Calendar != nil {
			return d.Calendar
		}
	}
	return nil
}

// law is the article the receptions rest on: that of the act that records a meeting.
func law(p *pack.Pack) procedure.Law {
	for _, d := range definitions(p) {
		if a, ok := heldIn(d); ok && a.Law.ID != "" {
			return a.Law
		}
	}
	return procedure.Law{}
}

// arrangers are the roles that arrange receptions: the pack's parameters reception.role.ROLE, else
// those that may record a meeting.
func arrangers(p *pack.Pack) []authz.Role {
	var out []authz.Role
	for key, n := range p.Parameters {
		if role, ok := strings.CutPrefix(key, "reception.role."); ok && n > 0 {
			out = append(out, authz.Role(role))
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, d := range definitions(p) {
		if a, ok := heldIn(d); ok {
			for _, role := range a.By {
				out = append(out, authz.Role(role))
			}
		}
	}
	return out
}

// arranges reports whether the officer arranges the receptions of a unit: by a grant at that very unit.
func arranges(p *pack.Pack, who authz.Actor, unit org.UnitID) bool {
	roles := arrangers(p)
	return who.IsStaff() && slices.ContainsFunc(offered(p), func(id string) bool {
		_, ok := authz.Allow(who, authz.Need{Roles: roles, Unit: unit, Programme: id})
		return ok
	})
}

// arranged lists the units whose receptions the officer arranges.
func arranged(p *pack.Pack, who authz.Actor) []org.UnitID {
	var out []org.UnitID
	for _, g := range who.Grants() {
		if !slices.Contains(out, g.Unit) && arranges(p, who, g.Unit) {
			out = append(out, g.Unit)
		}
	}
	return out
}

// sees reports whether the days of a unit lie in what the officer may read.
func sees(p *pack.Pack, who authz.Actor, unit org.UnitID) bool {
	return slices.ContainsFunc(who.Scope().Roots, func(root authz.Root) bool {
		near := root.Unit == unit || root.Reach == authz.Subtree && p.Units.Under(root.Unit, unit)
		return near && (len(root.Programmes) == 0 || slices.ContainsFunc(offered(p), func(id string) bool {
			return slices.Contains(root.Programmes, id)
		}))
	})
}

// shows reports whether the desk shows a day: one of the officer's scope, or a published one of a unit
// above, whose leader may receive somebody about a case that the officer's unit holds.
func shows(p *pack.Pack, who authz.Actor, d Day) bool {
	return sees(p, who, d.Unit) || !d.Published.IsZero() && slices.ContainsFunc(who.Scope().Roots, func(root authz.Root) bool {
		return p.Units.Under(d.Unit, root.Unit) && sees(p, who, root.Unit)
	})
}

// receives reports whether a matter may come to a unit's reception: to one that reads it. Nobody is
// received by a leader who cannot open the file.
func receives(p *pack.Pack, c casework.Case, unit org.UnitID) bool {
	return slices.Contains(c.Listed(p.Units.Path), unit)
}

// may reports a matter for which a slot can be asked at all.
func may(p *pack.Pack, c casework.Case) bool { return offers(p, c.Programme) && c.Closed.IsZero() }

// isRefusal tells a "no" from a failure.
func isRefusal(err error) (*casework.Refusal, bool) {
	var no *casework.Refusal
	ok := errors.As(err, &no)
	return no, ok
}

package ledger

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/procedure"
)

// The invariants: what must be true of every case, whatever anybody did. Each is expected to be broken
// by no case at all.
const (
	Unowned           = "unowned"             // an open case whose holder does no work, or for which nothing is due and nothing open
	UnknownOfficer    = "unknown_officer"     // an open case assigned to an account that is unknown or disabled
	EndlessWait       = "endless_wait"        // somebody else's turn, and no clock or child ends it
	ClosedOverChild   = "closed_over_child"   // an open case whose parent waited for it and is closed
	LostLead          = "lost_lead"           // a case waits for the answer of one that is closed or does not know of it
	UnsentAnswer      = "unsent_answer"       // an answer was given and the notice of it has not left
	ClockWithoutTimer = "clock_without_timer" // a running clock that nothing will answer at its date
	TimerWithoutClock = "timer_without_clock"
	OldCalendar       = "old_calendar" // a running clock counted with another version of its calendar
)

// Invariants lists them in the order in which they are told.
var Invariants = []string{Unowned, UnknownOfficer, EndlessWait, ClosedOverChild, LostLead, UnsentAnswer, ClockWithoutTimer, TimerWithoutClock, OldCalendar}

// maxExamples is how many cases a finding names; more is a matter for the database's own tools.
const maxExamples = 50

// Finding is how one invariant stands.
type Finding struct {
	Name     string
	At       time.Time
	Count    int
	Examples []casework.Ref
}

func (f *Finding) add(ref casework.Ref) {
	f.Count++
	if len(f.Examples) < maxExamples {
		f.Examples = append(f.Examples, ref)
	}
}

// Beyond is what a survey has to be told, because other rooms know it.
type Beyond struct {
	Units     *org.Tree // in force now: a unit that is gone does no work
	Calendars []string  // in force now, as ID@VERSION
	// Works says which of these accounts exist and are not disabled. nil takes all for known.
	Works func(ctx context.Context, ids []string) (map[string]bool, error)
	// Unsent names the events whose notices have not left. nil takes all for sent.
	Unsent func(ctx context.Context, each func(id casework.CaseID, seq int) error) error
	// Patience is how long a notice may take before its answer counts as unsent.
	Patience time.Duration
}

// survey is one walk over the open cases.
type survey struct {
	l       *Ledger
	beyond  Beyond
	found   map[string]*Finding
	given   map[string]*Finding // by officer
	current map[string]string   // calendar → version in force, as ID@VERSION
}

// Survey looks at every open case and every timer and counts what breaks an invariant. It walks the
// tables in pages, each a short transaction of its own, so it may run beside the work of the day: never
// in a request. seen is told how many open cases have been looked at; it may be nil. Nothing is changed.
func (l *Ledger) Survey(ctx context.Context, b Beyond, seen func(int)) ([]Finding, error) {
	s := survey{l: l, beyond: b, found: map[string]*Finding{}, given: map[string]*Finding{}, current: map[string]string{}}
	for _, name := range Invariants {
		s.found[name] = &Finding{Name: name}
	}
	for _, c := range b.Calendars {
		id, _, _ := strings.Cut(c, "@")
		s.current[id] = c
	}
	total := 0
	for after, last := int64(0), false; !last; {
		var n int
		err := l.db.View(ctx, func(tx *db.Tx) (err error) {
			after, n, last, err = s.page(ctx, tx, after)
			return err
		})
		if err != nil {
			return nil, err
		}
		if total += n; seen != nil {
			seen(total)
		}
	}
	if err := errors.Join(s.officers(ctx), s.unsent(ctx)); err != nil {
		return nil, err
	}
	return s.findings(ctx)
}

func (s *survey) findings(ctx context.Context) (out []Finding, err error) {
	err = s.l.db.View(ctx, func(tx *db.Tx) error {
		for _, name := range Invariants {
			f := *s.found[name]
			f.At = tx.Now
			out = append(out, f)
		}
		return nil
	})
	return out, err
}

// surveyPage is how many open cases one transaction looks at.
const surveyPage = 200

// page looks at some open cases, and at every timer between the case before them and the last of them.
func (s *survey) page(ctx context.Context, tx *db.Tx, after int64) (next int64, n int, last bool, err error) {
	cases, err := openAfter(ctx, tx, after, surveyPage)
	if err != nil {
		return after, 0, true, err
	}
	next = lastNumber
	if last = len(cases) < surveyPage; !last {
		next = cases[len(cases)-1].n
	}
	timers, err := timersBetween(ctx, tx, after, next)
	if err != nil {
		return after, 0, true, err
	}
	for _, o := range cases {
		if err := s.look(ctx, tx, o, timers[o.n]); err != nil {
			return after, 0, true, fmt.Errorf("case %s: %w", o.c.Ref, err)
		}
		delete(timers, o.n)
	}
	for _, n := range slices.Sorted(maps.Keys(timers)) { // of cases that are closed, or not there
		ref, err := refOf(ctx, tx, n)
		if err != nil {
			return after, 0, true, err
		}
		s.found[TimerWithoutClock].add(ref)
	}
	return next, len(cases), last, nil
}

// look holds one open case against every invariant.
func (s *survey) look(ctx context.Context, tx *db.Tx, o openCase, timers map[string]timerRow) error {
	c := &o.c
	d, err := s.l.cfg.Definitions.Definition(c.Pack, c.Procedure)
	if err != nil {
		s.found[Unowned].add(c.Ref) // nobody can do anything with it, and no clock can be answered
		d = nil
	}
	child, err := hasOpenChild(ctx, tx, c)
	if err != nil {
		return err
	}
	_, running := c.Due()
	unit, known := s.beyond.Units.Unit(c.Holder)
	works := known && len(unit.Roles) > 0
	if d != nil && (!works || !running && !child && len(timers) == 0) {
		s.found[Unowned].add(c.Ref)
	}
	if d != nil && waits(d, c.State) && !running && !child {
		s.found[EndlessWait].add(c.Ref)
	}
	if c.Assignee != "" {
		f := s.given[c.Assignee]
		if f == nil {
			f = &Finding{}
			s.given[c.Assignee] = f
		}
		f.add(c.Ref)
	}
	s.clocks(c, timers)
	if err := s.lead(ctx, tx, d, c); err != nil {
		return err
	}
	return s.parent(ctx, tx, c)
}

// waits reports a state in which it is not the holder's turn.
func waits(d *procedure.Definition, state string) bool {
	st, ok := d.State(state)
	return ok && (st.Owner == procedure.OwnerResident || st.Owner == procedure.OwnerOutside || st.Owner == procedure.OwnerChild)
}

// hasOpenChild asks the children themselves: a parent that believes in a child that has ended waits for ever.
func hasOpenChild(ctx context.Context, tx *db.Tx, c *casework.Case) (bool, error) {
	for _, k := range c.Children {
		if !k.Open || k.Kind != procedure.Child {
			continue
		}
		if open, err := isOpen(ctx, tx, k.Case); err != nil || open {
			return open, err
		}
	}
	return false, nil
}

// clocks holds the clocks of a case against its timers.
func (s *survey) clocks(c *casework.Case, timers map[string]timerRow) {
	var missing, old bool
	for _, k := range c.Clocks {
		if !k.Running() {
			continue
		}
		missing = missing || !timers[k.ID].at.Equal(micro(k.Due))
		delete(timers, k.ID)
		if !k.Alert.IsZero() {
			missing = missing || !timers[k.ID+alertMark].at.Equal(micro(k.Alert))
			delete(timers, k.ID+alertMark)
		}
		id, _, _ := strings.Cut(k.Calendar, "@")
		now, known := s.current[id]
		old = old || known && now != k.Calendar
	}
	if missing {
		s.found[ClockWithoutTimer].add(c.Ref)
	}
	if len(timers) > 0 {
		s.found[TimerWithoutClock].add(c.Ref)
	}
	if old {
		s.found[OldCalendar].add(c.Ref)
	}
}

// lead asks whether the case whose answer this one waits for is there to give it.
func (s *survey) lead(ctx context.Context, tx *db.Tx, d *procedure.Definition, c *casework.Case) error {
	if d == nil {
		return nil
	}
	if _, waits := d.Hearing(c.State, ""); waits == nil {
		return nil
	}
	var knows bool
	if c.Lead != nil {
		n, _ := number(c.Lead.Case)
		lead, err := loadCase(ctx, tx, n)
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		knows = err == nil && lead.c.Closed.IsZero() && slices.ContainsFunc(lead.c.Followers(), func(f casework.Follower) bool { return f.Case == c.ID })
	}
	if !knows {
		s.found[LostLead].add(c.Ref)
	}
	return nil
}

// parent asks whether the case that waits for this one is still open.
func (s *survey) parent(ctx context.Context, tx *db.Tx, c *casework.Case) error {
	if c.Parent == nil || c.Parent.Kind != procedure.Child {
		return nil
	}
	open, err := isOpen(ctx, tx, c.Parent.Case)
	if err == nil && !open {
		s.found[ClosedOverChild].add(c.Ref)
	}
	return err
}

func isOpen(ctx context.Context, tx *db.Tx, id casework.CaseID) (bool, error) {
	n, ok := number(id)
	if !ok {
		return false, nil
	}
	return openFlag(ctx, tx, n)
}

// officers asks whose names the open cases carry.
func (s *survey) officers(ctx context.Context) error {
	if s.beyond.Works == nil {
		return nil
	}
	ids := slices.Sorted(maps.Keys(s.given))
	known, err := s.beyond.Works(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if known[id] {
			continue
		}
		f := s.found[UnknownOfficer]
		f.Count += s.given[id].Count
		f.Examples = append(f.Examples, s.given[id].Examples[:min(len(s.given[id].Examples), maxExamples-len(f.Examples))]...)
	}
	return nil
}

// unsent asks which answers have not reached the resident.
func (s *survey) unsent(ctx context.Context) error {
	if s.beyond.Unsent == nil {
		return nil
	}
	told := map[casework.CaseID]bool{}
	return s.beyond.Unsent(ctx, func(id casework.CaseID, seq int) error {
		if told[id] {
			return nil
		}
		return s.l.db.View(ctx, func(tx *db.Tx) error {
			n, ok := number(id)
			if !ok {
				return nil
			}
			e, err := eventAt(ctx, tx, n, seq)
			if errors.Is(err, db.ErrNoRows) || err == nil && (!e.Answers || tx.Now.Sub(e.At) < s.beyond.Patience) {
				return nil
			}
			if err != nil {
				return err
			}
			told[id] = true
			ref, err := refOf(ctx, tx, n)
			s.found[UnsentAnswer].add(ref)
			return err
		})
	})
}

// Keep stores the findings in place of those before.
func (l *Ledger) Keep(ctx context.Context, found []Finding) error {
	return l.db.Transact(ctx, func(tx *db.Tx) error { return keepFindings(ctx, tx, found) })
}

// Findings are those kept last, in the order of Invariants; none when nobody has looked yet.
func (r *Reader) Findings(ctx context.Context) (out []Finding, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = listFindings(ctx, tx)
		return err
	})
	slices.SortFunc(out, func(a, b Finding) int {
		return slices.Index(Invariants, a.Name) - slices.Index(Invariants, b.Name)
	})
	return out, err
}

//go:embed invariants/*.sql
var invariantsSchema embed.FS

func migrateInvariants(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(invariantsSchema, "invariants")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "invariants", sub)
}

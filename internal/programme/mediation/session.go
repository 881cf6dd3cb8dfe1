package mediation

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// State of a session. The words are stored.
type State string

// A session is called, then open, until it is on record or somebody did not come. Put off, it waits for
// another time; reserved, it has one while whoever moves it calls it anew. Ended: the case went another way.
const (
	Called   State = "called"
	Open     State = "open"
	Reserved State = "reserved"
	PutOff   State = "put_off"
	Held     State = "held"
	Absent   State = "absent"
	Ended    State = "ended"
)

// Session is one sitting of a case. It names a case, mediators and a room, and no party.
type Session struct {
	ID           int64
	Case, Ref    string
	Unit         org.UnitID // that called it
	Mode         string     // a value of the calling act's answer
	Room         int64      // 0: none of ours
	Place        string     // as the parties were told
	Begins, Ends time.Time  // zero: written in a way that is no time
	State        State
	Version      int // grows with every change; a calendar program's SEQUENCE
	Changed      time.Time
	ChangedBy    string
	Mediators    []int64
}

// live reports a session that is the next of its case.
func (s Session) live() bool {
	return s.State == Called || s.State == Open || s.State == Reserved || s.State == PutOff
}

// Seat is a member of a case who mediates it, and who of the roster that is.
type Seat struct {
	Case     string
	Member   string
	Mediator int64 // 0: not on the roster
	Seq      int
	Settled  bool // may hold a session as their interest in the matter stands
}

// Unavailable is a time at which somebody on the roll of a case cannot come. Why is not asked.
type Unavailable struct {
	ID           int64
	Case, Member string
	Begins, Ends time.Time
}

// Matter is where one case stands, for counts by issue and place.
type Matter struct {
	Case, Ref, Pack, Procedure string
	Unit, Place                org.UnitID
	Field, State, Outcome      string
	Open                       bool
	Opened, Closed             time.Time
}

// project follows the events of a case: what the case says is true, and the rows follow. It refuses a call
// that would have somebody, or a room, in two sessions at once, or that gives less notice than the pack says, whichever
// page or program asked for it.
func (s *service) project(ctx context.Context, tx *db.Tx, c casework.Case, e casework.Event) error {
	p := s.Packs.Pack(c.Pack)
	if p == nil || !p.Mediation.Takes(c.Procedure) {
		return nil
	}
	f := &follower{ctx: ctx, tx: tx, p: p, m: p.Mediation, c: c, e: e}
	for _, step := range []func() error{f.matter, f.seats, f.session} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// follower carries one event into the rows of the programme.
type follower struct {
	ctx context.Context
	tx  *db.Tx
	p   *pack.Pack
	m   *pack.Mediation
	c   casework.Case
	e   casework.Event
}

func (f *follower) matter() error {
	c := f.c
	if c.Sealed != "" {
		return nil // what goes under seal is forgotten
	}
	return putMatter(f.ctx, f.tx, Matter{Case: string(c.ID), Ref: string(c.Ref), Pack: c.Pack, Procedure: c.Procedure, Unit: c.Holder, Place: c.Place.Unit,
		Field: c.Facts[f.m.Field], State: c.State, Open: c.Closed.IsZero(), Outcome: c.Outcome, Opened: c.Opened, Closed: c.Closed})
}

// settled reports a member of the roll of mediators who may hold a session.
func settled(m *pack.Mediation, who casework.Member) bool {
	return slices.Contains(m.Settled, who.Marks[m.Mark])
}

// seats follows the roll of mediators. Whom of the roster somebody is, the page that named them says
// afterwards; until then a name that only one active mediator has is taken for theirs.
func (f *follower) seats() error {
	if j := f.e.Joins; j != nil && j.Roll == f.m.Mediator {
		seat := Seat{Case: string(f.c.ID), Member: j.ID, Seq: f.e.Seq, Settled: settled(f.m, *j)}
		same, err := namedLike(f.ctx, f.tx, j.Name)
		if err != nil {
			return err
		}
		if len(same) == 1 {
			seat.Mediator = same[0].ID
		}
		if err := putSeat(f.ctx, f.tx, seat); err != nil {
			return err
		}
	}
	if f.e.Member == "" && len(f.e.Every) == 0 {
		return nil
	}
	for _, m := range f.c.Members {
		if m.Roll == f.m.Mediator {
			if err := setSeat(f.ctx, f.tx, f.c.ID, m.ID, settled(f.m, m), m.Left); err != nil {
				return err
			}
		}
	}
	return nil
}

// stays lists the states in which a called or open session goes on.
func (f *follower) stays() []string {
	var out []string
	d := f.p.Procedures[f.c.Procedure]
	for _, id := range []string{f.m.Call.Act, f.m.Hold} {
		if a, ok := d.Act(id); ok {
			out = append(out, a.To)
		}
	}
	return out
}

func (f *follower) session() error {
	now, has, err := liveSession(f.ctx, f.tx, f.c.ID)
	if err != nil {
		return err
	}
	if f.e.Act == f.m.Call.Act && f.e.Act != "" {
		return f.called(now, has)
	}
	if !has {
		return nil
	}
	next := f.next(now)
	if next == "" {
		return nil
	}
	return f.change(now, next)
}

// next is what becomes of the session; empty: nothing.
func (f *follower) next(s Session) State {
	switch act := f.e.Act; {
	case act != "" && act == f.m.PutOff:
		return PutOff
	case act != "" && act == f.m.Hold:
		return Open
	case act != "" && act == f.m.Record:
		return Held
	case act != "" && act == f.m.NoShow:
		return Absent
	case !f.c.Closed.IsZero():
		return Ended
	case (s.State == Called || s.State == Open) && !slices.Contains(f.stays(), f.c.State):
		return Ended
	}
	return ""
}

func (f *follower) change(s Session, to State) error {
	s.State, s.Version, s.ChangedBy = to, s.Version+1, f.e.By.Actor
	if _, err := putSession(f.ctx, f.tx, s); err != nil {
		return err
	}
	if to != Open {
		if err := forgetReminders(f.ctx, f.tx, s.ID); err != nil {
			return err
		}
	}
	return record(f.ctx, f.tx, "session", s.ID, f.e.By.Actor, string(to), "")
}

// called makes the row of a session from what the event says, or gives the one that was put off its new time.
func (f *follower) called(s Session, has bool) error {
	if has && s.State == Open { // it took place: what is called now is another
		if err := f.change(s, Held); err != nil {
			return err
		}
		has = false
	}
	if !has {
		s = Session{Case: string(f.c.ID), Ref: string(f.c.Ref)}
	}
	s.Unit, s.State, s.Version, s.ChangedBy = f.c.Holder, Called, s.Version+1, f.e.By.Actor
	call := f.m.Call
	s.Mode, s.Place = f.e.Fields[call.Mode], f.e.Fields[call.Where]
	s.Begins, s.Ends = timesOf(f.e.Fields[call.On], f.e.Fields[call.At], f.m.Figures.Minutes, f.p.Zone)
	if err := f.people(&s); err != nil {
		return err
	}
	if r, ok, err := roomCalled(f.ctx, f.tx, s.Place); err != nil {
		return err
	} else if ok && s.Mode != call.Remote {
		s.Room = r.ID
	} else {
		s.Room = 0
	}
	if err := f.free(s); err != nil {
		return err
	}
	if err := f.told(s); err != nil {
		return err
	}
	id, err := putSession(f.ctx, f.tx, s)
	if err != nil {
		return err
	}
	s.ID = id
	if err := record(f.ctx, f.tx, "session", id, f.e.By.Actor, string(Called), whenStored(s, f.p.Zone)); err != nil {
		return err
	}
	return remind(f.ctx, f.tx, f.m, f.c, s)
}

// people are who holds the session: everybody who mediates the case, and nobody whose interest is not settled.
func (f *follower) people(s *Session) error {
	seats, err := seatsOf(f.ctx, f.tx, f.c.ID)
	if err != nil {
		return err
	}
	s.Mediators = nil
	for _, seat := range seats {
		if !seat.Settled && !f.history() {
			return refuse("mediation.barred")
		}
		if seat.Mediator != 0 && !slices.Contains(s.Mediators, seat.Mediator) {
			s.Mediators = append(s.Mediators, seat.Mediator)
		}
	}
	return nil
}

// history reports an event that is imported: what was is not refused.
func (f *follower) history() bool { return f.e.By.Role == "importer" }

func (f *follower) free(s Session) error {
	if s.Begins.IsZero() || f.history() {
		return nil
	}
	other, mediator, taken, err := clash(f.ctx, f.tx, s)
	if err != nil || !taken {
		return err
	}
	return inTheWay(other, mediator, f.p.Zone)
}

// told refuses a call that gives less notice than the pack says, whichever page or program it came by.
func (f *follower) told(s Session) error {
	if s.Begins.IsZero() || f.history() {
		return nil
	}
	return noticed(f.p, f.e.At, s.Begins, f.e.Fields)
}

// earliest is when a session can begin that is called at a time.
func earliest(p *pack.Pack, called time.Time) time.Time {
	return on(dayOf(called, p.Zone)+worktime.Day(p.Mediation.Figures.Notice), 0, p.Zone)
}

// sooner reports answers of the calling act by which everybody agrees to less notice.
func sooner(m *pack.Mediation, answers map[string]string) bool {
	return m.Call.Sooner != "" && answers[m.Call.Sooner] == "yes"
}

// noticed holds a session against the notice that is due, and says how it can be called all the same.
func noticed(p *pack.Pack, called, begins time.Time, answers map[string]string) error {
	if sooner(p.Mediation, answers) || !begins.Before(earliest(p, called)) {
		return nil
	}
	return tooSoon(p)
}

func tooSoon(p *pack.Pack) *casework.Refusal {
	rule := "mediation.too_soon"
	if p.Mediation.Call.Sooner != "" {
		rule = "mediation.too_soon.agree"
	}
	return refuse(rule, "days", strconv.Itoa(p.Mediation.Figures.Notice))
}

// inTheWay says what stands in the way: a mediator's other session, or the room's. The other case is not named,
// since whoever asks need not be one who may read it.
func inTheWay(other Session, mediator int64, zone *time.Location) *casework.Refusal {
	from, to := other.Begins.In(zone).Format("15:04"), other.Ends.In(zone).Format("15:04")
	if mediator != 0 {
		return refuse("mediation.mediator_taken", "from", from, "to", to)
	}
	return refuse("mediation.room_taken", "from", from, "to", to)
}

// timesOf reads when a session is from a day and a time as the act has them; zero when it is no time. Without
// an end it takes as long as a session usually takes.
func timesOf(day, at string, minutes int, zone *time.Location) (begins, ends time.Time) {
	d, err := worktime.ParseDay(strings.TrimSpace(day))
	if err != nil {
		return begins, ends
	}
	from, to, ok := parseStretch(at)
	if !ok {
		if from, ok = minutesOf(strings.TrimSpace(dashes.Replace(at))); !ok {
			return begins, ends
		}
		to = min(from+minutes, 24*60)
	}
	return on(d, from, zone), on(d, to, zone)
}

// atOf spells the time of a session the way timesOf reads it.
func atOf(begins, ends time.Time, zone *time.Location) string {
	return begins.In(zone).Format("15:04") + "-" + ends.In(zone).Format("15:04")
}

// whenStored is the time of a session as the log keeps it.
func whenStored(s Session, zone *time.Location) string {
	if s.Begins.IsZero() {
		return ""
	}
	return s.Begins.In(zone).Format(time.DateOnly) + " " + atOf(s.Begins, s.Ends, zone)
}

// callAct is the act that calls a session of a case.
func callAct(p *pack.Pack, procedureID string) (*procedure.Definition, *procedure.Act) {
	d := p.Procedures[procedureID]
	if d == nil {
		return nil, nil
	}
	a, _ := d.Act(p.Mediation.Call.Act)
	return d, a
}

package mediation

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
	"comity/internal/worktime"
)

// centrePage is a day at the centre.
type centrePage struct {
	Title, Day, Unit string
	Units            []web.Choice
	Prev, Next       string
	Sessions         []sessionRow
	Rooms            []roomDay
	Missed           []sessionRow
	Terms            []termRow
	Instalments      []termRow
	Week             []tallyRow // came in this week, by committee and field
	Waits            []tallyRow // where it waits: state by level
	Spare            []spareRow
	Keeps            bool
}

type roomDay struct {
	Name, Unit, Free string
	Busy             []string
}

type termRow struct {
	Ref, Href, Title, Unit, Clock string
	Pill                          web.Pill
}

type tallyRow struct{ Unit, What, N string }

type spareRow struct{ Href, Name, Unit, Fields, Room string }

// chosenUnit is the unit a page is narrowed to, among those the officer reads; empty: all of them.
func chosenUnit(p *pack.Pack, o *programme.Officer) org.UnitID {
	u := org.UnitID(o.R.URL.Query().Get("unit"))
	if _, known := p.Units.Unit(u); !known || !sees(p, o.Actor, u) {
		return ""
	}
	return u
}

// within reports a unit that the officer reads, in the part of the city the page is narrowed to.
func within(p *pack.Pack, o *programme.Officer, chosen, unit org.UnitID) bool {
	return sees(p, o.Actor, unit) && (chosen == "" || p.Units.Under(chosen, unit))
}

// readable lists the units below which the officer reads, for narrowing: those with work of their own, no more
// than a list can hold.
func readable(p *pack.Pack, o *programme.Officer) (out []org.UnitID) {
	for _, id := range p.Units.All() {
		if u, _ := p.Units.Unit(id); len(u.Roles) > 0 && u.Level <= org.Community && sees(p, o.Actor, id) && len(out) < 400 {
			out = append(out, id)
		}
	}
	return out
}

func (s *service) centre(o *programme.Officer) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	now := o.Site.Now()
	day := dayOf(now, p.Zone)
	if d, err := worktime.ParseDay(o.R.URL.Query().Get("day")); err == nil {
		day = d
	}
	unit := chosenUnit(p, o)
	page := o.Page("mediation.centre.title")
	v := centrePage{Title: page.Title, Day: civil(page, day), Unit: string(unit), Units: unitChoices(page, readable(p, o)), Keeps: len(kept(p, o.Actor)) > 0}
	v.Prev, v.Next = dayHref(day-1, unit), dayHref(day+1, unit)
	w, err := s.look(o.R.Context(), p, now)
	if err != nil {
		return err
	}
	c := centreDesk{s: s, o: o, page: page, p: p, unit: unit, now: now, w: &w, v: &v}
	ctx := o.R.Context()
	var list, missed []Session
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) {
		if list, err = sessionsBetween(ctx, tx, on(day, 0, p.Zone), on(day+1, 0, p.Zone)); err != nil {
			return err
		}
		if missed, err = missedSince(ctx, tx, now.AddDate(0, 0, -60)); err != nil {
			return err
		}
		return c.tallies(ctx, tx)
	})
	if err != nil {
		return err
	}
	if err := c.sessions(list, missed); err != nil {
		return err
	}
	c.rooms(list, day)
	if err := c.terms(ctx); err != nil {
		return err
	}
	c.spare()
	return o.Write(page, http.StatusOK, centreBody(page, v))
}

func dayHref(d worktime.Day, unit org.UnitID) string {
	out := href() + "?day=" + d.String()
	if unit != "" {
		out += "&unit=" + string(unit)
	}
	return out
}

// centreDesk puts the page together.
type centreDesk struct {
	s    *service
	o    *programme.Officer
	page *web.Page
	p    *pack.Pack
	unit org.UnitID
	now  time.Time
	w    *world
	v    *centrePage
}

func (c *centreDesk) here(u org.UnitID) bool { return within(c.p, c.o, c.unit, u) }

// sessions lists those of the day, and those to which somebody did not come.
func (c *centreDesk) sessions(list, missed []Session) (err error) {
	for _, x := range list {
		if c.here(x.Unit) && x.State != PutOff && x.State != Ended {
			if c.v.Sessions, err = c.s.sessionRow(c.o, c.page, c.p, c.v.Sessions, x, c.w); err != nil {
				return err
			}
		}
	}
	for _, x := range missed {
		if c.here(x.Unit) && len(c.v.Missed) < 50 {
			if c.v.Missed, err = c.s.sessionRow(c.o, c.page, c.p, c.v.Missed, x, c.w); err != nil {
				return err
			}
		}
	}
	return nil
}

// rooms shows when each room of the day is free.
func (c *centreDesk) rooms(list []Session, day worktime.Day) {
	for _, r := range c.w.rooms {
		if !r.Open() || !c.here(r.Unit) && !serves(c.p, c.o.Actor, r.Unit) {
			continue
		}
		row := roomDay{Name: r.Name, Unit: c.page.T("unit." + string(r.Unit))}
		free := r.Hours[weekdayOf(day)]
		if cal := calendarOf(c.p); cal != nil && weekdayOf(day) < 5 && !cal.Working(day) {
			free = nil
		}
		for _, x := range list {
			if x.Room != r.ID || x.State == PutOff || x.State == Ended || x.State == Absent {
				continue
			}
			row.Busy = append(row.Busy, hoursOf(c.page, x.Begins, x.Ends, c.p.Zone))
			if x.State != Held {
				free = less(free, minuteOf(x.Begins, c.p.Zone), minuteOf(x.Begins, c.p.Zone)+int(x.Ends.Sub(x.Begins)/time.Minute))
			}
		}
		row.Free = c.page.T("mediation.room.shut")
		if len(free) > 0 {
			row.Free = Hours{free}.day(0)
		}
		c.v.Rooms = append(c.v.Rooms, row)
	}
}

func minuteOf(t time.Time, zone *time.Location) int {
	t = t.In(zone)
	return t.Hour()*60 + t.Minute()
}

// less takes a time out of others.
func less(list []Stretch, from, to int) (out []Stretch) {
	for _, s := range list {
		if to <= s.From || from >= s.To {
			out = append(out, s)
			continue
		}
		if from > s.From {
			out = append(out, Stretch{s.From, from})
		}
		if to < s.To {
			out = append(out, Stretch{to, s.To})
		}
	}
	return out
}

// tallies count matters by issue and place: what came in this week, and where it waits.
func (c *centreDesk) tallies(ctx context.Context, tx *db.Tx) error {
	monday := on(mondayOf(dayOf(c.now, c.p.Zone)), 0, c.p.Zone)
	came, err := cameIn(ctx, tx, monday, c.now.Add(time.Second))
	if err != nil {
		return err
	}
	_, key := fieldsOf(c.p)
	var week, waits []counted
	for _, t := range came {
		if c.here(t.Unit) {
			what := c.page.T("mediation.field.none")
			if k := key[t.Field]; k != "" {
				what = c.page.T(k)
			}
			week = count(week, c.page.T("unit."+string(t.Unit)), what, t.N)
		}
	}
	open, err := openTally(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range open {
		if c.here(t.Unit) {
			u, _ := c.p.Units.Unit(t.Unit)
			if key := "state." + t.Procedure + "." + t.State; c.page.Has(key) {
				waits = count(waits, c.page.T("mediation.level."+u.Level.String()), c.page.T(key), t.N)
			}
		}
	}
	c.v.Week, c.v.Waits = rowsOf(week), rowsOf(waits)
	return nil
}

// counted is a number under two names.
type counted struct {
	a, b string
	n    int
}

func count(list []counted, a, b string, n int) []counted {
	i := slices.IndexFunc(list, func(x counted) bool { return x.a == a && x.b == b })
	if i < 0 {
		return append(list, counted{a, b, n})
	}
	list[i].n += n
	return list
}

func rowsOf(list []counted) (out []tallyRow) {
	for _, x := range list {
		out = append(out, tallyRow{x.a, x.b, strconv.Itoa(x.n)})
	}
	return out
}

// terms lists the dates that come near: of cases with sessions, and of instalments.
func (c *centreDesk) terms(ctx context.Context) error {
	before := on(dayOf(c.now, c.p.Zone)+1, 0, c.p.Zone).AddDate(0, 0, c.p.Mediation.Figures.Near)
	for _, programme := range programmesOf(c.p) {
		f := ledger.Filter{Programme: programme, Unit: c.unit, DueBefore: before, Limit: 200}
		list, err := c.s.Reader.Worklist(ctx, c.o.Actor.Scope(), f)
		if err != nil {
			return err
		}
		for _, it := range list.Items {
			row := termRow{Ref: string(it.Ref), Href: "/desk/cases/" + string(it.Ref), Title: c.page.T("category." + it.Category), Unit: c.page.T("unit." + string(it.Holder)),
				Clock: c.page.T("clock." + it.Procedure + "." + it.Clock), Pill: c.page.Pill(web.Term{Start: it.Opened, Due: it.Due})}
			switch {
			case c.p.Mediation.Takes(it.Procedure) && len(c.v.Terms) < 50:
				c.v.Terms = append(c.v.Terms, row)
			case slices.Contains(c.p.Mediation.Instalments, it.Procedure) && len(c.v.Instalments) < 50:
				c.v.Instalments = append(c.v.Instalments, row)
			}
		}
	}
	return nil
}

// spare lists who has room, by committee and name: nothing else puts one before another.
func (c *centreDesk) spare() {
	list := slices.DeleteFunc(slices.Clone(c.w.mediators), func(m Mediator) bool { return !m.Active() || !c.here(m.Unit) })
	for _, m := range list {
		if left := c.w.spare(m); left > 0 && len(c.v.Spare) < 100 {
			c.v.Spare = append(c.v.Spare, spareRow{href("mediators", idOf(m.ID)), m.Name, c.page.T("unit." + string(m.Unit)), fieldWords(c.page, c.p, m.Fields), c.page.T("mediation.room_left", "n", spareText(left))})
		}
	}
}

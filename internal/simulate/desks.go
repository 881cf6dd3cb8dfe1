package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// desk is where one unit works.
type desk struct {
	unit    org.UnitID
	pools   []*pool
	waiting int
	longest int
	wake    time.Time // when it looks again; zero when nothing waits for the office to open
}

// pool is a number of people of one role at one unit. They are told apart only so that whoever answered a
// case is not asked again when it is contested; no figure is kept of one of them.
type pool struct {
	unit  org.UnitID
	role  string
	n     int
	away  []bool // in work; only as many as were ever needed at once
	free  int    // of those, not in work
	busy  float64
	lines heap[turn]
	names []authz.Actor
}

// turn is a case that waits in the line of a pool.
type turn struct {
	by    int64 // what it is ordered by
	order int
	life  *life
	turn  int
}

func (w *world) openDesks() {
	for _, x := range w.people {
		d := w.desks[x.unit]
		if d == nil {
			d = &desk{unit: x.unit}
			w.desks[x.unit] = d
		}
		p := &pool{unit: x.unit, role: x.role, n: x.n}
		p.lines.before = func(a, b *turn) bool {
			if a.by != b.by {
				return a.by < b.by
			}
			return a.order < b.order
		}
		d.pools = append(d.pools, p)
	}
}

// work sees to it that the case waits where it has to after what happened to it.
func (w *world) work(l *life, was *casework.Case) {
	if l.act != nil && l.c.State == was.State && slices.Contains(l.act.From, l.c.State) && w.deskOf(l, l.act) == l.desk {
		if l.pool == nil {
			a := l.act
			w.leave(l)
			w.wait(l, a) // its date may have moved
		}
		return
	}
	w.drop(l)
	moved := l.c.State != was.State || l.c.Holder != was.Holder
	if moved {
		l.visit++
		l.waited = false
	}
	if moved || !maps.Equal(l.c.Facts, was.Facts) || !slices.Equal(l.c.Children, was.Children) {
		l.refused = nil
	}
	w.choose(l)
}

// drop takes a case out of its line, or out of the hands it is in.
func (w *world) drop(l *life) {
	if l.act == nil {
		return
	}
	d := l.desk
	if l.pool == nil {
		w.leave(l)
		return
	}
	w.release(l)
	w.dispatch(d)
}

func (w *world) leave(l *life) {
	l.desk.waiting--
	l.turn++
	l.act, l.desk = nil, nil
}

// release ends a piece of work, done or broken off.
func (w *world) release(l *life) {
	p := l.pool
	p.away[l.person] = false
	p.free++
	p.busy += w.within(l.began, w.now)
	w.serving--
	l.turn++
	l.act, l.desk, l.pool = nil, nil, nil
}

// within is the office time of a piece of work that counts: after the days for warming up, before the last
// arrival, so that the quiet at both ends does not look like idle staff.
func (w *world) within(from, to time.Time) float64 {
	a, b := later(from, w.count), to
	if b.After(w.stop) {
		b = w.stop
	}
	if !b.After(a) {
		return 0
	}
	return w.office.between(a, b)
}

// choose draws the next act of staff and puts the case in line for it.
func (w *world) choose(l *life) {
	st, ok := l.d.State(l.c.State)
	options := l.next[l.c.State]
	if !ok || st.Final || len(options) == 0 {
		return
	}
	if hours := l.delays[l.c.State]; hours > 0 && !l.waited {
		minutes := Exponential.wait(hours*60, l.draw(purpose("ready", l.c.State)))
		w.expect(happening{at: w.now.Add(time.Duration(minutes * float64(time.Minute))), kind: "ready", life: l, turn: l.visit})
		return
	}
	weights := make([]float64, len(options))
	for i, o := range options {
		if !slices.Contains(l.refused, o.act.ID) && w.possible(l, o.act) {
			weights[i] = o.weight
		}
	}
	i := pick(weights, l.draw(purpose("next", l.c.State)))
	if i >= 0 {
		w.wait(l, options[i].act)
		return
	}
	w.tally.refused[st.ID+" "+strings.Join(l.refused, ",")]++
}

// possible reports whether somebody of the right role could do the act now.
func (w *world) possible(l *life, a *procedure.Act) bool {
	d := w.deskOf(l, a)
	return d != nil && slices.ContainsFunc(d.pools, func(p *pool) bool {
		return slices.Contains(a.By, p.role) && casework.CanAct(l.d, l.c, a, p.person(len(p.away)), w.now)
	})
}

// deskOf is where an act is done.
func (w *world) deskOf(l *life, a *procedure.Act) *desk {
	unit := l.c.Holder
	switch a.Of {
	case procedure.OfOffered:
		unit = l.c.Offered
	case procedure.OfSuperior:
		if up, ok := l.d.Units.Superior(unit); ok {
			unit = up
		}
	case procedure.OfJoint:
		if len(l.c.Joint) == 0 {
			return nil
		}
		unit = l.c.Joint[0]
	}
	return w.desks[unit]
}

// wait puts a case in line for an act: in that of every role that may do it. Whoever is free first takes it.
func (w *world) wait(l *life, a *procedure.Act) {
	d := w.deskOf(l, a)
	l.act, l.desk = a, d
	l.turn++
	by := l.c.Opened.UnixNano()
	if k, ok := l.c.Due(); ok && w.policy == DueFirst {
		by = k.Due.UnixNano()
	}
	w.order++
	for _, p := range d.pools {
		if slices.Contains(a.By, p.role) {
			p.lines.push(turn{by, w.order, l, l.turn})
		}
	}
	d.waiting++
	w.dispatch(d)
	if d.waiting > d.longest && !w.now.Before(w.count) {
		d.longest = d.waiting
	}
}

// dispatch gives waiting work to whoever is free, if the office is open.
func (w *world) dispatch(d *desk) {
	if d == nil || d.waiting == 0 || !slices.ContainsFunc(d.pools, (*pool).idle) {
		return
	}
	if !w.office.open(w.now) {
		if d.wake.IsZero() {
			d.wake = w.office.cal.NextOpen(w.now)
			w.wakes++
			w.expect(happening{at: d.wake, kind: "open", desk: d})
		}
		return
	}
	for _, p := range d.pools {
		w.serve(d, p)
	}
}

func (w *world) serve(d *desk, p *pool) {
	var aside []turn
	for p.idle() {
		t, ok := p.lines.pop()
		if !ok {
			break
		}
		if t.life.turn != t.turn || t.life.pool != nil {
			continue // somebody else took it, or it moved on
		}
		who, ok := p.fitting(t.life, w.now)
		if !ok {
			aside = append(aside, t)
			continue
		}
		w.begin(d, p, t.life, who)
	}
	for _, t := range aside {
		p.lines.push(t)
	}
}

func (w *world) begin(d *desk, p *pool, l *life, who int) {
	if who == len(p.away) {
		p.away = append(p.away, false)
		p.free++
	}
	p.away[who] = true
	p.free--
	d.waiting--
	w.serving++
	l.pool, l.person, l.began = p, who, w.now
	l.turn++
	s := l.service[l.act.ID]
	minutes := s.spread.wait(s.minutes, l.draw(purpose("serve", l.act.ID)))
	w.expect(happening{at: w.office.after(w.now, minutes), kind: "done", life: l, turn: l.turn})
}

// done is the end of a piece of work: the act itself.
func (w *world) done(l *life) error {
	a, d, who := l.act, l.desk, l.pool.person(l.person)
	w.release(l)
	cmd := casework.Command{Case: l.c.ID, Version: casework.AnyVersion, Act: a.ID, Fields: w.about(l, a, who, w.fill(l, a.ID, a.Fields, who.ID()))}
	refusal, err := w.apply(l, cmd, who)
	if err != nil {
		return err
	}
	if refusal != nil {
		l.refused = append(l.refused, a.ID)
		w.tally.refused[a.ID+" "+refusal.Rule]++
		w.choose(l)
	}
	w.dispatch(d)
	return nil
}

func (p *pool) idle() bool { return p.free > 0 || len(p.away) < p.n }

// fitting finds somebody who is free and may do what the case waits for.
func (p *pool) fitting(l *life, now time.Time) (int, bool) {
	for i := range min(len(p.away)+1, p.n) {
		if i < len(p.away) && p.away[i] {
			continue
		}
		if casework.CanAct(l.d, l.c, l.act, p.person(i), now) {
			return i, true
		}
	}
	return 0, false
}

// person acts for the pool. The name is a number that no output shows.
func (p *pool) person(i int) authz.Actor {
	for len(p.names) <= i {
		name := fmt.Sprintf("%s/%s/%d", p.unit, p.role, len(p.names))
		p.names = append(p.names, authz.Staff(name, []authz.Grant{{Role: authz.Role(p.role), Unit: p.unit}}))
	}
	return p.names[i]
}

// about names the first member an act fits, where whoever does it has to name one.
func (w *world) about(l *life, a *procedure.Act, who authz.Actor, fields map[string]string) map[string]string {
	list := casework.Choices(l.d, l.c, a, who, w.now)
	if len(list) == 0 {
		return fields
	}
	if fields == nil {
		fields = map[string]string{}
	}
	fields[procedure.FieldMember] = list[0].ID
	return fields
}

// fill answers a form: what the scenario says, else the plainest answer that can stand.
func (w *world) fill(l *life, act string, fields []form.Field, who string) map[string]string {
	if len(fields) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, f := range fields {
		if given := l.values[act+" "+f.Name]; len(given) > 0 {
			weights := make([]float64, len(given))
			for i, v := range given {
				weights[i] = v.weight
			}
			if i := pick(weights, l.draw(purpose("field", act, f.Name))); i >= 0 {
				out[f.Name] = w.dated(f, given[i].text)
			}
			continue
		}
		if f.Required || f.When != nil {
			out[f.Name] = w.plain(l, act, f, who)
		}
	}
	return out
}

// dated turns "+10" in a date field into the day ten days from now.
func (w *world) dated(f form.Field, text string) string {
	if n, err := strconv.Atoi(text); f.Kind == form.Date && err == nil {
		return (w.office.cal.DayAt(w.now) + worktime.Day(n)).String()
	}
	return text
}

func (w *world) plain(l *life, act string, f form.Field, who string) string {
	one := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return list[int(share(l.draw(purpose("field", act, f.Name)))*float64(len(list)))]
	}
	switch f.Kind {
	case form.Choice:
		return one(f.Options)
	case form.Outcome:
		var ids []string
		for _, o := range l.d.Outcomes {
			ids = append(ids, o.ID)
		}
		return one(ids)
	case form.Number:
		return fmt.Sprint(max(f.Min, 1))
	case form.Date:
		return w.office.cal.DayAt(w.now).String()
	case form.Yes:
		return "yes"
	case form.Unit:
		return one(w.beside(l.c.Holder))
	case form.Officer:
		return who
	}
	return strings.Repeat("0", max(f.Min, 8))
}

// beside lists the working units under the same superior in which somebody has a role that people of this
// unit have, else the superior: a matter is not offered to an office of another kind.
func (w *world) beside(unit org.UnitID) (out []string) {
	up, ok := w.p.Units.Superior(unit)
	if !ok {
		up = unit
	}
	for _, id := range w.p.Units.Children(up) {
		if id != unit && alike(w.desks[unit], w.desks[id]) {
			out = append(out, string(id))
		}
	}
	if len(out) == 0 && up != unit {
		out = []string{string(up)}
	}
	return out
}

// alike reports two desks with a role in common.
func alike(a, b *desk) bool {
	if a == nil || b == nil {
		return false
	}
	return slices.ContainsFunc(a.pools, func(p *pool) bool {
		return slices.ContainsFunc(b.pools, func(q *pool) bool { return q.role == p.role && p.n > 0 && q.n > 0 }) // roles nobody plays join nothing
	})
}

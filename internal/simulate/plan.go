package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// plan is a scenario with the changes of one variant, laid out so that a run only looks things up. It is
// read by many runs at once and never written.
type plan struct {
	p      *pack.Pack
	s      *Scenario
	office hours
	policy Policy
	start  time.Time // first instant of the scenario
	stop   time.Time // last instant of arrivals
	count  time.Time // cases that arrive before are played and not counted

	streams []stream
	people  []pool          // how many work where, by unit and role
	ways    map[string]*way // procedure → how it is worked
}

// stream is one source of arrivals.
type stream struct {
	key      uint64
	category string
	at       org.UnitID
	gap      float64 // minutes between two, on average
	always   bool    // day and night
}

// way is how one procedure is worked.
type way struct {
	d         *procedure.Definition
	service   map[string]service
	next      map[string][]option
	delays    map[string]float64 // state → hours before staff can go on, on average
	linked    bool               // no category leads here: its cases are opened by others
	residents []habit
	values    map[string][]value // act and field → answers
	resident  map[string]bool    // clocks that bind the resident: their end is nobody's lateness
}

type service struct {
	minutes float64
	spread  Spread
}

type option struct {
	act    *procedure.Act
	weight float64
}

// habit is what residents may do once an act becomes possible to them.
type habit struct {
	act    *procedure.Act
	key    uint64
	chance float64
	hours  float64
	spread Spread
}

type value struct {
	text   string
	weight float64
}

// plan lays the scenario out with some changes.
func (s *Scenario) plan(p *pack.Pack, changes []Change) (*plan, error) {
	pl := &plan{p: p, s: s, office: newHours(s.cal, s.from), policy: s.policy, ways: map[string]*way{},
		start: s.cal.InstantAt(s.from, 0, 0, 0, 0), stop: s.cal.InstantAt(s.to+1, 0, 0, 0, 0), count: s.cal.InstantAt(s.count, 0, 0, 0, 0)}
	pl.addStreams()
	pl.addPeople()
	for id, d := range p.Procedures {
		pl.ways[id] = newWay(s, d)
	}
	for _, c := range changes {
		if err := pl.change(c); err != nil {
			return nil, err
		}
	}
	return pl, nil
}

// change makes one change of a variant.
func (pl *plan) change(c Change) error {
	switch c.kind {
	case "policy":
		pl.policy = c.to
	case "arrivals":
		if len(pl.s.replayed) > 0 {
			return fmt.Errorf("%q: arrivals from a file are what happened; only drawn ones can be made more", c.Text)
		}
		for i := range pl.streams {
			pl.streams[i].gap /= c.times
		}
	case "service":
		found := false
		for _, w := range pl.ways {
			if v, ok := w.service[c.act]; ok {
				v.minutes *= c.times
				w.service[c.act], found = v, true
			}
		}
		if !found {
			return fmt.Errorf("%q: no act %q is done by staff", c.Text, c.act)
		}
	case "staff":
		return pl.more(c)
	}
	return nil
}

func (pl *plan) more(c Change) error {
	u, ok := pl.p.Units.Unit(org.UnitID(c.unit))
	if !ok {
		return fmt.Errorf("%q: unit %q is not in the pack", c.Text, c.unit)
	}
	if !slices.Contains(u.Roles, c.role) {
		return fmt.Errorf("%q: nobody at %s is %s; the roles there are %s", c.Text, c.unit, c.role, strings.Join(u.Roles, ", "))
	}
	for i := range pl.people {
		if x := &pl.people[i]; x.unit == u.ID && x.role == c.role {
			if x.n += c.n; x.n < 0 {
				return fmt.Errorf("%q: that leaves fewer than nobody", c.Text)
			}
			return nil
		}
	}
	return fmt.Errorf("%q: unit %q has no such people", c.Text, c.unit)
}

func (pl *plan) addStreams() {
	for i, a := range pl.s.arrivals {
		if a.File != "" {
			continue
		}
		d := pl.p.ProcedureFor(a.Category)
		if d == nil {
			continue // Read has said so
		}
		gap := pl.office.day() / a.PerDay
		if a.Hours == "any" {
			gap = 24 * 60 / a.PerDay
		}
		for _, id := range pl.p.Units.All() {
			u, _ := pl.p.Units.Unit(id)
			if string(id) == a.At || a.Each != "" && u.Level.String() == a.Each {
				pl.streams = append(pl.streams, stream{key: purpose("arrival", a.Category, string(id), fmt.Sprint(i)),
					category: a.Category, at: id, gap: gap, always: a.Hours == "any"})
			}
		}
	}
}

// addPeople counts who works where. A line that names a unit goes before one that means its level.
func (pl *plan) addPeople() {
	for _, id := range pl.p.Units.All() {
		u, _ := pl.p.Units.Unit(id)
		for _, role := range u.Roles {
			n := 0
			for _, s := range pl.s.staff {
				if s.Role == role && s.Each == u.Level.String() {
					n = s.N
				}
			}
			for _, s := range pl.s.staff {
				if s.Role == role && s.Unit == string(id) {
					n = s.N
				}
			}
			pl.people = append(pl.people, pool{unit: id, role: role, n: n})
		}
	}
}

func newWay(s *Scenario, d *procedure.Definition) *way {
	w := &way{d: d, service: map[string]service{}, next: map[string][]option{}, delays: map[string]float64{}, linked: len(d.Categories) == 0, values: map[string][]value{}, resident: map[string]bool{}}
	for i := range d.Acts {
		a := &d.Acts[i]
		if byStaff(a) {
			w.service[a.ID] = serviceOf(s, d, a.ID)
		}
		if !byResident(a) {
			continue
		}
		for _, x := range s.residents {
			if x.Act == a.ID && fits(x.Procedure, d) {
				w.residents = append(w.residents, habit{a, purpose("resident", a.ID), x.Chance, x.Hours, Spread(x.Spread)})
			}
		}
	}
	for _, n := range s.next {
		if !fits(n.Procedure, d) {
			continue
		}
		if n.Hours > 0 {
			w.delays[n.State] = n.Hours
		}
		for _, id := range slices.Sorted(maps.Keys(n.Acts)) {
			if a, ok := d.Act(id); ok {
				w.next[n.State] = append(w.next[n.State], option{a, n.Acts[id]})
			}
		}
	}
	for _, f := range s.fields {
		if !fits(f.Procedure, d) {
			continue
		}
		for _, v := range slices.Sorted(maps.Keys(f.Values)) {
			w.values[f.Act+" "+f.Field] = append(w.values[f.Act+" "+f.Field], value{v, f.Values[v]})
		}
	}
	for _, st := range d.States {
		if _, ok := w.next[st.ID]; !ok && (st.Owner == procedure.OwnerHolder || st.Owner == procedure.OwnerOffered) {
			w.next[st.ID] = usual(d, st.ID)
		}
	}
	for i := range d.Clocks {
		w.resident[d.Clocks[i].ID] = bindsResident(d, &d.Clocks[i])
	}
	return w
}

// serviceOf finds the line for an act; the nearest one counts: act and procedure, act, procedure, any.
func serviceOf(s *Scenario, d *procedure.Definition, act string) service {
	best, rank := service{}, -1
	for _, x := range s.service {
		if !fits(x.Procedure, d) || x.Act != act && x.Act != "*" {
			continue
		}
		r := 0
		if x.Act == act {
			r += 2
		}
		if x.Procedure != "" {
			r++
		}
		if r > rank {
			best, rank = service{x.Minutes, Spread(x.Spread)}, r
		}
	}
	return best
}

// usual is what staff do in a state for which the scenario has no weights: the usual next step, else
// anything they may do there, all equally likely.
func usual(d *procedure.Definition, state string) []option {
	var prime, rest []option
	for i := range d.Acts {
		a := &d.Acts[i]
		if !byStaff(a) || !slices.Contains(a.From, state) {
			continue
		}
		if a.Prime {
			prime = append(prime, option{a, 1})
		}
		rest = append(rest, option{a, 1})
	}
	if len(prime) > 0 {
		return prime
	}
	return rest
}

// bindsResident reports a clock that says so, or that runs only while the resident may act: that it runs out
// is lawful.
func bindsResident(d *procedure.Definition, c *procedure.Clock) bool {
	a, ok := d.Act(c.Expire)
	switch {
	case c.Binds == procedure.ByResident || c.TimeBar:
		return true
	case !ok || c.Promise || c.Binds != "":
		return false
	}
	return !slices.ContainsFunc(a.From, func(id string) bool {
		st, _ := d.State(id)
		return st == nil || st.Owner != procedure.OwnerResident
	})
}

// arrival is a matter with the key of its draws.
type arrival struct {
	matter
	key uint64
}

// matters draws the arrivals of one run, in order.
func (pl *plan) matters(seed uint64) []arrival {
	var out []arrival
	for _, st := range pl.streams {
		key, at := mix(seed, st.key), pl.start
		for n := uint64(0); ; n++ {
			gap := Exponential.wait(st.gap, mix(key, n))
			if st.always {
				at = at.Add(time.Duration(gap * float64(time.Minute)))
			} else {
				at = pl.office.after(at, gap)
			}
			if !at.Before(pl.stop) {
				break
			}
			out = append(out, arrival{matter{at, st.category, st.at}, mix(key^1, n)})
		}
	}
	for i, x := range pl.s.replayed {
		if !x.at.Before(pl.start) && x.at.Before(pl.stop) {
			out = append(out, arrival{x, mix(mix(seed, purpose("replayed")), uint64(i))})
		}
	}
	slices.SortStableFunc(out, func(a, b arrival) int { return a.at.Compare(b.at) })
	return out
}

// end is the last instant of a run; zero when it ends by itself.
func (pl *plan) end() time.Time {
	if pl.s.until == worktime.Day(0) {
		return time.Time{}
	}
	return pl.s.cal.InstantAt(pl.s.until+1, 0, 0, 0, 0)
}

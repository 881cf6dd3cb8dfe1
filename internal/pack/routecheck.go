package pack

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"comity/internal/org"
	"comity/internal/worktime"
)

// For each category the rules that can be about it are played against every kind of place, every
// combination of answers and every kind of hour. Many places are alike to the rules, so what is played is
// not the places but which rules each of them fits: a set of bits for each. A rule is met when for some
// place, answers and hour it is the first of those that fit.

const (
	maxRules      = 64      // for one category
	maxAnswerSets = 1 << 14 // combinations of answers
)

// checkRoutes refuses rules that can never be met, and categories that some matter falls through.
func (l *loader) checkRoutes() {
	if l.bad.n > 0 || l.kept {
		return // what is wrong already would be told twice
	}
	met := map[int]bool{}
	for _, c := range l.p.Categories {
		var rules []int
		for i, r := range l.p.Routes {
			if slices.ContainsFunc(l.p.concerned(r), func(x Category) bool { return x.ID == c.ID }) {
				rules = append(rules, i)
			}
		}
		if len(rules) == 0 {
			continue
		}
		if len(rules) > maxRules {
			l.bad.on(l.routeMarks[rules[maxRules]], "category %q has more than %d routes; put areas into zones", c.ID, maxRules)
			return
		}
		play := routePlay{p: l.p, c: c, rules: rules, first: map[int]bool{}}
		hole, ok := play.run()
		if !ok {
			l.bad.on(l.routeMarks[rules[0]], "category %q: its routes look at more than %d combinations of answers", c.ID, maxAnswerSets)
			return
		}
		if hole != "" && !c.Routed {
			l.bad.on(l.routeMarks[rules[len(rules)-1]], "category %q has no route of its own, and none of its rules fits %s; add a last rule without conditions", c.ID, hole)
		}
		maps.Copy(met, play.first)
	}
	for i, r := range l.p.Routes {
		if !met[i] {
			l.bad.on(l.routeMarks[i], "route %q can never be met: the rules before it take every matter it fits", r.ID)
		}
	}
}

// routePlay is one category's game.
type routePlay struct {
	p     *Pack
	c     Category
	rules []int // of Pack.Routes
	first map[int]bool
}

// kind is a kind of place, answers or hour: the rules it fits, and an example in words.
type kind struct {
	fits uint64
	name string
}

// run notes which rules are ever first, and names a matter that none fits. ok is false where there is too
// much to play.
func (g *routePlay) run() (hole string, ok bool) {
	answers, ok := g.answers()
	if !ok {
		return "", false
	}
	hours := g.hours()
	for _, at := range g.places() {
		for _, a := range answers {
			for _, h := range hours {
				fits := at.fits & a.fits & h.fits
				if fits == 0 {
					if hole == "" {
						hole = strings.Join(slices.DeleteFunc([]string{at.name, a.name, h.name}, func(s string) bool { return s == "" }), ", ")
					}
					continue
				}
				g.first[g.rules[bits.TrailingZeros64(fits)]] = true
			}
		}
	}
	return hole, true
}

// kinds keeps one of those that fit the same rules.
func kinds(all []kind) []kind {
	var out []kind
	for _, k := range all {
		if !slices.ContainsFunc(out, func(o kind) bool { return o.fits == k.fits }) {
			out = append(out, k)
		}
	}
	return out
}

// each makes a set of the rules for which a condition holds.
func (g *routePlay) each(holds func(r *RouteRule) bool) (fits uint64) {
	for bit, i := range g.rules {
		if holds(&g.p.Routes[i]) {
			fits |= 1 << bit
		}
	}
	return fits
}

// places are the units, each inside and outside of the zones that are drawn: whether such a zone and a unit
// have ground in common is not asked, so a rule is called unreachable only if it is.
func (g *routePlay) places() []kind {
	drawn := []string{}
	for _, i := range g.rules {
		for _, id := range g.p.Routes[i].In {
			if z, ok := g.p.zone(id); ok && len(z.Units) == 0 && !slices.Contains(drawn, id) {
				drawn = append(drawn, id)
			}
		}
	}
	drawn = drawn[:min(len(drawn), 10)]
	var all []kind
	for set := range 1 << len(drawn) {
		for _, at := range g.p.Units.All() {
			in := func(id string) bool {
				if k := slices.Index(drawn, id); k >= 0 {
					return set&(1<<k) != 0
				}
				return g.p.lies(id, Matter{At: at})
			}
			all = append(all, kind{fits: g.each(func(r *RouteRule) bool { return len(r.In) == 0 || slices.ContainsFunc(r.In, in) }), name: fmt.Sprintf("a place in %q", at)})
		}
	}
	return kinds(all)
}

// answers are the combinations of what the rules look at, and something else for each.
func (g *routePlay) answers() ([]kind, bool) {
	values := map[string][]string{}
	for _, i := range g.rules {
		for name := range g.p.Routes[i].Answers {
			f, _ := asked(g.p.Procedures[g.c.Procedure], name)
			if values[name] = []string{"yes"}; len(f.Options) > 0 {
				values[name] = slices.Clone(f.Options)
			}
			if !f.Required || f.When != nil {
				values[name] = append(values[name], "")
			}
		}
	}
	all := []map[string]string{{}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		var next []map[string]string
		for _, m := range all {
			for _, v := range values[name] {
				n := maps.Clone(m)
				n[name] = v
				next = append(next, n)
			}
		}
		if all = next; len(all) > maxAnswerSets {
			return nil, false
		}
	}
	var out []kind
	for _, given := range all {
		fits := g.each(func(r *RouteRule) bool {
			for name, want := range r.Answers {
				if !slices.Contains(want, given[name]) {
					return false
				}
			}
			return true
		})
		name := ""
		for _, field := range slices.Sorted(maps.Keys(given)) {
			name += fmt.Sprintf("%s=%q ", field, given[field])
		}
		out = append(out, kind{fits: fits, name: strings.TrimSpace(name)})
	}
	return kinds(out), true
}

// hours are the days of the week, cut where a rule or the office begins or ends, worked and not worked.
func (g *routePlay) hours() []kind {
	cal := g.p.calendarOf(g.c)
	if cal == nil {
		cal = &worktime.Calendar{Closes: 1440}
	}
	cuts := []int{0, cal.Opens, cal.Closes}
	timed := false
	for _, i := range g.rules {
		if h := g.p.Routes[i].Hours; h != nil {
			cuts, timed = append(cuts, h.From, h.To), true
		}
	}
	if !timed {
		return []kind{{fits: g.each(func(*RouteRule) bool { return true })}}
	}
	slices.Sort(cuts)
	var all []kind
	for day := range 7 {
		for _, minute := range slices.Compact(cuts) {
			for _, worked := range []bool{true, false} {
				if minute >= 1440 || worked && (minute < cal.Opens || minute >= cal.Closes) {
					continue
				}
				fits := g.each(func(r *RouteRule) bool { return r.Hours == nil || r.Hours.holds(day, minute, worked) })
				all = append(all, kind{fits: fits, name: fmt.Sprintf("%s %02d:%02d", dayNames[day], minute/60, minute%60)})
			}
		}
	}
	return kinds(all)
}

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Far lists the categories that are received far from where they lie: their department is not on the way
// up, so the nearest working unit above receives them. It is said when a pack is checked.
func (p *Pack) Far() []Far {
	var out []Far
	for _, c := range p.Categories {
		if c.Route.Dept == "" {
			continue
		}
		f := Far{Category: c.ID, Dept: c.Route.Dept}
		for _, at := range p.Units.All() {
			if u, _ := p.Units.Unit(at); u.Dept != "" || len(p.Units.Children(at)) > 0 && u.Level < org.Street {
				continue
			}
			if _, ok := p.Units.Nearest(at, c.Route.Dept); !ok {
				f.Places = append(f.Places, at)
			}
		}
		if len(f.Places) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// Far is one such category.
type Far struct {
	Category string       `json:"category"`
	Dept     string       `json:"dept"`
	Places   []org.UnitID `json:"places"`
}

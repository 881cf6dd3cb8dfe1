package pack

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/place"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Routing is a list of rules in routes.yaml, asked in order: the first that fits a matter says who receives
// it. Where none fits, the category's own route does; a category without one needs a last rule that fits
// always. routecheck.go finds rules that can never be met, and matters no rule is for.

// RouteRule is conditions that must all hold, and where the matter goes then.
type RouteRule struct {
	ID         string
	Categories []string // none: all
	In         []string // units and zones, in one of which it lies; none: anywhere
	Answers    map[string][]string
	Hours      *Hours // nil: at any time
	To         Target
}

// Target is who receives a matter, and as what.
type Target struct {
	Unit     org.UnitID // this unit; empty: by Route
	Route    Route
	Category string // dealt with as this category, and so by its procedure; empty: as it was filed
}

// Hours is a time of the week. From before To is within one day; To before From goes over midnight, and
// each instant counts to the day it lies in.
type Hours struct {
	Working  string // "yes" or "no": within or outside the working time of the calendar; empty: either
	Days     [7]bool
	From, To int // minutes of the day; both 0: all day
}

// Matter is what rules look at.
type Matter struct {
	Category string
	At       org.UnitID   // the lowest unit known to hold the place
	Point    *place.Point // if it is known
	Answers  map[string]string
	Now      time.Time
}

// Routed is where a matter goes.
type Routed struct {
	Unit     org.UnitID
	Category string
	Rule     string // that said so; empty: the category's own route
}

// errNoTime is a mistake of ours: a rule by the hour must not be passed over silently.
var errNoTime = errors.New("a rule of routing asks for the time of day, and the caller gave none")

// Route says who receives a matter. It is pure.
func (p *Pack) Route(m Matter) (Routed, error) {
	c, _ := p.Category(m.Category)
	for i := range p.Routes {
		r := &p.Routes[i]
		fits, err := p.fits(r, c, m)
		if err != nil {
			return Routed{}, fmt.Errorf("route %q: %w", r.ID, err)
		}
		if fits {
			out := p.reach(r.To, c, m.At)
			out.Rule = r.ID
			return out, nil
		}
	}
	return Routed{Unit: p.routeBy(c.Route, m.At), Category: m.Category}, nil
}

// Ruled is where a rule sends matters of a category at a place; false for an unknown rule.
func (p *Pack) Ruled(rule, category string, at org.UnitID) (Routed, bool) {
	i := slices.IndexFunc(p.Routes, func(r RouteRule) bool { return r.ID == rule })
	if i < 0 {
		return Routed{}, false
	}
	c, _ := p.Category(category)
	out := p.reach(p.Routes[i].To, c, at)
	out.Rule = rule
	return out, true
}

func (p *Pack) reach(to Target, c Category, at org.UnitID) Routed {
	if to.Category != "" {
		c, _ = p.Category(to.Category)
	}
	out := Routed{Unit: to.Unit, Category: c.ID}
	switch {
	case to.Unit != "":
	case to.Route != Route{}:
		out.Unit = p.routeBy(to.Route, at)
	default:
		out.Unit = p.routeBy(c.Route, at)
	}
	return out
}

func (p *Pack) fits(r *RouteRule, c Category, m Matter) (bool, error) {
	if len(r.Categories) > 0 && !slices.Contains(r.Categories, c.ID) {
		return false, nil
	}
	if len(r.In) > 0 && !slices.ContainsFunc(r.In, func(id string) bool { return p.lies(id, m) }) {
		return false, nil
	}
	for field, values := range r.Answers {
		if !slices.Contains(values, m.Answers[field]) {
			return false, nil
		}
	}
	if r.Hours == nil {
		return true, nil
	}
	if m.Now.IsZero() {
		return false, errNoTime
	}
	return r.Hours.hold(p.calendarOf(c), m.Now.In(p.Zone)), nil
}

func (p *Pack) calendarOf(c Category) *worktime.Calendar {
	if d := p.Procedures[c.Procedure]; d != nil {
		return d.Calendar
	}
	return nil
}

// lies says whether a matter lies in a unit or zone.
func (p *Pack) lies(id string, m Matter) bool {
	z, ok := p.zone(id)
	switch {
	case !ok:
		return p.Units.Under(org.UnitID(id), m.At)
	case len(z.Units) > 0:
		return slices.ContainsFunc(z.Units, func(u org.UnitID) bool { return p.Units.Under(u, m.At) })
	}
	return m.Point != nil && z.Area.Contains(*m.Point)
}

func (p *Pack) zone(id string) (Zone, bool) {
	i := slices.IndexFunc(p.Zones, func(z Zone) bool { return z.ID == id })
	if i < 0 {
		return Zone{}, false
	}
	return p.Zones[i], true
}

// hold says whether an instant, in the zone of the pack, lies in the hours.
func (h *Hours) hold(cal *worktime.Calendar, t time.Time) bool {
	minute := t.Hour()*60 + t.Minute()
	if !h.day(t.Weekday()) || !h.minute(minute) {
		return false
	}
	works := cal != nil && cal.Working(cal.DayAt(t)) && minute >= cal.Opens && minute < cal.Closes
	return h.worked(works)
}

// holds is hold for a kind of instant.
func (h *Hours) holds(day, minute int, worked bool) bool {
	return h.day(time.Weekday(day)) && h.minute(minute) && h.worked(worked)
}

func (h *Hours) worked(works bool) bool { return h.Working == "" || works == (h.Working == yes) }

const yes = "yes" // what a tick answers, and working time

func (h *Hours) day(d time.Weekday) bool { return h.Days == [7]bool{} || h.Days[d] }

func (h *Hours) minute(m int) bool {
	switch {
	case h.From == h.To:
		return true
	case h.From < h.To:
		return m >= h.From && m < h.To
	}
	return m >= h.From || m < h.To
}

// routes reads routes.yaml, when procedures and their questions are known.
func (l *loader) routes() {
	var f routesFile
	if !l.hasFile("routes.yaml") || !readYAML(l.fsys, "routes.yaml", &f, &l.bad) {
		return
	}
	seen := map[string]bool{}
	for _, y := range f.Routes {
		if !l.id(y.Mark, "route", y.ID) {
			continue
		}
		if seen[y.ID] {
			l.bad.on(y.Mark, "route %q is listed twice", y.ID)
		}
		seen[y.ID] = true
		r := RouteRule{ID: y.ID, Categories: l.routeCategories(y), In: y.In, Answers: y.Answers, Hours: l.hours(y.Time)}
		for _, id := range y.In {
			if _, zone := l.p.zone(id); !zone && !l.isUnit(id) {
				l.bad.on(y.Mark.of("in"), "route %q: %q is neither a unit nor a zone of areas.yaml", y.ID, id)
			}
		}
		l.routeAnswers(y, r)
		r.To = l.target(y, r)
		l.say(y.Mark, "route."+y.ID+".why", y.Why, true)
		l.p.Routes = append(l.p.Routes, r)
		l.routeMarks = append(l.routeMarks, y.Mark)
	}
	l.checkRoutes()
}

func (l *loader) isUnit(id string) bool { _, ok := l.p.Units.Unit(org.UnitID(id)); return ok }

// routeCategories are the categories a rule names, and those of the groups it names.
func (l *loader) routeCategories(y routeRuleYAML) []string {
	out := slices.Clone(y.Categories)
	for _, id := range y.Categories {
		if _, ok := l.p.Category(id); !ok {
			l.bad.on(y.Mark.of("categories"), "route %q: category %q is not listed in categories.yaml", y.ID, id)
		}
	}
	for _, g := range y.Groups {
		n := len(out)
		for _, c := range l.p.Categories {
			if c.Group == g {
				out = append(out, c.ID)
			}
		}
		if len(out) == n {
			l.bad.on(y.Mark.of("groups"), "route %q: no category is of group %q", y.ID, g)
		}
	}
	return out
}

// concerned are the categories a rule can be about.
func (p *Pack) concerned(r RouteRule) []Category {
	var out []Category
	for _, c := range p.Categories {
		if len(r.Categories) == 0 || slices.Contains(r.Categories, c.ID) {
			out = append(out, c)
		}
	}
	return out
}

// routeAnswers lets a rule look at choices and ticks alone: what people write in words is sealed, and no
// rule should hang on its spelling.
func (l *loader) routeAnswers(y routeRuleYAML, r RouteRule) {
	for name, values := range y.Answers {
		m := y.Mark.of("answers")
		if len(values) == 0 {
			l.bad.on(m, "route %q: answers to %q are missing", y.ID, name)
		}
		for _, c := range l.p.concerned(r) {
			f, ok := asked(l.p.Procedures[c.Procedure], name)
			switch {
			case !ok:
				l.bad.on(m, "route %q: %q is not asked when a matter of category %q is opened", y.ID, name, c.ID)
				return
			case f.Kind != form.Choice && f.Kind != form.Yes:
				l.bad.on(m, "route %q: %q is a %s; a route looks at choices and ticks", y.ID, name, f.Kind)
				return
			}
			for _, v := range values {
				if f.Kind == form.Choice && v != "" && !slices.Contains(f.Options, v) || f.Kind == form.Yes && v != "" && v != yes {
					l.bad.on(m, "route %q: %q is no answer to %q", y.ID, v, name)
					return
				}
			}
		}
	}
}

func asked(d *procedure.Definition, name string) (form.Field, bool) {
	if d == nil {
		return form.Field{}, false
	}
	i := slices.IndexFunc(d.Intake, func(f form.Field) bool { return f.Name == name })
	if i < 0 {
		return form.Field{}, false
	}
	return d.Intake[i], true
}

func (l *loader) hours(y routeTimeYAML) *Hours {
	if y.Working == "" && len(y.Days) == 0 && y.From == "" && y.To == "" {
		return nil
	}
	h := &Hours{Working: y.Working}
	if y.Working != "" && y.Working != yes && y.Working != "no" {
		l.bad.on(y.Mark.of("working"), "working is %q; use yes or no", y.Working)
	}
	for _, d := range y.Days {
		w, ok := weekdays[d]
		if !ok {
			l.bad.on(y.Mark.of("days"), "days: %q is not one of sun mon tue wed thu fri sat", d)
		}
		h.Days[w] = true
	}
	if (y.From == "") != (y.To == "") {
		l.bad.on(y.Mark, "from and to go together")
	} else if y.From != "" {
		h.From, h.To = l.minutes(y.Mark.of("from"), y.From), l.minutes(y.Mark.of("to"), y.To)
		if h.From == h.To {
			l.bad.on(y.Mark, "from and to are the same time; leave both out for the whole day")
		}
	}
	return h
}

// target reads where a rule leads, and refuses one that leads to nobody.
func (l *loader) target(y routeRuleYAML, r RouteRule) Target {
	to, m := y.To, y.To.Mark
	out := Target{Unit: org.UnitID(to.Unit), Route: Route{Dept: to.Dept}, Category: to.Category}
	given := 0
	for _, s := range []string{to.Unit, to.Dept, to.Level} {
		if s != "" {
			given++
		}
	}
	if given > 1 || given == 0 && to.Category == "" {
		l.bad.on(m, "route %q: to needs one of unit, dept and level, or a category", y.ID)
	}
	if to.Unit != "" {
		if u, ok := l.p.Units.Unit(out.Unit); !ok || len(u.Roles) == 0 {
			l.bad.on(m.of("unit"), "route %q: %q is not a unit with roles; nobody would receive the matter", y.ID, to.Unit)
		}
	}
	if to.Dept != "" && !l.hasDept(to.Dept) {
		l.bad.on(m.of("dept"), "route %q: no unit is department %q", y.ID, to.Dept)
	}
	if to.Level != "" {
		level, err := org.ParseLevel(to.Level)
		if err != nil {
			l.bad.on(m.of("level"), "route %q: %v", y.ID, err)
		}
		out.Route.Level = level
	}
	if to.Category != "" {
		l.recategorised(y, r, to.Category)
	}
	return out
}

// recategorised refuses a change of category by which answers would be lost, or asked for in vain, or
// people's matters would change the compartment without their knowing.
func (l *loader) recategorised(y routeRuleYAML, r RouteRule, category string) {
	m := y.To.Mark.of("category")
	c, ok := l.p.Category(category)
	b := l.p.Procedures[c.Procedure]
	if !ok || b == nil {
		l.bad.on(m, "route %q: category %q is not listed in categories.yaml", y.ID, category)
		return
	}
	for _, from := range l.p.concerned(r) {
		a := l.p.Procedures[from.Procedure]
		if a == nil || a == b {
			continue
		}
		if a.Compartment != b.Compartment {
			l.bad.on(m, "route %q: categories %q and %q belong to different compartments; use a referral", y.ID, from.ID, category)
			return
		}
		for _, f := range a.Intake {
			if g, ok := asked(b, f.Name); !ok || g.Kind != f.Kind || !slices.Equal(f.Options, g.Options) {
				l.bad.on(m, "route %q: %q is asked for category %q and not in the same way for %q; the answer would be lost", y.ID, f.Name, from.ID, category)
				return
			}
		}
		for _, g := range b.Intake {
			if _, ok := asked(a, g.Name); g.Required && !ok {
				l.bad.on(m, "route %q: category %q needs %q, which is not asked for %q", y.ID, category, g.Name, from.ID)
				return
			}
		}
	}
}

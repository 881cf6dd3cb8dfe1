package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Scenario is what is asked: when matters arrive, who works, how long things take. It is read by Read and
// fits the pack it was read for.
type Scenario struct {
	ID       string
	Name     map[string]string
	Seed     uint64
	Runs     int
	Variants []Variant

	from, to, count, until worktime.Day // until 0: until every case is answered, closed or late
	cal                    *worktime.Calendar
	policy                 Policy
	noContact              float64
	arrivals               []arrivalYAML
	replayed               []matter
	staff                  []staffYAML
	service                []serviceYAML
	next                   []nextYAML
	residents              []residentYAML
	fields                 []fieldYAML
}

// Policy says which waiting piece of work is taken first.
type Policy string

// The policies.
const (
	DueFirst Policy = "due"    // the earliest date any term of the case reaches
	Oldest   Policy = "oldest" // the case that was opened first
)

// Spread says how service times lie around their mean.
type Spread string

// The spreads.
const (
	Exponential Spread = "exponential"
	Fixed       Spread = "fixed"
)

// Variant is one what-if.
type Variant struct {
	Name    map[string]string
	Changes []Change
}

// Change is one thing a variant changes.
type Change struct {
	Text  string  // as it was written
	kind  string  // staff, arrivals, service, policy
	n     int     // staff: how many more
	role  string  // staff
	unit  string  // staff
	act   string  // service
	times float64 // arrivals, service
	to    Policy  // policy
}

// What authors write.
type scenarioYAML struct {
	Mark      pack.Mark         `yaml:"-"`
	ID        string            `yaml:"scenario"`
	Name      map[string]string `yaml:"name"`
	Seed      int               `yaml:"seed"`
	Runs      int               `yaml:"runs"`
	From      string            `yaml:"from"`
	To        string            `yaml:"to"`
	Count     string            `yaml:"count_from"`
	Until     string            `yaml:"until"`
	Calendar  string            `yaml:"calendar"`
	Policy    string            `yaml:"policy"`
	NoContact float64           `yaml:"no_contact"` // share of residents who leave no way to reach them
	Arrivals  []arrivalYAML     `yaml:"arrivals"`
	Staff     []staffYAML       `yaml:"staff"`
	Service   []serviceYAML     `yaml:"service"`
	Next      []nextYAML        `yaml:"next"`
	Residents []residentYAML    `yaml:"residents"`
	Fields    []fieldYAML       `yaml:"fields"`
	WhatIf    []variantYAML     `yaml:"what_if"`
}

type arrivalYAML struct {
	Mark     pack.Mark `yaml:"-"`
	Category string    `yaml:"category"`
	At       string    `yaml:"at"`      // where the matter is; the pack's route says who receives it
	Each     string    `yaml:"each"`    // or: in every unit of this level
	PerDay   float64   `yaml:"per_day"` // mean number per day
	Hours    string    `yaml:"hours"`   // office: while the office is open; any: day and night
	File     string    `yaml:"file"`    // or: a CSV with the columns at, category, unit
}

type staffYAML struct {
	Mark pack.Mark `yaml:"-"`
	Unit string    `yaml:"unit"`
	Each string    `yaml:"each"` // or: every unit of this level, unless a line names the unit
	Role string    `yaml:"role"`
	N    int       `yaml:"n"`
}

type serviceYAML struct {
	Mark      pack.Mark `yaml:"-"`
	Procedure string    `yaml:"procedure"`
	Act       string    `yaml:"act"` // "*": every act that has no line of its own
	Minutes   float64   `yaml:"minutes"`
	Spread    string    `yaml:"spread"`
}

type nextYAML struct {
	Mark      pack.Mark          `yaml:"-"`
	Procedure string             `yaml:"procedure"`
	State     string             `yaml:"state"`
	Hours     float64            `yaml:"after_hours"` // before staff can go on: a hearing, an answer from outside
	Acts      map[string]float64 `yaml:"acts"`
}

type residentYAML struct {
	Mark      pack.Mark `yaml:"-"`
	Procedure string    `yaml:"procedure"`
	Act       string    `yaml:"act"`
	Chance    float64   `yaml:"chance"`
	Hours     float64   `yaml:"after_hours"`
	Spread    string    `yaml:"spread"`
}

type fieldYAML struct {
	Mark      pack.Mark          `yaml:"-"`
	Procedure string             `yaml:"procedure"`
	Act       string             `yaml:"act"` // empty: the form with which a case is opened
	Field     string             `yaml:"field"`
	Values    map[string]float64 `yaml:"values"` // value → weight
}

type variantYAML struct {
	Mark    pack.Mark         `yaml:"-"`
	Name    map[string]string `yaml:"name"`
	Changes []string          `yaml:"changes"`
}

// matter is one arrival that was recorded instead of drawn.
type matter struct {
	at       time.Time
	category string
	unit     org.UnitID
}

// Read reads a scenario for a pack. Every mistake is named with its file and line.
func Read(fsys fs.FS, file string, p *pack.Pack) (*Scenario, error) {
	var y scenarioYAML
	if err := pack.ReadYAML(fsys, file, &y); err != nil {
		return nil, err
	}
	r := reader{p: p}
	s := r.scenario(y)
	for _, a := range y.Arrivals {
		if a.File != "" {
			s.replayed = append(s.replayed, r.replay(fsys, path.Join(path.Dir(file), a.File), a.Mark)...)
		}
	}
	if len(r.bad) > 0 {
		return nil, errors.Join(r.bad...)
	}
	if _, err := s.plan(p, nil); err != nil {
		return nil, err
	}
	for i, v := range s.Variants {
		if _, err := s.plan(p, v.Changes); err != nil {
			return nil, y.WhatIf[i].Mark.Errorf("%v", err)
		}
	}
	return s, nil
}

// reader checks what was written against the pack.
type reader struct {
	p   *pack.Pack
	bad []error
}

func (r *reader) fail(m pack.Mark, format string, args ...any) {
	r.bad = append(r.bad, m.Errorf(format, args...))
}

func (r *reader) scenario(y scenarioYAML) *Scenario {
	s := &Scenario{ID: y.ID, Name: y.Name, Seed: uint64(y.Seed), Runs: y.Runs, policy: Policy(cmp.Or(y.Policy, string(DueFirst))),
		noContact: y.NoContact, arrivals: y.Arrivals, staff: y.Staff, service: y.Service, next: y.Next, residents: y.Residents, fields: y.Fields}
	if s.ID == "" {
		r.fail(y.Mark, "scenario: give it a name, like street-office")
	}
	if s.Runs < 1 {
		r.fail(y.Mark, "runs: %d is too few; 20 give a useful range", s.Runs)
	}
	r.policy(y.Mark, s.policy)
	if y.NoContact < 0 || y.NoContact > 1 {
		r.fail(y.Mark, "no_contact: %v is not between 0 and 1", y.NoContact)
	}
	r.days(y, s)
	s.cal = r.calendar(y)
	if len(y.Arrivals) == 0 {
		r.fail(y.Mark, "arrivals: without any there is nothing to simulate")
	}
	for _, a := range y.Arrivals {
		r.arrival(a)
	}
	for i := range y.Staff {
		r.staff(y.Staff, i)
	}
	r.service(y)
	for _, n := range y.Next {
		r.next(n)
	}
	for _, x := range y.Residents {
		r.resident(x)
	}
	for _, f := range y.Fields {
		r.field(f)
	}
	for _, v := range y.WhatIf {
		s.Variants = append(s.Variants, r.variant(v))
	}
	return s
}

func (r *reader) days(y scenarioYAML, s *Scenario) {
	day := func(name, value string, otherwise worktime.Day) worktime.Day {
		if value == "" {
			return otherwise
		}
		d, err := worktime.ParseDay(value)
		if err != nil {
			r.fail(y.Mark, "%s: %v", name, err)
		}
		return d
	}
	s.from = day("from", cmp.Or(y.From, "?"), 0)
	s.to = day("to", cmp.Or(y.To, "?"), 0)
	s.count = day("count_from", y.Count, s.from)
	s.until = day("until", y.Until, 0)
	if s.to < s.from || s.count < s.from || s.count > s.to || s.until != 0 && s.until < s.to {
		r.fail(y.Mark, "dates must follow each other: from, count_from, to, until")
	}
	if s.until != 0 {
		return
	}
	for _, a := range y.Arrivals {
		if d := r.p.ProcedureFor(a.Category); d != nil {
			if _, ok := d.Promise(); !ok {
				r.fail(a.Mark, "until: say on which day to stop; procedure %s promises no date after which a case counts as late", d.ID)
				return
			}
		}
	}
}

func (r *reader) calendar(y scenarioYAML) *worktime.Calendar {
	if c, ok := r.p.Calendars[y.Calendar]; ok {
		return c
	}
	if y.Calendar != "" || len(r.p.Calendars) != 1 {
		r.fail(y.Mark, "calendar: %q is none of the pack's calendars; name the one whose office hours the staff keep", y.Calendar)
		return nil
	}
	for _, c := range r.p.Calendars {
		return c
	}
	return nil
}

func (r *reader) policy(m pack.Mark, p Policy) {
	if p != DueFirst && p != Oldest {
		r.fail(m, "policy: %q is not due or oldest", p)
	}
}

func (r *reader) spread(m pack.Mark, s string) {
	if s != "" && Spread(s) != Exponential && Spread(s) != Fixed {
		r.fail(m, "spread: %q is not exponential or fixed", s)
	}
}

// units lists where a line applies: one unit, or all of a level.
func (r *reader) where(m pack.Mark, unit, each string) {
	switch {
	case (unit == "") == (each == ""):
		r.fail(m, "name either one unit or each: a level")
	case each != "":
		if _, err := org.ParseLevel(each); err != nil {
			r.fail(m, "each: %v", err)
		}
	default:
		r.unit(m, unit)
	}
}

func (r *reader) unit(m pack.Mark, id string) {
	if _, ok := r.p.Units.Unit(org.UnitID(id)); !ok {
		r.fail(m, "unit %q is not in the pack", id)
	}
}

func (r *reader) arrival(a arrivalYAML) {
	if a.File != "" {
		if a.Category != "" || a.At != "" || a.Each != "" || a.PerDay != 0 {
			r.fail(a.Mark, "file: the file says what arrives where and when; leave the other names out")
		}
		return
	}
	if _, ok := r.p.Category(a.Category); !ok {
		r.fail(a.Mark, "category %q is not in the pack", a.Category)
	}
	r.where(a.Mark, a.At, a.Each)
	if a.PerDay <= 0 {
		r.fail(a.Mark, "per_day: say how many arrive in a day, on average")
	}
	if a.Hours != "" && a.Hours != "office" && a.Hours != "any" {
		r.fail(a.Mark, "hours: %q is not office or any", a.Hours)
	}
}

func (r *reader) staff(all []staffYAML, i int) {
	s := all[i]
	r.where(s.Mark, s.Unit, s.Each)
	if s.N < 0 {
		r.fail(s.Mark, "n: %d people are fewer than nobody", s.N)
	}
	known := slices.ContainsFunc(r.p.Units.All(), func(id org.UnitID) bool {
		u, _ := r.p.Units.Unit(id)
		return (s.Unit == "" || string(id) == s.Unit) && (s.Each == "" || u.Level.String() == s.Each) && slices.Contains(u.Roles, s.Role)
	})
	if !known {
		r.fail(s.Mark, "role %q is held by nobody there; units.yaml says which roles a unit has", s.Role)
	}
	for _, t := range all[:i] {
		if t.Unit == s.Unit && t.Each == s.Each && t.Role == s.Role {
			r.fail(s.Mark, "%s of %s stand here twice", s.Role, cmp.Or(s.Unit, s.Each))
		}
	}
}

// acts lists the acts of this name in the procedures a line means.
func (r *reader) procedures(m pack.Mark, id string) []*procedure.Definition {
	if id != "" {
		if d, ok := r.p.Procedures[id]; ok {
			return []*procedure.Definition{d}
		}
		r.fail(m, "procedure %q is not in the pack", id)
		return nil
	}
	var out []*procedure.Definition
	for _, d := range r.p.Procedures {
		out = append(out, d)
	}
	return out
}

func (r *reader) act(m pack.Mark, in, id string, fits func(*procedure.Definition, *procedure.Act) bool, want string) {
	list := r.procedures(m, in)
	ok := slices.ContainsFunc(list, func(d *procedure.Definition) bool {
		a, ok := d.Act(id)
		return ok && fits(d, a)
	})
	if !ok && len(list) > 0 {
		r.fail(m, "act %q is not %s", id, want)
	}
}

func (r *reader) service(y scenarioYAML) {
	for _, s := range y.Service {
		r.spread(s.Mark, s.Spread)
		if s.Minutes <= 0 {
			r.fail(s.Mark, "minutes: even the quickest act takes some time")
		}
		if s.Act != "*" {
			r.act(s.Mark, s.Procedure, s.Act, func(_ *procedure.Definition, a *procedure.Act) bool { return byStaff(a) }, "something staff do")
		}
	}
	if !slices.ContainsFunc(y.Service, func(s serviceYAML) bool { return s.Act == "*" && s.Procedure == "" }) {
		r.fail(y.Mark, `service: say how long an act takes that has no line of its own: {act: "*", minutes: …}`)
	}
}

func (r *reader) next(n nextYAML) {
	found := false
	for _, d := range r.procedures(n.Mark, n.Procedure) {
		_, ok := d.State(n.State)
		found = found || ok
	}
	if !found {
		r.fail(n.Mark, "state %q is not in the procedure", n.State)
		return
	}
	if n.Hours < 0 {
		r.fail(n.Mark, "after_hours: %v is before the case came there", n.Hours)
	}
	for id, weight := range n.Acts {
		if weight < 0 {
			r.fail(n.Mark, "%s: a weight is not below 0", id)
		}
		r.act(n.Mark, n.Procedure, id, func(_ *procedure.Definition, a *procedure.Act) bool {
			return byStaff(a) && slices.Contains(a.From, n.State)
		}, "something staff can do in state "+strconv.Quote(n.State))
	}
}

func (r *reader) resident(x residentYAML) {
	r.spread(x.Mark, x.Spread)
	if x.Chance < 0 || x.Chance > 1 {
		r.fail(x.Mark, "chance: %v is not between 0 and 1", x.Chance)
	}
	if x.Hours <= 0 {
		r.fail(x.Mark, "after_hours: say how long it takes, on average")
	}
	r.act(x.Mark, x.Procedure, x.Act, func(_ *procedure.Definition, a *procedure.Act) bool { return byResident(a) }, "something residents do")
}

func (r *reader) field(f fieldYAML) {
	has := func(list []form.Field) bool {
		return slices.ContainsFunc(list, func(x form.Field) bool { return x.Name == f.Field })
	}
	if !slices.ContainsFunc(r.procedures(f.Mark, f.Procedure), func(d *procedure.Definition) bool {
		if f.Act == "" {
			return has(d.Intake)
		}
		a, ok := d.Act(f.Act)
		return ok && has(a.Fields)
	}) {
		r.fail(f.Mark, "act %q has no field %q", f.Act, f.Field)
	}
}

func (r *reader) variant(v variantYAML) Variant {
	out := Variant{Name: v.Name}
	if len(v.Changes) == 0 {
		r.fail(v.Mark, "changes: say what is different, for example \"+2 clerk in UNIT\"")
	}
	for _, text := range v.Changes {
		c, err := ParseChange(text)
		if err != nil {
			r.fail(v.Mark, "%v", err)
		}
		out.Changes = append(out.Changes, c)
	}
	return out
}

var (
	staffChange    = regexp.MustCompile(`^([+-]\d+) (\S+) in (\S+)$`)
	arrivalsChange = regexp.MustCompile(`^arrivals \* (\d+(?:\.\d+)?)$`)
	serviceChange  = regexp.MustCompile(`^(\S+) takes \* (\d+(?:\.\d+)?)$`)
	policyChange   = regexp.MustCompile(`^policy (due|oldest)$`)
)

// ParseChange reads one change of a variant: "+2 clerk in guiyuan", "arrivals * 1.2", "answer takes * 0.8"
// or "policy oldest".
func ParseChange(text string) (Change, error) {
	c := Change{Text: text}
	factor := func(s string) (err error) {
		if c.times, err = strconv.ParseFloat(s, 64); err == nil && c.times <= 0 {
			err = fmt.Errorf("%q: the factor must be above 0", text)
		}
		return err
	}
	if m := staffChange.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		c.kind, c.n, c.role, c.unit = "staff", n, m[2], m[3]
		return c, err
	}
	if m := arrivalsChange.FindStringSubmatch(text); m != nil {
		c.kind = "arrivals"
		return c, factor(m[1])
	}
	if m := serviceChange.FindStringSubmatch(text); m != nil {
		c.kind, c.act = "service", m[1]
		return c, factor(m[2])
	}
	if m := policyChange.FindStringSubmatch(text); m != nil {
		c.kind, c.to = "policy", Policy(m[1])
		return c, nil
	}
	return c, fmt.Errorf("change %q is not understood; write \"+2 ROLE in UNIT\", \"arrivals * 1.2\", \"ACT takes * 0.8\" or \"policy oldest\"", text)
}

// MoreStaff reads the short form of the command line: clerk@guiyuan=2.
func MoreStaff(text string) (Change, error) {
	role, rest, ok := strings.Cut(text, "@")
	unit, n, ok2 := strings.Cut(rest, "=")
	more, err := strconv.Atoi(n)
	if !ok || !ok2 || err != nil || role == "" || unit == "" {
		return Change{}, fmt.Errorf("%q is not ROLE@UNIT=N, for example clerk@guiyuan=2", text)
	}
	return ParseChange(fmt.Sprintf("%+d %s in %s", more, role, unit))
}

func byStaff(a *procedure.Act) bool {
	return a.ByPeople() && slices.ContainsFunc(a.By, func(r string) bool { return !kernelRole(r) })
}

func byResident(a *procedure.Act) bool { return slices.Contains(a.By, procedure.ByResident) }

// kernelRole reports who acts without working for a unit.
func kernelRole(r string) bool {
	return r == procedure.ByResident || r == procedure.BySystem || r == procedure.ByParent || r == procedure.ByChild
}

// fits says whether a line that may name a procedure means this one.
func fits(line string, d *procedure.Definition) bool { return line == "" || line == d.ID }

// caseID is the number of a simulated case.
func caseID(n int) casework.CaseID { return casework.CaseID(strconv.Itoa(n + 1)) }

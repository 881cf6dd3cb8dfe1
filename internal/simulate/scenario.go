package simulate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
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
	return r == procedure.ByResident || r == procedure.BySystem || r == procedure.ByParent || r == procedure.ByChild || r == procedure.ByGroup
}

// fits says whether a line that may name a procedure means this one.
func fits(line string, d *procedure.Definition) bool { return line == "" || line == d.ID }

// caseID is the number of a simulated case.
func caseID(n int) casework.CaseID { return casework.CaseID(strconv.Itoa(n + 1)) }

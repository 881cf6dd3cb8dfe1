package pack

import (
	"regexp"
	"slices"
	"strings"

	"comity/internal/org"
	"comity/internal/procedure"
)

// OpenData is what a city publishes of its cases as figures: by month, area, category and outcome, with small
// counts hidden. A pack writes it in opendata.yaml. The words are the texts opendata.publisher and
// opendata.licence.
type OpenData struct {
	Least   int       // counts below are hidden
	Level   org.Level // of the areas
	From    string    // first month, such as 2026-01
	Wait    int       // whole months between the end of a month and its publication
	Licence string    // address of the licence
}

// Bounds of opendata.yaml.
const (
	fewestShown = 3
	mostShown   = 1000
	mostWait    = 24
	mostAreas   = 58
)

type openDataFile struct {
	Mark      mark   `yaml:"-"`
	Publisher words  `yaml:"publisher" doc:"Who publishes the figures."`
	Licence   words  `yaml:"licence" doc:"What may be done with them, in a sentence."`
	Address   string `yaml:"licence_url" doc:"Where the licence can be read."`
	Least     int    `yaml:"least" doc:"Counts below this number are hidden, and as many others as it takes that they cannot be reckoned; 3 to 1000."`
	Level     string `yaml:"level" enum:"level" doc:"Level of the units whose areas are told apart: district, street or community; at most 58 of them."`
	From      string `yaml:"from" doc:"First month that is published, such as 2026-01."`
	Wait      int    `yaml:"wait_months" doc:"Whole months between the end of a month and its publication. A month is published once and never again, so outcomes have to be there by then."`
}

var monthForm = regexp.MustCompile(`^2\d{3}-(0[1-9]|1[0-2])$`)

// openData reads opendata.yaml; a pack without it publishes no figures, and neither does a kept version.
func (l *loader) openData() {
	if l.kept || !l.has("opendata.yaml") {
		return
	}
	var f openDataFile
	if !readYAML(l.fsys, "opendata.yaml", &f, &l.bad) {
		return
	}
	if l.p.Abstract {
		l.bad.on(f.Mark, "a base has no units and publishes nothing; write opendata.yaml in the pack of a city")
		return
	}
	l.say(f.Mark.of("publisher"), "opendata.publisher", f.Publisher, true)
	l.say(f.Mark.of("licence"), "opendata.licence", f.Licence, true)
	o := &OpenData{Least: f.Least, From: f.From, Wait: f.Wait, Licence: f.Address}
	if f.Least < fewestShown || f.Least > mostShown {
		l.bad.on(f.Mark.of("least"), "least is %d; it is %d to %d", f.Least, fewestShown, mostShown)
	}
	if !monthForm.MatchString(f.From) {
		l.bad.on(f.Mark.of("from"), "from %q: write the first month, such as 2026-01", f.From)
	}
	if f.Wait < 0 || f.Wait > mostWait {
		l.bad.on(f.Mark.of("wait_months"), "wait_months is %d; it is 0 to %d", f.Wait, mostWait)
	}
	if f.Address != "" && !strings.HasPrefix(f.Address, "https://") {
		l.bad.on(f.Mark.of("licence_url"), "licence_url %q: give an address that begins with https://", f.Address)
	}
	o.Level = map[string]org.Level{"district": org.District, "street": org.Street, "community": org.Community}[f.Level]
	if o.Level == 0 {
		l.bad.on(f.Mark.of("level"), "level %q is not district, street or community", f.Level)
	} else if n := len(l.p.areasAt(o.Level)); n > mostAreas {
		l.bad.on(f.Mark.of("level"), "level %s has %d areas; with so many almost every count is small and hidden, and %d is the most: take the level above", f.Level, n, mostAreas)
	}
	l.p.OpenData = o
}

// areasAt are the general units of a level.
func (p *Pack) areasAt(level org.Level) (out []org.UnitID) {
	for _, id := range p.Units.All() {
		if u, _ := p.Units.Unit(id); u.Level == level && u.Dept == "" {
			out = append(out, id)
		}
	}
	return out
}

// Areas are the areas figures are told apart by, in the order of the units.
func (p *Pack) Areas() []org.UnitID { return p.areasAt(p.OpenData.Level) }

// AreaOf is the area a place lies in, or none where it is only known to be higher up.
func (p *Pack) AreaOf(unit org.UnitID) (org.UnitID, bool) {
	for _, id := range p.Units.Path(unit) {
		if u, _ := p.Units.Unit(id); u.Level == p.OpenData.Level && u.Dept == "" {
			return id, true
		}
	}
	return "", false
}

// Counted are the categories whose cases are counted: of civic procedures about places. Figures about people
// are left to their programmes.
func (p *Pack) Counted() (out []Category) {
	for _, c := range p.Categories {
		d := p.ProcedureFor(c.ID)
		if d != nil && d.Compartment == procedure.Civic && d.Heading == procedure.HeadingTitle {
			out = append(out, c)
		}
	}
	return slices.Clip(out)
}

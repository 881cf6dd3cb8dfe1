package pack

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"comity/internal/org"
	"comity/internal/place"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Load reads and checks a pack. The error lists everything that is wrong, each with file and line;
// failed properties of procedures are *Failed in that list.
func Load(fsys fs.FS) (*Pack, error) { return load(fsys, false) }

// LoadKept reads a version that cases were opened under. It was checked when it was first loaded, by the
// checks of that day; rules that came later must not take the law away from a case that is under way.
func LoadKept(fsys fs.FS) (*Pack, error) { return load(fsys, true) }

func load(fsys fs.FS, kept bool) (*Pack, error) {
	l := &loader{fsys: fsys, kept: kept, p: &Pack{
		Texts: map[string]map[string]string{}, Procedures: map[string]*procedure.Definition{},
		Phases: map[string][]string{}, Icons: map[string]string{}, Calendars: map[string]*worktime.Calendar{},
		Dept: map[org.UnitID]string{}, Reports: map[string]procedure.Report{}, Files: map[string][]byte{},
		LawDates: map[string]LawDates{},
	}}
	steps := []func(){l.head, l.units, l.categories, l.areas, l.calendars, l.texts, l.procedures}
	for _, step := range steps {
		step()
		if l.stop {
			return nil, l.bad.err()
		}
	}
	if err := l.bad.err(); err != nil {
		return nil, err
	}
	if !kept {
		if err := l.properties(); err != nil {
			return nil, err
		}
	}
	return l.p, l.digest()
}

type loader struct {
	fsys fs.FS
	p    *Pack
	bad  problems
	stop bool // what follows would only report consequences
	kept bool // an older version: only what makes it unreadable is an error
	csv  unitsCSVYAML
	// order lists the procedures so that each comes after those it opens.
	order []string
}

// say files words under a key and asks for every language of the pack.
func (l *loader) say(m mark, key string, w words, needed bool) {
	for _, lang := range l.p.Langs {
		t := strings.TrimSpace(w[lang])
		if t == "" {
			if needed {
				l.bad.at(m.file, m.line, "words in %s are missing (%s)", lang, key)
			}
			continue
		}
		l.p.Texts[lang][key] = t
	}
	for lang := range w {
		if !slices.Contains(l.p.Langs, lang) {
			l.bad.at(m.file, m.line, "language %q is not one of the pack's languages %v", lang, l.p.Langs)
		}
	}
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

func (l *loader) id(m mark, what, id string) bool {
	if !idPattern.MatchString(id) {
		l.bad.at(m.file, m.line, "%s %q: use small letters, digits, dot, dash and underscore", what, id)
		return false
	}
	return true
}

func (l *loader) head() {
	var f packFile
	if !readYAML(l.fsys, "pack.yaml", &f, &l.bad) {
		l.stop = true
		return
	}
	p := l.p
	p.ID, p.Version, p.Langs, p.Emergency, p.Phone = f.Pack, f.Version, f.Languages, f.Emergency, f.Operator.Phone
	if len(p.Langs) == 0 {
		l.bad.at("pack.yaml", f.Mark.line, "languages: name at least one")
		l.stop = true
		return
	}
	for _, lang := range p.Langs {
		p.Texts[lang] = map[string]string{}
	}
	zone, err := time.LoadLocation(f.Zone)
	if err != nil || f.Zone == "" {
		l.bad.at("pack.yaml", f.Mark.line, "zone %q is not a time zone; write for example Asia/Shanghai", f.Zone)
		l.stop = true
		return
	}
	p.Zone, p.Fallback, l.csv = zone, org.UnitID(f.Fallback), f.UnitsCSV
	p.Parameters = f.Parameters
	for _, name := range slices.Sorted(maps.Keys(f.Parameters)) {
		l.id(f.Mark, "parameter", name)
		if f.Parameters[name] < 0 {
			l.bad.at("pack.yaml", f.Mark.line, "parameters: %s is %d; a parameter is 0 or more", name, f.Parameters[name])
		}
	}
	l.id(f.Mark, "pack", f.Pack)
	l.say(f.Mark, "city", f.Name, true)
	l.say(f.Operator.Mark, "operator", f.Operator.Name, true)
	l.say(f.Mark, "city.notice", f.Notice, false)
	for _, law := range f.Laws {
		p.Laws = append(p.Laws, law.ID)
		p.LawDates[law.ID] = LawDates{law.Since, law.Verified, law.Source}
		for _, day := range []string{law.Since, law.Verified} {
			if _, err := worktime.ParseDay(day); day != "" && err != nil {
				l.bad.at(law.Mark.file, law.Mark.line, "law %q: %v", law.ID, err)
			}
		}
		l.say(law.Mark, "law."+law.ID, law.Name, true)
		short := law.Short
		if len(short) == 0 {
			short = law.Name
		}
		l.say(law.Mark, "law."+law.ID+".short", short, true)
		l.say(law.Mark, "law."+law.ID+".note", law.Note, false)
		for n, w := range law.Articles {
			l.say(law.Mark, "law."+law.ID+".article."+n, w, true)
		}
	}
	for _, g := range f.Programmes {
		p.Programmes = append(p.Programmes, Programme{g.ID, g.Icon})
		l.say(g.Mark, "programme."+g.ID, g.Name, true)
	}
}

func (l *loader) units() {
	var f unitsFile
	if l.csv.File != "" {
		f.Units = l.unitsCSV(l.csv)
	} else if !readYAML(l.fsys, "units.yaml", &f, &l.bad) {
		l.stop = true
		return
	}
	var list []org.Unit
	for _, u := range f.Units {
		level, err := org.ParseLevel(u.Level)
		if err != nil {
			l.bad.at(u.Mark.file, u.Mark.line, "unit %q: %v", u.ID, err)
		}
		if l.id(u.Mark, "unit", u.ID) {
			l.unitName(u)
		}
		list = append(list, org.Unit{ID: org.UnitID(u.ID), Parent: org.UnitID(u.Parent), Level: level, Kind: u.Kind, Roles: u.Roles, Dept: u.Dept})
		if u.Dept != "" {
			l.p.Dept[org.UnitID(u.ID)] = u.Dept
		}
	}
	tree, err := org.NewTree(list)
	if err != nil {
		line := f.Mark.line
		for _, u := range f.Units {
			if strings.Contains(err.Error(), fmt.Sprintf("unit %q", u.ID)) {
				line = u.Mark.line
			}
		}
		l.bad.at("units.yaml", line, "%v", err)
		l.stop = true
		return
	}
	l.p.Units = tree
	if l.p.Fallback == "" {
		l.p.Fallback = tree.Root()
	}
	if u, ok := tree.Unit(l.p.Fallback); !ok || len(u.Roles) == 0 {
		l.bad.at("pack.yaml", 1, "fallback_unit %q is not a unit with roles", l.p.Fallback)
	}
}

// unitName asks for a name in the pack's first language only: a village's proper name may exist in
// one language, and is shown in that one with its language tag.
func (l *loader) unitName(u unitYAML) {
	if strings.TrimSpace(u.Name[l.p.Langs[0]]) == "" {
		l.bad.at(u.Mark.file, u.Mark.line, "unit %q: name in %s is missing", u.ID, l.p.Langs[0])
	}
	l.say(u.Mark, "unit."+u.ID, u.Name, false)
	l.say(u.Mark, "unit."+u.ID+".short", u.Short, false)
}

func (l *loader) unitsCSV(src unitsCSVYAML) []unitYAML {
	f, err := l.fsys.Open(src.File)
	if err != nil {
		l.bad.at(src.Mark.file, src.Mark.line, "units_csv: %v", err)
		return nil
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		l.bad.at(src.File, 1, "%v", err)
		return nil
	}
	col := map[string]int{}
	for i, h := range head {
		col[strings.TrimPrefix(h, "\ufeff")] = i
	}
	for _, need := range []string{"id", "parent", "level", "kind", "roles", "name_zh", "name_en"} {
		if _, ok := col[need]; !ok {
			l.bad.at(src.File, 1, "column %q is missing", need)
			return nil
		}
	}
	var out []unitYAML
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			l.bad.list = append(l.bad.list, fmt.Errorf("%s: %w", src.File, err))
			return out
		}
		line, _ := r.FieldPos(0)
		u := unitYAML{Mark: mark{src.File, line}, ID: row[col["id"]], Parent: row[col["parent"]], Level: row[col["level"]],
			Kind: row[col["kind"]], Roles: strings.Fields(row[col["roles"]]), Name: words{}}
		for lang, c := range map[string]string{"zh-CN": "name_zh", "en": "name_en"} {
			if w := row[col[c]]; w != "" {
				u.Name[lang] = w
			}
		}
		out = append(out, u)
	}
}

func (l *loader) categories() {
	var f categoriesFile
	if !readYAML(l.fsys, "categories.yaml", &f, &l.bad) {
		return
	}
	groups := map[string]string{}
	for _, g := range f.Groups {
		groups[g.ID] = g.Icon
		l.p.Groups = append(l.p.Groups, Group{g.ID, g.Icon})
		l.say(g.Mark, "group."+g.ID, g.Name, true)
	}
	seen := map[string]bool{}
	for _, c := range f.Categories {
		l.id(c.Mark, "category", c.ID)
		if seen[c.ID] {
			l.bad.at(c.Mark.file, c.Mark.line, "category %q is listed twice", c.ID)
		}
		seen[c.ID] = true
		icon, ok := groups[c.Group]
		if !ok {
			l.bad.at(c.Mark.file, c.Mark.line, "category %q: group %q is not listed under groups", c.ID, c.Group)
		}
		if c.Icon != "" {
			icon = c.Icon
		}
		level := org.Community
		if c.Route.Level != "" {
			var err error
			if level, err = org.ParseLevel(c.Route.Level); err != nil {
				l.bad.at(c.Route.Mark.file, c.Route.Mark.line, "route: %v", err)
			}
		}
		l.say(c.Mark, "category."+c.ID, c.Name, true)
		l.say(c.Mark, "category."+c.ID+".hint", c.Hint, false)
		l.p.Categories = append(l.p.Categories, Category{ID: c.ID, Group: c.Group, Icon: icon, Procedure: c.Procedure,
			Resident: c.Resident != "false", Route: Route{Level: level, Dept: c.Route.Dept}, Keywords: c.Keywords, Facts: c.Facts})
		if c.Route.Dept != "" && !l.hasDept(c.Route.Dept) {
			l.bad.at(c.Mark.file, c.Mark.line, "category %q: no unit is department %q", c.ID, c.Route.Dept)
		}
	}
	if len(f.Categories) == 0 {
		l.bad.at("categories.yaml", f.Mark.line, "a pack needs at least one category")
	}
}

func (l *loader) hasDept(key string) bool {
	for _, d := range l.p.Dept {
		if d == key {
			return true
		}
	}
	return false
}

func (l *loader) areas() {
	if _, err := fs.Stat(l.fsys, "areas.yaml"); errors.Is(err, fs.ErrNotExist) {
		return // a city without drawn areas places reports by unit
	}
	var f areasFile
	if !readYAML(l.fsys, "areas.yaml", &f, &l.bad) {
		return
	}
	for _, a := range f.Areas {
		if _, ok := l.p.Units.Unit(org.UnitID(a.Unit)); !ok {
			l.bad.at(a.Mark.file, a.Mark.line, "area of unknown unit %q", a.Unit)
		}
		ring := l.points(a.Mark, a.Ring)
		if len(ring) < 3 {
			l.bad.at(a.Mark.file, a.Mark.line, "area of %q needs at least three points", a.Unit)
		}
		l.p.Map.Areas = append(l.p.Map.Areas, place.Area{Unit: org.UnitID(a.Unit), Ring: ring})
	}
	for i, x := range f.Features {
		feature := Feature{Kind: x.Kind, Width: x.Width, Line: l.points(x.Mark, x.Line)}
		if len(x.Name) > 0 {
			feature.Name = fmt.Sprintf("feature.%d", i)
			l.say(x.Mark, feature.Name, x.Name, true)
		}
		l.p.Features = append(l.p.Features, feature)
	}
	for i, x := range f.Places {
		key := fmt.Sprintf("place.%d", i)
		l.say(x.Mark, key, x.Name, true)
		pts := l.points(x.Mark, [][]float64{x.Point})
		if _, ok := l.p.Units.Unit(org.UnitID(x.Unit)); !ok {
			l.bad.at(x.Mark.file, x.Mark.line, "place in unknown unit %q", x.Unit)
		}
		if len(pts) == 1 {
			l.p.Places = append(l.p.Places, NamedPlace{Key: key, Point: pts[0], Unit: org.UnitID(x.Unit)})
		}
	}
}

func (l *loader) points(m mark, raw [][]float64) []place.Point {
	var out []place.Point
	for _, c := range raw {
		if len(c) != 2 {
			l.bad.at(m.file, m.line, "a point is [longitude, latitude]")
			continue
		}
		p := place.Point{Lon: c[0], Lat: c[1]}
		if err := p.Check(); err != nil {
			l.bad.at(m.file, m.line, "%v", err)
		}
		out = append(out, p)
	}
	return out
}

func (l *loader) calendars() {
	files, _ := fs.Glob(l.fsys, "calendars/*.yaml")
	if len(files) == 0 {
		l.bad.at("calendars", 1, "a pack needs at least one calendar in calendars/*.yaml")
	}
	for _, name := range files {
		var f calendarFile
		if readYAML(l.fsys, name, &f, &l.bad) {
			l.calendar(f)
		}
	}
}

var weekdays = map[string]time.Weekday{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}

func (l *loader) calendar(f calendarFile) {
	c := &worktime.Calendar{ID: f.Calendar, Version: f.Version, Source: f.Source, Off: map[worktime.Day]string{}, On: map[worktime.Day]string{}, Closes: 1440}
	bad := func(m mark, format string, args ...any) { l.bad.at(m.file, m.line, format, args...) }
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		bad(f.Mark, "zone %q is not a time zone", f.Zone)
		return
	}
	c.Zone = zone
	for _, d := range f.Week {
		w, ok := weekdays[d]
		if !ok {
			bad(f.Mark, "week: %q is not one of sun mon tue wed thu fri sat", d)
		}
		c.Week[w] = true
	}
	if c.KnownUntil, err = worktime.ParseDay(f.KnownUntil); err != nil {
		bad(f.Mark, "known_until: %v", err)
	}
	if f.Hours.Opens != "" {
		c.Opens, c.Closes = l.minutes(f.Hours.Mark, f.Hours.Opens), l.minutes(f.Hours.Mark, f.Hours.Closes)
	}
	l.days(f.Calendar, f.DaysOff, c.Off)
	l.days(f.Calendar, f.DaysOn, c.On)
	done, err := c.Compile()
	if err != nil {
		bad(f.Mark, "%v", err)
		return
	}
	if l.p.Calendars[c.ID] != nil {
		bad(f.Mark, "calendar %q is in two files", c.ID)
	}
	l.p.Calendars[c.ID] = done
}

func (l *loader) minutes(m mark, s string) int {
	t, err := time.Parse("15:04", s)
	if err != nil && s != "24:00" {
		l.bad.at(m.file, m.line, "%q is not a time of day like 09:00", s)
	}
	if s == "24:00" {
		return 1440
	}
	return t.Hour()*60 + t.Minute()
}

func (l *loader) days(calendar string, list []datedYAML, into map[worktime.Day]string) {
	for _, d := range list {
		from, to := d.From, d.To
		if d.Date != "" {
			from, to = d.Date, d.Date
		}
		first, err1 := worktime.ParseDay(from)
		last, err2 := worktime.ParseDay(to)
		if err := errors.Join(err1, err2); err != nil || last < first || last-first > 366 {
			l.bad.at(d.Mark.file, d.Mark.line, "dates %q to %q: %v", from, to, err)
			continue
		}
		for day := first; day <= last; day++ {
			if _, twice := into[day]; twice {
				l.bad.at(d.Mark.file, d.Mark.line, "%s is listed twice", day)
			}
			key := "calendar." + calendar + "." + day.String()
			into[day] = key
			l.say(d.Mark, key, d.Name, true)
		}
	}
}

func (l *loader) texts() {
	for _, lang := range l.p.Langs {
		name := path.Join("texts", lang+".yaml")
		if _, err := fs.Stat(l.fsys, name); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var w map[string]string
		if !readYAML(l.fsys, name, &w, &l.bad) {
			continue
		}
		for k, v := range w {
			l.p.Texts[lang][k] = v
		}
	}
	for _, a := range l.p.Langs {
		for _, b := range l.p.Langs {
			for k := range l.p.Texts[a] {
				if _, ok := l.p.Texts[b][k]; !ok && !strings.HasPrefix(k, "unit.") {
					l.bad.at(path.Join("texts", b+".yaml"), 1, "%q has words in %s but not in %s", k, a, b)
				}
			}
		}
	}
}

// digest fixes the version: file names and contents, in order.
func (l *loader) digest() error {
	h := sha256.New()
	err := fs.WalkDir(l.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".csv") || strings.HasPrefix(name, "seed/") {
			return nil
		}
		raw, err := fs.ReadFile(l.fsys, name)
		if err != nil {
			return err
		}
		l.p.Files[name] = raw
		fmt.Fprintf(h, "%s\x00%d\x00", name, len(raw))
		h.Write(raw)
		return nil
	})
	l.p.Digest = hex.EncodeToString(h.Sum(nil))
	return err
}

package pack

import (
	"bytes"
	"cmp"
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
	"comity/internal/paper"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Load reads and checks a pack. The error lists everything that is wrong, each with file, line and
// column; failed properties of procedures are *Failed in that list. A base the pack names must lie in
// the pack itself, under base/NAME.
//
// What memory knows is not searched again, and what is searched is kept there.
func Load(fsys fs.FS, memory ...*Memory) (*Pack, error) { return load(fsys, nil, false, memory) }

// LoadWith is Load for a pack whose bases lie elsewhere.
func LoadWith(fsys fs.FS, find Finder, memory ...*Memory) (*Pack, error) {
	return load(fsys, find, false, memory)
}

// LoadFrom loads one of the packs of a folder; its bases lie beside it.
func LoadFrom(dir fs.FS, name string, memory ...*Memory) (*Pack, error) {
	sub, err := fs.Sub(dir, name)
	if err != nil {
		return nil, err
	}
	return load(sub, In(dir), false, memory)
}

// LoadKept reads a version that cases were opened under. It was checked when it was first loaded, by the
// checks of that day; rules that came later must not take the law away from a case that is under way.
func LoadKept(fsys fs.FS) (*Pack, error) { return load(fsys, nil, true, nil) }

func load(fsys fs.FS, find Finder, kept bool, memory []*Memory) (*Pack, error) {
	l := &loader{kept: kept, where: map[string]mark{}, p: &Pack{
		Texts: map[string]map[string]string{}, Procedures: map[string]*procedure.Definition{},
		Phases: map[string][]string{}, Icons: map[string]string{}, Calendars: map[string]*worktime.Calendar{},
		Dept: map[org.UnitID]string{}, Reports: map[string]procedure.Report{}, Files: map[string][]byte{},
		LawDates: map[string]LawDates{}, Documents: map[string]map[string]paper.Template{},
	}}
	if l.fsys = stack(fsys, find, &l.bad); l.fsys == nil {
		return nil, l.bad.err()
	}
	steps := []func(){l.head, l.units, l.categories, l.areas, l.calendars, l.texts, l.names, l.questions, l.cameras, l.procedures, l.routes, l.roles, l.mediation, l.talks, l.purposes, l.post, l.notices, l.replies, l.documents, l.dossiers, l.explorer, l.open311, l.openData, l.neighbours}
	for _, step := range steps {
		step()
		if l.stop {
			return nil, l.bad.err()
		}
	}
	if err := l.bad.err(); err != nil {
		return nil, err
	}
	if err := l.digest(); err != nil {
		return nil, err
	}
	if !kept {
		if err := l.properties(append(memory, &Memory{})[0]); err != nil {
			return nil, err
		}
	}
	return l.p, nil
}

type loader struct {
	fsys layers // the pack over its bases
	p    *Pack
	bad  problems
	stop bool // what follows would only report consequences
	kept bool // an older version: only what makes it unreadable is an error
	csv  unitsCSVYAML

	fallback mark // where pack.yaml names the fallback unit

	langs        []string            // of the pack and of its bases, whose other words are left aside
	where        map[string]mark     // language and key → where the words stand
	routeMarks   []mark              // of Pack.Routes
	cats         []mark              // of Pack.Categories
	consentWords map[string][]string // language → words that ask for agreement
	listed       []unitYAML          // units as read
	asked        questionsFile       // the register of questions, as read

	files []procedureFile // as read, for what is checked when everything is known

	// order lists the procedures so that each comes after those it opens.
	order []string
}

// say files words under a key and asks for every language of the pack.
func (l *loader) say(m mark, key string, w words, needed bool) {
	for _, lang := range l.p.Langs {
		t := strings.TrimSpace(w[lang])
		if t == "" {
			if needed {
				l.bad.on(m, "words in %s are missing (%s)", lang, key)
			}
			continue
		}
		l.p.Texts[lang][key] = t
		l.where[lang+" "+key] = m
	}
	for lang := range w {
		if !slices.Contains(l.langs, lang) {
			l.bad.on(m, "language %q is not one of the pack's languages %v", lang, l.p.Langs)
		}
	}
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

func (l *loader) id(m mark, what, id string) bool {
	if !idPattern.MatchString(id) {
		l.bad.on(m, "%s %q: use small letters, digits, dot, dash and underscore", what, id)
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
	p.Base, p.Abstract = nil, f.Abstract
	for _, under := range l.fsys[1:] {
		p.Base = append(p.Base, under.name)
	}
	p.ID, p.Version, p.Langs, p.Emergency, p.Phone = f.Pack, f.Version, f.Languages, f.Emergency, f.Operator.Phone
	if len(p.Langs) == 0 {
		l.bad.on(f.Mark.of("languages"), "languages: name at least one")
		l.stop = true
		return
	}
	for _, lang := range p.Langs {
		p.Texts[lang] = map[string]string{}
	}
	l.langs = slices.Clone(p.Langs)
	for i := range l.fsys[1:] {
		under, _ := head(&l.fsys[i+1])
		l.langs = append(l.langs, under.Languages...)
	}
	zone, err := time.LoadLocation(f.Zone)
	if err != nil || f.Zone == "" {
		l.bad.on(f.Mark.of("zone"), "zone %q is not a time zone; write for example Asia/Shanghai", f.Zone)
		l.stop = true
		return
	}
	p.Zone, p.Fallback, l.csv, l.fallback = zone, org.UnitID(f.Fallback), f.UnitsCSV, f.Mark.of("fallback_unit")
	l.id(f.Mark.of("pack"), "pack", f.Pack)
	p.Parameters, l.consentWords = f.Parameters, f.ConsentWords
	for _, name := range slices.Sorted(maps.Keys(f.Parameters)) {
		l.id(f.Mark.of("parameters"), "parameter", name)
		if f.Parameters[name] < 0 {
			l.bad.on(f.Mark.of("parameters"), "parameters: %s is %d; a parameter is 0 or more", name, f.Parameters[name])
		}
	}
	l.say(f.Mark, "city", f.Name, true)
	l.say(f.Operator.Mark, "operator", f.Operator.Name, !f.Abstract)
	l.say(f.Mark, "city.notice", f.Notice, false)
	for _, law := range f.Laws {
		p.Laws = append(p.Laws, law.ID)
		p.LawDates[law.ID] = LawDates{law.Since, law.Verified, law.Source}
		for _, day := range []string{law.Since, law.Verified} {
			if _, err := worktime.ParseDay(day); day != "" && err != nil {
				l.bad.on(law.Mark, "law %q: %v", law.ID, err)
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
	if l.p.Abstract {
		f = l.sampleUnits()
	} else if l.csv.File != "" {
		f.Units = l.unitsCSV(l.csv)
	} else if !readYAML(l.fsys, "units.yaml", &f, &l.bad) {
		l.stop = true
		return
	}
	l.listed = f.Units
	var list []org.Unit
	for _, u := range f.Units {
		level, err := org.ParseLevel(u.Level)
		if err != nil {
			l.bad.on(u.Mark, "unit %q: %v", u.ID, err)
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
		where := f.Mark
		if where.file == "" {
			where = l.csv.Mark
		}
		for _, u := range f.Units {
			if strings.Contains(err.Error(), fmt.Sprintf("unit %q", u.ID)) {
				where = u.Mark
			}
		}
		l.bad.on(where, "%v", err)
		l.stop = true
		return
	}
	l.p.Units = tree
	if l.p.Fallback == "" {
		l.p.Fallback = tree.Root()
	}
	if u, ok := tree.Unit(l.p.Fallback); !l.p.Abstract && (!ok || len(u.Roles) == 0) {
		l.bad.on(l.fallback, "fallback_unit %q is not a unit with roles", l.p.Fallback)
	}
}

// unitName asks for a name in the pack's first language only: a village's proper name may exist in
// one language, and is shown in that one with its language tag.
func (l *loader) unitName(u unitYAML) {
	if strings.TrimSpace(u.Name[l.p.Langs[0]]) == "" {
		l.bad.on(u.Mark, "unit %q: name in %s is missing", u.ID, l.p.Langs[0])
	}
	l.say(u.Mark, "unit."+u.ID, u.Name, false)
	l.say(u.Mark, "unit."+u.ID+".short", u.Short, false)
}

func (l *loader) unitsCSV(src unitsCSVYAML) []unitYAML {
	raw, err := readFile(l.fsys, src.File)
	if err != nil {
		l.bad.on(src.Mark, "units_csv: %v", err)
		return nil
	}
	r := csv.NewReader(bytes.NewReader(raw))
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
			where := mark{file: src.File, line: 1, col: 1}
			if e, ok := errors.AsType[*csv.ParseError](err); ok {
				where.line, where.col, err = e.Line, max(1, e.Column), e.Err
			}
			l.bad.on(where, "%v", err)
			return out
		}
		line, column := r.FieldPos(0)
		u := unitYAML{Mark: mark{file: src.File, line: line, col: column}, ID: row[col["id"]], Parent: row[col["parent"]], Level: row[col["level"]],
			Kind: row[col["kind"]], Roles: strings.Fields(row[col["roles"]]), Name: words{}}
		for lang, c := range map[string]string{"zh-CN": "name_zh", "en": "name_en"} {
			if w := row[col[c]]; w != "" {
				u.Name[lang] = w
			}
		}
		if c, ok := col["dept"]; ok { // a tree without departments needs no such column
			u.Dept = row[c]
		}
		out = append(out, u)
	}
}

func (l *loader) categories() {
	var f categoriesFile
	if _, err := fs.Stat(l.fsys, "categories.yaml"); l.p.Abstract && errors.Is(err, fs.ErrNotExist) {
		return // a base may leave the categories to the packs that stand on it
	}
	if !readYAML(l.fsys, "categories.yaml", &f, &l.bad) {
		return
	}
	groups, near := map[string]string{}, map[string]Near{}
	slices.SortStableFunc(f.Groups, func(a, b groupYAML) int { return a.Order - b.Order })
	for _, g := range f.Groups {
		groups[g.ID], near[g.ID] = g.Icon, l.near("group", g.ID, g.Alike)
		l.p.Groups = append(l.p.Groups, Group{g.ID, g.Icon})
		l.say(g.Mark, "group."+g.ID, g.Name, true)
	}
	seen := map[string]bool{}
	for _, c := range f.Categories {
		l.id(c.Mark, "category", c.ID)
		if seen[c.ID] {
			l.bad.on(c.Mark, "category %q is listed twice", c.ID)
		}
		seen[c.ID] = true
		icon, ok := groups[c.Group]
		if !ok {
			l.bad.on(c.Mark.of("group"), "category %q: group %q is not listed under groups", c.ID, c.Group)
		}
		if c.Icon != "" {
			icon = c.Icon
		}
		level := org.Community
		if c.Route.Level != "" {
			var err error
			if level, err = org.ParseLevel(c.Route.Level); err != nil {
				l.bad.on(c.Route.Mark, "route: %v", err)
			}
		}
		l.say(c.Mark, "category."+c.ID, c.Name, true)
		l.say(c.Mark, "category."+c.ID+".hint", c.Hint, false)
		l.cats = append(l.cats, c.Mark.of("procedure"))
		l.p.Categories = append(l.p.Categories, Category{ID: c.ID, Group: c.Group, Icon: icon, Procedure: c.Procedure,
			Resident: c.Resident != "false", Route: Route{Level: level, Dept: c.Route.Dept}, Routed: c.Route.Level != "" || c.Route.Dept != "", Keywords: c.Keywords, Facts: c.Facts,
			Near: cmp.Or(l.near("category", c.ID, c.Alike), near[c.Group])})
		if c.Route.Dept != "" && !l.hasDept(c.Route.Dept) {
			l.bad.on(c.Route.Mark.of("dept"), "category %q: no unit is department %q", c.ID, c.Route.Dept)
		}
	}
	if len(f.Categories) == 0 {
		l.bad.on(f.Mark, "a pack needs at least one category")
	}
}

// The most that is near: further away, or longer ago, it is another matter.
const (
	maxNearMetres = 5000
	maxNearDays   = 366
)

// near reads how near two reports of one matter lie.
func (l *loader) near(kind, id string, y alikeYAML) Near {
	if y.Metres == 0 && y.Days == 0 {
		return Near{}
	}
	for _, x := range []struct {
		field  string
		n, max int
	}{{"metres", y.Metres, maxNearMetres}, {"days", y.Days, maxNearDays}} {
		if x.n < 1 || x.n > x.max {
			l.bad.on(y.Mark.of(x.field), "%s %q: alike: %s %d is not between 1 and %d", kind, id, x.field, x.n, x.max)
		}
	}
	return Near{y.Metres, y.Days}
}

func (l *loader) hasDept(key string) bool {
	for _, d := range l.p.Dept {
		if d == key {
			return true
		}
	}
	return false
}

func (l *loader) calendars() {
	files, _ := fs.Glob(l.fsys, "calendars/*.yaml")
	if len(files) == 0 && !l.p.Abstract {
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
	bad := func(m mark, format string, args ...any) { l.bad.on(m, format, args...) }
	zone, err := time.LoadLocation(f.Zone)
	if err != nil {
		bad(f.Mark.of("zone"), "zone %q is not a time zone", f.Zone)
		return
	}
	c.Zone = zone
	for _, d := range f.Week {
		w, ok := weekdays[d]
		if !ok {
			bad(f.Mark.of("week"), "week: %q is not one of sun mon tue wed thu fri sat", d)
		}
		c.Week[w] = true
	}
	if c.KnownUntil, err = worktime.ParseDay(f.KnownUntil); err != nil {
		bad(f.Mark.of("known_until"), "known_until: %v", err)
	}
	if f.Hours.Opens != "" {
		c.Opens, c.Closes = l.minutes(f.Hours.Mark, f.Hours.Opens), l.minutes(f.Hours.Mark, f.Hours.Closes)
	}
	before := l.bad.n
	l.days(f.DaysOff, c, false)
	l.days(f.DaysOn, c, true)
	if l.bad.n > before {
		return // what the calendar as a whole would say has been said, with its line
	}
	done, err := c.Compile()
	if err != nil {
		bad(f.Mark, "%v", err)
		return
	}
	if l.p.Calendars[c.ID] != nil {
		bad(f.Mark.of("calendar"), "calendar %q is in two files", c.ID)
	}
	l.p.Calendars[c.ID] = done
}

func (l *loader) minutes(m mark, s string) int {
	t, err := time.Parse("15:04", s)
	if err != nil && s != "24:00" {
		l.bad.on(m, "%q is not a time of day like 09:00", s)
	}
	if s == "24:00" {
		return 1440
	}
	return t.Hour()*60 + t.Minute()
}

// days reads days off or days on; days on come second, so that each can be held against the days off.
func (l *loader) days(list []datedYAML, c *worktime.Calendar, on bool) {
	into := c.Off
	if on {
		into = c.On
	}
	for _, d := range list {
		from, to := d.From, d.To
		if d.Date != "" {
			from, to = d.Date, d.Date
		}
		first, err1 := worktime.ParseDay(from)
		last, err2 := worktime.ParseDay(to)
		switch err := errors.Join(err1, err2); {
		case err != nil && from == to:
			l.bad.on(d.Mark, "%v", err1)
			continue
		case err != nil:
			l.bad.on(d.Mark, "dates %q to %q: %v", from, to, cmp.Or(err1, err2))
			continue
		case last < first || last-first > 366:
			l.bad.on(d.Mark, "dates %q to %q: the second must not lie before the first, nor more than a year after it", from, to)
			continue
		case last > c.KnownUntil:
			l.bad.on(d.Mark, "%s lies after known_until %s; move known_until or remove the date", last, c.KnownUntil)
			continue
		}
		for day := first; day <= last; day++ {
			l.day(d.Mark, c, on, day)
			key := "calendar." + c.ID + "." + day.String()
			into[day] = key
			l.say(d.Mark, key, d.Name, true)
		}
	}
}

// day refuses a day that contradicts what the calendar says already.
func (l *loader) day(m mark, c *worktime.Calendar, on bool, day worktime.Day) {
	_, isOff := c.Off[day]
	_, isOn := c.On[day]
	switch {
	case on && isOn || !on && isOff:
		l.bad.on(m, "%s is listed twice", day)
	case isOff:
		l.bad.on(m, "%s is also in days_off; keep one", day)
	case on && c.Week[day.Weekday()]:
		l.bad.on(m, "%s is a %s, worked every week; remove it or correct the date", day, day.Weekday())
	}
}

func (l *loader) texts() {
	for _, lang := range l.p.Langs {
		name := path.Join("texts", lang+".yaml")
		if _, err := fs.Stat(l.fsys, name); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var w textsFile
		if !readYAML(l.fsys, name, &w, &l.bad) {
			continue
		}
		for k, v := range w {
			l.p.Texts[lang][k] = v.Text
			l.where[lang+" "+k] = v.Mark
		}
	}
	for _, a := range l.p.Langs {
		for _, b := range l.p.Langs {
			for _, k := range slices.Sorted(maps.Keys(l.p.Texts[a])) {
				if _, ok := l.p.Texts[b][k]; !ok && !strings.HasPrefix(k, "unit.") {
					l.bad.on(l.where[a+" "+k], "%q has words in %s but not in %s", k, a, b)
				}
			}
		}
	}
}

// counts says which files make up a version: what a case under way may still need, and what
// was shown to hold when the version was made. Seeds are for demonstrations, scenarios are questions about
// staff; both change nothing.
func counts(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	switch path.Ext(name) {
	case ".yaml", ".csv", ".geojson":
		return top != "seed" && top != "scenarios"
	case ".md":
		return top == "documents"
	case ".txtar":
		return top == "stories"
	}
	return false
}

// digest fixes the version: file names and contents, in order. The files of bases count, so that a
// version can be read again when its base has moved on.
func (l *loader) digest() error {
	for _, from := range l.fsys {
		err := fs.WalkDir(from.fsys, ".", func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && name == basesDir:
				return fs.SkipDir // the layers have their own turn
			case d.IsDir() || !counts(name):
				return nil
			}
			raw, err := readFile(from.fsys, name)
			if err != nil {
				return fmt.Errorf("%s: %w", from.path(name), err)
			}
			l.p.Files[from.path(name)] = raw
			return nil
		})
		if err != nil {
			return err
		}
	}
	h := sha256.New()
	for _, name := range slices.SortedFunc(maps.Keys(l.p.Files), inTreeOrder) {
		raw := l.p.Files[name]
		fmt.Fprintf(h, "%s\x00%d\x00", name, len(raw))
		h.Write(raw)
	}
	l.p.Digest = hex.EncodeToString(h.Sum(nil))
	return nil
}

// inTreeOrder is the order in which a folder is walked, in which digests of kept versions were made.
func inTreeOrder(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

package intake

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/procedure"
)

// Mapping says what the columns of a foreign file mean, in terms of one pack. It lives in the pack's
// folder mappings and holds no code.
type Mapping struct {
	Mark      pack.Mark  `yaml:"-"`
	Name      string     `yaml:"mapping"`
	Procedure string     `yaml:"procedure"`
	Lang      string     `yaml:"lang"` // of the words in the file
	Zone      string     `yaml:"zone"`
	Undo      string     `yaml:"undo"`     // "local_read_as_utc": see instant
	Mojibake  string     `yaml:"mojibake"` // "latin-1": see mend
	Columns   columns    `yaml:"columns"`
	ClosedIf  condition  `yaml:"closed_if"`
	SkipIf    skipIfList `yaml:"skip_if"`

	zone   *time.Location
	strip  *regexp.Regexp
	pack   *pack.Pack
	answer *procedure.Act
}

type skipIfList []condition

type columns struct {
	Mark       pack.Mark  `yaml:"-"`
	External   string     `yaml:"external"`
	Opened     timeCol    `yaml:"opened"`
	Closed     timeCol    `yaml:"closed"`
	Due        timeCol    `yaml:"due"`
	OnTime     flagCol    `yaml:"on_time"`
	Title      titleCol   `yaml:"title"`
	Text       []string   `yaml:"text"`
	Address    addressCol `yaml:"address"`
	Lat        string     `yaml:"lat"`
	Lon        string     `yaml:"lon"`
	Category   mapCol     `yaml:"category"`
	Unit       mapCol     `yaml:"unit"`       // who holds the case
	Area       mapCol     `yaml:"area"`       // where it is, if that is another unit
	Department mapCol     `yaml:"department"` // named at the end of the text, holds nothing
	Source     mapCol     `yaml:"source"`
	Answer     answerCol  `yaml:"answer"`
	Outcome    outcomeCol `yaml:"outcome"`
	Files      filesCol   `yaml:"files"` // names of attachments
}

type filesCol struct {
	Mark    pack.Mark `yaml:"-"`
	Column  string    `yaml:"column" short:"yes"`
	Between string    `yaml:"between"` // stands between two names; a semicolon if left out
}

// of lists the names in a cell.
func (c filesCol) of(cell func(string) string) (out []string) {
	between := c.Between
	if between == "" {
		between = ";"
	}
	for name := range strings.SplitSeq(cell(c.Column), between) {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

type timeCol struct {
	Mark   pack.Mark `yaml:"-"`
	Column string    `yaml:"column"`
	Layout string    `yaml:"layout"`
}

type flagCol struct {
	Mark   pack.Mark `yaml:"-"`
	Column string    `yaml:"column"`
	Yes    string    `yaml:"yes"`
	No     string    `yaml:"no"`
}

type titleCol struct {
	Mark   pack.Mark `yaml:"-"`
	Column string    `yaml:"column" short:"yes"`
	Else   string    `yaml:"else"`
}

type addressCol struct {
	Mark    pack.Mark `yaml:"-"`
	Column  string    `yaml:"column" short:"yes"`
	Columns []string  `yaml:"columns"`
	Else    []string  `yaml:"else"`
}

type mapCol struct {
	Mark   pack.Mark         `yaml:"-"`
	Column string            `yaml:"column"`
	Else   string            `yaml:"else"`
	Map    map[string]string `yaml:"map"`
}

type answerCol struct {
	Mark   pack.Mark         `yaml:"-"`
	Column string            `yaml:"column"`
	Strip  string            `yaml:"strip"`
	Empty  map[string]string `yaml:"empty"`
}

type outcomeCol struct {
	Mark   pack.Mark     `yaml:"-"`
	Column string        `yaml:"column"`
	Else   string        `yaml:"else"`
	Match  []outcomeRule `yaml:"match"`
}

type outcomeRule struct {
	Mark     pack.Mark `yaml:"-"`
	Contains string    `yaml:"contains"`
	Outcome  string    `yaml:"outcome"`
}

type condition struct {
	Mark   pack.Mark `yaml:"-"`
	Column string    `yaml:"column"`
	Equals []string  `yaml:"equals"`
}

// Row is one record of a foreign file as the mapping reads it.
type Row struct {
	External string
	Report   Report
	Holder   org.UnitID
	Skip     bool
	Closed   time.Time         // zero: still open
	Act      string            // the act that answers
	Answer   map[string]string // its fields
	Due      time.Time         // the other system's own date; zero = none
	OnTime   bool              // the other system's own judgement
	Files    []string          // names of its attachments, in a folder the importer is given
}

// BadCell says which column of a row cannot be used and why. Rule is the key of the words.
type BadCell struct{ Column, Rule, Got string }

// Error names the column.
func (b *BadCell) Error() string {
	return fmt.Sprintf("column %s: %s (%q)", b.Column, b.Rule, b.Got)
}

// Mappings lists the mappings a pack's folder has.
func Mappings(fsys fs.FS) []string {
	files, err := fs.Glob(fsys, "mappings/*.yaml")
	if err != nil {
		return nil // the pattern is constant and right
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".yaml")
	}
	return files
}

// LoadMapping reads mappings/<name>.yaml of the pack's folder. Errors name file and line: unknown names,
// and categories, units and outcomes the pack does not have.
func LoadMapping(fsys fs.FS, p *pack.Pack, name string) (*Mapping, error) {
	if !slices.Contains(Mappings(fsys), name) {
		return nil, fmt.Errorf("pack %s has no mapping %q; it has: %s", p.ID, name, strings.Join(Mappings(fsys), ", "))
	}
	m := &Mapping{pack: p}
	if err := pack.ReadYAML(fsys, "mappings/"+name+".yaml", m); err != nil {
		return nil, err
	}
	if err := errors.Join(m.check()...); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Mapping) check() []error {
	var bad []error
	fail := func(at pack.Mark, format string, args ...any) { bad = append(bad, at.Errorf(format, args...)) }
	var err error
	if m.zone, err = time.LoadLocation(m.Zone); err != nil || m.Zone == "" {
		fail(m.Mark, "zone: %q is not a time zone", m.Zone)
	}
	if m.Undo != "" && m.Undo != "local_read_as_utc" {
		fail(m.Mark, "undo: %q is not known; the only one is local_read_as_utc", m.Undo)
	}
	if m.Mojibake != "" && m.Mojibake != "latin-1" {
		fail(m.Mark, "mojibake: %q is not known; the only one is latin-1", m.Mojibake)
	}
	c := &m.Columns
	for name, col := range map[string]string{"external": c.External, "opened": c.Opened.Column, "category": c.Category.Column} {
		if col == "" {
			fail(c.Mark, "columns.%s: name the column", name)
		}
	}
	if m.strip, err = regexp.Compile(c.Answer.Strip); err != nil {
		fail(c.Answer.Mark, "columns.answer.strip: %v", err)
	}
	bad = append(bad, m.checkNames()...)
	return append(bad, m.checkAnswer()...)
}

// checkNames holds every category and unit of the mapping against the pack.
func (m *Mapping) checkNames() []error {
	var bad []error
	each := func(what string, c mapCol, known func(string) bool) {
		for _, v := range append(slices.Sorted(maps.Values(c.Map)), c.Else) {
			if c.Column != "" && v != "" && !known(v) {
				bad = append(bad, c.Mark.Errorf("columns.%s: the pack has no %q", what, v))
			}
		}
	}
	unit := func(id string) bool { _, ok := m.pack.Units.Unit(org.UnitID(id)); return ok }
	each("category", m.Columns.Category, func(id string) bool {
		c, ok := m.pack.Category(id)
		return ok && c.Procedure == m.Procedure
	})
	each("unit", m.Columns.Unit, unit)
	each("area", m.Columns.Area, unit)
	each("department", m.Columns.Department, unit)
	return bad
}

// checkAnswer finds the act that closes history and holds the outcomes against the procedure.
func (m *Mapping) checkAnswer() []error {
	d, ok := m.pack.Procedures[m.Procedure]
	if !ok {
		return []error{m.Mark.Errorf("procedure: the pack has no %q", m.Procedure)}
	}
	for i := range d.Acts {
		if a := &d.Acts[i]; m.answer == nil && a.Answers && a.Has(procedure.Decide) {
			m.answer = a
		}
	}
	if m.answer == nil {
		return []error{m.Mark.Errorf("procedure: no act of %s answers with an outcome, so nothing can be closed", m.Procedure)}
	}
	var bad []error
	o := m.Columns.Outcome
	check := func(at pack.Mark, id string) {
		if _, ok := d.Outcome(id); !ok {
			bad = append(bad, at.Errorf("outcome: procedure %s has no %q", m.Procedure, id))
		}
	}
	check(o.Mark, o.Else)
	for _, r := range o.Match {
		check(r.Mark, r.Outcome)
	}
	return bad
}

// Needs lists every column the file must have.
func (m *Mapping) Needs() []string {
	c := &m.Columns
	list := []string{c.External, c.Opened.Column, c.Closed.Column, c.Due.Column, c.OnTime.Column, c.Title.Column, c.Title.Else,
		c.Address.Column, c.Lat, c.Lon, c.Category.Column, c.Unit.Column, c.Area.Column, c.Department.Column, c.Source.Column,
		c.Answer.Column, c.Outcome.Column, m.ClosedIf.Column, c.Files.Column}
	list = append(list, c.Text...)
	list = append(append(list, c.Address.Columns...), c.Address.Else...)
	for _, s := range m.SkipIf {
		list = append(list, s.Column)
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(s string) bool { return s == "" })
}

// Read makes a row from the fields of a record; get answers "" for a column that is not there. The
// error is a *BadCell.
func (m *Mapping) Read(get func(column string) string) (Row, error) {
	c := &m.Columns
	cell := func(column string) string {
		if column == "" {
			return ""
		}
		return m.mend(get(column))
	}
	row := Row{External: cell(c.External), Files: c.Files.of(cell)}
	if row.External == "" {
		return row, &BadCell{c.External, "import.empty", ""}
	}
	for _, s := range m.SkipIf {
		row.Skip = row.Skip || slices.Contains(s.Equals, cell(s.Column))
	}
	if row.Skip {
		return row, nil
	}
	opened, err := m.instant(c.Opened, cell)
	if err != nil {
		return row, err
	}
	if opened.IsZero() {
		return row, &BadCell{c.Opened.Column, "import.empty", ""}
	}
	at, err := m.point(cell)
	if err != nil {
		return row, err
	}
	row.Holder = org.UnitID(c.Unit.of(cell))
	row.Report = Report{
		Category: c.Category.of(cell), Title: clipRunes(first(cell(c.Title.Column), cell(c.Title.Else)), 120), Text: m.text(cell),
		Address: clipRunes(c.Address.of(cell), 200), Point: at, Unit: org.UnitID(first(c.Area.of(cell), string(row.Holder))),
		Source: first(c.Source.of(cell), "import"), External: row.External, Key: m.Key(row.External), At: opened,
	}
	if row.Due, err = m.instant(c.Due, cell); err != nil {
		return row, err
	}
	row.OnTime = c.OnTime.Column != "" && cell(c.OnTime.Column) == c.OnTime.Yes
	return row, m.closing(&row, cell)
}

// Key names a row of this mapping for ever: the same row is the same case, however often it comes.
func (m *Mapping) Key(external string) string { return "import:" + m.Name + ":" + external }

// closing reads when and how the matter ended.
func (m *Mapping) closing(row *Row, cell func(string) string) error {
	c := &m.Columns
	closed, err := m.instant(c.Closed, cell)
	if err != nil {
		return err
	}
	if closed.IsZero() || (m.ClosedIf.Column != "" && !slices.Contains(m.ClosedIf.Equals, cell(m.ClosedIf.Column))) {
		return nil
	}
	if closed.Before(row.Report.At) {
		return &BadCell{c.Closed.Column, "import.closed_before_opened", cell(c.Closed.Column)}
	}
	row.Closed, row.Act, row.Answer = closed, m.answer.ID, map[string]string{}
	for _, f := range m.answer.Fields {
		switch {
		case f.Name == "outcome":
			row.Answer[f.Name] = c.Outcome.of(cell)
		case f.Public && (f.Kind == form.LongText || f.Kind == form.Text):
			row.Answer[f.Name] = m.words(cell, f)
		}
	}
	return nil
}

// words is the answer the other system gave, or the pack's words for none.
func (m *Mapping) words(cell func(string) string, f form.Field) string {
	s := strings.TrimSpace(m.strip.ReplaceAllString(cell(m.Columns.Answer.Column), ""))
	if utf8.RuneCountInString(s) < max(f.Min, 1) {
		s = m.Columns.Answer.Empty[m.Lang]
	}
	limit := f.Max
	if limit == 0 {
		limit = form.MaxText
	}
	return clipRunes(s, limit)
}

// text joins the named columns, each once, and the department's name.
func (m *Mapping) text(cell func(string) string) string {
	var parts []string
	add := func(s string) {
		if s != "" && !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	for _, c := range m.Columns.Text {
		add(cell(c))
	}
	if dept := m.Columns.Department.of(cell); dept != "" {
		add(m.pack.Texts[m.Lang]["unit."+dept])
	}
	return clipRunes(strings.Join(parts, "\n"), form.MaxText)
}

// instant reads a stamp in the file's zone. With local_read_as_utc the stamp was local time, taken for
// UTC and converted to local time a second time: converting it to UTC gives back the clock face, which
// is then read as local time.
func (m *Mapping) instant(c timeCol, cell func(string) string) (time.Time, error) {
	s := cell(c.Column)
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(c.Layout, s, m.zone)
	if err != nil {
		return t, &BadCell{c.Column, "import.time", clip(s)}
	}
	if m.Undo != "" {
		u := t.UTC()
		t = time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), m.zone)
	}
	return t, nil
}

func (m *Mapping) point(cell func(string) string) (*place.Point, error) {
	lat, lon := cell(m.Columns.Lat), cell(m.Columns.Lon)
	if lat == "" || lon == "" {
		return nil, nil
	}
	var p place.Point
	var err error
	if p.Lat, err = strconv.ParseFloat(lat, 64); err != nil {
		return nil, &BadCell{m.Columns.Lat, "import.number", clip(lat)}
	}
	if p.Lon, err = strconv.ParseFloat(lon, 64); err != nil {
		return nil, &BadCell{m.Columns.Lon, "import.number", clip(lon)}
	}
	if p.Check() != nil {
		return nil, &BadCell{m.Columns.Lat, "import.position", clip(lat + ", " + lon)}
	}
	return &p, nil
}

// mend trims a cell, turns control characters into blanks, and undoes a text that was UTF-8, read as
// Latin-1 and written as UTF-8 again. A text that holds other letters is left as it is.
func (m *Mapping) mend(s string) string {
	if m.Mojibake != "" {
		s = fromLatin1(s)
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, s))
}

func fromLatin1(s string) string {
	raw := make([]byte, 0, len(s))
	high := false
	for _, r := range s {
		if r > 0xFF {
			return s
		}
		high = high || r >= 0x80
		raw = append(raw, byte(r))
	}
	if !high || !utf8.Valid(raw) {
		return s
	}
	return string(raw)
}

func (c mapCol) of(cell func(string) string) string {
	if c.Column == "" {
		return ""
	}
	if v, ok := c.Map[cell(c.Column)]; ok {
		return v
	}
	return c.Else
}

func (c addressCol) of(cell func(string) string) string {
	join := func(list []string) string {
		var parts []string
		for _, col := range list {
			if s := cell(col); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, ", ")
	}
	if c.Column != "" {
		return strings.Join(strings.Fields(cell(c.Column)), " ")
	}
	if len(c.Columns) > 0 && cell(c.Columns[0]) != "" {
		return join(c.Columns)
	}
	return first(join(c.Else), join(c.Columns))
}

func (c outcomeCol) of(cell func(string) string) string {
	s := strings.ToLower(cell(c.Column))
	for _, r := range c.Match {
		if strings.Contains(s, strings.ToLower(r.Contains)) {
			return r.Outcome
		}
	}
	return c.Else
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func clipRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

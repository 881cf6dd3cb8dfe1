package story

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/org"
	"comity/internal/place"
)

// Parse reads a story. The error lists every line that cannot be read, as file:line:column.
func Parse(file string, src []byte) (*Story, error) {
	if i := invalid(src); i >= 0 {
		return nil, fmt.Errorf("%s:%d:1: not UTF-8 text", file, 1+strings.Count(string(src[:i]), "\n"))
	}
	script, files, err := archive(file, strings.ReplaceAll(string(src), "\r\n", "\n"))
	if err != nil {
		return nil, err
	}
	s := &Story{File: file, Files: files}
	p := parser{story: s, names: map[string]bool{}}
	no := 0
	for text := range strings.Lines(script) {
		no++
		if c, ok := strings.CutPrefix(strings.TrimSpace(text), "#"); ok && s.Title == "" {
			s.Title = strings.TrimSpace(c)
		}
		p.statement(no, text)
	}
	if len(p.bad) == 0 && s.Pack == "" {
		p.bad = append(p.bad, fmt.Errorf("%s:1:1: the story names no pack; begin with: pack ID", file))
	}
	if len(p.bad) > 0 {
		return nil, errors.Join(p.bad...)
	}
	return s, nil
}

func invalid(src []byte) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

type token struct {
	col    int // in runes, from 1
	text   string
	quoted bool
	mark   bool // one of ; , =
}

// lex cuts a line into words, quoted texts and the marks ; , and =. A colon at the end of a word is
// decoration, and # begins a comment.
func lex(line string) ([]token, int, string) {
	var out []token
	rs := []rune(line)
	for i := 0; i < len(rs); {
		switch r := rs[i]; {
		case unicode.IsSpace(r):
			i++
		case r == '#':
			return out, 0, ""
		case r == ';' || r == ',' || r == '=':
			out = append(out, token{col: i + 1, text: string(r), mark: true})
			i++
		case r == '\'' || r == '"':
			text, end := quoted(rs, i)
			if end < 0 {
				return nil, i + 1, "the quote is not closed on this line"
			}
			out = append(out, token{col: i + 1, text: text, quoted: true})
			i = end
		default:
			start := i
			for i < len(rs) && !unicode.IsSpace(rs[i]) && !strings.ContainsRune(";,='\"#", rs[i]) {
				i++
			}
			if w := strings.TrimSuffix(string(rs[start:i]), ":"); w != "" {
				out = append(out, token{col: start + 1, text: w})
			}
		}
	}
	return out, 0, ""
}

// quoted reads from the quote at start; a quote written twice is the quote itself.
func quoted(rs []rune, start int) (string, int) {
	var b strings.Builder
	for i := start + 1; i < len(rs); i++ {
		if rs[i] != rs[start] {
			b.WriteRune(rs[i])
			continue
		}
		if i+1 < len(rs) && rs[i+1] == rs[start] {
			b.WriteRune(rs[i])
			i++
			continue
		}
		return b.String(), i + 1
	}
	return "", -1
}

type parser struct {
	story *Story
	names map[string]bool // cases filed so far
	cases int
	last  time.Time
	bad   []error

	no   int
	toks []token
	pos  int
	end  int // column behind the line, for "something is missing here"
}

// mistake ends the reading of one line.
type mistake struct {
	col  int
	text string
}

func (p *parser) statement(no int, raw string) {
	toks, col, trouble := lex(raw)
	p.no, p.toks, p.pos, p.end = no, toks, 0, utf8.RuneCountInString(strings.TrimRight(raw, " \t\n"))+1
	if trouble != "" {
		p.report(mistake{col, trouble})
		return
	}
	if len(toks) == 0 {
		return
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case mistake:
			p.report(r)
		default:
			panic(r)
		}
	}()
	line := Line{No: no, Text: strings.TrimSpace(withoutComment(raw))}
	switch t := p.next("a statement"); t.text {
	case "pack":
		p.pack(t)
		return
	case "at":
		p.at(&line)
	case "expect":
		line.Kind = Expects
		line.Name = p.on()
		p.clauses(&line)
	default:
		p.fail(t, "%q begins no statement; lines begin with pack, at or expect", t.text)
	}
	if p.story.Pack == "" {
		p.fail(toks[0], "the first statement must be: pack ID")
	}
	p.story.Lines = append(p.story.Lines, line)
}

func withoutComment(line string) string {
	open := rune(0)
	for i, r := range line {
		switch {
		case open == 0 && r == '#':
			return line[:i]
		case open == 0 && (r == '\'' || r == '"'):
			open = r
		case r == open:
			open = 0
		}
	}
	return line
}

func (p *parser) report(m mistake) {
	p.bad = append(p.bad, fmt.Errorf("%s:%d:%d: %s", p.story.File, p.no, m.col, m.text))
}

func (p *parser) fail(t token, format string, args ...any) {
	panic(mistake{t.col, fmt.Sprintf(format, args...)})
}

func (p *parser) more() bool { return p.pos < len(p.toks) }

func (p *parser) peek(words ...string) bool {
	for i, w := range words {
		if p.pos+i >= len(p.toks) || p.toks[p.pos+i].text != w || p.toks[p.pos+i].quoted {
			return false
		}
	}
	return true
}

// take skips the words when they stand here.
func (p *parser) take(words ...string) bool {
	if !p.peek(words...) {
		return false
	}
	p.pos += len(words)
	return true
}

func (p *parser) next(what string) token {
	if !p.more() {
		panic(mistake{p.end, what + " is missing here"})
	}
	p.pos++
	return p.toks[p.pos-1]
}

// word takes an unquoted word.
func (p *parser) word(what string) token {
	t := p.next(what)
	if t.mark || t.quoted {
		p.fail(t, "%s is expected here, not %q", what, t.text)
	}
	return t
}

func (p *parser) number(what string) int {
	t := p.word(what)
	n, err := strconv.Atoi(t.text)
	if err != nil || n < 0 {
		p.fail(t, "%s is expected here, not %q", what, t.text)
	}
	return n
}

// text takes a quoted text, a word, or the file behind @name.
func (p *parser) text(what string) string {
	t := p.next(what)
	if t.mark {
		p.fail(t, "%s is expected here, not %q", what, t.text)
	}
	if name, ok := strings.CutPrefix(t.text, "@"); ok && !t.quoted {
		body, ok := p.story.Files[name]
		if !ok {
			p.fail(t, "there is no section -- %s -- below the script", name)
		}
		return strings.TrimSpace(body)
	}
	return t.text
}

func (p *parser) pack(t token) {
	if p.story.Pack != "" {
		p.fail(t, "the pack is named already (%s)", p.story.Pack)
	}
	p.story.Pack = p.word("the id of a pack").text
	if p.more() {
		p.fail(p.toks[p.pos], "nothing may follow the id of the pack")
	}
}

// moment reads DATE TIME. The result carries the written figures in UTC.
func (p *parser) moment() time.Time {
	d, t := p.word("a date like 2026-03-02"), p.word("a time like 09:10")
	layout := "2006-01-02 15:04"
	if strings.Count(t.text, ":") == 2 {
		layout += ":05"
	}
	at, err := time.Parse(layout, d.text+" "+t.text)
	if err != nil {
		p.fail(d, "%q is not a date and time; write 2026-03-02 09:10", d.text+" "+t.text)
	}
	return at
}

func (p *parser) at(line *Line) {
	line.At = p.moment()
	if line.At.Before(p.last) {
		p.fail(p.toks[1], "time goes back: the line before happens at %s", p.last.Format("2006-01-02 15:04:05"))
	}
	p.last = line.At
	switch {
	case p.take("tick"):
		line.Kind = Ticks
	case p.take("pack", "changes"):
		t := p.word("@SECTION")
		name, ok := strings.CutPrefix(t.text, "@")
		if _, there := p.story.Files[name]; !ok || !there {
			p.fail(t, "@SECTION is expected here, the name of a section with the changes")
		}
		line.Kind, line.Change = Changes, name
	default:
		p.doing(line)
	}
	if p.more() {
		t := p.toks[p.pos]
		p.fail(t, "%q is not understood here", t.text)
	}
}

func (p *parser) doing(line *Line) {
	role := p.word("resident or a role")
	line.Who = Who{Role: authz.Role(role.text), Name: p.word("a name").text}
	if role.text == string(authz.System) || role.text == string(authz.Importer) {
		p.fail(role, "nobody is %q; clocks run out with: tick", role.text)
	}
	if line.Who.Staff() {
		if !p.take("of") {
			p.fail(p.here(), "say of which unit: %s %s of UNIT", role.text, line.Who.Name)
		}
		line.Who.Unit = org.UnitID(p.word("a unit").text)
	}
	line.Step = Step{Seen: casework.AnyVersion, Fields: map[string]string{}}
	switch verb := p.word("files, does or notes"); Kind(verb.text) {
	case Files:
		line.Kind = Files
		p.files(line)
	case Does:
		line.Kind = Does
		line.Step.Act = p.word("an act").text
		p.options(line)
	case Notes:
		line.Kind = Notes
		line.Step.Note = p.text("the text of the note")
		p.options(line)
	default:
		p.fail(verb, "%q is not files, does or notes", verb.text)
	}
}

func (p *parser) here() token {
	if p.more() {
		return p.toks[p.pos]
	}
	return token{col: p.end}
}

func (p *parser) files(line *Line) {
	r := intake.Report{Category: p.word("a category").text, Text: p.text("the text of the report"), Fields: map[string]string{}}
	p.cases++
	line.Name = strconv.Itoa(p.cases)
	for p.more() {
		switch {
		case p.take("in"):
			r.Unit = org.UnitID(p.word("a unit").text)
		case p.take("at", "point"):
			r.Point = &place.Point{Lon: p.degree(), Lat: p.degree()}
		case p.take("as"):
			line.Name = p.word("a name for the case").text
		case p.take("title"):
			r.Title = p.text("the title")
		case p.take("key"):
			r.Key = p.text("the key")
		case p.take("without", "contact"):
			line.Report.NoContact = true
		default:
			p.field(r.Fields)
		}
	}
	p.names[line.Name] = true
	line.Report.Report = r
}

func (p *parser) degree() float64 {
	t := p.word("degrees")
	f, err := strconv.ParseFloat(t.text, 64)
	if err != nil {
		p.fail(t, "degrees are expected here, not %q", t.text)
	}
	return f
}

// on reads "on NAME"; the case must have been filed above.
func (p *parser) on() string {
	if !p.take("on") {
		if p.cases == 0 {
			p.fail(p.toks[0], "no case has been filed yet")
		}
		return ""
	}
	t := p.word("the name of a case")
	if !p.known(t.text) {
		p.fail(t, "no case named %q has been filed above", t.text)
	}
	return t.text
}

// known says whether a case of this name has been filed, or may have been opened by one that was.
func (p *parser) known(name string) bool {
	filed, _, _ := strings.Cut(name, "/")
	return p.names[filed]
}

func (p *parser) options(line *Line) {
	if p.cases == 0 {
		p.fail(p.toks[0], "no case has been filed yet")
	}
	for p.more() {
		switch {
		case p.peek("on"):
			line.Name = p.on()
		case p.take("seen"):
			line.Step.Seen = p.number("a version")
		case p.take("key"):
			line.Step.Key = p.text("the key")
		case line.Kind == Does && p.take("behalf"):
			line.Step.Behalf = true
		case line.Kind == Does && p.take("with"):
			t := p.word("the name of a case")
			if line.Step.With = t.text; !p.known(t.text) {
				p.fail(t, "no case named %q has been filed above", t.text)
			}
		case line.Kind == Does && p.take("file"):
			line.Step.Paper = p.text("the name of the paper")
		case line.Kind == Notes && p.take("public"):
			line.Step.Public = true
		default:
			p.field(line.Step.Fields)
		}
	}
	if line.Kind == Notes && len(line.Step.Fields) > 0 {
		p.fail(p.toks[0], "a note has no fields")
	}
}

// field reads NAME=TEXT. An empty text is written as two quotes.
func (p *parser) field(into map[string]string) {
	t := p.word("a field")
	if !p.take("=") {
		p.fail(t, "%q is not understood here; fields are written %s='…'", t.text, t.text)
	}
	if _, twice := into[t.text]; twice {
		p.fail(t, "the field %q stands here twice", t.text)
	}
	into[t.text] = p.text("the answer")
}

// shape says how many words a clause takes, and whether a list follows.
type shape struct {
	min, max int
	list     bool
}

var shapes = map[string]shape{
	"state": {1, 1, false}, "holder": {1, 1, false}, "offered": {1, 1, false}, "assignee": {1, 1, false},
	"outcome": {1, 1, false}, "rating": {1, 1, false}, "version": {1, 1, false}, "raised": {2, 2, false}, "late": {0, 0, false}, "not": {1, 1, false},
	"clock": {2, 5, false}, "no": {2, 2, false}, "nothing": {1, 1, false}, "replayed": {0, 0, false}, "refused": {1, 40, false},
	"events": {0, 0, true}, "notices": {0, 0, true}, "barred": {0, 0, true}, "worklist": {4, 4, false},
	"fact": {2, 2, false}, "member": {2, 3, false}, "sealed": {1, 1, false}, "joint": {0, 0, true}, "documents": {0, 0, true}, "child": {2, 2, false},
	"provisional": {1, 1, false}, "firm": {1, 1, false},
}

func (p *parser) clauses(line *Line) {
	for {
		t := p.word("a clause")
		c := Clause{Col: t.col, Verb: t.text}
		var items []token
		for p.more() && !p.peek(";") {
			items = append(items, p.next("a word"))
		}
		sh, ok := shapes[c.Verb]
		if !ok {
			p.fail(t, "%q is nothing a story can expect", c.Verb)
		}
		if c.Verb == "worklist" && len(items) >= 4 && items[2].text == "shows" {
			for _, w := range items[:3] {
				c.Args = append(c.Args, w.text)
			}
			items, sh = items[3:], shape{list: true}
		}
		if sh.list {
			c.List = p.list(t, items)
		} else {
			for _, w := range items {
				if w.mark {
					p.fail(w, "%q does not fit here", w.text)
				}
				c.Args = append(c.Args, w.text)
			}
			if len(items) < sh.min || len(items) > sh.max {
				p.fail(t, "%q takes %s after it", c.Verb, words(sh))
			}
		}
		p.sense(t, &c)
		line.Expect = append(line.Expect, c)
		if !p.take(";") {
			return
		}
	}
}

func words(s shape) string {
	switch {
	case s.max == 0:
		return "nothing"
	case s.min == s.max:
		return fmt.Sprintf("%d word(s)", s.min)
	}
	return fmt.Sprintf("%d to %d words", s.min, s.max)
}

// list reads items separated by commas; "nothing" or "nobody" alone is the empty list.
func (p *parser) list(t token, items []token) []string {
	out, item := []string{}, []string{}
	for _, w := range items {
		switch {
		case w.mark && w.text == "," && len(item) > 0:
			out, item = append(out, strings.Join(item, " ")), nil
		case w.mark:
			p.fail(w, "%q does not fit here", w.text)
		default:
			item = append(item, w.text)
		}
	}
	if len(item) == 0 {
		p.fail(t, "%q needs a list; write nothing for an empty one", t.text)
	}
	out = append(out, strings.Join(item, " "))
	if len(out) == 1 && (out[0] == "nothing" || out[0] == "nobody") {
		return []string{}
	}
	return out
}

// sense checks what the count of words cannot tell.
func (p *parser) sense(t token, c *Clause) {
	ok := true
	num := func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n >= 0 }
	switch c.Verb {
	case "raised":
		ok = num(c.Args[0]) && slices.Contains([]string{"time", "times"}, c.Args[1])
	case "version":
		ok = num(c.Args[0])
	case "not":
		ok = c.Args[0] == "late"
	case "no":
		ok = c.Args[0] == "other" && c.Args[1] == "clock"
	case "nothing":
		ok = c.Args[0] == "else"
	case "worklist":
		ok = c.Args[0] == "of" && (c.List != nil && c.Args[2] == "shows" || c.List == nil && c.Args[2] == "has" && num(c.Args[3]))
		for _, name := range c.List {
			if !p.known(name) {
				p.fail(t, "no case named %q has been filed above", name)
			}
		}
	case "notices":
		for _, item := range c.List {
			f := strings.Fields(item)
			if !(len(f) == 2 && f[0] == "resident") && !(len(f) == 3 && (f[0] == "unit" || f[0] == "member")) {
				p.fail(t, "notice %q: write resident TEMPLATE, member ID TEMPLATE or unit UNIT TEMPLATE", item)
			}
		}
	case "clock":
		ok = p.clockSense(c)
	case "refused":
		_, ok = refusal(c.Args)
	}
	if !ok {
		p.fail(t, "%q is not understood; see the clauses in docs/stories.md", strings.Join(append([]string{c.Verb}, c.Args...), " "))
	}
}

func (p *parser) clockSense(c *Clause) bool {
	if c.Args[1] != "due" {
		return len(c.Args) == 2 && slices.Contains([]string{"paused", "expired", "idle"}, c.Args[1])
	}
	if len(c.Args) < 4 {
		return false
	}
	_, err := time.Parse("2006-01-02 15:04:05", c.Args[2]+" "+c.Args[3])
	return err == nil
}

// refusal reads RULE [field FIELD [RULE]] … into the rule and one text per field.
func refusal(args []string) (fields []string, ok bool) {
	for i := 1; i < len(args); {
		if args[i] != "field" || i+1 >= len(args) {
			return nil, false
		}
		f := args[i+1]
		i += 2
		if i < len(args) && args[i] != "field" {
			f += " " + args[i]
			i++
		}
		fields = append(fields, f)
	}
	return fields, true
}

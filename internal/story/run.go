package story

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// Play carries the story out in the world and compares what it expects. The transcript tells what
// happened, in the same words in every world; it is given even when the error is not nil. The error
// joins a *Mismatch for every expectation that was not met; a world that fails ends the story.
func Play(s *Story, p *pack.Pack, w World) (transcript string, err error) {
	if s.Pack != p.ID {
		return "", fmt.Errorf("%s: the story is about pack %q, not %q", s.File, s.Pack, p.ID)
	}
	run := player{s: s, pack: p, w: w, cases: map[string]*told{}}
	for i := range s.Lines {
		run.line = &s.Lines[i]
		if err := run.play(); err != nil {
			run.bad = append(run.bad, fmt.Errorf("%s:%d:1: %w", s.File, run.line.No, err))
			return run.out.String(), errors.Join(run.bad...)
		}
	}
	run.settle()
	if run.line != nil {
		if err := run.untold(1); err != nil {
			run.bad = append(run.bad, err)
		}
	}
	return run.out.String(), errors.Join(run.bad...)
}

// told is how much of a case the story has named so far.
type told struct {
	born    int // events looked at for cases they open
	id      casework.CaseID
	name    string
	filer   string // the resident who holds its code
	events  int
	notices int
	papers  int
	printed int
}

type player struct {
	s     *Story
	pack  *pack.Pack
	w     World
	cases map[string]*told
	order []*told
	last  *told
	line  *Line

	acted   *Line // the last line that did something
	refusal *casework.Refusal
	named   bool // the refusal was expected
	receipt Receipt

	out strings.Builder
	bad []error
}

func (r *player) instant(civil time.Time) time.Time {
	y, m, d := civil.Date()
	return time.Date(y, m, d, civil.Hour(), civil.Minute(), civil.Second(), 0, r.pack.Zone)
}

func (r *player) play() error {
	if r.line.Kind == Expects {
		return r.expect()
	}
	r.settle()
	r.acted, r.refusal, r.named, r.receipt = r.line, nil, false, Receipt{}
	fmt.Fprintf(&r.out, "%s\n", r.line.Text)
	now := r.instant(r.line.At)
	if r.line.Kind == Ticks {
		if err := r.w.Tick(now); err != nil {
			return err
		}
		return r.print()
	}
	if err := r.w.Set(now); err != nil {
		return err
	}
	err := r.do()
	if errors.As(err, &r.refusal) {
		fmt.Fprintf(&r.out, "    refused: %s\n", strings.Join(append([]string{r.refusal.Rule}, problems(r.refusal)...), " "))
		err = nil
	}
	if err != nil {
		return err
	}
	if r.receipt.Replayed {
		r.out.WriteString("    the first receipt again\n")
	}
	return r.print()
}

func (r *player) do() (err error) {
	switch r.line.Kind {
	case Files:
		return r.file()
	case Changes:
		next, err := amend(r.pack, r.s.Files[r.line.Change])
		if err != nil {
			return fmt.Errorf("section %s: %w", r.line.Change, err)
		}
		r.pack = next
		return r.w.Change(next)
	}
	c := r.meant()
	if c == nil {
		return fmt.Errorf("the case it is about was never opened")
	}
	r.last = c
	step := r.line.Step
	step.Case = c.id
	if r.line.Who.Resident() {
		step.Holds = r.holds(c)
	}
	if step.With != "" {
		lead, err := r.w.Case(r.cases[step.With].id)
		if err != nil {
			return err
		}
		step.Fields = maps.Clone(step.Fields)
		step.Fields[procedure.FieldLead] = string(lead.Ref)
	}
	r.receipt, err = r.w.Act(r.line.Who, step)
	return err
}

// holds finds the case whose follow code the acting resident has: this one, or another, or none.
func (r *player) holds(c *told) casework.CaseID {
	if c.filer == r.line.Who.Name {
		return c.id
	}
	for _, o := range r.order {
		if o.filer == r.line.Who.Name {
			return o.id
		}
	}
	return ""
}

func (r *player) file() (err error) {
	rep := r.line.Report.Report
	rep.Source, rep.Now = "web", r.instant(r.line.At)
	if !r.line.Who.Resident() {
		rep.Source = "counter"
	}
	if !r.line.Report.NoContact {
		rep.Contact = casework.Contact{Channel: "mail", Address: r.line.Who.Name + "@example.org", Name: r.line.Who.Name}
	}
	if r.receipt, err = r.w.File(r.line.Who, rep); err != nil {
		return err
	}
	c := &told{id: r.receipt.Case, name: r.line.Name}
	if r.line.Who.Resident() {
		c.filer = r.line.Who.Name
	}
	if i := slices.IndexFunc(r.order, func(o *told) bool { return o.id == c.id }); i >= 0 {
		c = r.order[i] // a repeated form leads to the case that is there
	} else {
		r.order = append(r.order, c)
	}
	r.cases[r.line.Name], r.last = c, c
	return nil
}

// meant is the case a line is about: the one it names, or the one named last.
func (r *player) meant() *told {
	if r.line.Name == "" {
		return r.last
	}
	return r.cases[r.line.Name]
}

// print tells what the line changed. Cases that were opened by others join the order as they are met.
func (r *player) print() error {
	for i := 0; i < len(r.order); i++ {
		c := r.order[i]
		events, err := r.w.Events(c.id)
		if err != nil {
			return err
		}
		r.births(c, events)
		for _, e := range events[min(c.printed, len(events)):] {
			fmt.Fprintf(&r.out, "    %s case %s: %s; state %s, held by %s", r.civil(e.At), c.name, e.Kind, e.State, e.Holder)
			if e.Offered != "" {
				fmt.Fprintf(&r.out, ", offered to %s", e.Offered)
			}
			r.out.WriteByte('\n')
			for _, k := range e.Clocks {
				fmt.Fprintf(&r.out, "        clock %s %s\n", k.ID, r.clockText(k))
			}
			for _, n := range noticesOf([]casework.Event{e}) {
				fmt.Fprintf(&r.out, "        notice to %s\n", n)
			}
		}
		c.printed = len(events)
	}
	return nil
}

// births names the cases that events of c opened.
func (r *player) births(c *told, events []casework.Event) {
	for _, e := range events[min(c.born, len(events)):] {
		for _, s := range e.Spawn {
			name := c.name + "/" + s.Link
			for n := 2; r.cases[name] != nil; n++ {
				name = c.name + "/" + s.Link + strconv.Itoa(n)
			}
			child := &told{id: s.Case, name: name}
			r.cases[name], r.order = child, append(r.order, child)
		}
	}
	c.born = len(events)
}

func (r *player) civil(t time.Time) string { return t.In(r.pack.Zone).Format(time.DateTime) }

func (r *player) clockText(k casework.Clock) string {
	if k.Running() {
		return "due " + r.civil(k.Due)
	}
	return k.Status
}

// settle fails a refusal that no line expected.
func (r *player) settle() {
	if r.refusal != nil && !r.named {
		r.bad = append(r.bad, &Mismatch{r.s.File, r.acted.No, 1, "the line is refused", "it to be done, or: expect refused …",
			strings.Join(append([]string{r.refusal.Rule}, problems(r.refusal)...), " ")})
	}
}

func (r *player) miss(c Clause, what, want, got string) {
	r.bad = append(r.bad, &Mismatch{r.s.File, r.line.No, c.Col, what, want, got})
}

func (r *player) expect() error {
	t := r.meant()
	var state casework.Case
	var events []casework.Event
	if t != nil {
		r.last = t
		var err error
		if state, err = r.w.Case(t.id); err != nil {
			return err
		}
		if events, err = r.w.Events(t.id); err != nil {
			return err
		}
	}
	for _, c := range r.line.Expect {
		switch c.Verb {
		case "refused":
			r.refused(c)
			continue
		case "replayed":
			if !r.receipt.Replayed {
				r.miss(c, "replayed", "the first receipt again", "something new")
			}
			continue
		case "worklist":
			if err := r.worklist(c); err != nil {
				return err
			}
			continue
		}
		if t == nil {
			return fmt.Errorf("%s: no case has been opened", c.Verb)
		}
		r.clause(c, t, &state, events)
	}
	return nil
}

func (r *player) clause(c Clause, t *told, s *casework.Case, events []casework.Event) {
	switch c.Verb {
	case "events":
		var got []string
		for _, e := range events[t.events:] {
			got = append(got, e.Kind)
		}
		t.events = len(events)
		r.same(c, got)
	case "notices":
		got := noticesOf(events)
		fresh := got[t.notices:]
		t.notices = len(got)
		r.same(c, fresh)
	case "barred":
		r.same(c, s.Barred)
	case "joint":
		var got []string
		for _, u := range s.Joint {
			got = append(got, string(u))
		}
		r.same(c, got)
	case "documents":
		var got []string
		for _, e := range events {
			got = append(got, e.Documents...)
		}
		fresh := got[min(t.papers, len(got)):]
		t.papers = len(got)
		r.same(c, fresh)
	case "child":
		r.child(c, s)
	case "clock":
		r.clock(c, s)
	case "provisional", "firm":
		r.certain(c, s)
	case "no":
		r.noOther(c, s)
	case "nothing":
		if err := r.untold(c.Col); err != nil {
			r.bad = append(r.bad, err)
		}
	default:
		r.fact(c, s)
	}
}

// fact compares one plain value of the case.
func (r *player) fact(c Clause, s *casework.Case) {
	late := "not late"
	if s.Late {
		late = "late"
	}
	got := map[string]string{
		"state": s.State, "holder": string(s.Holder), "offered": string(s.Offered), "assignee": s.Assignee, "outcome": s.Outcome, "rating": s.Rating,
		"version": strconv.Itoa(s.Version), "raised": strconv.Itoa(s.Raised), "late": late, "not": late,
		"sealed": string(s.Sealed),
	}[c.Verb]
	want := ""
	if c.Verb == "member" {
		r.member(c, s)
		return
	}
	if c.Verb == "fact" {
		if got = orNothing(s.Facts[c.Args[0]]); got != c.Args[1] {
			r.miss(c, "fact "+c.Args[0], c.Args[1], got)
		}
		return
	}
	switch {
	case c.Verb == "late" || c.Verb == "not":
		want = strings.Join(append([]string{c.Verb}, c.Args...), " ")
	case c.Args[0] != "nobody" && c.Args[0] != "nothing":
		want = c.Args[0]
	}
	if got != want {
		r.miss(c, c.Verb, orNothing(want), orNothing(got))
	}
}

// member compares a mark of somebody on a roll; "left" is that they are on it no more.
func (r *player) member(c Clause, s *casework.Case) {
	m, ok := s.Member(c.Args[0])
	got := "no such member"
	switch {
	case !ok:
	case m.Left:
		got = "left"
	case len(c.Args) == 2:
		got = m.Roll
	default:
		got = c.Args[1] + " " + orNothing(m.Marks[c.Args[1]])
	}
	if want := strings.Join(c.Args[1:], " "); got != want {
		r.miss(c, "member "+c.Args[0], want, got)
	}
}

// child compares how the last case of a link stands: open, or its outcome.
func (r *player) child(c Clause, s *casework.Case) {
	got := "nothing"
	for _, k := range s.Children {
		if k.Link == c.Args[0] {
			if got = orNothing(k.Outcome); k.Open {
				got = "open"
			}
		}
	}
	if got != c.Args[1] {
		r.miss(c, "child "+c.Args[0], c.Args[1], got)
	}
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func (r *player) same(c Clause, got []string) {
	if !slices.Equal(c.List, got) {
		r.miss(c, c.Verb, orNothing(strings.Join(c.List, ", ")), orNothing(strings.Join(got, ", ")))
	}
}

func (r *player) clock(c Clause, s *casework.Case) {
	k, ok := s.Clock(c.Args[0])
	got := "idle"
	if ok {
		got = r.clockText(k)
	}
	want := strings.Join(c.Args[1:], " ")
	if len(c.Args) == 5 {
		want = strings.Join(c.Args[1:4], " ")
		if c.Args[4] != r.pack.Zone.String() {
			r.miss(c, "zone of clock "+c.Args[0], c.Args[4], r.pack.Zone.String())
		}
	}
	if d := r.pack.Procedures[s.Procedure]; d != nil {
		if _, known := d.Clock(c.Args[0]); !known {
			got = "no such clock"
		}
	}
	if got != want {
		r.miss(c, "clock "+c.Args[0], want, got)
	}
}

// certain compares whether the date of a clock may still move when the next schedule of holidays comes.
func (r *player) certain(c Clause, s *casework.Case) {
	k, _ := s.Clock(c.Args[0])
	got := "firm"
	switch {
	case !k.Running():
		got = "not running"
	case k.Provisional:
		got = "provisional"
	}
	if got != c.Verb {
		r.miss(c, "date of clock "+c.Args[0], c.Verb, got)
	}
}

// noOther says that only the clocks named on this line run or stand still.
func (r *player) noOther(c Clause, s *casework.Case) {
	var got []string
	for _, k := range s.Clocks {
		on := k.Running() || k.Status == "paused"
		if on && !slices.ContainsFunc(r.line.Expect, func(o Clause) bool { return o.Verb == "clock" && o.Args[0] == k.ID }) {
			got = append(got, k.ID+" "+r.clockText(k))
		}
	}
	if len(got) > 0 {
		r.miss(c, "no other clock", "only the clocks named on this line", strings.Join(got, ", "))
	}
}

// untold finds events and notices of any case that no line has named.
func (r *player) untold(col int) error {
	var left []string
	for _, c := range r.order {
		events, err := r.w.Events(c.id)
		if err != nil {
			return err
		}
		for _, e := range events[min(c.events, len(events)):] {
			left = append(left, fmt.Sprintf("event %s of case %s", e.Kind, c.name))
		}
		notices := noticesOf(events)
		for _, n := range notices[min(c.notices, len(notices)):] {
			left = append(left, fmt.Sprintf("notice %s of case %s", n, c.name))
		}
	}
	if len(left) == 0 {
		return nil
	}
	return &Mismatch{r.s.File, r.line.No, col, "nothing else", "every event and notice to be told", strings.Join(left, ", ")}
}

func noticesOf(events []casework.Event) []string {
	var out []string
	for _, e := range events {
		for _, n := range e.Notices {
			out = append(out, strings.Join(strings.Fields(strings.Join([]string{n.To, string(n.Unit), n.Member, n.Template}, " ")), " "))
		}
	}
	return out
}

func (r *player) worklist(c Clause) error {
	ids, err := r.w.Worklist(org.UnitID(c.Args[1]))
	if err != nil {
		return err
	}
	if _, ok := r.pack.Units.Unit(org.UnitID(c.Args[1])); !ok {
		return fmt.Errorf("worklist: %q is not a unit", c.Args[1])
	}
	if c.List == nil {
		if got := strconv.Itoa(len(ids)); got != c.Args[3] {
			r.miss(c, "worklist of "+c.Args[1], c.Args[3]+" cases", got)
		}
		return nil
	}
	var got, want []string
	for _, id := range ids {
		i := slices.IndexFunc(r.order, func(o *told) bool { return o.id == id })
		if i < 0 {
			return fmt.Errorf("worklist of %s: a case that nobody filed", c.Args[1])
		}
		got = append(got, r.order[i].name)
	}
	for _, name := range c.List {
		if t := r.cases[name]; t != nil {
			name = t.name
		}
		want = append(want, name)
	}
	if !slices.Equal(got, want) {
		r.miss(c, "worklist of "+c.Args[1], orNothing(strings.Join(want, ", ")), orNothing(strings.Join(got, ", ")))
	}
	return nil
}

// refused compares the last refusal: the rule, and for forms every field that cannot stand.
func (r *player) refused(c Clause) {
	r.named = true
	want := strings.Join(c.Args, " ")
	if r.refusal == nil {
		r.miss(c, "refused", want, "the line was carried out")
		return
	}
	fields, _ := refusal(c.Args)
	got := problems(r.refusal)
	ok := r.refusal.Rule == c.Args[0] && len(fields) == len(got)
	for i, f := range fields {
		if ok {
			ok = "field "+f == got[i] || !strings.Contains(f, " ") && strings.HasPrefix(got[i], "field "+f+" ")
		}
	}
	if !ok {
		r.miss(c, "refused", want, strings.Join(append([]string{r.refusal.Rule}, got...), " "))
	}
}

// problems writes the fields of a refusal as a story does.
func problems(no *casework.Refusal) []string {
	var out []string
	for _, f := range no.Fields {
		out = append(out, "field "+f.Field+" "+f.Rule)
	}
	return out
}

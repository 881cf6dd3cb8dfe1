package simulate

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"

	"comity/internal/org"
	"comity/internal/text"
)

// Text is the result in words, for the units that shown says yes to (nil: all). The speaker needs the words
// of the pack too. Lines in which nothing happened are counted instead of shown; JSON has them all.
func (r *Result) Text(say text.Speaker, shown func(org.UnitID) bool) string {
	var b strings.Builder
	line := func(key string, kv ...string) { b.WriteString(say.T(key, kv...) + "\n") }
	name := cmp.Or(r.Name[say.Lang], r.Scenario)
	line("simulate.title", "city", say.T("city"), "scenario", name, "from", r.From, "to", r.To)
	line("simulate.how", "runs", strconv.Itoa(r.Runs), "seed", strconv.FormatUint(r.Seed, 10), "n", strconv.Itoa(r.Base.Cases))
	if r.Count != r.From {
		line("simulate.warm_up", "day", r.Count)
	}
	if r.Runs == 1 {
		line("simulate.one_run")
	}
	b.WriteString("\n")
	p := printer{say: say, b: &b, shown: func(id org.UnitID) bool { return id == "" || shown == nil || shown(id) }}
	p.report(r.Base)
	for i := range r.WhatIf {
		p.whatIf(&r.WhatIf[i])
	}
	return b.String()
}

type printer struct {
	say   text.Speaker
	b     *strings.Builder
	shown func(org.UnitID) bool
}

func (p printer) report(r Report) {
	t := p.table("simulate.units", "unit", "cases", "answered", "late", "late_share", "median", "p90", "queue", "raised", "open")
	busy := map[org.UnitID]bool{}
	for _, u := range append([]UnitReport{r.All}, r.Units...) {
		busy[u.Unit] = u.N > 0 || u.Raised.Value > 0
		if !p.shown(u.Unit) || !busy[u.Unit] {
			continue
		}
		t.row(p.unit(u.Unit), p.number(u.Cases, 0), p.number(u.Answered, 0), p.number(u.Late, 1), p.share(u.Share, u.N),
			p.days(u.Median, u.N), p.days(u.P90, u.N), p.number(u.Queue, 1), p.number(u.Raised, 1), p.number(u.Waiting, 1))
	}
	t.print(p.b)
	p.clocks(r.Clocks)
	p.staff(r.Staff, func(id org.UnitID) bool { return busy[id] })
	if len(r.Refused) > 0 {
		p.b.WriteString(p.say.T("simulate.refused") + "\n")
		for _, x := range r.Refused {
			p.b.WriteString("  " + strconv.Itoa(x.N) + " × " + x.What + "\n")
		}
		p.b.WriteString("\n")
	}
}

func (p printer) clocks(list []ClockReport) {
	t, rest := p.table("simulate.clocks", "unit", "term", "started", "ran_out", "ran_out_share"), 0
	for _, c := range list {
		switch {
		case !p.shown(c.Unit):
		case c.RanOut.Value == 0:
			rest++
		default:
			t.row(p.unit(c.Unit), p.say.T("clock."+c.Procedure+"."+c.Clock), p.number(c.Started, 0), p.number(c.RanOut, 1), p.share(c.Share, c.N))
		}
	}
	t.foot = p.rest("simulate.clocks.rest", rest)
	t.print(p.b)
}

func (p printer) staff(list []StaffReport, at func(org.UnitID) bool) {
	t := p.table("simulate.staff", "unit", "role", "people", "busy")
	for _, s := range list {
		if p.shown(s.Unit) && at(s.Unit) {
			t.row(p.unit(s.Unit), p.role(s.Role), strconv.Itoa(s.People), p.share(s.Busy, 0))
		}
	}
	t.print(p.b)
}

func (p printer) rest(key string, n int) string {
	if n == 0 {
		return ""
	}
	return p.say.N(key, n)
}

func (p printer) whatIf(w *WhatIf) {
	changes := strings.Join(w.Changes, "; ")
	if name := w.Name[p.say.Lang]; name != "" {
		changes = p.say.T("simulate.named", "name", name, "changes", changes)
	}
	p.b.WriteString(p.say.T("simulate.what_if", "changes", changes) + "\n")
	p.b.WriteString(p.say.T("simulate.what_if.how") + "\n\n")
	t, rest := p.table("", "unit", "late_share_then", "late_share_change", "median_change", "mean_change", "queue_change"), 0
	then := map[org.UnitID]UnitReport{"": w.Report.All}
	for _, u := range w.Report.Units {
		then[u.Unit] = u
	}
	for _, d := range append([]Difference{w.All}, w.Units...) {
		clear := d.Share.Clear() || d.Median.Clear() || d.Mean.Clear() || d.Queue.Clear() || d.Share.Runs == 1
		switch {
		case !p.shown(d.Unit):
		case d.Unit != "" && !clear && !w.touches(d.Unit):
			rest++
		default:
			t.row(p.unit(d.Unit), p.share(then[d.Unit].Share, d.N), p.change(d.Share, 100, "simulate.points"),
				p.change(d.Median, 1, "simulate.days"), p.change(d.Mean, 1, "simulate.days"), p.change(d.Queue, 1, "simulate.cases"))
		}
	}
	t.foot = p.rest("simulate.what_if.rest", rest)
	t.print(p.b)
	p.staff(w.Report.Staff, w.touches)
}

func (p printer) unit(id org.UnitID) string {
	if id == "" {
		return p.say.T("simulate.all")
	}
	return p.say.T("unit." + string(id))
}

// role is the word the desk uses; a role of a pack that has none there goes by its id.
func (p printer) role(id string) string {
	if key := "desk.role." + id; p.say.Has(key) {
		return p.say.T(key)
	}
	return id
}

// number is a mean with its range.
func (p printer) number(e Estimate, digits int) string {
	if e.Runs == 0 {
		return p.say.T("simulate.unknown")
	}
	if e.Runs == 1 {
		return decimal(e.Value, digits)
	}
	return p.say.T("simulate.range", "value", decimal(e.Value, digits), "low", decimal(e.Low, digits), "high", decimal(e.High, digits))
}

// share is a percentage with its range, and of how many cases, unless it is of no cases.
func (p printer) share(e Estimate, n int) string {
	if e.Runs == 0 {
		return p.say.T("simulate.unknown")
	}
	out := p.say.T("simulate.percent", "value", decimal(100*e.Value, 1))
	if e.Runs > 1 {
		out = p.say.T("simulate.percent.range", "value", decimal(100*e.Value, 1), "low", decimal(100*e.Low, 1), "high", decimal(100*e.High, 1))
	}
	if n > 0 {
		out = p.say.T("simulate.of", "figure", out, "n", strconv.Itoa(n))
	}
	return out
}

// days is a time to answer; where too many cases had none, there is no such time.
func (p printer) days(e Estimate, n int) string {
	if e.Runs == 0 && n > 0 {
		return p.say.T("simulate.never")
	}
	return p.number(e, 1)
}

// change is a difference in words: clear ones with a sign, the others as what they are.
func (p printer) change(e Estimate, scale float64, unit string) string {
	if e.Runs == 0 {
		return p.say.T("simulate.unknown")
	}
	figure := p.say.T(unit, "value", signed(scale*e.Value))
	if e.Runs == 1 {
		return figure
	}
	if e.Low == e.High && e.Value == 0 {
		return p.say.T("simulate.same")
	}
	figure = p.say.T("simulate.range", "value", figure, "low", signed(scale*e.Low), "high", signed(scale*e.High))
	if !e.Clear() {
		return p.say.T("simulate.unclear", "figure", figure)
	}
	return figure
}

func decimal(v float64, digits int) string {
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

func signed(v float64) string {
	s := decimal(v, 2)
	if v > 0 && strings.Trim(s, "0.") != "" {
		return "+" + s
	}
	return s
}

// table is text in columns. Chinese characters take two places.
type table struct {
	title, foot string
	rows        [][]string
}

func (p printer) table(title string, columns ...string) *table {
	t := &table{}
	if title != "" {
		t.title = p.say.T(title)
	}
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = p.say.T("simulate.column." + c)
	}
	t.rows = [][]string{head}
	return t
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(b *strings.Builder) {
	if len(t.rows) < 2 && t.foot == "" {
		return
	}
	if t.title != "" {
		b.WriteString(t.title + "\n")
	}
	wide := make([]int, len(t.rows[0]))
	for _, r := range t.rows {
		for i, c := range r {
			wide[i] = max(wide[i], places(c))
		}
	}
	if len(t.rows) < 2 {
		t.rows = nil
	}
	for _, r := range t.rows {
		line := ""
		for i, c := range r {
			line += "  " + c + strings.Repeat(" ", wide[i]-places(c))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if t.foot != "" {
		b.WriteString("  " + t.foot + "\n")
	}
	b.WriteString("\n")
}

// places is how many columns of a terminal a text takes: two for East Asian wide characters.
func places(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0xffe0 && r <= 0xffe6 {
			n++
		}
	}
	return n
}

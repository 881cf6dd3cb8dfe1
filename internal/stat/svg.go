package stat

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"
)

// Words says everything that is written: T is a text.Speaker's, Day says a date as short as it goes.
type Words struct {
	T   func(key string, kv ...string) string
	Day func(time.Time) string
}

// Options of a drawing.
type Options struct {
	What string // issue and place, in words
	ID   string // beginning of every id, when several drawings stand on one page; empty = "weeks"
}

// Size of a drawing, in units of about a pixel, and what its edges keep free for words.
const (
	width, height = 640.0, 240.0
	left, right   = 44.0, 12.0
	top, bottom   = 12.0, 30.0
)

// sheet turns weeks and counts into coordinates.
type sheet struct {
	strings.Builder
	c    Chart
	most int // at the upper edge
}

// SVG is the chart for a page: classes only, no style of its own, colours from the page's sheet. What
// it shows stands in Table as words, and a signal differs by its shape, not by its colour alone.
func (c Chart) SVG(w Words, o Options) string {
	s := &sheet{c: c, most: c.most()}
	id := cmp.Or(o.ID, "weeks")
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" class="weeks" role="img" width="%[1]s" height="%[2]s" viewBox="0 0 %[1]s %[2]s" aria-labelledby="%[3]s-title %[3]s-desc">`+"\n",
		num(width), num(height), esc(id))
	fmt.Fprintf(s, `<title id="%s-title">%s</title><desc id="%s-desc">%s</desc>`+"\n", esc(id), esc(w.T("stat.chart.title", "what", o.What)), esc(id), esc(c.tell(w)))
	s.axes(w)
	s.limits()
	s.counts(w)
	s.WriteString("</svg>")
	return s.String()
}

// tell is the chart in a sentence or two, for who hears it.
func (c Chart) tell(w Words) string {
	if len(c.Points) == 0 {
		return w.T("stat.chart.empty")
	}
	first, last := c.Points[0].Begins, c.Points[len(c.Points)-1].Begins
	return w.T("stat.chart.desc", "from", w.Day(first), "to", w.Day(last), "n", strconv.Itoa(c.Signals()))
}

// most is the upper edge: a round number above everything drawn.
func (c Chart) most() int {
	m := c.Method.Least
	for _, p := range c.Points {
		n, _ := p.Count.Value()
		m = max(m, n, p.High)
	}
	step := tick(m)
	return (m/step + 1) * step
}

// tick is the distance of the lines across: 1, 2 or 5 times a power of ten, so that there are few.
func tick(most int) int {
	for unit := 1; ; unit *= 10 {
		for _, k := range []int{1, 2, 5} {
			if most/(k*unit) < 6 {
				return k * unit
			}
		}
	}
}

func (s *sheet) x(i int) float64 {
	return left + (float64(i)+0.5)*(width-left-right)/float64(max(len(s.c.Points), 1))
}

func (s *sheet) y(n float64) float64 {
	return height - bottom - n*(height-top-bottom)/float64(s.most)
}

func (s *sheet) axes(w Words) {
	for n, step := 0, tick(s.most-1); n <= s.most; n += step {
		fmt.Fprintf(s, `<path class="grid" d="M%s %sH%s"/><text class="tick" x="%s" y="%s">%d</text>`+"\n",
			num(left), num(s.y(float64(n))), num(width-right), num(left-6), num(s.y(float64(n))+4), n)
	}
	every := max(1, (len(s.c.Points)+5)/6)
	for i := 0; i < len(s.c.Points); i += every {
		fmt.Fprintf(s, `<text class="day" x="%s" y="%s">%s</text>`+"\n", num(s.x(i)), num(height-bottom+18), esc(w.Day(s.c.Points[i].Begins)))
	}
}

// limits draws where a week was to be expected, and its middle. Weeks that were not judged come first,
// so that what is judged is one piece.
func (s *sheet) limits() {
	first := 0
	for first < len(s.c.Points) && !s.c.Points[first].Judged {
		first++
	}
	judged := s.c.Points[first:]
	if len(judged) == 0 {
		return
	}
	half := (width - left - right) / float64(len(s.c.Points)) / 2
	var upper, lower, middle []string
	for k, p := range judged {
		a, b := num(s.x(first+k)-half), num(s.x(first+k)+half)
		upper = append(upper, fmt.Sprintf("%s %s %s %s", a, num(s.y(float64(p.High))), b, num(s.y(float64(p.High)))))
		lower = append([]string{fmt.Sprintf("%s %s %s %s", b, num(s.y(float64(p.Low))), a, num(s.y(float64(p.Low))))}, lower...)
		middle = append(middle, fmt.Sprintf("%s %s %s %s", a, num(s.y(p.Expected)), b, num(s.y(p.Expected))))
	}
	fmt.Fprintf(s, `<path class="within" d="M%s %sz"/><path class="expected" d="M%s"/>`+"\n", strings.Join(upper, " "), strings.Join(lower, " "), strings.Join(middle, " "))
}

// counts draws a dot for a count, a box up to the least for a hidden one, and a line through the dots
// that has a gap where one is hidden.
func (s *sheet) counts(w Words) {
	var line strings.Builder
	pen := "M"
	for i, p := range s.c.Points {
		if n, shown := p.Count.Value(); shown {
			fmt.Fprintf(&line, "%s%s %s", pen, num(s.x(i)), num(s.y(float64(n))))
			pen = "L"
		} else {
			pen = "M"
		}
	}
	if line.Len() > 0 {
		fmt.Fprintf(s, `<path class="line" d="%s"/>`+"\n", line.String())
	}
	for i, p := range s.c.Points {
		s.point(w, i, p)
	}
}

func (s *sheet) point(w Words, i int, p Point) {
	class := "week"
	if p.Signal != None {
		class = "week signal " + string(p.Signal)
	}
	fmt.Fprintf(s, `<g class="%s"><title>%s</title>`, class, esc(strings.Join(s.c.row(w, p), " · ")))
	n, shown := p.Count.Value()
	x, y := s.x(i), s.y(float64(n))
	switch {
	case !shown:
		upper := s.y(float64(max(s.c.Method.Least-1, 0)))
		fmt.Fprintf(s, `<rect class="hidden-count" x="%s" y="%s" width="5" height="%s"/>`, num(x-2.5), num(upper), num(s.y(0)-upper))
	case p.Signal == Above:
		fmt.Fprintf(s, `<path class="mark" d="M%s %sl7 12h-14z"/>`, num(x), num(y-8))
	case p.Signal == Below:
		fmt.Fprintf(s, `<path class="mark" d="M%s %sl7 -12h-14z"/>`, num(x), num(y+8))
	default:
		fmt.Fprintf(s, `<circle class="dot-count" cx="%s" cy="%s" r="3"/>`, num(x), num(y))
	}
	s.WriteString("</g>\n")
}

// Table is the chart as a table: what stands above the columns, then a line for each week, the newest
// first.
func (c Chart) Table(w Words) (head []string, lines [][]string) {
	for _, k := range []string{"week", "count", "expected", "limits", "signal"} {
		head = append(head, w.T("stat.head."+k))
	}
	for i := len(c.Points) - 1; i >= 0; i-- {
		lines = append(lines, c.row(w, c.Points[i]))
	}
	return head, lines
}

func (c Chart) row(w Words, p Point) []string {
	count := p.Count.String()
	if _, shown := p.Count.Value(); !shown {
		count = Few(w, c.Method.Least)
	}
	if !p.Judged {
		return []string{w.Day(p.Begins), count, "–", "–", w.T("stat.signal.unjudged")}
	}
	said := w.T("stat.signal.none")
	if p.Signal != None {
		said = w.T("stat.signal." + string(p.Signal))
	}
	return []string{w.Day(p.Begins), count, strconv.FormatFloat(p.Expected, 'f', 1, 64),
		w.T("stat.limits", "low", strconv.Itoa(p.Low), "high", strconv.Itoa(p.High)), said}
}

// Few is what stands in the place of a hidden number of a chart, where every hidden one is small.
func Few(w Words, least int) string { return w.T("stat.few", "least", strconv.Itoa(least)) }

// Explain is the method in sentences, to stand under the chart.
func (m Method) Explain(w Words) []string {
	kv := []string{"back", strconv.Itoa(m.Back), "needed", strconv.Itoa(m.Needed), "least", strconv.Itoa(m.Least), "chance", strconv.Itoa(int(math.Round(1 / m.Chance)))}
	var out []string
	for _, k := range []string{"what", "limits", "past", "hidden", "means"} {
		out = append(out, w.T("stat.method."+k, kv...))
	}
	return out
}

func num(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

func esc(s string) string { return html.EscapeString(s) }

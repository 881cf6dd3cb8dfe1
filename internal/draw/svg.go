package draw

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"comity/internal/procedure"
)

// CSS is how a drawing looks. A page has it in its own sheet, because its policy allows no style
// inside; a file of its own carries it along.
//
//go:embed draw.css
var CSS string

// shape tells by its outline whose turn a state is; the words in the box say it, too.
type shape string

const (
	office   shape = "office"   // corners a little round
	other    shape = "other"    // corners cut off
	resident shape = "resident" // corners very round
	outside  shape = "outside"  // a sheet with a folded corner
	child    shape = "child"    // a bar on each side, as for a procedure of its own
	final    shape = "final"    // a double frame
)

func shapeOf(s *procedure.State) shape {
	if s.Final {
		return final
	}
	switch s.Owner {
	case procedure.OwnerOffered:
		return other
	case procedure.OwnerResident:
		return resident
	case procedure.OwnerOutside:
		return outside
	case procedure.OwnerChild:
		return child
	}
	return office
}

// SVG is the drawing for a page: classes only, no style of its own.
func (s *Sheet) SVG() string { return s.write("") }

// File is the drawing as a file of its own.
func (s *Sheet) File() string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + s.write("<style>\n"+CSS+"</style>\n") + "\n"
}

func (s *Sheet) write(style string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="law" role="group" width="%s" height="%s" viewBox="0 0 %s %s" aria-labelledby="%s-title" aria-describedby="%s-desc">`+"\n",
		num(s.width), num(s.height), num(s.width), num(s.height), s.id, s.id)
	fmt.Fprintf(&b, `<title id="%s-title">%s</title><desc id="%s-desc">%s</desc>`+"\n", s.id, esc(s.title), s.id, esc(s.desc))
	b.WriteString(style)
	for _, g := range s.bands {
		fmt.Fprintf(&b, `<rect class="band" x="0" y="%s" width="%s" height="%s" rx="6"/>`+"\n", num(g.y), num(g.w), num(g.h))
	}
	if s.start != s.startTo {
		fmt.Fprintf(&b, `<g class="go"><circle class="dot" cx="%s" cy="%s" r="4.5"/><path class="road" d="M%s %sV%s"/>%s</g>`+"\n",
			num(s.start.x), num(s.start.y), num(s.start.x), num(s.start.y), num(s.startTo.y-1), head(s.start, s.startTo))
	}
	for _, u := range s.bundles {
		s.bundle(&b, u)
	}
	for _, g := range s.bands {
		texts(&b, g.lines)
	}
	for _, c := range s.cards {
		s.card(&b, c)
	}
	for _, k := range s.key {
		fmt.Fprintf(&b, `<g class="go%s"><path class="road" d="M14 %sH44"/>%s`, clockClass(k.clock), num(k.y), head(point{14, k.y}, point{48, k.y}))
		texts(&b, k.lines)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>")
	return b.String()
}

func clockClass(clock bool) string {
	if clock {
		return " clock"
	}
	return ""
}

// bundle draws first what keeps lines apart where they cross, then the lines, then the head.
func (s *Sheet) bundle(b *strings.Builder, u bundle) {
	var d strings.Builder
	for _, l := range u.paths {
		d.WriteString(pathOf(l))
	}
	fmt.Fprintf(b, `<g class="go%s"><title>%s</title><path class="halo" d="%s"/><path class="road" d="%s"/>`, clockClass(u.clock), esc(u.title), d.String(), d.String())
	whole := u.full[0]
	b.WriteString(head(whole[len(whole)-2], whole[len(whole)-1]))
	b.WriteString("</g>\n")
}

// head is the point of an arrow from a to b.
func head(a, b point) string {
	const long, half = 8, 4
	switch {
	case a.x == b.x:
		return fmt.Sprintf(`<path class="head" d="M%s %sl%d %dh%dz"/>`, num(b.x), num(b.y), -half, -long, 2*half)
	case a.x < b.x:
		return fmt.Sprintf(`<path class="head" d="M%s %sl%d %dv%dz"/>`, num(b.x), num(b.y), -long, -half, 2*half)
	}
	return fmt.Sprintf(`<path class="head" d="M%s %sl%d %dv%dz"/>`, num(b.x), num(b.y), long, -half, 2*half)
}

func (s *Sheet) card(b *strings.Builder, c card) {
	class := "state " + string(c.shape)
	if c.here {
		class += " marked"
	}
	fmt.Fprintf(b, `<g class="%s">`, class)
	if c.href != "" {
		fmt.Fprintf(b, `<a href="%s">`, esc(c.href))
	}
	fmt.Fprintf(b, `<path class="box" d="%s"/>`, outline(c))
	if more := inside(c); more != "" {
		fmt.Fprintf(b, `<path class="frame" d="%s"/>`, more)
	}
	texts(b, c.lines)
	if c.href != "" {
		b.WriteString(`</a>`)
	}
	for _, at := range c.signs {
		b.WriteString(drawSign(at))
	}
	for _, u := range s.bundles {
		for k, full := range u.full {
			if from := full[0]; s.leaves(c, u.roads[k]) {
				s.portOf(b, c, u.roads[k], from)
			}
		}
	}
	b.WriteString("</g>\n")
}

func (s *Sheet) leaves(c card, road int) bool {
	for _, g := range c.groups {
		if g.road == road {
			return true
		}
	}
	return false
}

// portOf marks where a road leaves; labels that share it are held together by a bar.
func (s *Sheet) portOf(b *strings.Builder, c card, road int, at point) {
	fmt.Fprintf(b, `<circle class="port" cx="%s" cy="%s" r="2.3"/>`, num(at.x), num(at.y))
	for _, g := range c.groups {
		if g.road == road && g.bottom-g.top > rowLine+1 && at.y < c.y+c.h {
			fmt.Fprintf(b, `<path class="frame" d="M%s %sV%s"/>`, num(at.x+4*inward(c, at)), num(g.top+1), num(g.bottom-2))
		}
	}
}

// inward is 1 at the left edge of a box and -1 at the right one.
func inward(c card, at point) float64 {
	if at.x <= c.x {
		return 1
	}
	return -1
}

func drawSign(at signAt) string {
	x, y := at.x+6, at.y
	if at.sign == clockSign {
		return fmt.Sprintf(`<path class="sign" d="M%s %sa5.5 5.5 0 1 0 .01 0zM%s %sv4l2.5 1.6"/>`, num(x), num(y-5.5), num(x), num(y-3.2))
	}
	return fmt.Sprintf(`<path class="sign" d="M%s %sa4.8 4.8 0 1 1 -3.4 -4.6M%s %sl3.6 .5l-1.6 3.2"/>`, num(x+4.8), num(y), num(x-1.6), num(y-5.2))
}

// outline is the edge of a box. Roads end on the straight parts of its sides.
func outline(c card) string {
	x, y, w, h := c.x, c.y, c.w, c.h
	switch c.shape {
	case other:
		const k = 9
		return fmt.Sprintf("M%s %sh%sl%d %dv%sl%d %dh%sl%d %dv%sz", num(x+k), num(y), num(w-2*k), k, k, num(h-2*k), -k, k, num(-(w - 2*k)), -k, -k, num(-(h - 2*k)))
	case outside:
		const k = 12
		return fmt.Sprintf("M%s %sh%sl%d %dv%sh%sz", num(x), num(y), num(w-k), k, k, num(h-k), num(-w))
	case resident:
		return rounded(x, y, w, h, 15)
	case child:
		return rounded(x, y, w, h, 0)
	}
	return rounded(x, y, w, h, 5)
}

// inside is what a shape has besides its outline.
func inside(c card) string {
	switch c.shape {
	case final:
		return rounded(c.x+3.5, c.y+3.5, c.w-7, c.h-7, 3)
	case outside:
		return fmt.Sprintf("M%s %sv12h12", num(c.x+c.w-12), num(c.y))
	case child:
		return fmt.Sprintf("M%s %sv%sM%s %sv%s", num(c.x+5), num(c.y), num(c.h), num(c.x+c.w-5), num(c.y), num(c.h))
	}
	return ""
}

func rounded(x, y, w, h, r float64) string {
	q := num(r)
	return fmt.Sprintf("M%s %sh%sa%s %s 0 0 1 %s %sv%sa%s %s 0 0 1 -%s %sh%sa%s %s 0 0 1 -%s -%sv%sa%s %s 0 0 1 %s -%sz",
		num(x+r), num(y), num(w-2*r), q, q, q, q, num(h-2*r), q, q, q, q, num(-(w - 2*r)), q, q, q, q, num(-(h - 2*r)), q, q, q, q)
}

func texts(b *strings.Builder, lines []line) {
	for _, l := range lines {
		fmt.Fprintf(b, `<text class="%s" x="%s" y="%s">%s</text>`, l.class, num(l.x), num(l.y), esc(l.words))
	}
}

func esc(s string) string { return html.EscapeString(s) }

// num writes a coordinate with one decimal: a tenth is less than anybody sees.
func num(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

package pdf

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"rsc.io/qr"
)

// page is a page being made: what it says, and the operators that draw it.
type page struct {
	out    bytes.Buffer
	pieces []Piece
	images []int // of Doc.images
}

// num writes a number as PDF wants it: no exponent, no more digits than a printer can show.
func num(v float64) string {
	v = math.Round(v*1000) / 1000
	if v == 0 {
		v = 0 // no minus before it
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func (p *page) op(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// rect fills a rectangle with a grey: 0 is black. y runs from the top.
func (p *page) rect(x, y, w, h, grey float64) {
	p.op("%s g %s %s %s %s re f 0 g", num(grey), num(x), num(Height-y-h), num(w), num(h))
}

// rule draws a line.
func (p *page) rule(x1, y1, x2, y2, thick float64) {
	p.op("%s w %s %s m %s %s l S", num(thick), num(x1), num(Height-y1), num(x2), num(Height-y2))
}

// show sets cells with their baseline at y. extra is added behind each cell, at size 1.
func (p *page) show(d *Doc, x, y, size float64, bold bool, cells []cell, extra []float64) {
	if len(cells) == 0 {
		return
	}
	p.op("BT")
	if bold {
		// The program carries one weight; a thin line around the letters makes the other.
		p.op("2 Tr %s w", num(size*0.035))
	}
	for i := 0; i < len(cells); {
		j := i
		for j < len(cells) && cells[j].face == cells[i].face {
			j++
		}
		p.op("/F%d %s Tf 1 0 0 1 %s %s Tm", cells[i].face, num(size), num(x), num(Height-y))
		p.out.WriteByte('[')
		open := false
		for k := i; k < j; k++ {
			if !open {
				p.out.WriteByte('<')
				open = true
			}
			p.hex(cells[k].glyph)
			x += cells[k].width * size
			if extra != nil && extra[k] != 0 {
				p.out.WriteString(">" + num(-1000*extra[k]))
				x += extra[k] * size
				open = false
			}
		}
		if open {
			p.out.WriteByte('>')
		}
		p.out.WriteString("] TJ\n")
		i = j
	}
	if bold {
		p.op("0 Tr")
	}
	p.op("ET")
}

func (p *page) hex(g uint16) {
	const digits = "0123456789ABCDEF"
	p.out.Write([]byte{digits[g>>12], digits[g>>8&15], digits[g>>4&15], digits[g&15]})
}

// code draws a QR code with its quiet zone into a square.
func (p *page) code(text string, x, y, side float64) error {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return fmt.Errorf("pdf: a QR code of %d bytes: %w", len(text), err)
	}
	const quiet = 4
	module := side / float64(c.Size+2*quiet)
	// In units of one module, so that edges meet exactly.
	p.op("q %s 0 0 %s %s %s cm 0 g", num6(module), num6(-module), num(x), num(Height-y))
	for row := range c.Size {
		for col := 0; col < c.Size; {
			run := 0
			for col+run < c.Size && c.Black(col+run, row) {
				run++
			}
			if run > 0 {
				p.op("%d %d %d 1 re", col+quiet, row+quiet, run)
			}
			col += max(run, 1)
		}
	}
	p.op("f Q")
	return nil
}

func num6(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }

const (
	qrSide    = 24 * mm
	footSize  = 9
	smallSize = 6.5
)

// stamp draws head and foot.
func (d *Doc) stamp(p *page, s Stamp) error {
	top, foot := 24*mm, Height-24*mm
	right := Width - marginRight
	if s.Head != "" || s.HeadRight != "" {
		d.put(p, marginLeft, top, footSize, s.Head, Left, bodyWidth)
		d.put(p, marginLeft, top, footSize, s.HeadRight, Right, bodyWidth)
		p.rule(marginLeft, top+4, right, top+4, 0.4)
	}
	room := bodyWidth
	if s.QR != "" {
		side := qrSide
		if err := p.code(s.QR, right-side, Height-8*mm-side, side); err != nil {
			return err
		}
		room -= side
	}
	p.rule(marginLeft, foot-12, marginLeft+room, foot-12, 0.4)
	d.put(p, marginLeft, foot, footSize, s.Foot, Center, bodyWidth)
	y := foot + 11
	for _, l := range d.wrap(s.FootSmall, room/smallSize, 0) {
		p.show(d, marginLeft, y, smallSize, false, l.cells, nil)
		y += 8.5
	}
	return nil
}

// put sets one line of a stamp; what is too long is cut at the margin with an ellipsis.
func (d *Doc) put(p *page, x, y, size float64, text string, a Align, room float64) {
	cells := d.cells(plain(text))
	if widthOf(cells)*size > room {
		dots := d.cells("\u2026")
		n := fitting(cells, room/size-widthOf(dots))
		cells = append(cells[:n:n], dots...)
	}
	p.show(d, x+a.shift(room-widthOf(cells)*size), y, size, false, cells, nil)
}

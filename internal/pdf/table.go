package pdf

// Table is rows of cells. Where it does not fit a page it goes on on the next, with its head again.
type Table struct {
	Widths []float64 // of the columns, relative to each other
	Align  []Align   // of the columns; what is not named is left
	Head   []string
	Rows   [][]string
	Labels bool // the first column names what the others say: a form
	Size   float64
}

const (
	padX, padY  = 4.5, 3
	leadingCell = 1.5
	shade       = 0.93
)

// Table sets a table.
func (d *Doc) Table(t Table) {
	if t.Size == 0 {
		t.Size = d.cellSize()
	}
	d.need(0)
	sum := 0.0
	for _, w := range t.Widths {
		sum += w
	}
	var head row
	if len(t.Head) > 0 {
		head = d.row(t, t.Head, sum)
		head.head = true
	}
	for i, texts := range t.Rows {
		r := d.row(t, texts, sum)
		if i == 0 && head.head {
			d.need(head.height(t.Size) + min(r.height(t.Size), 4*t.Size*leadingCell))
			d.place(t, head)
		}
		d.rowOver(t, head, r)
	}
	if len(t.Rows) == 0 && head.head {
		d.place(t, head)
	}
	d.y += d.body.Size * 0.6
}

// cellSize is the size of letters in tables: small four in Chinese.
func (d *Doc) cellSize() float64 {
	if chinese(d.o.Lang) {
		return 12
	}
	return 10
}

// row is the cells of a row, broken into lines.
type row struct {
	head  bool
	width []float64
	lines [][]line
}

func (d *Doc) row(t Table, texts []string, sum float64) row {
	r := row{}
	for i, w := range t.Widths {
		width := bodyWidth * w / sum
		text := ""
		if i < len(texts) {
			text = texts[i]
		}
		r.width = append(r.width, width)
		r.lines = append(r.lines, d.wrap(text, (width-2*padX)/t.Size, 0))
	}
	return r
}

func (r row) most() (n int) {
	for _, l := range r.lines {
		n = max(n, len(l))
	}
	return n
}

func (r row) height(size float64) float64 { return float64(r.most())*size*leadingCell + 2*padY }

// rowOver sets a row. One that a page holds is never cut; one that no page holds goes on over pages.
func (d *Doc) rowOver(t Table, head, r row) {
	const whole = bodyBottom - marginTop
	again := 0.0
	if head.head {
		again = head.height(t.Size)
	}
	for r.most() > 0 {
		left := bodyBottom - d.y
		if r.height(t.Size) <= left {
			d.place(t, r)
			return
		}
		fits := int((left - 2*padY) / (t.Size * leadingCell))
		if r.height(t.Size) <= whole-again || fits < 3 {
			if d.y <= marginTop+again { // the page is empty but for the head, and still it does not fit
				fits = max(fits, 1)
			} else {
				fits = 0
			}
		}
		if fits > 0 {
			var first row
			first, r = r.cut(fits)
			d.place(t, first)
		}
		d.NewPage()
		if head.head {
			d.place(t, head)
		}
	}
}

// cut takes the first n lines of every cell.
func (r row) cut(n int) (first, rest row) {
	first, rest = row{width: r.width}, row{width: r.width}
	for _, l := range r.lines {
		k := min(n, len(l))
		first.lines, rest.lines = append(first.lines, l[:k]), append(rest.lines, l[k:])
	}
	return first, rest
}

// place draws a row at d.y, which has the room.
func (d *Doc) place(t Table, r row) {
	height, x := r.height(t.Size), marginLeft
	for i, w := range r.width {
		label := r.head || t.Labels && i%2 == 0
		if label {
			d.cur.rect(x, d.y, w, height, shade)
		}
		s := Style{Size: t.Size, Leading: leadingCell, Bold: r.head}
		if i < len(t.Align) {
			s.Align = t.Align[i]
		}
		y := d.y
		d.y += padY
		for _, l := range r.lines[i] {
			d.line(x+padX, w-2*padX, s, l)
			d.y += t.Size * leadingCell
		}
		d.y = y
		d.cur.op("0.5 w %s %s %s %s re S", num(x), num(Height-d.y-height), num(w), num(height))
		x += w
	}
	d.y += height
}

// Form sets labels and what they stand for, one pair a row.
func (d *Doc) Form(rows [][2]string) {
	t := Table{Widths: []float64{26, 74}, Labels: true}
	for _, r := range rows {
		t.Rows = append(t.Rows, r[:])
	}
	d.Table(t)
}

package pages

import (
	"encoding/binary"
	"fmt"
)

// Rule looks at a row and says which of its columns must not leave, if any. A Row knows no names of tables, so the rule
// goes by what the row looks like; of a row that is too long for its page only the beginning can be read.
type Rule func(Row) (column int, secret bool)

// Row is one row, or one entry of an index, as its page holds it. It is valid until the call ends.
type Row struct {
	page    []byte
	columns []field
}

// field is where a column lies.
type field struct {
	kind     uint64 // SQLite's serial type
	from, to int    // in the page, and behind it where the row goes on elsewhere
	whole    bool   // it lies in the page
}

// Columns tells how many there are.
func (r Row) Columns() int { return len(r.columns) }

// Kinds has a letter for each column: i for a whole number, t for a text, - for anything else.
func (r Row) Kinds() string {
	kinds := make([]byte, len(r.columns))
	for i, f := range r.columns {
		switch {
		case f.kind >= 1 && f.kind <= 6 || f.kind == 8 || f.kind == 9:
			kinds[i] = 'i'
		case f.kind >= 13 && f.kind%2 == 1:
			kinds[i] = 't'
		default:
			kinds[i] = '-'
		}
	}
	return string(kinds)
}

// Text is a text; ok is false for anything else, and for one that does not lie in this page.
func (r Row) Text(i int) (text []byte, ok bool) {
	if i >= len(r.columns) || r.columns[i].kind < 13 || r.columns[i].kind%2 == 0 || !r.columns[i].whole {
		return nil, false
	}
	return r.page[r.columns[i].from:r.columns[i].to], true
}

// Number is a whole number; ok is false for anything else.
func (r Row) Number(i int) (n int64, ok bool) {
	if i >= len(r.columns) || !r.columns[i].whole {
		return 0, false
	}
	f := r.columns[i]
	switch {
	case f.kind == 8 || f.kind == 9:
		return int64(f.kind - 8), true
	case f.kind >= 1 && f.kind <= 6:
		b := r.page[f.from:f.to]
		n = int64(int8(b[0]))
		for _, c := range b[1:] {
			n = n<<8 | int64(c)
		}
		return n, true
	}
	return 0, false
}

// cutter takes out of pages what must not leave.
type cutter struct {
	rule    Rule
	taken   func(Row) error
	columns []field // of the row just looked at
	spilt   map[uint32][]span
}

// span is a piece of a secret in a page in which a long row goes on.
type span struct{ from, to int }

// Marks of the kinds of pages that have rows. Pages of other kinds begin with a number of a page, whose first byte
// is smaller in a database of the size that is followed.
const (
	innerIndex = 0x02
	innerTable = 0x05
	leafIndex  = 0x0a
	leafTable  = 0x0d
)

// page cuts a page in place.
func (c *cutter) page(number uint32, page []byte) error {
	for _, s := range c.spilt[number] {
		blanked(page[s.from:s.to])
	}
	start := 0
	if number == 1 {
		start = 100
	}
	kind, header := page[start], 8
	switch kind {
	case innerIndex, innerTable:
		header = 12
	case leafIndex, leafTable:
	default:
		return nil
	}
	cells := int(binary.BigEndian.Uint16(page[start+3:]))
	lives := make([]bool, Size)
	top := start + header + 2*cells
	if top > Size {
		return fmt.Errorf("pages: page %d is broken: %d rows do not fit into it", number, cells)
	}
	live(lives, 0, top)
	for i := range cells {
		from := int(binary.BigEndian.Uint16(page[start+header+2*i:]))
		if from < top || from+4 > Size {
			return fmt.Errorf("pages: page %d is broken: row %d lies outside of it", number, i)
		}
		to, err := c.cell(kind, page, from)
		if err != nil {
			return fmt.Errorf("pages: page %d, row %d: %w", number, i, err)
		}
		live(lives, from, to)
	}
	// Free pieces are a chain of the place of the next and the length; those four bytes stay.
	for free := int(binary.BigEndian.Uint16(page[start+1:])); free != 0; {
		if free < top || free+4 > Size || lives[free] {
			return fmt.Errorf("pages: page %d is broken: its free pieces lie where rows are", number)
		}
		live(lives, free, free+4)
		free = int(binary.BigEndian.Uint16(page[free:]))
	}
	for i, l := range lives {
		if !l {
			page[i] = 0
		}
	}
	return nil
}

func live(lives []bool, from, to int) {
	for i := from; i < to; i++ {
		lives[i] = true
	}
}

// cell finds the end of a row, and cuts it.
func (c *cutter) cell(kind byte, page []byte, from int) (end int, err error) {
	at := from
	if kind == innerIndex || kind == innerTable {
		at += 4 // the page below
	}
	if kind == innerTable {
		_, n := number(page, at)
		return max(at+n, from+4), nil
	}
	size, n := number(page, at)
	at += n
	most := uint64((Size-12)*64/255 - 23)
	if kind == leafTable {
		_, n = number(page, at)
		at += n
		most = Size - 35
	}
	here, spill := local(size, most)
	end = at + here
	if spill {
		end += 4
	}
	if end = max(end, from+4); end > Size || at > Size {
		return 0, fmt.Errorf("the row ends behind the page")
	}
	row, ok := c.rowAt(page, at, here)
	if !ok {
		return end, nil
	}
	return end, c.row(row, at+here)
}

// local is how many bytes of a row lie in its page, and whether it goes on elsewhere.
func local(size, most uint64) (here int, spill bool) {
	if size <= most {
		return int(size), false
	}
	least := uint64((Size-12)*32/255 - 23)
	if k := least + (size-least)%(Size-4); k <= most {
		return int(k), true
	}
	return int(least), true
}

// rowAt reads where the columns lie.
func (c *cutter) rowAt(page []byte, at, here int) (Row, bool) {
	head, n := number(page, at)
	if head > uint64(here) || n > here {
		return Row{}, false
	}
	row := Row{page: page, columns: c.columns[:0]}
	body := at + int(head)
	for pos := at + n; pos < at+int(head); {
		kind, n := number(page, pos)
		pos += n
		size := width(kind)
		if size > 1<<31 {
			return Row{}, false
		}
		f := field{kind: kind, from: body, to: body + int(size)}
		body += int(size)
		f.whole = body <= at+here
		row.columns = append(row.columns, f)
	}
	c.columns = row.columns
	return row, true
}

func width(kind uint64) uint64 {
	switch kind {
	case 0, 8, 9, 10, 11:
		return 0
	case 1, 2, 3, 4:
		return kind
	case 5:
		return 6
	case 6, 7:
		return 8
	}
	return (kind - 12) / 2
}

// blank is what stands for a value that was cut out: as long as it was, so that nothing else moves.
const blank = '-'

// row cuts a row whose part in the page ends at end.
func (c *cutter) row(row Row, end int) error {
	column, secret := c.rule(row)
	if !secret {
		return nil
	}
	if c.taken != nil {
		if err := c.taken(row); err != nil {
			return err
		}
	}
	f := row.columns[column]
	blanked(row.page[min(f.from, end):min(f.to, end)])
	return nil
}

func blanked(b []byte) {
	for i := range b {
		b[i] = blank
	}
}

// spills notes where secrets of a page go on in others. look gives those pages that are handed over together with
// it: a row whose secret changes changes its length, and is then written whole.
func (c *cutter) spills(page []byte, look func(number uint32) ([]byte, error)) error {
	if page[0] != leafTable { // entries of an index that are longer hold no secrets
		return nil
	}
	for i := range int(binary.BigEndian.Uint16(page[3:])) {
		if 8+2*i+2 > Size {
			return nil
		}
		at := int(binary.BigEndian.Uint16(page[8+2*i:]))
		size, n := number(page, at)
		at += n
		_, n = number(page, at)
		at += n
		here, spill := local(size, Size-35)
		end := at + here
		if !spill || end+4 > Size {
			continue
		}
		row, ok := c.rowAt(page, at, here)
		if !ok {
			continue
		}
		if column, secret := c.rule(row); secret && !row.columns[column].whole {
			f := row.columns[column]
			if err := c.spill(binary.BigEndian.Uint32(page[end:]), f.from-end, f.to-end, look); err != nil {
				return err
			}
		}
	}
	return nil
}

// spill notes a secret between two places of what a row has behind its page.
func (c *cutter) spill(next uint32, from, to int, look func(uint32) ([]byte, error)) error {
	for ; next != 0 && to > 0; from, to = from-(Size-4), to-(Size-4) {
		page, err := look(next)
		if err != nil || page == nil {
			return err
		}
		if s := (span{4 + max(from, 0), 4 + min(to, Size-4)}); s.from < s.to {
			c.spilt[next] = append(c.spilt[next], s)
		}
		next = binary.BigEndian.Uint32(page)
	}
	return nil
}

// number reads a number of one to nine bytes as SQLite writes it. At the end of the page it reads zeros.
func number(page []byte, at int) (n uint64, size int) {
	for size < 9 {
		var b byte
		if at+size < len(page) {
			b = page[at+size]
		}
		size++
		if size == 9 {
			return n<<8 | uint64(b), size
		}
		n = n<<7 | uint64(b&0x7f)
		if b < 0x80 {
			break
		}
	}
	return n, size
}

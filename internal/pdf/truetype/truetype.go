// Package truetype reads TrueType fonts with quadratic outlines and writes smaller ones: the cut the
// program carries, and the few glyphs one document uses.
//
// It owns the tables it must rewrite (cmap, loca, glyf, hmtx) and copies the rest. It refuses fonts with
// other outlines (CFF), collections, and anything whose tables do not fit the file; it does not shape
// text: one character is one glyph, which is right for Chinese and for plain Latin, and for nothing else.
//
// Open this file first; cut.go writes.
package truetype

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Font is a font as read. It is never changed, so many documents may use one at once.
type Font struct {
	UnitsPerEm      int
	Ascent, Descent int
	Box             [4]int // of all glyphs
	CapHeight       int
	Name            string // for programs, such as NotoSansSC-Regular; may be empty
	tables          map[string][]byte
	advances        []uint16
	loca            []uint32
	cmap            map[rune]uint16
}

var be = binary.BigEndian

// Parse reads a font.
func Parse(data []byte) (f *Font, err error) {
	f = &Font{}
	defer func() {
		// The tables are read without a check at every byte: a font whose lengths lie ends here.
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("truetype: the tables do not fit the file: %v", p)
		}
	}()
	if err := f.directory(data); err != nil {
		return nil, err
	}
	head, hhea := f.tables["head"], f.tables["hhea"]
	f.UnitsPerEm = int(be.Uint16(head[18:]))
	for i := range f.Box {
		f.Box[i] = int(int16(be.Uint16(head[36+2*i:])))
	}
	f.Ascent, f.Descent = int(int16(be.Uint16(hhea[4:]))), int(int16(be.Uint16(hhea[6:])))
	f.CapHeight = f.Ascent * 7 / 10
	if os2 := f.tables["OS/2"]; len(os2) >= 90 && be.Uint16(os2) >= 2 {
		f.CapHeight = int(int16(be.Uint16(os2[88:])))
	}
	f.Name = postScriptName(f.tables["name"])
	f.metrics(int(be.Uint16(f.tables["maxp"][4:])), int(be.Uint16(hhea[34:])), be.Uint16(head[50:]) == 1)
	if f.UnitsPerEm < 16 {
		return nil, errors.New("truetype: the font names no size of its em")
	}
	return f, f.readMap()
}

func (f *Font) directory(data []byte) error {
	if len(data) < 12 {
		return errors.New("truetype: no font: shorter than its first table")
	}
	switch tag := be.Uint32(data); tag {
	case 0x00010000, 0x74727565:
	case 0x74746366:
		return errors.New("truetype: a collection of fonts; take one font (.ttf) out of it")
	case 0x4f54544f:
		return errors.New("truetype: outlines in CFF; take the edition of the font with TrueType outlines (.ttf)")
	default:
		return fmt.Errorf("truetype: no font: it begins with %08x", tag)
	}
	f.tables = map[string][]byte{}
	for i := range int(be.Uint16(data[4:])) {
		d := data[12+16*i:]
		from, size := uint64(be.Uint32(d[8:])), uint64(be.Uint32(d[12:]))
		f.tables[string(d[:4])] = data[from : from+size]
	}
	for _, name := range []string{"head", "hhea", "maxp", "hmtx", "loca", "glyf", "cmap"} {
		if f.tables[name] == nil {
			return fmt.Errorf("truetype: the font has no table %q", name)
		}
	}
	return nil
}

// postScriptName reads the name that programs use, of the letters such a name may have.
func postScriptName(t []byte) string {
	if len(t) < 6 {
		return ""
	}
	for i := range int(be.Uint16(t[2:])) {
		r := t[6+12*i:]
		if be.Uint16(r[6:]) != 6 {
			continue
		}
		var out []byte
		from, size := int(be.Uint16(t[4:]))+int(be.Uint16(r[10:])), int(be.Uint16(r[8:]))
		for _, c := range t[from : from+size] {
			if c == '-' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
				out = append(out, c)
			}
		}
		return string(out)
	}
	return ""
}

// metrics reads how wide the glyphs are and where they lie.
func (f *Font) metrics(glyphs, long int, wide bool) {
	hmtx, loca := f.tables["hmtx"], f.tables["loca"]
	f.advances, f.loca = make([]uint16, glyphs), make([]uint32, glyphs+1)
	for i := range glyphs {
		f.advances[i] = be.Uint16(hmtx[4*min(i, long-1):])
	}
	for i := range f.loca {
		if wide {
			f.loca[i] = be.Uint32(loca[4*i:])
		} else {
			f.loca[i] = 2 * uint32(be.Uint16(loca[2*i:]))
		}
	}
}

// side is how far the outline of a glyph stands from its origin.
func (f *Font) side(g uint16) uint16 {
	hmtx, long := f.tables["hmtx"], int(be.Uint16(f.tables["hhea"][34:]))
	if int(g) < long {
		return be.Uint16(hmtx[4*int(g)+2:])
	}
	return be.Uint16(hmtx[4*long+2*(int(g)-long):])
}

// readMap reads which glyph stands for which character, from the fullest map there is.
func (f *Font) readMap() error {
	cmap := f.tables["cmap"]
	var best []byte
	var format uint16
	for i := range int(be.Uint16(cmap[2:])) {
		sub := cmap[be.Uint32(cmap[4+8*i+4:]):]
		if k := be.Uint16(sub); (k == 4 || k == 12) && k > format {
			best, format = sub, k
		}
	}
	f.cmap = map[rune]uint16{}
	switch format {
	case 12:
		for i := range int(be.Uint32(best[12:])) {
			g := best[16+12*i:]
			first, last, glyph := be.Uint32(g), be.Uint32(g[4:]), be.Uint32(g[8:])
			if last > 0x10ffff {
				return errors.New("truetype: the map names a character beyond Unicode")
			}
			for c := first; c <= last; c++ {
				f.put(rune(c), uint16(glyph+c-first))
			}
		}
	case 4:
		f.readMap4(best)
	default:
		return errors.New("truetype: no map of characters that can be read (format 4 or 12)")
	}
	return nil
}

func (f *Font) readMap4(t []byte) {
	n := int(be.Uint16(t[6:])) / 2
	ends, starts := t[14:], t[16+2*n:]
	deltas, offsets := t[16+4*n:], t[16+6*n:]
	for i := range n {
		first, last := int(be.Uint16(starts[2*i:])), int(be.Uint16(ends[2*i:]))
		delta, off := be.Uint16(deltas[2*i:]), int(be.Uint16(offsets[2*i:]))
		for c := first; c <= last && c != 0xffff; c++ {
			g := uint16(c) + delta
			if off != 0 {
				if g = be.Uint16(offsets[2*i+off+2*(c-first):]); g != 0 {
					g += delta
				}
			}
			f.put(rune(c), g)
		}
	}
}

func (f *Font) put(r rune, g uint16) {
	if g != 0 && int(g) < len(f.advances) {
		f.cmap[r] = g
	}
}

// Glyph is the glyph for a character.
func (f *Font) Glyph(r rune) (uint16, bool) {
	g, ok := f.cmap[r]
	return g, ok
}

// Advance is the width of a glyph in units of the font.
func (f *Font) Advance(g uint16) int {
	if int(g) >= len(f.advances) {
		return 0
	}
	return int(f.advances[g])
}

// Glyphs is how many glyphs there are.
func (f *Font) Glyphs() int { return len(f.advances) }

// outline is the data of a glyph; empty for one without ink.
func (f *Font) outline(g uint16) ([]byte, error) {
	if int(g) >= len(f.advances) {
		return nil, fmt.Errorf("truetype: there is no glyph %d", g)
	}
	from, to, glyf := f.loca[g], f.loca[g+1], f.tables["glyf"]
	if from > to || int(to) > len(glyf) {
		return nil, fmt.Errorf("truetype: glyph %d lies outside its table", g)
	}
	return glyf[from:to], nil
}

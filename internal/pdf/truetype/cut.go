package truetype

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Subset writes a font of these glyphs, in this order, with what they are composed of behind them: glyph
// i of the result is gids[i]. It has no map of characters: a document addresses glyphs by number.
// gids[0] must be 0, the glyph that stands for nothing.
func (f *Font) Subset(gids []uint16) ([]byte, error) {
	t, err := f.rewrite(gids)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"cvt ", "fpgm", "prep"} {
		if f.tables[name] != nil {
			t[name] = f.tables[name]
		}
	}
	return assemble(t), nil
}

// Cut writes a font of the glyphs of these characters, with a map, that can be read again.
func (f *Font) Cut(chars []rune) ([]byte, error) {
	chars = slices.DeleteFunc(slices.Clone(chars), func(r rune) bool { _, ok := f.cmap[r]; return !ok })
	slices.Sort(chars)
	chars = slices.Compact(chars)
	gids, at, number := []uint16{0}, map[uint16]uint16{0: 0}, map[rune]uint16{}
	for _, r := range chars {
		g := f.cmap[r]
		if _, ok := at[g]; !ok {
			at[g] = uint16(len(gids))
			gids = append(gids, g)
		}
		number[r] = at[g]
	}
	t, err := f.rewrite(gids)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"OS/2", "name", "cvt ", "fpgm", "prep"} {
		if f.tables[name] != nil {
			t[name] = f.tables[name]
		}
	}
	t["post"] = postWithoutNames(f.tables["post"])
	t["cmap"] = mapOf(chars, number)
	return assemble(t), nil
}

// rewrite makes the tables that depend on which glyphs there are.
func (f *Font) rewrite(want []uint16) (map[string][]byte, error) {
	if len(want) == 0 || want[0] != 0 {
		return nil, errors.New("truetype: glyph 0 comes first")
	}
	gids, at := slices.Clone(want), map[uint16]uint16{}
	for i, g := range gids {
		if _, ok := at[g]; !ok {
			at[g] = uint16(i)
		}
	}
	var glyf, loca, hmtx []byte
	for i := 0; i < len(gids); i++ { // grows by the parts of composed glyphs
		outline, err := f.outline(gids[i])
		if err != nil {
			return nil, err
		}
		loca = be.AppendUint32(loca, uint32(len(glyf)))
		hmtx = be.AppendUint16(be.AppendUint16(hmtx, f.advances[gids[i]]), f.side(gids[i]))
		if outline, gids, err = renumber(outline, gids, at); err != nil {
			return nil, fmt.Errorf("%w in glyph %d", err, gids[i])
		}
		glyf = append(glyf, outline...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
	}
	if len(gids) > 0xffff {
		return nil, errors.New("truetype: more glyphs than a font can hold")
	}
	loca = be.AppendUint32(loca, uint32(len(glyf)))
	head, hhea, maxp := slices.Clone(f.tables["head"]), slices.Clone(f.tables["hhea"]), slices.Clone(f.tables["maxp"])
	be.PutUint16(head[50:], 1) // loca in four bytes
	be.PutUint16(hhea[34:], uint16(len(gids)))
	be.PutUint16(maxp[4:], uint16(len(gids)))
	return map[string][]byte{"head": head, "hhea": hhea, "maxp": maxp, "hmtx": hmtx, "loca": loca, "glyf": glyf}, nil
}

const (
	argsAreWords  = 1 << 0
	scaled        = 1 << 3
	more          = 1 << 5
	scaledXY      = 1 << 6
	scaledTwoByTo = 1 << 7
)

// renumber gives the parts of a composed glyph their numbers in the new font, adding those that are new.
func renumber(outline []byte, gids []uint16, at map[uint16]uint16) ([]byte, []uint16, error) {
	if len(outline) < 10 || int16(be.Uint16(outline)) >= 0 {
		return outline, gids, nil
	}
	outline = slices.Clone(outline)
	for pos := 10; ; {
		if pos+4 > len(outline) {
			return nil, gids, errors.New("truetype: a part lies outside")
		}
		flags, part := be.Uint16(outline[pos:]), be.Uint16(outline[pos+2:])
		if _, ok := at[part]; !ok {
			at[part] = uint16(len(gids))
			gids = append(gids, part)
		}
		be.PutUint16(outline[pos+2:], at[part])
		if pos += 6; flags&argsAreWords != 0 {
			pos += 2
		}
		switch {
		case flags&scaled != 0:
			pos += 2
		case flags&scaledXY != 0:
			pos += 4
		case flags&scaledTwoByTo != 0:
			pos += 8
		}
		if flags&more == 0 {
			return outline, gids, nil
		}
	}
}

func postWithoutNames(post []byte) []byte {
	out := make([]byte, 32)
	copy(out, post)
	be.PutUint32(out, 0x00030000)
	return out
}

// mapOf writes a map in format 12: runs of characters whose glyphs run alike.
func mapOf(chars []rune, glyph map[rune]uint16) []byte {
	var groups []byte
	n := uint32(0)
	for i := 0; i < len(chars); n++ {
		j := i + 1
		for j < len(chars) && chars[j] == chars[j-1]+1 && glyph[chars[j]] == glyph[chars[j-1]]+1 {
			j++
		}
		groups = be.AppendUint32(groups, uint32(chars[i]))
		groups = be.AppendUint32(groups, uint32(chars[j-1]))
		groups = be.AppendUint32(groups, uint32(glyph[chars[i]]))
		i = j
	}
	out := []byte{0, 0, 0, 1, 0, 3, 0, 10, 0, 0, 0, 12, 0, 12, 0, 0}
	out = be.AppendUint32(out, uint32(16+len(groups)))
	out = be.AppendUint32(out, 0)
	out = be.AppendUint32(out, n)
	return append(out, groups...)
}

// assemble puts tables together, in the order of their names, with their sums.
func assemble(tables map[string][]byte) []byte {
	names := slices.Sorted(maps.Keys(tables))
	n := len(names)
	entry := 0
	for 1<<(entry+1) <= n {
		entry++
	}
	out := be.AppendUint32(nil, 0x00010000)
	for _, v := range []int{n, 16 << entry, entry, 16*n - 16<<entry} {
		out = be.AppendUint16(out, uint16(v))
	}
	at := 12 + 16*n
	var body []byte
	headAt := 0
	for _, name := range names {
		data := slices.Clone(tables[name])
		if name == "head" {
			headAt = at + len(body)
			be.PutUint32(data[8:], 0) // the sum of the whole comes last
		}
		out = append(out, name...)
		out = be.AppendUint32(out, sum(data))
		out = be.AppendUint32(out, uint32(at+len(body)))
		out = be.AppendUint32(out, uint32(len(data)))
		body = append(body, data...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
	}
	out = append(out, body...)
	be.PutUint32(out[headAt+8:], 0xb1b0afba-sum(out))
	return out
}

func sum(data []byte) (s uint32) {
	for len(data) >= 4 {
		s += be.Uint32(data)
		data = data[4:]
	}
	if len(data) > 0 {
		var last [4]byte
		copy(last[:], data)
		s += be.Uint32(last[:])
	}
	return s
}

package talks

import (
	"strings"
	"unicode"
)

// What became of a piece of text from one version to the next.
const (
	same = iota
	gone
	fresh
)

// piece is a stretch of text with one fate.
type piece struct {
	fate int
	text string
}

// manyCells bounds the table of a comparison; longer texts that share nothing at either end are shown as
// replaced as a whole.
const manyCells = 4 << 20

// compare says how a text became another, by the units people read: a character of a script without spaces,
// a word or a number of others. What is same and gone gives the old text, what is same and fresh the new one.
func compare(old, now string) []piece {
	a, b := units(old), units(now)
	lead := 0
	for lead < len(a) && lead < len(b) && a[lead] == b[lead] {
		lead++
	}
	tail := 0
	for tail < len(a)-lead && tail < len(b)-lead && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var p pieces
	p.add(same, a[:lead]...)
	p.between(a[lead:len(a)-tail], b[lead:len(b)-tail])
	p.add(same, a[len(a)-tail:]...)
	return p
}

// units cuts a text into what is compared.
func units(s string) []string {
	var out []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	for _, r := range s {
		if (unicode.IsLetter(r) || unicode.IsDigit(r)) && !unicode.Is(unicode.Ideographic, r) {
			word.WriteRune(r)
			continue
		}
		flush()
		out = append(out, string(r))
	}
	flush()
	return out
}

type pieces []piece

// add goes on with the last piece where the fate is the same.
func (p *pieces) add(fate int, units ...string) {
	for _, u := range units {
		if n := len(*p); n > 0 && (*p)[n-1].fate == fate {
			(*p)[n-1].text += u
		} else {
			*p = append(*p, piece{fate, u})
		}
	}
}

// between compares what is left after equal ends were put aside, by the longest common subsequence.
func (p *pieces) between(a, b []string) {
	if len(a)*len(b) > manyCells {
		p.add(gone, a...)
		p.add(fresh, b...)
		return
	}
	common := lengths(a, b)
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			p.add(same, a[i])
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			p.add(gone, a[i])
			i++
		default:
			p.add(fresh, b[j])
			j++
		}
	}
	p.add(gone, a[i:]...)
	p.add(fresh, b[j:]...)
}

// lengths holds the length of the longest common subsequence of what begins at each pair of places.
func lengths(a, b []string) [][]uint16 {
	cells := make([]uint16, (len(a)+1)*(len(b)+1))
	out := make([][]uint16, len(a)+1)
	for i := range out {
		out[i] = cells[i*(len(b)+1) : (i+1)*(len(b)+1)]
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				out[i][j] = out[i+1][j+1] + 1
			} else {
				out[i][j] = max(out[i+1][j], out[i][j+1])
			}
		}
	}
	return out
}

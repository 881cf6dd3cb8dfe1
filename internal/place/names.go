package place

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"comity/internal/org"
)

// Spot is something that can be found by its names: a landmark, a street number, a unit.
type Spot struct {
	Key   string     // of its name in the texts
	Unit  org.UnitID // it lies in, or is
	Point *Point     // nil: only the unit is known
}

// Names finds spots by what people type. It asks nobody: a city without an address service has this.
type Names struct {
	spots []Spot
	names []name
	pairs map[[2]rune][]int32 // two runes that stand side by side → names that have them
}

// name is one name of a spot, as it is compared.
type name struct {
	spot  int32
	words []rune // as plain leaves them
	pairs int    // different ones
}

// Add lets a spot be found by these names, in whatever language.
func (n *Names) Add(s Spot, names ...string) {
	at := int32(len(n.spots))
	n.spots = append(n.spots, s)
	for _, raw := range names {
		words := plain(raw)
		if len(words) < shortest || n.has(at, words) {
			continue
		}
		if n.pairs == nil {
			n.pairs = map[[2]rune][]int32{}
		}
		own := pairsOf(words)
		n.names = append(n.names, name{spot: at, words: words, pairs: len(own)})
		for _, p := range own {
			n.pairs[p] = append(n.pairs[p], int32(len(n.names)-1))
		}
	}
}

// has looks among the names of the spot that was added last.
func (n *Names) has(spot int32, words []rune) bool {
	for i := len(n.names) - 1; i >= 0 && n.names[i].spot == spot; i-- {
		if slices.Equal(n.names[i].words, words) {
			return true
		}
	}
	return false
}

// Hit is a spot that may be meant.
type Hit struct {
	Spot  Spot
	Exact bool // the very name was typed
	Whole bool // what was typed has the whole name in it
	score float64
	spot  int32
}

// How well a name fits, from best to worst; within a rank the share of the name that was typed decides.
const (
	rankExact  = 4 // the very name
	rankIn     = 3 // an address that has the whole name in it
	rankPrefix = 2 // the beginning of the name
	rankPart   = 1 // a part of it
	rankNear   = 0 // enough of it, a letter or a sign apart
)

const (
	shortest  = 2   // runes, under which nothing is looked for
	nearShare = 0.6 // of the pairs of the shorter of the two, for rankNear
	maxTyped  = 80  // runes of an address that are looked at
)

// Find lists up to max spots, the best first. Spots that fit equally well stand in the order in which they
// were added.
func (n *Names) Find(typed string, max int) []Hit {
	words := plain(typed)
	words = words[:min(len(words), maxTyped)]
	if n == nil || len(words) < shortest || max <= 0 {
		return nil
	}
	own := pairsOf(words)
	shared := make([]int, len(n.names))
	for _, p := range own {
		for _, at := range n.pairs[p] {
			shared[at]++
		}
	}
	out := make([]Hit, 0, max+1)
	for at, k := range shared { // the names of a spot stand side by side, spots in their order
		if k == 0 {
			continue
		}
		x := &n.names[at]
		if score, ok := x.fit(words, k, len(own)); ok {
			out = better(out, Hit{Spot: n.spots[x.spot], Exact: score >= rankExact, Whole: score >= rankIn, score: score, spot: x.spot}, max)
		}
	}
	return out
}

// better puts a hit where it belongs among the best so far, one for each spot.
func better(best []Hit, h Hit, max int) []Hit {
	if i := slices.IndexFunc(best, func(o Hit) bool { return o.spot == h.spot }); i >= 0 {
		if best[i].score >= h.score {
			return best
		}
		best = slices.Delete(best, i, i+1)
	}
	i, _ := slices.BinarySearchFunc(best, h, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.spot, b.spot))
	})
	if i == max {
		return best
	}
	best = slices.Insert(best, i, h)
	return best[:min(len(best), max)]
}

// fit says how well a name fits what was typed, which shares k of its own pairs with it.
func (x *name) fit(words []rune, k, own int) (float64, bool) {
	share := float64(min(len(words), len(x.words))) / float64(max(len(words), len(x.words)))
	all := k == min(own, x.pairs) // else the one cannot be in the other
	switch {
	case all && slices.Equal(words, x.words):
		return rankExact, true
	case all && len(words) > len(x.words) && within(words, x.words) >= 0:
		return rankIn + float64(len(x.words))/(maxTyped+1), true // the longer name says more: a house before its street
	case all && len(words) < len(x.words):
		switch at := within(x.words, words); {
		case at == 0:
			return rankPrefix + share/2, true
		case at > 0:
			return rankPart + share/2, true
		}
	}
	if near := float64(k) / float64(min(own, x.pairs)); k >= 2 && near >= nearShare {
		return rankNear + near*share/2, true
	}
	return 0, false
}

// plain is a text as it is compared: small letters, digits and signs, with nothing between them.
// Full-width letters and digits are what they look like.
func plain(s string) []rune {
	out := make([]rune, 0, min(len(s), 4*maxTyped))
	for _, r := range strings.ToLower(s) {
		if r >= 0xFF01 && r <= 0xFF5E {
			r = unicode.ToLower(r - 0xFEE0)
		}
		if r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			out = append(out, r)
		}
	}
	return out
}

// pairsOf lists the pairs of runes side by side, each once.
func pairsOf(words []rune) [][2]rune {
	out := make([][2]rune, 0, len(words))
	for i := 0; i+1 < len(words); i++ {
		if p := [2]rune{words[i], words[i+1]}; !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// within is where the one text begins in the other, or -1.
func within(long, short []rune) int {
	for i := 0; i+len(short) <= len(long); i++ {
		if slices.Equal(long[i:i+len(short)], short) {
			return i
		}
	}
	return -1
}

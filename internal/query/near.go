package query

import "strings"

// nearKey is the key that may have been meant.
func (v Vocabulary) nearKey(name string) string {
	var keys []Value
	for _, k := range v.Keys {
		keys = append(keys, Value{ID: k.ID, Names: k.Names})
	}
	return near(keys, name)
}

// near is the name closest to what was written, if it is close enough to be meant.
func near(values []Value, got string) string {
	want := []rune(folded(got))
	best, least := "", 1+len(want)/3
	for _, v := range values {
		for _, name := range append([]string{first(v.Names, v.ID)}, append(v.Names, v.ID)...) {
			f := folded(name)
			far := distance(want, []rune(f))
			if len(want) > 1 && strings.HasPrefix(f, string(want)) {
				far = 1 // begun and not finished
			}
			if far < least || far == least && best == "" {
				best, least = name, far
			}
		}
	}
	return best
}

// distance counts the characters to put in, take out, replace or exchange with their neighbour.
func distance(a, b []rune) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// Package enough is for tests of what random draws find. It owns one rule: such a test goes on until the draws
// have met what it is about. It refuses to go on for ever, and to call a test green that met nothing. A count
// asked for after a fixed number of draws would fail by bad luck, on some machine, some day.
//
// Start with enough.go; it is all there is.
package enough

import (
	"testing"

	"pgregory.net/rapid"
)

// rounds of draws are made at most, each of as many as rapid makes; one of them is nearly always enough.
const rounds = 50

// Check asks prop of random draws, one round and then more until each of what is named was met. Whoever writes prop
// says so where it happens; a word that is not among the named ones is of no interest here.
func Check(t *testing.T, named []string, prop func(t *rapid.T, met func(string))) {
	t.Helper()
	seen := map[string]bool{}
	missing := func() (out []string) {
		for _, n := range named {
			if !seen[n] {
				out = append(out, n)
			}
		}
		return out
	}
	for range rounds {
		rapid.Check(t, func(t *rapid.T) { prop(t, func(what string) { seen[what] = true }) })
		if t.Failed() || len(missing()) == 0 {
			return
		}
	}
	t.Errorf("%d rounds of draws never met %q; the test shows nothing", rounds, missing())
}

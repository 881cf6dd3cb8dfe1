package web

import "comity/internal/explain"

// Change is one thing an event changed, as the timeline shows it.
type Change struct {
	Words, Href string
	Public      bool
}

// Changes prepares what an event changed for the timeline; href gives the address of what a change is
// about, or empty.
func Changes(list []explain.Change, href func(explain.Change) string) []Change {
	var out []Change
	for _, c := range list {
		out = append(out, Change{Words: c.Words, Href: href(c), Public: c.Public})
	}
	return out
}

// Package draw turns a procedure into a picture: a box for every state, a line for every act, so that
// anybody can see where a case stands and where it can go.
//
// It owns the layout and the SVG. Boxes stand in rows, rows in the phases a resident sees. The names
// of the acts stand inside the box they lead out of, so that no label can lie on anything else; lines
// run in channels beside the boxes, and all lines to one box share one track. What the clock does by
// itself is dashed and carries the term.
//
// It refuses words of its own, inline styles and scripts, and anything about one case but the mark
// "you are here". The same procedure and words always give the same bytes.
//
// Open this file first, then graph.go (what is drawn), layers.go (in which row and column), place.go
// and route.go (at which coordinates), svg.go and draw.css (how it looks).
package draw

import (
	"cmp"

	"comity/internal/procedure"
)

// Words says everything that is written; a text.Speaker's T and N fit.
type Words struct {
	T func(key string, kv ...string) string
	N func(key string, n int, kv ...string) string
}

// Options choose one of the ways to draw.
type Options struct {
	Columns int                       // boxes side by side: 1 for a phone, up to 4; 0 = 1
	Phases  []string                  // order of the phases; empty = as the states first name them
	Mark    string                    // the state a case is in, marked "you are here"
	Link    func(state string) string // where a box leads; nil or "" = nowhere
	ID      string                    // beginning of every id, when several drawings stand on one page; empty = "law"
}

// Limits of a drawing, in units of about a pixel.
const (
	NarrowWidth = 344 // a drawing in one column is never wider
	MaxColumns  = 4
)

// Sheet is a finished layout.
type Sheet struct {
	id            string
	title, desc   string
	width, height float64
	cards         []card
	bands         []band
	bundles       []bundle
	start         point // the dot before the first state
	startTo       point
	key           []keyLine
	keyY          float64
}

// Draw lays a procedure out.
func Draw(d *procedure.Definition, w Words, o Options) *Sheet {
	o.Columns = min(max(o.Columns, 1), MaxColumns)
	g := graphOf(d, w, o)
	g.layer(o.Columns)
	s := g.fit(o)
	s.id = cmp.Or(o.ID, "law")
	s.title = w.T("draw.title", "procedure", w.T("procedure."+d.ID))
	s.desc = w.T("draw.desc")
	return s
}

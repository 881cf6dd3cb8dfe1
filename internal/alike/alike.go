// Package alike finds open cases that a new report may be about, too: for the resident who is about to send it, for the
// counter, and for the officer who joins reports to one group.
//
// It owns what likeness is: the same category, near in place and time as the pack says, and words in common. It joins
// nothing: whether two reports are of one hole is for a person to say. It refuses to know who reported what: matters and
// places are compared, never people, and what a resident is shown is what the pack makes public of the category.
//
// Open this file first.
package alike

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/procedure"
)

// Matter is what of a report is held against others.
type Matter struct {
	Case     casework.CaseID // not held against itself; empty before it is filed
	Category string
	Point    *place.Point // where it is, if known
	Unit     org.UnitID   // the unit it lies in, if known
	Words    string       // title and address
}

// Of is the matter of a command that opens a case.
func Of(o *casework.Opening) Matter {
	return Matter{Category: o.Category, Point: o.Place.Point, Unit: o.Place.Unit, Words: o.Title + " " + o.Place.Address}
}

// Likely is an open case that may be about the same thing.
type Likely struct {
	Ref                  casework.Ref
	Procedure, State     string
	Title, Text, Address string // as far as the reader may see them
	Photo                string // hash of a picture of it that everybody may see; empty: there is none
	Unit                 org.UnitID
	Opened               time.Time
	Metres               float64 // between the two places; below 0: not known
	Alike                float64 // between 0 and 1
	Listed               bool    // on the reader's own lists: a case of theirs can go with it
}

// How likeness is made of its parts: one place and one wording are each worth half. What shares neither is not shown.
const (
	half  = 0.5
	least = 0.2
	read  = 200 // newest cases of the category that are looked at
)

// Finder looks among the cases of one compartment.
type Finder struct {
	Reader *ledger.Reader
	Pack   *pack.Pack
	Now    time.Time
}

// Public lists at most limit cases that anybody may see, the likeliest first, and of equally likely ones the newest. Of
// a category for which the pack says no distance and days there is none.
func (f Finder) Public(ctx context.Context, m Matter, limit int) ([]Likely, error) {
	near, ok := f.Pack.Alike(m.Category)
	if !ok {
		return nil, nil
	}
	list, err := f.Reader.PublishedNear(ctx, ledger.PublicFilter{Categories: []string{m.Category}, Places: f.around(m), Open: true, Since: f.Now.AddDate(0, 0, -near.Days), Limit: read}, f.shown)
	if err != nil {
		return nil, err
	}
	var out []Likely
	for _, c := range list {
		if c.ID != m.Case && c.Lead == nil && f.working(c.Procedure, c.State, c.Outcome) {
			out = f.add(out, m, Likely{Ref: c.Ref, Procedure: c.Procedure, State: c.State, Title: c.Title, Text: c.Text, Address: c.Place.Address, Unit: c.Place.Unit, Opened: c.Opened, Photo: photo(c)}, c.Place.Point)
		}
	}
	return best(out, limit), nil
}

// Inside lists at most limit cases that a scope reads, or that are public, in the same order.
func (f Finder) Inside(ctx context.Context, in authz.Scope, m Matter, limit int) ([]Likely, error) {
	out, err := f.Public(ctx, m, read)
	if err != nil {
		return nil, err
	}
	var since time.Time
	if near, ok := f.Pack.Alike(m.Category); ok {
		since = f.Now.AddDate(0, 0, -near.Days)
	}
	items, err := f.Reader.Near(ctx, in, m.Category, f.around(m), since, read)
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if item.ID == m.Case || item.Sealed || item.Level < authz.Story {
			continue
		}
		if !f.working(item.Procedure, item.State, item.Outcome) {
			continue
		}
		x := Likely{Ref: item.Ref, Procedure: item.Procedure, State: item.State, Title: item.Title, Address: item.Address, Unit: item.PlaceUnit, Opened: item.Opened, Listed: true}
		if i := slices.IndexFunc(out, func(o Likely) bool { return o.Ref == item.Ref }); i >= 0 {
			x.Text, x.Metres, x.Photo = out[i].Text, out[i].Metres, out[i].Photo
			x.Alike = max(out[i].Alike, f.score(m, x))
			out[i] = x
			continue
		}
		out = f.add(out, m, x, nil)
	}
	return best(out, limit), nil
}

// photo is the first picture of a public case.
func photo(c casework.Case) string {
	for _, f := range c.Files {
		if f.Published {
			return f.SHA256
		}
	}
	return ""
}

// Photo is a picture of a case that everybody may see, by its hash.
func (f Finder) Photo(ctx context.Context, ref, sum string) (casework.File, error) {
	c, _, err := f.Reader.PublishedCase(ctx, ref, f.shown)
	if err != nil {
		return casework.File{}, err
	}
	i := slices.IndexFunc(c.Files, func(x casework.File) bool { return x.SHA256 == sum })
	if i < 0 {
		return casework.File{}, ledger.ErrNotFound
	}
	return c.Files[i], nil
}

// Shows says whether everybody sees pictures of a category, once they are published.
func Shows(p *pack.Pack, category string) bool {
	v, ok := p.Open311.ServiceOf(category)
	d := p.ProcedureFor(category)
	return ok && v.Shown == pack.ShowText && d != nil && d.Sealing.When == ""
}

// around are the units in which a case may lie that is near: what lies in the same street as the matter, and whose areas lie
// so near to its point that the two may be metres apart. None where the unit says no more than the city.
func (f Finder) around(m Matter) []org.UnitID {
	tree := f.Pack.Units
	out := map[org.UnitID]bool{}
	for _, unit := range append(f.neighbours(m), m.Unit) {
		u, ok := tree.Unit(unit)
		for ok && u.Level > org.Street {
			up, _ := tree.Superior(u.ID)
			u, ok = tree.Unit(up)
		}
		if !ok || u.Level < org.Street {
			continue
		}
		for _, id := range tree.All() {
			if tree.Under(u.ID, id) {
				out[id] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// neighbours are the units whose areas lie within the pack's metres of the point.
func (f Finder) neighbours(m Matter) (out []org.UnitID) {
	near, ok := f.Pack.Alike(m.Category)
	if !ok || m.Point == nil {
		return nil
	}
	for _, n := range f.Pack.Map.Within(f.Pack.Units, *m.Point, float64(near.Metres)) {
		out = append(out, n.Unit)
	}
	return out
}

// working reports a case that is being dealt with: what was answered is only waiting for an objection, and what waits for the
// answer of another one is not the one to go with.
func (f Finder) working(proc, state, outcome string) bool {
	d := f.Pack.Procedures[proc]
	if d == nil {
		return false
	}
	s, _ := d.State(state)
	_, waits := d.Hearing(state, "")
	return waits == nil && !(outcome != "" && s.Owner == procedure.OwnerResident)
}

// Named is the case of a number that was chosen among those of Public, or of Inside if in is a scope of somebody's; empty
// if there is none. It may have been answered meanwhile: a form that is sent twice says the same twice.
func (f Finder) Named(ctx context.Context, in authz.Scope, category, ref string) (casework.Ref, error) {
	if _, ok := f.Pack.Alike(category); !ok {
		return "", nil
	}
	c, _, err := f.Reader.PublishedCase(ctx, ref, f.shown)
	if errors.Is(err, ledger.ErrNotFound) {
		c, err = f.Reader.Case(ctx, in, ref)
	}
	if errors.Is(err, ledger.ErrNotFound) || err == nil && c.Category != category {
		return "", nil
	}
	return c.Ref, err
}

// shown says what anybody sees of a case here: the place and, if the pack says so, the words. Of categories
// of which only the steps are public nothing is proposed, since nobody could tell from them which case it is.
func (f Finder) shown(c casework.Case) ledger.Public {
	v, ok := f.Pack.Open311.ServiceOf(c.Category)
	switch {
	case ok && v.Shown == pack.ShowText:
		return ledger.PublicText
	case ok && v.Shown == pack.ShowPlace:
		return ledger.PublicPlace
	}
	return ledger.PublicNothing
}

// add weighs a case and keeps it if it is like enough and not too far away.
func (f Finder) add(out []Likely, m Matter, x Likely, at *place.Point) []Likely {
	x.Metres = -1
	if m.Point != nil && at != nil {
		x.Metres = place.Metres(*m.Point, *at)
		if near, ok := f.Pack.Alike(m.Category); ok && x.Metres > float64(near.Metres) {
			return out
		}
	}
	if x.Alike = f.score(m, x); x.Alike < least {
		return out
	}
	return append(out, x)
}

func (f Finder) score(m Matter, x Likely) float64 {
	s := half * overlap(words(m.Words), words(x.Title+" "+x.Address))
	near, ok := f.Pack.Alike(m.Category)
	switch {
	case x.Metres >= 0 && ok:
		s += half * (1 - half*x.Metres/float64(near.Metres))
	case m.Unit != "" && m.Unit == x.Unit:
		s += half * half
	}
	return s
}

func best(list []Likely, limit int) []Likely {
	slices.SortStableFunc(list, func(a, b Likely) int { return cmp.Or(cmp.Compare(b.Alike, a.Alike), b.Opened.Compare(a.Opened)) })
	return list[:min(limit, len(list))]
}

// words are what a text is searched by, without single letters: English words and pairs of Chinese characters.
func words(text string) map[string]bool {
	out := map[string]bool{}
	for _, t := range db.Bigrams(text) {
		if len([]rune(t)) > 1 {
			out[t] = true
		}
	}
	return out
}

// overlap is the Dice coefficient of two sets of words: twice what they share, of all there are.
func overlap(a, b map[string]bool) float64 {
	shared := 0
	for t := range a {
		if b[t] {
			shared++
		}
	}
	if len(a)+len(b) == 0 {
		return 0
	}
	return 2 * float64(shared) / float64(len(a)+len(b))
}

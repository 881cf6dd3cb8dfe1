package ledger

import (
	"cmp"
	"context"
	"slices"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
)

// Report is what of a matter is held against others that may be about the same thing.
type Report struct {
	Case     casework.CaseID // not held against itself; empty before it is filed
	Category string
	Place    org.UnitID // where it is, if known
	Words    string     // title and address
}

// Likely is an open case that may be about the same thing. Alike is between 0 and 1.
type Likely struct {
	Item
	Alike float64
}

// How likeness is made of its parts: one place and one wording are each worth half. What shares neither is not shown.
const (
	alikePlace = 0.5
	alikeWords = 0.5
	alikeLeast = 0.2
	alikeRead  = 200 // newest cases of the category that are looked at
)

// Alike lists the open cases of one category in the reader's scope that may be about the same thing, the likeliest
// first, and of equally likely ones the newest. It proposes and joins nothing: whether two reports are of one hole is
// for a person to say. It compares matters and places, never who reported them.
func (r *Reader) Alike(ctx context.Context, in authz.Scope, x Report, limit int) ([]Likely, error) {
	page, err := r.Worklist(ctx, in, Filter{Category: x.Category, Sort: "-opened", Limit: alikeRead})
	if err != nil {
		return nil, err
	}
	words := tokenSet(x.Words)
	var out []Likely
	for _, item := range page.Items {
		if item.ID == x.Case || item.Sealed || item.Level < authz.Story {
			continue
		}
		l := Likely{Item: item, Alike: alikeWords * overlap(words, tokenSet(item.Title+" "+item.Address))}
		if x.Place != "" && item.PlaceUnit == x.Place {
			l.Alike += alikePlace
		}
		if l.Alike >= alikeLeast {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b Likely) int { return cmp.Or(cmp.Compare(b.Alike, a.Alike), b.Opened.Compare(a.Opened)) })
	return out[:min(limit, len(out))], nil
}

func tokenSet(text string) map[string]bool {
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

// Package intake turns a report from any channel (form, counter, API, import) into the one command
// that opens a case: title, unit, route.
//
// It refuses to lose a report: a place that cannot be found goes to the unit the pack names for that,
// and nothing here asks a map or an address service. It decides nothing about the case; casework does.
//
// Open this file first; csvin reads import files, mapping.go says what their columns mean.
package intake

import (
	"strings"
	"time"
	"unicode/utf8"

	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
)

// Report is what somebody brought, whatever the channel.
type Report struct {
	Category string
	Title    string // empty: made from the text
	Text     string
	Address  string
	Point    *place.Point
	Unit     org.UnitID   // chosen by the reporter or the counter; empty: found from the point
	Alike    casework.Ref // the report it may be the same as, chosen among those that were shown
	Contact  casework.Contact
	Source   string
	External string
	Key      string // idempotency key
	Fields   map[string]string
	Files    []casework.File
	At       time.Time // history only
	Now      time.Time // when it is taken in: rules of routing may ask for the time of day
}

// titleRunes is how much of a text serves as its title.
const titleRunes = 40

// Command places and routes a report. It is pure; a *casework.Refusal names every field that cannot
// stand, so that a form shows all of them at once.
func Command(p *pack.Pack, r Report) (casework.Command, error) {
	var bad []form.Problem
	category, ok := p.Category(r.Category)
	if !ok {
		bad = append(bad, problem("category", "category.unknown", "got", clip(r.Category)))
	}
	at, trouble := locate(p, r)
	bad = append(bad, trouble...)
	if len(bad) > 0 {
		return casework.Command{}, &casework.Refusal{Rule: "form.invalid", Fields: bad}
	}
	to, err := p.Route(pack.Matter{Category: category.ID, At: at, Point: r.Point, Answers: r.Fields, Now: taken(r)})
	if err != nil {
		return casework.Command{}, err
	}
	title := strings.TrimSpace(r.Title)
	if title == "" {
		title = firstWords(r.Text)
	}
	open := &casework.Opening{
		Unit: to.Unit, Title: title, Text: r.Text, Category: to.Category, Route: to.Rule,
		Place: casework.Place{Point: r.Point, Address: strings.TrimSpace(r.Address), Unit: at},
		Alike: r.Alike, Contact: r.Contact, Source: r.Source, External: r.External,
	}
	return casework.Command{Open: open, Key: r.Key, Fields: r.Fields, Files: r.Files, At: r.At, Version: casework.AnyVersion}, nil
}

// taken is when a matter came in; of history, when it did.
func taken(r Report) time.Time {
	if !r.At.IsZero() {
		return r.At
	}
	return r.Now
}

// locate finds the lowest unit the place is known to lie in: the one that was chosen, the one whose
// area holds the point or, within the pack's metres, is the nearest, or the pack's fallback.
func locate(p *pack.Pack, r Report) (org.UnitID, []form.Problem) {
	if r.Unit != "" {
		if _, ok := p.Units.Unit(r.Unit); !ok {
			return "", []form.Problem{problem("unit", "unit.unknown", "got", clip(string(r.Unit)))}
		}
	}
	if r.Point != nil {
		if r.Point.Check() != nil {
			return "", []form.Problem{problem("place", "place.position")}
		}
		if len(p.Map.Areas) > 0 && r.Unit == "" {
			found, ok := p.Map.Locate(p.Units, *r.Point)
			if !ok {
				return "", []form.Problem{problem("place", "place.outside")}
			}
			return found.Unit, nil
		}
	}
	if r.Unit != "" {
		return r.Unit, nil
	}
	return p.Fallback, nil
}

func problem(field, rule string, kv ...string) form.Problem {
	f := form.Problem{Field: field, Rule: rule}
	if len(kv) == 2 {
		f.Params = map[string]string{kv[0]: kv[1]}
	}
	return f
}

// firstWords takes the first sentence of a text, cut at a word where there are words.
func firstWords(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "�")), " ")
	if i := strings.IndexAny(s, "。！？!?"); i > 0 {
		s = s[:i]
	} else if i := strings.Index(s, ". "); i > 0 {
		s = s[:i]
	}
	if utf8.RuneCountInString(s) <= titleRunes {
		return s
	}
	cut := string([]rune(s)[:titleRunes])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 {
		cut = cut[:i]
	}
	return cut + "…"
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if utf8.RuneCountInString(s) > titleRunes {
		return string([]rune(s)[:titleRunes]) + "…"
	}
	return s
}

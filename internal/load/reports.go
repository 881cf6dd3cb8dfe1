package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// road is one way a report can take: what it is about, where, and who then does which act on it.
type road struct {
	category string
	words    []string // by which people know the matter, from the pack
	at       org.UnitID
	holder   org.UnitID
	act      string // the usual first one, which asks nothing
	roles    []authz.Role
}

// mostPlaces bounds the units reports come from: each unit that receives them needs officers of its own.
const mostPlaces = 12

// anywhere are the roads from places all over the territory. It fails where a pack has none.
func anywhere(p *pack.Pack, now time.Time) ([]road, error) {
	out := roads(p, spread(places(p), mostPlaces), now)
	if len(out) == 0 {
		return nil, errors.New("the pack has no category that a resident may report with text and place alone and whose first act asks nothing; such a city cannot be loaded")
	}
	return out, nil
}

// roads finds the ways of a pack: categories of the civic compartment that residents may choose and that ask no more
// than text and place, from these places, with a first act that asks nothing. It reads the pack alone, so that any city
// can be measured.
func roads(p *pack.Pack, from []org.UnitID, now time.Time) (out []road) {
	for _, at := range from {
		for _, c := range p.Categories {
			d := p.Procedures[c.Procedure]
			if d == nil || !c.Resident || len(d.Intake) > 0 || d.Compartment != procedure.Civic && d.Compartment != "" {
				continue
			}
			cmd, err := intake.Command(p, intake.Report{Category: c.ID, Text: c.ID, Unit: at, Now: now})
			if err != nil {
				continue // not filed there
			}
			u, _ := p.Units.Unit(cmd.Open.Unit)
			act, roles := usual(d, u.Roles)
			if act == "" {
				continue
			}
			out = append(out, road{category: c.ID, words: wordsOf(c), at: at, holder: u.ID, act: act, roles: roles})
		}
	}
	return out
}

// usual is the act that begins the work: open in the first state to people of the unit, and asking nothing.
func usual(d *procedure.Definition, held []string) (string, []authz.Role) {
	best, roles := "", []authz.Role(nil)
	for _, a := range d.Acts {
		if !slices.Contains(a.From, d.Start) || a.Of != procedure.OfHolder && a.Of != "" || a.When.Root != nil || a.While != "" || a.Adds != "" || a.As != "" ||
			slices.ContainsFunc(a.Fields, func(f form.Field) bool { return f.Required || f.When != nil }) {
			continue
		}
		var by []authz.Role
		for _, r := range a.By {
			if slices.Contains(held, r) {
				by = append(by, authz.Role(r))
			}
		}
		if len(by) > 0 && (best == "" || a.Prime) {
			best, roles = a.ID, by
		}
		if a.Prime && best == a.ID {
			break
		}
	}
	return best, roles
}

// places are the units of the lowest level that receives reports.
func places(p *pack.Pack) (out []org.UnitID) {
	for _, level := range []org.Level{org.Community, org.Street, org.District, org.City} {
		for _, id := range p.Units.All() {
			if u, _ := p.Units.Unit(id); u.Level == level && u.Dept == "" && len(u.Roles) > 0 {
				out = append(out, id)
			}
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

// spread takes at most so many of a list, evenly.
func spread[T any](list []T, most int) []T {
	if len(list) <= most {
		return list
	}
	out := make([]T, most)
	for i := range out {
		out[i] = list[i*len(list)/most]
	}
	return out
}

// wordsOf are the words by which people know a matter: the pack's own, so that reports can be found by them.
func wordsOf(c pack.Category) (out []string) {
	for _, list := range c.Keywords {
		out = append(out, list...)
	}
	slices.Sort(out)
	if len(out) == 0 {
		out = strings.FieldsFunc(c.ID, func(r rune) bool { return r == '.' || r == '-' || r == '_' })
	}
	return out
}

// told is what a resident writes: some twenty words of the matter, and one that stands in no other report.
func (r road) told(draw *rand.Rand, own string) string {
	words := []string{own}
	for range 12 + draw.IntN(16) {
		words = append(words, r.words[draw.IntN(len(r.words))])
	}
	draw.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return strings.Join(words, " ")
}

// command is the report as the door takes it.
func (r road) command(p *pack.Pack, draw *rand.Rand, own string, now time.Time) (casework.Command, error) {
	return intake.Command(p, intake.Report{Category: r.category, Text: r.told(draw, own), Unit: r.at, Address: fmt.Sprint(1 + draw.IntN(400)), Source: "web", Now: now, Key: "load-" + own,
		Contact: casework.Contact{Channel: "sms", Address: phone(draw), Lang: p.Langs[0]}})
}

// phone is a number nobody has.
func phone(draw *rand.Rand) string { return fmt.Sprintf("139%08d", draw.IntN(100_000_000)) }

package web

import (
	"fmt"
	"math"
	"strings"

	"comity/internal/casework"
	"comity/internal/pack"
	"comity/internal/place"
)

// MaxOffered is how many landmarks a form hands to the browser for its own suggestions: a page must not grow
// with the city. The others are found when the address is sent.
const MaxOffered = 200

// WhyHere says why a matter was received where it was: which office, the words of the rule that named it,
// and how its place was found. The pack is the version the case was opened under, so that the words are
// those that held then. The last part is for whoever sees the point.
func (p *Page) WhyHere(pk *pack.Pack, c *casework.Case) []string {
	if c.Category == "" || c.Parent != nil || c.Place.Unit == "" {
		return nil // opened by another case, which says why
	}
	unit := func(id any) string { return p.T("unit." + fmt.Sprint(id)) }
	var out []string
	if to, ok := pk.Ruled(c.Route, c.Category, c.Place.Unit); ok {
		out = append(out, p.T("here.unit", "unit", unit(to.Unit)), p.T("route."+to.Rule+".why"))
	} else if cat, ok := pk.Category(c.Category); ok && c.Route == "" {
		out = append(out, p.T("here.unit", "unit", unit(pk.RouteTo(c.Category, c.Place.Unit))))
		if cat.Route.Dept != "" {
			out = append(out, p.T("here.dept"))
		} else {
			out = append(out, p.T("here.level."+cat.Route.Level.String()))
		}
	}
	if c.Place.Point == nil {
		return out
	}
	f, ok := pk.Map.Locate(pk.Units, *c.Place.Point)
	if !ok {
		return out
	}
	if f.Unit != c.Place.Unit && !pk.Units.Under(c.Place.Unit, f.Unit) {
		return append(out, p.T("here.chosen", "unit", unit(c.Place.Unit), "other", unit(f.Unit)))
	}
	var near []string
	for _, n := range f.Near {
		near = append(near, p.T("here.near", "unit", unit(n.Unit), "metres", metres(n.Metres)))
	}
	said := strings.Join(near, p.T("here.comma"))
	out = append(out, p.T("here."+string(f.Reason), "unit", unit(f.Unit), "metres", metres(f.Metres), "near", said))
	if f.Reason == place.Nearest && said != "" {
		out = append(out, p.T("here.nearest.near", "near", said))
	}
	return out
}

// metres is a distance as people say it.
func metres(m float64) string { return fmt.Sprint(int(math.Round(m))) }

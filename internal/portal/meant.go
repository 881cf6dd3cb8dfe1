package portal

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/web"
)

const (
	maxMeant  = 4
	meantNone = "none"
	meantSpot = "@" // begins a place of the address service: what follows is its position
)

// offer looks up once which places the address of a draft may mean: among the pack's own names, and, where those say
// nothing, with the operator's address service. A service that does not answer is done without.
func (p *Portal) offer(r *http.Request, page *web.Page, d *draft) {
	if d.offered != nil {
		return
	}
	d.offered = []web.Choice{}
	pk := p.Packs.Current()
	hits := d.meant(pk)
	for _, h := range hits {
		c := web.Choice{Value: h.Spot.Key, Label: page.T(h.Spot.Key)}
		if unit := "unit." + string(h.Spot.Unit); unit != h.Spot.Key {
			c.Label = page.T("meant.in", "name", c.Label, "unit", page.T(unit))
		}
		d.offered = append(d.offered, c)
	}
	if len(hits) == 0 {
		p.lookUp(r, page, pk, d)
	}
	if len(d.offered) > 0 {
		d.offered = append(d.offered, web.Choice{Value: meantNone, Label: page.T("meant.none")})
	}
}

// lookUp adds what the address service finds within the city.
func (p *Portal) lookUp(r *http.Request, page *web.Page, pk *pack.Pack, d *draft) {
	if !d.unplaced() || len(pk.Map.Areas) == 0 {
		return
	}
	if hits := pk.Names.Find(d.Address, maxMeant); len(hits) > 0 { // an exact name says enough
		return
	}
	sw, ne := pk.Map.Bounds()
	found, err := p.Maps.Find(r.Context(), d.Address, page.Lang, place.Point{Lat: (sw.Lat + ne.Lat) / 2, Lon: (sw.Lon + ne.Lon) / 2})
	if err != nil {
		p.Site.Log.Warn("addresses are not looked up", "err", err)
	}
	for _, f := range found {
		at, ok := pk.Map.Locate(pk.Units, f.Point)
		if !ok {
			continue
		}
		d.offered = append(d.offered, web.Choice{Value: fmt.Sprintf("%s%.6f,%.6f", meantSpot, f.Point.Lat, f.Point.Lon),
			Label: page.T("meant.in", "name", f.Words, "unit", page.T("unit."+string(at.Unit)))})
	}
}

// spotOf is the position of a place of the address service that was chosen; nil for every other answer.
func spotOf(meant string) *place.Point {
	raw, ok := strings.CutPrefix(meant, meantSpot)
	if !ok {
		return nil
	}
	lat, lon, _ := strings.Cut(raw, ",")
	at, bad := (&draft{Lat: lat, Lon: lon}).point()
	if bad != nil {
		return nil
	}
	return at
}

// unplaced reports an address that nothing else places.
func (d *draft) unplaced() bool { return d.Address != "" && d.Unit == "" && d.Lat == "" && d.Lon == "" }

// meant lists the places an address may mean, when it says too little by itself and nothing else does.
func (d *draft) meant(pk *pack.Pack) []place.Hit {
	if !d.unplaced() {
		return nil
	}
	hits := pk.Names.Find(d.Address, maxMeant)
	if len(hits) > 0 && hits[0].Exact {
		return nil
	}
	return hits
}

// answeredMeant says whether one of the places, or none of them, has been chosen. A place of the service is an answer whatever
// the service says now.
func (d *draft) answeredMeant() bool {
	return d.Meant == meantNone || spotOf(d.Meant) != nil || slices.ContainsFunc(d.offered, func(c web.Choice) bool { return c.Value == d.Meant })
}

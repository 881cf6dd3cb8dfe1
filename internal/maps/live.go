package maps

import (
	"strconv"
	"strings"

	"comity/internal/place"
	"comity/internal/web"
)

// Where the door of the map is.
const (
	TilesAt  = "/map/tiles/"
	ShapesAt = "/map/shapes"
)

// Live is what a page puts beside a drawn map of an area so that it can become one that moves; at is the place it shows, if
// it is known.
func (s *Source) Live(page *web.Page, sw, ne place.Point, at *place.Point) *web.Live {
	l := &web.Live{Shapes: ShapesAt + "?lang=" + page.Lang, From: usualFrom, To: usualTo, System: string(s.System())}
	if s != nil {
		l.Attribution, l.Approval = s.Attribution, s.Approval
	}
	if s.HasTiles() {
		l.Tiles, l.From, l.To = TilesAt+"{z}/{x}/{y}", s.From, s.To
	}
	l.Box = s.pair(sw) + "," + s.pair(ne)
	if at != nil {
		l.At = s.pair(*at)
	}
	return l
}

// pair writes a point in the system of the tiles.
func (s *Source) pair(p place.Point) string {
	p = s.System().FromWGS84(p)
	return strings.Join([]string{strconv.FormatFloat(fine(p.Lat), 'f', -1, 64), strconv.FormatFloat(fine(p.Lon), 'f', -1, 64)}, ",")
}

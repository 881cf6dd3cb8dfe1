package portal

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"comity/internal/maps"
	"comity/internal/web"
)

// Outlines and tiles change seldom: seconds for which browsers need not ask again.
const (
	keepShapes = 3600
	keepTiles  = 86400
)

// tile hands a picture of the operator's map through. Browsers ask the city and nobody else.
func (p *Portal) tile(w http.ResponseWriter, r *http.Request) error {
	data, kind, err := p.Maps.Tile(r.Context(), r.PathValue("z"), r.PathValue("x"), r.PathValue("y"))
	if errors.Is(err, maps.ErrNoTile) {
		return web.ErrNotFound
	}
	if err != nil {
		p.Site.Log.Warn("a tile of the map is missing", "err", err)
		http.Error(w, http.StatusText(http.StatusBadGateway), http.StatusBadGateway)
		return nil
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(keepTiles))
	_, err = w.Write(data)
	return err
}

// shapes are the outlines of the pack for a map that moves.
func (p *Portal) shapes(w http.ResponseWriter, r *http.Request) error {
	page := p.Site.Page(r, "portal.map.name")
	w.Header().Set("Content-Type", "application/geo+json")
	w.Header().Set("Cache-Control", "private, max-age="+strconv.Itoa(keepShapes))
	return json.NewEncoder(w).Encode(p.Maps.ShapesOf(p.Packs.Current(), func(key string) string { return page.T(key) }))
}

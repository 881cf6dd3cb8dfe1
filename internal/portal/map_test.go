package portal

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"comity/internal/maps"
	"comity/internal/place"
)

// withMaps gives the city the operator's file.
func (c *city) withMaps(words string) {
	c.t.Helper()
	s, err := maps.Read("maps.yaml", []byte(words))
	if err != nil {
		c.t.Fatal(err)
	}
	c.portal.Maps = s
}

func Test_the_map_that_moves_is_offered_beside_the_drawing_and_fetched_when_asked_for(t *testing.T) {
	c := newCity(t)
	page := c.get("/report?lang=en")
	c.holds(page, "Map that can be moved", `data-tiles=""`, `data-shapes="/map/shapes?lang=en"`, `src="/assets/maps.js`)
	c.lacks(page, `src="/assets/leaflet.js`, "Map approval")
	c.holds(c.get("/map/shapes?lang=zh-CN"), `"FeatureCollection"`, "柑园社区")
	if a := c.get("/map/tiles/10/1/1"); a.Code != http.StatusNotFound {
		t.Errorf("a tile of nobody's: %d", a.Code)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "10", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "10", "1", "1.jpg"), jpegPhoto(t), 0o600); err != nil {
		t.Fatal(err)
	}
	c.withMaps("approval: GS（2026）0001号\ntiles: {folder: " + strconv.Quote(dir) + ", system: gcj02, attribution: Survey of Linjiang}")
	c.holds(c.get("/report?lang=en"), `data-tiles="/map/tiles/{z}/{x}/{y}"`, `data-system="gcj02"`, "Map approval GS（2026）0001号", "Survey of Linjiang")
	if a := c.get("/map/tiles/10/1/1"); a.Code != http.StatusOK || a.Head.Get("Content-Type") != "image/jpeg" {
		t.Errorf("a tile: %d %s", a.Code, a.Head.Get("Content-Type"))
	}
}

func Test_a_position_on_a_map_of_another_system_is_kept_in_wgs_84(t *testing.T) {
	c := newCity(t)
	here := place.Point{Lat: 28.1102, Lon: 112.2703}
	there := place.GCJ02.FromWGS84(here)
	v := lamp()
	v.Del("unit")
	v.Set("lat", strconv.FormatFloat(there.Lat, 'f', 6, 64))
	v.Set("lon", strconv.FormatFloat(there.Lon, 'f', 6, 64))
	v.Set("coords", "gcj02")
	k := c.caseOf(c.file(v))
	if k.Place.Point == nil || place.Metres(*k.Place.Point, here) > 1 {
		t.Errorf("kept %+v, meant %+v", k.Place.Point, here)
	}
	v.Set("coords", "mars")
	if a := c.post("/report?lang=en", v); a.Code != http.StatusUnprocessableEntity {
		t.Errorf("a system nobody knows: %d", a.Code)
	}
}

func Test_an_address_is_looked_up_with_the_service_and_without_one_that_answers(t *testing.T) {
	c := newCity(t)
	up := true
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte(`[{"lat":"28.1102","lon":"112.2703","display_name":"17 Hidden Lane"},{"lat":"51.5","lon":"0","display_name":"17 Hidden Lane, London"}]`))
	}))
	defer far.Close()
	c.withMaps("addresses: {url: '" + far.URL + "', kind: nominatim}")
	v := lamp()
	v.Del("unit")
	v.Set("address", "17 Hidden Lane")
	asked := c.post("/report?lang=en", v)
	c.holds(asked, `name="meant" value="@28.110200,112.270300"`, "17 Hidden Lane")
	c.lacks(asked, "London")
	v.Set("meant", "@28.110200,112.270300")
	if k := c.caseOf(c.file(v)); k.Place.Point == nil || k.Place.Address != "17 Hidden Lane" || !strings.HasPrefix(string(k.Place.Unit), "guiyuan") {
		t.Errorf("kept %+v", k.Place)
	}
	up = false
	v.Del("meant")
	if k := c.caseOf(c.file(v)); k.Place.Point != nil || k.Place.Address != "17 Hidden Lane" {
		t.Errorf("without the service: %+v", k.Place)
	}
}

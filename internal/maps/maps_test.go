package maps

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity/internal/ledger/ledgertest"
	"comity/internal/place"
)

func dot(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t *testing.T, words string) *Source {
	t.Helper()
	s, err := Read("maps.yaml", []byte(words))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func Test_a_file_that_cannot_stand_is_refused_with_every_reason(t *testing.T) {
	for words, want := range map[string][]string{
		"tiles: {url: 'https://tiles.example/{z}/{x}'}":                              {"tiles.url", "{y} is missing"},
		"tiles: {url: 'ftp://tiles.example/{z}/{x}/{y}'}":                            {"begins with http"},
		"tiles: {url: 'https://t.example/{z}/{x}/{y}', folder: here}":                {"not both"},
		"tiles: {folder: nowhere}":                                                   {"tiles.folder", `"nowhere" is not a folder`},
		"tiles: {url: 'https://t.example/{z}/{x}/{y}', system: utm, from: 9, to: 3}": {"utm", "9 to 3"},
		"addresses: {url: 'https://a.example', kind: google}":                        {"addresses.kind", `"google" is not photon or nominatim`},
		"addresses: {kind: photon, url: a.example, system: mars}":                    {"addresses.url", "mars"},
		"tile: {}": {"tile"},
		"":         {"the file is empty"},
		"tiles: {url: 'https://t.example/{z}/{x}/{y}', system: bd09}": {"tiles.system", "bd09"},
		"tiles: {url: 'https://t.example/{z}/{x}/{y}', to: 30}":       {"0 to 30"},
	} {
		_, err := Read("maps.yaml", []byte(words))
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) || !strings.Contains(err.Error(), "maps.yaml") {
				t.Errorf("%s\ngives %v, not %q", words, err, w)
			}
		}
	}
}

func Test_a_folder_serves_its_tiles_and_nothing_beside_them(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "tiles", "10", "830")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(at, "428.png"), dot(t), 0o600), os.WriteFile(filepath.Join(at, "429.png"), []byte("<svg onload=x>"), 0o600),
		os.WriteFile(filepath.Join(dir, "secret.png"), dot(t), 0o600), os.WriteFile(filepath.Join(dir, "maps.yaml"), []byte("tiles: {folder: tiles}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := Load(filepath.Join(dir, "maps.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if data, kind, err := s.Tile(t.Context(), "10", "830", "428"); err != nil || kind != "image/png" || len(data) == 0 {
		t.Errorf("%s %v", kind, err)
	}
	if _, _, err := s.Tile(t.Context(), "10", "830", "429"); err == nil || errors.Is(err, ErrNoTile) {
		t.Errorf("what is no picture was served: %v", err)
	}
	for _, x := range [][3]string{{"10", "830", "427"}, {"8", "0", "0"}, {"19", "0", "0"}, {"10", "..", "secret"}, {"10", "-1", "0"}, {"10", "1024", "0"}, {"10", "0830", "428"}, {"10", "+830", "428"}, {"10", "../../", "secret"}} {
		if _, _, err := s.Tile(t.Context(), x[0], x[1], x[2]); !errors.Is(err, ErrNoTile) {
			t.Errorf("%v: %v", x, err)
		}
	}
	if _, _, err := (*Source)(nil).Tile(t.Context(), "10", "1", "1"); !errors.Is(err, ErrNoTile) {
		t.Error(err)
	}
}

func Test_tiles_of_another_machine_are_looked_at_before_they_are_handed_on(t *testing.T) {
	var asked []string
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		switch r.URL.Query().Get("y") {
		case "1":
			w.Header().Set("Content-Type", "text/html")
			w.Write(dot(t))
		case "2":
			w.Header().Set("Content-Type", "image/png")
			w.Write([]byte("<html><script>"))
		case "3":
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		case "4":
			w.Write(append(dot(t), make([]byte, largest)...))
		case "5":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			http.NotFound(w, r)
		}
	}))
	defer far.Close()
	s := read(t, "tiles: {url: '"+far.URL+"/wmts?key=k&z={z}&x={x}&y={y}'}")
	if _, kind, err := s.Tile(t.Context(), "10", "5", "1"); err != nil || kind != "image/png" || asked[0] != "/wmts?key=k&z=10&x=5&y=1" {
		t.Errorf("%s %v, asked %v", kind, err, asked)
	}
	for y, want := range map[string]string{"2": "not a picture", "3": "answered 302", "4": "more than", "5": "answered 500", "6": ErrNoTile.Error()} {
		if _, _, err := s.Tile(t.Context(), "10", "5", y); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", y, err, want)
		}
	}
}

func Test_outlines_come_in_the_system_of_the_tiles(t *testing.T) {
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	plain, shifted := (*Source)(nil).ShapesOf(p, strings.ToUpper), read(t, "tiles: {url: 'https://t.example/{z}/{x}/{y}', system: gcj02}").ShapesOf(p, strings.ToUpper)
	area := func(s Shapes, name string) [2]float64 {
		for _, f := range s.Features {
			if f.Properties["name"] == name {
				return f.Geometry.Coordinates[0][0]
			}
		}
		t.Fatalf("no %s", name)
		return [2]float64{}
	}
	a, b := area(plain, "UNIT.GUIYUAN-GANYUAN"), area(shifted, "UNIT.GUIYUAN-GANYUAN")
	if m := place.Metres(place.Point{Lat: a[1], Lon: a[0]}, place.Point{Lat: b[1], Lon: b[0]}); m < 100 || m > 800 {
		t.Errorf("the same corner lies %f m apart", m)
	}
	if len(plain.Features) <= len(shifted.Features) {
		t.Error("without tiles nothing is drawn below the outlines")
	}
	raw, err := json.Marshal(plain)
	if err != nil || !bytes.Contains(raw, []byte(`"type":"FeatureCollection"`)) {
		t.Error(err)
	}
	for _, f := range plain.Features {
		for _, line := range f.Geometry.Coordinates {
			if f.Properties["kind"] == "community" && line[0] != line[len(line)-1] {
				t.Errorf("%s is not closed", f.Properties["name"])
			}
		}
	}
}

func Test_an_address_is_asked_for_and_comes_back_in_wgs_84(t *testing.T) {
	here := place.Point{Lat: 28.11, Lon: 112.27}
	there := place.GCJ02.FromWGS84(here)
	answers := map[string]string{}
	var query string
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		w.Write([]byte(answers[r.URL.Path]))
	}))
	defer far.Close()
	answers["/api"] = `{"features":[{"geometry":{"coordinates":[` + num(there.Lon) + `,` + num(there.Lat) + `]},"properties":{"name":"柑园小学","street":"柑园路","housenumber":"3","city":"临江"}},
		{"geometry":{"coordinates":[]},"properties":{"name":"nowhere"}},{"geometry":{"coordinates":[999,0]},"properties":{"name":"beyond"}}]}`
	answers["/search"] = `[{"lat":"28.11","lon":"112.27","display_name":"Ganyuan Road 3"},{"lat":"x","lon":"1","display_name":"none"}]`
	answers["/bad"] = `<html>`
	near := func(p place.Point) bool { return place.Metres(p, here) < 1 }
	list, err := read(t, "addresses: {url: '"+far.URL+"/api', kind: photon, system: gcj02}").Find(t.Context(), "柑园路3号", "zh-CN", here)
	if err != nil || len(list) != 1 || list[0].Words != "柑园小学, 柑园路 3, 临江" || !near(list[0].Point) || strings.Contains(query, "lang=") {
		t.Errorf("%v %v, asked %s", list, err, query)
	}
	list, err = read(t, "addresses: {url: '"+far.URL+"/search?key=1', kind: nominatim}").Find(t.Context(), "Ganyuan Road 3", "en", here)
	if err != nil || len(list) != 1 || !near(list[0].Point) || !strings.HasPrefix(query, "key=1&") || !strings.Contains(query, "format=jsonv2") {
		t.Errorf("%v %v, asked %s", list, err, query)
	}
	if _, err := read(t, "addresses: {url: '"+far.URL+"/bad', kind: photon}").Find(t.Context(), "x", "en", here); err == nil {
		t.Error("what is no answer was read")
	}
	if list, err := (*Source)(nil).Find(t.Context(), "x", "en", here); list != nil || err != nil {
		t.Error("nobody was configured, and somebody answered")
	}
}

func num(x float64) string {
	raw, _ := json.Marshal(math.Round(x*1e7) / 1e7)
	return string(raw)
}

package maps

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"comity/internal/place"
)

// The kinds of services that are spoken with, by the names of the programs whose interface they have.
const (
	photon    = "photon"
	nominatim = "nominatim"
)

// addresses is a service that knows where addresses lie.
type addresses struct {
	url, kind string
	system    place.System
	client    *http.Client
}

// Found is a place that an address may mean.
type Found struct {
	Words string
	Point place.Point
}

// Bounds of what is asked and taken. Somebody waits at a form: whoever does not answer soon is done without.
const (
	atMost   = 4
	soon     = 2 * time.Second
	mostSaid = 1 << 20
)

// Find asks where an address may lie, near a point of the city. Without a service there are no answers, and no error.
func (s *Source) Find(ctx context.Context, words, lang string, near place.Point) ([]Found, error) {
	if s == nil || s.addresses == nil || strings.TrimSpace(words) == "" {
		return nil, nil
	}
	a := s.addresses
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.ask(words, lang, near), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "Comity")
	r.Header.Set("Accept-Language", lang)
	answer, err := a.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the address service does not answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the address service answered %d", answer.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, mostSaid))
	if err != nil {
		return nil, err
	}
	read := readPhoton
	if a.kind == nominatim {
		read = readNominatim
	}
	list, err := read(raw)
	if err != nil {
		return nil, fmt.Errorf("the address service said what cannot be read: %w", err)
	}
	var out []Found
	for _, f := range list {
		f.Point = a.system.ToWGS84(f.Point)
		if f.Words != "" && f.Point.Check() == nil && len(out) < atMost {
			out = append(out, f)
		}
	}
	return out, nil
}

func (a *addresses) ask(words, lang string, near place.Point) string {
	q := url.Values{"q": {words}, "limit": {strconv.Itoa(atMost)}}
	if a.kind == nominatim {
		q.Set("format", "jsonv2")
		q.Set("accept-language", lang)
	} else {
		p := a.system.FromWGS84(near)
		q.Set("lat", strconv.FormatFloat(p.Lat, 'f', 4, 64))
		q.Set("lon", strconv.FormatFloat(p.Lon, 'f', 4, 64))
		if lang, _, _ := strings.Cut(lang, "-"); lang == "en" || lang == "de" || lang == "fr" {
			q.Set("lang", lang) // the languages it is built with; others are refused by it
		}
	}
	sep := "?"
	if strings.Contains(a.url, "?") {
		sep = "&"
	}
	return a.url + sep + q.Encode()
}

func readPhoton(raw []byte) (out []Found, err error) {
	var doc struct {
		Features []struct {
			Geometry struct {
				Coordinates []float64 `json:"coordinates"`
			} `json:"geometry"`
			Properties struct {
				Name, Street, HouseNumber, District, City string
			} `json:"properties"`
		} `json:"features"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	for _, f := range doc.Features {
		if len(f.Geometry.Coordinates) < 2 {
			continue
		}
		p := f.Properties
		street := strings.TrimSpace(p.Street + " " + p.HouseNumber)
		out = append(out, Found{Words: joined(p.Name, street, p.District, p.City), Point: place.Point{Lon: f.Geometry.Coordinates[0], Lat: f.Geometry.Coordinates[1]}})
	}
	return out, nil
}

func readNominatim(raw []byte) (out []Found, err error) {
	var doc []struct {
		Lat  string `json:"lat"`
		Lon  string `json:"lon"`
		Name string `json:"display_name"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	for _, f := range doc {
		lat, err1 := strconv.ParseFloat(f.Lat, 64)
		lon, err2 := strconv.ParseFloat(f.Lon, 64)
		if err1 == nil && err2 == nil {
			out = append(out, Found{Words: f.Name, Point: place.Point{Lat: lat, Lon: lon}})
		}
	}
	return out, nil
}

// joined puts the parts of an address in a row, each once.
func joined(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" && (len(out) == 0 || out[len(out)-1] != p) {
			out = append(out, p)
		}
	}
	return strings.Join(out, ", ")
}

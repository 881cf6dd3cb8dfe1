// Package maps lends a city the operator's own maps: tiles below the pack's outlines, and a service that knows addresses.
//
// It owns the operator's file that names them (Load), the tiles browsers get (Source.Tile), the outlines as the map in a browser wants them
// (Source.ShapesOf), and the question of where an address lies (Source.Find). Everything works without it: pages draw their maps
// from the pack, and addresses are looked up among its names.
//
// It refuses a map service of its own choosing: without a file nothing is fetched from anywhere. Browsers ask nobody but the
// city, so no map service learns who looks at which place, and nothing that was asked is kept here.
//
// Open this file first, then tiles.go, shapes.go and addresses.go.
package maps

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"comity/internal/place"
)

// Source is what the operator lends. The zero Source lends nothing.
type Source struct {
	tiles     *tiles
	addresses *addresses
	system    place.System

	Approval    string // number under which the map was approved, printed below every map
	Attribution string // whose map it is
	From, To    int    // levels of zoom there are tiles for
}

// file is the operator's file.
type file struct {
	Approval string `yaml:"approval"`
	Tiles    struct {
		URL         string `yaml:"url"`    // with {z}, {x} and {y}
		Folder      string `yaml:"folder"` // z/x/y.png or z/x/y.webp, instead of an address
		System      string `yaml:"system"`
		Attribution string `yaml:"attribution"`
		From        int    `yaml:"from"`
		To          int    `yaml:"to"`
	} `yaml:"tiles"`
	Addresses struct {
		URL    string `yaml:"url"`
		Kind   string `yaml:"kind"` // photon or nominatim
		System string `yaml:"system"`
	} `yaml:"addresses"`
}

const (
	usualFrom, usualTo = 9, 18
	deepest            = 22
	patience           = 10 * time.Second
)

// Load reads the operator's file. The error lists everything that cannot stand.
func Load(name string) (*Source, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Read(name, raw)
}

// Read is Load of what was read already.
func Read(name string, raw []byte) (*Source, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&f); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty; it names tiles, addresses or both", name)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var bad []error
	no := func(field, format string, args ...any) {
		bad = append(bad, fmt.Errorf("%s: %s: %s", name, field, fmt.Sprintf(format, args...)))
	}
	s := &Source{Approval: strings.TrimSpace(f.Approval), Attribution: strings.TrimSpace(f.Tiles.Attribution), From: f.Tiles.From, To: f.Tiles.To}
	if s.From == 0 && s.To == 0 {
		s.From, s.To = usualFrom, usualTo
	}
	if s.From < 0 || s.To > deepest || s.From > s.To {
		no("tiles.from", "%d to %d are not levels of zoom between 0 and %d", s.From, s.To, deepest)
	}
	var err error
	if s.system, err = place.ParseSystem(f.Tiles.System); err != nil {
		no("tiles.system", "%v", err)
	} else if s.system == place.BD09 {
		no("tiles.system", "%s tiles are cut in a way of their own, which the map does not draw; use wgs84 or gcj02", s.system)
	}
	switch {
	case f.Tiles.URL != "" && f.Tiles.Folder != "":
		no("tiles", "give a folder or an address, not both")
	case f.Tiles.URL != "":
		for _, part := range []string{"{z}", "{x}", "{y}"} {
			if !strings.Contains(f.Tiles.URL, part) {
				no("tiles.url", "%s is missing in %q", part, f.Tiles.URL)
			}
		}
		if err := address(f.Tiles.URL); err != nil {
			no("tiles.url", "%v", err)
		}
		s.tiles = &tiles{url: f.Tiles.URL, client: client()}
	case f.Tiles.Folder != "":
		folder := f.Tiles.Folder
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(filepath.Dir(name), folder)
		}
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			no("tiles.folder", "%q is not a folder", f.Tiles.Folder)
		}
		s.tiles = &tiles{folder: folder}
	}
	if f.Addresses.URL != "" {
		a := &addresses{url: f.Addresses.URL, kind: f.Addresses.Kind, client: client()}
		if err := address(a.url); err != nil {
			no("addresses.url", "%v", err)
		}
		if a.kind != photon && a.kind != nominatim {
			no("addresses.kind", "%q is not %s or %s", a.kind, photon, nominatim)
		}
		if a.system, err = place.ParseSystem(f.Addresses.System); err != nil {
			no("addresses.system", "%v", err)
		}
		s.addresses = a
	}
	return s, errors.Join(bad...)
}

// address refuses what is no web address.
func address(raw string) error {
	u, err := url.Parse(strings.NewReplacer("{z}", "0", "{x}", "0", "{y}", "0").Replace(raw))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is not an address that begins with http:// or https://", raw)
	}
	return nil
}

// client follows no redirect: the operator named one machine, and it does not name others.
func client() *http.Client {
	return &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// System is the coordinate system of the tiles; of a map without tiles, WGS 84.
func (s *Source) System() place.System {
	if s == nil || s.tiles == nil || s.system == "" {
		return place.WGS84
	}
	return s.system
}

// HasTiles reports whether there is anything to lay below the outlines.
func (s *Source) HasTiles() bool { return s != nil && s.tiles != nil }

package place_test

import (
	"testing"

	"pgregory.net/rapid"

	"comity/internal/place"
)

func Test_coordinates_come_back_from_other_systems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := place.Point{Lat: rapid.Float64Range(18, 54).Draw(t, "lat"), Lon: rapid.Float64Range(73, 135).Draw(t, "lon")}
		for _, s := range place.Systems {
			if off := place.Metres(p, s.ToWGS84(s.FromWGS84(p))); off > .01 {
				t.Fatalf("%s: %v comes back %.3f m off", s, p, off)
			}
			if off := place.Metres(p, s.FromWGS84(s.ToWGS84(p))); off > .01 {
				t.Fatalf("%s: %v goes back %.3f m off", s, p, off)
			}
		}
	})
}

// The pairs were published with the libraries the formulas come from.
func Test_known_points_are_shifted_as_published(t *testing.T) {
	for _, c := range []struct {
		s          place.System
		wgs, other place.Point
	}{
		{place.GCJ02, place.Point{Lat: 31.1774276, Lon: 121.5272106}, place.Point{Lat: 31.17530398364597, Lon: 121.531541859215}},
		{place.GCJ02, place.Point{Lat: 22.543847, Lon: 113.912316}, place.Point{Lat: 22.540796131694766, Lon: 113.9171764808363}},
		{place.GCJ02, place.Point{Lat: 39.911954, Lon: 116.377817}, place.Point{Lat: 39.91334545536069, Lon: 116.38404722455657}},
		{place.BD09, place.BD09.ToWGS84(place.Point{Lat: 39.915, Lon: 116.404}), place.Point{Lat: 39.915, Lon: 116.404}},
		{place.GCJ02, place.Point{Lat: 40.7, Lon: -74}, place.Point{Lat: 40.7, Lon: -74}},
	} {
		if off := place.Metres(c.s.FromWGS84(c.wgs), c.other); off > .5 {
			t.Errorf("%s %v: %.2f m off", c.s, c.wgs, off)
		}
	}
	// GCJ-02 of the same point, as the library coordtransform prints it
	if off := place.Metres(place.GCJ02.FromWGS84(place.BD09.ToWGS84(place.Point{Lat: 39.915, Lon: 116.404})), place.Point{Lat: 39.90865673957631, Lon: 116.39762729119315}); off > .5 {
		t.Errorf("BD-09 to GCJ-02 is %.2f m off", off)
	}
	if got := place.WGS84.ToWGS84(place.Point{Lat: 28, Lon: 112}); got != (place.Point{Lat: 28, Lon: 112}) {
		t.Errorf("WGS 84 is shifted: %v", got)
	}
}

func Test_a_system_that_is_not_known_is_refused(t *testing.T) {
	if s, err := place.ParseSystem(""); s != place.WGS84 || err != nil {
		t.Errorf("%q %v", s, err)
	}
	if s, err := place.ParseSystem("GCJ02"); s != place.GCJ02 || err != nil {
		t.Errorf("%q %v", s, err)
	}
	if _, err := place.ParseSystem("epsg:4490"); err == nil {
		t.Error("any name passes")
	}
}

package place

import (
	"fmt"
	"math"
	"strings"
)

// System is the coordinate system numbers are given in. Comity keeps everything in WGS 84; what comes in
// another system says so, and is converted once, where it is read.
type System string

// The systems. Maps published in China are in GCJ-02, maps of one vendor in BD-09; taken for WGS 84 they
// lie some hundred metres off.
const (
	WGS84 System = "wgs84"
	GCJ02 System = "gcj02"
	BD09  System = "bd09"
)

// Systems lists them.
var Systems = []System{WGS84, GCJ02, BD09}

// ParseSystem reads a system as packs write it; nothing is WGS 84.
func ParseSystem(s string) (System, error) {
	if s == "" {
		return WGS84, nil
	}
	for _, k := range Systems {
		if strings.EqualFold(s, string(k)) {
			return k, nil
		}
	}
	return "", fmt.Errorf("coordinate system %q is not known; use wgs84, gcj02 or bd09", s)
}

// ToWGS84 converts a point of this system. GCJ-02 and BD-09 are only published in the direction away from
// WGS 84, so this looks for the point that FromWGS84 takes there.
func (s System) ToWGS84(p Point) Point {
	if s == WGS84 || s == "" {
		return p
	}
	guess := p
	for range 12 { // each step leaves about a hundredth of the error
		there := s.FromWGS84(guess)
		dLat, dLon := p.Lat-there.Lat, p.Lon-there.Lon
		guess.Lat, guess.Lon = guess.Lat+dLat, guess.Lon+dLon
		if math.Abs(dLat)+math.Abs(dLon) < 1e-11 {
			break
		}
	}
	return guess
}

// FromWGS84 is the inverse of ToWGS84.
func (s System) FromWGS84(p Point) Point {
	switch s {
	case GCJ02:
		return toGCJ02(p)
	case BD09:
		return toBD09(toGCJ02(p))
	}
	return p
}

// Axis and squared eccentricity of the ellipsoid of Krasovsky, 1940.
const (
	krasovskyAxis = 6378245.0
	krasovskyEcc  = 0.00669342162296594323
)

// toGCJ02 shifts a point as maps in China do. The law names no formula; this one was published as
// "EvilTransform" in 2013 and is the one of the open libraries eviltransform and coordtransform; the
// article "Restrictions on geographic data in China" of the English Wikipedia prints it. Outside of the
// box it is meant for, nothing is shifted.
func toGCJ02(p Point) Point {
	if p.Lon < 72.004 || p.Lon > 137.8347 || p.Lat < 0.8293 || p.Lat > 55.8271 {
		return p
	}
	x, y := p.Lon-105, p.Lat-35
	wave := func(a, at, b, bt float64) float64 {
		return (a*math.Sin(at*math.Pi) + b*math.Sin(bt*math.Pi)) * 2 / 3
	}
	both := wave(20, 6*x, 20, 2*x)
	north := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*math.Sqrt(math.Abs(x)) + both + wave(20, y, 40, y/3) + wave(160, y/12, 320, y/30)
	east := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*math.Sqrt(math.Abs(x)) + both + wave(20, x, 40, x/3) + wave(150, x/12, 300, x/30)

	rad := p.Lat / 180 * math.Pi
	w := 1 - krasovskyEcc*math.Sin(rad)*math.Sin(rad)
	meridian := krasovskyAxis * (1 - krasovskyEcc) / (w * math.Sqrt(w))
	parallel := krasovskyAxis / math.Sqrt(w) * math.Cos(rad)
	return Point{Lat: p.Lat + north*180/(meridian*math.Pi), Lon: p.Lon + east*180/(parallel*math.Pi)}
}

// toBD09 is what one vendor adds to GCJ-02, as the library coordtransform publishes it.
func toBD09(p Point) Point {
	const turn = math.Pi * 3000 / 180
	r := math.Hypot(p.Lon, p.Lat) + 0.00002*math.Sin(p.Lat*turn)
	a := math.Atan2(p.Lat, p.Lon) + 0.000003*math.Cos(p.Lon*turn)
	return Point{Lat: r*math.Sin(a) + 0.006, Lon: r*math.Cos(a) + 0.0065}
}

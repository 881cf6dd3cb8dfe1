package pack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"comity/internal/org"
	"comity/internal/place"
)

// areas.geojson is what survey offices hand out: a FeatureCollection (RFC 7946) of Polygons and
// MultiPolygons, each naming its unit in a property. Two members the standard leaves to us may stand
// beside "features": "unit_property" names the property, "system" the coordinate system.

const geojsonName = "areas.geojson"

// feature is what is read of one; everything else in it is left aside.
type featureJSON struct {
	Type       string          `json:"type"`
	Properties map[string]any  `json:"properties"`
	Geometry   json.RawMessage `json:"geometry"`
}

type geometryJSON struct {
	Type        string          `json:"type"`
	Coordinates json.RawMessage `json:"coordinates"`
}

// geojsonHead is what stands beside the features.
type geojsonHead struct {
	Type     string `json:"type"`
	System   string `json:"system"`
	Property string `json:"unit_property"`
	CRS      struct {
		Properties struct {
			Name string `json:"name"`
		} `json:"properties"`
	} `json:"crs"` // of before RFC 7946; only its one system is taken
	Features []json.RawMessage `json:"features"`
}

func (l *loader) geojson(g *ground) {
	if !l.hasFile(geojsonName) {
		return
	}
	raw, err := readFile(l.fsys, geojsonName)
	if err != nil {
		l.bad.at(geojsonName, 1, "%v", err)
		return
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	var head geojsonHead
	if err := json.Unmarshal(raw, &head); err != nil {
		l.bad.on(jsonPlace(raw, err), "this is not GeoJSON: %v", err)
		return
	}
	top := mark{file: geojsonName, line: 1, col: 1}
	if head.Type != "FeatureCollection" {
		l.bad.on(top, "type is %q; a FeatureCollection is expected", head.Type)
		return
	}
	if crs := head.CRS.Properties.Name; crs != "" && !strings.HasSuffix(crs, "CRS84") && !strings.HasSuffix(crs, ":4326") {
		l.bad.on(top, "crs is %q; GeoJSON is WGS 84 (RFC 7946). Convert it, or say \"system\": \"gcj02\" or \"bd09\"", crs)
		return
	}
	r := geojsonReader{ground: g, property: head.Property, system: l.system(top, geojsonName, head.System)}
	if r.property == "" {
		r.property = "unit"
	}
	if len(head.Features) == 0 {
		l.bad.on(top, "there are no features")
	}
	lines := featureLines(raw)
	for i, f := range head.Features {
		m := top
		if i < len(lines) {
			m.line, m.col = lines[i][0], lines[i][1]
		}
		r.feature(m, i+1, f)
	}
}

// geojsonReader reads features one by one, so that one mistake does not hide the next.
type geojsonReader struct {
	*ground
	property string
	system   place.System
}

func (r geojsonReader) feature(m mark, no int, raw json.RawMessage) {
	name := fmt.Sprintf("feature %d", no)
	bad := func(format string, args ...any) { r.bad.on(m, name+": "+format, args...) }
	var f featureJSON
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // codes of units are written as numbers, too
	if err := dec.Decode(&f); err != nil {
		bad("%v", err)
		return
	}
	unit, ok := f.Properties[r.property]
	if !ok {
		have := strings.Join(slices.Sorted(maps.Keys(f.Properties)), ", ")
		bad("property %q names no unit; it has: %s. \"unit_property\" beside \"features\" can name another", r.property, have)
		return
	}
	a := place.Area{Unit: org.UnitID(fmt.Sprint(unit))}
	var shape geometryJSON
	if len(f.Geometry) == 0 || string(f.Geometry) == "null" || json.Unmarshal(f.Geometry, &shape) != nil {
		bad("unit %q has no geometry", a.Unit)
		return
	}
	var polygons [][][][]float64
	var err error
	switch shape.Type {
	case "Polygon":
		polygons = make([][][][]float64, 1)
		err = json.Unmarshal(shape.Coordinates, &polygons[0])
	case "MultiPolygon":
		err = json.Unmarshal(shape.Coordinates, &polygons)
	default:
		bad("unit %q has a %s; an area is a Polygon or a MultiPolygon", a.Unit, shape.Type)
		return
	}
	if err != nil || len(polygons) == 0 || slices.ContainsFunc(polygons, func(p [][][]float64) bool { return len(p) == 0 }) {
		bad("unit %q: the coordinates are not those of a %s", a.Unit, shape.Type)
		return
	}
	for i, p := range polygons {
		var poly place.Polygon
		for k, ring := range p {
			line, err := r.ring(ring)
			if err != nil {
				bad("unit %q: ring %d of polygon %d: %v", a.Unit, k+1, i+1, err)
				return
			}
			poly = append(poly, line)
		}
		a.Polygons = append(a.Polygons, poly)
	}
	r.add(m, name, a)
}

// ring reads one ring. A third number is a height and is left aside.
func (r geojsonReader) ring(raw [][]float64) (place.Ring, error) {
	var out place.Ring
	for i, c := range raw {
		if len(c) < 2 {
			return nil, fmt.Errorf("position %d is not [longitude, latitude]", i+1)
		}
		p := place.Point{Lon: c[0], Lat: c[1]}
		if err := p.Check(); err != nil {
			return nil, fmt.Errorf("%w%s", err, swapHint(p))
		}
		out = append(out, p)
	}
	if len(out) < 4 {
		return nil, fmt.Errorf("it has %d positions; a closed ring has at least four, the last the same as the first", len(out))
	}
	if first, last := out[0], out[len(out)-1]; first != last {
		return nil, fmt.Errorf("it is not closed: it begins at [%g, %g] and ends at [%g, %g]", first.Lon, first.Lat, last.Lon, last.Lat)
	}
	out = out[:len(out)-1]
	for i := range out {
		out[i] = r.system.ToWGS84(out[i])
	}
	return out, nil
}

// jsonPlace is where a mistake in JSON stands.
func jsonPlace(raw []byte, err error) mark {
	offset := int64(len(raw))
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = e.Offset
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = e.Offset
	}
	line, col := lineAt(raw, offset)
	return mark{file: geojsonName, line: line, col: col}
}

func lineAt(raw []byte, offset int64) (line, col int) {
	before := raw[:min(int64(len(raw)), offset)]
	return 1 + bytes.Count(before, []byte("\n")), max(1, len(before)-bytes.LastIndexByte(before, '\n')-1)
}

// featureLines lists where each feature begins.
func featureLines(raw []byte) [][2]int {
	dec := json.NewDecoder(bytes.NewReader(raw))
	var out [][2]int
	depth := 0
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return out
		}
		switch d, isDelim := t.(json.Delim); {
		case isDelim && (d == '{' || d == '['):
			depth++
		case isDelim:
			depth--
		case depth == 1 && t == "features":
			if open, err := dec.Token(); err != nil || open != json.Delim('[') {
				return out
			}
			line, at := 1, int64(0) // counted on, so that the file is read once
			for dec.More() {
				start := dec.InputOffset()
				for start < int64(len(raw)) && strings.IndexByte(" \t\r\n,", raw[start]) >= 0 {
					start++
				}
				line += bytes.Count(raw[at:start], []byte("\n"))
				at = start
				out = append(out, [2]int{line, max(1, int(start)-bytes.LastIndexByte(raw[:start], '\n'))})
				var skip json.RawMessage
				if dec.Decode(&skip) != nil {
					return out
				}
			}
			return out
		}
	}
}

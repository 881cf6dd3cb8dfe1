package pack

import (
	"fmt"
	"strings"
	"testing"

	"comity/internal/place"
)

// square is a closed ring as GeoJSON has it.
func square(west, south, size float64) string {
	e, n := west+size, south+size
	return fmt.Sprintf("[[%g,%g],[%g,%g],[%g,%g],[%g,%g],[%g,%g]]", west, south, e, south, e, n, west, n, west, south)
}

func collection(head string, features ...string) string {
	return "{\"type\":\"FeatureCollection\"," + head + "\"features\":[\n" + strings.Join(features, ",\n") + "\n]}"
}

func feature(unit, kind, coordinates string) string {
	return fmt.Sprintf(`  {"type":"Feature","properties":{"unit":%s},"geometry":{"type":%q,"coordinates":%s}}`, unit, kind, coordinates)
}

func cityWith(geojson string) map[string]string {
	files := country()
	files["city/areas.geojson"] = geojson
	return files
}

func Test_areas_come_from_a_geojson_file(t *testing.T) {
	clockwise := "[[112,28],[112,29],[113,29],[113,28],[112,28]]"
	p := loadCity(t, cityWith(collection("",
		feature(`"town"`, "Polygon", "["+clockwise+","+square(112.4, 28.4, .2)+"]"),
		feature(`"east"`, "MultiPolygon", "[["+square(112.5, 28, .1)+"],["+square(112.8, 28, .1)+"]]"))))
	for at, want := range map[place.Point]string{
		{Lat: 28.2, Lon: 112.2}: "town", {Lat: 28.05, Lon: 112.55}: "east", {Lat: 28.05, Lon: 112.85}: "east", {Lat: 28.05, Lon: 112.7}: "town",
		{Lat: 28.5, Lon: 112.5}: "", {Lat: 30, Lon: 112.5}: "",
	} {
		if got, _ := p.Map.Find(p.Units, at); string(got) != want {
			t.Errorf("%v lies in %q, want %q", at, got, want)
		}
	}
	if got := p.Map.Areas[0].Polygons[0][0]; len(got) != 4 || got.Wound(true)[0] != got[0] {
		t.Errorf("the outline is %v", got)
	}
	if _, ok := p.Files["areas.geojson"]; !ok || len(p.Converted) != 0 {
		t.Errorf("kept with the version: %v; converted: %v", ok, p.Converted)
	}
}

func Test_another_coordinate_system_is_converted_where_it_is_declared_and_only_there(t *testing.T) {
	wgs := place.Point{Lat: 28, Lon: 112}
	gcj := place.GCJ02.FromWGS84(wgs)
	for head, want := range map[string]place.Point{"": gcj, `"system":"gcj02",`: wgs, `"system":"wgs84",`: gcj} {
		p := loadCity(t, cityWith(collection(head, feature(`"town"`, "Polygon", "["+square(gcj.Lon, gcj.Lat, .5)+"]"))))
		if got := p.Map.Areas[0].Polygons[0][0][0]; place.Metres(got, want) > .1 {
			t.Errorf("%s: the corner lies at %v, want %v", head, got, want)
		}
		if told := len(p.Converted) == 1 && p.Converted[0] == "areas.geojson: gcj02"; told != strings.Contains(head, "gcj02") {
			t.Errorf("%s: converted %v", head, p.Converted)
		}
	}
}

func Test_what_is_wrong_with_a_geojson_file_is_told_by_line_and_feature(t *testing.T) {
	good := feature(`"town"`, "Polygon", "["+square(112, 28, 1)+"]")
	second := func(unit, kind, coordinates string) string {
		return collection("", good, feature(unit, kind, coordinates))
	}
	for name, c := range map[string]struct{ raw, want string }{
		"no JSON":             {"{\"type\":\n nonsense}", `areas.geojson:2:3: this is not GeoJSON: invalid character`},
		"another type":        {`{"type":"Feature"}`, `areas.geojson:1:1: type is "Feature"; a FeatureCollection is expected`},
		"nothing in it":       {collection(""), `areas.geojson:1:1: there are no features`},
		"another crs":         {collection(`"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4490"}},`, good), `crs is "urn:ogc:def:crs:EPSG::4490"; GeoJSON is WGS 84`},
		"an unknown system":   {collection(`"system":"mars",`, good), `coordinate system "mars" is not known; use wgs84, gcj02 or bd09`},
		"no property":         {collection(`"unit_property":"code",`, good), `areas.geojson:2:3: feature 1: property "code" names no unit; it has: unit.`},
		"an unknown unit":     {second(`430102`, "Polygon", "["+square(112, 28, .5)+"]"), `areas.geojson:3:3: feature 2 of unknown unit "430102"`},
		"a unit twice":        {second(`"town"`, "Polygon", "["+square(112, 28, .5)+"]"), `areas.geojson:3:3: feature 2: unit "town" has an area already (areas.geojson:2:3); join them in one MultiPolygon`},
		"a point":             {second(`"east"`, "Point", "[112,28]"), `feature 2: unit "east" has a Point; an area is a Polygon or a MultiPolygon`},
		"wrong nesting":       {second(`"east"`, "Polygon", square(112, 28, .5)), `feature 2: unit "east": the coordinates are not those of a Polygon`},
		"no polygons":         {second(`"east"`, "MultiPolygon", "[]"), `feature 2: unit "east": the coordinates are not those of a MultiPolygon`},
		"an open ring":        {second(`"east"`, "Polygon", "[[[112,28],[112.5,28],[112.5,28.5],[112,28.5]]]"), `feature 2: unit "east": ring 1 of polygon 1: it is not closed: it begins at [112, 28] and ends at [112, 28.5]`},
		"too short a ring":    {second(`"east"`, "Polygon", "[[[112,28],[112.5,28],[112,28]]]"), `ring 1 of polygon 1: it has 3 positions; a closed ring has at least four`},
		"a flat ring":         {second(`"east"`, "Polygon", "[[[112,28],[112.5,28],[112.7,28],[112,28]]]"), `feature 2 of "east": its outline has no inside`},
		"a bow":               {second(`"east"`, "Polygon", "[[[112,28],[113,29],[113,28],[112,29],[112,28]]]"), `feature 2 of "east": its outline crosses itself near [112.500000, 28.500000]`},
		"a hole outside":      {second(`"east"`, "Polygon", "["+square(112, 28, .5)+","+square(112.7, 28.7, .1)+"]"), `feature 2 of "east": hole 1 lies outside of the outline it is a hole in`},
		"rings that cross":    {second(`"east"`, "MultiPolygon", "[["+square(112, 28, .5)+"],["+square(112.4, 28.4, .5)+"]]"), `feature 2 of "east": two of its rings cross near`},
		"one in another":      {second(`"east"`, "MultiPolygon", "[["+square(112, 28, .5)+"],["+square(112.1, 28.1, .1)+"]]"), `feature 2 of "east": polygon 2 lies in polygon 1; make them one, or cut a hole`},
		"one number":          {second(`"east"`, "Polygon", "[[[112],[112.5,28],[112,28],[112,28]]]"), `ring 1 of polygon 1: position 1 is not [longitude, latitude]`},
		"off the earth":       {second(`"east"`, "Polygon", "["+square(190, 28, .5)+"]"), `outside latitude -90..90 and longitude -180..180`},
		"swapped":             {second(`"east"`, "Polygon", "[[[28,112],[28.5,112],[28.5,112.5],[28,112]]]"), `; the two numbers seem to be swapped: longitude comes first`},
		"swapped, yet on it":  {collection("", feature(`"town"`, "Polygon", "["+square(-74, 40, 1)+"]"), feature(`"east-light"`, "Polygon", "["+square(-74, 40, 1)+"]"), feature(`"east"`, "Polygon", "["+square(40.2, -74, .5)+"]")), `areas.geojson:4:3: feature 3 of "east" lies near [40.45, -73.75], far from the rest of the city; the two numbers seem to be swapped`},
		"a missing geometry":  {collection("", `{"type":"Feature","properties":{"unit":"town"},"geometry":null}`), `feature 1: unit "town" has no geometry`},
		"deeper than any is":  {collection("", `{"type":"Feature","properties":{"unit":"town"},"geometry":`+strings.Repeat(`[`, 20_000)+strings.Repeat(`]`, 20_000)+`}`), `exceeded max depth`},
		"more than fits":      {strings.Repeat(" ", maxFile+1), `areas.geojson:1:1: the file is larger than 8 MiB`},
		"a number for a unit": {collection("", feature(`1.5`, "Polygon", "["+square(112, 28, 1)+"]")), `unknown unit "1.5"`},
	} {
		_, err := LoadFrom(fsOf(cityWith(c.raw)), "city", memory)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
	}
}

func Test_areas_given_twice_in_two_files_are_refused(t *testing.T) {
	files := cityWith(collection("", feature(`"town"`, "Polygon", "["+square(112, 28, 1)+"]")))
	files["city/areas.yaml"] = "nearest: 50\nborder: 20\nareas:\n  - {unit: town, ring: [[112, 28], [113, 28], [113, 29]]}\n"
	if _, err := LoadFrom(fsOf(files), "city", memory); err == nil || !strings.Contains(err.Error(), `feature 1: unit "town" has an area already (areas.yaml:4:5)`) {
		t.Error(err)
	}
	files["city/areas.yaml"] = "nearest: 50\nborder: 20\n"
	if p := loadCity(t, files); p.Map.Reach != (place.Reach{Nearest: 50, Boundary: 20}) {
		t.Errorf("%v", p.Map.Reach)
	}
	files["city/areas.yaml"] = "nearest: 50000\n"
	if _, err := LoadFrom(fsOf(files), "city", memory); err == nil || !strings.Contains(err.Error(), "areas.yaml:1:10: nearest is 50000 metres; use 0 to 5000") {
		t.Error(err)
	}
}

func Test_landmarks_are_found_by_every_name_and_lie_in_a_unit(t *testing.T) {
	files := cityWith(collection("", feature(`"town"`, "Polygon", "["+square(112, 28, 1)+"]")))
	files["city/landmarks.yaml"] = `landmarks:
  - {id: mill, name: {en: Old Mill}, aliases: {en: [Flour Mill, The Wheel]}, point: [112.5, 28.5]}
  - {id: gate, name: {en: East Gate}, point: [112.6, 28.5], unit: east}
`
	p := loadCity(t, files)
	for typed, want := range map[string]string{"wheel": "landmark.mill town", "flour mill": "landmark.mill town", "east gate": "landmark.gate east", "Town": "unit.town town"} {
		hits := p.Names.Find(typed, 1)
		if len(hits) != 1 || hits[0].Spot.Key+" "+string(hits[0].Spot.Unit) != want {
			t.Errorf("%s: %v", typed, hits)
		}
	}
	for bad, want := range map[string]string{
		"{id: mill, name: {en: A}, point: [10, 10]}":                                                         `landmark "mill": no area holds its point; name its unit`,
		"{id: mill, name: {en: A}, point: [112.5, 28.5], unit: x}":                                           `landmark "mill" lies in unknown unit "x"`,
		"{id: mill, name: {en: A}, aliases: {fr: [B]}, point: [112.5, 28.5]}":                                `language "fr" is not one of`,
		"{id: mill, name: {en: A}, point: [28.5, 112.5]}":                                                    `the two numbers seem to be swapped`,
		"{id: M, name: {en: A}, point: [112.5, 28.5]}":                                                       `landmark "M": use small letters`,
		"{id: a, name: {en: A}, point: [112, 28]}\n  - {id: a, name: {en: B}, point: [112, 28], unit: town}": `landmark "a" is listed twice`,
	} {
		files["city/landmarks.yaml"] = "landmarks:\n  - " + bad + "\n"
		if _, err := LoadFrom(fsOf(files), "city", memory); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func Fuzz_any_geojson_is_read_or_refused(f *testing.F) {
	f.Add(collection("", feature(`"town"`, "Polygon", "["+square(112, 28, 1)+"]")))
	f.Add(`{"type":"FeatureCollection","features":[null,{},{"properties":{"unit":"town"},"geometry":{"type":"MultiPolygon","coordinates":[[[]]]}}]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := LoadFrom(fsOf(cityWith(raw)), "city", memory)
		if (p == nil) == (err == nil) {
			t.Errorf("%v %v", p, err)
		}
	})
}

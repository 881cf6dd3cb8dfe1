package pack

import (
	"flag"
	"os"
	"reflect"
	"testing"

	"comity/internal/procedure"
	"comity/internal/worktime"
	"comity/packs"
)

// memory is shared by the tests of this package: most change one thing of a pack whose other procedures ship as
// searched.
var memory = func() *Memory {
	var m Memory
	if err := m.Learn(packs.Searched); err != nil {
		panic(err)
	}
	return &m
}()

// With -short, as under the race detector, no procedure is searched: a search is long, and the few tests of what one
// finds are left to the run without it.
func TestMain(m *testing.M) {
	flag.Parse()
	memory.trusts = testing.Short()
	os.Exit(m.Run())
}

func Test_a_procedure_is_searched_once_and_again_after_any_change_of_it(t *testing.T) {
	var m Memory
	files := home()
	load := func() *Pack {
		t.Helper()
		p, err := loadHomeKnowing(files, &m)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := load()
	before, err := m.JSON()
	if err != nil || len(before) < 200 {
		t.Fatalf("remembered %s, %v", before, err)
	}
	m.reports = map[string]procedure.Report{}
	for print := range m.asked {
		m.reports[print] = procedure.Report{States: 4711}
	}
	if got := load(); got.Reports["lamp"].States != 4711 {
		t.Errorf("the same pack is searched again: %+v", got.Reports["lamp"])
	}
	files["units.yaml"] = "units: [{id: town, level: city, roles: [clerk, helper, guide], name: {en: Town}}, {id: part, parent: town, level: district, roles: [clerk], name: {en: Part}}]\n"
	if got := load(); got.Reports["lamp"].States == 4711 {
		t.Error("with other units the search is left out")
	}
	files = home()
	files["procedures/lamp.yaml"] += "stuck: \"\"\n"
	if got := load(); got.Reports["lamp"].States != 4711 || first.Digest == got.Digest {
		t.Error("what changes nothing of a procedure has it searched again")
	}
}

func Test_what_a_fingerprint_is_made_of_leaves_nothing_out(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type, path string) []string
	walk = func(x reflect.Type, path string) (hidden []string) {
		switch x.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			return walk(x.Elem(), path)
		case reflect.Map:
			return append(walk(x.Key(), path), walk(x.Elem(), path)...)
		case reflect.Func, reflect.Chan, reflect.Interface:
			return []string{path + " is a " + x.Kind().String()}
		case reflect.Struct:
			if seen[x] {
				return nil
			}
			seen[x] = true
			for i := range x.NumField() {
				f := x.Field(i)
				at := path + "." + f.Name
				if !f.IsExported() || f.Tag.Get("json") == "-" {
					hidden = append(hidden, at)
					continue
				}
				hidden = append(hidden, walk(f.Type, at)...)
			}
		}
		return hidden
	}
	known := map[string]bool{
		"Definition.Calendar.counts": true, // made from the rest
	}
	zone, _ := reflect.TypeFor[worktime.Calendar]().FieldByName("Zone")
	seen[zone.Type.Elem()] = true // its name is taken
	tree, _ := reflect.TypeFor[procedure.Definition]().FieldByName("Units")
	seen[tree.Type.Elem()] = true // the units are taken
	for _, at := range walk(reflect.TypeFor[procedure.Definition](), "Definition") {
		if !known[at] {
			t.Errorf("%s would not change the fingerprint", at)
		}
	}
}

// remembered holds what is shipped against a search of everything anew.
func remembered(t *testing.T, fresh *Memory) {
	t.Helper()
	want, err := fresh.JSON()
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../packs/searched.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != string(want) {
		t.Error("packs/searched.json is not what a search finds; run make generate")
	}
}

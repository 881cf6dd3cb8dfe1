package pack

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// structsOf lists every struct that can be written in a kind of file.
func structsOf(t reflect.Type, known []reflect.Type) []reflect.Type {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || slices.Contains(known, t) {
		return known
	}
	known = append(known, t)
	for _, f := range fieldsOf(t) {
		known = structsOf(f.typ, known)
	}
	return known
}

func Test_every_field_an_author_can_write_says_what_it_is(t *testing.T) {
	for _, k := range FileKinds {
		for _, s := range structsOf(k.of, nil) {
			for _, f := range fieldsOf(s) {
				if f.name == "" || f.name == "-" {
					t.Errorf("%s has a field without a name in YAML", s.Name())
				}
				if len(strings.Fields(f.doc)) < 2 {
					t.Errorf("%s.%s: give it a doc tag", s.Name(), f.name)
				}
				if f.enum != "" && len(closed(f.enum)) < 2 {
					t.Errorf("%s.%s: there is no closed list %q", s.Name(), f.name, f.enum)
				}
			}
		}
	}
}

func Test_the_committed_schemas_and_the_reference_are_what_the_structs_say(t *testing.T) {
	same := func(name string, want []byte) {
		got, err := os.ReadFile("../../docs/" + name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is out of date (%v); run make generate", name, err)
		}
	}
	for _, k := range FileKinds {
		raw, err := k.Schema()
		if err != nil {
			t.Fatal(err)
		}
		same("schema/"+k.Name+".json", raw)
	}
	same("pack-reference.md", []byte(Reference()))
	files, _ := filepath.Glob("../../docs/schema/*")
	if len(files) != len(FileKinds) {
		t.Errorf("docs/schema holds %d files, there are %d kinds", len(files), len(FileKinds))
	}
}

// schemaOf compiles the schema of a kind of file, which checks it against the meta-schema.
func schemaOf(t *testing.T, k FileKind) *jsonschema.Schema {
	t.Helper()
	raw, err := k.Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(k.Name+".json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(k.Name + ".json")
	if err != nil {
		t.Fatalf("%s: %v", k.Name, err)
	}
	return s
}

// asJSON is a YAML document as a validator of JSON sees it.
func asJSON(t *testing.T, raw []byte) any {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return plain(doc)
}

// plain turns what YAML has and JSON does not into text.
func plain(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			x[k] = plain(e)
		}
	case []any:
		for i, e := range x {
			x[i] = plain(e)
		}
	case nil, bool, string, int, float64:
	default:
		return "" // a date
	}
	return v
}

func Test_every_file_of_every_pack_is_what_its_schema_says(t *testing.T) {
	top := os.DirFS("../../packs")
	n := 0
	for _, k := range FileKinds {
		s := schemaOf(t, k)
		files, err := fs.Glob(top, path.Join("*", k.Files))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			raw, err := fs.ReadFile(top, name)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(asJSON(t, raw)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			n++
		}
	}
	if n < 20 {
		t.Errorf("only %d files were looked at", n)
	}
}

func Test_a_schema_takes_overlays_and_refuses_mistakes(t *testing.T) {
	for _, c := range []struct {
		kind, yaml string
		ok         bool
	}{
		{"procedure", "acts: [{id: answer, remove: true}]", true},
		{"procedure", "acts: [{id: answer, to: done, law: {remove: true}}]", true},
		{"procedure", "clocks: [{id: term, n: 3}]", true},
		{"procedure", "remove: true", true},
		{"procedure", "acts: [{id: answer, effects: [offer]}]", true},
		{"procedure", "law: {id: ACT, article: 5}", true},
		{"procedure", "acts: [{to: done}]", false},
		{"procedure", "acts: [{id: answer, efects: [offer]}]", false},
		{"procedure", "acts: [{id: answer, effects: [ofer]}]", false},
		{"procedure", "clocks: [{id: term, n: three}]", false},
		{"procedure", "states: [{id: open, owner: nobody}]", false},
		{"calendar", "days_off: [{date: 2026-10-01, name: {en: National Day}}]", true},
		{"calendar", "week: [monday]", false},
		{"pack", "pack: city\nbase: nation\n", true},
		{"pack", "pack: city\nbasis: nation\n", false},
		{"texts", "notice.hello: Hello", true},
		{"texts", "notice.hello: [Hello]", false},
		{"categories", "categories: [{id: lamp, resident: false}]", true},
	} {
		i := slices.IndexFunc(FileKinds, func(k FileKind) bool { return k.Name == c.kind })
		if err := schemaOf(t, FileKinds[i]).Validate(asJSON(t, []byte(c.yaml))); (err == nil) != c.ok {
			t.Errorf("%s %q: %v", c.kind, c.yaml, err)
		}
	}
}

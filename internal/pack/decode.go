package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// problems collects what is wrong with a pack, each with file and line, so that an author mends many
// mistakes in one go.
type problems struct{ list []error }

func (p *problems) at(file string, line int, format string, args ...any) {
	p.list = append(p.list, fmt.Errorf("%s:%d: %s", file, line, fmt.Sprintf(format, args...)))
}

func (p *problems) err() error { return errors.Join(p.list...) }

// mark is where something stands in a pack; it is embedded in what the decoder fills.
type mark struct {
	file string
	line int
}

var markType = reflect.TypeFor[mark]()

// Mark is mark for files of other packages that ReadYAML fills; an embedding struct names it in its
// errors with Errorf.
type Mark = mark

// Errorf makes an error that names file and line.
func (m mark) Errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", m.file, m.line, fmt.Sprintf(format, args...))
}

// readYAML decodes one file into out. Unknown names, wrong types and names given twice are reported
// with their line; what can be read is read all the same.
func readYAML(fsys fs.FS, file string, out any, p *problems) bool {
	raw, err := fs.ReadFile(fsys, file)
	if err != nil {
		p.list = append(p.list, fmt.Errorf("%s: %w", file, err))
		return false
	}
	if len(raw) > 8<<20 {
		p.at(file, 1, "the file is larger than 8 MiB")
		return false
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		p.list = append(p.list, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: ")))
		return false
	}
	if len(doc.Content) == 0 {
		p.at(file, 1, "the file is empty")
		return false
	}
	before := len(p.list)
	d := decoder{file: file, p: p}
	d.value(doc.Content[0], reflect.ValueOf(out).Elem(), "")
	return len(p.list) == before
}

type decoder struct {
	file string
	p    *problems
}

func (d decoder) bad(n *yaml.Node, path, format string, args ...any) {
	if path != "" {
		format = path + ": " + format
	}
	d.p.list = append(d.p.list, fmt.Errorf("%s:%d:%d: %s", d.file, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

func (d decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.AliasNode {
		d.bad(n, path, "aliases are not allowed in packs; write it out")
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.bad(n, path, "a list is expected")
			return
		}
		out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, c := range n.Content {
			d.value(c, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
		v.Set(out)
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			d.bad(n, path, "names with values are expected")
			return
		}
		out := reflect.MakeMap(v.Type())
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			item := reflect.New(v.Type().Elem()).Elem()
			d.value(n.Content[i+1], item, join(path, key.Value))
			if out.MapIndex(reflect.ValueOf(key.Value)).IsValid() {
				d.bad(key, path, "%q stands here twice", key.Value)
			}
			out.SetMapIndex(reflect.ValueOf(key.Value), item)
		}
		v.Set(out)
	default:
		d.scalar(n, v, path)
	}
}

func (d decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	if f, ok := shortField(v.Type()); ok && n.Kind == yaml.ScalarNode {
		markAt(v, mark{d.file, n.Line})
		d.value(n, v.Field(f), path)
		return
	}
	if n.Kind != yaml.MappingNode {
		d.bad(n, path, "names with values are expected")
		return
	}
	t := v.Type()
	fields := map[string]int{}
	var names []string
	for i := range t.NumField() {
		if t.Field(i).Type == markType {
			v.Field(i).Set(reflect.ValueOf(mark{d.file, n.Line}))
			continue
		}
		name := t.Field(i).Tag.Get("yaml")
		fields[name] = i
		names = append(names, name)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		f, ok := fields[key.Value]
		switch {
		case !ok:
			d.bad(key, path, "%q is not a name that is known here%s", key.Value, suggest(key.Value, names))
		case seen[key.Value]:
			d.bad(key, path, "%q stands here twice", key.Value)
		default:
			d.value(n.Content[i+1], v.Field(f), join(path, key.Value))
		}
		seen[key.Value] = true
	}
}

// shortField finds the field that a plain value stands for, marked `short:"yes"`.
func shortField(t reflect.Type) (int, bool) {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("short") != "" {
			return i, true
		}
	}
	return 0, false
}

func markAt(v reflect.Value, m mark) {
	for i := range v.NumField() {
		if v.Type().Field(i).Type == markType {
			v.Field(i).Set(reflect.ValueOf(m))
		}
	}
}

func (d decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.bad(n, path, "one value is expected")
		return
	}
	switch v.Kind() {
	case reflect.String:
		if n.Tag == "!!null" {
			return
		}
		v.SetString(n.Value)
	case reflect.Bool:
		b, err := strconv.ParseBool(n.Value)
		if err != nil {
			d.bad(n, path, "%q is not true or false", n.Value)
		}
		v.SetBool(b)
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if err != nil {
			d.bad(n, path, "%q is not a whole number", n.Value)
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil {
			d.bad(n, path, "%q is not a number", n.Value)
		}
		v.SetFloat(f)
	default:
		d.bad(n, path, "cannot be read")
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// suggest offers the nearest known name for a typing mistake.
func suggest(got string, names []string) string {
	best, dist := "", 3
	for _, n := range names {
		if k := editDistance(got, n); k < dist {
			best, dist = n, k
		}
	}
	if best == "" {
		slices.Sort(names)
		return "; known are " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diag, row[j] = row[j], min(row[j]+1, row[j-1]+1, diag+cost)
		}
	}
	return row[len(b)]
}

// ReadYAML decodes a file of a pack that is not part of its law (seeds, mappings) with the same strict
// reader: unknown names and wrong types are errors with file, line and column.
func ReadYAML(fsys fs.FS, file string, out any) error {
	var p problems
	readYAML(fsys, file, out, &p)
	return p.err()
}

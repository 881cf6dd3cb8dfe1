package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

const (
	maxFile  = 8 << 20
	maxNodes = 1 << 20 // an upper bound by punctuation, before anything is built
)

// readYAML decodes one file into out. Unknown names, wrong types and names given twice are reported
// with their place; what can be read is read all the same. A file that several layers have is merged
// first.
func readYAML(fsys fs.FS, file string, out any, p *problems) bool {
	before := p.n
	from := &origins{file: file, other: map[*yaml.Node]string{}}
	v := reflect.ValueOf(out).Elem()
	root := merged(fsys, file, v.Type(), from, p)
	if root == nil {
		return false
	}
	d := decoder{from: from, p: p}
	d.value(root, v, "")
	return p.n == before
}

// merged is the tree of a file, laid over those of the layers below and over the file it is like.
func merged(fsys fs.FS, file string, t reflect.Type, from *origins, p *problems) *yaml.Node {
	root := layered(fsys, file, t, from, p)
	if root == nil || t != reflect.TypeFor[procedureFile]() {
		return root
	}
	return alike(fsys, root, t, from, p)
}

// layered is the tree of a file, laid over those of the layers below.
func layered(fsys fs.FS, file string, t reflect.Type, from *origins, p *problems) *yaml.Node {
	ls, ok := fsys.(layers)
	if !ok {
		ls = layers{{fsys: fsys}}
	}
	from.file = ls[0].path(file)
	m := merger{from: from, bad: p}
	var root *yaml.Node
	for i, l := range slices.Backward(ls) {
		n, there := parse(l, file, p)
		switch {
		case !there:
			continue
		case n == nil:
			return nil
		case i > 0:
			from.own(n, l.path(file))
		}
		if i > 0 && file == "pack.yaml" {
			withoutOwn(n)
		}
		if root != nil {
			n = m.merge(root, n, t)
		}
		root = n
	}
	if root == nil {
		p.at(from.file, 1, "the file is missing")
	}
	return root
}

// own notes that a tree was read from another file than the topmost.
func (o *origins) own(n *yaml.Node, file string) {
	o.other[n] = file
	for _, c := range n.Content {
		o.own(c, file)
	}
}

// parse reads one file of one layer. A file that is there but cannot be read is nil.
func parse(l layer, file string, p *problems) (root *yaml.Node, there bool) {
	name := l.path(file)
	raw, err := readFile(l.fsys, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false
	case err != nil:
		p.at(name, 1, "%v", err)
		return nil, true
	}
	parts := 0
	for _, c := range []byte("\n,[{-?") {
		parts += bytes.Count(raw, []byte{c})
	}
	if parts > maxNodes {
		p.at(name, 1, "the file has more than %d parts; split it", maxNodes)
		return nil, true
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var doc, second yaml.Node
	err = dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		p.at(name, 1, "the file is empty")
		return nil, true
	case err != nil:
		p.add(badYAML(name, err))
		return nil, true
	}
	if err := dec.Decode(&second); err == nil {
		p.on(mark{file: name, line: max(1, second.Line), col: 1}, "a second document begins here; a file of a pack holds one")
		return nil, true
	} else if !errors.Is(err, io.EOF) {
		p.add(badYAML(name, err))
		return nil, true
	}
	return doc.Content[0], true
}

// readFile reads a file that is not longer than a pack's may be.
func readFile(fsys fs.FS, file string) ([]byte, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(raw) > maxFile {
		return nil, errors.New("the file is larger than 8 MiB")
	}
	return raw, err
}

// badYAML gives the parser's complaint the place the parser found.
func badYAML(file string, err error) error {
	m := mark{file: file, line: 1, col: 1}
	said := err.Error()
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		said = e.Message
		for _, at := range []yaml.Mark{e.Mark, e.ContextMark} {
			if at.Line > 0 {
				m.line, m.col = at.Line, max(1, at.Column)
				break
			}
		}
	}
	return m.Errorf("this is not YAML: %s", strings.TrimPrefix(said, "yaml: "))
}

type decoder struct {
	from *origins
	p    *problems
}

func (d decoder) bad(n *yaml.Node, path, format string, args ...any) {
	if path != "" {
		format = strings.ReplaceAll(path, "%", "%%") + ": " + format
	}
	d.p.on(d.from.mark(n), format, args...)
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
		markAt(v, d.from.mark(n))
		d.value(n, v.Field(f), path)
		return
	}
	if f, ok := shortField(v.Type()); ok && v.Type().Field(f).Tag.Get("short") == "only" {
		d.bad(n, path, "one value is expected")
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
			v.Field(i).Set(reflect.ValueOf(d.from.mark(n)))
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
		case !ok && key.Value == "remove":
			d.bad(key, path, "there is nothing to remove here: no base has this")
		case !ok:
			d.bad(key, path, "%q is not a name that is known here%s", key.Value, suggest(key.Value, names))
		case seen[key.Value]:
			d.bad(key, path, "%q stands here twice", key.Value)
		default:
			d.value(n.Content[i+1], v.Field(f), join(path, key.Value))
		}
		seen[key.Value] = true
	}
	for name, f := range fields {
		if !seen[name] && v.Field(f).Kind() == reflect.Struct {
			markAt(v.Field(f), d.from.mark(n)) // what is not given is missing here
		}
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
		} else if v.Field(i).Kind() == reflect.Struct {
			markAt(v.Field(i), m)
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

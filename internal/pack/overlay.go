package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A pack may stand on a base: a city on its province, a province on the nation. What the base says
// holds until the pack says otherwise. Files are laid over each other by name, YAML files node by node:
//
//   - names with values merge, name by name; {remove: true} as a value takes the name away;
//   - lists of things with an id (a field: with a name) merge by it; an item with remove: true is taken
//     away; a new item stands after the item named before it, else at the end;
//   - every other list and every single value is replaced;
//   - a file that only says remove: true takes the whole file away.
//
// Merging happens before decoding, so a mistake is reported in the file of the layer that made it.

// maxLayers bounds a chain of bases; real ones are nation, province, city.
const maxLayers = 8

// basesDir is where a pack carries its bases with it, as the ledger does with versions it keeps.
const basesDir = "base"

// Finder finds the folder of a base by its name.
type Finder func(name string) (fs.FS, error)

// In finds bases among the folders of a folder of packs.
func In(dir fs.FS) Finder {
	return func(name string) (fs.FS, error) {
		if _, err := fs.Stat(dir, path.Join(name, "pack.yaml")); err != nil {
			return nil, err
		}
		return fs.Sub(dir, name)
	}
}

// layer is one pack of a chain.
type layer struct {
	name string // empty for the pack itself
	fsys fs.FS
	mark mark   // where the layer above names it
	id   string // what its pack.yaml calls it
}

// path is the name of a file as errors, Pack.Files and kept versions have it.
func (l layer) path(file string) string {
	if l.name == "" {
		return file
	}
	return path.Join(basesDir, l.name, file)
}

// layers is a pack over its bases, topmost first. It is a folder in which each file is that of the
// topmost layer that has it; readYAML merges instead.
type layers []layer

// Open opens a file of the topmost layer that has it.
func (ls layers) Open(name string) (fs.File, error) {
	for _, l := range ls {
		f, err := l.fsys.Open(name)
		if err == nil && len(ls) > 1 && removed(l.fsys, name) {
			f.Close()
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadDir lists what any layer has.
func (ls layers) ReadDir(name string) ([]fs.DirEntry, error) {
	found := map[string]fs.DirEntry{}
	there := false
	for _, l := range slices.Backward(ls) {
		list, err := fs.ReadDir(l.fsys, name)
		if err != nil {
			continue
		}
		there = true
		for _, e := range list {
			full := path.Join(name, e.Name())
			found[e.Name()] = e
			if full == basesDir || len(ls) > 1 && !e.IsDir() && removed(l.fsys, full) {
				delete(found, e.Name())
			}
		}
	}
	if !there {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var out []fs.DirEntry
	for _, n := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[n])
	}
	return out, nil
}

// removed says that a layer takes a file of its base away: the file says remove: true and no more.
func removed(fsys fs.FS, name string) bool {
	if !strings.HasSuffix(name, ".yaml") || !strings.Contains(name, "/") {
		return false
	}
	if info, err := fs.Stat(fsys, name); err != nil || info.Size() > 4096 {
		return false
	}
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return false
	}
	said := ""
	for line := range strings.Lines(string(raw)) {
		line, _, _ = strings.Cut(line, "#")
		said += strings.TrimSpace(line)
	}
	return said == "remove: true"
}

// stack finds the bases of a pack. Each is looked for in the pack that names it (base/NAME), then in
// the pack itself, then by find.
func stack(fsys fs.FS, find Finder, bad *problems) layers {
	ls := layers{{fsys: fsys}}
	for i := 0; i < len(ls); i++ {
		f, ok := head(&ls[i])
		if !ok || f.Base == "" {
			return ls
		}
		where := f.Mark.of("base")
		if why := ls.refuses(f.Base); why != "" {
			bad.on(where, "base %q: %s", f.Base, why)
			return nil
		}
		sub, err := ls.find(ls[i], f.Base, find)
		if err != nil {
			bad.on(where, "base %q is not found; put its folder beside this pack's, or into it as %s/%s", f.Base, basesDir, f.Base)
			return nil
		}
		ls = append(ls, layer{name: f.Base, fsys: sub, mark: where})
	}
	return ls
}

// head reads what a layer says about itself. Mistakes are reported later, when the layers are merged.
func head(l *layer) (f packFile, ok bool) {
	ok = readYAML(layers{*l}, "pack.yaml", &f, &problems{}) || f.Base != ""
	l.id = f.Pack
	return f, ok
}

func (ls layers) refuses(name string) string {
	if !idPattern.MatchString(name) {
		return "use the name of a folder: small letters, digits, dot, dash and underscore"
	}
	for _, l := range ls {
		if l.name == name || l.name == "" && l.id == name {
			return "it stands on this pack itself; a chain of bases must end"
		}
	}
	if len(ls) >= maxLayers {
		return fmt.Sprintf("more than %d packs stand on each other", maxLayers)
	}
	return ""
}

func (ls layers) find(by layer, name string, find Finder) (fs.FS, error) {
	own := path.Join(basesDir, name)
	for _, fsys := range []fs.FS{by.fsys, ls[0].fsys} {
		if _, err := fs.Stat(fsys, path.Join(own, "pack.yaml")); err == nil {
			return fs.Sub(fsys, own)
		}
	}
	if find == nil {
		return nil, fs.ErrNotExist
	}
	return find(name)
}

// merger lays one tree of nodes over another.
type merger struct {
	from *origins
	bad  *problems
}

// own lists what pack.yaml says about one layer only and does not hand on.
var own = []string{"pack", "version", "abstract", "base"}

// alike lays a procedure over the one it says it is like, as a pack is laid over its base: kinds of one
// procedure differ in an article here and a term there, and what they share is written down once. One step
// and no more: what a procedure says must be found in two files at most.
func alike(fsys fs.FS, root *yaml.Node, t reflect.Type, from *origins, p *problems) *yaml.Node {
	at := keyAt(root.Content, "like")
	if root.Kind != yaml.MappingNode || at < 0 {
		return root
	}
	like := root.Content[at+1]
	file := "procedures/" + like.Value + ".yaml"
	theirs := &origins{file: file, other: map[*yaml.Node]string{}}
	if !idPattern.MatchString(like.Value) {
		p.on(from.mark(like), "like: use the name of another file of procedures/, without .yaml")
		return root
	}
	if _, err := fs.Stat(fsys, file); err != nil {
		p.on(from.mark(like), "like: there is no %s", file)
		return root
	}
	under := layered(fsys, file, t, theirs, p)
	if under == nil {
		return root
	}
	if keyAt(under.Content, "like") >= 0 {
		p.on(from.mark(like), "like: %s is itself like another one; name that one, and say here what differs", file)
		return root
	}
	theirs.hand(under, from)
	return merger{from: from, bad: p}.merge(under, root, t)
}

// hand tells other origins where each node of a tree was read.
func (o *origins) hand(n *yaml.Node, to *origins) {
	to.other[n] = o.of(n)
	for _, c := range n.Content {
		o.hand(c, to)
	}
}

// withoutOwn drops what a base says about itself alone.
func withoutOwn(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !slices.Contains(own, n.Content[i].Value) {
			kept = append(kept, n.Content[i], n.Content[i+1])
		}
	}
	n.Content = kept
}

// merge lays over above under; t is what they will be decoded into, nil where it is not known.
func (m merger) merge(under, over *yaml.Node, t reflect.Type) *yaml.Node {
	switch {
	case under.Kind == yaml.MappingNode && over.Kind == yaml.MappingNode:
		return m.mapping(under, over, t)
	case under.Kind == yaml.SequenceNode && over.Kind == yaml.SequenceNode:
		if keys := mergeKeys(elem(t)); len(keys) > 0 {
			return m.list(under, over, elem(t), keys)
		}
	}
	return over
}

func elem(t reflect.Type) reflect.Type {
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer) {
		return t.Elem()
	}
	return nil
}

// fresh is a node with other content at the same place.
func (m merger) fresh(of *yaml.Node, content []*yaml.Node) *yaml.Node {
	n := *of
	n.Content = content
	if file := m.from.of(of); file != m.from.file {
		m.from.other[&n] = file
	}
	return &n
}

func (m merger) mapping(under, over *yaml.Node, t reflect.Type) *yaml.Node {
	content := slices.Clone(under.Content)
	seen := map[string]bool{}
	for i := 0; i+1 < len(over.Content); i += 2 {
		key, value := over.Content[i], over.Content[i+1]
		at := keyAt(content, key.Value)
		switch {
		case at < 0 || seen[key.Value]: // a name given twice stays twice, and is reported
			content = append(content, key, value)
		case takesAway(value):
			content = slices.Delete(content, at, at+2)
		default:
			content[at], content[at+1] = key, m.merge(content[at+1], value, fieldType(t, key.Value))
		}
		seen[key.Value] = true
	}
	return m.fresh(over, content)
}

func keyAt(content []*yaml.Node, name string) int {
	for i := 0; i+1 < len(content); i += 2 {
		if content[i].Value == name {
			return i
		}
	}
	return -1
}

// takesAway recognises {remove: true}.
func takesAway(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "remove" && n.Content[1].Value == "true"
}

// fieldType is what a name inside t is decoded into.
func fieldType(t reflect.Type, name string) reflect.Type {
	if t == nil {
		return nil
	}
	switch t.Kind() {
	case reflect.Map:
		return t.Elem()
	case reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).Tag.Get("yaml") == name {
				return t.Field(i).Type
			}
		}
	}
	return nil
}

// mergeKeys names what identifies an item of a list: what its Mark says, else its id, else its name
// where that is one word and not words in languages.
func mergeKeys(t reflect.Type) []string {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		if keys := t.Field(i).Tag.Get("key"); keys != "" {
			return strings.Split(keys, ",")
		}
	}
	for _, name := range []string{"id", "name"} {
		if f := fieldType(t, name); f != nil && f.Kind() == reflect.String {
			return []string{name}
		}
	}
	return nil
}

// keyOf is an item's identity; empty for one that has none.
func keyOf(n *yaml.Node, keys []string) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for _, k := range keys {
		if i := keyAt(n.Content, k); i >= 0 && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}

func (m merger) list(under, over *yaml.Node, t reflect.Type, keys []string) *yaml.Node {
	if len(over.Content) == 0 { // [] empties a list
		return over
	}
	content := slices.Clone(under.Content)
	seen := map[string]bool{}
	last := -1 // where the item named before stands
	for _, item := range over.Content {
		key := keyOf(item, keys)
		at := -1
		if key != "" && !seen[key] { // an item listed twice stays twice, and is reported
			at = slices.IndexFunc(content, func(n *yaml.Node) bool { return keyOf(n, keys) == key })
		}
		seen[key] = true
		item, remove := m.removal(item, at >= 0, key)
		switch {
		case remove && at >= 0:
			content = slices.Delete(content, at, at+1)
			last = at - 1
		case remove:
		case at >= 0:
			content[at] = m.merge(content[at], item, t)
			last = at
		case last >= 0:
			last++
			content = slices.Insert(content, last, item)
		default:
			content = append(content, item)
		}
	}
	return m.fresh(over, content)
}

// removal reads an item's remove: true, and reports one that has nothing to take away.
func (m merger) removal(item *yaml.Node, there bool, key string) (*yaml.Node, bool) {
	if item.Kind != yaml.MappingNode {
		return item, false
	}
	at := keyAt(item.Content, "remove")
	if at < 0 {
		return item, false
	}
	switch value := item.Content[at+1]; {
	case value.Value != "true":
		m.bad.on(m.from.mark(value), "remove: say true, or leave it out")
	case !there:
		m.bad.on(m.from.mark(item), "there is no %q in the base to remove", key)
	}
	return m.fresh(item, slices.Delete(slices.Clone(item.Content), at, at+2)), item.Content[at+1].Value == "true"
}

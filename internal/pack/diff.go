package pack

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"comity/internal/worktime"
)

// Part is one thing a pack declares: an act, a term, an article, a day off. Two versions are compared
// part by part, so that somebody who reviews a change reads law and not lines.
type Part struct {
	Kind    string `json:"kind"` // act, clock, state, link, fact, article, category, text, day, file …
	ID      string `json:"id"`   // with what it belongs to: ask/answer
	Name    words  `json:"name,omitempty"`
	Law     string `json:"law,omitempty"` // the law it rests on, else that of its procedure
	Article string `json:"article,omitempty"`
	LawName words  `json:"law_name,omitempty"`
	Place
	values []Value
	rank   int    // of the kind of file
	owner  string // what it belongs to: the procedure of an act, the calendar of a day
}

// Place is where a part stands.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String is file:line:column.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Value is one value of a part; empty is not given.
type Value struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Change is one part that differs. Old or New is nil where the part is not there.
type Change struct {
	What   string  `json:"change"` // added, removed, changed
	Old    *Part   `json:"old,omitempty"`
	New    *Part   `json:"new,omitempty"`
	Values []Value `json:"values,omitempty"`
}

// Part is the part as it is now, or as it was.
func (c Change) Part() Part {
	if c.New != nil {
		return *c.New
	}
	return *c.Old
}

// ErrNoBase says that a pack stands on no other.
var ErrNoBase = errors.New("the pack names no base")

// Parts reads what a pack declares, laid over its bases. It does not check that the pack holds together.
func Parts(fsys fs.FS, find Finder) ([]Part, error) {
	var bad problems
	ls := stack(fsys, find, &bad)
	if ls == nil {
		return nil, bad.err()
	}
	return ls.parts()
}

// BaseParts reads what the base of a pack declares.
func BaseParts(fsys fs.FS, find Finder) ([]Part, error) {
	var bad problems
	ls := stack(fsys, find, &bad)
	if ls == nil {
		return nil, bad.err()
	}
	if len(ls) < 2 {
		return nil, ErrNoBase
	}
	return ls[1:].parts()
}

// Diff compares two packs part by part: what was there in its old order, then what is new, file by file.
func Diff(before, after []Part) []Change {
	var out []Change
	type key struct{ kind, id string }
	now := map[key]*Part{}
	for i, p := range after {
		now[key{p.Kind, p.ID}] = &after[i]
	}
	for i := range before {
		was := &before[i]
		k := key{was.Kind, was.ID}
		is := now[k]
		delete(now, k)
		if is == nil {
			out = append(out, Change{What: "removed", Old: was})
		} else if values := differing(was.values, is.values); len(values) > 0 {
			out = append(out, Change{What: "changed", Old: was, New: is, Values: values})
		}
	}
	for i := range after {
		is := &after[i]
		if now[key{is.Kind, is.ID}] == is {
			out = append(out, Change{What: "added", New: is})
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		x, y := a.Part(), b.Part()
		return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(x.owner, y.owner))
	})
	return out
}

func differing(before, after []Value) []Value {
	var out []Value
	now := map[string]string{}
	for _, v := range after {
		now[v.Name] = v.New
	}
	for _, v := range before {
		if is := now[v.Name]; is != v.New {
			out = append(out, Value{v.Name, v.New, is})
		}
		delete(now, v.Name)
	}
	for _, v := range after {
		if _, left := now[v.Name]; left {
			out = append(out, v)
			delete(now, v.Name)
		}
	}
	return out
}

// collector gathers the parts of a pack.
type collector struct {
	ls   layers
	bad  problems
	out  []Part
	rank int
	laws map[string]words
}

func (ls layers) parts() ([]Part, error) {
	c := &collector{ls: ls, laws: map[string]words{}}
	var head packFile
	readYAML(ls, "pack.yaml", &head, &problems{})
	for _, l := range head.Laws {
		c.laws[l.ID] = l.Short
		if len(l.Short) == 0 {
			c.laws[l.ID] = l.Name
		}
	}
	for i, k := range FileKinds {
		c.rank = i
		files, _ := fs.Glob(ls, k.Files)
		for _, name := range files {
			c.file(k, name)
		}
	}
	c.rank = len(FileKinds)
	c.others()
	for i := range c.out {
		c.out[i].LawName = c.laws[c.out[i].Law]
	}
	return c.out, c.bad.err()
}

// file takes one YAML file apart: the file itself is a part, and so is every item of its lists that has
// an identity.
func (c *collector) file(k FileKind, name string) {
	v := reflect.New(k.of)
	if !readYAML(c.ls, name, v.Interface(), &c.bad) {
		return
	}
	v = v.Elem()
	if t, ok := v.Interface().(textsFile); ok {
		c.texts(strings.TrimSuffix(path.Base(name), ".yaml"), t)
		return
	}
	owner := ""
	whole := Part{Kind: k.Name, ID: k.Name}
	if i := fieldAt(v.Type(), k.Name); i >= 0 && k.Name != "pack" && v.Field(i).Kind() == reflect.String { // calendar: linjiang, procedure: ask
		whole.ID, whole.owner = v.Field(i).String(), v.Field(i).String()
		owner = whole.ID + "/"
	}
	c.describe(&whole, v)
	at := len(c.out)
	c.out = append(c.out, whole)
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Tag.Get("yaml"), v.Field(i)
		switch list := f.Interface().(type) {
		case mark:
		case []datedYAML:
			c.days(whole.ID, name, list)
		default:
			if len(mergeKeys(elem(f.Type()))) > 0 && f.Kind() == reflect.Slice {
				c.items(owner, name, f, whole)
			} else {
				c.out[at].values = append(c.out[at].values, flatten(name, f)...)
			}
		}
	}
	if owner == "" && len(c.out[at].values) == 0 { // units.yaml is nothing but its units
		c.out = slices.Delete(c.out, at, at+1)
	}
}

func fieldAt(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == name {
			return i
		}
	}
	return -1
}

// describe fills in place, name and law.
func (c *collector) describe(p *Part, v reflect.Value) {
	p.rank = c.rank
	for i := range v.NumField() {
		switch x := v.Field(i).Interface().(type) {
		case mark:
			p.Place = Place{x.file, x.line, x.col}
		case lawRefYAML:
			if v.Type().Field(i).Tag.Get("yaml") == "law" && x.ID != "" {
				p.Law, p.Article = x.ID, x.Article
			}
		case words:
			if v.Type().Field(i).Tag.Get("yaml") == "name" {
				p.Name = x
			}
		}
	}
}

func (c *collector) items(owner, list string, v reflect.Value, whole Part) {
	kind := strings.TrimSuffix(list, "s")
	if one, ok := strings.CutSuffix(list, "ies"); ok {
		kind = one + "y"
	}
	keys := mergeKeys(v.Type().Elem())
	for i := range v.Len() {
		item := v.Index(i)
		p := Part{Kind: kind, Law: whole.Law, Article: whole.Article, owner: whole.owner}
		c.describe(&p, item)
		p.ID = owner + item.Field(fieldAt(item.Type(), keys[0])).String()
		law, isLaw := item.Interface().(lawYAML)
		for j := range item.NumField() {
			if name := item.Type().Field(j).Tag.Get("yaml"); item.Field(j).Type() != markType && !(isLaw && name == "articles") {
				p.values = append(p.values, flatten(name, item.Field(j))...)
			}
		}
		if isLaw {
			p.Law, p.owner = law.ID, law.ID
		}
		c.out = append(c.out, p)
		if isLaw {
			c.articles(law)
		}
	}
}

func (c *collector) articles(law lawYAML) {
	where := law.Mark.of("articles")
	for _, n := range slices.SortedFunc(maps.Keys(law.Articles), byNumber) {
		at := where.of(n)
		c.out = append(c.out, Part{Kind: "article", ID: law.ID + "/" + n, Law: law.ID, Article: n, rank: c.rank, owner: law.ID,
			Place: Place{at.file, at.line, at.col}, values: flatten("words", reflect.ValueOf(law.Articles[n]))})
	}
}

// byNumber puts article 9 before article 10.
func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// days makes a part of each single day, however the ranges are cut.
func (c *collector) days(calendar, list string, days []datedYAML) {
	for _, d := range days {
		first, err1 := worktime.ParseDay(cmp.Or(d.Date, d.From))
		last, err2 := worktime.ParseDay(cmp.Or(d.Date, d.To))
		if err := errors.Join(err1, err2); err != nil || last-first > 366 {
			c.bad.on(d.Mark, "dates %q to %q cannot be compared: %v", cmp.Or(d.Date, d.From), cmp.Or(d.Date, d.To), err)
			continue
		}
		for day := first; day <= last; day++ {
			c.out = append(c.out, Part{Kind: "day", ID: calendar + "/" + day.String(), Name: d.Name, rank: c.rank, owner: calendar, Place: Place{d.Mark.file, d.Mark.line, d.Mark.col},
				values: append([]Value{{Name: "list", New: list}}, flatten("name", reflect.ValueOf(d.Name))...)})
		}
	}
}

func (c *collector) texts(lang string, t textsFile) {
	for _, key := range slices.Sorted(maps.Keys(t)) {
		m := t[key].Mark
		c.out = append(c.out, Part{Kind: "text", ID: lang + "/" + key, rank: c.rank, Place: Place{m.file, m.line, m.col}, values: []Value{{Name: "text", New: t[key].Text}}})
	}
}

// others are the files that are taken as they are: documents, stories, tables, mappings.
func (c *collector) others() {
	err := fs.WalkDir(c.ls, ".", func(name string, d fs.DirEntry, err error) error {
		isKind := slices.ContainsFunc(FileKinds, func(k FileKind) bool { ok, _ := path.Match(k.Files, name); return ok })
		if err != nil || d.IsDir() || isKind || !counts(name) {
			return err
		}
		raw, err := readFile(c.ls, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p := Part{Kind: "file", ID: name, rank: c.rank, Place: Place{c.ls.holder(name), 1, 1}}
		for i, line := range bytes.Split(bytes.TrimRight(raw, "\n"), []byte("\n")) {
			p.values = append(p.values, Value{Name: strconv.Itoa(i + 1), New: string(line)})
		}
		c.out = append(c.out, p)
		return nil
	})
	if err != nil {
		c.bad.add(err)
	}
}

// holder is the path of the layer a file comes from.
func (ls layers) holder(name string) string {
	for _, l := range ls {
		if _, err := fs.Stat(l.fsys, name); err == nil {
			return l.path(name)
		}
	}
	return name
}

// flatten turns a value into named single values: fields.text.max = 500.
func flatten(name string, v reflect.Value) []Value {
	var out []Value
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).Type() != markType {
				out = append(out, flatten(name+"."+v.Type().Field(i).Tag.Get("yaml"), v.Field(i))...)
			}
		}
	case reflect.Map:
		m := map[string]reflect.Value{}
		for _, k := range v.MapKeys() {
			m[k.String()] = v.MapIndex(k)
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			out = append(out, flatten(name+"."+k, m[k])...)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			return nil
		}
		if v.Type().Elem().Kind() != reflect.Struct {
			return []Value{{Name: name, New: fmt.Sprint(v.Interface())}}
		}
		keys := mergeKeys(v.Type().Elem())
		for i := range v.Len() {
			id := strconv.Itoa(i + 1)
			if len(keys) > 0 {
				id = cmp.Or(v.Index(i).Field(fieldAt(v.Type().Elem(), keys[0])).String(), id)
			}
			out = append(out, flatten(name+"."+id, v.Index(i))...)
		}
	default:
		if !v.IsZero() {
			out = append(out, Value{Name: name, New: fmt.Sprint(v.Interface())})
		}
	}
	return out
}

package pack

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// problems collects what is wrong with a pack, each with file, line and column, so that an author mends
// many mistakes in one go. It keeps the first ones and counts the rest: a broken file must not cost
// more to report than it cost to read.
type problems struct {
	list []error
	n    int // found, kept or not
}

const (
	maxProblems = 100
	maxMessage  = 600 // bytes of one message, which may quote what a file says
)

func (p *problems) add(err error) {
	p.n++
	if len(p.list) < maxProblems {
		p.list = append(p.list, err)
	}
}

// on reports what is wrong at a place of a pack.
func (p *problems) on(m mark, format string, args ...any) { p.add(m.Errorf(format, args...)) }

// at reports what is wrong with a file as a whole.
func (p *problems) at(file string, line int, format string, args ...any) {
	p.on(mark{file: file, line: line, col: 1}, format, args...)
}

func (p *problems) err() error {
	if p.n > len(p.list) {
		return errors.Join(append(p.list[:len(p.list):len(p.list)], fmt.Errorf("and %d more; mend these first", p.n-len(p.list)))...)
	}
	return errors.Join(p.list...)
}

// mark is where something stands in a pack; it is embedded in what the decoder fills.
type mark struct {
	file      string
	line, col int
	node      *yaml.Node // the mapping, for the places of its single values
	from      *origins
}

var markType = reflect.TypeFor[mark]()

// Mark is mark for files of other packages that ReadYAML fills; an embedding struct names it in its
// errors with Errorf.
type Mark = mark

// Errorf makes an error that names file, line and column.
func (m mark) Errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %s", m, clip(fmt.Sprintf(format, args...)))
}

// String is the place as compilers write it: file:line:column.
func (m mark) String() string { return fmt.Sprintf("%s:%d:%d", m.file, m.line, m.col) }

// of is the place of one value inside the mapping; the mapping's own where the value is not given.
func (m mark) of(name string) mark {
	if m.node == nil || m.node.Kind != yaml.MappingNode {
		return m
	}
	for i := 0; i+1 < len(m.node.Content); i += 2 {
		if m.node.Content[i].Value == name {
			return m.from.mark(m.node.Content[i+1])
		}
	}
	return m
}

// origins knows which file a node was read from: after layers are merged, one tree holds nodes of
// several files.
type origins struct {
	file  string // of every node that is not in other
	other map[*yaml.Node]string
}

func (o *origins) of(n *yaml.Node) string {
	if o == nil {
		return ""
	}
	if f, ok := o.other[n]; ok {
		return f
	}
	return o.file
}

func (o *origins) mark(n *yaml.Node) mark {
	return mark{file: o.of(n), line: max(1, n.Line), col: max(1, n.Column), node: n, from: o}
}

// clip keeps a message readable when it quotes a page.
func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + " …"
}

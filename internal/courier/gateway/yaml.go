package gateway

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// faults collects everything that is wrong with a file, each with its line and the field it is about.
type faults struct {
	file string
	list []string
}

func (f *faults) at(line int, path, format string, args ...any) {
	f.list = append(f.list, fmt.Sprintf("%s:%d: %s: %s", f.file, line, path, fmt.Sprintf(format, args...)))
}

// Wrong lists what is wrong with the operator's file.
type Wrong struct{ List []string }

func (w *Wrong) Error() string { return strings.Join(w.List, "\n") }

// section is a mapping of the file, whose names are taken one after another; what nobody took is unknown.
type section struct {
	f     *faults
	path  string // with a dot behind it, empty at the top
	line  int
	names []string
	nodes map[string]*yaml.Node
	taken []string
}

// sectionOf reads a mapping; a node that is none gives an empty one.
func sectionOf(f *faults, path string, n *yaml.Node) *section {
	s := &section{f: f, path: path, line: n.Line, nodes: map[string]*yaml.Node{}}
	if n.Kind != yaml.MappingNode {
		f.at(n.Line, strings.TrimSuffix(path, "."), "is not a list of names and values")
		return s
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if _, twice := s.nodes[name]; twice {
			f.at(n.Content[i].Line, path+name, "stands twice")
		}
		s.nodes[name] = n.Content[i+1]
		s.names = append(s.names, name)
	}
	return s
}

// rest complains about names that nobody took.
func (s *section) rest() {
	for _, name := range s.names {
		if !slices.Contains(s.taken, name) {
			known := slices.Clone(s.taken)
			slices.Sort(known)
			s.bad(name, "is not known here; known are %s", strings.Join(slices.Compact(known), ", "))
		}
	}
}

func (s *section) bad(name, format string, args ...any) {
	line := s.line
	if n := s.nodes[name]; n != nil {
		line = n.Line
	}
	s.f.at(line, s.path+name, format, args...)
}

func (s *section) node(name string) *yaml.Node {
	s.taken = append(s.taken, name)
	return s.nodes[name]
}

func (s *section) has(name string) bool { return s.nodes[name] != nil }

// text reads a text; one that is needed and absent is a fault.
func (s *section) text(name string, needed bool) string {
	n := s.node(name)
	if n == nil {
		if needed {
			s.bad(name, "is missing")
		}
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		s.bad(name, "is not a text")
		return ""
	}
	if needed && strings.TrimSpace(n.Value) == "" {
		s.bad(name, "is empty")
	}
	return n.Value
}

func (s *section) oneOf(name, otherwise string, values ...string) string {
	v := s.text(name, otherwise == "")
	if v == "" {
		return otherwise
	}
	if !slices.Contains(values, v) {
		s.bad(name, "%q is not one of %s", v, strings.Join(values, ", "))
	}
	return v
}

func (s *section) number(name string, otherwise, least, most int) int {
	v := s.text(name, false)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		s.bad(name, "%q is not a whole number from %d to %d", v, least, most)
		return otherwise
	}
	return n
}

func (s *section) time(name string, otherwise, least, most time.Duration) time.Duration {
	v := s.text(name, false)
	if v == "" {
		return otherwise
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > most {
		s.bad(name, "%q is not a time from %s to %s, such as 30s", v, least, most)
		return otherwise
	}
	return d
}

// texts reads a list of texts.
func (s *section) texts(name string) (out []string) {
	n := s.node(name)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		s.bad(name, "is not a list")
		return nil
	}
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			s.f.at(item.Line, s.path+name, "holds something that is not a text")
			continue
		}
		out = append(out, item.Value)
	}
	return out
}

// sections reads a list of mappings.
func (s *section) sections(name string) (out []*section) {
	n := s.node(name)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		s.bad(name, "is not a list")
		return nil
	}
	for i, item := range n.Content {
		out = append(out, sectionOf(s.f, fmt.Sprintf("%s%s[%d].", s.path, name, i), item))
	}
	return out
}

// pairs reads a mapping of texts.
func (s *section) pairs(name string) map[string]string {
	n := s.node(name)
	if n == nil {
		return nil
	}
	in := sectionOf(s.f, s.path+name+".", n)
	out := map[string]string{}
	for _, key := range in.names {
		out[key] = in.text(key, false)
	}
	return out
}

// tree reads whatever stands there, for a JSON body.
func (s *section) tree(name string) any {
	n := s.node(name)
	if n == nil {
		return nil
	}
	return treeOf(s, name, n)
}

func treeOf(s *section, name string, n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = treeOf(s, name, n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, x := range n.Content {
			out = append(out, treeOf(s, name, x))
		}
		return out
	case yaml.ScalarNode:
		var v any
		if err := n.Decode(&v); err != nil {
			s.f.at(n.Line, s.path+name, "%v", err)
		}
		return v
	}
	s.f.at(n.Line, s.path+name, "holds what JSON cannot")
	return nil
}

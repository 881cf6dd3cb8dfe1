package archtest

import (
	"fmt"
	"go/ast"
	"slices"
)

// Rings lists who may make the keys of a compartment. Everybody else is handed one ring, of one compartment.
var Rings = []Exception{
	{"cmd/comity", []string{"Open"}, "joins the rooms of each compartment, and is the only place that knows all"},
	{"internal/ledger/ledgertest", []string{"FromSeed"}, "tests have keys that are never written"},
	{"internal/bench", []string{"FromSeed"}, "measures a city that is thrown away"},
	{"internal/fault", []string{"FromSeed"}, "breaks a city that is thrown away"},
}

// Crossings lists who may hold what belongs to several compartments at once. Anybody else who did could put
// two of them side by side.
var Crossings = []Exception{
	{"internal/portal", []string{"Door"}, "a follow code belongs to one compartment and no other; the page asks each door until one knows it, and is drawn from that one alone"},
	{"internal/desk", []string{"Desk"}, "a session is bound to one compartment; the front picks the desk of that one before anything is read"},
	{"internal/selfview/selfviewtest", nil, "walks through all compartments for tests, which compare what was shown with what the person sees"},
	{"internal/selfview", nil, "the person alone sees what each programme holds; it is assembled during the request and stored nowhere"},
}

const crossingReason = "whoever holds two ledgers can join what one person has in two compartments"

func rings(s *Source, say func(ast.Node, string, ...any)) {
	if s.Room == "internal/vault" {
		return
	}
	s.uses(Module+"internal/vault", func(n ast.Node, name string) {
		if slices.Contains([]string{"Open", "Memory", "FromSeed"}, name) && !allowed(Rings, s, name) {
			say(n, "%s makes keys with vault.%s", s.Room, name)
		}
	})
}

// crossings finds lists and tables of ledgers, and of what holds one, and structs that hold two. It looks at whole
// packages, since a type is declared in one file and listed in another.
func crossings(sources []*Source) (out []Finding) {
	rooms := map[string][]*Source{}
	for _, s := range sources {
		if r := Rooms[s.Room]; !slices.Contains(r.Rooms, "*") {
			rooms[s.Room] = append(rooms[s.Room], s)
		}
	}
	for _, files := range rooms {
		held := holders(files)
		for _, s := range files {
			say := func(n ast.Node, name, format string) {
				if !allowed(Crossings, s, name) {
					out = append(out, Finding{"crossings", s.File, s.fset.Position(n.Pos()).Line, fmt.Sprintf(format, name), crossingReason})
				}
			}
			ast.Inspect(s.ast, func(n ast.Node) bool {
				var of ast.Expr
				switch n := n.(type) {
				case *ast.ArrayType:
					of = n.Elt
				case *ast.MapType:
					of = n.Value
				case *ast.ChanType:
					of = n.Value
				case *ast.Ellipsis:
					of = n.Elt
				case *ast.StructType:
					s.twoIn(n, held, say)
				}
				if name := s.bound(of, held); name != "" {
					say(n, name, "several %s in one place")
				}
				return true
			})
		}
	}
	return out
}

// twoIn finds a struct with two fields of one kind of ledger.
func (s *Source) twoIn(n *ast.StructType, held map[string]bool, say func(ast.Node, string, string)) {
	seen := map[string]bool{}
	for _, f := range n.Fields.List {
		name := s.bound(f.Type, held)
		if name == "" {
			continue
		}
		if seen[name] || len(f.Names) > 1 {
			say(f, name, "two %s in one struct")
		}
		seen[name] = true
	}
}

// bound is the name of a type that belongs to one compartment; empty for others.
func (s *Source) bound(e ast.Expr, held map[string]bool) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return s.bound(e.X, held)
	case *ast.Ident:
		if held[e.Name] {
			return e.Name
		}
	case *ast.SelectorExpr:
		id, ok := e.X.(*ast.Ident)
		if ok && id.Name == s.name(Module+"internal/ledger") && (e.Sel.Name == "Ledger" || e.Sel.Name == "Reader") {
			return id.Name + "." + e.Sel.Name
		}
		if ok && id.Name == s.name(Module+"internal/vault") && e.Sel.Name == "Ring" {
			return id.Name + "." + e.Sel.Name
		}
	}
	return ""
}

// holders are the structs of a package that hold a ledger, directly or through another of them.
func holders(files []*Source) map[string]bool {
	held := map[string]bool{}
	for grown := true; grown; {
		grown = false
		for _, s := range files {
			ast.Inspect(s.ast, func(n ast.Node) bool {
				t, ok := n.(*ast.TypeSpec)
				if !ok || held[t.Name.Name] {
					return true
				}
				if st, ok := t.Type.(*ast.StructType); ok {
					for _, f := range st.Fields.List {
						if s.bound(f.Type, held) != "" {
							held[t.Name.Name], grown = true, true
						}
					}
				}
				return true
			})
		}
	}
	return held
}

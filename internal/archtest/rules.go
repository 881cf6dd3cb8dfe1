package archtest

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Rules are the walls, one file at a time.
var Rules = []Rule{
	{"room", "a package that chose no room has no walls; add it to rooms.go", room},
	{"imports", "arrows point down; a sideways import joins what must be able to change, or must stay apart, alone", imports},
	{"surfaces", "surfaces share rooms below them, never each other, so that one can be dropped or replaced", betweenSurfaces},
	{"kernel", "the same Decide must mean the same in the checker, the stories and production: no machine, no time, no chance in it", pure},
	{"no-init", "what runs before main cannot be ordered, tested or refused", noInit},
	{"sql-driver", "one room knows the engines, so that both behave alike", drivers},
	{"sql-store", "SQL is found, reviewed and tested in one kind of file", sqlPlaces},
	{"clock", "only cmd sets the clock; every room takes now, so that tests and the demo can move it", clock},
	{"actors", "whoever makes an actor has proved who it is; a handler that makes one has skipped that", actors},
	{"rings", "whoever can make the keys of another compartment has no wall before it", rings},
	{"words", "phrases are texts of the base catalogue and of packs, where every language has them", han},
	{"names", "a room named for its convenience collects what nobody wanted to place", names},
}

func room(s *Source, say func(ast.Node, string, ...any)) {
	if _, ok := Rooms[s.Room]; !ok {
		say(s.ast.Name, "package %s is not in the table of rooms", s.Room)
	}
}

func imports(s *Source, say func(ast.Node, string, ...any)) {
	r, ok := Rooms[s.Room]
	if !ok || slices.Contains(r.Rooms, "*") {
		return
	}
	s.imports(func(spec *ast.ImportSpec, p string) {
		own, house := strings.CutPrefix(p, Module)
		switch {
		case house && !slices.Contains(r.Rooms, strings.TrimPrefix(own, "internal/")):
			say(spec, "%s imports %s", s.Room, own)
		case !house && strings.Contains(strings.Split(p, "/")[0], ".") && !slices.ContainsFunc(r.Others, func(o string) bool { return p == o || strings.HasPrefix(p, o+"/") }):
			say(spec, "%s imports the foreign module %s", s.Room, p)
		}
	})
}

func betweenSurfaces(s *Source, say func(ast.Node, string, ...any)) {
	if !slices.Contains(surfaces, s.Room) {
		return
	}
	s.imports(func(spec *ast.ImportSpec, p string) {
		own := strings.TrimPrefix(p, Module)
		if slices.Contains(surfaces, own) && own != s.Room || strings.HasPrefix(own, "internal/programme/") {
			say(spec, "the surface %s imports %s", s.Room, own)
		}
	})
}

// impure are the library packages through which a machine, a network or chance gets in.
var impure = []string{"os", "net", "database", "math/rand", "crypto/rand", "log", "syscall", "unsafe", "plugin", "runtime", "io/fs", "io/ioutil", "embed", "testing", "C"}

// impureTime are the names of package time that look at the machine.
var impureTime = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation", "Local"}

func pure(s *Source, say func(ast.Node, string, ...any)) {
	if !Rooms[s.Room].Kernel {
		return
	}
	s.imports(func(spec *ast.ImportSpec, p string) {
		for _, bad := range impure {
			if p == bad || strings.HasPrefix(p, bad+"/") {
				say(spec, "the kernel room %s imports %s", s.Room, p)
			}
		}
	})
	s.uses("time", func(n ast.Node, name string) {
		if slices.Contains(impureTime, name) {
			say(n, "the kernel room %s uses time.%s", s.Room, name)
		}
	})
}

func noInit(s *Source, say func(ast.Node, string, ...any)) {
	for _, d := range s.ast.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			say(f, "an init function")
		}
	}
}

func drivers(s *Source, say func(ast.Node, string, ...any)) {
	if s.Room == "internal/db" || s.Room == "internal/db/move" || s.Room == "internal/db/pages" || // they speak with both engines at once, and read the log of one
		s.Room == "internal/db/faultdisk" { // which is a file system of the engine
		return
	}
	s.imports(func(spec *ast.ImportSpec, p string) {
		if p == "database/sql" || strings.HasPrefix(p, "database/sql/") || strings.HasPrefix(p, "github.com/jackc/") || strings.Contains(p, "sqlite") {
			say(spec, "%s imports %s", s.Room, p)
		}
	})
}

// statement recognises SQL by how statements begin. Prose does not begin so: in capitals.
var statement = regexp.MustCompile(`^\s*(SELECT\s+\S+|WITH\s+(RECURSIVE\s+)?\w+\s*(\(|AS\b)|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|(CREATE|DROP|ALTER)\s+(TABLE|INDEX|UNIQUE|SCHEMA|VIEW|VIRTUAL|TRIGGER)\b)`)

func sqlPlaces(s *Source, say func(ast.Node, string, ...any)) {
	if strings.HasPrefix(path.Base(s.File), "store") || s.Room == "internal/db" || s.Room == "internal/db/dbtest" {
		return
	}
	s.texts(func(n ast.Node, text string) {
		if statement.MatchString(text) {
			say(n, "SQL outside a store file: %.40q", strings.Join(strings.Fields(text), " "))
		}
	})
}

func clock(s *Source, say func(ast.Node, string, ...any)) {
	if strings.HasPrefix(s.Room, "cmd/") || Rooms[s.Room].Kernel {
		return // the kernel has a stricter rule
	}
	s.uses("time", func(n ast.Node, name string) {
		if slices.Contains(impureTime, name) && name != "LoadLocation" && !allowed(Clocks, s, name) {
			say(n, "time.%s", name)
		}
	})
}

func actors(s *Source, say func(ast.Node, string, ...any)) {
	s.uses(Module+"internal/authz", func(n ast.Node, name string) {
		if slices.Contains([]string{"Staff", "Holder", "Reporter", "Machine", "History"}, name) && !allowed(Actors, s, name) {
			say(n, "%s makes an actor with authz.%s", s.Room, name)
		}
	})
}

func han(s *Source, say func(ast.Node, string, ...any)) {
	if allowed(Hans, s, "") {
		return
	}
	s.texts(func(n ast.Node, text string) {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			say(n, "a phrase in Go: %.30q", text)
		}
	})
}

func names(s *Source, say func(ast.Node, string, ...any)) {
	if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "base", "misc", "shared", "lib", "tools", "types"}, s.ast.Name.Name) {
		say(s.ast.Name, "a package named %s", s.ast.Name.Name)
	}
}

package pack

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzProcedure replaces a passage of the demo procedure. Whatever comes out either loads, and then
// has every property and every word, or is refused by an error that names the file.
func FuzzProcedure(f *testing.F) {
	src, err := os.ReadFile("../../packs/demo/" + proc)
	if err != nil {
		f.Fatal(err)
	}
	rest := small(f)
	f.Add(uint16(0), uint16(0), "")
	for _, at := range []string{"to: accepted", "expire: raise", "from: [offered]", "times: 2", "n: 5", "final: true", "effects: [take]", "by: [resident]"} {
		i := strings.Index(string(src), at)
		for _, now := range []string{"", "x", "to: closed", "n: -1", "[", "&a [*a]", "\xff", "\t", "final: true", "by: [system]", "from: [closed]"} {
			f.Add(uint16(i), uint16(len(at)), now)
		}
	}
	f.Fuzz(func(t *testing.T, at, length uint16, now string) {
		if len(now) > 2000 {
			return
		}
		from := int(at) % len(src)
		to := min(from+int(length)%200, len(src))
		m := fstest.MapFS{}
		for name, file := range rest {
			m[name] = file
		}
		m[proc] = &fstest.MapFile{Data: []byte(string(src[:from]) + now + string(src[to:]))}
		p, err := Load(m, memory)
		if err != nil {
			if !strings.Contains(err.Error(), "procedures") && !strings.Contains(err.Error(), ".yaml") && !strings.Contains(err.Error(), ".md") {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		for id, d := range p.Procedures {
			if r := p.Reports[id]; len(r.Violations) > 0 || r.States == 0 {
				t.Fatalf("loaded without being checked: %+v", r)
			}
			for _, s := range d.States {
				for _, lang := range p.Langs {
					if p.Texts[lang]["state."+id+"."+s.ID] == "" {
						t.Fatalf("loaded without words in %s for state %q", lang, s.ID)
					}
				}
			}
		}
	})
}

// small is the demo pack with only a few units, so that one load is quick.
func small(f *testing.F) fstest.MapFS {
	f.Helper()
	m := fstest.MapFS{}
	top := os.DirFS("../../packs/demo")
	for _, pattern := range []string{"*.yaml", "calendars/*.yaml", "texts/*.yaml"} {
		names, err := fs.Glob(top, pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			raw, err := fs.ReadFile(top, name)
			if err != nil {
				f.Fatal(err)
			}
			m[name] = &fstest.MapFile{Data: raw}
		}
	}
	delete(m, "areas.yaml")
	return m
}

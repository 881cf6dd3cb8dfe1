package draw_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity/internal/draw"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
)

// words speaks a language with the words of a pack.
func words(t *testing.T, p *pack.Pack, lang string) draw.Words {
	t.Helper()
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	say := base.With(p.Texts).In(lang)
	return draw.Words{T: say.T, N: say.N}
}

func load(t *testing.T, dir string) *pack.Pack {
	t.Helper()
	p, err := pack.LoadFrom(os.DirFS(filepath.Dir(dir)), filepath.Base(dir), pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func Test_the_drawing_of_the_demo_is_the_one_that_was_looked_at(t *testing.T) {
	p := load(t, "../../packs/demo")
	d := p.Procedures["service-request"]
	for _, c := range []struct {
		lang    string
		columns int
	}{{"en", 1}, {"zh-CN", 1}, {"en", 3}, {"zh-CN", 3}} {
		got := draw.Draw(d, words(t, p, c.lang), draw.Options{Columns: c.columns}).File()
		name := filepath.Join("testdata", fmt.Sprintf("service-request.%s.%d.svg", c.lang, c.columns))
		if os.Getenv("COMITY_GOLDEN") == "write" {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs; look at the new drawing, then run the test with COMITY_GOLDEN=write", name)
		}
		if strings.Contains(got, "⟦") {
			t.Errorf("%s lacks words", name)
		}
	}
}

func Test_a_drawing_has_no_style_of_its_own_and_no_script(t *testing.T) {
	p := load(t, "../../packs/demo")
	svg := draw.Draw(p.Procedures["service-request"], words(t, p, "en"), draw.Options{Mark: "in_hand", Link: func(s string) string { return "#state-" + s }}).SVG()
	for _, bad := range []string{" style=", "<style", "<script", " onclick", "javascript:"} {
		if strings.Contains(svg, bad) {
			t.Errorf("the drawing holds %q", bad)
		}
	}
	if n := strings.Count(svg, "The case is here"); n != 1 {
		t.Errorf("%d states are marked", n)
	}
	for _, s := range p.Procedures["service-request"].States {
		if !strings.Contains(svg, `href="#state-`+s.ID+`"`) {
			t.Errorf("no link leads to %s", s.ID)
		}
	}
}

func Test_every_owner_has_a_shape_and_words_of_its_own(t *testing.T) {
	d := &procedure.Definition{ID: "p", Start: "holder", States: []procedure.State{
		{ID: "holder", Owner: "holder"}, {ID: "offered", Owner: "offered"}, {ID: "resident", Owner: "resident"},
		{ID: "outside", Owner: "outside"}, {ID: "child", Owner: "child"}, {ID: "final", Final: true},
	}}
	key := func(k string, _ ...string) string { return k }
	svg := draw.Draw(d, draw.Words{T: key, N: func(k string, _ int, _ ...string) string { return k }}, draw.Options{}).SVG()
	var seen []string
	for _, class := range []string{"office", "other", "resident", "outside", "child", "final"} {
		if !strings.Contains(svg, `<g class="state `+class+`">`) {
			t.Errorf("no state has the shape %s", class)
		}
	}
	for _, s := range d.States {
		if w := "draw.turn." + s.ID; strings.Contains(svg, ">"+w+"<") && !slices.Contains(seen, w) {
			seen = append(seen, w)
		}
	}
	if len(seen) != len(d.States) {
		t.Errorf("only %v are said", seen)
	}
}

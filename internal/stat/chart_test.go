package stat_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"comity/internal/enough"
	"comity/internal/stat"
	"comity/internal/text"
)

var monday = time.Date(2025, 1, 6, 0, 0, 0, 0, time.FixedZone("there", 8*3600))

func weeks(counts []int, least int) (out []stat.Week) {
	for i, n := range counts {
		out = append(out, stat.Week{Begins: monday.AddDate(0, 0, 7*i), Count: stat.Hide(n, least)})
	}
	return out
}

func watched(t interface{ Fatal(...any) }, counts []int, m stat.Method) stat.Chart {
	c, err := stat.Watch(weeks(counts, m.Least), m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// poisson draws a count by Knuth's product of chances, in pieces that do not underflow.
func poisson(r *rand.Rand, mean float64) (n int) {
	for ; mean > 0; mean -= 20 {
		left := math.Exp(-min(mean, 20))
		for p := r.Float64(); p > left; p *= r.Float64() {
			n++
		}
	}
	return n
}

func steady(r *rand.Rand, mean float64, n int) (out []int) {
	for range n {
		out = append(out, poisson(r, mean))
	}
	return out
}

// The chance of a false signal is promised on each side; a test has to allow for its own chance, too.
func Test_where_nothing_changes_signals_are_as_rare_as_promised(t *testing.T) {
	m := stat.Method{Back: 52, Needed: 12, Chance: 0.01, Least: 0}
	for _, mean := range []float64{0.3, 4, 15, 60, 300} {
		r := rand.New(rand.NewPCG(11, uint64(mean)))
		judged, above, below := 0, 0, 0
		for range 100 {
			for _, p := range watched(t, steady(r, mean, 70), m).Points {
				if p.Judged {
					judged++
				}
				switch p.Signal {
				case stat.Above:
					above++
				case stat.Below:
					below++
				}
			}
		}
		t.Logf("mean %v: %d weeks, %d above, %d below", mean, judged, above, below)
		if most := m.Chance * 1.5; float64(above)/float64(judged) > most || float64(below)/float64(judged) > most {
			t.Errorf("mean %v: of %d weeks %d lie above and %d below", mean, judged, above, below)
		}
		if mean > 10 && float64(above+below)/float64(judged) < m.Chance/2 {
			t.Errorf("mean %v: of %d weeks %d are signals; the limits are too wide", mean, judged, above+below)
		}
	}
}

// Weeks that scatter three times as much as Poisson's, as those of floods and pay days do.
func Test_weeks_that_scatter_more_have_wider_limits_and_not_more_signals(t *testing.T) {
	m := stat.Method{Back: 52, Needed: 26, Chance: 0.01, Least: 0}
	r := rand.New(rand.NewPCG(12, 1))
	judged, signals := 0, 0
	for range 100 {
		var counts []int
		for range 78 {
			counts = append(counts, 3*poisson(r, 20))
		}
		for _, p := range watched(t, counts, m).Points {
			if p.Judged {
				judged++
			}
			if p.Signal != stat.None {
				signals++
			}
		}
	}
	t.Logf("%d weeks, %d signals", judged, signals)
	if rate := float64(signals) / float64(judged); rate > 2*m.Chance*1.5 {
		t.Errorf("%.4f of the weeks are signals", rate)
	}
}

func Test_a_week_with_twice_as_many_cases_is_a_signal_and_so_is_one_with_a_third(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 1))
	for range 100 {
		counts := steady(r, 60, 53)
		counts[51], counts[52] = 120, 20
		c := watched(t, counts, stat.Standard)
		if a, b := c.Points[51], c.Points[52]; a.Signal != stat.Above || b.Signal != stat.Below {
			t.Fatalf("120: %+v\n20: %+v", a, b)
		}
	}
}

func Test_one_flood_does_not_hide_the_next(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 1))
	for range 100 {
		counts := steady(r, 40, 30)
		quiet := watched(t, counts, stat.Standard).Points[29]
		counts[12], counts[20] = 400, 250
		flooded := watched(t, counts, stat.Standard).Points[29]
		if flooded.High > quiet.High+quiet.High/4 || flooded.Low < quiet.Low-quiet.Low/2 {
			t.Fatalf("two floods move the limits from %d..%d to %d..%d", quiet.Low, quiet.High, flooded.Low, flooded.High)
		}
	}
}

// limit is the definition, by another formula: logarithms of the gamma function.
func limit(mean, spread, chance float64) (low, high int) {
	size := mean / (spread - 1)
	lg := func(x float64) float64 { y, _ := math.Lgamma(x); return y }
	below := 0.0
	for y := 0; ; y++ {
		p := math.Exp(lg(float64(y)+size) - lg(size) - lg(float64(y)+1) + size*math.Log(1/spread) + float64(y)*math.Log(1-1/spread))
		if below <= chance && below+p > chance {
			low = y
		}
		if below += p; 1-below <= chance {
			return low, y
		}
	}
}

func Test_the_limits_of_equal_weeks_are_the_quantiles_of_the_distribution(t *testing.T) {
	for _, mean := range []int{1, 7, 30, 200, 3000} {
		var counts []int
		for range 21 {
			counts = append(counts, mean)
		}
		p := watched(t, counts, stat.Method{Back: 20, Needed: 20, Chance: 0.01}).Points[20]
		low, high := limit(float64(mean), 1+1.0/20, 0.01)
		if p.Low != low || p.High != high || p.Expected != float64(mean) {
			t.Errorf("mean %d: %d..%d around %v, want %d..%d", mean, p.Low, p.High, p.Expected, low, high)
		}
	}
}

func Test_a_chart_does_not_depend_on_what_is_hidden_and_no_hidden_week_is_above(t *testing.T) {
	enough.Check(t, []string{"a hidden week"}, func(t *rapid.T, met func(string)) {
		a := rapid.SliceOfN(rapid.IntRange(0, 40), 1, 40).Draw(t, "counts")
		b := make([]int, len(a))
		for i, n := range a {
			b[i] = n
			if n < 10 {
				b[i] = rapid.IntRange(0, 9).Draw(t, "other")
				met("a hidden week")
			}
		}
		x, y := watched(t, a, stat.Standard), watched(t, b, stat.Standard)
		if !reflect.DeepEqual(x, y) {
			t.Fatal("two series that are published alike have different charts")
		}
		for i, p := range x.Points {
			if _, shown := p.Count.Value(); !shown && p.Signal == stat.Above || p.Judged != (i >= 12) || p.Low > p.High || p.Judged && p.High < 9 && a[i] < 10 {
				t.Fatalf("week %d is %+v", i, p)
			}
		}
	})
}

// What a hidden count really was does not turn a quiet week into a signal: the limits hold whatever it was.
func Test_limits_with_hidden_weeks_are_no_tighter_than_with_their_numbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.IntRange(6, 14), 13, 40).Draw(t, "counts")
		last := len(counts) - 1
		known := watched(t, counts, stat.Method{Back: 52, Needed: 12, Chance: 0.00135}).Points[last]
		if p := watched(t, counts, stat.Standard).Points[last]; p.Low > known.Low {
			t.Fatalf("the lower limit is %d with hidden weeks and %d with their numbers", p.Low, known.Low)
		}
	})
}

func Test_what_makes_no_series_is_refused_by_name(t *testing.T) {
	ws := weeks([]int{1, 2, 3}, 0)
	ws[2].Begins = ws[2].Begins.AddDate(0, 0, 1)
	if _, err := stat.Watch(ws, stat.Standard); err == nil || !strings.Contains(err.Error(), "2025-01-21") {
		t.Errorf("got %v", err)
	}
	if _, err := stat.Watch(weeks([]int{100_001}, 0), stat.Standard); err == nil {
		t.Error("a hundred thousand and one")
	}
	for name, spoil := range map[string]func(*stat.Method){
		"Needed": func(m *stat.Method) { m.Needed = 11 },
		"Back":   func(m *stat.Method) { m.Back = 11 },
		"Chance": func(m *stat.Method) { m.Chance = math.NaN() },
		"Least":  func(m *stat.Method) { m.Least = -1 },
	} {
		m := stat.Standard
		spoil(&m)
		if _, err := stat.Watch(nil, m); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func words(t *testing.T, lang string) stat.Words {
	t.Helper()
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	say := base.In(lang)
	return stat.Words{T: say.T, Day: func(d time.Time) string { return say.ShortDate(d, monday.Location()) }}
}

// eventful is a chart with everything a chart can have.
func eventful(t *testing.T) stat.Chart {
	t.Helper()
	counts := steady(rand.New(rand.NewPCG(15, 1)), 60, 40)
	counts[5], counts[22], counts[30], counts[36] = 4, 125, 61, 12
	return watched(t, counts, stat.Standard)
}

func Test_the_drawing_is_XML_with_a_title_and_no_style_or_script_of_its_own(t *testing.T) {
	css, err := os.ReadFile("../web/assets/comity.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "zh-CN"} {
		svg := eventful(t).SVG(words(t, lang), stat.Options{What: `<b>"leaks" & Guiyuan`, ID: "w1"})
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		for _, bad := range []string{"style", "script", "<b>", "⟦", "NaN", "Inf", "fill=", "stroke="} {
			if strings.Contains(svg, bad) {
				t.Errorf("%s: the drawing holds %q", lang, bad)
			}
		}
		for _, want := range []string{`role="img"`, `aria-labelledby="w1-title w1-desc"`, `<title id="w1-title">`, `<desc id="w1-desc">`, `class="week signal above"`, `class="week signal below"`, `class="hidden-count"`} {
			if !strings.Contains(svg, want) {
				t.Errorf("%s: the drawing lacks %s", lang, want)
			}
		}
		for _, m := range regexp.MustCompile(`<(?:path|rect|circle|text) class="([^"]+)"`).FindAllStringSubmatch(svg, -1) {
			if !strings.Contains(string(css), ".weeks ."+m[1]+" ") {
				t.Errorf("no rule of the sheet says how .weeks .%s looks", m[1])
			}
		}
	}
}

func Test_the_table_says_what_the_drawing_shows_and_the_method_is_told(t *testing.T) {
	for _, lang := range []string{"en", "zh-CN"} {
		w, c := words(t, lang), eventful(t)
		head, lines := c.Table(w)
		all := strings.Join(head, "|")
		for _, line := range lines {
			if len(line) != len(head) {
				t.Fatalf("%s: a line has %d cells and the head %d", lang, len(line), len(head))
			}
			all += "|" + strings.Join(line, "|")
		}
		all += strings.Join(c.Method.Explain(w), "|")
		if len(lines) != 40 || strings.Contains(all, "⟦") || strings.ContainsAny(all, "{}") {
			t.Errorf("%s: %s", lang, all)
		}
		if !strings.Contains(lines[17][1], "125") || lines[34][1] != stat.Few(w, 10) || lines[17][4] != w.T("stat.signal.above") {
			t.Errorf("%s: %v %v", lang, lines[17], lines[9])
		}
		for _, s := range stat.Signals {
			if strings.Contains(w.T("stat.key."+string(s)), "⟦") {
				t.Errorf("%s: no words for %s", lang, s)
			}
		}
	}
}

func Test_a_chart_without_weeks_or_with_hidden_ones_alone_is_drawn(t *testing.T) {
	for _, counts := range [][]int{nil, {1}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {99_999}} {
		svg := watched(t, counts, stat.Standard).SVG(words(t, "en"), stat.Options{})
		if strings.Contains(svg, "NaN") || !strings.HasSuffix(svg, "</svg>") {
			t.Errorf("%v: %s", counts, svg)
		}
	}
}

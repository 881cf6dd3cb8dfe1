package packaging_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// figures are the names that /metrics writes, read from where they are written.
func figures(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../internal/api/*.go")
	if err != nil {
		t.Fatal(err)
	}
	written := regexp.MustCompile("[\"`](comity_[a-z_]+)[\"`{]")
	out := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range written.FindAllStringSubmatch(string(raw), -1) {
			out[m[1]] = true
		}
	}
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		out["comity_http_request_seconds"+part] = true
	}
	if len(out) < 10 {
		t.Fatalf("only %d figures found; the test looks in the wrong place", len(out))
	}
	return out
}

var figureName = regexp.MustCompile(`\bcomity_[a-z_]+`)

func Test_every_figure_an_alert_or_a_panel_names_is_written(t *testing.T) {
	written, used := figures(t), map[string]bool{}
	for _, name := range []string{"comity.rules.yml", "comity.rules.test.yml", "grafana.json"} {
		raw, err := os.ReadFile(filepath.Join("monitoring", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, figure := range figureName.FindAllString(string(raw), -1) {
			used[figure] = true
			if !written[figure] {
				t.Errorf("%s names %s, which /metrics does not write", name, figure)
			}
		}
	}
	for figure := range written {
		if !used[figure] && !used[figure+"_bucket"] && !strings.HasPrefix(figure, "comity_http_request_seconds_") {
			t.Errorf("nobody watches %s: it is in no alert and on no panel", figure)
		}
	}
}

func Test_every_refusal_an_alert_names_is_a_kind_of_refusal(t *testing.T) {
	journal, err := os.ReadFile("../internal/journal/journal.go")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("monitoring/comity.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`event="([^"]+)"`).FindAllStringSubmatch(string(rules), -1) {
		if !strings.Contains(string(journal), `"`+m[1]+`"`) {
			t.Errorf("no refusal is called %s", m[1])
		}
	}
}

func Test_the_dashboard_is_one_that_Grafana_can_import(t *testing.T) {
	raw, err := os.ReadFile("monitoring/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Title, UID string
		Panels     []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q has a number twice, no title, no question, or stands outside", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, q := range p.Targets {
			if strings.Count(q.Expr, "(") != strings.Count(q.Expr, ")") {
				t.Errorf("panel %d: %s", p.ID, q.Expr)
			}
		}
	}
	if d.UID != "comity" || len(ids) < 10 {
		t.Errorf("%s has %d panels", d.UID, len(ids))
	}
}

func Test_promtool_finds_the_alerts_sound_and_their_examples_true(t *testing.T) {
	needs(t, "promtool")
	run(t, "promtool", "check", "rules", "monitoring/comity.rules.yml")
	run(t, "promtool", "test", "rules", "monitoring/comity.rules.test.yml")
}

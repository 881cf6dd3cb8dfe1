package pack

import (
	"strings"
	"testing"
)

const figures = `publisher: {en: The city}
licence: {en: Use freely.}
least: 10
level: street
from: 2026-01
wait_months: 1
`

func Test_figures_are_published_as_the_pack_says(t *testing.T) {
	files := home()
	files["opendata.yaml"] = figures
	p, err := loadHomeKnowing(files, memory)
	if err != nil {
		t.Fatal(err)
	}
	if p.OpenData == nil || p.OpenData.Least != 10 || p.OpenData.From != "2026-01" || p.OpenData.Wait != 1 {
		t.Errorf("read is %+v", p.OpenData)
	}
}

func Test_figures_that_would_give_somebody_away_are_refused(t *testing.T) {
	for old, now := range map[string]string{"least: 10": "least: 2", "level: street": "level: group", "from: 2026-01": "from: 2026-13", "wait_months: 1": "wait_months: -1", "publisher: {en: The city}": "publisher: {}"} {
		files := home()
		files["opendata.yaml"] = strings.Replace(figures, old, now, 1)
		if _, err := loadHomeKnowing(files, memory); err == nil || !strings.Contains(err.Error(), "opendata.yaml:") {
			t.Errorf("%s: %v", now, err)
		}
	}
}

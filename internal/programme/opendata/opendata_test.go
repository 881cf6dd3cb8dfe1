package opendata_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/programme/opendata"
	"comity/internal/programme/programmetest"
	"comity/internal/text"
)

type house struct {
	*programmetest.House
	t    *testing.T
	city *ledgertest.City
	set  func(time.Time)
	now  func() time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	d, now, set := programmetest.SQLite(t)
	p, err := ledgertest.Sound(os.DirFS("../../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, set: set, now: now, city: ledgertest.OpenPack(t, d, p)}
	if err := opendata.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	g := opendata.New(opendata.Deps{DB: d, Reader: h.city.Reader, Packs: h.city.Packs, Now: now}).Programme()
	h.House = programmetest.Open(t, programmetest.Plan{DB: d, Now: now, City: h.city, Words: base.With(p.Texts), Programmes: []programme.Programme{g}})
	return h
}

func (h *house) report(category string, unit org.UnitID, words string) ledger.Receipt {
	h.t.Helper()
	cmd, err := intake.Command(h.city.Pack, intake.Report{Category: category, Text: words, Unit: unit, Source: "web", Address: "12 Quay Road", Now: h.now(),
		Contact: casework.Contact{Name: "Mrs Li", Channel: "sms", Address: "13800001111", Lang: "en"}})
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := h.city.Ledger.Do(h.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// solve gives a case an outcome.
func (h *house) solve(r ledger.Receipt) {
	h.t.Helper()
	for _, step := range []struct {
		act    string
		fields map[string]string
	}{{"accept", nil}, {"begin", nil}, {"answer", map[string]string{"outcome": "solved", "answer": "It was mended on Tuesday."}}} {
		c, err := h.city.Reader.ByID(h.t.Context(), authz.Machine().Scope(), r.Case)
		if err != nil {
			h.t.Fatal(err)
		}
		who := authz.Staff("head", []authz.Grant{{Role: "head", Unit: c.Holder}, {Role: "officer", Unit: c.Holder}, {Role: "clerk", Unit: c.Holder}})
		if _, err := h.city.Ledger.Do(h.t.Context(), who, casework.Command{Case: r.Case, Version: c.Version, Act: step.act, Fields: step.fields}); err != nil {
			h.t.Fatal(err)
		}
	}
}

func day(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 4, 0, 0, 0, time.UTC) }

type key struct{ month, category, area, outcome string }

func (h *house) figures() map[key]int {
	h.t.Helper()
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(h.Browser().OK("/data/cases.csv"), "\ufeff"))).ReadAll()
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[key]int{}
	for _, r := range rows[1:] {
		n, err := strconv.Atoi(r[7])
		if err != nil {
			h.t.Fatal(err)
		}
		k := key{r[0], r[1], r[3], r[5]}
		if _, twice := out[k]; twice {
			h.t.Fatalf("%+v stands twice", k)
		}
		out[k] = n
	}
	return out
}

// An attacker who knows every area and outcome there is bounds each hidden count by sums and what is shown of them, until
// nothing gets narrower.
func Test_from_all_that_is_published_no_small_count_can_be_told(t *testing.T) {
	h := newHouse(t)
	p := h.city.Pack
	draw := rand.New(rand.NewPCG(1, 2))
	h.set(day(2026, 1, 5))
	truth := map[key]int{}
	for _, category := range []string{"road.pothole", "lighting.out"} {
		for i, unit := range []org.UnitID{"guiyuan-ganyuan", "guiyuan-yandu", "wangchuan-qingping", "binjiang"} {
			for range []int{23, 4, 14, 3}[i] {
				r := h.report(category, unit, "Broken.")
				outcome := "none"
				if draw.IntN(3) == 0 {
					h.solve(r)
					k, err := h.city.Reader.ByID(t.Context(), authz.Machine().Scope(), r.Case)
					if err != nil {
						t.Fatal(err)
					}
					if k.Outcome != "" {
						outcome = k.Outcome
					}
				}
				area := "none"
				if a, ok := p.AreaOf(unit); ok {
					area = string(a)
				}
				for _, a := range []string{area, "all"} {
					for _, o := range []string{outcome, "all"} {
						truth[key{"2026-01", category, a, o}]++
					}
				}
			}
		}
	}
	h.set(day(2026, 4, 2))
	shown := h.figures()
	if len(shown) == 0 {
		t.Fatal("nothing is shown")
	}
	for k, n := range shown {
		if n < p.OpenData.Least || truth[k] != n {
			t.Errorf("%+v is %d, shown as %d", k, truth[k], n)
		}
	}
	for _, category := range []string{"road.pothole", "lighting.out"} {
		attack(t, p, category, shown, truth)
	}
}

type span struct{ low, high int }

func attack(t *testing.T, p *pack.Pack, category string, shown, truth map[key]int) {
	areas, outcomes := []string{"none"}, []string{"none"}
	for _, a := range p.Areas() {
		areas = append(areas, string(a))
	}
	for _, o := range p.ProcedureFor(category).Outcomes {
		outcomes = append(outcomes, o.ID)
	}
	at := func(a, o string) key { return key{"2026-01", category, a, o} }
	known := map[key]span{}
	for _, a := range append(areas, "all") {
		for _, o := range append(outcomes, "all") {
			known[at(a, o)] = span{0, 1 << 20}
			if n, ok := shown[at(a, o)]; ok {
				known[at(a, o)] = span{n, n}
			}
		}
	}
	narrower := func(sum key, parts []key) (moved bool) {
		low, high := 0, 0
		for _, k := range parts {
			low, high = low+known[k].low, high+known[k].high
		}
		set := func(k key, s span) {
			now := span{max(known[k].low, s.low), min(known[k].high, s.high)}
			moved = moved || now != known[k]
			known[k] = now
		}
		set(sum, span{low, high})
		for _, k := range parts {
			set(k, span{known[sum].low - (high - known[k].high), known[sum].high - (low - known[k].low)})
		}
		return moved
	}
	for moved := true; moved; {
		moved = false
		for _, a := range append(areas, "all") {
			var parts []key
			for _, o := range outcomes {
				parts = append(parts, at(a, o))
			}
			moved = narrower(at(a, "all"), parts) || moved
		}
		for _, o := range append(outcomes, "all") {
			var parts []key
			for _, a := range areas {
				parts = append(parts, at(a, o))
			}
			moved = narrower(at("all", o), parts) || moved
		}
	}
	hidden := 0
	for k, s := range known {
		if truth[k] >= p.OpenData.Least {
			continue
		}
		hidden++
		if s.low > 0 || s.high < p.OpenData.Least-1 {
			t.Errorf("%+v is %d, and a reader knows that it is %d to %d", k, truth[k], s.low, s.high)
		}
	}
	if hidden == 0 {
		t.Error("there was nothing to find out")
	}
}

func Test_a_month_is_published_when_its_time_has_come_and_never_changes(t *testing.T) {
	h := newHouse(t)
	h.set(day(2026, 1, 31))
	var last ledger.Receipt
	for i := range 12 {
		last = h.report("road.pothole", "guiyuan-ganyuan", fmt.Sprint("Hole ", i))
	}
	h.set(day(2026, 3, 30))
	if got := h.figures(); len(got) != 0 {
		t.Errorf("published too early: %v", got)
	}
	h.set(day(2026, 4, 1))
	before := h.figures()
	if before[key{"2026-01", "road.pothole", "all", "all"}] != 12 || len(before) != 1 /* with the area beside the sum, the other areas could be told */ {
		t.Errorf("published is %v", before)
	}
	h.solve(last) // one outcome more; another version of the month would tell which
	h.set(day(2026, 9, 1))
	after := h.figures()
	for k, n := range after {
		if before[k] != n {
			t.Errorf("%+v was %d and is %d", k, before[k], n)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d figures were %d", len(after), len(before))
	}
}

func Test_cases_about_people_are_not_counted_at_all(t *testing.T) {
	h := newHouse(t)
	for _, c := range h.city.Pack.Counted() {
		if d := h.city.Pack.ProcedureFor(c.ID); d.Heading != "title" || d.Compartment != "civic" {
			t.Errorf("%s of %s is counted", c.ID, d.ID)
		}
	}
	h.set(day(2026, 4, 1))
	var dictionary struct {
		Fields []struct {
			Name   string
			Values map[string]string
		}
	}
	if err := json.Unmarshal([]byte(h.Browser().OK("/data/dictionary.json")), &dictionary); err != nil {
		t.Fatal(err)
	}
	if len(dictionary.Fields) != 8 || dictionary.Fields[1].Values["road.pothole"] == "" {
		t.Errorf("the dictionary is %+v", dictionary)
	}
}

func Test_the_page_and_its_files_stand_in_both_languages(t *testing.T) {
	h := newHouse(t)
	h.set(day(2026, 1, 5))
	b := h.Browser()
	h.set(day(2025, 1, 5))
	programmetest.Holds(t, b.OK("/data"), "Nothing is published yet.")
	h.set(day(2026, 1, 5))
	for i := range 12 {
		h.report("road.pothole", "guiyuan-ganyuan", fmt.Sprint("Hole ", i))
	}
	h.set(day(2026, 4, 1))
	programmetest.Holds(t, b.OK("/data"), "1/2026", ">12<", `href="/data/cases.csv"`)
	programmetest.Holds(t, b.OK("/data?lang=zh-CN"), "开放数据", "2026年1月")
	programmetest.Holds(t, b.OK("/"), `href="/data"`)
	var catalog map[string]any
	if err := json.Unmarshal([]byte(b.OK("/data/catalog.jsonld")), &catalog); err != nil || catalog["@type"] != "dcat:Catalog" {
		t.Errorf("%v, %v", catalog, err)
	}
}

func Test_the_feed_is_valid_and_shows_what_the_pack_shows(t *testing.T) {
	h := newHouse(t)
	h.set(day(2026, 3, 2))
	h.report("road.pothole", "guiyuan-ganyuan", "A hole <b>with</b> \"edges\" & water in it.")
	h.report("noise.night", "guiyuan-ganyuan", "The neighbour of Mrs Wang sings.")
	h.report("hazard.gas", "guiyuan-ganyuan", "It smells of gas.")
	h.set(day(2026, 3, 3))
	b := h.Browser()
	answer, err := b.HTTP.Get(b.Base + "/data/requests.atom")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	whole, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	raw := string(whole)
	var f struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		ID      string   `xml:"id"`
		Title   string   `xml:"title"`
		Updated string   `xml:"updated"`
		Author  struct {
			Name string `xml:"name"`
		} `xml:"author"`
		Entry []struct {
			ID      string `xml:"id"`
			Title   string `xml:"title"`
			Updated string `xml:"updated"`
			Summary string `xml:"summary"`
			Link    []struct {
				Rel  string `xml:"rel,attr"`
				Href string `xml:"href,attr"`
			} `xml:"link"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal([]byte(raw), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Entry) != 2 || f.Title == "" || f.Author.Name == "" {
		t.Fatalf("the feed is %+v", f)
	}
	for _, e := range f.Entry {
		if u, err := url.Parse(e.ID); err != nil || !u.IsAbs() || e.Title == "" || len(e.Link) == 0 || e.Link[0].Rel != "alternate" {
			t.Errorf("an entry lacks what it has to have: %+v", e)
		}
	}
	for _, at := range []string{f.Updated, f.Entry[0].Updated, f.Entry[1].Updated} {
		if _, err := time.Parse(time.RFC3339, at); err != nil {
			t.Error(err)
		}
	}
	programmetest.Holds(t, f.Entry[0].Summary+f.Entry[1].Summary, `A hole <b>with</b> "edges" & water`)
	programmetest.Lacks(t, raw, "Mrs Li", "13800001111", "Mrs Wang", "gas")
}

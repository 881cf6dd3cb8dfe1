package portal

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/draw"
	"comity/internal/pack"
)

func Test_every_procedure_is_listed_and_led_to_from_the_foot_of_every_page(t *testing.T) {
	c := newCity(t)
	c.holds(c.get("/"), `href="/law"`)
	for _, a := range c.both("/law") {
		for id := range c.pack.Procedures {
			c.holds(a, `href="/law/`+id+`"`)
		}
	}
	if a := c.get("/law/no-such"); a.Code != http.StatusNotFound {
		t.Errorf("a procedure that is not there: %d", a.Code)
	}
}

func Test_the_page_of_a_procedure_tells_every_state_act_term_and_article(t *testing.T) {
	c := newCity(t)
	d := c.pack.Procedures["service-request"]
	for lang, a := range c.both("/law/service-request") {
		words := c.pack.Texts[lang]
		for _, s := range d.States {
			c.holds(a, `id="state-`+s.ID+`"`, words["state.service-request."+s.ID+".now"])
		}
		for _, act := range d.Acts {
			c.holds(a, "<b>"+words["act.service-request."+act.ID]+"</b>")
		}
		for _, k := range d.Clocks {
			c.holds(a, `id="term-`+k.ID+`"`)
		}
		for _, n := range []string{"2", "5", "6", "7", "8", "9", "10", "11", "12"} {
			c.holds(a, `id="law-LJ-SR-`+n+`"`, words["law.LJ-SR.article."+n])
		}
		if n := strings.Count(a.Body, `<svg xmlns="http://www.w3.org/2000/svg" class="law"`); n != 2 {
			t.Errorf("%d drawings in %s, want one for phones and one for screens", n, lang)
		}
	}
	en := c.get("/law/service-request?lang=en")
	c.holds(en, "5 working days", "Stands still in", "Waiting for the resident", "2 times, by 10 working days in all",
		"moves to the next working day", "Manhole cover missing or loose", "1 working day", "The office that has it (Clerk, Officer, Head of unit)", "The clock does it by itself",
		"In force since Wednesday 1 January 2025")
	c.lacks(en, "The case is here", "The longest lawful road")
}

// Article 10 comes after article 9, and each tells what comes from it.
func Test_articles_stand_in_the_order_of_their_numbers_with_the_rules_that_come_from_them(t *testing.T) {
	c := newCity(t)
	a := c.get("/law/service-request?lang=en")
	from := strings.Index(a.Body, `id="law-LJ-SR-9"`)
	to := strings.Index(a.Body, `id="law-LJ-SR-10"`)
	if from < 0 || to < from {
		t.Fatalf("article 9 at %d, article 10 at %d", from, to)
	}
	for _, rule := range []string{"Act: Ask the resident", "Act: No reply; work goes on", "Term: Please reply by: 5 working days"} {
		if !strings.Contains(a.Body[from:to], "<li>"+rule+"</li>") {
			t.Errorf("article 9 does not tell of %q:\n%s", rule, a.Body[from:to])
		}
	}
}

func Test_a_resident_sees_where_the_case_is_and_what_comes_next_by_when(t *testing.T) {
	c := newCity(t)
	c.set(time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC))
	code := c.file(lamp())
	c.holds(c.get("/f/"+code), `href="/f/`+code+`/law"`)
	here := func(a answer) []string {
		var out []string
		for _, m := range regexp.MustCompile(`class="lawstate is" id="state-([a-z_]+)"`).FindAllStringSubmatch(a.Body, -1) {
			out = append(out, m[1])
		}
		return out
	}
	a := c.both("/f/" + code + "/law")["en"]
	if at := here(a); len(at) != 1 || at[0] != "received" {
		t.Errorf("the case is shown in %v", at)
	}
	c.holds(a, `<g class="state office marked">`, "By Tuesday 3 March 2026 at the latest", "If nothing happens before: Monday 9 March 2026", `name="robots" content="noindex`)
	next := a.Body[strings.Index(a.Body, `id="next"`):strings.Index(a.Body, `id="map"`)]
	for _, want := range []string{"Accept", "Withdraw", "Raised by the clock", `href="#state-accepted"`} {
		if !strings.Contains(next, want) {
			t.Errorf("what comes next lacks %q:\n%s", want, next)
		}
	}
	if strings.Contains(next, "Contest the answer") || strings.Contains(next, "Still not answered") {
		t.Errorf("what comes next holds what cannot:\n%s", next)
	}
	c.staff(code, "accept", nil)
	if at := here(c.get("/f/" + code + "/law")); len(at) != 1 || at[0] != "accepted" {
		t.Errorf("after it was accepted the case is shown in %v", at)
	}
	if a := c.get("/f/NOT-A-CODE/law"); a.Code != http.StatusNotFound {
		t.Errorf("a wrong code: %d", a.Code)
	}
}

func Test_a_case_that_has_ended_has_nothing_next(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	page := c.get("/f/" + code + "/do/withdraw")
	if a := c.post("/f/"+code+"/do/withdraw", fields(page.Body)); a.Code != http.StatusSeeOther {
		t.Fatalf("withdrawing: %d\n%s", a.Code, a.Body)
	}
	c.holds(c.get("/f/"+code+"/law?lang=en"), "Nothing more. It has come to its end.", `<g class="state final marked">`)
}

func Test_a_longest_road_is_shown_once_somebody_has_measured_it(t *testing.T) {
	c := newCity(t)
	page := c.site.Page(newRequest("/law/service-request?lang=en"), "portal.law.title")
	var b strings.Builder
	road := []lawRoad{{Name: "To the first answer", Total: "15 working days", Steps: []lawRoadStep{{Name: "Extend", State: "In hand", After: "5 working days", Law: &lawRef{ID: "law-LJ-SR-8", Name: "the Rules"}}}}}
	if err := lawRoadOf(page, road).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The longest lawful road", "15 working days", `href="#law-LJ-SR-8"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the road lacks %q: %s", want, b.String())
		}
	}
}

func Test_every_pack_of_the_house_can_be_told(t *testing.T) {
	c := newCity(t)
	for _, dir := range []string{"cn-changsha", "us-boston-311", "us-nyc-311"} {
		pk, err := pack.Load(os.DirFS("../../packs/" + dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, lang := range pk.Langs {
			for id, d := range pk.Procedures {
				page := c.site.Page(newRequest("/law/"+id+"?lang="+lang), "portal.law.title")
				page.Speaker = c.site.Text.With(pk.Texts).In(lang)
				teller := lawTeller{page: page, d: d, phases: pk.Phases[id], laws: pk.Laws}
				var b strings.Builder
				if err := lawBody(page, teller.view("", nil)).Render(t.Context(), &b); err != nil {
					t.Fatal(err)
				}
				if m := regexp.MustCompile(`⟦[^⟧]*⟧`).FindString(b.String()); m != "" {
					t.Errorf("%s %s in %s: missing words %s", dir, id, lang, m)
				}
			}
		}
	}
}

func Test_the_sheet_of_the_pages_holds_the_rules_of_the_drawing_word_for_word(t *testing.T) {
	css, err := os.ReadFile("../web/assets/comity.css")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(css), draw.CSS) {
		t.Error("comity.css differs from internal/draw/draw.css; copy the rules of .law over")
	}
}

func newRequest(path string) *http.Request { return httptest.NewRequest("GET", path, nil) }

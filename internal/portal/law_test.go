package portal

import (
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/draw"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/worktime"
	"comity/packs"
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
	c.lacks(en, "The case is here")
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

func Test_the_longest_lawful_road_is_told_stop_by_stop(t *testing.T) {
	c := newCity(t)
	road := c.pack.Reports["service-request"].Road
	if !road.Ordinary.Known || len(road.Ordinary.ToFirst) == 0 {
		t.Fatalf("the checker found no road: %+v", road)
	}
	for lang, a := range c.both("/law/service-request") {
		say := c.site.Text.In(lang)
		c.holds(a, say.T("portal.law.road"), "<b>"+say.N("portal.law.road.days", road.Ordinary.First)+"</b>", "<b>"+say.N("portal.law.road.days", road.Ordinary.Final)+"</b>")
		from := strings.Index(a.Body, `id="road"`)
		if n := strings.Count(a.Body[from:strings.Index(a.Body, `id="list"`)], "<li>"); n != len(road.Ordinary.ToFirst)+len(road.Ordinary.ToFinal) {
			t.Errorf("%d stops are told of %d", n, len(road.Ordinary.ToFirst)+len(road.Ordinary.ToFinal))
		}
	}
}

func Test_a_road_that_is_longer_in_a_dispute_or_by_repetition_says_so(t *testing.T) {
	c := newCity(t)
	page := c.site.Page(newRequest("/law/service-request?lang=en"), "portal.law.title")
	teller := lawTeller{page: page, d: c.pack.Procedures["service-request"], pk: c.pack}
	road := procedure.Road{
		Ordinary: procedure.Length{Known: true, First: 5, Final: 20}, Worst: procedure.Length{Known: true, First: 9, Final: 20}, Repeats: []string{"ask"},
	}
	roads := teller.roads(road)
	if len(roads) != 2 || len(roads[0].Notes) != 2 || len(roads[1].Notes) != 1 || !strings.Contains(roads[0].Notes[0], "9 days") || !strings.Contains(roads[1].Notes[0], "Ask the resident") {
		t.Errorf("%+v", roads)
	}
	road.Ordinary.Known = false
	if got := teller.roads(road); got != nil {
		t.Errorf("a road nobody found is told as %+v", got)
	}
}

func Test_every_pack_of_the_house_can_be_told(t *testing.T) {
	c := newCity(t)
	for _, dir := range []string{"cn-changsha", "us-boston-311", "us-nyc-311"} {
		var searched pack.Memory
		if err := searched.Learn(packs.Searched); err != nil {
			t.Fatal(err)
		}
		pk, err := pack.LoadFrom(os.DirFS("../../packs"), dir, &searched)
		if err != nil {
			t.Fatal(err)
		}
		for _, lang := range pk.Langs {
			for id, d := range pk.Procedures {
				page := c.site.Page(newRequest("/law/"+id+"?lang="+lang), "portal.law.title")
				page.Speaker = c.site.Text.With(pk.Texts).In(lang)
				teller := lawTeller{page: page, d: d, pk: pk}
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

// tell renders a procedure that no pack has, with its keys as words where it has none.
func (c *city) tell(d *procedure.Definition, words map[string]string) string {
	c.t.Helper()
	page := c.site.Page(newRequest("/law/x?lang=en"), "portal.law.title")
	page.Speaker = c.site.Text.With(map[string]map[string]string{"en": words}).In("en")
	var b strings.Builder
	teller := lawTeller{page: page, d: d, pk: &pack.Pack{Laws: []string{"XF"}, LawDates: map[string]pack.LawDates{"XF": {Since: "2022-05-01", Verified: "2026-11-25"}}}}
	if err := lawBody(page, teller.view("", nil)).Render(c.t.Context(), &b); err != nil {
		c.t.Fatal(err)
	}
	return html.UnescapeString(b.String())
}

func Test_guards_links_papers_facts_and_limits_are_told_in_words(t *testing.T) {
	c := newCity(t)
	rule := procedure.Law{ID: "XF", Article: "34"}
	d := &procedure.Definition{
		ID: "x", Start: "open", Law: rule,
		States: []procedure.State{{ID: "open", Owner: procedure.OwnerChild, Law: rule}, {ID: "done", Final: true}},
		Acts: []procedure.Act{{
			ID: "decide", Event: "decided", From: []string{"open"}, To: "done", By: []string{"officer"}, Law: rule,
			When: procedure.Guard{Src: "top", Root: &procedure.Node{Op: procedure.OpTop}}, Sets: []procedure.Setting{{Fact: "class", Value: "A"}},
			Spawn: []string{"review"}, Recall: true, NotBy: []string{"lapse"}, Behalf: []string{"clerk"}, Proof: true, Remedy: "late", Documents: []string{"opinion"},
			Effects: []procedure.Effect{procedure.Seal},
		}, {ID: "lapse", Event: "lapsed", From: []string{"open"}, To: "done", By: []string{procedure.BySystem}, Remedy: procedure.RemedyNone}},
		Clocks: []procedure.Clock{
			{ID: "late", Start: []string{"decided"}, Until: "day", Expire: "lapse", TimeBar: true, Alerts: []int{10}},
			{ID: "held", Start: []string{"decided"}, From: "day", Rule: worktime.Rule{N: 60, Unit: worktime.CalendarDays}, Pause: []string{"open"}, PauseLaw: procedure.Law{ID: "XF", Article: "36"}, Expire: "lapse"},
		},
		Facts:     []procedure.Fact{{ID: "class", Values: []string{"A"}}},
		Links:     []procedure.Link{{ID: "review", Kind: procedure.Child, Procedure: "y"}},
		Documents: []procedure.Document{{ID: "opinion", Law: rule}},
		Retention: procedure.Retention{Years: 10, Law: rule},
	}
	words := map[string]string{
		"law.XF": "The Ordinance", "law.XF.short": "The Ordinance", "law.XF.article.34": "Sixty days.", "law.XF.article.36": "A hearing stops the clock.", "procedure.x": "Procedure X", "procedure.y": "Review above", "phase.x.": "All", "state.x.open": "Open", "state.x.done": "Done", "state.x.open.now": "It is open.", "state.x.done.now": "It is over.",
		"act.x.decide": "Decide", "act.x.lapse": "Lapse", "event.x.decided": "Decided", "event.x.lapsed": "Lapsed", "clock.x.late": "Late", "clock.x.held": "Held", "when.x.decide": "Only the top unit decides.",
		"fact.x.class": "Class", "fact.x.class.A": "Quarrel", "link.x.review": "to look again", "document.x.opinion": "Opinion", "field.x.decide.day": "Day served",
	}
	page := c.tell(d, words)
	if m := regexp.MustCompile(`⟦[^⟧]*⟧`).FindString(page); m != "" {
		t.Errorf("missing words %s", m)
	}
	for _, want := range []string{
		"If it cannot be done: Only the top unit decides.", "Settles: Class: Quarrel", "to look again (Review above)", "Opens another case and waits for it", "ends the cases opened for it",
		"Not by whoever did: Lapse", "from a signed paper", "Paper made: Opinion", "from now on only the unit that has it can read it", "proves that the resident has the paper",
		"Can be challenged within: Late", "the law makes this the last word", "Ends on the date in", "Day served", "Counted from the date in", "60 days", "Open (The Ordinance, article 36)",
		"the right is lost", "10 days before", "What decides which way it goes", "kept for 10 years", "State: Open", "Standing still: Held", "Paper: Opinion", "How long the file is kept", `id="law-XF-36"`, "In force since Sunday 1 May 2022", "compared with the published ones on Wednesday 25 November 2026",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page[strings.Index(page, `id="list"`):])
		}
	}
}

// A new effect, owner or unit of time in the kernel needs words here, too.
func Test_everything_the_kernel_can_do_has_words_in_both_languages(t *testing.T) {
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, e := range procedure.Effects {
		keys = append(keys, "portal.law.effect."+string(e))
	}
	for _, o := range procedure.Owners {
		keys = append(keys, "draw.turn."+string(o))
	}
	for _, o := range procedure.Ofs {
		keys = append(keys, "portal.law.who."+string(o), "portal.law.told."+string(o))
	}
	for _, by := range []string{procedure.BySystem, procedure.ByResident, procedure.ByParent, procedure.ByChild} {
		keys = append(keys, "portal.law.who."+by)
	}
	for _, u := range []worktime.Unit{worktime.WorkingDays, worktime.CalendarDays, worktime.Hours, worktime.Minutes} {
		keys = append(keys, "draw.term."+string(u)+".other")
	}
	for _, lang := range base.Languages() {
		for _, k := range keys {
			if !base.In(lang).Has(k) {
				t.Errorf("%s has no words in %s", k, lang)
			}
		}
	}
}

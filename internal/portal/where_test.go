package portal

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
)

var (
	picked = regexp.MustCompile(`class="pick" href="([^"]*)"`)
	chosen = regexp.MustCompile(`<input[^>]* name="([^"]*)" value="([^"]*)"[^>]* checked`)
	goOn   = regexp.MustCompile(`class="btn prime no-print" href="(/report[^"]*)"`)
)

func Test_the_guide_leads_by_plain_links_to_a_door_that_says_what_one_needs_to_know(t *testing.T) {
	c := newCity(t)
	first := c.get("/where?lang=en")
	c.holds(first, "Is anybody in danger now", `href="tel:110"`, "Question 1 of at most 6", `href="/where?a=danger"`, `href="/where?a=safe"`, `href="/where/police"`)
	if strings.Contains(first.Body, "<form action=\"/where") || len(first.Head.Values("Set-Cookie")) > 1 {
		t.Errorf("the guide keeps something: %v", first.Head.Values("Set-Cookie"))
	}
	for path, want := range map[string][]string{
		"/where?a=danger":                            {"Call for help now", `href="tel:110"`, `href="tel:119"`, `href="tel:120"`},
		"/where?a=safe,home,leak,flat,new":           {"People's mediation", "What it costs", "How long it takes", "What to bring", "Sue in court", `href="/report?where=safe,home,leak,flat,new&door=mediation"`, "Mediation Law"},
		"/where?a=safe,home,leak,flat,pending":       {"Ask the body that has the case", "case number"},
		"/where?a=safe,work,pay,employed,arbitrate":  {"Labour arbitration", "within one year", "45 days", "3 Embankment Street", `href="tel:12333"`},
		"/where?a=safe,home,land,contract,arbitrate": {"Arbitration of contracted rural land", "two years", "60 days"},
		"/where?a=safe,money,fraud":                  {"Report it to the police station"},
		"/where?a=safe,law,lawyer":                   {"Legal aid", "12348"},
		"/where?a=safe,office,request":               {"Petition: ask for a matter to be solved", "/law/petition"},
		"/where?a=safe,voice,suggestion":             {"Make a suggestion"},
		"/where?a=safe,office,decision,months":       {"administrative lawsuit", "6 months"},
		"/where?a=safe,family,status":                {"Sue in court", "8 Culture Road"},
		"/where?a=safe,public":                       {"Report it to the city", `door=service`},
		"/where/petition-other?a=safe":               {"write it down", `href="/where?a=safe"`},
	} {
		a := c.get(path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=en")
		c.holds(a, want...)
	}
	c.holds(c.get("/where?a=safe,home&lang=zh-CN"), "具体是什么事", "第3问")
	c.holds(c.get("/where?a=safe,gone,more&lang=en"), "no longer exists", "What is it about?")
	if a := c.get("/where/nowhere"); a.Code != http.StatusNotFound {
		t.Errorf("a door that does not exist: %d", a.Code)
	}
	c.holds(c.get("/?lang=en"), `href="/where"`, "Not sure where to go?")
	c.holds(c.get("/report?lang=en"), `href="/where"`)
}

func Test_one_question_back_keeps_the_answers_before_it(t *testing.T) {
	c := newCity(t)
	a := c.get("/where?a=safe,home,leak&lang=en")
	c.holds(a, "Where does the water come from?", `href="/where?a=safe,home"`, "A leak or damp", "Neighbours, housing", `href="/where?a=safe"`)
	a = c.get("/where?a=safe,home,leak,flat,new&lang=en")
	c.holds(a, `href="/where?a=safe,home,leak,flat"`, `href="/where?a=safe,home,leak"`)
	// A door that stays open beside another leads back to it.
	c.holds(c.get("/where/court?a=safe,home,leak,flat,new&lang=en"), `href="/where?a=safe,home,leak,flat,new"`)
}

func Test_the_answers_fill_the_report_in_and_everything_can_still_be_changed(t *testing.T) {
	c := newCity(t)
	a := c.get("/report?where=safe,home,leak,flat,new&door=mediation&lang=en")
	c.holds(a, "We filled in what your answers say", `href="/where/mediation?a=safe,home,leak,flat,new"`, "Water from a neighbour's flat damages mine.", "Who the other side is:")
	v := url.Values{"unit": {"guiyuan-ganyuan"}, "who": {"phone"}, "phone": {"138 0000 2075"}, "do": {"check"}}
	for _, m := range chosen.FindAllStringSubmatch(a.Body, -1) {
		if m[1] == "category" || strings.HasPrefix(m[1], "in.") {
			v.Set(m[1], m[2])
		}
	}
	v.Set("text", regexp.MustCompile(`(?s)<textarea[^>]* name="text"[^>]*>(.*?)</textarea>`).FindStringSubmatch(a.Body)[1])
	k := c.caseOf(c.file(v)) // sent just as it was filled in
	d, _ := c.pack.Explorer.Door("mediation")
	if c.pack.ProcedureFor(k.Category) != c.pack.ProcedureFor(d.Category) || !strings.HasPrefix(k.Text, "Water from a neighbour") || k.Intake["elsewhere"] != "none" {
		t.Errorf("the case is %s %q %v", k.Category, k.Text, k.Intake)
	}
	for _, odd := range []string{"/report?door=nowhere", "/report?door=court", "/report?where=%ff&door=", "/report?where=safe,gone&door=mediation", "/report?door=_"} {
		if b := c.get(odd); b.Code != http.StatusOK && b.Code != http.StatusBadRequest {
			t.Errorf("%s answered %d", odd, b.Code)
		}
	}
	if b := c.get("/report?door=court&lang=en"); strings.Contains(b.Body, "We filled in") {
		t.Error("a door of another body fills a report in")
	}
}

func Test_who_follows_any_links_of_the_guide_comes_to_a_door_and_nothing_is_stored_or_logged(t *testing.T) {
	var store *db.DB
	c := cityOf(t, func(d *db.DB) *ledgertest.City { store = d; return ledgertest.Open(t, d, "../../packs/demo") })
	var said bytes.Buffer
	c.site.Log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store.InterceptCommit(func(commit func() error) error {
		t.Error("the guide writes into the database")
		return commit()
	})
	dice := rand.New(rand.NewPCG(8, 29))
	for range 60 {
		lang := []string{"en", "zh-CN"}[dice.IntN(2)]
		at, asked := "/where", 0
		for {
			a := c.get(at + map[bool]string{true: "&", false: "?"}[strings.Contains(at, "?")] + "lang=" + lang)
			if a.Code != http.StatusOK {
				t.Fatalf("%s answered %d", at, a.Code)
			}
			ways := picked.FindAllStringSubmatch(a.Body, -1)
			if len(ways) == 0 {
				if m := goOn.FindStringSubmatch(a.Body); m != nil {
					c.holds(c.get(m[1]+"&lang="+lang), "data-draft")
				}
				break
			}
			if asked++; asked > c.pack.Explorer.Graph.Most {
				t.Fatalf("%s is question %d", at, asked)
			}
			at = ways[dice.IntN(len(ways))][1]
		}
	}
	if strings.Contains(said.String(), "safe,") {
		t.Errorf("answers are in the log: %s", said.String())
	}
}

func Test_a_shared_device_asks_without_answers_in_its_addresses_and_forgets_them(t *testing.T) {
	c := newCity(t)
	c.site.Kiosk = 2 * time.Minute
	d := &device{c: c, held: map[string]string{}}
	d.post("/kiosk", nil)
	d.get("/?lang=en")
	d.seen = nil
	c.holds(d.get("/where"), "Is anybody in danger", `class="picks big"`)
	c.holds(d.get("/where?a=safe,family,violence"), "What do you need most now?", "End")
	c.holds(d.get("/where"), "What do you need most now?") // the same page again
	c.holds(d.get("/where/women?a=safe,family,violence"), "Helpline and shelter")
	a := d.get("/where?a=safe,home,leak,flat,new")
	c.holds(a, "People's mediation", `href="/report?door=_"`)
	a = d.get("/report?door=_")
	c.holds(a, "Water from a neighbour's flat", `href="/where"`)
	c.holds(d.get("/where/aid?a=safe"), "12348.gov.cn")
	if a = d.get("/where/aid?a=safe"); strings.Contains(a.Body, `href="https://`) {
		t.Error("a shared device can be led away")
	}
	for _, address := range d.seen {
		if strings.Contains(address, "safe") || strings.Contains(address, "women") || strings.Contains(address, "mediation") {
			t.Errorf("the list of visited pages tells what was asked: %s", address)
		}
	}
	if a := d.get("/where/nowhere"); a.Code != http.StatusNotFound {
		t.Errorf("a door that does not exist: %d", a.Code)
	}
	c.holds(d.get("/where"), "Legal aid") // and the guide still stands where it stood
	d.post("/kiosk/end", nil)
	c.holds(d.get("/where?lang=en"), "Is anybody in danger")
	if a = d.get("/report?door=_&lang=en"); strings.Contains(a.Body, "We filled in") {
		t.Error("the next person finds the answers of the last")
	}
	r := httptest.NewRequest("GET", "/where", nil)
	r.AddCookie(&http.Cookie{Name: "kiosk", Value: "on"})
	r.AddCookie(&http.Cookie{Name: guideCookie, Value: "a=gone,%zz&door=nowhere"})
	c.holds(c.send(r), "现在有人有危险")
}

func Test_a_city_without_a_guide_has_none(t *testing.T) {
	c := newCity(t)
	pk := *c.pack
	pk.Explorer = nil
	c.portal.Packs = pack.NewRegistry(&pk)
	if a := c.get("/where"); a.Code != http.StatusNotFound {
		t.Errorf("it answers %d", a.Code)
	}
	if a := c.get("/report?door=mediation&lang=en"); a.Code != http.StatusOK || strings.Contains(a.Body, "/where") {
		t.Errorf("the report: %d", a.Code)
	}
	if a := c.get("/?lang=en"); strings.Contains(a.Body, "/where") {
		t.Error("the start page leads to it")
	}
}

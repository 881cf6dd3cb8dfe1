package desk_test

import (
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/intake"
	"comity/internal/ledger/ledgertest"
	"comity/internal/procedure"
)

// search is the list of what was typed.
func (b *browser) search(text string) string {
	b.t.Helper()
	return b.ok("/desk/cases?" + url.Values{"q": {text}}.Encode())
}

// box is what stands in the search box.
func box(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`(?s)id="list-q"[^>]* value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("the page has no search box")
	}
	return html.UnescapeString(m[1])
}

// listed are the numbers of the cases in a list, sorted.
func listed(page string) (out []string) {
	for _, m := range regexp.MustCompile(`name="id" value="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return out
}

func Test_words_of_both_languages_are_found_and_marked_and_another_unit_finds_nothing(t *testing.T) {
	c := newCity(t)
	lamp := string(c.report("丁王台路灯坏了，the Street lamps are out").Ref)
	c.report("井盖丢失 near the school")
	b := c.as("guiyuan-clerk")
	for text, mark := range map[string]string{"路灯": "<mark>路灯</mark>", "王台路": "<mark>王台路</mark>", "LAMP": "<mark>lamps</mark>", "路灯 street": "<mark>Street</mark>", `"street lamps"`: "<mark>Street lamps</mark>",
		"灯坏 -井盖": "<mark>灯坏</mark>", "路灯 经办人：无": "<mark>路灯</mark>", "桂园路": "<mark>桂园路</mark>"} {
		page := b.search(text)
		has(t, page, mark)
		has(t, page, lamp)
		if text != "桂园路" && len(listed(page)) != 1 {
			t.Errorf("%q lists %v", text, listed(page))
		}
		hasNot(t, c.as("donghu-head").search(text), lamp)
	}
	for _, text := range []string{"路灯 -street", "路坏", `"lamps street"`, "路灯 井盖"} {
		has(t, b.search(text), "Nothing was found")
	}
	page := b.search("路灯")
	hasNot(t, page, `role="search" action="/desk/cases" class="find`)
	if n := strings.Count(page, `data-key="/"`); n != 1 {
		t.Errorf("%d fields take the key /", n)
	}
	if got := box(t, page); got != "路灯" {
		t.Errorf("the box shows %q", got)
	}
}

func Test_a_sealed_or_veiled_case_is_never_found_nor_marked_by_its_words(t *testing.T) {
	c := cityOf(t, func(d *db.DB) *ledgertest.City {
		p := *ledgertest.Petitions(t, "../../packs/demo")
		p.Procedures = maps.Clone(p.Procedures)
		plea := *p.Procedures["plea"]
		plea.Heading = procedure.HeadingCategory
		p.Procedures["plea"] = &plea
		return ledgertest.OpenPack(t, d, &p)
	})
	r := c.petition("A", "quinceblossom was said to nobody else")
	sealed := c.petition("B", "quinceblossom sealed")
	b := c.as("guiyuan-head")
	page := b.ok("/desk/cases?view=open")
	has(t, page, string(r.Ref))
	for _, text := range []string{"quinceblossom", "quinceblossom is:open", "-nothing quinceblossom"} {
		page = b.search(text)
		hasNot(t, page, string(r.Ref))
		hasNot(t, page, string(sealed.Ref))
		hasNot(t, page, "<mark>")
	}
	page = b.search(string(r.Ref)) // by its number it is found, and tells no more than any list
	has(t, page, string(r.Ref))
	hasNot(t, page, "<mark>")
	hasNot(t, page, "found in the text")
}

func Test_what_cannot_be_read_is_told_with_what_was_meant_and_the_rest_applies(t *testing.T) {
	c := newCity(t)
	c.report("The lamp is out.")
	c.report("The pavement is broken.")
	b := c.as("guiyuan-clerk")
	page := b.search("lamp stat:received")
	has(t, page, "“stat” is not something to filter by")
	has(t, page, "Did you mean state?")
	if got := box(t, page); got != "lamp stat:received" || len(listed(page)) != 1 {
		t.Errorf("the box shows %q over %v", got, listed(page))
	}
	fix := regexp.MustCompile(`href="([^"]+)">Did you mean`).FindStringSubmatch(page)
	if page = b.ok(html.UnescapeString(fix[1])); box(t, page) != "lamp state:received" || len(listed(page)) != 1 {
		t.Errorf("the way out leads to %q over %v", box(t, page), listed(page))
	}
	hasNot(t, page, "was left out")
	page = b.search("state:closd")
	has(t, page, "Stage has no “closd”")
	if len(listed(page)) != 0 {
		t.Errorf("a query of nothing but a slip lists %v", listed(page))
	}
	for _, text := range []string{"due<soon", "is:overdue,open", "state:", `"lamp`, "<script>alert(1)</script>:x", "unit:donghu"} {
		if page := b.search(text); !strings.Contains(page, "left out") && !strings.Contains(page, "not closed") && !strings.Contains(page, "Nothing was found") || strings.Contains(page, "<script>alert") {
			t.Errorf("%q: nothing is told", text)
		}
	}
	has(t, b.search("unit:donghu lamp"), "Unit has no “donghu”") // one outside the scope does not exist
}

func Test_filters_of_the_form_stand_in_the_box_and_read_from_there_list_the_same(t *testing.T) {
	c := newCity(t)
	for range 3 {
		c.report("The lamp is out.")
	}
	c.set(c.now().Add(26 * time.Hour))
	rows := c.report("The pavement is broken.")
	other := c.report("A hole in the road.")
	c.as("guiyuan-officer").act(rows.Ref, "accept")
	c.as("guiyuan-officer").act(rows.Ref, "begin")
	c.as("guiyuan-officer").act(other.Ref, "redirect", "told_where", "The water company, 96533", "answer", "The pipe belongs to the water company.")
	b := c.as("guiyuan-officer")
	kinds := map[int]bool{}
	for _, address := range []string{"view=todo&state=service-request.received", "view=mine", "view=unassigned", "view=offered", "view=overdue", "view=resident", "view=open", "view=paused", "view=closed",
		"view=open&category=road.pavement", "view=open&unit=guiyuan", "view=open&holder=guiyuan-officer", "view=open&due=over", "view=open&due=later", "view=open&due=" + c.now().AddDate(0, 0, 5).Format(time.DateOnly),
		"view=open&q=lamp", "view=todo&q=-lamp", "view=open&programme=service"} {
		for _, lang := range []string{"en", "zh-CN"} {
			page := b.get("/desk/cases?"+address, "Accept-Language", lang).body
			typed := box(t, page)
			again := b.get("/desk/cases?"+url.Values{"q": {typed}}.Encode(), "Accept-Language", lang).body
			if a, z := listed(page), listed(again); !slices.Equal(a, z) {
				t.Errorf("%s in %s is typed %q: %v instead of %v", address, lang, typed, z, a)
			}
			if got := box(t, again); got != typed || strings.Contains(again, `class="problems"`) {
				t.Errorf("%s in %s is typed %q, read as %q", address, lang, typed, got)
			}
			kinds[len(listed(page))] = true
		}
	}
	if len(kinds) < 4 {
		t.Errorf("the lists are all of %v cases; that shows little", kinds)
	}
	page := b.search("lamp state:received -is:closed")
	for _, m := range regexp.MustCompile(`class="chip on" href="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if got := box(t, b.ok(html.UnescapeString(m[1]))); !slices.Contains([]string{"state:received -is:closed", "lamp -is:closed", "lamp state:received"}, got) {
			t.Errorf("without one part the box shows %q", got)
		}
	}
}

func Test_a_counted_day_is_shown_by_its_date_and_counts_working_days_where_it_says_so(t *testing.T) {
	c := newCity(t)
	c.report("The lamp is out.")
	b := c.as("guiyuan-clerk")
	page := b.search("due<=2wd opened>=1w")
	cal := c.pack.Procedures["service-request"].Calendar
	day := cal.AddWorking(cal.DayAt(c.now()), 2).String()
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	has(t, page, "Due by ")
	if chips := regexp.MustCompile(`(?s)class="chip on".*?</a>`).FindAllString(page, -1); len(chips) != 2 || !strings.Contains(chips[0], at.Format("2")) {
		t.Errorf("the chips are %q, want one with %s", chips, day)
	}
}

func Test_a_list_is_kept_renamed_shared_begun_with_removed_and_brought_back(t *testing.T) {
	c := newCity(t)
	c.report("The lamp is out.")
	head, clerk, other := c.as("guiyuan-head"), c.as("guiyuan-clerk"), c.as("donghu-head")
	page := head.search("lamp is:open")
	kept := regexp.MustCompile(`name="query" value="([^"]+)"`).FindStringSubmatch(page)
	if kept == nil {
		t.Fatal("the list cannot be kept")
	}
	save := func(b *browser, name string) answer {
		return b.post("/desk/views", url.Values{"query": {html.UnescapeString(kept[1])}, "name": {name}})
	}
	if a := save(head, "  "); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Give the list a name") {
		t.Errorf("without a name: %d", a.status)
	}
	if a := save(head, "Lamps <b>"); a.status != http.StatusSeeOther {
		t.Fatalf("keeping answered %d: %s", a.status, brief(a.body))
	}
	page = head.search("lamp is:open")
	has(t, page, "Lamps &lt;b&gt;")
	has(t, page, `aria-current="page"`)
	hasNot(t, page, `name="query"`)
	page = head.ok("/desk/views")
	has(t, page, "lamp is:open")
	id := regexp.MustCompile(`action="/desk/views/([a-z0-9]+)"`).FindStringSubmatch(page)[1]
	do := func(b *browser, what, name string) answer {
		return b.post("/desk/views/"+id, url.Values{"do": {what}, "name": {name}})
	}
	for _, what := range []string{"rename", "remove", "share", "restore", "start"} {
		if a := do(other, what, "Theirs"); a.status < 400 {
			t.Errorf("%s of somebody else's list answered %d", what, a.status)
		}
	}
	do(head, "rename", "Dark lamps")
	has(t, head.ok("/desk/views"), "Dark lamps")
	hasNot(t, clerk.ok("/desk/cases"), "Dark lamps")
	do(head, "share", "")
	has(t, clerk.ok("/desk/cases"), "Dark lamps")
	has(t, clerk.ok("/desk/views"), "from Name of guiyuan-head")
	hasNot(t, other.ok("/desk/cases"), "Dark lamps")
	if a := do(clerk, "remove", ""); a.status != http.StatusNotFound {
		t.Errorf("a shared list is removed by somebody else: %d", a.status)
	}
	hasNot(t, clerk.ok("/desk/views"), "Take out of the unit")
	if a := do(clerk, "drop", ""); a.status != http.StatusNotFound {
		t.Errorf("a clerk takes a list out of the unit: %d", a.status)
	}
	do(clerk, "start", "")
	if a := clerk.get("/desk"); a.status != http.StatusSeeOther || !strings.Contains(a.to, "lamp") {
		t.Errorf("the desk begins with %q", a.to)
	}
	has(t, clerk.ok("/desk?unit=guiyuan"), "guiyuan")
	a := do(head, "remove", "")
	has(t, head.ok(a.to), "was removed")
	if a := clerk.get("/desk"); a.status != http.StatusOK {
		t.Errorf("without the list the desk begins with %d %q", a.status, a.to)
	}
	do(head, "restore", "")
	has(t, clerk.ok("/desk/views"), "Dark lamps")
	do(clerk, "home", "")
	clerk.ok("/desk")
	do(head, "unshare", "")
	hasNot(t, clerk.ok("/desk/views"), "Dark lamps")
	do(head, "remove", "")
	c.set(c.now().Add(2 * time.Hour))
	head = c.as("guiyuan-head")
	if a := do(head, "restore", ""); a.status != http.StatusNotFound {
		t.Errorf("long after, it is brought back: %d", a.status)
	}
	if a := save(clerk, "Mine"); a.status != http.StatusSeeOther {
		t.Errorf("%d", a.status)
	}
	id = regexp.MustCompile(`action="/desk/views/([a-z0-9]+)"`).FindStringSubmatch(clerk.ok("/desk/views"))[1]
	if a := do(clerk, "share", ""); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Only who leads the unit") {
		t.Errorf("a clerk shares: %d", a.status)
	}
}

func Test_the_help_of_the_box_gives_examples_that_all_can_be_read(t *testing.T) {
	c := newCity(t)
	b := c.as("binjiang-head")
	for _, lang := range []string{"en", "zh-CN"} {
		page := b.get("/desk/cases", "Accept-Language", lang).body
		at := strings.Index(page, `class="queryhelp"`)
		links := regexp.MustCompile(`<a href="([^"]+)"><code>`).FindAllStringSubmatch(page[at:], -1)
		if len(links) < 15 {
			t.Fatalf("%d examples", len(links))
		}
		for _, m := range links {
			if got := b.get(html.UnescapeString(m[1]), "Accept-Language", lang); got.status != http.StatusOK || strings.Contains(got.body, `class="problems"`) {
				t.Errorf("the example %s answers %d", m[1], got.status)
			}
		}
	}
}

func Test_a_case_that_changes_hands_is_found_where_it_is_and_no_longer_where_it_was(t *testing.T) {
	c := newCity(t)
	cmd, err := intake.Command(c.pack, intake.Report{Category: "road.pavement", Text: "The lamp is out.", Unit: "guiyuan-ganyuan", Source: "phone", Contact: casework.Contact{Channel: "sms", Address: "13812342075", Lang: "en"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.ledger.Do(t.Context(), authz.Reporter(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	ref := string(r.Ref)
	hasNot(t, c.as("ganyuan-officer").search("lamp"), ref)
	c.as("guiyuan-clerk").act(r.Ref, "offer", "unit", "guiyuan-ganyuan", "reason", "It lies in their community.")
	has(t, c.as("ganyuan-officer").search("lamp"), ref)
	has(t, c.as("ganyuan-officer").search("lamp channel:phone is:offered"), ref)
	hasNot(t, c.as("ganyuan-officer").search("lamp channel:web"), ref)
}

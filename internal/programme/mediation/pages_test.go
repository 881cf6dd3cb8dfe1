package mediation

import (
	"context"
	"fmt"
	"html"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/desk"
	"comity/internal/file"
	"comity/internal/ledger"
	"comity/internal/portal"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/web"
)

const password = "linjiang-2026"

// house is the programme behind the real portal and the real desk.
type house struct {
	*town
	server *httptest.Server
}

func newHouse(t *testing.T) *house {
	t.Helper()
	now, set := dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "house.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c := newTown(t, d, set)
	if err := account.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	accounts, err := account.New(d, account.Config{Hashing: account.Cheap(), Rules: func() *authz.Table { return c.pack.Rules }})
	if err != nil {
		t.Fatal(err)
	}
	site := &web.Site{Text: c.words, Langs: []string{"en", "zh-CN"}, Now: now, Zone: c.pack.Zone, Missing: []error{ledger.ErrNotFound}, Log: slog.New(slog.DiscardHandler)}
	plugged := []programme.Programme{c.prog}
	mux := http.NewServeMux()
	site.Mount(mux)
	portal.New(portal.Deps{Site: site, Packs: c.city.Packs, Ledger: c.city.Ledger, Reader: c.city.Reader, Files: file.Store{Dir: t.TempDir()},
		Secret: []byte("0123456789abcdef"), Programmes: plugged}).Mount(mux)
	desk.New(desk.Deps{Site: site, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Accounts: accounts, Files: file.Store{Dir: t.TempDir()},
		Programmes: plugged}).Register(mux)
	h := &house{town: c, server: httptest.NewServer(site.Harden(mux))}
	t.Cleanup(h.server.Close)
	for login, grants := range map[string][]authz.Grant{
		"one":      {{Role: "pmc_director", Unit: ganyuan}, {Role: "mediator", Unit: ganyuan}},
		"two":      {{Role: "pmc_director", Unit: ganyuan}, {Role: "mediator", Unit: ganyuan}},
		"street":   {{Role: "centre_dispatcher", Unit: "guiyuan"}},
		"elsewher": {{Role: "pmc_director", Unit: "baita"}},
		"clerk":    {{Role: "clerk", Unit: "donghu"}},
	} {
		_, err := accounts.Create(t.Context(), account.Account{ID: login, Login: login, Name: map[string]string{"en": "Officer " + login}, Grants: grants}, password)
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

type browser struct {
	t    *testing.T
	base string
	http *http.Client
}

type reply struct {
	status int
	body   string
	to     string
	header http.Header
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &browser{h.t, h.server.URL, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (h *house) as(login string) *browser {
	h.t.Helper()
	b := h.browser()
	if a := b.post("/desk/signin", "login", login, "password", password); a.status != http.StatusSeeOther {
		h.t.Fatalf("sign-in of %s answered %d", login, a.status)
	}
	return b
}

// send holds every page of every test to what all pages promise.
func (b *browser) send(r *http.Request) reply {
	b.t.Helper()
	res, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	a := reply{res.StatusCode, string(raw), res.Header.Get("Location"), res.Header}
	where := r.Method + " " + r.URL.Path
	if gap := regexp.MustCompile(`⟦[^⟧]*⟧|\{[a-z_]+\}`).FindString(a.body); gap != "" {
		b.t.Errorf("%s shows missing words or figures: %s", where, gap)
	}
	if strings.Contains(a.body, "<html") {
		if n := strings.Count(a.body, "<h1"); n != 1 {
			b.t.Errorf("%s has %d main headings", where, n)
		}
		for _, banned := range []string{` style="`, "<style", " onclick=", "<script>"} {
			if strings.Contains(a.body, banned) {
				b.t.Errorf("%s holds %q", where, banned)
			}
		}
		ids := map[string]bool{}
		for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
			if ids[m[1]] {
				b.t.Errorf("%s: id %q stands twice", where, m[1])
			}
			ids[m[1]] = true
		}
	}
	a.body = html.UnescapeString(a.body)
	return a
}

func (b *browser) get(path string) reply {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(r)
}

func (b *browser) ok(path string) string {
	b.t.Helper()
	a := b.get(path)
	if a.status != http.StatusOK {
		b.t.Fatalf("GET %s answered %d:\n%s", path, a.status, a.body)
	}
	return a.body
}

func (b *browser) post(path string, kv ...string) reply {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		form.Set(kv[i], kv[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(r)
}

func (b *browser) sent(path string, kv ...string) string {
	b.t.Helper()
	a := b.post(path, kv...)
	if a.status != http.StatusSeeOther {
		b.t.Fatalf("POST %s answered %d:\n%s", path, a.status, a.body)
	}
	return a.to
}

func holds(t *testing.T, page string, what ...string) {
	t.Helper()
	for _, w := range what {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

func hasNot(t *testing.T, page string, what ...string) {
	t.Helper()
	for _, w := range what {
		if strings.Contains(page, w) {
			t.Errorf("the page says %q", w)
		}
	}
}

var goodMediator = []string{"unit", "guiyuan-ganyuan", "name", "Zhou Hua", "phone", "073112345678", "organisation", "Garden Property", "listed", "yes", "field.neighbour", "yes",
	"language.mandarin", "yes", "mon", "09:00-12:00 14:00-17:00", "tue", "09:00-12:00", "wed", "09:00-12:00", "thu", "09:00-12:00", "fri", "09:00-12:00"}

func with(kv []string, more ...string) []string { return append(append([]string{}, kv...), more...) }

func Test_the_roster_is_kept_by_its_unit_and_parties_read_what_they_need_to_choose(t *testing.T) {
	h := newHouse(t)
	one, visitor := h.as("one"), h.browser()
	holds(t, visitor.ok("/mediators"), "No mediator is listed yet.")
	holds(t, one.ok("/desk/mediation/mediators"), "Nobody is on the roster.")
	at := one.sent("/desk/mediation/mediators/new", goodMediator...)
	holds(t, one.ok(at), "Zhou Hua", "073112345678", "Garden Property", "Officer one", "Added")
	page := visitor.ok("/mediators")
	holds(t, page, "Zhou Hua", "Neighbours", "Mandarin", "Ganyuan")
	hasNot(t, page, "073112345678", "Garden Property", "09:00")
	holds(t, visitor.ok("/mediators?unit=baita&field=wage"), "Nobody fits this choice.")
	holds(t, visitor.ok("/"), `href="/mediators"`)

	if got := h.as("clerk").get(at).status; got != http.StatusNotFound {
		t.Errorf("a clerk of another district got %d", got)
	}
	holds(t, h.as("street").ok(at), "Zhou Hua", "/edit") // the unit above keeps it too
	bad := one.post("/desk/mediation/mediators/new", with(goodMediator, "mon", "nine to five", "week_hours", "900")...)
	if bad.status != http.StatusUnprocessableEntity {
		t.Errorf("hours that are none answered %d", bad.status)
	}
	holds(t, bad.body, "Write hours as 09:00-12:00", "nine to five", "Zhou Hua")

	one.sent(at+"/edit", with(goodMediator, "name", "Zhou Huahua", "version", "1")...)
	late := h.as("two").post(at+"/edit", with(goodMediator, "name", "Zhou Old", "version", "1")...)
	if late.status != http.StatusConflict {
		t.Errorf("a change of what had changed answered %d", late.status)
	}
	holds(t, late.body, "Somebody else changed this meanwhile", "Zhou Old")
	holds(t, one.ok(at), "Zhou Huahua")

	one.sent(at+"/training", "day", "2026-02-01", "hours", "8", "topic", "Leaks and neighbours")
	one.sent(at+"/away", "from_day", "2026-03-05", "to_day", "2026-03-06")
	holds(t, one.ok(at), "Leaks and neighbours", "8 hours", "Absences", "Training entered", "5 March 2026")
	if got := one.post(at+"/away", "from_day", "2026-03-05", "to_day", "2026-03-01").status; got != http.StatusUnprocessableEntity {
		t.Errorf("an absence that ends before it begins answered %d", got)
	}
	one.sent(at+"/edit", with(goodMediator, "version", "2", "left", "yes")...)
	hasNot(t, visitor.ok("/mediators"), "Zhou")
}

func Test_a_table_of_mediators_is_stored_whole_or_not_at_all(t *testing.T) {
	h := newHouse(t)
	one := h.as("one")
	holds(t, one.ok("/desk/mediation/mediators/import"), "neighbour | family")
	head := "unit,name,fields,languages,hours,phone,organisation,account,week_hours,day_most,listed\n"
	good := "guiyuan-ganyuan,Zhou Hua,neighbour|family,mandarin,mon 09:00-12:00,,,,20,3,yes\n"
	bad := one.post("/desk/mediation/mediators/import", "table", head+good+"guiyuan-ganyuan,Sun Ping,gardens,mandarin,mon 9-12,,,,,,\nbaita,Qian,neighbour,,,,,,,,\n")
	if bad.status != http.StatusUnprocessableEntity {
		t.Fatalf("a table with mistakes answered %d", bad.status)
	}
	holds(t, bad.body, "Nothing was stored.", "“gardens” is not one of them.", "Write hours as", "Zhou Hua")
	holds(t, one.ok("/desk/mediation/mediators"), "Nobody is on the roster.")
	one.sent("/desk/mediation/mediators/import", "table", head+good)
	holds(t, one.ok("/desk/mediation/mediators"), "Zhou Hua")
	holds(t, one.post("/desk/mediation/mediators/import", "table", head+good).body, "Zhou Hua is on the roster of this committee already")
}

func Test_of_a_table_that_is_too_large_nothing_is_stored(t *testing.T) {
	h := newHouse(t)
	one := h.as("one")
	var sent strings.Builder
	w := multipart.NewWriter(&sent)
	file, err := w.CreateFormFile("file", "roster.csv")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(file, "unit,name,fields,languages,hours,phone,organisation,account,week_hours,day_most,listed\n")
	for i := range 2 * maxTable / 1100 { // each line is as long as a line may be
		fmt.Fprintf(file, "guiyuan-ganyuan,Zhou %d,neighbour,mandarin,%smon 09:00-12:00,,,,20,3,yes\n", i, strings.Repeat(" ", 1100))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, one.base+"/desk/mediation/mediators/import", strings.NewReader(sent.String()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	if a := one.send(r); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a table of %d bytes answered %d", sent.Len(), a.status)
	}
	holds(t, one.ok("/desk/mediation/mediators"), "Nobody is on the roster.")
}

func Test_a_room_is_entered_once_and_closed_when_it_is_not_used_any_more(t *testing.T) {
	h := newHouse(t)
	one := h.as("street")
	room := []string{"unit", "guiyuan", "room_name", "Room 1", "place", "1 Garden Road", "seats", "8", "step_free", "yes", "mon", "09:00-17:00"}
	one.sent("/desk/mediation/rooms/new", room...)
	holds(t, one.ok("/desk/mediation/rooms"), "Room 1", "8 seats", "Step-free access", "Mon 09:00-17:00")
	twice := one.post("/desk/mediation/rooms/new", room...)
	if twice.status != http.StatusConflict {
		t.Errorf("the same room again answered %d", twice.status)
	}
	holds(t, twice.body, "Another room has this name and address.")
	one.sent("/desk/mediation/rooms/1/edit", with(room, "version", "1", "shut", "yes")...)
	holds(t, one.ok("/desk/mediation/rooms"), "closed")
	if got := h.as("elsewher").get("/desk/mediation/rooms/1/edit").status; got != http.StatusNotFound {
		t.Errorf("another district got %d", got)
	}
}

func (h *house) ref(id casework.CaseID) string {
	k, _ := h.city.Opened(h.t, id)
	return string(k.Ref)
}

// proposal is the first time a page of sessions proposes.
func proposal(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="s_pick" value="(\d[^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no time is proposed:\n%s", page)
	}
	return m[1]
}

// seenIn reads which session a form was about.
func seenIn(page string) []string {
	id := regexp.MustCompile(`name="seen" value="(\d+)"`).FindStringSubmatch(page)
	v := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(page)
	return []string{"seen", id[1], "version", v[1]}
}

func Test_a_mediator_is_named_from_the_roster_with_what_this_case_hints_at(t *testing.T) {
	h := newHouse(t)
	m := h.mediator("Wang Mediator")
	h.mediator("Sun Ping")
	h.tx(func(ctx context.Context, tx *db.Tx) error { // works beside for one of the parties
		m.Organisation = "Respondent"
		_, err := putMediator(ctx, tx, m)
		return err
	})
	id := h.accepted("leak")
	at := "/desk/cases/" + h.ref(id)
	one := h.as("one")
	holds(t, one.ok(at), at+"/mediator", at+"/sessions")
	page := one.ok(at + "/mediator")
	holds(t, page, "Wang Mediator", "Sun Ping", "Works beside for an organisation that takes part: Wang Respondent.", "stored nowhere")
	if got := one.post(at+"/mediator", "chosen", "designated"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("naming nobody answered %d", got.status)
	}
	named := []string{"s_mediator", "2", "chosen", "designated"}
	for range 2 { // sent twice, it is done once
		one.sent(at+"/mediator", with(named, "_key", "thekeyofoneformsenttwice")...)
	}
	again := h.as("two").post(at+"/mediator", named...)
	if again.status != http.StatusConflict {
		t.Errorf("naming somebody a second time answered %d", again.status)
	}
	holds(t, again.body, "This mediator is on the case already.")
	h.tx(func(ctx context.Context, tx *db.Tx) error {
		seats, err := seatsOf(ctx, tx, id)
		if err != nil || len(seats) != 1 || seats[0].Mediator != 2 || seats[0].Settled {
			t.Errorf("the seats are %+v (%v)", seats, err)
		}
		return err
	})
	holds(t, one.ok(at+"/sessions"), "Sun Ping", "To be disclosed", "No session can be called now")
}

func Test_a_session_is_proposed_booked_and_moved_and_parties_have_it_in_their_calendar(t *testing.T) {
	h := newHouse(t)
	m := h.mediator("Zhou Hua")
	h.room("Room 1", 8)
	id := h.ready("leak", m.Name)
	at := "/desk/cases/" + h.ref(id) + "/sessions"
	one, two := h.as("one"), h.as("two")
	k, _ := h.city.Opened(t, id)

	party := h.browser()
	applicant, other := "/f/"+string(k.Code)+"/session", "/p/"+string(k.Members[1].Code)+"/session"
	holds(t, party.ok("/f/"+string(k.Code)), applicant)
	holds(t, party.ok("/p/"+string(k.Members[1].Code)), other)
	holds(t, party.ok(applicant), "No session is called at present.")
	party.sent(other+"/away", "day", "2026-03-05")
	party.sent(applicant+"/away", "day", "2026-03-06", "from", "09:00", "to", "12:00")
	holds(t, party.ok(other), "5 March 2026")
	hasNot(t, party.ok(applicant), "5 March 2026")
	if got := party.post(other+"/away", "day", "2026-03-05", "from", "12:00", "to", "09:00").status; got != http.StatusUnprocessableEntity {
		t.Errorf("a time that ends before it begins answered %d", got)
	}

	page := one.ok(at)
	holds(t, page, "Cannot come: ", "Wang Respondent", "Zhou Hua", "None declared")
	first := proposal(t, page)
	if !strings.HasPrefix(first, "2026-03-06T14:00|") { // three days of notice, the fifth and the morning of the sixth are out
		t.Errorf("the first proposal is %s", first)
	}
	none := one.post(at, with(seenIn(page), "do", "book", "s_minutes", "90", "s_mode", "joint", "open", "private")...)
	if none.status != http.StatusUnprocessableEntity {
		t.Errorf("no time at all answered %d", none.status)
	}
	own := []string{"s_pick", "own", "s_minutes", "90", "s_mode", "joint", "open", "private", "s_day", "2026-03-05", "s_from", "18:00", "s_room", "1"}
	hand := one.post(at, with(with(seenIn(page), own...), "do", "book")...)
	if hand.status != http.StatusConflict {
		t.Errorf("a time against what was said answered %d", hand.status)
	}
	holds(t, hand.body, "you may set it aside", "Wang Respondent: The party cannot come at that time.", "Zhou Hua: The mediator does not work at that time.", `value="18:00"`)
	if _, has := h.live(id); has {
		t.Fatal("it was booked all the same")
	}
	soon := []string{"s_pick", "own", "s_minutes", "90", "s_mode", "joint", "open", "private", "s_day", "2026-03-04", "s_from", "14:00", "s_room", "1", "s_accept", "yes"}
	early := one.post(at, with(with(seenIn(page), soon...), "do", "book")...)
	if early.status != http.StatusConflict {
		t.Errorf("a time before the end of the notice answered %d", early.status)
	}
	holds(t, early.body, "A session is called at least 3 days ahead.", "every side agrees to less")
	holds(t, one.post(at, with(with(seenIn(page), soon...), "do", "check", "sooner", "yes")...).body, "Nothing stands against this time.")
	found := one.post(at, with(seenIn(page), "do", "find", "s_minutes", "90", "s_mode", "joint", "sooner", "yes")...)
	if got := proposal(t, found.body); got >= "2026-03-05" {
		t.Errorf("where everybody agrees to less notice the first proposal is %s", got)
	}
	one.sent(at, with(seenIn(page), "do", "book", "s_pick", first, "s_minutes", "90", "s_mode", "joint", "open", "private")...)
	holds(t, party.ok(applicant), "6 March 2026", "14:00–15:30", "Room 1")
	for _, path := range []string{applicant + ".ics", other + ".ics"} {
		a := party.get(path)
		holds(t, strings.ReplaceAll(a.body, "\r\n ", ""), "BEGIN:VEVENT", "DTSTART:20260306T060000Z", "Room 1", "STATUS:CONFIRMED")
		hasNot(t, a.body, "Zhou Hua", "Respondent", "Applicant", "leak")
	}
	before := party.get(applicant + ".ics").body

	// Both officers have the page open; the second to send is told who was first and finds what was typed.
	stale := two.ok(at)
	moved := one.ok(at)
	one.sent(at, with(seenIn(moved), "do", "book", "s_pick", proposal(t, moved), "s_minutes", "60", "s_mode", "joint", "open", "private", "off.reason", "the lift is out")...)
	late := two.post(at, with(seenIn(stale), "do", "book", "s_pick", "own", "s_day", "2026-03-11", "s_from", "09:00", "s_room", "1", "s_minutes", "60", "s_mode", "joint", "open", "private", "off.reason", "my own reason")...)
	if late.status != http.StatusConflict {
		t.Errorf("the second to move it answered %d", late.status)
	}
	holds(t, late.body, "Officer one changed this session meanwhile", "my own reason", "2026-03-11")
	after := party.get(applicant + ".ics").body
	uid, seq := regexp.MustCompile(`UID:\S+`), regexp.MustCompile(`SEQUENCE:(\d+)`)
	if uid.FindString(before) != uid.FindString(after) || seq.FindString(before) >= seq.FindString(after) {
		t.Errorf("a calendar program would not know the session again:\n%s\n%s", before, after)
	}
	holds(t, one.get("/desk/mediation/sessions/1/file.ics").body, "BEGIN:VEVENT")
	if got := h.as("elsewher").get("/desk/mediation/sessions/1/file.ics").status; got != http.StatusNotFound {
		t.Errorf("another district got %d", got)
	}
	if got := h.as("elsewher").get(at).status; got != http.StatusNotFound {
		t.Errorf("another district got %d", got)
	}
}

func Test_the_file_of_a_party_has_the_session_that_will_be_though_a_later_one_fell_through(t *testing.T) {
	h := newHouse(t)
	m, r := h.mediator("Zhou Hua"), h.room("Room 1", 8)
	id := h.ready("leak", m.Name)
	for i, day := range []int{14, 7} {
		if i > 0 {
			h.do(id, "no_show", nil)
		}
		if err := h.booking(director("boss"), id).call(t.Context(), h.wish(r, h.at(day, 9, 0))); err != nil {
			t.Fatal(describe(err))
		}
	}
	k, _ := h.city.Opened(t, id)
	file := h.browser().get("/f/" + string(k.Code) + "/session.ics").body
	holds(t, file, "DTSTART:20260309T010000Z", "STATUS:CONFIRMED")
}

func Test_a_remote_session_has_an_address_that_is_safe_to_open(t *testing.T) {
	h := newHouse(t)
	m := h.mediator("Zhou Hua")
	id := h.ready("leak", m.Name)
	at := "/desk/cases/" + h.ref(id) + "/sessions"
	one := h.as("one")
	fields := with(seenIn(one.ok(at)), "do", "book", "s_pick", "own", "s_day", "2026-03-10", "s_from", "09:00", "s_minutes", "60", "s_mode", "remote", "open", "private")
	for _, link := range []string{"", "http://video.example/1", "javascript:alert(1)"} {
		if a := one.post(at, with(fields, "s_place", link)...); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%q answered %d", link, a.status)
		}
	}
	one.sent(at, with(fields, "s_place", "https://video.example/room")...)
	k, _ := h.city.Opened(t, id)
	holds(t, h.browser().ok("/f/"+string(k.Code)+"/session"), `href="https://video.example/room"`)
}

func Test_the_centre_plans_what_waits_and_shows_the_day_and_what_comes_near(t *testing.T) {
	h := newHouse(t)
	m, n := h.mediator("Zhou Hua"), h.mediator("Sun Ping")
	h.room("Room 1", 8)
	one := h.as("one")
	empty := one.ok("/desk/mediation")
	holds(t, empty, "No session on this day.", "Nothing came in this week.", "Zhou Hua", "Room 1")
	var ids []casework.CaseID
	for i := range 3 {
		ids = append(ids, h.ready(fmt.Sprint("quarrel ", i), []string{m.Name, n.Name}[i%2]))
	}
	waiting := h.accepted("no mediator yet")
	page := one.ok("/desk/mediation/plan?unit=guiyuan-ganyuan")
	holds(t, page, h.ref(ids[0]), h.ref(ids[2]))
	hasNot(t, page, h.ref(waiting)) // it cannot be called yet
	post := []string{"unit", "guiyuan-ganyuan", "open", "private"}
	for _, f := range regexp.MustCompile(`name="(place\.[^"]+)" value="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		post = append(post, f[1], f[2])
	}
	boxes := func(body string) (out []string) {
		for _, box := range regexp.MustCompile(`<input type="checkbox" name="place\.[^>]*>`).FindAllString(body, -1) {
			out = append(out, fmt.Sprint(strings.Contains(box, " checked")))
		}
		return out
	}
	wrong := one.post("/desk/mediation/plan", with(post[:2], post[6:]...)...) // the first is not ticked, a question not answered
	if got := strings.Join(boxes(wrong.body), " "); wrong.status != http.StatusUnprocessableEntity || got != "false true true" {
		t.Errorf("an incomplete plan answered %d with the boxes %s", wrong.status, got)
	}
	done := one.post("/desk/mediation/plan", post...)
	if done.status != http.StatusOK || strings.Count(done.body, ">called<") != 3 {
		t.Fatalf("the plan answered %d: %s", done.status, done.body)
	}
	h.apart()
	s, _ := h.live(ids[0])
	day := dayOf(s.Begins, h.pack.Zone)
	shown := one.ok("/desk/mediation?day=" + day.String())
	holds(t, shown, h.ref(ids[0]), "Zhou Hua", "called")
	hasNot(t, h.as("elsewher").ok("/desk/mediation?day="+day.String()), h.ref(ids[0]), "Zhou Hua")
	h.do(ids[0], "no_show", nil)
	holds(t, one.ok("/desk/mediation"), "Nobody came: to follow up", h.ref(ids[0]))
	for _, path := range []string{"/desk/mediation", "/desk/mediation/mediators", "/desk/mediation/rooms", "/desk/mediation/plan", "/desk/mediation/figures", "/desk/mediation/signals"} {
		one.ok(path)
		one.ok(path + "?lang=zh-CN")
	}
	if got := h.browser().get("/desk/mediation").status; got != http.StatusSeeOther {
		t.Errorf("a stranger got %d", got)
	}
}

func Test_hours_beyond_those_of_a_week_are_shown_and_are_the_officers_to_accept(t *testing.T) {
	h := newHouse(t)
	m := h.mediator("Zhou Hua")
	h.room("Room 1", 8)
	h.tx(func(ctx context.Context, tx *db.Tx) error {
		m.WeekHours = 2
		_, err := putMediator(ctx, tx, m)
		return err
	})
	one := h.as("one")
	var at []string
	for i := range 3 {
		at = append(at, "/desk/cases/"+h.ref(h.ready(fmt.Sprint("quarrel ", i), m.Name))+"/sessions")
	}
	book := func(at, day, from string, more ...string) reply {
		t.Helper()
		return one.post(at, with(with(seenIn(one.ok(at)), "do", "book", "s_pick", "own", "s_minutes", "90", "s_mode", "joint", "open", "private", "s_day", day, "s_from", from, "s_room", "1"), more...)...)
	}
	const over = "Zhou Hua: More hours of sessions in this week than the 2 agreed."
	if a := book(at[0], "2026-03-10", "09:00"); a.status != http.StatusSeeOther {
		t.Fatalf("the first session of the week answered %d: %s", a.status, a.body)
	}
	second := book(at[1], "2026-03-12", "09:00")
	if second.status != http.StatusConflict {
		t.Fatalf("three hours of two answered %d", second.status)
	}
	holds(t, second.body, over, "you may set it aside")
	if a := book(at[1], "2026-03-09", "09:00"); a.status != http.StatusConflict {
		t.Errorf("another day of the same week answered %d", a.status)
	}
	if a := book(at[1], "2026-03-12", "09:00", "s_accept", "yes"); a.status != http.StatusSeeOther {
		t.Errorf("what the officer accepts answered %d", a.status)
	}
	// Moved within its week, the second counts once: an hour and a half beside the first.
	moved := book(at[1], "2026-03-12", "10:30", "off.reason", "the lift is out")
	holds(t, moved.body, over)
	if a := book(at[1], "2026-03-16", "09:00", "off.reason", "the lift is out"); a.status != http.StatusSeeOther {
		t.Errorf("moved to a week with room it answered %d: %s", a.status, a.body)
	}
	// In a plan, too: what is beyond the hours is told, and not ticked.
	box := func() string {
		return regexp.MustCompile(`<input type="checkbox" name="place\.[^>]*>`).FindString(one.ok("/desk/mediation/plan?unit=guiyuan-ganyuan"))
	}
	if got := box(); !strings.Contains(got, " checked") {
		t.Errorf("the box of a session within the hours is %q", got)
	}
	h.tx(func(ctx context.Context, tx *db.Tx) error {
		m.WeekHours, m.Version = 1, m.Version+1
		_, err := putMediator(ctx, tx, m)
		return err
	})
	holds(t, one.ok("/desk/mediation/plan?unit=guiyuan-ganyuan"), "Zhou Hua: More hours of sessions in this week than the 1 agreed.")
	if got := box(); got == "" || strings.Contains(got, " checked") {
		t.Errorf("the box of a session beyond the hours is %q", got)
	}
}

// A page that reads while it reads takes two readers: enough of them at once have none left, and wait for each other.
func Test_pages_of_sessions_do_not_wait_for_themselves(t *testing.T) {
	h := newHouse(t)
	m, r := h.mediator("Zhou Hua"), h.room("Room 1", 8)
	id := h.ready("leak", m.Name)
	if err := h.booking(director("boss"), id).call(t.Context(), h.wish(r, h.at(7, 9, 0))); err != nil {
		t.Fatal(describe(err))
	}
	one := h.as("one")
	one.sent("/desk/mediation/mediators/1/training", "day", "2026-03-01", "hours", "3", "topic", "The new rules")
	one.http.Timeout = 20 * time.Second
	oneReader(t, h.db)
	for _, path := range []string{"/desk/mediation?day=" + (monday + 7).String(), "/desk/mediation/mediators/1", "/desk/mediation/mediators/1/file.ics",
		"/desk/mediation/sessions/1/file.ics", "/desk/cases/" + h.ref(id) + "/sessions", "/desk/cases/" + h.ref(id)} {
		if a := one.get(path); a.status != http.StatusOK {
			t.Errorf("%s answered %d", path, a.status)
		}
	}
}

// oneReader keeps all the readers of a database busy but one, until the test is over.
func oneReader(t *testing.T, d *db.DB) {
	t.Helper()
	var done sync.WaitGroup
	var leave []chan struct{}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		in, out, none := make(chan struct{}), make(chan struct{}), make(chan struct{})
		done.Go(func() {
			if err := d.View(ctx, func(*db.Tx) error { close(in); <-out; return nil }); ctx.Err() == nil && err != nil {
				t.Error(err)
			}
			close(none)
		})
		select {
		case <-in:
			leave = append(leave, out)
			t.Cleanup(cancel)
			continue
		case <-none:
			cancel()
		}
		break
	}
	close(leave[0])
	t.Cleanup(func() {
		for _, out := range leave[1:] {
			close(out)
		}
		done.Wait()
	})
}

// Numbers below the least are hidden in the page and in its file, and nothing shown gives them away.
func Test_figures_hide_small_counts_and_signals_name_issues_and_places_alone(t *testing.T) {
	h := newHouse(t)
	h.tx(func(ctx context.Context, tx *db.Tx) error {
		put := func(n int, field, outcome string, unit string, opened, closed int) error {
			for i := range n {
				m := Matter{Case: fmt.Sprintf("x-%s-%s-%s-%d-%d", field, outcome, unit, opened, i), Ref: "X", Pack: h.pack.Digest, Procedure: "mediation", Unit: ganyuan, Place: ganyuan,
					Field: field, Outcome: outcome, State: "closed", Opened: h.at(opened, 10, 0), Closed: h.at(closed, 10, 0)}
				if unit == "street" {
					m.Unit = "guiyuan"
				}
				if err := putMatter(ctx, tx, m); err != nil {
					return err
				}
			}
			return nil
		}
		for _, x := range []struct {
			n              int
			field, outcome string
			unit           string
		}{{40, "neighbour", "performed", ""}, {3, "neighbour", "left", ""}, {25, "wage", "performed", "street"}, {17, "wage", "left", "street"}, {12, "family", "left", ""}} {
			if err := put(x.n, x.field, x.outcome, x.unit, -40, -30); err != nil {
				return err
			}
		}
		for w := range 40 { // fifteen a week, then a flood of leaks
			n := 15
			if w == 0 {
				n = 80
			}
			if err := put(n, "property", "", "", -7*(w+1), -7*(w+1)+100); err != nil {
				return err
			}
		}
		return nil
	})
	one := h.as("street")
	page := one.ok("/desk/mediation/figures")
	holds(t, page, "not shown", "Counts below 10 are not shown")
	if regexp.MustCompile(`<td>3</td>`).MatchString(page) {
		t.Error("three matters are shown")
	}
	file := one.get("/desk/mediation/figures.csv")
	if !strings.Contains(file.header.Get("Content-Type"), "text/csv") || strings.Contains(file.body, ",3,") {
		t.Errorf("the file holds what the page hides: %s", file.body)
	}
	signals := one.ok("/desk/mediation/signals")
	holds(t, signals, "<svg", "more than usual", "People are not counted")
}

func Test_every_state_and_line_of_the_log_has_words(t *testing.T) {
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range base.Languages() {
		say := base.In(lang)
		var keys []string
		for _, s := range []State{Called, Open, Reserved, PutOff, Held, Absent, Ended} {
			keys = append(keys, "mediation.state."+string(s))
		}
		for _, s := range []string{"called", "open", "put_off", "held", "absent", "ended", "added", "changed", "left", "returned", "trained", "away", "away_dropped", "shut"} {
			keys = append(keys, "mediation.log."+s)
		}
		for _, d := range Weekdays {
			keys = append(keys, "mediation.day."+d, "mediation.field."+d)
		}
		for _, r := range []string{"phone", "name", "organisation", "family"} {
			keys = append(keys, "mediation.hint."+r)
		}
		for _, k := range keys {
			if !say.Has(k) {
				t.Errorf("%s: no words for %s", lang, k)
			}
		}
	}
}

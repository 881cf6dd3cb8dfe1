package mediation

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/programme"
	"comity/internal/programme/programmetest"
	"comity/internal/text"
)

// house is the programme behind the real portal and the real desk.
type house struct {
	*town
	*programmetest.House
}

func newHouse(t *testing.T) *house {
	t.Helper()
	d, now, set := programmetest.SQLite(t)
	c := newTown(t, d, set)
	h := &house{c, programmetest.Open(t, programmetest.Plan{DB: d, Now: now, City: c.city, Words: c.words, Programmes: []programme.Programme{c.prog}})}
	for login, grants := range map[string][]authz.Grant{
		"one":      {{Role: "pmc_director", Unit: ganyuan}, {Role: "mediator", Unit: ganyuan}},
		"two":      {{Role: "pmc_director", Unit: ganyuan}, {Role: "mediator", Unit: ganyuan}},
		"street":   {{Role: "centre_dispatcher", Unit: "guiyuan"}},
		"elsewher": {{Role: "pmc_director", Unit: "baita"}},
		"clerk":    {{Role: "clerk", Unit: "donghu"}},
	} {
		h.Staff(login, login, "Officer "+login, grants...)
	}
	return h
}

var goodMediator = []string{"unit", "guiyuan-ganyuan", "name", "Zhou Hua", "phone", "073112345678", "organisation", "Garden Property", "listed", "yes", "field.neighbour", "yes",
	"language.mandarin", "yes", "mon", "09:00-12:00 14:00-17:00", "tue", "09:00-12:00", "wed", "09:00-12:00", "thu", "09:00-12:00", "fri", "09:00-12:00"}

func with(kv []string, more ...string) []string { return append(append([]string{}, kv...), more...) }

func Test_the_roster_is_kept_by_its_unit_and_parties_read_what_they_need_to_choose(t *testing.T) {
	h := newHouse(t)
	one, visitor := h.As("one"), h.Browser()
	programmetest.Holds(t, visitor.OK("/mediators"), "No mediator is listed yet.")
	programmetest.Holds(t, one.OK("/desk/mediation/mediators"), "Nobody is on the roster.")
	at := one.Sent("/desk/mediation/mediators/new", goodMediator...)
	programmetest.Holds(t, one.OK(at), "Zhou Hua", "073112345678", "Garden Property", "Officer one", "Added")
	page := visitor.OK("/mediators")
	programmetest.Holds(t, page, "Zhou Hua", "Neighbours", "Mandarin", "Ganyuan")
	programmetest.Lacks(t, page, "073112345678", "Garden Property", "09:00")
	programmetest.Holds(t, visitor.OK("/mediators?unit=baita&field=wage"), "Nobody fits this choice.")
	programmetest.Holds(t, visitor.OK("/"), `href="/mediators"`)

	if got := h.As("clerk").Get(at).Status; got != http.StatusNotFound {
		t.Errorf("a clerk of another district got %d", got)
	}
	programmetest.Holds(t, h.As("street").OK(at), "Zhou Hua", "/edit") // the unit above keeps it too
	bad := one.Post("/desk/mediation/mediators/new", with(goodMediator, "mon", "nine to five", "week_hours", "900")...)
	if bad.Status != http.StatusUnprocessableEntity {
		t.Errorf("hours that are none answered %d", bad.Status)
	}
	programmetest.Holds(t, bad.Body, "Write hours as 09:00-12:00", "nine to five", "Zhou Hua")

	one.Sent(at+"/edit", with(goodMediator, "name", "Zhou Huahua", "version", "1")...)
	late := h.As("two").Post(at+"/edit", with(goodMediator, "name", "Zhou Old", "version", "1")...)
	if late.Status != http.StatusConflict {
		t.Errorf("a change of what had changed answered %d", late.Status)
	}
	programmetest.Holds(t, late.Body, "Somebody else changed this meanwhile", "Zhou Old")
	programmetest.Holds(t, one.OK(at), "Zhou Huahua")

	one.Sent(at+"/training", "day", "2026-02-01", "hours", "8", "topic", "Leaks and neighbours")
	one.Sent(at+"/away", "from_day", "2026-03-05", "to_day", "2026-03-06")
	programmetest.Holds(t, one.OK(at), "Leaks and neighbours", "8 hours", "Absences", "Training entered", "5 March 2026")
	if got := one.Post(at+"/away", "from_day", "2026-03-05", "to_day", "2026-03-01").Status; got != http.StatusUnprocessableEntity {
		t.Errorf("an absence that ends before it begins answered %d", got)
	}
	one.Sent(at+"/edit", with(goodMediator, "version", "2", "left", "yes")...)
	programmetest.Lacks(t, visitor.OK("/mediators"), "Zhou")
}

func Test_a_table_of_mediators_is_stored_whole_or_not_at_all(t *testing.T) {
	h := newHouse(t)
	one := h.As("one")
	programmetest.Holds(t, one.OK("/desk/mediation/mediators/import"), "neighbour | family")
	head := "unit,name,fields,languages,hours,phone,organisation,account,week_hours,day_most,listed\n"
	good := "guiyuan-ganyuan,Zhou Hua,neighbour|family,mandarin,mon 09:00-12:00,,,,20,3,yes\n"
	bad := one.Post("/desk/mediation/mediators/import", "table", head+good+"guiyuan-ganyuan,Sun Ping,gardens,mandarin,mon 9-12,,,,,,\nbaita,Qian,neighbour,,,,,,,,\n")
	if bad.Status != http.StatusUnprocessableEntity {
		t.Fatalf("a table with mistakes answered %d", bad.Status)
	}
	programmetest.Holds(t, bad.Body, "Nothing was stored.", "“gardens” is not one of them.", "Write hours as", "Zhou Hua")
	programmetest.Holds(t, one.OK("/desk/mediation/mediators"), "Nobody is on the roster.")
	one.Sent("/desk/mediation/mediators/import", "table", head+good)
	programmetest.Holds(t, one.OK("/desk/mediation/mediators"), "Zhou Hua")
	programmetest.Holds(t, one.Post("/desk/mediation/mediators/import", "table", head+good).Body, "Zhou Hua is on the roster of this committee already")
}

func Test_of_a_table_that_is_too_large_nothing_is_stored(t *testing.T) {
	h := newHouse(t)
	one := h.As("one")
	var table strings.Builder
	table.WriteString("unit,name,fields,languages,hours,phone,organisation,account,week_hours,day_most,listed\n")
	for i := range 2 * maxTable / 1100 { // each line is as long as a line may be
		fmt.Fprintf(&table, "guiyuan-ganyuan,Zhou %d,neighbour,mandarin,%smon 09:00-12:00,,,,20,3,yes\n", i, strings.Repeat(" ", 1100))
	}
	if a := one.Upload("/desk/mediation/mediators/import", "file", "roster.csv", table.String()); a.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a table of %d bytes answered %d", table.Len(), a.Status)
	}
	programmetest.Holds(t, one.OK("/desk/mediation/mediators"), "Nobody is on the roster.")
}

func Test_a_room_is_entered_once_and_closed_when_it_is_not_used_any_more(t *testing.T) {
	h := newHouse(t)
	one := h.As("street")
	room := []string{"unit", "guiyuan", "room_name", "Room 1", "place", "1 Garden Road", "seats", "8", "step_free", "yes", "mon", "09:00-17:00"}
	one.Sent("/desk/mediation/rooms/new", room...)
	programmetest.Holds(t, one.OK("/desk/mediation/rooms"), "Room 1", "8 seats", "Step-free access", "Mon 09:00-17:00")
	twice := one.Post("/desk/mediation/rooms/new", room...)
	if twice.Status != http.StatusConflict {
		t.Errorf("the same room again answered %d", twice.Status)
	}
	programmetest.Holds(t, twice.Body, "Another room has this name and address.")
	one.Sent("/desk/mediation/rooms/1/edit", with(room, "version", "1", "shut", "yes")...)
	programmetest.Holds(t, one.OK("/desk/mediation/rooms"), "closed")
	if got := h.As("elsewher").Get("/desk/mediation/rooms/1/edit").Status; got != http.StatusNotFound {
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
	one := h.As("one")
	programmetest.Holds(t, one.OK(at), at+"/mediator", at+"/sessions")
	page := one.OK(at + "/mediator")
	programmetest.Holds(t, page, "Wang Mediator", "Sun Ping", "Works beside for an organisation that takes part: Wang Respondent.", "stored nowhere")
	if got := one.Post(at+"/mediator", "chosen", "designated"); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("naming nobody answered %d", got.Status)
	}
	named := []string{"s_mediator", "2", "chosen", "designated"}
	for range 2 { // sent twice, it is done once
		one.Sent(at+"/mediator", with(named, "_key", "thekeyofoneformsenttwice")...)
	}
	again := h.As("two").Post(at+"/mediator", named...)
	if again.Status != http.StatusConflict {
		t.Errorf("naming somebody a second time answered %d", again.Status)
	}
	programmetest.Holds(t, again.Body, "This mediator is on the case already.")
	h.tx(func(ctx context.Context, tx *db.Tx) error {
		seats, err := seatsOf(ctx, tx, id)
		if err != nil || len(seats) != 1 || seats[0].Mediator != 2 || seats[0].Settled {
			t.Errorf("the seats are %+v (%v)", seats, err)
		}
		return err
	})
	programmetest.Holds(t, one.OK(at+"/sessions"), "Sun Ping", "To be disclosed", "No session can be called now")
}

func Test_a_session_is_proposed_booked_and_moved_and_parties_have_it_in_their_calendar(t *testing.T) {
	h := newHouse(t)
	m := h.mediator("Zhou Hua")
	h.room("Room 1", 8)
	id := h.ready("leak", m.Name)
	at := "/desk/cases/" + h.ref(id) + "/sessions"
	one, two := h.As("one"), h.As("two")
	k, _ := h.city.Opened(t, id)

	party := h.Browser()
	applicant, other := "/f/"+string(k.Code)+"/session", "/p/"+string(k.Members[1].Code)+"/session"
	programmetest.Holds(t, party.OK("/f/"+string(k.Code)), applicant)
	programmetest.Holds(t, party.OK("/p/"+string(k.Members[1].Code)), other)
	programmetest.Holds(t, party.OK(applicant), "No session is called at present.")
	party.Sent(other+"/away", "day", "2026-03-05")
	party.Sent(applicant+"/away", "day", "2026-03-06", "from", "09:00", "to", "12:00")
	programmetest.Holds(t, party.OK(other), "5 March 2026")
	programmetest.Lacks(t, party.OK(applicant), "5 March 2026")
	if got := party.Post(other+"/away", "day", "2026-03-05", "from", "12:00", "to", "09:00").Status; got != http.StatusUnprocessableEntity {
		t.Errorf("a time that ends before it begins answered %d", got)
	}

	page := one.OK(at)
	programmetest.Holds(t, page, "Cannot come: ", "Wang Respondent", "Zhou Hua", "None declared")
	first := proposal(t, page)
	if !strings.HasPrefix(first, "2026-03-06T14:00|") { // three days of notice, the fifth and the morning of the sixth are out
		t.Errorf("the first proposal is %s", first)
	}
	none := one.Post(at, with(seenIn(page), "do", "book", "s_minutes", "90", "s_mode", "joint", "open", "private")...)
	if none.Status != http.StatusUnprocessableEntity {
		t.Errorf("no time at all answered %d", none.Status)
	}
	own := []string{"s_pick", "own", "s_minutes", "90", "s_mode", "joint", "open", "private", "s_day", "2026-03-05", "s_from", "18:00", "s_room", "1"}
	hand := one.Post(at, with(with(seenIn(page), own...), "do", "book")...)
	if hand.Status != http.StatusConflict {
		t.Errorf("a time against what was said answered %d", hand.Status)
	}
	programmetest.Holds(t, hand.Body, "you may set it aside", "Wang Respondent: The party cannot come at that time.", "Zhou Hua: The mediator does not work at that time.", `value="18:00"`)
	if _, has := h.live(id); has {
		t.Fatal("it was booked all the same")
	}
	soon := []string{"s_pick", "own", "s_minutes", "90", "s_mode", "joint", "open", "private", "s_day", "2026-03-04", "s_from", "14:00", "s_room", "1", "s_accept", "yes"}
	early := one.Post(at, with(with(seenIn(page), soon...), "do", "book")...)
	if early.Status != http.StatusConflict {
		t.Errorf("a time before the end of the notice answered %d", early.Status)
	}
	programmetest.Holds(t, early.Body, "A session is called at least 3 days ahead.", "every side agrees to less")
	programmetest.Holds(t, one.Post(at, with(with(seenIn(page), soon...), "do", "check", "sooner", "yes")...).Body, "Nothing stands against this time.")
	found := one.Post(at, with(seenIn(page), "do", "find", "s_minutes", "90", "s_mode", "joint", "sooner", "yes")...)
	if got := proposal(t, found.Body); got >= "2026-03-05" {
		t.Errorf("where everybody agrees to less notice the first proposal is %s", got)
	}
	one.Sent(at, with(seenIn(page), "do", "book", "s_pick", first, "s_minutes", "90", "s_mode", "joint", "open", "private")...)
	programmetest.Holds(t, party.OK(applicant), "6 March 2026", "14:00–15:30", "Room 1")
	for _, path := range []string{applicant + ".ics", other + ".ics"} {
		a := party.Get(path)
		programmetest.Holds(t, strings.ReplaceAll(a.Body, "\r\n ", ""), "BEGIN:VEVENT", "DTSTART:20260306T060000Z", "Room 1", "STATUS:CONFIRMED")
		programmetest.Lacks(t, a.Body, "Zhou Hua", "Respondent", "Applicant", "leak")
	}
	before := party.Get(applicant + ".ics").Body

	// Both officers have the page open; the second to send is told who was first and finds what was typed.
	stale := two.OK(at)
	moved := one.OK(at)
	one.Sent(at, with(seenIn(moved), "do", "book", "s_pick", proposal(t, moved), "s_minutes", "60", "s_mode", "joint", "open", "private", "off.reason", "the lift is out")...)
	late := two.Post(at, with(seenIn(stale), "do", "book", "s_pick", "own", "s_day", "2026-03-11", "s_from", "09:00", "s_room", "1", "s_minutes", "60", "s_mode", "joint", "open", "private", "off.reason", "my own reason")...)
	if late.Status != http.StatusConflict {
		t.Errorf("the second to move it answered %d", late.Status)
	}
	programmetest.Holds(t, late.Body, "Officer one changed this session meanwhile", "my own reason", "2026-03-11")
	after := party.Get(applicant + ".ics").Body
	uid, seq := regexp.MustCompile(`UID:\S+`), regexp.MustCompile(`SEQUENCE:(\d+)`)
	if uid.FindString(before) != uid.FindString(after) || seq.FindString(before) >= seq.FindString(after) {
		t.Errorf("a calendar program would not know the session again:\n%s\n%s", before, after)
	}
	programmetest.Holds(t, one.Get("/desk/mediation/sessions/1/file.ics").Body, "BEGIN:VEVENT")
	if got := h.As("elsewher").Get("/desk/mediation/sessions/1/file.ics").Status; got != http.StatusNotFound {
		t.Errorf("another district got %d", got)
	}
	if got := h.As("elsewher").Get(at).Status; got != http.StatusNotFound {
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
	file := h.Browser().Get("/f/" + string(k.Code) + "/session.ics").Body
	programmetest.Holds(t, file, "DTSTART:20260309T010000Z", "STATUS:CONFIRMED")
}

func Test_the_calendar_of_the_desk_has_a_mediators_sessions_and_not_where_they_are(t *testing.T) {
	h := newHouse(t)
	m, r := h.mediator("Zhou Hua"), h.room("Room 1", 8)
	h.tx(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE mediation_mediators SET account = 'one' WHERE id = ?1`, m.ID)
		return err
	})
	id := h.ready("leak", m.Name)
	if err := h.booking(director("boss"), id).call(t.Context(), h.wish(r, h.at(7, 9, 0))); err != nil {
		t.Fatal(describe(err))
	}
	at := regexp.MustCompile(`/desk/calendar/[\w-]+`)
	for login, there := range map[string]bool{"one": true, "two": false} {
		address := at.FindString(h.As(login).Post("/desk/me/calendar").Body)
		file := strings.ReplaceAll(h.Browser().OK(address), "\r\n ", "")
		if got := strings.Contains(file, "DTSTART:20260309T010000Z"); got != there {
			t.Errorf("%s has the session in the calendar: %t", login, got)
		}
		programmetest.Lacks(t, file, "Room 1", "Garden Road", "LOCATION", "Zhou Hua", "leak")
	}
}

func Test_a_remote_session_has_an_address_that_is_safe_to_open(t *testing.T) {
	h := newHouse(t)
	m := h.mediator("Zhou Hua")
	id := h.ready("leak", m.Name)
	at := "/desk/cases/" + h.ref(id) + "/sessions"
	one := h.As("one")
	fields := with(seenIn(one.OK(at)), "do", "book", "s_pick", "own", "s_day", "2026-03-10", "s_from", "09:00", "s_minutes", "60", "s_mode", "remote", "open", "private")
	for _, link := range []string{"", "http://video.example/1", "javascript:alert(1)"} {
		if a := one.Post(at, with(fields, "s_place", link)...); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%q answered %d", link, a.Status)
		}
	}
	one.Sent(at, with(fields, "s_place", "https://video.example/room")...)
	k, _ := h.city.Opened(t, id)
	programmetest.Holds(t, h.Browser().OK("/f/"+string(k.Code)+"/session"), `href="https://video.example/room"`)
}

func Test_the_centre_plans_what_waits_and_shows_the_day_and_what_comes_near(t *testing.T) {
	h := newHouse(t)
	m, n := h.mediator("Zhou Hua"), h.mediator("Sun Ping")
	h.room("Room 1", 8)
	one := h.As("one")
	empty := one.OK("/desk/mediation")
	programmetest.Holds(t, empty, "No session on this day.", "Nothing came in this week.", "Zhou Hua", "Room 1")
	var ids []casework.CaseID
	for i := range 3 {
		ids = append(ids, h.ready(fmt.Sprint("quarrel ", i), []string{m.Name, n.Name}[i%2]))
	}
	waiting := h.accepted("no mediator yet")
	page := one.OK("/desk/mediation/plan?unit=guiyuan-ganyuan")
	programmetest.Holds(t, page, h.ref(ids[0]), h.ref(ids[2]))
	programmetest.Lacks(t, page, h.ref(waiting)) // it cannot be called yet
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
	wrong := one.Post("/desk/mediation/plan", with(post[:2], post[6:]...)...) // the first is not ticked, a question not answered
	if got := strings.Join(boxes(wrong.Body), " "); wrong.Status != http.StatusUnprocessableEntity || got != "false true true" {
		t.Errorf("an incomplete plan answered %d with the boxes %s", wrong.Status, got)
	}
	done := one.Post("/desk/mediation/plan", post...)
	if done.Status != http.StatusOK || strings.Count(done.Body, ">called<") != 3 {
		t.Fatalf("the plan answered %d: %s", done.Status, done.Body)
	}
	h.apart()
	s, _ := h.live(ids[0])
	day := dayOf(s.Begins, h.pack.Zone)
	shown := one.OK("/desk/mediation?day=" + day.String())
	programmetest.Holds(t, shown, h.ref(ids[0]), "Zhou Hua", "called")
	programmetest.Lacks(t, h.As("elsewher").OK("/desk/mediation?day="+day.String()), h.ref(ids[0]), "Zhou Hua")
	h.do(ids[0], "no_show", nil)
	programmetest.Holds(t, one.OK("/desk/mediation"), "Nobody came: to follow up", h.ref(ids[0]))
	for _, path := range []string{"/desk/mediation", "/desk/mediation/mediators", "/desk/mediation/rooms", "/desk/mediation/plan", "/desk/mediation/figures", "/desk/mediation/signals"} {
		one.OK(path)
		one.OK(path + "?lang=zh-CN")
	}
	if got := h.Browser().Get("/desk/mediation").Status; got != http.StatusSeeOther {
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
	one := h.As("one")
	var at []string
	for i := range 3 {
		at = append(at, "/desk/cases/"+h.ref(h.ready(fmt.Sprint("quarrel ", i), m.Name))+"/sessions")
	}
	book := func(at, day, from string, more ...string) programmetest.Reply {
		t.Helper()
		return one.Post(at, with(with(seenIn(one.OK(at)), "do", "book", "s_pick", "own", "s_minutes", "90", "s_mode", "joint", "open", "private", "s_day", day, "s_from", from, "s_room", "1"), more...)...)
	}
	const over = "Zhou Hua: More hours of sessions in this week than the 2 agreed."
	if a := book(at[0], "2026-03-10", "09:00"); a.Status != http.StatusSeeOther {
		t.Fatalf("the first session of the week answered %d: %s", a.Status, a.Body)
	}
	second := book(at[1], "2026-03-12", "09:00")
	if second.Status != http.StatusConflict {
		t.Fatalf("three hours of two answered %d", second.Status)
	}
	programmetest.Holds(t, second.Body, over, "you may set it aside")
	if a := book(at[1], "2026-03-09", "09:00"); a.Status != http.StatusConflict {
		t.Errorf("another day of the same week answered %d", a.Status)
	}
	if a := book(at[1], "2026-03-12", "09:00", "s_accept", "yes"); a.Status != http.StatusSeeOther {
		t.Errorf("what the officer accepts answered %d", a.Status)
	}
	// Moved within its week, the second counts once: an hour and a half beside the first.
	moved := book(at[1], "2026-03-12", "10:30", "off.reason", "the lift is out")
	programmetest.Holds(t, moved.Body, over)
	if a := book(at[1], "2026-03-16", "09:00", "off.reason", "the lift is out"); a.Status != http.StatusSeeOther {
		t.Errorf("moved to a week with room it answered %d: %s", a.Status, a.Body)
	}
	// In a plan, too: what is beyond the hours is told, and not ticked.
	box := func() string {
		return regexp.MustCompile(`<input type="checkbox" name="place\.[^>]*>`).FindString(one.OK("/desk/mediation/plan?unit=guiyuan-ganyuan"))
	}
	if got := box(); !strings.Contains(got, " checked") {
		t.Errorf("the box of a session within the hours is %q", got)
	}
	h.tx(func(ctx context.Context, tx *db.Tx) error {
		m.WeekHours, m.Version = 1, m.Version+1
		_, err := putMediator(ctx, tx, m)
		return err
	})
	programmetest.Holds(t, one.OK("/desk/mediation/plan?unit=guiyuan-ganyuan"), "Zhou Hua: More hours of sessions in this week than the 1 agreed.")
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
	one := h.As("one")
	one.Sent("/desk/mediation/mediators/1/training", "day", "2026-03-01", "hours", "3", "topic", "The new rules")
	one.HTTP.Timeout = 20 * time.Second
	oneReader(t, h.db)
	for _, path := range []string{"/desk/mediation?day=" + (monday + 7).String(), "/desk/mediation/mediators/1", "/desk/mediation/mediators/1/file.ics",
		"/desk/mediation/sessions/1/file.ics", "/desk/cases/" + h.ref(id) + "/sessions", "/desk/cases/" + h.ref(id)} {
		if a := one.Get(path); a.Status != http.StatusOK {
			t.Errorf("%s answered %d", path, a.Status)
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
	one := h.As("street")
	page := one.OK("/desk/mediation/figures")
	programmetest.Holds(t, page, "not shown", "Counts below 10 are not shown")
	if regexp.MustCompile(`<td>3</td>`).MatchString(page) {
		t.Error("three matters are shown")
	}
	file := one.Get("/desk/mediation/figures.csv")
	if !strings.Contains(file.Header.Get("Content-Type"), "text/csv") || strings.Contains(file.Body, ",3,") {
		t.Errorf("the file holds what the page hides: %s", file.Body)
	}
	signals := one.OK("/desk/mediation/signals")
	programmetest.Holds(t, signals, "<svg", "more than usual", "People are not counted")
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

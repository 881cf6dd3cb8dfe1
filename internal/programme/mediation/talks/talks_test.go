package talks

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pdf/pdftest"
	"comity/internal/programme/programmetest"
)

func Test_offers_stand_side_by_side_and_one_that_is_said_back_is_accepted(t *testing.T) {
	c := newTown(t)
	k := c.talking()
	c.offer(k, "m1", "The pipe")
	c.offer(k, "m2", "The pipe", "amount", "200 yuan", "reply_to", "1")
	c.offer(k, "m1", "The ceiling")
	zhou := c.As("zhou")
	at := "/desk/cases/" + string(k.Ref)
	page := zhou.Get(at + "/talks").Body
	programmetest.Holds(t, page, "The pipe", "The ceiling", "Applying side", "Other side", "in reply to offer 1", "200 yuan", "钱大中", "f.reply_to=2")
	programmetest.Lacks(t, page, "Make it a term", "Accepted by every other side")
	to := regexp.MustCompile(`href="([^"]*do/offer[^"]*f\.amount=200[^"]*)"`).FindStringSubmatch(page)
	if to == nil {
		t.Fatal("no way to accept offer 2")
	}
	form := zhou.Get(strings.ReplaceAll(to[1], "&amp;", "&")).Body
	programmetest.Holds(t, form, `value="200 yuan"`, `value="2"`, `value="2026-04-01"`, "repairs the pipe")
	c.offer(k, "m1", "the  pipe", "amount", "200 yuan", "reply_to", "no. 2")
	page = zhou.Get(at + "/talks").Body
	programmetest.Holds(t, page, "Accepted by every other side", "Accepts offer 2", "Offer 2 accepted")
	programmetest.Lacks(t, page, "Make it a term") // there is no draft to put it in
	c.do(k, "record", "stated", "Both spoke.", "result", "agreed", "signers", "both")
	c.do(k, "draft", words...)
	page = zhou.Get(at + "/talks").Body
	programmetest.Holds(t, page, "Make it a term")
	page = zhou.Get(at + "/draft").Body
	programmetest.Holds(t, page, "Make a term: The pipe", "No term is listed")
	if a := zhou.Get("/desk/cases/" + string(k.Ref)); !strings.Contains(a.Body, at+"/talks") || !strings.Contains(a.Body, at+"/sign") {
		t.Error("the page of the case does not lead to the talks")
	}
}

func Test_a_term_that_nobody_could_keep_or_enforce_is_refused_at_the_door(t *testing.T) {
	c := newTown(t)
	k := c.drafted()
	term := func(more ...string) error {
		return c.try(k, "add_term", append(append([]string{"issue", "The pipe", "to_whom", "段小雨", "kind", "money"}, repair...), more...)...)
	}
	for field, bad := range map[string]string{"what": "尽快修好水管", "amount": "a reasonable amount", "due_on": "2026-02-01"} {
		err := term(field, bad)
		var no *casework.Refusal
		if !errors.As(err, &no) || no.Rule != "form.invalid" || len(no.Fields) != 1 || no.Fields[0].Field != field {
			t.Errorf("%s %q: %v", field, bad, err)
		}
	}
	if err := term("amount", ""); err == nil {
		t.Error("a payment without an amount was taken")
	}
	if err := term("due_on", "2026-03-02"); err != nil {
		t.Errorf("a term kept on the very day: %v", err)
	}
	if a := c.As("zhou").Post("/desk/cases/"+string(k.Ref)+"/do/add_term", "issue", "x", "who", "x", "to_whom", "x", "kind", "deed", "what", "repairs it if possible", "due_on", "2026-05-01", "where", "x"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("the form answered %d", a.Status)
	} else {
		programmetest.Holds(t, a.Body, "if possible", "cannot be kept", "repairs it if possible")
	}
}

func Test_what_is_agreed_by_word_of_mouth_is_definite_too(t *testing.T) {
	c := newTown(t)
	k := c.talking()
	c.do(k, "record", "stated", "Both spoke.", "result", "agreed", "signers", "both")
	agree := func(what string) error {
		return c.try(k, "agree_oral", "written", "no", "facts", "Water ran.", "what", what, "effective_on", "2026-03-02", "perform_by", "2026-03-03")
	}
	var no *casework.Refusal
	if err := agree("钱大中尽快修好水管"); !errors.As(err, &no) || len(no.Fields) != 1 || no.Fields[0].Field != "what" || no.Fields[0].Rule != "talks.vague" {
		t.Errorf("a promise nobody can hold anyone to: %v", err)
	}
	if err := agree("钱大中三月三日前修好水管"); err != nil {
		t.Error(err)
	}
}

func Test_an_offer_that_one_side_accepted_waits_for_the_third(t *testing.T) {
	p, err := ledgertest.Sound(os.DirFS("../../../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	said := func(seq int, member, amount, reply string) casework.Event {
		return casework.Event{Seq: seq, Act: "offer", Member: member, Fields: map[string]string{"issue": "The pipe", "who": "A", "what": "pays", "amount": amount, "due_on": "2026-04-01", "where": "here", "reply_to": reply}}
	}
	m := &matter{t: p.Talks, p: p, d: p.Procedures["mediation"], events: []casework.Event{said(1, "m1", "300", ""), said(2, "m2", "300", "1")}}
	for i, side := range []string{"applicant", "respondent", "third"} {
		m.c.Members = append(m.c.Members, casework.Member{ID: "m" + strconv.Itoa(i+1), Roll: "party", Marks: map[string]string{"side": side}})
	}
	if o := m.offers()[0]; o.answered || m.settled(o) || !slices.Equal(o.accepted, []string{"respondent"}) {
		t.Errorf("with one side missing the offer is %+v", o)
	}
	m.events = append(m.events, said(3, "m3", "300", "1"))
	if o := m.offers()[0]; o.answered || !m.settled(o) {
		t.Errorf("with both the offer is %+v", o)
	}
	m.events[2] = said(3, "m3", "250", "1")
	if o := m.offers()[0]; !o.answered || m.settled(o) {
		t.Errorf("with something else said the offer is %+v", o)
	}
}

func Test_drafts_are_compared_with_what_went_and_what_came_marked(t *testing.T) {
	c := newTown(t)
	k := c.drafted()
	zhou := c.As("zhou")
	at := "/desk/cases/" + string(k.Ref) + "/draft"
	programmetest.Holds(t, zhou.Get(at).Body, "Terms of draft 1", "Definite", "300 yuan")
	c.do(k, "draft", append(words, "responsibility", "Mostly above", "scope", "part", "left_open", "The ceiling")...)
	anew := "/desk/cases/" + string(k.Ref) + "/documents/" + strconv.Itoa(c.load(k.ID).Seq) + "/agreement"
	page := zhou.Get(anew).Body
	programmetest.Holds(t, page, "Mostly above")
	programmetest.Lacks(t, page, "300 yuan") // the terms of the draft before
	c.do(k, "add_term", append(append([]string{"issue", "The pipe", "to_whom", "段小雨", "kind", "money"}, repair...), "amount", "280 yuan")...)
	page = zhou.Get(at).Body
	programmetest.Holds(t, page, "Terms of draft 2", "<del>300</del>", "<ins>280</ins>", "<del>Shared</del>", "Left open", "The ceiling")
	programmetest.Holds(t, zhou.Get(at+"?a=2&b=2").Body, "These two say the same")
	programmetest.Holds(t, zhou.Get(at+"?a=9&b=x").Body, "<ins>280</ins>")
}

var hashIn = regexp.MustCompile(`name="hash" value="([0-9a-f]{64})"`)

func hashOn(t *testing.T, page string) string {
	t.Helper()
	m := hashIn.FindStringSubmatch(page)
	if m == nil {
		t.Fatal("the page names no words to sign")
	}
	return m[1]
}

func drawing(t *testing.T) string {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 60, 20))
	for x := range 50 {
		img.Set(x, 10, color.NRGBA{16, 24, 42, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return drawn + base64.StdEncoding.EncodeToString(b.Bytes())
}

func Test_a_party_signs_on_the_device_it_was_handed_and_can_open_nothing_else_of_the_desk(t *testing.T) {
	c := newTown(t)
	k := c.drafted()
	zhou := c.As("zhou")
	at := "/desk/cases/" + string(k.Ref) + "/sign"
	page := zhou.Get(at).Body
	programmetest.Holds(t, page, "3 signatures are missing", "钱大中", "段小雨", "/sign/m2/tablet", "/sign/m1/paper")
	if a := zhou.Get(at + "/m9/tablet"); a.Status != http.StatusNotFound || zhou.Get(at).Status != http.StatusOK {
		t.Errorf("the tablet of nobody answers %d, or the officer is locked out by it", a.Status)
	}
	tablet := at + "/m2/tablet"
	page = zhou.Get(tablet).Body
	programmetest.Holds(t, page, "Mediation agreement", "300 yuan", "段小雨", "<canvas", "sign.js")
	programmetest.Holds(t, page, `data-to="/desk/locked"`)
	programmetest.Lacks(t, page, `href="/desk"`, "/desk/cases\"", "<nav")
	hash := hashOn(t, page)
	if a := zhou.Post(tablet, "hash", hash, "drawing", "", "typed", ""); a.Status != http.StatusUnprocessableEntity {
		t.Fatalf("an empty signature answered %d", a.Status)
	} else {
		programmetest.Holds(t, a.Body, "Draw your signature", "Tick that you have read")
	}
	if a := zhou.Post(tablet, "hash", hash, "drawing", "data:image/png;base64,AAAA", "read", "yes"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a broken drawing answered %d", a.Status)
	}
	a := zhou.Post(tablet, "hash", hash, "drawing", drawing(t), "read", "yes")
	if a.Status != http.StatusSeeOther || a.To != tablet+"?done=1" {
		t.Fatalf("signing answered %d %s", a.Status, a.Body)
	}
	programmetest.Holds(t, zhou.Get(a.To).Body, "hand the device back")
	if x := c.member(k, "m2"); x.Marks["signed"] != "tablet" {
		t.Errorf("the mark is %q", x.Marks["signed"])
	}
	_, events := c.city.Opened(t, k.ID)
	last := events[len(events)-1]
	if last.Act != "sign" || last.Member != "m2" || len(last.Files) != 1 || last.Files[0].Kind != "image/png" || !strings.Contains(last.Files[0].Name, hash[:12]) {
		t.Errorf("the event is %s of %s with %+v", last.Act, last.Member, last.Files)
	}
	if a := zhou.Get("/desk/cases/" + string(k.Ref)); a.Status != http.StatusSeeOther || a.To != "/desk/locked" {
		t.Errorf("the case opened on the device: %d %s", a.Status, a.To)
	}
	if a := zhou.Get(at); a.Status != http.StatusSeeOther || !strings.HasPrefix(a.To, "/desk/signin") {
		t.Errorf("the session outlived it: %d %s", a.Status, a.To)
	}
	zhou = c.As("zhou")
	page = zhou.Get(at).Body
	programmetest.Holds(t, page, "2 signatures are missing", "On the tablet")
	programmetest.Lacks(t, page, "/sign/m2/tablet")
}

func Test_paper_is_recorded_with_its_scan_and_a_scan_with_a_virus_is_refused_and_nothing_lost(t *testing.T) {
	c := newTown(t)
	k := c.drafted()
	zhou := c.As("zhou")
	at := "/desk/cases/" + string(k.Ref) + "/sign/m1/paper"
	hash := hashOn(t, zhou.Get(at).Body)
	if a := zhou.Upload(at, "files", "", "", "hash", hash, "read", "yes"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a signature without its paper answered %d", a.Status)
	}
	virus := `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE` + `!$H+H*`
	a := zhou.Upload(at, "files", "scan.pdf", virus, "hash", hash, "read", "yes")
	if a.Status != http.StatusUnprocessableEntity {
		t.Fatalf("a virus answered %d", a.Status)
	}
	programmetest.Holds(t, a.Body, "viruses", "checked")
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(drawing(t), drawn))
	if a := zhou.Upload(at, "files", "scan.png", string(raw), "hash", hash, "read", "yes"); a.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if x := c.member(k, "m1"); x.Marks["signed"] != "paper" {
		t.Errorf("the mark is %q", x.Marks["signed"])
	}
}

func Test_a_party_signs_by_its_own_link_exactly_the_words_it_read(t *testing.T) {
	c := newTown(t)
	k := c.drafted()
	m2, _ := c.key(k, "m2")
	b := c.Browser()
	at := "/p/" + m2 + "/sign"
	page := b.Get(at).Body
	programmetest.Holds(t, page, "300 yuan", "I have read this term", "钱大中")
	hash := hashOn(t, page)
	if a := b.Post(at, "hash", hash, "typed", "钱大中", "read", "yes"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a term that was not ticked: %d", a.Status)
	} else {
		programmetest.Holds(t, a.Body, "Tick every term")
	}
	c.do(k, "draft", words...)
	c.do(k, "add_term", append(append([]string{"issue", "The pipe", "to_whom", "段小雨", "kind", "money"}, repair...), "amount", "280 yuan")...)
	a := b.Post(at, "hash", hash, "typed", "钱大中", "read", "yes", "term", "1")
	if a.Status != http.StatusUnprocessableEntity {
		t.Fatalf("old words were signed: %d", a.Status)
	}
	programmetest.Holds(t, a.Body, "changed after this page was opened", "<del>300</del>", "<ins>280</ins>", "nothing was signed")
	if x := c.member(k, "m2"); x.Marks["signed"] != "no" {
		t.Errorf("the mark is %q", x.Marks["signed"])
	}
	if a = b.Post(at, "hash", hashOn(t, a.Body), "typed", "钱大中", "read", "yes", "term", "1"); a.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	programmetest.Holds(t, b.Get(at).Body, "You signed on")
	if x := c.member(k, "m2"); x.Marks["signed"] != "link" {
		t.Errorf("the mark is %q", x.Marks["signed"])
	}
	if a := b.Get("/p/" + m2); !strings.Contains(a.Body, "/p/"+m2+"/talks") {
		t.Error("the party's page does not lead to the offers")
	}
}

// key is the code of a member and that of the case, as the messages to them hold it.
func (c *town) key(k casework.Case, member string) (own, follow string) {
	c.t.Helper()
	look, err := c.city.Ledger.Look(c.t.Context(), authz.Machine(), ledger.Ticket{Case: k.ID, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		c.t.Fatal(err)
	}
	k = look.Case()
	x, _ := k.Member(member)
	return string(x.Code), string(k.Code)
}

func Test_what_was_said_in_confidence_is_on_no_page_and_no_paper_but_the_part_that_asks_for_it(t *testing.T) {
	const secret, bottom = "nobodyelseknowsthis", "thelowestofall"
	c := newTown(t)
	k := c.talking()
	c.offer(k, "m1", "The pipe")
	for _, m := range []string{"m1", "m2"} {
		c.do(k, "confide", "member", m, "caucus_note", secret, "caucus_offer", bottom)
	}
	c.do(k, "record", "stated", "Both spoke.", "result", "agreed", "signers", "both")
	c.do(k, "draft", words...)
	c.do(k, "add_term", append([]string{"issue", "The pipe", "to_whom", "段小雨", "kind", "money"}, repair...)...)
	own, follow := c.key(k, "m2")
	case0, zhou, lin, anybody := "/desk/cases/"+string(k.Ref), c.As("zhou"), c.As("lin"), c.Browser()
	seen := 0
	silent := func(where, words string) {
		t.Helper()
		for _, w := range []string{secret, bottom} {
			if strings.Contains(strings.Join(strings.Fields(words), ""), w) {
				t.Errorf("%s shows what was said in confidence", where)
			}
		}
	}
	look := func(b *programmetest.Browser, path string) (body string) {
		t.Helper()
		a := b.Get(path)
		if a.Status == http.StatusOK {
			seen++
		}
		silent(path, a.Body)
		return a.Body
	}
	for _, b := range []*programmetest.Browser{zhou, lin} {
		for _, x := range []string{"", "/talks", "/draft", "/sign", "/parties", "/serve", "/serve/letters", "/who", "/do/offer", "/do/add_term"} {
			look(b, case0+x)
		}
		look(b, "/desk/cases?format=csv")
	}
	_, events := c.city.Opened(t, k.ID)
	for _, e := range events {
		for _, id := range e.Documents {
			look(zhou, case0+"/documents/"+strconv.Itoa(e.Seq)+"/"+id)
		}
	}
	file := pdftest.Text(t, []byte(look(zhou, case0+"/dossier?lang=en")))
	programmetest.Holds(t, file, "Both spoke.", "repairs the pipe") // the words of the papers are read, or nothing below means anything
	silent("the file of the case", file)
	c.tellsPrograms(k, follow, silent)
	c.tellsOwner(k, follow, silent)
	for _, base := range []string{"/p/" + own, "/f/" + follow} {
		for _, x := range []string{"", "/talks", "/sign", "/law", "/why", "/proof", "/do/offer", "/do/leave"} {
			look(anybody, base+x)
		}
	}
	if seen < 36 {
		t.Errorf("only %d pages answered; the test looks at too few", seen)
	}
	holder := authz.Holder(string(k.ID))
	own1, err := c.city.Ledger.Look(t.Context(), holder, ledger.Ticket{Case: k.ID, Purpose: ledger.PurposeOwn, Level: authz.Identity})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range own1.Events() {
		if e.Fields["caucus_note"] == secret {
			t.Error("whoever opened the case is shown what was confided")
		}
	}
	a := zhou.Post(case0 + "/talks/sealed")
	programmetest.Holds(t, a.Body, secret, bottom, "Said in confidence")
	if !slices.ContainsFunc(looks(t, c, k), func(d ledger.Disclosure) bool { return d.Level == authz.Caucus && d.Actor == "zhou" }) {
		t.Error("the look is not on record")
	}
	if a := lin.Post(case0 + "/talks/sealed"); a.Status == http.StatusOK || strings.Contains(a.Body, secret) {
		t.Errorf("the director, who does not mediate, was shown it: %d", a.Status)
	}
	programmetest.Lacks(t, lin.Get(case0+"/talks").Body, "talks/sealed")
}

// tellsPrograms asks the interface for programs everything it knows of a case, with all the powers of whoever
// mediates it and with the code of whoever opened it.
func (c *town) tellsPrograms(k casework.Case, follow string, silent func(where, words string)) {
	c.t.Helper()
	program, at := c.Browser(), "/api/v1/cases/"+string(k.Ref)
	program.Token = c.token
	for path, holding := range map[string]string{at + "?level=identity": "钱大中", at + "/events?level=identity": "Both spoke.", "/api/v1/cases": string(k.Ref)} {
		a := program.Get(path)
		if a.Status != http.StatusOK || !strings.Contains(a.Body, holding) {
			c.t.Errorf("%s answers %d without %q", path, a.Status, holding)
		}
		silent(path, a.Body)
	}
	for _, path := range []string{at + "?level=caucus", at + "/events?level=caucus"} {
		a := program.Get(path)
		if a.Status == http.StatusOK {
			c.t.Errorf("%s is answered", path)
		}
		silent(path, a.Body)
	}
	a := c.Browser().Get("/api/v1/follow/" + follow)
	if a.Status != http.StatusOK {
		c.t.Errorf("following answers %d", a.Status)
	}
	silent("following by a program", a.Body)
}

// tellsOwner sends every message that is owed and takes the copy of their data that whoever opened the case is
// given.
func (c *town) tellsOwner(k casework.Case, follow string, silent func(where, words string)) {
	c.t.Helper()
	b := c.Browser()
	if a := b.Post("/my", "code", follow); a.To != "/my/code" {
		c.t.Fatalf("asking for one's own data answers %d %s", a.Status, a.To)
	}
	for n := 1; n > 0; {
		var err error
		if n, err = c.jobs.RunDue(c.t.Context(), 100); err != nil {
			c.t.Fatal(err)
		}
	}
	sent, err := c.post.Inbox(c.t.Context(), 1000)
	if err != nil || len(sent) < 5 {
		c.t.Fatalf("%d messages: %v", len(sent), err)
	}
	digits := ""
	for _, m := range sent {
		silent("the message "+m.Key, m.Body)
		if m.Template == "mydata.digits" {
			digits = regexp.MustCompile(`\d{6}`).FindString(m.Body)
		}
	}
	if a := b.Post("/my/code", "digits", digits); a.To != "/my/data" {
		c.t.Fatalf("the digits %q answer %d %s", digits, a.Status, a.To)
	}
	for _, path := range []string{"/my/data", "/my/data.json"} {
		a := b.Get(path)
		if a.Status != http.StatusOK || !strings.Contains(a.Body, string(k.Ref)) {
			c.t.Errorf("%s answers %d without the case", path, a.Status)
		}
		silent(path, a.Body)
	}
}

func looks(t *testing.T, c *town, k casework.Case) []ledger.Disclosure {
	t.Helper()
	list, err := c.city.Reader.Looks(t.Context(), k.ID, 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func Test_a_crew_is_put_on_the_roll_from_one_list_and_nothing_is_lost(t *testing.T) {
	c := newTown(t)
	k := c.open()
	zhou := c.As("zhou")
	at := "/desk/cases/" + string(k.Ref) + "/parties"
	var list []string
	for i := range 60 {
		list = append(list, "工人"+strconv.Itoa(i+1)+"，1380000"+strconv.Itoa(1000+i))
	}
	text := strings.Join(append(list, "坏号,12ab", "重复,13800001000", "没电话"), "\n")
	common := []string{"act", "add_party", "side", "applicant", "way", "message"}
	a := zhou.Post(at, append(common, "list", text, "step", "look")...)
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	programmetest.Holds(t, a.Body, "61 can be added", "The same as line 1")
	a2 := zhou.Post(at, append(common, "list", "甲，13900001001\r\n乙，13900001002\r\n丙，13900001002", "step", "look")...)
	programmetest.Holds(t, a2.Body, "The same as line 2", `<td class="num">3</td>`) // as browsers send lines
	if n := len(c.load(k.ID).Members); n != 1 {
		t.Fatalf("looking through the list added %d", n-1)
	}
	if a := zhou.Post(at, "act", "add_party", "list", text, "step", "look"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a list without a side answered %d", a.Status)
	} else {
		programmetest.Holds(t, a.Body, "工人60")
	}
	for range 2 { // sent twice, added once
		a = zhou.Post(at, append(common, "list", text, "step", "do", "_key", "0123456789abcdef0123456789abcdef")...)
	}
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	members := c.load(k.ID).Members
	if len(members) != 62 || members[1].Name != "工人1" || members[60].Name != "工人60" {
		t.Fatalf("%d members", len(members))
	}
	programmetest.Holds(t, a.Body, "坏号,12ab", "重复,13800001000")
	a = zhou.Post(at, "act", "add_representative", "authority", "elected", "for_whom", "the crew", "evidence", "minutes 1", "step", "do",
		"list", "代表1\n代表2\n代表3\n代表4\n代表5\n代表6")
	programmetest.Holds(t, a.Body, "5 were added", "代表6")
	if n := len((&casework.Case{Members: c.load(k.ID).Members}).On("representative")); n != 5 {
		t.Errorf("%d representatives", n)
	}
	virus := `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE` + `!$H+H*`
	if a := zhou.Upload(at, "table", "crew.csv", virus, common...); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("a virus as a list answered %d", a.Status)
	}
	a = zhou.Upload(at, "table", "crew.csv", "name,phone\n新人,13900000000\n", append(common, "step", "look")...)
	programmetest.Holds(t, a.Body, "1 can be added", "Taken for a heading")
}

func Test_who_has_no_telephone_is_told_by_letter_and_the_proof_is_kept(t *testing.T) {
	c := newTown(t)
	k := c.open()
	c.do(k, "add_party", "name", "钱大中", "side", "respondent", "way", "letter")
	for _, m := range []string{"m1", "m2"} {
		c.do(k, "record_identity", "member", m, "proof", "identity card 1234", "capacity", "full")
	}
	c.do(k, "register", "source", "applied", "summary", "Water from above.")
	c.do(k, "consent", "member", "m2", "how", "spoken")
	c.do(k, "accept")
	zhou := c.As("zhou")
	at := "/desk/cases/" + string(k.Ref) + "/serve"
	programmetest.Holds(t, zhou.Get(at).Body, "1 party has neither", "钱大中", "段小雨")
	page := zhou.Get(at + "/letters").Body
	programmetest.Holds(t, page, "To: 钱大中", string(k.Ref))
	programmetest.Lacks(t, page, "To: 段小雨")
	if a := zhou.Upload(at+"/m2", "files", "", ""); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("no answer at all: %d", a.Status)
	}
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(drawing(t), drawn))
	a := zhou.Upload(at+"/m2", "files", "receipt.png", string(raw), "how", "post", "served_on", "2026-03-02")
	if a.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	programmetest.Holds(t, zhou.Get(a.To).Body, "Served: 钱大中")
	now := c.load(k.ID)
	if x := c.member(k, "m2"); x.Marks["notice"] != "served" || len(now.Files) != 1 {
		t.Errorf("%+v, %d files", x.Marks, len(now.Files))
	}
}

func Test_nobody_signs_by_link_for_a_party_and_no_party_past_the_page_with_the_words(t *testing.T) {
	c := newTown(t)
	k := c.drafted()
	var no *casework.Refusal
	if err := c.try(k, "sign", "member", "m2", "how", "link", "read", "yes"); !errors.As(err, &no) || no.Fields[0].Rule != "talks.how" {
		t.Errorf("the desk signed by a party's link: %v", err)
	}
	for _, how := range []string{"paper", "tablet"} {
		if err := c.try(k, "sign", "member", "m2", "how", how, "read", "yes"); !errors.As(err, &no) || no.Fields[0].Rule != "talks.unproved" {
			t.Errorf("a signature by %s without a scan or a drawing: %v", how, err)
		}
		if a := c.As("zhou").Post("/desk/cases/"+string(k.Ref)+"/do/sign", "member", "m2", "how", how, "read", "yes"); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("the plain form recorded a signature by %s: %d", how, a.Status)
		} else {
			programmetest.Holds(t, a.Body, "Nothing shows this signature")
		}
	}
	key, follow := c.key(k, "m2")
	b := c.Browser()
	for _, base := range []string{"/p/" + key, "/f/" + follow} {
		if a := b.Get(base + "/do/sign"); a.Status != http.StatusSeeOther || a.To != base+"/sign" {
			t.Errorf("%s: the bare form answers %d %s", base, a.Status, a.To)
		}
		if a := b.Post(base+"/do/sign", "how", "link", "read", "yes"); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: signed without the words: %d", base, a.Status)
		}
		if a := b.Post(base+"/do/sign", "how", "paper", "read", "yes"); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: a party recorded paper: %d", base, a.Status)
		}
	}
	if a := c.As("zhou").Get("/desk/cases/" + string(k.Ref) + "/do/sign?member=m2"); a.To != "/desk/cases/"+string(k.Ref)+"/sign" {
		t.Errorf("the desk's form answers %d %s", a.Status, a.To)
	}
	page := b.Get("/f/" + follow + "/sign").Body
	if a := b.Post("/f/"+follow+"/sign", "hash", hashOn(t, page), "typed", "段小雨", "read", "yes", "term", "1"); a.Status != http.StatusSeeOther {
		t.Errorf("whoever filed cannot sign: %d %s", a.Status, a.Body)
	}
	if x := c.member(k, "m1"); x.Marks["signed"] != "link" {
		t.Errorf("the mark is %q", x.Marks["signed"])
	}
}

func Test_parties_see_the_open_offers_without_the_others_names_and_answer_with_a_form_that_is_filled(t *testing.T) {
	c := newTown(t)
	k := c.talking()
	c.offer(k, "m1", "The pipe")
	key, follow := c.key(k, "m2")
	b := c.Browser()
	page := b.Get("/p/" + key + "/talks").Body
	programmetest.Holds(t, page, "Applying side", "300 yuan", "f.reply_to=1", "repairs the pipe")
	programmetest.Lacks(t, page, "段小雨", "13700000009", follow)
	to := regexp.MustCompile(`href="(/p/[^"]*f\.amount=[^"]*)"`).FindStringSubmatch(page)
	if to == nil {
		t.Fatal("no way to accept")
	}
	programmetest.Holds(t, b.Get(strings.ReplaceAll(to[1], "&amp;", "&")).Body, `value="300 yuan"`, `value="1"`)
	if n := len(c.events(k)); n == 0 || c.events(k)[n-1].Act != "offer" || c.events(k)[n-1].Member != "m1" {
		t.Error("an address did an act")
	}
	if a := b.Post("/p/"+key+"/do/offer", append([]string{"issue", "The pipe", "reply_to", "1"}, repair...)...); a.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	programmetest.Holds(t, b.Get("/f/"+follow+"/talks").Body, "Accepted by every other side", "Accepts offer 1")
	if a := b.Get("/p/" + follow + "/talks"); a.Status != http.StatusNotFound {
		t.Errorf("the follow code opens a member's page: %d", a.Status)
	}
}

func (c *town) events(k casework.Case) []casework.Event {
	c.t.Helper()
	_, events := c.city.Opened(c.t, k.ID)
	return slices.DeleteFunc(events, func(e casework.Event) bool { return e.Act == "" })
}

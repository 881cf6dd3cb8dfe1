package selfview

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/consent"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/selfview/selfviewtest"
	"comity/internal/text"
	"comity/internal/vault"
	"comity/internal/web"
)

// house is a city with the civic compartment and that of young people, and the pages over both.
type house struct {
	t     *testing.T
	view  *View
	pack  *pack.Pack
	site  *web.Site
	mux   *web.Routes
	codes map[casework.CaseID]casework.Code
	jar   map[string]string
	words *text.Catalogue
}

func newHouse(t *testing.T, civic *db.DB) *house {
	t.Helper()
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, pack: p, words: base.With(p.Texts), codes: map[casework.CaseID]casework.Code{}, jar: map[string]string{}}
	h.view = New(Deps{})
	for name, d := range map[string]*db.DB{"civic": civic} {
		h.view.Rooms = append(h.view.Rooms, h.room(name, d))
	}
	h.view.Rooms = append(h.view.Rooms, h.room("youth", dbtest.OpenSQLite(t)))
	now := func() (at time.Time) {
		if err := civic.View(context.Background(), func(tx *db.Tx) error { at = tx.Now; return nil }); err != nil {
			t.Fatal(err)
		}
		return at
	}
	h.site = &web.Site{Text: h.words, Langs: p.Langs, Now: now, Zone: p.Zone}
	h.mux = &web.Routes{}
	for pattern, page := range h.view.Programme().Public {
		h.mux.Handle(pattern, h.site.Serve(func(w http.ResponseWriter, r *http.Request) error {
			return page(&programme.Visitor{W: w, R: r, Site: h.site})
		}))
	}
	return h
}

func (h *house) room(name string, d *db.DB) *Room {
	h.t.Helper()
	ctx := context.Background()
	if err := errors.Join(jobs.Migrate(ctx, d), courier.Migrate(ctx, d), consent.Migrate(ctx, d), Migrate(ctx, d)); err != nil {
		h.t.Fatal(err)
	}
	ring := vault.FromSeed(vault.Compartment(name), "std", []byte("self view "+name))
	city := ledgertest.OpenPack(h.t, d, h.pack, func(c *ledger.Config) { c.Ring = ring })
	h.view.Packs = city.Packs
	r := &Room{Compartment: name, DB: d, Ring: ring, Ledger: city.Ledger, Reader: city.Reader}
	r.Courier = &courier.Courier{DB: d, Ledger: city.Ledger, Reader: city.Reader, Packs: city.Packs,
		Words: func(*pack.Pack) *text.Catalogue { return h.words }, Link: func(casework.Case, bool) string { return "https://city.example" }}
	r.Consents = &consent.Book{DB: d, Ring: ring, Ledger: city.Ledger, Reader: city.Reader, Packs: city.Packs}
	return r
}

// files opens a case of somebody who is reached by phone.
func (h *house) files(r *Room, category, phone string, fields map[string]string) casework.CaseID {
	h.t.Helper()
	at := org.UnitID("guiyuan-ganyuan")
	got, err := r.Ledger.Do(context.Background(), authz.Reporter(), casework.Command{Version: casework.AnyVersion, Fields: fields, Open: &casework.Opening{
		Unit: h.pack.RouteTo(category, at), Category: category, Title: "A matter", Text: "Words about a matter.", Source: "self",
		Place: casework.Place{Unit: at}, Contact: casework.Contact{Channel: "sms", Address: phone, Name: "Somebody", Lang: "en"}}})
	if err != nil {
		h.t.Fatal(err)
	}
	h.codes[got.Case] = got.Code
	return got.Case
}

func (h *house) street(phone string) casework.CaseID {
	for _, c := range h.pack.Categories {
		if c.Procedure == "service-request" {
			return h.files(h.view.Rooms[0], c.ID, phone, nil)
		}
	}
	h.t.Fatal("the pack has no service requests")
	return ""
}

func (h *house) young(phone string) casework.CaseID {
	return h.files(h.view.Rooms[1], "support.young", phone, map[string]string{"source": "self", "from_14": "from"})
}

// proved is somebody who followed a code and typed the digits, for some compartments twice.
func (h *house) proved(id casework.CaseID, opens ...string) Proof {
	h.t.Helper()
	ctx := context.Background()
	p, known, err := h.view.begin(ctx, string(h.codes[id]))
	if err != nil || !known {
		h.t.Fatal(known, err)
	}
	r, _ := h.view.room(p.Room)
	if p, err = h.view.Prove(ctx, p, r.digitsOf(r.proofID(p.Proof))); err != nil {
		h.t.Fatal(err)
	}
	p.Opened = append(p.Opened, opens...)
	proof, err := h.view.proofOf(ctx, p)
	if err != nil {
		h.t.Fatal(err)
	}
	return proof
}

// ask is one request of a browser that keeps cookies.
func (h *house) ask(method, target string, form url.Values) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", "en")
	r.RemoteAddr = "192.0.2.7:1"
	for k, v := range h.jar {
		r.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	w := httptest.NewRecorder()
	h.mux.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		h.jar[c.Name] = c.Value
	}
	return w
}

// signIn goes the whole way through the pages.
func (h *house) signIn(id casework.CaseID) {
	h.t.Helper()
	if w := h.ask("POST", "/my", url.Values{"code": {string(h.codes[id])}}); w.Code != http.StatusSeeOther {
		h.t.Fatalf("%d: %s", w.Code, w.Body)
	}
	h.typeDigits(false)
}

func (h *house) typeDigits(next bool) {
	h.t.Helper()
	p, ok := h.view.unseal(h.jar[cookie], h.site.Now())
	if !ok {
		h.t.Fatal("the cookie does not open")
	}
	r, _ := h.view.room(p.Room)
	proof := p.Proof
	if next {
		proof = p.Next
	}
	if w := h.ask("POST", "/my/code", url.Values{"digits": {r.digitsOf(r.proofID(proof))}}); w.Code != http.StatusSeeOther {
		h.t.Fatalf("%d: %s", w.Code, w.Body)
	}
}

func (h *house) open(letter string) {
	h.t.Helper()
	if w := h.ask("POST", "/my/open", url.Values{"part": {letter}}); w.Code != http.StatusSeeOther {
		h.t.Fatalf("%d: %s", w.Code, w.Body)
	}
	h.typeDigits(true)
}

func Test_every_look_by_random_staff_is_on_the_page_of_the_person_and_nothing_else(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		world := selfviewtest.World{Doors: map[string]*ledger.Ledger{}, Staff: h.staff()}
		for _, r := range h.view.Rooms {
			world.Doors[r.Compartment] = r.Ledger
		}
		for i := range 4 {
			phone := fmt.Sprintf("1390000000%d", i)
			street, young := h.street(phone), h.young(phone)
			proof := seen([]ledger.Fact{{Kind: ledger.ByPhone, Value: phone}}, "youth") // without the look that a proof makes
			world.Owners = append(world.Owners, selfviewtest.Owner{Name: phone, Cases: map[string][]casework.CaseID{"civic": {street}, "youth": {young}},
				See: func() (map[string]map[casework.CaseID][]string, error) { return h.looks(proof) }})
		}
		acts := 2000
		if !testing.Short() && strings.HasSuffix(t.Name(), "sqlite") {
			acts = 10_000
		}
		if given := selfviewtest.Walk(t, world, acts, 11); given < acts/10 {
			t.Errorf("only %d looks were given; the walk tells little", given)
		}
	})
}

// staff are people of several units, by compartment.
func (h *house) staff() map[string][]authz.Actor {
	out := map[string][]authz.Actor{}
	add := func(compartment, id, role, unit string) {
		a := authz.Staff(id, []authz.Grant{{Role: authz.Role(role), Unit: org.UnitID(unit)}}).Under(h.pack.Rules).In(compartment)
		out[compartment] = append(out[compartment], a)
	}
	for i, unit := range []string{"guiyuan-ganyuan", "guiyuan", "binjiang", "linjiang", "wangchuan"} {
		add("civic", fmt.Sprintf("o%d", i), "officer", unit)
		add("civic", fmt.Sprintf("h%d", i), "head", unit)
	}
	add("youth", "y1", "youth_worker", "linjiang-office-c")
	add("youth", "y2", "youth_lead", "linjiang-office-c")
	add("youth", "o1", "officer", "linjiang")
	return out
}

func Test_two_worlds_differ_in_a_hidden_part_and_the_pages_are_the_same_bytes(t *testing.T) {
	page := func(hidden bool) (pages []string) {
		h := newHouse(t, dbtest.OpenSQLite(t))
		street := h.street("13900000001")
		if hidden {
			h.young("13900000001")
		}
		h.signIn(street)
		h.open("B")
		shown := h.ask("GET", "/my/data", nil).Body.String()
		if hidden && strings.Contains(shown, "Nothing is held about you here") {
			t.Fatal("the young person's matter is not on the page before it is hidden")
		}
		for _, ask := range [][2]string{{"/my/hide", "B"}} {
			if w := h.ask("POST", ask[0], url.Values{"part": {ask[1]}}); w.Code != http.StatusSeeOther {
				t.Fatal(w.Code)
			}
		}
		for _, lang := range []string{"en", "zh-CN"} {
			pages = append(pages, steady(h.ask("GET", "/my/data?lang="+lang, nil).Body.String()))
		}
		return append(pages, steady(h.ask("GET", "/my/data.json", nil).Body.String()))
	}
	with, without := page(true), page(false)
	for i := range with {
		if with[i] != without[i] {
			t.Errorf("page %d differs:\n%s\n----\n%s", i, with[i], without[i])
		}
	}
}

// steady takes out what chance draws in every world: names of looks and microseconds.
func steady(page string) string {
	page = regexp.MustCompile(`data-look="[0-9a-f]+"|"record": "[0-9a-f]+"`).ReplaceAllString(page, "LOOK")
	return regexp.MustCompile(`\d\d:\d\d:\d\d\.\d+`).ReplaceAllString(page, "TIME")
}

func Test_a_hidden_part_comes_back_with_a_code_of_its_own_and_not_with_somebody_elses(t *testing.T) {
	h := newHouse(t, dbtest.OpenSQLite(t))
	street, young := h.street("13900000001"), h.young("13900000001")
	other := h.young("13900000009")
	ctx, proof := context.Background(), h.proved(street, "youth")
	held := func() bool {
		s, err := h.view.See(ctx, proof)
		if err != nil {
			t.Fatal(err)
		}
		return len(s.Parts[1].Programmes[0].Matters) > 0
	}
	if !held() {
		t.Fatal("it is not there before")
	}
	if err := h.view.Hide(ctx, proof, "youth"); err != nil || held() {
		t.Fatal(err, "it was hidden and is there")
	}
	if _, err := h.view.ShowAgain(ctx, proof, string(h.codes[other])); err != nil || held() {
		t.Error(err, "somebody else's code brought it back")
	}
	if _, err := h.view.ShowAgain(ctx, proof, string(h.codes[young])); err != nil || !held() {
		t.Error(err, "its own code did not bring it back")
	}
}

func Test_wrong_digits_count_five_times_and_then_the_right_ones_do_not_count_either(t *testing.T) {
	h := newHouse(t, dbtest.OpenSQLite(t))
	ctx := context.Background()
	p, _, err := h.view.begin(ctx, string(h.codes[h.street("13900000001")]))
	if err != nil {
		t.Fatal(err)
	}
	r := h.view.Rooms[0]
	right := r.digitsOf(r.proofID(p.Proof))
	for range maxTries {
		if _, err := h.view.Prove(ctx, p, "000000"+right[:0]+"1"); !errors.Is(err, ErrProof) {
			t.Fatal(err)
		}
	}
	if _, err := h.view.Prove(ctx, p, right); !errors.Is(err, ErrProof) {
		t.Error("the sixth try counted:", err)
	}
}

func Test_digits_count_once_and_ten_minutes(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		h := newHouse(t, d)
		ctx, id := context.Background(), h.street("13900000001")
		p, _, err := h.view.begin(ctx, string(h.codes[id]))
		if err != nil {
			t.Fatal(err)
		}
		r := h.view.Rooms[0]
		right := r.digitsOf(r.proofID(p.Proof))
		if _, err := h.view.Prove(ctx, p, right); err != nil {
			t.Fatal(err)
		}
		if _, err := h.view.Prove(ctx, p, right); !errors.Is(err, ErrProof) {
			t.Error("digits counted twice")
		}
		p, _, _ = h.view.begin(ctx, string(h.codes[id]))
		set(h.site.Now().Add(digitsLast))
		if _, err := h.view.Prove(ctx, p, r.digitsOf(r.proofID(p.Proof))); !errors.Is(err, ErrProof) {
			t.Error("digits counted after ten minutes")
		}
	})
}

func Test_a_code_that_does_not_exist_and_a_matter_without_contact_answer_like_any_other(t *testing.T) {
	h := newHouse(t, dbtest.OpenSQLite(t))
	real, silent := h.street("13900000001"), h.street("")
	h.codes["none"] = casework.NewCode([16]byte{1, 2, 3})
	var bodies []string
	for _, id := range []casework.CaseID{real, silent, "none"} {
		maps.DeleteFunc(h.jar, func(string, string) bool { return true })
		w := h.ask("POST", "/my", url.Values{"code": {string(h.codes[id])}})
		bodies = append(bodies, fmt.Sprint(w.Code, w.Header().Get("Location"), h.ask("GET", "/my/code", nil).Body))
	}
	if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
		t.Error("the answers tell which code exists or reaches somebody")
	}
}

func Test_no_row_anywhere_holds_the_page_or_the_number(t *testing.T) {
	h := newHouse(t, dbtest.OpenSQLite(t))
	id := h.street("13900004321")
	h.young("13900004321")
	h.signIn(id)
	h.open("B")
	if w := h.ask("GET", "/my/data", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Part B") {
		t.Fatal(w.Code, w.Body)
	}
	for _, r := range h.view.Rooms {
		err := r.DB.View(context.Background(), func(tx *db.Tx) error {
			for _, table := range []string{"self_proofs", "self_hidden", "subjects", "jobs", "messages", "looks", "cases", "events"} {
				rows, err := db.All(context.Background(), tx, dump(table), nil, func(s db.Scanner) (text string, err error) { return text, s.Scan(&text) })
				if err != nil {
					return fmt.Errorf("%s: %w", table, err)
				}
				for _, row := range rows {
					if strings.Contains(row, "13900004321") {
						t.Errorf("%s of %s holds the number: %s", table, r.Compartment, row)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func Test_the_number_somebody_wrote_into_a_form_proves_nothing(t *testing.T) {
	h := newHouse(t, dbtest.OpenSQLite(t))
	id := h.files(h.view.Rooms[0], "rights.data", "13900000001", map[string]string{"kind": "copy", "about": "SR-26-000001"})
	proof := h.proved(id)
	if len(proof.facts) != 1 || proof.facts[0].Kind != ledger.ByPhone {
		t.Errorf("proved %v, and only the phone was", proof.facts)
	}
}

// looks are those on a page, by compartment and case.
func (h *house) looks(p Proof) (map[string]map[casework.CaseID][]string, error) {
	s, err := h.view.See(context.Background(), p)
	out := map[string]map[casework.CaseID][]string{}
	for _, part := range s.Parts {
		out[part.Compartment] = map[casework.CaseID][]string{}
		for _, g := range part.Programmes {
			for _, m := range g.Matters {
				out[part.Compartment][m.Case.ID] = nil
				for _, l := range m.Looks {
					out[part.Compartment][m.Case.ID] = append(out[part.Compartment][m.Case.ID], l.ID)
				}
			}
		}
	}
	return out, err
}

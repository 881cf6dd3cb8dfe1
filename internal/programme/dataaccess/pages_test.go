package dataaccess

import (
	"net/http"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/org"
	"comity/internal/programme"
	"comity/internal/programme/programmetest"
	"comity/internal/text"
)

// house is the programme with both surfaces around it. Its pages show no pictures.
type house struct {
	*town
	*programmetest.House
}

func newHouse(t *testing.T) *house {
	t.Helper()
	d, now, set := programmetest.SQLite(t)
	c := newTown(t, d, set)
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{c, programmetest.Open(t, programmetest.Plan{DB: d, Now: now, City: c.city, Words: base.With(c.pack.Texts), Programmes: []programme.Programme{c.prog},
		Sound: func(t testing.TB, where, page string) {
			if strings.Contains(page, "<img") {
				t.Errorf("%s shows a picture", where)
			}
		}})}
	for id, role := range map[string]string{"guiyuan/officer": "officer", "guiyuan/clerk": "clerk", "wangchuan/head": "head"} {
		unit, _, _ := strings.Cut(id, "/")
		h.Staff(id, strings.ReplaceAll(id, "/", "-"), id, authz.Grant{Role: authz.Role(role), Unit: org.UnitID(unit)})
	}
	return h
}

// browser gives what these tests ask of an answer.
type browser struct{ *programmetest.Browser }

func (h *house) browser() browser { return browser{h.Browser()} }

func (h *house) as(login string) browser { return browser{h.As(login)} }

func (b browser) get(path string) (int, string) {
	a := b.Get(path)
	return a.Status, a.Body
}

func (b browser) post(path string, form map[string]string) (int, string, string) {
	a := b.Post(path, inTurn(form)...)
	return a.Status, a.Body, a.To
}

func (b browser) upload(path, name, content string, form map[string]string) (int, string, string) {
	a := b.Upload(path, "file", name, content, inTurn(form)...)
	return a.Status, a.Body, a.To
}

func inTurn(form map[string]string) (kv []string) {
	for k, v := range form {
		kv = append(kv, k, v)
	}
	return kv
}

func Test_an_entry_is_made_changed_and_withdrawn_at_the_desk_and_everybody_reads_it(t *testing.T) {
	h := newHouse(t)
	lin, anyone := h.as("guiyuan-officer"), h.browser()
	status, body, _ := lin.post("/desk/cameras/new", with(market, "retention_days", "5", "why", "First."))
	if status != http.StatusUnprocessableEntity {
		t.Fatalf("a recording kept five days was taken: %d", status)
	}
	programmetest.Holds(t, body, "at least 30 days", "article 17", "Market gate")
	status, _, to := lin.post("/desk/cameras/new", with(market, "why", "First entry."))
	if status != http.StatusSeeOther || !strings.HasPrefix(to, "/desk/cameras/1") {
		t.Fatalf("%d %s", status, to)
	}
	if status, _, _ := lin.post("/desk/cameras/new", with(market, "why", "Again.")); status != http.StatusUnprocessableEntity {
		t.Errorf("the same place was entered twice: %d", status)
	}
	if status, _, _ := lin.post("/desk/cameras/1/edit", with(market, "cameras", "6", "version", "1", "why", "Two more.")); status != http.StatusSeeOther {
		t.Fatalf("the change answered %d", status)
	}
	if status, body, _ := lin.post("/desk/cameras/1/edit", with(market, "cameras", "9", "version", "1", "why", "From an old page.")); status != http.StatusConflict {
		t.Errorf("an old page wrote over a newer one: %d", status)
	} else {
		programmetest.Holds(t, body, "meanwhile", "From an old page.")
	}
	_, body = anyone.get("/cameras?q=market")
	programmetest.Holds(t, body, "Market gate", "6 cameras", "1 entry", "/report?category=camera.footage")
	_, body = anyone.get("/cameras?q=nowhere")
	programmetest.Holds(t, body, "No entry fits")
	_, body = anyone.get("/cameras/1")
	programmetest.Holds(t, body, "Two more.", "Guiyuan Subdistrict")
	if strings.Contains(body, "guiyuan/officer") {
		t.Error("the public page names an account")
	}
	_, body = lin.get("/desk/cameras/1")
	programmetest.Holds(t, body, "guiyuan/officer")
	_, body = anyone.get("/cameras.json")
	programmetest.Holds(t, body, `"number": 1`, `"law": "VI"`, `"retention_days": 30`)
	if status, _, _ := lin.post("/desk/cameras/1/withdraw", map[string]string{"version": "2"}); status != http.StatusUnprocessableEntity {
		t.Errorf("withdrawn without a reason: %d", status)
	}
	if status, _, _ := lin.post("/desk/cameras/1/withdraw", map[string]string{"version": "2", "why": "Taken down."}); status != http.StatusSeeOther {
		t.Errorf("withdrawal answered %d", status)
	}
	if _, body = anyone.get("/cameras"); strings.Contains(body, "Market gate") {
		t.Error("a withdrawn entry is still listed")
	}
	_, body = anyone.get("/cameras/1")
	programmetest.Holds(t, body, "Taken down.", "First entry.")
	for _, path := range []string{"/cameras/2", "/cameras/x", "/cameras/99999999999999999999"} {
		if status, _ := anyone.get(path); status != http.StatusNotFound {
			t.Errorf("%s answered %d", path, status)
		}
	}
}

func Test_nobody_changes_a_part_of_the_register_that_others_keep(t *testing.T) {
	h := newHouse(t)
	if status, _, _ := h.as("guiyuan-officer").post("/desk/cameras/new", with(market, "why", "First.")); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	head := h.as("wangchuan-head")
	if status, _ := head.get("/desk/cameras/1"); status != http.StatusNotFound {
		t.Errorf("another street's entry answered %d", status)
	}
	if status, _, _ := head.post("/desk/cameras/1/withdraw", map[string]string{"version": "1", "why": "Mine now."}); status != http.StatusNotFound {
		t.Errorf("another street withdrew it: %d", status)
	}
	if status, _, _ := head.post("/desk/cameras/new", with(market, "why", "Mine.")); status != http.StatusUnprocessableEntity {
		t.Errorf("another street entered a camera here: %d", status)
	}
	if status, _ := h.as("guiyuan-clerk").get("/desk/cameras"); status != http.StatusForbidden {
		t.Errorf("a clerk keeps the register: %d", status)
	}
	if status, _ := h.browser().get("/desk/cameras"); status != http.StatusSeeOther && status != http.StatusUnauthorized {
		t.Errorf("somebody who is not signed in: %d", status)
	}
}

func Test_a_table_is_imported_whole_and_a_picture_is_not_a_table(t *testing.T) {
	h := newHouse(t)
	lin := h.as("guiyuan-officer")
	head := "area,place,operator,purpose,basis,retention_days,cameras,contact\n"
	status, body, _ := lin.upload("/desk/cameras/import", "x.csv", head+"guiyuan-ganyuan,Gate,Market,Safety of the gate,public_system,30,4,0000-1\nguiyuan-yandu,Steps,School,Safety,public_system,3,1,0000-2\n", map[string]string{"why": "List of 2026."})
	if status != http.StatusUnprocessableEntity {
		t.Fatal(status)
	}
	programmetest.Holds(t, body, "Nothing was taken in", ">3<", "at least 30 days")
	if _, list := lin.get("/desk/cameras"); strings.Contains(list, "Gate") {
		t.Error("half a table was stored")
	}
	if status, body, _ := lin.upload("/desk/cameras/import", "x.jpg", "\xff\xd8\xff\xe0\x00\x10JFIF", map[string]string{"why": "A picture."}); status != http.StatusUnprocessableEntity || strings.Contains(body, "JFIF\x00") {
		t.Errorf("a picture answered %d", status)
	}
	if status, _, _ := lin.upload("/desk/cameras/import", "x.csv", head+"guiyuan-ganyuan,Gate,Market,Safety of the gate,public_system,30,4,0000-1\n", nil); status != http.StatusUnprocessableEntity {
		t.Errorf("a table without a reason answered %d", status)
	}
	status, _, to := lin.post("/desk/cameras/import", map[string]string{"why": "List of 2026.", "table": head + "guiyuan-ganyuan,Gate,Market,Safety of the gate,public_system,30,4,0000-1\r\nguiyuan-yandu,Steps,School,Safety,public_system,30,1,0000-2\r\n"})
	if status != http.StatusSeeOther {
		t.Fatal(status)
	}
	_, body = lin.get(to)
	programmetest.Holds(t, body, "2 entries were taken in", "Gate", "Steps")
}

func Test_the_register_of_questions_is_public_in_both_languages(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	_, body := b.get("/questions?lang=en")
	programmetest.Holds(t, body, "Is a pension being paid?", "Below the local threshold", "article 41", "An answer holds for 60 days", "statutory duty")
	_, body = b.get("/questions?lang=zh-CN")
	programmetest.Holds(t, body, "是否正在领取养老保险待遇", "低于当地标准", "第41条", "答复有效 60 天")
	_, body = b.get("/questions.json")
	programmetest.Holds(t, body, `"id": "car_owned"`, `"duty"`)
	k := h.must(h.ask("A-1", "car_owned"))
	_, body = b.get("/f/" + string(k.Code))
	programmetest.Holds(t, body, "/questions#car_owned")
}

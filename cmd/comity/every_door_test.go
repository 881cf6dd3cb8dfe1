package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/packs"
)

// potholes is a city that has every door open: pages, keys for programs, a folder for mail.
type potholes struct {
	*walker
	folder string
	n      int
}

func openPotholes(t *testing.T, address func() string) *potholes {
	t.Helper()
	dir := t.TempDir()
	h := &potholes{folder: filepath.Join(dir, "mail")}
	config := filepath.Join(dir, "mail.yaml")
	if err := os.WriteFile(config, []byte("address: help@city.example\nfolder: "+h.folder+"\nkeep_days: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	databases := map[string]string{}
	for _, name := range procedure.AllCompartments {
		databases[name] = address()
	}
	c, err := openCity(t.Context(), cityConfig{DBs: databases, Data: filepath.Join(dir, "city"), Pack: sub, Clock: &clock{}, Hashing: account.Cheap(), Base: "https://city.example"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.takeMail(config); err != nil {
		t.Fatal(err)
	}
	c.clock.Fix(dbtest.Start)
	h.walker = &walker{t: t, c: c, log: &syncBuffer{}, samples: map[string][]string{}, card: demoCard{Tokens: map[string]string{}, Roles: map[string]string{}}}
	for _, g := range []authz.Grant{{Role: "clerk", Unit: "guiyuan-ganyuan"}, {Role: "officer", Unit: "binjiang-roads"}} {
		login := string(g.Role)
		a, err := c.accounts.Create(t.Context(), account.Account{Login: login, Name: map[string]string{"en": login}, Grants: []authz.Grant{g}}, demoPassword)
		if err != nil {
			t.Fatal(err)
		}
		if _, h.card.Tokens[login], err = c.accounts.CreateToken(t.Context(), authz.Actor{}, account.Token{Account: a.ID, Name: "x", Powers: authz.Powers, Expires: dbtest.Start.AddDate(0, 1, 0)}); err != nil {
			t.Fatal(err)
		}
		h.card.SignIns = append(h.card.SignIns, demoSignIn{Login: login, Password: demoPassword, Unit: string(g.Unit), Roles: []string{login}})
	}
	h.h, h.patterns = joined(c, surfaceOptions{base: "https://localhost"})
	h.signIn("clerk")
	return h
}

// The pothole, as people tell of it.
var told = map[string]string{"zh-CN": "银行门口的路面有一个很深的坑", "en": "A deep pothole in front of the bank"}

// phone is a number of somebody's own for each report.
func (h *potholes) phone() string {
	h.n++
	return fmt.Sprintf("1390000%04d", h.n)
}

var (
	keyField   = regexp.MustCompile(`name="_key" value="([^"]+)"`)
	codeAnyway = regexp.MustCompile(`[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}`)
)

// at opens the case of a code, or of a number.
func (h *potholes) at(door, codeOrRef string, a answered) casework.Case {
	h.t.Helper()
	if codeOrRef == "" {
		h.t.Fatalf("%s answered %d: %.400s", door, a.status, a.body)
	}
	k, err := h.c.reader.ByCode(h.t.Context(), casework.Code(codeOrRef))
	if err != nil {
		if k, err = h.c.reader.Case(h.t.Context(), authz.Machine().Scope(), codeOrRef); err != nil {
			h.t.Fatalf("%s: %q: %v", door, codeOrRef, err)
		}
	}
	return k
}

// doors file the pothole, each in its own way, and give the case it became.
var doors = map[string]func(h *potholes, lang string) casework.Case{
	"web": func(h *potholes, lang string) casework.Case {
		v := url.Values{"category": {"road.pothole"}, "text": {told[lang]}, "unit": {"guiyuan-ganyuan"}, "who": {"phone"}, "phone": {h.phone()}, "do": {"send"}}
		v.Set("_key", keyField.FindStringSubmatch(h.get("/report?lang="+lang, nobody).body)[1])
		a := h.post("/report?lang="+lang, v, nobody)
		return h.at("web", codeAnyway.FindString(a.header.Get("Location")), a)
	},
	"counter": func(h *potholes, lang string) casework.Case { return h.desk("/desk/new", "counter", lang) },
	"phone":   func(h *potholes, lang string) casework.Case { return h.desk("/desk/phone", "phone", lang) },
	"field": func(h *potholes, lang string) casework.Case {
		h.n++
		var me struct{ Tag string }
		json.Unmarshal([]byte(h.get("/desk/field/me", officer).body), &me)
		r := h.multipart("/desk/field/send", url.Values{"tag": {me.Tag}, "_key": {fmt.Sprintf("abcdefghijklmnopqrstuvwx%02d", 22+h.n%8)}, "kind": {"report"}, "category": {"road.pothole"}, "text": {told[lang]}, "unit": {"guiyuan-ganyuan"}, "address": {"柑园路"}})
		r.Header.Set("Accept", "application/json")
		a := h.send(r, officer)
		var out struct{ Ref string }
		json.Unmarshal([]byte(a.body), &out)
		return h.at("field", out.Ref, a)
	},
	"open311": func(h *potholes, lang string) casework.Case {
		v := url.Values{"jurisdiction_id": {"linjiang.example"}, "api_key": {h.card.Tokens["clerk"]}, "service_code": {"road.pothole"}, "description": {told[lang]}, "address_string": {"柑园路3号"}, "lat": {"28.1102"}, "long": {"112.2703"}, "phone": {h.phone()}, "first_name": {"Li"}}
		kind := map[string]string{"zh-CN": "xml", "en": "json"}[lang]
		a := h.post("/open311/v2/requests."+kind, v, nobody)
		return h.at("open311", numberOf.FindString(a.body), a)
	},
	"api": func(h *potholes, lang string) casework.Case {
		raw, err := json.Marshal(map[string]any{"category": "road.pothole", "text": told[lang], "unit": "guiyuan-ganyuan", "contact": map[string]any{"channel": "sms", "address": h.phone(), "lang": lang}})
		if err != nil {
			h.t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/api/v1/cases", bytes.NewReader(raw))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprintf("door-%d", h.n))
		a := h.send(r, program)
		return h.at("api", numberOf.FindString(a.body), a)
	},
	"mail": func(h *potholes, lang string) casework.Case {
		h.n++
		name := fmt.Sprintf("m%d", h.n)
		mail := fmt.Sprintf("From: li%d@home.example\r\nTo: help@city.example\r\nMessage-ID: <%s@home.example>\r\nContent-Language: %s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n", h.n, name, lang, told[lang])
		if err := os.WriteFile(filepath.Join(h.folder, "new", name), []byte(mail), 0o600); err != nil {
			h.t.Fatal(err)
		}
		if err := h.c.mail.Once(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		why, _ := os.ReadFile(filepath.Join(h.folder, "done", name+".why"))
		return h.at("mail", numberOf.FindString(string(why)), answered{body: string(why)})
	},
}

var numberOf = regexp.MustCompile(`SR-\d\d-\d{6}`)

// desk takes the pothole in from somebody who stands or calls there; it is none of those that are shown.
func (h *potholes) desk(path, source, lang string) casework.Case {
	h.t.Helper()
	v := url.Values{"category": {"road.pothole"}, "text": {told[lang]}, "unit": {"guiyuan-ganyuan"}, "source": {source}, "asked": {"service-request"}, "contact": {h.phone()}, "lang": {lang}, "same": {"none"}}
	v.Set("_key", keyField.FindStringSubmatch(h.get(path, officer).body)[1])
	if source == "phone" {
		v.Set("readback", "yes")
	}
	a := h.send(h.multipart(path, v), officer)
	return h.at(source, codeAnyway.FindString(a.body), a)
}

func (h *potholes) multipart(path string, v url.Values) *http.Request {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for name, values := range v {
		for _, s := range values {
			m.WriteField(name, s)
		}
	}
	m.Close()
	r := httptest.NewRequest(http.MethodPost, path, &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return r
}

func Test_one_pothole_reported_at_every_door_is_one_group_and_everybody_gets_the_one_answer(t *testing.T) {
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		h := openPotholes(t, address)
		ctx := t.Context()
		lead := doors["web"](h, "zh-CN")
		cases := map[string]casework.Case{}
		for door, file := range doors {
			for _, lang := range []string{"zh-CN", "en"} {
				cases[door+" "+lang] = file(h, lang)
			}
		}
		for name, k := range cases {
			if k.Source != strings.Fields(name)[0] || k.ID == lead.ID {
				t.Errorf("%s became a case from %q", name, k.Source)
			}
		}

		// Each goes with the first one; its office does that, by whichever door it came.
		joins := func(k casework.Case) {
			t.Helper()
			who := authz.Staff("wu", []authz.Grant{{Role: "officer", Unit: k.Holder}, {Role: "officer", Unit: lead.Holder}})
			_, err := h.c.ledger.Do(ctx, who, casework.Command{Case: k.ID, Act: "join", Version: casework.AnyVersion, Fields: map[string]string{"lead": string(lead.Ref)}})
			if err != nil {
				t.Fatalf("%s, held by %s: %v", k.Ref, k.Holder, err)
			}
		}
		for _, k := range cases {
			joins(k)
		}
		who := authz.Staff("chen", []authz.Grant{{Role: "officer", Unit: lead.Holder}})
		for _, act := range []casework.Command{{Act: "accept"}, {Act: "begin"}, {Act: "answer", Fields: map[string]string{"outcome": "solved", "answer": "已修补，欢迎查看。The hole was filled."}}} {
			act.Case, act.Version = lead.ID, casework.AnyVersion
			if _, err := h.c.ledger.Do(ctx, who, act); err != nil {
				t.Fatalf("%s: %v", act.Act, err)
			}
		}
		h.drain()

		sent, err := h.c.courier.Inbox(ctx, 1000)
		if err != nil {
			t.Fatal(err)
		}
		told := map[casework.Ref]string{}
		for _, m := range sent {
			if m.Template == "answered" {
				told[m.Ref] += m.Lang + m.Body
			}
		}
		for name, k := range cases {
			now, err := h.c.reader.ByID(ctx, authz.Machine().Scope(), k.ID)
			if err != nil {
				t.Fatal(err)
			}
			if now.State != "answered" || now.Outcome != "solved" {
				t.Errorf("%s is %s, %s", name, now.State, now.Outcome)
			}
			door, lang := strings.Fields(name)[0], strings.Fields(name)[1]
			if door != "field" && door != "open311" && !strings.HasPrefix(told[k.Ref], lang) { // nobody to tell; no language said
				t.Errorf("%s was told %q", name, told[k.Ref])
			}
			if door == "open311" && told[k.Ref] == "" {
				t.Errorf("%s was told nothing", name)
			}
		}

		// Each reporter sees it behind a code of their own, and programs through theirs.
		page := h.get("/open311/v2/requests/"+string(cases["open311 en"].Ref)+".json?jurisdiction_id=linjiang.example", nobody)
		if !strings.Contains(page.body, "The hole was filled.") {
			t.Errorf("Open311 says %d %.300s", page.status, page.body)
		}
		list, err := h.c.reader.Worklist(ctx, authz.Machine().Scope(), ledger.Filter{Limit: 200})
		if err != nil || len(list.Items) != 1+2*len(doors) {
			t.Errorf("%d cases, want %d (%v)", len(list.Items), 1+2*len(doors), err)
		}
		leading, err := h.c.reader.ByID(ctx, authz.Machine().Scope(), lead.ID)
		if err != nil || len(leading.Group) != 2*len(doors) {
			t.Errorf("the group has %d reports, want %d (%v)", len(leading.Group), 2*len(doors), err)
		}
	})
}

package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db/dbtest"
	"comity/internal/file"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/neighbour"
	geo "comity/internal/place"
	"comity/internal/procedure"
	"comity/packs"
)

// aCity opens a city of a pack, with its pages and addresses for programs.
func aCity(t *testing.T, address func() string, pack fs.FS, post string) *walker {
	t.Helper()
	databases := map[string]string{}
	for _, name := range procedure.AllCompartments {
		databases[name] = address()
	}
	c, err := openCity(t.Context(), cityConfig{DBs: databases, Data: filepath.Join(t.TempDir(), "city"), Pack: pack, Post: post, Clock: &clock{}, Hashing: account.Cheap(), Base: "https://city.example"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.clock.Fix(dbtest.Start)
	w := &walker{t: t, c: c, log: &syncBuffer{}, samples: map[string][]string{}, card: demoCard{Tokens: map[string]string{}, Roles: map[string]string{}}}
	w.h, w.patterns = joined(c, surfaceOptions{base: "https://localhost"})
	return w
}

// hires gives a city an officer with a key for programs.
func (w *walker) hires(login, role, unit string) string {
	w.t.Helper()
	ctx := w.t.Context()
	a, err := w.c.accounts.Create(ctx, account.Account{Login: login, Name: map[string]string{"en": login}, Grants: []authz.Grant{{Role: authz.Role(role), Unit: "linjiang"}, {Role: "clerk", Unit: "linjiang"}}}, demoPassword)
	if err != nil {
		w.t.Fatal(err)
	}
	_, key, err := w.c.accounts.CreateToken(ctx, authz.Actor{}, account.Token{Account: a.ID, Name: "x", Powers: authz.Powers, Expires: dbtest.Start.AddDate(0, 1, 0)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.card.SignIns = append(w.card.SignIns, demoSignIn{Login: login, Password: demoPassword, Unit: unit, Roles: []string{role}})
	return key
}

func (w *walker) does(k casework.CaseID, act string, kv ...string) {
	w.t.Helper()
	fields := map[string]string{}
	for i := 0; i+1 < len(kv); i += 2 {
		fields[kv[i]] = kv[i+1]
	}
	now := w.now(k)
	unit := now.Holder
	who := authz.Staff("wu", []authz.Grant{{Role: "officer", Unit: unit}, {Role: "clerk", Unit: unit}, {Role: "head", Unit: unit}})
	if _, err := w.c.ledger.Do(w.t.Context(), who, casework.Command{Case: k, Version: casework.AnyVersion, Act: act, Fields: fields}); err != nil {
		w.t.Fatalf("%s on %s: %v", act, now.Ref, err)
	}
}

func (w *walker) now(id casework.CaseID) casework.Case {
	w.t.Helper()
	k, err := w.c.reader.ByID(w.t.Context(), authz.Machine().Scope(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

// later lets time pass in both cities and does what is due.
func later(by time.Duration, cities ...*walker) {
	for _, w := range cities {
		w.c.clock.Fix(w.c.clock.Now().Add(by))
	}
	for range 2 {
		for _, w := range cities {
			w.drain()
		}
	}
}

func Test_two_cities_exchange_matters_by_the_wire_and_each_resident_gets_one_answer(t *testing.T) {
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		ctx := t.Context()
		demo, err := fs.Sub(packs.FS, "demo")
		if err != nil {
			t.Fatal(err)
		}
		there := aCity(t, address, demo, "")
		key := there.hires("liu", "officer", "linjiang")
		var away atomic.Bool
		gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if away.Load() {
				http.Error(w, "down for repairs", http.StatusBadGateway)
				return
			}
			r.Host = "localhost"
			there.h.ServeHTTP(w, r)
		}))
		defer gate.Close()

		keyFile := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(keyFile, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		post := postFile(t, "allow: [127.0.0.1]\ntries: 3\nfirst_wait: 1m\nneighbours:\n  - {neighbour: donghe, url: "+gate.URL+"/open311/v2, key_file: "+keyFile+", every: 5m}\n")
		pack, err := ledgertest.Neighboured("../..")
		if err != nil {
			t.Fatal(err)
		}
		// A district the demo has already: with one more unit every procedure would be searched anew.
		units, err := fs.ReadFile(demo, "units.yaml")
		if err != nil {
			t.Fatal(err)
		}
		pack["units.yaml"].Data = units
		pack["neighbours.yaml"].Data = []byte(strings.NewReplacer("jurisdiction: donghe.example", "jurisdiction: linjiang.example", "unit: donghe", "unit: donghu").Replace(string(pack["neighbours.yaml"].Data)))
		here := aCity(t, address, pack, post)
		here.hires("lin", "head", "linjiang")
		here.signIn("head")
		if err := here.c.nextDoor.Start(ctx); err != nil {
			t.Fatal(err)
		}
		later(0, here, there)

		// A pothole that lies over there.
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
			t.Fatal(err)
		}
		photo, err := here.c.files.Take(ctx, &b, "hole.png", file.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		photo.Public = true
		reported := func() casework.CaseID {
			t.Helper()
			cmd, err := intake.Command(here.c.packs.Current(), intake.Report{Category: "road.pothole", Text: told["zh-CN"], Address: "柑园路3号", Point: &geo.Point{Lat: 28.1102, Lon: 112.2703}, Source: "web",
				Contact: casework.Contact{Channel: "sms", Address: "13900002222", Lang: "zh-CN"}, Files: []casework.File{photo}})
			if err != nil {
				t.Fatal(err)
			}
			cmd.Open.Unit = "linjiang"
			r, err := here.c.ledger.Do(ctx, authz.Reporter(), cmd)
			if err != nil {
				t.Fatal(err)
			}
			here.does(r.Case, "offer", "unit", "donghu", "reason", "在东河区")
			return r.Case
		}
		id := reported()
		later(0, here, there)
		ours := here.now(id)
		list, err := here.c.nextDoor.List(ctx, neighbour.Filter{Reach: []courier.Reach{{Place: "/linjiang/"}}, Limit: 10})
		if err != nil || len(list) != 1 || ours.Holder != "donghu" || ours.State != "accepted" {
			t.Fatalf("here it is %s with %s, exchanged %+v (%v)", ours.State, ours.Holder, list, err)
		}
		_, tried, number, err := here.c.nextDoor.Find(ctx, []courier.Reach{{Place: "/linjiang/"}}, list[0].ID)
		if err != nil {
			t.Fatalf("%v after %+v", err, tried)
		}
		theirs, err := there.c.reader.Case(ctx, authz.Machine().Scope(), number)
		if err != nil || theirs.Source != "open311" || len(theirs.Files) != 1 || theirs.Contact.Address != "" {
			t.Fatalf("there %q is %+v (%v)", number, theirs, err)
		}

		there.does(theirs.ID, "accept")
		there.does(theirs.ID, "begin")
		later(6*time.Minute, there, here)
		if k := here.now(id); k.State != "in_hand" {
			t.Errorf("when it is begun there it is %s here", k.State)
		}
		found, err := here.c.surveyOf(ctx, &here.c.rooms, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Count > 0 {
				t.Errorf("while it is with them the night finds %s: %v", f.Name, f)
			}
		}
		there.does(theirs.ID, "answer", "outcome", "solved", "answer", "已修补，欢迎查看。")
		later(6*time.Minute, there, here)
		k := here.now(id)
		page := here.get("/f/"+string(here.codeOf(id)), nobody)
		if k.State != "answered" || k.Outcome != "solved" || !strings.Contains(page.body, "已修补，欢迎查看。") {
			t.Errorf("here it is %s, %s; the resident reads %d %.300s", k.State, k.Outcome, page.status, page.body)
		}
		later(26*time.Hour, there, here)
		if k := here.now(id); k.State != "answered" {
			t.Errorf("a day later it is %s after %d events", k.State, k.Seq)
		}

		// A lamp that is out, reported there and ours to mend.
		cmd, err := intake.Command(there.c.packs.Current(), intake.Report{Category: "lighting.out", Text: "桥头路灯不亮", Address: "柑园路9号", Point: &geo.Point{Lat: 28.1102, Lon: 112.2703}, Source: "web"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := there.c.ledger.Do(ctx, authz.Reporter(), cmd)
		if err != nil {
			t.Fatal(err)
		}
		later(6*time.Minute, here, there)
		later(6*time.Minute, here, there)
		lamp, err := here.c.reader.Case(ctx, authz.Machine().Scope(), here.taken(string(r.Ref)))
		if err != nil {
			t.Fatal(err)
		}
		here.does(lamp.ID, "accept")
		here.does(lamp.ID, "begin")
		here.does(lamp.ID, "answer", "outcome", "solved", "answer", "灯已换好。")
		later(time.Minute, here, there)
		if notes := there.notes(r.Case); len(notes) != 3 || !strings.Contains(notes[2], "灯已换好。") || !strings.Contains(notes[2], "fixed") {
			t.Errorf("there is noted %q", notes)
		}

		// Their system is away: what is stuck is found on the page and sent again from it.
		away.Store(true)
		id = reported()
		for range 8 {
			later(2*time.Hour, here)
		}
		here.signIn("head") // the night is over
		stuck := here.get("/desk/post/neighbours", officer)
		if stuck.status != http.StatusOK || !strings.Contains(stuck.body, string(here.now(id).Ref)) || !strings.Contains(stuck.body, "502") {
			t.Fatalf("the page of what is stuck says %d %.2000s", stuck.status, stuck.body)
		}
		away.Store(false)
		sends, err := here.c.nextDoor.List(ctx, neighbour.Filter{Reach: []courier.Reach{{Place: "/linjiang/"}}, Case: id, Limit: 10})
		if err != nil || len(sends) != 1 || sends[0].State != courier.Permanent {
			t.Fatalf("stuck is %+v (%v)", sends, err)
		}
		one := fmt.Sprintf("/desk/post/neighbours/%d", sends[0].ID)
		if a := here.get(one, officer); a.status != http.StatusOK || !strings.Contains(a.body, "down for repairs") && !strings.Contains(a.body, "502") {
			t.Errorf("its page says %d %.1000s", a.status, a.body)
		}
		if a := here.post(one, url.Values{"do": {"number"}, "number": {""}}, officer); a.status != http.StatusUnprocessableEntity {
			t.Errorf("no number is answered %d", a.status)
		}
		if a := here.post(one, url.Values{"do": {"cancel"}, "why": {" "}}, officer); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("giving back without a word why is answered %d", a.status)
		}
		if a := here.post(one, url.Values{"do": {"again"}}, officer); a.status != http.StatusSeeOther {
			t.Fatalf("sending again is answered %d %.500s", a.status, a.body)
		}
		later(0, here, there)
		if k := here.now(id); k.Holder != "donghu" {
			t.Errorf("sent again it is %s with %s", k.State, k.Holder)
		}
		if a := here.get("/desk/cases/"+string(here.now(id).Ref), officer); !strings.Contains(a.body, one) {
			t.Error("the page of the case leads to nothing that was exchanged")
		}
		for _, w := range []*walker{here, there} {
			var wrong []error
			if _, err := w.c.reader.VerifyAll(ctx, func(err error) { wrong = append(wrong, err) }); err != nil || len(wrong) > 0 {
				t.Errorf("verify: %v %v", wrong, err)
			}
		}
	})
}

// codeOf opens a case for its follow code, as the machine.
func (w *walker) codeOf(id casework.CaseID) casework.Code {
	k, _ := w.looked(id)
	return k.Code
}

func (w *walker) looked(id casework.CaseID) (casework.Case, []casework.Event) {
	w.t.Helper()
	look, err := w.c.ledger.Look(w.t.Context(), authz.Machine(), ledger.Ticket{Case: id, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		w.t.Fatal(err)
	}
	return look.Case(), look.Events()
}

func (w *walker) notes(id casework.CaseID) (out []string) {
	w.t.Helper()
	_, events := w.looked(id)
	for _, e := range events {
		if e.Note != nil {
			out = append(out, e.Note.Text)
		}
	}
	return out
}

// taken is the number of the one case that was opened for a request of theirs.
func (w *walker) taken(theirs string) string {
	w.t.Helper()
	list, err := w.c.reader.Worklist(w.t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var found []string
	for _, i := range list.Items {
		if k, _ := w.looked(i.ID); k.External == "donghe:"+theirs {
			found = append(found, string(i.Ref))
		}
	}
	if len(found) != 1 {
		w.t.Fatalf("%s is %d cases here", theirs, len(found))
	}
	return found[0]
}

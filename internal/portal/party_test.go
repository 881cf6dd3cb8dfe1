package portal

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
)

func Test_somebody_who_takes_part_has_a_page_that_shows_nothing_of_the_others(t *testing.T) {
	c := cityOf(t, func(d *db.DB) *ledgertest.City {
		return ledgertest.OpenPack(t, d, ledgertest.Quarrel(t, "../../packs"))
	})
	filed := c.file(lamp())
	c.staff(filed, "add_party", map[string]string{"name": "Qian Dazhong", "phone": "13700000001"})
	c.staff(filed, "add_party", map[string]string{"name": "Sun Xiaomei", "phone": "13700000002"})
	c.staff(filed, "confide", map[string]string{"member": "m3", "note": "She would take half."})
	k := c.caseOf(filed)
	look, err := c.ledger.Look(t.Context(), authz.Machine(), ledger.Ticket{Case: k.ID, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		t.Fatal(err)
	}
	all := look.Case()
	code := string(all.Members[1].Code)

	for lang, a := range c.both("/p/" + code) {
		c.holds(a, string(k.Ref), k.Title, "Asked", "/p/"+code+"/do/agree")
		c.lacks(a, filed, "13800002075", "138 0000 2075", "Qian Dazhong", "Sun Xiaomei", "13700000002", "She would take half", "/f/", string(all.Members[2].Code))
		if got := a.Head.Get("Cache-Control"); !strings.Contains(got, "no-store") {
			t.Errorf("in %s the page may be kept: %q", lang, got)
		}
	}
	if a := c.get("/p/" + code + "/do/withdraw"); a.Code != http.StatusNotFound {
		t.Errorf("the form of an act of whoever filed answers %d", a.Code)
	}
	if a := c.get("/f/" + code); a.Code != http.StatusNotFound {
		t.Errorf("the key of a member at the page of the case answers %d", a.Code)
	}
	if a := c.get("/p/" + filed); a.Code != http.StatusNotFound {
		t.Errorf("the code of the case at the page of members answers %d", a.Code)
	}
	if a := c.post("/follow", url.Values{"code": {code}}); a.To != "/p/"+code {
		t.Errorf("typing the key leads to %q", a.To)
	}

	form := c.get("/p/" + code + "/do/agree?lang=en")
	c.holds(form, "Do agree")
	send := fields(form.Body)
	send.Set("member", "m3")
	if a := c.post("/p/"+code+"/do/agree", send); a.Code == http.StatusSeeOther {
		t.Errorf("a member names another and is sent to %q", a.To)
	}
	send.Del("member")
	if a := c.post("/p/"+code+"/do/agree", send); a.To != "/p/"+code+"?done=agree" {
		t.Fatalf("agreeing answers %d to %q", a.Code, a.To)
	}
	if a := c.get("/p/" + code + "?done=agree&lang=en"); true {
		c.holds(a, "Done agree", "Given")
		c.lacks(a, "/do/agree\"")
	}
	now := c.caseOf(filed)
	if m, _ := now.Member("m2"); m.Marks["consent"] != "given" {
		t.Errorf("the member stands at %v", m.Marks)
	}
	if m, _ := now.Member("m3"); m.Marks["consent"] != "asked" {
		t.Errorf("the other one stands at %v", m.Marks)
	}
	own := c.get("/f/" + filed + "?lang=en")
	c.lacks(own, "Qian Dazhong", "13700000001", "She would take half", code)

	c.staff(filed, "remove", map[string]string{"member": "m2"})
	if a := c.get("/p/" + code); a.Code != http.StatusNotFound {
		t.Errorf("the page of one who left answers %d", a.Code)
	}
}

func Test_a_shared_device_keeps_the_key_of_who_takes_part_out_of_its_addresses(t *testing.T) {
	c := cityOf(t, func(d *db.DB) *ledgertest.City {
		return ledgertest.OpenPack(t, d, ledgertest.Quarrel(t, "../../packs"))
	})
	c.site.Kiosk = time.Minute
	filed := c.file(lamp())
	c.staff(filed, "add_party", map[string]string{"name": "Qian Dazhong", "phone": "13700000001"})
	look, err := c.ledger.Look(t.Context(), authz.Machine(), ledger.Ticket{Case: c.caseOf(filed).ID, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		t.Fatal(err)
	}
	key := string(look.Case().Members[1].Code)

	d := &device{c: c, held: map[string]string{}}
	d.post("/kiosk", nil)
	d.seen = nil
	a := d.post("/follow?lang=en", url.Values{"code": {key}})
	c.holds(a, `href="/p/_/do/agree"`)
	c.lacks(a, key)
	form := d.get("/p/_/do/agree?lang=en")
	c.holds(form, "Do agree")
	c.holds(d.post("/p/_/do/agree?lang=en", fields(form.Body)), "Done agree")
	for _, address := range d.seen {
		if strings.Contains(address, key) {
			t.Errorf("the list of visited pages holds the key: %s", address)
		}
	}
	d.post("/kiosk/end", nil)
	if a := d.get("/p/_"); a.Code != http.StatusNotFound {
		t.Errorf("going back after the end shows %d", a.Code)
	}
}

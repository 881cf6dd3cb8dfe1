package portal

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"comity/internal/casework"
	"comity/internal/limit"
)

// device is a browser with cookies, such as one in a hall.
type device struct {
	c    *city
	held map[string]string
	seen []string // addresses that stay in its list of visited pages
}

func (d *device) send(r *http.Request) answer {
	d.c.t.Helper()
	for name, v := range d.held {
		r.AddCookie(&http.Cookie{Name: name, Value: v})
	}
	a := d.c.send(r)
	for _, k := range (&http.Response{Header: a.Head}).Cookies() {
		if k.MaxAge < 0 {
			delete(d.held, k.Name)
		} else {
			d.held[k.Name] = k.Value
		}
	}
	if a.Code != http.StatusSeeOther {
		d.seen = append(d.seen, r.URL.RequestURI())
		return a
	}
	return d.send(httptest.NewRequest("GET", a.To, nil))
}

func (d *device) get(path string) answer { return d.send(httptest.NewRequest("GET", path, nil)) }

func (d *device) post(path string, v url.Values) answer {
	r := httptest.NewRequest("POST", path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return d.send(r)
}

func Test_a_shared_device_forgets_who_was_there(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	c.site.Kiosk = 2 * time.Minute
	d := &device{c: c, held: map[string]string{}}
	c.holds(d.get("/?lang=en"), "")
	if a := d.get("/"); strings.Contains(a.Body, "Shared device") {
		t.Fatal("a device is shared before anybody said so")
	}
	c.holds(d.get("/kiosk?lang=en"), "forgotten")
	a := d.post("/kiosk", nil)
	c.holds(d.get("/?lang=en"), "Shared device: this page closes after 120 seconds", `<noscript><meta http-equiv="refresh" content="120;url=/kiosk/end"`, `data-to="/kiosk/end"`, `action="/kiosk/end"`)
	if a = d.get("/report?lang=en"); strings.Contains(a.Body, "data-draft") || !strings.Contains(a.Body, `autocomplete="off"`) {
		t.Error("a report that was begun stays on a shared device")
	}
	d.seen = nil
	a = d.post("/follow", url.Values{"code": {code}})
	c.holds(a, "The lamp is out.", `href="/f/_/why"`)
	for _, way := range []string{"/f/_/why", "/f/_/law", "/f/_/do/withdraw", "/sent/" + code + "?again=1", "/f/" + code} {
		if a = d.get(way); a.Code != http.StatusOK {
			t.Errorf("%s answered %d", way, a.Code)
		}
	}
	for _, address := range d.seen {
		if strings.Contains(address, code) {
			t.Errorf("the list of visited pages holds the code: %s", address)
		}
	}
	if a.Head.Get("Cache-Control") != "no-store" {
		t.Error("a page stays in the browser's memory")
	}
	r := httptest.NewRequest("GET", "/kiosk/end", nil)
	r.AddCookie(&http.Cookie{Name: "kiosk", Value: "on"})
	if end := c.send(r); end.Head.Get("Clear-Site-Data") != `"cache", "storage"` || end.To != "/" {
		t.Errorf("the end: %v", end.Head)
	}
	visit := d.held["kiosk_visit"]
	c.holds(d.post("/report?lang=en&_v="+visit, url.Values{"text": {"Typed at the device."}}), "Typed at the device.")
	d.post("/kiosk/end", nil)
	if a = d.post("/report?_v="+visit, url.Values{"text": {"Typed at the device."}}); strings.Contains(a.Body, "Typed at the device.") {
		t.Error("a form of the visit before, sent again out of the browser's memory, shows what was typed")
	}
	for _, back := range []string{"/f/_", "/f/_/why", "/sent/_"} {
		if a = d.get(back); a.Code != http.StatusNotFound || strings.Contains(a.Body, "lamp") {
			t.Errorf("going back to %s after the end shows %d", back, a.Code)
		}
	}
	if d.held["kiosk"] != "on" || d.held["kiosk_visit"] == visit || len(d.held) != 2 {
		t.Errorf("after the end the device holds %v", d.held)
	}
}

func Test_a_shared_device_leads_to_a_matter_opened_from_another_without_its_code_on_the_page(t *testing.T) {
	c := petitions(t)
	code := c.petition("A")
	c.staff(code, "begin", nil)
	c.staff(code, "answer", map[string]string{"outcome": "refused", "finding": "refuse", "answer": "It stands."})
	c.as("he-min", "clerk", code, "serve", map[string]string{"served_on": c.today()})
	if a := c.post("/f/"+code+"/do/request_review", url.Values{"reason": {"It leans."}}); a.Code != 303 {
		t.Fatalf("asking for a review answered %d", a.Code)
	}
	child := c.caseOf(code).Children[0]
	review, _ := c.made.Opened(t, child.Case)
	c.site.Kiosk = time.Minute
	d := &device{c: c, held: map[string]string{}}
	d.post("/kiosk", nil)
	a := d.post("/follow", url.Values{"code": {code}})
	c.holds(a, string(child.Ref), `href="/f/_/with/`+string(child.Ref)+`"`)
	if strings.Contains(a.Body, string(review.Code)) || strings.Contains(a.Body, code) {
		t.Error("the page holds a code in its source")
	}
	a = d.get("/f/_/with/" + string(child.Ref) + "?lang=en")
	c.holds(a, "Part of ")
	if strings.Contains(a.Body, string(review.Code)) {
		t.Error("the page of the other matter holds its code")
	}
	if a = d.get("/f/_/with/SR-20-000001"); a.Code != http.StatusNotFound {
		t.Errorf("a number of somebody else's answered %d", a.Code)
	}
	c.site.Kiosk = 0
	if a = c.get("/f/" + code + "/with/" + string(child.Ref)); a.Code != http.StatusNotFound {
		t.Errorf("on an own device it answered %d", a.Code)
	}
}

func Test_a_device_that_is_not_shared_is_not_touched_by_any_of_this(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	if a := c.get("/kiosk"); a.Code != http.StatusNotFound {
		t.Errorf("a city without shared devices: %d", a.Code)
	}
	c.site.Kiosk = time.Minute
	if a := c.get("/f/" + code + "?lang=en"); a.Code != http.StatusOK || strings.Contains(a.Body, "Shared device") {
		t.Errorf("an own device: %d", a.Code)
	}
	if a := c.get("/f/_"); a.Code != http.StatusNotFound {
		t.Errorf("the handle on an own device: %d", a.Code)
	}
	if a := c.send(httptest.NewRequest("GET", "/kiosk/end", nil)); a.To != "/" || a.Head.Get("Clear-Site-Data") != "" {
		t.Errorf("the end on an own device, where a worker's reports may wait to be sent: %d %v", a.Code, a.Head)
	}
	c.site.KioskOnly = true
	c.holds(c.get("/?lang=en"), "Shared device")
}

func Test_who_tries_codes_is_told_how_long_to_wait(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	for i := range limit.CodesAtOnce {
		var b [16]byte
		b[0] = byte(i)
		c.get("/f/" + string(casework.NewCode(b)))
	}
	a := c.get("/f/" + code)
	if a.Code != http.StatusTooManyRequests || a.Head.Get("Retry-After") == "" {
		t.Errorf("after a dozen wrong codes: %d, Retry-After %q", a.Code, a.Head.Get("Retry-After"))
	}
}

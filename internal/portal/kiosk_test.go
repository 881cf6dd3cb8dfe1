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
	if end := c.send(r); end.Head.Get("Clear-Site-Data") != `"cache", "storage"` || end.To != "/" {
		t.Errorf("the end: %v", end.Head)
	}
	d.post("/kiosk/end", nil)
	for _, back := range []string{"/f/_", "/f/_/why", "/sent/_"} {
		if a = d.get(back); a.Code != http.StatusNotFound || strings.Contains(a.Body, "lamp") {
			t.Errorf("going back to %s after the end shows %d", back, a.Code)
		}
	}
	if d.held["kiosk"] != "on" || len(d.held) != 1 {
		t.Errorf("after the end the device holds %v", d.held)
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

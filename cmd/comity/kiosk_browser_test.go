package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// later moves the clock of the page that is open; the pages after it have the browser's own again.
func (b *browserCity) later(d time.Duration) {
	b.t.Helper()
	b.js(fmt.Sprintf(`(Date.now = (old => () => old() + %d)(Date.now), 1)`, d.Milliseconds()))
}

func Test_a_shared_device_that_nobody_touches_for_a_minute_shows_nothing_of_who_was_there(t *testing.T) {
	b := openBrowserCity(t, func(o *surfaceOptions) { o.kiosk = time.Minute })
	b.do(chromedp.EmulateViewport(1280, 900))
	b.open("/kiosk?lang=en")
	b.submit(`form[action="/kiosk"] button`)
	b.everywhere("start at a shared device", "/")
	b.open("/report?lang=en")
	b.accessible("report at a shared device")
	if small := b.js(`[...document.querySelectorAll("main .btn, .kiosk .btn")].filter(e => e.offsetParent && e.offsetHeight < 48).map(e => e.innerText).join(", ")`); small != "" {
		t.Errorf("too small to hit with a finger: %s", small)
	}
	if b.js(`document.documentElement.dataset.size`) != "large" {
		t.Error("the letters are not large")
	}
	b.fill("#text", "My own slabs wobble.")
	b.submit(`button[name="do"][value="check"]`) // not yet: this page stays in the browser's memory, with what was sent
	b.js(`(document.querySelector("input[value='road.pavement']").closest("details").open = true, document.querySelector("input[value='road.pavement']").click(), 1)`)
	b.js(`(document.querySelector("#unit").value = "guiyuan-ganyuan", 1)`)
	b.fill("#phone", "13800002075")
	b.submit(`button[name="do"][value="check"]`)
	b.expect("My own slabs wobble.")
	b.submit(`button[formaction]`)
	if at := b.js(`location.pathname + location.search`); !strings.Contains(at, "/report?_v=") {
		t.Errorf("the page to change an answer on was asked for at %s", at)
	}
	b.submit(`button[name="do"][value="check"]`)
	b.expect("My own slabs wobble.")

	// A quarter of a minute before the end it asks; a touch begins the minute anew.
	b.later(46 * time.Second)
	b.until(func() bool { return strings.Contains(b.words(), "Are you still there?") })
	b.accessible("warning at a shared device")
	b.looks("kiosk-warning")
	b.do(chromedp.EmulateViewport(1280, 900))
	b.press("I am still here")
	b.until(func() bool { return !strings.Contains(b.words(), "Are you still there?") })

	b.js(`(localStorage.setItem("x", "My own slabs"), sessionStorage.setItem("x", "My own slabs"), 1)`)
	b.later(61 * time.Second)
	b.until(func() bool { return b.js(`location.pathname`) == "/" && b.js(`document.readyState`) == "complete" })
	if left := b.js(`localStorage.length + sessionStorage.length`); left != "0" {
		t.Errorf("%s things stay in the storage of the browser", left)
	}
	b.nothingBehind("My own slabs", "13800002075")
}

// nothingBehind goes to every page the browser remembers and sends again what it is asked to send again.
func (b *browserCity) nothingBehind(words ...string) {
	b.t.Helper()
	var list page.GetNavigationHistoryResult
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		list, err = cdp.Call(ctx, t, page.GetNavigationHistory, cdp.Empty{})
		return err
	}))
	if len(list.Entries) < 4 {
		b.t.Fatalf("the browser remembers %d pages; the test goes nowhere", len(list.Entries))
	}
	for _, e := range list.Entries {
		ctx, stop := context.WithTimeout(b.tab, 5*time.Second)
		chromedp.Do(ctx, chromedp.NavigateToHistoryEntry(e.ID)) // a page that wants to be sent again fails to load
		chromedp.Do(ctx, chromedp.Reload())                     // the person says yes
		stop()
		text := b.js(`document.documentElement.innerText + [...document.querySelectorAll("input, textarea")].map(f => f.value).join(" ")`)
		for _, w := range words {
			if strings.Contains(text, w) || strings.Contains(e.URL, w) {
				b.t.Errorf("going back to %s shows %q", e.URL, w)
			}
		}
	}
}

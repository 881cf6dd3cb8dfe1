package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func Test_the_map_is_fetched_when_it_is_asked_for_and_marks_a_place_by_keyboard(t *testing.T) {
	b := openBrowserCity(t, func(*surfaceOptions) {})
	b.do(chromedp.EmulateViewport(360, 740))
	b.open("/report?lang=en")
	fetched := func() string {
		return b.js(`performance.getEntriesByType("resource").map(e => e.name).filter(n => n.includes("leaflet")).length + ""`)
	}
	if n := fetched(); n != "0" {
		t.Errorf("%s files of the map came before anybody asked for it", n)
	}
	b.do(chromedp.Click(`[data-live]`))
	b.until(func() bool {
		return b.js(`document.querySelectorAll(".live svg path").length > 20 ? "yes" : "no"`) == "yes"
	})
	if focus := b.js(`document.activeElement.className`); !strings.Contains(focus, "live") {
		t.Errorf("the focus is on %q", focus)
	}
	b.do(chromedp.KeyEvent("+"))
	b.js(`([...document.querySelectorAll(".livebar button")].pop().focus(), 1)`)
	b.do(chromedp.KeyEvent("\r"))
	b.expect("The place is marked.")
	if lat := b.js(`document.querySelector("#lat").value`); !strings.HasPrefix(lat, "28.") {
		t.Errorf("the latitude is %q", lat)
	}
	b.accessible("the map that moves")
	b.picture("map-live")
}

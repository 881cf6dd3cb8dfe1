package main

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// choose presses the answer with these words, as a person would.
func (b *browserCity) choose(words string) {
	b.t.Helper()
	b.js(`(document.querySelectorAll("[data-chosen]").forEach(e => delete e.dataset.chosen),
 [...document.querySelectorAll("a.pick")].filter(a => a.innerText.includes("` + words + `")).forEach(a => a.dataset.chosen = "yes"), 1)`)
	b.submit(`a.pick[data-chosen]`)
}

// looks takes pictures of a page in both themes, where pictures are wanted.
func (b *browserCity) looks(name string) {
	b.t.Helper()
	theme := b.js(`document.documentElement.dataset.theme`)
	lang := b.js(`document.documentElement.lang`)
	for _, t := range []string{"light", "dark"} {
		b.js(`(document.documentElement.dataset.theme = "` + t + `", 1)`)
		b.picture(name + "-" + lang + "-" + t)
	}
	b.js(`(document.documentElement.dataset.theme = "` + theme + `", 1)`)
	b.do(chromedp.EmulateViewport(360, 740))
}

func Test_a_resident_is_asked_where_a_leak_belongs_and_files_with_the_answers_carried(t *testing.T) {
	b := openBrowserCity(t, func(o *surfaceOptions) { o.kiosk = time.Minute })
	b.do(chromedp.EmulateViewport(360, 740))
	for name, path := range map[string]string{
		"guide": "/where", "guide, what about": "/where?a=safe", "guide, a door of ours": "/where?a=safe,home,leak,flat,new",
		"guide, a door elsewhere": "/where?a=safe,work,pay,employed,arbitrate", "guide, an urgent door": "/where?a=danger", "guide, an old address": "/where?a=safe,gone",
	} {
		b.everywhere(name, path)
		for _, lang := range []string{"en", "zh-CN"} {
			b.open(path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=" + lang)
			b.looks(strings.ReplaceAll(strings.ReplaceAll(name, ", ", "-"), " ", "-"))
		}
	}

	// The first page has the numbers to call before anything is asked.
	b.open("/where?lang=en")
	b.expect("110", "Is anybody in danger")
	b.choose("No")
	b.choose("Neighbours")
	b.choose("A leak")
	b.choose("street or courtyard")
	b.expect("Report a public pipe or drain")

	// One question back keeps the others; then the right answer.
	b.js(`(document.querySelectorAll("a.btn").forEach(a => { if (a.innerText.trim() === "Back") a.dataset.back = "yes" }), 1)`)
	b.submit(`a.btn[data-back]`)
	b.expect("Where does the water come from?", "A leak or damp")
	b.choose("flat above")
	b.choose("No")
	b.expect("What it costs", "What to bring")
	b.submit(`.guidego a.prime`)
	b.expect("We filled in what your answers say")
	b.accessible("report filled in by the guide")
	b.looks("report-filled")
	if text := b.js(`document.querySelector("#text").value`); !strings.Contains(text, "Water from a neighbour's flat damages mine.") {
		t.Errorf("the report begins with %q", text)
	}
	b.open("/report?lang=en") // nothing is kept
	if text := b.js(`document.querySelector("#text").value`); text != "" {
		t.Errorf("a report that nobody began with the guide holds %q", text)
	}

	// The counter: the clerk's digits answer, 0 goes back, and the intake is filled in.
	clerk, _ := b.workers("guiyuan-ganyuan")
	b.do(chromedp.EmulateViewport(1280, 900))
	b.signIn(clerk)
	b.everywhere("guide at the counter", "/desk/where?a=safe,home")
	b.looks("counter")
	b.do(chromedp.EmulateViewport(1280, 900))
	b.open("/desk/where?lang=en")
	for _, key := range []string{"2", "1", "0", "1", "1", "1", "1"} {
		before := b.where()
		b.do(chromedp.KeyEvent(key))
		b.until(func() bool { return b.where() != before && b.js(`document.readyState`) == "complete" })
	}
	b.expect("What it costs")
	b.submit(`.guidego a.prime`)
	if text := b.js(`document.querySelector("textarea").value`); !strings.Contains(text, "Water from a neighbour's flat") {
		t.Errorf("the intake begins with %q", text)
	}
	b.signOut()

	// A shared device: big targets, and no answer in the list of visited pages.
	b.open("/kiosk?lang=en")
	b.submit(`form[action="/kiosk"] button`)
	b.open("/where?lang=en")
	b.choose("No")
	b.choose("Marriage")
	b.choose("Beating")
	if at := b.js(`location.pathname + location.search`); at != "/where" {
		t.Errorf("the device remembers %q", at)
	}
	b.accessible("guide at a shared device")
	if big := b.js(`[...document.querySelectorAll("a.pick")].every(a => a.offsetHeight >= 64)`); big != "true" {
		t.Error("the targets at a shared device are not bigger than elsewhere")
	}
	b.looks("kiosk")
	b.submit(`form[action="/kiosk/end"] button`)
	b.open("/where?lang=en")
	b.expect("Is anybody in danger")
}

// until waits, for a bounded number of looks, for what a key press leads to.
func (b *browserCity) until(done func() bool) {
	b.t.Helper()
	for range 4800 { // two minutes and more: how busy the machine is decides nothing
		if done() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	b.t.Fatalf("nothing came of it at %s:\n%s", b.where(), b.words())
}

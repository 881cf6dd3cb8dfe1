package main

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"comity/internal/authz"
	"comity/internal/intake"
)

func Test_an_officer_searches_on_a_telephone_sees_the_word_marked_and_keeps_the_list(t *testing.T) {
	b := openBrowserCity(t)
	for _, text := range []string{"桂园路的路灯坏了，the street lamps are out", "The pavement is broken."} {
		cmd, err := intake.Command(b.packs.Current(), intake.Report{Category: "road.pavement", Text: text, Unit: "guiyuan", Address: "桂园路38号 Garden Road", Source: "phone"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.ledger.Do(context.Background(), authz.Reporter(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	b.do(chromedp.EmulateViewport(360, 740))
	b.signIn(b.head("guiyuan"))
	b.everywhere("search, nothing kept", "/desk/views")
	search := func(lang, typed string) {
		b.open("/desk/cases?lang=" + lang)
		b.fill("#list-q", typed)
		b.submit(`.querybox form[role="search"] button[type="submit"]`)
	}
	marks := func() string {
		return b.js(`[...document.querySelectorAll("mark")].map(m => m.innerText).join(" ")`)
	}
	rows := func() string { return b.js(`document.querySelectorAll("table.list tbody tr").length`) }

	search("zh-CN", "路灯")
	if got := marks(); got != "路灯" || rows() != "1" {
		t.Errorf("%q is marked in %s lines", got, rows())
	}
	search("en", "lamp state:received")
	if got := marks(); got != "lamps" || rows() != "1" {
		t.Errorf("%q is marked in %s lines", got, rows())
	}

	// The list as it is kept, and the slip of a pen, in both languages and themes.
	for name, address := range map[string]string{"search": "/desk/cases?q=%E8%B7%AF%E7%81%AF+is%3Aopen", "search, a slip": "/desk/cases?q=lamp+stat%3Areceived", "search, nothing": "/desk/cases?q=quinceblossom"} {
		b.everywhere(name, address)
		for _, lang := range []string{"en", "zh-CN"} {
			b.open(address + "&lang=" + lang)
			b.js(`(document.querySelectorAll(".querymore details").forEach(d => { d.open = true }), 1)`)
			b.accessible(name + ", with its help")
			b.looks(strings.ReplaceAll(name, ", ", "-"))
		}
	}

	// With the keyboard alone: the key / leads into the box.
	b.open("/desk/cases?lang=en")
	b.do(chromedp.KeyEvent("/"))
	if id := b.js(`document.activeElement.id`); id != "list-q" {
		t.Errorf("/ leads to %q", id)
	}
	b.fill("#list-q", "lamp is:open") // the key sent above stands in the box: a driver's keys are not undone by who catches them
	b.keys("\r")
	b.until(func() bool { return strings.Contains(b.js(`location.search`), "lamp") && marks() == "lamps" })

	b.do(chromedp.Click(chromedp.CSS(".querysave summary")))
	b.fill("#view-name", "Dark streets")
	b.submit(".querysave form button")
	b.expect("Dark streets")
	if got := b.js(`document.querySelector("nav.saved a[aria-current]").innerText`); got != "Dark streets" || marks() != "lamps" {
		t.Errorf("the kept list %q is shown with the marks %q", got, marks())
	}
	b.everywhere("search, kept", "/desk/views")
	for _, lang := range []string{"en", "zh-CN"} {
		b.open("/desk/views?lang=" + lang)
		b.expect("Dark streets")
		b.looks("views")
	}
	b.open("/desk/views?lang=en")
	b.submit(`.keptviews button[value="remove"]`)
	b.expect("was removed")
	b.accessible("search, removed")
	b.submit(`button[value="restore"]`)
	b.open("/desk/cases?lang=en")
	b.submit("nav.saved a.chip")
	if got, typed := marks(), b.js(`document.querySelector("#list-q").value`); got != "lamps" || typed != "lamp is:open" {
		t.Errorf("the kept list is opened with %q in the box and the marks %q", typed, got)
	}
}

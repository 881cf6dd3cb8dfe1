package main

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keys types as on a keyboard; alt presses Alt and a digit.
func (b *browserCity) keys(text string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(text))
}

func (b *browserCity) alt(digit string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(digit, chromedp.KeyModifiers(chromedp.ModifierAlt)))
}

// sent presses Control and Enter and waits for the page that answers.
func (b *browserCity) sent() {
	b.t.Helper()
	b.js(`(window.__page = "before", 1)`)
	b.do(chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.until(func() bool {
		now, err := chromedp.Run(b.tab, chromedp.Evaluate[string](`document.readyState === "complete" ? String(window.__page || "new") : "loading"`))
		return err == nil && now == "new"
	})
}

func Test_an_operator_files_a_callers_case_with_the_keyboard_alone(t *testing.T) {
	b := openBrowserCity(t)
	b.do(chromedp.EmulateViewport(1280, 900))
	clerk, officer := b.workers("guiyuan")
	b.signIn(clerk)
	b.everywhere("telephone", "/desk/phone")
	b.do(chromedp.EmulateViewport(360, 740))
	b.everywhere("telephone, narrow", "/desk/phone")
	b.open("/desk/phone?lang=zh-CN")
	b.looks("phone")
	b.do(chromedp.EmulateViewport(1280, 900))
	b.open("/desk/phone?lang=en")
	b.looks("phone")
	b.do(chromedp.EmulateViewport(1280, 900))
	if at := b.js(`document.activeElement.id`); at != "ph-q" {
		t.Errorf("the page begins at %q, want the code of the caller", at)
	}
	b.alt("2")
	b.keys("The slabs before the gate wobble.")
	b.alt("3")
	b.keys("pavement")
	if v := b.js(`document.querySelector("#n-category").value`); v != "road.pavement" {
		t.Fatalf("typing a word of the kind chose %q", v)
	}
	b.keys(kb.Enter) // past the list, to the place
	b.keys("ganyuan")
	b.keys(kb.Enter)
	b.keys("Gate 3")
	b.keys(kb.Enter)
	b.keys("Ms Li")
	b.keys(kb.Enter)
	b.keys("13800002075")

	// A reload in the middle of the call loses nothing.
	b.open("/desk/phone")
	if v := b.js(`[document.querySelector("#n-text").value, document.querySelector("#n-category").value, document.querySelector("#n-unit").value, document.querySelector("#n-address").value, document.querySelector("#n-name").value, document.querySelector("#n-contact").value].join("|")`); v != "The slabs before the gate wobble.|road.pavement|guiyuan-ganyuan|Gate 3|Ms Li|13800002075" {
		t.Fatalf("after a reload the entry is %s", v)
	}
	if v := b.js(`localStorage.length`); v != "0" {
		t.Errorf("%s things stay in the browser after the tab is closed", v)
	}

	// Somebody else who signs in in the same tab sees nothing of it.
	b.signOut()
	b.signIn(officer)
	b.open("/desk/phone?lang=en")
	if v := b.js(`["text", "name", "contact"].map(n => document.querySelector("#n-" + n).value).join("") + sessionStorage.getItem("call")`); v != "null" {
		t.Errorf("another account is shown %s", v)
	}
	b.signOut()
	b.signIn(clerk)
	b.open("/desk/phone?lang=en")
	b.fill("#n-text", "The slabs before the gate wobble.")
	b.js(`(document.querySelector("#n-category").value = "road.pavement", document.querySelector("#n-unit").value = "guiyuan-ganyuan", 1)`)
	b.fill("#n-contact", "13800002075")
	b.alt("8")
	b.sent()
	b.expect("您说的是：The slabs before the gate wobble.", "138 0000 2075")
	b.accessible("telephone, read back")
	b.alt("9")
	b.expect("I will read back", "You said: The slabs before the gate wobble.")
	b.looks("phone-readback")
	b.do(chromedp.EmulateViewport(1280, 900))
	b.alt("1")
	b.keys(" ")
	b.sent()
	b.expect("第1组：", "请您把查询码念给我听一遍")
	b.accessible("telephone, end of the call")
	b.looks("phone-slip")
	b.do(chromedp.EmulateViewport(1280, 900))
	ref := b.js(`document.body.innerText.match(/SR-\d\d-\d{6}/)[0]`)
	code := b.js(`document.querySelector(".code").textContent`)
	c, err := b.reader.Case(context.Background(), machineScope(), ref)
	if err != nil || c.Source != "phone" || c.Place.Unit != "guiyuan-ganyuan" {
		t.Errorf("the case is %+v (%v)", c, err)
	}

	// The next caller has that code.
	b.alt("0")
	b.until(func() bool { return b.js(`(document.activeElement || {}).id + ""`) == "ph-q" })
	if v := b.js(`document.querySelector("#n-text").value`); v != "" {
		t.Errorf("the next call begins with %q of the one before", v)
	}
	b.js(`(window.__page = "before", 1)`)
	b.keys(strings.ToLower(strings.ReplaceAll(code, "-", " ")) + kb.Enter)
	b.until(func() bool { return strings.Contains(b.words(), "You may tell the caller") })
	b.expect(ref)
	b.accessible("telephone, a matter found")
	b.looks("phone-found")
}

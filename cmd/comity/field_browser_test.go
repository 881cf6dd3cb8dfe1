package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"comity/internal/casework"
)

// network takes the network away or gives it back: the server breaks every connection and the browser is
// told so.
func (b *browserCity) network(on bool) {
	b.t.Helper()
	b.cut.Store(!on)
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: !on, DownloadThroughput: -1, UploadThroughput: -1})
		return err
	}))
}

// kill ends the browser as a flat battery does, and starts it again with the same profile.
func (b *browserCity) kill(profile string) {
	b.t.Helper()
	p := chromedp.FromContext(b.tab).Browser.Process()
	if err := p.Kill(); err != nil {
		b.t.Fatal(err)
	}
	p.Wait()
	for _, lock := range []string{"SingletonLock", "SingletonCookie", "SingletonSocket"} {
		os.Remove(filepath.Join(profile, lock))
	}
	b.launch(profile)
	b.do(chromedp.EmulateViewport(360, 740))
}

// states are the states of the entries on the device, newest first.
func (b *browserCity) states() string {
	return b.js(`[...document.querySelectorAll("#f-queue > li")].map(l => l.dataset.state).join(" ")`)
}

// press presses what carries these words, as a person would.
func (b *browserCity) press(words string) {
	b.t.Helper()
	b.until(func() bool {
		return b.js(`(document.querySelectorAll("[data-press]").forEach(e => e.removeAttribute("data-press")),
 [...document.querySelectorAll("button, a.btn")].filter(e => e.offsetParent && e.innerText.includes(`+strconv.Quote(words)+`)).slice(0, 1).map(e => e.setAttribute("data-press", "")).length)`) == "1"
	})
	b.do(chromedp.Click(chromedp.CSS("[data-press]")))
}

// photo is a picture as a telephone takes it, in a file.
func photo(t *testing.T) string {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 2000, 1500))
	for i := range m.Pix {
		m.Pix[i] = byte(i / 60000)
	}
	m.Set(3, 3, color.White)
	path := filepath.Join(t.TempDir(), "IMG_0001.jpg")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := jpeg.Encode(f, m, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *browserCity) total() int {
	b.t.Helper()
	n, err := b.reader.Total(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// onSite opens the page of the field and waits until it is ready and kept for times without a network.
func (b *browserCity) onSite(lang string) {
	b.t.Helper()
	b.open("/desk/field?lang=" + lang)
	b.until(func() bool {
		return b.js(`document.querySelector("#f-main") && !document.querySelector("#f-main").hidden`) == "true" && b.js(`document.querySelector("#f-signin").hidden`) == "true"
	})
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[string](`navigator.serviceWorker.ready.then(() => "ready")`, chromedp.EvalAwaitPromise)(ctx, t)
		return err
	}))
	b.until(func() bool { return b.js(`Boolean(navigator.serviceWorker.controller)`) == "true" })
}

func Test_while_a_weak_network_has_not_answered_nobody_is_said_not_to_be_signed_in(t *testing.T) {
	b := openBrowserCity(t)
	b.do(chromedp.EmulateViewport(360, 740))
	login, _ := b.workers("guiyuan")
	b.signIn(login)
	silent := func() (answer func()) {
		answered := make(chan struct{})
		b.weak.Store(&answered)
		answer = sync.OnceFunc(func() { b.weak.Store(nil); close(answered) })
		t.Cleanup(answer) // or a test that fails would hang with its server
		return answer
	}
	answer := silent()
	b.open("/desk/field?lang=en") // for the first time: nothing is kept that could be shown
	b.until(func() bool { return strings.Contains(b.words(), "Looking for a network") })
	answer()
	for lang, said := range map[string][3]string{"en": {"Looking for a network", "You are not signed in", "Network ·"}, "zh-CN": {"正在查看网络", "您还没有登录", "有网络 ·"}} {
		b.onSite(lang)
		answer := silent()
		b.open("/desk/field?lang=" + lang)
		b.until(func() bool { return b.js(`document.querySelector("#f-main").hidden`) == "false" })
		if words := b.words(); !strings.Contains(words, said[0]) || strings.Contains(words, said[1]) {
			t.Errorf("before an answer has come it says\n%s", words)
		}
		answer()
		b.until(func() bool { return strings.Contains(b.words(), said[2]) })
	}
}

func Test_a_request_that_the_network_swallows_is_given_up_and_asked_again(t *testing.T) {
	b := openBrowserCity(t)
	login, _ := b.workers("guiyuan")
	b.signIn(login)
	b.hurry(30)
	swallowed := make(chan struct{})
	t.Cleanup(func() { close(swallowed) })
	b.weak.Store(&swallowed)
	b.open("/desk/field?lang=en")
	b.until(func() bool { return strings.Contains(b.words(), "No network") })
	b.weak.Store(nil) // the one that was swallowed is never answered, and nothing tells the browser that there is a network
	b.until(func() bool { return strings.Contains(b.words(), "Network ·") })
}

// hurry makes the clocks of pages that are opened from now on run so many times as fast.
func (b *browserCity) hurry(times int) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(
			`for (const name of ["setTimeout", "setInterval"]) { const slow = window[name]; window[name] = (f, n) => slow(f, n / %d) }`, times)})
		return err
	}))
}

func Test_a_report_written_without_a_network_survives_a_killed_browser_and_becomes_one_case(t *testing.T) {
	b := openBrowserCity(t)
	profile := t.TempDir()
	b.launch(profile)
	b.do(chromedp.EmulateViewport(360, 740))
	login, _ := b.workers("guiyuan")
	b.signIn(login)
	b.onSite("en")
	b.accessible("field")
	before := b.total()

	b.network(false)
	b.open("/desk/field") // from what the telephone keeps
	b.until(func() bool { return strings.Contains(b.words(), "No network") })
	b.begin("New report")
	b.accessible("field report")
	b.js(`(document.querySelector("#f-category").value = "road.pavement", 1)`)
	b.fill("#f-text", "The slabs before the gate wobble.")
	b.js(`(document.querySelector("#f-unit").value = "guiyuan-ganyuan", 1)`)
	b.fill("#f-address", "Gate 3")
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#f-photos"), []string{photo(t)}))
	b.until(func() bool { return b.js(`document.querySelectorAll("#f-shots img").length`) == "1" })
	b.until(func() bool { return strings.Contains(b.js(`document.querySelector("#f-saved").textContent`), "Kept") })
	b.looks("field-report")
	b.kept()
	b.sealed("wobble", "Gate 3")

	b.kill(profile)
	b.network(false)
	b.open("/desk/field")
	b.until(func() bool { return b.states() == "draft" && strings.Contains(b.words(), "No network") })
	b.expect("The slabs before the gate wobble.")
	b.looks("field-draft")
	b.press("Go on writing")
	b.until(func() bool { return b.js(`document.querySelectorAll("#f-shots img").length`) == "1" })
	if v := b.js(`document.querySelector("#f-category").value + "|" + document.querySelector("#f-address").value + "|" + document.querySelector("#f-unit").value`); v != "road.pavement|Gate 3|guiyuan-ganyuan" {
		t.Errorf("the draft came back as %s", v)
	}
	b.submitKept()
	b.until(func() bool { return b.states() == "waiting" })
	if b.total() != before {
		t.Fatal("a case without a network")
	}

	// With a network the session of the killed browser is over: what is written waits until the worker signs in.
	b.network(true)
	b.until(func() bool { return strings.Contains(b.words(), "You are not signed in") })
	if b.states() != "waiting" {
		t.Errorf("without a session the entry is %s", b.states())
	}
	b.signIn(login)
	b.onSite("en")
	b.until(func() bool { return b.states() == "sent" })
	b.accessible("field, sent")
	if n := b.total(); n != before+1 {
		t.Fatalf("%d cases became of one report", n-before)
	}
	ref := b.js(`document.querySelector("#f-queue").innerText.match(/SR-\d\d-\d{6}/)[0]`)
	c, err := b.reader.Case(context.Background(), machineScope(), ref)
	if err != nil || c.Source != "field" || len(c.Files) != 1 || c.Files[0].Size > 260_000 {
		t.Errorf("the case is %+v (%v)", c, err)
	}
	if left := b.stored("photos"); left != "0" {
		t.Errorf("%s photos stay on the device after they were sent", left)
	}

	// The answer is lost on the way: the entry is sent again and stays one case.
	b.begin("New report")
	b.js(`(document.querySelector("#f-category").value = "road.pavement", 1)`)
	b.fill("#f-text", "Answered by nobody.")
	b.js(`(window.__fetch = window.fetch, window.fetch = (a, o) => window.__fetch(a, o).then(r => { if (o && o.method === "POST") throw new TypeError("lost"); return r }), 1)`)
	b.submitKept()
	b.until(func() bool { return b.total() == before+2 && strings.HasPrefix(b.states(), "waiting") })
	b.js(`(window.fetch = window.__fetch, document.dispatchEvent(new Event("visibilitychange")), 1)`)
	b.until(func() bool { return b.states() == "sent sent" })
	if n := b.total(); n != before+2 {
		t.Errorf("sent again it became %d cases", n-before-1)
	}
}

// kept waits until a write that began after everything typed so far has ended.
func (b *browserCity) kept() {
	b.t.Helper()
	b.js(`(document.querySelector("#f-saved").textContent = "", document.querySelector("#f-form").dispatchEvent(new Event("input")), 1)`)
	b.until(func() bool { return strings.Contains(b.js(`document.querySelector("#f-saved").textContent`), "Kept") })
}

// begin presses a button that opens the form.
func (b *browserCity) begin(words string) {
	b.t.Helper()
	b.press(words)
	b.until(func() bool { return b.js(`document.querySelector("#f-form").hidden`) == "false" })
}

// submitKept presses the button of the form, which stays on its page.
func (b *browserCity) submitKept() {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(`#f-form button[type="submit"]`)))
}

// stored counts what the browser's database holds.
func (b *browserCity) stored(store string) string {
	b.t.Helper()
	n, err := chromedp.Run(b.tab, chromedp.Evaluate[string](`new Promise(done => { const r = indexedDB.open("comity-field"); r.onsuccess = () => { const q = r.result.transaction("`+store+`").objectStore("`+store+`").count(); q.onsuccess = () => { r.result.close(); done(String(q.result)) } } })`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// sealed fails when the database of the browser holds a word in the clear.
func (b *browserCity) sealed(words ...string) {
	b.t.Helper()
	held, err := chromedp.Run(b.tab, chromedp.Evaluate[string](`new Promise(done => { const r = indexedDB.open("comity-field"); r.onsuccess = async () => {
 const text = x => x instanceof ArrayBuffer || ArrayBuffer.isView(x) ? new TextDecoder("latin1").decode(x) : x && typeof x === "object" ? Object.values(x).map(text).join("\n") : String(x);
 let out = ""; for (const s of r.result.objectStoreNames) { const q = r.result.transaction(s).objectStore(s).getAll(); await new Promise(ok => q.onsuccess = ok); out += q.result.map(text).join("\n") } r.result.close(); done(out) } })`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, w := range words {
		if strings.Contains(held, w) {
			b.t.Errorf("the device holds %q in the clear", w)
		}
	}
}

func Test_a_visit_note_that_came_too_late_is_shown_and_another_account_sees_nothing_of_it(t *testing.T) {
	b := openBrowserCity(t)
	b.do(chromedp.EmulateViewport(360, 740))
	clerk, officer := b.workers("guiyuan")
	ref := b.begun(clerk, officer)
	b.onSite("en")
	b.until(func() bool { return strings.Contains(b.words(), ref) })
	b.network(false)
	b.begin("Visit note")
	b.fill("#f-text", "Three slabs are loose.")
	b.submitKept()
	b.until(func() bool { return b.states() == "waiting" })

	// Meanwhile somebody writes into the case.
	k, err := b.reader.Case(context.Background(), machineScope(), ref)
	if err != nil {
		t.Fatal(err)
	}
	b.noteAs(clerk, k.ID, "Wait for the water works.")
	b.network(true)
	b.until(func() bool { return b.states() == "conflict" })
	b.expect("the case has moved on", "What happened in the meantime", "Three slabs are loose.")
	if strings.Contains(b.words(), "water works") {
		t.Error("the conflict shows what was written into the case")
	}
	b.accessible("field, conflict")
	b.looks("field-conflict")
	b.open("/desk/field?lang=zh-CN")
	b.until(func() bool { return b.states() == "conflict" })
	b.accessible("field, conflict")
	b.looks("field-conflict")

	// Another account on the same device.
	b.open("/desk/field?lang=en")
	b.until(func() bool { return b.states() == "conflict" })
	b.press("Sign out")
	b.press("Keep, sealed")
	b.until(func() bool { return strings.Contains(b.where(), "/desk/signin") })
	if n := b.stored("keep"); n != "0" {
		t.Errorf("after the sign-out %s things that open the entries stay", n)
	}
	b.signIn(clerk)
	b.onSite("en")
	if got := b.states(); got != "" || strings.Contains(b.words(), "slabs") || strings.Contains(b.words(), ref) {
		t.Errorf("another account sees %q:\n%s", got, b.words())
	}
	b.signOut()
	b.signIn(officer)
	b.onSite("en")
	b.until(func() bool { return b.states() == "conflict" })
	b.press("Add it anyway")
	b.until(func() bool { return b.states() == "sent" })
	after, err := b.reader.Case(context.Background(), machineScope(), ref)
	if err != nil || after.Seq != k.Seq+2 {
		t.Errorf("the case went from %d to %d, want the clerk's note and this one (%v)", k.Seq, after.Seq, err)
	}
}

func Test_who_signs_in_beside_the_open_page_of_the_field_sends_nothing_of_the_one_before(t *testing.T) {
	b := openBrowserCity(t)
	b.do(chromedp.EmulateViewport(360, 740))
	clerk, officer := b.workers("guiyuan")
	b.signIn(officer)
	b.onSite("en")
	before := b.total()
	b.begin("New report")
	b.js(`(document.querySelector("#f-category").value = "road.pavement", 1)`)
	b.fill("#f-text", "The slabs wobble.")
	b.kept()
	b.js(`(fetch("/desk/signout", {method: "POST"}).then(() => fetch("/desk/signin", {method: "POST", body: new URLSearchParams({login: "` + clerk + `", password: "` + demoPassword + `"})})).then(() => { window.__other = 1 }), 1)`)
	b.until(func() bool { return b.js(`window.__other`) == "1" })
	b.submitKept()
	b.until(func() bool { return b.js(`window.__other || "anew"`) == "anew" && b.states() == "" })
	b.onSite("en")
	if got := b.states(); got != "" || b.total() != before {
		t.Fatalf("the other account sees %q and there are %d cases more", got, b.total()-before)
	}
	b.signOut()
	b.signIn(officer)
	b.onSite("en")
	b.until(func() bool { return b.states() == "sent" })
	if n := b.total(); n != before+1 {
		t.Errorf("the report became %d cases", n-before)
	}
}

// begun is a case that the officer deals with; the officer is signed in.
func (b *browserCity) begun(clerk, officer string) string {
	b.t.Helper()
	b.signIn(clerk)
	b.open("/desk/new?lang=en&category=road.pavement")
	b.fill("#n-text", "The pavement is broken near the school.")
	b.js(`(document.querySelector("#n-unit").value = "guiyuan-ganyuan", 1)`)
	b.submit(`form.intake button[type="submit"].prime`)
	ref := b.js(`document.body.innerText.match(/SR-\d\d-\d{6}/)[0]`)
	b.act(ref, "accept", nil)
	b.signOut()
	b.signIn(officer)
	b.act(ref, "begin", nil)
	return ref
}

// noteAs writes into a case behind the browser's back.
func (b *browserCity) noteAs(login string, id casework.CaseID, words string) {
	b.t.Helper()
	a, err := b.accounts.ByLogin(context.Background(), login)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.ledger.Do(context.Background(), a.Actor(b.packs.Current().Rules), casework.Command{Case: id, Version: casework.AnyVersion, Note: &casework.Note{Text: words}}); err != nil {
		b.t.Fatal(err)
	}
}

func Test_what_the_office_refuses_says_why_and_can_be_mended_and_a_sign_out_can_discard_the_rest(t *testing.T) {
	b := openBrowserCity(t)
	b.do(chromedp.EmulateViewport(360, 740))
	login, _ := b.workers("guiyuan")
	b.signIn(login)
	b.onSite("en")
	before := b.total()
	b.begin("New report")
	b.submitKept()
	b.until(func() bool {
		return strings.Contains(b.js(`document.querySelector("#f-saved").textContent`), "Say what kind it is")
	})
	b.js(`(document.querySelector("#f-category").value = "road.pavement", document.querySelector("#f-form").elements.lat.value = "91", document.querySelector("#f-form").elements.lon.value = "0", 1)`)
	b.fill("#f-text", "The slabs wobble.")
	b.submitKept()
	b.until(func() bool { return b.states() == "refused" })
	b.expect("Not accepted. Nothing was stored", "The slabs wobble.")
	if why := b.js(`document.querySelector("#f-queue .msg").textContent`); len(why) < 10 || strings.Contains(why, "field.") {
		t.Errorf("the reason is %q", why)
	}
	b.accessible("field, refused")
	b.looks("field-refused")
	b.press("Change")
	b.press("Take the point out")
	b.submitKept()
	b.until(func() bool { return b.states() == "sent" })
	if n := b.total(); n != before+1 {
		t.Errorf("%d cases", n-before)
	}

	b.begin("New report")
	notPicture := filepath.Join(t.TempDir(), "list.jpg")
	if err := os.WriteFile(notPicture, []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#f-photos"), []string{notPicture}))
	b.until(func() bool {
		return strings.Contains(b.js(`document.querySelector("#f-saved").textContent`), "list.jpg is not a picture")
	})

	// A device that was full for a moment keeps what is typed after that.
	b.js(`(window.__put = IDBObjectStore.prototype.put, IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError") }, 1)`)
	b.fill("#f-text", "Not to be kept.")
	b.js(`(document.querySelector("#f-form").dispatchEvent(new Event("input")), 1)`)
	b.until(func() bool {
		return strings.Contains(b.js(`document.querySelector("#f-saved").textContent`), "no room left")
	})
	b.js(`(IDBObjectStore.prototype.put = window.__put, 1)`)
	b.kept()
	b.press("Keep as draft")
	b.until(func() bool { return b.states() == "draft sent" })
	b.press("Sign out")
	b.until(func() bool { return b.js(`document.querySelector("#f-sure").open`) == "true" })
	b.accessible("field, signing out")
	b.do(chromedp.Click(chromedp.CSS(`#f-sure [data-sure="drop"]`)))
	b.until(func() bool { return strings.Contains(b.where(), "/desk/signin") })
	b.signIn(login)
	b.onSite("en")
	if got := b.states(); got != "sent" {
		t.Errorf("after discarding, the device has %q", got)
	}

	// Opened at the sign-in page, the device forgets the key, and gets it again with the next sign-in.
	b.signOut()
	b.open("/desk/signin?lang=en")
	b.until(func() bool { return b.stored("keep") == "0" })
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/demo"
	"comity/packs"

	"github.com/chromedp/chromedp"
)

// browserCity is the demo city without its played year, served for a real browser.
type browserCity struct {
	*city
	t        *testing.T
	url      string
	tab      context.Context
	axe      string
	chromium string
	cut      atomic.Bool                   // there is no network
	weak     atomic.Pointer[chan struct{}] // until it is closed, what a telephone asks about its worker gets no answer
	seen     map[string]bool               // pages checked for accessibility, by language
}

func openBrowserCity(t *testing.T, change ...func(*surfaceOptions)) *browserCity {
	t.Helper()
	path := findChromium(t)
	ctx := context.Background()
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCity(ctx, cityConfig{Data: t.TempDir(), Pack: sub, Clock: &clock{}, Log: slog.New(slog.DiscardHandler), Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	card := demoCard{Tokens: map[string]string{}, Roles: map[string]string{}}
	people, err := demo.People(sub)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		if _, err := addPerson(ctx, c, p, &card); err != nil {
			t.Fatal(err)
		}
	}
	o := surfaceOptions{demo: &card, dev: true}
	for _, f := range change {
		f(&o)
	}
	b := &browserCity{city: c, t: t, chromium: path, seen: map[string]bool{}}
	server := httptest.NewServer(b.reachable(surfaces(c, o)))
	t.Cleanup(server.Close)
	axe, err := os.ReadFile("testdata/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	b.url, b.axe = server.URL, string(axe)
	b.launch(t.TempDir())
	return b
}

// reachable lets a test take the network away: every request then meets a connection that breaks.
func (b *browserCity) reachable(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.cut.Load() {
			panic(http.ErrAbortHandler)
		}
		if until := b.weak.Load(); until != nil && r.URL.Path == "/desk/field/me" {
			<-*until
		}
		h.ServeHTTP(w, r)
	})
}

// launch starts a browser with what lies in the folder of its profile.
func (b *browserCity) launch(profile string) {
	b.t.Helper()
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(b.chromium), chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(profile), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", true)}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	b.t.Cleanup(stop)
	tab, stopTab := chromedp.NewContext(alloc)
	b.t.Cleanup(stopTab)
	tab, stopTime := context.WithTimeout(tab, 4*time.Minute)
	b.t.Cleanup(stopTime)
	// The browser lives as long as the context of its first step, so that one has no limit of its own.
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
		b.t.Fatal(err)
	}
	b.tab = tab
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no Chromium: make check installs it")
	}
	t.Skip("no Chromium on this machine; make check installs it")
	return ""
}

func (b *browserCity) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.tab, 20*time.Second) // a step that waits so long waits for what is not there
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\nat %s\n%s", err, b.where(), b.words())
	}
}

func (b *browserCity) open(path string) {
	b.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.url + path
	}
	b.do(chromedp.Navigate(path))
}

// js answers an expression as text.
func (b *browserCity) js(expr string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.tab, chromedp.Evaluate[string](`String(`+expr+`)`))
	if err != nil {
		b.t.Fatalf("%s: %v", expr, err)
	}
	return s
}

func (b *browserCity) where() string {
	s, _ := chromedp.Run(b.tab, chromedp.Location())
	return s
}

func (b *browserCity) words() string {
	s, _ := chromedp.Run(b.tab, chromedp.Evaluate[string](`document.body ? document.body.innerText.slice(0, 1500) : ""`))
	return s
}

func (b *browserCity) expect(words ...string) {
	b.t.Helper()
	text := b.js(`document.body.innerText`)
	for _, w := range words {
		if !strings.Contains(text, w) {
			b.t.Fatalf("%s does not say %q:\n%s", b.where(), w, text)
		}
	}
}

// submit presses the button as a person would and waits for the page that answers.
func (b *browserCity) submit(button string) {
	b.t.Helper()
	before := b.js(`(window.__page = window.__page || Math.random(), window.__page)`)
	b.do(chromedp.WaitVisible(chromedp.CSS(button)), chromedp.Click(chromedp.CSS(button)))
	for range 200 {
		now, err := chromedp.Run(b.tab, chromedp.Evaluate[string](`document.readyState === "complete" ? String(window.__page || "new") : "loading"`))
		if err == nil && now != before && now != "loading" {
			return
		}
		time.Sleep(25 * time.Millisecond) // between looks at the browser; the loop is bounded, not timed
	}
	b.t.Fatalf("pressing %s led nowhere from %s:\n%s", button, b.where(), b.words())
}

// fill types into a field after emptying it.
func (b *browserCity) fill(sel, words string) {
	b.t.Helper()
	raw, _ := json.Marshal(sel)
	b.js(`(() => { const f = document.querySelector(` + string(raw) + `); f.value = ""; f.focus(); return 1 })()`)
	b.do(chromedp.SendKeys(chromedp.CSS(sel), words))
}

// accessible runs axe-core on the page as it stands.
func (b *browserCity) accessible(name string) {
	b.t.Helper()
	key := name + " " + b.js(`document.documentElement.lang + " " + document.documentElement.dataset.theme`)
	if b.seen[key] {
		return
	}
	b.seen[key] = true
	b.do(chromedp.Action[chromedp.Void](func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[bool](b.axe+`; true`)(ctx, t)
		return chromedp.Void{}, err
	}))
	found, err := chromedp.Run(b.tab, chromedp.Evaluate[string](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
 .then(r => r.violations.map(v => v.id + ": " + v.help + " — " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(" | ")).join("\n"))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe on %s: %v", name, err)
	}
	if found != "" {
		b.t.Errorf("%s (%s):\n%s", key, b.where(), found)
	}
	if wide := b.js(`document.documentElement.scrollWidth > window.innerWidth + 1`); wide == "true" {
		b.t.Errorf("%s scrolls sideways at %s px", key, b.js(`window.innerWidth`))
	}
}

// everywhere checks a page in both languages and both themes.
func (b *browserCity) everywhere(name, path string) {
	b.t.Helper()
	for _, lang := range []string{"en", "zh-CN"} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		b.open(path + sep + "lang=" + lang)
		b.accessible(name)
		b.js(`(document.documentElement.dataset.theme = "dark", 1)`)
		b.accessible(name)
	}
}

func (b *browserCity) signIn(login string) {
	b.t.Helper()
	b.open("/desk/signin?lang=en")
	if b.js(`!!document.querySelector("form[action='/desk/signout'] button")`) == "true" {
		b.t.Fatal("still signed in")
	}
	b.fill(`input[name="login"]`, login)
	b.fill(`input[name="password"]`, demoPassword)
	b.submit(`main form button[type="submit"].prime`)
}

func (b *browserCity) signOut() {
	b.t.Helper()
	b.js(`(document.cookie, fetch("/desk/signout", {method: "POST"}).then(() => { window.__out = 1 }), 1)`)
	b.until(func() bool { return b.js(`window.__out`) == "1" })
}

// act opens the form of an act and sends it with the answers.
func (b *browserCity) act(ref, act string, answers map[string]string) {
	b.t.Helper()
	b.open("/desk/cases/" + ref + "/do/" + act + "?lang=en")
	b.accessible("act " + act)
	for sel, words := range answers {
		if b.js(fmt.Sprintf(`document.querySelector(%q).tagName`, sel)) == "SELECT" {
			b.js(fmt.Sprintf(`(document.querySelector(%q).value = %q, 1)`, sel, words))
			continue
		}
		if b.js(fmt.Sprintf(`document.querySelector(%q).type`, sel)) == "radio" {
			b.do(chromedp.Click(chromedp.CSS(sel)))
			continue
		}
		b.fill(sel, words)
	}
	b.submit(`main form button[type="submit"].prime`)
}

func Test_a_resident_reports_a_pothole_in_Chinese_and_two_levels_work_it_to_a_closed_case(t *testing.T) {
	b := openBrowserCity(t)

	// A resident with a 360 px phone.
	b.do(chromedp.EmulateViewport(360, 740))
	b.everywhere("start", "/")
	b.everywhere("report", "/report")
	b.open("/report?lang=zh-CN")
	b.js(`document.querySelector("input[value='road.pothole']").closest("details").querySelector("summary").click()`)
	b.js(`document.querySelector("input[value='road.pothole']").click()`)
	b.fill("#text", "甘园路38号门口有个大坑，昨晚有人骑车摔倒了，请尽快修。")
	b.fill("#address", "甘园路38号")
	b.js(`(document.querySelector("#unit").value = "guiyuan-ganyuan", 1)`)
	b.fill("#phone", "13800002075")
	b.submit(`button[name="do"][value="check"]`)
	b.expect("甘园路38号")
	b.accessible("check answers")
	b.submit(`button[name="do"][value="send"]`)
	b.accessible("sent")
	code := b.js(`location.pathname.split("/").pop()`)
	b.everywhere("follow", "/f/"+code)
	b.open("/f/" + code + "?lang=zh-CN")
	b.expect("甘园")
	ref := b.js(`document.body.innerText.match(/SR-\d\d-\d{6}/)[0]`)
	b.everywhere("why", "/f/"+code+"/why")
	b.everywhere("procedures", "/law")
	b.everywhere("procedure", "/law/service-request")
	b.everywhere("place in the procedure", "/f/"+code+"/law")

	// The street: where a pothole of this category goes is the pack's decision.
	receipt, err := b.reader.Case(context.Background(), machineScope(), ref)
	if err != nil {
		t.Fatal(err)
	}
	clerk, officer := b.workers(string(receipt.Holder))
	b.do(chromedp.EmulateViewport(1280, 900))
	b.everywhere("procedure, wide", "/law/service-request")
	b.everywhere("sign in", "/desk/signin")
	b.signIn(clerk)
	b.everywhere("unit home", "/desk")
	b.everywhere("worklist", "/desk/cases")
	b.everywhere("case", "/desk/cases/"+ref)
	b.everywhere("new case", "/desk/new")
	b.everywhere("inbox", "/desk/inbox")
	b.everywhere("clock", "/desk/clock")
	b.open("/desk/cases?lang=en")
	b.do(chromedp.KeyEvent("j"))
	if focus := b.js(`document.activeElement.getAttribute("href")`); !strings.Contains(focus, ref) {
		t.Errorf("j moved the focus to %q, want the row of %s", focus, ref)
	}
	b.act(ref, "accept", nil)
	b.signOut()
	b.signIn(officer)
	b.act(ref, "begin", nil)
	b.act(ref, "answer", map[string]string{`[name="outcome"][value="solved"], select[name="outcome"]`: "solved", `[name="answer"]`: "The hole has been filled and rolled."})
	b.open("/desk/cases/" + ref + "?lang=en")
	b.expect("Answered")
	b.signOut()

	// It was not solved: the resident contests, from the phone.
	b.do(chromedp.EmulateViewport(360, 740))
	b.open("/f/" + code + "?lang=zh-CN")
	b.expect("已答复")
	b.everywhere("contest", "/f/"+code+"/do/contest")
	b.open("/f/" + code + "/do/contest?lang=zh-CN")
	b.fill(`[name="reason"]`, "只补了一半，今天又塌下去了。")
	b.submit(`main form button[type="submit"].prime`)

	// One level up, somebody else.
	up, _ := b.packs.Current().Units.Superior(receipt.Holder)
	chief, expert := b.workers(string(up))
	b.do(chromedp.EmulateViewport(1280, 900))
	b.signIn(officer)
	b.open("/desk/cases/" + ref + "/do/accept?lang=en")
	if b.js(`!!document.querySelector("main form button.prime")`) == "true" && !strings.Contains(b.words(), "404") {
		b.submit(`main form button[type="submit"].prime`)
	}
	if c, _ := b.reader.Case(context.Background(), machineScope(), ref); c.State != "contested" || c.Holder != up {
		t.Fatalf("after the contest the case is %s at %s, want contested at %s", c.State, c.Holder, up)
	}
	b.signOut()
	b.signIn(chief)
	b.act(ref, "accept", nil)
	b.signOut()
	b.signIn(expert)
	b.act(ref, "begin", nil)
	b.act(ref, "answer", map[string]string{`[name="outcome"][value="solved"], select[name="outcome"]`: "solved", `[name="answer"]`: "The trench below was compacted and the surface laid anew."})
	b.signOut()

	// The window passes; the clock closes the case and the resident can read why each date was what it was.
	if err := b.moveTo(context.Background(), b.clock.Now().AddDate(0, 0, 20)); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(360, 740))
	b.open("/f/" + code + "?lang=zh-CN")
	b.expect("已办结")
	b.accessible("closed")
	if c, _ := b.reader.Case(context.Background(), machineScope(), ref); c.State != "closed" || c.Outcome != "solved" {
		t.Errorf("the case is %s with outcome %s", c.State, c.Outcome)
	}
	if err := b.reader.Verify(context.Background(), receipt.ID); err != nil {
		t.Error(err)
	}
}

// workers names a clerk and an officer of a unit by their logins; one person may be both.
func (b *browserCity) workers(unit string) (clerk, officer string) {
	b.t.Helper()
	sub, _ := fs.Sub(packs.FS, "demo")
	people, err := demo.People(sub)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range people {
		for _, r := range p.Roles {
			if p.Unit == unit && r == "officer" && officer == "" {
				officer = p.Login
			}
			if p.Unit == unit && (r == "clerk" || r == "head") && clerk == "" {
				clerk = p.Login
			}
		}
	}
	if clerk == "" {
		clerk = officer
	}
	if officer == "" {
		b.t.Fatalf("nobody works at %s", unit)
	}
	return clerk, officer
}

func machineScope() authz.Scope { return authz.Machine().Scope() }

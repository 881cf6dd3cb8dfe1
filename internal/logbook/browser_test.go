package logbook

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"comity/internal/procedure"
	"comity/internal/receipt"
	"comity/internal/vault"
)

// tab is a browser on the pages of a log.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string
}

func openTab(t *testing.T, p *public) *tab {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no Chromium: make check installs it")
		}
		t.Skip("no Chromium on this machine; make check installs it")
	}
	server := httptest.NewServer(p.http)
	t.Cleanup(server.Close)
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", true)}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(alloc)
	t.Cleanup(stopTab)
	ctx, stopTime := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(stopTime)
	b := &tab{t, ctx, server.URL}
	b.do(chromedp.Navigate("about:blank"))
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// open loads a page afresh, also where only the part behind # differs.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(b.url+path))
}

// js answers an expression, or what its promise gives, as text.
func (b *tab) js(expr string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`Promise.resolve(`+expr+`).then(String)`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expr, err)
	}
	return s
}

// verdictJS waits for what the page says: the state and the reason that can be seen.
const verdictJS = `new Promise((done, fail) => { let n = 0; (function look() {
  const r = document.getElementById("result"), e = document.getElementById("receipt-e");
  const seen = (css) => Array.from(r.querySelectorAll(css)).filter(x => x.offsetParent !== null);
  if (!r.hidden && r.dataset.state !== "") return done(r.dataset.state + " " + seen("[data-reason]").map(x => x.dataset.reason).join(","));
  if (!e.hidden) return done("empty ");
  if (++n > 400) return fail("no verdict");
  setTimeout(look, 10);
})() })`

// check pastes a text and presses the button.
func (b *tab) check(text string) string {
	b.t.Helper()
	raw, err := json.Marshal(text)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.js(`(() => { const r = document.getElementById("result"); r.dataset.state = ""; r.hidden = true; document.getElementById("receipt-e").hidden = true;
 document.getElementById("receipt").value = ` + string(raw) + `; document.querySelector("#check button").click(); return ` + verdictJS + ` })()`)
}

func (b *tab) words() string { return b.js(`document.querySelector("main").innerText`) }

func Test_a_browser_checks_a_receipt_from_its_address_and_asks_the_network_for_nothing(t *testing.T) {
	p := newPublic(t)
	p.add(0, 11)
	b := openTab(t, p)
	r := p.receipt(7)
	b.open("/log/verify?lang=en#" + r.Compact())
	if got := b.js(verdictJS); got != "true " {
		t.Fatalf("%q\n%s", got, b.words())
	}
	for _, want := range []string{"The receipt is true.", "SR-26-000007", "petition.accepted", "March 2, 2026 at 9:00:07", "in your browser"} {
		if !strings.Contains(b.words(), want) {
			t.Errorf("the page does not say %q:\n%s", want, b.words())
		}
	}
	if got := b.js(`document.activeElement.id`); got != "result" {
		t.Errorf("the focus is on %q", got)
	}
	// The icon of the tab comes when the browser sees fit.
	const requests = `performance.getEntriesByType("resource").filter(e => !e.name.includes("mark.svg")).length`
	before := b.js(requests)
	forged := r
	forged.Case = "SR-26-000008"
	if got := b.check(string(forged.JSON())); got != "false case" {
		t.Errorf("a forged receipt: %q", got)
	}
	if words := b.words(); !strings.Contains(words, "proves nothing") || strings.Contains(words, "The receipt is true") {
		t.Error(words)
	}
	if got := b.check(" "); got != "empty " {
		t.Errorf("nothing: %q", got)
	}
	if got := b.check(string(r.JSON())); got != "true " {
		t.Errorf("the file's text: %q", got)
	}
	file := filepath.Join(t.TempDir(), "receipt.json")
	if err := os.WriteFile(file, r.JSON(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	if got := b.check("something else"); got != "true " {
		t.Errorf("the chosen file: %q", got)
	}
	if after := b.js(requests); after != before || !strings.HasPrefix(b.js(`location.pathname`), "/log/verify") {
		t.Errorf("checking made requests: %s, then %s", before, after)
	}
	b.open("/log/verify?lang=zh-CN#" + r.Compact())
	if got := b.js(verdictJS); got != "true " || !strings.Contains(b.words(), "回执属实") {
		t.Fatalf("%q\n%s", got, b.words())
	}
}

func Test_a_browser_without_Ed25519_says_that_only_the_tree_was_checked(t *testing.T) {
	p := newPublic(t)
	p.add(0, 5)
	b := openTab(t, p)
	b.open("/log/verify?lang=en")
	b.js(`(SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException("no", "NotSupportedError")), 1)`)
	r := p.receipt(3)
	if got := b.check(r.Compact()); got != "tree " || !strings.Contains(b.words(), "signature was not checked") || strings.Contains(b.words(), "The receipt is true.") {
		t.Fatalf("%q\n%s", got, b.words())
	}
	r.Proof[0][0] ^= 1
	if got := b.check(r.Compact()); got != "false proof" {
		t.Fatal(got)
	}
	r.Proof[0][0] ^= 1
	b.check(r.Compact())
	b.js(`(document.querySelector("button[name=server]").click(), 1)`)
	b.do(chromedp.WaitVisible(chromedp.CSS(`#result[data-state="true"]`)))
	if !strings.Contains(b.words(), "The receipt is true.") {
		t.Fatal(b.words())
	}
}

func Test_of_a_suite_no_browser_knows_only_the_tree_is_checked_there_and_all_of_it_on_the_server(t *testing.T) {
	p := newPublic(t)
	ring := vault.FromSeed(procedure.Civic, "sm", []byte("a seed of thirty-two bytes or so"))
	p.log.Key, p.log.Sign = ring.Public().String(), ring.Sign
	p.log.Verify = func(key string, msg, sig []byte) bool {
		public, err := vault.ParsePublicKey(key)
		return err == nil && vault.Verify(public, msg, sig)
	}
	p.add(0, 5)
	b := openTab(t, p)
	b.open("/log/verify?lang=zh-CN")
	r := p.receipt(3)
	if got := b.check(r.Compact()); got != "tree " {
		t.Fatal(got)
	}
	if status, body := p.post(r.Compact(), nil); status != 200 || !strings.Contains(body, `data-state="true"`) {
		t.Fatal(status, body)
	}
	forged := r
	forged.Head = strings.Replace(r.Head, "\n5\n", "\n6\n", 1)
	if status, body := p.post(forged.Compact(), nil); status != 200 || !strings.Contains(body, `<p data-reason="signature">`) {
		t.Fatal(status, body)
	}
}

// expected is what package receipt says about the same text.
func expected(p *public, text string) string {
	r, err := receipt.Parse([]byte(text))
	if err == nil {
		_, err = r.Verify(receipt.Expect{Keys: p.log.Keys(), Origin: p.log.Origin})
	}
	var bad *receipt.Problem
	if errors.As(err, &bad) {
		return "false " + bad.Reason
	}
	return "true "
}

func Test_browser_and_program_give_the_same_answer_and_reason_to_forged_receipts(t *testing.T) {
	p := newPublic(t)
	p.add(0, 13)
	b := openTab(t, p)
	b.open("/log/verify?lang=en")
	var texts []string
	for i := range 13 {
		texts = append(texts, p.receipt(i).Compact(), string(p.receipt(i).JSON()))
	}
	texts = append(texts, forgeries(p)...)
	seed := rand.New(rand.NewPCG(4, 7))
	for range 250 {
		texts = append(texts, mutated(seed, p.receipt(seed.IntN(13))))
	}
	seen := map[string]int{}
	for _, text := range texts {
		want := expected(p, text)
		seen[want]++
		if got := b.check(text); got != want {
			t.Errorf("the browser says %q, the program %q:\n%s", got, want, text)
		}
	}
	for _, want := range []string{"true ", "false malformed", "false format", "false case", "false key", "false origin", "false head", "false signature", "false proof"} {
		if seen[want] == 0 {
			t.Errorf("no receipt was %q", want)
		}
	}
	t.Log(seen)
}

// forgeries are receipts wrong in one way each.
func forgeries(p *public) (out []string) {
	stranger := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	sign := func(msg []byte) []byte { return ed25519.Sign(stranger, msg) }
	for _, change := range []func(*receipt.Receipt){
		func(r *receipt.Receipt) { r.Format = 2 },
		func(r *receipt.Receipt) { r.Case = "SR-26-000001" },
		func(r *receipt.Receipt) { r.Case = "湘A\u2028" },
		func(r *receipt.Receipt) { r.Case = "a\nb" },
		func(r *receipt.Receipt) { r.Event = strings.Repeat("é", 51) },
		func(r *receipt.Receipt) { r.At = r.At.Add(time.Hour) },
		func(r *receipt.Receipt) { r.At = time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC) },
		func(r *receipt.Receipt) { r.Pos++ },
		func(r *receipt.Receipt) { r.Pos = -1 },
		func(r *receipt.Receipt) { r.Pos = 1 << 52 },
		func(r *receipt.Receipt) { r.Record.ID += "x" },
		func(r *receipt.Receipt) { r.Proof = r.Proof[1:] },
		func(r *receipt.Receipt) { r.Proof = append(r.Proof, r.Proof...) },
		func(r *receipt.Receipt) { r.Proof = make(receipt.Path, 63) },
		func(r *receipt.Receipt) { r.Key = receipt.KeyText(stranger.Public().(ed25519.PublicKey)) },
		func(r *receipt.Receipt) { r.Key = "two words" },
		func(r *receipt.Receipt) { r.Head = "" },
		func(r *receipt.Receipt) { r.Head = strings.TrimSuffix(r.Head, "\n") },
		func(r *receipt.Receipt) { r.Head += "\n" },
		func(r *receipt.Receipt) { r.Head = strings.Replace(r.Head, "\n13\n", "\n013\n", 1) },
		func(r *receipt.Receipt) { r.Head = strings.Replace(r.Head, "\n13\n", "\n14\n", 1) },
		func(r *receipt.Receipt) {
			r.Head = strings.Replace(r.Head, "\n13\n", "\n9000000000000000000\n", 1)
		},
		func(r *receipt.Receipt) { r.Head = strings.Replace(r.Head, "linjiang", "elsewhere", 1) },
		func(r *receipt.Receipt) { r.Head = strings.Replace(r.Head, "Z\n\n", "+00:00\n\n", 1) },
		func(r *receipt.Receipt) { r.Head += "— witness.example AAAAAAAA\n" },
		func(r *receipt.Receipt) { r.Head += "— witness.example AAAAAAB=\n" },
		func(r *receipt.Receipt) {
			h, _ := receipt.ParseHead(r.Head)
			h.Marks[0].Sig = sign([]byte(h.Body()))
			r.Head = h.Text()
		},
		func(r *receipt.Receipt) {
			h, _ := receipt.ParseHead(r.Head)
			h.Marks[0].Key++
			r.Head = h.Text()
		},
	} {
		r := p.receipt(4)
		change(&r)
		out = append(out, string(r.JSON()), r.Compact())
	}
	r := p.receipt(4)
	text := string(r.JSON())
	return append(out, "{", "[]", "null", "{}", "R1.", "R1.!", "hello", text+"{}", text[:len(text)-4], strings.Replace(text, `"pos": 4`, `"pos": 4.5`, 1),
		strings.Replace(text, `"pos": 4`, `"pos": "4"`, 1), strings.Replace(text, `"case"`, `"extra": 1, "case"`, 1), `{"comity_receipt": 2, "news": []}`, "https://x/#"+r.Compact(), "\ufeff"+text,
		r.Compact()+"=", r.Compact()+"A", strings.Repeat("x", 20000))
}

// mutated changes a byte or cuts a piece out, in one of the two forms.
func mutated(seed *rand.Rand, r receipt.Receipt) string {
	text := []byte(r.Compact())
	if seed.IntN(2) == 0 {
		text = bytes.TrimSpace(r.JSON())
	}
	at := seed.IntN(len(text))
	switch seed.IntN(4) {
	case 0:
		return string(text[:at])
	case 1:
		return string(append(text[:at:at], text[min(len(text), at+1+seed.IntN(40)):]...))
	}
	const letters = "ABCxyz019-_+/=.\"{}: "
	text[at] = letters[seed.IntN(len(letters))]
	return string(text)
}

func Test_the_pages_of_the_log_are_accessible_and_fit_a_small_screen(t *testing.T) {
	p := newPublic(t)
	p.add(0, 5)
	b := openTab(t, p)
	axe, err := os.ReadFile("../../cmd/comity/testdata/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(360, 740))
	for _, lang := range []string{"en", "zh-CN"} {
		for _, path := range []string{"/log?lang=" + lang, "/log/verify?lang=" + lang, "/log/verify?lang=" + lang + "#" + p.receipt(1).Compact(), "/log/verify?lang=" + lang + "#R1.AAAA"} {
			b.open(path)
			if strings.Contains(path, "#") {
				b.js(verdictJS)
			}
			for _, theme := range []string{"light", "dark"} {
				b.js(fmt.Sprintf(`(document.documentElement.dataset.theme = %q, 1)`, theme))
				b.js(`(() => { ` + string(axe) + `; return 1 })()`)
				found := b.js(`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(" | ")).join("\n"))`)
				if found != "" {
					t.Errorf("%.60s %s:\n%s", path, theme, found)
				}
			}
			if b.js(`document.documentElement.scrollWidth > window.innerWidth + 1`) == "true" {
				t.Errorf("%.60s scrolls sideways: %s", path, b.js(`Array.from(document.querySelectorAll("main *")).filter(e => e.getBoundingClientRect().right > window.innerWidth).map(e => e.outerHTML.slice(0, 90)).join("\n")`))
			}
		}
	}
}

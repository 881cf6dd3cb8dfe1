package logbook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/receipt"
	"comity/internal/text"
	"comity/internal/translog"
	"comity/internal/web"
)

// public is the log's pages over a real log of five records.
type public struct {
	t    *testing.T
	log  *translog.Log
	book *Book
	http http.Handler
	set  func(time.Time)
}

func idOf(i int) string { return fmt.Sprintf("%032x", 7919*(i+1)) }

func about(i int) translog.Subject {
	sum := sha256.Sum256([]byte{byte(i)})
	return translog.Subject{Case: fmt.Sprintf("SR-26-%06d", i), Event: "petition.accepted", At: dbtest.Start.Add(time.Duration(i) * time.Second), Hash: sum[:]}
}

func newPublic(t *testing.T) *public {
	t.Helper()
	now, set := dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "log.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := translog.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	p := &public{t: t, set: set, log: &translog.Log{DB: d, Origin: receipt.Origin("linjiang", "civic"), Key: receipt.KeyText(private.Public().(ed25519.PublicKey)),
		Sign: func(msg []byte) []byte { return ed25519.Sign(private, msg) }}}
	site := &web.Site{Text: words, Langs: []string{"en", "zh-CN"}, Now: now, Zone: zone, Log: slog.New(slog.DiscardHandler)}
	mux := http.NewServeMux()
	site.Mount(mux)
	p.book = New(Deps{Site: site, Log: p.log})
	p.book.Register(mux)
	p.http = site.Harden(mux)
	return p
}

func (p *public) add(from, to int) {
	p.t.Helper()
	ctx := p.t.Context()
	err := p.log.DB.Transact(ctx, func(tx *db.Tx) error {
		for i := from; i < to; i++ {
			a := about(i)
			if err := translog.Add(ctx, tx, "event", idOf(i), receipt.Digest(a.Case, a.Event, a.At, a.Hash)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.log.Tick(ctx); err != nil {
		p.t.Fatal(err)
	}
}

func (p *public) receipt(i int) receipt.Receipt {
	p.t.Helper()
	r, err := p.log.Receipt(p.t.Context(), "event", idOf(i), about(i))
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *public) get(path string) (int, string) {
	p.t.Helper()
	w := httptest.NewRecorder()
	p.http.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	body, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(body)
}

// post sends the form as a browser without script does.
func (p *public) post(text string, file []byte) (int, string) {
	p.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.WriteField("receipt", text)
	if file != nil {
		f, err := m.CreateFormFile("file", "receipt.json")
		if err != nil {
			p.t.Fatal(err)
		}
		_, _ = f.Write(file)
	}
	_ = m.Close()
	req := httptest.NewRequest("POST", "/log/verify?lang=en", &b)
	req.Header.Set("Content-Type", m.FormDataContentType())
	w := httptest.NewRecorder()
	p.http.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

func Test_the_page_says_in_both_languages_what_is_signed_since_when_and_by_which_key(t *testing.T) {
	p := newPublic(t)
	for i := range headsPage + 5 {
		if i == 0 {
			if _, body := p.get("/log?lang=en"); !strings.Contains(body, "Nothing has been signed yet") || strings.Contains(body, "⟦") {
				t.Fatal(body)
			}
		}
		p.set(dbtest.Start.Add(time.Duration(i) * time.Minute))
		p.add(i, i+1)
	}
	h, err := p.log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "zh-CN"} {
		for _, path := range []string{"/log", "/log/verify"} {
			status, body := p.get(path + "?lang=" + lang)
			if status != http.StatusOK || strings.Contains(body, "⟦") || strings.Contains(body, "<style") || strings.Contains(body, "style=") || strings.Contains(body, "<script>") {
				t.Errorf("%s in %s: %d\n%s", path, lang, status, body)
			}
		}
		_, body := p.get("/log?lang=" + lang)
		for _, want := range []string{h.Root.String(), p.log.Key, p.log.Origin} {
			if !strings.Contains(strings.ReplaceAll(body, "&#43;", "+"), want) {
				t.Errorf("the page in %s does not say %s", lang, want)
			}
		}
	}
	_, body := p.get("/log")
	i := strings.Index(body, "?before=")
	if i < 0 {
		t.Fatal("no second page of heads")
	}
	mark, _, _ := strings.Cut(body[i:], `"`)
	if _, older := p.get("/log" + mark); strings.Count(older, "<tr>") != 1+5 {
		t.Errorf("the second page has %d rows:\n%s", strings.Count(older, "<tr>"), older)
	}
	if status, _ := p.get("/log?before=nonsense"); status != http.StatusOK {
		t.Error(status)
	}
}

func Test_programs_get_a_checkpoint_and_proofs_they_can_check(t *testing.T) {
	p := newPublic(t)
	if status, body := p.get("/log/head"); status != http.StatusNotFound || !strings.Contains(body, `"type":"log.no_head"`) {
		t.Fatal(status, body)
	}
	p.add(0, 3)
	old, _ := p.log.Head(t.Context())
	p.set(dbtest.Start.Add(2 * time.Minute))
	p.add(3, 8)
	_, body := p.get("/log/head")
	verifier, err := note.NewVerifier(receipt.NoteKey(p.log.Origin, p.log.Key))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open([]byte(body), note.VerifierList(verifier)); err != nil {
		t.Fatal(err)
	}
	head, err := receipt.ParseHead(body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		_, body := p.get("/log/proof?kind=event&id=" + idOf(i))
		var a proofAnswer
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(body)
		}
		if err := tlog.CheckRecord(a.Proof, head.Size, head.Root, a.Pos, a.Record.Leaf()); err != nil || a.Head != head.Text() || a.Key != p.log.Key {
			t.Errorf("%d: %v\n%s", i, err, body)
		}
	}
	_, body = p.get(fmt.Sprintf("/log/consistency?from=%d&to=%d", old.Size, head.Size))
	var c consistencyAnswer
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatal(body)
	}
	if err := tlog.CheckTree(c.Proof, head.Size, head.Root, old.Size, old.Root); err != nil {
		t.Error(err)
	}
}

func Test_what_cannot_be_proved_is_refused_as_JSON_and_tells_nothing(t *testing.T) {
	p := newPublic(t)
	p.add(0, 3)
	p.add(3, 4) // sequenced, and under no head yet
	for path, want := range map[string]string{
		"/log/proof":                                                   "404 log.unknown",
		"/log/proof?kind=event&id=1":                                   "404 log.unknown",
		"/log/proof?kind=look&id=" + idOf(1):                           "404 log.unknown",
		"/log/proof?kind=event&id=" + idOf(3):                          "409 log.not_yet",
		"/log/proof?kind=event&size=0&id=" + idOf(1):                   "400 log.sizes",
		"/log/proof?kind=event&size=9223372036854775807&id=" + idOf(1): "400 log.sizes",
		"/log/proof?kind=event&size=x&id=" + idOf(1):                   "400 log.sizes",
		"/log/consistency":                                             "400 log.sizes",
		"/log/consistency?from=0&to=3":                                 "400 log.sizes",
		"/log/consistency?from=3&to=1":                                 "400 log.sizes",
		"/log/consistency?from=1&to=99":                                "400 log.sizes",
	} {
		status, body := p.get(path)
		var a web.Answer
		if err := json.Unmarshal([]byte(body), &a); err != nil || fmt.Sprint(status, " ", a.Rule) != want || strings.Contains(a.Detail, "⟦") || a.Detail == "" {
			t.Errorf("%s: %d %s, want %s", path, status, body, want)
		}
	}
}

var shownReason = regexp.MustCompile(`<p data-reason="[a-z]+">`)

func Test_without_script_the_server_checks_a_receipt(t *testing.T) {
	p := newPublic(t)
	p.add(0, 5)
	good := p.receipt(2)
	forged := good
	forged.Case = "SR-26-000004"
	other := good
	other.Key = receipt.KeyText(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32)).Public().(ed25519.PublicKey))
	for name, c := range map[string]struct {
		text   string
		file   []byte
		status int
		state  string
		words  string
	}{
		"line":        {good.Compact(), nil, 200, "true", "SR-26-000002"},
		"pasted file": {string(good.JSON()), nil, 200, "true", "SR-26-000002"},
		"file":        {"", good.JSON(), 200, "true", "SR-26-000002"},
		"forged":      {string(forged.JSON()), nil, 200, "false", "not about this case"},
		"other key":   {other.Compact(), nil, 200, "false", "not one of the city"},
		"half":        {good.Compact()[:90], nil, 200, "false", "not a receipt"},
		"markup":      {`<script>alert(1)</script>`, nil, 200, "false", "not a receipt"},
		"nothing":     {"  ", nil, 422, "", "Paste the text"},
		"large file":  {"", make([]byte, maxFile+1), 422, "", "too large"},
	} {
		status, body := p.post(c.text, c.file)
		if status != c.status || !strings.Contains(body, `data-state="`+c.state+`"`) || !strings.Contains(body, c.words) || strings.Contains(body, "<script>alert") {
			t.Errorf("%s: %d, want %d %s %q\n%s", name, status, c.status, c.state, c.words, body)
		}
		if shown := len(shownReason.FindAllString(body, -1)); (c.state == "false") != (shown == 1) {
			t.Errorf("%s shows %d reasons", name, shown)
		}
	}
	if status, _ := p.post(strings.Repeat("x", maxPost), nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of %d bytes: %d", maxPost, status)
	}
}

func Test_the_address_of_a_receipt_sends_nothing_to_the_server(t *testing.T) {
	p := newPublic(t)
	p.add(0, 5)
	r := p.receipt(1)
	u, err := url.Parse(p.book.Address(httptest.NewRequest("GET", "http://help.example/f/x", nil), r))
	if err != nil {
		t.Fatal(err)
	}
	if u.RequestURI() != "/log/verify" || u.Fragment != r.Compact() {
		t.Fatal(u)
	}
	if svg, err := web.QRSVG(u.String(), "receipt"); err != nil || svg == "" {
		t.Fatal(err)
	}
}

func Test_every_reason_has_words(t *testing.T) {
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range receipt.Reasons {
		for _, lang := range words.Languages() {
			if key := (&receipt.Problem{Reason: reason}).Key(); !words.In(lang).Has(key) {
				t.Errorf("%s has no words in %s", key, lang)
			}
		}
	}
}

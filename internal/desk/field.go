package desk

import (
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/web"
)

// The application for workers in the field. Its page is the same for everybody and may be opened without a
// session: it is what a telephone keeps to start without a network, so it holds nothing of anybody. What
// belongs to the officer comes from fieldMe, and what was written outside goes through fieldSend.
//
// On the telephone everything typed is sealed with a key that only this server can make again for the same
// account. Nobody's position, presence or route is asked for: a point on the map is sent when the worker
// put one into a report.
const (
	fieldPath   = "/desk/field"
	fieldWorker = fieldPath + "/sw.js"
)

// fieldOpen is how long a telephone opens what is written on it without having heard of the server.
const fieldOpen = 12 * time.Hour

// fieldCases bounds the list a telephone keeps.
const fieldCases = 50

//go:embed field_sw.js
var fieldWorkerScript string

// fieldPage is the page without anybody in it.
type fieldPage struct {
	Kinds  []categoryGroup
	Units  []web.Choice
	Places []string
	Words  []fieldWord
}

// fieldWord is a phrase the script needs.
type fieldWord struct{ Key, Text string }

// fieldWords are the phrases of the script: what becomes of an entry, and what it has to tell.
var fieldWords = []string{
	"state.draft", "state.waiting", "state.sending", "state.sent", "state.conflict", "state.refused",
	"looking", "online", "offline", "closed", "other", "fault", "full", "report", "note", "due", "photos", "photo.bad",
	"open", "send", "again", "edit", "copy", "copied", "discard", "discard.sure", "anyway", "remove", "saved", "incomplete", "point", "point.failed", "since", "moved", "waiting",
}

func (d *Desk) fieldShow(w http.ResponseWriter, r *http.Request) error {
	p := d.site.Page(r, "field.title")
	p.Manifest = fieldPath + "/app.webmanifest"
	// A script may register the worker only through a policy of its own; this page names the one there is.
	w.Header().Set("Content-Security-Policy", strings.Replace(web.Policy, "trusted-types 'none'", "trusted-types comity-field", 1))
	return p.Write(w, r, http.StatusOK, web.BareLayout(p, fieldBody(p, d.fieldPage(p))))
}

func (d *Desk) fieldPage(p *web.Page) fieldPage {
	data := fieldPage{Kinds: d.fieldKinds(p)}
	current := d.Packs.Current()
	for _, id := range current.Units.All() {
		if u, _ := current.Units.Unit(id); holdsMatters(u) {
			data.Units = append(data.Units, web.Choice{Value: string(id), Label: strings.Repeat("\u2003", max(0, int(u.Level)-1)) + p.T("unit."+string(id))})
		}
	}
	for _, pl := range current.Places[:min(len(current.Places), web.MaxOffered)] {
		data.Places = append(data.Places, p.T(pl.Key))
	}
	for _, key := range fieldWords {
		data.Words = append(data.Words, fieldWord{key, p.T("field." + key)})
	}
	return data
}

// fieldKinds are the matters a worker can report from outside: those about places, whose procedure asks
// nothing that only a person at a desk could answer. A matter about people is taken in at a desk.
func (d *Desk) fieldKinds(p *web.Page) []categoryGroup {
	current := d.Packs.Current()
	var out []categoryGroup
	for _, g := range current.Groups {
		cg := categoryGroup{Label: p.T("group." + g.ID)}
		for _, c := range current.Categories {
			if c.Group == g.ID && d.fieldKind(current, c.ID) {
				cg.Choices = append(cg.Choices, web.Choice{Value: c.ID, Label: p.T("category." + c.ID)})
			}
		}
		if len(cg.Choices) > 0 {
			out = append(out, cg)
		}
	}
	return out
}

func (d *Desk) fieldKind(p *pack.Pack, category string) bool {
	proc := p.ProcedureFor(category)
	return proc != nil && proc.Compartment == d.name() && proc.Heading == procedure.HeadingTitle &&
		!slices.ContainsFunc(proc.Intake, func(q form.Field) bool { return q.Required && q.Name != receivedField })
}

// fieldShell is what the service worker keeps: the page in every language and what it is drawn with.
func (d *Desk) fieldShell() []string {
	out := []string{web.Asset("comity.css"), web.Asset("comity.js"), web.Asset("field.js"), web.Asset("mark.svg"), styleHref(), fieldPath + "/app.webmanifest"}
	for _, l := range d.site.Langs {
		out = append(out, fieldPath+"?lang="+l)
	}
	return out
}

// fieldWorkerShow is the service worker with the list of what it keeps in front. The name of its cache is
// made of the page itself in every language and the addresses of what it is drawn with, so that a new program
// or pack brings a new one.
func (d *Desk) fieldWorkerShow(w http.ResponseWriter, r *http.Request) error {
	shell := d.fieldShell()
	sum := sha256.New()
	io.WriteString(sum, fieldWorkerScript+strings.Join(shell, "\n"))
	for _, lang := range d.site.Langs {
		p := *d.site.Page(r, "field.title")
		p.Speaker = d.site.Text.In(lang)
		if err := fieldBody(&p, d.fieldPage(&p)).Render(r.Context(), sum); err != nil {
			return err
		}
	}
	head, err := json.Marshal(map[string]any{"version": hex.EncodeToString(sum.Sum(nil)[:6]), "page": fieldPath, "langs": d.site.Langs, "keep": shell})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Service-Worker-Allowed", fieldPath)
	_, err = w.Write([]byte("const SHELL = " + string(head) + ";\n" + fieldWorkerScript))
	return err
}

// fieldManifest lets a telephone put the application among its others.
func (d *Desk) fieldManifest(w http.ResponseWriter, r *http.Request) error {
	p := d.site.Page(r, "field.title")
	w.Header().Set("Content-Type", "application/manifest+json")
	return json.NewEncoder(w).Encode(map[string]any{
		"id": fieldPath, "name": p.Name() + " - " + p.T("field.title"), "short_name": p.T("field.title"), "lang": p.Lang, "start_url": fieldPath, "scope": fieldPath,
		"display": "standalone", "background_color": "#f3f5f3", "theme_color": "#0b3640",
		"icons": []map[string]string{{"src": web.Asset("mark.svg"), "type": "image/svg+xml", "sizes": "any", "purpose": "any"}},
	})
}

// fieldAccount is what the telephone learns of the officer. Tag and key are made from the account alone, so
// that the same person finds again what they wrote, and nobody else does.
type fieldAccount struct {
	Tag   string      `json:"tag"` // marks entries as theirs without naming them
	Key   string      `json:"key"`
	Name  string      `json:"name"`
	Home  string      `json:"home"`
	Open  int64       `json:"open"` // milliseconds after which the telephone locks by itself
	Cases []fieldCase `json:"cases"`
}

// fieldCase is a line of the list, as the work list shows it, with the state of the case a note is written
// against.
type fieldCase struct {
	Ref   string `json:"ref"`
	Title string `json:"title"`
	Due   string `json:"due"`
	Seq   int    `json:"seq"`
}

func (v *visit) fieldMe() error {
	if v.shared != "" {
		return &web.Refused{Status: http.StatusForbidden, Rule: "field.shared"}
	}
	me := v.live.Account
	out := fieldAccount{Tag: v.accountMark("tag", me.ID), Key: base64.StdEncoding.EncodeToString(v.fieldSecret("key", me.ID)),
		Name: me.NameIn(v.site.Lang(v.r)), Home: string(me.Home()), Open: fieldOpen.Milliseconds(), Cases: []fieldCase{}}
	if v.standing == nil { // the list of somebody absent is not taken along
		var err error
		if out.Cases, err = v.fieldCases(); err != nil {
			return err
		}
	}
	return v.json(http.StatusOK, out)
}

// accountMark tells what one account left in a browser from what another did, and names neither.
func (d *Desk) accountMark(use, account string) string {
	return hex.EncodeToString(d.fieldSecret(use, account)[:20])
}

// fieldSecret makes 32 bytes that need the secret of this installation and belong to one account.
func (d *Desk) fieldSecret(use, account string) []byte {
	mac := hmac.New(sha256.New, d.Secret)
	mac.Write([]byte("field queue " + use + "\x00" + d.name() + "\x00" + account))
	return mac.Sum(nil)
}

// fieldCases are the officer's own open cases: number, the title the work list shows, and the nearest date.
func (v *visit) fieldCases() ([]fieldCase, error) {
	out := []fieldCase{}
	page, err := v.Reader.Worklist(v.ctx(), v.scope, ledger.Filter{Unit: v.who.Home(), Assignee: v.who.ID, Limit: fieldCases})
	if err != nil {
		return out, err
	}
	p := v.site.Page(v.r, "field.title")
	for _, it := range page.Items {
		c, err := v.Reader.ByID(v.ctx(), v.scope, it.ID)
		if missing(err) {
			continue
		}
		if err != nil {
			return out, err
		}
		row := v.row(p, listQuery{}, it)
		fc := fieldCase{Ref: row.Ref, Title: row.Title, Seq: c.Version}
		if !it.Due.IsZero() {
			fc.Due = p.Day(it.Due)
		}
		out = append(out, fc)
	}
	return out, nil
}

// json answers a script of ours.
func (v *visit) json(status int, doc any) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.WriteHeader(status)
	_, err = v.w.Write(raw)
	return err
}

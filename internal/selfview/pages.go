package selfview

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/consent"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

func page(v *programme.Visitor, title string, kv ...string) *web.Page {
	p := v.Page(title, kv...)
	p.Private = true
	return p
}

// startPage asks for the follow code.
type startPage struct {
	Code  string
	Wrong string
	Ended bool
}

func (v *View) start(r *programme.Visitor) error {
	p := page(r, "mydata.title")
	return r.Write(p, http.StatusOK, startBody(p, startPage{Ended: r.R.URL.Query().Get("ended") != ""}))
}

func (v *View) startPost(r *programme.Visitor) error {
	if err := web.ReadForm(r.R, "code"); err != nil {
		return err
	}
	if err := v.brake(r); err != nil {
		return err
	}
	typed := r.R.PostForm.Get("code")
	if _, err := casework.ParseCode(typed); err != nil {
		p := page(r, "mydata.title")
		p.Wrong = true
		return r.Write(p, http.StatusUnprocessableEntity, startBody(p, startPage{Code: typed, Wrong: p.T("mydata.code.shape")}))
	}
	pending, known, err := v.begin(r.R.Context(), typed)
	if err != nil {
		return err
	}
	if !known {
		v.wrong.Count(v.Client(r.R), r.Site.Now())
	}
	if err := v.keep(r.Site, r.W, pending); err != nil {
		return err
	}
	return r.Go("/my/code")
}

// brake slows down who guesses.
func (v *View) brake(r *programme.Visitor) error {
	if wait := v.wrong.Wait(v.Client(r.R), r.Site.Now()); wait > 0 {
		return &web.Refused{Status: http.StatusTooManyRequests, Rule: "portal.too_many", Wait: wait}
	}
	return nil
}

// digitsPage asks for the digits; it says the same whether any were sent or not.
type digitsPage struct {
	Wrong string
	Opens string // words of the part they open; empty at the beginning
}

func (v *View) pendingOf(r *programme.Visitor) (pending, bool) {
	return v.unseal(r.Site.Secret(r.R, cookie), r.Site.Now())
}

func (v *View) digits(r *programme.Visitor) error {
	p, ok := v.pendingOf(r)
	if !ok {
		return r.Go("/my")
	}
	return v.showDigits(r, p, http.StatusOK, "")
}

func (v *View) showDigits(r *programme.Visitor, p pending, status int, wrong string) error {
	pg := page(r, "mydata.digits.title")
	pg.Wrong = wrong != ""
	d := digitsPage{Opens: v.letter(p.Opens)}
	if wrong != "" {
		d.Wrong = pg.T(wrong)
	}
	return r.Write(pg, status, digitsBody(pg, d))
}

func (v *View) digitsPost(r *programme.Visitor) error {
	if err := web.ReadForm(r.R, "digits"); err != nil {
		return err
	}
	if err := v.brake(r); err != nil {
		return err
	}
	p, ok := v.pendingOf(r)
	if !ok {
		return r.Go("/my")
	}
	opens := p.Opens
	p, err := v.Prove(r.R.Context(), p, r.R.PostForm.Get("digits"))
	if errors.Is(err, ErrProof) {
		v.wrong.Count(v.Client(r.R), r.Site.Now())
		return v.showDigits(r, p, http.StatusUnprocessableEntity, "mydata.digits.wrong")
	}
	if err != nil {
		return err
	}
	if err := v.keep(r.Site, r.W, p); err != nil {
		return err
	}
	to := "/my/data"
	if opens != "" {
		to += "#part-" + v.letter(opens)
	}
	return r.Go(to)
}

// proved is the proof of a request; without one the browser is sent to the beginning (done).
func (v *View) proved(r *programme.Visitor) (proof Proof, p pending, done bool, err error) {
	p, ok := v.pendingOf(r)
	if ok {
		proof, err = v.proofOf(r.R.Context(), p)
	}
	if !ok || errors.Is(err, ErrProof) {
		return proof, p, true, r.Go("/my")
	}
	return proof, p, err != nil, err
}

func (v *View) data(r *programme.Visitor) error {
	proof, _, done, err := v.proved(r)
	if done || err != nil {
		return err
	}
	s, err := v.See(r.R.Context(), proof)
	if err != nil {
		return err
	}
	p := page(r, "mydata.data.title")
	view := v.shown(p, s)
	view.Done = doneWords(p, r.R.URL.Query().Get("done"))
	return r.Write(p, http.StatusOK, dataBody(p, view))
}

// doneWords says what was just done.
func doneWords(p *web.Page, what string) string {
	if slices.Contains([]string{"hidden", "shown", "withdrawn"}, what) {
		return p.T("mydata.done." + what)
	}
	return ""
}

func (v *View) copyOut(r *programme.Visitor) error {
	proof, _, done, err := v.proved(r)
	if done || err != nil {
		return err
	}
	s, err := v.See(r.R.Context(), proof)
	if err != nil {
		return err
	}
	out, err := v.CopyFor(r.R.Context(), s, r.Site.Now())
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	h := r.W.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="my-data.json"`)
	h.Set("Cache-Control", "no-store")
	_, err = r.W.Write(append(raw, '\n'))
	return err
}

// openPart asks again for digits, for one compartment of supported people.
func (v *View) openPart(r *programme.Visitor) error {
	if err := web.ReadForm(r.R, "part"); err != nil {
		return err
	}
	_, p, done, err := v.proved(r)
	if done || err != nil {
		return err
	}
	room, ok := v.byLetter(r.R.PostForm.Get("part"))
	if !ok || !procedure.Supported(room.Compartment) {
		return web.ErrNotFound
	}
	own, ok := v.room(p.Room)
	if !ok {
		return web.ErrNotFound
	}
	p.Opens, p.Next = room.Compartment, newProof()
	if _, err := own.challenge(r.R.Context(), p.Next, casework.CaseID(p.Case)); err != nil {
		return err
	}
	if err := v.keep(r.Site, r.W, p); err != nil {
		return err
	}
	return r.Go("/my/code")
}

func (v *View) hidePart(r *programme.Visitor) error {
	if err := web.ReadForm(r.R, "part"); err != nil {
		return err
	}
	proof, _, done, err := v.proved(r)
	if done || err != nil {
		return err
	}
	room, ok := v.byLetter(r.R.PostForm.Get("part"))
	if !ok {
		return web.ErrNotFound
	}
	if err := v.Hide(r.R.Context(), proof, room.Compartment); err != nil {
		return errors.Join(web.ErrNotFound, err)
	}
	return r.Go("/my/data?done=hidden")
}

func (v *View) show(r *programme.Visitor) error {
	_, _, done, err := v.proved(r)
	if done || err != nil {
		return err
	}
	p := page(r, "mydata.show.title")
	return r.Write(p, http.StatusOK, showBody(p))
}

func (v *View) showPost(r *programme.Visitor) error {
	if err := web.ReadForm(r.R, "code"); err != nil {
		return err
	}
	if err := v.brake(r); err != nil {
		return err
	}
	proof, _, done, err := v.proved(r)
	if done || err != nil {
		return err
	}
	known, err := v.ShowAgain(r.R.Context(), proof, r.R.PostForm.Get("code"))
	if err != nil {
		return err
	}
	if !known {
		v.wrong.Count(v.Client(r.R), r.Site.Now())
	}
	return r.Go("/my/data?done=shown")
}

func (v *View) withdraw(r *programme.Visitor) error {
	if err := web.ReadForm(r.R, "part", "consent"); err != nil {
		return err
	}
	proof, _, done, err := v.proved(r)
	if done || err != nil {
		return err
	}
	s, err := v.See(r.R.Context(), proof)
	if err != nil {
		return err
	}
	room, ok := v.byLetter(r.R.PostForm.Get("part"))
	if !ok {
		return web.ErrNotFound
	}
	m, ok := s.withConsent(room.Compartment, r.R.PostForm.Get("consent"))
	if !ok {
		return web.ErrNotFound
	}
	if _, err := room.Consents.Withdraw(r.R.Context(), authz.Holder(string(m.Case.ID)), r.R.PostForm.Get("consent")); err != nil {
		return err
	}
	return r.Go("/my/data?done=withdrawn")
}

// withConsent is the matter of the person that a consent belongs to.
func (s Sight) withConsent(compartment, id string) (Matter, bool) {
	for _, part := range s.Parts {
		if part.Compartment != compartment {
			continue
		}
		for _, g := range part.Programmes {
			for _, m := range g.Matters {
				if slices.ContainsFunc(m.Consents, func(c consent.Consent) bool { return c.ID == id }) {
					return m, true
				}
			}
		}
	}
	return Matter{}, false
}

func (v *View) end(r *programme.Visitor) error {
	if err := web.ReadForm(r.R); err != nil {
		return err
	}
	if p, ok := v.pendingOf(r); ok {
		if room, ok := v.room(p.Room); ok {
			if err := room.over(r.R.Context(), p.Proof); err != nil {
				return err
			}
		}
	}
	r.Site.KeepSecret(r.W, cookie, "", 0)
	return r.Go("/my?ended=1")
}

// letter names a compartment without saying which: A, B, C in the order of the rooms.
func (v *View) letter(compartment string) string {
	i := slices.IndexFunc(v.Rooms, func(r *Room) bool { return r.Compartment == compartment })
	if i < 0 {
		return ""
	}
	return string(rune('A' + i))
}

func (v *View) byLetter(letter string) (*Room, bool) {
	i := slices.IndexFunc(v.Rooms, func(r *Room) bool { return v.letter(r.Compartment) == letter })
	if i < 0 || letter == "" {
		return nil, false
	}
	return v.Rooms[i], true
}

// dataPage is the page in words.
type dataPage struct {
	Done   string
	Delay  string // what is said to everybody about entries that come later
	Person bool   // the person holds the device; else an officer does
	Parts  []partView
}

type partView struct {
	Letter, Title string
	Open          bool
	Can           bool // it can be opened from here
	Programmes    []programmeView
	Nothing       bool
}

type programmeView struct {
	Name    string
	Facts   []web.Fact
	Matters []matterView
}

type matterView struct {
	Ref, Title, ID string
	Facts          []web.Fact
	Looks, Others  []lookView
	Passed         []string
	Consents       []consentView
	Asks           []web.Link
}

type lookView struct{ ISO, When, Who, Why, Record string }

type consentView struct {
	ID, Part, Title, Status, Withdrawal, Receipt string
	Facts                                        []web.Fact
	Live                                         bool
}

// shown puts a sight into words.
func (v *View) shown(p *web.Page, s Sight) dataPage {
	d := dataPage{Person: true, Delay: v.delay(p)}
	for _, part := range s.Parts {
		letter := v.letter(part.Compartment)
		x := partView{Letter: letter, Title: p.T("mydata.part", "letter", letter), Open: part.Open, Can: part.Supported && !part.Open, Nothing: true}
		for _, g := range part.Programmes {
			gv := programmeView{Name: p.T("programme." + g.ID), Facts: v.register(p, g)}
			for _, m := range g.Matters {
				gv.Matters = append(gv.Matters, v.matterShown(p, letter, part.Compartment, m))
				x.Nothing = false
			}
			x.Programmes = append(x.Programmes, gv)
		}
		d.Parts = append(d.Parts, x)
	}
	return d
}

// delay says to everybody, in the same words, how long the law lets entries wait, where the pack says so.
func (v *View) delay(p *web.Page) string {
	days := v.Packs.Current().Parameters["mydata.delay_days"]
	if days <= 0 || !p.Has("mydata.delay") {
		return ""
	}
	return p.T("mydata.delay", "days", strconv.Itoa(days))
}

// register is the entry of a programme in the processing register.
func (v *View) register(p *web.Page, g Programme) []web.Fact {
	var purposes, grounds, kinds, kept, to []string
	add := func(list *[]string, s string) {
		if s != "" && !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	add(&kinds, p.T("mydata.kind.text"))
	add(&kinds, p.T("mydata.kind.contact"))
	add(&kinds, p.T("mydata.kind.name"))
	for _, d := range g.Register.Procedures {
		add(&purposes, p.T("procedure."+d.ID))
		law := d.Basis.Law
		if law.None() {
			law = d.Law
		}
		ground := p.Law(law)
		if d.Basis.Ground != "" {
			ground = p.T("mydata.basis."+d.Basis.Ground) + " · " + ground
		}
		add(&grounds, ground)
		for _, f := range d.Intake {
			if f.Personal {
				add(&kinds, p.T("field."+d.ID+".open."+f.Name))
			}
		}
		for _, l := range d.Links {
			add(&to, p.T("procedure."+l.Procedure))
		}
		if d.Retention.Years > 0 {
			add(&kept, p.T("mydata.kept", "years", strconv.Itoa(d.Retention.Years), "law", p.Law(d.Retention.Law)))
		}
	}
	if len(kept) == 0 {
		add(&kept, p.T("mydata.kept.unsaid"))
	}
	recipients := p.T("mydata.recipients.units")
	if len(to) > 0 {
		recipients += " " + p.T("mydata.recipients.links", "names", p.T("mydata.list", "items", strings.Join(to, p.T("mydata.sep"))))
	}
	join := func(list []string) string { return strings.Join(list, p.T("mydata.sep")) }
	return []web.Fact{
		{Label: p.T("mydata.register.controller"), Value: p.Operator()},
		{Label: p.T("mydata.register.purpose"), Value: join(purposes)},
		{Label: p.T("mydata.register.basis"), Value: join(grounds)},
		{Label: p.T("mydata.register.kinds"), Value: join(kinds)},
		{Label: p.T("mydata.register.recipients"), Value: recipients},
		{Label: p.T("mydata.register.kept"), Value: join(kept)},
		{Label: p.T("mydata.register.measures"), Value: p.T("mydata.measures")},
	}
}

func (v *View) matterShown(p *web.Page, letter, compartment string, m Matter) matterView {
	c := m.Case
	say := p
	if c.Pack != v.Packs.Current().Digest { // words of the version the case was opened under
		other := *p
		other.Speaker = p.Site.Text.With(v.Packs.Pack(c.Pack).Texts).In(p.Lang)
		say = &other
	}
	x := matterView{Ref: string(c.Ref), ID: letter + "-" + string(c.Ref), Title: say.T("category." + c.Category)}
	var kinds []string
	for _, k := range m.Kinds {
		kinds = append(kinds, say.T(k))
	}
	until := p.T("mydata.until.open")
	switch {
	case !m.Until.IsZero():
		until = p.Day(m.Until)
	case !c.Closed.IsZero():
		until = p.T("mydata.until.unsaid")
	case m.D.Retention.Years > 0:
		until = p.T("mydata.until.years", "years", strconv.Itoa(m.D.Retention.Years))
	}
	x.Facts = []web.Fact{
		{Label: p.T("mydata.state"), Value: say.T("state." + c.Procedure + "." + c.State)},
		{Label: p.T("mydata.holder"), Value: say.T("unit." + string(c.Holder))},
		{Label: p.T("mydata.held"), Value: strings.Join(kinds, p.T("mydata.sep"))},
		{Label: p.T("mydata.since"), Value: p.Day(c.Opened)},
		{Label: p.T("mydata.until"), Value: until},
	}
	for _, l := range m.Looks {
		lv := lookShown(say, l)
		if l.Own() || l.Machine() {
			x.Others = append(x.Others, lv)
		} else {
			x.Looks = append(x.Looks, lv)
		}
	}
	for _, t := range m.Passed {
		x.Passed = append(x.Passed, p.T("mydata.passed.line", "when", p.Moment(t.At), "unit", say.T("unit."+string(t.To)), "ref", string(t.Ref)))
	}
	for _, k := range m.Consents {
		x.Consents = append(x.Consents, consentShown(p, letter, k, p.Site.Now()))
	}
	if _, ok := v.askCategory(compartment); ok {
		for _, kind := range askKinds {
			x.Asks = append(x.Asks, web.Link{Href: "/my/ask?" + url.Values{"part": {letter}, "ref": {string(c.Ref)}, "kind": {kind}}.Encode(), Label: p.T("mydata.ask." + kind)})
		}
	}
	return x
}

func lookShown(p *web.Page, l Look) lookView {
	x := lookView{ISO: p.ISO(l.At), When: p.Moment(l.At), Record: l.ID}
	switch {
	case l.Own():
		x.Who = p.T("mydata.look.own")
	case l.Machine():
		x.Who = p.T("mydata.look.machine")
	default:
		role := l.Role
		if p.Has("desk.role." + l.Role) {
			role = p.T("desk.role." + l.Role)
		}
		x.Who = p.T("mydata.look.who", "unit", p.T("unit."+string(l.Unit)), "role", role)
		if l.Stood {
			x.Who = p.T("mydata.look.stood", "who", x.Who)
		}
	}
	why := l.Purpose
	if p.Has("purpose." + l.Purpose) {
		why = p.T("purpose." + l.Purpose)
	}
	x.Why = p.T("mydata.look.why", "purpose", why, "ground", p.T("mydata.ground."+l.Ground), "level", p.T("mydata.level."+l.Level.String()))
	return x
}

func consentShown(p *web.Page, letter string, c consent.Consent, now time.Time) consentView {
	key := pack.Notice{ID: c.Notice, Version: c.Version}.Key()
	names := func(list string, ids []string) string {
		var out []string
		for _, id := range ids {
			out = append(out, p.T(key+"."+list+"."+id))
		}
		return strings.Join(out, p.T("mydata.sep"))
	}
	x := consentView{ID: c.ID, Part: letter, Title: p.T(key + ".title"), Status: p.T("consent.status." + string(c.Status)), Withdrawal: p.T(key + ".withdrawal"), Live: c.Live(now)}
	x.Facts = []web.Fact{
		{Label: p.T("consent.purposes"), Value: names("purposes", c.Purposes)},
		{Label: p.T("consent.recipients"), Value: names("recipients", c.Recipients)},
		{Label: p.T("consent.categories"), Value: names("categories", c.Categories)},
	}
	if !c.Given.IsZero() {
		x.Facts = append(x.Facts, web.Fact{Label: p.T("consent.given"), Value: p.Moment(c.Given)}, web.Fact{Label: p.T("consent.until"), Value: p.Day(c.Until)})
		x.Receipt = "/consent/receipt?part=" + letter + "&consent=" + c.ID
	}
	if !c.Ended.IsZero() {
		x.Facts = append(x.Facts, web.Fact{Label: p.T("consent.ended"), Value: p.Moment(c.Ended)})
	}
	return x
}

// qr draws a text as a code to scan.
func qr(text, title string) (templ.Component, error) {
	svg, err := web.QRSVG(text, title)
	if err != nil {
		return nil, fmt.Errorf("selfview: the receipt does not fit a code: %w", err)
	}
	return templ.Raw(svg), nil
}

package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/web"
)

// What departs from the everyday rules of reading has pages of its own, which no list, search or program leads
// to: orders that open a case under seal, and looks in an emergency.

// ordersPage lists orders, and asks for one.
type ordersPage struct {
	Rows      []exceptionRow
	Longest   int // hours the pack allows; 0 = nothing goes under seal here
	Custodian bool
}

type exceptionRow struct{ Href, Name, State, When string }

// exceptionPage is one order or emergency.
type exceptionPage struct {
	Action   string // address of the page
	Heading  string
	Facts    [][2]string
	Steps    []string
	Share    string // for the custodian to open elsewhere
	Ends     string // words of the button that ends it
	Purposes []web.Choice
	Looks    bool
	Guards   bool // the viewer looks after data and decides
	Verdicts []web.Choice
	CanDelay bool
	Seen     *exceptionCase
}

// exceptionCase is the one case that is shown.
type exceptionCase struct {
	Ref, Title, Text, Place string
	Person                  [][2]string
	Entries                 []web.Entry
}

func (v *visit) longest() (hours int) {
	for _, id := range v.procedures() {
		hours = max(hours, v.pack.Procedures[id].Sealing.Hours)
	}
	return hours
}

func (v *visit) orders() error {
	list, err := v.Ledger.Orders(v.ctx(), v.actor, 50)
	if err != nil {
		return err
	}
	holders, err := v.Reader.Custodians(v.ctx())
	if err != nil {
		return err
	}
	p := v.page("seal.orders.title")
	d := ordersPage{Longest: v.longest(), Custodian: slices.ContainsFunc(holders, func(c ledger.Custodian) bool { return c.Account == v.who.ID })}
	for _, o := range list {
		d.Rows = append(d.Rows, exceptionRow{"/desk/orders/" + o.ID, o.Reference, p.T("seal.state." + o.State), p.Moment(o.At)})
	}
	return v.write(p, http.StatusOK, ordersBody(p, d))
}

func (v *visit) orderAsk() error {
	if err := v.fields("case", "reference", "authority", "law", "why", "hours"); err != nil {
		return err
	}
	longest := v.longest()
	if longest == 0 {
		return web.ErrNotFound
	}
	if err := v.fresh(); err != nil {
		return err
	}
	post := v.r.PostForm.Get
	hours, _ := strconv.Atoi(post("hours"))
	id, err := v.Ledger.AskOrder(v.ctx(), v.actor, ledger.Ask{Case: strings.TrimSpace(post("case")), Reference: post("reference"), Authority: post("authority"), Law: post("law"), Why: post("why"), Hours: hours}, longest)
	if err != nil {
		return err
	}
	return v.backTo("/desk/orders/" + id)
}

func (v *visit) orderShow() error { return v.showOrder(http.StatusOK, nil) }

func (v *visit) showOrder(status int, look *ledger.Look) error {
	o, err := v.Ledger.Order(v.ctx(), v.actor, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	p := v.page("seal.order.title", "reference", o.Reference)
	d := exceptionPage{Action: "/desk/orders/" + o.ID, Heading: p.T("seal.order.title", "reference", o.Reference), Share: o.Share}
	d.Facts = [][2]string{{p.T("seal.f.state"), p.T("seal.state." + o.State)}, {p.T("seal.f.case"), o.Case}, {p.T("seal.f.reference"), o.Reference}, {p.T("seal.f.authority"), o.Authority},
		{p.T("seal.f.law"), o.Law}, {p.T("seal.f.why"), o.Why}, {p.T("seal.f.by"), v.officer(p, o.Requester)}, {p.T("seal.f.until"), p.Moment(o.Until)}}
	for i, id := range o.Custodians {
		key := "seal.given.no"
		if o.Given[i] {
			key = "seal.given.yes"
		}
		if o.State == ledger.OrderAsked {
			d.Facts = append(d.Facts, [2]string{p.T("seal.f.custodian", "n", strconv.Itoa(i+1)), p.T(key, "name", v.officer(p, id))})
		}
	}
	d.Steps = v.stepsOf(p, o.Steps)
	live := o.State == ledger.OrderAsked || o.State == ledger.OrderOpen
	if live && o.Mine {
		d.Ends = p.T("seal.end")
	} else if live {
		d.Ends = p.T("seal.refuse")
	}
	if o.Mine && o.State == ledger.OrderOpen && v.now.Before(o.Until) {
		d.Looks, d.Purposes = true, v.purposesFor(p, authz.ByOrder)
	}
	if d.Seen, err = v.seen(p, look); err != nil {
		return err
	}
	return v.write(p, status, exceptionBody(p, d))
}

func (v *visit) stepsOf(p *web.Page, list []ledger.Exception) (out []string) {
	for _, x := range list {
		who := v.officer(p, x.Actor)
		if x.Actor == string(authz.System) {
			who = p.T("desk.by.system")
		}
		what, detail, _ := strings.Cut(x.What, ":")
		words := p.T("seal.step." + what)
		if detail != "" && what == "broken" {
			words += p.T("desk.sep") + p.T("seal.reason."+detail)
		} else if detail != "" {
			words += p.T("desk.sep") + detail
		}
		out = append(out, p.Moment(x.At)+p.T("desk.sep")+words+p.T("desk.sep")+who)
	}
	return out
}

func (v *visit) purposesFor(p *web.Page, g authz.Ground) (out []web.Choice) {
	for _, x := range v.pack.PurposesFor(string(g)) {
		label := "purpose." + x.ID
		if key := "desk." + label; p.Has(key) {
			label = key
		}
		out = append(out, web.Choice{Value: x.ID, Label: p.T(label)})
	}
	return out
}

func (v *visit) orderShare() error {
	if err := v.fields("half"); err != nil {
		return err
	}
	if err := v.fresh(); err != nil {
		return err
	}
	id := v.r.PathValue("id")
	if err := v.Ledger.GiveShare(v.ctx(), v.actor, id, v.r.PostForm.Get("half")); err != nil {
		return err
	}
	return v.backTo("/desk/orders/" + id)
}

func (v *visit) orderEnd() error {
	if err := v.fields(); err != nil {
		return err
	}
	id := v.r.PathValue("id")
	if err := v.Ledger.EndOrder(v.ctx(), v.actor, id); err != nil {
		return err
	}
	return v.backTo("/desk/orders/" + id)
}

// lookUnder shows the one case, once: the answer is kept nowhere, and whoever comes back looks again, on record.
func (v *visit) lookUnder() (*ledger.Look, error) {
	if err := v.fields("purpose", "note"); err != nil {
		return nil, err
	}
	if err := v.fresh(); err != nil {
		return nil, err
	}
	return v.Ledger.LookUnder(v.ctx(), v.actor, ledger.Ticket{Order: v.r.PathValue("id"), Purpose: v.r.PostForm.Get("purpose"), Note: v.r.PostForm.Get("note"), Level: authz.Identity})
}

func (v *visit) orderLook() error {
	look, err := v.lookUnder()
	if err != nil {
		return err
	}
	return v.showOrder(http.StatusOK, look)
}

func (v *visit) seen(p *web.Page, look *ledger.Look) (*exceptionCase, error) {
	if look == nil {
		return nil, nil
	}
	c := look.Case()
	d, err := v.definition(c)
	if err != nil {
		return nil, err
	}
	v.speak(p, c)
	out := &exceptionCase{Ref: string(c.Ref), Title: c.Title, Text: c.Text, Place: c.Place.Address, Entries: v.timeline(p, d, c, look.Events(), false)}
	for _, f := range [][2]string{{p.T("seal.c.name"), c.Contact.Name}, {p.T("seal.c.contact"), c.Contact.Address}} {
		if f[1] != "" {
			out.Person = append(out.Person, f)
		}
	}
	return out, nil
}

// sealShow asks before a case goes under seal.
func (v *visit) sealShow() error {
	c, err := v.found()
	if err != nil {
		return err
	}
	p := v.page("seal.put.title", "ref", string(c.Ref))
	return v.write(p, http.StatusOK, sealBody(p, string(c.Ref)))
}

func (v *visit) sealDo() error {
	if err := v.fields("yes"); err != nil {
		return err
	}
	c, err := v.found()
	if err != nil {
		return err
	}
	if v.r.PostForm.Get("yes") == "" {
		return &web.Refused{Status: http.StatusUnprocessableEntity, Rule: "seal.yes"}
	}
	if err := v.fresh(); err != nil {
		return err
	}
	if err := v.Ledger.Seal(v.ctx(), v.actor, c.ID, ledger.SealByOrder, procedure.Law{}); err != nil {
		return err
	}
	return v.backTo("/desk")
}

// glassPage lists emergencies, and makes one.
type glassPage struct {
	Rows    []exceptionRow
	Reasons []web.Choice
	Can     bool
}

func (v *visit) emergencies() error {
	list, err := v.Ledger.Glasses(v.ctx(), v.actor, v.pack.Units, 50)
	if err != nil {
		return err
	}
	p := v.page("seal.glass.title")
	d := glassPage{}
	for _, g := range list {
		state := "seal.glass.review"
		switch {
		case g.Live(v.now):
			state = "seal.glass.live"
		case !g.Reviewed.IsZero():
			state = "seal.verdict." + g.Verdict
		}
		d.Rows = append(d.Rows, exceptionRow{"/desk/emergencies/" + g.ID, p.T("seal.reason." + g.Reason), p.T(state), p.Moment(g.At)})
	}
	for _, r := range ledger.GlassReasons {
		d.Reasons = append(d.Reasons, web.Choice{Value: r, Label: p.T("seal.reason." + r)})
	}
	for _, x := range v.pack.Procedures {
		d.Can = d.Can || x.BreakGlass.Minutes > 0
	}
	return v.write(p, http.StatusOK, glassBody(p, d))
}

func (v *visit) emergencyDo() error {
	if err := v.fields("case", "reason", "words"); err != nil {
		return err
	}
	if err := v.fresh(); err != nil {
		return err
	}
	post := v.r.PostForm.Get
	id, err := v.Ledger.BreakGlass(v.ctx(), v.actor, post("case"), post("reason"), post("words"))
	if err != nil {
		return err
	}
	return v.backTo("/desk/emergencies/" + id)
}

func (v *visit) emergencyShow() error { return v.showEmergency(nil) }

func (v *visit) showEmergency(look *ledger.Look) error {
	id := v.r.PathValue("id")
	g, err := v.Ledger.Glass(v.ctx(), v.actor, id)
	if err != nil {
		return err
	}
	words, verdict, err := v.Ledger.GlassWords(v.ctx(), v.actor, id)
	if err != nil {
		return err
	}
	p := v.page("seal.glass.one", "ref", string(g.Ref))
	d := exceptionPage{Action: "/desk/emergencies/" + id, Heading: p.T("seal.glass.one", "ref", string(g.Ref)), Steps: v.stepsOf(p, g.Steps)}
	d.Facts = [][2]string{{p.T("seal.f.by"), v.officer(p, g.Actor)}, {p.T("seal.f.reason"), p.T("seal.reason." + g.Reason)}, {p.T("seal.f.why"), words}, {p.T("seal.f.until"), p.Moment(g.Until)},
		{p.T("seal.f.tell"), p.Moment(g.TellAt)}, {p.T("seal.f.review"), p.Moment(g.ReviewBy)}}
	if g.DelayLaw != "" {
		d.Facts = append(d.Facts, [2]string{p.T("seal.f.delay"), p.T("seal.delayed", "law", g.DelayLaw, "who", v.officer(p, g.DelayBy))})
	}
	if g.Verdict != "" {
		d.Facts = append(d.Facts, [2]string{p.T("seal.f.verdict"), p.T("seal.verdict." + g.Verdict)}, [2]string{p.T("seal.f.words"), verdict})
	}
	if g.Actor == v.actor.ID() && g.Live(v.now) {
		d.Looks, d.Purposes = true, v.purposesFor(p, authz.ByBreakGlass)
	}
	if g.Actor != v.actor.ID() {
		d.Guards, d.CanDelay = g.Reviewed.IsZero(), g.Told.IsZero()
		for _, x := range ledger.Verdicts {
			d.Verdicts = append(d.Verdicts, web.Choice{Value: x, Label: p.T("seal.verdict." + x)})
		}
	}
	if d.Seen, err = v.seen(p, look); err != nil {
		return err
	}
	return v.write(p, http.StatusOK, exceptionBody(p, d))
}

func (v *visit) emergencyLook() error {
	look, err := v.lookUnder()
	if err != nil {
		return err
	}
	return v.showEmergency(look)
}

func (v *visit) emergencyDelay() error {
	if err := v.fields("law", "article", "until"); err != nil {
		return err
	}
	post, id := v.r.PostForm.Get, v.r.PathValue("id")
	until, err := time.ParseInLocation(time.DateOnly, post("until"), v.site.Zone)
	if err != nil {
		return &web.Refused{Status: http.StatusUnprocessableEntity, Rule: "glass.delay.until"}
	}
	if err := v.Ledger.DelayTelling(v.ctx(), v.actor, id, procedure.Law{ID: strings.TrimSpace(post("law")), Article: strings.TrimSpace(post("article"))}, until); err != nil {
		return err
	}
	return v.backTo("/desk/emergencies/" + url.PathEscape(id))
}

func (v *visit) emergencyReview() error {
	if err := v.fields("verdict", "words"); err != nil {
		return err
	}
	id := v.r.PathValue("id")
	if err := v.Ledger.ReviewGlass(v.ctx(), v.actor, id, v.r.PostForm.Get("verdict"), v.r.PostForm.Get("words")); err != nil {
		return err
	}
	return v.backTo("/desk/emergencies/" + url.PathEscape(id))
}

// exceptions says whether a procedure of this desk puts cases under seal, and whether one lets somebody look
// in an emergency: where none does, no page speaks of it.
func (v *visit) exceptions() (orders, emergencies bool) {
	for _, id := range v.procedures() {
		d := v.pack.Procedures[id]
		orders, emergencies = orders || d.Sealing.When != "", emergencies || d.BreakGlass.Minutes > 0
	}
	return orders, emergencies
}

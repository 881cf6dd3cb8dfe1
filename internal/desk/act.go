package desk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/web"
)

// actButton is one act on offer. With Post it is done at once, otherwise its page asks first.
type actButton struct {
	ID, Label, Key, Icon string
	Href                 string
	Prime                bool
	Post                 bool
	Version              string
	Form                 string // idempotency key
	Group                string // what it does: text key desk.acts.<group>
}

// actPage is the page that asks before an act.
type actPage struct {
	Ref, Title, In, Back string
	Act                  string
	Confirm              string // what cannot be undone, empty otherwise
	Law, Article         string
	Controls             []web.Control
	Units                []unitGroup
	Alike                []likeRow // reports this one may go with
	Asks                 bool      // the form asks for one
	Mistakes             []web.Mistake
	Behalf               bool        // recorded for the resident, from signed paper
	Paper                string      // what is wrong with that paper
	Changed              []web.Entry // what happened since the form was opened
	Version, Key         string
	Bad                  bool
	HasList              bool
	Replies              map[string][]replyLink // by field
	Reads                bool                   // the resident reads an answer of this form
	No                   *web.No
}

// acts lists what this officer may do now: exactly what the ledger would accept, forms aside. The usual
// next step comes first.
func (v *visit) acts(p *web.Page, d *procedure.Definition, c casework.Case, in string) []actButton {
	var out []actButton
	prime := false
	for i := range d.Acts {
		a := &d.Acts[i]
		if !casework.CanAct(d, c, a, v.actor, v.now) {
			continue
		}
		b := actButton{ID: a.ID, Label: p.T("act." + d.ID + "." + a.ID), Key: a.Key, Icon: actIcon(a), Prime: a.Prime && !prime,
			Href: actAddress(string(c.Ref), a.ID, in), Post: len(a.Fields) == 0 && !irreversible(d, a) && len(casework.Choices(d, c, a, v.actor, v.now)) == 0,
			Version: strconv.Itoa(c.Seq), Form: web.NewKey(), Group: actGroup(a)}
		prime = prime || b.Prime
		if b.Prime {
			out = append([]actButton{b}, out...)
		} else {
			out = append(out, b)
		}
	}
	return out
}

// Groups of acts, by what they do to the matter, in the order they are shown.
const (
	actsNext   = "next"
	actsAnswer = "answer"
	actsHand   = "hand"
	actsPeople = "people"
	actsTime   = "time"
	actsRecord = "record"
	actsRare   = "rare" // folded away
)

var actGroups = []string{actsNext, actsAnswer, actsHand, actsPeople, actsTime, actsRecord, actsRare}

// manyActs is how many acts stand side by side before they are put into groups.
const manyActs = 8

// actGroup says what an act does. Disputes between offices, recalls, and acts that a pack gave no letter
// are the rare ones.
func actGroup(a *procedure.Act) string {
	has := func(effects ...procedure.Effect) bool { return slices.ContainsFunc(effects, a.Has) }
	switch {
	case a.Prime:
		return actsNext
	case a.Answers:
		return actsAnswer
	case a.Dispute || a.Recall || a.Withdraw || a.Key == "":
		return actsRare
	case a.Moves() || has(procedure.Offer, procedure.TurnBack, procedure.Invite, procedure.Release, procedure.Group) || len(a.Spawn) > 0:
		return actsHand
	case has(procedure.Assign, procedure.AssignSelf, procedure.Unassign, procedure.Seal):
		return actsPeople
	case a.Extends != "":
		return actsTime
	}
	return actsRecord
}

// actSet is one group of acts on a page that has many.
type actSet struct {
	Name string
	Acts []actButton
}

// grouped puts many acts into groups; few stay as they are and give none.
func grouped(acts []actButton) []actSet {
	if len(acts) <= manyActs {
		return nil
	}
	var out []actSet
	for _, name := range actGroups {
		set := actSet{Name: name}
		for _, a := range acts {
			if a.Group == name {
				set.Acts = append(set.Acts, a)
			}
		}
		if len(set.Acts) > 0 {
			out = append(out, set)
		}
	}
	return out
}

// irreversible acts are asked about even when they have no form: the case ends, or leaves the unit.
func irreversible(d *procedure.Definition, a *procedure.Act) bool {
	st, ok := d.State(a.To)
	return a.Answers || a.Recall || (ok && st.Final) ||
		slices.ContainsFunc([]procedure.Effect{procedure.Escalate, procedure.Give, procedure.SendToDept, procedure.Seal}, a.Has)
}

func actIcon(a *procedure.Act) string {
	switch {
	case a.Answers:
		return "reply"
	case a.Has(procedure.Offer), a.Has(procedure.Give), a.Has(procedure.SendToDept):
		return "route"
	case a.Has(procedure.Seal):
		return "lock"
	case a.Has(procedure.Invite):
		return "people"
	case a.Has(procedure.Escalate):
		return "up"
	case a.Has(procedure.Assign):
		return "people"
	case a.Extends != "":
		return "clock"
	case a.Has(procedure.TurnBack):
		return "prev"
	case len(a.Fields) == 0:
		return "check"
	}
	return "chat"
}

func actAddress(ref, act, in string) string {
	to := "/desk/cases/" + url.PathEscape(ref) + "/do/" + url.PathEscape(act)
	if in != "" {
		to += "?in=" + url.QueryEscape(in)
	}
	return to
}

// offered finds case, definition and act of the address; an act the officer cannot do now leads
// nowhere, unless a form for it is being posted, which deserves the ledger's reason.
func (v *visit) offered() (casework.Case, *procedure.Definition, *procedure.Act, error) {
	c, err := v.found()
	if err != nil {
		return c, nil, nil, err
	}
	d, err := v.definition(c)
	if err != nil {
		return c, nil, nil, err
	}
	a, ok := d.Act(v.r.PathValue("act"))
	if !ok || a.By == nil {
		return c, nil, nil, web.ErrNotFound
	}
	return c, d, a, nil
}

func (v *visit) actShow() error {
	c, d, a, err := v.offered()
	if err != nil {
		return err
	}
	if !v.can(d, c, a) {
		return v.closedAct(c, d, a)
	}
	for _, g := range v.Programmes {
		if g.Instead == nil {
			continue
		}
		if page, ok := g.Instead(c, a.ID); ok {
			http.Redirect(v.w, v.r, caseHref(string(c.Ref))+"/"+page, http.StatusSeeOther)
			return nil
		}
	}
	return v.showAct(http.StatusOK, c, d, a, actTry{key: web.NewKey(), version: c.Seq})
}

// closedAct tells somebody with a part in the case why an act is not open now; it may be an old link.
func (v *visit) closedAct(c casework.Case, d *procedure.Definition, a *procedure.Act) error {
	why := casework.WhyNot(d, c, a, v.actor, v.now)
	if why == nil || v.forResident() || !v.hasPart(a) || !explain.Passes(why.Rule) {
		return web.ErrNotFound
	}
	p := v.page("desk.act.title", "act", v.site.Text.In(v.site.Lang(v.r)).T("act."+d.ID+"."+a.ID), "ref", string(c.Ref))
	v.speak(p, c)
	back := caseAddress(string(c.Ref), v.r.URL.Query().Get("in"))
	return v.write(p, web.StatusOf(why), noBody(p, string(c.Ref), back, p.T("act."+d.ID+"."+a.ID), *v.no(p, d, c, why)))
}

// actTry is an attempt at an act: what was typed and what was wrong with it.
type actTry struct {
	values   map[string]string
	problems []form.Problem
	no       *casework.Refusal
	version  int
	key      string
	changed  []casework.Event // since the form was opened
	events   []casework.Event // all of them
}

func (v *visit) showAct(status int, c casework.Case, d *procedure.Definition, a *procedure.Act, try actTry) error {
	name := "act." + d.ID + "." + a.ID
	p := v.page("desk.act.title", "act", v.site.Text.In(v.site.Lang(v.r)).T(name), "ref", string(c.Ref))
	v.speak(p, c)
	p.Wrong = len(try.problems) > 0 || try.no != nil
	in := v.r.URL.Query().Get("in")
	open, err := v.open(c)
	if err != nil {
		return err
	}
	c = open.c
	replies := v.replies(p, d, c, a)
	if try.values == nil {
		try.values = web.Prefill(v.r, a.Fields, v.replied(d, a, replies))
	}
	f := web.ActForm(d.ID, a.ID)
	f.Values, f.Problems = try.values, try.problems
	f.Choices = v.choices(p, d, c, a)
	controls := append(v.memberControl(p, d, c, a, f), p.Controls(a.Fields, f)...)
	extension(p, d, c, a, controls)
	data := actPage{
		Ref: string(c.Ref), Title: v.listedTitle(c), In: in, Back: caseAddress(string(c.Ref), in), Act: p.T(name), Law: p.Law(a.Law), Article: p.Article(a.Law),
		Controls: controls, Mistakes: paperMistake(p, controls, try.problems), Version: strconv.Itoa(try.version), Key: try.key, HasList: in != "",
		Replies: replies, Behalf: v.forResident(), Paper: wrongOf(p, try.problems, "files"),
	}
	if data.Alike, err = v.alike(p, d, c, a, in); err != nil {
		return err
	}
	data.Asks = a.Has(procedure.Group)
	if try.no != nil {
		data.No = v.no(p, d, c, try.no)
	}
	for _, field := range a.Fields {
		data.Reads = data.Reads || field.Public
		if field.Kind == form.Unit {
			data.Units = v.unitsFor(p, c, a)
		}
	}
	data.Confirm, data.Bad = confirmWords(p, d, a)
	for _, e := range try.changed {
		data.Changed = append([]web.Entry{v.entry(p, d, c, e, try.events)}, data.Changed...)
	}
	return v.write(p, status, actBody(p, data))
}

// unitsFor lists the units an act can name: those that joined to let go, others to ask.
func (v *visit) unitsFor(p *web.Page, c casework.Case, a *procedure.Act) []unitGroup {
	if a.Has(procedure.Release) {
		return []unitGroup{{Label: p.T("desk.act.joint"), Units: unitChoices(p, c.Joint)}}
	}
	groups := v.unitsOf(p, c.Holder)
	if !a.Has(procedure.Invite) {
		return groups
	}
	for i := range groups {
		groups[i].Units = slices.DeleteFunc(groups[i].Units, func(o web.Choice) bool { return slices.Contains(c.Joint, org.UnitID(o.Value)) })
	}
	return slices.DeleteFunc(groups, func(g unitGroup) bool { return len(g.Units) == 0 })
}

// extension says in what the days of an extension are counted and how many are left.
func extension(p *web.Page, d *procedure.Definition, c casework.Case, a *procedure.Act, controls []web.Control) {
	cl, ok := d.Clock(a.Extends)
	k, runs := c.Clock(a.Extends)
	if !ok || !runs {
		return
	}
	for i := range controls {
		if controls[i].Name == "days" {
			controls[i].Hint = p.T("desk.act.days."+string(k.Rule.Unit), "max", strconv.Itoa(max(0, cl.Extend.Max-k.Extra)))
		}
	}
}

// paperMistake is the error summary with the signed paper, the first thing the form asks for, among the
// fields.
func paperMistake(p *web.Page, controls []web.Control, problems []form.Problem) []web.Mistake {
	var out []web.Mistake
	var fields []form.Problem
	for _, bad := range problems {
		if bad.Field == "files" {
			out = append(out, web.Mistake{ID: "f-files", Words: p.T("desk.behalf.paper") + p.T("web.colon") + p.Problem(bad.Rule, bad.Params)})
		} else {
			fields = append(fields, bad)
		}
	}
	return append(out, p.Mistakes(controls, fields)...)
}

// confirmWords says what cannot be taken back after an act; bad when that is an end.
func confirmWords(p *web.Page, d *procedure.Definition, a *procedure.Act) (words string, bad bool) {
	switch st, _ := d.State(a.To); {
	case a.Answers:
		return p.T("desk.act.answers"), false
	case a.Has(procedure.Escalate):
		return p.T("desk.act.moves"), true
	case st != nil && st.Final:
		return p.T("desk.act.ends"), true
	case a.Has(procedure.Seal):
		return p.T("desk.act.seals"), true
	case a.Recall:
		return p.T("desk.act.recalls"), true
	case a.Has(procedure.Give), a.Has(procedure.SendToDept):
		return p.T("desk.act.gives"), false
	case a.Has(procedure.Offer):
		return p.T("desk.act.offers"), false
	}
	return "", false
}

// choices are the answers that depend on the case: officers of the unit, outcomes of the procedure.
// Units are grouped and drawn apart.
func (v *visit) choices(p *web.Page, d *procedure.Definition, c casework.Case, a *procedure.Act) map[string][]web.Choice {
	out := map[string][]web.Choice{}
	for _, f := range a.Fields {
		switch f.Kind {
		case form.Officer:
			unit := c.Holder
			if a.Of == procedure.OfOffered {
				unit = c.Offered
			}
			for _, o := range v.officers(p, unit) {
				if !barred(c, o.Value) {
					out[f.Name] = append(out[f.Name], o)
				}
			}
		case form.Outcome:
			for _, o := range d.Outcomes {
				out[f.Name] = append(out[f.Name], web.Choice{Value: o.ID, Label: p.T("outcome." + d.ID + "." + o.ID)})
			}
		}
	}
	return out
}

func barred(c casework.Case, id string) bool {
	for _, b := range c.Barred {
		if b == id {
			return true
		}
	}
	return false
}

// namesOf are the names of the fields an act asks.
func namesOf(fields []form.Field) []string {
	out := make([]string, 0, len(fields)+3)
	for _, f := range fields {
		out = append(out, f.Name)
	}
	return out
}

func (v *visit) actDo() error {
	c, d, a, err := v.offered()
	if err != nil {
		return err
	}
	if err := v.parse(append(namesOf(a.Fields), "version", "then", procedure.FieldMember, "files*")...); err != nil {
		return err
	}
	try := actTry{values: map[string]string{}, key: web.KeyOf(v.r), version: c.Seq}
	if !v.mayTry(d, c, a) {
		return web.ErrNotFound
	}
	for _, f := range a.Fields {
		try.values[f.Name] = v.r.PostForm.Get(f.Name)
	}
	if id := v.r.PostForm.Get(procedure.FieldMember); id != "" {
		try.values[procedure.FieldMember] = id
	}
	version, err := strconv.Atoi(v.r.PostForm.Get("version"))
	if err != nil {
		version = c.Seq
	}
	next, err := v.nextInList(string(c.Ref))
	if err != nil {
		return err
	}
	cmd := casework.Command{Case: c.ID, Version: version, Key: try.key, Act: a.ID, Fields: try.values, Behalf: v.forResident()}
	var no *casework.Refusal
	if cmd.Files, no, err = v.signedPaper(); err != nil {
		return err
	}
	if no != nil {
		return v.refusedAct(no, version, try)
	}
	_, err = v.Ledger.Do(v.ctx(), v.actor, cmd)
	switch {
	case err == nil:
		v.afterAct(c, a, next)
		return nil
	case errors.As(err, &no):
		return v.refusedAct(no, version, try)
	}
	return err
}

// signedPaper keeps the resident's paper that an act on their behalf is recorded from. A file that cannot
// be kept is a mistake of the form.
func (v *visit) signedPaper() ([]casework.File, *casework.Refusal, error) {
	if !v.forResident() {
		return nil, nil, nil
	}
	files, err := v.uploads(true)
	var no file.Refused
	if errors.As(err, &no) {
		return nil, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "files", Rule: no.Rule, Params: no.Params}}}, nil
	}
	return files, nil, err
}

// wrongOf is what is wrong with one field, in words.
func wrongOf(p *web.Page, problems []form.Problem, field string) string {
	for _, b := range problems {
		if b.Field == field {
			return p.Problem(b.Rule, b.Params)
		}
	}
	return ""
}

// mayTry lets a posted act through to the ledger when the officer has, or had, a part in the case: the
// ledger then says why not. An officer with no part in it learns nothing.
func (v *visit) mayTry(d *procedure.Definition, c casework.Case, a *procedure.Act) bool {
	return v.can(d, c, a) || v.hasPart(a)
}

// refusedAct shows the form again with the reason. After a conflict it shows what happened meanwhile,
// keeps the text, and carries the new version, so that sending again is a decision.
func (v *visit) refusedAct(no *casework.Refusal, seen int, try actTry) error {
	c, err := v.found()
	if err != nil {
		return err // it left the officer's units meanwhile
	}
	d, err := v.definition(c)
	if err != nil {
		return err
	}
	a, ok := d.Act(v.r.PathValue("act"))
	if !ok {
		return web.ErrNotFound
	}
	try.version, try.key, try.problems = c.Seq, web.NewKey(), no.Fields
	if no.Rule == casework.Conflict || seen != c.Seq {
		open, err := v.open(c)
		if err != nil {
			return err
		}
		events := open.events
		if seen >= 0 && seen < len(events) {
			try.changed, try.events = events[seen:], events
		}
	}
	if no.Rule != "form.invalid" {
		try.no = no
	}
	return v.showAct(web.StatusOf(no), c, d, a, try)
}

// nextInList is the case after this one, looked up before the act: afterwards it may have left.
func (v *visit) nextInList(ref string) (string, error) {
	if v.r.PostForm.Get("then") != "list" {
		return "", nil
	}
	q, listed := inList(v.r.URL.Query())
	if !listed {
		return "", nil
	}
	refs, err := v.listRefs(q)
	if err != nil {
		return "", err
	}
	for i := range refs {
		if refs[i] == ref && i+1 < len(refs) {
			return refs[i+1], nil
		}
	}
	return "", nil
}

// afterAct leads on: to the case, or to the next one of the list. A case that went to another unit is
// gone from here, so its page would be a dead end.
func (v *visit) afterAct(c casework.Case, a *procedure.Act, next string) {
	in := v.r.URL.Query().Get("in")
	to := caseAddress(string(c.Ref), in, "done", a.Event)
	switch {
	case next != "":
		to = caseAddress(next, in)
	case v.r.PostForm.Get("then") == "list":
		to = backTo(v.r.URL.Query())
	default:
		if _, err := v.Reader.Case(v.ctx(), v.scope, string(c.Ref)); missing(err) {
			to = backTo(v.r.URL.Query())
		}
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
}

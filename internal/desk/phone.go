package desk

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/journal"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/web"
)

// The desk of whoever answers the telephone: one page for a caller who has a code and for one who has
// something new, in the order of a call and without the mouse. It takes matters in by the same steps as
// newDo; what differs is how they look.
//
// Nothing about the operator is kept: the time of a call is counted in the browser alone, and no call is
// written down that does not become a case.
const phonePath = "/desk/phone"

// phonePage is the page of a call.
type phonePage struct {
	newPage
	Found *phoneFound // what a code or number led to; nil = nothing was asked for
	Again bool        // a form came back: it has what was typed, not what the browser remembers
	By    string      // whose call it is: what the browser remembers of another account's is not shown
}

// phoneFound is what may be told to a caller, and where the operator can read more.
type phoneFound struct {
	Wrong  string     // why nothing was found
	Number bool       // the caller has the number of the matter only, which anybody may have
	Facts  []web.Fact // for whoever has the code
	Tell   []string   // the same as sentences to say, in the language of the page
	Href   string     // the case, when the operator works on it anyway
}

// script is what is said to the caller, in one language.
type script struct {
	Lang, Name string
	Lines      []string
}

// phoneRead is the page that is read back to the caller.
type phoneRead struct {
	readBack
	Scripts []script // the caller's language first
}

// phoneSlip is the end of a call.
type phoneSlip struct {
	slip
	Groups  []string // the code, as it is read out
	Scripts []script
}

func (v *visit) phoneShow() error {
	u := v.r.URL.Query()
	f := newForm{Source: byPhone, Unit: string(v.who.Home()), Category: u.Get("category")}
	v.fromGuide(&f)
	return v.showPhone(http.StatusOK, phonePage{newPage: newPage{Form: f, Key: web.NewKey()}})
}

func (v *visit) showPhone(status int, d phonePage) error {
	p := v.page("phone.title")
	d.newPage = v.newData(p, d.Form, nil, d.Key)
	return v.writePhone(p, status, d)
}

func (v *visit) writePhone(p *web.Page, status int, d phonePage) error {
	d.By = v.accountMark("call", v.live.Account.ID)
	return v.write(p, status, phoneBody(p, numbered(d)))
}

// numbered puts a number before each kind of matter, by which it can be chosen.
func numbered(d phonePage) phonePage {
	n := 0
	for i := range d.Groups {
		for j := range d.Groups[i].Choices {
			n++
			c := &d.Groups[i].Choices[j]
			c.Label = strconv.Itoa(n) + "\u2002" + c.Label
		}
	}
	return d
}

func (v *visit) phoneDo() error {
	if err := v.parse(v.newFields()...); err != nil {
		return err
	}
	f := v.readNew()
	f.Source = byPhone
	return v.take(f, screen{v.phoneForm, v.phoneRead, v.phoneDone})
}

func (v *visit) phoneForm(status int, f newForm, problems []form.Problem, key string) error {
	p := v.page("phone.title")
	return v.writePhone(p, status, phonePage{newPage: v.newData(p, f, problems, key), Again: true})
}

// reference is how the number of a matter looks.
var reference = regexp.MustCompile(`^[A-Za-z]{1,6}-[0-9]{2,4}-[0-9]{1,12}$`)

// phoneFind looks for the caller's matter. A number opens nothing, since anybody may have it; a code opens
// what its holder sees of the way of the matter, and no word of what it is about: for that the operator has
// to work on the case, and opens it like everybody else.
func (v *visit) phoneFind() error {
	if err := v.parse("q"); err != nil {
		return err
	}
	typed := strings.TrimSpace(v.r.PostFormValue("q"))
	found, err := v.findFor(typed)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if found.Wrong != "" {
		status = http.StatusUnprocessableEntity
	}
	return v.showPhone(status, phonePage{newPage: newPage{Form: newForm{Source: byPhone, Unit: string(v.who.Home())}, Key: web.NewKey()}, Found: found})
}

func (v *visit) findFor(typed string) (*phoneFound, error) {
	p := v.site.Page(v.r, "phone.title")
	if reference.MatchString(typed) {
		out := &phoneFound{Number: true}
		c, err := v.Reader.Case(v.ctx(), v.scope, typed)
		switch {
		case missing(err):
		case err != nil:
			return nil, err
		default:
			out.Href = caseAddress(string(c.Ref), "")
		}
		return out, nil
	}
	code, err := casework.ParseCode(typed)
	var slip casework.CodeError
	if errors.As(err, &slip) {
		return &phoneFound{Wrong: p.Problem(slip.Rule, map[string]string{"at": strconv.Itoa(slip.At), "char": slip.Char})}, nil
	}
	if err != nil {
		return nil, err
	}
	if wait := v.codes.Wait(v.who.ID, v.now); wait > 0 {
		return nil, &web.Refused{Status: http.StatusTooManyRequests, Rule: "phone.too_many", Wait: wait}
	}
	c, err := v.Reader.ByCode(v.ctx(), code)
	if missing(err) || err == nil && c.Sealed != "" { // what is under seal is told to nobody over the telephone
		v.codes.Count(v.who.ID, v.now)
		journal.Say(v.w, "code.unknown")
		return &phoneFound{Wrong: p.T("phone.unknown")}, nil
	}
	if err != nil {
		return nil, err
	}
	return v.foundFor(p, c)
}

// foundFor is how a matter stands, as its holder reads it on their own page.
func (v *visit) foundFor(p *web.Page, c casework.Case) (*phoneFound, error) {
	d, err := v.definition(c)
	if err != nil {
		return nil, err
	}
	v.speak(p, c)
	out := &phoneFound{}
	fact := func(key, value string) {
		if value != "" {
			out.Facts = append(out.Facts, web.Fact{Label: p.T(key), Value: value})
		}
	}
	fact("desk.slip.ref", string(c.Ref))
	if _, err := v.Reader.Case(v.ctx(), v.scope, string(c.Ref)); err == nil {
		out.Href = caseAddress(string(c.Ref), "")
	} else if !missing(err) {
		return nil, err
	}
	if out.Href != "" || d.Heading == procedure.HeadingTitle { // what people bring about themselves is not for every operator
		fact("desk.slip.about", p.T("category."+c.Category))
	}
	fact("desk.fact.holder", p.T("unit."+string(c.Holder)))
	fact("phone.changed", p.Moment(c.Changed))
	out.Tell = append(out.Tell, p.T("state."+d.ID+"."+c.State+".now"))
	if words := promise(p, d, c); words != "" {
		out.Tell = append(out.Tell, words)
	}
	return out, nil
}

// phoneRead shows what will be stored, in the words the operator says.
func (v *visit) phoneRead(f newForm, d *procedure.Definition, cmd casework.Command, key string) error {
	p := v.page("desk.readback.title")
	data := phoneRead{readBack: v.readBackOf(p, f, d, cmd, key)}
	data.Scripts = v.inBoth(p, f, func(say *web.Page) []string { return callScript(say, f, d, cmd) })
	status := http.StatusOK
	if data.Wrong {
		status, p.Wrong = http.StatusUnprocessableEntity, true
	}
	return v.write(p, status, phoneReadBody(p, data))
}

// inBoth makes what is said in every language of the site, the caller's first.
func (v *visit) inBoth(p *web.Page, f newForm, lines func(*web.Page) []string) (out []script) {
	for _, lang := range p.Site.Langs {
		say := *p
		say.Speaker = p.Site.Text.In(lang)
		s := script{Lang: lang, Name: say.T("web.lang.name"), Lines: lines(&say)}
		if lang == f.Lang {
			out = append([]script{s}, out...)
			continue
		}
		out = append(out, s)
	}
	return out
}

// callScript is the entry as sentences.
func callScript(say *web.Page, f newForm, d *procedure.Definition, cmd casework.Command) []string {
	out := []string{say.T("phone.script.begin"), say.T("phone.script.kind", "kind", say.T("category."+f.Category)), say.T("phone.script.text", "text", strings.TrimSpace(f.Text))}
	if address := strings.TrimSpace(f.Address); address != "" {
		out = append(out, say.T("phone.script.place", "unit", unitWords(say, f.Unit), "address", address))
	} else {
		out = append(out, say.T("phone.script.unit", "unit", unitWords(say, f.Unit)))
	}
	own := web.ActForm(d.ID, "open")
	for _, q := range d.Intake {
		if answer := say.Answer(own, q, cmd.Fields[q.Name]); answer != "" && q.Name != receivedField {
			out = append(out, say.T("phone.script.answer", "label", say.T("field."+d.ID+".open."+q.Name), "answer", answer))
		}
	}
	if name := strings.TrimSpace(f.Name); name != "" {
		out = append(out, say.T("phone.script.name", "name", name))
	}
	switch {
	case f.ContactTo == "":
		out = append(out, say.T("phone.script.nocontact"))
	case strings.Contains(f.ContactTo, "@"):
		out = append(out, say.T("phone.script.mail", "contact", f.ContactTo))
	default:
		out = append(out, say.T("phone.script.sms", "contact", spoken(f.ContactTo)))
	}
	return append(out, say.T("phone.script.holder", "unit", unitWords(say, string(cmd.Open.Unit))), say.T("phone.script.end"))
}

func unitWords(say *web.Page, id string) string {
	if id == "" {
		return say.T("phone.script.nowhere")
	}
	return say.T("unit." + id)
}

// spoken puts a number into groups of four from its end, as it can be said and written along.
func spoken(number string) string {
	var out []string
	digits := strings.Join(strings.Fields(number), "")
	for len(digits) > 4 {
		out = append([]string{digits[len(digits)-4:]}, out...)
		digits = digits[:len(digits)-4]
	}
	return strings.Join(append([]string{digits}, out...), " ")
}

// phoneDone is the end of a call: the code, group by group, and what to say with it.
func (v *visit) phoneDone(receipt ledger.Receipt, f newForm) error {
	p := v.page("desk.slip.title")
	s, err := v.slipOf(p, receipt, f)
	if err != nil {
		return err
	}
	data := phoneSlip{slip: s, Groups: strings.Split(s.Code, "-")}
	c, err := v.Reader.ByCode(v.ctx(), receipt.Code)
	if err != nil {
		return err
	}
	data.Scripts = v.inBoth(p, f, func(say *web.Page) []string {
		out := []string{say.T("phone.done.ref", "ref", s.Ref), say.T("phone.done.code", "n", strconv.Itoa(len(data.Groups)))}
		for i, g := range data.Groups {
			out = append(out, say.T("phone.done.group", "n", strconv.Itoa(i+1), "group", strings.Join(strings.Split(g, ""), " ")))
		}
		if k, ok := c.Promised(); ok && k.Running() {
			out = append(out, say.T("phone.done.promise", "date", say.Day(k.Due)))
		}
		return append(out, say.T("phone.done.end"))
	})
	return v.write(p, http.StatusOK, phoneSlipBody(p, data))
}

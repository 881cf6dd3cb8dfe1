package dataaccess

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

// listPage is the register at the desk: the entries the officer keeps.
type listPage struct {
	Standing, Withdrawn []entryView
	Done                string
}

// keeper is an officer who keeps a part of the register.
func (a *access) keeper(o *programme.Officer) (*pack.Pack, []org.UnitID, error) {
	p, err := a.rules()
	if err != nil {
		return nil, nil, err
	}
	areas := keeping(p, o.Actor)
	if len(areas) == 0 {
		return nil, nil, &web.Refused{Status: http.StatusForbidden, Rule: "cameras.not_yours"}
	}
	return p, areas, nil
}

// mine finds the entry of the address among those the officer keeps.
func (a *access) mine(o *programme.Officer) (*pack.Pack, []org.UnitID, Entry, []changed, error) {
	p, areas, err := a.keeper(o)
	if err != nil {
		return nil, nil, Entry{}, nil, err
	}
	e, history, err := a.found(&o.Visitor)
	if err == nil && !slices.Contains(areas, e.Area) {
		err = errNone
	}
	return p, areas, e, history, err
}

func deskPath(id int64, more ...string) string {
	return strings.Join(append([]string{"/desk/cameras", strconv.FormatInt(id, 10)}, more...), "/")
}

func (a *access) list(o *programme.Officer) error {
	p, areas, err := a.keeper(o)
	if err != nil {
		return err
	}
	entries, err := a.register(o.R.Context())
	if err != nil {
		return err
	}
	sortByArea(p, entries)
	page := o.Page("cameras.desk.title")
	var l listPage
	q := o.R.URL.Query()
	if n := atoi(q.Get("n")); q.Get("done") == "imported" && n > 0 {
		l.Done = page.N("cameras.done.imported", n)
	}
	for _, e := range entries {
		if !slices.Contains(areas, e.Area) {
			continue
		}
		v := shownEntry(page, p, e)
		v.Href = deskPath(e.ID)
		if e.Stands() {
			l.Standing = append(l.Standing, v)
		} else {
			l.Withdrawn = append(l.Withdrawn, v)
		}
	}
	return o.Write(page, http.StatusOK, listBody(page, l))
}

func (a *access) show(o *programme.Officer) error {
	p, _, e, history, err := a.mine(o)
	if err != nil {
		return err
	}
	page := o.Page("cameras.entry.title", "number", strconv.FormatInt(e.ID, 10), "place", e.Place)
	v := entryPage{Entry: shownEntry(page, p, e), History: told(page, p, history, true), Public: "/cameras/" + strconv.FormatInt(e.ID, 10)}
	if e.Stands() {
		v.Edit = deskPath(e.ID)
	}
	if done := o.R.URL.Query().Get("done"); slices.Contains([]string{"entered", "changed", "withdrawn"}, done) {
		v.Done = page.T("cameras.done." + done)
	}
	return o.Write(page, http.StatusOK, keptBody(page, v))
}

// formPage is a form of the desk.
type formPage struct {
	Title, Intro, To, Back, Button string
	Version                        string
	Refused                        string
	Controls                       []web.Control
	Mistakes                       []web.Mistake
	Danger                         bool
	Facts                          []web.Fact
}

// entryForm is the form of an entry with what was typed so far.
func entryForm(page *web.Page, p *pack.Pack, areas []org.UnitID, values map[string]string, bad []form.Problem) formPage {
	page.Wrong = len(bad) > 0
	f := web.Form{Prefix: "cameras.field", Values: values, Problems: bad, Choices: map[string][]web.Choice{}}
	for _, u := range areas {
		unit, _ := p.Units.Unit(u)
		f.Choices["area"] = append(f.Choices["area"], web.Choice{Value: string(u), Label: strings.Repeat("\u2003", int(unit.Level-org.City)) + page.T("unit."+string(u))})
	}
	for _, b := range p.Cameras.Bases {
		f.Choices["basis"] = append(f.Choices["basis"], web.Choice{Value: b.ID, Label: page.T("camera.basis." + b.ID), Hint: page.Law(b.Law)})
	}
	controls := page.Controls(append(entryFields(areas, p.Cameras), whyField), f)
	return formPage{Title: page.Title, Controls: controls, Mistakes: page.Mistakes(controls, bad), Button: page.T("cameras.save")}
}

// lawOf puts an article into the words of a page.
func lawOf(page *web.Page) func(procedure.Law) string {
	return func(l procedure.Law) string { return page.Law(l) }
}

// posted reads the entry and the reason from a form that was sent.
func posted(o *programme.Officer, page *web.Page, p *pack.Pack, areas []org.UnitID) (raw map[string]string, e Entry, why string, bad []form.Problem, err error) {
	fields := append(entryFields(areas, p.Cameras), whyField)
	known := []string{"version"}
	for _, f := range fields {
		known = append(known, f.Name)
	}
	if err = web.ReadForm(o.R, known...); err != nil {
		return nil, e, "", nil, err
	}
	raw = map[string]string{}
	only := map[string]string{}
	for _, f := range fields {
		if v := o.R.PostFormValue(f.Name); v != "" {
			raw[f.Name] = v
			if f.Name != whyField.Name {
				only[f.Name] = v
			}
		}
	}
	e, bad = entryFrom(only, areas, p.Cameras, lawOf(page))
	why, more := reason(o)
	return raw, e, why, append(bad, more...), nil
}

func reason(o *programme.Officer) (string, []form.Problem) {
	raw := map[string]string{}
	if v := o.R.PostFormValue(whyField.Name); v != "" {
		raw[whyField.Name] = v
	}
	clean, bad := form.Check([]form.Field{whyField}, raw)
	return clean[whyField.Name], bad
}

func (a *access) newShow(o *programme.Officer) error {
	p, areas, err := a.keeper(o)
	if err != nil {
		return err
	}
	page := o.Page("cameras.new.title")
	v := entryForm(page, p, areas, map[string]string{"area": string(areas[0])}, nil)
	v.Intro, v.To, v.Back = page.T("cameras.new.intro"), "/desk/cameras/new", "/desk/cameras"
	return o.Write(page, http.StatusOK, formBody(page, v))
}

func (a *access) newPost(o *programme.Officer) error {
	p, areas, err := a.keeper(o)
	if err != nil {
		return err
	}
	page := o.Page("cameras.new.title")
	raw, e, why, bad, err := posted(o, page, p, areas)
	if err != nil {
		return err
	}
	if len(bad) == 0 {
		var id int64
		id, err = a.store(o, p, e, why)
		if err == nil {
			return o.Go(deskPath(id) + "?done=entered")
		}
		if bad, err = problemsOf(err); err != nil {
			return err
		}
	}
	v := entryForm(page, p, areas, raw, bad)
	v.Intro, v.To, v.Back = page.T("cameras.new.intro"), "/desk/cameras/new", "/desk/cameras"
	return o.Write(page, http.StatusUnprocessableEntity, formBody(page, v))
}

// problemsOf takes the mistakes of a form out of an error.
func problemsOf(err error) ([]form.Problem, error) {
	var no *casework.Refusal
	if errors.As(err, &no) && len(no.Fields) > 0 {
		return no.Fields, nil
	}
	return nil, err
}

// by is who changes an entry of an area.
func by(o *programme.Officer, p *pack.Pack, area org.UnitID, why string) (author, error) {
	unit, ok := inNameOf(p, o.Actor, area)
	if !ok {
		return author{}, &web.Refused{Status: http.StatusForbidden, Rule: "cameras.not_yours"}
	}
	return author{o.Actor.ID(), unit, why}, nil
}

// store enters one entry, unless one for the same place and operator stands.
func (a *access) store(o *programme.Officer, p *pack.Pack, e Entry, why string) (id int64, err error) {
	who, err := by(o, p, e.Area, why)
	if err != nil {
		return 0, err
	}
	ctx := o.R.Context()
	err = a.DB.Transact(ctx, func(tx *db.Tx) error {
		all, err := everyEntry(ctx, tx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(x Entry) bool {
			return x.Stands() && x.Area == e.Area && x.Place == e.Place && x.Operator == e.Operator
		}) {
			return notFor("place", "cameras.twice")
		}
		id, err = enter(ctx, tx, e, who)
		return err
	})
	return id, err
}

func (a *access) editShow(o *programme.Officer) error {
	p, areas, e, _, err := a.mine(o)
	if err != nil {
		return err
	}
	if !e.Stands() {
		return refuse("cameras.changed")
	}
	page := o.Page("cameras.edit.title", "place", e.Place)
	return o.Write(page, http.StatusOK, formBody(page, editForm(page, p, areas, e, e.values(), nil)))
}

func editForm(page *web.Page, p *pack.Pack, areas []org.UnitID, e Entry, values map[string]string, bad []form.Problem) formPage {
	v := entryForm(page, p, areas, values, bad)
	v.Intro, v.To, v.Back, v.Version = page.T("cameras.edit.intro"), deskPath(e.ID, "edit"), deskPath(e.ID), strconv.Itoa(e.Version)
	return v
}

func (a *access) editPost(o *programme.Officer) error {
	p, areas, was, _, err := a.mine(o)
	if err != nil {
		return err
	}
	page := o.Page("cameras.edit.title", "place", was.Place)
	raw, e, why, bad, err := posted(o, page, p, areas)
	if err != nil {
		return err
	}
	if len(bad) == 0 && e.same(was) {
		bad = []form.Problem{{Field: "why", Rule: "cameras.nothing"}}
	}
	if len(bad) > 0 {
		return o.Write(page, http.StatusUnprocessableEntity, formBody(page, editForm(page, p, areas, was, raw, bad)))
	}
	who, err := by(o, p, was.Area, why)
	if err != nil {
		return err
	}
	was.Version = atoi(o.R.PostFormValue("version")) // what the officer saw
	ctx := o.R.Context()
	err = a.DB.Transact(ctx, func(tx *db.Tx) error { return change(ctx, tx, was, e, who) })
	var no *casework.Refusal
	if errors.As(err, &no) {
		v := editForm(page, p, areas, was, raw, nil)
		v.Refused = page.Problem(no.Rule, no.Params)
		return o.Write(page, http.StatusConflict, formBody(page, v))
	}
	if err != nil {
		return err
	}
	return o.Go(deskPath(was.ID) + "?done=changed")
}

func (a *access) withdrawShow(o *programme.Officer) error {
	p, _, e, _, err := a.mine(o)
	if err != nil {
		return err
	}
	if !e.Stands() {
		return refuse("cameras.changed")
	}
	return a.showWithdraw(o, p, e, nil, nil, http.StatusOK)
}

func (a *access) showWithdraw(o *programme.Officer, p *pack.Pack, e Entry, values map[string]string, bad []form.Problem, status int) error {
	page := o.Page("cameras.withdraw.title", "place", e.Place)
	page.Wrong = len(bad) > 0
	controls := page.Controls([]form.Field{whyField}, web.Form{Prefix: "cameras.field", Values: values, Problems: bad})
	view := shownEntry(page, p, e)
	v := formPage{Title: page.Title, Intro: page.T("cameras.withdraw.intro"), To: deskPath(e.ID, "withdraw"), Back: deskPath(e.ID), Button: page.T("cameras.withdraw.button"),
		Version: strconv.Itoa(e.Version), Controls: controls, Mistakes: page.Mistakes(controls, bad), Danger: true, Facts: entryFacts(page, view)}
	return o.Write(page, status, formBody(page, v))
}

func (a *access) withdrawPost(o *programme.Officer) error {
	p, _, e, _, err := a.mine(o)
	if err != nil {
		return err
	}
	if err := web.ReadForm(o.R, "version", "why"); err != nil {
		return err
	}
	why, bad := reason(o)
	if len(bad) > 0 {
		return a.showWithdraw(o, p, e, map[string]string{"why": o.R.PostFormValue("why")}, bad, http.StatusUnprocessableEntity)
	}
	who, err := by(o, p, e.Area, why)
	if err != nil {
		return err
	}
	e.Version = atoi(o.R.PostFormValue("version"))
	ctx := o.R.Context()
	if err := a.DB.Transact(ctx, func(tx *db.Tx) error { return withdraw(ctx, tx, e, who) }); err != nil {
		return err
	}
	return o.Go(deskPath(e.ID) + "?done=withdrawn")
}

func entryFacts(page *web.Page, v entryView) []web.Fact {
	return []web.Fact{
		{Label: page.T("cameras.field.area"), Value: v.Area}, {Label: page.T("cameras.field.operator"), Value: v.Operator},
		{Label: page.T("cameras.field.purpose"), Value: v.Purpose}, {Label: page.T("cameras.field.cameras"), Value: v.Count},
		{Label: page.T("cameras.field.retention_days"), Value: v.Retention}, {Label: page.T("cameras.field.contact"), Value: v.Contact},
	}
}

// importPage takes a table in, or says what is wrong with each line.
type importPage struct {
	Table, Why string
	Columns    []web.Fact
	Lines      []lineView
	WhyWrong   string
	Refused    string
	More       string // how many mistakes are not listed
	Mistakes   []web.Mistake
}

type lineView struct{ Line, Field, Words string }

// maxListed is how many mistakes of a table one page lists.
const maxListed = 100

// maxTable bounds an uploaded table, in bytes.
const maxTable = 2 << 20

func (a *access) importShow(o *programme.Officer) error {
	p, _, err := a.keeper(o)
	if err != nil {
		return err
	}
	return a.showImport(o, p, importPage{}, http.StatusOK)
}

func (a *access) showImport(o *programme.Officer, p *pack.Pack, v importPage, status int) error {
	page := o.Page("cameras.import.title")
	page.Wrong = status != http.StatusOK
	for _, c := range columns {
		f := web.Fact{Label: c, Value: page.T("cameras.field." + c)}
		if c == "basis" {
			var ids []string
			for _, b := range p.Cameras.Bases {
				ids = append(ids, b.ID)
			}
			f.Value += page.T("web.colon") + strings.Join(ids, ", ")
		}
		v.Columns = append(v.Columns, f)
	}
	if v.WhyWrong != "" {
		v.Mistakes = append(v.Mistakes, web.Mistake{ID: "why", Words: page.T("cameras.field.why") + page.T("web.colon") + v.WhyWrong})
	}
	if len(v.Lines) > 0 || v.Refused != "" {
		v.Mistakes = append(v.Mistakes, web.Mistake{ID: "table", Words: page.T("cameras.import.nothing")})
	}
	return o.Write(page, status, importBody(page, v))
}

func (a *access) importPost(o *programme.Officer) error {
	p, areas, err := a.keeper(o)
	if err != nil {
		return err
	}
	raw, err := sentTable(o)
	if err != nil {
		return err
	}
	page := o.Page("cameras.import.title")
	v := importPage{Table: string(raw), Why: o.R.PostFormValue("why")}
	why, bad := reason(o)
	if len(bad) > 0 {
		v.WhyWrong = page.Problem(bad[0].Rule, bad[0].Params)
	}
	var n int
	ctx := o.R.Context()
	err = a.DB.Transact(ctx, func(tx *db.Tx) error {
		v.Lines, v.More = nil, "" // a transaction may run again
		n, err = a.takeIn(ctx, tx, o, page, p, areas, raw, why, &v)
		return err
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return a.showImport(o, p, v, http.StatusUnprocessableEntity)
	}
	return o.Go("/desk/cameras?" + url.Values{"done": {"imported"}, "n": {strconv.Itoa(n)}}.Encode())
}

// takeIn stores every line of a table, or none: then the page says why.
func (a *access) takeIn(ctx context.Context, tx *db.Tx, o *programme.Officer, page *web.Page, p *pack.Pack, areas []org.UnitID, raw []byte, why string, v *importPage) (int, error) {
	standing, err := everyEntry(ctx, tx)
	if err != nil {
		return 0, err
	}
	entries, bad, err := readTable(bytes.NewReader(raw), areas, p.Cameras, standing, lawOf(page))
	if err != nil {
		return 0, err
	}
	for i, b := range bad {
		if i == maxListed {
			v.More = page.N("cameras.import.more", len(bad)-maxListed)
			break
		}
		l := lineView{Line: strconv.Itoa(b.Line), Words: page.Problem(b.Problem.Rule, b.Problem.Params)}
		if b.Problem.Field != "" {
			l.Field = page.T("cameras.field." + b.Problem.Field)
		}
		v.Lines = append(v.Lines, l)
	}
	if len(bad) > 0 || v.WhyWrong != "" {
		return 0, nil
	}
	for _, e := range entries {
		who, err := by(o, p, e.Area, why)
		if err != nil {
			return 0, err
		}
		if _, err := enter(ctx, tx, e, who); err != nil {
			return 0, fmt.Errorf("dataaccess: import of a table: %w", err)
		}
	}
	return len(entries), nil
}

// sentTable is the uploaded file, or else what was pasted.
func sentTable(o *programme.Officer) ([]byte, error) {
	if err := web.ReadForm(o.R, "file", "table", "why"); err != nil {
		return nil, err
	}
	if o.R.MultipartForm != nil {
		for _, h := range o.R.MultipartForm.File["file"] {
			if h.Size == 0 {
				continue
			}
			if h.Size > maxTable {
				return nil, &web.Refused{Status: http.StatusRequestEntityTooLarge, Rule: "cameras.csv_large"}
			}
			f, err := web.File(o.R, h)
			if err != nil {
				return nil, err
			}
			return io.ReadAll(f)
		}
	}
	return []byte(strings.ReplaceAll(o.R.PostFormValue("table"), "\r\n", "\n")), nil
}

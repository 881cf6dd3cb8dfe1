package desk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/bulk"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/procedure"
	"comity/internal/web"
)

// bulkChoice is the page that asks which act.
type bulkChoice struct {
	Count   int
	Acts    []bulkAct
	Back    string
	Missing int // numbers that lead nowhere for this officer
}

type bulkAct struct{ Href, Label, Icon, Words string }

// bulkCheck is the page that shows what a bulk would do before it is ordered.
type bulkCheck struct {
	Act, Procedure, ID  string
	Action, Back        string
	Key                 string
	Confirm             string
	Bad                 bool
	Law, Article        string
	Controls            []web.Control
	Units               []unitGroup
	Mistakes            []web.Mistake
	Dropped             string // words when sending found fewer cases than were shown
	Rows                []bulkRow
	Left                []bulkRow
	Window              string
	ActWords, LeftWords string
}

// bulkRow is one case of a bulk.
type bulkRow struct {
	Ref, Title, Href string
	Version          string
	Reason, Law      string
	Tag              web.Tag
}

// bulkPage is how a bulk stands.
type bulkPage struct {
	ID, Act       string
	Status        web.Tag
	Words         string
	Undo          bool
	TooLate       bool
	Rows          []bulkRow
	Back          string
	Done, Refused int
}

// bulkCase is one selected case as it stands now.
type bulkCase struct {
	c casework.Case
	d *procedure.Definition
}

// bulkCases finds the cases that were ticked, at most bulk.Most, each once. What the officer may not
// read is only counted.
func (v *visit) bulkCases(refs []string) (cases []bulkCase, missed int, err error) {
	seen := map[string]bool{}
	for _, ref := range refs {
		if seen[ref] {
			continue
		}
		if seen[ref] = true; len(seen) > bulk.Most {
			return nil, 0, &web.Refused{Status: http.StatusUnprocessableEntity, Rule: "desk.bulk.many", Params: map[string]string{"most": strconv.Itoa(bulk.Most)}}
		}
		c, err := v.Reader.Case(v.ctx(), v.scope, ref)
		if missing(err) {
			missed++
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		d, err := v.definition(c)
		if err != nil {
			return nil, 0, err
		}
		cases = append(cases, bulkCase{c, d})
	}
	return cases, missed, nil
}

// bulkShow asks which act, or for the act of the address shows what it would do.
func (v *visit) bulkShow() error {
	u := v.r.URL.Query()
	cases, missed, err := v.bulkCases(u["id"])
	if err != nil {
		return err
	}
	if u.Get("act") == "" {
		return v.bulkChoose(cases, missed)
	}
	rows := make([]bulkSeen, len(cases))
	for i, k := range cases {
		rows[i] = bulkSeen{k, k.c.Seq}
	}
	return v.bulkCheck(http.StatusOK, rows, bulkTry{procedure: u.Get("procedure"), act: u.Get("act"), key: web.NewKey()})
}

func (v *visit) bulkChoose(cases []bulkCase, missed int) error {
	p := v.page("desk.bulk.choose")
	data := bulkChoice{Count: len(cases), Missing: missed, Back: readQuery(v.r.URL.Query()).href()}
	type act struct{ procedure, id string }
	able := map[act]int{}
	for _, k := range cases {
		for i := range k.d.Acts {
			a := &k.d.Acts[i]
			one := a.About != "" && a.About != a.As // about somebody of one case, whom the officer names
			if !one && casework.CanAct(k.d, k.c, a, v.actor, v.now) {
				able[act{k.d.ID, a.ID}]++
			}
		}
	}
	for _, id := range v.procedures() {
		d := v.pack.Procedures[id]
		for i := range d.Acts {
			a := &d.Acts[i]
			n := able[act{id, a.ID}]
			if n == 0 {
				continue
			}
			to := v.r.URL.Query()
			to.Set("procedure", id)
			to.Set("act", a.ID)
			data.Acts = append(data.Acts, bulkAct{Href: "/desk/bulk?" + to.Encode(), Label: p.T("act." + id + "." + a.ID), Icon: actIcon(a),
				Words: p.T("desk.bulk.able", "n", strconv.Itoa(n), "of", strconv.Itoa(len(cases)))})
		}
	}
	return v.write(p, http.StatusOK, bulkChooseBody(p, data))
}

// bulkSeen is a case with the version the officer saw.
type bulkSeen struct {
	bulkCase
	version int
}

// bulkTry is an attempt at a bulk: what was asked, typed and wrong.
type bulkTry struct {
	procedure, act string
	key            string
	values         map[string]string
	problems       []form.Problem
	shown          int // cases the page before showed as possible; 0 for none
}

// bulkSort tells the cases an act would be done on from those it would not, by asking the kernel itself.
// A form that is not filled in, or has mistakes of its own, is no reason to leave a case out.
func (v *visit) bulkSort(p *web.Page, rows []bulkSeen, try bulkTry) (able []bulkSeen, left []bulkRow) {
	for _, k := range rows {
		row := v.bulkRow(k.c)
		if k.d.ID != try.procedure {
			row.Reason = p.T("desk.bulk.other", "procedure", p.T("procedure."+k.d.ID))
			left = append(left, row)
			continue
		}
		cmd := casework.Command{Case: k.c.ID, Version: k.version, Act: try.act, Fields: try.values}
		_, err := casework.Decide(k.d, k.c, cmd, v.actor, v.now)
		var no *casework.Refusal
		if !errors.As(err, &no) || (no.Rule == "form.invalid" && (try.values == nil || len(try.problems) > 0)) {
			able = append(able, k)
			continue
		}
		row.Reason, row.Law = refusalWords(p, k.d.ID, no)
		left = append(left, row)
	}
	return able, left
}

// refusalWords says why not in the words of the reader: of each field where a field is at fault.
func refusalWords(p *web.Page, procedure string, no *casework.Refusal) (reason, law string) {
	if state := no.Params["state"]; no.Rule == "act.state" && state != "" {
		return p.T("desk.bulk.state", "state", p.T("state."+procedure+"."+state)), ""
	}
	law = p.Law(no.Law)
	if no.Rule != "form.invalid" || len(no.Fields) == 0 {
		return p.Problem(no.Rule, no.Params), law
	}
	var said []string
	for _, f := range no.Fields {
		said = append(said, p.Problem(f.Rule, f.Params))
	}
	return strings.Join(said, " "), law
}

func (v *visit) bulkRow(c casework.Case) bulkRow {
	return bulkRow{Ref: string(c.Ref), Title: v.listedTitle(c), Href: caseAddress(string(c.Ref), "")}
}

func (v *visit) bulkCheck(status int, rows []bulkSeen, try bulkTry) error {
	d := v.pack.Procedures[try.procedure]
	if d == nil {
		return web.ErrNotFound
	}
	a, ok := d.Act(try.act)
	if !ok || len(rows) == 0 {
		return web.ErrNotFound
	}
	name := "act." + d.ID + "." + a.ID
	p := v.page("desk.bulk.title", "act", v.site.Text.In(v.site.Lang(v.r)).T(name))
	p.Wrong = len(try.problems) > 0
	able, left := v.bulkSort(p, rows, try)
	list := readQuery(v.r.URL.Query())
	data := bulkCheck{Act: p.T(name), Procedure: d.ID, ID: a.ID, Key: try.key, Back: list.href(), Left: left,
		Action: strings.TrimSuffix("/desk/bulk?"+list.encode(), "?"), Law: p.Law(a.Law), Article: p.Article(a.Law),
		ActWords: p.N("desk.bulk.do", len(able), "act", p.T(name)), LeftWords: p.N("desk.bulk.left", len(left)),
		Window: p.T("desk.bulk.window", "seconds", strconv.Itoa(int(v.Bulk.Window/time.Second)))}
	for _, k := range able {
		row := v.bulkRow(k.c)
		row.Version = strconv.Itoa(k.version)
		data.Rows = append(data.Rows, row)
	}
	if try.shown > len(able) {
		data.Dropped = p.N("desk.bulk.dropped", try.shown-len(able))
	}
	data.Confirm, data.Bad = confirmWords(p, d, a)
	f := web.ActForm(d.ID, a.ID)
	f.Values, f.Problems, f.Choices = try.values, try.problems, v.bulkChoices(p, a, able)
	data.Controls = p.Controls(a.Fields, f)
	data.Mistakes = p.Mistakes(data.Controls, try.problems)
	if slices.ContainsFunc(a.Fields, func(f form.Field) bool { return f.Kind == form.Unit }) {
		data.Units = v.unitsOf(p, "")
	}
	return v.write(p, status, bulkCheckBody(p, data))
}

// bulkChoices are the answers that fit any of the cases; which fit which is the kernel's to say.
func (v *visit) bulkChoices(p *web.Page, a *procedure.Act, able []bulkSeen) map[string][]web.Choice {
	out := map[string][]web.Choice{}
	for _, k := range able {
		for name, list := range v.choices(p, k.d, k.c, a) {
			for _, o := range list {
				if !slices.ContainsFunc(out[name], func(x web.Choice) bool { return x.Value == o.Value }) {
					out[name] = append(out[name], o)
				}
			}
		}
	}
	return out
}

// bulkDo stores an order. Where fewer cases can be done than the page showed, the page comes back and
// says which, so that sending is a decision about exactly what is seen. A case that changed stays left
// out: its new version is one the officer has not looked at.
func (v *visit) bulkDo() error {
	if err := v.bulkRead(); err != nil {
		return err
	}
	sent := v.r.PostForm
	try := bulkTry{procedure: sent.Get("_procedure"), act: sent.Get("_act"), key: web.KeyOf(v.r), values: map[string]string{}}
	before, err := v.Bulk.Ordered(v.ctx(), v.worker(), try.key)
	if err != nil {
		return err
	}
	if before != "" { // the same form, sent twice
		http.Redirect(v.w, v.r, bulkAddress(before, readQuery(v.r.URL.Query())), http.StatusSeeOther)
		return nil
	}
	refs, versions := splitRows(sent["_row"])
	cases, missed, err := v.bulkCases(refs)
	if err != nil {
		return err
	}
	rows := make([]bulkSeen, len(cases))
	for i, k := range cases {
		rows[i] = bulkSeen{k, versions[string(k.c.Ref)]}
	}
	try.shown = len(rows) + missed
	if d := v.pack.Procedures[try.procedure]; d != nil {
		if a, ok := d.Act(try.act); ok {
			for _, f := range a.Fields {
				try.values[f.Name] = sent.Get(f.Name)
			}
			_, try.problems = form.Check(a.Fields, try.values)
		}
	}
	if len(try.problems) > 0 {
		try.key = web.NewKey()
		return v.bulkCheck(http.StatusUnprocessableEntity, rows, try)
	}
	able, _ := v.bulkSort(v.site.Page(v.r, "desk.bulk.choose"), rows, try)
	if len(able) < try.shown || len(able) == 0 {
		try.key = web.NewKey()
		return v.bulkCheck(http.StatusConflict, rows, try)
	}
	order := bulk.Order{Actor: v.worker(), Key: try.key, Procedure: try.procedure, Act: try.act, Fields: try.values}
	for _, k := range able {
		order.Items = append(order.Items, bulk.Item{Case: k.c.ID, Ref: k.c.Ref, Version: k.version})
	}
	id, err := v.Bulk.Begin(v.ctx(), order)
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, bulkAddress(id, readQuery(v.r.URL.Query())), http.StatusSeeOther)
	return nil
}

// bulkRead reads the order. Which answers it may hold depends on the act it names.
func (v *visit) bulkRead() error {
	if err := web.ParseForm(v.r); err != nil {
		return err
	}
	known := []string{"_procedure", "_act", "_row*"}
	if d := v.pack.Procedures[v.r.PostForm.Get("_procedure")]; d != nil {
		if a, ok := d.Act(v.r.PostForm.Get("_act")); ok {
			known = append(known, namesOf(a.Fields)...)
		}
	}
	return web.ReadForm(v.r, known...)
}

// splitRows reads what the check page wrote: number and version of each case.
func splitRows(list []string) (refs []string, versions map[string]int) {
	versions = map[string]int{}
	for _, s := range list {
		ref, version, _ := strings.Cut(s, ":")
		n, err := strconv.Atoi(version)
		if err != nil {
			n = 0 // older than any case: it is reported as changed
		}
		refs = append(refs, ref)
		versions[ref] = n
	}
	return refs, versions
}

func bulkAddress(id string, list listQuery) string {
	to := "/desk/bulk/" + url.PathEscape(id)
	if in := list.encode(); in != "" {
		to += "?in=" + url.QueryEscape(in)
	}
	return to
}

// bulkProgress shows how a bulk stands. While it waits or runs the page is fetched again when there is
// something new, not sooner: a page that reloads under somebody's hands takes the focus away.
func (v *visit) bulkProgress() error {
	b, err := v.Bulk.Get(v.ctx(), v.worker(), v.r.PathValue("id"))
	if errors.Is(err, bulk.ErrNotFound) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	p := v.page("desk.bulk.title", "act", v.site.Text.In(v.site.Lang(v.r)).T("act."+b.Procedure+"."+b.Act))
	data := bulkPage{ID: b.ID, Act: p.T("act." + b.Procedure + "." + b.Act), Back: backTo(v.r.URL.Query()), Done: b.Count(bulk.Acted), Refused: b.Count(bulk.Declined),
		Undo: b.Status == bulk.Waiting, TooLate: v.r.URL.Query().Get("late") != "" && b.Status != bulk.Undone}
	n, of := strconv.Itoa(data.Done), strconv.Itoa(len(b.Items))
	switch b.Status {
	case bulk.Waiting:
		data.Status = web.Tag{Class: "info", Icon: "clock", Label: p.T("desk.bulk.waiting")}
		data.Words = p.N("desk.bulk.waiting.words", len(b.Items), "time", b.Starts.In(p.Site.Zone).Format("15:04:05"))
		v.w.Header().Set("Refresh", strconv.Itoa(max(2, int(b.Starts.Sub(v.now)/time.Second)+2)))
	case bulk.Running:
		data.Status = web.Tag{Class: "info", Icon: "clock", Label: p.T("desk.bulk.running")}
		data.Words = p.T("desk.bulk.running.words", "n", n, "of", of)
		v.w.Header().Set("Refresh", "3")
	case bulk.Done:
		data.Status = web.Tag{Class: "ok", Icon: "check", Label: p.T("desk.bulk.done")}
		data.Words = p.T("desk.bulk.done.words", "n", n, "of", of)
	case bulk.Undone:
		data.Status = web.Tag{Class: "line", Label: p.T("desk.bulk.undone")}
		data.Words = p.T("desk.bulk.undone.words")
	}
	for _, it := range b.Items {
		row, err := v.bulkResult(p, b, it)
		if err != nil {
			return err
		}
		data.Rows = append(data.Rows, row)
	}
	return v.write(p, http.StatusOK, bulkPageBody(p, data))
}

func (v *visit) bulkResult(p *web.Page, b bulk.Bulk, it bulk.Item) (bulkRow, error) {
	row := bulkRow{Ref: string(it.Ref)}
	c, err := v.Reader.Case(v.ctx(), v.scope, row.Ref)
	switch {
	case err == nil:
		row = v.bulkRow(c)
	case !missing(err): // a case that left the officer's units keeps its number here and nothing else
		return row, err
	}
	switch {
	case it.Result == bulk.Acted:
		row.Tag = web.Tag{Class: "ok", Icon: "check", Label: p.T("desk.bulk.result.done")}
	case it.Result == bulk.Declined && it.Refusal != nil && it.Refusal.Rule == casework.Conflict:
		row.Tag = web.Tag{Class: "warn", Icon: "alert", Label: p.T("desk.bulk.result.changed")}
		row.Reason = p.T("desk.bulk.changed")
	case it.Result == bulk.Declined:
		row.Tag = web.Tag{Class: "bad", Icon: "alert", Label: p.T("desk.bulk.result.refused")}
		if it.Refusal != nil {
			row.Reason, row.Law = refusalWords(p, b.Procedure, it.Refusal)
		}
	case b.Status == bulk.Undone:
		row.Tag = web.Tag{Class: "line", Label: p.T("desk.bulk.result.undone")}
	default:
		row.Tag = web.Tag{Class: "line", Label: p.T("desk.bulk.result.pending")}
	}
	return row, nil
}

// bulkUndo takes a bulk back that has not begun; one that has says so.
func (v *visit) bulkUndo() error {
	if err := web.ReadForm(v.r); err != nil {
		return err
	}
	id := v.r.PathValue("id")
	if _, err := v.Bulk.Get(v.ctx(), v.worker(), id); err != nil {
		if errors.Is(err, bulk.ErrNotFound) {
			return web.ErrNotFound
		}
		return err
	}
	undone, err := v.Bulk.Undo(v.ctx(), v.worker(), id)
	if err != nil {
		return err
	}
	to := v.r.URL.Query()
	if !undone {
		to.Set("late", "1")
	}
	http.Redirect(v.w, v.r, strings.TrimSuffix("/desk/bulk/"+url.PathEscape(id)+"?"+to.Encode(), "?"), http.StatusSeeOther)
	return nil
}

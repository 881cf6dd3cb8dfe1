package petition

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
	"comity/internal/worktime"
)

// The report asks whether units keep what their leaders promise. It does not say how many came: that
// would make a good day of one on which nobody was helped.

type tallyView struct {
	Unit                              string
	Made, InTime, Late, Open, Overdue string
}

type promiseView struct {
	Words, Ref, Case string
	Unit, Due        string
	Task             string // the case that carries it out, if its procedure opened one
	Overdue          bool
	Keep             string // where it is said that it was kept
}

// promisesPage is the report with the open promises below it.
type promisesPage struct {
	Tallies []tallyView
	Open    []promiseView
}

// told is what the case says of a promise: its words, and the task it opened.
type told struct {
	words string
	task  casework.Ref
	ended worktime.Day // when the task was done; 0: it is not, or there is none
	found bool         // the officer may read the case
	keeps bool         // and say that the promise was kept: whoever may write a meeting of that unit down
}

func (r *receptions) promises(o *programme.Officer) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	now := today(o.Site.Now(), p.Zone)
	page := o.Page("reception.promises.title")
	ctx := o.R.Context()
	var all []Promise
	err = r.DB.View(ctx, func(tx *db.Tx) (err error) { all, err = everyPromise(ctx, tx); return err })
	if err != nil {
		return err
	}
	v := promisesPage{}
	var seen []Promise
	for _, pr := range all {
		ours := sees(p, o.Actor, pr.Unit)
		if pr.Kept == 0 {
			t, err := r.promised(o, p, pr)
			if err != nil {
				return err
			}
			if pr.Kept = t.ended; pr.Kept == 0 && (t.keeps || ours && t.found) {
				v.Open = append(v.Open, promiseLine(page, pr, t, now))
			}
		}
		if ours {
			seen = append(seen, pr)
		}
	}
	n := strconv.Itoa
	for _, t := range tally(seen, now) {
		v.Tallies = append(v.Tallies, tallyView{page.T("unit." + string(t.Unit)), n(t.Made), n(t.InTime), n(t.Late), n(t.Open), n(t.Overdue)})
	}
	return o.Write(page, http.StatusOK, promisesBody(page, v))
}

// promiseLine shows an open promise. One with a task is kept when the task is done, and not by a word here.
func promiseLine(page *web.Page, pr Promise, t told, now worktime.Day) promiseView {
	v := promiseView{Words: t.words, Ref: pr.Ref, Case: "/desk/cases/" + pr.Ref, Unit: page.T("unit." + string(pr.Unit)), Task: string(t.task),
		Due: dateOf(page.Speaker, pr.Due), Overdue: pr.Due < now}
	if t.task == "" && t.keeps {
		v.Keep = "/desk/reception/promises/" + strconv.FormatInt(pr.ID, 10)
	}
	return v
}

// promised reads the words of a promise from the event that holds them, and from the case whether the
// task it opened is done. A case the officer may not read, a sealed one among them, tells nothing.
func (r *receptions) promised(o *programme.Officer, p *pack.Pack, pr Promise) (told, error) {
	ctx := o.R.Context()
	c, err := r.Reader.ByID(ctx, o.Actor.Scope(), casework.CaseID(pr.Case))
	if missing(err) {
		return told{}, nil
	}
	if err != nil {
		return told{}, err
	}
	look, err := r.Ledger.Show(ctx, o.Actor, ledger.Ticket{Case: c.ID, Purpose: ledger.PurposeHandle})
	if err != nil {
		return told{}, err
	}
	events := look.Events()
	if pr.Seq < 1 || pr.Seq > len(events) {
		return told{}, nil
	}
	e := events[pr.Seq-1]
	t := told{words: wordsOf(e.Fields), found: true, keeps: records(p, o, pr.Unit, c)}
	if e.Note != nil {
		t.words = e.Note.Text
	}
	if len(e.Spawn) == 0 {
		return t, nil
	}
	t.task = e.Spawn[0].Ref
	if r.solved(c, e.Spawn[0].Case) {
		t.ended = endedOn(events, e.Spawn[0].Case, p.Zone)
	}
	return t, nil
}

// solved reports that a task ended with an outcome its procedure calls solved.
func (r *receptions) solved(c casework.Case, task casework.CaseID) bool {
	for _, child := range c.Children {
		if child.Case != task || child.Open {
			continue
		}
		d, err := r.Packs.Definition(c.Pack, child.Procedure)
		if err != nil {
			return false
		}
		out, ok := d.Outcome(child.Outcome)
		return ok && out.Solved
	}
	return false
}

// endedOn is the day the case was told that its task ended.
func endedOn(events []casework.Event, task casework.CaseID, zone *time.Location) worktime.Day {
	for _, e := range events {
		if e.Ended != nil && e.Ended.Case == task {
			return today(e.At, zone)
		}
	}
	return 0
}

// tally counts promises by unit, never by case or person.
func tally(all []Promise, now worktime.Day) (out []Tally) {
	at := map[org.UnitID]int{}
	for _, pr := range all {
		i, ok := at[pr.Unit]
		if !ok {
			i, at[pr.Unit] = len(out), len(out)
			out = append(out, Tally{Unit: pr.Unit})
		}
		t := &out[i]
		t.Made++
		switch {
		case pr.Kept != 0 && pr.Kept <= pr.Due:
			t.InTime++
		case pr.Kept != 0:
			t.Late++
		case pr.Due >= now:
			t.Open++
		default:
			t.Overdue++
		}
	}
	slices.SortFunc(out, func(a, b Tally) int { return cmp.Compare(a.Unit, b.Unit) })
	return out
}

// keepFields is what is said when a promise was kept; the resident reads it.
var keepFields = []form.Field{{Name: "done", Kind: form.LongText, Required: true, Public: true, Max: 1000}}

// promise finds an open promise of a unit whose receptions the officer arranges.
func (r *receptions) promise(o *programme.Officer) (p *pack.Pack, pr Promise, words string, err error) {
	if p, err = r.open(); err != nil {
		return p, pr, "", err
	}
	id, err := strconv.ParseInt(o.R.PathValue("promise"), 10, 64)
	if err != nil {
		return p, pr, "", errNone
	}
	ctx := o.R.Context()
	if err = r.DB.View(ctx, func(tx *db.Tx) (err error) { pr, err = loadPromise(ctx, tx, id); return err }); err != nil {
		return p, pr, "", err
	}
	t, err := r.promised(o, p, pr)
	switch {
	case err != nil:
	case !t.found || t.task != "":
		err = errNone // what a task carries out is kept by ending the task
	case !t.keeps:
		err = &web.Refused{Status: http.StatusForbidden, Rule: "reception.not_yours"}
	}
	return p, pr, t.words, err
}

func (r *receptions) keepShow(o *programme.Officer) error {
	return r.showKeep(o, nil, nil, http.StatusOK)
}

func (r *receptions) showKeep(o *programme.Officer, values map[string]string, bad []form.Problem, status int) error {
	_, pr, words, err := r.promise(o)
	if err != nil {
		return err
	}
	page := o.Page("reception.keep.title")
	page.Wrong = len(bad) > 0
	controls := page.Controls(keepFields, web.Form{Prefix: "reception.field", Values: values, Problems: bad})
	v := formPage{Title: page.Title, Intro: page.T("reception.keep.intro"), To: "/desk/reception/promises/" + strconv.FormatInt(pr.ID, 10), Back: "/desk/reception/promises",
		Button: page.T("reception.keep.button"), Key: web.NewKey(), Controls: controls, Mistakes: page.Mistakes(controls, bad),
		Facts: []web.Fact{{Label: page.T("reception.promises.words"), Value: words}, {Label: page.T("reception.promises.due"), Value: dateOf(page.Speaker, pr.Due)},
			{Label: page.T("reception.matter"), Value: pr.Ref}}}
	return o.Write(page, status, formBody(page, v))
}

func (r *receptions) keepPost(o *programme.Officer) error {
	p, pr, _, err := r.promise(o)
	if err != nil {
		return err
	}
	raw, err := posted(o, keepFields)
	if err != nil {
		return err
	}
	clean, bad := form.Check(keepFields, raw)
	if len(bad) > 0 {
		return r.showKeep(o, raw, bad, http.StatusUnprocessableEntity)
	}
	ctx := o.R.Context()
	c, err := r.Reader.ByID(ctx, o.Actor.Scope(), casework.CaseID(pr.Case))
	if err != nil {
		return err
	}
	say := o.Site.Text.In(noteLang(c, o.Site))
	note := casework.Command{Case: c.ID, Version: casework.AnyVersion, Key: web.KeyOf(o.R),
		Note: &casework.Note{Text: say.T("reception.note.kept", "done", strings.TrimSpace(clean["done"])), Public: true}}
	_, err = r.Ledger.DoWith(ctx, o.Actor, note, func(tx *db.Tx, _ ledger.Receipt) error {
		if err := keepPromise(ctx, tx, pr.ID, today(tx.Now, p.Zone)); err != nil {
			return err
		}
		b, err := loadBooking(ctx, tx, pr.Booking)
		if err != nil {
			return err
		}
		return record(ctx, tx, b.Day, b.ID, o.Actor.ID(), "kept", "")
	})
	if err != nil {
		return err
	}
	return o.Go("/desk/reception/promises")
}

package petition

import (
	"net/http"
	"strconv"
	"strings"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/ledger"
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
	Overdue          bool
	Keep             string // where it is said that it was kept
}

// promisesPage is the report with the open promises below it.
type promisesPage struct {
	Tallies []tallyView
	Open    []promiseView
}

func (r *receptions) promises(o *programme.Officer) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	now := today(o.Site.Now(), p.Zone)
	page := o.Page("reception.promises.title")
	ctx := o.R.Context()
	var units []Tally
	var open []Promise
	err = r.DB.View(ctx, func(tx *db.Tx) (err error) {
		if units, err = tallies(ctx, tx, now); err == nil {
			open, err = openPromises(ctx, tx)
		}
		return err
	})
	if err != nil {
		return err
	}
	v := promisesPage{}
	n := strconv.Itoa
	for _, t := range units {
		if sees(p, o.Actor, t.Unit) {
			v.Tallies = append(v.Tallies, tallyView{page.T("unit." + string(t.Unit)), n(t.Made), n(t.InTime), n(t.Late), n(t.Open), n(t.Overdue)})
		}
	}
	for _, pr := range open {
		if !sees(p, o.Actor, pr.Unit) {
			continue
		}
		line, shown, err := r.promiseLine(o, page, p, pr, now)
		if err != nil {
			return err
		}
		if shown {
			v.Open = append(v.Open, line)
		}
	}
	return o.Write(page, http.StatusOK, promisesBody(page, v))
}

// promiseLine shows a promise on a case the officer may read; any other is counted above and not told.
func (r *receptions) promiseLine(o *programme.Officer, page *web.Page, p *pack.Pack, pr Promise, now worktime.Day) (promiseView, bool, error) {
	words, err := r.promised(o, pr)
	if missing(err) {
		return promiseView{}, false, nil
	}
	v := promiseView{Words: words, Ref: pr.Ref, Case: "/desk/cases/" + pr.Ref, Unit: page.T("unit." + string(pr.Unit)),
		Due: dateOf(page.Speaker, pr.Due), Overdue: pr.Due < now}
	if arranges(p, o.Actor, pr.Unit) {
		v.Keep = "/desk/reception/promises/" + strconv.FormatInt(pr.ID, 10)
	}
	return v, true, err
}

// promised reads the words of a promise from the event that holds them.
func (r *receptions) promised(o *programme.Officer, pr Promise) (string, error) {
	ctx := o.R.Context()
	c, err := r.Reader.ByID(ctx, o.Actor.Scope(), casework.CaseID(pr.Case))
	if err != nil {
		return "", err
	}
	events, err := r.Reader.Events(ctx, c.ID)
	if err != nil || pr.Seq < 1 || pr.Seq > len(events) {
		return "", err
	}
	e := events[pr.Seq-1]
	if e.Note != nil {
		return e.Note.Text, nil
	}
	return e.Fields["promise"], nil
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
	if !sees(p, o.Actor, pr.Unit) {
		return p, pr, "", errNone
	}
	if !arranges(p, o.Actor, pr.Unit) {
		return p, pr, "", &web.Refused{Status: http.StatusForbidden, Rule: "reception.not_yours"}
	}
	words, err = r.promised(o, pr)
	return p, pr, words, err
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

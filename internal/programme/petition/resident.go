package petition

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
	"comity/internal/worktime"
)

// mineView is the booking a matter has.
type mineView struct {
	Day   dayView
	Words string // booked for when, or which place on the list
	Then  string // what happens next
	Back  bool   // it can still be taken back
}

// choiceView is one day to choose from.
type choiceView struct {
	Day   dayView
	Slots []web.Choice // value DAY-SLOT
	Wait  string       // the value of the waiting list when nothing is free
	Ahead string       // how many wait already
}

// minePage is the reception page of one matter.
type minePage struct {
	Base, Ref, Title string
	Done             string
	Last             string // what became of the last booking
	Mine             *mineView
	Days             []choiceView
	Papers           string
	Refused          string // why the last choice could not stand
	Closed           string // why this matter cannot ask for a slot
}

// confirmPage asks once more before something is stored.
type confirmPage struct {
	Base, Ref, Title, Key string
	Head, Words, Papers   string
	At                    string
	Day                   dayView
	Withdraw              bool
	Button                string
}

func base(p *web.Page, c casework.Case) string { return p.FollowAt(string(c.Code)) }

// there is the reception page of a matter; one of another programme has none.
func (r *receptions) there(c casework.Case) (*pack.Pack, error) {
	p, err := r.open()
	if err == nil && !offers(p, c.Programme) {
		err = errNone
	}
	return p, err
}

// standing is what a matter has and what it could have.
type standing struct {
	live, last       Booking
	hasLive, hasLast bool
	day              Day // of live, else of last
	bookings         []Booking
	choices          []Day
	taken            map[int64][]Booking
}

func (r *receptions) standing(ctx context.Context, p *pack.Pack, c casework.Case, now worktime.Day) (s standing, err error) {
	s.taken = map[int64][]Booking{}
	err = r.DB.View(ctx, func(tx *db.Tx) error {
		if s.live, s.hasLive, err = liveBooking(ctx, tx, c.ID); err != nil {
			return err
		}
		if s.last, s.hasLast, err = lastBooking(ctx, tx, c.ID); err != nil {
			return err
		}
		if s.hasLast {
			if s.day, err = loadDay(ctx, tx, s.last.Day); err != nil {
				return err
			}
			if s.bookings, err = bookingsOf(ctx, tx, s.last.Day); err != nil {
				return err
			}
		}
		s.hasLive = s.hasLive && s.day.Date >= now // the live booking is always the last one
		all, err := daysBetween(ctx, tx, now, now+ahead)
		if err != nil {
			return err
		}
		for _, d := range all {
			if !d.Open(now) || !receives(p, c, d.Unit) {
				continue
			}
			s.choices = append(s.choices, d)
			if s.taken[d.ID], err = bookingsOf(ctx, tx, d.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return s, err
}

func (r *receptions) mine(v *programme.Resident) error {
	return r.showMine(v, http.StatusOK, "")
}

// showMine shows where the matter stands; refused says why the last choice could not be had.
func (r *receptions) showMine(v *programme.Resident, status int, refused string) error {
	p, err := r.there(v.Case)
	if err != nil {
		return err
	}
	now := today(v.Site.Now(), p.Zone)
	s, err := r.standing(v.R.Context(), p, v.Case, now)
	if err != nil {
		return err
	}
	page := v.Page("reception.mine.title")
	page.Wrong = refused != ""
	m := minePage{Base: base(page, v.Case), Ref: string(v.Case.Ref), Title: v.Case.Title, Papers: papers(page), Refused: refused}
	if done := v.R.URL.Query().Get("done"); slices.Contains([]string{"booked", "withdrawn"}, done) {
		m.Done = page.T("reception.done." + done)
	}
	switch {
	case s.hasLive:
		m.Mine = r.mineOf(page, p, s, now)
	case !may(p, v.Case):
		m.Closed = page.T("reception.mine.closed")
	default:
		for _, d := range s.choices {
			m.Days = append(m.Days, r.choice(page, p, d, s.taken[d.ID], now))
		}
	}
	if s.hasLast && !s.hasLive {
		m.Last = lastWords(page, s, p.Zone)
	}
	return v.Write(page, status, mineBody(page, m))
}

func (r *receptions) mineOf(page *web.Page, p *pack.Pack, s standing, now worktime.Day) *mineView {
	m := &mineView{Day: r.shown(page, p, s.day, s.bookings, now)}
	m.Day.Room, m.Day.Date = "", "" // the heading says when
	m.Back = s.live.State == Booked || s.live.State == Waiting
	m.Words = bookingWords(page, s.live, s.day, s.bookings, p.Zone)
	switch s.live.State {
	case Booked:
		m.Then = page.T("reception.mine.then.booked", "when", dateOf(page.Speaker, s.day.Closes))
	case Waiting:
		m.Then = page.T("reception.mine.then.waiting")
	}
	return m
}

// bookingWords says in a sentence how a booking stands.
func bookingWords(page *web.Page, b Booking, d Day, all []Booking, zone *time.Location) string {
	date := dateOf(page.Speaker, d.Date)
	switch b.State {
	case Booked:
		return page.T("reception.mine.booked", "date", date, "time", web.HourOf(d.Starts(b.Slot, zone), zone))
	case Waiting:
		return page.T("reception.mine.waiting", "date", date, "place", strconv.Itoa(place(b, all)))
	}
	return page.T("reception.mine."+string(b.State), "date", date, "why", d.CancelledWhy)
}

// lastWords says what became of the last booking, if that is news.
func lastWords(page *web.Page, s standing, zone *time.Location) string {
	switch s.last.State {
	case Held, Absent, Cancelled:
		return bookingWords(page, s.last, s.day, s.bookings, zone)
	case Waiting:
		return page.T("reception.mine.in_vain", "date", dateOf(page.Speaker, s.day.Date))
	}
	return ""
}

func (r *receptions) choice(page *web.Page, p *pack.Pack, d Day, all []Booking, now worktime.Day) choiceView {
	c := choiceView{Day: r.shown(page, p, d, all, now)}
	id := strconv.FormatInt(d.ID, 10)
	for _, slot := range free(d, all) {
		c.Slots = append(c.Slots, web.Choice{Value: id + "-" + strconv.Itoa(slot), Label: web.HourOf(d.Starts(slot, p.Zone), p.Zone)})
	}
	if len(c.Slots) == 0 {
		n := 0
		for _, b := range all {
			if b.State == Waiting {
				n++
			}
		}
		c.Wait, c.Ahead = id+"-0", page.N("reception.wait.ahead", n)
	}
	return c
}

// chosen reads DAY-SLOT, the answer of the form.
func chosen(at string) (day int64, slot int, ok bool) {
	a, b, ok := strings.Cut(at, "-")
	day, err1 := strconv.ParseInt(a, 10, 64)
	slot, err2 := strconv.Atoi(b)
	return day, slot, ok && err1 == nil && err2 == nil && slot >= 0
}

// confirm shows the choice with the papers to bring before anything is stored.
func (r *receptions) confirm(v *programme.Resident) error {
	p, err := r.there(v.Case)
	if err != nil {
		return err
	}
	page := v.Page("reception.confirm.title")
	at := v.R.URL.Query().Get("at")
	id, slot, ok := chosen(at)
	if !ok {
		return r.showMine(v, http.StatusUnprocessableEntity, page.T("reception.choose"))
	}
	now := today(v.Site.Now(), p.Zone)
	s, err := r.standing(v.R.Context(), p, v.Case, now)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.choices, func(d Day) bool { return d.ID == id })
	switch {
	case s.hasLive || !may(p, v.Case):
		return v.Go("/f/" + string(v.Case.Code) + "/reception")
	case i < 0:
		return r.showMine(v, http.StatusConflict, page.Problem("reception.closed", nil))
	case slot > 0 && !slices.Contains(free(s.choices[i], s.taken[id]), slot):
		return r.showMine(v, http.StatusConflict, page.Problem("reception.taken", nil))
	}
	d := s.choices[i]
	c := confirmPage{Base: base(page, v.Case), Ref: string(v.Case.Ref), Title: v.Case.Title, Key: web.NewKey(), At: at,
		Head: page.Title, Words: wish(page, d, slot, p.Zone), Papers: papers(page), Day: r.shown(page, p, d, s.taken[id], now), Button: page.T("reception.confirm.button")}
	c.Day.Room, c.Day.Date = "", ""
	return v.Write(page, http.StatusOK, confirmBody(page, c))
}

// wish says what is asked for; it is also the note that stands on the case.
func wish(page *web.Page, d Day, slot int, zone *time.Location) string {
	date := dateOf(page.Speaker, d.Date)
	if slot == 0 {
		return page.T("reception.wish.wait", "who", whoOf(page.Speaker, d), "date", date)
	}
	return page.T("reception.wish.slot", "who", whoOf(page.Speaker, d), "date", date, "time", web.HourOf(d.Starts(slot, zone), zone))
}

func (r *receptions) bookPost(v *programme.Resident) error {
	p, err := r.there(v.Case)
	if err != nil {
		return err
	}
	if err := web.ReadForm(v.R, "at"); err != nil {
		return err
	}
	page := v.Page("reception.mine.title")
	id, slot, ok := chosen(v.R.PostFormValue("at"))
	if !ok {
		return r.showMine(v, http.StatusUnprocessableEntity, page.T("reception.choose"))
	}
	err = r.book(v.R.Context(), v, page, p, id, slot)
	if no, is := isRefusal(err); is {
		return r.showMine(v, http.StatusConflict, page.Problem(no.Rule, no.Params))
	}
	if err != nil {
		return err
	}
	return v.Go("/f/" + string(v.Case.Code) + "/reception?done=booked")
}

// book stores the booking and the note on the case that tells of it, both or neither.
func (r *receptions) book(ctx context.Context, v *programme.Resident, page *web.Page, p *pack.Pack, id int64, slot int) error {
	if !may(p, v.Case) {
		return refuse("reception.matter")
	}
	var d Day
	if err := r.DB.View(ctx, func(tx *db.Tx) (err error) { d, err = loadDay(ctx, tx, id); return err }); err != nil {
		return err
	}
	if !receives(p, v.Case, d.Unit) || d.Published.IsZero() {
		return refuse("reception.elsewhere")
	}
	if slot > d.Slots {
		return refuse("reception.taken")
	}
	now := today(v.Site.Now(), p.Zone)
	note := casework.Command{Case: v.Case.ID, Version: casework.AnyVersion, Key: web.KeyOf(v.R),
		Note: &casework.Note{Text: wish(page, d, slot, p.Zone), Public: true}}
	_, err := r.Ledger.DoWith(ctx, v.Actor, note, func(tx *db.Tx, _ ledger.Receipt) error {
		_, err := book(ctx, tx, id, slot, v.Case.ID, v.Case.Ref, v.Actor.ID(), now)
		return err
	})
	return err
}

func (r *receptions) withdrawAsk(v *programme.Resident) error {
	p, err := r.there(v.Case)
	if err != nil {
		return err
	}
	now := today(v.Site.Now(), p.Zone)
	s, err := r.standing(v.R.Context(), p, v.Case, now)
	if err != nil {
		return err
	}
	if !s.hasLive {
		return v.Go("/f/" + string(v.Case.Code) + "/reception")
	}
	page := v.Page("reception.withdraw.title")
	c := confirmPage{Base: base(page, v.Case), Ref: string(v.Case.Ref), Title: v.Case.Title, Key: web.NewKey(), At: strconv.FormatInt(s.live.ID, 10), Withdraw: true,
		Head: page.Title, Words: bookingWords(page, s.live, s.day, s.bookings, p.Zone), Day: r.shown(page, p, s.day, s.bookings, now), Button: page.T("reception.withdraw.button")}
	c.Day.Room, c.Day.Date = "", ""
	return v.Write(page, http.StatusOK, confirmBody(page, c))
}

func (r *receptions) withdrawPost(v *programme.Resident) error {
	p, err := r.there(v.Case)
	if err != nil {
		return err
	}
	if err := web.ReadForm(v.R, "at"); err != nil {
		return err
	}
	id, err := strconv.ParseInt(v.R.PostFormValue("at"), 10, 64)
	if err != nil {
		return errNone
	}
	ctx, now := v.R.Context(), today(v.Site.Now(), p.Zone)
	page := v.Page("reception.mine.title")
	var b Booking
	var d Day
	err = r.DB.View(ctx, func(tx *db.Tx) (err error) {
		if b, err = loadBooking(ctx, tx, id); err == nil {
			d, err = loadDay(ctx, tx, b.Day)
		}
		return err
	})
	if err != nil || b.Case != string(v.Case.ID) {
		return orNone(err)
	}
	note := casework.Command{Case: v.Case.ID, Version: casework.AnyVersion, Key: web.KeyOf(v.R), Note: &casework.Note{
		Text: page.T("reception.wish.withdraw", "who", whoOf(page.Speaker, d), "date", dateOf(page.Speaker, d.Date)), Public: true}}
	_, err = r.Ledger.DoWith(ctx, v.Actor, note, func(tx *db.Tx, _ ledger.Receipt) error {
		return withdraw(ctx, tx, id, v.Case.ID, v.Actor.ID(), now)
	})
	if no, is := isRefusal(err); is {
		return r.showMine(v, http.StatusConflict, page.Problem(no.Rule, no.Params))
	}
	if err != nil {
		return err
	}
	return v.Go("/f/" + string(v.Case.Code) + "/reception?done=withdrawn")
}

func orNone(err error) error {
	if err != nil {
		return err
	}
	return errNone
}

// beside leads from the page of a matter to its reception, and says there how a booking stands.
func (r *receptions) beside(ctx context.Context, page *web.Page, c casework.Case) ([]web.Link, error) {
	p, err := r.there(c)
	if err != nil {
		return nil, nil // no receptions for such a matter: no way there
	}
	s, err := r.standing(ctx, p, c, today(page.Site.Now(), p.Zone))
	if err != nil {
		return nil, err
	}
	l := web.Link{Href: base(page, c) + "/reception", Icon: "calendar", Label: page.T("reception.mine.ask")}
	switch {
	case s.hasLive:
		l.Label = page.T("reception.mine.has", "how", bookingWords(page, s.live, s.day, s.bookings, p.Zone))
	case !may(p, c) && !s.hasLast:
		return nil, nil
	}
	return []web.Link{l}, nil
}

// pathOf is the address of a day at the desk.
func pathOf(day int64, more ...string) string {
	out := "/desk/reception/day/" + strconv.FormatInt(day, 10)
	for _, m := range more {
		out += "/" + url.PathEscape(m)
	}
	return out
}

package mediation

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/programme/mediation/schedule"
	"comity/internal/web"
	"comity/internal/worktime"
)

// opened is a case as its page of sessions needs it.
type opened struct {
	p     *pack.Pack // the case's
	d     *procedure.Definition
	c     casework.Case
	seats []Seat
	busy  []Unavailable
	live  Session
	has   bool
	w     world
}

// openCase finds the case of the address within what the officer reads, and opens as much of it as they may see.
func (s *service) openCase(o *programme.Officer) (*opened, error) {
	if _, err := s.open(); err != nil {
		return nil, err
	}
	ctx := o.R.Context()
	c, err := s.Reader.Case(ctx, o.Actor.Scope(), o.R.PathValue("ref"))
	if err != nil {
		return nil, err
	}
	x := &opened{p: s.Packs.Pack(c.Pack)}
	if !x.p.Mediation.Takes(c.Procedure) || c.Sealed != "" {
		return nil, errNone
	}
	for _, level := range []authz.Level{authz.Identity, authz.Story} {
		look, err := s.Ledger.Show(ctx, o.Actor, ledger.Ticket{Case: c.ID, Purpose: ledger.PurposeHandle, Level: level})
		if err != nil {
			return nil, err
		}
		if x.c = look.Case(); look.No == nil {
			break
		}
	}
	if x.d, err = s.Packs.Definition(c.Pack, c.Procedure); err != nil {
		return nil, err
	}
	return x, s.DB.View(ctx, func(tx *db.Tx) error { return x.read(ctx, tx, o.Site.Now()) })
}

func (x *opened) read(ctx context.Context, tx *db.Tx, now time.Time) (err error) {
	if x.w, err = readWorld(ctx, tx, x.p, now); err != nil {
		return err
	}
	if x.seats, err = seatsOf(ctx, tx, x.c.ID); err != nil {
		return err
	}
	if x.busy, err = unavailableOf(ctx, tx, x.c.ID, now); err != nil {
		return err
	}
	x.live, x.has, err = liveSession(ctx, tx, x.c.ID)
	return err
}

// memberName is what somebody on a roll is called here: by name where it was opened, else by their place on
// the roll.
func memberName(page *web.Page, c casework.Case, m casework.Member) string {
	name := m.Name
	if m.Own {
		name = c.Contact.Name
	}
	if name == "" || name == casework.Veil {
		return page.T("roll."+c.Procedure+"."+m.Roll) + " " + strings.TrimPrefix(m.ID, "m")
	}
	return name
}

// act finds one of the procedure's acts that this officer may do now; nil: not.
func (x *opened) act(o *programme.Officer, id string, c casework.Case) *procedure.Act {
	a, ok := x.d.Act(id)
	if !ok || !casework.CanAct(x.d, c, a, o.Actor, o.Site.Now()) {
		return nil
	}
	return a
}

// steps are the acts that would call a session now: the one that takes the old time away, where there is one to
// take, and the calling one. call is nil when this officer cannot.
func (x *opened) steps(o *programme.Officer) (off, call *procedure.Act) {
	m, c := x.p.Mediation, x.c
	if x.has && x.live.State == Called && m.PutOff != "" {
		if off = x.act(o, m.PutOff, c); off == nil {
			return nil, nil
		}
		c.State = off.To // as it will stand
	}
	return off, x.act(o, m.Call.Act, c)
}

// Names of our own answers; those of the acts keep theirs, with off. before those of the one that takes a
// time away.
const (
	askPick   = "s_pick"
	askDay    = "s_day"
	askFrom   = "s_from"
	askLong   = "s_minutes"
	askMode   = "s_mode"
	askRoom   = "s_room"
	askPlace  = "s_place"
	askStep   = "s_step"
	askAccept = "s_accept"
	offMark   = "off."
)

// sheetOf is the form of a session: our own questions, and what else the acts ask.
type sheetOf struct {
	own, more, off []form.Field
	rooms          []Room
	modes          []string
}

func (x *opened) sheet(off, call *procedure.Act) sheetOf {
	c := x.p.Mediation.Call
	f := sheetOf{}
	for _, field := range call.Fields {
		switch field.Name {
		case c.Mode:
			f.modes = field.Options
		case c.On, c.At, c.Where:
		default:
			f.more = append(f.more, field)
		}
	}
	if off != nil {
		for _, field := range off.Fields {
			field.Name = offMark + field.Name
			f.off = append(f.off, field)
		}
	}
	units := about(x.p, x.c.Holder)
	rooms := []string{}
	for _, r := range x.w.rooms {
		if r.Open() && slices.Contains(units, r.Unit) {
			f.rooms = append(f.rooms, r)
			rooms = append(rooms, idOf(r.ID))
		}
	}
	f.own = []form.Field{
		{Name: askMode, Kind: form.Choice, Required: true, Options: f.modes},
		{Name: askLong, Kind: form.Number, Required: true, Min: 15, Max: 480},
		{Name: askStep, Kind: form.Yes},
		{Name: askDay, Kind: form.Date},
		{Name: askFrom, Kind: form.Text, Max: 5},
		{Name: askRoom, Kind: form.Choice, Options: rooms},
		{Name: askPlace, Kind: form.Text, Max: 300},
	}
	return f
}

func (f sheetOf) all() []form.Field { return slices.Concat(f.own, f.more, f.off) }

// asked is what the officer wants, as far as it can be read.
type asked struct {
	wish
	Minutes int
	Step    bool
	when    bool // a time was given
}

// read takes the answers apart. Only what is needed for what was asked has to be there: find looks for times,
// check and book need one.
func (x *opened) readAsked(f sheetOf, raw map[string]string, pick string, book bool) (a asked, bad []form.Problem) {
	clean, bad := form.Check(f.all(), raw)
	if !book { // what else the acts ask is not needed yet
		bad = slices.DeleteFunc(bad, func(p form.Problem) bool { return !strings.HasPrefix(p.Field, "s_") })
	}
	a.Minutes, a.Step, a.Mode = atoi(clean[askLong]), clean[askStep] == "yes", clean[askMode]
	a.More, a.Off = map[string]string{}, map[string]string{}
	for _, field := range f.more {
		if v := clean[field.Name]; v != "" {
			a.More[field.Name] = v
		}
	}
	for _, field := range f.off {
		if v := clean[field.Name]; v != "" {
			a.Off[strings.TrimPrefix(field.Name, offMark)] = v
		}
	}
	remote := a.Mode == x.p.Mediation.Call.Remote && a.Mode != ""
	if pick != "" && pick != "own" {
		if !a.picked(f, pick, x.p.Zone) {
			bad = append(bad, form.Problem{Field: askPick, Rule: "mediation.pick"})
		}
	} else {
		bad = append(bad, a.typed(f, clean, x.p.Zone, remote)...)
	}
	if remote {
		link, no := x.link(clean[askPlace])
		a.Place, a.Room = link, Room{}
		bad = append(bad, no...)
	}
	return a, bad
}

// picked reads one of the proposals: TIME|ROOM.
func (a *asked) picked(f sheetOf, pick string, zone *time.Location) bool {
	at, room, _ := strings.Cut(pick, "|")
	begins, err := time.ParseInLocation("2006-01-02T15:04", at, zone)
	if err != nil {
		return false
	}
	if room != "" {
		i := slices.IndexFunc(f.rooms, func(r Room) bool { return idOf(r.ID) == room })
		if i < 0 {
			return false
		}
		a.Room = f.rooms[i]
	}
	a.Begins, a.Ends, a.when = begins, begins.Add(time.Duration(a.Minutes)*time.Minute), a.Minutes > 0
	return true
}

// typed reads a time and place of the officer's own.
func (a *asked) typed(f sheetOf, clean map[string]string, zone *time.Location, remote bool) (bad []form.Problem) {
	if clean[askDay] == "" && clean[askFrom] == "" {
		return nil
	}
	day, err := worktime.ParseDay(clean[askDay])
	if err != nil {
		bad = append(bad, form.Problem{Field: askDay, Rule: "form.required"})
	}
	from, ok := minutesOf(clean[askFrom])
	if !ok {
		bad = append(bad, form.Problem{Field: askFrom, Rule: "mediation.time"})
	}
	i := slices.IndexFunc(f.rooms, func(r Room) bool { return idOf(r.ID) == clean[askRoom] })
	switch {
	case i >= 0:
		a.Room = f.rooms[i]
	case clean[askPlace] == "" && !remote:
		bad = append(bad, form.Problem{Field: askRoom, Rule: "mediation.where"})
	default:
		a.Place = clean[askPlace]
	}
	if len(bad) == 0 && a.Minutes > 0 {
		if from+a.Minutes > 24*60 {
			return append(bad, form.Problem{Field: askLong, Rule: "mediation.midnight"})
		}
		a.Begins, a.Ends, a.when = on(day, from, zone), on(day, from+a.Minutes, zone), true
	}
	return bad
}

// link is the address of a remote session: the city's own, or what was typed.
func (x *opened) link(typed string) (string, []form.Problem) {
	if typed == "" {
		typed = strings.NewReplacer("{ref}", url.PathEscape(string(x.c.Ref)), "{session}", web.NewKey()).Replace(x.p.Mediation.Video)
	}
	u, err := url.Parse(typed)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", []form.Problem{{Field: askPlace, Rule: "mediation.link"}}
	}
	return typed, nil
}

// sitting is what the solver is asked.
func (x *opened) sitting(a asked, free bool) sitting {
	out := sitting{c: x.c, seats: x.seats, busy: x.busy, minutes: a.Minutes, mode: a.Mode, step: a.Step, sooner: sooner(x.p.Mediation, a.More), free: free}
	if k, ok := x.c.Promised(); ok && k.Running() {
		out.latest = k.Due
	}
	return out
}

// A page proposes so many times, so far apart.
const (
	mostProposed = 8
	apart        = 2 * time.Hour
)

// proposals are times at which no rule is broken.
func (x *opened) proposals(page *web.Page, a asked) (out []web.Choice, err error) {
	if a.Minutes <= 0 || len(x.seats) == 0 {
		return nil, nil
	}
	w := x.w
	w.within(about(x.p, x.c.Holder))
	for _, s := range x.w.taking { // rooms that others sit in are needed to say where they are
		if s.Room != 0 && !slices.ContainsFunc(w.rooms, func(r Room) bool { return r.ID == s.Room }) {
			w.taking = slices.DeleteFunc(slices.Clone(w.taking), func(t Session) bool { return t.ID == s.ID })
			s.Room = 0
			w.taking = append(w.taking, s)
		}
	}
	pr := w.problem([]sitting{x.sitting(a, false)})
	pr.Step = 30 * time.Minute
	list, err := schedule.Alternatives(pr, agreed(pr), sessionID(x.c.ID), 60)
	if err != nil {
		return nil, errPlan(err)
	}
	var last time.Time
	for _, l := range list { // times well apart: a choice, and not every half hour of one morning
		now := x.has && x.live.State == Called && l.Begins.Equal(x.live.Begins)
		if now || l.Begins.Sub(last) < apart || len(out) == mostProposed {
			continue
		}
		last = l.Begins
		c := web.Choice{Value: l.Begins.In(x.p.Zone).Format("2006-01-02T15:04") + "|", Label: page.Date(l.Begins, x.p.Zone) + " " +
			hoursOf(page, l.Begins, l.Begins.Add(time.Duration(a.Minutes)*time.Minute), x.p.Zone)}
		if r, ok := w.room(l.Room); ok {
			c.Value += idOf(r.ID)
			c.Hint = r.Label()
		}
		out = append(out, c)
	}
	return out, nil
}

// conflicts are the rules a choice would break: those nobody can set aside, and those the officer may.
func (x *opened) conflicts(page *web.Page, a asked) (must, may []string) {
	pr := x.w.problem([]sitting{x.sitting(a, a.Room.ID == 0)})
	move := schedule.Placing{Session: sessionID(x.c.ID), Begins: a.Begins}
	for _, s := range pr.Sessions {
		if s.ID == move.Session {
			move.Mediators = s.Mediators
		}
	}
	if a.Room.ID != 0 {
		move.Room = roomID(a.Room.ID)
	}
	member := func(id string) string {
		m, _ := x.c.Member(id)
		return memberName(page, x.c, m)
	}
	for _, v := range told(schedule.Conflicts(pr, agreed(pr), move)) {
		words := page.T("schedule.rule." + string(v.Rule))
		if name := x.w.nameOf(v.Kind, v.Who, member); name != "" {
			words = name + page.T("web.colon") + words
		}
		if v.Rule == schedule.RuleTwoPlaces {
			words += " " + hoursOf(page, v.When.From, v.When.To, x.p.Zone)
		}
		if v.Rule == schedule.RuleNotice {
			no := tooSoon(x.p)
			words = page.Problem(no.Rule, no.Params)
		}
		if slices.Contains(hard, v.Rule) {
			must = append(must, words)
		} else {
			may = append(may, words)
		}
	}
	for _, m := range x.w.overWeek(x.c.ID, seated(x.seats), a.Begins, a.Ends) {
		may = append(may, weekWords(page, m))
	}
	return must, may
}

// weekWords says that somebody would hold more than they gave for a week.
func weekWords(page *web.Page, m Mediator) string {
	return m.Name + page.T("web.colon") + page.T("mediation.over_week", "hours", strconv.Itoa(m.WeekHours))
}

// sessionRow is one session in a list.
type sessionRow struct {
	ISO, When, Hours  string
	Ref, Href, Title  string // empty when the officer may not read the case
	Place, Link       string
	Mediators, Mode   string
	State             web.Tag
	File              string
	Changed, Sessions string
}

func stateTag(page *web.Page, s Session) web.Tag {
	class := map[State]string{Called: "info", Open: "ok", Held: "line", Absent: "bad", PutOff: "warn", Reserved: "warn", Ended: "line"}[s.State]
	return web.Tag{Class: class, Label: page.T("mediation.state." + string(s.State))}
}

// sessionRow adds a session to a list. A case the officer may not read is a taken time and nothing else. It reads the
// case and the name of an account: within a transaction, as many pages at once as the database has readers would wait for
// each other for good.
func (s *service) sessionRow(o *programme.Officer, page *web.Page, p *pack.Pack, rows []sessionRow, x Session, w *world) ([]sessionRow, error) {
	row := sessionRow{When: whenOf(page, x, p.Zone), ISO: page.ISO(x.Begins), State: stateTag(page, x)}
	if !x.Begins.IsZero() {
		row.Hours = hoursOf(page, x.Begins, x.Ends, p.Zone)
	}
	var names []string
	for _, id := range x.Mediators {
		names = append(names, cmp.Or(w.nameOf(schedule.KindMediator, idOf(id), nil), "–"))
	}
	row.Mediators = strings.Join(names, page.T("mediation.comma"))
	c, err := s.Reader.ByID(o.R.Context(), o.Actor.Scope(), casework.CaseID(x.Case))
	if errors.Is(err, ledger.ErrNotFound) {
		return append(rows, row), nil
	}
	if err != nil {
		return rows, err
	}
	row.Ref, row.Href, row.Title = x.Ref, "/desk/cases/"+x.Ref, page.T("category."+c.Category)
	row.Sessions, row.File = row.Href+"/sessions", href("sessions", idOf(x.ID), "file.ics")
	row.Place = x.Place
	if strings.HasPrefix(x.Place, "https://") {
		row.Link = x.Place
	}
	if _, a := callAct(p, c.Procedure); a != nil && x.Mode != "" {
		row.Mode = page.T("option." + c.Procedure + "." + a.ID + "." + p.Mediation.Call.Mode + "." + x.Mode)
	}
	row.Changed = page.T("mediation.changed_by", "who", nameOf(o, page, x.ChangedBy), "when", page.Moment(x.Changed))
	return append(rows, row), nil
}

type whoRow struct {
	Name, Roll string
	Tag        web.Tag
	Busy       []string
}

// sessionsPage is the page of a case's sessions.
type sessionsPage struct {
	Ref, Title, Case string
	Done             string
	Now              *sessionRow
	People           []whoRow
	Mediators        []whoRow
	Naming           string
	Past             []sessionRow
	Log              []logView

	May       bool
	Why       string // why this officer cannot call one
	Moving    bool
	To, Key   string
	Seen      seen
	Proposals []web.Choice
	Pick      string
	Own       []web.Control // form of the session
	Time      []web.Control // a time of the officer's own
	More, Off []web.Control
	Mistakes  []web.Mistake
	Refused   string
	Must, Can []string
	Accept    bool
	Fits      bool
}

func (s *service) sessions(o *programme.Officer) error {
	x, err := s.openCase(o)
	if err != nil {
		return err
	}
	return s.showSessions(o, x, showing{status: http.StatusOK})
}

// showing is what a page of sessions shows beside what is stored: an earlier attempt and what stood against it.
type showing struct {
	status         int
	values         map[string]string
	pick           string
	bad            []form.Problem
	refused        string
	must, may      []string
	fits, accepted bool
}

func (s *service) showSessions(o *programme.Officer, x *opened, sh showing) error {
	page := o.Page("mediation.sessions.title", "ref", string(x.c.Ref))
	page.Wrong = sh.status >= 400
	v := sessionsPage{Ref: string(x.c.Ref), Case: "/desk/cases/" + string(x.c.Ref), Title: page.Title, Key: web.NewKey(), Refused: sh.refused, Must: sh.must, Can: sh.may, Fits: sh.fits,
		Accept: sh.accepted, Pick: sh.pick, To: "/desk/cases/" + string(x.c.Ref) + "/sessions", Seen: seen{x.live.ID, x.live.Version}}
	if o.R.URL.Query().Get("done") == "booked" {
		v.Done = page.T("mediation.done.booked")
	}
	if err := s.pastSessions(o, page, x, &v); err != nil {
		return err
	}
	x.peopleRows(page, &v)
	off, call := x.steps(o)
	switch {
	case call == nil:
		v.Why = page.T("mediation.sessions.cannot")
	case len(x.seats) == 0:
		v.Why = page.T("mediation.sessions.nobody")
	default:
		v.May, v.Moving = true, off != nil || x.has && x.live.State == Called
		if err := x.form(page, off, call, sh, &v); err != nil {
			return err
		}
	}
	if x.act(o, x.p.Mediation.Name.Act, x.c) != nil {
		v.Naming = v.Case + "/mediator"
	}
	return o.Write(page, sh.status, sessionsBody(page, v))
}

func (s *service) pastSessions(o *programme.Officer, page *web.Page, x *opened, v *sessionsPage) error {
	ctx := o.R.Context()
	var list []Session
	var lines []logLine
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) {
		if list, err = sessionsOf(ctx, tx, x.c.ID); err == nil && x.has {
			lines, err = logOf(ctx, tx, "session", x.live.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	v.Log = logViews(o, page, lines)
	for _, l := range list {
		rows, err := s.sessionRow(o, page, x.p, nil, l, &x.w)
		if err != nil {
			return err
		}
		if l.live() {
			v.Now = &rows[0]
		} else {
			v.Past = append(v.Past, rows...)
		}
	}
	return nil
}

func (x *opened) peopleRows(page *web.Page, v *sessionsPage) {
	m := x.p.Mediation
	for _, who := range x.c.Members {
		if who.Left {
			continue
		}
		row := whoRow{Name: memberName(page, x.c, who), Roll: page.T("roll." + x.c.Procedure + "." + who.Roll)}
		switch {
		case who.Roll == m.Mediator:
			key := "mark." + x.c.Procedure + "." + who.Roll + "." + m.Mark
			if value := who.Marks[m.Mark]; value != "" {
				row.Tag = web.Tag{Class: "warn", Label: page.T(key + "." + value)}
				if settled(m, who) {
					row.Tag.Class = "ok"
				}
			}
			v.Mediators = append(v.Mediators, row)
		case who.Roll == m.Party || slices.Contains(m.Others, who.Roll):
			for _, u := range x.busy {
				if u.Member == who.ID {
					row.Busy = append(row.Busy, page.T("mediation.busy", "from", page.DateTime(u.Begins, x.p.Zone), "to", page.DateTime(u.Ends, x.p.Zone)))
				}
			}
			v.People = append(v.People, row)
		}
	}
}

func (x *opened) form(page *web.Page, off, call *procedure.Act, sh showing, v *sessionsPage) error {
	f := x.sheet(off, call)
	values := sh.values
	if values == nil {
		values = map[string]string{askLong: strconv.Itoa(x.p.Mediation.Figures.Minutes), askMode: x.p.Mediation.Call.Joint}
		if x.has {
			values[askMode] = cmp.Or(x.live.Mode, values[askMode])
		}
	}
	own := web.Form{Prefix: "mediation.ask", Values: values, Problems: sh.bad, Choices: map[string][]web.Choice{}}
	for _, mode := range f.modes {
		own.Choices[askMode] = append(own.Choices[askMode], web.Choice{Value: mode, Label: page.T("option." + x.d.ID + "." + call.ID + "." + x.p.Mediation.Call.Mode + "." + mode)})
	}
	for _, r := range f.rooms {
		own.Choices[askRoom] = append(own.Choices[askRoom], web.Choice{Value: idOf(r.ID), Label: r.Label(), Hint: page.N("mediation.seats", r.Seats)})
	}
	controls := page.Controls(f.own, own)
	v.Own, v.Time = controls[:3], controls[3:]
	more := web.ActForm(x.d.ID, call.ID)
	more.Values, more.Problems = values, sh.bad
	v.More = page.Controls(f.more, more)
	if off != nil {
		v.Off = x.offControls(page, off, values, sh.bad)
	}
	v.Mistakes = page.Mistakes(slices.Concat(v.Own, v.Time, v.More, v.Off), slices.DeleteFunc(slices.Clone(sh.bad), func(p form.Problem) bool { return p.Field == askPick }))
	if slices.ContainsFunc(sh.bad, func(p form.Problem) bool { return p.Field == askPick }) {
		v.Mistakes = append(v.Mistakes, web.Mistake{ID: "proposals", Words: page.Problem("mediation.pick", nil)})
	}
	a := asked{Minutes: atoi(values[askLong]), Step: values[askStep] == "yes"}
	a.Mode, a.More = values[askMode], values
	var err error
	v.Proposals, err = x.proposals(page, a)
	return err
}

// offControls draws what the act asks that takes the old time away, under names of their own.
func (x *opened) offControls(page *web.Page, off *procedure.Act, values map[string]string, bad []form.Problem) []web.Control {
	f := web.ActForm(x.d.ID, off.ID)
	f.Values = map[string]string{}
	for name, v := range values {
		if name, ok := strings.CutPrefix(name, offMark); ok {
			f.Values[name] = v
		}
	}
	for _, p := range bad {
		if name, ok := strings.CutPrefix(p.Field, offMark); ok {
			p.Field = name
			f.Problems = append(f.Problems, p)
		}
	}
	out := page.Controls(off.Fields, f)
	for i := range out {
		out[i].Name = offMark + out[i].Name
		out[i].ID = "f-" + out[i].Name
	}
	return out
}

// sessionsPost finds times, checks one, or calls the session.
func (s *service) sessionsPost(o *programme.Officer) error {
	x, err := s.openCase(o)
	if err != nil {
		return err
	}
	off, call := x.steps(o)
	if call == nil || len(x.seats) == 0 {
		return s.afterPost(o, x, nil, "", refuse("mediation.not_now"))
	}
	f := x.sheet(off, call)
	known := []string{askPick, askAccept, "do", "seen", "version"}
	for _, field := range append(f.all(), x.offAlways()...) {
		known = append(known, field.Name)
	}
	if err := web.ReadForm(o.R, known...); err != nil {
		return err
	}
	raw := map[string]string{}
	for _, field := range f.all() {
		if v := o.R.PostFormValue(field.Name); v != "" {
			raw[field.Name] = v
		}
	}
	pick, do := o.R.PostFormValue(askPick), o.R.PostFormValue("do")
	a, bad := x.readAsked(f, raw, pick, do == "book")
	sh := showing{status: http.StatusUnprocessableEntity, values: raw, pick: pick, bad: bad, accepted: o.R.PostFormValue(askAccept) == "yes"}
	if do == "find" {
		sh.bad = slices.DeleteFunc(bad, func(p form.Problem) bool { return p.Field != askLong && p.Field != askMode })
		if sh.pick = ""; len(sh.bad) == 0 {
			sh.status = http.StatusOK
		}
		return s.showSessions(o, x, sh)
	}
	page := o.Page("mediation.sessions.title", "ref", string(x.c.Ref))
	if !a.when && len(bad) == 0 {
		sh.bad = []form.Problem{{Field: askPick, Rule: "mediation.pick"}}
	}
	if len(sh.bad) > 0 {
		return s.showSessions(o, x, sh)
	}
	sh.must, sh.may = x.conflicts(page, a)
	if do != "book" || len(sh.must) > 0 || len(sh.may) > 0 && !sh.accepted {
		if sh.fits = len(sh.must)+len(sh.may) == 0; do != "book" {
			sh.status = http.StatusOK
		} else {
			sh.status = http.StatusConflict
		}
		return s.showSessions(o, x, sh)
	}
	return s.book(o, x, a, raw, pick)
}

// offAlways are the names a form may hold that was shown while there was still a time to take away.
func (x *opened) offAlways() (out []form.Field) {
	if a, ok := x.d.Act(x.p.Mediation.PutOff); ok {
		for _, f := range a.Fields {
			f.Name = offMark + f.Name
			out = append(out, f)
		}
	}
	return out
}

func (s *service) book(o *programme.Officer, x *opened, a asked, raw map[string]string, pick string) error {
	b := booking{service: s, p: x.p, who: o.Actor, c: x.c, key: web.KeyOf(o.R), seen: seen{int64(atoi(o.R.PostFormValue("seen"))), atoi(o.R.PostFormValue("version"))}}
	done := "/desk/cases/" + string(x.c.Ref) + "/sessions?done=booked"
	if b.seen != (seen{x.live.ID, x.live.Version}) {
		if s.replayed(o, x, a) {
			return o.Go(done)
		}
		return s.afterPost(o, x, raw, pick, refuse("mediation.moved"))
	}
	var err error
	if x.has && x.live.State == Called {
		err = b.move(o.R.Context(), a.wish)
	} else {
		err = b.call(o.R.Context(), a.wish)
	}
	if _, is := isRefusal(err); is {
		return s.afterPost(o, x, raw, pick, err)
	}
	if err != nil {
		return err
	}
	return o.Go(done)
}

// replayed reports a form that was sent twice: the session is already as it asks.
func (s *service) replayed(o *programme.Officer, x *opened, a asked) bool {
	return x.has && x.live.State == Called && x.live.ChangedBy == o.Actor.ID() && x.live.Begins.Equal(a.Begins) && x.live.Ends.Equal(a.Ends) && x.live.Room == a.Room.ID
}

// afterPost shows the page again with what was typed and why it did not go. Where somebody else moved the
// session meanwhile, it says who and when; what the officer's own first step of two changed is not that.
func (s *service) afterPost(o *programme.Officer, x *opened, raw map[string]string, pick string, err error) error {
	no, _ := isRefusal(err)
	fresh, err := s.openCase(o)
	if err != nil {
		return err
	}
	page := o.Page("mediation.sessions.title", "ref", string(x.c.Ref))
	sh := showing{status: http.StatusConflict, values: raw, pick: pick, bad: no.Fields, refused: page.Problem(no.Rule, no.Params)}
	was := seen{int64(atoi(o.R.PostFormValue("seen"))), atoi(o.R.PostFormValue("version"))}
	if l := fresh.live; fresh.has && was != (seen{l.ID, l.Version}) && l.ChangedBy != o.Actor.ID() {
		sh.refused = page.T("mediation.moved_by", "who", nameOf(o, page, l.ChangedBy), "when", page.Moment(l.Changed), "to", whenOf(page, l, fresh.p.Zone))
	}
	if len(no.Fields) > 0 {
		sh.status = http.StatusUnprocessableEntity
	}
	return s.showSessions(o, fresh, sh)
}

// deskBeside leads from the page of a case to its sessions.
func (s *service) deskBeside(ctx context.Context, page *web.Page, c casework.Case, who authz.Actor) ([]web.Link, error) {
	p := s.Packs.Pack(c.Pack)
	if p == nil || !p.Mediation.Takes(c.Procedure) || c.Sealed != "" {
		return nil, nil
	}
	base := "/desk/cases/" + string(c.Ref)
	var live Session
	var has bool
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) { live, has, err = liveSession(ctx, tx, c.ID); return err })
	if err != nil {
		return nil, err
	}
	l := web.Link{Href: base + "/sessions", Icon: "calendar", Label: page.T("mediation.sessions.way")}
	if has && live.State == Called {
		l.Label = page.T("mediation.sessions.way.has", "when", whenOf(page, live, p.Zone))
	}
	out := []web.Link{l}
	d, err := s.Packs.Definition(c.Pack, c.Procedure)
	if err != nil {
		return nil, err
	}
	if a, ok := d.Act(p.Mediation.Name.Act); ok && casework.CanAct(d, c, a, who, page.Site.Now()) {
		out = append(out, web.Link{Href: base + "/mediator", Icon: "people", Label: page.T("mediation.naming.way")})
	}
	return out, nil
}

// nowFacts says where, by whom and how the next session is.
func nowFacts(page *web.Page, r *sessionRow) (out []web.Fact) {
	for key, value := range map[string]string{"mediation.where": r.Place, "mediation.sessions.mediators": r.Mediators, "mediation.mode": r.Mode} {
		if value != "" {
			out = append(out, web.Fact{Label: page.T(key), Value: value})
		}
	}
	slices.SortFunc(out, func(a, b web.Fact) int { return cmp.Compare(a.Label, b.Label) })
	return out
}

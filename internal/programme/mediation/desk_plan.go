package mediation

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/programme/mediation/schedule"
	"comity/internal/web"
)

// planRow is one waiting case in a proposal.
type planRow struct {
	Name, Value string // of its checkbox; empty: it has no place
	Ticked      bool
	Ref, Href   string
	Title       string
	When, Place string
	Mediators   string
	Why         string // it has no place, or what stands against its place
	Done        string // how the call went
	Bad         bool
}

type planPage struct {
	Title, Unit    string
	Units          []web.Choice
	Asked          bool
	Placed, Others []planRow
	More           []web.Control
	Mistakes       []web.Mistake
	Done           []planRow
	Key            string
	Standing       []string
	Cut            string
}

// mostPlanned bounds one proposal.
const mostPlanned = 200

// planning is a proposal for the waiting cases of one unit.
type planning struct {
	o    *programme.Officer
	page *web.Page
	p    *pack.Pack
	unit org.UnitID
	w    world
	sit  []sitting
	acts map[string]*procedure.Act // by procedure: what calls a session
	none []planRow                 // waiting, and nothing can be proposed
	cut  bool
}

// planUnits are the units for which this officer can call sessions: where they hold a role of the calling act.
func planUnits(p *pack.Pack, who authz.Actor) (out []org.UnitID) {
	for _, g := range who.Grants() {
		for _, id := range p.Mediation.Procedures {
			_, a := callAct(p, id)
			if a != nil && slices.Contains(a.By, string(g.Role)) && forProgramme(p, g.Programmes) && !slices.Contains(out, g.Unit) {
				out = append(out, g.Unit)
			}
		}
	}
	return out
}

func (s *service) planShow(o *programme.Officer) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	units := planUnits(p, o.Actor)
	if len(units) == 0 {
		return notYours()
	}
	page := o.Page("mediation.plan.title")
	v := planPage{Title: page.Title, Units: unitChoices(page, units), Unit: o.R.URL.Query().Get("unit"), Key: web.NewKey()}
	if len(units) == 1 {
		v.Unit = string(units[0])
	}
	if slices.Contains(ids(units), v.Unit) {
		v.Asked = true
		pl, err := s.planning(o, page, p, org.UnitID(v.Unit))
		if err != nil {
			return err
		}
		if err := pl.propose(&v); err != nil {
			return err
		}
		v.More = pl.questions(nil, nil)
	}
	return o.Write(page, http.StatusOK, planBody(page, v))
}

// planning reads the waiting cases of a unit.
func (s *service) planning(o *programme.Officer, page *web.Page, p *pack.Pack, unit org.UnitID) (*planning, error) {
	pl := &planning{o: o, page: page, p: p, unit: unit, acts: map[string]*procedure.Act{}}
	ctx, now := o.R.Context(), o.Site.Now()
	var waiting []Matter
	busy := map[string][]Unavailable{}
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) {
		if pl.w, err = readWorld(ctx, tx, p, now); err != nil {
			return err
		}
		if waiting, err = waitingIn(ctx, tx, unit); err != nil {
			return err
		}
		for _, m := range waiting {
			if busy[m.Case], err = unavailableOf(ctx, tx, casework.CaseID(m.Case), now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, m := range waiting {
		if err := pl.take(ctx, s, m, busy[m.Case]); err != nil {
			return nil, err
		}
	}
	return pl, nil
}

// take adds a case in which this officer may call a session now.
func (pl *planning) take(ctx context.Context, s *service, m Matter, busy []Unavailable) error {
	c, err := s.Reader.ByID(ctx, pl.o.Actor.Scope(), casework.CaseID(m.Case))
	if err != nil {
		return skip(err)
	}
	p := s.Packs.Pack(c.Pack)
	d, err := s.Packs.Definition(c.Pack, c.Procedure)
	if err != nil {
		return err
	}
	_, a := callAct(p, c.Procedure)
	if a == nil || !slices.Contains(a.From, c.State) || !casework.CanAct(d, c, a, pl.o.Actor, pl.o.Site.Now()) {
		return nil
	}
	if len(pl.sit) >= mostPlanned {
		pl.cut = true
		return nil
	}
	x := sitting{c: c, busy: busy, minutes: p.Mediation.Figures.Minutes, mode: p.Mediation.Call.Joint}
	if k, ok := c.Promised(); ok && k.Running() {
		x.latest = k.Due
	}
	for _, seat := range pl.w.seats {
		if seat.Case == m.Case {
			x.seats = append(x.seats, seat)
		}
	}
	if len(x.seats) == 0 {
		row := pl.row(c)
		row.Why = pl.page.T("mediation.sessions.nobody")
		pl.none = append(pl.none, row)
		return nil
	}
	pl.acts[c.Procedure] = a
	pl.sit = append(pl.sit, x)
	return nil
}

// skip lets a case pass that went out of reach meanwhile.
func skip(err error) error {
	if _, no := isRefusal(err); no || err == ledger.ErrNotFound {
		return nil
	}
	return err
}

func (pl *planning) row(c casework.Case) planRow {
	return planRow{Ref: string(c.Ref), Href: "/desk/cases/" + string(c.Ref) + "/sessions", Title: pl.page.T("category." + c.Category)}
}

// propose has the solver place what waits and puts it on the page, with why what has no place has none.
func (pl *planning) propose(v *planPage) error {
	units := about(pl.p, pl.unit)
	w := pl.w
	for i := range w.rooms { // rooms elsewhere are known, since others sit in them, and not open to this plan
		if !slices.Contains(units, w.rooms[i].Unit) {
			w.rooms[i].Closed = w.from
		}
	}
	pr := w.problem(pl.sit)
	pr.Step = 30 * time.Minute
	got, err := schedule.Propose(pr)
	if err != nil {
		return errPlan(err)
	}
	for _, a := range got.Plan.Placed {
		if i := pl.index(a.Session); i >= 0 {
			v.Placed = append(v.Placed, pl.placed(&w, pl.sit[i], a))
		}
	}
	for _, u := range got.Plan.Unplaced {
		if i := pl.index(u.Session); i >= 0 {
			row := pl.row(pl.sit[i].c)
			row.Why = pl.page.T("schedule.reason." + string(u.Reason))
			if name := w.nameOf(schedule.KindMediator, u.Who, nil); name != "" {
				row.Why = name + pl.page.T("web.colon") + row.Why
			}
			v.Others = append(v.Others, row)
		}
	}
	v.Others = append(v.Others, pl.none...)
	for _, x := range got.Standing {
		v.Standing = append(v.Standing, pl.page.T("schedule.rule."+string(x.Rule)))
	}
	slices.Sort(v.Standing)
	v.Standing = slices.Compact(v.Standing)
	if pl.cut {
		v.Cut = pl.page.N("mediation.plan.cut", mostPlanned)
	}
	return nil
}

func (pl *planning) index(id schedule.SessionID) int {
	return slices.IndexFunc(pl.sit, func(x sitting) bool { return sessionID(x.c.ID) == id })
}

func (pl *planning) placed(w *world, x sitting, a schedule.Placing) planRow {
	row := pl.row(x.c)
	ends := a.Begins.Add(time.Duration(x.minutes) * time.Minute)
	row.When = pl.page.Date(a.Begins, pl.p.Zone) + " " + hoursOf(pl.page, a.Begins, ends, pl.p.Zone)
	row.Name = "place." + string(x.c.ID)
	row.Value = a.Begins.In(pl.p.Zone).Format("2006-01-02T15:04") + "|"
	if r, ok := w.room(a.Room); ok {
		row.Place, row.Value = r.Label(), row.Value+idOf(r.ID)
	}
	var names []string
	for _, m := range a.Mediators {
		if name := w.nameOf(schedule.KindMediator, string(m), nil); name != "" {
			names = append(names, name)
		}
	}
	row.Mediators = strings.Join(names, pl.page.T("mediation.comma"))
	var over []string
	for _, m := range w.overWeek(x.c.ID, seated(x.seats), a.Begins, ends) {
		over = append(over, weekWords(pl.page, m))
	}
	row.Why, row.Ticked = strings.Join(over, " "), len(over) == 0
	for _, m := range seated(x.seats) { // for those that follow
		w.loads = append(w.loads, load{mediator: m, of: string(x.c.ID), begins: a.Begins, ends: ends})
	}
	return row
}

// questions are what else the calling acts ask, once for all: questions of the same name in two procedures are one.
func (pl *planning) questions(values map[string]string, bad []form.Problem) (out []web.Control) {
	call := pl.p.Mediation.Call
	for _, id := range slices.Sorted(maps.Keys(pl.acts)) {
		a := pl.acts[id]
		var fields []form.Field
		for _, f := range a.Fields {
			own := slices.Contains([]string{call.On, call.At, call.Where, call.Mode, call.Sooner}, f.Name) // a plan gives the notice that is due
			if !own && !slices.ContainsFunc(out, func(c web.Control) bool { return c.Name == f.Name }) {
				fields = append(fields, f)
			}
		}
		f := web.ActForm(id, a.ID)
		f.Values, f.Problems = values, bad
		out = append(out, pl.page.Controls(fields, f)...)
	}
	return out
}

// planPost calls the sessions the officer left ticked, one after the other, and says of each how it went. What was
// taken meanwhile is refused by the same rule as everywhere.
func (s *service) planPost(o *programme.Officer) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	if err := o.R.ParseForm(); err != nil {
		return err
	}
	unit := org.UnitID(o.R.PostFormValue("unit"))
	if !slices.Contains(planUnits(p, o.Actor), unit) {
		return notYours()
	}
	page := o.Page("mediation.plan.title")
	pl, err := s.planning(o, page, p, unit)
	if err != nil {
		return err
	}
	controls := pl.questions(nil, nil)
	known := []string{"unit"}
	var fields []form.Field
	for _, c := range controls {
		known, fields = append(known, c.Name), append(fields, c.Field)
	}
	for _, x := range pl.sit {
		known = append(known, "place."+string(x.c.ID))
	}
	if err := web.ReadForm(o.R, known...); err != nil {
		return err
	}
	raw := map[string]string{}
	for _, f := range fields {
		if v := o.R.PostFormValue(f.Name); v != "" {
			raw[f.Name] = v
		}
	}
	clean, bad := form.Check(fields, raw)
	v := planPage{Title: page.Title, Unit: string(unit), Units: unitChoices(page, planUnits(p, o.Actor)), Asked: true, Key: web.NewKey()}
	if len(bad) > 0 {
		page.Wrong = true
		v.More = pl.questions(raw, bad)
		v.Mistakes = page.Mistakes(v.More, bad)
		if err := pl.propose(&v); err != nil {
			return err
		}
		for i, r := range v.Placed { // as the officer left them
			v.Placed[i].Ticked = o.R.PostFormValue(r.Name) != ""
		}
		return o.Write(page, http.StatusUnprocessableEntity, planBody(page, v))
	}
	key := web.KeyOf(o.R)
	for _, x := range pl.sit {
		pick := o.R.PostFormValue("place." + string(x.c.ID))
		if pick == "" {
			continue
		}
		row, err := s.callPlanned(o, pl, x, pick, key, clean)
		if err != nil {
			return err
		}
		v.Done = append(v.Done, row)
	}
	if pl, err = s.planning(o, page, p, unit); err != nil { // what is left
		return err
	}
	v.More = pl.questions(raw, nil)
	if err := pl.propose(&v); err != nil {
		return err
	}
	return o.Write(page, http.StatusOK, planBody(page, v))
}

func (s *service) callPlanned(o *programme.Officer, pl *planning, x sitting, pick, key string, more map[string]string) (planRow, error) {
	row := pl.row(x.c)
	a := asked{Minutes: x.minutes}
	f := sheetOf{rooms: pl.w.rooms}
	if !a.picked(f, pick, pl.p.Zone) {
		row.Done, row.Bad = pl.page.Problem("mediation.pick", nil), true
		return row, nil
	}
	a.Mode, a.More = x.mode, map[string]string{}
	for _, field := range pl.acts[x.c.Procedure].Fields {
		if v := more[field.Name]; v != "" {
			a.More[field.Name] = v
		}
	}
	row.When = pl.page.Date(a.Begins, pl.p.Zone) + " " + hoursOf(pl.page, a.Begins, a.Ends, pl.p.Zone)
	b := booking{service: s, p: s.Packs.Pack(x.c.Pack), who: o.Actor, c: x.c, key: key + "-" + string(x.c.ID)}
	err := b.call(o.R.Context(), a.wish)
	if no, is := isRefusal(err); is {
		row.Done, row.Bad = pl.page.Problem(no.Rule, no.Params), true
		return row, nil
	}
	row.Done = pl.page.T("mediation.plan.called")
	return row, err
}

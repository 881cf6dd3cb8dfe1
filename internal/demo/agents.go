package demo

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
)

// story is one case as its people remember it.
type story struct {
	id       casework.CaseID
	category string
	lang     string
	journey  *journey // nil for a service request
}

// step decides what happens next in a story: who does what, or that nobody does anything yet.
func (p *Play) step(ctx context.Context, it item, now time.Time) (*ledger.Call, func(ledger.Receipt, error), error) {
	if it.story == nil {
		return p.open(it, now)
	}
	s := it.story
	if s.journey != nil {
		return p.journeyStep(ctx, s, now)
	}
	c, err := p.Reader.ByID(ctx, authz.Machine().Scope(), s.id)
	if err != nil {
		return nil, nil, err
	}
	who, cmd, wait := p.choose(s, c, now)
	cmd.Case, cmd.Version = c.ID, casework.AnyVersion
	if cmd.Act == "" && cmd.Note == nil {
		if wait > 0 {
			p.at(now.Add(wait), s, "")
		}
		return nil, nil, nil
	}
	return &ledger.Call{Who: who, Cmd: cmd}, func(ledger.Receipt, error) { p.at(p.officeTime(now.Add(wait)), s, "") }, nil
}

func (p *Play) open(it item, now time.Time) (*ledger.Call, func(ledger.Receipt, error), error) {
	s := &story{category: it.category}
	rep := p.report(it.category, s)
	rep.Now = now
	cmd, err := intake.Command(p.Pack, rep)
	if err != nil {
		return nil, nil, err
	}
	return &ledger.Call{Who: authz.Reporter(), Cmd: cmd}, func(r ledger.Receipt, err error) {
		if err != nil {
			return
		}
		s.id = r.Case
		p.stories[s.id] = s
		p.tally.Done++
		p.at(p.officeTime(now.Add(p.hours(1.5, 6))), s, "")
	}, nil
}

// chance is true in so many of a hundred cases.
func (p *Play) chance(percent int) bool { return p.r.IntN(100) < percent }

// hours draws a duration from a log-normal law with this median and 90th percentile.
func (p *Play) hours(median, p90 float64) time.Duration {
	sigma := math.Log(p90/median) / 1.2816
	return time.Duration(median * math.Exp(sigma*p.r.NormFloat64()) * float64(time.Hour))
}

// officeTime moves a time into office hours, a little after opening.
func (p *Play) officeTime(t time.Time) time.Time {
	for _, d := range p.Pack.Procedures {
		open := d.Calendar.NextOpen(t)
		if open.After(t) {
			return open.Add(time.Duration(p.r.IntN(180)) * time.Minute)
		}
		return t
	}
	return t
}

// worker finds somebody of the unit with one of the roles who may still act on the case.
func (p *Play) worker(c casework.Case, unit org.UnitID, roles ...string) (authz.Actor, string, bool) {
	var fit []Worker
	for _, w := range p.People {
		if w.Unit == unit && !slices.Contains(c.Barred, w.ID) && slices.ContainsFunc(w.Roles, func(r string) bool { return slices.Contains(roles, r) }) {
			fit = append(fit, w)
		}
	}
	if len(fit) == 0 {
		return authz.Actor{}, "", false
	}
	w := fit[p.r.IntN(len(fit))]
	return w.Actor(), w.ID, true
}

func (p *Play) named(id string) authz.Actor {
	for _, w := range p.People {
		if w.ID == id {
			return w.Actor()
		}
	}
	return authz.Actor{}
}

const day = 24 * time.Hour

// choose is the whole behaviour of the invented city. The shares are invented too; they are set so
// that every road of the procedure is walked a few times a month.
func (p *Play) choose(s *story, c casework.Case, now time.Time) (authz.Actor, casework.Command, time.Duration) {
	act := func(id string, fields map[string]string) casework.Command {
		return casework.Command{Act: id, Fields: fields}
	}
	none := func(wait time.Duration) (authz.Actor, casework.Command, time.Duration) {
		return authz.Actor{}, casework.Command{}, wait
	}
	lang, m := s.lang, p.seeds
	resident := authz.Holder(string(c.ID))
	switch c.State {
	case "received", "raised", "contested":
		return p.atTheDoor(s, c, act, none)
	case "offered":
		who, _, ok := p.worker(c, c.Offered, "clerk", "officer", "head")
		if !ok || p.chance(14) {
			return none(2 * day)
		}
		if p.chance(18) {
			return who, act("turn_back", map[string]string{"reason": pick(p.r, m.Returns[lang])}), p.hours(2, 6)
		}
		return who, act("take", nil), p.hours(2, 8)
	case "accepted", "assigned":
		if p.chance(4) {
			return none(3 * day)
		}
		who, id, ok := p.worker(c, c.Holder, "officer", "head")
		if !ok {
			return none(2 * day)
		}
		if c.State == "accepted" && p.chance(55) {
			by, _, _ := p.worker(c, c.Holder, "clerk", "head", "officer")
			return by, act("assign", map[string]string{"officer": id}), p.hours(2, 8)
		}
		if c.Assignee != "" {
			who = p.named(c.Assignee)
		}
		return who, act("begin", nil), p.work(s)
	case "in_hand":
		return p.atWork(s, c, now, act, none)
	case "waiting":
		if p.chance(30) {
			return none(6 * day)
		}
		return resident, act("reply", map[string]string{"reply": pick(p.r, m.Replies[lang])}), p.hours(4, 20)
	case "answered", "not_ours":
		return p.afterAnswer(s, c, resident, act, none)
	}
	return none(0)
}

type (
	actFunc  = func(string, map[string]string) casework.Command
	noneFunc = func(time.Duration) (authz.Actor, casework.Command, time.Duration)
)

func (p *Play) atTheDoor(s *story, c casework.Case, act actFunc, none noneFunc) (authz.Actor, casework.Command, time.Duration) {
	lang, m := s.lang, p.seeds
	if p.chance(1) {
		return authz.Holder(string(c.ID)), act("withdraw", nil), 0
	}
	if p.chance(6) {
		return none(2 * day) // nobody looks
	}
	who, _, ok := p.worker(c, c.Holder, "clerk", "officer", "head")
	if !ok {
		return none(2 * day)
	}
	if c.State != "contested" && p.chance(3) {
		n := p.r.IntN(len(m.ToldWhere[lang]))
		return who, act("redirect", map[string]string{"told_where": m.ToldWhere[lang][n], "answer": m.Redirects[lang][n]}), p.hours(30, 90)
	}
	if c.State == "received" && c.Times["offer"] < 2 && p.chance(7) {
		if to, ok := p.elsewhere(c); ok {
			return who, act("offer", map[string]string{"unit": string(to), "reason": pick(p.r, m.Offers[lang])}), p.hours(4, 20)
		}
	}
	return who, act("accept", nil), p.hours(1, 5)
}

// elsewhere draws a unit of the same district that could have the matter too.
func (p *Play) elsewhere(c casework.Case) (org.UnitID, bool) {
	path := p.Pack.Units.Path(c.Holder)
	if len(path) < 2 {
		return "", false
	}
	var fit []org.UnitID
	for _, id := range p.Pack.Units.All() {
		u, _ := p.Pack.Units.Unit(id)
		if id != c.Holder && len(u.Roles) > 0 && p.Pack.Units.Under(path[max(len(path)-2, 0)], id) {
			fit = append(fit, id)
		}
	}
	if len(fit) == 0 {
		return "", false
	}
	return fit[p.r.IntN(len(fit))], true
}

func (p *Play) work(s *story) time.Duration {
	w := p.seeds.Categories[s.category].Work
	return p.hours(float64(max(w.Median, 1)), float64(max(w.P90, w.Median*2, 2)))
}

func (p *Play) atWork(s *story, c casework.Case, now time.Time, act actFunc, none noneFunc) (authz.Actor, casework.Command, time.Duration) {
	lang, m := s.lang, p.seeds
	who := p.named(c.Assignee)
	if who.ID() == "" || slices.Contains(c.Barred, c.Assignee) {
		var ok bool
		if who, _, ok = p.worker(c, c.Holder, "officer", "head"); !ok {
			return none(2 * day)
		}
	}
	switch {
	case c.Times["ask"] == 0 && p.chance(6):
		return who, act("ask", map[string]string{"question": pick(p.r, m.Questions[lang])}), p.hours(10, 60)
	case p.chance(12):
		return who, casework.Command{Note: &casework.Note{Text: pick(p.r, m.Notes["zh-CN"])}}, p.hours(5, 24)
	case p.chance(5):
		return none(4 * day)
	}
	if k, ok := c.Clock("answer"); ok && k.Running() && k.Due.Sub(now) < 2*day && c.Times["extend"] == 0 && p.chance(30) {
		if head, _, ok := p.worker(c, c.Holder, "head"); ok {
			return head, act("extend", map[string]string{"days": strconv.Itoa(1 + p.r.IntN(4)), "reason": pick(p.r, m.Extensions[lang])}), p.work(s)
		}
	}
	cat := m.Categories[s.category]
	outcome := weighted(p.r, cat.Outcomes)
	lines := m.Answers[outcome][lang]
	if outcome == "solved" {
		lines = cat.Solved[lang]
	}
	return who, act("answer", map[string]string{"outcome": outcome, "answer": m.fill(p.r, pick(p.r, lines), lang, c.Place.Address)}), p.hours(20, 100)
}

func (p *Play) afterAnswer(s *story, c casework.Case, resident authz.Actor, act actFunc, none noneFunc) (authz.Actor, casework.Command, time.Duration) {
	lang, m := s.lang, p.seeds
	good := c.Outcome == "solved" && !c.Late
	switch {
	case c.Times["rate"] == 0 && p.chance(38):
		rating := weighted(p.r, map[string]int{"good": 68, "fair": 24, "poor": 8})
		if !good {
			rating = weighted(p.r, map[string]int{"good": 18, "fair": 42, "poor": 40})
		}
		f := map[string]string{"rating": rating}
		if p.chance(40) {
			f["remark"] = pick(p.r, m.Remarks[rating][lang])
		}
		return resident, act("rate", f), p.hours(20, 80)
	case c.Times["contest"] < 2 && (c.State == "answered" || p.chance(30)) && p.chance(map[bool]int{true: 3, false: 14}[good]):
		return resident, act("contest", map[string]string{"reason": pick(p.r, m.Contests[lang])}), p.hours(3, 12)
	}
	return none(0)
}

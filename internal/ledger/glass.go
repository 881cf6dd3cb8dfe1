package ledger

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/procedure"
)

// To break the glass is to look at one case in an emergency without being entitled to it. The pack says where
// that may be done and for how many minutes. It opens no list and no second case; the person and whoever
// looks after the use of data are told; and whoever does it answers for it in a review.
//
// law: PIPL/18 (emergencies: told afterwards), PIPL/28 (sensitive data)

// Reasons for which the glass may be broken.
var GlassReasons = []string{"life", "child", "violence", "health"}

// Verdicts of a review.
var Verdicts = []string{"justified", "not_justified"}

// Alarm is a message that an emergency owes.
type Alarm struct {
	Case  casework.CaseID
	Glass string
	To    string // resident; or unit, for whoever looks after data there
	Unit  org.UnitID
}

// Glass is one look in an emergency.
type Glass struct {
	ID           string
	Case         casework.CaseID
	Ref          casework.Ref // empty once the case is gone
	At, Until    time.Time
	Actor        string
	Unit         org.UnitID
	Reason       string
	TellAt       time.Time
	TellBy       time.Time
	Told         time.Time // zero: not yet
	DelayUntil   time.Time // zero: not delayed
	DelayLaw     string
	DelayBy      string
	ReviewBy     time.Time
	Reviewed     time.Time // zero: not yet
	Reviewer     string
	Verdict      string
	Steps        []Exception
	n            int64
	words, verdW string
}

// Live says whether it still opens the case.
func (g Glass) Live(now time.Time) bool { return now.Before(g.Until) }

// BreakGlass opens one case for its actor. Where there is no such case, and where the pack does not allow it,
// the answer is the same: ErrNotFound.
func (l *Ledger) BreakGlass(ctx context.Context, who authz.Actor, ref, reason, words string) (id string, err error) {
	if !slices.Contains(GlassReasons, reason) {
		return "", &casework.Refusal{Rule: "glass.reason"}
	}
	if n := len([]rune(strings.TrimSpace(words))); n == 0 || n > maxAsked {
		return "", &casework.Refusal{Rule: "glass.words"}
	}
	if !alone(who) {
		return "", &casework.Refusal{Rule: "order.alone"}
	}
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		g, err := l.glassFor(ctx, tx, who, ref)
		if err != nil {
			return err
		}
		if id = g.ID; id != "" { // broken already, and still so
			return nil
		}
		id = glassMark + l.drawName()
		return l.breakNow(ctx, tx, who, id, ref, reason, words)
	})
	return id, err
}

// glassFor says why the actor may break no glass now, and finds one that is broken already for this case.
func (l *Ledger) glassFor(ctx context.Context, tx *db.Tx, who authz.Actor, ref string) (Glass, error) {
	mine, err := glassOf(ctx, tx, who.ID(), 200)
	if err != nil {
		return Glass{}, err
	}
	n, err := numberOf(ctx, tx, "ref", strings.ToUpper(strings.TrimSpace(ref)))
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return Glass{}, err
	}
	for _, g := range mine {
		switch {
		case g.Reviewed.IsZero() && tx.Now.After(g.ReviewBy):
			return Glass{}, &casework.Refusal{Rule: "glass.review"}
		case g.Live(tx.Now) && g.n == n:
			return g, nil
		case g.Live(tx.Now):
			return Glass{}, &casework.Refusal{Rule: "glass.second"}
		}
	}
	return Glass{}, nil
}

func (l *Ledger) breakNow(ctx context.Context, tx *db.Tx, who authz.Actor, id, ref, reason, words string) error {
	n, err := numberOf(ctx, tx, "ref", strings.ToUpper(strings.TrimSpace(ref)))
	if errors.Is(err, db.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	s, err := l.load(ctx, tx, caseID(n))
	if err != nil {
		return err
	}
	b := s.d.BreakGlass
	if b.Minutes == 0 || s.c.Sealed != "" || !worksIn(who, s.d.Compartment) {
		return ErrNotFound
	}
	if err := l.unlock(s); err != nil || s.key == nil {
		return errors.Join(err, ErrNotFound)
	}
	cal, now := s.d.Calendar, tx.Now
	last := cal.InstantAt(cal.AddWorking(cal.DayAt(now), b.Review)+1, 0, 0, 0, 0) // the whole of that day
	by := now.Add(time.Duration(b.Tell) * time.Hour)
	g := Glass{ID: id, n: n, At: now, Until: now.Add(time.Duration(b.Minutes) * time.Minute), Actor: who.ID(), Unit: s.c.Holder, Reason: reason,
		TellAt: now.Add(by.Sub(now) / 2), TellBy: by, ReviewBy: last} // halfway, so that a delay can be approved and the message is still in time
	g.words = s.key.Seal(l.context(s.c.ID), strings.TrimSpace(words))
	if err := putGlass(ctx, tx, g); err != nil {
		return err
	}
	if l.cfg.Alarm != nil {
		if err := l.cfg.Alarm(ctx, tx, Alarm{Case: s.c.ID, Glass: id, To: "unit", Unit: s.c.Holder}); err != nil {
			return err
		}
	}
	return l.except(ctx, tx, LeafGlass, id, who.ID(), "broken:"+reason)
}

// worksIn says whether the actor reads anything in the compartment: the emergency of one programme is no
// reason to look into another one.
func worksIn(who authz.Actor, compartment string) bool {
	return len(who.In(compartment).Scope().Roots) > 0
}

// behindGlass finds the case of an emergency for whoever broke the glass, while it lasts.
func (l *Ledger) behindGlass(ctx context.Context, tx *db.Tx, who authz.Actor, t Ticket) (*stored, Disclosure, error) {
	d := exceptional(who, t, authz.ByBreakGlass)
	g, err := findGlass(ctx, tx, t.Order)
	if errors.Is(err, db.ErrNoRows) || err == nil && (!alone(who) || g.Actor != who.ID() || !g.Live(tx.Now)) {
		return nil, d, ErrNotFound
	}
	if err != nil {
		return nil, d, err
	}
	s, err := l.load(ctx, tx, caseID(g.n))
	var no *casework.Refusal
	if errors.As(err, &no) {
		return nil, d, ErrNotFound
	}
	if err != nil {
		return nil, d, err
	}
	switch {
	case s.c.Sealed != "" || s.d.BreakGlass.Minutes == 0:
		return nil, d, ErrNotFound
	case t.Level > authz.Identity:
		return nil, d, &casework.Refusal{Rule: "look.level"}
	case l.cfg.Purpose != nil && !l.cfg.Purpose(s.c, t.Purpose, authz.ByBreakGlass):
		return nil, d, &casework.Refusal{Rule: "look.purpose"}
	}
	return s, d, l.unlock(s)
}

// Glasses lists the emergencies the actor made or looks after, newest first.
func (l *Ledger) Glasses(ctx context.Context, who authz.Actor, units *org.Tree, limit int) (out []Glass, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		mine, err := glassOf(ctx, tx, who.ID(), limit)
		if err != nil {
			return err
		}
		out = mine
		for _, unit := range units.All() {
			if !who.Rules().Privacy(who, unit) {
				continue
			}
			more, err := glassIn(ctx, tx, unit, limit)
			if err != nil {
				return err
			}
			out = append(out, more...)
		}
		slices.SortFunc(out, func(a, b Glass) int {
			if c := b.At.Compare(a.At); c != 0 {
				return c
			}
			return strings.Compare(a.ID, b.ID)
		})
		out = slices.CompactFunc(out, func(a, b Glass) bool { return a.ID == b.ID })
		return l.nameCases(ctx, tx, out)
	})
	return out, err
}

// nameCases fills in the numbers of those cases that are there.
func (l *Ledger) nameCases(ctx context.Context, tx *db.Tx, list []Glass) error {
	for i := range list {
		list[i].Case = caseID(list[i].n)
		s, err := l.load(ctx, tx, list[i].Case)
		var no *casework.Refusal
		if errors.As(err, &no) {
			continue
		}
		if err != nil {
			return err
		}
		list[i].Ref = s.c.Ref
	}
	return nil
}

// Glass is one of them; ErrNotFound for everybody else, and when its case is under seal.
func (l *Ledger) Glass(ctx context.Context, who authz.Actor, id string) (g Glass, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		if g, err = l.glassOfMine(ctx, tx, who, id); err != nil {
			return err
		}
		list := []Glass{g}
		if err := l.nameCases(ctx, tx, list); err != nil {
			return err
		}
		g = list[0]
		g.Steps, err = exceptionsAbout(ctx, tx, id)
		return err
	})
	return g, err
}

func (l *Ledger) glassOfMine(ctx context.Context, tx *db.Tx, who authz.Actor, id string) (Glass, error) {
	g, err := findGlass(ctx, tx, id)
	if errors.Is(err, db.ErrNoRows) || err == nil && (!alone(who) || g.Actor != who.ID() && !who.Rules().Privacy(who, g.Unit)) {
		return g, ErrNotFound
	}
	return g, err
}

// guardOf lets only somebody else than the one who broke it, who looks after data in that unit, decide on it.
func (l *Ledger) guardOf(ctx context.Context, tx *db.Tx, who authz.Actor, id string) (Glass, error) {
	g, err := l.glassOfMine(ctx, tx, who, id)
	if err == nil && g.Actor == who.ID() {
		err = &casework.Refusal{Rule: "glass.self"}
	}
	return g, err
}

// DelayTelling has the person told later, under an article that says so, until a day.
func (l *Ledger) DelayTelling(ctx context.Context, who authz.Actor, id string, law procedure.Law, until time.Time) error {
	if law.ID == "" || law.Article == "" {
		return &casework.Refusal{Rule: "glass.delay.law"}
	}
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		g, err := l.guardOf(ctx, tx, who, id)
		switch {
		case err != nil:
			return err
		case !g.Told.IsZero():
			return &casework.Refusal{Rule: "glass.told"}
		case !until.After(tx.Now):
			return &casework.Refusal{Rule: "glass.delay.until"}
		}
		g.TellAt, g.DelayUntil, g.DelayLaw, g.DelayBy = until, until, law.ID+"/"+law.Article, who.ID()
		if err := saveGlass(ctx, tx, g); err != nil {
			return err
		}
		return l.except(ctx, tx, LeafGlass, id, who.ID(), "delayed:"+g.DelayLaw)
	})
}

// ReviewGlass settles whether it was justified.
func (l *Ledger) ReviewGlass(ctx context.Context, who authz.Actor, id, verdict, words string) error {
	if !slices.Contains(Verdicts, verdict) {
		return &casework.Refusal{Rule: "glass.verdict"}
	}
	if n := len([]rune(strings.TrimSpace(words))); n == 0 || n > maxAsked {
		return &casework.Refusal{Rule: "glass.words"}
	}
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		g, err := l.guardOf(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if !g.Reviewed.IsZero() {
			return &casework.Refusal{Rule: "glass.reviewed"}
		}
		if key, err := l.caseKey(ctx, tx, g.n); err == nil && key != nil {
			g.verdW = key.Seal(l.context(caseID(g.n)), strings.TrimSpace(words))
		} else if err != nil && !errors.Is(err, errErased) {
			return err
		}
		g.Reviewed, g.Reviewer, g.Verdict = tx.Now, who.ID(), verdict
		if err := saveGlass(ctx, tx, g); err != nil {
			return err
		}
		return l.except(ctx, tx, LeafGlass, id, who.ID(), verdict)
	})
}

// tellGlass has the people told whose time has come.
func (l *Ledger) tellGlass(ctx context.Context) (done int, err error) {
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		done = 0
		list, err := glassUntold(ctx, tx)
		if err != nil {
			return err
		}
		for _, g := range list {
			there, err := isLive(ctx, tx, g.n)
			if err != nil {
				return err
			}
			if there && l.cfg.Alarm != nil {
				if err := l.cfg.Alarm(ctx, tx, Alarm{Case: caseID(g.n), Glass: g.ID, To: "resident"}); err != nil {
					return err
				}
			}
			g.Told = tx.Now
			if err := saveGlass(ctx, tx, g); err != nil {
				return err
			}
			if err := l.except(ctx, tx, LeafGlass, g.ID, string(authz.System), "told"); err != nil {
				return err
			}
			done++
		}
		return nil
	})
	return done, err
}

// GlassWords opens what was written about an emergency to whoever reviews it.
func (l *Ledger) GlassWords(ctx context.Context, who authz.Actor, id string) (words, verdict string, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		g, err := l.glassOfMine(ctx, tx, who, id)
		if err != nil {
			return err
		}
		key, err := l.caseKey(ctx, tx, g.n)
		if errors.Is(err, errErased) || err == nil && key == nil {
			return nil
		}
		if err != nil {
			return err
		}
		in := l.context(caseID(g.n))
		if words, err = key.Open(in, g.words); err == nil {
			verdict, err = key.Open(in, g.verdW)
		}
		return err
	})
	return words, verdict, err
}

func itoa(n int) string { return strconv.Itoa(n) }

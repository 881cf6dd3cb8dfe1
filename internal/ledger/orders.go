package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/vault"
)

// A case under seal opens for one officer, for some hours, under one order, after both custodians have
// entered their halves of its key. Whoever asks cannot tell a number under seal from one that never was, and
// neither can the custodians before both halves are there. The halves are drawn anew at every opening.

// Ask is an order to open one case under seal.
type Ask struct {
	Case      string `json:"case"`      // its number, or its key
	Reference string `json:"reference"` // of the order
	Authority string `json:"authority"` // that issued it
	Law       string `json:"law"`
	Why       string `json:"why"`
	Hours     int    `json:"-"`
}

// States of an order.
const (
	OrderAsked   = "asked"
	OrderOpen    = "open"
	OrderRefused = "refused"
	OrderEnded   = "ended"
	OrderVoid    = "void" // both halves were entered, and nothing is under seal by that number
)

// OrderView is an order as one of those it concerns sees it.
type OrderView struct {
	Ask
	ID         string
	At, Until  time.Time
	Requester  string
	State      string
	Custodians [2]string
	Given      [2]bool
	Share      string // sealed to the viewer, who is a custodian; empty otherwise
	Steps      []Exception
	Mine       bool // the viewer asked
}

// orderMark and glassMark begin the names of orders and emergencies, as tickets carry them.
const (
	orderMark = "order-"
	glassMark = "glass-"
)

const maxAsked = 400 // characters of one answer

// alone says that the actor is one person acting as nobody else: what two persons must do, deputies do not.
func alone(who authz.Actor) bool {
	return who.IsStaff() && who.For() == "" && len(who.Grants()) > 0 && !who.Limit().Bound()
}

// AskOrder puts an order before the custodians. longest is how many hours the pack allows.
func (l *Ledger) AskOrder(ctx context.Context, who authz.Actor, a Ask, longest int) (id string, err error) {
	for _, s := range []string{a.Case, a.Reference, a.Authority, a.Law, a.Why} {
		if strings.TrimSpace(s) == "" || utf8.RuneCountInString(s) > maxAsked {
			return "", &casework.Refusal{Rule: "order.fields"}
		}
	}
	if !alone(who) {
		return "", &casework.Refusal{Rule: "order.alone"}
	}
	if a.Hours < 1 || a.Hours > longest {
		return "", &casework.Refusal{Rule: "order.hours", Params: map[string]string{"max": itoa(longest)}}
	}
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		o, err := l.orderFor(ctx, tx, who, a)
		if err != nil {
			return err
		}
		id = o.id
		if err := putOrder(ctx, tx, o); err != nil {
			return err
		}
		return l.except(ctx, tx, LeafOrder, o.id, who.ID(), "asked")
	})
	return id, err
}

// orderFor finds the case and the shares of its key, or makes ones that look the same.
func (l *Ledger) orderFor(ctx context.Context, tx *db.Tx, who authz.Actor, a Ask) (o orderRow, err error) {
	accounts, keys, err := pair(ctx, tx)
	if err != nil {
		return o, err
	}
	key, own := l.ring.NewKey()
	doc, err := json.Marshal(a)
	if err != nil {
		return o, err
	}
	o = orderRow{id: orderMark + l.drawName(), at: micro(tx.Now), requester: who.ID(), own: own, hours: a.Hours, state: OrderAsked,
		until: micro(tx.Now.Add(time.Duration(a.Hours) * time.Hour))}
	o.asked = key.Seal(o.id, string(doc))
	decoy, err := l.ring.Decoy(o.id, keys)
	if err != nil {
		return o, err
	}
	o.custodians, o.shares, o.checks = accounts, decoy.Shares, decoy.Checks
	n, err := l.findUnderSeal(ctx, tx, a.Case)
	if err == nil {
		row, fail := findSealed(ctx, tx, n)
		o.n, o.custodians, o.shares, o.checks, err = n, row.custodians, row.key.Shares, row.key.Checks, fail
	}
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return o, err
	}
	if slices.Contains(o.custodians[:], who.ID()) || slices.Contains(accounts[:], who.ID()) {
		return o, &casework.Refusal{Rule: "order.self"}
	}
	return o, nil
}

func (l *Ledger) findUnderSeal(ctx context.Context, tx *db.Tx, typed string) (int64, error) {
	typed = strings.TrimSpace(typed)
	n, err := sealedByRef(ctx, tx, l.refKey(strings.ToUpper(typed)))
	if !errors.Is(err, db.ErrNoRows) {
		return n, err
	}
	n, ok := number(casework.CaseID(strings.ToLower(typed)))
	if !ok {
		return 0, db.ErrNoRows
	}
	row, err := findSealed(ctx, tx, n)
	return row.n, err
}

// Orders lists those the actor asked for or is a custodian of, newest first.
func (l *Ledger) Orders(ctx context.Context, who authz.Actor, limit int) (out []OrderView, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		rows, err := ordersOf(ctx, tx, who.ID(), limit)
		for _, o := range rows {
			var v OrderView
			if err == nil {
				v, err = l.viewOrder(o, who)
				out = append(out, v)
			}
		}
		return err
	})
	return out, err
}

// Order is one of them, with what was done about it; ErrNotFound for everybody it does not concern.
func (l *Ledger) Order(ctx context.Context, who authz.Actor, id string) (v OrderView, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		o, err := concerning(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if v, err = l.viewOrder(o, who); err != nil {
			return err
		}
		v.Steps, err = exceptionsAbout(ctx, tx, id)
		return err
	})
	return v, err
}

func concerning(ctx context.Context, tx *db.Tx, who authz.Actor, id string) (orderRow, error) {
	o, err := findOrder(ctx, tx, id)
	if errors.Is(err, db.ErrNoRows) || err == nil && (!alone(who) || o.requester != who.ID() && !slices.Contains(o.custodians[:], who.ID())) {
		return o, ErrNotFound
	}
	return o, err
}

func (l *Ledger) viewOrder(o orderRow, who authz.Actor) (v OrderView, err error) {
	key, err := l.ring.Unwrap(o.own)
	if err != nil {
		return v, err
	}
	doc, err := key.Open(o.id, o.asked)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal([]byte(doc), &v.Ask); err != nil {
		return v, err
	}
	v.ID, v.At, v.Until, v.Requester, v.State, v.Hours, v.Custodians = o.id, o.at, o.until, o.requester, o.state, o.hours, o.custodians
	v.Given = [2]bool{o.given[0] != "", o.given[1] != ""}
	v.Mine = o.requester == who.ID()
	if i := slices.Index(o.custodians[:], who.ID()); i >= 0 && o.state == OrderAsked && !v.Given[i] {
		v.Share = o.shares[i]
	}
	return v, nil
}

// GiveShare enters a custodian's half. With the second one the case opens, or it turns out that there is
// nothing to open. What is wrong is written down and refused.
func (l *Ledger) GiveShare(ctx context.Context, who authz.Actor, id, half string) error {
	var no error
	err := l.db.Transact(ctx, func(tx *db.Tx) error {
		no = nil
		o, err := concerning(ctx, tx, who, id)
		if err != nil {
			return err
		}
		i := slices.Index(o.custodians[:], who.ID())
		what := ""
		switch {
		case i < 0:
			what, no = "wrong_person", &casework.Refusal{Rule: "order.self"}
		case o.state != OrderAsked || !tx.Now.Before(o.until):
			what, no = "late_share", &casework.Refusal{Rule: "order.over"}
		case o.given[i] != "":
			what, no = "second_share", &casework.Refusal{Rule: "order.given"}
		case vault.CheckHalf(o.checks[i], half) != nil:
			what, no = "wrong_share", &casework.Refusal{Rule: "order.share"}
		}
		if no != nil {
			return l.except(ctx, tx, LeafOrder, id, who.ID(), what)
		}
		key, err := l.ring.Unwrap(o.own)
		if err != nil {
			return err
		}
		o.given[i] = key.Seal(o.id, strings.TrimSpace(half))
		if err := l.except(ctx, tx, LeafOrder, id, who.ID(), "share"); err != nil {
			return err
		}
		if o.given[0] != "" && o.given[1] != "" {
			if err := l.openOrder(ctx, tx, &o, key); err != nil {
				return err
			}
		}
		return saveOrder(ctx, tx, o)
	})
	return errors.Join(err, no)
}

// openOrder puts both halves together. They have been shown to the machine, so the key gets fresh ones.
func (l *Ledger) openOrder(ctx context.Context, tx *db.Tx, o *orderRow, key *vault.Key) (err error) {
	var halves [2]string
	for i := range halves {
		if halves[i], err = key.Open(o.id, o.given[i]); err != nil {
			return err
		}
	}
	o.given = [2]string{}
	if o.n == 0 {
		o.state = OrderVoid
		return l.except(ctx, tx, LeafOrder, o.id, string(authz.System), "void")
	}
	row, err := findSealed(ctx, tx, o.n)
	if err != nil {
		return err
	}
	in := l.context(caseID(o.n))
	if o.wrapped, err = l.ring.TakeFromSeal(row.key.Body, in, halves); err != nil {
		return err
	}
	s, err := row.stored()
	if err != nil {
		return err
	}
	d, err := l.cfg.Definitions.Definition(s.c.Pack, s.c.Procedure)
	if err != nil {
		return err
	}
	accounts, keys, err := pair(ctx, tx)
	if err != nil {
		return err
	}
	anew, err := l.ring.PutUnderSeal(o.wrapped, in, keys)
	if err != nil {
		return err
	}
	o.state, o.until = OrderOpen, micro(tx.Now.Add(time.Duration(min(o.hours, d.Sealing.Hours))*time.Hour))
	if err := saveOrder(ctx, tx, *o); err != nil { // before the shares change, so that this order is not asked for others
		return err
	}
	if err := shareAnew(ctx, tx, o.n, accounts, anew); err != nil {
		return err
	}
	return l.except(ctx, tx, LeafOrder, o.id, string(authz.System), "opened")
}

// EndOrder ends an order before its time: a custodian refuses it, or whoever asked needs it no longer.
func (l *Ledger) EndOrder(ctx context.Context, who authz.Actor, id string) error {
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		o, err := concerning(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if o.state != OrderAsked && o.state != OrderOpen {
			return &casework.Refusal{Rule: "order.over"}
		}
		state := OrderEnded
		if o.requester != who.ID() {
			state = OrderRefused
		}
		return l.finish(ctx, tx, o, state, who.ID())
	})
}

// finish ends an order and destroys the copy of the key that it had.
func (l *Ledger) finish(ctx context.Context, tx *db.Tx, o orderRow, state, by string) error {
	o.state, o.wrapped, o.given = state, "", [2]string{}
	if err := saveOrder(ctx, tx, o); err != nil {
		return err
	}
	return l.except(ctx, tx, LeafOrder, o.id, by, state)
}

// endOrders ends those whose time is over.
func (l *Ledger) endOrders(ctx context.Context) (done int, err error) {
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		done = 0
		rows, err := ordersOver(ctx, tx)
		if err != nil {
			return err
		}
		for _, o := range rows {
			if err := l.finish(ctx, tx, o, OrderEnded, string(authz.System)); err != nil {
				return err
			}
			done++
		}
		return nil
	})
	return done, err
}

// underSeal finds the case of an open order for whoever asked for it. Everybody else, and everybody after its
// time, finds nothing.
func (l *Ledger) underSeal(ctx context.Context, tx *db.Tx, who authz.Actor, t Ticket) (*stored, Disclosure, error) {
	o, err := openedFor(ctx, tx, who, t)
	if err != nil {
		return nil, Disclosure{}, err
	}
	row, err := findSealed(ctx, tx, o.n)
	if err != nil {
		return nil, Disclosure{}, err
	}
	s, err := row.stored()
	if err != nil {
		return nil, Disclosure{}, err
	}
	if s.d, err = l.cfg.Definitions.Definition(s.c.Pack, s.c.Procedure); err != nil {
		return nil, Disclosure{}, err
	}
	if s.key, err = l.ring.Unwrap(o.wrapped); err != nil {
		return nil, Disclosure{}, err
	}
	d := exceptional(who, t, authz.ByOrder)
	if l.cfg.Purpose != nil && !l.cfg.Purpose(s.c, t.Purpose, authz.ByOrder) {
		return nil, d, &casework.Refusal{Rule: "look.purpose"}
	}
	return s, d, nil
}

func openedFor(ctx context.Context, tx *db.Tx, who authz.Actor, t Ticket) (orderRow, error) {
	o, err := findOrder(ctx, tx, t.Order)
	if errors.Is(err, db.ErrNoRows) || err == nil && (!alone(who) || o.requester != who.ID() || o.state != OrderOpen || !tx.Now.Before(o.until) || o.wrapped == "") {
		return o, ErrNotFound
	}
	return o, err
}

// exceptional is the record of a look that no standing permission allows.
func exceptional(who authz.Actor, t Ticket, ground authz.Ground) Disclosure {
	d := Disclosure{Actor: who.ID(), Purpose: t.Purpose, Level: t.Level, Note: t.Note, Ground: string(ground), Order: t.Order}
	if g := who.Grants(); len(g) > 0 {
		d.Role, d.Unit = string(g[0].Role), g[0].Unit
	}
	return d
}

// LookUnder shows the one case of an order or emergency: the ticket names no case. A look that was refused is
// written down as well.
func (l *Ledger) LookUnder(ctx context.Context, who authz.Actor, t Ticket) (*Look, error) {
	var n int64
	err := l.db.View(ctx, func(tx *db.Tx) (err error) {
		n, err = subjectOf(ctx, tx, t.Order)
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	t.Case = caseID(n)
	look, err := l.Look(ctx, who, t)
	var no *casework.Refusal
	if errors.Is(err, ErrNotFound) || errors.As(err, &no) {
		fail := l.db.Transact(ctx, func(tx *db.Tx) error {
			return l.except(ctx, tx, orderKindOf(t.Order), t.Order, who.ID(), "look_refused")
		})
		return nil, errors.Join(err, fail)
	}
	return look, err
}

func orderKindOf(order string) string {
	if strings.HasPrefix(order, glassMark) {
		return LeafGlass
	}
	return LeafOrder
}

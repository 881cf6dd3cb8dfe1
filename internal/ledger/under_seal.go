package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/procedure"
	"comity/internal/translog"
	"comity/internal/vault"
)

// To put a case under seal is not the effect procedure.Seal, after which one unit still reads it. Nobody may
// read a case under seal, and nobody can tell it from one that never was: its rows are moved to tables of
// their own, which no list, search, number or code leads to. What stays are its leaves in the log.
//
// law: PPDL/59 (records of minors are sealed), PIPL/28 (sensitive data)

// Grounds on which a case is put under seal.
const (
	SealAtClosure = "closure"
	SealByOrder   = "order"
	sealRestored  = "restored" // it was under seal before, and an old backup brought it back
)

// Leaves of the log about what departs from the everyday rules of reading.
const (
	LeafSealed    = "sealed"
	LeafOrder     = "order"
	LeafGlass     = "glass"
	LeafCustodian = "custodian"
)

// Custodian holds one half of every seal key made while in office.
type Custodian struct {
	Account string
	Public  vault.CustodianKey
	Since   time.Time
	Until   time.Time // zero while in office
}

// Appoint puts a custodian in office, in the place of an earlier one where it is named. There are two at a
// time, and they are two persons.
func (l *Ledger) Appoint(ctx context.Context, by string, account string, public vault.CustodianKey, instead string) error {
	if err := public.Check(); err != nil {
		return err
	}
	return l.db.Transact(ctx, func(tx *db.Tx) error {
		now, err := custodians(ctx, tx)
		if err != nil {
			return err
		}
		stay := slices.DeleteFunc(now, func(c Custodian) bool { return c.Account == instead })
		same := func(c Custodian) bool { return c.Account == account || c.Public == public }
		switch {
		case slices.ContainsFunc(stay, same):
			return fmt.Errorf("account %s or its key is a custodian's already; the two custodians are two persons with a key each", account)
		case len(stay) > 1:
			return errors.New("two custodians are in office; name the one who leaves with --instead")
		}
		if instead != "" {
			if err := l.except(ctx, tx, LeafCustodian, instead, by, "left"); err != nil {
				return err
			}
			if err := retire(ctx, tx, instead); err != nil {
				return err
			}
		}
		if err := l.except(ctx, tx, LeafCustodian, account, by, "appointed"); err != nil {
			return err
		}
		return putCustodian(ctx, tx, Custodian{Account: account, Public: public, Since: tx.Now})
	})
}

// Custodians are those in office.
func (r *Reader) Custodians(ctx context.Context) (out []Custodian, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = custodians(ctx, tx)
		return err
	})
	return out, err
}

// pair are the two custodians in office, and their keys.
func pair(ctx context.Context, tx *db.Tx) (accounts [2]string, keys [2]vault.CustodianKey, err error) {
	list, err := custodians(ctx, tx)
	if err != nil {
		return accounts, keys, err
	}
	if len(list) != 2 {
		return accounts, keys, &casework.Refusal{Rule: "seal.custodians"}
	}
	for i, c := range list {
		accounts[i], keys[i] = c.Account, c.Public
	}
	return accounts, keys, nil
}

// except writes down one thing that was done or tried, with its leaf in the log.
func (l *Ledger) except(ctx context.Context, tx *db.Tx, kind, about, actor, what string) error {
	x := Exception{Ref: l.drawLeaf(tx.Now), Kind: kind, About: about, At: micro(tx.Now), Actor: actor, What: what}
	hash, err := exceptionHash(x)
	if err != nil {
		return err
	}
	if err := putException(ctx, tx, x, hash); err != nil {
		return err
	}
	return translog.Add(ctx, tx, kind, x.Ref, hash)
}

// Exception is one thing that was done, tried or refused about an order, an emergency or a custodian.
type Exception struct {
	Ref   string    `json:"ref"`
	Kind  string    `json:"kind"`
	About string    `json:"about"`
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	What  string    `json:"what"`
}

func exceptionHash(x Exception) ([]byte, error) {
	x.At = x.At.UTC()
	return digestJSON(x)
}

func digestJSON(v any) ([]byte, error) {
	doc, err := json.Marshal(v)
	sum := sha256.Sum256(doc)
	return sum[:], err
}

// Seal puts a closed case under seal, and the cases it opened with it. It answers a *casework.Refusal where
// the pack does not say so, where the case is open or belongs to another one, or where there are not two
// custodians. From then on the case is as if it had never been.
func (l *Ledger) Seal(ctx context.Context, who authz.Actor, id casework.CaseID, ground string, law procedure.Law) error {
	var gone []string
	err := l.db.Transact(ctx, func(tx *db.Tx) (err error) {
		gone, err = l.sealNow(ctx, tx, who, id, ground, law)
		return err
	})
	if err != nil {
		return err
	}
	return l.list(ctx, sealedListed, gone)
}

// sealedMark begins the names of cases under seal on the list beside the key file, so that one that an old
// backup brings back is sealed again.
const sealedMark = "sealed:"

func (l *Ledger) sealNow(ctx context.Context, tx *db.Tx, who authz.Actor, id casework.CaseID, ground string, law procedure.Law) ([]string, error) {
	s, err := l.load(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if who.IsStaff() && !l.maySeal(who, s) || !who.IsStaff() && !who.Is(authz.System) {
		return nil, &casework.Refusal{Rule: "case.unknown"}
	}
	switch {
	case s.d.Sealing.When == "":
		return nil, &casework.Refusal{Rule: "seal.pack"}
	case s.c.Parent != nil && ground != sealRestored:
		return nil, &casework.Refusal{Rule: "seal.family", Params: map[string]string{"ref": string(s.c.Parent.Ref)}}
	case law.None():
		law = s.d.Sealing.Law
	}
	if who.IsStaff() {
		if err := l.except(ctx, tx, LeafOrder, string(id), who.ID(), "put_under_seal"); err != nil {
			return nil, err
		}
	}
	return l.sealTree(ctx, tx, who, s, ground, law)
}

// maySeal says whether somebody may order it: whoever sees in the unit that has the case whose it is.
func (l *Ledger) maySeal(who authz.Actor, s *stored) bool {
	way := l.way(who, s, Ticket{Level: authz.Identity})
	return way.Allowed && (way.Ground == authz.ByHolder || way.Ground == authz.ByAssignee)
}

// sealTree seals the cases this one opened, and then itself: none of them may name another that is not there.
func (l *Ledger) sealTree(ctx context.Context, tx *db.Tx, who authz.Actor, s *stored, ground string, law procedure.Law) (gone []string, err error) {
	if s.c.Closed.IsZero() {
		return nil, &casework.Refusal{Rule: "seal.open"}
	}
	for _, k := range s.c.Children {
		child, err := l.load(ctx, tx, k.Case)
		var no *casework.Refusal
		if errors.As(err, &no) {
			continue // sealed before
		}
		if err != nil {
			return nil, err
		}
		more, err := l.sealTree(ctx, tx, who, child, ground, law)
		if err != nil {
			return nil, err
		}
		gone = append(gone, more...)
	}
	if err := l.sealOne(ctx, tx, who, s, ground, law); err != nil {
		return nil, err
	}
	return append(gone, sealedMark+string(s.c.ID)), nil
}

func (l *Ledger) sealOne(ctx context.Context, tx *db.Tx, who authz.Actor, s *stored, ground string, law procedure.Law) error {
	key, err := findCaseKey(ctx, tx, s.n, "")
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return err
	}
	if err != nil || key.state != keyLive {
		return &casework.Refusal{Rule: "seal.key"} // older than keys, held by an order, or erased
	}
	accounts, keys, err := pair(ctx, tx)
	if err != nil {
		return err
	}
	sealed, err := l.ring.PutUnderSeal(key.wrapped, l.context(s.c.ID), keys)
	if err != nil {
		return err
	}
	doc, err := json.Marshal(s.c)
	if err != nil {
		return err
	}
	row := sealedRow{n: s.n, refKey: l.refKey(string(s.c.Ref)), at: micro(tx.Now), actor: who.ID(), ground: ground, law: procedure.Law{ID: law.ID, Article: law.Article},
		leaf: l.drawLeaf(tx.Now), custodians: accounts, key: sealed, hash: s.hash, doc: doc}
	if row.leafHash, err = row.digest(s.c.ID); err != nil {
		return err
	}
	if err := errors.Join(putSealed(ctx, tx, row), addToCounter(ctx, tx, sealedHere, 1)); err != nil {
		return err
	}
	if err := s.leave(ctx, tx); err != nil {
		return err
	}
	if l.cfg.Forget != nil {
		if err := l.cfg.Forget(ctx, tx, s.c.ID, s.c.Ref); err != nil {
			return err
		}
	}
	return translog.Add(ctx, tx, LeafSealed, row.leaf, row.leafHash)
}

// refKey is how the number of a case under seal is stored.
func (k keeper) refKey(ref string) string { return k.ring.Index("sealed ref", ref) }

// digest is what the log holds of it: nothing in it changes when the shares are drawn anew.
func (r sealedRow) digest(id casework.CaseID) ([]byte, error) {
	return digestJSON(struct {
		Case   casework.CaseID `json:"case"`
		Leaf   string          `json:"leaf"`
		At     time.Time       `json:"at"`
		Actor  string          `json:"actor"`
		Ground string          `json:"ground"`
		Law    procedure.Law   `json:"law"`
		Hash   []byte          `json:"hash"`
	}{id, r.leaf, r.at.UTC(), r.actor, r.ground, r.law, r.hash})
}

// leave takes a case out of everything that leads to it.
func (s *stored) leave(ctx context.Context, tx *db.Tx) error {
	moved := map[tally]counts{}
	s.count(moved, s.was, -1)
	if len(moved) > 0 { // only open cases stand in tallies, and no open case comes here
		return fmt.Errorf("ledger: case %s is open and cannot leave", s.c.Ref)
	}
	for _, unit := range listers(s.d.Units.Path, s.old) {
		if err := unlist(ctx, tx, unit, s); err != nil {
			return err
		}
	}
	return s.remove(ctx, tx)
}

// sealPage bounds how many cases one pass seals.
const sealPage = 100

// RunSeals seals what is due, ends the orders whose time is over, and has the people told whose cases were
// looked at in an emergency. It is called every few seconds and reports how much it did.
func (l *Ledger) RunSeals(ctx context.Context) (done int, err error) {
	n, err := l.sealDue(ctx)
	ended, fail := l.endOrders(ctx)
	told, failed := l.tellGlass(ctx)
	return n + ended + told, errors.Join(err, fail, failed)
}

func (l *Ledger) sealDue(ctx context.Context) (done int, err error) {
	var due []int64
	if err := l.db.View(ctx, func(tx *db.Tx) (err error) {
		due, err = sealsDue(ctx, tx, sealPage)
		return err
	}); err != nil {
		return 0, err
	}
	for _, n := range due {
		var gone []string
		fail := l.db.Transact(ctx, func(tx *db.Tx) (err error) {
			gone, err = l.sealClosed(ctx, tx, n)
			return err
		})
		if fail == nil {
			fail = l.list(ctx, sealedListed, gone)
		}
		if fail != nil {
			err = errors.Join(err, fmt.Errorf("ledger: case %s is closed and could not be put under seal: %w", caseID(n), fail))
			continue
		}
		done += len(gone)
	}
	return done, err
}

// sealClosed seals a case whose procedure ends under seal, once what it owes has been sent.
func (l *Ledger) sealClosed(ctx context.Context, tx *db.Tx, n int64) ([]string, error) {
	s, err := l.load(ctx, tx, caseID(n))
	var no *casework.Refusal
	if errors.As(err, &no) {
		return nil, notDue(ctx, tx, n)
	}
	if err != nil {
		return nil, err
	}
	if s.c.Closed.IsZero() { // opened again meanwhile
		return nil, notDue(ctx, tx, n)
	}
	if l.cfg.Owes != nil {
		owes, err := l.cfg.Owes(ctx, tx, s.c.ID)
		if err != nil || owes {
			return nil, err
		}
	}
	ground := SealAtClosure
	if s.d.Sealing.When != procedure.AtClosure {
		ground = sealRestored
	}
	gone, err := l.sealNow(ctx, tx, authz.Machine(), s.c.ID, ground, s.d.Sealing.Law)
	if err != nil {
		return nil, err
	}
	return gone, notDue(ctx, tx, n)
}

// SealAgain compares what is under seal with the list beside the key file, both ways: what a restored backup
// brought back in the open is due to be sealed again, and what a crash kept off the list is put on it. It is
// called at every start, before anything is served.
func (l *Ledger) SealAgain(ctx context.Context) (again int, err error) {
	if same, err := l.inStep(ctx); err != nil || same {
		return 0, err
	}
	listed, err := l.ring.Destroyed()
	if err != nil {
		return 0, err
	}
	var under []string
	var sealed int64
	err = l.db.Transact(ctx, func(tx *db.Tx) error {
		again, under = 0, nil
		s, err := loadStep(ctx, tx)
		if err != nil {
			return err
		}
		sealed = s.counts[sealedHere]
		for _, name := range listed {
			id, ok := cutSealed(name)
			n, known := number(id)
			if !ok || !known {
				continue
			}
			there, err := isLive(ctx, tx, n)
			if err != nil {
				return err
			}
			if there {
				again++
				if err := putDue(ctx, tx, n); err != nil {
					return err
				}
			}
		}
		ns, err := allSealed(ctx, tx)
		for _, n := range ns {
			under = append(under, sealedMark+string(caseID(n)))
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if err := l.ring.MarkDestroyed(under...); err != nil {
		return 0, err
	}
	// That nothing under seal lacks on the list holds for whatever end of it Reconcile keeps.
	return again, l.db.Transact(ctx, func(tx *db.Tx) error { return putCounter(ctx, tx, sealedListed, sealed) })
}

// verifySealed re-derives one case under seal from its events, without opening it, and looks for traces.
func (r *Reader) verifySealed(ctx context.Context, tx *db.Tx, n int64) error {
	row, err := findSealed(ctx, tx, n)
	if err != nil {
		return err
	}
	s, err := row.stored()
	if err != nil {
		return err
	}
	events, err := sealedEventRows(ctx, tx, n)
	if err != nil {
		return err
	}
	if err := agrees(s, events); err != nil {
		return err
	}
	if hash, err := row.digest(s.c.ID); err != nil || string(hash) != string(row.leafHash) {
		return errors.Join(err, fmt.Errorf("case %s: what is written of its sealing is not what was stored", s.c.Ref))
	}
	key, err := findCaseKey(ctx, tx, n, "")
	if err != nil || key.state != keySealed || key.wrapped != "" {
		return errors.Join(err, fmt.Errorf("case %s is under seal and its key is not", s.c.Ref))
	}
	trace, err := traces(ctx, tx, n)
	if err == nil && trace != "" {
		err = fmt.Errorf("case %s is under seal and has left rows in %s", s.c.Ref, trace)
	}
	return err
}

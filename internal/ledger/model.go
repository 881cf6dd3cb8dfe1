package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/vault"
)

// model is an ended matter as it was played: a case, and those it opened.
type model struct {
	index  int
	cases  []modelCase
	opened time.Time
	events int // of all its cases
	values []value
	known  map[string]int // value → its place
}

// value is something of a model that each copy has for itself.
type value struct {
	kind valueKind
	was  string
	of   int // the case an id or number belongs to
}

type valueKind byte

const (
	valueID valueKind = iota
	valueRef
	valueCode
	valueContact // an address or number by which a person is known
)

// modelCase is one case of a model.
type modelCase struct {
	n      int64
	d      *procedure.Definition
	code   int // its value
	events []modelEvent
	looks  []Disclosure
	beside [][][]any // rows by table of Filling.Beside
	slots  []mould   // what its sealed texts say
	names  map[string]int
	open   *casework.Opening // in clear
	given  map[string]string
	whole  *face // how it stands at its end
}

type modelEvent struct {
	at   time.Time
	kind string
	doc  mould
	c    casework.Case  // after it, sealed
	e    casework.Event // sealed
	keys []memberKey
}

// memberKey is the key of somebody who comes onto a roll.
type memberKey struct {
	code   int
	member string
}

func (m *modelCase) opened() time.Time { return m.events[0].at }

// perCase is how many events a case of the model has on average.
func (m *model) perCase() float64 { return float64(m.events) / float64(len(m.cases)) }

// casesBy is how many of its cases have been opened by a time of the model.
func (m *model) casesBy(at time.Time) int {
	n := 0
	for i := range m.cases {
		if !m.cases[i].opened().After(at) {
			n++
		}
	}
	return max(n, 1)
}

// models reads the histories that can be copied. Left out are those whose cases are not all at an end, are sealed, go with
// a group or go under seal, and those of which something does not open.
func (l *Ledger) models(ctx context.Context, numbers []int64, beside []Beside) (out []*model, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		for _, n := range numbers {
			m := &model{index: len(out), known: map[string]int{}}
			ok, err := l.readModel(ctx, tx, m, n, true)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if err := l.mouldModel(ctx, tx, m, beside); err != nil {
				return fmt.Errorf("case %s as a model: %w", caseID(n), err)
			}
			out = append(out, m)
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = errors.New("ledger: none of the ended cases can be copied")
	}
	return out, err
}

// readModel reads a case and, behind it, those it opened.
func (l *Ledger) readModel(ctx context.Context, tx *db.Tx, m *model, n int64, first bool) (ok bool, err error) {
	s, err := l.load(ctx, tx, caseID(n))
	if err != nil {
		return false, err
	}
	c := &s.c
	if c.Closed.IsZero() || c.Sealed != "" || c.Lead != nil || len(c.Group) > 0 || s.d.Sealing.When == procedure.AtClosure || first != (c.Parent == nil) {
		return false, nil
	}
	rows, err := eventRowsOf(ctx, tx, n)
	if err != nil {
		return false, err
	}
	k := modelCase{n: n, d: s.d, names: map[string]int{}}
	var fold casework.Case
	for _, row := range rows {
		var e casework.Event
		if err := json.Unmarshal(row.doc, &e); err != nil {
			return false, err
		}
		fold = casework.Fold(fold, e)
		k.events = append(k.events, modelEvent{at: e.At, kind: e.Kind, c: fold, e: e})
	}
	if first {
		m.opened = k.events[0].at
	}
	m.events += len(k.events)
	m.value(value{valueID, string(c.ID), len(m.cases)})
	m.value(value{valueRef, string(c.Ref), len(m.cases)})
	m.cases = append(m.cases, k)
	for _, child := range c.Children {
		n, _ := number(child.Case)
		if ok, err := l.readModel(ctx, tx, m, n, false); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (m *model) value(v value) int {
	if i, ok := m.known[v.was]; ok {
		return i
	}
	m.known[v.was] = len(m.values)
	m.values = append(m.values, v)
	return len(m.values) - 1
}

// mouldModel makes the moulds of everything that is stored of a model.
func (l *Ledger) mouldModel(ctx context.Context, tx *db.Tx, m *model, beside []Beside) error {
	keys := make([]*vault.Key, len(m.cases))
	for i := range m.cases { // values first: the words of one case may name another's
		k := &m.cases[i]
		var err error
		if keys[i], err = l.caseKey(ctx, tx, k.n); err != nil {
			return err
		}
		open := l.opening(keys[i], caseID(k.n), authz.Key)
		for j := range k.events {
			clear := k.events[j].e.Private(k.d, open)
			if o := clear.Opening; o != nil {
				k.open, k.given = o, clear.Fields
				k.code = m.value(value{kind: valueCode, was: string(o.Code)})
				for _, who := range []string{o.Contact.Address, clear.Fields[NumberField]} {
					if who != "" {
						m.value(value{kind: valueContact, was: who})
					}
				}
			}
			for _, who := range newMembers(&clear) {
				if who.Code != "" {
					k.events[j].keys = append(k.events[j].keys, memberKey{m.value(value{kind: valueCode, was: string(who.Code)}), who.ID})
				}
			}
		}
	}
	for i := range m.cases {
		if err := l.mouldCase(ctx, tx, m, &m.cases[i], keys[i], beside); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) mouldCase(ctx context.Context, tx *db.Tx, m *model, k *modelCase, key *vault.Key, beside []Beside) (err error) {
	slot := func(sealed string) int {
		i, ok := k.names[sealed]
		if ok {
			return i
		}
		plain, fail := key.Open(l.context(caseID(k.n)), sealed)
		if fail != nil {
			err = fmt.Errorf("a sealed text does not open: %w", fail)
		}
		k.names[sealed] = len(k.slots)
		k.slots = append(k.slots, wordsMould(plain, m.known))
		return len(k.slots) - 1
	}
	rows, fail := eventRowsOf(ctx, tx, k.n)
	if fail != nil {
		return fail
	}
	for i := range k.events {
		k.events[i].doc = mouldOf(rows[i].doc, m.known, slot)
	}
	looks, fail := looksOf(ctx, tx, k.n, 1<<31-1, 1<<62)
	if fail != nil {
		return fail
	}
	for _, row := range slices.Backward(looks) {
		if row.Note == "" && row.Order == "" { // what was written under an order belongs to one case alone
			k.looks = append(k.looks, row.Disclosure)
		}
	}
	for _, b := range beside {
		list, fail := b.Rows(ctx, tx, caseID(k.n))
		if fail != nil {
			return fail
		}
		for _, row := range list {
			for i, v := range row {
				if text, ok := v.(string); ok && vault.Sealed(text) {
					row[i] = sealedSlot(slot(text))
				} else if ok {
					row[i] = wordsMould(text, m.known)
				}
			}
		}
		k.beside = append(k.beside, list)
	}
	if err == nil {
		k.whole, err = l.faceOf(m, k, len(k.events))
	}
	return err
}

// sealedSlot stands in a row of another room for a sealed text.
type sealedSlot int

// face is what rows, lists and search show of a case when it has so many events.
type face struct {
	c      casework.Case
	p      place
	doc    mould
	due    string // the clock that runs out first
	lists  []org.UnitID
	tokens []byte // of the search index; nil where it holds nothing of such cases
	title  string
	where  string
}

func (l *Ledger) faceOf(m *model, k *modelCase, events int) (*face, error) {
	c := k.events[events-1].c
	doc, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	f := &face{c: c, p: rowsOf(c)}
	lost := false
	f.doc = mouldOf(doc, m.known, func(sealed string) int {
		i, ok := k.names[sealed]
		lost = lost || !ok
		return i
	})
	if lost {
		return nil, errors.New("the folded case holds a sealed text that no event does")
	}
	due, _ := c.Due()
	f.due, f.lists = due.ID, listers(k.d.Units.Path, f.p)
	f.title, f.where = heading(k.d, k.open.Title, k.open.Place.Address)
	s := &stored{c: c, d: k.d}
	if s.searchable() {
		f.tokens = words.Tokens(l.db.Engine(), l.indexed(s, f.lists, k.open.Title, k.open.Text, k.open.Place.Address))
	}
	return f, nil
}

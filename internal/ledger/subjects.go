package ledger

import (
	"context"
	"errors"
	"slices"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
)

// Kinds of what a person can be known by.
const (
	ByPhone  = "phone"
	ByMail   = "mail"
	ByNumber = "id" // of a document that says who somebody is
)

// NumberField is the field of an opening whose answer is the number of such a document.
const NumberField = "id_number"

// kindOf is what a message channel reaches somebody by.
func kindOf(channel string) string {
	switch channel {
	case "sms":
		return ByPhone
	case "mail":
		return ByMail
	}
	return ""
}

// Fact is one thing a person was shown to be known by.
type Fact struct{ Kind, Value string }

// Known is what a contact says about whoever it reaches.
func Known(c casework.Contact) (Fact, bool) {
	kind := kindOf(c.Channel)
	return Fact{kind, c.Address}, kind != "" && c.Address != ""
}

// subject is a row of the table: a fact as a pseudonym in one programme.
type subject struct{ kind, token string }

// subjects are the pseudonyms of whoever opens a case.
func (k keeper) subjects(programme string, o *casework.Opening, answers map[string]string) (out []subject) {
	facts := []Fact{{ByNumber, answers[NumberField]}}
	if f, ok := Known(o.Contact); ok {
		facts = append(facts, f)
	}
	for _, f := range facts {
		if token, ok := k.pseudonym(programme, f); ok {
			out = append(out, subject{f.Kind, token})
		}
	}
	return out
}

// pseudonym stands for a person in one programme of this compartment and for nobody in any other.
func (k keeper) pseudonym(programme string, f Fact) (string, bool) {
	return k.ring.Pseudonym(programme+":"+f.Kind, f.Value)
}

// Held is what the cases of one person in one programme are found by: for the self view alone, which has
// seen the person prove each fact. Whoever is not shown to be that person has no way to ask.
type Held struct {
	Programme string
	Tokens    []string
}

// HeldBy makes the pseudonyms that facts have in a programme.
func (r *Reader) HeldBy(programme string, facts []Fact) Held {
	h := Held{Programme: programme}
	for _, f := range facts {
		if token, ok := r.pseudonym(programme, f); ok {
			h.Tokens = append(h.Tokens, token)
		}
	}
	return h
}

// OfSubject lists the cases of a pseudonym, oldest first, veiled. Sealed and erased ones are not among them.
func (r *Reader) OfSubject(ctx context.Context, h Held) (out []casework.Case, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		var numbers []int64
		for _, token := range h.Tokens {
			ns, err := casesOfSubject(ctx, tx, token)
			if err != nil {
				return err
			}
			numbers = append(numbers, ns...)
		}
		slices.Sort(numbers)
		for _, n := range slices.Compact(numbers) {
			s, err := loadCase(ctx, tx, n)
			if err != nil {
				return err
			}
			if s.c.Programme == h.Programme && s.c.Sealed == "" {
				out = append(out, s.c.Private(nil, veiled))
			}
		}
		return nil
	})
	return out, err
}

// Tokens are the pseudonyms a case stands under, for whoever hides it from its person's own page.
func (r *Reader) Tokens(ctx context.Context, id casework.CaseID) (out []string, err error) {
	n, ok := number(id)
	if !ok {
		return nil, ErrNotFound
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = tokensOf(ctx, tx, n)
		return err
	})
	return out, err
}

// saveSubjects writes the pseudonyms of a new case, and takes them away when it is sealed.
func (l *Ledger) saveSubjects(ctx context.Context, tx *db.Tx, s *stored) error {
	switch {
	case s.fresh && s.c.Sealed == "":
		return putSubjects(ctx, tx, s.n, l.subjects(s.c.Programme, s.open, s.given))
	case s.c.Sealed != "" && s.old.sealed == "":
		return dropSubjects(ctx, tx, s.n)
	}
	return nil
}

// subjectsPage keeps the transaction that catches up short.
const subjectsPage = 200

// fillSubjects gives cases their pseudonyms that are older than the table of them.
func (l *Ledger) fillSubjects(ctx context.Context) error {
	for {
		n := 0
		err := l.db.Transact(ctx, func(tx *db.Tx) error {
			list, err := missingSubjects(ctx, tx, subjectsPage)
			n = len(list)
			for _, n := range list {
				if err == nil {
					err = l.fillSubject(ctx, tx, n)
				}
			}
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

func (l *Ledger) fillSubject(ctx context.Context, tx *db.Tx, n int64) error {
	s, err := l.load(ctx, tx, caseID(n))
	if err != nil {
		return err
	}
	key, err := l.caseKey(ctx, tx, n)
	if err != nil && !errors.Is(err, errErased) {
		return err
	}
	events, listErr := listEvents(ctx, tx, n)
	if listErr != nil {
		return listErr
	}
	if err == nil && s.c.Sealed == "" && len(events) > 0 && events[0].Opening != nil {
		e := events[0].Private(s.d, l.opening(key, s.c.ID, authz.Identity))
		if err := putSubjects(ctx, tx, n, l.subjects(s.c.Programme, e.Opening, e.Fields)); err != nil {
			return err
		}
	}
	return doneSubjects(ctx, tx, n)
}

// Asked records that an officer looked up one case because the person it belongs to stood before them,
// showed who they are and asked. It shows no more than its steps, whatever the officer may read otherwise;
// the person finds the look on their page like any other.
//
// law: PIPL/45 (access), PIPL/50 (a way to ask)
func (l *Ledger) Asked(ctx context.Context, who authz.Actor, id casework.CaseID) error {
	if _, ok := number(id); !ok {
		return ErrNotFound
	}
	t := Ticket{Case: id, Purpose: PurposeAnswer, Level: authz.Steps}
	_, err := l.submit(&request{ctx: ctx, who: who, look: &t, seen: &Look{}, asked: true})()
	return err
}

// PurposeAnswer is to answer what a person asks about their own data.
const PurposeAnswer = "answer_request"

// permitAsked is the right of whoever serves at a counter, given by the person who asks.
func permitAsked(who authz.Actor, t Ticket) (Disclosure, error) {
	grants := who.Grants()
	if !who.IsStaff() || len(grants) == 0 {
		return Disclosure{}, ErrNotFound
	}
	return Disclosure{Actor: who.ID(), For: who.For(), Purpose: t.Purpose, Level: t.Level,
		Role: string(grants[0].Role), Unit: grants[0].Unit, Ground: string(authz.ByPerson)}, nil
}

package ledger

import (
	"context"
	"errors"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
)

// Public is how much of a case somebody may see who was not shown it: not because of who they are, but
// because the city has said so of all cases of its kind. It is not a look and is not recorded as one, so
// nothing about a person is ever in it: no contact, no member, no code, no file, no answer of a form about
// somebody.
type Public int

// The steps of Public. Each holds what the one before holds.
const (
	PublicNothing Public = iota // as if it were not there
	PublicSteps                 // numbers, states, units and dates
	PublicPlace                 // where it is
	PublicText                  // what was written about the place, and what was answered
)

// PublicFilter narrows a list of public cases, newest first. Only cases of the categories are found, and none
// that is sealed.
type PublicFilter struct {
	Categories  []string
	Places      []org.UnitID // units they lie in, for PublishedNear; none: everywhere
	Open        bool         // open cases; with Closed or with neither, all
	Closed      bool         // closed ones
	Since       time.Time    // opened at this time or later
	Before      time.Time    // opened before
	Skip, Limit int
}

// Show says how much of a case is public. The case it is asked about is veiled.
type Show func(c casework.Case) Public

// Published lists public cases as far as show says.
func (r *Reader) Published(ctx context.Context, f PublicFilter, show Show) (out []casework.Case, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		skip := f.Skip
		for s, err := range publicCases(ctx, tx, f) {
			if err != nil {
				return err
			}
			p := show(s.c.Private(nil, veiled))
			if p == PublicNothing {
				continue
			}
			if skip--; skip >= 0 {
				continue
			}
			c, err := r.publish(ctx, tx, s, p)
			if err != nil {
				return err
			}
			if out = append(out, c); len(out) == f.Limit {
				return nil
			}
		}
		return nil
	})
	return out, err
}

// PublishedCase finds one public case by its number, with what happened to it, oldest first. What is sealed or
// not to be shown is not found.
func (r *Reader) PublishedCase(ctx context.Context, ref string, show Show) (c casework.Case, events []casework.Event, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		n, err := numberOf(ctx, tx, "ref", ref)
		if err != nil {
			return err
		}
		p, err := r.published(ctx, tx, n, show)
		c, events = p.c, p.events
		return err
	})
	if errors.Is(err, db.ErrNoRows) || err == nil && c.ID == "" {
		err = ErrNotFound
	}
	return c, events, err
}

// Happened is something that happened to a public case.
type Happened struct {
	Case   casework.Case    // as it stands now
	Before []casework.Event // of the case, oldest first
	Event  casework.Event
}

// PublishedEvents lists what happened to public cases from one time to another, both included, oldest first. It
// answers at most limit of them: whoever gets so many asks for a shorter time.
func (r *Reader) PublishedEvents(ctx context.Context, categories []string, from, to time.Time, limit int, show Show) (out []Happened, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		marks, err := publicEvents(ctx, tx, categories, from, to, limit)
		if err != nil {
			return err
		}
		known := map[int64]*published{}
		for _, m := range marks {
			p := known[m.n]
			if p == nil {
				if p, err = r.published(ctx, tx, m.n, show); err != nil {
					return err
				}
				known[m.n] = p
			}
			for i, e := range p.events {
				if e.Seq == m.seq {
					out = append(out, Happened{Case: p.c, Before: p.events[:i], Event: e})
				}
			}
		}
		return nil
	})
	return out, err
}

// published is a public case with what happened to it; of one that is not to be shown there is nothing.
type published struct {
	c      casework.Case
	events []casework.Event
}

func (r *Reader) published(ctx context.Context, tx *db.Tx, n int64, show Show) (*published, error) {
	s, err := loadCase(ctx, tx, n)
	if err != nil {
		return &published{}, err
	}
	p := PublicNothing
	if s.c.Sealed == "" {
		p = show(s.c.Private(nil, veiled))
	}
	if p == PublicNothing {
		return &published{}, nil
	}
	open, err := r.publicKeep(ctx, tx, s, p)
	if err != nil {
		return &published{}, err
	}
	out := &published{}
	if out.c, err = r.publish(ctx, tx, s, p); err != nil {
		return &published{}, err
	}
	d, err := r.defs.Definition(s.c.Pack, s.c.Procedure)
	if err != nil {
		return &published{}, err
	}
	if out.events, err = listEvents(ctx, tx, n); err != nil {
		return &published{}, err
	}
	if p < PublicText {
		open = func(authz.Level, string) string { return casework.Veil }
	}
	for i, e := range out.events {
		e = e.Private(d, open)
		e.Opening, e.Joins, e.Files = nil, nil, nil
		if e.Note != nil && !e.Note.Public {
			e.Note = nil
		}
		out.events[i] = e
	}
	return out, nil
}

// publish opens of a case what is public and takes everything about people out of it.
func (r *Reader) publish(ctx context.Context, tx *db.Tx, s *stored, p Public) (casework.Case, error) {
	c := s.c.Private(nil, veiled)
	c.Code, c.Contact, c.Intake, c.Members, c.Files, c.Assignee = "", casework.Contact{}, nil, nil, nil, ""
	c.Place = casework.Place{Unit: c.Place.Unit}
	c.Title, c.Text, c.Answer, c.Alike = "", "", nil, ""
	if p < PublicPlace {
		return c, nil
	}
	open, err := r.publicKeep(ctx, tx, s, p)
	if err != nil {
		return c, err
	}
	d, err := r.defs.Definition(s.c.Pack, s.c.Procedure)
	if err != nil {
		return c, err
	}
	shown := s.c.Private(d, open)
	c.Place = shown.Place
	if p >= PublicText {
		c.Title, c.Text, c.Answer = shown.Title, shown.Text, shown.Answer
		c.Files = slices.DeleteFunc(slices.Clone(shown.Files), func(f casework.File) bool { return !f.Published || f.Held != "" || f.Key == casework.Veil })
	}
	return c, nil
}

// publicKeep opens the story of a case where its words are public, and nothing above.
func (r *Reader) publicKeep(ctx context.Context, tx *db.Tx, s *stored, p Public) (casework.Keep, error) {
	if p < PublicPlace {
		return veiled, nil
	}
	key, err := r.caseKey(ctx, tx, s.n)
	if errors.Is(err, errErased) {
		return veiled, nil
	}
	if err != nil {
		return nil, err
	}
	opened := r.opening(key, s.c.ID, authz.Story)
	return func(level authz.Level, text string) string {
		if level > authz.Story {
			return casework.Veil // what was written before there were keys is in clear, and not public for that
		}
		return opened(level, text)
	}, nil
}

// OpenedBy finds the case that an actor opened, or did something on, with an idempotency key. Having sent the key
// is the right to its number.
func (r *Reader) OpenedBy(ctx context.Context, who authz.Actor, key string) (ref casework.Ref, id casework.CaseID, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		k, err := findKey(ctx, tx, who.ID(), r.keyedKey(key))
		if err != nil {
			return err
		}
		s, err := loadCase(ctx, tx, k.n)
		if err != nil {
			return err
		}
		ref, id = s.c.Ref, s.c.ID
		return nil
	})
	if errors.Is(err, db.ErrNoRows) {
		err = ErrNotFound
	}
	return ref, id, err
}

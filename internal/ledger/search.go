package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/procedure"
)

// The search index holds, for each case whose heading lists may show in the clear, the words of its title, text and
// address, and beside them the names of the lists it stands on and what it is about for good. So words and scope are
// one question to one index: a common word asked for in a small unit costs what the unit's cases cost, not what the
// city's do. All of it is keyed. Other cases have no words there: finding one by a word would tell what only a
// recorded look may show.

// Word is something that must stand in a case, or with Not must not; with Phrase its words stand side by side.
type Word struct {
	Text   string
	Phrase bool
	Not    bool
}

// Test narrows a list to cases whose field has one of the values, or with Not to those that have none of them.
type Test struct {
	Field  string
	Not    bool
	Values []string
}

// Fields of a Test. The last four take no values.
const (
	TestState     = "state" // values are PROCEDURE.STATE, or STATE for all procedures
	TestUnit      = "unit"  // the case stands on the list of one of the units
	TestCategory  = "category"
	TestProcedure = "procedure"
	TestProgramme = "programme"
	TestSource    = "source"
	TestAssignee  = "assignee"
	TestOffered   = "offered" // to one of the units
	TestLate      = "late"
	TestPaused    = "paused"
	TestRaised    = "raised"
	TestJoint     = "joint"
)

// Range narrows a list by a time: from From on, and before Before; zero is open. With Not the other way round.
type Range struct {
	Field        string // due or opened
	Not          bool
	From, Before time.Time
}

// Fields of a Range.
const (
	RangeDue    = "due"
	RangeOpened = "opened"
)

// ref is the case number that was typed in place of words.
func (f Filter) ref() string {
	if len(f.Words) == 1 && !f.Words[0].Not && looksLikeRef(f.Words[0].Text) {
		return strings.ToUpper(strings.TrimSpace(f.Words[0].Text))
	}
	return ""
}

func (w Word) phrases() []db.Phrase {
	phrases := db.QueryPhrases(w.Text)
	if w.Phrase {
		phrases = db.ExactPhrase(w.Text)
	}
	if w.Not && len(phrases) > 1 { // of several words all are left out only where they stand together
		phrases = db.ExactPhrase(w.Text)
	}
	for i := range phrases {
		phrases[i].Not = w.Not
	}
	return phrases
}

// Marks lists where in a shown text the words of the filter stand, as pairs of byte offsets. Give it only what the
// reader is shown: of a line that is veiled or sealed there is nothing to mark.
func (f Filter) Marks(text string) [][2]int {
	var phrases []db.Phrase
	for _, w := range f.Words {
		phrases = append(phrases, w.phrases()...)
	}
	return db.Found(text, phrases)
}

// asked is the question to the search index: the words, and on which list. ok is false where nothing can be found. The
// list of the whole place is left out beside words: nearly every case stands there, so that asking for it walks them all.
func (k keeper) asked(f Filter, l lane) (out []db.Phrase, ok bool) {
	out = k.askedOf(f)
	ok = len(out) > 0
	word := slices.ContainsFunc(out, func(p db.Phrase) bool { return !p.Not })
	fixed := func(kind, value string) {
		out = append(out, db.Phrase{Tokens: []string{k.fixedToken(kind, value)}})
	}
	if !word || !l.whole {
		fixed("list", string(l.root.Unit))
	}
	for field, value := range map[string]string{TestCategory: f.Category, TestProgramme: f.Programme} {
		if value != "" {
			fixed(field, value)
		}
	}
	for _, t := range f.Tests {
		if !t.Not && len(t.Values) == 1 && slices.Contains(fixedFields, t.Field) {
			fixed(t.Field, t.Values[0])
		}
	}
	return out, ok
}

// askedOf is the question about the words alone.
func (k keeper) askedOf(f Filter) (out []db.Phrase) {
	for _, w := range f.Words {
		for _, p := range w.phrases() {
			out = append(out, k.keyed(p)...)
		}
	}
	return out
}

// fixedFields never change in the life of a case, so that the index knows them.
var fixedFields = []string{TestCategory, TestProcedure, TestProgramme, TestSource}

// fixedToken is what the index holds of something that is no word. No word has a space in it.
func (k keeper) fixedToken(kind, value string) string { return k.ring.Token(kind + " " + value) }

// keyed is a phrase as the index holds it. A word that may go on is looked for among the beginnings of words, which
// stand apart; so of a longer phrase its end is looked for apart from the rest.
func (k keeper) keyed(p db.Phrase) (out []db.Phrase) {
	words, last := p.Tokens, len(p.Tokens)-1
	if p.Prefix && (last == 0 || !p.Not) {
		out = append(out, db.Phrase{Tokens: []string{k.ring.Token("^" + db.PrefixOf(words[last]))}, Not: p.Not})
		words = words[:last]
	}
	tokens := make([]string, len(words))
	for i, w := range words {
		tokens[i] = k.ring.Token(w)
	}
	if len(tokens) > 0 {
		out = append(out, db.Phrase{Tokens: tokens, Not: p.Not})
	}
	return out
}

// searchable reports whether the words of a case may be searched for at all.
func (s *stored) searchable() bool {
	return s.c.Sealed == "" && s.d.Heading == procedure.HeadingTitle
}

// saveWords keeps the search index true: written when the case is opened, when it comes on other lists, and taken
// away when it is sealed.
func (l *Ledger) saveWords(ctx context.Context, tx *db.Tx, s *stored, p place) error {
	if !s.searchable() {
		if !s.fresh && s.c.Sealed != "" && s.old.sealed == "" {
			return dropWords(ctx, tx, s.n)
		}
		return nil
	}
	lists := listers(s.d.Units.Path, p)
	if !s.fresh && slices.Equal(lists, listers(s.d.Units.Path, s.old)) {
		return nil
	}
	if s.fresh && s.open != nil {
		return words.AddTokens(ctx, tx, s.n, l.indexed(s, lists, s.open.Title, s.open.Text, s.open.Place.Address))
	}
	return l.indexWords(ctx, tx, s, lists)
}

// indexWords writes what the index holds of a stored case, for which its key is needed.
func (l *Ledger) indexWords(ctx context.Context, tx *db.Tx, s *stored, lists []org.UnitID) error {
	key := s.key
	if key == nil {
		var err error
		if key, err = l.caseKey(ctx, tx, s.n); errors.Is(err, errErased) {
			return dropWords(ctx, tx, s.n)
		} else if err != nil {
			return err
		}
	}
	open := s.c.Private(s.d, l.opening(key, s.c.ID, authz.Story))
	if open.Text == casework.Veil {
		return dropWords(ctx, tx, s.n)
	}
	return putWords(ctx, tx, s.n, l.indexed(s, lists, open.Title, open.Text, open.Place.Address))
}

// indexed are the tokens of a case. What is no word comes first, so that a long text does not push it out.
func (l *Ledger) indexed(s *stored, lists []org.UnitID, texts ...string) []string {
	var out []string
	for _, list := range lists {
		out = append(out, l.fixedToken("list", string(list)))
	}
	for i, value := range []string{s.c.Category, s.c.Procedure, s.c.Programme, s.c.Source} {
		out = append(out, l.fixedToken(fixedFields[i], value))
	}
	return append(out, l.tokens(strings.Join(texts, "\n"))...)
}

// wordsPage keeps the transaction that catches up short.
const wordsPage = 100

// IndexWords indexes cases anew that were indexed by an older version, at the start and before anybody searches. It asks for the
// procedures of every case, so the packs under which cases were opened have to be there. done is told how many it has
// indexed; it may be nil.
func (l *Ledger) IndexWords(ctx context.Context, done func(int)) error {
	for total := 0; ; {
		n := 0
		err := l.db.Transact(ctx, func(tx *db.Tx) error {
			list, err := missingWords(ctx, tx, wordsPage)
			n = len(list)
			for _, n := range list {
				if err == nil {
					err = l.fillWord(ctx, tx, n)
				}
			}
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		if total += n; done != nil {
			done(total)
		}
	}
}

func (l *Ledger) fillWord(ctx context.Context, tx *db.Tx, n int64) error {
	s, err := l.load(ctx, tx, caseID(n))
	if err != nil {
		return err
	}
	if !s.searchable() {
		return dropWords(ctx, tx, n)
	}
	return l.indexWords(ctx, tx, s, listers(s.d.Units.Path, rowsOf(s.c)))
}

// Package query reads what an officer types above a list: words, and terms such as `state:accepted`, `due<3d` or
// `-category:lighting`. It owns the grammar alone: which keys and values there are, and in which languages they are
// written, is handed in as a [Vocabulary].
//
//	query = { [ "-" ] ( term | words ) }
//	term  = key op value { "," value }      op = ":" "=" "<" "<=" ">" ">="
//	words = anything else up to a space; in quotation marks they stand side by side
//
// Every term narrows; values behind one key are alternatives. Full-width marks and Chinese quotation marks count as
// their plain ones. What cannot be read is a [Problem] with its place and, where there is one, what may have been
// meant; all the rest of the query still holds, and nobody's text is changed.
//
// It refuses to know cases, dates of today, calendars and the database. It never fails: any text gives a Query.
//
// Open this file first; parse.go reads, write.go is the other way round, near.go finds what was meant.
package query

// Vocabulary is what can be written. Names and marks are compared without case and width; the ID of a key or value is
// always one of its names.
type Vocabulary struct {
	Keys  []Key
	Days  []Value // names of days: today, tomorrow, yesterday
	Steps []Value // what stands behind a number of days: d, wd, w
}

// Kind is what a key takes.
type Kind int

// The kinds.
const (
	Choice Kind = iota // one of the values
	Date               // a day, compared
)

// Key is the left side of a term.
type Key struct {
	ID     string
	Kind   Kind
	Names  []string // the first is how it is written
	Values []Value  // of a Choice
	Single bool     // of a Choice: takes one value, not alternatives
	Back   bool     // of a Date: a number of days is counted into the past
}

// Value is one value of a key. Several may share a name, which then means all of them.
type Value struct {
	ID    string
	Names []string // the first is how it is written
}

// Days a Vocabulary may give names to.
const (
	Today     = "today"
	Tomorrow  = "tomorrow"
	Yesterday = "yesterday"
)

// Steps a Vocabulary may give names to.
const (
	Day     = "d"
	WorkDay = "wd"
	Week    = "w"
)

// Query is what was read.
type Query struct {
	Words    []Word
	Terms    []Term
	Problems []Problem
}

// Span is a part of the text, in bytes.
type Span struct{ From, To int }

// Word is something to be found in the text of a case; with Phrase as it stands, with Not it must not occur.
type Word struct {
	Text   string
	Phrase bool
	Not    bool
	At     Span
}

// Term narrows by a key.
type Term struct {
	Key  string
	Not  bool
	Op   Op
	IDs  []string // of a Choice: alternatives, in the order of the vocabulary
	When When     // of a Date
	At   Span
}

// Op compares.
type Op string

// The operators. A Choice knows Is alone.
const (
	Is     Op = ":"
	Before Op = "<"
	Until  Op = "<="
	After  Op = ">"
	From   Op = ">="
)

// When is a day: by its date, or as a number of steps from today, below zero into the past.
type When struct {
	Date string // 2006-01-02; empty: counted from today
	N    int
	Step string // Day, WorkDay or Week
}

// Problem is a part of the text that does not count.
type Problem struct {
	Kind string // one of the kinds below
	Key  string // the ID of the key it is about, if that was read
	Got  string // what was written there
	Near string // what may have been meant
	At   Span
}

// Kinds of problems.
const (
	NoKey   = "key"   // there is no such key
	NoValue = "value" // the key has no such value
	NoDate  = "date"  // that is no day
	NoOp    = "op"    // a Choice cannot be compared
	OneOnly = "one"   // the key takes one value
	Empty   = "empty" // nothing stands behind the key
	Open    = "quote" // a quotation mark is not closed; it was taken to close at the end
	Long    = "long"  // the text is too long; the rest does not count
)

// Most characters, parts, and values of a query.
const (
	MaxRunes  = 500
	MaxParts  = 40
	MaxValues = 40
)

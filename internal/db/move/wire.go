package move

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// kind is what a column holds, whatever an engine calls it.
type kind byte

const (
	integer kind = iota // INTEGER, bigint
	words               // TEXT, text
	bytes               // BLOB, bytea
	decimal             // REAL, double precision
)

// column of a table; serial says that the database gives its numbers out.
type column struct {
	name   string
	kind   kind
	serial bool
}

// table is one to be copied. A search table holds an index of words: its rows are a number, a word and a place each,
// beside one of the number alone, so that a text without words is a row too.
type table struct {
	name    string
	search  bool
	columns []column
	needs   []string // tables its rows refer to
}

// searchColumns are those in which the rows of a search table travel.
var searchColumns = []column{{name: "id", kind: integer}, {name: "term", kind: words}, {name: "place", kind: integer}}

// mostPlaces is how often PostgreSQL keeps a word of one text; SQLite keeps it as often as it stands there.
const mostPlaces = 255

// unfit says why the other engine cannot hold a text.
func unfit(text []byte) string {
	switch {
	case !utf8.Valid(text):
		return "a text is not valid UTF-8, which PostgreSQL does not store"
	case slices.Contains(text, 0):
		return "a text holds a zero byte, which PostgreSQL does not store"
	}
	return ""
}

// A row travels as PostgreSQL's binary COPY has it: for each column its length as four bytes, -1 for NULL, and its
// bytes. Both sides make the same bytes of the same row, so that they can be held against each other.

func putNull(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff) }

func putInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(n))
}

func putFloat(b []byte, f float64) []byte { return putInt(b, int64(math.Float64bits(f))) }

func putBytes(b, v []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

var errCutOff = errors.New("a row ends in the middle")

// field takes the first value off a row; null values have no bytes.
func field(row []byte) (v []byte, null bool, rest []byte, err error) {
	if len(row) < 4 {
		return nil, false, nil, errCutOff
	}
	n := int32(binary.BigEndian.Uint32(row))
	if n < 0 {
		return nil, true, row[4:], nil
	}
	if len(row)-4 < int(n) {
		return nil, false, nil, errCutOff
	}
	return row[4 : 4+n], false, row[4+n:], nil
}

// Summary is what two tables are held against each other by: how many rows they have, and the sum of the rows'
// SHA-256, which does not depend on their order. It tells damage and loss, not an attacker: for those there is the
// log, which is checked afterwards.
type Summary struct {
	Rows int64
	sum  [4]uint64
}

func (s *Summary) add(row []byte) {
	h := sha256.Sum256(row)
	for i := range s.sum {
		s.sum[i] += binary.BigEndian.Uint64(h[8*i:])
	}
	s.Rows++
}

// Digest is the sum as text.
func (s Summary) Digest() string {
	return fmt.Sprintf("%016x%016x%016x%016x", s.sum[0], s.sum[1], s.sum[2], s.sum[3])
}

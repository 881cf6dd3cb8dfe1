package casefile

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Sum is the hash of what a file says. It is made of the pages in their order, and of each page of its
// texts and the hashes of its pictures in the order they stand; not of the bytes of a PDF, so that
// another edition of the program, with another font or another way of compressing, gives the same sum as
// long as each page says the same.
//
//	page  = SHA-256( "comity page 1\n" part "\n" number "\n" { "t" text "\ni" SHA-256 of a picture } "t" text "\n" )
//	sum   = SHA-256( "comity case file 1\n" case "\n" { page } )
//
// White space does not count in a text: lines may break elsewhere on the same page. Head, foot and QR
// code are not part of it; they say the sum.
type Sum [32]byte

// sum is the hash of the file as laid out.
func (b *book) sum() Sum {
	h := sha256.New()
	h.Write([]byte("comity case file 1\n" + b.f.Case + "\n"))
	for i, l := range b.pages {
		page := sha256.New()
		page.Write([]byte("comity page 1\n" + l.part + "\n" + itoa(l.page) + "\n"))
		var text strings.Builder
		for _, p := range b.doc.Content(i + 1) {
			if p.Image == ([32]byte{}) {
				text.WriteString(squeezed(p.Text))
				continue
			}
			page.Write([]byte("t" + text.String() + "\ni"))
			page.Write(p.Image[:])
			text.Reset()
		}
		page.Write([]byte("t" + text.String() + "\n"))
		h.Write(page.Sum(nil))
	}
	return Sum(h.Sum(nil))
}

func squeezed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// CheckPage is the path under which the site checks marks; Mark.Address writes the rest behind it.
const CheckPage = "/v"

// Mark is what the QR code of a page says. It names no part: a mark can be copied to another page, and a
// name on it would be believed.
type Mark struct {
	Case    string
	Page    int // its number; 0 for cover, index and back cover, which bear none
	Of      int // numbered pages of the file
	Content Sum
}

func (b *book) mark(i int, sum Sum) Mark { return Mark{b.f.Case, b.pages[i].page, b.body, sum} }

// Address is the mark behind the address of the page that checks it: case, page, pages and sum, each a
// piece of the path. It holds no follow code and no word of the case.
func (m Mark) Address(check string) string {
	return check + "/" + url.PathEscape(m.Case) + "/" + itoa(m.Page) + "/" + itoa(m.Of) + "/" + base64.RawURLEncoding.EncodeToString(m.Content[:])
}

// ErrMark is returned for what is no mark.
var ErrMark = errors.New("casefile: not a mark of a page")

// ParseMark reads a mark from the pieces of an address.
func ParseMark(ref, page, of, sum string) (Mark, error) {
	m := Mark{Case: strings.ToUpper(strings.TrimSpace(ref))}
	var err, errOf error
	m.Page, err = strconv.Atoi(page)
	m.Of, errOf = strconv.Atoi(of)
	raw, errSum := base64.RawURLEncoding.Strict().DecodeString(sum)
	if typed := strings.ToLower(squeezed(sum)); len(typed) == 2*len(m.Content) {
		raw, errSum = hex.DecodeString(typed) // from the foot of the page
	}
	if err != nil || errOf != nil || errSum != nil || len(raw) != len(m.Content) || m.Case == "" || len(m.Case) > 100 || m.Page < 0 || m.Page > m.Of {
		return Mark{}, ErrMark
	}
	m.Content = Sum(raw)
	return m, nil
}

// Known is a file on record: what its pages say, and how many there are. Whoever put it together puts it
// into the log ([Make]).
type Known struct {
	Content Sum
	Pages   int
}

// Verify tells whether a page with this mark belongs to a file on record, and to which of them. The newest
// comes last; one that was put together again leaves the pages of the older one what they are: pages of
// the file as it was then.
func Verify(m Mark, known []Known) (which int, ok bool) {
	which = slices.Index(known, Known{m.Content, m.Of})
	return which, which >= 0 && m.Page <= m.Of
}

// String is the sum in hexadecimal, as the log and the foot of a page have it.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// ParseSum reads it back.
func ParseSum(text string) (Sum, bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(Sum{}) {
		return Sum{}, false
	}
	return Sum(raw), true
}

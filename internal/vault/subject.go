package vault

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Place is a compartment as a type, so that the compiler keeps apart what belongs to two of them.
type Place interface{ compartment() Compartment }

type (
	// Civic is the place of reports, disputes and petitions.
	Civic struct{}
	// Residence is the place of residence permits and cards.
	Residence struct{}
	// Reentry is the place of help after release.
	Reentry struct{}
	// Corrections is the place of sentences served in the community.
	Corrections struct{}
	// Youth is the place of help for minors.
	Youth struct{}
	// Mental is the place of help with mental illness, for patients and who cares for them.
	Mental struct{}
)

func (Civic) compartment() Compartment       { return "civic" }
func (Residence) compartment() Compartment   { return "residence" }
func (Reentry) compartment() Compartment     { return "reentry" }
func (Corrections) compartment() Compartment { return "corrections" }
func (Youth) compartment() Compartment       { return "youth" }
func (Mental) compartment() Compartment      { return "mental" }

// Of names the compartment of a place.
func Of[C Place]() Compartment {
	var place C
	return place.compartment()
}

// Subject is a pseudonym: it stands for a person in one compartment and for nobody in any other. A
// Subject[Youth] can neither be assigned nor converted to a Subject[Mental].
type Subject[C Place] struct {
	_     [0]C // else two subjects would have the same fields, and could be converted
	index string
}

// SubjectOf makes the pseudonym of who has this number (kind "id", "phone", …) in the compartment of the
// ring, which must be C. The ways in which people write one number give one pseudonym: wide or narrow
// characters, spaces, dashes and brackets between, small or capital letters.
func SubjectOf[C Place](ring *Ring, kind, value string) (Subject[C], error) {
	if ring.Compartment() != Of[C]() {
		return Subject[C]{}, fmt.Errorf("a pseudonym of compartment %s cannot be made with the keys of %s", Of[C](), ring.Compartment())
	}
	token, ok := ring.Pseudonym(kind, value)
	if !ok {
		return Subject[C]{}, errors.New("a pseudonym needs a number; this one has no letter or digit")
	}
	return Subject[C]{index: token}, nil
}

// Index is what is stored, 32 letters and digits; "" for the zero Subject, who is nobody.
func (s Subject[C]) Index() string { return s.index }

// bare leaves letters and digits, narrow and capital.
func bare(value string) string {
	return strings.Map(func(c rune) rune {
		if '\uff01' <= c && c <= '\uff5e' { // the wide forms of '!' to '~'
			c -= '\uff01' - '!'
		}
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return -1
		}
		return unicode.ToUpper(c)
	}, value)
}

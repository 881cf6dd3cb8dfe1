package casework

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"unicode"
)

// A Code is the short secret with which a resident follows a case without an
// account, in its one canonical spelling: twelve characters in groups of four,
// like K7MQ-2XPT-9WDC. Eleven characters are random (53.4 bits, so guessing is
// hopeless behind any limit on attempts), the last one checks the others.
//
// Whoever knows the code sees the case: never log it. It is stored in clear until sealed fields come.
type Code string

// codeAlphabet has 29 characters because 29 is prime: only then does the
// weighted sum in codeSum catch every single error and every swap. Left out are
// 0 O 1 I L (nobody can tell them apart on paper) and S and U, which are read
// back as their only look-alike, see codeLookalike.
const codeAlphabet = "23456789ABCDEFGHJKMNPQRTVWXYZ"

const (
	codeLen   = 12 // characters without dashes, the check character included
	codeGroup = 4
	codeBase  = uint64(len(codeAlphabet))
)

// codeSpace is 29^11, the number of different codes.
const codeSpace = codeBase * codeBase * codeBase * codeBase * codeBase * codeBase *
	codeBase * codeBase * codeBase * codeBase * codeBase

// A CodeError says why a typed text is not a code. Rule is the key of the
// explanation in the pack.
type CodeError struct {
	// Rule is "code.length", "code.character" or "code.check" (the check
	// character does not fit: most probably a typing error).
	Rule string
	// At is, for code.character, the place of the first foreign character,
	// counted from 1 in what was typed, spaces and dashes included; for
	// code.length the number of code characters found; for code.check 0.
	At int
	// Char is, for code.character, the character as it was typed.
	Char string
}

// Error is for the programmer and does not repeat the code.
func (e CodeError) Error() string {
	switch e.Rule {
	case "code.character":
		return fmt.Sprintf("code.character: %q at place %d is never part of a code", e.Char, e.At)
	case "code.length":
		return fmt.Sprintf("code.length: %d characters where a code has %d", e.At, codeLen)
	}
	return e.Rule + ": the check character does not fit the others"
}

// NewCode returns the code for 16 random bytes, which the caller draws from a
// cryptographic source. The same bytes give the same code; the 128 bits are
// reduced to 53 so evenly that the bias is below 2^-74.
func NewCode(random [16]byte) Code {
	n := bits.Rem64(binary.BigEndian.Uint64(random[:8]), binary.BigEndian.Uint64(random[8:]), codeSpace)
	var digits [codeLen]int
	for i := range codeLen - 1 {
		digits[i] = int(n % codeBase)
		n /= codeBase
	}
	// The check character has weight 1, so it is the negated sum of the rest.
	digits[codeLen-1] = (int(codeBase) - codeSum(digits)) % int(codeBase)
	return spellCode(digits)
}

// ParseCode reads a code as people type it: in small or full-width letters,
// with spaces and any kind of dash anywhere, S for 5 and U for V. It is the
// inverse of NewCode: ParseCode(string(c)) = c for every c it returned. The
// error is always a CodeError.
func ParseCode(s string) (Code, error) {
	var digits [codeLen]int
	n, at := 0, 0
	for _, typed := range s {
		at++
		if isCodeFiller(typed) {
			continue
		}
		d := codeDigit(typed)
		if d < 0 {
			return "", CodeError{Rule: "code.character", At: at, Char: string(typed)}
		}
		if n < codeLen {
			digits[n] = d
		}
		n++
	}
	if n != codeLen {
		return "", CodeError{Rule: "code.length", At: n}
	}
	if codeSum(digits) != 0 {
		return "", CodeError{Rule: "code.check"}
	}
	return spellCode(digits), nil
}

// codeSum is 0 for a valid code: the sum of each digit times its weight, modulo
// 29. Weights are 12 down to 1. A single wrong digit changes the sum by
// weight × difference, a swap of two digits by the difference of weights ×
// difference of digits; neither product of non-zero numbers below the prime 29
// is a multiple of it, so both are always seen.
func codeSum(digits [codeLen]int) int {
	sum := 0
	for i, d := range digits {
		sum += (codeLen - i) * d
	}
	return sum % int(codeBase)
}

func spellCode(digits [codeLen]int) Code {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && i%codeGroup == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(codeAlphabet[d])
	}
	return Code(b.String())
}

// codeDigit returns the value of a typed character, or -1.
func codeDigit(r rune) int {
	if r >= '！' && r <= '～' { // full-width forms stand 0xFEE0 above ASCII
		r -= '！' - '!'
	}
	if r >= 'a' && r <= 'z' {
		r -= 'a' - 'A'
	}
	return strings.IndexRune(codeAlphabet, codeLookalike(r))
}

// codeLookalike maps the two letters left out of the alphabet that resemble
// exactly one character in it. 0, O, 1, I and L resemble each other only, so
// guessing one of them would be wrong.
func codeLookalike(r rune) rune {
	switch r {
	case 'S':
		return '5'
	case 'U':
		return 'V'
	case unicode.ReplacementChar:
		// Broken UTF-8. IndexRune would look for it; the alphabet has none,
		// but be explicit that it never matches.
		return -1
	}
	return r
}

// isCodeFiller reports characters that people and programs put between the
// characters of a code and that carry nothing.
func isCodeFiller(r rune) bool {
	switch r {
	case '\u2212', // minus sign
		'\u30FC', '\uFF70', // long vowel marks, on the dash key of some input methods
		'\u00AD': // soft hyphen, comes along when copying from a page
		return true
	}
	// Pd is every dash and hyphen; Cf the invisible marks that messengers add.
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || unicode.Is(unicode.Cf, r)
}

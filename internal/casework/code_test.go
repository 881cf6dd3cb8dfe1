package casework

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

func codeFrom(a, b uint64) Code {
	var random [16]byte
	binary.BigEndian.PutUint64(random[:8], a)
	binary.BigEndian.PutUint64(random[8:], b)
	return NewCode(random)
}

// sampleCodes are spread over the whole space by multiplying with odd constants.
func sampleCodes(n int) []Code {
	codes := make([]Code, n)
	for i := range codes {
		codes[i] = codeFrom(uint64(i)*0x9E3779B97F4A7C15, uint64(i)*0xBF58476D1CE4E5B9+1)
	}
	return codes
}

func wantRule(t *testing.T, typed, rule string) CodeError {
	t.Helper()
	c, err := ParseCode(typed)
	var ce CodeError
	if !errors.As(err, &ce) || ce.Rule != rule || c != "" {
		t.Fatalf("ParseCode(%q) = %q, %v; want %s", typed, c, err, rule)
	}
	return ce
}

func TestCode_has_more_than_fifty_unguessable_bits(t *testing.T) {
	if got := math.Log2(float64(codeSpace)); got < 50 {
		t.Fatalf("%.1f bits", got)
	}
	if want := math.Pow(29, 11); math.Abs(float64(codeSpace)-want) > want*1e-12 {
		t.Fatalf("codeSpace = %d, want 29^11", codeSpace)
	}
}

func TestCode_alphabet_is_prime_in_length_and_free_of_doubles_and_lookalikes(t *testing.T) {
	for d := 2; d < len(codeAlphabet); d++ {
		if len(codeAlphabet)%d == 0 {
			t.Fatalf("%d is divisible by %d: the check character would miss errors", len(codeAlphabet), d)
		}
	}
	if len(codeAlphabet) <= codeLen {
		t.Fatal("weights would repeat modulo the alphabet")
	}
	if strings.ContainsAny(codeAlphabet, "0O1ILU") {
		t.Fatal("contains a character that is easily misread")
	}
	for i, r := range codeAlphabet {
		if strings.IndexRune(codeAlphabet, r) != i {
			t.Fatalf("%q twice", r)
		}
	}
}

func TestCode_is_three_groups_of_four_and_parses_to_itself(t *testing.T) {
	for _, c := range append(sampleCodes(2000), codeFrom(0, 0), codeFrom(math.MaxUint64, math.MaxUint64)) {
		if len(c) != 14 || c[4] != '-' || c[9] != '-' {
			t.Fatalf("shape of %q", c)
		}
		got, err := ParseCode(string(c))
		if err != nil || got != c {
			t.Fatalf("ParseCode(%q) = %q, %v", c, got, err)
		}
	}
}

func TestCode_every_wrong_character_in_every_place_is_noticed(t *testing.T) {
	for _, c := range sampleCodes(200) {
		for at := range c {
			if c[at] == '-' {
				continue
			}
			for _, wrong := range codeAlphabet {
				if byte(wrong) == c[at] {
					continue
				}
				wantRule(t, string(c[:at])+string(wrong)+string(c[at+1:]), "code.check")
			}
		}
	}
}

func TestCode_every_swap_of_two_different_characters_is_noticed(t *testing.T) {
	swaps := 0
	for _, c := range sampleCodes(500) {
		bare := []byte(strings.ReplaceAll(string(c), "-", ""))
		for i := range bare {
			for j := i + 1; j < len(bare); j++ { // neighbours and all others
				if bare[i] == bare[j] {
					continue
				}
				bare[i], bare[j] = bare[j], bare[i]
				wantRule(t, string(bare), "code.check")
				bare[i], bare[j] = bare[j], bare[i]
				swaps++
			}
		}
	}
	if swaps < 30000 {
		t.Fatalf("only %d swaps tried", swaps)
	}
}

// The sum is linear, so a change of one digit or a swap of neighbours changes
// it by an amount that does not depend on the other digits. These loops cover
// every place and every pair of values, hence every code there is.
func TestCode_the_check_character_holds_for_all_codes_not_only_the_samples(t *testing.T) {
	for at := range codeLen {
		for a := range int(codeBase) {
			for b := range int(codeBase) {
				if a == b {
					continue
				}
				var was, is [codeLen]int
				was[at], is[at] = a, b
				if codeSum(was) == codeSum(is) {
					t.Fatalf("place %d: %d for %d is not noticed", at, b, a)
				}
				if at+1 == codeLen {
					continue
				}
				was[at+1], is[at+1] = b, a
				if codeSum(was) == codeSum(is) {
					t.Fatalf("place %d: swap of %d and %d is not noticed", at, a, b)
				}
			}
		}
	}
}

func TestCode_is_read_as_people_type_it(t *testing.T) {
	c := codeOf(t, "K7MQ2XPT5VD")
	bare := strings.ReplaceAll(string(c), "-", "")
	wide := strings.Map(func(r rune) rune { return r - '!' + '！' }, string(c))
	for what, typed := range map[string]string{
		"small letters":             strings.ToLower(string(c)),
		"no dashes":                 bare,
		"spaces for dashes":         strings.ReplaceAll(string(c), "-", " "),
		"full-width":                wide,
		"full-width small letters":  strings.ToLower(wide),
		"ideographic space":         strings.ReplaceAll(string(c), "-", "\u3000"),
		"em dash":                   strings.ReplaceAll(string(c), "-", "—"),
		"en dash":                   strings.ReplaceAll(string(c), "-", "–"),
		"full-width hyphen":         strings.ReplaceAll(string(c), "-", "－"),
		"double em dash":            strings.ReplaceAll(string(c), "-", "——"),
		"minus sign":                strings.ReplaceAll(string(c), "-", "\u2212"),
		"long vowel mark":           strings.ReplaceAll(string(c), "-", "ー"),
		"byte order mark and break": "\uFEFF" + string(c) + "\r\n",
		"zero width space":          strings.ReplaceAll(string(c), "-", "\u200B"),
		"S for 5":                   strings.ReplaceAll(string(c), "5", "s"),
		"U for V":                   strings.ReplaceAll(string(c), "V", "Ｕ"),
	} {
		if got, err := ParseCode(typed); err != nil || got != c {
			t.Errorf("%s: ParseCode(%q) = %q, %v; want %q", what, typed, got, err, c)
		}
	}
}

// codeOf completes eleven characters by the one check character that fits.
func codeOf(t *testing.T, eleven string) Code {
	t.Helper()
	var found []Code
	for _, check := range codeAlphabet {
		if c, err := ParseCode(eleven + string(check)); err == nil {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d check characters fit %s, want exactly one", len(found), eleven)
	}
	return found[0]
}

func TestCode_a_foreign_character_is_named_with_its_place(t *testing.T) {
	for typed, want := range map[string]CodeError{
		"K7MQ-2XPT-9WDO": {"code.character", 14, "O"},
		"0":              {"code.character", 1, "0"},
		"k7 l":           {"code.character", 4, "l"},
		"K7路Q":           {"code.character", 3, "路"},
		"K7MQ-2XPT-9Ｉ":   {"code.character", 12, "Ｉ"},
		"K7\xffQ":        {"code.character", 3, "\uFFFD"},
		"<b>":            {"code.character", 1, "<"},
	} {
		if got := wantRule(t, typed, "code.character"); got != want {
			t.Errorf("%q: %+v, want %+v", typed, got, want)
		}
	}
}

func TestCode_a_missing_or_surplus_character_is_a_matter_of_length(t *testing.T) {
	for typed, n := range map[string]int{"": 0, " - ": 0, "K7MQ-2XPT-9WD": 11, "K7MQ-2XPT-9WDCC": 13, strings.Repeat("K", 5000): 5000} {
		if got := wantRule(t, typed, "code.length"); got.At != n {
			t.Errorf("%.20q: found %d characters, want %d", typed, got.At, n)
		}
	}
}

func TestCode_different_random_bytes_give_different_codes(t *testing.T) {
	seen := map[Code]bool{}
	for _, c := range sampleCodes(100_000) {
		if seen[c] {
			t.Fatalf("%s twice in 100,000", c)
		}
		seen[c] = true
	}
}

func TestCode_the_error_does_not_repeat_the_code(t *testing.T) {
	_, err := ParseCode("K7MQ2XPT9WDDD")
	if err == nil || strings.Contains(err.Error(), "K7MQ") {
		t.Fatalf("got %v", err)
	}
}

func FuzzParseCode(f *testing.F) {
	for _, c := range sampleCodes(3) {
		f.Add(string(c), []byte(c))
	}
	f.Add("Ｋ７ＭＱ－２ＸＰＴ—9wdc", []byte{1})
	f.Add("\xff\uFFFD", []byte{})
	f.Fuzz(func(t *testing.T, typed string, seed []byte) {
		c, err := ParseCode(typed)
		var ce CodeError
		switch {
		case err == nil:
			if again, err := ParseCode(string(c)); err != nil || again != c {
				t.Fatalf("%q parses to %q, which parses to %q, %v", typed, c, again, err)
			}
		case !errors.As(err, &ce):
			t.Fatalf("error is %T", err)
		}
		var random [16]byte
		copy(random[:], seed)
		made := NewCode(random)
		if got, err := ParseCode(string(made)); err != nil || got != made {
			t.Fatalf("ParseCode(NewCode(%x)) = %q, %v", random, got, err)
		}
	})
}

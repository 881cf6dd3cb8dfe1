package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// each runs a test with a ring of both suites.
func each(t *testing.T, test func(t *testing.T, r *Ring)) {
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) { test(t, Memory("youth", s.name)) })
	}
}

func Test_what_is_sealed_opens_with_its_key_and_in_its_place(t *testing.T) {
	each(t, func(t *testing.T, r *Ring) {
		key, wrapped := r.NewKey()
		for _, plain := range []string{"x", "李梅", Mark + "s.looks sealed", strings.Repeat("长", 5000), "\x00\xff"} {
			sealed := key.Seal("case 1 title", plain)
			if !Sealed(sealed) || len(plain) > 2 && strings.Contains(sealed, plain) {
				t.Errorf("%.20q was sealed as %.40q", plain, sealed)
			}
			again, err := r.Unwrap(wrapped)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := again.Open("case 1 title", sealed); got != plain || err != nil {
				t.Errorf("opened %.20q as %.20q, %v", plain, got, err)
			}
			if key.Seal("case 1 title", plain) == sealed {
				t.Error("the same text was sealed twice in the same way: who compares two rows learns that they say the same")
			}
		}
	})
}

func Test_the_empty_string_stays_empty_and_a_plain_text_is_told_apart(t *testing.T) {
	each(t, func(t *testing.T, r *Ring) {
		key, _ := r.NewKey()
		if s := key.Seal("c", ""); s != "" {
			t.Errorf("sealed as %q", s)
		}
		if s, err := key.Open("c", ""); s != "" || err != nil {
			t.Errorf("opened as %q, %v", s, err)
		}
		for _, plain := range []string{"李梅", "~", "~2s.AAAA"} {
			if _, err := key.Open("c", plain); !errors.Is(err, ErrPlain) {
				t.Errorf("%q: %v", plain, err)
			}
		}
	})
}

func Test_another_place_another_key_and_any_changed_byte_open_nothing(t *testing.T) {
	each(t, func(t *testing.T, r *Ring) {
		key, wrapped := r.NewKey()
		other, _ := r.NewKey()
		sealed := key.Seal("case 1 title", "李梅，东塘路")
		refused := func(why string, k *Key, context, text string) {
			t.Helper()
			if got, err := k.Open(context, text); got != "" || !errors.Is(err, ErrBroken) && !errors.Is(err, ErrPlain) {
				t.Errorf("%s: opened %q, %v", why, got, err)
			}
		}
		refused("another field", key, "case 1 text", sealed)
		refused("no context", key, "", sealed)
		refused("another key", other, "case 1 title", sealed)
		for i := range sealed {
			refused(fmt.Sprintf("byte %d changed", i), key, "case 1 title", flip(sealed, i))
			if i > 0 { // of nothing, nothing is left
				refused(fmt.Sprintf("cut at %d", i), key, "case 1 title", sealed[:i])
			}
			refused(fmt.Sprintf("a line break at %d", i), key, "case 1 title", sealed[:i]+"\n"+sealed[i:])
		}
		// Base64 leaves bits of the last character unused; none of the other characters may stand for the same.
		for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			if other := sealed[:len(sealed)-1] + string(last); other != sealed {
				refused("another last character", key, "case 1 title", other)
			}
		}
		refused("made longer", key, "case 1 title", sealed+"AAAA")
		for i := range string(wrapped) {
			if _, err := r.Unwrap(Wrapped(flip(string(wrapped), i))); !errors.Is(err, ErrBroken) && !errors.Is(err, ErrNoGeneration) {
				t.Errorf("a wrapped key changed at %d: %v", i, err)
			}
		}
		if _, err := Memory("youth", r.Suite()).Unwrap(wrapped); !errors.Is(err, ErrBroken) {
			t.Errorf("another ring unwraps: %v", err)
		}
	})
}

func flip(s string, i int) string {
	b := []byte(s)
	b[i] ^= 1
	return string(b)
}

func Test_a_text_of_one_suite_is_broken_for_a_key_of_the_other(t *testing.T) {
	std, _ := Memory("civic", "std").NewKey()
	sm, _ := Memory("civic", "sm").NewKey()
	if _, err := sm.Open("c", std.Seal("c", "x")); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	if s := std.Seal("c", "x"); !strings.HasPrefix(s, "~1s.") {
		t.Error(s)
	}
	if s := sm.Seal("c", "x"); !strings.HasPrefix(s, "~1m.") {
		t.Error(s)
	}
}

func Test_keys_survive_a_rotation_and_are_lost_with_their_generation(t *testing.T) {
	each(t, func(t *testing.T, r *Ring) {
		key, old := r.NewKey()
		_, forgotten := r.NewKey()
		sealed := key.Seal("c", "李梅")
		if again, changed, err := r.Rewrap(old); again != old || changed || err != nil {
			t.Errorf("rewrapped before there was a reason: %v, %v", changed, err)
		}
		if err := r.DropBefore(2); err == nil {
			t.Fatal("the current generation was dropped")
		}
		if err := r.Rotate(noon); err != nil {
			t.Fatal(err)
		}
		again, changed, err := r.Rewrap(old)
		if err != nil || !changed || old.Generation() != 1 || again.Generation() != 2 || r.Generation() != 2 {
			t.Fatalf("rewrapped %.6s to %.6s, %v, %v", old, again, changed, err)
		}
		if _, err := r.Unwrap(old); err != nil {
			t.Errorf("the old generation is gone too early: %v", err)
		}
		if err := r.DropBefore(2); err != nil {
			t.Fatal(err)
		}
		for _, w := range []Wrapped{old, forgotten} {
			if _, err := r.Unwrap(w); !errors.Is(err, ErrNoGeneration) {
				t.Errorf("a key of a destroyed generation: %v", err)
			}
			if _, _, err := r.Rewrap(w); !errors.Is(err, ErrNoGeneration) {
				t.Errorf("a key of a destroyed generation was rewrapped: %v", err)
			}
		}
		k, err := r.Unwrap(again)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Open("c", sealed); got != "李梅" || err != nil {
			t.Errorf("opened %q, %v", got, err)
		}
	})
}

func Test_a_wrapped_key_does_not_pass_as_one_of_another_generation(t *testing.T) {
	each(t, func(t *testing.T, r *Ring) {
		_, w := r.NewKey()
		if err := r.Rotate(noon); err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(string(w), ".")
		for _, text := range []string{"2." + body, "01." + body, "+1." + body, "1." + body + "\n", "1", "1.", ".", "", "0." + body, "-1." + body} {
			if _, err := r.Unwrap(Wrapped(text)); !errors.Is(err, ErrBroken) {
				t.Errorf("%.8q…: %v", text, err)
			}
		}
	})
}

func Test_an_index_value_means_one_kind_and_one_value_in_one_compartment(t *testing.T) {
	seen := map[string]string{}
	claim := func(value, by string) {
		t.Helper()
		if other, ok := seen[value]; ok {
			t.Errorf("%s and %s are both %s", by, other, value)
		}
		seen[value] = by
	}
	seed := bytes.Repeat([]byte{7}, 32) // even of one secret two compartments make nothing that is equal
	for _, s := range suites {
		for _, c := range Compartments() {
			r := FromSeed(c, s.name, seed)
			for _, kv := range [][2]string{{"code", "K7MQ"}, {"phone", "K7MQ"}, {"cod", "eK7MQ"}, {"", "codeK7MQ"}, {"", "K7MQ"}} {
				by := fmt.Sprint(s.name, " ", c, " ", kv)
				v := r.Index(kv[0], kv[1])
				if len(v) != indexLength || strings.Trim(v, "abcdefghijklmnopqrstuvwxyz234567") != "" {
					t.Errorf("%s: %q", by, v)
				}
				if v != r.Index(kv[0], kv[1]) {
					t.Errorf("%s: another value each time", by)
				}
				claim(v, by)
				claim(v[:tokenLength], by+" cut")
			}
			v := r.Token("K7MQ")
			if len(v) != tokenLength || strings.Trim(v, "abcdefghijklmnopqrstuvwxyz234567") != "" {
				t.Errorf("token %q", v)
			}
			claim(v, fmt.Sprint(s.name, " ", c, " token"))
			claim(r.Public().String(), fmt.Sprint(s.name, " ", c, " public key"))
			claim(r.hashed(r.fixed.line, "", "K7MQ", tokenLength), fmt.Sprint(s.name, " ", c, " line"))
		}
	}
}

func Test_a_signature_holds_for_one_message_and_one_ring(t *testing.T) {
	each(t, func(t *testing.T, r *Ring) {
		msg := []byte("head 12")
		sig := r.Sign(msg)
		public, err := ParsePublicKey(r.Public().String())
		if err != nil || !Verify(public, msg, sig) {
			t.Fatalf("%v, %v", public, err)
		}
		for i := range sig {
			if Verify(public, msg, []byte(flip(string(sig), i))) {
				t.Errorf("holds with byte %d changed", i)
			}
		}
		if err := r.Rotate(noon); err != nil || !Verify(r.Public(), msg, sig) {
			t.Errorf("after a rotation the published key is another: %v", err)
		}
		other := Memory("youth", r.Suite()).Public()
		for why, ok := range map[string]bool{
			"another message":      Verify(public, []byte("head 13"), sig),
			"another ring":         Verify(other, msg, sig),
			"no signature":         Verify(public, msg, nil),
			"no key":               Verify(PublicKey{Suite: public.Suite}, msg, sig),
			"no suite":             Verify(PublicKey{Bytes: public.Bytes}, msg, sig),
			"a key of wrong size":  Verify(PublicKey{public.Suite, public.Bytes[1:]}, msg, sig),
			"a key of zeros":       Verify(PublicKey{public.Suite, make([]byte, len(public.Bytes))}, msg, sig),
			"something at the end": Verify(public, msg, append(bytes.Clone(sig), 0)),
		} {
			if ok {
				t.Errorf("holds for %s", why)
			}
		}
	})
}

func Test_a_public_key_that_cannot_be_read_is_refused(t *testing.T) {
	for _, text := range []string{"", "std", "std:", ":AAAA", "rsa:AAAA", "std:A", "std:AA AA", "std:AAAA\n"} {
		if p, err := ParsePublicKey(text); err == nil {
			t.Errorf("%q was read as %v", text, p)
		}
	}
}

// hidden are the secrets of a ring in the spellings in which they could be printed.
func hidden(held secrets) []string {
	var all []string
	for _, b := range append([][]byte{held.Root, held.Sign}, held.Generations[0].Key) {
		decimal := strings.Trim(fmt.Sprint(b[:4]), "[]")
		all = append(all, string(b[:8]), hex.EncodeToString(b[:4]), fmt.Sprintf("%X", b[:4]), decimal,
			strings.ReplaceAll(decimal, " ", ","), base64.StdEncoding.EncodeToString(b)[:8], encode(b)[:8])
	}
	return all
}

func Test_no_way_of_printing_a_ring_or_a_key_prints_a_secret(t *testing.T) {
	each(t, func(t *testing.T, r *Ring) {
		key, _ := r.NewKey()
		raw := bytes.Repeat([]byte{0xA5}, r.suite.keySize)
		known, err := r.keyOf(raw)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, v := range []any{r, key, known, *known, struct{ R *Ring }{r}, struct{ r *Ring }{r}, struct{ k Key }{*known}, []any{known, r}, map[string]*Key{"k": known}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			b, err := json.Marshal(v)
			if err != nil {
				t.Errorf("%T: %v", v, err)
			}
			out.Write(b)
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		}
		for _, secret := range append(hidden(r.kept.secrets), "a5a5", "A5A5", "165 165", "165,165") {
			if strings.Contains(out.String(), secret) {
				t.Errorf("printed %q", secret)
			}
		}
		if got := fmt.Sprint(key, " ", *known); got != "data key data key" {
			t.Error(got)
		}
		if got := fmt.Sprint(r); got != "ring of youth ("+r.Suite()+", generation 1)" {
			t.Error(got)
		}
	})
}

// What an earlier version stored must open in every later one: a change of a derivation shows here.
func Test_what_was_stored_once_still_opens(t *testing.T) {
	for suiteName, was := range map[string]struct{ index, token, public, wrapped, sealed string }{
		"std": {"qwowlmt3hvrlygemu6v36mjngn2fn3zv", "7ngbfbp65ppk7", "std:Gy8pdFXWT0JE2YYUczz0Ivru9O2DNc7T8Pea1WZcG30", "1.5CeL7vo6bdN4ircJ8lNYV7bnZ-oYxoOLGltfbLJv9wyhWFLpv-8PQmXJsZ0Lq8mCpeP2CGQLbdkuGcnw", "~1s.96ByWLr1ZKjJFDUagKfIj5En1-5-IFlAKoTi9MSiYMqd4A"},
		"sm":  {"hc34w3tm4f7ub53bkyqz5qabwsghkmuh", "tc3d2srn4pnrm", "sm:BFA9bnlqTg6F_ztx7barpZ2fQLQDT2l0TGzt2rx-o1FS9JwnTP21rI43ovRq9J5OT_3fdT4YrP_TjCVKP2_v4u8", "1.Zve_EuFZl15psNkMoSZD0C1-YRP_PUELgxZPZ5Q-SLN_SkXUx9wb1luJnBE", "~1m.WtGBgpP0xYunWjvHOku00_R9i0S1-wfkkQF46y96irIcHA"},
	} {
		t.Run(suiteName, func(t *testing.T) {
			r := FromSeed("youth", suiteName, []byte("a seed for tests"))
			if r.Index("code", "K7MQ") != was.index || r.Token("噪音") != was.token || r.Public().String() != was.public {
				t.Errorf("now %q, %q, %q", r.Index("code", "K7MQ"), r.Token("噪音"), r.Public().String())
			}
			key, err := r.Unwrap(Wrapped(was.wrapped))
			if err != nil {
				k, w := r.NewKey()
				t.Fatalf("%v; now %q %q", err, w, k.Seal("case 1 title", "李梅"))
			}
			if got, err := key.Open("case 1 title", was.sealed); got != "李梅" || err != nil {
				t.Errorf("opened %q, %v", got, err)
			}
		})
	}
}

func Test_a_ring_is_asked_for_by_names_that_exist(t *testing.T) {
	for _, bad := range [][2]string{{"gym", "std"}, {"", "std"}, {"../civic", "std"}, {"civic", "rot13"}, {"civic", ""}} {
		if r, err := Open(t.TempDir(), Compartment(bad[0]), bad[1]); err == nil {
			t.Errorf("%q made %v", bad, r)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q made a ring in memory", bad)
				}
			}()
			Memory(Compartment(bad[0]), bad[1])
		}()
	}
}

func FuzzOpen(f *testing.F) {
	rings := []*Ring{Memory("youth", "std"), Memory("youth", "sm")}
	keys := []*Key{}
	made := map[string]bool{}
	for _, r := range rings {
		k, _ := r.NewKey()
		keys = append(keys, k)
		s := k.Seal("c", "李梅")
		made[s] = true
		f.Add("c", s)
		f.Add("d", s)
		f.Add("c", s[:20])
	}
	f.Add("c", "~1s.")
	f.Add("", "~1")
	f.Fuzz(func(t *testing.T, context, text string) {
		for _, k := range keys {
			got, err := k.Open(context, text)
			if err != nil && got != "" {
				t.Errorf("%q with an error", got)
			}
			if err == nil && text != "" && !(context == "c" && made[text]) {
				t.Errorf("%q opened in %q as %q", text, context, got)
			}
			if back, err := k.Open(context, k.Seal(context, text)); back != text || err != nil {
				t.Errorf("%q came back as %q, %v", text, back, err)
			}
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	rings := []*Ring{Memory("youth", "std"), Memory("youth", "sm")}
	made := map[string]bool{}
	for _, r := range rings {
		_, w := r.NewKey()
		made[string(w)] = true
		f.Add(string(w))
		f.Add("1" + string(w))
		f.Add(string(w[:9]))
	}
	f.Add("99999999999999999999.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range rings {
			if k, err := r.Unwrap(Wrapped(text)); (err == nil) != (k != nil) || err == nil && !made[text] {
				t.Errorf("%q unwrapped to %v, %v", text, k, err)
			}
			if _, err := ParsePublicKey(text); err == nil && Verify(r.Public(), []byte(text), []byte(text)) {
				t.Errorf("%q signs itself", text)
			}
			Verify(PublicKey{r.Suite(), []byte(text)}, nil, []byte(text))
		}
	})
}

func bench(b *testing.B, run func(b *testing.B, r *Ring, k *Key, w Wrapped)) {
	for _, s := range suites {
		b.Run(s.name, func(b *testing.B) {
			r := Memory("youth", s.name)
			k, w := r.NewKey()
			b.ReportAllocs()
			run(b, r, k, w)
		})
	}
}

var kilobyte = strings.Repeat("x", 1024)

func BenchmarkSeal1KB(b *testing.B) {
	bench(b, func(b *testing.B, _ *Ring, k *Key, _ Wrapped) {
		for b.Loop() {
			k.Seal("case 1 title", kilobyte)
		}
	})
}

func BenchmarkOpen1KB(b *testing.B) {
	bench(b, func(b *testing.B, _ *Ring, k *Key, _ Wrapped) {
		s := k.Seal("case 1 title", kilobyte)
		for b.Loop() {
			k.Open("case 1 title", s)
		}
	})
}

func BenchmarkUnwrapAndOpen1KB(b *testing.B) {
	bench(b, func(b *testing.B, r *Ring, k *Key, w Wrapped) {
		s := k.Seal("case 1 title", kilobyte)
		for b.Loop() {
			k, err := r.Unwrap(w)
			if err != nil {
				b.Fatal(err)
			}
			k.Open("case 1 title", s)
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	bench(b, func(b *testing.B, r *Ring, _ *Key, w Wrapped) {
		for b.Loop() {
			r.Unwrap(w)
		}
	})
}

func BenchmarkIndex(b *testing.B) {
	bench(b, func(b *testing.B, r *Ring, _ *Key, _ Wrapped) {
		for b.Loop() {
			r.Index("code", "K7MQ2XPT9WDC")
		}
	})
}

func BenchmarkSign(b *testing.B) {
	bench(b, func(b *testing.B, r *Ring, _ *Key, _ Wrapped) {
		for b.Loop() {
			r.Sign([]byte(kilobyte))
		}
	})
}

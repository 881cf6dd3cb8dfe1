package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"rsc.io/qr"
)

func keyOf(seed byte) (string, func([]byte) []byte) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return KeyText(private.Public().(ed25519.PublicKey)), func(msg []byte) []byte { return ed25519.Sign(private, msg) }
}

var at = time.Date(2026, 3, 2, 1, 2, 3, 456000, time.UTC)

// tree is a log of n records of which record i is about the case; the others are noise.
func receiptIn(seed byte, n, pos int64, ref string) Receipt {
	key, sign := keyOf(seed)
	event := tlog.Hash(sha256.Sum256([]byte("the stored event")))
	r := Receipt{Format: 1, Case: ref, Event: "petition.accepted", At: at, Hash: event, Pos: pos, Key: key,
		Record: Record{Kind: "event", ID: "b3kq7vz2mfn5c4aexw6dyh2s7lpo3itu", Hash: tlog.Hash(Digest(ref, "petition.accepted", at, event[:]))}}
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	for i := range n {
		leaf := tlog.RecordHash([]byte{seed, byte(i), byte(i >> 8)})
		if i == pos {
			leaf = r.Record.Leaf()
		}
		more, err := tlog.StoredHashesForRecordHash(i, leaf, read)
		if err != nil {
			panic(err)
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(n, read)
	if err != nil {
		panic(err)
	}
	proof, err := tlog.ProveRecord(n, pos, read)
	if err != nil {
		panic(err)
	}
	r.Proof = Path(proof)
	r.Head = Head{Origin: Origin("linjiang", "civic"), Size: n, Root: root, At: at.Add(time.Minute).Truncate(time.Second)}.Sign(key, sign).Text()
	return r
}

func Test_a_true_receipt_proves_itself_in_every_form(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 7, 8, 300} {
		for _, pos := range []int64{0, n / 2, n - 1} {
			r := receiptIn(1, n, pos, "LJ-2026-000123")
			for name, form := range map[string]string{"file": string(r.JSON()), "line": r.Compact(), "address": "https://help.example/log/verify#" + r.Compact() + "\n"} {
				got, err := Parse([]byte(form))
				if err != nil {
					t.Fatalf("%s of %d: %v", name, n, err)
				}
				h, err := got.Verify(Expect{Keys: []string{r.Key}, Origin: "comity/linjiang/civic", Case: r.Case})
				if err != nil || h.Size != n {
					t.Fatalf("%s of %d: %v", name, n, err)
				}
				if !bytes.Equal(got.JSON(), r.JSON()) {
					t.Fatalf("%s changed the receipt:\n%s\n%s", name, got.JSON(), r.JSON())
				}
			}
		}
	}
}

func Test_every_kind_of_false_receipt_is_refused_with_its_own_reason(t *testing.T) {
	otherKey, otherSign := keyOf(2)
	forge := func(change func(*Receipt)) Receipt {
		r := receiptIn(1, 9, 4, "LJ-1")
		change(&r)
		return r
	}
	headOf := func(r Receipt) Head {
		h, err := ParseHead(r.Head)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	redigest := func(r *Receipt) { r.Record.Hash = tlog.Hash(Digest(r.Case, r.Event, r.At, r.Hash[:])) }
	mine, _ := keyOf(1)
	ours := Expect{Keys: []string{mine}, Origin: "comity/linjiang/civic"}
	for name, c := range map[string]struct {
		r      Receipt
		expect Expect
		reason string
	}{
		"shown for another case":        {forge(func(r *Receipt) { r.Case = "LJ-2" }), ours, "case"},
		"shown to who expected another": {receiptIn(1, 9, 4, "LJ-1"), Expect{Case: "LJ-2"}, "case"},
		"of another time":               {forge(func(r *Receipt) { r.At = r.At.Add(time.Microsecond) }), ours, "case"},
		"of another event":              {forge(func(r *Receipt) { r.Event = "petition.closed" }), ours, "case"},
		"of another stored event":       {forge(func(r *Receipt) { r.Hash[0] ^= 1 }), ours, "case"},
		"case made up with its record":  {forge(func(r *Receipt) { r.Case = "LJ-2"; redigest(r) }), ours, "proof"},
		"another record":                {forge(func(r *Receipt) { r.Record.ID = "aaaaaaaaaaaaaaaaaaaa" }), ours, "proof"},
		"another place":                 {forge(func(r *Receipt) { r.Pos = 5 }), ours, "proof"},
		"place behind the end":          {forge(func(r *Receipt) { r.Pos = 9 }), ours, "proof"},
		"negative place":                {forge(func(r *Receipt) { r.Pos = -1 }), ours, "proof"},
		"hash of the path changed":      {forge(func(r *Receipt) { r.Proof[1][31] ^= 1 }), ours, "proof"},
		"path cut off":                  {forge(func(r *Receipt) { r.Proof = r.Proof[1:] }), ours, "proof"},
		"path drawn out":                {forge(func(r *Receipt) { r.Proof = append(r.Proof, tlog.Hash{}) }), ours, "proof"},
		"path without end":              {forge(func(r *Receipt) { r.Proof = make(Path, 63) }), ours, "malformed"},
		"head of another tree":          {forge(func(r *Receipt) { r.Head = receiptIn(1, 12, 4, "LJ-3").Head }), ours, "proof"},
		"signed by somebody else":       {receiptIn(2, 9, 4, "LJ-1"), ours, "key"},
		"key exchanged":                 {forge(func(r *Receipt) { r.Key = otherKey }), Expect{}, "signature"},
		"head changed": {forge(func(r *Receipt) {
			r.Head = strings.Replace(r.Head, "\n9\n", "\n8\n", 1)
		}), ours, "signature"},
		"another's signature under our name": {forge(func(r *Receipt) {
			h := headOf(*r)
			h.Marks[0].Sig = otherSign([]byte(h.Body()))
			r.Head = h.Text()
		}), ours, "signature"},
		"of another log":          {receiptIn(1, 9, 4, "LJ-1"), Expect{Keys: ours.Keys, Origin: "comity/linjiang/residence"}, "origin"},
		"of a suite not known":    {forge(func(r *Receipt) { r.Key = "sm:AAAA" }), Expect{}, "suite"},
		"key that is none":        {forge(func(r *Receipt) { r.Key = "std:\xff" }), Expect{}, "malformed"},
		"head without signature":  {forge(func(r *Receipt) { r.Head, _, _ = strings.Cut(r.Head, dash) }), ours, "head"},
		"head is no head":         {forge(func(r *Receipt) { r.Head = "hello" }), ours, "head"},
		"head too large to count": {forge(func(r *Receipt) { r.Head = strings.Replace(r.Head, "\n9\n", "\n9000000000000000000\n", 1) }), ours, "head"},
		"of a later format":       {forge(func(r *Receipt) { r.Format = 2 }), ours, "format"},
		"of no format":            {forge(func(r *Receipt) { r.Format = 0 }), ours, "malformed"},
		"case in two lines":       {forge(func(r *Receipt) { r.Case = "LJ-1\nLJ-2"; redigest(r) }), ours, "malformed"},
	} {
		_, err := c.r.Verify(c.expect)
		var p *Problem
		if !errors.As(err, &p) || p.Reason != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
}

func Test_half_a_receipt_is_no_receipt(t *testing.T) {
	r := receiptIn(1, 9, 4, "LJ-1")
	for _, form := range []string{strings.TrimSpace(string(r.JSON())), r.Compact()} {
		for n := range len(form) {
			got, err := Parse([]byte(form[:n]))
			if err == nil {
				_, err = got.Verify(Expect{})
			}
			var p *Problem
			if !errors.As(err, &p) {
				t.Fatalf("%d of %d bytes pass: %v", n, len(form), err)
			}
		}
	}
	for _, bad := range []string{"", "{}", `{"comity_receipt":1,"extra":1}`, string(r.JSON()) + "{}", "R1.", "R1.AAAA", "R2" + r.Compact()[2:], strings.Repeat(" ", 20000) + "x", strings.Repeat("x", maxReceipt+1)} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%.40q passes", bad)
		}
	}
}

func Test_the_line_form_fits_a_QR_code_even_in_a_huge_log(t *testing.T) {
	r := receiptIn(1, 300, 200, "LJ-2026-0123456789")
	for len(r.Proof) < 36 { // 69 thousand million records
		r.Proof = append(r.Proof, r.Proof[0])
	}
	line := "https://a-rather-long-name.of-the-city.example.gov.cn/log/verify#" + r.Compact()
	if _, err := qr.Encode(line, qr.M); err != nil || len(line) > 2331 {
		t.Fatalf("%d characters: %v", len(line), err)
	}
	t.Logf("%d characters", len(line))
}

func Test_a_receipt_says_nothing_but_what_it_must(t *testing.T) {
	var fields map[string]any
	if err := json.Unmarshal(receiptIn(1, 3, 1, "LJ-1").JSON(), &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		if !strings.Contains(" comity_receipt case event at event_hash record pos proof head key ", " "+name+" ") {
			t.Errorf("a receipt has the field %s", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	r := receiptIn(1, 9, 4, "LJ-1")
	f.Add(r.JSON())
	f.Add([]byte(r.Compact()))
	f.Add([]byte("https://x/log/verify#" + r.Compact()))
	f.Add([]byte(`{"comity_receipt":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Parse(data)
		if err != nil {
			return
		}
		if again, err := Parse(got.JSON()); err != nil || !bytes.Equal(again.JSON(), got.JSON()) {
			t.Fatalf("the file form does not hold: %v\n%s", err, got.JSON())
		}
		// Whatever the key in it: what passes under our key says what we signed.
		if _, err := got.Verify(Expect{Keys: []string{r.Key}}); err == nil && !bytes.Equal(got.JSON(), r.JSON()) {
			t.Fatalf("a forgery passes:\n%s", got.JSON())
		}
		_, _ = got.Verify(Expect{})
	})
}

func FuzzHead(f *testing.F) {
	f.Add(receiptIn(1, 9, 4, "LJ-1").Head)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHead(text)
		if err == nil && h.Text() != text {
			t.Fatalf("read as another text:\n%q\n%q", text, h.Text())
		}
	})
}

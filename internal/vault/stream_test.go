package vault

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

func sealedStream(t *testing.T, suite string, plain []byte) ([]byte, string) {
	t.Helper()
	var out bytes.Buffer
	w, key, err := SealTo(suite, &out)
	if err != nil {
		t.Fatal(err)
	}
	for rest := plain; len(rest) > 0; {
		n := min(len(rest), 1+rand.IntN(100_000))
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), key
}

func Test_a_long_text_comes_out_as_it_went_in_and_from_anywhere(t *testing.T) {
	for _, suite := range []string{"std", "sm"} {
		for _, size := range []int{0, 1, pieceSize - 1, pieceSize, pieceSize + 1, 3 * pieceSize, 3*pieceSize + 7} {
			plain := make([]byte, size)
			for i := range plain {
				plain[i] = byte(rand.Uint32())
			}
			sealed, key := sealedStream(t, suite, plain)
			o, err := OpenFrom(key, bytes.NewReader(sealed), int64(len(sealed)))
			if err != nil || o.Size() != int64(size) {
				t.Fatalf("%s %d: %v", suite, size, err)
			}
			got, err := io.ReadAll(o)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("%s %d: read %d bytes, %v", suite, size, len(got), err)
			}
			if size > 2 {
				if _, err := o.Seek(int64(size/2), io.SeekStart); err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(o)
				if err != nil || !bytes.Equal(got, plain[size/2:]) {
					t.Fatalf("%s %d from the middle: %d bytes, %v", suite, size, len(got), err)
				}
			}
		}
	}
}

func Test_pieces_cut_off_exchanged_or_changed_do_not_open(t *testing.T) {
	plain := bytes.Repeat([]byte("a petition "), 20_000)
	sealed, key := sealedStream(t, "std", plain)
	whole := pieceSize + 16
	head := len(streamMagic)
	exchanged := bytes.Clone(sealed)
	copy(exchanged[head:], sealed[head+whole:head+2*whole])
	copy(exchanged[head+whole:], sealed[head:head+whole])
	changed := bytes.Clone(sealed)
	changed[head+100] ^= 1
	for what, bad := range map[string][]byte{"cut at a piece": sealed[:head+2*whole], "cut in a piece": sealed[:head+whole+99], "nothing": nil,
		"head only": sealed[:head], "exchanged": exchanged, "changed": changed, "longer": append(bytes.Clone(sealed), 0)} {
		o, err := OpenFrom(key, bytes.NewReader(bad), int64(len(bad)))
		if err == nil {
			_, err = io.ReadAll(o)
		}
		if !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, other := sealedStream(t, "std", plain)
	if _, err := OpenFrom(other, bytes.NewReader(sealed), int64(len(sealed))); !errors.Is(err, ErrBroken) {
		t.Errorf("another key: %v", err)
	}
}

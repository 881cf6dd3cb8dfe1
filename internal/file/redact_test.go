package file

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"testing"
)

func TestRedact_the_covered_pixels_are_gone_and_the_others_stay(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	clear := image.NewNRGBA(image.Rect(0, 0, 64, 48))
	for y := range 48 {
		for x := range 64 {
			clear.SetNRGBA(x, y, color.NRGBA{200, 40, 40, 255})
		}
	}
	clear.SetNRGBA(0, 47, color.NRGBA{})
	for kind, data := range map[string][]byte{KindJPEG: jpegOf(t, quarters(64, 48)), KindPNG: pngOf(t, clear)} {
		f, err := s.Take(t.Context(), bytes.NewReader(data), "lamp", Limits{})
		if err != nil || f.Kind != kind {
			t.Fatalf("%+v, %v", f, err)
		}
		before := []byte(read(t, s, f.SHA256, f.Key))
		boxes := []image.Rectangle{image.Rect(8, 8, 24, 24), image.Rect(56, 40, 900, 900), image.Rect(-5, -5, 2, 2)}
		made, err := s.Redact(t.Context(), f, boxes, "lamp redacted")
		if err != nil || made.Redacts != f.SHA256 || made.SHA256 == f.SHA256 || made.Key == f.Key || made.Kind != kind {
			t.Fatalf("%+v, %v", made, err)
		}
		was, err := decode(bytes.NewReader(before), kind)
		if err != nil {
			t.Fatal(err)
		}
		after := read(t, s, made.SHA256, made.Key)
		if int64(len(after)) != made.Size {
			t.Errorf("%s: %d bytes, said to be %d", kind, len(after), made.Size)
		}
		img, err := decode(bytes.NewReader([]byte(after)), kind)
		if err != nil {
			t.Fatal(err)
		}
		for y := range 48 {
			for x := range 64 {
				covered := false
				for _, b := range boxes {
					covered = covered || image.Pt(x, y).In(b)
				}
				r, g, b, a := img.At(x, y).RGBA()
				switch {
				case covered && (r > 0x2800 || g > 0x2800 || b > 0x2800 || a != 0xFFFF):
					t.Fatalf("%s: at %d,%d there is still %x %x %x", kind, x, y, r, g, b)
				case !covered && image.Pt(x, y).In(image.Rect(36, 28, 52, 36)) && !near(img.At(x, y), was.At(x, y)):
					t.Fatalf("%s: at %d,%d the picture has changed", kind, x, y)
				}
			}
		}
		if again := read(t, s, f.SHA256, f.Key); again != string(before) {
			t.Errorf("%s: the picture itself was changed", kind)
		}
	}
}

func TestRedact_two_pictures_that_differ_under_the_boxes_only_become_the_same_bytes(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	one, two := quarters(64, 48), quarters(64, 48)
	for y := 16; y < 32; y++ {
		for x := 16; x < 32; x++ {
			two.SetRGBA(x, y, color.RGBA{uint8(x * 7), uint8(y * 5), 33, 255})
		}
	}
	one.SetRGBA(0, 0, color.RGBA{})
	two.SetRGBA(0, 0, color.RGBA{}) // transparent, so that both are kept as PNG and every pixel is as it was
	var out []string
	for _, img := range []image.Image{one, two} {
		f, err := s.Take(t.Context(), bytes.NewReader(pngOf(t, img)), "a.png", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		made, err := s.Redact(t.Context(), f, []image.Rectangle{image.Rect(16, 16, 32, 32)}, "a")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, read(t, s, made.SHA256, made.Key))
	}
	if out[0] != out[1] {
		t.Error("what was under the box can be told from the bytes")
	}
}

func TestRedact_refuses_what_is_no_picture_and_boxes_that_cover_nothing(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	text, err := s.Take(t.Context(), bytes.NewReader([]byte("a letter")), "a.txt", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	photo, err := s.Take(t.Context(), bytes.NewReader(jpegOf(t, quarters(8, 8))), "a.jpg", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var no Refused
	if _, err := s.Redact(t.Context(), text, []image.Rectangle{image.Rect(0, 0, 5, 5)}, "a"); !errors.As(err, &no) || no.Rule != "file.redact.kind" {
		t.Error(err)
	}
	if _, err := s.Redact(t.Context(), photo, []image.Rectangle{image.Rect(90, 90, 99, 99), {}}, "a"); !errors.As(err, &no) || no.Rule != "file.redact.nothing" {
		t.Error(err)
	}
}

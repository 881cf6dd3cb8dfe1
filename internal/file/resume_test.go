package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func uploadsFor(t *testing.T, now *time.Time) *Uploads {
	return &Uploads{Dir: filepath.Join(t.TempDir(), "uploads"), Now: func() time.Time { return *now }}
}

func TestUploads_a_photo_in_pieces_survives_a_broken_line_and_a_restart(t *testing.T) {
	now := time.Now()
	u, s := uploadsFor(t, &now), Store{Dir: t.TempDir()}
	photo := withEXIF(jpegOf(t, quarters(200, 160)), exifBlock(binary.BigEndian, 1))
	name, at, err := u.Begin(int64(len(photo)), "lamp.jpg", "image/jpeg")
	if err != nil || at.Offset != 0 {
		t.Fatalf("%+v, %v", at, err)
	}
	third := len(photo) / 3
	if at, err = u.Add(name, 0, bytes.NewReader(photo[:third])); err != nil || at.Offset != int64(third) {
		t.Fatalf("%+v, %v", at, err)
	}
	broken := errors.New("the line")
	at, err = u.Add(name, at.Offset, io.MultiReader(bytes.NewReader(photo[third:third+100]), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || !errors.Is(err, ErrCut) || at.Offset != int64(third+100) {
		t.Fatalf("what arrived before the line broke is lost: %+v, %v", at, err)
	}
	for _, wrong := range []int64{0, at.Offset - 1, at.Offset + 1} {
		if _, err := u.Add(name, wrong, strings.NewReader("x")); !errors.Is(err, ErrOffset) {
			t.Errorf("from %d: %v", wrong, err)
		}
	}
	if _, err := u.Finish(t.Context(), name, s); !errors.Is(err, ErrOffset) {
		t.Errorf("finished before it was complete: %v", err)
	}
	u = &Uploads{Dir: u.Dir, Now: u.Now} // the server starts again
	if at, err = u.At(name); err != nil || at.Offset != int64(third+100) {
		t.Fatalf("after a restart: %+v, %v", at, err)
	}
	if at, err = u.Add(name, at.Offset, io.MultiReader(bytes.NewReader(photo[at.Offset:]), strings.NewReader("and more than was said"))); err != nil || at.Offset != at.Length {
		t.Fatalf("%+v, %v", at, err)
	}
	err = filepath.WalkDir(u.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(raw, []byte("lamp")) || bytes.Contains(raw, []byte(secret)) || bytes.Contains(raw, photo[:12]) { // longer than chance writes
			t.Errorf("%s can be read by whoever has the disk", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := u.Finish(t.Context(), name, s)
	if err != nil || f.Kind != KindJPEG || f.Name != "lamp.jpg" {
		t.Fatalf("%+v, %v", f, err)
	}
	if strings.Contains(read(t, s, f.SHA256, f.Key), secret) {
		t.Error("it was not cleaned")
	}
	again, err := u.Finish(t.Context(), name, s)
	if err != nil || again.SHA256 != f.SHA256 || again.Key != f.Key {
		t.Errorf("asked again it says %+v, %v", again, err)
	}
}

// dropping takes the upload away while a part of it is read.
type dropping struct {
	r    io.Reader
	drop func() error
	got  error
}

func (d *dropping) Read(p []byte) (int, error) {
	if d.drop != nil {
		d.got, d.drop = d.drop(), nil
	}
	return d.r.Read(p)
}

func TestUploads_are_not_dropped_while_a_part_comes_in(t *testing.T) {
	now := time.Now()
	u := uploadsFor(t, &now)
	name, _, err := u.Begin(5, "a.txt", "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	part := &dropping{r: strings.NewReader("words"), drop: func() error { return u.Drop(name) }}
	if at, err := u.Add(name, 0, part); err != nil || at.Offset != 5 || !errors.Is(part.got, ErrBusy) {
		t.Errorf("%+v, %v; whoever dropped it heard %v", at, err, part.got)
	}
	if err := u.Drop(name); err != nil {
		t.Error(err)
	}
}

func TestUploads_go_on_at_another_node_and_one_of_them_works_at_a_time(t *testing.T) {
	now := time.Now()
	here := uploadsFor(t, &now)
	there := &Uploads{Dir: here.Dir, Now: here.Now}
	name, _, err := here.Begin(10, "a.txt", "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	part := &dropping{r: strings.NewReader("words"), drop: func() error {
		_, err := there.Add(name, 0, strings.NewReader("other words"))
		return err
	}}
	if at, err := here.Add(name, 0, part); err != nil || at.Offset != 5 || !errors.Is(part.got, ErrBusy) {
		t.Errorf("%+v, %v; the other node heard %v", at, err, part.got)
	}
	if at, err := there.Add(name, 5, strings.NewReader(" more")); err != nil || at.Offset != 10 {
		t.Errorf("%+v, %v", at, err)
	}
}

func TestUploads_are_their_owners_alone_and_for_a_day(t *testing.T) {
	now := time.Now()
	u := uploadsFor(t, &now)
	name, _, err := u.Begin(10, "a.txt", "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := u.Begin(10, "b.txt", "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(name, ".")
	_, key, _ := strings.Cut(other, ".")
	for _, wrong := range []string{"", id, id + ".", id + "." + key, "../" + name, strings.ToUpper(id) + name[32:], "x"} {
		if _, err := u.At(wrong); !errors.Is(err, ErrNoUpload) {
			t.Errorf("%q: %v", wrong, err)
		}
		if err := u.Drop(wrong); !errors.Is(err, ErrNoUpload) {
			t.Errorf("drop %q: %v", wrong, err)
		}
	}
	if err := u.Drop(other); err != nil {
		t.Error(err)
	}
	if _, err := u.At(other); !errors.Is(err, ErrNoUpload) {
		t.Errorf("dropped, but %v", err)
	}
	now = now.Add(25 * time.Hour)
	if _, err := u.Add(name, 0, strings.NewReader("x")); !errors.Is(err, ErrNoUpload) {
		t.Errorf("after a day: %v", err)
	}
	now = now.Add(25 * time.Hour)
	if _, _, err := u.Begin(1, "", ""); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(u.Dir); err != nil || len(list) != 1 {
		t.Errorf("what nobody finished is still there: %v, %v", list, err)
	}
	u.Most, now = 1, time.Now() // a folder's time is the disk's
	if _, _, err := u.Begin(1, "", ""); !errors.Is(err, ErrMany) {
		t.Errorf("one too many: %v", err)
	}
}

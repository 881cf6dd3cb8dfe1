package file_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"

	"comity/internal/file"
	"comity/internal/file/filetest"
)

// lines gives n bytes of text without having them.
type lines struct{ left int64 }

func (l *lines) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), l.left)]
	for i := range p {
		p[i] = 'a' + byte(i%26)
	}
	l.left -= int64(len(p))
	return len(p), nil
}

func Test_two_hundred_megabytes_pass_without_being_held(t *testing.T) {
	const size, most = 200 << 20, 16 << 20
	looked := int64(0)
	s := file.Store{Dir: t.TempDir(), KeepSent: true, Scan: func(_ context.Context, r io.Reader) (string, error) {
		n, err := io.Copy(io.Discard, r)
		looked = n
		return "", err
	}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := s.Take(t.Context(), &lines{size}, "long.txt", file.Limits{MaxBytes: size})
	if err != nil || f.Size != size || looked != size {
		t.Fatalf("%+v, %d bytes looked at, %v", f, looked, err)
	}
	r, err := s.Open(f.SHA256, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	if err != nil || n != size {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	// All that was ever allocated, so that nothing can have been held and let go.
	if took := after.TotalAlloc - before.TotalAlloc; took > most {
		t.Errorf("it took %d MB of memory", took>>20)
	}
}

func Test_a_large_photo_in_an_office_paper_is_not_held(t *testing.T) {
	const most = 8 << 20
	photo := bytes.Clone(filetest.JPEG()[:2])
	comment := append([]byte("\xFF\xFE\xFF\xFF"), make([]byte, 0xFFFD)...)
	for len(photo) < 15<<20 {
		photo = append(photo, comment...)
	}
	photo = append(photo, filetest.JPEG()[2:]...)
	paper := filetest.DOCX(map[string]func(io.Writer){"word/media/image1.jpeg": func(w io.Writer) { w.Write(photo) }})
	s := file.Store{Dir: t.TempDir()}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := s.Take(t.Context(), bytes.NewReader(paper), "letter.docx", file.Limits{})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > most {
		t.Errorf("it took %d MB of memory", took>>20)
	}
	if got := filetest.Part(content(t, s, f.SHA256, f.Key), "word/media/image1.jpeg"); len(got) == 0 || len(got) > 100_000 {
		t.Errorf("the photo became %d bytes", len(got))
	}
}

func Test_an_archive_that_lists_parts_without_end_is_refused_before_the_list_is_held(t *testing.T) {
	const most = 8 << 20
	entry := make([]byte, 46+1)
	copy(entry, "PK\x01\x02")
	entry[28], entry[46] = 1, 'a' // the name and its length
	head := append([]byte("PK\x03\x04"), make([]byte, 26)...)
	const n = 400_000
	list := bytes.Repeat(entry, n)
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], n%65536)
	binary.LittleEndian.PutUint16(end[10:], n%65536)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(list)))
	binary.LittleEndian.PutUint32(end[16:], uint32(len(head)))
	paper := slices.Concat(head, list, end)
	s := file.Store{Dir: t.TempDir()}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := s.Take(t.Context(), bytes.NewReader(paper), "letter.docx", file.Limits{})
	runtime.ReadMemStats(&after)
	var no file.Refused
	if !errors.As(err, &no) {
		t.Fatal(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > most {
		t.Errorf("it took %d MB of memory", took>>20)
	}
}

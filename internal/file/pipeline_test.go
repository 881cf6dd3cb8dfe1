package file_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/file/filetest"
)

func content(t *testing.T, s file.Store, name, key string) []byte {
	t.Helper()
	r, err := s.Open(name, key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func left(t *testing.T, dir string) (n int) {
	t.Helper()
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return nil
	})
	return n
}

func Test_every_kind_of_file_is_cleaned_or_refused_and_nothing_is_left_of_what_was_refused(t *testing.T) {
	for _, c := range filetest.All() {
		t.Run(c.What, func(t *testing.T) {
			s := file.Store{Dir: t.TempDir()}
			f, err := s.Take(t.Context(), bytes.NewReader(c.Data), c.Name, file.Limits{Declared: c.Declared})
			if c.Want == filetest.Refused {
				var no file.Refused
				if !errors.As(err, &no) || no.Rule != c.Rule {
					t.Fatalf("%+v, %v; want %s", f, err, c.Rule)
				}
				if n := left(t, s.Dir); n != 0 {
					t.Errorf("%d files are left", n)
				}
				return
			}
			if err != nil || f.Kind != c.Kind {
				t.Fatalf("%+v, %v; want %s", f, err, c.Kind)
			}
			kept := content(t, s, f.SHA256, f.Key)
			if where := filetest.Leaks(kept); where != "" {
				t.Errorf("what is kept still tells %s", where)
			}
			if int64(len(kept)) != f.Size || left(t, s.Dir) != 1 {
				t.Errorf("%d bytes, said to be %d; %d files", len(kept), f.Size, left(t, s.Dir))
			}
			again, err := s.Take(t.Context(), bytes.NewReader(kept), f.Name, file.Limits{Declared: f.Kind})
			if err != nil || again.Kind != f.Kind {
				t.Errorf("what was kept is not taken again: %v", err)
			}
		})
	}
}

func Test_the_words_of_an_office_paper_stay(t *testing.T) {
	s := file.Store{Dir: t.TempDir()}
	f, err := s.Take(t.Context(), bytes.NewReader(filetest.DOCX(nil)), "letter.docx", file.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "letter.docx" {
		t.Errorf("it is called %q", f.Name)
	}
	out := filetest.Part(content(t, s, f.SHA256, f.Key), "word/document.xml")
	for _, want := range []string{"The lamp &amp; the road ", "are dark", `xml:space="preserve"`, `w:author=""`} {
		if !strings.Contains(out, want) {
			t.Errorf("the paper has lost %q: %s", want, out)
		}
	}
	for _, gone := range []string{"rsid", "w:date", "<!--"} {
		if strings.Contains(out, gone) {
			t.Errorf("the paper still has %q: %s", gone, out)
		}
	}
}

func Test_a_paper_that_only_speaks_of_what_is_refused_is_taken(t *testing.T) {
	s := file.Store{Dir: t.TempDir()}
	paper := filetest.DOCX(map[string]func(io.Writer){
		"word/document.xml": func(w io.Writer) {
			io.WriteString(w, `<w:document xmlns:w="w"><w:fldChar/><w:instrText> HYPER</w:instrText><w:instrText>LINK "https://city.example"</w:instrText><w:fldChar/><w:t>DDE and WEBSERVICE(</w:t><w:fldSimple w:instr="PAGE"/></w:document>`)
		},
		"word/charts/chart1.xml": func(w io.Writer) {
			io.WriteString(w, `<c:chart xmlns:c="c"><c:f>'Image (2)'!$A$1:$A$4&amp;"RTD(1)"</c:f></c:chart>`)
		},
	})
	if _, err := s.Take(t.Context(), bytes.NewReader(paper), "letter.docx", file.Limits{}); err != nil {
		t.Fatal(err)
	}
}

func Test_what_the_scanner_cannot_look_at_or_finds_something_in_is_held_and_opens_for_nobody(t *testing.T) {
	for want, scan := range map[string]file.Scan{
		file.HeldUnseen: func(context.Context, io.Reader) (string, error) { return "", errors.New("the line is dead") },
		file.HeldVirus: func(_ context.Context, r io.Reader) (string, error) {
			b, err := io.ReadAll(r)
			if err == nil && bytes.Contains(b, []byte(filetest.Secret)) { // it sees what was sent, not what is left of it
				return "Trace", nil
			}
			return "", err
		},
	} {
		s := file.Store{Dir: t.TempDir(), Scan: scan}
		f, err := s.Take(t.Context(), bytes.NewReader(filetest.JPEG()), "lamp.jpg", file.Limits{})
		if err != nil || f.Held != want || f.Key != "" || f.Locked == "" || f.Original == "" {
			t.Fatalf("%s: %+v, %v", want, f, err)
		}
		if r, err := s.Open(f.SHA256, f.Key); !errors.Is(err, file.ErrSealed) {
			t.Errorf("%s: it opens without a key: %v, %v", want, r, err)
		}
		if !bytes.Equal(content(t, s, f.Original, f.OriginalKey), filetest.JPEG()) {
			t.Errorf("%s: what was sent is not what is kept of it", want)
		}
		if held, err := s.Look(t.Context(), f.Original, f.OriginalKey); err != nil || held != want {
			t.Errorf("%s: looked at again it is %q, %v", want, held, err)
		}
		s.Scan = func(context.Context, io.Reader) (string, error) { return "", nil }
		if held, err := s.Look(t.Context(), f.Original, f.OriginalKey); err != nil || held != "" {
			t.Errorf("%s: a scanner that finds nothing leaves it %q, %v", want, held, err)
		}
		if where := filetest.Leaks(content(t, s, f.SHA256, f.Locked)); where != "" {
			t.Errorf("%s: what would be released still tells %s", want, where)
		}
	}
}

func Test_a_city_that_wants_it_keeps_what_was_sent_beside_what_is_shown(t *testing.T) {
	s := file.Store{Dir: t.TempDir(), KeepSent: true}
	f, err := s.Take(t.Context(), bytes.NewReader(filetest.JPEG()), "lamp.jpg", file.Limits{})
	if err != nil || f.Held != "" || f.Key == "" || f.Original == "" || f.Original == f.SHA256 || f.OriginalKey == f.Key {
		t.Fatalf("%+v, %v", f, err)
	}
	if !bytes.Equal(content(t, s, f.Original, f.OriginalKey), filetest.JPEG()) {
		t.Error("the original was changed")
	}
	if names := f.Stored(); len(names) != 2 || names[1] != f.Original {
		t.Errorf("an erasure would remove %v", names)
	}
	var _ casework.File = f
}

func Test_a_disk_that_is_full_is_not_blamed_on_the_file(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := file.Store{Dir: dir}.Take(t.Context(), bytes.NewReader(filetest.JPEG()), "lamp.jpg", file.Limits{})
	var no file.Refused
	if err == nil || errors.As(err, &no) {
		t.Fatalf("%v", err)
	}
}

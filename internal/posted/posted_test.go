package posted_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"comity/internal/posted"
)

const marker = "nobody else may read this line of the letter\n"

// form is a form with a field and files of these contents.
func form(t *testing.T, files ...string) *http.Request {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i, content := range files {
		w, err := m.CreateFormFile("photos", string(rune('a'+i))+".txt")
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m.WriteField("text", "It is dark.")
	m.WriteField("text", "Still.")
	m.Close()
	r := httptest.NewRequest("POST", "/", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return r
}

func Test_files_of_a_form_are_read_back_and_lie_nowhere_under_a_name(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	long := strings.Repeat(marker, 1<<20/len(marker))
	f, err := posted.Read(form(t, long, "", "short"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.Value["text"], "|"); got != "It is dark.|Still." {
		t.Errorf("the field says %q", got)
	}
	list := f.File["photos"]
	if len(list) != 3 || list[0].Filename != "a.txt" || list[0].Size != int64(len(long)) || list[0].Header.Get("Content-Type") == "" {
		t.Fatalf("the files are %+v", list)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("there lie %v", left)
	}
	for i, want := range []string{long, "", "short"} {
		for range 2 {
			src, err := f.Open(list[i])
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(src); err != nil || string(got) != want {
				t.Errorf("file %d gives %d bytes, %v", i, len(got), err)
			}
		}
	}
	if _, err := f.Open(&multipart.FileHeader{}); !errors.Is(err, http.ErrMissingFile) {
		t.Errorf("a file of another form: %v", err)
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	if _, err := f.Open(list[0]); !errors.Is(err, http.ErrMissingFile) {
		t.Errorf("afterwards: %v", err)
	}
}

func Test_what_rests_of_a_file_is_sealed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, err := posted.Read(form(t, strings.Repeat(marker, 5000)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if open := descriptors(t); len(open) == 0 {
		t.Skip("this system does not show which files are open")
	} else {
		for _, raw := range open {
			if bytes.Contains(raw, []byte(marker)) {
				t.Error("it lies in the clear")
			}
		}
	}
}

// descriptors are the contents of all files without a name that this program has open.
func descriptors(t *testing.T) (out [][]byte) {
	all, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range all {
		if to, err := os.Readlink(fd); err == nil && strings.Contains(to, "posted-") {
			raw, err := os.ReadFile(fd)
			if err != nil || len(raw) == 0 {
				t.Errorf("%s holds %d bytes, %v", to, len(raw), err)
			}
			out = append(out, raw)
		}
	}
	return out
}

func Test_a_form_that_breaks_off_or_is_too_large_leaves_nothing(t *testing.T) {
	whole, _ := io.ReadAll(form(t, marker).Body)
	line := errors.New("the line")
	r := form(t, marker)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), iotest.ErrReader(line)))
	if _, err := posted.Read(r); !errors.Is(err, line) || errors.Is(err, posted.ErrKeep) {
		t.Errorf("a broken line: %v", err)
	}
	var many, long bytes.Buffer
	m := multipart.NewWriter(&many)
	for range 1001 {
		m.WriteField("a", "b")
	}
	m.Close()
	l := multipart.NewWriter(&long)
	l.WriteField("a", strings.Repeat("x", 10<<20))
	l.Close()
	for name, c := range map[string]struct {
		body *bytes.Buffer
		kind string
	}{"many fields": {&many, m.FormDataContentType()}, "a long field": {&long, l.FormDataContentType()}} {
		r := httptest.NewRequest("POST", "/", c.body)
		r.Header.Set("Content-Type", c.kind)
		if _, err := posted.Read(r); !errors.Is(err, posted.ErrLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	if _, err := posted.Read(form(t, marker)); !errors.Is(err, posted.ErrKeep) {
		t.Errorf("no disk: %v", err)
	}
}

func Test_lines_above_a_file_are_not_held_and_its_name_counts(t *testing.T) {
	const most = 8 << 20
	var b bytes.Buffer
	lines := make(textproto.MIMEHeader)
	for i := range 5000 {
		lines.Set(fmt.Sprintf("A%d", i), "")
	}
	m := multipart.NewWriter(&b)
	for range 30 {
		lines.Set("Content-Disposition", `form-data; name="photos"; filename="a.txt"`)
		lines.Set("Content-Type", "text/plain")
		if _, err := m.CreatePart(lines); err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	r := httptest.NewRequest("POST", "/", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f, err := posted.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if took := int64(after.HeapAlloc) - int64(before.HeapAlloc); took > most {
		t.Errorf("it holds %d MB", took>>20)
	}
	if list := f.File["photos"]; len(list) != 30 || list[0].Header.Get("Content-Type") != "text/plain" {
		t.Errorf("read are %d files", len(list))
	}
	var long bytes.Buffer
	m = multipart.NewWriter(&long)
	for range 3 {
		if _, err := m.CreateFormFile("photos", strings.Repeat("n", 4<<20)); err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	r = httptest.NewRequest("POST", "/", &long)
	r.Header.Set("Content-Type", m.FormDataContentType())
	if _, err := posted.Read(r); !errors.Is(err, posted.ErrLarge) {
		t.Errorf("names without end: %v", err)
	}
}

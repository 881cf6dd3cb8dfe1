package csvin

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

// told writes what a Reader returned as one line per record, so that a test
// shows the whole course: "line start-end: fields" or "line start-end! reason".
func told(t testing.TB, r *Reader) []string {
	t.Helper()
	var out []string
	for {
		rec, err := r.Next()
		var bad *Bad
		switch {
		case err == io.EOF:
			return out
		case errors.As(err, &bad):
			out = append(out, fmt.Sprintf("%d %d-%d! %s", bad.Line, bad.Start, bad.Offset, bad.Reason))
		case err != nil:
			t.Fatal(err)
		default:
			out = append(out, fmt.Sprintf("%d %d-%d: %s", rec.Line, rec.Start, rec.Offset, strings.Join(rec.Fields, "|")))
		}
	}
}

func reader(t testing.TB, text string, o Options) *Reader {
	t.Helper()
	r, err := NewReader(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReader_cuts_records_and_loses_no_place(t *testing.T) {
	small := Options{MaxField: 8, MaxRecordLines: 4, MaxRecord: 40}
	for _, c := range []struct {
		what, text string
		want       []string
	}{
		{"plain lines", "a,b\n1,2\n3,4\n", []string{"2 4-8: 1|2", "3 8-12: 3|4"}},
		{"no line end at the end", "a,b\n1,2", []string{"2 4-7: 1|2"}},
		{"byte order mark", "\uFEFFa,b\n1,2\n", []string{"2 7-11: 1|2"}},
		{"line ends of Windows", "a,b\r\n1,2\r\n3,\"4\"\r\n", []string{"2 5-10: 1|2", "3 10-17: 3|4"}},
		{"a line end of Windows cut off", "a,b\r\n1,2\r", []string{"2 5-9: 1|2"}},
		{"empty lines belong to the record before", "a,b\n\n1,2\n\r\n\n3,4\n\n", []string{"3 5-12: 1|2", "6 12-17: 3|4"}},
		{"quotes, commas and empty fields", "a,b\n\"1,\"\"x\"\"\",\n,\"\"\n", []string{`2 4-15: 1,"x"|`, "3 15-19: |"}},
		{"a line end inside quotes", "a,b\n1,\"x\r\ny\n\"\n3,4\n", []string{"2 4-14: 1|x\ny\n", "5 14-18: 3|4"}},

		{"a quote never closed costs one line", "a,b\n1,\"x\n2,y\n3,z\n4,w\n5,v\n6,u\n",
			[]string{"2 4-9! csv.quote", "3 9-13: 2|y", "4 13-17: 3|z", "5 17-21: 4|w", "6 21-25: 5|v", "7 25-29: 6|u"}},
		{"a quote never closed in the last line", "a,b\n1,2\n3,\"x", []string{"2 4-8: 1|2", "3 8-12! csv.quote"}},
		{"a torn quote that meets the next quoted field", "a,b\n1,\"x\n2,\"y\"\n3,4\n",
			[]string{"2 4-9! csv.quote", "3 9-15: 2|y", "4 15-19: 3|4"}},
		{"a torn quote whose partner makes the number wrong", "a,b\n1,\"x\n2,y\n3,\",z\"\n",
			[]string{"2 4-9! csv.quote", "3 9-13: 2|y", "4 13-20: 3|,z"}},
		{"a torn quote whose partner is more lines away than a record may have", "a,b\n1,\"x\n2,y\n3,z\n4,w\n5,v\n\"\n",
			[]string{"2 4-9! csv.quote", "3 9-13: 2|y", "4 13-17: 3|z", "5 17-21: 4|w", "6 21-25: 5|v", "7 25-27! csv.quote"}},
		{"text after a closing quote", "a,b\n1,\"x\"y\n2,3\n", []string{"2 4-11! csv.quote", "3 11-15: 2|3"}},
		{"a quote inside a plain field", "a,b\n1,5\" pipe\n2,3\n", []string{"2 4-14! csv.quote", "3 14-18: 2|3"}},
		{"too few and too many fields", "a,b\n1\n1,2,3\n4,5\n", []string{"2 4-6! csv.columns", "3 6-12! csv.columns", "4 12-16: 4|5"}},
		{"a wrong number of fields over two lines", "a,b\n\"1\nx\"\n4,5\n", []string{"2 4-10! csv.columns", "4 10-14: 4|5"}},
		{"bytes that are not UTF-8", "a,b\n1,caf\xE9\n2,3\n", []string{"2 4-11! csv.utf8", "3 11-15: 2|3"}},
		{"a field too long", "a,b\n1,123456789\n2,12345678\n", []string{"2 4-16! csv.field_too_long", "3 16-27: 2|12345678"}},
		{"a quoted field too long", "a,b\n1,\"12345\n789\"\n2,3\n", []string{"2 4-18! csv.field_too_long", "4 18-22: 2|3"}},
		{"a line beyond all limits", "a,b\n" + strings.Repeat("x", 1000) + "\n\n2,3\n", []string{"2 4-1006! csv.record_too_long", "4 1006-1010: 2|3"}},
		{"a last line beyond all limits", "a,b\n" + strings.Repeat("x", 1000), []string{"2 4-1004! csv.record_too_long"}},
		{"only a header", "a,b\n", nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := told(t, reader(t, c.text, small)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			// The same when the source gives one byte at a time.
			slow, err := NewReader(iotest.OneByteReader(strings.NewReader(c.text)), small)
			if err != nil {
				t.Fatal(err)
			}
			if got := told(t, slow); !reflect.DeepEqual(got, c.want) {
				t.Errorf("byte by byte: got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestReader_hands_back_what_it_could_not_use(t *testing.T) {
	r := reader(t, "a,b\n1,\"x\r\n2,3\n", Options{})
	_, err := r.Next()
	var bad *Bad
	if !errors.As(err, &bad) || bad.Raw != "1,\"x\r\n" {
		t.Fatalf("got %#v", err)
	}
	if strings.Contains(bad.Error(), "x") {
		t.Fatalf("the error for the log repeats content: %v", bad)
	}
}

func TestReader_gives_fields_by_the_name_of_the_column(t *testing.T) {
	r := reader(t, " place ,what\nStation 4,lamp\n", Options{Columns: []string{"what", "place"}})
	rec, err := r.Next()
	if err != nil || rec.Get("what") != "lamp" || rec.Get("place") != "Station 4" || rec.Get("who") != "" {
		t.Fatalf("%+v %v", rec, err)
	}
	if !slices.Equal(r.Header(), []string{"place", "what"}) {
		t.Fatalf("header %q", r.Header())
	}
}

func TestReader_refuses_a_header_it_cannot_work_with(t *testing.T) {
	need := Options{Columns: []string{"a", "b"}}
	for text, want := range map[string]HeaderError{
		"":                   {Rule: "csv.empty"},
		"\n\r\n":             {Rule: "csv.empty"},
		"\uFEFF":             {Rule: "csv.empty"},
		"a,c\n":              {Rule: "csv.column_missing", Column: "b"},
		"a,b,a\n":            {Rule: "csv.column_twice", Column: "a"},
		"a,\"b\n":            {Rule: "csv.header", Reason: "csv.quote"},
		"\xFF\xFEa\x00,\x00": {Rule: "csv.header", Reason: "csv.utf8"},
	} {
		r, err := NewReader(strings.NewReader(text), need)
		var he *HeaderError
		if !errors.As(err, &he) || *he != want || r != nil {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	if _, err := NewReader(strings.NewReader("a,b,x,x\n"), need); err != nil {
		t.Errorf("a column nobody asked for may be there twice: %v", err)
	}
}

func TestReader_an_error_of_the_source_is_neither_the_end_nor_a_bad_record(t *testing.T) {
	src := io.MultiReader(strings.NewReader("a,b\n1,2\n3,"), iotest.ErrReader(io.ErrClosedPipe))
	r, err := NewReader(src, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := r.Next(); err != nil || rec.Fields[0] != "1" {
		t.Fatalf("%v %v", rec, err)
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("got %v", err)
		}
	}
	if r.Offset() != 8 {
		t.Fatalf("place moved to %d over a record that was not read", r.Offset())
	}
}

func TestReader_goes_on_from_every_place_as_if_never_interrupted(t *testing.T) {
	text := "\uFEFFa,b\n1,\"x\ny\"\n\n2,\"torn\n3,4\nfew\n5,\"6\"\n"
	want := told(t, reader(t, text, Options{}))
	r := reader(t, text, Options{})
	for done := 0; ; done++ {
		again, err := NewReaderAt(strings.NewReader(text), r.Mark(), r.Header(), Options{Columns: []string{"b"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := told(t, again); !slices.Equal(got, want[done:]) {
			t.Fatalf("from %+v: %q, want %q", r.Mark(), got, want[done:])
		}
		if _, err := r.Next(); err == io.EOF {
			if done != len(want) {
				t.Fatalf("%d places tried, want %d", done, len(want))
			}
			return
		}
	}
}

func TestReader_a_torn_quote_in_the_middle_of_a_large_file_costs_one_record(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,text\n")
	const rows, damaged = 50_000, 20_000
	for i := range rows {
		if i == damaged {
			fmt.Fprintf(&b, "%d,\"never closed\n", i)
			continue
		}
		fmt.Fprintf(&b, "%d,\"lamp, broken\"\n", i)
	}
	good, bad := 0, 0
	for _, line := range told(t, reader(t, b.String(), Options{})) {
		if strings.Contains(line, "! ") {
			bad++
			if !strings.HasPrefix(line, fmt.Sprint(damaged+2, " ")) {
				t.Errorf("bad record in the wrong place: %s", line)
			}
		} else {
			good++
		}
	}
	if good != rows-1 || bad != 1 {
		t.Fatalf("%d good, %d bad", good, bad)
	}
}

func openData(t testing.TB) map[string]string {
	dir := os.Getenv("COMITY_TEST_DATA")
	if dir == "" {
		dir = "../../../../shared/data"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no data: set COMITY_TEST_DATA to the folder with boston-311 and nyc-311 (%v)", err)
	}
	return map[string]string{
		"boston": filepath.Join(dir, "boston-311", "boston_2018.csv"),
		"nyc":    filepath.Join(dir, "nyc-311", "nyc311_2018-06.csv"),
	}
}

func TestReader_reads_real_files_like_the_standard_library(t *testing.T) {
	names := openData(t)
	for city, rows := range map[string]int{"boston": 7872, "nyc": 1000} {
		data, err := os.ReadFile(names[city])
		if err != nil {
			t.Fatal(err)
		}
		want, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(bytes.NewReader(data), Options{Columns: want[0][:3]})
		if err != nil {
			t.Fatal(err)
		}
		for i, fields := range want[1:] {
			rec, err := r.Next()
			if err != nil || !slices.Equal(rec.Fields, fields) {
				t.Fatalf("%s row %d: %q, %v; want %q", city, i, rec.Fields, err, fields)
			}
		}
		if _, err := r.Next(); err != io.EOF || len(want)-1 != rows || r.Offset() != int64(len(data)) {
			t.Fatalf("%s: %d rows, want %d; end %v at %d of %d", city, len(want)-1, rows, err, r.Offset(), len(data))
		}
	}
}

// The columns are not checked by the fuzz target, so any first line will do.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\uFEFFa,b\r\n1,\"x\r\ny\"\r\n\r\n", "a,b\n1,\"x\n2,\"\"y\n3,4", "a\n\"\n\n\"\"\n",
		"a,b\n\xff,\"\n", "a\n" + strings.Repeat("x", 200) + "\n", "\n\n\r", "a,b\n\"1\n2,3\n\",\n"} {
		f.Add(s)
	}
	o := Options{MaxField: 16, MaxRecordLines: 3, MaxRecord: 64}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := NewReader(strings.NewReader(text), o)
		var he *HeaderError
		if errors.As(err, &he) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		at := r.Mark()
		for n := 0; ; n++ {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			span, bad := rec.Span, (*Bad)(nil)
			if errors.As(err, &bad) {
				span = bad.Span
				if !strings.HasPrefix(text[span.Start:span.Offset], bad.Raw) {
					t.Fatalf("raw %q is not what stands at %+v", bad.Raw, span)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if span.Start != at.Offset || span.Line != at.Line || span.Offset <= span.Start {
				t.Fatalf("record %d at %+v does not follow %+v", n, span, at)
			}
			at = r.Mark()
			if span.Offset != at.Offset || at.Line < span.Line {
				t.Fatalf("mark %+v after %+v", at, span)
			}
			if n == 1 {
				resumes(t, text, r, o)
			}
		}
		if at.Offset != int64(len(text)) {
			t.Fatalf("ended at %d of %d", at.Offset, len(text))
		}
		if lines := 1 + strings.Count(text, "\n"); at.Line > lines+1 || at.Line < lines {
			t.Fatalf("counted %d lines in %d", at.Line, lines)
		}
		likeStandard(t, text)
	})
}

// dribble gives one byte at a time, from where one seeks.
type dribble struct{ *strings.Reader }

func (d dribble) Read(p []byte) (int, error) { return d.Reader.Read(p[:min(1, len(p))]) }

// resumes holds a reader that goes on at r's place against one that gets the
// bytes in another portioning.
func resumes(t *testing.T, text string, r *Reader, o Options) {
	all, err := NewReaderAt(strings.NewReader(text), r.Mark(), r.Header(), o)
	if err != nil {
		t.Fatal(err)
	}
	bits, err := NewReaderAt(dribble{strings.NewReader(text)}, r.Mark(), r.Header(), o)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := told(t, all), told(t, bits); !slices.Equal(a, b) {
		t.Fatalf("%q, but byte by byte %q", a, b)
	}
}

// likeStandard holds the reader, without limits, against encoding/csv where
// that reads the whole text.
func likeStandard(t *testing.T, text string) {
	want, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\uFEFF"))).ReadAll()
	if err != nil || !utf8.ValidString(text) {
		return
	}
	const noLimit = 1 << 30
	r := reader(t, text, Options{MaxField: noLimit, MaxRecordLines: noLimit, MaxRecord: noLimit})
	for _, fields := range want[1:] {
		rec, err := r.Next()
		if err != nil || !slices.Equal(rec.Fields, fields) {
			t.Fatalf("read %q, %v; encoding/csv %q", rec.Fields, err, fields)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatalf("encoding/csv is at the end, but got %v", err)
	}
}

// BenchmarkReader reads real records and, in the same run, has encoding/csv
// read them; "ratio" is our time over its time.
func BenchmarkReader(b *testing.B) {
	for city, name := range openData(b) {
		one, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		end := bytes.IndexByte(one, '\n') + 1
		data := append(bytes.Clone(one), bytes.Repeat(one[end:], 8<<20/len(one))...)
		b.Run(city, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				ours(b, data)
			}
			mine := b.Elapsed() / time.Duration(b.N)
			std := time.Now()
			for range 5 {
				standard(b, data)
			}
			b.ReportMetric(float64(mine)/float64(time.Since(std)/5), "ratio")
		})
	}
}

func ours(b *testing.B, data []byte) {
	r, err := NewReader(bytes.NewReader(data), Options{})
	for err == nil {
		_, err = r.Next()
	}
	if err != io.EOF {
		b.Fatal(err)
	}
}

func standard(b *testing.B, data []byte) {
	r, err := csv.NewReader(bytes.NewReader(data)), error(nil)
	for err == nil {
		_, err = r.Read()
	}
	if err != io.EOF {
		b.Fatal(err)
	}
}

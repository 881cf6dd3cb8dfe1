// Package pdftest reads what stands on the pages of a file that package pdf wrote, so that tests can look for
// words in it without a program that may not be installed.
//
// It follows the way any reader goes: from each page to its fonts, and from the glyphs that are drawn to the
// characters they stand for. It is for tests alone, and it refuses files of other programs. This file is the
// whole package.
package pdftest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// object is one object of a file.
type object struct {
	dict string
	data []byte // of its stream, inflated
}

var (
	begins  = regexp.MustCompile(`(\d+) 0 obj\n`)
	length  = regexp.MustCompile(`/Length (\d+)`)
	content = regexp.MustCompile(`/Contents (\d+) 0 R`)
	fontRef = regexp.MustCompile(`/(F\d+) (\d+) 0 R`)
	back    = regexp.MustCompile(`/ToUnicode (\d+) 0 R`)
	mapping = regexp.MustCompile(`(?m)^<([0-9A-F]{4})> <([0-9A-F]+)>$`)
	token   = regexp.MustCompile(`<[0-9A-F]*>|/F\d+|\bET\b`)
)

// Text is what stands on all pages, a line for each line that was set. A file without a page, and one whose
// glyphs cannot be told, fail the test.
func Text(t testing.TB, raw []byte) string {
	t.Helper()
	objects := read(t, raw)
	var out strings.Builder
	for n := 1; n <= len(objects); n++ {
		o := objects[n]
		if !strings.Contains(o.dict, "/Type /Page ") {
			continue
		}
		fonts := map[string]map[string]string{}
		for _, m := range fontRef.FindAllStringSubmatch(o.dict, -1) {
			fonts["/"+m[1]] = characters(t, objects[ref(t, back, objects[number(t, m[2])].dict)].data)
		}
		words(t, &out, objects[ref(t, content, o.dict)].data, fonts)
	}
	if out.Len() == 0 {
		t.Fatal("no page of the file says anything")
	}
	return out.String()
}

// words writes down what a page draws.
func words(t testing.TB, out *strings.Builder, drawn []byte, fonts map[string]map[string]string) {
	t.Helper()
	font := ""
	for _, tok := range token.FindAllString(string(drawn), -1) {
		switch {
		case tok == "ET":
			out.WriteByte('\n')
		case tok[0] == '/':
			font = tok
		default:
			for g := strings.Trim(tok, "<>"); len(g) >= 4; g = g[4:] {
				c, ok := fonts[font][g[:4]]
				if !ok {
					t.Fatalf("glyph %s of %s stands for no character", g[:4], font)
				}
				out.WriteString(c)
			}
		}
	}
}

// characters is the way back from glyphs.
func characters(t testing.TB, cmap []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, m := range mapping.FindAllSubmatch(cmap, -1) {
		raw, err := hex.DecodeString(string(m[2]))
		if err != nil {
			t.Fatal(err)
		}
		var u []uint16
		for ; len(raw) >= 2; raw = raw[2:] {
			u = append(u, binary.BigEndian.Uint16(raw))
		}
		out[string(m[1])] = string(utf16.Decode(u))
	}
	return out
}

func read(t testing.TB, raw []byte) map[int]object {
	t.Helper()
	out := map[int]object{}
	for {
		m := begins.FindSubmatchIndex(raw)
		if m == nil {
			return out
		}
		n := number(t, string(raw[m[2]:m[3]]))
		raw = raw[m[1]:]
		end, at := bytes.Index(raw, []byte("\nendobj")), bytes.Index(raw, []byte("\nstream\n"))
		if at < 0 || at > end {
			out[n] = object{dict: string(raw[:end])}
			raw = raw[end:]
			continue
		}
		o := object{dict: string(raw[:at])}
		raw = raw[at+len("\nstream\n"):]
		size := ref(t, length, o.dict)
		o.data = raw[:size]
		if strings.Contains(o.dict, "/Filter /FlateDecode") && !strings.Contains(o.dict, "/Image") {
			o.data = inflated(t, o.data)
		}
		out[n], raw = o, raw[size:]
	}
}

func inflated(t testing.TB, data []byte) []byte {
	t.Helper()
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ref(t testing.TB, what *regexp.Regexp, dict string) int {
	t.Helper()
	m := what.FindStringSubmatch(dict)
	if m == nil {
		t.Fatalf("%s is not in %s", what, dict)
	}
	return number(t, m[1])
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

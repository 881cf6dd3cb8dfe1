package web

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"
)

type svgDoc struct {
	Class   string `xml:"class,attr"`
	Role    string `xml:"role,attr"`
	Label   string `xml:"aria-label,attr"`
	ViewBox string `xml:"viewBox,attr"`
	Title   string `xml:"title"`
	Paths   []struct {
		D string `xml:"d,attr"`
	} `xml:"path"`
}

func parseQR(t *testing.T, s string) svgDoc {
	t.Helper()
	var doc svgDoc
	if err := xml.Unmarshal([]byte(s), &doc); err != nil {
		t.Fatalf("not well-formed: %v\n%s", err, s)
	}
	return doc
}

var runShape = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// paint turns the path back into modules, so the test reads what a browser draws.
func paint(t *testing.T, d string) map[[2]int]bool {
	t.Helper()
	dark := map[[2]int]bool{}
	rest := runShape.ReplaceAllStringFunc(d, func(m string) string {
		p := runShape.FindStringSubmatch(m)
		x, _ := strconv.Atoi(p[1])
		y, _ := strconv.Atoi(p[2])
		n, _ := strconv.Atoi(p[3])
		if p[3] != p[4] {
			t.Fatalf("run does not close: %s", m)
		}
		for i := range n {
			dark[[2]int{x + i, y}] = true
		}
		return ""
	})
	if rest != "" {
		t.Fatalf("unexpected path piece %q", rest)
	}
	return dark
}

func TestQR_the_drawn_modules_are_the_encoded_ones_inside_a_quiet_zone_of_four(t *testing.T) {
	for _, text := range []string{"1", "https://example.org/track/K7MQ-2XPT-9WDC", "路灯不亮", strings.Repeat("x", 2000)} {
		s, err := QRSVG(text, "code")
		if err != nil {
			t.Fatal(err)
		}
		want, err := qr.Encode(text, qr.M)
		if err != nil {
			t.Fatal(err)
		}
		doc := parseQR(t, s)
		side := want.Size + 8
		if doc.ViewBox != fmt.Sprintf("0 0 %d %d", side, side) {
			t.Fatalf("viewBox %q for %d modules", doc.ViewBox, want.Size)
		}
		dark := paint(t, doc.Paths[len(doc.Paths)-1].D)
		for y := range side {
			for x := range side {
				if dark[[2]int{x, y}] != want.Black(x-4, y-4) {
					t.Fatalf("module %d,%d of %q differs", x, y, text)
				}
			}
		}
	}
}

func TestQR_has_a_name_for_those_who_do_not_see_it_and_no_inline_style(t *testing.T) {
	title := `Follow "your" <case> & more` + "\x01"
	s, err := QRSVG("x", title)
	if err != nil {
		t.Fatal(err)
	}
	doc := parseQR(t, s)
	shown := strings.ReplaceAll(title, "\x01", "\uFFFD")
	if doc.Role != "img" || doc.Class != "qr" || doc.Title != shown || doc.Label != shown {
		t.Fatalf("got %+v", doc)
	}
	if strings.Contains(s, "style") || strings.Contains(s, "<script") {
		t.Fatalf("inline style or script: %s", s)
	}
}

func TestQR_refuses_nothing_to_encode_nothing_to_say_and_too_much(t *testing.T) {
	for _, c := range [][2]string{{"", "title"}, {"text", " "}, {strings.Repeat("secret", 1000), "title"}} {
		if s, err := QRSVG(c[0], c[1]); err == nil || s != "" {
			t.Errorf("accepted text of %d bytes, title %q", len(c[0]), c[1])
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the text: %v", err)
		}
	}
}

func TestQR_the_same_text_gives_the_same_drawing(t *testing.T) {
	a, _ := QRSVG("same", "t")
	b, _ := QRSVG("same", "t")
	if a == "" || a != b {
		t.Fatal("drawing differs between calls")
	}
}

package paper_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"comity/internal/paper"
)

const letter = `# Notice of acceptance

Dear {field.name},
your matter {ref} has been accepted.

- Unit: {holder}
- Answer by: {clock.answer.due}

If you disagree:
- ask for review

---
{holder}
{today}
`

func Test_a_template_is_read_into_blocks_and_filled_in_one_pass(t *testing.T) {
	tpl, err := paper.Read(letter)
	if err != nil {
		t.Fatal(err)
	}
	got := tpl.Fill(func(name string) string { return "<" + strings.ToUpper(name) + " {ref}>" })
	want := []paper.Block{
		{Kind: paper.Title, Lines: []string{"Notice of acceptance"}},
		{Kind: paper.Paragraph, Lines: []string{"Dear <FIELD.NAME {ref}>,", "your matter <REF {ref}> has been accepted."}},
		{Kind: paper.List, Lines: []string{"Unit: <HOLDER {ref}>", "Answer by: <CLOCK.ANSWER.DUE {ref}>"}},
		{Kind: paper.Paragraph, Lines: []string{"If you disagree:"}},
		{Kind: paper.List, Lines: []string{"ask for review"}},
		{Kind: paper.Signature, Lines: []string{"<HOLDER {ref}>", "<TODAY {ref}>"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if names := strings.Join(tpl.Names(), " "); names != "clock.answer.due field.name holder ref today" {
		t.Errorf("names: %s", names)
	}
	if tpl.Places[0] != (paper.Place{Name: "field.name", Line: 3}) {
		t.Errorf("the first place is %+v", tpl.Places[0])
	}
}

func Test_what_was_filled_in_makes_no_blocks(t *testing.T) {
	tpl, err := paper.Read("# T\n{text}\n")
	if err != nil {
		t.Fatal(err)
	}
	got := tpl.Fill(func(string) string { return "one\n\n- two\n---\n# three" })
	if len(got) != 2 || got[1].Kind != paper.Paragraph || strings.Join(got[1].Lines, "|") != "one||- two|---|# three" {
		t.Errorf("a resident's text became %q", got)
	}
}

func Test_a_mistake_names_its_line(t *testing.T) {
	for name, c := range map[string]struct {
		src  string
		line int
	}{
		"no title":           {"Dear all\n", 1},
		"an empty title":     {"# \n", 1},
		"nothing":            {"", 1},
		"a brace left open":  {"# T\n\nup to {ref", 3},
		"a brace too many":   {"# T\nref}", 2},
		"an empty place":     {"# T\n{}", 2},
		"a place of two":     {"# T\n\n\n{a {b}}", 4},
		"capitals and space": {"# T\n{Ref no}", 2},
	} {
		_, err := paper.Read(c.src)
		var m *paper.Mistake
		if !errors.As(err, &m) || m.Line != c.line {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func Test_a_byte_order_mark_and_carriage_returns_do_no_harm(t *testing.T) {
	tpl, err := paper.Read("\ufeff# T\r\n\r\none\r\ntwo\r\n")
	if err != nil || len(tpl.Blocks) != 2 || tpl.Blocks[1].Lines[1] != "two" {
		t.Errorf("%+v %v", tpl, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(letter)
	f.Fuzz(func(t *testing.T, src string) {
		tpl, err := paper.Read(src)
		if err != nil {
			return
		}
		for _, b := range tpl.Fill(func(string) string { return "" }) {
			for _, line := range b.Lines {
				if strings.ContainsAny(line, "{}") {
					t.Errorf("a place is left in %q", line)
				}
			}
		}
	})
}

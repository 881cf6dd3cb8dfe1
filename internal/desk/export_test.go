package desk_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

func Test_a_list_is_the_same_in_every_format_and_longer_than_a_page(t *testing.T) {
	c := newCity(t)
	for i := range 205 { // more than is read at a time
		c.report(fmt.Sprintf("Matter number %d.", i))
	}
	b := c.as("guiyuan-clerk")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.get("/desk/cases?format=csv").body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 206 {
		t.Fatalf("%d rows of CSV, %v", len(rows), err)
	}
	a := b.get("/desk/cases?format=xlsx")
	if got := a.header.Get("Content-Disposition"); !strings.HasSuffix(got, `.xlsx"`) {
		t.Errorf("the file is called %s", got)
	}
	f, err := excelize.OpenReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sheet, err := f.GetRows(f.GetSheetName(0))
	if err != nil || len(sheet) != len(rows) {
		t.Fatalf("%d rows of XLSX, %v", len(sheet), err)
	}
	lines := strings.Split(strings.TrimSpace(b.get("/desk/cases?format=jsonl").body), "\n")
	if len(lines) != len(rows)-1 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if got["ref"] != rows[i+1][0] || got["ref"] != sheet[i+1][0] || got["title"] != rows[i+1][1] {
			t.Fatalf("line %d: %s, %v, %v", i, line, rows[i+1], sheet[i+1])
		}
	}
	zh := b.get("/desk/cases?format=csv&lang=zh-CN").body
	has(t, zh, "编号")
}

func Test_whoever_takes_a_list_with_them_is_on_record_without_what_they_searched(t *testing.T) {
	c := newCity(t)
	c.report("The pavement of Mrs Li is broken.")
	b := c.as("guiyuan-clerk")
	for _, path := range []string{"/desk/cases", "/desk/cases?format=html", "/desk/cases?" + url.Values{"q": {"pavement"}, "format": {"xlsx"}}.Encode()} {
		b.ok(path)
	}
	list, err := c.reader.Exports(t.Context(), "guiyuan-clerk", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if e := list[0]; e.Format != "xlsx" || e.List != "search q" || e.Unit != "guiyuan" || e.Ref == "" {
		t.Errorf("recorded is %+v", e)
	}
}

func Test_what_is_sealed_is_in_no_file(t *testing.T) {
	c := petitions(t)
	open, sealed := c.petition("A", "The wall leans."), c.petition("B", "Secret words about the quay.")
	b := c.as("guiyuan-head")
	has(t, b.ok("/desk/cases?view=open"), string(sealed.Ref))
	for _, f := range []string{"csv", "jsonl"} {
		got := b.get("/desk/cases?view=open&format=" + f).body
		has(t, got, string(open.Ref))
		hasNot(t, got, string(sealed.Ref))
	}
}

func Test_a_list_can_be_taken_along_on_a_telephone_too(t *testing.T) {
	c := newCity(t)
	c.report("The pavement is broken.")
	page := c.as("guiyuan-clerk").ok("/desk/cases?q=pavement")
	_, fold, ok := strings.Cut(page, `<details class="only-touch takeaway">`)
	if !ok {
		t.Fatal("the files are hidden where the screen is narrow")
	}
	fold, _, _ = strings.Cut(fold, "</details>")
	for _, format := range []string{"csv", "xlsx", "jsonl"} {
		has(t, fold, "q=pavement&amp;format="+format)
	}
}

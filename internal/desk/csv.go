package desk

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/ledger"
	"comity/internal/web"
)

// maxExport bounds one export; who needs more takes the API.
const maxExport = 20_000

// csv answers the same list as a table for a spreadsheet: the whole list, not one page; with ?id= only
// the cases that were ticked.
func (v *visit) csv(f ledger.Filter) error {
	p := v.site.Page(v.r, "desk.csv.title")
	var b bytes.Buffer
	b.WriteString("\ufeff") // without it a common spreadsheet reads UTF-8 as something else
	w := csv.NewWriter(&b)
	head := []string{"ref", "title.head", "category", "state", "unit", "officer", "deadline", "for", "opened", "late", "raised", "outcome", "place", "address"}
	for i := range head {
		head[i] = p.T("desk.csv." + head[i])
	}
	if err := w.Write(safeRow(head)); err != nil {
		return err
	}
	ticked := v.r.URL.Query()["id"]
	f.After, f.Limit = "", 200
	for n := 0; n < maxExport; {
		page, err := v.Reader.Worklist(v.ctx(), v.scope, f)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			if len(ticked) > 0 && !slices.Contains(ticked, string(it.Ref)) {
				continue
			}
			if err := w.Write(safeRow(v.csvRow(p, it))); err != nil {
				return err
			}
		}
		if n += len(page.Items); page.Next == "" {
			break
		}
		f.After = page.Next
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="cases-`+v.now.In(v.site.Zone).Format(time.DateOnly)+`.csv"`)
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept")
	v.w.WriteHeader(http.StatusOK)
	_, err := b.WriteTo(v.w)
	return err
}

func (v *visit) csvRow(p *web.Page, it ledger.Item) []string {
	due, clock, late, place, outcome := "", "", "", "", ""
	if !it.Due.IsZero() {
		due, clock = it.Due.In(v.site.Zone).Format("2006-01-02 15:04"), p.T("clock."+it.Procedure+"."+it.Clock)
	}
	if it.Late {
		late = p.T("desk.csv.yes")
	}
	if it.PlaceUnit != "" {
		place = p.T("unit." + string(it.PlaceUnit))
	}
	if it.Outcome != "" {
		outcome = p.T("outcome." + it.Procedure + "." + it.Outcome)
	}
	raised := ""
	if it.Raised > 0 {
		raised = p.N("desk.tag.raised", it.Raised)
	}
	if it.Sealed {
		it.Title = p.T("desk.sealed")
	} else if it.Title == "" {
		it.Title = p.T("category." + it.Category)
	}
	return []string{string(it.Ref), it.Title, p.T("category." + it.Category), p.T("state." + it.Procedure + "." + it.State),
		p.T("unit." + string(it.Holder)), v.officer(p, it.Assignee), due, clock, it.Opened.In(v.site.Zone).Format("2006-01-02 15:04"),
		late, raised, outcome, place, it.Address}
}

func safeRow(row []string) []string {
	for i := range row {
		row[i] = safeCell(row[i])
	}
	return row
}

// safeCell keeps what a resident wrote from running as a formula in a spreadsheet: a cell that begins
// like one gets an apostrophe in front, also after blanks that some programs skip.
func safeCell(s string) string {
	t := strings.TrimLeft(s, " \u00a0\u3000")
	if t != "" && strings.ContainsAny(t[:1], "=+-@\t\r\n|%") || strings.HasPrefix(t, "＝") || strings.HasPrefix(t, "＋") || strings.HasPrefix(t, "－") || strings.HasPrefix(t, "＠") {
		return "'" + s
	}
	return s
}

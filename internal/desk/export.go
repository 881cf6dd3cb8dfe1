package desk

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/export"
	"comity/internal/ledger"
	"comity/internal/web"
)

// exportPage is how many cases are read at a time while a list goes out.
const exportPage = 200

// exportColumns are the columns of a list, by their names for programs; the headings are desk.csv.NAME.
var exportColumns = []string{"ref", "title.head", "category", "state", "unit", "officer", "deadline", "for", "opened", "late", "raised", "outcome", "place", "address"}

// formatOf is the kind of file a list is asked for as; empty for a page.
func formatOf(r *http.Request) export.Format {
	if f := r.URL.Query().Get("format"); export.Known(f) {
		return export.Format(f)
	}
	if strings.HasPrefix(r.Header.Get("Accept"), "text/csv") {
		return export.CSV
	}
	return ""
}

// export answers the same list as a file: the whole list, not one page; with ?id= only the cases that were
// ticked. Rows are read and sent page by page. What is sealed is not in it.
func (v *visit) export(q listQuery, f ledger.Filter, as export.Format) error {
	f.After, f.Limit = "", exportPage
	first, err := v.Reader.Worklist(v.ctx(), v.scope, f)
	if err != nil {
		return err
	}
	if _, err := v.Ledger.Exporting(v.ctx(), v.actor, ledger.Export{Unit: f.Unit, List: listed(q), Format: string(as)}); err != nil {
		return err
	}
	p := v.site.Page(v.r, "desk.csv.title")
	h := v.w.Header()
	h.Set("Content-Type", as.Type())
	h.Set("Content-Disposition", `attachment; filename="cases-`+v.now.In(v.site.Zone).Format(time.DateOnly)+`.`+string(as)+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept")
	v.w.WriteHeader(http.StatusOK)
	out := bufio.NewWriter(v.w)
	if err := v.exportTo(out, p, f, as, first); err != nil {
		if v.site.Log != nil {
			v.site.Log.Error("an export broke off", "format", string(as), "error", err.Error())
		}
		panic(http.ErrAbortHandler) // a file that ends early must not look like a whole one
	}
	return out.Flush()
}

// fileLinks lead to the list as a file.
func fileLinks(p *web.Page, q listQuery) (out []web.Link) {
	q = q.page("")
	for _, f := range export.Formats {
		out = append(out, web.Link{Href: "/desk/cases?" + strings.TrimPrefix(q.encode()+"&format="+string(f), "&"), Label: p.T("desk.export." + string(f))})
	}
	return out
}

// listed names a list for the record: where it comes from and what narrows it, without the words that were
// searched for.
func listed(q listQuery) string {
	parts := []string{q.View}
	for _, p := range q.parts() {
		switch {
		case *p.value == "" || slices.Contains([]string{"view", "unit", "sort", "after", "peek"}, p.name):
		case p.name == "q":
			parts = append(parts, "q")
		default:
			parts = append(parts, p.name+"="+*p.value)
		}
	}
	return strings.Join(parts, " ")
}

func (v *visit) exportTo(w io.Writer, p *web.Page, f ledger.Filter, as export.Format, page ledger.Page) error {
	o := export.Options{Zone: v.site.Zone, Sheet: p.T("desk.csv.title")}
	for _, id := range exportColumns {
		o.Columns = append(o.Columns, export.Column{ID: strings.TrimSuffix(id, ".head"), Head: p.T("desk.csv." + id)})
	}
	t, err := export.To(w, as, o)
	if err != nil {
		return err
	}
	defer t.Drop()
	ticked := v.r.URL.Query()["id"]
	for {
		for _, it := range page.Items {
			if it.Sealed || len(ticked) > 0 && !slices.Contains(ticked, string(it.Ref)) {
				continue
			}
			if err := t.Row(v.exportRow(p, it)); err != nil {
				return err
			}
		}
		if f.After = page.Next; f.After == "" {
			return t.Close()
		}
		if page, err = v.Reader.Worklist(v.ctx(), v.scope, f); err != nil {
			return err
		}
	}
}

func (v *visit) exportRow(p *web.Page, it ledger.Item) []export.Cell {
	named := func(kind, id string) export.Cell {
		if id == "" || strings.HasSuffix(id, ".") {
			return export.Cell{}
		}
		return export.Cell{Words: p.T(kind + "." + id), Value: id[strings.LastIndexByte(id, '.')+1:]}
	}
	category := export.Cell{Words: p.T("category." + it.Category), Value: it.Category}
	late, raised, clock := export.Cell{Value: it.Late}, export.Cell{Value: it.Raised}, export.Cell{}
	if it.Late {
		late.Words = p.T("desk.csv.yes")
	}
	if !it.Due.IsZero() {
		clock = named("clock", it.Procedure+"."+it.Clock)
	}
	title := it.Title
	if title == "" {
		title = category.Words
	}
	return []export.Cell{export.Say(string(it.Ref)), export.Say(title), category, named("state", it.Procedure+"."+it.State), named("unit", string(it.Holder)),
		{Words: v.officer(p, it.Assignee), Value: it.Assignee}, {Value: it.Due}, clock, {Value: it.Opened}, late, raised, named("outcome", it.Procedure+"."+it.Outcome),
		named("unit", string(it.PlaceUnit)), export.Say(it.Address)}
}

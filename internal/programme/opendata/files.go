package opendata

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity/internal/export"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/web"
)

// columns are those of the figures, in order; their headings are opendata.column.NAME.
var columns = []string{"month", "category", "category_name", "area", "area_name", "outcome", "outcome_name", "cases"}

// WriteCases writes every published figure as a file.
func (o *Office) WriteCases(ctx context.Context, w io.Writer, as export.Format, say text.Speaker) error {
	p := o.Packs.Current()
	opts := export.Options{Zone: p.Zone, Sheet: say.T("opendata.title")}
	for _, c := range columns {
		opts.Columns = append(opts.Columns, export.Column{ID: c, Head: say.T("opendata.column." + c)})
	}
	t, err := export.To(w, as, opts)
	if err != nil {
		return err
	}
	defer t.Drop()
	err = o.Each(ctx, func(m Month) error {
		for _, r := range m.Rows {
			if err := t.Row([]export.Cell{export.Say(m.Month), export.Say(r.Category), export.Say(say.T("category." + r.Category)), plain(r.Area), export.Say(areaName(say, r.Area)),
				plain(r.Outcome), export.Say(outcomeName(p, say, r)), {Value: r.N}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.Close()
}

// plain is the name of something, or a word for all of them and for none, that no program takes for a sign.
func plain(name string) export.Cell {
	switch name {
	case All:
		return export.Say("all")
	case Elsewhere:
		return export.Say("none")
	}
	return export.Say(name)
}

func areaName(say text.Speaker, area string) string {
	switch area {
	case All:
		return say.T("opendata.area.all")
	case Elsewhere:
		return say.T("opendata.area.none")
	}
	return say.T("unit." + area)
}

func outcomeName(p *pack.Pack, say text.Speaker, r Row) string {
	switch d := p.ProcedureFor(r.Category); {
	case r.Outcome == All:
		return say.T("opendata.outcome.all")
	case r.Outcome == Undecided || d == nil:
		return say.T("opendata.outcome.none")
	default:
		return say.T("outcome." + d.ID + "." + r.Outcome)
	}
}

// casesFile is the figures in the format of the address.
func (o *Office) casesFile(v *programme.Visitor) error {
	if _, err := o.rules(); err != nil {
		return err
	}
	ctx := v.R.Context()
	if err := o.Publish(ctx, nil); err != nil {
		return err
	}
	as := export.Format(v.R.URL.Path[strings.LastIndexByte(v.R.URL.Path, '.')+1:])
	page := v.Page("opendata.title")
	headers(v.W, as.Type(), "cases."+string(as))
	if err := o.WriteCases(ctx, v.W, as, page.Speaker); err != nil {
		if v.Site.Log != nil {
			v.Site.Log.Error("published figures broke off", "format", string(as), "error", err.Error())
		}
		panic(http.ErrAbortHandler) // a file that ends early must not look like a whole one
	}
	return nil
}

func headers(w http.ResponseWriter, kind, name string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Vary", "Accept-Language, Cookie")
}

func sendJSON(v *programme.Visitor, kind, name string, doc any) error {
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	headers(v.W, kind, name)
	_, err = v.W.Write(append(raw, '\n'))
	return err
}

// field is one line of the dictionary.
type field struct {
	Name        string            `json:"name"`
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Values      map[string]string `json:"values,omitempty"`
}

// dictionary says what every column means and which values there are.
func (o *Office) dictionary(v *programme.Visitor) error {
	p, err := o.rules()
	if err != nil {
		return err
	}
	say := v.Page("opendata.title").Speaker
	least := strconv.Itoa(p.OpenData.Least)
	fields := make([]field, 0, len(columns))
	for _, c := range columns {
		fields = append(fields, field{Name: c, Type: map[bool]string{true: "integer", false: "string"}[c == "cases"], Description: say.T("opendata.about."+c, "least", least), Values: valuesOf(p, say, c)})
	}
	return sendJSON(v, "application/json; charset=utf-8", "dictionary.json", map[string]any{"title": say.T("opendata.title"), "publisher": say.T("opendata.publisher"), "licence": say.T("opendata.licence"),
		"licence_url": p.OpenData.Licence, "least": p.OpenData.Least, "hidden": say.T("opendata.hidden", "least", least), "fields": fields})
}

func valuesOf(p *pack.Pack, say text.Speaker, column string) map[string]string {
	out := map[string]string{}
	switch column {
	case "category":
		for _, c := range p.Counted() {
			out[c.ID] = say.T("category." + c.ID)
		}
	case "area":
		for _, id := range p.Areas() {
			out[string(id)] = say.T("unit." + string(id))
		}
		out["all"], out["none"] = say.T("opendata.area.all"), say.T("opendata.area.none")
	case "outcome":
		for _, c := range p.Counted() {
			d := p.ProcedureFor(c.ID)
			for _, x := range d.Outcomes {
				out[x.ID] = say.T("outcome." + d.ID + "." + x.ID)
			}
		}
		out["all"], out["none"] = say.T("opendata.outcome.all"), say.T("opendata.outcome.none")
	}
	return out
}

// catalog describes the files to catalogues of open data, in the words of DCAT 2.
func (o *Office) catalog(v *programme.Visitor) error {
	p, err := o.rules()
	if err != nil {
		return err
	}
	if err := o.Publish(v.R.Context(), nil); err != nil {
		return err
	}
	months, err := o.months(v.R.Context())
	if err != nil {
		return err
	}
	page := v.Page("opendata.title")
	at := v.Site.Origin(v.R) + "/data"
	var files []any
	for _, f := range export.Formats {
		kind, _, _ := strings.Cut(f.Type(), ";")
		files = append(files, map[string]any{"@type": "dcat:Distribution", "dcat:downloadURL": at + "/cases." + string(f), "dcat:mediaType": kind, "dct:license": p.OpenData.Licence})
	}
	set := map[string]any{"@id": at + "#cases", "@type": "dcat:Dataset", "dct:title": page.T("opendata.title"), "dct:description": page.T("opendata.intro"), "dct:publisher": page.T("opendata.publisher"),
		"dct:accrualPeriodicity": "http://purl.org/cld/freq/monthly", "dct:conformsTo": at + "/dictionary.json", "dcat:distribution": files}
	if len(months) > 0 {
		set["dct:temporal"] = map[string]string{"@type": "dct:PeriodOfTime", "dcat:startDate": months[0], "dcat:endDate": months[len(months)-1]}
	}
	return sendJSON(v, "application/ld+json", "catalog.jsonld", map[string]any{
		"@context": map[string]string{"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/"}, "@id": at, "@type": "dcat:Catalog", "dct:title": page.T("opendata.title"), "dcat:dataset": []any{set}})
}

// dataPage is what the public page shows.
type dataPage struct {
	Months  []monthView
	Files   []web.Link
	More    []web.Link
	Facts   []web.Fact
	Hidden  string
	Licence web.Link
	Blank   web.Blank
}

// monthView is a month with the sums of its categories that are shown.
type monthView struct {
	Name, Published string
	Rows            [][2]string
}

// shownMonths is how many months the page shows; the files have all.
const shownMonths = 6

func (o *Office) page(v *programme.Visitor) error {
	p, err := o.rules()
	if err != nil {
		return err
	}
	ctx := v.R.Context()
	if err := o.Publish(ctx, nil); err != nil {
		return err
	}
	page := v.Page("opendata.title")
	least := strconv.Itoa(p.OpenData.Least)
	d := dataPage{Hidden: page.T("opendata.hidden", "least", least), Blank: web.Blank{Icon: "down", Title: page.T("opendata.blank"), Next: page.T("opendata.blank.next", "months", strconv.Itoa(p.OpenData.Wait))}}
	for _, f := range export.Formats {
		d.Files = append(d.Files, web.Link{Href: "/data/cases." + string(f), Label: page.T("opendata.file." + string(f)), Icon: "down"})
	}
	d.More = []web.Link{{Href: "/data/dictionary.json", Label: page.T("opendata.dictionary")}, {Href: "/data/catalog.jsonld", Label: page.T("opendata.catalog")}}
	if p.Open311 != nil {
		d.More = append(d.More, web.Link{Href: "/data/requests.atom", Label: page.T("opendata.feed")})
	}
	d.Facts = []web.Fact{{Label: page.T("opendata.by"), Value: page.T("opendata.publisher")}, {Label: page.T("opendata.use"), Value: page.T("opendata.licence")}}
	if p.OpenData.Licence != "" {
		d.Licence = web.Link{Href: p.OpenData.Licence, Label: page.T("opendata.licence.read")}
	}
	err = o.Each(ctx, func(m Month) error {
		d.Months = append([]monthView{monthOf(page, m)}, d.Months...)
		d.Months = d.Months[:min(len(d.Months), shownMonths)]
		return nil
	})
	if err != nil {
		return err
	}
	return v.Write(page, http.StatusOK, dataBody(page, d))
}

func monthOf(page *web.Page, m Month) monthView {
	out := monthView{Name: m.Month, Published: page.Day(m.At)}
	if t, err := time.Parse(monthName, m.Month); err == nil {
		out.Name = page.T("opendata.month", "year", t.Format("2006"), "month", t.Format("1"))
	}
	for _, r := range m.Rows {
		if r.Area == All && r.Outcome == All {
			out.Rows = append(out.Rows, [2]string{page.T("category." + r.Category), strconv.Itoa(r.N)})
		}
	}
	return out
}

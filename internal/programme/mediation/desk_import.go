package mediation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"comity/internal/db"
	"comity/internal/intake/csvin"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

// importColumns are the columns of a table of mediators. Lists are separated by a bar, hours are written as
// they are stored.
var importColumns = []string{"unit", "name", "fields", "languages", "hours", "phone", "organisation", "account", "week_hours", "day_most", "listed"}

const (
	maxLines  = 2000
	maxListed = 50
	maxTable  = 1 << 20
)

// importPage asks for a table, and says what is wrong with its lines.
type importPage struct {
	Title, Key, Table string
	Columns           []web.Fact
	Lines             []lineView
	More              string
}

type lineView struct{ Line, Words string }

func (s *service) importShow(o *programme.Officer) error {
	p, _, err := s.keeping(o)
	if err != nil {
		return err
	}
	return showImport(o, p, importPage{}, http.StatusOK)
}

func showImport(o *programme.Officer, p *pack.Pack, v importPage, status int) error {
	page := o.Page("mediation.import.title")
	page.Wrong = status != http.StatusOK
	v.Title, v.Key = page.Title, web.NewKey()
	fields, _ := fieldsOf(p)
	for _, c := range importColumns {
		f := web.Fact{Label: c, Value: page.T("mediation.import." + c)}
		switch c {
		case "fields":
			f.Value += page.T("web.colon") + strings.Join(fields, " | ")
		case "languages":
			f.Value += page.T("web.colon") + strings.Join(p.Mediation.Languages, " | ")
		}
		v.Columns = append(v.Columns, f)
	}
	return o.Write(page, status, importBody(page, v))
}

// importPost stores every line of the table, or none and says what is wrong with which.
func (s *service) importPost(o *programme.Officer) error {
	p, units, err := s.keeping(o)
	if err != nil {
		return err
	}
	raw, err := sentTable(o)
	if err != nil {
		return err
	}
	page := o.Page("mediation.import.title")
	list, lines, err := readTable(page, bytes.NewReader(raw), p, units)
	if err != nil {
		return err
	}
	ctx := o.R.Context()
	if len(lines) == 0 {
		err = s.DB.Transact(ctx, func(tx *db.Tx) error {
			lines, err = takeIn(ctx, tx, page, list, o.Actor.ID())
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(lines) == 0 {
		return o.Go(href("mediators"))
	}
	v := importPage{Table: string(raw), Lines: lines}
	if n := len(lines) - maxListed; n > 0 {
		v.Lines, v.More = lines[:maxListed], page.N("mediation.import.more", n)
	}
	return showImport(o, p, v, http.StatusUnprocessableEntity)
}

// sentTable reads the file, or what was pasted.
func sentTable(o *programme.Officer) ([]byte, error) {
	if err := web.ReadForm(o.R, "file", "table"); err != nil {
		return nil, err
	}
	if f, _, err := web.FormFile(o.R, "file"); err == nil {
		raw, err := io.ReadAll(io.LimitReader(f, maxTable+1))
		if len(raw) > maxTable { // half a table would be stored as if it were the whole
			err = &http.MaxBytesError{Limit: maxTable}
		}
		if err != nil || len(raw) > 0 {
			return raw, err
		}
	}
	return []byte(strings.ReplaceAll(o.R.PostFormValue("table"), "\r\n", "\n")), nil
}

// imported is one line that was read.
type imported struct {
	line int
	m    Mediator
}

func readTable(page *web.Page, src io.Reader, p *pack.Pack, units []org.UnitID) (out []imported, lines []lineView, err error) {
	wrong := func(line int, words string) { lines = append(lines, lineView{strconv.Itoa(line), words}) }
	r, err := csvin.NewReader(src, csvin.Options{Columns: importColumns, MaxField: 2000})
	var head *csvin.HeaderError
	if errors.As(err, &head) {
		wrong(1, page.T("mediation.import.head", "column", head.Column))
		return nil, lines, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for {
		rec, err := r.Next()
		var torn *csvin.Bad
		switch {
		case errors.Is(err, io.EOF):
			if len(out)+len(lines) == 0 {
				wrong(1, page.T("mediation.import.empty"))
			}
			return out, lines, nil
		case errors.As(err, &torn):
			wrong(torn.Line, page.T("mediation.import.torn"))
			continue
		case err != nil:
			return nil, nil, err
		case len(out) >= maxLines:
			wrong(rec.Line, page.T("mediation.import.long", "max", strconv.Itoa(maxLines)))
			return out, lines, nil
		}
		m, bad := lineOf(page, p, units, rec)
		for _, words := range bad {
			wrong(rec.Line, words)
		}
		out = append(out, imported{rec.Line, m})
	}
}

// lineOf reads a mediator from a line by the form of the desk.
func lineOf(page *web.Page, p *pack.Pack, units []org.UnitID, rec csvin.Record) (m Mediator, bad []string) {
	raw := map[string]string{}
	for _, c := range []string{"unit", "name", "phone", "organisation", "account", "week_hours", "day_most"} {
		if v := strings.TrimSpace(rec.Get(c)); v != "" {
			raw[c] = v
		}
	}
	if strings.TrimSpace(rec.Get("listed")) == "yes" {
		raw["listed"] = "yes"
	}
	fields, languages := lists(p)
	for column, l := range map[string]list{"fields": fields, "languages": languages} {
		for v := range strings.SplitSeq(rec.Get(column), "|") {
			if v = strings.TrimSpace(v); v == "" {
				continue
			}
			if !slices.Contains(l.Options, v) {
				bad = append(bad, page.T("mediation.import."+column)+page.T("web.colon")+page.T("mediation.import.unknown", "got", v))
				continue
			}
			raw[l.Name+"."+v] = "yes"
		}
	}
	if h, ok := parseHours(rec.Get("hours")); ok {
		hourValues(raw, h)
	} else {
		bad = append(bad, page.T("mediation.import.hours")+page.T("web.colon")+page.Problem("mediation.hours", nil))
	}
	for name, v := range raw {
		if v == "" {
			delete(raw, name)
		}
	}
	m, problems := mediatorFrom(p, units, raw, page.Site.Now())
	for _, x := range problems {
		bad = append(bad, page.T("mediation.field."+x.Field)+page.T("web.colon")+page.Problem(x.Rule, x.Params))
	}
	return m, bad
}

// takeIn stores the lines; one that is on the roster of its committee already is a mistake and not a change.
func takeIn(ctx context.Context, tx *db.Tx, page *web.Page, list []imported, actor string) (lines []lineView, err error) {
	known := map[string]bool{}
	all, err := allMediators(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		known[string(m.Unit)+"\x00"+m.Name] = true
	}
	for _, x := range list {
		key := string(x.m.Unit) + "\x00" + x.m.Name
		if known[key] {
			lines = append(lines, lineView{strconv.Itoa(x.line), page.T("mediation.import.twice", "name", x.m.Name)})
		}
		known[key] = true
	}
	if len(lines) > 0 {
		return lines, nil
	}
	for _, x := range list {
		x.m.ChangedBy = actor
		id, err := putMediator(ctx, tx, x.m)
		if err != nil {
			return nil, err
		}
		if err := record(ctx, tx, "mediator", id, actor, "added", ""); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

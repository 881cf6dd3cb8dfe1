package dataaccess

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"

	"comity/internal/form"
	"comity/internal/intake/csvin"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// columns of a table of cameras, in the order an export has them. number is given by the register.
var columns = []string{"area", "place", "operator", "purpose", "basis", "retention_days", "cameras", "contact"}

// maxLines bounds one table: it is checked and stored as a whole.
const maxLines = 2000

// lineProblem is what is wrong with one line of a table.
type lineProblem struct {
	Line    int
	Problem form.Problem
}

// readTable reads the entries of a table. Either every line is good or what is wrong with each is said;
// nothing is stored by halves. standing are the entries there are.
func readTable(src io.Reader, areas []org.UnitID, rules *pack.CameraRules, standing []Entry, law func(procedure.Law) string) ([]Entry, []lineProblem, error) {
	wrong := func(line int, field, rule string, params map[string]string) lineProblem {
		return lineProblem{line, form.Problem{Field: field, Rule: rule, Params: params}}
	}
	r, err := csvin.NewReader(src, csvin.Options{Columns: columns, MaxField: 2000})
	var head *csvin.HeaderError
	if errors.As(err, &head) {
		return nil, []lineProblem{wrong(1, "", "cameras."+strings.ReplaceAll(head.Rule, "csv.", "csv_"), map[string]string{"column": head.Column})}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var out []Entry
	var bad []lineProblem
	known := map[string]bool{}
	key := func(e Entry) string { return string(e.Area) + "\x00" + e.Place + "\x00" + e.Operator }
	for _, e := range standing {
		known[key(e)] = e.Stands()
	}
	for n := 0; ; n++ {
		rec, err := r.Next()
		var torn *csvin.Bad
		switch {
		case errors.Is(err, io.EOF):
			if n == 0 {
				bad = append(bad, wrong(1, "", "cameras.csv_empty", nil))
			}
			return out, bad, nil
		case errors.As(err, &torn):
			bad = append(bad, wrong(torn.Line, "", "cameras.csv_torn", nil))
			continue
		case err != nil:
			return nil, nil, err
		case n >= maxLines:
			return nil, append(bad, wrong(rec.Line, "", "cameras.csv_long", map[string]string{"max": strconv.Itoa(maxLines)})), nil
		}
		raw := map[string]string{}
		for _, c := range columns {
			if v := strings.TrimSpace(rec.Get(c)); v != "" {
				raw[c] = v
			}
		}
		e, problems := entryFrom(raw, areas, rules, law)
		for _, p := range problems {
			bad = append(bad, lineProblem{rec.Line, p})
		}
		if len(problems) == 0 && known[key(e)] {
			bad = append(bad, wrong(rec.Line, "place", "cameras.twice", nil))
		}
		known[key(e)] = true
		out = append(out, e)
	}
}

// table is the register for a spreadsheet: the columns an import takes, with the number before them.
func table(entries []Entry) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\ufeff") // without it a common spreadsheet reads UTF-8 as something else
	w := csv.NewWriter(&b)
	if err := w.Write(append([]string{"number"}, columns...)); err != nil {
		return nil, err
	}
	for _, e := range entries {
		row := []string{strconv.FormatInt(e.ID, 10)}
		values := e.values()
		for _, c := range columns {
			row = append(row, safe(values[c]))
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// safe keeps a cell from running as a formula in a spreadsheet.
func safe(s string) string {
	t := strings.TrimLeft(s, " \u00a0\u3000")
	if t != "" && (strings.ContainsAny(t[:1], "=+-@\t\r\n|%") || strings.HasPrefix(t, "\uff1d") || strings.HasPrefix(t, "\uff0b") || strings.HasPrefix(t, "\uff0d") || strings.HasPrefix(t, "\uff20")) {
		return "'" + s
	}
	return s
}

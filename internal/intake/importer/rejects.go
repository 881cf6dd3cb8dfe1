package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"

	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/intake/csvin"
)

// rejects is the file of rows that could not be used: line, reason in words, raw text.
type rejects struct {
	to   io.Writer
	buf  bytes.Buffer
	csv  *csv.Writer
	size int64 // bytes in the file when everything is flushed
}

func newRejects(to io.Writer, size int64, say func(key string, kv ...string) string) (*rejects, error) {
	if to == nil {
		to = io.Discard
	}
	r := &rejects{to: to, size: size}
	r.csv = csv.NewWriter(&r.buf)
	if f, ok := to.(truncater); ok {
		if err := f.Truncate(size); err != nil {
			return nil, err
		}
		if _, err := f.Seek(size, io.SeekStart); err != nil {
			return nil, err
		}
	}
	if size > 0 {
		return r, nil
	}
	return r, r.csv.Write([]string{say("import.head.line"), say("import.head.reason"), say("import.head.raw")})
}

func (r *rejects) write(line int, reason, raw string) error {
	return r.csv.Write([]string{strconv.Itoa(line), reason, strings.ToValidUTF8(strings.TrimRight(raw, "\r\n"), "�")})
}

// flush sends what has been rejected; a window that was not stored never gets here.
func (r *rejects) flush() error {
	r.csv.Flush()
	if err := r.csv.Error(); err != nil {
		return err
	}
	n, err := r.buf.WriteTo(r.to)
	r.size += n
	return err
}

// joinRaw spells a good record as a line of CSV again.
func joinRaw(fields []string) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(fields); err != nil {
		return strings.Join(fields, ",") // cannot happen with the standard separator
	}
	w.Flush()
	return b.String()
}

// reason says why a row was rejected, naming the column.
func (r *run) reason(why error) string {
	var bad *csvin.Bad
	var cell *intake.BadCell
	var no *casework.Refusal
	switch {
	case errors.As(why, &bad):
		return r.Say("import.reason." + bad.Reason)
	case errors.As(why, &cell):
		return r.Say("import.reason."+cell.Rule, "column", cell.Column, "got", cell.Got)
	case errors.As(why, &no):
		return r.refused(no)
	}
	return why.Error()
}

func (r *run) refused(no *casework.Refusal) string {
	if len(no.Fields) == 0 {
		kv := pairs(no.Params)
		if no.Rule == "act.guard" { // its words are the pack's
			kv = append(kv, "why", r.Say("when."+no.Params["procedure"]+"."+no.Params["act"]))
		}
		return r.Say("refusal."+no.Rule, kv...)
	}
	var parts []string
	for _, f := range no.Fields {
		parts = append(parts, f.Field+": "+r.Say("problem."+f.Rule, pairs(f.Params)...))
	}
	return strings.Join(parts, " ")
}

func pairs(params map[string]string) (kv []string) {
	for k, v := range params {
		kv = append(kv, k, v)
	}
	return kv
}

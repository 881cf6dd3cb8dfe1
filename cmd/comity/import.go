package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/intake/csvin"
	"comity/internal/intake/importer"
	"comity/internal/text"
)

const importExamples = `  comity import requests boston_2018.csv --pack us-boston-311 --map boston-311 --data ./boston
  comity import requests old.csv --pack ./mycity --map old-system --as-of 2026-10-31 --rejects bad.csv
  comity import requests old.csv --pack ./mycity --map old-system --files-from ./attachments
    (an import that was interrupted goes on when the same command is given again; a row that was
     imported before stays one case)
`

// importFlags is what the command line says.
type importFlags struct {
	file, mapping, rejects, asOf, lang, from string
	quiet                                    bool
	city                                     cityFlags
}

// runImport plays the history of another system into a city.
func runImport(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := importArgs(args, stderr)
	if err != nil {
		return err
	}
	c, err := o.city.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	fsys, err := packFS(*o.city.pack)
	if err != nil {
		return err
	}
	p := c.packs.Current()
	m, err := intake.LoadMapping(fsys, p, o.mapping)
	if err != nil {
		return err
	}
	asOf, err := o.day(p.Zone, c.clock.Now())
	if err != nil {
		return err
	}
	in, err := os.Open(o.file)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	say := c.words.In(langOf(o.lang))
	stem := filepath.Join(*o.city.data, "import-"+o.mapping+"-"+filepath.Base(o.file))
	if o.rejects == "" {
		o.rejects = stem + ".rejects.csv"
	}
	rejects, err := os.OpenFile(o.rejects, os.O_RDWR|os.O_CREATE, 0o600) // rows hold personal data
	if err != nil {
		return err
	}
	defer rejects.Close()
	take, err := o.takes(c, m, say)
	if err != nil {
		return err
	}
	var last importer.Progress
	show := importProgress(stderr, say, o.quiet)
	n, err := importer.Run(ctx, importer.Options{Ledger: c.ledger, Pack: p, Mapping: m, File: in, Size: info.Size(), AsOf: asOf,
		Now: time.Now, Say: say.T, Take: take, Reader: c.reader, Rejects: rejects, Checkpoint: stem + ".checkpoint",
		Progress: func(p importer.Progress) { last = p; show(p) }})
	if err != nil {
		return importFailed(err, say, stderr)
	}
	fmt.Fprintln(stdout, say.T("import.done", counts(n, last.Rate)...))
	if n.Rejected > 0 {
		fmt.Fprintln(stdout, say.T("import.rejects", "file", o.rejects))
	}
	return nil
}

func importArgs(args []string, stderr io.Writer) (importFlags, error) {
	var o importFlags
	f := flags("import requests FILE.csv --map NAME", "Imports requests of another system with their history. The mapping lives in the pack's folder mappings.", importExamples, stderr)
	o.city = addCityFlags(f)
	f.StringVar(&o.mapping, "map", "", "name of the mapping that says what the columns mean")
	f.StringVar(&o.rejects, "rejects", "", "file for the rows that cannot be used (default: in --data)")
	f.StringVar(&o.asOf, "as-of", "", "play the history up to the end of this day, YYYY-MM-DD (default: now)")
	f.StringVar(&o.from, "files-from", "", "folder of the attachments whose names stand in the column the mapping calls files")
	f.BoolVar(&o.quiet, "quiet", false, "no progress")
	f.StringVar(&o.lang, "lang", "", "language of this output and of the rejects: en or zh-CN (default: from the environment)")
	if len(args) > 0 && args[0] == "requests" {
		args = args[1:]
	} else if len(args) == 0 || !strings.HasPrefix(args[0], "-") {
		return o, usagef("say `comity import requests FILE.csv --map NAME`; --help shows how")
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		o.file, args = args[0], args[1:]
	}
	if err := parse(f, args); err != nil {
		return o, err
	}
	if o.file == "" && f.NArg() == 1 {
		o.file = f.Arg(0)
	} else if f.NArg() > 0 {
		return o, usagef("name one file; %q is one too many", f.Arg(f.NArg()-1))
	}
	if o.file == "" || o.mapping == "" {
		return o, usagef("name the file and, with --map, the mapping")
	}
	return o, nil
}

// day is the end of the day the history is played to, but never later than now.
func (o importFlags) day(zone *time.Location, now time.Time) (time.Time, error) {
	if o.asOf == "" {
		return now, nil
	}
	d, err := time.ParseInLocation(time.DateOnly, o.asOf, zone)
	if err != nil {
		return now, usagef("--as-of %s: write a day as YYYY-MM-DD", o.asOf)
	}
	if end := d.AddDate(0, 0, 1); end.Before(now) {
		return end, nil
	}
	return now, nil
}

func importFailed(err error, say text.Speaker, stderr io.Writer) error {
	var header *csvin.HeaderError
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "\n"+say.T("import.broken"))
	case errors.As(err, &header):
		why := header.Reason
		if why != "" {
			why = say.T("import.reason." + why)
		}
		return errors.New(say.T("import.header."+header.Rule, "column", header.Column, "reason", why))
	}
	return err
}

func counts(n importer.Counts, rate float64) []string {
	return []string{"rows", strconv.Itoa(n.Rows), "opened", strconv.Itoa(n.Opened), "again", strconv.Itoa(n.Again), "answered", strconv.Itoa(n.Answered),
		"skipped", strconv.Itoa(n.Skipped), "rejected", strconv.Itoa(n.Rejected), "rate", strconv.Itoa(int(rate))}
}

// importProgress draws one line over and over on a terminal, and now and then a line elsewhere.
func importProgress(w io.Writer, say text.Speaker, quiet bool) func(importer.Progress) {
	every, end, start := 10*time.Second, "\n", ""
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			every, end, start = 200*time.Millisecond, "   ", "\r"
		}
	}
	shown := time.Now()
	return func(p importer.Progress) {
		done := p.Bytes >= p.Size && start != ""
		if quiet || (time.Since(shown) < every && !done) {
			return
		}
		shown = time.Now()
		left := "…"
		if p.Left >= 0 {
			left = p.Left.Round(time.Second).String()
		}
		fmt.Fprint(w, start+say.T("import.progress", append(counts(p.Counts, p.Rate), "left", left)...)+end)
		if done {
			fmt.Fprintln(w)
		}
	}
}

// takes opens the folder of attachments. What a name leads to out of it is not there.
func (o importFlags) takes(c *city, m *intake.Mapping, say text.Speaker) (func(context.Context, string) (casework.File, error), error) {
	switch {
	case o.from == "" && m.Columns.Files.Column == "":
		return nil, nil
	case o.from == "":
		return nil, usagef("the mapping %s names attachments (column %s); say with --files-from in which folder they lie", o.mapping, m.Columns.Files.Column)
	case m.Columns.Files.Column == "":
		return nil, usagef("--files-from: the mapping %s names no column of attachments; add files: to its columns", o.mapping)
	}
	root, err := os.OpenRoot(o.from)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, name string) (casework.File, error) {
		refused := func(rule string, params map[string]string) (casework.File, error) {
			return casework.File{}, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: name, Rule: rule, Params: params}}}
		}
		f, err := root.Open(name)
		if err != nil {
			return refused("import.file", nil)
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return refused("import.file", nil)
		}
		got, err := c.files.Take(ctx, f, filepath.Base(name), file.Limits{})
		var no file.Refused
		if errors.As(err, &no) {
			params := maps.Clone(no.Params)
			if n, err := strconv.ParseInt(params["bytes"], 10, 64); err == nil {
				params["size"] = explain.Bytes(say, n)
			}
			return refused(no.Rule, params)
		}
		return got, err
	}, nil
}

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"comity/internal/export"
	"comity/internal/programme/opendata"
	"comity/internal/text"
)

const exportExamples = `  comity export open-data --pack ./mycity --data /var/lib/comity --out figures.csv
  comity export open-data --pack ./mycity --format jsonl > figures.jsonl
`

// runExport writes what a city publishes. What officers take with them they take at the desk, under their own
// name and on record.
func runExport(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("export open-data", "Publishes the months whose time has come and writes all published figures: matters by month, area, category and outcome, with small counts hidden.", exportExamples, stderr)
	format := f.String("format", "csv", "csv, xlsx or jsonl")
	out := f.String("out", "", "file to write; left out, the figures go to standard output")
	lang := f.String("lang", "", "language of headings and names: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 || f.Arg(0) != "open-data" {
		return usagef("say what to export: comity export open-data")
	}
	if !export.Known(*format) {
		return usagef("--format %s: say csv, xlsx or jsonl", *format)
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	if c.packs.Current().OpenData == nil {
		return usagef("--pack %s: the pack publishes no figures; add opendata.yaml (docs/packs.md)", *cf.pack)
	}
	say := c.words.In(langOf(*lang))
	office := c.openData()
	if err := office.Publish(ctx, func(month string) { fmt.Fprintln(stderr, say.T("cli.export.published", "month", month)) }); err != nil {
		return err
	}
	if *out == "" {
		return writeOpenData(ctx, office, stdout, export.Format(*format), say)
	}
	file, err := os.CreateTemp(filepath.Dir(*out), ".figures-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // gone already where all went well
	defer file.Close()
	if err := writeOpenData(ctx, office, file, export.Format(*format), say); err != nil {
		return err
	}
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), *out); err != nil {
		return err
	}
	fmt.Fprintln(stderr, say.T("cli.export.written", "file", *out))
	return nil
}

func writeOpenData(ctx context.Context, office *opendata.Office, w io.Writer, as export.Format, say text.Speaker) error {
	b := bufio.NewWriter(w)
	if err := office.WriteCases(ctx, b, as, say); err != nil {
		return err
	}
	return b.Flush()
}

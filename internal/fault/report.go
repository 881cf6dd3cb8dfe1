package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"text/template"
)

//go:embed reliability.md.tmpl
var page string

// write fills the page from a run, or prints it.
func write(o options, rows []row) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, struct {
		Rounds, Clients int
		Seed            int64
		Rows            []row
	}{o.rounds, o.clients, o.seed, rows}); err != nil {
		return err
	}
	if o.out == "" {
		_, err := fmt.Print(b.String())
		return err
	}
	return os.WriteFile(o.out, []byte(b.String()), 0o644)
}

// Line is a scene's line in the table of figures.
func (r row) Line() string {
	if r.Skipped != "" {
		return fmt.Sprintf("| %s | not played: %s | | | | | | | |", r.title, r.Skipped)
	}
	proofs := "whole"
	if len(r.Broken) > 0 {
		proofs = fmt.Sprintf("**broken: %d**", len(r.Broken))
	}
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d | %s |", r.title, r.Rounds, r.Ops, r.Acked, r.Failed, r.Unknown, r.Lost, r.Twice, proofs)
}

// Seen is what else is to be told of a scene.
func (r row) Seen() (out []string) {
	if r.Skipped != "" {
		return nil
	}
	if len(r.Back) > 0 {
		out = append(out, fmt.Sprintf("back after %s × %s (median)", r.median(), r.scene.back))
	}
	if r.Cases > 0 {
		out = append(out, fmt.Sprintf("verified: %d cases, %d events, %d records of the log, %d signed heads", r.Cases, r.Events, r.Leaves, r.Heads))
	}
	if r.Handed > 0 {
		out = append(out, fmt.Sprintf("the gateway was handed %d messages, %d of them a second time under the same name after a try of which the record says that nobody knows its end", r.Handed, r.Repeated))
	}
	if r.Revived > 0 {
		out = append(out, fmt.Sprintf("%d jobs had been given up, because the process had died ten times in a row while it held them, and were started again as by a person", r.Revived))
	}
	if r.Sectors > 0 {
		out = append(out, fmt.Sprintf("%d sectors were written and not synced when the power went; %d of them stayed as before", r.Sectors, r.Old))
	}
	if r.FailedSyncs > 0 {
		out = append(out, fmt.Sprintf("%d syncs failed", r.FailedSyncs))
	}
	for _, s := range r.Words {
		out = append(out, "`"+strings.ReplaceAll(s, "`", "'")+"`")
	}
	return out
}

// Name is the scene's, for -only.
func (r row) Name() string { return r.name }

// Title is what breaks in it.
func (r row) Title() string { return r.title }

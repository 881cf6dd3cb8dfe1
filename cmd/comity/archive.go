package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"comity/internal/casework"
	"comity/internal/file/whole"
	"comity/internal/ledger"
	"comity/internal/synced"
)

// archived is a case as the archive gets it: opened, for a machine to read.
type archived struct {
	Format string           `json:"format"`
	Case   casework.Case    `json:"case"`
	Events []casework.Event `json:"events"`
}

const archiveFormat = "comity-archive-1"

// archiver writes cases into the archive's folder; nil where there is none.
func (r *rooms) archiver(folder string) func(context.Context, *ledger.Look) error {
	if folder == "" {
		return nil
	}
	return func(_ context.Context, look *ledger.Look) error { return r.handOver(folder, look) }
}

// handOver writes one case with its files. case.json comes last: a folder that has it is complete.
func (r *rooms) handOver(folder string, look *ledger.Look) error {
	k := look.Case()
	dir := filepath.Join(folder, r.compartment, string(k.Ref))
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o700); err != nil {
		return err
	}
	for i, f := range k.Files {
		if f.Held == "" { // what nobody was allowed to open stays behind; the case says that it was there
			if err := r.handFile(f.SHA256, f.Key, filepath.Join(dir, "files", f.SHA256)); err != nil {
				return fmt.Errorf("file %s: %w", f.SHA256, err)
			}
			if f.Original != "" {
				if err := r.handFile(f.Original, f.OriginalKey, filepath.Join(dir, "files", f.Original)); err != nil {
					return fmt.Errorf("what was sent as file %s: %w", f.SHA256, err)
				}
			}
		}
		k.Files[i].Key, k.Files[i].Locked, k.Files[i].OriginalKey = "", "", ""
	}
	events := look.Events()
	for i := range events {
		for j := range events[i].Files {
			f := &events[i].Files[j]
			f.Key, f.Locked, f.OriginalKey = "", "", ""
		}
	}
	doc, err := json.MarshalIndent(archived{archiveFormat, k, events}, "", "  ")
	if err != nil {
		return err
	}
	if err := whole.Write(filepath.Join(dir, "case.json"), append(doc, '\n')); err != nil {
		return err
	}
	return errors.Join(synced.Path(dir), synced.Path(filepath.Dir(dir)))
}

func (r *rooms) handFile(name, key, to string) error {
	content, err := r.files.Open(name, key)
	if err != nil {
		return err
	}
	defer content.Close()
	b, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return whole.Write(to, b)
}

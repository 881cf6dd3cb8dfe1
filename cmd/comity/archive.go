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
		if err := r.handFile(f, filepath.Join(dir, "files", f.SHA256)); err != nil {
			return fmt.Errorf("file %s: %w", f.SHA256, err)
		}
		k.Files[i].Key = ""
	}
	events := look.Events()
	for i := range events {
		for j := range events[i].Files {
			events[i].Files[j].Key = ""
		}
	}
	doc, err := json.MarshalIndent(archived{archiveFormat, k, events}, "", "  ")
	if err != nil {
		return err
	}
	if err := whole.Write(filepath.Join(dir, "case.json"), append(doc, '\n')); err != nil {
		return err
	}
	return errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)))
}

func (r *rooms) handFile(f casework.File, to string) error {
	content, err := r.files.Open(f.SHA256, f.Key)
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

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

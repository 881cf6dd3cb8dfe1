package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"comity/internal/pack"
	"comity/packs"
)

const searchedExamples = `  comity pack searched > packs/searched.json    write what make generate keeps`

// runPackSearched prints what the model checker found of every procedure of the packs in the program. What is in it
// already is not searched again.
func runPackSearched(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack searched", "Prints what was found of the procedures that ship with the program, for packs/searched.json.", searchedExamples, stderr)
	if err := parse(f, args); err != nil {
		return err
	}
	names, err := fs.ReadDir(packs.FS, ".")
	if err != nil {
		return err
	}
	memory := shipped()
	for _, n := range names {
		if _, err := fs.Stat(packs.FS, n.Name()+"/pack.yaml"); err != nil {
			continue
		}
		if _, err := pack.LoadFrom(packs.FS, n.Name(), memory); err != nil {
			return fmt.Errorf("%s: %w", n.Name(), err)
		}
	}
	raw, err := memory.JSON()
	if err != nil {
		return err
	}
	_, err = stdout.Write(raw)
	return err
}

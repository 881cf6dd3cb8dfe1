package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"comity/internal/pack"
)

// packVerbs is what pack authors use, in the order in which they need it.
var packVerbs = []struct {
	name, call string
	run        func(context.Context, []string, io.Writer, io.Writer) error
}{
	{"check", "check DIR", runPackCheck},
	{"law", "law DIR", runPackLaw},
	{"explore", "explore DIR", runPackExplore},
	{"diff", "diff DIR [DIR]", runPackDiff},
	{"draw", "draw DIR [PROCEDURE]", runPackDraw},
	{"simulate", "simulate PACK SCENARIO", runSimulate},
	{"schema", "schema [KIND]", runPackSchema},
	{"docs", "docs", runPackDocs},
	{"searched", "searched", runPackSearched},
}

func runPack(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var calls []string
	for _, v := range packVerbs {
		if len(args) > 0 && args[0] == v.name {
			return v.run(ctx, args[1:], stdout, stderr)
		}
		calls = append(calls, "comity pack "+v.call)
	}
	return usagef("say one of: %s", strings.Join(calls, "; "))
}

const schemaExamples = `  comity pack schema                       list the kinds of files
  comity pack schema procedure             print the schema of procedures/*.yaml
  comity pack schema --dir docs/schema     write every schema into a folder
`

// runPackSchema prints or writes the JSON Schemas that editors read.
func runPackSchema(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack schema [KIND]", "Prints the JSON Schema of one kind of pack file, for editors.", schemaExamples, stderr)
	dir := f.String("dir", "", "write every schema into this folder instead")
	if err := parse(f, args); err != nil {
		return err
	}
	if *dir == "" && f.NArg() == 0 {
		for _, k := range pack.FileKinds {
			fmt.Fprintf(stdout, "%-12s %s\n", k.Name, k.Files)
		}
		return nil
	}
	found := false
	for _, k := range pack.FileKinds {
		if *dir == "" && f.Arg(0) != k.Name {
			continue
		}
		found = true
		raw, err := k.Schema()
		if err == nil && *dir == "" {
			_, err = stdout.Write(raw)
		} else if err == nil {
			err = os.WriteFile(filepath.Join(*dir, k.Name+".json"), raw, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if !found {
		var names []string
		for _, k := range pack.FileKinds {
			names = append(names, k.Name)
		}
		return usagef("there is no kind of file %q; known are %s", f.Arg(0), strings.Join(names, ", "))
	}
	return nil
}

// runPackDocs prints the reference page of packs.
func runPackDocs(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack docs", "Prints the reference of every file and field of a pack, in Markdown.", "  comity pack docs > docs/pack-reference.md\n", stderr)
	if err := parse(f, args); err != nil {
		return err
	}
	_, err := io.WriteString(stdout, pack.Reference())
	return err
}

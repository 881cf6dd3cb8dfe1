package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"comity/internal/pack"
	"comity/internal/text"
)

const packExamples = `  comity pack check packs/demo             read it, check every name and every property
  comity pack check --lang zh-CN mypack    tell counterexamples in Chinese
`

// runPack is what pack authors use.
func runPack(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	verbs := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
		"check": runPackCheck, "diff": runPackDiff, "schema": runPackSchema, "docs": runPackDocs,
	}
	if len(args) > 0 && verbs[args[0]] != nil {
		return verbs[args[0]](ctx, args[1:], stdout, stderr)
	}
	return usagef("say `comity pack check DIR`, `comity pack diff DIR [DIR]`, `comity pack schema [KIND]` or `comity pack docs`")
}

// runPackCheck checks a pack. Problems go to stdout, because they are the answer; the exit status is 1.
func runPackCheck(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack check DIR", "Reads a pack, names every mistake by file, line and column, and checks that no case can get lost in its procedures.", packExamples, stderr)
	lang := f.String("lang", "", "language of the answer: en or zh-CN (default: from the environment)")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return usagef("name one folder: comity pack check DIR")
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	say := base.In(langOf(*lang))
	dir := f.Arg(0)
	p, err := pack.LoadWith(os.DirFS(dir), basesOf(dir))
	if err != nil {
		fmt.Fprintln(stdout, say.T("cli.pack.bad", "dir", dir))
		failures := pack.Failures(err)
		if len(failures) == 0 {
			fmt.Fprintln(stdout, err)
		}
		for _, v := range failures {
			fmt.Fprintln(stdout, pack.Story(v, base.With(v.Pack.Texts).In(say.Lang)))
		}
		return errors.New("the pack was refused")
	}
	say = base.With(p.Texts).In(say.Lang)
	fmt.Fprintln(stdout, say.T("cli.pack.ok", "pack", p.ID, "version", p.Version, "procedures", fmt.Sprint(len(p.Procedures)),
		"units", fmt.Sprint(len(p.Units.All())), "categories", fmt.Sprint(len(p.Categories)), "digest", p.Digest[:12]))
	if p.Abstract {
		fmt.Fprintln(stdout, "  "+say.T("cli.pack.abstract"))
	}
	for _, id := range slices.Sorted(maps.Keys(p.Reports)) {
		fmt.Fprintln(stdout, "  "+say.T("check.passed", "procedure", say.T("procedure."+id), "states", fmt.Sprint(p.Reports[id].States)))
	}
	return nil
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"comity/internal/pack"
	"comity/internal/text"
)

const packExamples = `  comity pack check packs/demo             read it, check every name and every property
  comity pack check --lang zh-CN mypack    tell counterexamples in Chinese
`

// runPack checks a pack. Problems go to stdout, because they are the answer; the exit status is 1.
func runPack(_ context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "draw" {
		return packDraw(args[1:], stdout, stderr)
	}
	if len(args) == 0 || args[0] != "check" {
		return usagef("say `comity pack check DIR`")
	}
	f := flags("pack check DIR", "Reads a pack, names every mistake by file and line, and checks that no case can get lost in its procedures.", packExamples, stderr)
	lang := f.String("lang", "", "language of the answer: en or zh-CN (default: from the environment)")
	if err := parse(f, args[1:]); err != nil {
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
	p, err := pack.Load(os.DirFS(dir))
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
	for _, id := range slices.Sorted(maps.Keys(p.Reports)) {
		fmt.Fprintln(stdout, "  "+say.T("check.passed", "procedure", say.T("procedure."+id), "states", fmt.Sprint(p.Reports[id].States)))
	}
	return nil
}

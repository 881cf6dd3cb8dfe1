package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"comity/internal/pack"
	"comity/internal/text"
)

const diffExamples = `  comity pack diff packs/cn-changsha       what a pack changes in its base
  comity pack diff old/mycity mycity       what a new version changes
  comity pack diff --json mycity           the same for programs
`

// shownValues bounds what is listed of one part for people; --json has everything.
const shownValues = 12

// runPackDiff tells what differs between two packs, part by part.
func runPackDiff(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack diff DIR [DIR]", "Tells what differs between two packs, or between a pack and its base: acts, terms, articles, days, each with its law and its place in both.", diffExamples, stderr)
	lang := f.String("lang", "", "language of the answer: en or zh-CN (default: from the environment)")
	asJSON := f.Bool("json", false, "answer in JSON")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 && f.NArg() != 2 {
		return usagef("name one folder, or two: comity pack diff DIR [DIR]")
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	d := differ{say: base.In(langOf(*lang)), out: stdout}
	if err := d.read(f.Args()); err != nil {
		return err
	}
	changes := pack.Diff(d.before, d.after)
	if *asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"changes": append([]pack.Change{}, changes...)})
	}
	d.tell(changes)
	return nil
}

// differ tells the differences between two sides.
type differ struct {
	say           text.Speaker
	out           io.Writer
	old, now      string // what the sides are called
	oldDir, dir   string // folders before the files of each side
	before, after []pack.Part
}

func (d *differ) read(args []string) error {
	parts := func(dir string, of func(fs.FS, pack.Finder) ([]pack.Part, error)) ([]pack.Part, error) {
		fsys, err := packFS(dir)
		if err != nil {
			return nil, err
		}
		list, err := of(fsys, basesOf(dir))
		if err != nil {
			return nil, fmt.Errorf("%s cannot be compared:\n%w", dir, err)
		}
		return list, nil
	}
	d.dir = args[len(args)-1]
	d.now = d.dir
	var err error
	if len(args) == 2 {
		d.oldDir, d.old = args[0], args[0]
		if d.before, err = parts(args[0], pack.Parts); err != nil {
			return err
		}
	} else {
		d.old = d.say.T("cli.diff.base", "pack", d.dir)
		d.before, err = parts(d.dir, pack.BaseParts)
		if errors.Is(err, pack.ErrNoBase) {
			return usagef("%s names no base; name the pack to compare it with: comity pack diff OLD %s", d.dir, d.dir)
		}
		if err != nil {
			return err
		}
	}
	d.after, err = parts(d.dir, pack.Parts)
	return err
}

func (d *differ) tell(changes []pack.Change) {
	if len(changes) == 0 {
		fmt.Fprintln(d.out, d.say.T("cli.diff.none", "old", d.old, "new", d.now))
		return
	}
	fmt.Fprintln(d.out, d.say.T("cli.diff.count", "old", d.old, "new", d.now, "n", fmt.Sprint(len(changes))))
	for _, c := range changes {
		d.change(c)
	}
}

func (d *differ) change(c pack.Change) {
	p, name, law := c.Part(), "", ""
	if w := d.word(p.Name); w != "" {
		name = d.say.T("cli.diff.name", "name", w)
	}
	if p.Law != "" && p.Kind != "law" {
		if law = d.word(p.LawName); law == "" {
			law = p.Law
		}
		if p.Article != "" {
			law = d.say.T("web.law.article", "law", law, "article", p.Article)
		}
		law = d.say.T("cli.diff.law", "law", law)
	}
	kind := "cli.diff.kind." + p.Kind
	fmt.Fprintln(d.out, "\n"+d.say.T("cli.diff."+c.What, "kind", d.say.T(kind), "id", p.ID, "name", name, "law", law))
	if c.Old != nil {
		fmt.Fprintln(d.out, "    "+d.say.T("cli.diff.from", "place", place(d.oldDir, c.Old.Place)))
	}
	if c.New != nil {
		fmt.Fprintln(d.out, "    "+d.say.T("cli.diff.to", "place", place(d.dir, c.New.Place)))
	}
	for i, v := range c.Values {
		if i == shownValues {
			fmt.Fprintln(d.out, "    "+d.say.T("cli.diff.more", "n", fmt.Sprint(len(c.Values)-i)))
			break
		}
		fmt.Fprintln(d.out, "    "+d.say.T("cli.diff.value", "name", v.Name, "old", d.value(v.Old), "new", d.value(v.New)))
	}
}

func (d *differ) word(w map[string]string) string {
	if w[d.say.Lang] != "" {
		return w[d.say.Lang]
	}
	for _, other := range w {
		return other
	}
	return ""
}

// value keeps a line a line.
func (d *differ) value(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return d.say.T("cli.diff.nothing")
	}
	if r := []rune(s); len(r) > 100 {
		return string(r[:100]) + "…"
	}
	return s
}

// place puts the folder before a file of the pack itself; files of bases keep the name errors have.
func place(dir string, p pack.Place) string {
	if !strings.HasPrefix(p.File, "base/") {
		p.File = path.Join(dir, p.File)
	}
	return p.String()
}

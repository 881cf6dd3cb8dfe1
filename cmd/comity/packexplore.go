package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"comity/internal/pack"
	"comity/internal/text"
)

const exploreExamples = `  comity pack explore packs/demo                      every road of the guide before filing, then every door
  comity pack explore --lang zh-CN packs/demo > guide.txt
  comity pack explore --door mediation packs/demo     only the roads to one door
`

// guideTelling prints a guide for the jurist who reviews it.
type guideTelling struct {
	out io.Writer
	p   *pack.Pack
	say text.Speaker
}

// runPackExplore prints every road of a pack's guide as text.
func runPackExplore(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack explore DIR", "Prints every road of the guide before filing, and what is said at each door, for whoever reviews it.", exploreExamples, stderr)
	lang := f.String("lang", "", "language of the answer: en or zh-CN (default: from the environment)")
	door := f.String("door", "", "only the roads to this door")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return usagef("name one folder: comity pack explore DIR")
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	dir := f.Arg(0)
	p, err := pack.LoadWith(os.DirFS(dir), basesOf(dir), shipped())
	if err != nil {
		return err
	}
	t := guideTelling{stdout, p, base.With(p.Texts).In(langOf(*lang))}
	if p.Explorer == nil {
		fmt.Fprintln(stdout, t.say.T("cli.explore.none"))
		return nil
	}
	if _, ok := p.Explorer.Door(*door); *door != "" && !ok {
		var all []string
		for _, d := range p.Explorer.Doors {
			all = append(all, d.ID)
		}
		return usagef("%s", t.say.T("cli.explore.unknown", "door", *door, "all", strings.Join(all, ", ")))
	}
	t.line(guideSum(t.say, p))
	t.roads(*door)
	t.doors(*door)
	return nil
}

// guideSum is one line about a guide that was found sound.
func guideSum(say text.Speaker, p *pack.Pack) string {
	g := &p.Explorer.Graph
	return say.T("cli.explore.sum", "roads", strconv.Itoa(g.Count()), "doors", strconv.Itoa(len(g.Doors)), "questions", strconv.Itoa(len(g.Questions)),
		"longest", strconv.Itoa(g.Left(g.Start)), "most", strconv.Itoa(g.Most))
}

func (t guideTelling) line(s string) { fmt.Fprintln(t.out, s) }

func (t guideTelling) roads(only string) {
	t.line("")
	t.line(t.say.T("cli.explore.roads"))
	n := 0
	for road, id := range t.p.Explorer.Graph.Roads() {
		n++ // numbered as in the whole list, so that a number names one road
		if only != "" && id != only {
			continue
		}
		d, _ := t.p.Explorer.Door(id)
		t.line(t.say.T("cli.explore.road", "n", strconv.Itoa(n), "road", t.p.TellAnswers(t.say.Lang, road)))
		t.line(t.say.T("cli.explore.leads", "door", t.door(id, "name"), "where", t.where(d)))
		f, ok := t.p.Filing(t.say.Lang, road, id)
		if !ok {
			continue
		}
		if f.Category != d.Category {
			t.fact("cli.explore.ours.file", t.say.T("category."+f.Category))
		}
		for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
			t.fact("cli.explore.ours.file", name+" = "+f.Fields[name])
		}
	}
}

func (t guideTelling) doors(only string) {
	t.line("")
	t.line(t.say.T("cli.explore.doors"))
	for _, d := range t.p.Explorer.Doors {
		if only != "" && d.ID != only {
			continue
		}
		t.line("")
		t.line(t.door(d.ID, "name") + " [" + d.ID + "]: " + t.where(d))
		t.line("   " + t.door(d.ID, "what"))
		t.fact("where.cost", t.door(d.ID, "cost"))
		t.fact("where.time", t.time(d))
		t.fact("where.limit", t.door(d.ID, "limit"))
		var bring, also, laws []string
		for i := range d.Bring {
			bring = append(bring, t.door(d.ID, "bring."+strconv.Itoa(i)))
		}
		for _, id := range d.Also {
			also = append(also, t.door(id, "name"))
		}
		for _, l := range append(slices.Clone(d.Laws), d.LimitLaw) {
			if !l.None() {
				laws = append(laws, t.say.T("law.article", "law", t.say.T("law."+l.ID+".short"), "article", l.Article))
			}
		}
		t.fact("where.bring", strings.Join(bring, "; "))
		t.fact("cli.explore.phone", d.Phone)
		t.fact("where.law", strings.Join(slices.Compact(laws), "; "))
		t.fact("cli.explore.also", strings.Join(also, "; "))
	}
}

// fact prints a line of a door, where there is something to say.
func (t guideTelling) fact(label, words string) {
	if words != "" {
		t.line(t.say.T("cli.explore.line", "label", t.say.T(label), "words", words))
	}
}

func (t guideTelling) door(id, what string) string {
	if key := "guide.door." + id + "." + what; t.say.Has(key) {
		return t.say.T(key)
	}
	return ""
}

// time of a door of ours is not written anywhere: it comes from the terms of its procedure.
func (t guideTelling) time(d pack.Door) string {
	if d.Elsewhere() {
		return t.door(d.ID, "time")
	}
	return t.say.T("cli.explore.terms", "procedure", t.say.T("procedure."+t.p.ProcedureFor(d.Category).ID))
}

func (t guideTelling) where(d pack.Door) string {
	if d.Elsewhere() {
		return t.say.T("cli.explore.elsewhere", "body", t.door(d.ID, "body"))
	}
	return t.say.T("cli.explore.ours", "category", t.say.T("category."+d.Category))
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
)

const packExamples = `  comity pack check packs/demo                       read it, check every name and every property
  comity pack check --lang zh-CN mypack              tell counterexamples in Chinese
  comity pack check --property transfer-ends mypack  judge one property only
  comity pack check --trace petition/reviewing mypack
                                                     the shortest road to a state
  comity pack check --roads mypack                   the longest lawful road, stop by stop
  comity pack check --json mypack                    the whole report for programs
`

// packReport is what --json prints.
type packReport struct {
	Pack       string                      `json:"pack"`
	Version    string                      `json:"version"`
	Digest     string                      `json:"digest,omitempty"`
	Sound      bool                        `json:"sound"`
	Took       float64                     `json:"milliseconds"`
	Errors     []string                    `json:"errors,omitempty"`
	Violations []packViolation             `json:"violations,omitempty"`
	Procedures map[string]procedure.Report `json:"procedures,omitempty"`
	Ground     *pack.Ground                `json:"ground,omitempty"` // what is odd about the areas
	Far        []pack.Far                  `json:"far,omitempty"`    // categories whose department is missing somewhere
}

type packViolation struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Procedure string `json:"procedure"`
	procedure.Violation
	Story string `json:"story"`
}

type packChecking struct {
	out      io.Writer
	base     *text.Catalogue
	say      text.Speaker
	property procedure.Property
	trace    string
	roads    bool
	json     bool
}

// runPackCheck checks a pack. Problems go to stdout, because they are the answer; the exit status is 1.
func runPackCheck(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack check DIR", "Reads a pack, names every mistake by file, line and column, and checks that no case can get lost in its procedures.", packExamples, stderr)
	lang := f.String("lang", "", "language of the answer: en or zh-CN (default: from the environment)")
	property := f.String("property", "", "judge this property only")
	trace := f.String("trace", "", "tell the shortest road to PROCEDURE/STATE")
	roads := f.Bool("roads", false, "tell the longest lawful road of each procedure stop by stop")
	anew := f.Bool("anew", false, "search procedures, too, that are as they shipped with the program and were searched when it was built")
	asJSON := f.Bool("json", false, "print the report as JSON")
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
	k := packChecking{out: stdout, base: base, say: base.In(langOf(*lang)), property: procedure.Property(*property), trace: *trace, roads: *roads, json: *asJSON}
	if *property != "" && !slices.Contains(procedure.Properties, k.property) {
		var all []string
		for _, p := range procedure.Properties {
			all = append(all, string(p))
		}
		return usagef("%s", k.say.T("check.property.unknown", "property", *property, "all", strings.Join(all, ", ")))
	}
	dir := f.Arg(0)
	began := time.Now()
	known := shipped()
	if *anew || *trace != "" { // the roads themselves are not kept
		known = &pack.Memory{}
	}
	p, err := pack.LoadWith(os.DirFS(dir), basesOf(dir), known)
	took := time.Since(began)
	if err != nil {
		return k.refused(dir, err, took)
	}
	return k.sound(p, took)
}

// refused tells why a pack was not loaded.
func (k packChecking) refused(dir string, err error, took time.Duration) error {
	failures := pack.Failures(err)
	named := failures
	if k.property != "" {
		named = slices.DeleteFunc(slices.Clone(failures), func(f *pack.Failed) bool { return f.Violation.Property != k.property })
	}
	if k.json {
		r := packReport{Pack: dir, Took: ms(took)}
		if len(failures) == 0 {
			r.Errors = strings.Split(err.Error(), "\n")
		}
		for _, f := range named {
			story := pack.Story(f, k.base.With(f.Pack.Texts).In(k.say.Lang))
			r.Violations = append(r.Violations, packViolation{f.File, f.Line, f.Procedure, f.Violation, story})
		}
		return errors.Join(writeJSON(k.out, r), errors.New("the pack was refused"))
	}
	if k.property != "" && len(failures) > 0 && len(named) == 0 {
		fmt.Fprintln(k.out, k.say.T("check.holds", "property", k.say.T("check.property."+string(k.property))))
		return nil
	}
	fmt.Fprintln(k.out, k.say.T("cli.pack.bad", "dir", dir))
	if len(failures) == 0 {
		fmt.Fprintln(k.out, err)
	}
	for _, f := range named {
		fmt.Fprintln(k.out, pack.Story(f, k.base.With(f.Pack.Texts).In(k.say.Lang)))
	}
	return errors.New("the pack was refused")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// sound tells what was checked.
func (k packChecking) sound(p *pack.Pack, took time.Duration) error {
	if k.json {
		var ground *pack.Ground
		if len(p.Map.Areas) > 0 {
			g := p.Ground()
			ground = &g
		}
		return writeJSON(k.out, packReport{Pack: p.ID, Version: p.Version, Digest: p.Digest, Sound: true, Took: ms(took), Procedures: p.Reports, Ground: ground, Far: p.Far()})
	}
	k.say = k.base.With(p.Texts).In(k.say.Lang)
	if k.property != "" {
		fmt.Fprintln(k.out, k.say.T("check.holds", "property", k.say.T("check.property."+string(k.property))))
		return nil
	}
	if k.trace != "" {
		return k.traceTo(p)
	}
	fmt.Fprintln(k.out, k.say.T("cli.pack.ok", "pack", p.ID, "version", p.Version, "procedures", fmt.Sprint(len(p.Procedures)),
		"units", fmt.Sprint(len(p.Units.All())), "categories", fmt.Sprint(len(p.Categories)), "digest", p.Digest[:12]))
	for _, w := range p.Warnings {
		fmt.Fprintln(k.out, w)
	}
	k.ground(p)
	if p.Abstract {
		fmt.Fprintln(k.out, "  "+k.say.T("cli.pack.abstract"))
	}
	if p.Explorer != nil {
		fmt.Fprintln(k.out, "  "+guideSum(k.say, p))
	}
	states, steps := 0, 0
	for _, id := range slices.Sorted(maps.Keys(p.Reports)) {
		r := p.Reports[id]
		states, steps = states+r.States, steps+r.Steps
		fmt.Fprintln(k.out, "  "+k.say.T("check.passed", "procedure", k.say.T("procedure."+id), "states", fmt.Sprint(r.States)))
		k.road(id, r.Road)
	}
	fmt.Fprintln(k.out, k.say.T("check.found", "states", fmt.Sprint(states), "steps", fmt.Sprint(steps), "ms", fmt.Sprint(took.Milliseconds())))
	return nil
}

// traceTo tells the shortest road to a state.
func (k packChecking) traceTo(p *pack.Pack) error {
	id, state, _ := strings.Cut(k.trace, "/")
	r, ok := p.Reports[id]
	road := r.Roads[state]
	if !ok || road == nil {
		return errors.New(k.say.T("check.noreach", "procedure", id, "state", state))
	}
	fmt.Fprintln(k.out, k.say.T("check.reach", "procedure", k.say.T("procedure."+id), "state", k.say.T("state."+id+"."+state)))
	fmt.Fprint(k.out, pack.TellRoad(p, id, road, k.say))
	return nil
}

// road tells how long a case can take if everybody keeps the law.
func (k packChecking) road(id string, r procedure.Road) {
	indent := "    "
	if !r.Ordinary.Known {
		fmt.Fprintln(k.out, indent+k.say.T("check.road.unknown"))
		return
	}
	line := k.say.T("check.road", "first", fmt.Sprint(r.Ordinary.First), "final", fmt.Sprint(r.Ordinary.Final))
	switch {
	case !r.Worst.Known:
		line += k.say.T("check.semicolon") + k.say.T("check.road.disputes")
	case r.Ordinary.First != r.Worst.First || r.Ordinary.Final != r.Worst.Final:
		line += k.say.T("check.semicolon") + k.say.T("check.road.worst", "first", fmt.Sprint(r.Worst.First), "final", fmt.Sprint(r.Worst.Final))
	}
	fmt.Fprintln(k.out, indent+line)
	if len(r.Repeats) > 0 {
		var acts []string
		for _, a := range r.Repeats {
			acts = append(acts, k.say.T("act."+id+"."+a))
		}
		fmt.Fprintln(k.out, indent+k.say.T("check.road.repeats", "acts", strings.Join(acts, k.say.T("check.comma"))))
	}
	if !k.roads {
		return
	}
	for _, part := range []struct {
		heading string
		stays   []procedure.Stay
	}{{"check.road.heading.first", r.Ordinary.ToFirst}, {"check.road.heading.final", r.Ordinary.ToFinal}} {
		fmt.Fprintln(k.out, indent+k.say.T(part.heading))
		for i, s := range part.stays {
			if s.Days == 0 && i < len(part.stays)-1 {
				continue // done on the same day
			}
			why := "clock." + id + "." + s.Clock
			if s.Link != "" {
				why = "link." + id + "." + s.Link
			}
			fmt.Fprintln(k.out, indent+"  "+k.say.T("check.road.stay", "days", fmt.Sprint(s.Days), "state", k.say.T("state."+id+"."+s.State),
				"why", k.say.T(why), "act", k.say.T("act."+id+"."+s.Act)))
		}
	}
}

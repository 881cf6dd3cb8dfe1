package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/simulate"
	"comity/internal/text"
)

const simulateExamples = `  comity pack simulate packs/demo street-office                             the scenario and its what-ifs
  comity pack simulate packs/demo street-office --add clerk@guiyuan=2       and: what if two more clerks
  comity pack simulate packs/demo my-office.yaml --runs 50 --seed 7         another file, more runs, other draws
  comity pack simulate packs/demo street-office --unit guiyuan              only this unit and those below it
  comity pack simulate packs/demo street-office --json                      for programs
`

// runSimulate plays a scenario. The report is stdout; how fast it went is stderr, for it differs each time.
func runSimulate(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack simulate PACK SCENARIO", "Plays arrivals and staff of a scenario against a pack's procedures and tells how many cases are late, by unit.", simulateExamples, stderr)
	lang := f.String("lang", "", "language of the answer: en or zh-CN (default: from the environment)")
	seed := f.Uint64("seed", 0, "other draws than the scenario's; the same seed gives the same report")
	runs := f.Int("runs", 0, "how often to play it (default: the scenario's)")
	unit := f.String("unit", "", "show this unit and those below it (the JSON has all)")
	asJSON := f.Bool("json", false, "the report as JSON")
	var add []simulate.Change
	f.Func("add", "one more what-if: ROLE@UNIT=N, for example clerk@guiyuan=2; may be given several times", func(s string) error {
		c, err := simulate.MoreStaff(s)
		add = append(add, c)
		return err
	})
	names, err := parseAround(f, args)
	if err != nil {
		return err
	}
	if len(names) != 2 {
		return usagef("name a pack and a scenario: comity pack simulate PACK SCENARIO")
	}
	if *runs < 0 {
		return usagef("--runs %d: play it at least once", *runs)
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	p, err := pack.LoadWith(os.DirFS(names[0]), basesOf(names[0]), shipped())
	if err != nil {
		return fmt.Errorf("the pack in %s does not load; comity pack check %s says more:\n%w", names[0], names[0], err)
	}
	if _, ok := p.Units.Unit(org.UnitID(*unit)); !ok && *unit != "" {
		return usagef("--unit %s is not in the pack; units.yaml lists them", *unit)
	}
	dir, file := scenarioFile(names[0], names[1])
	s, err := simulate.Read(dir, file, p)
	if err != nil {
		return err
	}
	say := base.With(p.Texts).In(langOf(*lang))
	line := &progressLine{say: say, out: stderr, began: time.Now()}
	r, err := simulate.Run(ctx, p, s, simulate.Options{Seed: *seed, Runs: *runs, Add: add, Progress: line.show})
	line.end()
	if err != nil {
		return err
	}
	if !*asJSON {
		_, err = io.WriteString(stdout, r.Text(say, func(id org.UnitID) bool { return *unit == "" || p.Units.Under(org.UnitID(*unit), id) }))
		return err
	}
	raw, err := r.JSON()
	if err != nil {
		return err
	}
	_, err = stdout.Write(raw)
	return err
}

// parseAround reads flags before, between and behind the names.
func parseAround(f *flag.FlagSet, args []string) (names []string, err error) {
	for {
		if err := parse(f, args); err != nil {
			return nil, err
		}
		if args = f.Args(); len(args) == 0 {
			return names, nil
		}
		names, args = append(names, args[0]), args[1:]
	}
}

// scenarioFile finds a scenario: a file, or the name of one in the pack's folder.
func scenarioFile(packDir, name string) (fs.FS, string) {
	if _, err := os.Stat(name); err == nil && strings.HasSuffix(name, ".yaml") {
		return os.DirFS(filepath.Dir(name)), filepath.Base(name)
	}
	return os.DirFS(packDir), path.Join("scenarios", strings.TrimSuffix(name, ".yaml")+".yaml")
}

// progressLine tells, once it takes longer than a second, how far a simulation is.
type progressLine struct {
	say         text.Speaker
	out         io.Writer
	began, last time.Time
	done        int
}

func (l *progressLine) show(done, of int) {
	l.done = done
	now := time.Now()
	took := now.Sub(l.began)
	if took < time.Second || now.Sub(l.last) < 200*time.Millisecond {
		return
	}
	l.last = now
	rate := float64(done) / took.Seconds()
	left := time.Duration(float64(of-done) / rate * float64(time.Second)).Round(time.Second)
	fmt.Fprint(l.out, "\r"+l.say.T("simulate.progress", "done", fmt.Sprint(done), "of", fmt.Sprint(of), "rate", fmt.Sprintf("%.0f", rate), "left", left.String())+"   ")
}

func (l *progressLine) end() {
	if !l.last.IsZero() {
		fmt.Fprintln(l.out)
	}
	took := time.Since(l.began)
	fmt.Fprintln(l.out, l.say.T("simulate.speed", "cases", fmt.Sprint(l.done), "took", took.Round(10*time.Millisecond).String(), "rate", fmt.Sprintf("%.0f", float64(l.done)/took.Seconds())))
}

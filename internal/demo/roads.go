package demo

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// roadFile is a file such as seed/petitions.yaml: the matters that are brought, the roads they go, and what is done on
// them. Nothing about the procedure is repeated in code; who may do an act is read from the pack.
type roadFile struct {
	Results map[string]string            `yaml:"results"` // how a matter stands → outcome it is closed with
	Words   map[string]map[string]string `yaml:"words"`   // name → language → text
	Steps   []roadStep                   `yaml:"steps"`
	Matters []roadMatter                 `yaml:"matters"`
	Roads   []road                       `yaml:"roads"`
}

// roadStep is an act and what is written into its form.
type roadStep struct {
	In     []string          `yaml:"in"`  // done there unless the road says otherwise, "procedure.state"
	Act    string            `yaml:"act"` // "procedure.act"
	Days   float64           `yaml:"days"`
	Fields map[string]string `yaml:"fields"`
	Once   bool              `yaml:"once"` // and then the next one listed for the same state
}

type roadMatter struct {
	Kind     string            `yaml:"kind"`
	Category string            `yaml:"category"`
	Lang     string            `yaml:"lang"`
	Title    string            `yaml:"title"`
	Text     string            `yaml:"text"`
	Words    map[string]string `yaml:"words"` // goes before the file's own words
}

// road is the way of n matters.
type road struct {
	N     int                 `yaml:"n"`
	Kind  string              `yaml:"kind"`
	Under string              `yaml:"under"` // where the matter is; empty: anywhere
	Age   span                `yaml:"age"`   // days before the end of the play
	Does  map[string][]string `yaml:"does"`  // state → acts done there instead of the usual one, once each
	Stop  string              `yaml:"stop"`  // nobody acts any more once this state is reached
	Say   map[string]string   `yaml:"say"`   // goes before the words of the matter
}

// journey is a matter on its road, as its people remember it.
type journey struct {
	file   *roadFile
	road   *road
	matter *roadMatter
	unit   org.UnitID // the subdistrict it belongs to
	place  string
	left   map[string][]string // what the road still has to do differently
	stuck  int                 // refusals
}

// idle is how often people look again at a matter that waits for somebody else.
const idle = 5 * day

// mostRefusals is how often somebody tries before they leave it to the clocks.
const mostRefusals = 3

func readRoads(fsys fs.FS, file string, p *pack.Pack) (*roadFile, error) {
	var f roadFile
	if err := pack.ReadYAML(fsys, file, &f); err != nil {
		return nil, err
	}
	for _, s := range f.Steps {
		proc, act, _ := strings.Cut(s.Act, ".")
		if d, ok := p.Procedures[proc]; !ok {
			return nil, fmt.Errorf("%s: the pack has no procedure %q", file, proc)
		} else if _, ok := d.Act(act); !ok {
			return nil, fmt.Errorf("%s: procedure %s has no act %q", file, proc, act)
		}
	}
	for _, m := range f.Matters {
		if _, ok := p.Category(m.Category); !ok {
			return nil, fmt.Errorf("%s: category %q is not in the pack", file, m.Category)
		}
	}
	for _, r := range f.Roads {
		if !slices.ContainsFunc(f.Matters, func(m roadMatter) bool { return m.Kind == r.Kind }) {
			return nil, fmt.Errorf("%s: a road wants a matter of kind %q and there is none", file, r.Kind)
		}
		for state, acts := range r.Does {
			proc, _, _ := strings.Cut(state, ".")
			for _, a := range acts {
				if !slices.ContainsFunc(f.Steps, func(s roadStep) bool { return s.Act == proc+"."+a }) {
					return nil, fmt.Errorf("%s: a road does %s.%s and no step says how", file, proc, a)
				}
			}
		}
	}
	return &f, nil
}

// roadArrivals puts the matters of a file on the agenda. Roads longer than the play are left out.
func (p *Play) roadArrivals(f *roadFile) {
	next := map[string]int{} // kind → how many so far, so that every matter has its turn
	for i := range f.Roads {
		r := &f.Roads[i]
		var fit []*roadMatter
		for j := range f.Matters {
			if m := &f.Matters[j]; m.Kind == r.Kind {
				fit = append(fit, m)
			}
		}
		for range r.N {
			age := r.Age.Min + p.r.IntN(r.Age.Max-r.Age.Min+1)
			at := p.officeTime(p.Until.AddDate(0, 0, -age-1))
			m := fit[next[r.Kind]%len(fit)]
			next[r.Kind]++
			if at.Before(p.From) || at.After(p.Until) {
				continue
			}
			j := &journey{file: f, road: r, matter: m, left: map[string][]string{}}
			for state, acts := range r.Does {
				j.left[state] = slices.Clone(acts)
			}
			p.at(at, &story{category: m.Category, lang: m.Lang, journey: j}, "")
			p.tally.Of++
		}
	}
}

// journeyStep decides what happens next on a road: in one of the cases the matter opened, or in itself.
func (p *Play) journeyStep(ctx context.Context, s *story, now time.Time) (*ledger.Call, func(ledger.Receipt, error), error) {
	if s.id == "" {
		return p.openJourney(s, now)
	}
	c, err := p.Reader.ByID(ctx, authz.Machine().Scope(), s.id)
	if err != nil {
		return nil, nil, err
	}
	open := []casework.Case{c}
	for _, ch := range c.Children {
		if !ch.Open {
			continue
		}
		k, err := p.Reader.ByID(ctx, authz.Machine().Scope(), ch.Case)
		if err != nil {
			return nil, nil, err
		}
		open = append(open, k)
	}
	if slices.ContainsFunc(open, func(k casework.Case) bool { return standing(k) == s.journey.road.Stop }) || s.journey.stuck >= mostRefusals {
		return nil, nil, nil
	}
	slices.Reverse(open) // the newest child first, the matter itself last
	for _, k := range open {
		if call, tell := p.journeyAct(s, k, now); call != nil {
			return call, tell, nil
		}
	}
	if len(open) > 1 || c.Closed.IsZero() {
		p.at(p.officeTime(now.Add(idle)), s, "")
	}
	return nil, nil, nil
}

// standing names where a case stands the way the seed does.
func standing(c casework.Case) string { return c.Procedure + "." + c.State }

func (p *Play) journeyAct(s *story, c casework.Case, now time.Time) (*ledger.Call, func(ledger.Receipt, error)) {
	at := standing(c)
	step, act, who, special := p.next(s, c, now)
	if step == nil {
		return nil, nil
	}
	fields := map[string]string{}
	if about := casework.Choices(p.Pack.Procedures[c.Procedure], c, act, who, now); len(about) > 0 {
		fields[procedure.FieldMember] = about[0].ID
	}
	for name, v := range step.Fields {
		if v = p.journeyValue(s, c, v, now); v != "" {
			fields[name] = v
		}
	}
	wait := p.hours(24*step.Days, 30*step.Days)
	return &ledger.Call{Who: who, Cmd: casework.Command{Case: c.ID, Version: casework.AnyVersion, Act: act.ID, Fields: fields}},
		func(_ ledger.Receipt, err error) {
			switch {
			case err != nil:
				s.journey.stuck++
			case special:
				s.journey.left[at] = s.journey.left[at][1:]
			}
			p.at(p.officeTime(now.Add(wait)), s, "")
		}
}

// next is what the road does in a state, or else the first of the usual steps there that somebody can take now.
func (p *Play) next(s *story, c casework.Case, now time.Time) (step *roadStep, act *procedure.Act, who authz.Actor, special bool) {
	d, at := p.Pack.Procedures[c.Procedure], standing(c)
	for _, x := range s.journey.file.steps(s.journey, at, c.Procedure) {
		_, id, _ := strings.Cut(x.Act, ".")
		a, _ := d.Act(id)
		by, ok := p.actorOf(c, a, s)
		if !ok || x.Once && casework.See(d, &c).Done(id) > 0 {
			continue
		}
		special = len(s.journey.left[at]) > 0
		if !special && !casework.CanAct(d, c, a, by, now) {
			continue
		}
		return x, a, by, special
	}
	return nil, nil, authz.Actor{}, false
}

// steps are what can be done in a state, in the order of the file.
func (f *roadFile) steps(j *journey, at, proc string) []*roadStep {
	var out []*roadStep
	left := j.left[at]
	for i := range f.Steps {
		s := &f.Steps[i]
		if len(left) > 0 && s.Act == proc+"."+left[0] {
			return []*roadStep{s}
		}
		if len(left) == 0 && slices.Contains(s.In, at) {
			out = append(out, s)
		}
	}
	return out
}

// actorOf finds somebody who may do the act: the resident, who has it in hand, or the first role that
// the act names and the unit has people for.
func (p *Play) actorOf(c casework.Case, act *procedure.Act, s *story) (authz.Actor, bool) {
	if slices.Contains(act.By, "resident") {
		return authz.Holder(string(s.id)), true
	}
	unit := c.Holder
	switch act.Of {
	case procedure.OfOffered:
		unit = c.Offered
	case procedure.OfSuperior:
		if above, ok := p.Pack.Units.Superior(unit); ok {
			unit = above
		}
	case procedure.OfJoint:
		if len(c.Joint) > 0 {
			unit = c.Joint[0]
		}
	}
	shut := c
	for _, other := range act.NotBy {
		shut.Barred = append(slices.Clone(shut.Barred), c.Doers[other]...)
	}
	for _, role := range act.By {
		if role == "officer" && c.Assignee != "" && act.Of != procedure.OfSuperior && !slices.Contains(shut.Barred, c.Assignee) {
			if who := p.named(c.Assignee); who.ID() != "" {
				return who, true
			}
		}
		if who, _, ok := p.worker(shut, unit, role); ok {
			return who, true
		}
	}
	return authz.Actor{}, false
}

// journeyValue is what is written into a field: "+10" a date in ten days, "$name" something of the
// matter or of the case, anything else as it stands.
func (p *Play) journeyValue(s *story, c casework.Case, v string, now time.Time) string {
	j := s.journey
	if days, ok := strings.CutPrefix(v, "+"); ok {
		n, _ := strconv.Atoi(days)
		return now.In(p.Pack.Zone).AddDate(0, 0, n).Format(time.DateOnly)
	}
	name, ok := strings.CutPrefix(v, "$")
	if !ok {
		return v
	}
	switch name {
	case "unit":
		return string(j.unit)
	case "holder":
		return string(c.Holder)
	case "elsewhere":
		return string(p.elsewhereThan(j.unit))
	case "result":
		return j.file.result(c)
	}
	if n, ok := j.road.Say[name]; ok {
		return j.at(n)
	}
	if n, ok := j.matter.Words[name]; ok {
		return j.at(n)
	}
	return j.at(j.file.Words[name][s.lang])
}

// at puts the place of the matter into a line.
func (j *journey) at(line string) string { return strings.ReplaceAll(line, "{place}", j.place) }

// result is the outcome that fits how the matter stands.
func (f *roadFile) result(c casework.Case) string {
	for _, fact := range []string{"execution", "finding", "ended"} {
		if v := f.Results[fact+"."+c.Facts[fact]]; v != "" {
			return v
		}
	}
	return ""
}

// elsewhereThan is another unit of the same kind below the same superior.
func (p *Play) elsewhereThan(unit org.UnitID) org.UnitID {
	u, _ := p.Pack.Units.Unit(unit)
	for _, id := range p.Pack.Units.Children(u.Parent) {
		if o, _ := p.Pack.Units.Unit(id); id != unit && o.Level == u.Level {
			return id
		}
	}
	return unit
}

func (p *Play) openJourney(s *story, now time.Time) (*ledger.Call, func(ledger.Receipt, error), error) {
	j := s.journey
	var spots []int
	for i, spot := range p.Pack.Places {
		if j.road.Under == "" || p.Pack.Units.Under(org.UnitID(j.road.Under), spot.Unit) {
			spots = append(spots, i)
		}
	}
	if len(spots) == 0 {
		return nil, nil, fmt.Errorf("seed: no landmark is under %q, where a road begins", j.road.Under)
	}
	spot := p.Pack.Places[spots[p.r.IntN(len(spots))]]
	j.place = p.Pack.Texts[s.lang][spot.Key]
	for _, id := range p.Pack.Units.Path(spot.Unit) {
		if u, _ := p.Pack.Units.Unit(id); slices.Contains(u.Roles, "head") {
			j.unit = id
			break // the lowest that decides
		}
	}
	rep := intake.Report{Category: s.category, Unit: spot.Unit, Address: j.place, Source: "web",
		Title: j.at(j.matter.Title), Text: j.at(j.matter.Text),
		Contact: casework.Contact{Channel: "sms", Lang: s.lang, Address: fmt.Sprintf("1380000%04d", p.r.IntN(10000)), Name: pick(p.r, p.seeds.Residents[s.lang])}}
	if anonymous := j.matter.Words["anonymous"]; anonymous != "" {
		rep.Contact = casework.Contact{}
	}
	rep.Now = now
	cmd, err := intake.Command(p.Pack, rep)
	if err != nil {
		return nil, nil, err
	}
	return &ledger.Call{Who: authz.Reporter(), Cmd: cmd}, func(r ledger.Receipt, err error) {
		if err != nil {
			return
		}
		s.id = r.Case
		p.journeys = append(p.journeys, s)
		p.tally.Done++
		p.at(p.officeTime(now.Add(p.hours(1, 3))), s, "")
	}, nil
}

// RoadSamples picks matters worth showing, like Samples: one for each state, the latest first.
// Sealed ones are nobody's example.
func (p *Play) RoadSamples(ctx context.Context) (map[string]casework.Case, error) {
	out := map[string]casework.Case{}
	for _, s := range slices.Backward(p.journeys) {
		c, err := p.Reader.ByID(ctx, authz.Machine().Scope(), s.id)
		if err != nil {
			return nil, err
		}
		if _, have := out[standing(c)]; !have && c.Sealed == "" {
			if out[standing(c)], err = p.opened(ctx, s.id); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

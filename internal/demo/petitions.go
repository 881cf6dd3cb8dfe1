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

// petitionFile is seed/petitions.yaml: what is petitioned, the roads the matters go, and what is done on
// them. Nothing about the procedure is repeated in code; who may do an act is read from the pack.
type petitionFile struct {
	Results map[string]string            `yaml:"results"` // how a matter stands → outcome it is closed with
	Words   map[string]map[string]string `yaml:"words"`   // name → language → text
	Steps   []petitionStep               `yaml:"steps"`
	Matters []petitionMatter             `yaml:"matters"`
	Roads   []petitionRoad               `yaml:"roads"`
}

// petitionStep is an act and what is written into its form.
type petitionStep struct {
	In     []string          `yaml:"in"`  // done there unless the road says otherwise, "procedure.state"
	Act    string            `yaml:"act"` // "procedure.act"
	Days   float64           `yaml:"days"`
	Fields map[string]string `yaml:"fields"`
}

type petitionMatter struct {
	Kind     string            `yaml:"kind"`
	Category string            `yaml:"category"`
	Lang     string            `yaml:"lang"`
	Title    string            `yaml:"title"`
	Text     string            `yaml:"text"`
	Words    map[string]string `yaml:"words"` // goes before the file's own words
}

// petitionRoad is the way of n petitions.
type petitionRoad struct {
	N     int                 `yaml:"n"`
	Kind  string              `yaml:"kind"`
	Under string              `yaml:"under"` // where the matter is; empty: anywhere
	Age   span                `yaml:"age"`   // days before the end of the play
	Does  map[string][]string `yaml:"does"`  // state → acts done there instead of the usual one, once each
	Stop  string              `yaml:"stop"`  // nobody acts any more once this state is reached
	Say   map[string]string   `yaml:"say"`   // goes before the words of the matter
}

// petition is what its people remember of one.
type petition struct {
	road   *petitionRoad
	matter *petitionMatter
	unit   org.UnitID // the subdistrict it belongs to
	place  string
	left   map[string][]string // what the road still has to do differently
	stuck  int                 // refusals
}

// idle is how often people look again at a petition that waits for somebody else.
const idle = 5 * day

// mostRefusals is how often somebody tries before they leave it to the clocks.
const mostRefusals = 3

func readPetitions(fsys fs.FS, p *pack.Pack) (*petitionFile, error) {
	var f petitionFile
	const file = "seed/petitions.yaml"
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
		if !slices.ContainsFunc(f.Matters, func(m petitionMatter) bool { return m.Kind == r.Kind }) {
			return nil, fmt.Errorf("%s: a road wants a matter of kind %q and there is none", file, r.Kind)
		}
		for state, acts := range r.Does {
			proc, _, _ := strings.Cut(state, ".")
			for _, a := range acts {
				if !slices.ContainsFunc(f.Steps, func(s petitionStep) bool { return s.Act == proc+"."+a }) {
					return nil, fmt.Errorf("%s: a road does %s.%s and no step says how", file, proc, a)
				}
			}
		}
	}
	return &f, nil
}

// petitionArrivals puts the petitions on the agenda. Roads longer than the play are left out.
func (p *Play) petitionArrivals() {
	next := map[string]int{} // kind → how many so far, so that every matter has its turn
	for i := range p.petitions.Roads {
		r := &p.petitions.Roads[i]
		var fit []*petitionMatter
		for j := range p.petitions.Matters {
			if m := &p.petitions.Matters[j]; m.Kind == r.Kind {
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
			pet := &petition{road: r, matter: m, left: map[string][]string{}}
			for state, acts := range r.Does {
				pet.left[state] = slices.Clone(acts)
			}
			p.at(at, &story{category: m.Category, lang: m.Lang, petition: pet}, "")
			p.tally.Of++
		}
	}
}

// petitionStep decides what happens next in a petition: in one of the cases it opened, or in itself.
func (p *Play) petitionStep(ctx context.Context, s *story, now time.Time) (*ledger.Call, func(ledger.Receipt, error), error) {
	if s.id == "" {
		return p.openPetition(s, now)
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
	if slices.ContainsFunc(open, func(k casework.Case) bool { return standing(k) == s.petition.road.Stop }) || s.petition.stuck >= mostRefusals {
		return nil, nil, nil
	}
	slices.Reverse(open) // the newest child first, the petition last
	for _, k := range open {
		if call, tell := p.petitionAct(s, k, now); call != nil {
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

func (p *Play) petitionAct(s *story, c casework.Case, now time.Time) (*ledger.Call, func(ledger.Receipt, error)) {
	at := standing(c)
	step, special := p.petitions.next(s.petition, at, c.Procedure)
	if step == nil {
		return nil, nil
	}
	_, id, _ := strings.Cut(step.Act, ".")
	act, _ := p.Pack.Procedures[c.Procedure].Act(id)
	who, ok := p.actorOf(c, act, s)
	if !ok {
		return nil, nil
	}
	fields := map[string]string{}
	for name, v := range step.Fields {
		if v = p.petitionValue(s, c, v, now); v != "" {
			fields[name] = v
		}
	}
	wait := p.hours(24*step.Days, 30*step.Days)
	return &ledger.Call{Who: who, Cmd: casework.Command{Case: c.ID, Version: casework.AnyVersion, Act: id, Fields: fields}},
		func(_ ledger.Receipt, err error) {
			switch {
			case err != nil:
				s.petition.stuck++
			case special:
				s.petition.left[at] = s.petition.left[at][1:]
			}
			p.at(p.officeTime(now.Add(wait)), s, "")
		}
}

// next is what the road does in a state, or else the usual step there.
func (f *petitionFile) next(pet *petition, at, proc string) (step *petitionStep, special bool) {
	if left := pet.left[at]; len(left) > 0 {
		i := slices.IndexFunc(f.Steps, func(s petitionStep) bool { return s.Act == proc+"."+left[0] })
		return &f.Steps[i], true
	}
	if i := slices.IndexFunc(f.Steps, func(s petitionStep) bool { return slices.Contains(s.In, at) }); i >= 0 {
		return &f.Steps[i], false
	}
	return nil, false
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

// petitionValue is what is written into a field: "+10" a date in ten days, "$name" something of the
// matter or of the case, anything else as it stands.
func (p *Play) petitionValue(s *story, c casework.Case, v string, now time.Time) string {
	pet := s.petition
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
		return string(pet.unit)
	case "holder":
		return string(c.Holder)
	case "elsewhere":
		return string(p.elsewhereThan(pet.unit))
	case "result":
		return p.petitions.result(c)
	}
	if n, ok := pet.road.Say[name]; ok {
		return pet.at(n)
	}
	if n, ok := pet.matter.Words[name]; ok {
		return pet.at(n)
	}
	return pet.at(p.petitions.Words[name][s.lang])
}

// at puts the place of the matter into a line.
func (pet *petition) at(line string) string { return strings.ReplaceAll(line, "{place}", pet.place) }

// result is the outcome that fits how the matter stands.
func (f *petitionFile) result(c casework.Case) string {
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

func (p *Play) openPetition(s *story, now time.Time) (*ledger.Call, func(ledger.Receipt, error), error) {
	pet := s.petition
	var spots []int
	for i, spot := range p.Pack.Places {
		if pet.road.Under == "" || p.Pack.Units.Under(org.UnitID(pet.road.Under), spot.Unit) {
			spots = append(spots, i)
		}
	}
	if len(spots) == 0 {
		return nil, nil, fmt.Errorf("seed/petitions.yaml: no place of areas.yaml is under %q", pet.road.Under)
	}
	spot := p.Pack.Places[spots[p.r.IntN(len(spots))]]
	pet.place = p.Pack.Texts[s.lang][spot.Key]
	for _, id := range p.Pack.Units.Path(spot.Unit) {
		if u, _ := p.Pack.Units.Unit(id); slices.Contains(u.Roles, "head") {
			pet.unit = id
			break // the lowest that decides
		}
	}
	rep := intake.Report{Category: s.category, Unit: spot.Unit, Address: pet.place, Source: "web",
		Title: pet.at(pet.matter.Title), Text: pet.at(pet.matter.Text),
		Contact: casework.Contact{Channel: "sms", Lang: s.lang, Address: fmt.Sprintf("1380000%04d", p.r.IntN(10000)), Name: pick(p.r, p.seeds.Residents[s.lang])}}
	if anonymous := pet.matter.Words["anonymous"]; anonymous != "" {
		rep.Contact = casework.Contact{}
	}
	cmd, err := intake.Command(p.Pack, rep)
	if err != nil {
		return nil, nil, err
	}
	return &ledger.Call{Who: authz.Reporter(), Cmd: cmd}, func(r ledger.Receipt, err error) {
		if err != nil {
			return
		}
		s.id = r.Case
		p.petitioned = append(p.petitioned, s)
		p.tally.Done++
		p.at(p.officeTime(now.Add(p.hours(1, 3))), s, "")
	}, nil
}

// PetitionSamples picks petitions worth showing, like Samples: one for each state, the latest first.
// Sealed ones are nobody's example.
func (p *Play) PetitionSamples(ctx context.Context) (map[string]casework.Case, error) {
	out := map[string]casework.Case{}
	for _, s := range slices.Backward(p.petitioned) {
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

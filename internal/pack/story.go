package pack

import (
	"cmp"
	"fmt"
	"strings"

	"comity/internal/procedure"
)

// Failures finds the failed properties inside an error of Load.
func Failures(err error) []*Failed {
	if err == nil {
		return nil
	}
	if f, ok := err.(*Failed); ok {
		return []*Failed{f}
	}
	var out []*Failed
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			out = append(out, Failures(e)...)
		}
	}
	return out
}

// Teller says words; text.Speaker is one.
type Teller interface {
	T(key string, kv ...string) string
}

// Story tells one counterexample in words: what fails, and the shortest road to it.
func Story(f *Failed, say Teller) string {
	v, id := f.Violation, f.Procedure
	state := func(s string) string { return say.T("state." + id + "." + s) }
	unit := func(s procedure.Step) string { return say.T("unit." + string(s.Unit)) }
	var b strings.Builder
	last := ""
	if n := len(v.Road); n > 0 {
		last = unit(v.Road[n-1])
	}
	kv := []string{"unit", last}
	if v.State != "" {
		kv = append(kv, "state", state(v.State))
	}
	if v.Act != "" {
		kv = append(kv, "act", say.T("act."+id+"."+v.Act))
	}
	if v.Order != "" {
		kv = append(kv, "order", say.T("order."+id+"."+v.Order))
	}
	if v.Link != "" {
		kv = append(kv, "link", say.T("link."+id+"."+v.Link))
	}
	if v.Clock != "" {
		kv = append(kv, "clock", say.T("clock."+id+"."+v.Clock))
	}
	fmt.Fprintf(&b, "%s:%d:%d: %s\n  %s\n", f.File, f.Line, f.Column, say.T("check.property."+string(v.Property)), say.T("check.fail."+string(v.Property), kv...))
	if len(v.Road) > 0 {
		fmt.Fprintf(&b, "  %s\n%s", say.T("check.story.heading"), TellRoad(f.Pack, id, v.Road, say))
	}
	return b.String()
}

// TellRoad tells a road through a procedure step by step, one numbered line each.
func TellRoad(p *Pack, id string, road []procedure.Step, say Teller) string {
	var b strings.Builder
	for i, s := range road {
		kv := []string{"act", "", "state", say.T("state." + id + "." + s.State), "unit", say.T("unit." + string(s.Unit))}
		if s.Act != "" {
			kv[1] = say.T("act." + id + "." + s.Act)
		}
		key := "check.story.acts"
		switch {
		case i == 0:
			key = "check.story.opens"
		case s.Clock != "":
			key, kv = "check.story.expires", append(kv, "clock", say.T("clock."+id+"."+s.Clock))
		case s.Link != "":
			l, _ := p.Procedures[id].Link(s.Link)
			kv = append(kv, "link", say.T("link."+id+"."+s.Link), "outcome", outcomeWords(l.Procedure, s.Ended, say))
			if key = "check.story.ends"; s.Act == "" {
				key = "check.story.ends_noted"
			}
		}
		fmt.Fprintf(&b, "  %d. %s\n", i+1, say.T(key, kv...))
	}
	return b.String()
}

func outcomeWords(procedure, outcome string, say Teller) string {
	if outcome == "" || outcome == "recalled" {
		return say.T("check.outcome." + cmp.Or(outcome, "none"))
	}
	return say.T("outcome." + procedure + "." + outcome)
}

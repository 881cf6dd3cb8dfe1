package pack

import (
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
	if v.Clock != "" {
		kv = append(kv, "clock", say.T("clock."+id+"."+v.Clock))
	}
	fmt.Fprintf(&b, "%s:%d:%d: %s\n  %s\n", f.File, f.Line, f.Column, say.T("check.property."+string(v.Property)), say.T("check.fail."+string(v.Property), kv...))
	if len(v.Road) > 0 {
		fmt.Fprintf(&b, "  %s\n", say.T("check.story.heading"))
	}
	for i, s := range v.Road {
		line := say.T("check.story.acts", "act", say.T("act."+id+"."+s.Act), "state", state(s.State), "unit", unit(s))
		if s.Clock != "" {
			line = say.T("check.story.expires", "clock", say.T("clock."+id+"."+s.Clock), "act", say.T("act."+id+"."+s.Act), "state", state(s.State), "unit", unit(s))
		}
		if i == 0 {
			line = say.T("check.story.opens", "unit", unit(s), "state", state(s.State))
		}
		fmt.Fprintf(&b, "  %d. %s\n", i+1, line)
	}
	return b.String()
}

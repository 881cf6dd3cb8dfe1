package casework

import (
	"maps"
	"slices"

	"comity/internal/procedure"
)

// Fold adds one event to a case. It needs no definition: an event carries what it changed, so a case
// can be rebuilt long after its pack is gone.
//
// Invariant: Fold never looks at a clock or a calendar, and folding the same events gives the same
// case on every machine.
func Fold(c Case, e Event) Case {
	if o := e.Opening; o != nil {
		c = Case{
			ID: o.ID, Ref: o.Ref, Code: o.Code, Pack: o.Pack, Procedure: e.Procedure, Programme: e.Programme,
			Title: o.Title, Text: o.Text, Category: o.Category, Place: o.Place, Contact: o.Contact,
			Source: o.Source, External: o.External, Opened: e.At, Intake: e.Fields,
		}
	}
	c.Seq = e.Seq
	c.Changed = e.At
	if e.Sent == nil {
		c.Version = e.Seq // a notice that left must not make an officer's open form stale
	}
	c.State, c.Holder, c.Assignee, c.Offered = e.State, e.Holder, e.Assignee, e.Offered
	if e.Outcome != "" {
		c.Outcome = e.Outcome
	}
	if len(e.Barred) > 0 {
		c.Barred = append(slices.Clone(c.Barred), e.Barred...)
	}
	if e.Act != "" {
		c.Times = maps.Clone(c.Times)
		if c.Times == nil {
			c.Times = map[string]int{}
		}
		c.Times[e.Act]++
	}
	if e.Raised {
		c.Raised++
	}
	c.Late = c.Late || e.Late
	if e.Answers {
		c.Answer, c.Answered, c.Answerer = e.Fields, e.At, e.By.Actor
	}
	if e.Final {
		c.Closed = e.At
	}
	if r := e.Fields["rating"]; r != "" {
		c.Rating = r
	}
	if len(e.Clocks) > 0 {
		c.Clocks = slices.Clone(c.Clocks)
		for _, k := range e.Clocks {
			if i := slices.IndexFunc(c.Clocks, func(x Clock) bool { return x.ID == k.ID }); i >= 0 {
				c.Clocks[i] = k
			} else {
				c.Clocks = append(c.Clocks, k)
			}
		}
	}
	if len(e.Files) > 0 {
		c.Files = append(slices.Clone(c.Files), e.Files...)
	}
	return c
}

// Clock finds a term of the case.
func (c *Case) Clock(id string) (Clock, bool) {
	i := slices.IndexFunc(c.Clocks, func(k Clock) bool { return k.ID == id })
	if i < 0 {
		return Clock{}, false
	}
	return c.Clocks[i], true
}

// Due is the earliest date any running clock of the case reaches, and which; false when none runs.
func (c *Case) Due() (Clock, bool) {
	var best Clock
	for _, k := range c.Clocks {
		if k.Running() && (best.ID == "" || k.Due.Before(best.Due)) {
			best = k
		}
	}
	return best, best.ID != ""
}

// Overdue reports an open case whose promised date has passed without an answer. Late, in contrast,
// stays true when the answer comes after all.
func (c *Case) Overdue() bool {
	return c.Closed.IsZero() && slices.ContainsFunc(c.Clocks, func(k Clock) bool {
		return k.Promise && k.Status == procedure.Expired.String() && c.Answered.Before(k.Due)
	})
}

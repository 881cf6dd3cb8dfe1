package casework

import (
	"maps"
	"slices"

	"comity/internal/authz"
	"comity/internal/org"
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
			Title: o.Title, Text: o.Text, Category: o.Category, Route: o.Route, Place: o.Place, Alike: o.Alike, Contact: o.Contact,
			Source: o.Source, External: o.External, Opened: e.At, Intake: e.Fields, Parent: o.Parent, Barred: o.Barred,
		}
	}
	c.Seq = e.Seq
	c.Changed = e.At
	if !e.Quiet() {
		c.Version = e.Seq // what nobody did must not make an officer's open form stale
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
		c.Doers = foldDoers(c.Doers, e)
	}
	if len(e.Facts) > 0 {
		c.Facts = maps.Clone(c.Facts)
		if c.Facts == nil {
			c.Facts = map[string]string{}
		}
		maps.Copy(c.Facts, e.Facts)
	}
	c.Members = foldMembers(c.Members, e)
	c.Stood = foldPeople(c.Stood, e.By, e.By.For != "")
	c.Children = foldChildren(c.Children, e)
	if e.Lead != nil || e.Unled != "" {
		c.Lead = e.Lead
	}
	c.Group = foldGroup(c.Group, e.Follow)
	if len(e.Joined)+len(e.Left) > 0 {
		c.Joint = slices.DeleteFunc(slices.Concat(c.Joint, e.Joined), func(u org.UnitID) bool { return slices.Contains(e.Left, u) })
	}
	if e.Sealed != "" {
		c.Sealed = e.Sealed
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
	if e.Checked != nil {
		c.Files = settled(c.Files, *e.Checked)
	}
	if e.Published != nil {
		c.Files = showing(c.Files, *e.Published)
	}
	if e.Filed != nil {
		c.Filed = append(slices.Clone(c.Filed), *e.Filed)
	}
	return c
}

// foldDoers remembers which staff did an act: the separation of duties asks, and nothing else does.
func foldDoers(doers map[string][]string, e Event) map[string][]string {
	switch authz.Role(e.By.Role) {
	case authz.System, authz.Resident, authz.Member, authz.Importer:
		return doers
	}
	did := foldPeople(doers[e.Act], e.By, true)
	if len(did) == len(doers[e.Act]) {
		return doers
	}
	doers = maps.Clone(doers)
	if doers == nil {
		doers = map[string][]string{}
	}
	doers[e.Act] = did
	return doers
}

// foldPeople adds who acted and who was acted for: what either did, the other has done.
func foldPeople(list []string, by By, counts bool) []string {
	for _, id := range []string{by.Actor, by.For} {
		if counts && id != "" && !slices.Contains(list, id) {
			list = append(slices.Clone(list), id)
		}
	}
	return list
}

// bars reports somebody who may not act again on the case.
func (c *Case) bars(id string) bool { return slices.Contains(c.Barred, id) }

func foldChildren(list []Child, e Event) []Child {
	if len(e.Spawn)+len(e.Recalled) == 0 && e.Ended == nil {
		return list
	}
	list = slices.Clone(list)
	end := func(id CaseID, outcome string) {
		for i := range list {
			if list[i].Case == id {
				list[i].Open, list[i].Outcome = false, outcome
			}
		}
	}
	if e.Ended != nil {
		end(e.Ended.Case, e.Ended.Outcome)
	}
	for _, id := range e.Recalled {
		end(id, Recalled)
	}
	for _, s := range e.Spawn {
		list = append(list, Child{Link: s.Link, Kind: s.Kind, Case: s.Case, Ref: s.Ref, Procedure: s.Procedure, Unit: s.Unit, Open: true})
	}
	return list
}

// Promised is the term whose date the resident was told last: a case may promise first who deals with it,
// then the answer. The one that counts now comes before those that have ended.
func (c *Case) Promised() (Clock, bool) {
	var out Clock
	live := func(k Clock) bool { return k.Running() || k.Status == procedure.Paused.String() }
	for _, k := range c.Clocks {
		if k.Promise && (out.ID == "" || live(k) && !live(out) || live(k) == live(out) && k.Start.After(out.Start)) {
			out = k
		}
	}
	return out, out.ID != ""
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

package casework

import (
	"slices"
	"strconv"
	"strings"

	"comity/internal/authz"
	"comity/internal/form"
	"comity/internal/procedure"
)

// Several people report one lamp. Their cases go with the first: a group has a lead case, in which the work is done,
// and each other case waits in a state of its own and hears the lead's answer as if it had been given there. Nobody's
// report is thrown away: each keeps its code, its dates, its answer, the right to contest it and a rating. A group
// can be undone at any time, and it is of cases, never of people.

// lead joins a case to the one the act names.
func (k *decision) lead(e *Event) *Refusal {
	no := func(rule string, kv ...string) *Refusal {
		p := form.Problem{Field: procedure.FieldLead, Rule: rule}
		if len(kv) == 2 {
			p.Params = map[string]string{kv[0]: kv[1]}
		}
		return &Refusal{Rule: "form.invalid", Fields: []form.Problem{p}}
	}
	to := k.cmd.Lead
	switch {
	case to == nil:
		return no("lead.unknown", "ref", clip(e.Fields[procedure.FieldLead]))
	case to.Case == k.c.ID:
		return no("lead.self")
	case to.Procedure != k.d.ID:
		return no("lead.other_kind", "ref", string(to.Ref))
	case to.Closed:
		return no("lead.closed", "ref", string(to.Ref))
	case to.Follows != "":
		return no("lead.follows", "ref", string(to.Follows))
	case len(k.c.Followers()) > 0:
		return no("lead.leads", "n", strconv.Itoa(len(k.c.Followers())))
	}
	lead := to.Lead
	e.Lead = &lead
	e.Fields[procedure.FieldLead] = string(lead.Ref)
	return nil
}

// unlead ends a case's going with another one: it joins a third, it hears that the other goes no further, or an act
// takes it out of the state in which it waits. An answer heard there leaves it in the group, which was right.
func (k *decision) unlead(a *procedure.Act, e *Event) {
	if k.c.Lead == nil {
		return
	}
	hears, waits := slices.Contains(a.By, procedure.ByGroup), k.waits(k.c.State)
	if e.Lead != nil || hears && !a.Answers || !hears && waits && !k.waits(e.State) {
		e.Unled = k.c.Lead.Case
	}
}

// waits reports a state in which a case hears of its lead.
func (k *decision) waits(state string) bool {
	_, end := k.d.Hearing(state, "")
	return end != nil
}

// Leading is what another case must know of this one to go with it. nil where nobody can: one unit alone reads it.
func (c *Case) Leading() *Leading {
	if c.ID == "" || c.Sealed != "" {
		return nil
	}
	l := &Leading{Lead: Lead{c.ID, c.Ref}, Procedure: c.Procedure, Closed: !c.Closed.IsZero()}
	if c.Lead != nil {
		l.Follows = c.Lead.Ref
	}
	return l
}

// TellsGroup lists what the other cases of its group must hear of an event of this case, which has been folded in:
// the lead of who joined or left, the others of its answer and of its end.
func (c *Case) TellsGroup(e Event) (out []Command) {
	tell := func(id CaseID, cmd Command) {
		cmd.Case, cmd.Version = id, AnyVersion
		out = append(out, cmd)
	}
	if e.Unled != "" {
		tell(e.Unled, Command{Follow: &Follower{c.ID, c.Ref, true}})
	}
	if e.Lead != nil {
		tell(e.Lead.Case, Command{Follow: &Follower{c.ID, c.Ref, false}})
	}
	if e.Act != "" && (e.Answers || e.Final) || e.Sealed != "" {
		led := &Led{Case: c.ID, Act: e.Act, Fields: e.Fields, Files: e.Files, By: e.By, End: e.Final || e.Sealed != ""}
		for _, f := range c.Followers() {
			tell(f.Case, Command{Led: led})
		}
	}
	return out
}

// Followers are the cases that go with this one now.
func (c *Case) Followers() (out []Follower) {
	for _, f := range c.Group {
		if !f.Left {
			out = append(out, f)
		}
	}
	return out
}

func foldGroup(list []Follower, f *Follower) []Follower {
	if f == nil {
		return list
	}
	list = slices.Clone(list)
	if i := slices.IndexFunc(list, func(x Follower) bool { return x.Case == f.Case }); i >= 0 {
		list[i] = *f
		return list
	}
	return append(list, *f)
}

// follow notes that another case goes with this one, or has left.
func (k *decision) follow() ([]Event, error) {
	if !k.who.Is(authz.System) {
		return nil, refuse("actor.forbidden")
	}
	f := *k.cmd.Follow
	kind := "group.joined"
	if f.Left {
		kind = "group.left"
	}
	e := k.event(kind, By{Actor: k.who.ID(), Role: string(authz.System), Unit: k.c.Holder})
	e.Follow = &f
	return []Event{e}, nil
}

// led hears of the case this one goes with: by the act that hears its act, or by the one that hears its end. Whoever
// may not act on this case any more has not answered it; it then goes its own way.
func (k *decision) led() ([]Event, error) {
	if !k.who.Is(authz.System) {
		return nil, refuse("actor.forbidden")
	}
	now := *k.cmd.Led
	if k.c.Lead == nil || k.c.Lead.Case != now.Case {
		return nil, nil
	}
	exact, end := k.d.Hearing(k.c.State, now.Act)
	if exact != nil && !k.c.bars(now.By.Actor) && !k.c.bars(now.By.For) {
		k.cmd.Fields = map[string]string{}
		for _, f := range exact.Fields {
			if v := strings.TrimSpace(now.Fields[f.Name]); v != "" {
				k.cmd.Fields[f.Name] = v
			}
		}
		k.cmd.Files = now.shown()
		if events, err := k.do(exact, now.By, ""); err == nil {
			return events, nil
		}
	}
	if end == nil || exact == nil && !now.End {
		return nil, nil
	}
	k.cmd.Fields, k.cmd.Files = nil, nil
	return k.do(end, By{Actor: k.who.ID(), Role: string(authz.System), Unit: k.c.Holder}, "")
}

// shown are the files of the answer that whoever opened the case may see.
func (l *Led) shown() (out []File) {
	for _, f := range l.Files {
		if f.Public {
			out = append(out, f)
		}
	}
	return out
}

package story

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// Memory is the kernel alone: Decide and Fold over maps, nothing stored. It says what the other
// worlds must say.
type Memory struct {
	now    time.Time
	reg    *pack.Registry
	older  []*pack.Pack
	cases  map[casework.CaseID]casework.Case
	events map[casework.CaseID][]casework.Event
	order  []casework.CaseID
	keys   map[string]kept
}

type kept struct {
	command string
	receipt Receipt
}

// NewMemory is a world without cases in which the pack is in force.
func NewMemory(p *pack.Pack) *Memory {
	return &Memory{reg: pack.NewRegistry(p), older: []*pack.Pack{p}, cases: map[casework.CaseID]casework.Case{},
		events: map[casework.CaseID][]casework.Event{}, keys: map[string]kept{}}
}

// Set moves the clock.
func (m *Memory) Set(now time.Time) error {
	m.now = now
	return nil
}

// Change puts another version of the pack in force; cases keep theirs. If its calendar has a new version,
// open cases are counted again at the next tick.
func (m *Memory) Change(p *pack.Pack) error {
	m.reg = pack.NewRegistry(p, m.older...)
	m.older = append(m.older, p)
	return nil
}

// File opens a case.
func (m *Memory) File(who Who, r intake.Report) (Receipt, error) {
	p := m.reg.Current()
	r.Now = m.now
	cmd, err := intake.Command(p, r)
	if err != nil {
		return Receipt{}, err
	}
	return m.once(who, cmd, func() (Receipt, error) {
		open := *cmd.Open
		open.ID = casework.CaseID("k" + strconv.Itoa(len(m.order)+1))
		open.Ref, open.Pack = casework.Ref("K-"+strconv.Itoa(len(m.order)+1)), p.Digest
		cmd.Open = &open
		events, err := casework.Decide(p.ProcedureFor(open.Category), casework.Case{}, cmd, who.Actor("", cmd.Case), m.now)
		if err != nil {
			return Receipt{}, err
		}
		m.order = append(m.order, open.ID)
		return Receipt{Case: open.ID}, m.all(open.ID, events)
	})
}

// Act does an act or writes a note.
func (m *Memory) Act(who Who, s Step) (Receipt, error) {
	c := m.cases[s.Case]
	cmd := s.Command(who, c.Seq)
	return m.once(who, cmd, func() (Receipt, error) {
		d, err := m.reg.Definition(c.Pack, c.Procedure)
		if err != nil {
			return Receipt{}, err
		}
		a := who.Actor(s.Holds, s.Case)
		if a.IsStaff() && !c.ReadableBy(a.Scope(), d.Units) {
			return Receipt{}, &casework.Refusal{Rule: "case.unknown"} // not yours equals not there
		}
		if act, ok := d.Act(s.Act); ok && act.Has(procedure.Group) {
			for _, lead := range m.cases {
				if string(lead.Ref) == s.Fields[procedure.FieldLead] && (!a.IsStaff() || lead.ReadableBy(a.Scope(), d.Units)) {
					cmd.Lead = lead.Leading()
				}
			}
		}
		events, err := casework.Decide(d, c, cmd, a, m.now)
		if err != nil {
			return Receipt{}, err
		}
		return Receipt{Case: s.Case}, m.all(s.Case, events)
	})
}

// once answers a repeated key with the first receipt.
func (m *Memory) once(who Who, cmd casework.Command, do func() (Receipt, error)) (Receipt, error) {
	if cmd.Key == "" {
		return do()
	}
	key := who.Actor("", cmd.Case).ID() + " " + cmd.Key
	cmd.Version = 0
	text, err := json.Marshal(cmd)
	if err != nil {
		return Receipt{}, err
	}
	if old, ok := m.keys[key]; ok {
		if old.command != string(text) {
			return Receipt{}, &casework.Refusal{Rule: "idempotency.reused"}
		}
		old.receipt.Replayed = true
		return old.receipt, nil
	}
	r, err := do()
	if err == nil {
		m.keys[key] = kept{string(text), r}
	}
	return r, err
}

// all takes events in with everything they bring about, or nothing of it, as one transaction of the ledger does.
func (m *Memory) all(id casework.CaseID, events []casework.Event) error {
	cases, told, order := maps.Clone(m.cases), maps.Clone(m.events), slices.Clone(m.order)
	err := m.fold(id, events)
	if err != nil {
		m.cases, m.events, m.order = cases, told, order
	}
	return err
}

// fold takes events in, and then lets the cases around hear of them, as the ledger does.
func (m *Memory) fold(id casework.CaseID, events []casework.Event) error {
	for _, e := range events {
		for i := range e.Spawn {
			n := len(m.order) + i + 1
			e.Spawn[i].Case, e.Spawn[i].Ref = casework.CaseID("k"+strconv.Itoa(n)), casework.Ref("K-"+strconv.Itoa(n))
		}
		for _, s := range e.Spawn {
			m.order = append(m.order, s.Case)
		}
		m.cases[id] = casework.Fold(m.cases[id], e)
		m.events[id] = append(m.events[id], e)
	}
	for _, e := range events {
		for _, s := range e.Spawn {
			cmd := casework.ChildOf(m.cases[id], s)
			cmd.Open.Pack = m.cases[id].Pack
			if err := m.carry(s.Case, cmd); err != nil {
				return err
			}
		}
		for _, child := range e.Recalled {
			if err := m.carry(child, casework.Command{Case: child, Version: casework.AnyVersion, Recall: true}); err != nil {
				return err
			}
		}
		c := m.cases[id]
		for _, cmd := range c.TellsGroup(e) {
			if err := m.carry(cmd.Case, cmd); err != nil {
				return err
			}
		}
		if e.Final && c.Parent != nil {
			end := &casework.Ended{Case: id, Outcome: c.Outcome}
			if err := m.carry(c.Parent.Case, casework.Command{Case: c.Parent.Case, Version: casework.AnyVersion, Ended: end}); err != nil {
				return err
			}
		}
	}
	return nil
}

// carry lets the machine bring a command of one case to another.
func (m *Memory) carry(id casework.CaseID, cmd casework.Command) error {
	c := m.cases[id]
	digest, proc := c.Pack, c.Procedure
	if o := cmd.Open; o != nil {
		parent := m.cases[o.Parent.Case]
		i := slices.IndexFunc(parent.Children, func(k casework.Child) bool { return k.Case == id })
		digest, proc = o.Pack, parent.Children[i].Procedure
	}
	d, err := m.reg.Definition(digest, proc)
	if err != nil {
		return err
	}
	events, err := casework.Decide(d, c, cmd, authz.Machine(), m.now)
	if err != nil {
		return err
	}
	return m.fold(id, events)
}

// due is a clock that runs out, with its place in line.
type due struct {
	id    casework.CaseID
	clock string
	at    time.Time
	alert bool
}

// Tick lets clocks run out: the earliest first, and among those of one instant the cases nobody is
// assigned to before the others.
func (m *Memory) Tick(now time.Time) error {
	if err := m.recount(); err != nil {
		return err
	}
	for range 10_000 {
		batch := m.next(now)
		if len(batch) == 0 {
			m.now = now
			return nil
		}
		for _, k := range batch {
			if err := m.expire(k); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("clocks ran out ten thousand times before %s; a term is too short for so long a leap", now.Format(time.DateTime))
}

// recount counts the dates of running clocks again that another version of their calendar counted.
func (m *Memory) recount() error {
	for _, id := range m.order {
		c := m.cases[id]
		if !c.Closed.IsZero() || !slices.ContainsFunc(c.Clocks, m.outdated) {
			continue
		}
		if err := m.carry(id, casework.Command{Case: id, Version: casework.AnyVersion, Recount: true}); err != nil {
			return err
		}
	}
	return nil
}

func (m *Memory) outdated(k casework.Clock) bool {
	calendar, _, _ := strings.Cut(k.Calendar, "@")
	now := m.reg.Current().Calendars[calendar]
	return k.Running() && now != nil && k.Calendar != now.ID+"@"+now.Version
}

// next lists the clocks of the earliest instant, in the order in which they are answered.
func (m *Memory) next(now time.Time) []due {
	var free, taken []due
	var at time.Time
	for _, id := range m.order {
		c := m.cases[id]
		if !c.Closed.IsZero() {
			continue
		}
		for _, k := range c.Clocks {
			next := due{id: id, clock: k.ID, at: k.Due}
			if !k.Alert.IsZero() {
				next.at, next.alert = k.Alert, true
			}
			if !k.Running() || next.at.After(now) || (!at.IsZero() && next.at.After(at)) {
				continue
			}
			if at.IsZero() || next.at.Before(at) {
				at, free, taken = next.at, nil, nil
			}
			if c.Assignee == "" {
				free = append(free, next)
			} else {
				taken = append(taken, next)
			}
		}
	}
	for _, line := range [][]due{free, taken} {
		slices.SortStableFunc(line, m.turn)
	}
	return append(free, taken...)
}

// turn puts terms that events started before the term of the state: when both end in one second, the
// case moves up once, and the new unit's term begins with that.
func (m *Memory) turn(a, b due) int {
	return cmp.Or(boolOrder(m.ofState(a), m.ofState(b)), strings.Compare(a.clock, b.clock))
}

func (m *Memory) ofState(k due) bool {
	c := m.cases[k.id]
	d, err := m.reg.Definition(c.Pack, c.Procedure)
	if err != nil {
		return false
	}
	clock, ok := d.Clock(k.clock)
	return ok && len(clock.In) > 0
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func (m *Memory) expire(k due) error {
	c := m.cases[k.id]
	d, err := m.reg.Definition(c.Pack, c.Procedure)
	if err != nil {
		return err
	}
	m.now = k.at
	cmd := casework.Command{Case: k.id, Version: casework.AnyVersion, Tick: &casework.Tick{Clock: k.clock, Due: k.at, Alert: k.alert}}
	events, err := casework.Decide(d, c, cmd, authz.Machine(), k.at)
	if err != nil {
		return fmt.Errorf("clock %s: %w", k.clock, err)
	}
	return m.fold(k.id, events)
}

// Case is the folded case.
func (m *Memory) Case(id casework.CaseID) (casework.Case, error) { return m.cases[id], nil }

// Events lists what happened to it.
func (m *Memory) Events(id casework.CaseID) ([]casework.Event, error) { return m.events[id], nil }

// Worklist lists the open cases at the unit or below it, and those offered there.
func (m *Memory) Worklist(unit org.UnitID) ([]casework.CaseID, error) {
	in := authz.Scope{Roots: []authz.Root{{Unit: unit}}}
	var out []casework.CaseID
	for _, id := range m.order {
		c := m.cases[id]
		if c.Closed.IsZero() && c.ReadableBy(in, m.reg.Current().Units) {
			out = append(out, id)
		}
	}
	slices.SortStableFunc(out, func(a, b casework.CaseID) int { return m.sortAt(a).Compare(m.sortAt(b)) })
	return out, nil
}

// sortAt puts cases without a running clock behind all others.
func (m *Memory) sortAt(id casework.CaseID) time.Time {
	c := m.cases[id]
	if k, ok := c.Due(); ok {
		return k.Due
	}
	return time.Unix(1<<40, 0)
}

package casework

import (
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/org"
	"comity/internal/procedure"
)

// view is a case as the rules of its procedure see it: the concrete twin of the checker's situation.
type view struct {
	d     *procedure.Definition
	c     *Case
	about string
}

// See gives the rules of a procedure the case to look at.
func See(d *procedure.Definition, c *Case) procedure.View { return view{d: d, c: c} }

func (v view) State() string         { return v.c.State }
func (v view) Fact(id string) string { return v.c.Facts[id] }
func (v view) Done(act string) int   { return v.c.Times[act] }
func (v view) Contact() bool         { return v.c.Contact.Address != "" }
func (v view) Joint() bool           { return len(v.c.Joint) > 0 }
func (v view) Outcome(link string) string {
	out := ""
	for _, k := range v.c.Children {
		if k.Link == link && !k.Open {
			out = k.Outcome
		}
	}
	return out
}

func (v view) Clock(id string) procedure.Status {
	k, _ := v.c.Clock(id)
	return statusOf(k.Status)
}

func (v view) Open(link string) bool {
	return slices.ContainsFunc(v.c.Children, func(k Child) bool { return k.Link == link && k.Open && k.Kind == procedure.Child })
}

func (v view) Top() bool {
	_, above := v.d.Units.Superior(v.c.Holder)
	return !above
}

func (v view) Level() string {
	u, _ := v.d.Units.Unit(v.c.Holder)
	return u.Level.String()
}

// Listed are the units whose lists hold the case: its holder, the unit it is offered to, units that
// joined, and all above them. A sealed case is listed by the unit it is sealed to, and by nobody else.
func (c *Case) Listed(path func(org.UnitID) []org.UnitID) []org.UnitID {
	if c.Sealed != "" {
		return []org.UnitID{c.Sealed}
	}
	units := path(c.Holder)
	for _, more := range append([]org.UnitID{c.Offered}, c.Joint...) {
		for _, u := range path(more) {
			if !slices.Contains(units, u) {
				units = append(units, u)
			}
		}
	}
	return units
}

// ReadableBy says whether the scope may read the case: the Go twin of the rows that lists are read from.
func (c *Case) ReadableBy(in authz.Scope, units *org.Tree) bool {
	return in.Level(units, c.Target()) > 0
}

// Target is the case as the rules of reading see it. Which compartment it lies in, the case does not know.
func (c *Case) Target() authz.Target {
	return authz.Target{Case: string(c.ID), Holder: c.Holder, Offered: c.Offered, Joint: c.Joint, Programme: c.Programme, Sealed: c.Sealed, Assignee: c.Assignee}
}

// ChildOf makes the opening of a case that an event of this one spawns: what the link carries, and
// nothing else. An empty title is the number of the case it comes from.
func ChildOf(c Case, s Spawn) Command {
	o := &Opening{
		ID: s.Case, Ref: s.Ref, Unit: s.Unit, Title: string(c.Ref), Text: string(c.Ref), Category: c.Category, Source: "link",
		Parent: &Parent{Link: s.Link, Kind: s.Kind, Case: c.ID, Ref: c.Ref, Procedure: c.Procedure, Pack: c.Pack},
		Facts:  s.Facts, Barred: s.Barred, Sealed: c.Sealed != "",
	}
	for _, name := range s.Carry {
		if roll, ok := strings.CutPrefix(name, CarryRoll); ok {
			o.Members = append(o.Members, c.carried(roll, slices.Contains(s.Carry, CarryContact), len(o.Members))...)
		}
		switch name {
		case CarryTitle:
			o.Title = c.Title
		case CarryText:
			o.Text = c.Text
		case CarryPlace:
			o.Place = c.Place
		case CarryContact:
			o.Contact = c.Contact
		}
	}
	return Command{Open: o, Fields: s.Fields}
}

// What a link can carry beside fields of the act that opens it.
const (
	CarryTitle   = "title"
	CarryText    = "text"
	CarryPlace   = "place"
	CarryContact = "contact"
	CarryRoll    = "roll:" // before the id of a roll: everybody on it now
)

// Carriers lists them, for the pack loader. The category always crosses: lists need a heading.
var Carriers = []string{CarryTitle, CarryText, CarryPlace, CarryContact, "category"}

package schedule

import (
	"cmp"
	"slices"
	"time"
)

// Rule is a hard rule. A plan that breaks one is wrong, however good it is otherwise.
type Rule string

const (
	RuleKnown      Rule = "known"      // every id of the plan is one of the problem
	RuleOnce       Rule = "once"       // every session is placed once, or named as not placed
	RuleFixed      Rule = "fixed"      // what was agreed stays
	RuleHorizon    Rule = "horizon"    // inside the time planned for
	RuleNotice     Rule = "notice"     // not before Earliest
	RuleTerm       Rule = "term"       // over by Latest
	RuleNumber     Rule = "number"     // as many mediators as needed, each once
	RuleAllowed    Rule = "allowed"    // by mediators of its pool
	RuleBarred     Rule = "barred"     // never by a mediator who is barred from the case
	RuleField      Rule = "field"      // by mediators who work in its field
	RuleLanguage   Rule = "language"   // by mediators who speak its language
	RuleMediator   Rule = "mediator"   // in the mediator's hours
	RuleParty      Rule = "party"      // when the party can come
	RuleRoom       Rule = "room"       // in the room's hours
	RuleRemote     Rule = "remote"     // a room exactly when the session needs one
	RuleSize       Rule = "size"       // the room is large enough
	RuleFeature    Rule = "feature"    // the room has what is needed
	RuleTwoPlaces  Rule = "two_places" // nobody, and no room, in two sessions at once
	RuleBuffer     Rule = "buffer"     // time between two sessions of a mediator
	RuleMostPerDay Rule = "most_a_day" // no more sessions of a mediator in a day
	RuleFacts      Rule = "facts"      // the facts a plan carries are the facts
)

// Rules are all of them, in the order in which they are named.
var Rules = []Rule{RuleKnown, RuleOnce, RuleFixed, RuleHorizon, RuleNotice, RuleTerm, RuleNumber, RuleAllowed, RuleBarred, RuleField, RuleLanguage,
	RuleMediator, RuleParty, RuleRoom, RuleRemote, RuleSize, RuleFeature, RuleTwoPlaces, RuleBuffer, RuleMostPerDay, RuleFacts}

// Kind says what Who of a violation is.
type Kind string

const (
	KindParty    Kind = "party"
	KindMediator Kind = "mediator"
	KindRoom     Kind = "room"
	KindFeature  Kind = "feature"
)

// Violation is one rule that is broken, with who and when.
type Violation struct {
	Rule    Rule
	Session SessionID
	With    SessionID // the other session, where two collide
	Kind    Kind      // of Who; empty when the rule is about the session alone
	Who     string
	When    Span // when it happens: the session, what two sessions share, or the day
}

// Facts are what a reader needs to see with their own eyes that a session breaks no rule.
type Facts struct {
	Session          SessionID
	Begins, Ends     time.Time
	Earliest, Latest time.Time // as asked for; zero = none
	Fixed            bool
	Room             Fact
	Has, Needs       int // people the room holds and people it has to hold
	Mediators        []Fact
	Parties          []Fact
}

// Fact is what was checked of one person or room.
type Fact struct {
	Who      string
	Hours    Span      // the free time around the session; zero = any time
	Before   time.Time // end of their session before this one; zero = none
	After    time.Time // beginning of their session after it; zero = none
	ThatDay  int       // sessions on the day it begins
	MostADay int       // 0 = no bound
	Buffer   time.Duration
}

// Verify finds every hard rule a plan breaks. It looks at times alone and shares no code with the
// solver: two roads to the same answer. An empty result is the proof.
func Verify(p Problem, plan Plan) []Violation {
	c := newChecker(&p)
	c.plan(plan)
	if plan.Facts != nil && !sameFacts(plan.Facts, c.facts) {
		c.say(Violation{Rule: RuleFacts})
	}
	return c.sorted()
}

// Certify gives the facts of every placed session, in the order of the plan.
func Certify(p Problem, plan Plan) []Facts {
	c := newChecker(&p)
	c.plan(plan)
	return c.facts
}

// Conflicts are the rules a plan would break at one session, were it held as move says.
func Conflicts(p Problem, plan Plan, move Placing) []Violation {
	after := Plan{Placed: []Placing{move}}
	for _, a := range plan.Placed {
		if a.Session != move.Session {
			after.Placed = append(after.Placed, a)
		}
	}
	for _, s := range p.Sessions {
		if !slices.ContainsFunc(after.Placed, func(a Placing) bool { return a.Session == s.ID }) {
			after.Unplaced = append(after.Unplaced, Unplaced{Session: s.ID})
		}
	}
	c := newChecker(&p)
	c.plan(after)
	return slices.DeleteFunc(c.sorted(), func(v Violation) bool {
		return v.Session != move.Session && v.With != move.Session
	})
}

// checker holds the problem by name and what was found.
type checker struct {
	p         *Problem
	sessions  map[SessionID]*Session
	parties   map[PartyID]*Party
	mediators map[MediatorID]*Mediator
	rooms     map[RoomID]*Room
	uses      map[user][]use
	facts     []Facts
	found     []Violation
}

// user is whoever, or whatever, can be in one session at a time.
type user struct {
	kind Kind
	id   string
}

type use struct {
	session SessionID
	span    Span
}

func newChecker(p *Problem) *checker {
	c := &checker{p: p, sessions: map[SessionID]*Session{}, parties: map[PartyID]*Party{}, mediators: map[MediatorID]*Mediator{}, rooms: map[RoomID]*Room{}, uses: map[user][]use{}}
	for i := range p.Sessions {
		c.sessions[p.Sessions[i].ID] = &p.Sessions[i]
	}
	for i := range p.Parties {
		c.parties[p.Parties[i].ID] = &p.Parties[i]
	}
	for i := range p.Mediators {
		c.mediators[p.Mediators[i].ID] = &p.Mediators[i]
	}
	for i := range p.Rooms {
		c.rooms[p.Rooms[i].ID] = &p.Rooms[i]
	}
	return c
}

func (c *checker) say(v Violation) { c.found = append(c.found, v) }

func (c *checker) sorted() []Violation {
	slices.SortStableFunc(c.found, func(a, b Violation) int {
		return cmp.Or(a.When.From.Compare(b.When.From), cmp.Compare(a.Session, b.Session),
			slices.Index(Rules, a.Rule)-slices.Index(Rules, b.Rule), cmp.Compare(a.Who, b.Who), cmp.Compare(a.With, b.With))
	})
	return c.found
}

func (c *checker) plan(plan Plan) {
	for _, a := range plan.Placed {
		if s := c.sessions[a.Session]; s != nil {
			c.enter(s, a)
		}
	}
	for _, uses := range c.uses {
		slices.SortFunc(uses, func(a, b use) int {
			return cmp.Or(a.span.From.Compare(b.span.From), cmp.Compare(a.session, b.session))
		})
	}
	for _, a := range plan.Placed {
		if s := c.sessions[a.Session]; s != nil {
			c.placing(s, a)
		} else {
			c.say(Violation{Rule: RuleKnown, Session: a.Session, When: Span{a.Begins, a.Begins}})
		}
	}
	c.once(plan)
	c.together()
}

// enter notes whom a session takes up, and when.
func (c *checker) enter(s *Session, a Placing) {
	u := use{s.ID, Span{a.Begins, a.Begins.Add(s.Duration)}}
	note := func(k Kind, id string) { c.uses[user{k, id}] = append(c.uses[user{k, id}], u) }
	for _, id := range s.Parties {
		note(KindParty, string(id))
	}
	for _, id := range a.Mediators {
		note(KindMediator, string(id))
	}
	if a.Room != "" {
		note(KindRoom, string(a.Room))
	}
}

// once: placed once, or named once as not placed; what is fixed is placed as it was.
func (c *checker) once(plan Plan) {
	times := map[SessionID]int{}
	for _, a := range plan.Placed {
		times[a.Session]++
	}
	for _, u := range plan.Unplaced {
		times[u.Session]++
		if c.sessions[u.Session] == nil {
			c.say(Violation{Rule: RuleKnown, Session: u.Session})
		}
	}
	for _, s := range c.p.Sessions {
		if times[s.ID] != 1 {
			c.say(Violation{Rule: RuleOnce, Session: s.ID})
		}
		kept := func(a Placing) bool { return a.Session == s.ID && samePlacing(a, *s.Fixed) }
		if s.Fixed != nil && !slices.ContainsFunc(plan.Placed, kept) {
			c.say(Violation{Rule: RuleFixed, Session: s.ID, When: Span{s.Fixed.Begins, s.Fixed.Begins.Add(s.Duration)}})
		}
	}
}

func samePlacing(a, b Placing) bool {
	return a.Begins.Equal(b.Begins) && a.Room == b.Room && slices.Equal(slices.Sorted(slices.Values(a.Mediators)), slices.Sorted(slices.Values(b.Mediators)))
}

// placing checks one session by itself and gathers its facts.
func (c *checker) placing(s *Session, a Placing) {
	when := Span{a.Begins, a.Begins.Add(s.Duration)}
	broken := func(r Rule, k Kind, who string) {
		c.say(Violation{Rule: r, Session: s.ID, Kind: k, Who: who, When: when})
	}
	f := Facts{Session: s.ID, Begins: when.From, Ends: when.To, Earliest: s.Earliest, Latest: s.Latest, Fixed: s.Fixed != nil, Needs: s.Room.Size}
	if when.From.Before(c.p.Horizon.From) || when.To.After(c.p.Horizon.To) {
		broken(RuleHorizon, "", "")
	}
	if when.From.Before(s.Earliest) {
		broken(RuleNotice, "", "")
	}
	if !s.Latest.IsZero() && when.To.After(s.Latest) {
		broken(RuleTerm, "", "")
	}
	f.Mediators = c.held(s, a, when, broken)
	for _, id := range s.Parties {
		f.Parties = append(f.Parties, c.attended(id, s.ID, when, broken))
	}
	f.Room, f.Has = c.housed(s, a, when, broken)
	c.facts = append(c.facts, f)
}

// held checks who holds the session.
func (c *checker) held(s *Session, a Placing, when Span, broken func(Rule, Kind, string)) []Fact {
	var facts []Fact
	distinct := map[MediatorID]bool{}
	for _, id := range a.Mediators {
		distinct[id] = true
		m := c.mediators[id]
		if m == nil {
			broken(RuleKnown, KindMediator, string(id))
			continue
		}
		entitled(s, m, broken)
		hours, ok := around(m.Free, when)
		if !ok || slices.ContainsFunc(m.Away, func(b Span) bool { return meet(b, when) }) {
			broken(RuleMediator, KindMediator, string(id))
		}
		f := c.fact(KindMediator, string(id), s.ID, when, hours)
		f.MostADay, f.Buffer = m.MostPerDay, m.Buffer
		facts = append(facts, f)
	}
	if len(a.Mediators) != s.Need || len(distinct) != len(a.Mediators) {
		broken(RuleNumber, "", "")
	}
	return facts
}

// entitled checks that a mediator may hold the session, whenever it is.
func entitled(s *Session, m *Mediator, broken func(Rule, Kind, string)) {
	if !slices.Contains(s.Mediators, m.ID) {
		broken(RuleAllowed, KindMediator, string(m.ID))
	}
	if s.Case != "" && slices.Contains(m.Barred, s.Case) {
		broken(RuleBarred, KindMediator, string(m.ID))
	}
	if s.Field != "" && !slices.Contains(m.Fields, s.Field) {
		broken(RuleField, KindMediator, string(m.ID))
	}
	if s.Language != "" && !slices.Contains(m.Languages, s.Language) {
		broken(RuleLanguage, KindMediator, string(m.ID))
	}
}

// attended checks that a party can come.
func (c *checker) attended(id PartyID, session SessionID, when Span, broken func(Rule, Kind, string)) Fact {
	x := c.parties[id]
	if x == nil {
		broken(RuleKnown, KindParty, string(id))
		return Fact{Who: string(id)}
	}
	var hours Span
	can := true
	if len(x.Possible) > 0 {
		hours, can = around(x.Possible, when)
	}
	if !can || slices.ContainsFunc(x.Busy, func(b Span) bool { return meet(b, when) }) {
		broken(RuleParty, KindParty, string(id))
	}
	return c.fact(KindParty, string(id), session, when, hours)
}

// housed checks the room.
func (c *checker) housed(s *Session, a Placing, when Span, broken func(Rule, Kind, string)) (Fact, int) {
	if (a.Room == "") != s.Room.Remote {
		broken(RuleRemote, KindRoom, string(a.Room))
	}
	if a.Room == "" {
		return Fact{}, 0
	}
	r := c.rooms[a.Room]
	if r == nil {
		broken(RuleKnown, KindRoom, string(a.Room))
		return Fact{}, 0
	}
	if r.Size < s.Room.Size {
		broken(RuleSize, KindRoom, string(r.ID))
	}
	for _, f := range s.Room.Features {
		if !slices.Contains(r.Features, f) {
			broken(RuleFeature, KindFeature, string(f))
		}
	}
	hours, ok := around(r.Free, when)
	if !ok {
		broken(RuleRoom, KindRoom, string(r.ID))
	}
	return c.fact(KindRoom, string(r.ID), s.ID, when, hours), r.Size
}

// fact looks at the neighbours of a session in one calendar.
func (c *checker) fact(k Kind, who string, session SessionID, when Span, hours Span) Fact {
	f := Fact{Who: who, Hours: hours}
	for _, u := range c.uses[user{k, who}] {
		if c.day(u.span.From).Equal(c.day(when.From)) {
			f.ThatDay++
		}
		if u.session == session {
			continue
		}
		if !u.span.To.After(when.From) && u.span.To.After(f.Before) {
			f.Before = u.span.To
		}
		if !u.span.From.Before(when.To) && (f.After.IsZero() || u.span.From.Before(f.After)) {
			f.After = u.span.From
		}
	}
	return f
}

// together checks what only two or more sessions can break.
func (c *checker) together() {
	for who, uses := range c.uses {
		var buffer time.Duration
		if m := c.mediators[MediatorID(who.id)]; m != nil && who.kind == KindMediator {
			buffer = m.Buffer
			c.days(m, uses)
		}
		for i, a := range uses {
			for _, b := range uses[i+1:] {
				if !b.span.From.Before(a.span.To.Add(buffer)) {
					break // sorted by beginning: all others begin later still
				}
				c.pair(who, a, b)
			}
		}
	}
}

// pair is told of two sessions, b not before a, that stand too close.
func (c *checker) pair(who user, a, b use) {
	if a.session == b.session {
		return // placed twice, which is said already, or a party named twice
	}
	v := Violation{Rule: RuleBuffer, Session: a.session, With: b.session, Kind: who.kind, Who: who.id, When: Span{a.span.To, b.span.From}}
	if meet(a.span, b.span) {
		v.Rule, v.When = RuleTwoPlaces, Span{b.span.From, earlier(a.span.To, b.span.To)}
	}
	c.say(v)
}

// days names, for a day with too many sessions, each of them.
func (c *checker) days(m *Mediator, uses []use) {
	if m.MostPerDay == 0 {
		return
	}
	perDay := map[time.Time][]SessionID{}
	for _, u := range uses {
		d := c.day(u.span.From)
		if !slices.Contains(perDay[d], u.session) {
			perDay[d] = append(perDay[d], u.session)
		}
	}
	for d, sessions := range perDay {
		if len(sessions) <= m.MostPerDay {
			continue
		}
		for _, id := range sessions {
			c.say(Violation{Rule: RuleMostPerDay, Session: id, Kind: KindMediator, Who: string(m.ID), When: Span{d, d.AddDate(0, 0, 1)}})
		}
	}
}

// day is the midnight before t.
func (c *checker) day(t time.Time) time.Time {
	y, m, d := t.In(c.p.zone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.p.zone())
}

// around is the free time that holds all of when. Free times may touch or overlap.
func around(free []Span, when Span) (Span, bool) {
	hours := when
	for grown := true; grown; {
		grown = false
		for _, f := range free {
			if !f.To.After(f.From) || f.To.Before(hours.From) || f.From.After(hours.To) {
				continue
			}
			if f.From.Before(hours.From) {
				hours.From, grown = f.From, true
			}
			if f.To.After(hours.To) {
				hours.To, grown = f.To, true
			}
		}
	}
	for at := when.From; at.Before(when.To); {
		next := at
		for _, f := range free {
			if !f.From.After(at) && f.To.After(next) {
				next = f.To
			}
		}
		if !next.After(at) {
			return Span{}, false
		}
		at = next
	}
	return hours, true
}

// meet: a span that is empty meets nothing.
func meet(a, b Span) bool {
	return a.From.Before(b.To) && b.From.Before(a.To) && a.From.Before(a.To) && b.From.Before(b.To)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// sameFacts compares instants, not how they are written: a plan may have been stored in between.
func sameFacts(a, b []Facts) bool {
	return slices.EqualFunc(a, b, func(x, y Facts) bool {
		return x.Session == y.Session && x.Begins.Equal(y.Begins) && x.Ends.Equal(y.Ends) && x.Earliest.Equal(y.Earliest) && x.Latest.Equal(y.Latest) &&
			x.Fixed == y.Fixed && sameFact(x.Room, y.Room) && x.Has == y.Has && x.Needs == y.Needs &&
			slices.EqualFunc(x.Mediators, y.Mediators, sameFact) && slices.EqualFunc(x.Parties, y.Parties, sameFact)
	})
}

func sameFact(x, y Fact) bool {
	return x.Who == y.Who && x.Hours.From.Equal(y.Hours.From) && x.Hours.To.Equal(y.Hours.To) && x.Before.Equal(y.Before) && x.After.Equal(y.After) &&
		x.ThatDay == y.ThatDay && x.MostADay == y.MostADay && x.Buffer == y.Buffer
}

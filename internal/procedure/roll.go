package procedure

import (
	"slices"
	"strconv"
	"strings"
)

// Roll is who takes part in a case in one capacity: its parties, its mediators. A member is on the roll of one
// case only, known by nothing but its place there; there is no person behind it that another case shares.
type Roll struct {
	ID    string
	Most  int // at most so many at a time; 0 = any number
	Marks []Mark
	Law   Law
}

// Mark is one small finite thing that guards may read about each member: whether they agreed, whether they
// were told. Every mark may also be unset.
type Mark struct {
	ID     string
	Values []string
}

// Mark finds a mark of the roll.
func (r *Roll) Mark(id string) (*Mark, bool) {
	return find(r.Marks, id, func(m *Mark) string { return m.ID })
}

// Roll finds a roll.
func (d *Definition) Roll(id string) (*Roll, bool) {
	return find(d.Rolls, id, func(r *Roll) string { return r.ID })
}

// Joining puts whoever opened a case on a roll of it, where a condition holds.
type Joining struct {
	Roll  string
	When  Guard
	Marks []Setting
}

// Every sets marks of all members of a roll: a new draft is signed by nobody yet.
type Every struct {
	Roll  string
	Marks []Setting
}

// FieldLead is the answer that names the case with which this one goes.
const FieldLead = "lead"

// FieldMember is the answer that names the member an act is about.
const FieldMember = "member"

// rollMark cuts "party.consent" in two.
func rollMark(name string) (roll, mark string) {
	roll, mark, _ = strings.Cut(name, ".")
	return roll, mark
}

// Enters is what happens to a roll: who comes and with which marks, what changes for the one the act is about,
// and for all.
type Enters struct {
	Adds   string // roll that somebody new is put on
	About  string // roll of the member the act is about
	Leaves bool   // that member leaves it
	Marks  []Set  // of the new member, or of the one it is about
	Every  []RollSet
}

// RollSet is a mark of all members of a roll.
type RollSet struct{ Roll, Mark, Value string }

// enters settles what an act does to the rolls.
func (a *Act) enters(fields map[string]string) Enters {
	answer := func(s Setting) string { return fields[s.Field] }
	e := Enters{Adds: a.Adds, About: a.About, Leaves: a.Leaves, Marks: settle(a.Marks, answer)}
	for _, every := range a.Every {
		for _, s := range settle(every.Marks, answer) {
			e.Every = append(e.Every, RollSet{every.Roll, s.Fact, s.Value})
		}
	}
	return e
}

// tally is where a situation of the checker keeps the rolls: for each mark that matters, which values members
// have. Who has which other value beside is left out, and so is how many they are, so the search meets more
// than can happen and nothing that can happen is left out. Values that no guard tells apart are one: signed on
// paper or by a link is signed.
type tally struct {
	roll, mark int
	at         slot
	values     []string       // one of each kind
	kind       map[string]int // of every value
}

// layRolls makes room for the marks that some guard reads.
func (s *space) layRolls() {
	for i := range s.d.Rolls {
		for j, m := range s.d.Rolls[i].Marks {
			if sets, ok := s.read[s.d.Rolls[i].ID+"."+m.ID]; ok {
				t := tally{roll: i, mark: j, kind: map[string]int{}}
				t.sort(m.Values, sets)
				t.at = s.take(1 << len(t.values))
				s.tallies = append(s.tallies, t)
			}
		}
	}
	s.onRoll = map[string][]tally{}
	for _, t := range s.tallies {
		id := s.d.Rolls[t.roll].ID
		s.onRoll[id] = append(s.onRoll[id], t)
	}
}

// sort puts values that belong to the same sets together.
func (t *tally) sort(values []string, sets [][]string) {
	seen := map[string]int{}
	for _, v := range append([]string{""}, values...) {
		in := ""
		for _, set := range sets {
			in += strconv.FormatBool(slices.Contains(set, v)) + " "
		}
		k, ok := seen[in]
		if !ok {
			k = len(t.values)
			seen[in] = k
			t.values = append(t.values, v)
		}
		t.kind[v] = k
	}
}

// readMarks notes the marks that a guard reads, and the sets of values it tells from the others.
func (s *space) readMarks(about string, g Guard) {
	g.Walk(func(n *Node) {
		switch n.Op {
		case OpAll, OpSome:
			s.read[n.Name] = append(s.read[n.Name], n.List)
		case OpEq, OpNe, OpIn:
			for i, arg := range n.Args {
				if arg.Op == OpMember {
					name := about + "." + arg.Name
					s.read[name] = append(s.read[name], s.told(name, n, i)...)
				}
			}
		}
	})
}

// told lists the sets of values that a comparison with a member's mark tells apart: those it names, or each
// value where it compares with something that is no constant.
func (s *space) told(name string, n *Node, at int) [][]string {
	if n.Op == OpIn {
		return [][]string{n.List}
	}
	if other := n.Args[1-at]; other.Op == OpText {
		return [][]string{other.List}
	}
	var each [][]string
	roll, mark := rollMark(name)
	if r, ok := s.d.Roll(roll); ok {
		if m, ok := r.Mark(mark); ok {
			for _, v := range m.Values {
				each = append(each, []string{v})
			}
		}
	}
	return each
}

// marked adds the answers that give a mark which matters its value.
func (s *space) marked(a *Act, asks []string) []string {
	add := func(roll string, sets []Setting) {
		for _, set := range sets {
			if set.Field != "" && s.reads(roll, set.Fact) && !slices.Contains(asks, set.Field) {
				asks = append(asks, set.Field)
			}
		}
	}
	add(a.Adds, a.Marks)
	add(a.About, a.Marks)
	for _, e := range a.Every {
		add(e.Roll, e.Marks)
	}
	return asks
}

// tallied lists the tallies of a roll.
func (s *space) tallied(roll string) []tally { return s.onRoll[roll] }

// same gives a text that two answers share when every mark they set becomes the same to the checker.
func (s *space) same(a *Act, field, answer string) string {
	kind := ""
	sets := func(roll string, list []Setting) {
		for _, t := range s.tallied(roll) {
			for _, set := range list {
				if set.Field == field && set.Fact == s.d.Rolls[t.roll].Marks[t.mark].ID {
					kind += strconv.Itoa(t.index(answer)) + " "
				}
			}
		}
	}
	sets(a.Adds, a.Marks)
	sets(a.About, a.Marks)
	for _, e := range a.Every {
		sets(e.Roll, e.Marks)
	}
	return kind
}

func (t tally) has(c config) []string {
	var out []string
	for i, v := range t.values {
		if t.at.get(c)>>i&1 == 1 {
			out = append(out, v)
		}
	}
	return out
}

func (t tally) with(c config, value string) config {
	return t.at.set(c, t.at.get(c)|1<<t.index(value))
}

func (t tally) without(c config, value string) config {
	return t.at.set(c, t.at.get(c)&^(1<<t.index(value)))
}

func (t tally) only(c config, value string) config { return t.at.set(c, 1<<t.index(value)) }

func (t tally) index(value string) int { return t.kind[value] }

// reads reports a mark that some guard reads.
func (s *space) reads(roll, mark string) bool {
	_, ok := s.read[roll+"."+mark]
	return ok
}

// Marks of a situation are the values that somebody on the roll has.
func (v situation) Marks(roll, mark string) []string {
	for _, t := range v.s.tallied(roll) {
		if v.s.d.Rolls[t.roll].Marks[t.mark].ID == mark {
			return t.has(v.c)
		}
	}
	return nil
}

// Mark of a situation reads the member that members made up.
func (v situation) Mark(member, mark string) string {
	for _, part := range strings.Split(member, "|") {
		if id, value, ok := strings.Cut(part, "="); ok && id == mark {
			return value
		}
	}
	return ""
}

// About of a situation is never settled: the search tries everybody.
func (v situation) About() string { return "" }

// Full of a situation is known only of a roll with one place.
func (v situation) Full(roll string) bool {
	r, ok := v.s.d.Roll(roll)
	return ok && r.Most == 1 && v.s.manned(v.c, roll)
}

// manned reports a roll somebody is on, as far as the search can tell.
func (s *space) manned(c config, roll string) bool {
	for _, t := range s.tallied(roll) {
		return t.at.get(c) != 0
	}
	return true // nothing about this roll matters
}

// members makes up everybody an act may be about: one for each choice of values that somebody has. The name
// of one is its values.
func (s *space) members(c config, a *Act) []string {
	if a.About == "" {
		return []string{""}
	}
	if !s.manned(c, a.About) {
		return nil
	}
	all := []string{""}
	for _, t := range s.tallied(a.About) {
		mark := s.d.Rolls[t.roll].Marks[t.mark].ID
		if !a.Leaves && !a.touches(mark) {
			continue
		}
		var next []string
		for _, m := range all {
			for _, v := range t.has(c) {
				next = append(next, m+"|"+mark+"="+v)
			}
		}
		all = next
	}
	return all
}

// touches reports a mark of the member that the act sets or its guard reads.
func (a *Act) touches(mark string) bool {
	hit := slices.ContainsFunc(a.Marks, func(s Setting) bool { return s.Fact == mark })
	a.When.Walk(func(n *Node) { hit = hit || n.Op == OpMember && n.Name == mark })
	return hit
}

// enroll lists what an act may make of the rolls: others may have the value that a member gives up, or nobody.
func (s *space) enroll(c config, e Enters, member string) []config {
	all := []config{c}
	if e.Adds != "" {
		all = s.joins(all, e)
	}
	if e.About != "" {
		all = s.changes(all, e, member)
	}
	for _, every := range e.Every {
		for _, t := range s.tallied(every.Roll) {
			if s.d.Rolls[t.roll].Marks[t.mark].ID != every.Mark {
				continue
			}
			for i := range all {
				if t.at.get(all[i]) != 0 {
					all[i] = t.only(all[i], every.Value)
				}
			}
		}
	}
	return all
}

func valueOf(sets []Set, mark string) (string, bool) {
	for _, set := range sets {
		if set.Fact == mark {
			return set.Value, true
		}
	}
	return "", false
}

func (s *space) joins(all []config, e Enters) []config {
	for _, t := range s.tallied(e.Adds) {
		v, _ := valueOf(e.Marks, s.d.Rolls[t.roll].Marks[t.mark].ID)
		for i := range all {
			all[i] = t.with(all[i], v)
		}
	}
	return all
}

func (s *space) changes(all []config, e Enters, member string) []config {
	roll, _ := s.d.Roll(e.About)
	for _, t := range s.tallied(e.About) {
		mark := roll.Marks[t.mark].ID
		to, set := valueOf(e.Marks, mark)
		if !set && !e.Leaves {
			continue
		}
		was := situation{s: s}.Mark(member, mark)
		var next []config
		for _, x := range all {
			last := t.without(x, was)
			for _, y := range []config{last, x} { // nobody else has the value, or somebody has
				if y == x && roll.Most == 1 {
					continue
				}
				if !e.Leaves {
					y = t.with(y, to)
				}
				if !slices.Contains(next, y) {
					next = append(next, y)
				}
			}
		}
		all = next
	}
	if e.Leaves {
		all = slices.DeleteFunc(all, func(x config) bool { return !s.whole(x, e.About) })
	}
	return all
}

// enrolls reports an act that changes something about a roll that some guard reads.
func (s *space) enrolls(a *Act) bool {
	all := a.Adds != "" && len(s.tallied(a.Adds)) > 0 || a.Leaves && len(s.tallied(a.About)) > 0
	reads := func(roll string, sets []Setting) {
		for _, set := range sets {
			all = all || s.reads(roll, set.Fact)
		}
	}
	reads(a.About, a.Marks)
	for _, e := range a.Every {
		reads(e.Roll, e.Marks)
	}
	return all
}

// whole reports a roll whose tallies agree on whether there is anybody.
func (s *space) whole(c config, roll string) bool {
	some, none := false, false
	for _, t := range s.tallied(roll) {
		some, none = some || t.at.get(c) != 0, none || t.at.get(c) == 0
	}
	return !some || !none
}

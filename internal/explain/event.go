package explain

import (
	"maps"
	"slices"

	"comity/internal/casework"
	"comity/internal/procedure"
)

// Change is one thing an event changed beside the state, in words.
type Change struct {
	Kind     string // fact, joined, left, opened, recalled, ended, sealed, behalf, document, recounted
	Words    string
	Ref      casework.Ref // the other case it is about
	Document string       // the paper it is about
	Public   bool         // the resident reads it
}

// Title says what happened: the procedure's words, or the program's for what no act of a pack does. false
// for events that carry words of their own: notes, notices and files.
func (m Matter) Title(e casework.Event) (string, bool) {
	for _, key := range []string{"event." + m.D.ID + "." + e.Kind, "act." + m.D.ID + "." + e.Act} {
		if m.Say.Has(key) {
			return m.Say.T(key), true
		}
	}
	switch {
	case e.Alert != "":
		return m.Say.T("event.clock.at_risk", "clock", m.clock(e.Alert)), true
	case len(e.Recounted) > 0:
		return m.Say.T("event.clocks.recounted"), true
	case e.Kind == "clock.stuck":
		return m.Say.T("event.clock.stuck", "clock", m.clock(e.Expired)), true
	case e.Ended != nil:
		link, _ := m.child(e.Ended.Case)
		return m.Say.T("event.child.ended", "purpose", Purpose(m.Say, m.D.ID, link.Link)), true
	case e.Checked != nil, e.Published != nil:
		return m.Say.T("event." + e.Kind), true
	case e.Follow != nil:
		return m.Say.T("event."+e.Kind, "ref", string(e.Follow.Ref)), true
	}
	return e.Kind, false
}

// child finds a child of the case by its key.
func (m Matter) child(id casework.CaseID) (casework.Child, bool) {
	i := slices.IndexFunc(m.Case.Children, func(k casework.Child) bool { return k.Case == id })
	if i < 0 {
		return casework.Child{}, false
	}
	return m.Case.Children[i], true
}

// Changes lists what the event changed beside the state.
func (m Matter) Changes(e casework.Event) []Change {
	var out []Change
	say := func(kind string, public bool, key string, kv ...string) {
		out = append(out, Change{Kind: kind, Public: public, Words: m.Say.T(key, kv...)})
	}
	if e.Behalf {
		say("behalf", true, "told.behalf")
	}
	for _, id := range slices.Sorted(maps.Keys(e.Facts)) {
		if _, ok := m.D.Fact(id); !ok {
			continue
		}
		name, value := Fact(m.Say, m.D.ID, id, e.Facts[id])
		say("fact", false, "told.fact", "fact", name, "value", value)
	}
	for _, u := range e.Joined {
		say("joined", true, "told.joined", "unit", m.unit(string(u)))
	}
	for _, u := range e.Left {
		say("left", true, "told.left", "unit", m.unit(string(u)))
	}
	if e.Sealed != "" {
		say("sealed", true, "told.sealed", "unit", m.unit(string(e.Sealed)))
	}
	out = append(out, m.family(e)...)
	for _, id := range e.Documents {
		words := m.Say.T("told.document", "document", m.Say.T("document."+m.D.ID+"."+id))
		out = append(out, Change{Kind: "document", Words: words, Document: id, Public: m.told(e)})
	}
	for _, r := range e.Recounted {
		out = append(out, Change{Kind: "recounted", Words: m.recounted(e, r), Public: m.concerns(r.Clock)})
	}
	return out
}

// family tells which cases the event opened, recalled or heard of.
func (m Matter) family(e casework.Event) []Change {
	var out []Change
	for _, s := range e.Spawn {
		words := m.Say.T("told.opened", "purpose", Purpose(m.Say, m.D.ID, s.Link), "ref", string(s.Ref), "unit", m.unit(string(s.Unit)))
		out = append(out, Change{Kind: "opened", Words: words, Ref: s.Ref, Public: Theirs(m.D, s.Link)})
	}
	for _, id := range e.Recalled {
		if k, ok := m.child(id); ok {
			words := m.Say.T("told.recalled", "purpose", Purpose(m.Say, m.D.ID, k.Link), "ref", string(k.Ref))
			out = append(out, Change{Kind: "recalled", Words: words, Ref: k.Ref, Public: Theirs(m.D, k.Link)})
		}
	}
	if e.Ended == nil {
		return out
	}
	if k, ok := m.child(e.Ended.Case); ok {
		key, outcome := "told.ended", Outcome(m.Say, k.Procedure, e.Ended.Outcome)
		if outcome == "" {
			key = "told.ended.plain"
		}
		words := m.Say.T(key, "purpose", Purpose(m.Say, m.D.ID, k.Link), "ref", string(k.Ref), "outcome", outcome)
		out = append(out, Change{Kind: "ended", Words: words, Ref: k.Ref, Public: Theirs(m.D, k.Link)})
	}
	return out
}

// told reports an event whose act answers the resident or owes them a message: then its papers are theirs.
func (m Matter) told(e casework.Event) bool {
	a, ok := m.D.Act(e.Act)
	return ok && (a.Answers || a.Tells(m.D))
}

// concerns reports a clock whose date the resident is told: the promise, and those that bound what they
// may do.
func (m Matter) concerns(clock string) bool {
	if cl, ok := m.D.Clock(clock); ok && (cl.Promise || cl.Binds == "resident" || cl.TimeBar) {
		return true
	}
	return slices.ContainsFunc(m.D.Acts, func(a procedure.Act) bool {
		return a.While == clock && slices.Contains(a.By, procedure.ByResident)
	})
}

// ForResident reports an event of the program itself that the resident reads; acts, notes and files are
// for each surface to judge.
func (m Matter) ForResident(e casework.Event) bool {
	return e.Published != nil || slices.ContainsFunc(m.Changes(e), func(c Change) bool { return c.Public }) || (e.Kind == "clock.stuck" && m.concerns(e.Expired))
}

// Public keeps what the resident reads.
func Public(list []Change) []Change {
	return slices.DeleteFunc(list, func(c Change) bool { return !c.Public })
}

// recounted says the date of a clock before and after a new calendar.
func (m Matter) recounted(e casework.Event, r casework.Recounted) string {
	for _, k := range e.Clocks {
		switch {
		case k.ID != r.Clock:
		case r.Due.IsZero() || k.Due.IsZero():
			return m.Say.T("told.recounted.paused", "clock", m.clock(k.ID), "from", r.Calendar, "to", k.Calendar)
		default:
			return m.Say.T("told.recounted", "clock", m.clock(k.ID), "old", m.Say.Date(r.Due, m.Zone), "new", m.Say.Date(k.Due, m.Zone),
				"from", r.Calendar, "to", k.Calendar)
		}
	}
	return ""
}

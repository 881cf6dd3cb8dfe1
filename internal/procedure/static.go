package procedure

import (
	"slices"

	"comity/internal/form"
)

// static checks the properties that the declarations alone decide.
func (k *checker) static() {
	for i := range k.d.Acts {
		k.act(&k.d.Acts[i])
	}
	for i := range k.d.Clocks {
		k.clock(&k.d.Clocks[i])
	}
	for i := range k.d.Links {
		k.link(&k.d.Links[i])
	}
}

func (k *checker) act(a *Act) {
	for _, s := range a.From {
		if st, ok := k.d.State(s); ok && st.Final {
			k.say(Violation{Property: FinalStays, State: s, Act: a.ID})
		}
	}
	if a.Answers && !k.remedied(a) {
		k.say(Violation{Property: RemedyNamed, Act: a.ID, State: a.To})
	}
	if a.Has(Group) {
		k.leads(a)
	}
	if a.Extends != "" && !k.extends(a) {
		k.say(Violation{Property: ExtensionBound, Act: a.ID, Clock: a.Extends})
	}
	if a.Withdraw && !slices.Equal(a.By, []string{ByResident}) {
		k.say(Violation{Property: OwnWithdrawal, Act: a.ID})
	}
	rates := slices.ContainsFunc(a.Fields, func(f form.Field) bool { return f.Name == "rating" })
	if rates && (!slices.Equal(a.By, []string{ByResident}) || len(a.Behalf) > 0) {
		k.say(Violation{Property: OwnRating, Act: a.ID})
	}
}

// leads asks that whoever goes with another case hears of every answer given there, and of its end without one.
func (k *checker) leads(join *Act) {
	for i := range k.d.Acts {
		a := &k.d.Acts[i]
		if !a.Answers || slices.Contains(a.By, ByGroup) {
			continue
		}
		if exact, end := k.d.Hearing(join.To, a.ID); exact == nil && end == nil {
			k.say(Violation{Property: LeadHeard, State: join.To, Act: a.ID})
		}
	}
	if _, end := k.d.Hearing(join.To, HearsEnd); end == nil {
		k.say(Violation{Property: LeadHeard, State: join.To, Act: join.ID})
	}
}

// remedied reports an answer that tells how it can be challenged: a clock for that starts with it, or
// with the proof of its service, and the resident is told; or the law makes it the last word.
func (k *checker) remedied(a *Act) bool {
	if a.Remedy == RemedyNone {
		return !a.Law.None()
	}
	cl, ok := k.d.Clock(a.Remedy)
	if !ok || !k.told(a) {
		return false
	}
	starts := slices.Contains(cl.Start, a.Event) || slices.Contains(cl.In, a.To)
	for _, s := range k.d.Acts {
		starts = starts || s.Proof && slices.Contains(s.From, a.To) && (slices.Contains(cl.Start, s.Event) || slices.Contains(cl.In, s.To))
	}
	return starts
}

// told reports that the resident learns of the act; where it makes papers, one of them names the remedies.
func (k *checker) told(a *Act) bool {
	if len(a.Documents) > 0 {
		return slices.ContainsFunc(a.Documents, func(id string) bool { x, ok := k.d.Document(id); return ok && x.Remedies })
	}
	return a.Tells(k.d)
}

// Tells reports an act of which whoever opened the case gets a message, for themselves or as one of a roll.
func (a *Act) Tells(d *Definition) bool {
	return slices.ContainsFunc(a.Notices, func(n Notice) bool {
		return n.To == ByResident || n.To == d.Joins.Roll && n.To != ""
	})
}

func (k *checker) extends(a *Act) bool {
	cl, ok := k.d.Clock(a.Extends)
	reason := slices.ContainsFunc(a.Fields, func(f form.Field) bool { return f.Name == "reason" && f.Required && f.Public })
	return ok && a.While == a.Extends && cl.Extend.Max > 0 && cl.Extend.Times > 0 && reason && a.Tells(k.d) && !slices.Contains(a.By, ByResident)
}

func (k *checker) clock(cl *Clock) {
	if len(cl.Pause) > 0 && cl.PauseLaw.None() {
		k.say(Violation{Property: PauseLawful, Clock: cl.ID, State: cl.Pause[0]})
	}
	if !cl.TimeBar {
		return
	}
	if slices.Contains(cl.Start, k.d.Opening) || slices.Contains(cl.In, k.d.Start) {
		k.say(Violation{Property: ServiceFirst, Clock: cl.ID, State: k.d.Start})
	}
	for _, a := range k.d.Acts {
		begins := slices.Contains(cl.Start, a.Event) || slices.Contains(cl.In, a.To)
		if begins && !a.Proof {
			k.say(Violation{Property: ServiceFirst, Clock: cl.ID, Act: a.ID, State: a.To})
		}
	}
}

func (k *checker) link(l *Link) {
	if !l.Review {
		return
	}
	answered := true
	for _, a := range k.d.Acts {
		if a.Answers && a.ByPeople() && !slices.Contains(a.By, ByResident) {
			answered = answered && slices.Contains(l.NotBy, a.ID)
		}
	}
	if l.Unit != UnitSuperior || len(l.NotBy) == 0 || !answered {
		k.say(Violation{Property: OtherReviews, Link: l.ID})
	}
}

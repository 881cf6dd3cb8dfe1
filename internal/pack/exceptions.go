package pack

import (
	"slices"

	"comity/internal/procedure"
)

// exceptions reads what departs from the everyday rules of reading: what is put under seal, and who may look
// in an emergency.
func (b *builder) exceptions() {
	s, g := b.f.UnderSeal, b.f.BreakGlass
	b.d.Sealing = procedure.Sealing{When: s.When, Hours: s.Hours, Law: b.law(s.Law)}
	b.d.BreakGlass = procedure.BreakGlass{Minutes: g.Minutes, Tell: g.Tell, Review: g.Review, Law: b.law(g.Law)}
	if b.kept {
		return
	}
	switch {
	case s.When == "" && s.Hours == 0 && s.Law.ID == "":
	case !slices.Contains(procedure.Sealings, s.When):
		b.bad.on(s.Mark.of("when"), "under_seal: when %q is not one of %v", s.When, procedure.Sealings)
	case s.Hours <= 0 || s.Law.ID == "":
		b.bad.on(s.Mark, "under_seal: say for how many hours an order may open a case, and which law seals it")
	}
	switch {
	case g.Minutes == 0 && g.Tell == 0 && g.Review == 0 && g.Law.ID == "":
	case b.d.Compartment == procedure.Youth || s.When == procedure.AtClosure:
		b.bad.on(g.Mark, "break_glass: nobody breaks into cases of young people, or of a procedure whose cases end under seal; take it out")
	case g.Minutes <= 0 || g.Tell <= 0 || g.Review <= 0 || g.Law.ID == "":
		b.bad.on(g.Mark, "break_glass: say minutes, tell_hours, review_days and the law that allows it")
	}
}

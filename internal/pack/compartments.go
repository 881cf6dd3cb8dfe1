package pack

import (
	"cmp"
	"slices"

	"comity/internal/procedure"
)

// compartment reads where the cases of a procedure lie, what lists call them, and on which ground they
// are opened.
func (b *builder) compartment() {
	f, d := b.f, b.d
	d.Compartment = cmp.Or(f.Compartment, procedure.Civic)
	if !slices.Contains(procedure.AllCompartments, d.Compartment) {
		b.bad.on(f.Mark.of("compartment"), "compartment %q is not one of %v", f.Compartment, procedure.AllCompartments)
	}
	d.Heading = cmp.Or(f.Heading, procedure.HeadingCategory)
	if !slices.Contains(procedure.Headings, d.Heading) {
		b.bad.on(f.Mark.of("heading"), "heading %q is not one of %v", f.Heading, procedure.Headings)
	}
	if d.Heading == procedure.HeadingTitle && d.Compartment != procedure.Civic {
		b.bad.on(f.Mark.of("heading"), "heading: title is for civic matters; a case of compartment %q is listed by its category", d.Compartment)
	}
	y := f.Opening.Basis
	d.Basis = procedure.Basis{Ground: y.Ground, Law: b.law(y.Law)}
	if y.Ground != "" && !slices.Contains(procedure.Grounds, y.Ground) {
		b.bad.on(y.Mark.of("ground"), "basis: ground %q is not one of %v", y.Ground, procedure.Grounds)
	}
}

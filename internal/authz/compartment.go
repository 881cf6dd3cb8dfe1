package authz

import "cmp"

// Compartment is where the actor's session is bound to; civic where nothing else was said.
func (a Actor) Compartment() string { return cmp.Or(a.compartment, "civic") }

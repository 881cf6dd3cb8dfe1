package vault

// Pseudonym is what stands for who has this number, where the compartment is known only while the program
// runs: the same as SubjectOf gives for the ring's own. ok is false for a value without letter or digit,
// which would stand for everybody who gave none.
func (r *Ring) Pseudonym(kind, value string) (token string, ok bool) {
	value = bare(value)
	return r.Index("subject "+kind, value), value != ""
}

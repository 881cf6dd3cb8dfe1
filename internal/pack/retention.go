package pack

import "comity/internal/procedure"

// retention is how long cases are kept once they have ended.
func (b *builder) retention(y retentionYAML) procedure.Retention {
	if y.Then != "" && y.Then != procedure.ThenArchive {
		b.bad.on(y.Mark.of("then"), "then %q: before the content of a case is erased it can be handed to the archive (then: archive), or nothing is done (leave it out)", y.Then)
	}
	if y.Then != "" && y.Years <= 0 {
		b.bad.on(y.Mark.of("then"), "then: %s needs years: without them the content is never erased", y.Then)
	}
	return procedure.Retention{Class: y.Class, Years: y.Years, Law: b.law(y.Law), Then: y.Then}
}

package ledger

import (
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/procedure"
)

// ShortLists reads as in a city where lists of so many cases are short, see shortLists.
func (r *Reader) ShortLists(few, rare int64) *Reader {
	other := *r
	other.short = shortLists{few, rare}
	return &other
}

// DrawAhead has the door draw its next numbers, so that a test that breaks commits breaks those of cases only.
func (l *Ledger) DrawAhead(d *procedure.Definition) error {
	if l.db.Engine() == db.SQLite {
		return nil
	}
	return l.refs.block(refSeries(d.Prefix, dbtest.Start.In(d.Calendar.Zone).Year()))
}

// OlderLeaf is how an event was named in the log before names began with the day.
func (r *Reader) OlderLeaf(id casework.CaseID, seq int) string { return r.eventName(id, seq) }

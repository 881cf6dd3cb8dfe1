package ledger

import (
	"context"
	"time"

	"comity/internal/db"
	"comity/internal/org"
)

const glassColumns = `id, n, at, actor, unit, until, reason, words, tell_at, tell_by, told_at, delay_until, delay_law, delay_by, review_by, reviewed_at, reviewer, verdict, verdict_words`

func putGlass(ctx context.Context, tx *db.Tx, g Glass) error {
	return tx.Send(ctx, `INSERT INTO glass (`+glassColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, '', '', ?11, 0, '', '', '')`,
		g.ID, g.n, db.Micros(g.At), g.Actor, string(g.Unit), db.Micros(g.Until), g.Reason, g.words, db.Micros(g.TellAt), db.Micros(g.TellBy), db.Micros(g.ReviewBy))
}

func saveGlass(ctx context.Context, tx *db.Tx, g Glass) error {
	return tx.Send(ctx, `UPDATE glass SET tell_at = ?1, told_at = ?2, delay_until = ?3, delay_law = ?4, delay_by = ?5, reviewed_at = ?6, reviewer = ?7, verdict = ?8, verdict_words = ?9 WHERE id = ?10`,
		db.Micros(g.TellAt), stamp(g.Told), stamp(g.DelayUntil), g.DelayLaw, g.DelayBy, stamp(g.Reviewed), g.Reviewer, g.Verdict, g.verdW, g.ID)
}

// stamp is an instant that may not have come: 0 is none.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return db.Micros(t)
}

func unstamp(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return db.FromMicros(us)
}

func scanGlass(row db.Scanner) (g Glass, err error) {
	var at, until, tellAt, tellBy, told, delay, review, reviewed int64
	err = row.Scan(&g.ID, &g.n, &at, &g.Actor, &g.Unit, &until, &g.Reason, &g.words, &tellAt, &tellBy, &told, &delay, &g.DelayLaw, &g.DelayBy,
		&review, &reviewed, &g.Reviewer, &g.Verdict, &g.verdW)
	g.At, g.Until, g.TellAt, g.TellBy = db.FromMicros(at), db.FromMicros(until), db.FromMicros(tellAt), db.FromMicros(tellBy)
	g.Told, g.DelayUntil, g.ReviewBy, g.Reviewed = unstamp(told), unstamp(delay), db.FromMicros(review), unstamp(reviewed)
	return g, err
}

func findGlass(ctx context.Context, tx *db.Tx, id string) (Glass, error) {
	return db.One(ctx, tx, `SELECT `+glassColumns+` FROM glass WHERE id = ?1`, []any{id}, scanGlass)
}

func glassOf(ctx context.Context, tx *db.Tx, actor string, limit int) ([]Glass, error) {
	return db.All(ctx, tx, `SELECT `+glassColumns+` FROM glass WHERE actor = ?1 ORDER BY at DESC LIMIT ?2`, []any{actor, int64(limit)}, scanGlass)
}

func glassIn(ctx context.Context, tx *db.Tx, unit org.UnitID, limit int) ([]Glass, error) {
	return db.All(ctx, tx, `SELECT `+glassColumns+` FROM glass WHERE unit = ?1 ORDER BY at DESC LIMIT ?2`, []any{string(unit), int64(limit)}, scanGlass)
}

func glassUntold(ctx context.Context, tx *db.Tx) ([]Glass, error) {
	return db.All(ctx, tx, `SELECT `+glassColumns+` FROM glass WHERE told_at = 0 AND tell_at <= ?1 ORDER BY tell_at LIMIT 100`, []any{db.Micros(tx.Now)}, scanGlass)
}

package courier

import (
	"context"

	"comity/internal/db"
)

// waitingIn is the condition of letters that wait to be printed.
func waitingIn(reach []Reach) (where string, args []any) {
	where, args = Filter{Reach: reach, States: []State{Created}, Channels: []string{Letters}}.where()
	return where + " AND batch = 0", args
}

func waitingLetters(ctx context.Context, tx *db.Tx, reach []Reach, limit int) ([]Delivery, error) {
	where, args := waitingIn(reach)
	args = append(args, int64(limit))
	return db.All(ctx, tx, `SELECT `+deliveryColumns+` FROM deliveries WHERE `+where+` ORDER BY id LIMIT `+mark(args), args, scanDelivery)
}

func countWaitingLetters(ctx context.Context, tx *db.Tx, reach []Reach) (int, error) {
	where, args := waitingIn(reach)
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM deliveries WHERE `+where, args, db.ScanID)
	return int(n), err
}

func lettersOf(ctx context.Context, tx *db.Tx, reach []Reach, batch int64) ([]Delivery, error) {
	where, args := Filter{Reach: reach, Batch: batch}.where()
	return db.All(ctx, tx, `SELECT `+deliveryColumns+` FROM deliveries WHERE `+where+` ORDER BY id`, args, scanDelivery)
}

func putBatch(ctx context.Context, tx *db.Tx, actor string) (int64, error) {
	return db.One(ctx, tx, `INSERT INTO letter_batches (actor, at) VALUES (?1, ?2) RETURNING id`, []any{actor, db.Micros(tx.Now)}, db.ScanID)
}

func listBatches(ctx context.Context, tx *db.Tx, reach []Reach, limit int) ([]Batch, error) {
	where, args := Filter{Reach: reach}.where()
	args = append(args, int64(limit))
	return db.All(ctx, tx, `SELECT b.id, b.actor, b.at, d.waiting, d.n FROM letter_batches b
 JOIN (SELECT batch, COUNT(*) AS n, SUM(CASE WHEN state = 'created' THEN 1 ELSE 0 END) AS waiting FROM deliveries WHERE batch > 0 AND `+where+` GROUP BY batch) d ON d.batch = b.id
 ORDER BY b.id DESC LIMIT `+mark(args), args, func(row db.Scanner) (b Batch, err error) {
		var at int64
		err = row.Scan(&b.ID, &b.Actor, &at, &b.Waiting, &b.All)
		b.At = db.FromMicros(at)
		return b, err
	})
}

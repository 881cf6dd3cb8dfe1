package ledger

import (
	"context"
	"strings"
	"time"

	"comity/internal/db"
	"comity/internal/vault"
)

// orderRow is an order as it is stored.
type orderRow struct {
	id         string
	n          int64
	at         time.Time
	requester  string
	own        vault.Wrapped
	asked      string
	hours      int
	until      time.Time
	state      string
	custodians [2]string
	shares     [2]string
	checks     [2]string
	given      [2]string
	wrapped    vault.Wrapped
}

const orderColumns = `id, n, at, requester, own_key, asked, hours, until, state, custodian_a, share_a, check_a, given_a, custodian_b, share_b, check_b, given_b, wrapped`

func putOrder(ctx context.Context, tx *db.Tx, o orderRow) error {
	return tx.Send(ctx, `INSERT INTO seal_orders (`+orderColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, '', ?13, ?14, ?15, '', '')`,
		o.id, o.n, db.Micros(o.at), o.requester, string(o.own), o.asked, int64(o.hours), db.Micros(o.until), o.state,
		o.custodians[0], o.shares[0], o.checks[0], o.custodians[1], o.shares[1], o.checks[1])
}

func saveOrder(ctx context.Context, tx *db.Tx, o orderRow) error {
	return tx.Send(ctx, `UPDATE seal_orders SET until = ?1, state = ?2, given_a = ?3, given_b = ?4, wrapped = ?5 WHERE id = ?6`,
		db.Micros(o.until), o.state, o.given[0], o.given[1], string(o.wrapped), o.id)
}

func scanOrder(row db.Scanner) (o orderRow, err error) {
	var at, hours, until int64
	err = row.Scan(&o.id, &o.n, &at, &o.requester, &o.own, &o.asked, &hours, &until, &o.state,
		&o.custodians[0], &o.shares[0], &o.checks[0], &o.given[0], &o.custodians[1], &o.shares[1], &o.checks[1], &o.given[1], &o.wrapped)
	o.at, o.hours, o.until = db.FromMicros(at), int(hours), db.FromMicros(until)
	return o, err
}

func findOrder(ctx context.Context, tx *db.Tx, id string) (orderRow, error) {
	return db.One(ctx, tx, `SELECT `+orderColumns+` FROM seal_orders WHERE id = ?1`, []any{id}, scanOrder)
}

func ordersOf(ctx context.Context, tx *db.Tx, account string, limit int) ([]orderRow, error) {
	return db.All(ctx, tx, `SELECT `+orderColumns+` FROM seal_orders WHERE requester = ?1 OR custodian_a = ?1 OR custodian_b = ?1 ORDER BY at DESC, id LIMIT ?2`,
		[]any{account, int64(limit)}, scanOrder)
}

// ordersOver lists those that are asked or open although their time is over.
func ordersOver(ctx context.Context, tx *db.Tx) ([]orderRow, error) {
	return db.All(ctx, tx, `SELECT `+orderColumns+` FROM seal_orders WHERE state IN ('asked', 'open') AND until <= ?1 ORDER BY until LIMIT 100`,
		[]any{db.Micros(tx.Now)}, scanOrder)
}

// subjectOf is the number of the case an order or emergency is about.
func subjectOf(ctx context.Context, tx *db.Tx, id string) (int64, error) {
	table := "seal_orders"
	if strings.HasPrefix(id, glassMark) {
		table = "glass"
	}
	return db.One(ctx, tx, `SELECT n FROM `+table+` WHERE id = ?1 AND n > 0`, []any{id}, scanInt)
}

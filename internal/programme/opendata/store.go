package opendata

import (
	"context"
	"encoding/json"
	"fmt"

	"comity/internal/db"
)

// putMonth stores a month unless it is there.
func putMonth(ctx context.Context, tx *db.Tx, m Month) error {
	doc, err := json.Marshal(m.Rows)
	if err != nil {
		return err
	}
	err = tx.Send(ctx, `INSERT INTO open_data (month, at, least, doc) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (month) DO NOTHING`,
		m.Month, db.Micros(tx.Now), int64(m.Least), string(doc))
	return err
}

// publishedMonths are the names of the months that are there, oldest first.
func publishedMonths(ctx context.Context, tx *db.Tx) ([]string, error) {
	return db.All(ctx, tx, `SELECT month FROM open_data ORDER BY month`, nil, func(row db.Scanner) (s string, err error) { return s, row.Scan(&s) })
}

func loadMonth(ctx context.Context, tx *db.Tx, month string) (Month, error) {
	return db.One(ctx, tx, `SELECT month, at, least, doc FROM open_data WHERE month = ?1`, []any{month}, func(row db.Scanner) (m Month, err error) {
		var at, least int64
		var doc string
		if err = row.Scan(&m.Month, &at, &least, &doc); err != nil {
			return m, err
		}
		m.At, m.Least = db.FromMicros(at), int(least)
		if err = json.Unmarshal([]byte(doc), &m.Rows); err != nil {
			err = fmt.Errorf("opendata: month %s as stored does not read: %w", m.Month, err)
		}
		return m, err
	})
}

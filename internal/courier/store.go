package courier

import (
	"context"

	"comity/internal/casework"
	"comity/internal/db"
)

func putMessage(ctx context.Context, tx *db.Tx, m Message) error {
	return tx.Send(ctx, `INSERT INTO messages (msg_key, case_id, case_ref, template, recipient, unit, channel, address, lang, body, at)
 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`,
		m.Key, string(m.Case), string(m.Ref), m.Template, m.Recipient, m.Unit, m.Channel, m.Address, m.Lang, m.Body, db.Micros(tx.Now))
}

// Messages lists the newest messages to residents and units, newest first, sealed as they are stored.
func Messages(ctx context.Context, d *db.DB, limit int) (out []Message, err error) {
	err = d.View(ctx, func(tx *db.Tx) error {
		out, err = db.All(ctx, tx, `SELECT `+messageColumns+` FROM messages ORDER BY id DESC LIMIT ?1`, []any{int64(limit)}, scanMessage)
		return err
	})
	return out, err
}

func removeMessages(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	return tx.Send(ctx, `DELETE FROM messages WHERE case_id = ?1`, string(id))
}

const messageColumns = `msg_key, case_id, case_ref, template, recipient, unit, channel, address, lang, body, at`

func scanMessage(row db.Scanner) (m Message, err error) {
	var at int64
	err = row.Scan(&m.Key, &m.Case, &m.Ref, &m.Template, &m.Recipient, &m.Unit, &m.Channel, &m.Address, &m.Lang, &m.Body, &at)
	m.At = db.FromMicros(at)
	return m, err
}

func loadMessage(ctx context.Context, tx *db.Tx, key string) (Message, error) {
	return db.One(ctx, tx, `SELECT `+messageColumns+` FROM messages WHERE msg_key = ?1`, []any{key}, scanMessage)
}

func messagesOf(ctx context.Context, tx *db.Tx, id casework.CaseID) ([]Message, error) {
	return db.All(ctx, tx, `SELECT `+messageColumns+` FROM messages WHERE case_id = ?1 ORDER BY id`, []any{string(id)}, scanMessage)
}

// intoMessages is where messages of copies go.
var intoMessages = db.Into{Table: "messages", Columns: messageColumns, Kinds: "tttttttttti"}

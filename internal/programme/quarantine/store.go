package quarantine

import (
	"context"
	"strconv"
	"time"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
)

// held is a file that waits.
type held struct {
	ID        int64
	Case      casework.CaseID
	Ref       casework.Ref
	Place     string
	Sealed    bool
	SHA256    string
	Kind      string
	Size      int64
	Why       string
	Tries     int
	At, Since time.Time // held, and last looked at; Since is zero where it was not
}

const heldColumns = `id, case_id, case_ref, place, sealed, sha256, kind, size, why, tries, held_at, looked_at`

func scanHeld(row db.Scanner) (h held, err error) {
	var sealed, at, looked int64
	err = row.Scan(&h.ID, &h.Case, &h.Ref, &h.Place, &sealed, &h.SHA256, &h.Kind, &h.Size, &h.Why, &h.Tries, &at, &looked)
	h.Sealed, h.At = sealed == 1, db.FromMicros(at)
	if looked != 0 {
		h.Since = db.FromMicros(looked)
	}
	return h, err
}

func putHeld(ctx context.Context, tx *db.Tx, c casework.Case, f casework.File, place string) error {
	sealed := int64(0)
	if c.Sealed != "" {
		sealed = 1
	}
	return tx.Send(ctx, `INSERT INTO held_files (case_id, case_ref, place, programme, sealed, sha256, kind, size, why, tries, held_at, looked_at)
 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, 0) ON CONFLICT (case_id, sha256) DO NOTHING`,
		string(c.ID), string(c.Ref), place, c.Programme, sealed, f.SHA256, f.Kind, f.Size, f.Held, db.Micros(tx.Now))
}

func moveHeld(ctx context.Context, tx *db.Tx, id casework.CaseID, place string, sealed bool) error {
	flag := int64(0)
	if sealed {
		flag = 1
	}
	return tx.Send(ctx, `UPDATE held_files SET place = ?2, sealed = ?3 WHERE case_id = ?1`, string(id), place, flag)
}

func removeHeld(ctx context.Context, tx *db.Tx, id casework.CaseID, sha256 string) error {
	return tx.Send(ctx, `DELETE FROM held_files WHERE case_id = ?1 AND sha256 = ?2`, string(id), sha256)
}

func removeCase(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	return tx.Send(ctx, `DELETE FROM held_files WHERE case_id = ?1`, string(id))
}

func noteLook(ctx context.Context, tx *db.Tx, id int64, why string) error {
	return tx.Send(ctx, `UPDATE held_files SET why = ?2, tries = tries + 1, looked_at = ?3 WHERE id = ?1`, id, why, db.Micros(tx.Now))
}

func heldByName(ctx context.Context, tx *db.Tx, id casework.CaseID, sha256 string) (held, error) {
	return db.One(ctx, tx, `SELECT `+heldColumns+` FROM held_files WHERE case_id = ?1 AND sha256 = ?2`, []any{string(id), sha256}, scanHeld)
}

// reached is the condition of a list: its reach is a part of it, so that no page can leave it out.
func reached(in []courier.Reach) (where string, args []any) {
	where = courier.Within(in, func(v any) string {
		args = append(args, v)
		return "?" + strconv.Itoa(len(args))
	})
	return where, args
}

func listHeld(ctx context.Context, tx *db.Tx, in []courier.Reach, after int64, limit int) ([]held, error) {
	where, args := reached(in)
	args = append(args, after, int64(limit))
	n := len(args)
	return db.All(ctx, tx, `SELECT `+heldColumns+` FROM held_files WHERE `+where+` AND id > ?`+strconv.Itoa(n-1)+` ORDER BY id LIMIT ?`+strconv.Itoa(n), args, scanHeld)
}

func findHeld(ctx context.Context, tx *db.Tx, in []courier.Reach, id int64) (held, error) {
	where, args := reached(in)
	args = append(args, id)
	return db.One(ctx, tx, `SELECT `+heldColumns+` FROM held_files WHERE `+where+` AND id = ?`+strconv.Itoa(len(args)), args, scanHeld)
}

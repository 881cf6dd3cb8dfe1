package account

import (
	"context"
	"encoding/json"
	"errors"

	"comity/internal/authz"
	"comity/internal/db"
)

func byLogin(ctx context.Context, tx *db.Tx, login string) (Account, error) {
	return one(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE login = ?1`, login)
}

func byID(ctx context.Context, tx *db.Tx, id string) (Account, error) {
	return one(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE id = ?1`, id)
}

func putAccount(ctx context.Context, tx *db.Tx, a Account, sealed string) error {
	names, err := json.Marshal(a.Name)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO accounts (id, login, names, lang, password, disabled, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
		a.ID, a.Login, string(names), a.Lang, sealed, a.Disabled, db.Micros(tx.Now))
	if err != nil {
		return err
	}
	return insertGrants(ctx, tx, a.ID, a.Grants)
}

func replaceGrants(ctx context.Context, tx *db.Tx, id string, grants []authz.Grant) error {
	if _, err := tx.Exec(ctx, `DELETE FROM account_grants WHERE account_id = ?1`, id); err != nil {
		return err
	}
	return insertGrants(ctx, tx, id, grants)
}

func countAccounts(ctx context.Context, tx *db.Tx) (int64, error) {
	return db.One(ctx, tx, `SELECT COUNT(*) FROM accounts`, nil, scanCount)
}

// countAdmins counts the people who keep accounts and can still come in.
func countAdmins(ctx context.Context, tx *db.Tx) (int64, error) {
	return db.One(ctx, tx, `SELECT COUNT(DISTINCT g.account_id) FROM account_grants g JOIN accounts a ON a.id = g.account_id WHERE g.role = ?1 AND a.disabled = 0`,
		[]any{string(authz.Admin)}, scanCount)
}

func shutAccount(ctx context.Context, tx *db.Tx, id string, shut bool) error {
	if _, err := tx.Exec(ctx, `UPDATE accounts SET disabled = ?2 WHERE id = ?1`, id, shut); err != nil {
		return err
	}
	return endSessions(ctx, tx, id)
}

// clearPassword leaves nothing that fits, ends the sessions and takes back older links.
func clearPassword(ctx context.Context, tx *db.Tx, id string) error {
	if _, err := tx.Exec(ctx, `UPDATE accounts SET password = ?2 WHERE id = ?1`, id, noPassword); err != nil {
		return err
	}
	return endSessions(ctx, tx, id)
}

func endSessions(ctx context.Context, tx *db.Tx, id string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM account_seats WHERE account_id = ?1`, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM account_sessions WHERE account_id = ?1`, id)
	return err
}

func accountsAfter(ctx context.Context, tx *db.Tx, after string, most int) ([]Account, error) {
	list, err := db.All(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE login > ?1 ORDER BY login LIMIT ?2`, []any{after, most}, scanAccount)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list, grantsInto(ctx, tx, list)
}

func putWaiting(ctx context.Context, tx *db.Tx, w Waiting) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_waiting (id, account_id, by_id, grants, at, ended_at, ended_by) VALUES (?1, ?2, ?3, ?4, ?5, 0, '')`,
		w.ID, w.Account, w.By, spellGrants(w.Grants), db.Micros(tx.Now))
	return err
}

// dropWaiting ends what the same administrator asked for before: the last word counts.
func dropWaiting(ctx context.Context, tx *db.Tx, account, by string) error {
	_, err := tx.Exec(ctx, `UPDATE account_waiting SET ended_at = ?3, ended_by = ?2 WHERE account_id = ?1 AND by_id = ?2 AND ended_at = 0`, account, by, db.Micros(tx.Now))
	return err
}

func endWaiting(ctx context.Context, tx *db.Tx, id, by string) error {
	_, err := tx.Exec(ctx, `UPDATE account_waiting SET ended_at = ?3, ended_by = ?2 WHERE id = ?1`, id, by, db.Micros(tx.Now))
	return err
}

func getWaiting(ctx context.Context, tx *db.Tx, id string) (Waiting, error) {
	w, err := db.One(ctx, tx, `SELECT id, account_id, by_id, grants, at FROM account_waiting WHERE id = ?1 AND ended_at = 0`, []any{id}, scanWaiting)
	if errors.Is(err, db.ErrNoRows) {
		return Waiting{}, ErrUnknown
	}
	return w, err
}

func allWaiting(ctx context.Context, tx *db.Tx) ([]Waiting, error) {
	return db.All(ctx, tx, `SELECT id, account_id, by_id, grants, at FROM account_waiting WHERE ended_at = 0 ORDER BY at, id LIMIT 200`, nil, scanWaiting)
}

func scanWaiting(r db.Scanner) (w Waiting, err error) {
	var grants string
	var at int64
	if err = r.Scan(&w.ID, &w.Account, &w.By, &grants, &at); err != nil {
		return w, err
	}
	w.At = db.FromMicros(at)
	w.Grants, err = readGrants(grants)
	return w, err
}

func putInviteRow(ctx context.Context, tx *db.Tx, hash, account string, ends int64) error {
	if _, err := tx.Exec(ctx, `DELETE FROM account_invites WHERE account_id = ?1 OR ends_at <= ?2`, account, db.Micros(tx.Now)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO account_invites (hash, account_id, made_at, ends_at) VALUES (?1, ?2, ?3, ?4)`, hash, account, db.Micros(tx.Now), ends)
	return err
}

// invited is whom an unspent link is for.
func invited(ctx context.Context, tx *db.Tx, hash string) (account string, err error) {
	account, err = db.One(ctx, tx, `SELECT account_id FROM account_invites WHERE hash = ?1 AND ends_at > ?2`, []any{hash, db.Micros(tx.Now)},
		func(r db.Scanner) (id string, err error) { return id, r.Scan(&id) })
	if errors.Is(err, db.ErrNoRows) {
		return "", ErrNoInvite
	}
	return account, err
}

func dropInvite(ctx context.Context, tx *db.Tx, hash string) error {
	_, err := tx.Exec(ctx, `DELETE FROM account_invites WHERE hash = ?1`, hash)
	return err
}

func setPassword(ctx context.Context, tx *db.Tx, id, sealed string) error {
	_, err := tx.Exec(ctx, `UPDATE accounts SET password = ?2 WHERE id = ?1`, id, sealed)
	return err
}

package account

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

// grantDoc is a grant as it is stored in a document. Fields may be added, never renamed.
type grantDoc struct {
	Role       string   `json:"role"`
	Unit       string   `json:"unit"`
	Programmes []string `json:"programmes,omitempty"`
}

func spellGrants(grants []authz.Grant) string {
	docs := make([]grantDoc, len(grants))
	for i, g := range grants {
		docs[i] = grantDoc{string(g.Role), string(g.Unit), g.Programmes}
	}
	return spell(docs)
}

func readGrants(s string) ([]authz.Grant, error) {
	var docs []grantDoc
	if err := json.Unmarshal([]byte(s), &docs); err != nil {
		return nil, err
	}
	out := make([]authz.Grant, len(docs))
	for i, d := range docs {
		out[i] = authz.Grant{Role: authz.Role(d.Role), Unit: org.UnitID(d.Unit), Programmes: d.Programmes}
	}
	return out, nil
}

// spell writes a document of strings and lists, which always encode.
func spell(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("account: a document of strings does not encode: " + err.Error())
	}
	return string(raw)
}

// newID is a key that nobody guesses and that fits into an address.
func newID() string { return strings.ToLower(fingerprint(newSecret())[:15]) }

func putDelegation(ctx context.Context, tx *db.Tx, d Delegation) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_delegations (id, account_id, deputy_id, chosen, starts_at, ends_at, reason, made_by, made_at, revoked_by, revoked_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '', 0)`,
		d.ID, d.For, d.Deputy, spellGrants(d.Chosen), db.Micros(d.Starts), db.Micros(d.Ends), d.Reason, d.MadeBy, db.Micros(tx.Now))
	return err
}

func revokeDelegation(ctx context.Context, tx *db.Tx, id, by string) error {
	_, err := tx.Exec(ctx, `UPDATE account_delegations SET revoked_by = ?2, revoked_at = ?3 WHERE id = ?1`, id, by, db.Micros(tx.Now))
	return err
}

func getDelegation(ctx context.Context, tx *db.Tx, id string) (Delegation, error) {
	d, err := db.One(ctx, tx, `SELECT id, account_id, deputy_id, chosen, starts_at, ends_at, reason, made_by, made_at, revoked_by, revoked_at
		FROM account_delegations WHERE id = ?1`, []any{id}, scanDelegation)
	if errors.Is(err, db.ErrNoRows) {
		return Delegation{}, ErrUnknown
	}
	return d, err
}

func delegationsOf(ctx context.Context, tx *db.Tx, account string) ([]Delegation, error) {
	return db.All(ctx, tx, `SELECT id, account_id, deputy_id, chosen, starts_at, ends_at, reason, made_by, made_at, revoked_by, revoked_at
		FROM account_delegations WHERE account_id = ?1 OR deputy_id = ?1 ORDER BY made_at DESC, id`, []any{account}, scanDelegation)
}

func scanDelegation(r db.Scanner) (d Delegation, err error) {
	var chosen string
	var starts, ends, made, revoked int64
	if err = r.Scan(&d.ID, &d.For, &d.Deputy, &chosen, &starts, &ends, &d.Reason, &d.MadeBy, &made, &d.RevokedBy, &revoked); err != nil {
		return d, err
	}
	d.Starts, d.Ends, d.Made, d.Revoked = db.FromMicros(starts), db.FromMicros(ends), db.FromMicros(made), since(revoked)
	d.Chosen, err = readGrants(chosen)
	return d, err
}

// since reads an instant that may not have come; 0 is none.
func since(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return db.FromMicros(micros)
}

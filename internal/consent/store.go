package consent

import (
	"context"
	"encoding/json"
	"fmt"

	"comity/internal/casework"
	"comity/internal/db"
)

func putRow(ctx context.Context, tx *db.Tx, row change, doc string, hash []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO consent_changes (consent, seq, case_id, status, at, doc, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
		row.Consent.ID, int64(row.Consent.Seq), string(row.Consent.Case), string(row.Consent.Status), db.Micros(row.At), doc, hash)
	return err
}

func lastRow(ctx context.Context, tx *db.Tx, id string) (row change, hash []byte, err error) {
	row, err = db.One(ctx, tx, `SELECT doc, hash FROM consent_changes WHERE consent = ?1 ORDER BY seq DESC LIMIT 1`, []any{id}, func(s db.Scanner) (c change, err error) {
		var doc string
		if err := s.Scan(&doc, &hash); err != nil {
			return c, err
		}
		if err := json.Unmarshal([]byte(doc), &c); err != nil {
			return c, fmt.Errorf("consent %s does not read: %w", id, err)
		}
		return c, nil
	})
	return row, hash, err
}

func last(ctx context.Context, tx *db.Tx, id string) (Consent, []byte, error) {
	row, hash, err := lastRow(ctx, tx, id)
	return row.Consent, hash, err
}

func scanConsent(s db.Scanner) (Consent, error) {
	var doc string
	var c change
	if err := s.Scan(&doc); err != nil {
		return c.Consent, err
	}
	err := json.Unmarshal([]byte(doc), &c)
	return c.Consent, err
}

func ofCase(ctx context.Context, tx *db.Tx, id casework.CaseID) ([]Consent, error) {
	return db.All(ctx, tx, `SELECT c.doc FROM consent_changes c WHERE c.case_id = ?1
 AND c.seq = (SELECT MAX(x.seq) FROM consent_changes x WHERE x.consent = c.consent) ORDER BY c.at, c.consent`, []any{string(id)}, scanConsent)
}

func lastGiven(ctx context.Context, tx *db.Tx) ([]Consent, error) {
	return db.All(ctx, tx, `SELECT c.doc FROM consent_changes c WHERE c.status = 'given'
 AND NOT EXISTS (SELECT 1 FROM consent_changes x WHERE x.consent = c.consent AND x.seq > c.seq) ORDER BY c.at, c.consent`, nil, scanConsent)
}

func hashOf(ctx context.Context, tx *db.Tx, id string, seq int) ([]byte, error) {
	return db.One(ctx, tx, `SELECT hash FROM consent_changes WHERE consent = ?1 AND seq = ?2`, []any{id, int64(seq)}, func(s db.Scanner) (h []byte, err error) {
		return h, s.Scan(&h)
	})
}

func everyRow(ctx context.Context, tx *db.Tx, tell func(id string, seq int, doc string, hash []byte)) error {
	type row struct {
		id, doc string
		seq     int64
		hash    []byte
	}
	for r, err := range db.Query(ctx, tx, `SELECT consent, seq, doc, hash FROM consent_changes ORDER BY consent, seq`, nil, func(s db.Scanner) (r row, err error) {
		return r, s.Scan(&r.id, &r.seq, &r.doc, &r.hash)
	}) {
		if err != nil {
			return err
		}
		tell(r.id, int(r.seq), r.doc, r.hash)
	}
	return nil
}

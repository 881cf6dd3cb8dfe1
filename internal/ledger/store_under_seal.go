package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/vault"
)

// sealedRow is a case under seal as it is stored.
type sealedRow struct {
	n          int64
	refKey     string
	at         time.Time
	actor      string
	ground     string
	law        procedure.Law
	leaf       string
	leafHash   []byte
	custodians [2]string
	key        vault.SealedKey
	hash, doc  []byte
}

const sealedColumns = `n, ref_key, sealed_at, actor, ground, law, article, leaf, leaf_hash, body, custodian_a, share_a, check_a, custodian_b, share_b, check_b, hash, doc`

// putSealed stores the case under seal and moves its events; the key stays in no table but this.
func putSealed(ctx context.Context, tx *db.Tx, r sealedRow) error {
	err := tx.Send(ctx, `INSERT INTO sealed_cases (`+sealedColumns+`) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)`,
		r.n, r.refKey, db.Micros(r.at), r.actor, r.ground, r.law.ID, r.law.Article, r.leaf, r.leafHash, r.key.Body,
		r.custodians[0], r.key.Shares[0], r.key.Checks[0], r.custodians[1], r.key.Shares[1], r.key.Checks[1], r.hash, string(r.doc))
	if err != nil {
		return err
	}
	if err := tx.Send(ctx, `INSERT INTO sealed_events (n, seq, kind, at, hash, doc) SELECT n, seq, kind, at, hash, doc FROM events WHERE n = ?1`, r.n); err != nil {
		return err
	}
	err = tx.Send(ctx, `UPDATE case_keys SET state = 'sealed', wrapped = '' WHERE n = ?1 AND slot = ''`, r.n)
	return err
}

// shareAnew gives the key of a case under seal fresh shares, so that those entered before open nothing.
func shareAnew(ctx context.Context, tx *db.Tx, n int64, accounts [2]string, k vault.SealedKey) error {
	err := tx.Send(ctx, `UPDATE sealed_cases SET body = ?1, custodian_a = ?2, share_a = ?3, check_a = ?4, custodian_b = ?5, share_b = ?6, check_b = ?7 WHERE n = ?8`,
		k.Body, accounts[0], k.Shares[0], k.Checks[0], accounts[1], k.Shares[1], k.Checks[1], n)
	if err != nil {
		return err
	}
	err = tx.Send(ctx, `UPDATE seal_orders SET custodian_a = ?1, share_a = ?2, check_a = ?3, given_a = '', custodian_b = ?4, share_b = ?5, check_b = ?6, given_b = ''
 WHERE n = ?7 AND state = 'asked'`, accounts[0], k.Shares[0], k.Checks[0], accounts[1], k.Shares[1], k.Checks[1], n)
	return err
}

func findSealed(ctx context.Context, tx *db.Tx, n int64) (sealedRow, error) {
	return db.One(ctx, tx, `SELECT `+sealedColumns+` FROM sealed_cases WHERE n = ?1`, []any{n}, func(row db.Scanner) (r sealedRow, err error) {
		var at int64
		var doc string
		err = row.Scan(&r.n, &r.refKey, &at, &r.actor, &r.ground, &r.law.ID, &r.law.Article, &r.leaf, &r.leafHash, &r.key.Body,
			&r.custodians[0], &r.key.Shares[0], &r.key.Checks[0], &r.custodians[1], &r.key.Shares[1], &r.key.Checks[1], &r.hash, &doc)
		r.at, r.doc = db.FromMicros(at), []byte(doc)
		return r, err
	})
}

// stored is the case itself, still sealed.
func (r sealedRow) stored() (*stored, error) {
	s := &stored{n: r.n, hash: r.hash}
	if err := json.Unmarshal(r.doc, &s.c); err != nil {
		return nil, fmt.Errorf("ledger: case %d under seal does not read: %w", r.n, err)
	}
	return s, nil
}

func sealedByRef(ctx context.Context, tx *db.Tx, refKey string) (int64, error) {
	return db.One(ctx, tx, `SELECT n FROM sealed_cases WHERE ref_key = ?1`, []any{refKey}, scanInt)
}

func allSealed(ctx context.Context, tx *db.Tx) ([]int64, error) {
	return db.All(ctx, tx, `SELECT n FROM sealed_cases ORDER BY n`, nil, scanInt)
}

func isLive(ctx context.Context, tx *db.Tx, n int64) (bool, error) {
	found, err := db.All(ctx, tx, `SELECT n FROM cases WHERE n = ?1`, []any{n}, scanInt)
	return len(found) > 0, err
}

func sealedEventRows(ctx context.Context, tx *db.Tx, n int64) ([]sealedEvent, error) {
	return db.All(ctx, tx, `SELECT seq, hash, doc FROM sealed_events WHERE n = ?1 ORDER BY seq`, []any{n}, scanSealedEvent)
}

func listSealedEvents(ctx context.Context, tx *db.Tx, n int64) ([]casework.Event, error) {
	rows, err := sealedEventRows(ctx, tx, n)
	out := make([]casework.Event, len(rows))
	for i, r := range rows {
		if err == nil {
			err = json.Unmarshal(r.doc, &out[i])
		}
	}
	return out, err
}

func unlist(ctx context.Context, tx *db.Tx, unit org.UnitID, s *stored) error {
	return tx.Send(ctx, `DELETE FROM worklist WHERE unit = ?1 AND is_open = ?2 AND sort_at = ?3 AND n = ?4`, string(unit), db.Flag(s.old.open), s.old.sortAt, s.n)
}

// remove deletes the rows that lead to a case. Keys of commands are left: whoever sends such a command again
// is answered as if it were the first time, see one.
func (s *stored) remove(ctx context.Context, tx *db.Tx) error {
	if err := dropWords(ctx, tx, s.n); err != nil {
		return err
	}
	if err := dropSubjects(ctx, tx, s.n); err != nil { // the person's own page must not tell it either
		return err
	}
	for _, table := range []string{"cases", "events", "notable", "timers", "member_keys"} {
		if err := tx.Send(ctx, `DELETE FROM `+table+` WHERE n = ?1`, s.n); err != nil {
			return err
		}
	}
	return forgetFinding(ctx, tx, s.c.Ref)
}

// forgetFinding takes a case out of what a survey found.
func forgetFinding(ctx context.Context, tx *db.Tx, ref casework.Ref) error {
	found, err := listFindings(ctx, tx)
	if err != nil {
		return err
	}
	var changed []Finding
	for _, f := range found {
		if i := slices.Index(f.Examples, ref); i >= 0 {
			f.Examples = slices.Delete(f.Examples, i, i+1)
			f.Count--
			changed = append(changed, f)
		}
	}
	return keepFindings(ctx, tx, changed)
}

// traces names a table in which a case under seal still has rows; the empty string if there is none.
func traces(ctx context.Context, tx *db.Tx, n int64) (string, error) {
	var out []string
	for _, table := range []string{"cases", "events", "notable", "timers", "subjects"} {
		found, err := db.One(ctx, tx, `SELECT COUNT(*) FROM `+table+` WHERE n = ?1`, []any{n}, scanInt)
		if err != nil {
			return "", err
		}
		if found > 0 {
			out = append(out, table)
		}
	}
	return strings.Join(out, ", "), nil
}

func putDue(ctx context.Context, tx *db.Tx, n int64) error {
	return tx.Send(ctx, `INSERT INTO seal_due (n) VALUES (?1) ON CONFLICT (n) DO NOTHING`, n)
}

func notDue(ctx context.Context, tx *db.Tx, n int64) error {
	return tx.Send(ctx, `DELETE FROM seal_due WHERE n = ?1`, n)
}

func sealsDue(ctx context.Context, tx *db.Tx, limit int) ([]int64, error) {
	return db.All(ctx, tx, `SELECT n FROM seal_due ORDER BY n LIMIT ?1`, []any{int64(limit)}, scanInt)
}

func cutSealed(name string) (casework.CaseID, bool) {
	id, ok := strings.CutPrefix(name, sealedMark)
	return casework.CaseID(id), ok
}

func custodians(ctx context.Context, tx *db.Tx) ([]Custodian, error) {
	return db.All(ctx, tx, `SELECT account, public, since, until FROM custodians WHERE until = 0 ORDER BY since, account`, nil, func(row db.Scanner) (c Custodian, err error) {
		var since, until int64
		err = row.Scan(&c.Account, &c.Public, &since, &until)
		c.Since = db.FromMicros(since)
		return c, err
	})
}

func putCustodian(ctx context.Context, tx *db.Tx, c Custodian) error {
	return tx.Send(ctx, `INSERT INTO custodians (account, since, until, public) VALUES (?1, ?2, 0, ?3)`, c.Account, db.Micros(c.Since), string(c.Public))
}

func retire(ctx context.Context, tx *db.Tx, account string) error {
	return tx.Send(ctx, `UPDATE custodians SET until = ?1 WHERE account = ?2 AND until = 0`, db.Micros(tx.Now), account)
}

func putException(ctx context.Context, tx *db.Tx, x Exception, hash []byte) error {
	return tx.Send(ctx, `INSERT INTO exceptions (ref, kind, about, at, actor, what, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
		x.Ref, x.Kind, x.About, db.Micros(x.At), x.Actor, x.What, hash)
}

// exceptionsAbout lists what was done about one order, emergency or custodian, oldest first.
func exceptionsAbout(ctx context.Context, tx *db.Tx, about string) ([]Exception, error) {
	return db.All(ctx, tx, `SELECT ref, kind, about, at, actor, what FROM exceptions WHERE about = ?1 ORDER BY id`, []any{about}, func(row db.Scanner) (x Exception, err error) {
		var at int64
		err = row.Scan(&x.Ref, &x.Kind, &x.About, &at, &x.Actor, &x.What)
		x.At = db.FromMicros(at)
		return x, err
	})
}

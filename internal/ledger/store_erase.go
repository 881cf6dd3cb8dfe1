package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/vault"
)

// caseKeys are all keys of a case, erased ones too.
func caseKeys(ctx context.Context, tx *db.Tx, n int64) ([]wrappedKey, error) {
	return db.All(ctx, tx, `SELECT slot, wrapped, state FROM case_keys WHERE n = ?1 ORDER BY slot`, []any{n}, func(row db.Scanner) (k wrappedKey, err error) {
		return k, row.Scan(&k.slot, &k.wrapped, &k.state)
	})
}

func eraseCaseKey(ctx context.Context, tx *db.Tx, n int64, slot string) error {
	return tx.Send(ctx, `UPDATE case_keys SET state = 'erased', wrapped = '', generation = 0 WHERE n = ?1 AND slot = ?2`, n, slot)
}

func moveKeys(ctx context.Context, tx *db.Tx, n int64, from, to string) error {
	return tx.Send(ctx, `UPDATE case_keys SET state = ?3 WHERE n = ?1 AND state = ?2`, n, from, to)
}

const erasureColumns = `ref, slot, at, actor, ground, law, article, note, key_id, key_hash`

func putErasure(ctx context.Context, tx *db.Tx, n int64, e Erasure, hash []byte) error {
	return tx.Send(ctx, `INSERT INTO erasures (`+erasureColumns+`, n, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`,
		e.Ref, e.Slot, db.Micros(e.At), e.Actor, e.Ground, e.Law.ID, e.Law.Article, e.Note, e.KeyID, e.KeyHash, n, hash)
}

func scanErasure(row db.Scanner) (e Erasure, err error) {
	var at int64
	err = row.Scan(&e.Ref, &e.Slot, &at, &e.Actor, &e.Ground, &e.Law.ID, &e.Law.Article, &e.Note, &e.KeyID, &e.KeyHash)
	e.At = db.FromMicros(at)
	return e, err
}

// erasuresOf lists the erasures of a case, newest first.
func erasuresOf(ctx context.Context, tx *db.Tx, n int64, limit int) ([]Erasure, error) {
	return db.All(ctx, tx, `SELECT `+erasureColumns+` FROM erasures WHERE n = ?1 ORDER BY id DESC LIMIT ?2`, []any{n, int64(limit)}, scanErasure)
}

// erasedKeys names every key that was ever destroyed here.
func erasedKeys(ctx context.Context, tx *db.Tx) ([]string, error) {
	return db.All(ctx, tx, `SELECT key_id FROM erasures ORDER BY id`, nil, scanText)
}

func scanText(row db.Scanner) (s string, err error) { return s, row.Scan(&s) }

func clearHeading(ctx context.Context, tx *db.Tx, n int64) error {
	return tx.Send(ctx, `UPDATE cases SET title = '', address = '', erased_at = ?2 WHERE n = ?1`, n, db.Micros(tx.Now))
}

func putCaseFile(ctx context.Context, tx *db.Tx, n int64, name string) error {
	return tx.Send(ctx, `INSERT INTO case_files (name, n) VALUES (?1, ?2) ON CONFLICT (name, n) DO NOTHING`, name, n)
}

// purgeFiles puts the files that only this case names on the list of those to remove.
func purgeFiles(ctx context.Context, tx *db.Tx, n int64) error {
	err := tx.Send(ctx, `INSERT INTO file_purges (name) SELECT f.name FROM case_files f WHERE f.n = ?1
 AND NOT EXISTS (SELECT 1 FROM case_files g WHERE g.name = f.name AND g.n <> ?1) ON CONFLICT (name) DO NOTHING`, n)
	if err != nil {
		return err
	}
	err = tx.Send(ctx, `DELETE FROM case_files WHERE n = ?1`, n)
	return err
}

func filesToPurge(ctx context.Context, tx *db.Tx, limit int) ([]string, error) {
	return db.All(ctx, tx, `SELECT name FROM file_purges ORDER BY name LIMIT ?1`, []any{int64(limit)}, scanText)
}

func fileNamed(ctx context.Context, tx *db.Tx, name string) (bool, error) {
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM case_files WHERE name = ?1`, []any{name}, scanInt)
	return n > 0, err
}

func purged(ctx context.Context, tx *db.Tx, name string) error {
	return tx.Send(ctx, `DELETE FROM file_purges WHERE name = ?1`, name)
}

func putHold(ctx context.Context, tx *db.Tx, n int64, h Hold, hash []byte) error {
	until := int64(0)
	if !h.Until.IsZero() {
		until = db.Micros(h.Until)
	}
	return tx.Send(ctx, `INSERT INTO holds (ref, n, at, actor, what, order_key, order_ref, until, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
		h.Ref, n, db.Micros(h.At), h.Actor, h.what, h.Order, h.sealed, until, hash)
}

// activeHolds are the orders in force over a case, by their keyed reference.
func activeHolds(ctx context.Context, tx *db.Tx, n int64) (map[string]Hold, error) {
	list, err := db.All(ctx, tx, `SELECT ref, at, actor, what, order_key, order_ref, until FROM holds WHERE n = ?1 ORDER BY id`, []any{n}, scanHold)
	active := map[string]Hold{}
	for _, h := range list {
		if h.what == whatHold && h.Until.After(tx.Now) {
			active[h.Order] = h
		} else {
			delete(active, h.Order)
		}
	}
	return active, err
}

func scanHold(row db.Scanner) (h Hold, err error) {
	var at, until int64
	err = row.Scan(&h.Ref, &at, &h.Actor, &h.what, &h.Order, &h.sealed, &until)
	h.At = db.FromMicros(at)
	if until != 0 {
		h.Until = db.FromMicros(until)
	}
	return h, err
}

// heldAfter lists cases with a held key, in the order of their numbers.
func heldAfter(ctx context.Context, tx *db.Tx, after int64, limit int) ([]int64, error) {
	return db.All(ctx, tx, `SELECT n FROM case_keys WHERE state = 'held' AND n > ?1 ORDER BY n LIMIT ?2`, []any{after, int64(limit)}, scanInt)
}

// endedCase is what retention asks of a closed case.
type endedCase struct {
	n, closed             int64
	pack, procedure, unit string
	state                 string // of its key
}

// endedAfter lists closed cases with content, in the order of their end, behind a given one.
func endedAfter(ctx context.Context, tx *db.Tx, closed, n, before int64, limit int) ([]endedCase, error) {
	return db.All(ctx, tx, `SELECT c.n, c.sort_at, c.pack, c.procedure, c.holder, k.state FROM cases c JOIN case_keys k ON k.n = c.n AND k.slot = ''
 WHERE c.is_open = 0 AND c.erased_at = 0 AND (c.sort_at, c.n) > (?1, ?2) AND c.sort_at <= ?3 ORDER BY c.sort_at, c.n LIMIT ?4`,
		[]any{closed, n, before, int64(limit)}, func(row db.Scanner) (e endedCase, err error) {
			return e, row.Scan(&e.n, &e.closed, &e.pack, &e.procedure, &e.unit, &e.state)
		})
}

func putRetentionRun(ctx context.Context, tx *db.Tx, at int64, c RetentionCount) error {
	return tx.Send(ctx, `INSERT INTO retention_runs (at, unit, procedure, class, erased, held, waiting) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
 ON CONFLICT (at, unit, procedure, class) DO NOTHING`, at, string(c.Unit), c.Procedure, c.Class, int64(c.Erased), int64(c.Held), int64(c.Waiting))
}

func lastRetentionRun(ctx context.Context, tx *db.Tx) (int64, []RetentionCount, error) {
	at, err := db.One(ctx, tx, `SELECT COALESCE(MAX(at), 0) FROM retention_runs`, nil, scanInt)
	if err != nil || at == 0 {
		return 0, nil, err
	}
	list, err := db.All(ctx, tx, `SELECT unit, procedure, class, erased, held, waiting FROM retention_runs WHERE at = ?1 ORDER BY unit, procedure, class`, []any{at},
		func(row db.Scanner) (c RetentionCount, err error) {
			return c, row.Scan(&c.Unit, &c.Procedure, &c.Class, &c.Erased, &c.Held, &c.Waiting)
		})
	return at, list, err
}

// keysBefore lists keys wrapped under a generation before gen.
func keysBefore(ctx context.Context, tx *db.Tx, gen int64, limit int) ([]wrappedKey, error) {
	return db.All(ctx, tx, `SELECT n, slot, wrapped, state FROM case_keys WHERE generation < ?1 AND state <> 'erased' AND wrapped <> '' ORDER BY generation, n LIMIT ?2`,
		[]any{gen, int64(limit)}, func(row db.Scanner) (k wrappedKey, err error) {
			return k, row.Scan(&k.n, &k.slot, &k.wrapped, &k.state)
		})
}

func rewrapped(ctx context.Context, tx *db.Tx, k wrappedKey, w vault.Wrapped) error {
	return tx.Send(ctx, `UPDATE case_keys SET wrapped = ?3, generation = ?4 WHERE n = ?1 AND slot = ?2 AND wrapped = ?5`,
		k.n, k.slot, string(w), int64(w.Generation()), string(k.wrapped))
}

// KeyCount is how many keys are wrapped under one generation.
type KeyCount struct {
	Generation int
	State      string
	Keys       int
}

func countKeys(ctx context.Context, tx *db.Tx) ([]KeyCount, error) {
	return db.All(ctx, tx, `SELECT generation, state, COUNT(*) FROM case_keys GROUP BY generation, state ORDER BY generation, state`, nil,
		func(row db.Scanner) (c KeyCount, err error) { return c, row.Scan(&c.Generation, &c.State, &c.Keys) })
}

// unnamedKeys are keys older than their names.
func unnamedKeys(ctx context.Context, tx *db.Tx, limit int) ([]wrappedKey, error) {
	return db.All(ctx, tx, `SELECT n, slot, wrapped, state FROM case_keys WHERE id = '' ORDER BY n LIMIT ?1`, []any{int64(limit)}, func(row db.Scanner) (k wrappedKey, err error) {
		return k, row.Scan(&k.n, &k.slot, &k.wrapped, &k.state)
	})
}

func nameKey(ctx context.Context, tx *db.Tx, k wrappedKey, id string) error {
	return tx.Send(ctx, `UPDATE case_keys SET id = ?3, generation = ?4 WHERE n = ?1 AND slot = ?2`, k.n, k.slot, id, int64(k.wrapped.Generation()))
}

// liveKey finds a key by its name, unless it was erased.
func liveKey(ctx context.Context, tx *db.Tx, id string) (wrappedKey, error) {
	return db.One(ctx, tx, `SELECT n, slot, wrapped, state FROM case_keys WHERE id = ?1 AND state <> 'erased'`, []any{id}, func(row db.Scanner) (k wrappedKey, err error) {
		return k, row.Scan(&k.n, &k.slot, &k.wrapped, &k.state)
	})
}

// liveAmong gives those of some names that keys have which are not erased.
func liveAmong(ctx context.Context, tx *db.Tx, ids []string) ([]string, error) {
	w := &where{parts: []string{"state <> 'erased'"}}
	w.in("id", ids)
	return db.All(ctx, tx, `SELECT id FROM case_keys WHERE `+w.String()+` ORDER BY id`, w.args, scanText)
}

// keySamples are some keys that must open: the first and last of each generation, each one step in an index. Asked for
// with =, a generation that most keys have would have SQLite walk the table.
func keySamples(ctx context.Context, tx *db.Tx) (out []wrappedKey, err error) {
	const generation = `SELECT generation FROM case_keys WHERE state <> 'erased' AND wrapped <> '' AND generation > ?1 ORDER BY generation LIMIT 1`
	const sample = `SELECT n, slot, wrapped, state FROM case_keys WHERE state <> 'erased' AND wrapped <> '' AND generation >= ?1 AND generation <= ?1`
	for gen := int64(-1); ; {
		gen, err = db.One(ctx, tx, generation, []any{gen}, scanInt)
		if errors.Is(err, db.ErrNoRows) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for _, order := range []string{" ORDER BY generation, n LIMIT 1", " ORDER BY generation DESC, n DESC LIMIT 1"} {
			some, err := db.All(ctx, tx, sample+order, []any{gen}, func(row db.Scanner) (k wrappedKey, err error) {
				return k, row.Scan(&k.n, &k.slot, &k.wrapped, &k.state)
			})
			if err != nil {
				return nil, err
			}
			out = append(out, some...)
		}
	}
}

// keysAway names keys that a backup of the data left out, at most limit. Those of cases under seal lie elsewhere.
func keysAway(ctx context.Context, tx *db.Tx, limit int) ([]string, error) {
	return db.All(ctx, tx, `SELECT id FROM case_keys WHERE wrapped = '' AND state <> 'erased' AND state <> 'sealed' LIMIT ?1`, []any{int64(limit)}, scanText)
}

// keyless counts, among the newest cases, those sealed under nothing: the table of keys was left out whole.
func keyless(ctx context.Context, tx *db.Tx) (int64, error) {
	return db.One(ctx, tx, `SELECT COUNT(*) FROM (SELECT n, doc FROM cases ORDER BY n DESC LIMIT 200) c
 WHERE c.doc LIKE ?1 AND NOT EXISTS (SELECT 1 FROM case_keys k WHERE k.n = c.n)`, []any{`%"` + vault.Mark + `%`}, scanInt)
}

func hasKeys(ctx context.Context, tx *db.Tx) (bool, error) {
	_, err := db.One(ctx, tx, `SELECT n FROM (SELECT n FROM case_keys WHERE state <> 'erased' AND wrapped <> '' ORDER BY generation, n LIMIT 1) live
 UNION ALL SELECT n FROM (SELECT n FROM case_keys WHERE wrapped = '' AND state <> 'erased' AND state <> 'sealed' LIMIT 1) away
 UNION ALL SELECT n FROM (SELECT n FROM sealed_cases LIMIT 1) under`, nil, scanInt)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// WithoutKeys is what is done to a copy of the database before it becomes a backup of the data: the wrapped
// keys go, those of cases under seal that are just open among them. Their rows stay, so that whoever starts with the
// copy alone is told.
const WithoutKeys = `UPDATE case_keys SET wrapped = '' WHERE state <> 'erased'; UPDATE seal_orders SET wrapped = '' WHERE wrapped <> ''`

// KeptKey is a wrapped key as a backup of the keys holds it.
type KeptKey struct {
	N       int64         `json:"n"`
	Slot    string        `json:"slot,omitempty"`
	ID      string        `json:"id"`
	State   string        `json:"state"`
	Wrapped vault.Wrapped `json:"wrapped"`
}

func keysAfter(ctx context.Context, tx *db.Tx, n int64, slot string, limit int) ([]KeptKey, error) {
	return db.All(ctx, tx, `SELECT n, slot, id, state, wrapped FROM case_keys WHERE state <> 'erased' AND (n, slot) > (?1, ?2) ORDER BY n, slot LIMIT ?3`,
		[]any{n, slot, int64(limit)}, func(row db.Scanner) (k KeptKey, err error) {
			return k, row.Scan(&k.N, &k.Slot, &k.ID, &k.State, &k.Wrapped)
		})
}

// bringBack stores a key of a backup again where the data lacks it; false where there is one, where it was
// erased, or where there is no such case.
func bringBack(ctx context.Context, tx *db.Tx, k KeptKey) (bool, error) {
	ok, err := hasCase(ctx, tx, k.N)
	if err != nil || !ok {
		return false, err
	}
	if erased, err := db.One(ctx, tx, `SELECT COUNT(*) FROM erasures WHERE key_id = ?1`, []any{k.ID}, scanInt); err != nil || erased > 0 {
		return false, err
	}
	n, err := tx.Exec(ctx, `INSERT INTO case_keys (n, slot, wrapped, state, id, generation) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
 ON CONFLICT (n, slot) DO UPDATE SET wrapped = excluded.wrapped, generation = excluded.generation WHERE case_keys.wrapped = '' AND case_keys.state <> 'erased'`,
		k.N, k.Slot, string(k.Wrapped), k.State, k.ID, int64(k.Wrapped.Generation()))
	return n > 0, err
}

// remember enters erased keys anew where the table of keys was left out of a backup as a whole.
func remember(ctx context.Context, tx *db.Tx) error {
	return tx.Send(ctx, `INSERT INTO case_keys (n, slot, wrapped, state, id, generation)
 SELECT n, slot, '', 'erased', key_id, 0 FROM erasures WHERE id > 0 ON CONFLICT (n, slot) DO NOTHING`)
}

func putCare(ctx context.Context, tx *db.Tx, c Care, hash []byte) error {
	return tx.Send(ctx, `INSERT INTO key_care (ref, at, actor, what, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
		c.Ref, db.Micros(c.At), c.Actor, c.What, c.Detail, hash)
}

// codesKeyed marks that no follow code stands in the clear.
const codesKeyed = "codes keyed"

// filesListed marks that cases older than the list of files have been entered in it.
const filesListed = "files listed"

// marked says whether something was done that is done once in the life of a database.
func marked(ctx context.Context, tx *db.Tx, what string) (bool, error) {
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM counters WHERE name = ?1`, []any{what}, scanInt)
	return n > 0, err
}

func mark(ctx context.Context, tx *db.Tx, what string) error {
	return tx.Send(ctx, `INSERT INTO counters (name, value) VALUES (?1, 1) ON CONFLICT (name) DO NOTHING`, what)
}

// listFilesAfter enters the files of some older cases, and tells the last of them; 0 at the end.
func listFilesAfter(ctx context.Context, tx *db.Tx, after int64, limit int) (last int64, err error) {
	type old struct {
		n     int64
		files []casework.File
	}
	list, err := db.All(ctx, tx, `SELECT n, doc FROM cases WHERE n > ?1 AND files > 0 AND erased_at = 0 ORDER BY n LIMIT ?2`, []any{after, int64(limit)}, func(row db.Scanner) (o old, err error) {
		var doc string
		var c casework.Case
		if err := row.Scan(&o.n, &doc); err != nil {
			return o, err
		}
		if err := json.Unmarshal([]byte(doc), &c); err != nil {
			return o, fmt.Errorf("ledger: case %d does not read: %w", o.n, err)
		}
		o.files = c.Files
		return o, nil
	})
	if err != nil {
		return 0, err
	}
	for _, o := range list {
		for _, f := range o.files {
			for _, name := range f.Stored() {
				if err := putCaseFile(ctx, tx, o.n, name); err != nil {
					return 0, err
				}
			}
		}
		last = o.n
	}
	return last, nil
}

// recordHash is the stored hash of a row that has a leaf of one of these kinds in the log.
func recordHash(ctx context.Context, tx *db.Tx, kind, ref string) ([]byte, error) {
	table := map[string]string{LeafErased: "erasures", LeafHold: "holds", LeafRelease: "holds", LeafKey: "key_care", LeafExport: "exports"}[kind]
	if table == "" {
		return nil, fmt.Errorf("ledger: no table keeps records of kind %q", strings.TrimSpace(kind))
	}
	return db.One(ctx, tx, `SELECT hash FROM `+table+` WHERE ref = ?1`, []any{ref}, func(row db.Scanner) (b []byte, err error) {
		return b, row.Scan(&b)
	})
}

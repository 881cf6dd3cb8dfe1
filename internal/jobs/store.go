package jobs

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"

	"comity/internal/db"
)

//go:embed schema/*.sql
var schema embed.FS

// Migrate brings the table to this program's version.
func Migrate(ctx context.Context, d *db.DB) error {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "jobs", files)
}

// topic is what runners sleep for, see db.Tx.Ring.
const topic = "jobs"

const columns = `id, kind, key, payload, run_at, prio, attempts, max_attempts, last_error, lease_token`

func scanJob(row db.Scanner) (j Job, err error) {
	var runAt int64
	var payload string
	err = row.Scan(&j.ID, &j.Kind, &j.Key, &payload, &runAt, &j.Prio, &j.Attempt, &j.MaxAttempts, &j.LastError, &j.token)
	j.Payload, j.RunAt = []byte(payload), db.FromMicros(runAt)
	return j, err
}

func insert(ctx context.Context, tx *db.Tx, id string, job New) error {
	tx.Ring(topic, job.RunAt)
	return tx.Send(ctx, `INSERT INTO jobs (id, kind, key, payload, run_at, prio, max_attempts)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (key) DO NOTHING`,
		id, job.Kind, job.Key, string(job.Payload), db.Micros(job.RunAt), job.Prio, job.MaxAttempts)
}

func reschedule(ctx context.Context, tx *db.Tx, key string, runAt time.Time) (bool, error) {
	tx.Ring(topic, runAt)
	n, err := tx.Exec(ctx, `UPDATE jobs SET run_at = ?1, lease_until = 0, lease_token = '', attempts = 0
		WHERE key = ?2 AND done_at IS NULL AND dead = 0`, db.Micros(runAt), key)
	return n > 0, err
}

func remove(ctx context.Context, tx *db.Tx, key string) (bool, error) {
	n, err := tx.Exec(ctx, `DELETE FROM jobs WHERE key = ?1 AND done_at IS NULL`, key)
	return n > 0, err
}

// kindList are placeholders for kinds, bound from a number on.
func kindList(from, kinds int) string {
	list := make([]string, kinds)
	for i := range list {
		list[i] = fmt.Sprintf("?%d", i+from)
	}
	return strings.Join(list, ", ")
}

const prioText = `SELECT prio FROM jobs WHERE done_at IS NULL AND dead = 0 AND prio > ?1 ORDER BY prio LIMIT 1`

// eachPrio calls do with every prio of the jobs that wait, from the lowest on, until it answers no. Few are in use, and
// each is found by one step in the index.
func eachPrio(ctx context.Context, tx *db.Tx, do func(prio int64) (more bool, err error)) error {
	last := int64(math.MinInt64)
	for {
		prio, err := db.One(ctx, tx, prioText, []any{last}, db.ScanID)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more, err := do(prio)
		if err != nil || !more {
			return err
		}
		last = prio
	}
}

// claimText leases due jobs of the kinds bound from ?5 on. Rows that another runner is taking are passed over.
// MATERIALIZED, or the engine might look for rows once for each it finds.
func claimText(tx *db.Tx, kinds int) string {
	return `WITH due AS MATERIALIZED (SELECT id AS due_id FROM jobs WHERE done_at IS NULL AND dead = 0 AND prio = ?4 AND run_at <= ?2 AND lease_until <= ?2
			AND kind IN (` + kindList(5, kinds) + `) ORDER BY run_at, id LIMIT ?3` + tx.SkipLocked() + `)
		UPDATE jobs SET lease_token = ?1, lease_until = ?2 + 1, attempts = attempts + 1 FROM due WHERE id = due_id
		RETURNING ` + columns
}

// claim returns the claimed jobs in no particular order; their leases must then
// be set with extend. It runs in db.DB.Take.
func claim(ctx context.Context, tx *db.Tx, token string, limit int, kinds []string) (batch []Job, err error) {
	text := claimText(tx, len(kinds))
	err = eachPrio(ctx, tx, func(prio int64) (bool, error) {
		args := []any{token, db.Micros(tx.Now), limit - len(batch), prio}
		for _, k := range kinds {
			args = append(args, k)
		}
		some, err := db.All(ctx, tx, text, args, scanJob)
		batch = append(batch, some...)
		return len(batch) < limit, err
	})
	return batch, err
}

func extend(ctx context.Context, tx *db.Tx, job Job, until time.Time) error {
	return tx.Send(ctx, `UPDATE jobs SET lease_until = ?1 WHERE id = ?2`, db.Micros(until), job.ID)
}

// held is the condition under which a run may still change its job.
const held = ` WHERE id = ?1 AND lease_token = ?2 AND done_at IS NULL AND dead = 0`

func complete(ctx context.Context, tx *db.Tx, job Job) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE jobs SET done_at = ?3, last_error = '', lease_until = 0`+held,
		job.ID, job.token, db.Micros(tx.Now))
	return n > 0, err
}

// touch writes the lease anew, so that two runs that ask at once are told apart by the row.
func touch(ctx context.Context, tx *db.Tx, job Job) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE jobs SET lease_until = lease_until`+held, job.ID, job.token)
	return n > 0, err
}

func again(ctx context.Context, tx *db.Tx, job Job, runAt time.Time, why string) error {
	return tx.Send(ctx, `UPDATE jobs SET run_at = ?3, last_error = ?4, lease_until = 0, lease_token = ''`+held,
		job.ID, job.token, db.Micros(runAt), why)
}

func bury(ctx context.Context, tx *db.Tx, job Job, why string) error {
	return tx.Send(ctx, `UPDATE jobs SET dead = 1, last_error = ?3, lease_until = 0, lease_token = ''`+held,
		job.ID, job.token, why)
}

// giveBack undoes a claim: the attempt does not count, and another runner may begin at once.
func giveBack(ctx context.Context, tx *db.Tx, job Job) error {
	tx.Ring(topic, job.RunAt)
	return tx.Send(ctx, `UPDATE jobs SET attempts = attempts - 1, lease_until = 0, lease_token = ''`+held,
		job.ID, job.token)
}

// giveAllBack undoes a whole claim, if it was stored at all.
func giveAllBack(ctx context.Context, tx *db.Tx, token string) error {
	_, err := tx.Exec(ctx, `UPDATE jobs SET attempts = attempts - 1, lease_until = 0, lease_token = '' WHERE lease_token = ?1 AND done_at IS NULL AND dead = 0`, token)
	return err
}

func listDead(ctx context.Context, tx *db.Tx) ([]Job, error) {
	return db.All(ctx, tx, `SELECT `+columns+` FROM jobs WHERE dead = 1 ORDER BY run_at, id`, nil, scanJob)
}

func countDead(ctx context.Context, tx *db.Tx) (int64, error) {
	return db.One(ctx, tx, `SELECT COUNT(*) FROM jobs WHERE dead = 1`, nil, db.ScanID)
}

// listUnfinished reads a page of one kind's jobs, behind the last of the page before.
func listUnfinished(ctx context.Context, tx *db.Tx, kind string, dead bool, last Job) ([]Job, error) {
	const page = 200
	if dead {
		return db.All(ctx, tx, `SELECT `+columns+` FROM jobs WHERE dead = 1 AND kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3`,
			[]any{kind, last.ID, page}, scanJob)
	}
	prio, from := int64(math.MinInt64), int64(0)
	if last.ID != "" {
		prio, from = int64(last.Prio), db.Micros(last.RunAt)
	}
	return db.All(ctx, tx, `SELECT `+columns+` FROM jobs WHERE done_at IS NULL AND dead = 0 AND kind = ?1 AND (prio, run_at, id) > (?2, ?3, ?4)
		ORDER BY prio, run_at, id LIMIT ?5`, []any{kind, prio, from, last.ID, page}, scanJob)
}

func revive(ctx context.Context, tx *db.Tx, id string) (bool, error) {
	tx.Ring(topic, tx.Now)
	n, err := tx.Exec(ctx, `UPDATE jobs SET dead = 0, attempts = 0, run_at = ?2 WHERE id = ?1 AND dead = 1`, id, db.Micros(tx.Now))
	return n > 0, err
}

// nextDue is when the earliest job of these kinds that nobody holds is due. The lease of a
// killed run is not looked at; the runner's idle limit covers it.
func nextDue(ctx context.Context, tx *db.Tx, kinds []string) (next time.Time, err error) {
	text := `SELECT run_at FROM jobs WHERE done_at IS NULL AND dead = 0 AND prio = ?2 AND lease_until <= ?1
		AND kind IN (` + kindList(3, len(kinds)) + `) ORDER BY run_at LIMIT 1`
	err = eachPrio(ctx, tx, func(prio int64) (bool, error) {
		args := []any{db.Micros(tx.Now), prio}
		for _, k := range kinds {
			args = append(args, k)
		}
		us, err := db.One(ctx, tx, text, args, db.ScanID)
		if errors.Is(err, db.ErrNoRows) {
			return true, nil
		}
		if at := db.FromMicros(us); err == nil && (next.IsZero() || at.Before(next)) {
			next = at
		}
		return true, err
	})
	if err == nil && next.IsZero() {
		err = db.ErrNoRows
	}
	return next, err
}

func purge(ctx context.Context, tx *db.Tx, before time.Time) (int64, error) {
	return tx.Exec(ctx, `DELETE FROM jobs WHERE done_at IS NOT NULL AND done_at < ?1`, db.Micros(before))
}

// after is the first text behind all that begin with a prefix which ends in a colon.
func after(prefix string) string { return prefix[:len(prefix)-1] + ";" }

func waiting(ctx context.Context, tx *db.Tx, prefix string) (bool, error) {
	n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM jobs WHERE key >= ?1 AND key < ?2 AND done_at IS NULL AND dead = 0`, []any{prefix, after(prefix)},
		func(row db.Scanner) (n int64, err error) { return n, row.Scan(&n) })
	return n > 0, err
}

func forget(ctx context.Context, tx *db.Tx, prefix string) error {
	return tx.Send(ctx, `DELETE FROM jobs WHERE key >= ?1 AND key < ?2`, prefix, after(prefix))
}

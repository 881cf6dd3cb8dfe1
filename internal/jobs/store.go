package jobs

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
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

const columns = `id, kind, key, payload, run_at, prio, attempts, max_attempts, last_error, lease_token`

func scanJob(row db.Scanner) (j Job, err error) {
	var runAt int64
	var payload string
	err = row.Scan(&j.ID, &j.Kind, &j.Key, &payload, &runAt, &j.Prio, &j.Attempt, &j.MaxAttempts, &j.LastError, &j.token)
	j.Payload, j.RunAt = []byte(payload), db.FromMicros(runAt)
	return j, err
}

func insert(ctx context.Context, tx *db.Tx, id string, job New) error {
	return tx.Send(ctx, `INSERT INTO jobs (id, kind, key, payload, run_at, prio, max_attempts)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (key) DO NOTHING`,
		id, job.Kind, job.Key, string(job.Payload), db.Micros(job.RunAt), job.Prio, job.MaxAttempts)
}

func reschedule(ctx context.Context, tx *db.Tx, key string, runAt time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE jobs SET run_at = ?1, lease_until = 0, lease_token = '', attempts = 0
		WHERE key = ?2 AND done_at IS NULL AND dead = 0`, db.Micros(runAt), key)
	return n > 0, err
}

func remove(ctx context.Context, tx *db.Tx, key string) (bool, error) {
	n, err := tx.Exec(ctx, `DELETE FROM jobs WHERE key = ?1 AND done_at IS NULL`, key)
	return n > 0, err
}

// claimText leases due jobs of the kinds bound from ?4 on. The outer condition
// repeats the inner one: where two claims run at once, the second sees the first
// one's lease when it comes to write. No row lock is asked for.
func claimText(kinds int) string {
	list := make([]string, kinds)
	for i := range list {
		list[i] = fmt.Sprintf("?%d", i+4)
	}
	return `UPDATE jobs SET lease_token = ?1, lease_until = ?2 + 1, attempts = attempts + 1
		WHERE lease_until <= ?2 AND done_at IS NULL AND dead = 0 AND id IN (
			SELECT id FROM jobs WHERE done_at IS NULL AND dead = 0 AND run_at <= ?2 AND lease_until <= ?2
			AND kind IN (` + strings.Join(list, ", ") + `) ORDER BY prio, run_at, id LIMIT ?3)
		RETURNING ` + columns
}

// claim returns the claimed jobs in no particular order; their leases must then
// be set with extend.
func claim(ctx context.Context, tx *db.Tx, token string, limit int, kinds []string) ([]Job, error) {
	args := []any{token, db.Micros(tx.Now), limit}
	for _, k := range kinds {
		args = append(args, k)
	}
	return db.All(ctx, tx, claimText(len(kinds)), args, scanJob)
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

// giveBack undoes a claim: the attempt does not count.
func giveBack(ctx context.Context, tx *db.Tx, job Job) error {
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

// listUnfinished reads a page of one kind's jobs, behind the last of the page before.
func listUnfinished(ctx context.Context, tx *db.Tx, kind string, dead bool, last Job) ([]Job, error) {
	const page = 200
	if dead {
		return db.All(ctx, tx, `SELECT `+columns+` FROM jobs WHERE dead = 1 AND kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3`,
			[]any{kind, last.ID, page}, scanJob)
	}
	from := int64(-1 << 62)
	if last.ID != "" {
		from = db.Micros(last.RunAt)
	}
	return db.All(ctx, tx, `SELECT `+columns+` FROM jobs WHERE done_at IS NULL AND dead = 0 AND kind = ?1 AND (run_at, id) > (?2, ?3)
		ORDER BY run_at, id LIMIT ?4`, []any{kind, from, last.ID, page}, scanJob)
}

func revive(ctx context.Context, tx *db.Tx, id string) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE jobs SET dead = 0, attempts = 0, run_at = ?2 WHERE id = ?1 AND dead = 1`, id, db.Micros(tx.Now))
	return n > 0, err
}

// nextDue is when the earliest job that nobody holds is due. The lease of a
// killed run is not looked at; the runner's idle limit covers it.
func nextDue(ctx context.Context, tx *db.Tx) (time.Time, error) {
	return db.One(ctx, tx, `SELECT run_at FROM jobs WHERE done_at IS NULL AND dead = 0 AND lease_until <= ?1
		ORDER BY run_at LIMIT 1`, []any{db.Micros(tx.Now)}, func(row db.Scanner) (time.Time, error) {
		var us int64
		err := row.Scan(&us)
		return db.FromMicros(us), err
	})
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

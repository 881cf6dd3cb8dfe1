package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Node is a program that serves a city from a database of PostgreSQL beside others.
type Node struct {
	ID      string // unlike any other's
	Version string // of the program, for people
	Since   time.Time
	Seen    time.Time // when it last said that it runs
	Alive   bool      // seen not long ago; one that ends well takes its row away

	knows map[string]int64 // the last migration it knows, by set
}

const (
	// NodeBeat is how often a node says that it runs.
	NodeBeat = 15 * time.Second
	// nodeGone is after how long without a word a node counts as killed.
	nodeGone = 90 * time.Second
	// nodeForgotten is when the row of a killed node is taken away.
	nodeForgotten = 7 * 24 * time.Hour
)

// known are the migrations a program has, by set.
type known struct {
	mu   sync.Mutex
	last map[string]int64
}

func (d *DB) know(set string, files []migration) {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	if d.known.last == nil {
		d.known.last = map[string]int64{}
	}
	for _, m := range files {
		d.known.last[set] = max(d.known.last[set], m.number)
	}
}

func (d *DB) knows() map[string]int64 {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	return maps.Clone(d.known.last)
}

// ErrOutdated says that a newer program has taken away what this one still relies on.
var ErrOutdated = errors.New("a newer program has contracted the database; this one must be restarted as that version")

// Beat says that this node runs, after all its sets were migrated; one that is outdated is told so, and runs all the same
// for others to see. On SQLite, which has one program, it does nothing.
func (d *DB) Beat(ctx context.Context, id, version string) error {
	if d.engine != Postgres {
		return nil
	}
	knows := d.knows()
	var outdated error
	err := d.Transact(ctx, func(tx *Tx) error {
		outdated = nil
		if _, err := tx.Exec(ctx, `INSERT INTO db_nodes (id, version, knows, since, seen_at) VALUES (?1, ?2, ?3, ?4, ?4)
			ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`, id, version, spelled(knows), Micros(tx.Now)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM db_nodes WHERE seen_at < ?1`, Micros(tx.Now.Add(-nodeForgotten))); err != nil {
			return err
		}
		for set, last := range knows {
			done, err := appliedOf(ctx, tx, set)
			if err != nil {
				return err
			}
			for _, a := range done {
				if state := stateIn(a.name); a.number > last && (state == Contract || state == Plain) {
					outdated = fmt.Errorf("%s %s: %w", set, a.name, ErrOutdated)
				}
			}
		}
		return nil
	})
	if err == nil {
		err = outdated
	}
	if err != nil {
		return fmt.Errorf("db: node %s: %w", id, err)
	}
	return nil
}

// Leave takes the row of a node away that ends.
func (d *DB) Leave(ctx context.Context, id string) error {
	if d.engine != Postgres {
		return nil
	}
	return d.Transact(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM db_nodes WHERE id = ?1`, id)
		return err
	})
}

// Nodes lists the nodes that have not said goodbye, the longest running first.
func (d *DB) Nodes(ctx context.Context) (nodes []Node, err error) {
	err = d.View(ctx, func(tx *Tx) error {
		there, err := One(ctx, tx, tableThere(d.engine, "db_nodes"), nil, scanInt)
		if err == nil && there > 0 {
			nodes, err = nodesIn(ctx, tx)
		}
		return err
	})
	return nodes, err
}

func nodesIn(ctx context.Context, tx *Tx) ([]Node, error) {
	return All(ctx, tx, `SELECT id, version, knows, since, seen_at FROM db_nodes ORDER BY since, id`, nil, func(row Scanner) (n Node, err error) {
		var knows string
		var since, seen int64
		if err := row.Scan(&n.ID, &n.Version, &knows, &since, &seen); err != nil {
			return n, err
		}
		n.Since, n.Seen, n.knows = FromMicros(since), FromMicros(seen), read(knows)
		n.Alive = tx.Now.Sub(n.Seen) < nodeGone
		return n, nil
	})
}

// lacks tells whether a node does not know a migration.
func (n Node) lacks(set string, number int64) bool { return n.knows[set] < number }

// spelled is what a node knows as it is stored: "jobs 1 ledger 42".
func spelled(knows map[string]int64) string {
	var out []string
	for _, set := range slices.Sorted(maps.Keys(knows)) {
		out = append(out, set, strconv.FormatInt(knows[set], 10))
	}
	return strings.Join(out, " ")
}

func read(spelled string) map[string]int64 {
	out := map[string]int64{}
	words := strings.Fields(spelled)
	for i := 0; i+1 < len(words); i += 2 {
		if n, err := strconv.ParseInt(words[i+1], 10, 64); err == nil {
			out[words[i]] = n
		}
	}
	return out
}

package db

import (
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
)

// Trace shows a test every statement before it runs, on whatever goroutine that is; nil ends it. Call it only while
// no transaction runs.
func (d *DB) Trace(hook func(q string, args []any)) { d.trace = hook }

// Spent is what a statement has cost SQLite: steps of its machine, which are the same on every day and every computer, and
// how often it was planned anew although it had been prepared.
type Spent struct{ Runs, Steps, Plans int64 }

// Spent counts, for tests, what each statement has cost since it was asked last, on the connections that are idle. It
// is empty for PostgreSQL.
func (d *DB) Spent() map[string]Spent {
	out := map[string]Spent{}
	if d.engine != SQLite {
		return out
	}
	for _, p := range []*pool{d.writers, d.readers} {
		p.mu.Lock()
		for _, s := range p.idle {
			s.spent(out)
		}
		p.mu.Unlock()
	}
	return out
}

func (s *session) spent(into map[string]Spent) {
	_ = s.conn.Raw(func(c any) error {
		for st := range c.(driver.Conn).Raw().Stmts() {
			sum := into[st.SQL()]
			sum.Runs += int64(st.Status(sqlite3.STMTSTATUS_RUN, true))
			sum.Steps += int64(st.Status(sqlite3.STMTSTATUS_VM_STEP, true))
			sum.Plans += int64(st.Status(sqlite3.STMTSTATUS_REPREPARE, true))
			if sum.Runs > 0 {
				into[st.SQL()] = sum
			}
		}
		return nil
	})
}

package jobs_test

import (
	"context"
	"errors"
	"testing"

	"comity/internal/db"
	"comity/internal/jobs"
)

// A database that goes away while a claim is being committed may have stored it.
func Test_what_was_claimed_without_an_answer_is_run_when_the_database_is_back(t *testing.T) {
	for name, stored := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			each(t, func(b bench) {
				attempts := []int{}
				r := b.runner(jobs.Kind{Name: "notice", Run: func(_ context.Context, j jobs.Job) error {
					attempts = append(attempts, j.Attempt)
					return nil
				}})
				b.enqueue(jobs.New{Kind: "notice"}, jobs.New{Kind: "notice"})
				b.d.InterceptCommit(func(commit func() error) error {
					if stored {
						if err := commit(); err != nil {
							b.Error(err)
						}
					}
					return db.ErrCommitUnknown
				})
				if n, err := r.RunDue(context.Background(), 100); n != 0 || !errors.Is(err, db.ErrCommitUnknown) {
					b.Errorf("%d jobs ran: %v", n, err)
				}
				b.d.InterceptCommit(nil)
				b.due(r, 2)
				for _, n := range attempts {
					if n != 1 {
						b.Errorf("it is called attempt %d", n)
					}
				}
			})
		})
	}
}

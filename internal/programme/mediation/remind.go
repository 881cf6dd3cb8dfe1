package mediation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/pack"
	"comity/internal/text"
)

// reminderKind is the job of a reminder to one member of a case. The template's words are under
// notice.mediation_reminder.
const (
	reminderKind     = "mediation.reminder"
	reminderTemplate = "mediation_reminder"
)

// reminder is the payload of the job: who is told of which session, as it then stood. The words are made when
// it is sent.
type reminder struct {
	Session int64  `json:"session"`
	Version int    `json:"version"`
	Member  string `json:"member"`
}

func reminderKey(session int64) string { return fmt.Sprintf("%s:%d:", reminderKind, session) }

// remind orders the reminders of a session: the pack says how long before, and everybody who takes part is
// told in their own way.
func remind(ctx context.Context, tx *db.Tx, m *pack.Mediation, c casework.Case, s Session) error {
	if err := forgetReminders(ctx, tx, s.ID); err != nil || s.Begins.IsZero() {
		return err
	}
	for _, who := range c.Members {
		if who.Left || who.Roll != m.Party && !slices.Contains(m.Others, who.Roll) {
			continue
		}
		for _, hours := range m.Reminders {
			at := s.Begins.Add(-time.Duration(hours) * time.Hour)
			if !at.After(tx.Now) {
				continue
			}
			raw, err := json.Marshal(reminder{s.ID, s.Version, who.ID})
			if err != nil {
				return err
			}
			key := fmt.Sprintf("%s%d:%s:%d", reminderKey(s.ID), s.Version, who.ID, hours)
			if err := jobs.Enqueue(ctx, tx, jobs.New{Kind: reminderKind, Key: key, Payload: raw, RunAt: at}); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetReminders takes back what a session that moved or ended would still have sent.
func forgetReminders(ctx context.Context, tx *db.Tx, session int64) error {
	return jobs.Forget(ctx, tx, reminderKey(session))
}

// sendReminder carries one. A session that changed meanwhile is not told any more.
func (s *service) sendReminder(ctx context.Context, job jobs.Job) error {
	var r reminder
	if err := json.Unmarshal(job.Payload, &r); err != nil {
		return fmt.Errorf("reminder %s: %w", job.Key, err)
	}
	var of Session
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) { of, err = loadSession(ctx, tx, r.Session); return err })
	if errors.Is(err, errNone) {
		return nil // its case went under seal
	}
	if err != nil {
		return fmt.Errorf("reminder %s: %w", job.Key, err)
	}
	if of.State != Called || of.Version != r.Version {
		return nil
	}
	zone := s.Packs.Current().Zone
	return s.Courier.Send(ctx, job, courier.Letter{Case: casework.CaseID(of.Case), Member: r.Member, Template: reminderTemplate, Figures: func(say text.Speaker) []string {
		return []string{"date", say.Date(of.Begins, zone), "time", strings.ReplaceAll(atOf(of.Begins, of.Ends, zone), "-", "–"), "place", of.Place}
	}})
}

package courier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/text"
)

// AlarmKind is the job kind of a message about a look in an emergency.
const AlarmKind = "alarm"

// Alarm stores the job of such a message: what ledger.Config.Alarm wants.
func Alarm(ctx context.Context, tx *db.Tx, a ledger.Alarm) error {
	raw, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return jobs.Enqueue(ctx, tx, jobs.New{Kind: AlarmKind, Key: alarmKey(a.Case) + a.Glass + ":" + a.To, Payload: raw, RunAt: tx.Now})
}

func alarmKey(id casework.CaseID) string { return "alarm:" + string(id) + ":" }

func noticeKey(id casework.CaseID) string { return "notice:" + string(id) + ":" }

// Alarms is the job for jobs.NewRunner.
func (c *Courier) Alarms() jobs.Kind {
	return jobs.Kind{Name: AlarmKind, Run: c.alarm, Completes: true}
}

func (c *Courier) alarm(ctx context.Context, job jobs.Job) error {
	var a ledger.Alarm
	if err := json.Unmarshal(job.Payload, &a); err != nil {
		return fmt.Errorf("alarm %s: %w", job.Key, err)
	}
	if a.To == "resident" {
		return c.Send(ctx, job, Letter{Case: a.Case, Template: "glass", Figures: func(text.Speaker) []string { return nil }})
	}
	look, err := c.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: a.Case, Purpose: ledger.PurposeNotice, Level: authz.Story})
	if err != nil {
		return err
	}
	k := look.Case()
	p := c.Packs.Pack(k.Pack)
	say := c.Words(p).In(p.Langs[0])
	m := Message{Key: job.Key, Case: k.ID, Ref: k.Ref, Template: "glass_unit", Recipient: "unit", Unit: string(a.Unit), Channel: "inbox", Lang: p.Langs[0]}
	m.Body = say.T("notice.glass_unit", "ref", string(k.Ref), "unit", say.T("unit."+string(a.Unit)), "city", say.T("city"), "link", c.Desk+"/desk/emergencies/"+a.Glass)
	return c.DB.Transact(ctx, func(tx *db.Tx) error {
		return errors.Join(jobs.Done(ctx, tx, job), putMessage(ctx, tx, m.sealed(look)))
	})
}

// Owes says whether a message about a case is still to be sent: what ledger.Config.Owes wants.
func Owes(ctx context.Context, tx *db.Tx, id casework.CaseID) (bool, error) {
	notices, err := jobs.Waiting(ctx, tx, noticeKey(id))
	if err != nil || notices {
		return notices, err
	}
	alarms, err := jobs.Waiting(ctx, tx, alarmKey(id))
	if err != nil || alarms {
		return alarms, err
	}
	return jobs.Waiting(ctx, tx, deliveryKey(id))
}

// Forget takes away the messages about a case that goes under seal, what became of them, and their jobs.
func Forget(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	return errors.Join(jobs.Forget(ctx, tx, noticeKey(id)), jobs.Forget(ctx, tx, alarmKey(id)), removeMessages(ctx, tx, id), Erased(ctx, tx, id))
}

// Erased takes away what became of the messages about a case whose words are destroyed; the sealed messages
// open for nobody any more.
func Erased(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
	return errors.Join(jobs.Forget(ctx, tx, deliveryKey(id)), removeDeliveries(ctx, tx, id),
		jobs.Forget(ctx, tx, hookKey(id)), removeHappened(ctx, tx, id))
}

package petition

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/worktime"
)

// Draft is a day as a file writes it; its times are those of the desk's form.
type Draft struct {
	Ahead   int    `yaml:"ahead"` // days from today; a day off moves it on to the next working day
	Unit    string `yaml:"unit"`
	Office  string `yaml:"office"`
	Leader  string `yaml:"leader"`
	Topics  string `yaml:"topics"`
	From    string `yaml:"from"`
	To      string `yaml:"to"`
	Slots   int    `yaml:"slots"`
	Minutes int    `yaml:"minutes"`
	Place   string `yaml:"place"`
}

// Announce publishes a day under the name of an account, checked like one typed at the desk: for the
// demonstration, whose calendar would be empty without it.
func Announce(ctx context.Context, d *db.DB, p *pack.Pack, by string, draft Draft, now time.Time) error {
	day := today(now, p.Zone)
	date := day + worktime.Day(draft.Ahead)
	if c := calendarOf(p); c != nil && !c.Working(date) {
		date = c.AddWorking(date, 1)
	}
	made, bad := dayFrom(p, []org.UnitID{org.UnitID(draft.Unit)}, map[string]string{
		"unit": draft.Unit, "office": draft.Office, "leader": draft.Leader, "topics": draft.Topics, "place": draft.Place, "date": date.String(),
		"from": draft.From, "to": draft.To, "slots": strconv.Itoa(draft.Slots), "minutes": strconv.Itoa(draft.Minutes)}, day)
	if len(bad) > 0 {
		return notGood(draft, bad)
	}
	return d.Transact(ctx, func(tx *db.Tx) error {
		id, err := putDay(ctx, tx, made)
		if err == nil {
			err = record(ctx, tx, id, 0, by, "written", "")
		}
		if err == nil {
			err = publishDay(ctx, tx, id)
		}
		if err == nil {
			err = record(ctx, tx, id, 0, by, "published", "")
		}
		return err
	})
}

func notGood(draft Draft, bad []form.Problem) error {
	return fmt.Errorf("reception of %s in %s: field %s cannot stand (%s)", draft.Office, draft.Unit, bad[0].Field, bad[0].Rule)
}

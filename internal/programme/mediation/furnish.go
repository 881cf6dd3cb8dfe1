package mediation

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
)

// Furniture is a roster and its rooms as a file writes them: for the demonstration, whose centre would be empty
// without it.
type Furniture struct {
	Mediators []struct {
		Unit      string   `yaml:"unit"`
		Name      string   `yaml:"name"`
		Phone     string   `yaml:"phone"`
		Fields    []string `yaml:"fields"`
		Languages []string `yaml:"languages"`
		Hours     string   `yaml:"hours"` // as they are stored; left out: those of an office
		Week      int      `yaml:"week_hours"`
	} `yaml:"mediators"`
	Rooms []struct {
		Unit     string `yaml:"unit"`
		Name     string `yaml:"name"`
		Place    string `yaml:"place"`
		Seats    int    `yaml:"seats"`
		StepFree bool   `yaml:"step_free"`
		Second   bool   `yaml:"second"`
	} `yaml:"rooms"`
}

// Furnish stores them under the name of an account, each checked like one typed at the desk.
func Furnish(ctx context.Context, d *db.DB, p *pack.Pack, by string, f Furniture) error {
	return d.Transact(ctx, func(tx *db.Tx) error {
		for _, x := range f.Mediators {
			raw := map[string]string{"unit": x.Unit, "name": x.Name, "phone": x.Phone, "listed": "yes", "week_hours": strconv.Itoa(x.Week)}
			a, b := lists(p)
			a.tick(raw, x.Fields)
			b.tick(raw, x.Languages)
			hours, ok := parseHours(cmp.Or(x.Hours, officeWeek))
			if !ok {
				return fmt.Errorf("mediator %s: the hours %q are none", x.Name, x.Hours)
			}
			hourValues(raw, hours)
			m, bad := mediatorFrom(p, []org.UnitID{org.UnitID(x.Unit)}, raw, tx.Now)
			if err := sound("mediator "+x.Name, bad); err != nil {
				return err
			}
			m.ChangedBy = by
			id, err := putMediator(ctx, tx, m)
			if err == nil {
				err = record(ctx, tx, "mediator", id, by, "added", "")
			}
			if err != nil {
				return err
			}
		}
		for _, x := range f.Rooms {
			hours, _ := parseHours(officeWeek)
			r := Room{Unit: org.UnitID(x.Unit), Name: x.Name, Place: x.Place, Seats: x.Seats, StepFree: x.StepFree, Second: x.Second, Hours: hours, ChangedBy: by}
			id, err := putRoom(ctx, tx, r)
			if err == nil {
				err = record(ctx, tx, "room", id, by, "added", r.Label())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func sound(what string, bad []form.Problem) error {
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("%s: field %s cannot stand (%s)", what, bad[0].Field, bad[0].Rule)
}

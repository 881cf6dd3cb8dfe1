package consent_test

import (
	"context"
	"testing"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

func Test_whoever_changes_a_row_behind_the_books_back_is_named_by_verify(t *testing.T) {
	for name, statement := range map[string]string{
		"what was given":       `UPDATE consent_changes SET doc = REPLACE(doc, 'employment_office', 'clinic') WHERE seq = 2`,
		"a status":             `UPDATE consent_changes SET doc = REPLACE(doc, '"withdrawn"', '"given"') WHERE seq = 3`,
		"a date":               `UPDATE consent_changes SET doc = REPLACE(doc, '"at":"2', '"at":"1') WHERE seq = 2`,
		"a row, by leaving it": `DELETE FROM consent_changes WHERE seq = 2`,
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.OpenSQLite(t)
			x := newDesk(t, d, "support.carer")
			ctx := context.Background()
			c, _ := x.yes(x.ask(false))
			if _, err := x.book.Withdraw(ctx, x.holder, c.ID); err != nil {
				t.Fatal(err)
			}
			if err := d.Transact(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, statement); return err }); err != nil {
				t.Fatal(err)
			}
			found := 0
			if _, err := x.book.Verify(ctx, func(error) { found++ }); err != nil || found == 0 {
				t.Errorf("nothing was named (%v)", err)
			}
		})
	}
}

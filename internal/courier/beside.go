package courier

import (
	"context"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
)

// Beside are the messages of a case that is copied into a city for measurements. They were sent long ago: nothing is
// delivered for a copy.
func Beside() ledger.Beside {
	return ledger.Beside{Into: intoMessages, Rows: func(ctx context.Context, tx *db.Tx, id casework.CaseID) ([][]any, error) {
		list, err := messagesOf(ctx, tx, id)
		var out [][]any
		for _, m := range list {
			out = append(out, []any{m.Key, string(m.Case), string(m.Ref), m.Template, m.Recipient, m.Unit, m.Channel, m.Address, m.Lang, m.Body, m.At})
		}
		return out, err
	}}
}

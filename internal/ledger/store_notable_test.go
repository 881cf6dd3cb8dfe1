package ledger

import (
	"context"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/vault"
)

func Test_a_page_of_news_reads_one_range_of_a_key(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	ctx := context.Background()
	l, err := Open(ctx, d, Config{Ring: vault.Memory("civic", "std")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	f := NewsFilter{Since: time.Unix(1, 0), Kind: NewsLate, Limit: 50}
	for _, root := range []authz.Root{{Unit: "u"}, {Unit: "u", Programmes: []string{"p"}}} {
		for _, after := range []newsCursor{{}, {set: true, at: 5, n: 5, clock: "c"}} {
			q, args := newsText(root, f, after)
			var plan []string
			err := d.View(ctx, func(tx *db.Tx) (err error) {
				plan, err = db.All(ctx, tx, `EXPLAIN QUERY PLAN `+q, args, func(row db.Scanner) (detail string, err error) {
					var id, parent, unused int64
					return detail, row.Scan(&id, &parent, &unused, &detail)
				})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(plan, "\n")
			if !strings.Contains(all, "SEARCH m USING PRIMARY KEY") || strings.Contains(all, "SCAN") || strings.Contains(all, "TEMP B-TREE") {
				t.Errorf("the plan reads more than its page:\n%s", all)
			}
		}
	}
}

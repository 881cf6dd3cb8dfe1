package ledger

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/db"
)

// What is cut out of a backup made of pages goes by what rows look like, so the schema must not change under it, and
// nothing else may look like that.
func Test_rows_with_keys_look_as_the_rule_for_pages_says_and_no_other_table_does(t *testing.T) {
	d, err := db.Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	type table struct{ name, kinds, columns string }
	var tables []table
	err = d.View(t.Context(), func(tx *db.Tx) (err error) {
		tables, err = db.All(t.Context(), tx, `SELECT s.name, GROUP_CONCAT(CASE WHEN c.type = 'TEXT' THEN 't' WHEN c.type = 'INTEGER' AND c.pk = 0 THEN 'i'
 WHEN c.type = 'INTEGER' THEN 'i' ELSE '-' END, ''), GROUP_CONCAT(c.name) FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table' AND s.name NOT LIKE '%search%' GROUP BY s.name ORDER BY s.name`, nil,
			func(row db.Scanner) (one table, err error) { return one, row.Scan(&one.name, &one.kinds, &one.columns) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, one := range tables {
		switch {
		case one.name == "case_keys":
			found++
			if !strings.HasPrefix(one.kinds, keyKinds) || !strings.HasPrefix(one.columns, "n,slot,wrapped,state,id,") {
				t.Errorf("case_keys is %s (%s); change KeyInPage and KeyOfPage with it", one.columns, one.kinds)
			}
		case one.name == "seal_orders":
			found++
			if one.kinds != orderKinds || !strings.HasSuffix(one.columns, ",wrapped") {
				t.Errorf("seal_orders is %s (%s); change KeyInPage with it", one.columns, one.kinds)
			}
		case one.kinds == orderKinds:
			t.Errorf("table %s looks like seal_orders, its last column would be cut out of backups", one.name)
		case strings.Contains(one.columns, "wrapped"):
			t.Errorf("table %s has a column of wrapped keys that KeyInPage does not know", one.name)
		}
	}
	if found != 2 {
		t.Errorf("only %d of the tables with keys are there", found)
	}
}

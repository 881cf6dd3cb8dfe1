package ledgertest_test

import (
	"testing"

	"comity/internal/ledger/ledgertest"
)

func Test_the_petitions_of_the_tests_keep_every_property(t *testing.T) {
	p := ledgertest.Petitions(t, "../../../packs/demo")
	for _, id := range []string{"plea", "plea-review", "plea-task"} {
		if p.Procedures[id] == nil {
			t.Errorf("no procedure %q", id)
		}
	}
}

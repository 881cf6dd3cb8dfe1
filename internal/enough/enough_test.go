package enough_test

import (
	"testing"

	"pgregory.net/rapid"

	"comity/internal/enough"
)

func Test_draws_go_on_until_everything_named_was_met(t *testing.T) {
	n := 0
	enough.Check(t, []string{"the first", "a late one"}, func(_ *rapid.T, met func(string)) {
		if n++; n == 1 {
			met("the first")
		}
		if n > 150 { // later than one round of draws reaches
			met("a late one")
		}
	})
	if n <= 150 {
		t.Errorf("it stopped after %d draws", n)
	}
}

package pack

import (
	"strings"
	"testing"
)

func Test_mail_is_filed_under_a_category_that_asks_nothing(t *testing.T) {
	files := home()
	files["post.yaml"] = "keepers: [clerk]\ninbound: lamp\n"
	p, err := loadHomeKnowing(files, memory)
	if err != nil || p.Post.Inbound != "lamp" {
		t.Fatalf("%+v, %v", p, err)
	}
	files["post.yaml"] = "keepers: [clerk]\ninbound: nowhere\n"
	if _, err := loadHomeKnowing(files, memory); err == nil || !strings.Contains(err.Error(), "post.yaml:2") || !strings.Contains(err.Error(), `"nowhere"`) {
		t.Errorf("%v", err)
	}
}

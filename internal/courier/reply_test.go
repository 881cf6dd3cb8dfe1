package courier_test

import (
	"testing"

	"comity/internal/casework"
	"comity/internal/courier"
)

func Test_a_mail_to_a_resident_says_where_an_answer_is_taken_in_and_no_other_message_does(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{}
		c.mailed(b)
		c.post.Post.Gateways["mail"] = courier.Gateway{Name: "booth", Send: b.send}
		c.post.Reply = func(id casework.CaseID) string { return "help+" + string(id) + "@city.example" }
		r := c.report("Loose tile", casework.Contact{Channel: "mail", Address: "li@home.example", Lang: "en"})
		c.report("Dark lamp", mobile)
		c.carry()
		if len(b.got) != 2 {
			c.t.Fatalf("the gateway got %+v", b.got)
		}
		for _, p := range b.got {
			if want := map[string]string{"mail": "help+" + string(r.Case) + "@city.example"}[p.Channel]; p.Reply != want {
				c.t.Errorf("%s: an answer goes to %q, want %q", p.Channel, p.Reply, want)
			}
		}
	})
}

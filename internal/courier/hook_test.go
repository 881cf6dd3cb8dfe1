package courier_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/courier/gateway"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/outward"
)

// heard is one event as a receiver of the tests heard it.
type heard struct {
	id, body string
	at       time.Time
}

// hooked opens the city with one receiver.
func (c *city) hooked(events []string, answers *[]courier.Answer) *[]heard {
	c.t.Helper()
	var got []heard
	c.post.Post = &courier.Post{Tries: 3, Hours: 24 * time.Hour, Wait: func(try int) time.Duration { return time.Duration(try) * 10 * time.Minute },
		Hooks: []courier.Hook{{Name: "stats", Events: events, Send: func(_ context.Context, id string, at time.Time, body []byte) courier.Answer {
			got = append(got, heard{id, string(body), at})
			if len(*answers) == 0 {
				return courier.Answer{State: courier.Delivered}
			}
			a := (*answers)[0]
			*answers = (*answers)[1:]
			return a
		}}}}
	c.tells()
	return &got
}

func (c *city) tells() {
	c.t.Helper()
	c.project = func(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
		return c.post.Post.Announce(ctx, tx, k, e)
	}
	var err error
	if c.runner, err = jobs.NewRunner(c.db, c.post.Kind(), c.post.Hooks()); err != nil {
		c.t.Fatal(err)
	}
}

func Test_a_receiver_is_told_what_happened_and_nothing_about_anybody(t *testing.T) {
	each(t, func(c *city) {
		got := c.hooked([]string{"received", "accepted"}, &[]courier.Answer{})
		r := c.report("Loose tile of Mrs Li", mobile)
		c.must(r, "accept")
		c.must(r, "begin")
		c.carry()
		if len(*got) != 2 || (*got)[0].id == (*got)[1].id {
			c.t.Fatalf("told %+v", *got)
		}
		for _, h := range *got {
			var body map[string]any
			if err := json.Unmarshal([]byte(h.body), &body); err != nil {
				c.t.Fatal(err)
			}
			data := body["data"].(map[string]any)
			if len(body) != 3 || len(data) != 4 || data["ref"] != string(r.Ref) || body["type"] != "case."+data["event"].(string) {
				c.t.Errorf("told %s", h.body)
			}
			for _, private := range []string{"Li", "tile", mobile.Address, string(r.Code), "guiyuan"} {
				if strings.Contains(h.body, private) {
					c.t.Errorf("told %s", h.body)
				}
			}
		}
	})
}

func Test_a_receiver_that_refuses_is_told_again_and_what_it_missed_can_be_replayed(t *testing.T) {
	each(t, func(c *city) {
		no := courier.Answer{State: courier.Temporary, Words: "503 away\r\n"}
		got := c.hooked([]string{"received"}, &[]courier.Answer{no, no, no})
		c.set(at(2, 10))
		c.report("Loose tile", mobile)
		for i := range 5 {
			c.set(at(2, 10+i))
			c.carry()
		}
		if len(*got) != 3 || (*got)[0].id != (*got)[2].id || (*got)[0].at.Equal((*got)[2].at) || (*got)[0].body != (*got)[2].body {
			c.t.Fatalf("told %+v", *got)
		}
		states, err := c.post.HookStates(c.t.Context())
		if err != nil || len(states) != 1 || states[0].Counts[courier.Permanent] != 1 || states[0].Last != "503 away" || !states[0].Since.Equal(at(2, 10)) {
			c.t.Errorf("it stands so: %+v, %v", states, err)
		}
		if n, err := c.post.Replay(c.t.Context(), "stats", at(2, 11), at(3, 0)); err != nil || n != 0 {
			c.t.Errorf("of another time %d are told again, %v", n, err)
		}
		if n, err := c.post.Replay(c.t.Context(), "stats", at(2, 9), at(2, 11)); err != nil || n != 1 {
			c.t.Fatalf("%d are told again, %v", n, err)
		}
		c.carry()
		if states, err = c.post.HookStates(c.t.Context()); err != nil || len(*got) != 4 || (*got)[3].id != (*got)[0].id || states[0].Counts[courier.Delivered] != 1 || !states[0].Since.IsZero() {
			c.t.Errorf("told %+v, it stands %+v, %v", *got, states, err)
		}
		if n, err := c.post.Replay(c.t.Context(), "stats", at(2, 9), at(2, 11)); err != nil || n != 1 { // what was taken can be told again too
			c.t.Errorf("%d are told again, %v", n, err)
		}
		c.carry()
		if _, err := c.post.Replay(c.t.Context(), "nobody", at(2, 9), at(2, 11)); err != courier.ErrNoHook {
			c.t.Errorf("got %v", err)
		}
		if err := c.post.TidyHooks(c.t.Context(), at(3, 0)); err != nil {
			c.t.Fatal(err)
		}
		if n, err := c.post.Replay(c.t.Context(), "stats", at(2, 9), at(2, 11)); err != nil || n != 0 || len(*got) != 5 {
			c.t.Errorf("after tidying %d are told again, %v", n, err)
		}
	})
}

func Test_a_replay_whose_transaction_runs_again_leaves_no_event_out(t *testing.T) {
	each(t, func(c *city) {
		got := c.hooked([]string{"received"}, &[]courier.Answer{})
		c.set(at(2, 10))
		c.report("Loose tile", mobile)
		c.report("Dark lamp", mobile)
		c.carry()
		again := true
		c.db.InterceptCommit(func(commit func() error) error {
			if again {
				again = false
				return &pgconn.PgError{Code: "40001"} // two writers met, and the engine asks to come again
			}
			return commit()
		})
		n, err := c.post.Replay(c.t.Context(), "stats", at(2, 9), at(2, 11))
		c.db.InterceptCommit(nil)
		c.carry()
		if err != nil || n != 2 || len(*got) != 4 {
			c.t.Errorf("%d are told again, %v; the receiver heard %d", n, err, len(*got))
		}
	})
}

func Test_an_event_reaches_a_real_receiver_which_verifies_it(t *testing.T) {
	each(t, func(c *city) {
		secret, err := gateway.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		if err != nil {
			c.t.Fatal(err)
		}
		verified := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if signed(r.Header, body, secret) {
				verified++
			}
		}))
		c.t.Cleanup(s.Close)
		u, _ := url.Parse(s.URL)
		hook := gateway.Webhook{Name: "stats", URL: s.URL, Secrets: [][]byte{secret}, Timeout: 5 * time.Second, Guard: outward.Guard{Hosts: []string{u.Host}}}
		c.post.Post = &courier.Post{Tries: 3, Hours: time.Hour, Wait: func(int) time.Duration { return time.Minute }, Hooks: []courier.Hook{hook.Hook()}}
		c.tells()
		c.report("Loose tile", mobile)
		c.carry()
		if verified == 0 {
			c.t.Error("nothing arrived that verifies")
		}
	})
}

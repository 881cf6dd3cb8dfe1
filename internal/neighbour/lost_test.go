package neighbour_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/neighbour"
	"comity/internal/pack"
)

// withdraws has the resident take a matter back.
func (c *city) withdraws(k casework.Case) {
	c.t.Helper()
	c.act(authz.Holder(string(k.ID)), k, "withdraw")
}

func (c *city) toldOf(id string) (out []string) {
	for _, u := range c.theirs.told {
		if u.Get("service_request_id") == id {
			out = append(out, u.Get("status"))
		}
	}
	return out
}

// dies runs what hands over up to the call, which arrives, and lives no longer.
func (c *city) dies(k casework.Case, id string) {
	c.t.Helper()
	s := c.newest(k)
	runner, err := jobs.NewRunner(c.db, jobs.Kind{Name: "neighbour.carry", MaxAttempts: 10, Run: func(ctx context.Context, job jobs.Job) error {
		if err := c.office.Starts(ctx, job, s.ID); err != nil {
			return err
		}
		c.theirs.set(func() {
			c.theirs.reports = append(c.theirs.reports, theirs{id: id, at: c.at, state: "open", form: map[string][]string{"service_code": {"road.pothole"}, "description": {"… " + string(k.Ref)}}})
		})
		return errors.New("killed")
	}})
	must(c.t, err)
	_, err = runner.RunDue(c.t.Context(), 1)
	must(c.t, err)
}

func Test_what_was_called_off_after_it_was_tried_is_looked_for_and_the_neighbour_told(t *testing.T) {
	each(t, func(c *city) {
		c.work()
		dead := c.offered()
		c.dies(dead, "77")
		c.withdraws(dead)
		c.node(c.city.Pack)
		c.later(10 * time.Minute)
		if s := c.sends(dead); c.get(dead.ID).Holder != "linjiang" || len(s) != 2 || s[1].State != courier.Delivered || fmt.Sprint(c.toldOf("77")) != "[CANCELLED]" {
			c.t.Errorf("of a process that died they were told %q; sent %+v", c.toldOf("77"), s)
		}

		c.theirs.set(func() { c.theirs.silent = 1 })
		lost := c.offered()
		c.work()
		c.withdraws(lost)
		c.work()
		if got := c.toldOf(c.number(lost)); fmt.Sprint(got) != "[CANCELLED]" {
			c.t.Errorf("of the one whose answer was lost they were told %q", got)
		}

		c.theirs.set(func() { c.theirs.tokens, c.theirs.numbered = true, false })
		k := c.offered()
		c.work()
		c.withdraws(k)
		c.work()
		c.theirs.set(func() { c.theirs.tokens, c.theirs.numbered = false, true })
		c.later(11 * time.Minute)
		if got := c.toldOf(c.number(k)); fmt.Sprint(got) != "[CANCELLED]" {
			c.t.Errorf("of the one with a token they were told %q", got)
		}

		told, posts := len(c.theirs.told), 0
		c.theirs.set(func() {
			c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost {
					posts++
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return r.Method == http.MethodPost
			}
		})
		never := c.offered()
		c.work()
		c.withdraws(never)
		for range 6 {
			c.later(11 * time.Minute)
		}
		if s := c.newest(never); s.State != courier.Cancelled || !s.Next.IsZero() || len(c.theirs.told) != told || posts != 1 {
			c.t.Errorf("what never arrived is %s, next at %v, told %d, posted %d", s.State, s.Next, len(c.theirs.told)-told, posts)
		}
	})
}

func Test_what_comes_back_to_a_neighbour_is_handed_over_once_where_it_is_still_there_and_anew_where_it_was_done(t *testing.T) {
	each(t, func(c *city) {
		c.theirs.set(func() { c.theirs.silent = 1 })
		k := c.offered()
		c.work()
		there := authz.Staff("gao", []authz.Grant{{Role: "officer", Unit: "donghe"}})
		c.act(there, k, "turn_back", "reason", "先退回")
		c.act(street, k, "offer", "unit", "donghe", "reason", "还是归东河区")
		c.work()
		if now := c.get(k.ID); len(c.theirs.reports) != 1 || now.Holder != "donghe" || len(c.theirs.told) != 0 {
			c.t.Fatalf("%d arrived, it is %s with %s, told %v", len(c.theirs.reports), now.State, now.Holder, c.theirs.told)
		}

		k = c.offered()
		c.work()
		c.act(street, k, "take_over", "reason", "市里直接处理")
		c.work()
		c.theirs.set(func() { c.theirs.silent = 1 })
		c.act(street, k, "offer", "unit", "donghe", "reason", "还是归东河区")
		c.work()
		c.later(11 * time.Minute)
		if now := c.get(k.ID); len(c.theirs.reports) != 3 || now.Holder != "donghe" || len(c.toldOf("1002")) != 1 || len(c.toldOf("1003")) != 0 {
			c.t.Errorf("%d arrived, it is %s with %s, told %v", len(c.theirs.reports), now.State, now.Holder, c.theirs.told)
		}
	})
}

func Test_what_is_sent_again_by_hand_is_looked_for_too(t *testing.T) {
	each(t, func(c *city) {
		blind := true
		c.theirs.set(func() {
			c.theirs.silent = 1
			c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
				if blind && r.Method == http.MethodGet {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return blind && r.Method == http.MethodGet
			}
		})
		k := c.offered()
		for range 6 {
			c.later(11 * time.Minute)
		}
		if s := c.newest(k); s.State != courier.Permanent || len(c.theirs.reports) != 1 {
			c.t.Fatalf("it is %s, %d arrived", s.State, len(c.theirs.reports))
		}
		blind = false
		must(c.t, c.decide(k, neighbour.Again, ""))
		c.work()
		if c.newest(k).State != courier.Delivered || len(c.theirs.reports) != 1 {
			c.t.Errorf("it is %s, %d arrived", c.newest(k).State, len(c.theirs.reports))
		}
	})
}

func Test_a_long_report_still_ends_in_our_number(t *testing.T) {
	each(t, func(c *city) {
		c.theirs.set(func() { c.theirs.silent = 1 })
		k := c.wrote(strings.Repeat("坑", casework.MaxText))
		c.act(street, k, "offer", "unit", "donghe", "reason", "在东河区")
		c.work()
		c.later(11 * time.Minute)
		if len(c.theirs.reports) != 1 || c.number(k) == "" {
			c.t.Errorf("%d arrived", len(c.theirs.reports))
		}
	})
}

// kind runs the work of one kind that is due.
func (c *city) kind(name string) {
	c.t.Helper()
	for _, k := range c.office.Jobs() {
		if k.Name == name {
			r, err := jobs.NewRunner(c.db, k)
			must(c.t, err)
			_, err = r.RunDue(c.t.Context(), 100)
			must(c.t, err)
		}
	}
}

func Test_news_that_is_here_before_the_arrival_was_carried_out_waits_for_it(t *testing.T) {
	each(t, func(c *city) {
		k := c.offered()
		c.kind("neighbour.carry")
		c.says("1001", "fixed", "已修补并压实。")
		c.set(c.at.Add(6 * time.Minute))
		c.kind("neighbour.poll")
		c.work()
		if now := c.get(k.ID); now.State != "answered" || now.Holder != "donghe" {
			c.t.Errorf("it is %s with %s", now.State, now.Holder)
		}
	})
}

func Test_what_was_done_there_before_its_number_was_known_is_heard_however_long_ago(t *testing.T) {
	each(t, func(c *city) {
		c.theirs.set(func() { c.theirs.tokens, c.theirs.numbered = true, false })
		k := c.offered()
		c.work()
		c.says("1001", "fixed", "已修补并压实。")
		for range 8 {
			c.later(5 * time.Hour)
		}
		if s := c.newest(k); s.State != courier.Permanent {
			c.t.Fatalf("it is %s", s.State)
		}
		must(c.t, c.decide(k, neighbour.Number, "1001"))
		c.work()
		c.later(6 * time.Minute)
		if now := c.get(k.ID); now.State != "answered" {
			c.t.Errorf("it is %s with %s", now.State, now.Holder)
		}
	})
}

func Test_news_without_a_date_that_reads_is_heard_once_and_characters_that_steer_are_left_out(t *testing.T) {
	each(t, func(c *city) {
		k := c.offered()
		c.work()
		c.theirs.set(func() {
			c.theirs.updates = append(c.theirs.updates,
				theirNews{strings.Repeat("9", 4000), "1001", "investigating", "too long an id", c.at.Format(time.RFC3339)},
				theirNews{"u1", "1001", "fixed", "已修补\u0092并压实。", "2026-03-02T09:05:00"})
		})
		c.later(6 * time.Minute)
		now, events := c.city.Opened(c.t, k.ID)
		if now.State != "answered" || now.Answer["answer"] != "已修补并压实。" {
			c.t.Errorf("it is %s, %q", now.State, now.Answer)
		}
		c.later(6 * time.Minute)
		if n := len(c.events(k)); n != len(events) {
			c.t.Errorf("%d events, then %d", len(events), n)
		}
	})
}

func Test_a_list_of_theirs_that_does_not_come_keeps_no_news_away(t *testing.T) {
	each(t, func(c *city) {
		k := c.offered()
		c.work()
		c.theirs.set(func() {
			c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/requests.xml") {
					w.WriteHeader(http.StatusInternalServerError)
				}
				return strings.HasSuffix(r.URL.Path, "/requests.xml")
			}
		})
		c.says("1001", "in_progress", "")
		c.later(6 * time.Minute)
		polls, err := c.office.Polls(c.t.Context())
		if err != nil || polls[0].Failed.IsZero() || c.get(k.ID).State != "in_hand" {
			c.t.Errorf("it is %s; polled %+v (%v)", c.get(k.ID).State, polls, err)
		}
	})
}

func Test_what_was_requested_there_before_the_first_question_stays_theirs(t *testing.T) {
	each(t, func(c *city) {
		old := func(id, at string) theirs {
			r := request(id, "")
			r.xml = strings.Replace(r.xml, "2026-03-02T09:00:00+08:00", at, 1)
			return r
		}
		c.theirs.set(func() {
			c.theirs.reports = []theirs{old("O1", "2026-03-02T08:00:00+08:00"), old("O2", "2025-06-01T08:00:00+08:00"), request(strings.Repeat("7", 400), "")}
		})
		c.work()
		c.later(6 * time.Minute)
		c.theirs.set(func() { c.theirs.reports = append(c.theirs.reports, old("N1", "2026-03-02T09:03:00+08:00")) })
		c.later(6 * time.Minute)
		list, err := c.city.Reader.Worklist(c.t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 100})
		must(c.t, err)
		if len(list.Items) != 1 {
			c.t.Errorf("%d cases", len(list.Items))
		}
	})
}

func Test_a_matter_goes_back_by_the_act_of_who_decided_it_and_with_a_word_why(t *testing.T) {
	each(t, func(c *city) {
		c.theirs.set(func() {
			c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
		})
		k := c.offered()
		c.work()
		var no *casework.Refusal
		if err := c.decide(k, neighbour.Cancel, " "); !errors.As(err, &no) || no.Rule != neighbour.RuleWhy {
			c.t.Errorf("without a word why: %v", err)
		}
		must(c.t, c.decide(k, neighbour.Cancel, "电话里说不归他们管"))
		now := c.get(k.ID)
		events := c.events(k)
		last := events[len(events)-1]
		if now.Holder != "linjiang" || last.By.Actor != "wu" || last.By.Unit != "donghe" {
			c.t.Errorf("it is %s with %s, by %+v", now.State, now.Holder, last.By)
		}
		tried := c.tries(k)
		if s := c.newest(k); s.State != courier.Cancelled || s.Reason != "by_hand" || tried[len(tried)-1].Actor != "wu" {
			c.t.Errorf("it is %s (%s), %+v", s.State, s.Reason, tried)
		}
	})
}

func Test_a_matter_that_cannot_go_back_is_not_called_off(t *testing.T) {
	each(t, func(c *city) {
		c.theirs.set(func() {
			c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
		})
		k := c.offered()
		c.work()
		var no *casework.Refusal
		if err := c.decide(k, neighbour.Cancel, "不归他们管"); !errors.As(err, &no) || no.Rule != neighbour.RuleStays || c.newest(k).State != courier.Temporary {
			c.t.Errorf("%v; it is %s", err, c.newest(k).State)
		}
	}, func(n *pack.Neighbour) { n.Says = nil })
}

func Test_a_request_whose_case_is_gone_is_not_taken_in_anew(t *testing.T) {
	each(t, func(c *city) {
		c.work()
		c.theirs.set(func() { c.theirs.reports = []theirs{request("L1", "")} })
		c.later(6 * time.Minute)
		list, err := c.city.Reader.Worklist(c.t.Context(), authz.Machine().Scope(), ledger.Filter{Limit: 100})
		must(c.t, err)
		id := list.Items[0].ID
		must(c.t, c.db.Transact(c.t.Context(), func(tx *db.Tx) error { return neighbour.Forget(c.t.Context(), tx, id) }))
		known, of, err := c.office.Knows(c.t.Context(), "donghe", "L1")
		if err != nil || !known || of != "" {
			c.t.Errorf("known %v as %q (%v)", known, of, err)
		}
	})
}

func Test_what_they_repeat_of_an_answer_is_not_kept(t *testing.T) {
	each(t, func(c *city) {
		c.theirs.set(func() {
			c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost {
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprintf(w, `<errors><error><code>400</code><description>no such value: %s</description></error></errors>`, secretAnswer)
				}
				return r.Method == http.MethodPost
			}
		})
		k := c.offered()
		c.work()
		if tried := c.tries(k); len(tried) != 1 || strings.Contains(tried[0].Words, "何家老宅") {
			c.t.Errorf("kept %+v", tried)
		}
	}, func(n *pack.Neighbour) { n.Sends[0].Attributes = map[string]string{"where": secretAnswer} })
}

const secretAnswer = "住在何家老宅后面第二个院子里的那一户"

func Test_a_page_in_place_of_an_answer_does_not_mean_that_they_were_told(t *testing.T) {
	each(t, func(c *city) {
		page := true
		c.theirs.set(func() {
			c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
				other := page && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/servicerequestupdates.xml")
				if other {
					fmt.Fprint(w, "<html><body>Sign in</body></html>")
				}
				return other
			}
		})
		k := c.offered()
		c.work()
		c.withdraws(k)
		c.work()
		if s := c.newest(k); s.Kind != neighbour.Update || s.State != courier.Temporary {
			c.t.Fatalf("it is %s", s.State)
		}
		page = false
		c.later(11 * time.Minute)
		if s := c.newest(k); s.State != courier.Delivered || len(c.theirs.told) != 1 {
			c.t.Errorf("it is %s, told %v", s.State, c.theirs.told)
		}
	})
}

func Test_a_list_without_end_is_not_read(t *testing.T) {
	each(t, func(c *city) {
		c.theirs.set(func() {
			c.theirs.wrong = func(w http.ResponseWriter, r *http.Request) bool {
				fmt.Fprint(w, "<service_requests>"+strings.Repeat("<request/>", 30_000)+"</service_requests>")
				return true
			}
		})
		c.work()
		c.later(6 * time.Minute)
		if polls, err := c.office.Polls(c.t.Context()); err != nil || !strings.Contains(polls[0].Words, "more than 20000 items") {
			c.t.Errorf("polled %+v (%v)", polls, err)
		}
	})
}

package courier_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/courier/gateway"
	"comity/internal/courier/gateway/smtptest"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/outward"
	"comity/internal/procedure"
)

// booth is a gateway of the tests: it notes what it is handed and answers as it is told.
type booth struct {
	got  []courier.Parcel
	says []courier.Answer // one after another; afterwards it takes everything
}

func (b *booth) send(_ context.Context, p courier.Parcel) courier.Answer {
	b.got = append(b.got, p)
	if len(b.says) == 0 {
		return courier.Answer{State: courier.Delivered, Words: "taken", ID: "7"}
	}
	a := b.says[0]
	b.says = b.says[1:]
	return a
}

// mailed opens the city with a way out for text messages, and with deliveries among its jobs.
func (c *city) mailed(b *booth) {
	c.t.Helper()
	c.post.Post = &courier.Post{Gateways: map[string]courier.Gateway{"sms": {Name: "booth", Send: b.send}}, Tries: 3, Hours: 24 * time.Hour,
		Wait: func(try int) time.Duration { return time.Duration(try) * 10 * time.Minute }}
	c.runners()
}

func (c *city) runners() {
	c.t.Helper()
	var err error
	if c.runner, err = jobs.NewRunner(c.db, c.post.Kind(), c.post.Deliveries()); err != nil {
		c.t.Fatal(err)
	}
}

// everywhere is the reach of whoever looks after all messages.
var everywhere = []courier.Reach{{Place: "/linjiang/"}}

func (c *city) deliveries() []courier.Delivery {
	c.t.Helper()
	list, err := c.post.List(c.t.Context(), courier.Filter{Reach: everywhere, Limit: 100})
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// only is the one delivery there is, in a state and for a reason.
func (c *city) only(state courier.State, reason string) courier.Delivery {
	c.t.Helper()
	list := c.deliveries()
	if len(list) != 1 || list[0].State != state || list[0].Reason != reason {
		c.t.Fatalf("want one delivery that is %s (%s), got %+v", state, reason, list)
	}
	return list[0]
}

func (c *city) attempts(d courier.Delivery) []courier.Attempt {
	c.t.Helper()
	_, list, err := c.post.Delivery(c.t.Context(), everywhere, d.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

func Test_a_message_leaves_by_the_gateway_of_its_channel_and_the_ledger_says_so(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{}
		c.mailed(b)
		r := c.report("Loose tile", mobile)
		c.carry()
		d := c.only(courier.Delivered, "")
		if len(b.got) != 1 || b.got[0].Address != mobile.Address || !strings.Contains(b.got[0].Text, string(r.Code)) || b.got[0].Lang != "en" || b.got[0].Subject == "" {
			c.t.Fatalf("the gateway got %+v", b.got)
		}
		if strings.Contains(b.got[0].Key, string(r.Case)) || strings.Contains(b.got[0].Key, string(r.Ref)) {
			c.t.Errorf("the key tells of the case: %s", b.got[0].Key)
		}
		a := c.attempts(d)
		if len(a) != 1 || a[0].Gateway != "booth" || a[0].Outcome != "delivered" || a[0].Words != "taken" || a[0].External != "7" || a[0].Ended.IsZero() {
			c.t.Errorf("the attempts are %+v", a)
		}
		if d.Ref != r.Ref || d.Template != "received" || d.Channel != "sms" || d.Tries != 1 || d.Place != "/linjiang/binjiang/guiyuan/" {
			c.t.Errorf("the delivery is %+v", d)
		}
		if n := c.sent(r); n != 1 {
			c.t.Errorf("recorded %d times", n)
		}
	})
}

func Test_without_a_way_out_messages_stay_in_the_inbox(t *testing.T) {
	each(t, func(c *city) {
		c.mailed(&booth{})
		c.report("Loose tile", casework.Contact{Channel: "mail", Address: "li@example.org", Lang: "en"}) // only text messages have a gateway
		if m := c.carry(); len(m) != 1 || len(c.deliveries()) != 0 {
			c.t.Errorf("messages %+v, deliveries %+v", m, c.deliveries())
		}
		c.post.Post = nil
		c.report("Another tile", mobile)
		if m := c.carry(); len(m) != 1 || len(c.deliveries()) != 0 {
			c.t.Errorf("messages %+v, deliveries %+v", m, c.deliveries())
		}
	})
}

func Test_a_refusal_for_now_is_tried_again_after_growing_waits_until_the_tries_are_over(t *testing.T) {
	each(t, func(c *city) {
		busy := courier.Answer{State: courier.Temporary, Words: "451 try later"}
		b := &booth{says: []courier.Answer{busy, busy, busy}}
		c.mailed(b)
		begin := at(2, 10)
		c.set(begin)
		c.report("Loose tile", mobile)
		c.carry()
		if d := c.only(courier.Temporary, ""); !d.Next.Equal(begin.Add(10 * time.Minute)) {
			c.t.Errorf("the next try is at %s", d.Next)
		}
		c.set(begin.Add(9 * time.Minute))
		c.carry()
		if len(b.got) != 1 {
			c.t.Fatalf("tried %d times before its time", len(b.got))
		}
		c.set(begin.Add(10 * time.Minute))
		c.carry()
		c.set(begin.Add(31 * time.Minute))
		c.carry()
		d := c.only(courier.Permanent, "given_up")
		if len(b.got) != 3 || b.got[0].Key != b.got[2].Key || len(c.attempts(d)) != 3 {
			c.t.Errorf("tried %+v", b.got)
		}
		c.set(begin.Add(48 * time.Hour))
		c.carry()
		if len(b.got) != 3 {
			c.t.Error("tried again after it was given up")
		}
	})
}

func Test_the_hours_of_a_message_end_its_tries_too(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{says: []courier.Answer{{State: courier.Temporary}}}
		c.mailed(b)
		c.post.Post.Wait = func(int) time.Duration { return 25 * time.Hour }
		c.report("Loose tile", mobile)
		c.carry()
		c.only(courier.Permanent, "given_up")
	})
}

func Test_a_refusal_for_good_waits_for_a_person_who_sends_it_again(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{says: []courier.Answer{{State: courier.Permanent, Words: "550 no such number 13800001111 (+86 138 0000 1111)\r\nli@example.org\x1b[31m" + strings.Repeat("x", 500)}}}
		c.mailed(b)
		c.report("Loose tile", mobile)
		c.carry()
		d := c.only(courier.Permanent, "refused")
		words := c.attempts(d)[0].Words
		if strings.Contains(words, "1380") || strings.Contains(words, "0000") || strings.Contains(words, "li@") || strings.ContainsAny(words, "\r\n\x1b") || len([]rune(words)) > 300 || !strings.Contains(words, "550 no such number") {
			c.t.Errorf("kept are the words %q", words)
		}
		for _, no := range []courier.Deed{courier.Again, courier.Cancel} {
			if err := c.post.Decide(c.t.Context(), []courier.Reach{{Place: "/linjiang/donghu/"}}, d.ID, no, "zhou"); !errors.Is(err, courier.ErrNone) {
				c.t.Errorf("somebody without reach may %s: %v", no, err)
			}
		}
		if err := c.post.Decide(c.t.Context(), everywhere, d.ID, courier.Again, "zhou"); err != nil {
			c.t.Fatal(err)
		}
		c.carry()
		d = c.only(courier.Delivered, "")
		a := c.attempts(d)
		if len(b.got) != 2 || b.got[0].Key != b.got[1].Key || len(a) != 3 || a[1].Actor != "zhou" || a[1].Outcome != "created" {
			c.t.Errorf("the attempts are %+v", a)
		}
		var no *casework.Refusal
		if err := c.post.Decide(c.t.Context(), everywhere, d.ID, courier.Cancel, "zhou"); !errors.As(err, &no) {
			c.t.Errorf("a delivered message is cancelled: %v", err)
		}
		if err := c.post.Decide(c.t.Context(), everywhere, d.ID, courier.CameBack, "zhou"); err != nil {
			c.t.Fatal(err)
		}
		c.only(courier.Returned, "by_hand")
		if err := c.post.Decide(c.t.Context(), everywhere, d.ID, courier.ByHand, "zhou"); err != nil {
			c.t.Fatal(err)
		}
		c.only(courier.Delivered, "by_hand")
	})
}

func Test_a_cancelled_message_is_not_sent_although_its_job_was_waiting(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{says: []courier.Answer{{State: courier.Temporary}}}
		c.mailed(b)
		c.report("Loose tile", mobile)
		c.carry()
		d := c.only(courier.Temporary, "")
		if err := c.post.Decide(c.t.Context(), everywhere, d.ID, courier.Cancel, "zhou"); err != nil {
			c.t.Fatal(err)
		}
		c.set(at(4, 10))
		c.carry()
		if c.only(courier.Cancelled, "by_hand"); len(b.got) != 1 {
			c.t.Errorf("sent %d times", len(b.got))
		}
	})
}

// dies runs what is due in a process that dies when it wants to write down how a try ended.
func (c *city) dies(b *booth) {
	c.t.Helper()
	before := len(b.got)
	died := errors.New("the process died")
	c.db.InterceptCommit(func(commit func() error) error {
		if len(b.got) > before {
			return died
		}
		return commit()
	})
	for range 5 {
		c.runner.RunDue(c.t.Context(), 50)
	}
	c.db.InterceptCommit(nil)
	if len(b.got) != before+1 {
		c.t.Fatalf("before it died it called the gateway %d times", len(b.got)-before)
	}
}

func Test_a_process_that_dies_between_gateway_and_record_sends_once_more_and_says_so(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{}
		c.mailed(b)
		c.set(at(2, 10))
		c.report("Loose tile", mobile)
		c.dies(b)
		if d := c.only(courier.Sending, ""); len(c.attempts(d)) != 1 || !c.attempts(d)[0].Ended.IsZero() {
			c.t.Errorf("the attempts are %+v", c.attempts(d))
		}
		c.carry()
		if len(b.got) != 1 {
			c.t.Fatal("sent again while the lease runs")
		}
		c.set(at(2, 11))
		c.carry()
		d := c.only(courier.Delivered, "")
		a := c.attempts(d)
		if len(b.got) != 2 || b.got[0].Key != b.got[1].Key || len(a) != 2 || a[0].Outcome != "unclear" || a[1].Outcome != "delivered" || d.Unclear != 1 {
			c.t.Errorf("after %d sends the attempts are %+v", len(b.got), a)
		}
	})
}

func Test_a_message_whose_process_dies_twice_is_not_sent_a_third_time_by_itself(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{}
		c.mailed(b)
		c.set(at(2, 10))
		c.report("Loose tile", mobile)
		c.dies(b)
		c.set(at(2, 11))
		c.dies(b)
		c.set(at(2, 12))
		c.carry()
		if d := c.only(courier.Permanent, "unclear"); len(b.got) != 2 || len(c.attempts(d)) != 2 {
			c.t.Errorf("sent %d times", len(b.got))
		}
	})
}

func Test_a_record_that_was_stored_although_the_commit_failed_sends_nothing_again(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{}
		c.mailed(b)
		c.set(at(2, 10))
		c.report("Loose tile", mobile)
		lost := errors.New("the answer to the commit was lost")
		c.db.InterceptCommit(func(commit func() error) error {
			if len(b.got) > 0 {
				return errors.Join(commit(), lost)
			}
			return commit()
		})
		for range 5 {
			c.runner.RunDue(c.t.Context(), 50)
		}
		c.db.InterceptCommit(nil)
		c.set(at(2, 11))
		c.carry()
		if c.only(courier.Delivered, ""); len(b.got) != 1 {
			c.t.Errorf("sent %d times", len(b.got))
		}
	})
}

func Test_text_messages_wait_for_the_morning_and_what_is_urgent_does_not(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{}
		c.mailed(b)
		c.set(at(2, 22))
		c.report("Loose tile", mobile)
		c.carry()
		if d := c.only(courier.Created, "quiet"); len(b.got) != 0 || !d.Next.Equal(at(3, 8)) {
			c.t.Fatalf("it leaves at %s, after %d sends", d.Next, len(b.got))
		}
		c.set(at(3, 8))
		c.carry()
		if c.only(courier.Delivered, ""); len(b.got) != 1 {
			c.t.Errorf("sent %d times", len(b.got))
		}
		c.pack.Post.Urgent = append(c.pack.Post.Urgent, "received")
		defer func() { c.pack.Post.Urgent = c.pack.Post.Urgent[:len(c.pack.Post.Urgent)-1] }()
		c.set(at(3, 23))
		c.report("A hole in the road", mobile)
		if c.carry(); len(b.got) != 2 {
			c.t.Errorf("what is urgent waits: %+v", c.deliveries())
		}
	})
}

func Test_a_try_that_would_fall_into_the_night_waits_for_the_morning(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{says: []courier.Answer{{State: courier.Temporary}}}
		c.mailed(b)
		c.set(at(2, 21).Add(25 * time.Minute))
		c.report("Loose tile", mobile)
		c.carry()
		if d := c.only(courier.Temporary, ""); !d.Next.Equal(at(3, 8)) {
			c.t.Errorf("the next try is at %s", d.Next)
		}
	})
}

func Test_the_same_thing_is_not_said_twice_within_minutes(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{}
		c.mailed(b)
		c.set(at(2, 10))
		r := c.report("Loose tile", mobile)
		c.must(r, "accept")
		c.must(r, "begin")
		c.carry()
		c.must(r, "extend", "days", "2", "reason", "The stone has to be ordered.")
		c.carry()
		before := len(b.got)
		c.set(at(2, 10).Add(5 * time.Minute))
		c.must(r, "extend", "days", "3", "reason", "It has to be ordered anew.")
		c.carry()
		if last := c.deliveries()[0]; len(b.got) != before || last.State != courier.Cancelled || last.Reason != "again" || last.Template != "extended" {
			c.t.Errorf("after %d sends the last delivery is %+v", len(b.got)-before, last)
		}
	})
}

func Test_deliveries_go_with_the_case_to_another_unit_and_with_its_words_when_they_are_erased(t *testing.T) {
	each(t, func(c *city) {
		b := &booth{says: []courier.Answer{{State: courier.Permanent}}}
		c.mailed(b)
		r := c.report("Loose tile", mobile)
		c.carry()
		c.must(r, "offer", "unit", "wangchuan", "reason", "The tile lies on your side.")
		grants := []authz.Grant{{Role: "clerk", Unit: "wangchuan"}}
		if _, err := c.ledger.Do(c.t.Context(), authz.Staff("wu", grants), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "take"}); err != nil {
			c.t.Fatal(err)
		}
		c.carry()
		for _, d := range c.deliveries() {
			if d.Place != "/linjiang/binjiang/wangchuan/" {
				c.t.Errorf("a delivery stays at %s", d.Place)
			}
		}
		if _, err := c.ledger.Do(c.t.Context(), authz.Holder(string(r.Case)), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
			c.t.Fatal(err)
		}
		c.carry()
		if _, err := c.ledger.Erase(c.t.Context(), authz.Machine(), r.Case, ledger.GroundUnlawful, procedure.Law{ID: "PI", Article: "47"}, "1/2026"); err != nil {
			c.t.Fatal(err)
		}
		if list := c.deliveries(); len(list) != 0 {
			c.t.Errorf("after the erasure there are %+v", list)
		}
	})
}

func Test_what_gateways_say_is_kept_without_the_person_it_is_about(t *testing.T) {
	p := courier.Parcel{Address: "13800001111", Text: "Your tile is fixed."}
	for said, want := range map[string]string{
		"550 <li@example.org>: unknown":            "550 <…>: unknown",
		"bad number 86-138-0000-1111!":             "bad number …!",
		"refused: Your tile is fixed. (spam)":      "refused: … (spam)",
		`{"echo":"Your\u0020tile is\nfix","no":1}`: `{"echo":"…","no":1}`,
		"a\r\nb\tc\x00\u202ed":                     "a b c d",
		"code 40301":                               "code 40301",
		"":                                         "",
		"broken \xff\xfe bytes":                    "broken bytes",
		"13800001111 13800001111 and 1380000111":   "… … and …",
	} {
		if got := courier.Said(said, p); got != want && !strings.HasPrefix(said, "1380") {
			t.Errorf("%q is kept as %q, want %q", said, got, want)
		} else if strings.Contains(got, "1380") {
			t.Errorf("%q is kept as %q", said, got)
		}
	}
}

func Test_the_whole_way_to_a_mail_relay(t *testing.T) {
	each(t, func(c *city) {
		relay := smtptest.Start(c.t, smtptest.Plain)
		c.mailed(&booth{})
		g := &gateway.SMTP{Name: "relay", Host: relay.Host, Port: relay.Port, Security: gateway.Plain, Timeout: 5 * time.Second, Guard: outward.Guard{Hosts: []string{relay.Host}}}
		g.From.Address = "noreply@linjiang.example"
		c.post.Post.Gateways["mail"] = g.Gateway()
		relay.Says(func(command, _ string) string {
			if command == "RCPT" {
				return "450 4.2.0 greylisted"
			}
			return ""
		})
		c.set(at(2, 10))
		c.report("松动的地砖", casework.Contact{Channel: "mail", Address: "li@example.org", Lang: "zh-CN"})
		c.carry()
		c.only(courier.Temporary, "")
		relay.Says(nil)
		c.set(at(2, 11))
		c.carry()
		d := c.only(courier.Delivered, "")
		if got := relay.Letters(); len(got) != 1 || len(relay.Faults()) > 0 || got[0].To != "li@example.org" {
			c.t.Errorf("the relay got %+v, %v", got, relay.Faults())
		}
		if a := c.attempts(d); len(a) != 2 || !strings.HasPrefix(a[0].Words, "450") || !strings.Contains(a[1].Words, "queued") {
			c.t.Errorf("the attempts are %s", fmt.Sprint(a))
		}
	})
}

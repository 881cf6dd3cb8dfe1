package mediation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/pack"
	"comity/internal/worktime"
)

func Test_a_called_session_has_its_time_room_and_mediator_and_everybody_is_reminded(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, r := c.mediator("Zhou Hua"), c.room("Room 1", 8)
		id := c.ready("leak", m.Name)
		if err := c.booking(director("boss"), id).call(t.Context(), c.wish(r, c.at(7, 9, 0))); err != nil {
			t.Fatal(describe(err))
		}
		s, has := c.live(id)
		if !has || s.State != Called || s.Room != r.ID || len(s.Mediators) != 1 || s.Mediators[0] != m.ID || !s.Begins.Equal(c.at(7, 9, 0)) || !s.Ends.Equal(c.at(7, 10, 30)) {
			t.Fatalf("the row is %+v", s)
		}
		if k, _ := c.city.Opened(t, id); k.State != "convened" {
			t.Fatalf("the case stands at %s", k.State)
		}
		if got := c.letters(reminderTemplate); len(got) != 0 {
			t.Fatalf("reminded a week before: %+v", got)
		}
		c.set(c.at(6, 9, 30))
		got := c.letters(reminderTemplate)
		if len(got) != 2 {
			t.Fatalf("%d were reminded a day before, want both parties: %+v", len(got), got)
		}
		links := got[0].Body + got[1].Body
		for _, want := range []string{"09:00–10:30", "Room 1", "/f/", "/p/"} {
			if !strings.Contains(links, want) {
				t.Errorf("the reminders lack %q: %s", want, links)
			}
		}
		if again := c.letters(reminderTemplate); len(again) != 2 {
			t.Errorf("reminded %d times", len(again))
		}
	})
}

func Test_a_session_that_is_moved_reminds_of_the_new_time_alone(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, r := c.mediator("Zhou Hua"), c.room("Room 1", 8)
		id := c.ready("leak", m.Name)
		if err := c.booking(director("boss"), id).call(t.Context(), c.wish(r, c.at(7, 9, 0))); err != nil {
			t.Fatal(describe(err))
		}
		was, _ := c.live(id)
		if err := c.booking(director("other"), id).move(t.Context(), c.wish(r, c.at(9, 14, 0))); err != nil {
			t.Fatal(describe(err))
		}
		now, _ := c.live(id)
		if now.ID != was.ID || now.Version <= was.Version || now.State != Called || !now.Begins.Equal(c.at(9, 14, 0)) || now.ChangedBy != "other" {
			t.Fatalf("was %+v, is %+v", was, now)
		}
		c.set(c.at(6, 9, 30))
		if got := c.letters(reminderTemplate); len(got) != 0 {
			t.Fatalf("reminded of the old time: %+v", got)
		}
		c.set(c.at(8, 15, 0))
		got := c.letters(reminderTemplate)
		if len(got) != 2 || !strings.Contains(got[0].Body, "14:00–15:30") {
			t.Fatalf("reminded %+v", got)
		}
	})
}

func Test_of_two_officers_who_move_one_session_the_second_changes_nothing(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, r := c.mediator("Zhou Hua"), c.room("Room 1", 8)
		id := c.ready("leak", m.Name)
		if err := c.booking(director("boss"), id).call(t.Context(), c.wish(r, c.at(7, 9, 0))); err != nil {
			t.Fatal(describe(err))
		}
		one, two := c.booking(director("one"), id), c.booking(director("two"), id)
		if err := one.move(t.Context(), c.wish(r, c.at(8, 9, 0))); err != nil {
			t.Fatal(describe(err))
		}
		k, before := c.city.Opened(t, id)
		refused(t, two.move(t.Context(), c.wish(r, c.at(9, 9, 0))), "mediation.moved")
		after, events := c.city.Opened(t, id)
		if after.State != k.State || len(events) != len(before) {
			t.Errorf("the case went from %s (%d events) to %s (%d events)", k.State, len(before), after.State, len(events))
		}
		if s, _ := c.live(id); !s.Begins.Equal(c.at(8, 9, 0)) || s.ChangedBy != "one" {
			t.Errorf("the session is %+v", s)
		}
	})
}

func Test_a_move_to_a_time_that_is_taken_leaves_the_session_as_it_was(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, n, r := c.mediator("Zhou Hua"), c.mediator("Sun Ping"), c.room("Room 1", 8)
		one, two := c.ready("leak", m.Name), c.ready("noise", n.Name)
		for i, id := range []casework.CaseID{one, two} {
			if err := c.booking(director("boss"), id).call(t.Context(), c.wish(r, c.at(7+i, 9, 0))); err != nil {
				t.Fatal(describe(err))
			}
		}
		refused(t, c.booking(director("boss"), two).move(t.Context(), c.wish(r, c.at(7, 10, 0))), "mediation.room_taken")
		s, has := c.live(two)
		if !has || s.State != Called || !s.Begins.Equal(c.at(8, 9, 0)) {
			t.Fatalf("the session is %+v", s)
		}
		if k, _ := c.city.Opened(t, two); k.State != "convened" {
			t.Errorf("the case stands at %s", k.State)
		}
	})
}

func Test_a_mediator_whose_interest_is_not_settled_cannot_be_booked(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, r := c.mediator("Zhou Hua"), c.room("Room 1", 8)
		barred := c.accepted("leak")
		c.do(barred, "name_mediator", map[string]string{"name": m.Name})
		c.do(barred, "declare", map[string]string{"member": "m3", "interest": "declared", "what": "cousin of a party"})
		if err := c.booking(director("boss"), barred).call(t.Context(), c.wish(r, c.at(7, 9, 0))); err == nil {
			t.Fatal("a session by a mediator with an undisclosed interest was called")
		} else if _, is := isRefusal(err); !is {
			t.Fatal(err)
		}
		// Even where a procedure's own guard would let it pass, the row is not made.
		ready := c.ready("noise", m.Name)
		c.tx(func(ctx context.Context, tx *db.Tx) error { return setSeat(ctx, tx, ready, "m3", false, false) })
		refused(t, c.booking(director("boss"), ready).call(t.Context(), c.wish(r, c.at(7, 9, 0))), "mediation.barred")
		if _, has := c.live(ready); has {
			t.Error("a session was stored")
		}
		if k, _ := c.city.Opened(t, ready); k.State != "inquiry" {
			t.Errorf("the case stands at %s", k.State)
		}
	})
}

func Test_a_plain_act_that_would_double_a_mediator_is_refused_too(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, r := c.mediator("Zhou Hua"), c.room("Room 1", 8)
		one, two := c.ready("leak", m.Name), c.ready("noise", m.Name)
		if err := c.booking(director("boss"), one).call(t.Context(), c.wish(r, c.at(7, 9, 0))); err != nil {
			t.Fatal(describe(err))
		}
		fields := map[string]string{"session_on": (monday + 7).String(), "session_at": "10:00", "where": "the hall", "mode": "joint", "open": "private"}
		refused(t, c.act(two, "convene", fields), "mediation.mediator_taken")
		fields["session_at"] = "10:30"
		c.do(two, "convene", fields)
		s, has := c.live(two)
		if !has || s.Room != 0 || s.Place != "the hall" || !s.Ends.Equal(c.at(7, 12, 0)) {
			t.Errorf("the row is %+v", s)
		}
	})
}

func Test_no_road_gives_the_parties_less_notice_than_the_pack_says_unless_they_agree(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, r := c.mediator("Zhou Hua"), c.room("Room 1", 8)
		id := c.ready("leak", m.Name)
		convene := func(days int, sooner string) map[string]string {
			return map[string]string{"session_on": (monday + worktime.Day(days)).String(), "session_at": "10:00", "where": "the hall", "mode": "joint", "open": "private", "sooner": sooner}
		}
		for _, days := range []int{0, 2} {
			refused(t, c.act(id, "convene", convene(days, "")), "mediation.too_soon.agree")
		}
		refused(t, c.booking(director("boss"), id).call(t.Context(), c.wish(r, c.at(2, 9, 0))), "mediation.too_soon.agree")
		if _, has := c.live(id); has {
			t.Fatal("a session was stored")
		}
		c.do(id, "convene", convene(3, ""))

		// A move is a call: the old time stays when the new one comes too soon.
		refused(t, c.booking(director("boss"), id).move(t.Context(), c.wish(r, c.at(2, 9, 0))), "mediation.too_soon.agree")
		if s, has := c.live(id); !has || s.State != Called || !s.Begins.Equal(c.at(3, 10, 0)) {
			t.Fatalf("the session is %+v", s)
		}
		agreed := c.wish(r, c.at(1, 9, 0))
		agreed.More["sooner"] = "yes"
		if err := c.booking(director("boss"), id).move(t.Context(), agreed); err != nil {
			t.Fatal(describe(err))
		}
		if s, _ := c.live(id); !s.Begins.Equal(c.at(1, 9, 0)) {
			t.Errorf("the session is %+v", s)
		}
		if k, _ := c.city.Opened(t, id); k.State != "convened" {
			t.Errorf("the case stands at %s", k.State)
		}
	})
}

func Test_the_row_follows_what_the_case_says(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, r := c.mediator("Zhou Hua"), c.room("Room 1", 8)
		id := c.ready("leak", m.Name)
		call := func(day int) Session {
			t.Helper()
			if err := c.booking(director("boss"), id).call(t.Context(), c.wish(r, c.at(day, 9, 0))); err != nil {
				t.Fatal(describe(err))
			}
			s, _ := c.live(id)
			return s
		}
		state := func(s Session) (out State) {
			t.Helper()
			c.tx(func(ctx context.Context, tx *db.Tx) error {
				s, err := loadSession(ctx, tx, s.ID)
				out = s.State
				return err
			})
			return out
		}
		one := call(7)
		c.do(id, "no_show", nil)
		if got := state(one); got != Absent {
			t.Fatalf("nobody came, and the session is %s", got)
		}
		two := call(8)
		if two.ID == one.ID {
			t.Fatal("the session that nobody came to was called again")
		}
		c.do(id, "hold", holdFields(c.pack))
		if got := state(two); got != Open {
			t.Fatalf("it goes on, and is %s", got)
		}
		c.do(id, "record", nil)
		if got := state(two); got != Held {
			t.Fatalf("it is on record, and is %s", got)
		}
		three := call(9)
		c.do(id, "object", map[string]string{"member": "m2"})
		if got := state(three); got != Ended {
			t.Fatalf("a party asked for another mediator, and the session is %s", got)
		}
	})
}

// A pack may let the next session be called while one goes on.
func Test_a_session_that_is_called_while_another_goes_on_is_the_next_one(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, r := c.mediator("Zhou Hua"), c.room("Room 1", 8)
		call, _ := c.pack.Procedures["mediation"].Act("convene")
		hold, _ := c.pack.Procedures["mediation"].Act("hold")
		call.From = append(slices.Clone(call.From), hold.To)
		id := c.ready("leak", m.Name)
		var got []State
		for _, day := range []int{7, 14} {
			if err := c.booking(director("boss"), id).call(t.Context(), c.wish(r, c.at(day, 9, 0))); err != nil {
				t.Fatal(describe(err))
			}
			if day == 7 {
				c.do(id, "hold", holdFields(c.pack))
			}
		}
		c.tx(func(ctx context.Context, tx *db.Tx) error {
			list, err := sessionsOf(ctx, tx, id)
			for _, s := range list {
				got = append(got, s.State)
			}
			return err
		})
		if !slices.Equal(got, []State{Called, Held}) {
			t.Errorf("the sessions, the later one first, are %v", got)
		}
	})
}

func Test_what_is_sealed_is_forgotten(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		m, r := c.mediator("Zhou Hua"), c.room("Room 1", 8)
		id := c.ready("leak", m.Name)
		if err := c.booking(director("boss"), id).call(t.Context(), c.wish(r, c.at(7, 9, 0))); err != nil {
			t.Fatal(describe(err))
		}
		c.tx(func(ctx context.Context, tx *db.Tx) error {
			if err := putUnavailable(ctx, tx, Unavailable{Case: string(id), Member: "m1", Begins: c.at(3, 0, 0), Ends: c.at(4, 0, 0)}); err != nil {
				return err
			}
			return Forget(ctx, tx, id)
		})
		for _, table := range []string{"sessions", "seats", "unavailable", "matters"} {
			c.tx(func(ctx context.Context, tx *db.Tx) error {
				n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM mediation_`+table+` WHERE case_id = ?1`, []any{string(id)}, db.ScanID)
				if n != 0 {
					t.Errorf("%s still holds %d rows of the case", table, n)
				}
				return err
			})
		}
	})
}

// holdFields names who conducts a session, where the act asks it.
func holdFields(p *pack.Pack) map[string]string {
	if a, ok := p.Procedures["mediation"].Act("hold"); ok && a.About != "" {
		return map[string]string{"member": "m3"}
	}
	return nil
}

// Whatever is called, moved, held or dropped, in whatever order and by whatever road, nobody and no room is in two
// sessions at once.
func Test_no_two_sessions_share_a_room_a_mediator_or_a_party_at_a_time(t *testing.T) {
	each(t, func(t *testing.T, c *town) {
		mediators := []Mediator{c.mediator("Zhou Hua"), c.mediator("Sun Ping")}
		rooms := []Room{c.room("Room 1", 8), c.room("Room 2", 8)}
		var cases []casework.CaseID
		for i := range 5 {
			cases = append(cases, c.ready(fmt.Sprint("quarrel ", i), mediators[i%2].Name))
		}
		rnd := uint64(20260302)
		draw := func(n int) int {
			rnd = rnd*6364136223846793005 + 1442695040888963407
			return int(rnd>>33) % n
		}
		who := []authz.Actor{director("one"), director("two")}
		done, kept := 0, 0
		for range 120 {
			id := cases[draw(len(cases))]
			w := c.wish(rooms[draw(2)], c.at(7+draw(2), 9+draw(3), 30*draw(2)))
			w.Ends = w.Begins.Add(time.Duration(30+30*draw(4)) * time.Minute)
			b := c.booking(who[draw(2)], id)
			var err error
			l, has := c.live(id)
			convene := map[string]string{"session_on": (monday + 7).String(), "session_at": atOf(w.Begins, w.Ends, c.pack.Zone), "where": w.place(), "mode": "joint", "open": "private"}
			switch step := draw(5); {
			case step == 0: // whatever the case says to it
				err = b.call(t.Context(), w)
			case has && l.State == Open:
				err = c.act(id, "record", nil)
			case has && l.State == Called && step < 4:
				err = b.move(t.Context(), w)
			case has && l.State == Called && draw(2) == 0:
				err = c.act(id, "hold", holdFields(c.pack))
			case has && l.State == Called:
				err = c.act(id, []string{"postpone", "no_show"}[draw(2)], nil)
			case step < 3:
				err = c.act(id, "convene", convene)
			default:
				err = b.call(t.Context(), w)
			}
			if _, is := isRefusal(err); err != nil && !is {
				t.Fatal(err)
			}
			if kept++; err == nil {
				done++
			}
			c.apart()
		}
		if done < 20 || done == kept {
			t.Errorf("%d of %d steps were taken; too few or none was refused", done, kept)
		}
	})
}

// apart holds every pair of sessions that take their time against each other.
func (c *town) apart() {
	c.t.Helper()
	var list []Session
	c.tx(func(ctx context.Context, tx *db.Tx) (err error) {
		list, err = takingBetween(ctx, tx, c.at(0, 0, 0), c.at(30, 0, 0))
		return err
	})
	for i, a := range list {
		for _, b := range list[i+1:] {
			if !a.Begins.Before(b.Ends) || !b.Begins.Before(a.Ends) {
				continue
			}
			if a.Room != 0 && a.Room == b.Room || a.Case == b.Case {
				c.t.Fatalf("%+v and %+v meet", a, b)
			}
			for _, m := range a.Mediators {
				for _, n := range b.Mediators {
					if m == n {
						c.t.Fatalf("mediator %d is in %+v and %+v", m, a, b)
					}
				}
			}
		}
	}
}

func Test_time_left_is_within_hours_the_bound_of_a_week_absences_and_what_is_booked(t *testing.T) {
	h, _ := parseHours("mon 09:00-12:00; tue 09:00-17:00")
	zone := time.UTC
	from := on(monday, 0, zone)
	w := world{p: &pack.Pack{Mediation: &pack.Mediation{}, Zone: zone}, from: from, to: from.AddDate(0, 0, 14)}
	m := Mediator{ID: 1, Hours: h}
	left := func() time.Duration { w.mediators = []Mediator{m}; return w.spare(m) }
	if got := left(); got != 22*time.Hour {
		t.Errorf("two weeks of eleven hours leave %s", got)
	}
	if m.WeekHours = 5; left() != 10*time.Hour {
		t.Errorf("five hours a week leave %s", left())
	}
	w.taking = []Session{{Begins: on(monday, 540, zone), Ends: on(monday, 600, zone), Mediators: []int64{1}}}
	if got := left(); got != 9*time.Hour {
		t.Errorf("an hour booked leaves %s", got)
	}
	m.WeekHours, w.taking = 0, nil
	w.away = []Away{{Mediator: 1, Begins: on(monday+1, 0, zone), Ends: on(monday+2, 0, zone)}}
	if got := left(); got != 14*time.Hour {
		t.Errorf("a day away leaves %s", got)
	}
}

func Test_what_two_absences_share_is_not_free_twice_over(t *testing.T) {
	at := func(hour int) time.Time { return on(monday, hour*60, time.UTC) }
	away := []Away{{Mediator: 1, Begins: at(11), Ends: at(13)}, {Mediator: 1, Begins: at(8), Ends: at(12)}, {Mediator: 1, Begins: at(9), Ends: at(10)}, {Mediator: 2, Begins: at(9), Ends: at(17)}}
	if got := free(at(9), at(17), away, 1); got != 4*time.Hour {
		t.Errorf("%s of a day from nine to five are free, with an absence until one", got)
	}
}

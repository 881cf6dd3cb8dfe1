package load

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func Test_an_open_loop_counts_from_when_a_question_was_due(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(time.Now())
		// Ten a second for two seconds, one at a time; the city stands still for a second after the fifth.
		openLoop(t.Context(), 10, 2*time.Second, 1, func(n int, at time.Time) {
			if n == 4 {
				time.Sleep(time.Second)
			}
			rec.note(Page, at, time.Since(at), nil)
		})
		got := rec.result(Options{Rate: 10}, 2*time.Second).Of(Page).Times
		if got.Count() != 20 {
			t.Fatalf("%d questions were asked, want 20", got.Count())
		}
		// Those that were due while it stood still waited 900, 800 … 100 milliseconds: a loop that counts from
		// when it got to ask would have seen one slow answer among twenty.
		if p50 := got.At(50); p50 > 105*time.Millisecond {
			t.Errorf("half of the answers took up to %s", p50)
		}
		if p90 := got.At(90); p90 < 800*time.Millisecond || p90 > 905*time.Millisecond {
			t.Errorf("p90 is %s, want between 800 and 900 milliseconds", p90)
		}
		if got.Max() < 999*time.Millisecond {
			t.Errorf("the longest took %s, want a second", got.Max())
		}
	})
}

func Test_an_open_loop_asks_on_while_answers_are_under_way(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		var asked []time.Duration
		openLoop(t.Context(), 4, time.Second, 100, func(_ int, at time.Time) {
			mu.Lock()
			asked = append(asked, time.Since(began))
			mu.Unlock()
			time.Sleep(time.Minute)
		})
		if len(asked) != 4 {
			t.Fatalf("%d were asked, want 4", len(asked))
		}
		for i, at := range asked {
			if want := time.Duration(i) * 250 * time.Millisecond; at != want {
				t.Errorf("question %d was asked after %s, want %s", i, at, want)
			}
		}
	})
}

func Test_a_closed_loop_asks_again_when_the_answer_has_come(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked := 0
		closedLoop(t.Context(), 3, time.Second, func(int, time.Time) {
			mu.Lock()
			asked++
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
		})
		if asked != 30 {
			t.Errorf("3 clients asked %d times in a second, want 30", asked)
		}
	})
}

func Test_what_was_asked_while_it_warmed_up_is_not_counted_but_its_errors_are(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(time.Now().Add(time.Second))
		rec.note(Act, time.Now(), time.Millisecond, nil)
		rec.note(Act, time.Now(), time.Millisecond, &wrongAnswer{"status 500", "the first"})
		rec.note(Act, time.Now(), time.Millisecond, &wrongAnswer{"status 500", "the second"})
		time.Sleep(time.Second)
		rec.note(Act, time.Now(), time.Millisecond, nil)
		r := rec.result(Options{}, time.Second)
		m := r.Of(Act)
		if m.Times.Count() != 1 || m.Errors["status 500"] != 2 || m.First["status 500"] != "status 500: the first" || r.Wrong() != 2 {
			t.Errorf("%d counted, errors %v, first %v", m.Times.Count(), m.Errors, m.First)
		}
	})
}

package limit

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)

func Test_who_fails_too_often_waits_and_gets_one_more_try_each_interval(t *testing.T) {
	l := New(2, time.Minute)
	for i := range 2 {
		if l.Wait("a", start) > 0 {
			t.Fatalf("try %d has to wait", i)
		}
		l.Count("a", start)
	}
	if got := l.Wait("a", start); got != time.Minute {
		t.Errorf("after two failures the wait is %v", got)
	}
	if l.Wait("b", start) > 0 {
		t.Error("another address has to wait too")
	}
	if got := l.Wait("a", start.Add(45*time.Second)); got != 15*time.Second {
		t.Errorf("after 45 seconds the wait is %v", got)
	}
	later := start.Add(time.Minute)
	if l.Wait("a", later) > 0 {
		t.Error("an interval is over and the address still waits")
	}
	l.Count("a", later)
	if got := l.Wait("a", later); got != time.Minute {
		t.Errorf("one more try was given, and after it the wait is %v", got)
	}
}

func Test_a_clock_that_stands_or_goes_back_forgives_nothing(t *testing.T) {
	l := New(1, time.Minute)
	l.Count("a", start)
	if l.Wait("a", start.Add(-time.Hour)) == 0 {
		t.Error("an earlier time forgives")
	}
}

func Test_the_memory_is_bounded(t *testing.T) {
	l := New(2, time.Minute)
	l.Count("busy", start)
	for i := range maxBuckets + 10 {
		l.Count(fmt.Sprint(i), start)
	}
	if len(l.buckets) > maxBuckets {
		t.Errorf("%d addresses are remembered", len(l.buckets))
	}
}

func Test_a_full_memory_forgets_first_who_was_forgiven(t *testing.T) {
	l := New(1, time.Minute)
	for i := range maxBuckets - 1 {
		l.Count(fmt.Sprint(i), start)
	}
	later := start.Add(time.Hour)
	l.Count("guesser", later)
	l.Count("another", later)
	if l.Wait("guesser", later) == 0 || len(l.buckets) != 2 {
		t.Errorf("%d addresses are left, the guesser waits %v", len(l.buckets), l.Wait("guesser", later))
	}
	l.Count("guesser", later)
	if l.Wait("guesser", later) != 2*time.Minute {
		t.Error("counting a known address loses what was known of it")
	}
}

func Test_one_household_is_one_address(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.7:4711": "203.0.113.7", "[::ffff:203.0.113.7]:4711": "203.0.113.7", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::1]:81": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64", "203.0.113.7": "203.0.113.7", "@": "@",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = in
		if got := AddressOf(r); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

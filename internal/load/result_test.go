package load

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func Test_a_result_is_read_back_as_it_was_saved(t *testing.T) {
	rec := newRecorder(time.Time{})
	for i := range 1000 {
		rec.note(Page, time.Now(), time.Duration(i+1)*time.Millisecond, nil)
	}
	rec.note(Page, time.Now(), time.Hour, nil) // longer than is kept
	rec.note(Follow, time.Now(), 0, &wrongAnswer{"status 500", "gone"})
	r := rec.result(Options{Clients: 3, Mix: Mix{Page: 2, Follow: 1}, Warm: time.Second}, 10*time.Second)
	r.At, r.Machine, r.City = time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC), Machine{Cores: 2, System: "linux/amd64", Go: "go1"}, City{Engine: "sqlite", Settings: map[string]string{"fsync": "on"}, Cases: 7}
	r.Bases = []Base{{Name: "bare", PerSecond: 12.5}}
	file := filepath.Join(t.TempDir(), "r.json")
	if err := r.Save(file); err != nil {
		t.Fatal(err)
	}
	got, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	was, is := r.Of(Page).Times, got.Of(Page).Times
	if is.Count() != 1001 || is.At(50) != was.At(50) || is.At(99.9) != was.At(99.9) || is.Max() != was.Max() || was.Max() < 9*time.Minute {
		t.Errorf("read %d, p50 %s, p99.9 %s, max %s; saved %s, %s, %s", is.Count(), is.At(50), is.At(99.9), is.Max(), was.At(50), was.At(99.9), was.Max())
	}
	if p := is.At(50); p < 499*time.Millisecond || p > 503*time.Millisecond {
		t.Errorf("p50 of 1 to 1000 ms is %s", p)
	}
	if !reflect.DeepEqual(got.Of(Follow).Errors, map[string]int{"status 500": 1}) || got.Of(Follow).Times.Count() != 0 {
		t.Errorf("errors: %v", got.Of(Follow).Errors)
	}
	r.Kinds, got.Kinds = nil, nil
	if !reflect.DeepEqual(r, got) {
		t.Errorf("saved %+v\nread  %+v", r, got)
	}
}

func Test_two_results_are_held_against_each_other_kind_by_kind(t *testing.T) {
	of := func(took time.Duration, kinds ...Kind) *Result {
		rec := newRecorder(time.Time{})
		for _, k := range kinds {
			for range 10 {
				rec.note(k, time.Now(), took, nil)
			}
		}
		return rec.result(Options{}, time.Second)
	}
	got := Compare(of(30*time.Millisecond, Page, Act), of(20*time.Millisecond, Page, Follow))
	if len(got) != 1 || got[0].Kind != Page || got[0].P99 < 1.49 || got[0].P99 > 1.51 || got[0].PerSecond != 1 {
		t.Errorf("%+v", got)
	}
}

func Test_a_mix_is_read_as_it_is_written_and_mistakes_are_named(t *testing.T) {
	m, err := ParseMix(Usual().String())
	if err != nil || !reflect.DeepEqual(m, Usual()) {
		t.Errorf("%v, %v", m, err)
	}
	for _, bad := range []string{"", "create", "create=-1", "create=0", "walk=1", "create=x", "create=1,,act=1"} {
		if _, err := ParseMix(bad); err == nil || !strings.Contains(err.Error(), `"`) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	counts := map[Kind]int{}
	for i := range m.total() {
		counts[m.pick(i)]++
	}
	if !reflect.DeepEqual(Mix(counts), m) {
		t.Errorf("drawn %v, want %v", counts, m)
	}
}

//go:build unix

package main

import (
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"
)

func Test_a_signal_turns_the_log_up_and_down_again_and_leaves_a_line(t *testing.T) {
	out := &syncBuffer{}
	v, err := newVolume(out, "")
	if err != nil {
		t.Fatal(err)
	}
	defer v.listen(signalMore, signalLess)()
	for n, step := range []struct {
		signal syscall.Signal
		want   slog.Level
	}{{syscall.SIGUSR1, slog.LevelDebug}, {syscall.SIGUSR1, slog.LevelInfo}, {syscall.SIGUSR2, slog.LevelWarn}, {syscall.SIGUSR1, slog.LevelDebug}, {syscall.SIGUSR2, slog.LevelWarn}, {syscall.SIGUSR2, slog.LevelInfo}} {
		if err := syscall.Kill(syscall.Getpid(), step.signal); err != nil {
			t.Fatal(err)
		}
		for wait := time.Now(); v.level.Level() != step.want || strings.Count(out.String(), "changed by a signal") != n+1; time.Sleep(time.Millisecond) {
			if time.Since(wait) > 5*time.Second {
				t.Fatalf("after signal %d the level is %s: %s", n+1, v.level.Level(), out)
			}
		}
	}
	v.log.Debug("a detail")
	v.log.Info("a request")
	if strings.Contains(out.String(), "a detail") || !strings.Contains(out.String(), "a request") {
		t.Errorf("the log holds %s", out)
	}
}

func Test_a_level_that_does_not_exist_is_a_usage_error(t *testing.T) {
	var usage *usageError
	if _, err := newVolume(&syncBuffer{}, "loud"); !errors.As(err, &usage) || !strings.Contains(err.Error(), "debug, info, warn or error") {
		t.Errorf("got %v", err)
	}
}

func Test_a_city_whose_log_is_turned_up_tells_how_it_is(t *testing.T) {
	root := t.TempDir()
	c, _ := testHouse(t, quietPack(t, root), root+"/data")
	defer c.Close()
	out := &syncBuffer{}
	c.log = slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.pulse(t.Context())
	if !strings.Contains(out.String(), `"msg":"pulse"`) || !strings.Contains(out.String(), `"heap_mb"`) {
		t.Errorf("it tells %s", out)
	}
}

package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// closedLoop has some clients ask, each again as soon as its answer has come, until the time is over. ask is given the
// number of the question and the moment it was meant to be asked, which here is the moment it is.
func closedLoop(ctx context.Context, clients int, d time.Duration, ask func(n int, at time.Time)) {
	var wait sync.WaitGroup
	var next atomic.Int64
	end := time.Now().Add(d)
	for range clients {
		wait.Go(func() {
			for ctx.Err() == nil {
				at := time.Now()
				if !at.Before(end) {
					return
				}
				ask(int(next.Add(1))-1, at)
			}
		})
	}
	wait.Wait()
}

// openLoop asks at a fixed rate, whatever the answers do, like people who do not know of each other. at is the moment
// a question was due: where the city, or the bound on what is under way, makes it wait, the wait is part of its time.
// (A loop that asks late and counts from then leaves out exactly the bad moments: coordinated omission.)
func openLoop(ctx context.Context, rate float64, d time.Duration, most int, ask func(n int, at time.Time)) {
	var wait sync.WaitGroup
	defer wait.Wait()
	room := make(chan struct{}, most)
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for n := 0; ; n++ {
		due := time.Duration(float64(n) / rate * float64(time.Second))
		if due >= d {
			return
		}
		at := began.Add(due)
		if early := time.Until(at); early > 0 {
			timer.Reset(early)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		wait.Go(func() {
			defer func() { <-room }()
			ask(n, at)
		})
	}
}

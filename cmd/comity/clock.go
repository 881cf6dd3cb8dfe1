package main

import (
	"sync"
	"time"
)

// clock is the one clock of the program. It stands still at a set time while a play runs, can be moved
// forward for development, and otherwise is the machine's.
type clock struct {
	mu     sync.Mutex
	fixed  time.Time
	offset time.Duration
}

// Now is the present as this city sees it.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fixed.IsZero() {
		return c.fixed
	}
	return time.Now().Add(c.offset)
}

// Fix makes the clock stand still.
func (c *clock) Fix(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = t
}

// Release lets the clock run again, with the machine's time.
func (c *clock) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = time.Time{}
}

// Advance moves the running clock; it never goes back, because recorded time must not.
func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.offset += d
	}
}

package db

import "time"

// HasteEcho shortens, for a test, how long a server may take to repeat what it was told.
func HasteEcho(d time.Duration) (back func()) {
	was := echoLimit
	echoLimit = d
	return func() { echoLimit = was }
}

// C gives when the earliest of what was rung for is due.
func (b *Bell) C() <-chan time.Time { return b.c }

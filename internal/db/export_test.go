package db

import "time"

// HasteEcho shortens, for a test, how long a server may take to repeat what it was told.
func HasteEcho(d time.Duration) (back func()) {
	was := echoLimit
	echoLimit = d
	return func() { echoLimit = was }
}

// HasteTurn shortens, for a test, how long a node that says nothing may keep all others waiting.
func HasteTurn() (back func()) {
	was := toBeAlone[0]
	toBeAlone[0] = "SET LOCAL idle_in_transaction_session_timeout = '200ms'"
	return func() { toBeAlone[0] = was }
}

// C gives when the earliest of what was rung for is due.
func (b *Bell) C() <-chan time.Time { return b.c }

// What a test of those who run alone has to know.
const (
	Unlucky = unlucky
	Places  = postgresWriters
)

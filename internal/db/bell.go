package db

import (
	"context"
	"sync"
	"time"
)

// Soon is how far ahead a thing may be due for which sleepers are woken. Whoever sleeps looks again within that time
// by itself, so that a bell nobody heard costs time and nothing else.
const Soon = 5 * time.Second

// Ring wakes, once the transaction has committed, whoever sleeps until something of a topic is due: in this process at
// once, and in others that share the database where [DB.Listen] runs. A topic is a word. What is not due [Soon] wakes
// nobody.
func (tx *Tx) Ring(topic string, at time.Time) {
	if at.Sub(tx.Now) > Soon {
		return
	}
	if tx.rings == nil {
		tx.rings = map[string]time.Time{}
	}
	if was, ok := tx.rings[topic]; !ok || at.Before(was) {
		tx.rings[topic] = at
	}
}

// Bell is heard by one sleeper.
type Bell struct {
	topic string
	hub   *bells
	mu    sync.Mutex
	c     chan time.Time // holds the earliest time that was not heard yet
}

// Bell hangs a bell for a topic; what is rung before it is listened to is kept. Take it down with [Bell.Close].
func (d *DB) Bell(topic string) *Bell {
	b := &Bell{topic: topic, hub: &d.bells, c: make(chan time.Time, 1)}
	d.bells.mu.Lock()
	defer d.bells.mu.Unlock()
	if d.bells.hung == nil {
		d.bells.hung = map[*Bell]bool{}
	}
	d.bells.hung[b] = true
	return b
}

// Sleep ends after a time, when the bell is rung for something due before the sleeper would look anyway, which is at
// until on the clock of the database, or when there is something in also.
func (b *Bell) Sleep(ctx context.Context, wait time.Duration, until time.Time, also <-chan struct{}) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-also:
		case <-timer.C:
		case at := <-b.c:
			if at.After(until) {
				continue
			}
		}
		return
	}
}

// Close takes the bell down.
func (b *Bell) Close() {
	b.hub.mu.Lock()
	defer b.hub.mu.Unlock()
	delete(b.hub.hung, b)
}

func (b *Bell) ring(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case was := <-b.c:
		if was.Before(at) {
			at = was
		}
	default:
	}
	b.c <- at // there is room: nobody else puts anything in
}

// bells are those of one database in this process, and the line to other processes.
type bells struct {
	mu   sync.Mutex
	hung map[*Bell]bool

	up      bool                 // others hear us, and we them
	pending map[string]time.Time // topics that others are to be told of
	send    func()               // ends the wait of the listening connection, so that it sends
	seen    Listening
}

// committed rings for a transaction.
func (b *bells) committed(rings map[string]time.Time) {
	if len(rings) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic, at := range rings {
		b.here(topic, at)
		if !b.up {
			continue
		}
		if was, ok := b.pending[topic]; !ok || at.Before(was) {
			b.pending[topic] = at
		}
	}
	if b.send != nil {
		b.send()
	}
}

// here rings in this process; an empty topic is every one.
func (b *bells) here(topic string, at time.Time) {
	for bell := range b.hung {
		if topic == "" || bell.topic == topic {
			bell.ring(at)
		}
	}
}

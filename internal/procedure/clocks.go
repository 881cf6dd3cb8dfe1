package procedure

import "slices"

// Status is where a clock stands.
type Status uint8

// A clock is idle until it starts and idle again when it is stopped. Expired is kept apart from
// idle because a term that ran out must not look like a term that was met.
const (
	Idle Status = iota
	Running
	Paused
	Expired
)

// String is the word used in records and in the API.
func (s Status) String() string { return [...]string{"idle", "running", "paused", "expired"}[s] }

// Op is what an act does to a clock.
type Op string

// The operations, in the order they are applied within one event.
const (
	OpExpire Op = "expire"
	OpStop   Op = "stop"
	OpStart  Op = "start"
	OpPause  Op = "pause"
	OpResume Op = "resume"
	OpExtend Op = "extend"
)

// Move is one operation on one clock.
type Move struct {
	Clock string
	Op    Op
}

// Moves says what an event does to every clock: the one place where that is decided, used alike by
// casework.Decide and by the model checker. act is nil for the opening; expired names the clock
// whose expiry the act answers, empty otherwise; status tells where each clock stands before.
//
// An event that stops a clock and starts it makes it begin anew: the next visit is agreed when one was made.
//
// Invariants: a clock is started only when idle or expired, or when its state is entered anew by a
// unit that just received the case; paused only when running; resumed only when paused.
func (d *Definition) Moves(act *Act, event, from, to, expired string, status func(clock string) Status) []Move {
	var out []Move
	for i := range d.Clocks {
		c := &d.Clocks[i]
		s := status(c.ID)
		put := func(op Op, after Status) {
			out = append(out, Move{c.ID, op})
			s = after
		}
		if c.ID == expired {
			put(OpExpire, Expired)
		}
		switch {
		case len(c.In) > 0:
			inside := slices.Contains(c.In, to)
			entered := !slices.Contains(c.In, from) || s == Expired || (act != nil && act.Moves())
			switch {
			case inside && entered:
				put(OpStart, Running)
			case !inside && (s == Running || s == Paused):
				put(OpStop, Idle)
			}
		case slices.Contains(c.Stop, event) && (s == Running || s == Paused):
			put(OpStop, Idle)
			if slices.Contains(c.Start, event) {
				put(OpStart, Running)
			}
		case slices.Contains(c.Start, event) && (s == Idle || s == Expired):
			put(OpStart, Running)
		}
		pausing := slices.Contains(c.Pause, to)
		switch {
		case pausing && s == Running:
			put(OpPause, Paused)
		case !pausing && s == Paused:
			put(OpResume, Running)
		}
		if act != nil && act.Extends == c.ID && s == Running {
			put(OpExtend, Running)
		}
	}
	return out
}

// After is the status an operation leaves a clock in.
func (o Op) After() Status {
	switch o {
	case OpExpire:
		return Expired
	case OpStop:
		return Idle
	case OpPause:
		return Paused
	}
	return Running
}

package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"comity/internal/casework"
)

// register is what one case is for whoever looks at it: a number of events, the version an act must have seen, the hash
// that covers all events, and under which keys something was done. A hash or state that nobody was told yet is empty and
// becomes what the next one reads.
type register struct {
	seq, version int
	hash, state  string
	keys         string // ";key=seq;…"
}

func (r register) at(key string) (seq int, ok bool) {
	_, rest, ok := strings.Cut(r.keys, ";"+key+"=")
	if ok {
		_, err := fmt.Sscanf(rest, "%d;", &seq)
		ok = err == nil
	}
	return seq, ok
}

func (r register) with(key string, seq int) register {
	if r.keys == "" {
		r.keys = ";"
	}
	r.keys += fmt.Sprintf("%s=%d;", key, seq)
	return r
}

// sees says that an act on this version is taken.
func (r register) sees(version int) bool {
	return version == casework.AnyVersion || r.version <= version && version <= r.seq
}

// moved is the register behind one more event.
func (r register) moved(seq int, quiet bool, hash string) register {
	r.seq, r.hash, r.state = seq, hash, ""
	if !quiet {
		r.version = seq
	}
	return r
}

// step says whether a case may answer so, and what it is then.
func (r register) step(o op) (bool, register) {
	switch {
	case o.Kind == kindSelf:
		return r.seq == o.Seq-1, r.moved(o.Seq, o.Quiet, o.Hash)
	case o.Kind == kindRead:
		return r.read(o)
	case o.Outcome == failed:
		return true, r // it says that nothing was stored
	case o.Outcome == refused:
		return o.Said != casework.Conflict || !r.sees(o.Version), r
	case o.open():
		return true, r.perhaps(o)
	case o.Replayed:
		seq, known := r.at(o.Key)
		return known && seq == o.Seq, r
	}
	_, known := r.at(o.Key)
	fits := r.seq == o.Seq-1 && !known
	if o.Kind == kindAct {
		fits = fits && r.seq > 0 && r.sees(o.Version)
	}
	return fits, r.moved(o.Seq, false, o.Hash).with(o.Key, o.Seq)
}

// perhaps is what an operation does of which nobody knows whether it happened. That it did not is the same as that it
// happens after everything else, when nobody looks any more.
func (r register) perhaps(o op) register {
	_, known := r.at(o.Key)
	if known || (o.Kind == kindOpen) != (r.seq == 0) || o.Kind == kindAct && !r.sees(o.Version) {
		return r
	}
	return r.moved(r.seq+1, false, "").with(o.Key, r.seq+1)
}

func (r register) read(o op) (bool, register) {
	if o.Outcome != done {
		return true, r
	}
	if r.seq != o.Seq || r.version != o.Now || r.hash != "" && r.hash != o.Hash || r.state != "" && o.State != "" && r.state != o.State {
		return false, r
	}
	if r.hash = o.Hash; o.State != "" {
		r.state = o.State
	}
	return true, r
}

var model = porcupine.Model{
	Init:  func() any { return register{} },
	Step:  func(state, in, _ any) (bool, any) { return state.(register).step(in.(op)) },
	Equal: func(a, b any) bool { return a == b },
}

// merged makes one operation of all tries of which nobody knows the end and that have one key: at most one of them
// happened, at some time after the first began.
func merged(ops []op) (out []op) {
	first := map[string]int{}
	for _, o := range ops {
		if !o.open() || o.Key == "" {
			out = append(out, o)
			continue
		}
		if at, known := first[o.Key]; known {
			out[at].Call = min(out[at].Call, o.Call)
			continue
		}
		first[o.Key] = len(out)
		out = append(out, o)
	}
	return out
}

// judgement limits the search for an order of the operations of one case.
const judgement = 30 * time.Second

// linearizable says whether the operations of one case can be put into one order that keeps to their times.
func linearizable(ops []op) porcupine.CheckResult {
	ops = merged(ops)
	list := make([]porcupine.Operation, len(ops))
	for i, o := range ops {
		list[i] = porcupine.Operation{ClientId: i, Input: o, Output: nil, Call: o.Call, Return: o.Return}
		if o.open() || o.Kind == kindSelf {
			list[i].Return = math.MaxInt64
		}
	}
	return porcupine.CheckOperationsTimeout(model, list, judgement)
}

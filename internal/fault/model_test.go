package main

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"comity/internal/casework"
)

// A checker that takes everything would pass every run.
func Test_the_checker_tells_histories_that_cannot_be_from_those_that_can(t *testing.T) {
	opened := op{Kind: kindOpen, Key: "o", Call: 1, Return: 2, Outcome: done, Seq: 1, Hash: "a"}
	act := func(key string, version int, call, back int64, seq int, hash string) op {
		return op{Kind: kindAct, Key: key, Version: version, Call: call, Return: back, Outcome: done, Seq: seq, Hash: hash}
	}
	read := func(call, back int64, seq, now int, hash string) op {
		return op{Kind: kindRead, Call: call, Return: back, Outcome: done, Seq: seq, Now: now, Hash: hash}
	}
	as := func(o op, change func(*op)) op { change(&o); return o }
	for name, c := range map[string]struct {
		ops  []op
		want porcupine.CheckResult
	}{
		"one after the other":                         {[]op{opened, act("x", 1, 3, 4, 2, "b"), read(5, 6, 2, 2, "b")}, porcupine.Ok},
		"an acknowledged act is gone":                 {[]op{opened, act("x", 1, 3, 4, 2, "b"), read(5, 6, 1, 1, "a")}, porcupine.Illegal},
		"a read at the same time may see either":      {[]op{opened, act("x", 1, 3, 6, 2, "b"), read(4, 5, 1, 1, "a"), read(4, 5, 2, 2, "b")}, porcupine.Ok},
		"a later read sees less":                      {[]op{opened, act("x", 1, 3, 9, 2, "b"), read(4, 5, 2, 2, "b"), read(6, 7, 1, 1, "a")}, porcupine.Illegal},
		"two acts on one version are both taken":      {[]op{opened, act("x", 1, 3, 6, 2, "b"), act("y", 1, 3, 6, 3, "c")}, porcupine.Illegal},
		"the second of two is refused":                {[]op{opened, act("x", 1, 3, 6, 2, "b"), {Kind: kindAct, Key: "y", Version: 1, Call: 3, Return: 6, Outcome: refused, Said: casework.Conflict}}, porcupine.Ok},
		"refused as too late when nobody was earlier": {[]op{opened, {Kind: kindAct, Key: "y", Version: 1, Call: 3, Return: 6, Outcome: refused, Said: casework.Conflict}}, porcupine.Illegal},
		"another event in the place of one":           {[]op{opened, act("x", 1, 3, 4, 2, "b"), read(5, 6, 2, 2, "z")}, porcupine.Illegal},
		"unanswered, and it happened":                 {[]op{opened, {Kind: kindAct, Key: "x", Version: 1, Call: 3}, read(5, 6, 2, 2, "b")}, porcupine.Ok},
		"unanswered, and it did not happen":           {[]op{opened, {Kind: kindAct, Key: "x", Version: 1, Call: 3}, read(5, 6, 1, 1, "a")}, porcupine.Ok},
		"said to be not stored, and it is":            {[]op{opened, {Kind: kindAct, Key: "x", Version: 1, Call: 3, Return: 4, Outcome: failed}, read(5, 6, 2, 2, "b")}, porcupine.Illegal},
		"a key carried out twice":                     {[]op{opened, act("x", 1, 3, 4, 2, "b"), act("x", 2, 5, 6, 3, "c")}, porcupine.Illegal},
		"a key answered again":                        {[]op{opened, act("x", 1, 3, 4, 2, "b"), as(act("x", 1, 5, 6, 2, "b"), func(o *op) { o.Replayed = true })}, porcupine.Ok},
		"a replay of what never happened":             {[]op{opened, as(act("x", 1, 5, 6, 2, "b"), func(o *op) { o.Replayed = true })}, porcupine.Illegal},
		"an unanswered act is answered again":         {[]op{opened, {Kind: kindAct, Key: "x", Version: 1, Call: 3}, as(act("x", 1, 5, 6, 2, "b"), func(o *op) { o.Replayed = true })}, porcupine.Ok},
		"what the city did by itself":                 {[]op{opened, {Kind: kindSelf, Seq: 2, Quiet: true, Hash: "m"}, act("x", 1, 3, 4, 3, "b")}, porcupine.Ok},
		"an event nobody asked for has no place":      {[]op{opened, {Kind: kindSelf, Seq: 3, Quiet: true, Hash: "m"}, read(5, 6, 1, 1, "a")}, porcupine.Illegal},
	} {
		t.Run(name, func(t *testing.T) {
			if got := linearizable(c.ops); got != c.want {
				t.Errorf("judged %v, want %v", got, c.want)
			}
		})
	}
}

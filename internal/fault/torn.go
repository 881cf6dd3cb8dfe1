package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"comity/internal/receipt"
	"comity/internal/translog"
)

// tornCopies copies a SQLite database and its log while clients work, at any byte, cuts the log short or turns bits in
// its tail over, and opens the copy: it must be the city at an earlier commit with every proof whole, or refuse in words.
// How far it reaches is told by a head that was published before: the one from which comity verify --witness tells it.
//
// Clients go on while a copy is verified, so each copy is larger than the last: a city lives for a stretch only.
func tornCopies(ctx context.Context, o options) (r result, err error) {
	random := rand.New(rand.NewPCG(uint64(o.seed), 4))
	r.of = max(3, o.rounds/5)
	for left := r.of; left > 0 && ctx.Err() == nil && len(r.Broken) == 0; left -= stretch {
		dir := filepath.Join(o.dir, fmt.Sprintf("torn-%d", left))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return r, err
		}
		if err := errors.Join(r.tornCity(ctx, o, dir, min(left, stretch), random), os.RemoveAll(dir)); err != nil {
			return r, err
		}
	}
	return r, ctx.Err()
}

func (r *result) tornCity(ctx context.Context, o options, dir string, rounds int, random *rand.Rand) error {
	path, copies := filepath.Join(dir, "city.db"), filepath.Join(dir, "copies")
	if err := os.Mkdir(copies, 0o700); err != nil {
		return err
	}
	// Some of the city lies in the database already, the rest in its log.
	var first result
	var before *history
	if err := first.through(ctx, o, site{DSN: "sqlite:" + path}, 1, func(_ *house, life *history) error {
		before = life
		return waitFor(ctx, func() bool { return life.count(done) > 100 })
	}); err != nil || len(first.Broken) > 0 {
		r.Broken = append(r.Broken, first.Broken...)
		return err
	}
	return r.through(ctx, o, site{DSN: "sqlite:" + path, Ahead: 26 * time.Hour, earlier: before.all(), round: 1}, rounds, func(h *house, life *history) error {
		if h.ledger.Stats().Batches < 20 {
			time.Sleep(300 * time.Millisecond)
		}
		head, err := h.tree.SignHead(ctx)
		if err != nil {
			return err
		}
		at := filepath.Join(copies, "copy.db")
		how, err := copyTorn(path, at, random)
		if err != nil {
			return err
		}
		r.open(ctx, at, how, head)
		return errors.Join(os.RemoveAll(copies), os.Mkdir(copies, 0o700))
	})
}

// copyTorn copies the database, then its log, and damages the log in one of three ways or not at all.
func copyTorn(from, to string, random *rand.Rand) (how string, err error) {
	began, err := salts(from)
	if err != nil {
		return "", err
	}
	if err := errors.Join(copyFile(from, to), copyFile(from+"-wal", to+"-wal")); err != nil {
		return "", err
	}
	if now, err := salts(to); err != nil || now != began {
		return "began anew while it was copied", err
	}
	f, err := os.OpenFile(to+"-wal", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	size := info.Size()
	switch random.IntN(4) {
	case 0:
		return whole, nil
	case 1:
		return "cut short", f.Truncate(random.Int64N(size + 1))
	case 2:
		tail := max(0, size-random.Int64N(256<<10)-1)
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, tail); err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		b[0] ^= 1 << random.IntN(8)
		_, err := f.WriteAt(b, tail)
		return "a bit turned over", err
	}
	tail := max(0, size-random.Int64N(64<<10))
	junk := make([]byte, size-tail)
	for i := range junk {
		junk[i] = byte(random.Uint32())
	}
	_, err = f.WriteAt(junk, tail)
	return "its tail is noise", err
}

const whole = "whole"

// salts are what a log is told from the one before by.
func salts(path string) (string, error) {
	f, err := os.Open(path + "-wal")
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 32)
	_, err = io.ReadFull(f, b)
	return string(b), err
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// open opens a copy and holds it against the head that had been published before it was taken.
func (r *result) open(ctx context.Context, path, how string, head receipt.Head) {
	h, err := openHouse(ctx, site{DSN: "sqlite:" + path, Sent: path + ".sent", Ahead: 52 * time.Hour, Node: "copy"})
	if err != nil {
		r.saw(fmt.Sprintf("log %s: refused to open", how))
		if how == whole {
			r.say("a whole copy does not open: %v", err)
		}
		return
	}
	defer h.shut()
	var v verdict
	seen, err := h.reader.VerifyAll(ctx, func(err error) { v.say("%v", err) })
	if err != nil {
		v.say("%v", err)
	}
	if _, err := h.tree.Check(ctx, nil); err != nil {
		v.say("%v", err)
	}
	switch {
	case len(v.Broken) > 0 && how == whole:
		r.say("a whole copy is not whole: %v", v.Broken)
		return
	case len(v.Broken) > 0: // a page of a later time lies beside an earlier log
		r.saw(fmt.Sprintf("log %s: opens, and verify refuses it in words", how))
		return
	case seen.Cases == 0:
		r.say("a copy with its log %s is empty, and nobody says so", how)
	}
	switch err := h.tree.Continues(ctx, head.Size, head.Root); {
	case err == nil:
		r.saw(fmt.Sprintf("log %s: every proof whole, reaches the published head", how))
	case errors.Is(err, translog.ErrFork) && how != whole:
		r.saw(fmt.Sprintf("log %s: every proof whole, ends before the published head and says so", how))
	default:
		r.say("a copy with its log %s does not continue the head published before it was taken: %v", how, err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// small is a small file system of its own in a file, which may be filled and broken. It needs root and a loop device.
type small struct {
	image, dir, device string
}

// errNoMount says why there is no small file system.
var errNoMount = errors.New("a small file system cannot be mounted here (it needs root and a loop device)")

func newSmall(dir string, megabytes int64) (*small, error) {
	s := &small{image: filepath.Join(dir, "disk.img"), dir: filepath.Join(dir, "disk")}
	if os.Getuid() != 0 {
		return nil, errNoMount
	}
	f, err := os.Create(s.image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(megabytes<<20), f.Close(), os.Mkdir(s.dir, 0o700)); err != nil {
		return nil, err
	}
	if err := command("mkfs.ext4", "-q", "-m", "0", s.image); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoMount, err)
	}
	return s, s.mount()
}

func (s *small) mount() error {
	if err := command("mount", "-o", "loop,errors=remount-ro", s.image, s.dir); err != nil {
		return fmt.Errorf("%w: %w", errNoMount, err)
	}
	out, err := exec.Command("findmnt", "-n", "-o", "SOURCE", s.dir).Output()
	s.device = filepath.Base(strings.TrimSpace(string(out)))
	return err
}

func (s *small) unmount() error {
	var err error
	for range 50 { // a file may just be being closed
		if err = command("umount", s.dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// ballast is what fills the disk.
func (s *small) ballast() string { return filepath.Join(s.dir, "ballast") }

// fill takes all space there is, but what others take meanwhile.
func (s *small) fill() error {
	f, err := os.Create(s.ballast())
	if err != nil {
		return err
	}
	defer f.Close()
	for _, piece := range []int{1 << 20, 64 << 10, 4 << 10, 512, 1} {
		b := make([]byte, piece)
		for {
			if _, err := f.Write(b); err != nil {
				if !errors.Is(err, syscall.ENOSPC) {
					return err
				}
				break
			}
		}
	}
	_ = f.Sync()
	return nil
}

func (s *small) empty() error { return os.Remove(s.ballast()) }

// breakIt lets the kernel find an error in the file system: it becomes read only under whoever writes.
func (s *small) breakIt() error {
	path := filepath.Join("/sys/fs/ext4", s.device, "trigger_fs_error")
	return os.WriteFile(path, []byte("1"), 0)
}

// repair is what an administrator does: take it away, check it, and mount it again.
func (s *small) repair() error {
	if err := s.unmount(); err != nil {
		return err
	}
	// It exits with 1 where it repaired something.
	err := command("e2fsck", "-f", "-y", s.image)
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !(ok && exit.ExitCode() == 1) {
		return err
	}
	return s.mount()
}

// smallDisk is newSmall, or the reason why a scene is skipped.
func smallDisk(o options, r *result, megabytes int64) (*small, error) {
	s, err := newSmall(o.dir, megabytes)
	if errors.Is(err, errNoMount) {
		r.Skipped = err.Error()
		return nil, nil
	}
	return s, err
}

// fullDisk fills the disk under load, and empties it again.
func fullDisk(ctx context.Context, o options) (r result, err error) {
	s, err := smallDisk(o, &r, 96)
	if s == nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.unmount()) }()
	err = r.through(ctx, o, site{DSN: "sqlite:" + filepath.Join(s.dir, "city.db")}, max(1, o.rounds/50), func(h *house, life *history) error {
		began := time.Now()
		if err := s.fill(); err != nil {
			return err
		}
		full := time.Now()
		turned := r.probe(ctx, h, func(said string) bool { return said != "ready" })
		r.stood(ctx, life, full, turned)
		if err := s.empty(); err != nil {
			return err
		}
		mended := time.Now()
		if err := waitFor(ctx, func() bool { return !life.firstDone(mended).IsZero() }); err != nil {
			return fmt.Errorf("with space on the disk again: %w", err)
		}
		r.Back = append(r.Back, life.firstDone(mended).Sub(mended).Seconds()/mended.Sub(began).Seconds())
		if !r.probe(ctx, h, func(said string) bool { return said == "ready" }) {
			r.say("with space on the disk again the page for probes does not say that all is well")
		}
		return nil
	})
	return r, err
}

// stood waits until somebody has read and somebody was told that nothing is stored, both since an instant at which nothing
// could be written any more.
func (r *result) stood(ctx context.Context, life *history, since time.Time, turned bool) {
	reads, writes, said := 0, 0, 0
	_ = waitFor(ctx, func() bool { // what did not come is said below
		reads, writes, said = life.during(since, time.Now())
		return reads > 0 && said > 0
	})
	r.saw(fmt.Sprintf("reads went on: %v", reads > 0))
	if reads == 0 {
		r.say("nothing could be read while nothing could be written")
	}
	if said == 0 {
		r.say("nobody was told that nothing could be written; %d writes were acknowledged", writes)
	}
	if !turned {
		r.say("the page for probes went on saying that all is well while nothing could be written; %d writes were acknowledged, %d failed", writes, said)
	}
}

// readOnlyDisk lets the file system become read only under load. It has to be repaired and the city started again, as on
// a real machine. The kernel answers some syncs well while it gives a file system up, and what hangs on them is gone:
// see package synced. It does so in one of some plays, and more often where the machine is busy.
func readOnlyDisk(ctx context.Context, o options) (r result, err error) {
	r.of = max(3, o.rounds/10)
	for left := r.of; left > 0 && ctx.Err() == nil && len(r.Broken) == 0; left -= stretch {
		o := o
		if o.dir, err = os.MkdirTemp(o.dir, ""); err != nil {
			return r, err
		}
		if err := r.readOnlyStretch(ctx, o, min(left, stretch)); err != nil || r.Skipped != "" {
			return r, err
		}
		if err := os.RemoveAll(o.dir); err != nil {
			return r, err
		}
	}
	return r, ctx.Err()
}

func (r *result) readOnlyStretch(ctx context.Context, o options, rounds int) (err error) {
	s, err := smallDisk(o, r, 96)
	if s == nil {
		return err
	}
	defer func() { err = errors.Join(err, s.unmount()) }()
	at := site{DSN: "sqlite:" + filepath.Join(s.dir, "city.db"), Sent: filepath.Join(o.dir, "sent"), Node: "a"}
	life, b := newHistory(), &board{}
	var first time.Duration
	for i := range rounds {
		at.Ahead = time.Duration(i) * 26 * time.Hour
		woke, err := r.readOnly(ctx, o, s, at, life, b, i)
		if err != nil {
			return err
		}
		if i == 0 {
			first = woke
		} else {
			r.Back = append(r.Back, woke.Seconds()/first.Seconds())
		}
		if err := s.repair(); err != nil {
			return err
		}
	}
	return r.conclude(ctx, at, life, b, rounds)
}

func (r *result) readOnly(ctx context.Context, o options, s *small, at site, life *history, b *board, i int) (woke time.Duration, err error) {
	began := time.Now()
	h, err := openHouse(ctx, at)
	if err != nil {
		return 0, fmt.Errorf("after the file system was repaired: %w", err)
	}
	defer h.shut()
	h.begin()
	working, stop := context.WithCancel(ctx)
	gone := make(chan struct{})
	left := leftOver(life.all())
	go func() {
		defer close(gone)
		h.load(working, b, i, o.clients, left, life.tell)
	}()
	defer func() { stop(); <-gone }()
	if err := waitFor(ctx, func() bool { return life.doneSince(began) > 20 }); err != nil {
		return 0, err
	}
	woke = life.firstDone(began).Sub(began)
	if err := s.breakIt(); err != nil {
		return woke, err
	}
	broke := time.Now()
	turned := r.probe(ctx, h, func(said string) bool { return said != "ready" })
	r.stood(ctx, life, broke, turned)
	r.played()
	return woke, nil
}

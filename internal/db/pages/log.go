package pages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The log of SQLite, as https://sqlite.org/fileformat2.html#the_write_ahead_log describes it: a header, and frames of a
// header and a page each. Every frame carries the salt of the log and a check over all frames before it, so that what
// is left of an older log, or half written, is told from what counts. The last frame of a commit says how large the
// database is.
//
// A commit counts from when the index of the log says so, and not before: a writer that was killed after it had written its
// last frame has not committed, and the next one writes over what it left. The index is the file with -shm behind its
// name; it begins with a header, twice, https://sqlite.org/walformat.html#the_wal_index_file_format.

const (
	logHeader   = 32
	frameHeader = 24
	frameSize   = frameHeader + Size
	indexHeader = 48
)

type log struct {
	*os.File
	salt   uint64
	first  uint64 // the check over the header
	little bool   // how words are read for the check
	valid  int64  // frames of commits
}

// log opens the log; nil where it is empty, or about to begin anew. A reader must be open: what is committed from then on is
// found in the index.
func (f *Follower) log() (*log, error) {
	l, err := f.opened()
	if l == nil || err != nil {
		return nil, err
	}
	known, err := l.committed(f.path + "-shm")
	if err != nil || !known {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// committed looks into the index how far the log counts; not known is what belongs to another log than this one.
func (l *log) committed(index string) (known bool, err error) {
	file, err := os.Open(index)
	if err != nil {
		return false, err
	}
	defer file.Close()
	var h [2 * indexHeader]byte
	for try := 0; ; try++ { // both halves are the same but while somebody writes them
		if _, err := file.ReadAt(h[:], 0); err != nil {
			return false, err
		}
		if [indexHeader]byte(h[:indexHeader]) == [indexHeader]byte(h[indexHeader:]) {
			break
		}
		if try == 1000 {
			return false, nil // whoever wrote it was killed, and the next writer puts it right
		}
	}
	l.valid = int64(binary.NativeEndian.Uint32(h[16:]))
	return binary.BigEndian.Uint64(h[32:]) == l.salt, nil
}

func (f *Follower) opened() (*log, error) {
	file, err := os.Open(f.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var h [logHeader]byte
	if _, err := file.ReadAt(h[:], 0); err != nil {
		file.Close()
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return nil, err
	}
	l := &log{File: file, salt: binary.BigEndian.Uint64(h[16:])}
	magic := binary.BigEndian.Uint32(h[:])
	l.little = magic&1 == 0
	l.first = l.check(0, h[:24])
	if magic&^1 != 0x377f0682 || l.first != binary.BigEndian.Uint64(h[24:]) {
		return nil, file.Close() // being written: the next look sees it whole
	}
	if size := binary.BigEndian.Uint32(h[8:]); size != Size {
		return nil, errors.Join(fmt.Errorf("pages: the log has pages of %d bytes, not %d", size, Size), file.Close())
	}
	return l, nil
}

// check goes on with a running check over b.
func (l *log) check(sum uint64, b []byte) uint64 {
	s0, s1 := uint32(sum>>32), uint32(sum)
	if l.little {
		for ; len(b) >= 8; b = b[8:] {
			s0 += binary.LittleEndian.Uint32(b) + s1
			s1 += binary.LittleEndian.Uint32(b[4:]) + s0
		}
	} else {
		for ; len(b) >= 8; b = b[8:] {
			s0 += binary.BigEndian.Uint32(b) + s1
			s1 += binary.BigEndian.Uint32(b[4:]) + s0
		}
	}
	return uint64(s0)<<32 | uint64(s1)
}

func at(frame int64) int64 { return logHeader + frame*frameSize }

// holds tells whether what was read up to a place still stands there, and counts.
func (l *log) holds(p Place) bool {
	if p.Frames == 0 {
		return true
	}
	if p.Frames > l.valid {
		return false
	}
	var h [frameHeader]byte
	_, err := l.ReadAt(h[:], at(p.Frames-1))
	return err == nil && binary.BigEndian.Uint64(h[8:]) == l.salt && binary.BigEndian.Uint64(h[16:]) == p.Sum
}

// stretch is some whole commits.
type stretch struct {
	at   map[uint32]int64 // where the newest state of each page begins in the log
	size uint32
	to   Place
	more bool
}

// after reads the commits behind a place, nil where there is none: a commit whose last frame is not there yet is left
// for the next look.
func (l *log) after(p Place) (*stretch, error) {
	sum := p.Sum
	if p.Frames == 0 {
		sum = l.first
	}
	var done *stretch
	open := map[uint32]int64{}
	buf := make([]byte, frameSize)
	for n := p.Frames; n < l.valid; n++ {
		if _, err := l.ReadAt(buf, at(n)); errors.Is(err, io.EOF) {
			return done, nil
		} else if err != nil {
			return nil, err
		}
		sum = l.check(l.check(sum, buf[:8]), buf[frameHeader:])
		if binary.BigEndian.Uint64(buf[8:]) != l.salt || binary.BigEndian.Uint64(buf[16:]) != sum {
			return done, nil
		}
		size := binary.BigEndian.Uint32(buf[4:])
		if done != nil && len(done.at) >= Most && len(open) == 0 {
			done.more = true // there is at least one more frame; whether its commit is whole the next stretch finds out
			return done, nil
		}
		open[binary.BigEndian.Uint32(buf)] = at(n) + frameHeader
		if size == 0 {
			continue
		}
		if done == nil {
			done = &stretch{at: map[uint32]int64{}}
		}
		for page, where := range open {
			done.at[page] = where
		}
		clear(open)
		done.size, done.to = size, Place{Salt: l.salt, Frames: n + 1, Sum: sum}
	}
	return done, nil
}

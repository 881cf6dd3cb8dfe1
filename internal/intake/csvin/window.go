package csvin

import (
	"bytes"
	"errors"
	"io"
)

// errLong is returned by line for a line beyond the limit.
var errLong = errors.New("csvin: line beyond the limit")

// A window is the part of the source in memory: buf[r:w] is read and not yet
// consumed. It grows to the longest record in sight, and no further than the
// limits given to line.
type window struct {
	src  io.Reader
	buf  []byte
	r, w int
	err  error // of the source; sticky
}

const windowSize = 256 << 10

func (w *window) bytes() []byte { return w.buf[w.r:w.w] }

// line returns the physical line that begins from bytes after the window's
// beginning, its end included. At the end of the source the error is io.EOF,
// with what is left. The slice holds until the next call.
func (w *window) line(from, limit int) ([]byte, error) {
	searched := from
	for {
		rest := w.buf[w.r+searched : w.w]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			if searched-from+i+1 > limit {
				return nil, errLong
			}
			return w.buf[w.r+from : w.r+searched+i+1], nil
		}
		searched = w.w - w.r
		if searched-from > limit {
			return nil, errLong
		}
		if w.err != nil {
			if w.err != io.EOF {
				return nil, w.err
			}
			return w.buf[w.r+from : w.w], io.EOF
		}
		w.fill()
	}
}

// fill reads once more, making room first. A source that returns nothing a
// hundred times in a row has failed (as in bufio).
func (w *window) fill() {
	if w.w == len(w.buf) {
		if free := w.r; free > len(w.buf)/2 {
			w.w = copy(w.buf, w.buf[w.r:w.w])
			w.r = 0
		} else {
			grown := make([]byte, max(windowSize, 2*len(w.buf)))
			w.w = copy(grown, w.buf[w.r:w.w])
			w.r, w.buf = 0, grown
		}
	}
	for range 100 {
		n, err := w.src.Read(w.buf[w.w:])
		w.w += n
		w.err = err
		if n > 0 || err != nil {
			return
		}
	}
	w.err = io.ErrNoProgress
}

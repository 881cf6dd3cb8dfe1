package vault

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A long text is sealed in pieces, so that neither sealing nor opening holds more than one of them:
//
//	"comity file 2\n"   what everything sealed so begins with
//	piece, piece, …     64 KiB each and its tag; only the last may be shorter, and it is never left out
//
// The nonce of a piece is its number and whether it is the last (the STREAM construction of Hoang, Reyhanitabar,
// Rogaway and Vizár, 2015), so pieces can be neither exchanged nor cut off. Nonces that repeat from file to file are
// sound because each key seals one file.
const (
	streamMagic = "comity file 2\n"
	pieceSize   = 64 << 10
)

// Streamed reports whether what begins so was sealed by SealTo.
func Streamed(head []byte) bool { return strings.HasPrefix(string(head), streamMagic) }

// StreamHead is how many bytes Streamed wants to see.
const StreamHead = len(streamMagic)

// SealTo returns a writer that seals into w what is written to it, under a key drawn for it alone. What was written
// opens only after Close, which leaves w open.
func SealTo(suiteName string, w io.Writer) (io.WriteCloser, string, error) {
	s, err := suiteNamed(suiteName)
	if err != nil {
		return nil, "", err
	}
	raw := random(s.keySize)
	a, err := s.aead(raw)
	if err != nil {
		return nil, "", err
	}
	if _, err := io.WriteString(w, streamMagic); err != nil {
		return nil, "", err
	}
	return &sealWriter{w: w, aead: a, buf: make([]byte, 0, pieceSize+a.Overhead())}, string(s.letter) + "." + encode(raw), nil
}

type sealWriter struct {
	w     io.Writer
	aead  cipher.AEAD
	buf   []byte
	n     uint64
	ended bool
}

func (s *sealWriter) Write(p []byte) (n int, err error) {
	if s.ended {
		return 0, errors.New("vault: written to after Close")
	}
	for len(p) > 0 {
		if len(s.buf) == pieceSize { // not sooner: the last piece is sealed by Close
			if err := s.flush(false); err != nil {
				return n, err
			}
		}
		room := min(len(p), pieceSize-len(s.buf))
		s.buf = append(s.buf, p[:room]...)
		p, n = p[room:], n+room
	}
	return n, nil
}

func (s *sealWriter) flush(last bool) error {
	sealed := s.aead.Seal(s.buf[:0], pieceNonce(s.aead, s.n, last), s.buf, []byte(streamMagic))
	_, err := s.w.Write(sealed)
	s.n, s.buf = s.n+1, s.buf[:0]
	return err
}

func (s *sealWriter) Close() error {
	if s.ended {
		return nil
	}
	s.ended = true
	return s.flush(true)
}

func pieceNonce(a cipher.AEAD, n uint64, last bool) []byte {
	nonce := make([]byte, a.NonceSize())
	binary.BigEndian.PutUint64(nonce, n)
	if last {
		nonce[len(nonce)-1] = 1
	}
	return nonce
}

// OpenFrom opens what SealTo wrote: size bytes of r. The last piece is opened at once, so that something cut short
// is ErrBroken here and not when half of it was shown; any other damage is ErrBroken where it is read. The reader
// is for one goroutine.
func OpenFrom(key string, r io.ReaderAt, size int64) (*Opened, error) {
	a, err := fileAEAD(key)
	if err != nil {
		return nil, err
	}
	head := make([]byte, len(streamMagic))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	whole := int64(pieceSize + a.Overhead())
	body := size - int64(len(streamMagic))
	if !Streamed(head) || body < int64(a.Overhead()) {
		return nil, ErrBroken
	}
	o := &Opened{aead: a, r: r, pieces: (body + whole - 1) / whole, at: -1}
	last := body - (o.pieces-1)*whole - int64(a.Overhead())
	if last < 0 {
		return nil, ErrBroken
	}
	o.lastSize, o.size = last, (o.pieces-1)*pieceSize+last
	return o, o.load(o.pieces - 1)
}

// Opened reads what was sealed, from anywhere in it, holding one piece at a time.
type Opened struct {
	aead     cipher.AEAD
	r        io.ReaderAt
	pieces   int64
	lastSize int64
	size     int64
	pos      int64
	at       int64 // the piece in plain; -1 = none
	plain    []byte
	buf      []byte
}

// Size is how long the plain text is.
func (o *Opened) Size() int64 { return o.size }

func (o *Opened) load(n int64) error {
	if n == o.at {
		return nil
	}
	o.at = -1
	size := int64(pieceSize)
	if n == o.pieces-1 {
		size = o.lastSize
	}
	if o.buf == nil {
		o.buf, o.plain = make([]byte, pieceSize+o.aead.Overhead()), make([]byte, 0, pieceSize)
	}
	sealed := o.buf[:size+int64(o.aead.Overhead())]
	if _, err := o.r.ReadAt(sealed, int64(len(streamMagic))+n*int64(pieceSize+o.aead.Overhead())); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	plain, err := o.aead.Open(o.plain[:0], pieceNonce(o.aead, uint64(n), n == o.pieces-1), sealed, []byte(streamMagic))
	if err != nil {
		return ErrBroken
	}
	o.plain, o.at = plain, n
	return nil
}

func (o *Opened) Read(p []byte) (int, error) {
	n, err := o.ReadAt(p[:min(len(p), pieceSize)], o.pos)
	o.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt is for one goroutine, unlike that of most readers.
func (o *Opened) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("vault: read before the beginning")
	}
	for n < len(p) {
		if off >= o.size {
			return n, io.EOF
		}
		if err := o.load(off / pieceSize); err != nil {
			return n, err
		}
		got := copy(p[n:], o.plain[off%pieceSize:])
		n, off = n+got, off+int64(got)
	}
	return n, nil
}

// Seek goes where io.Seeker says.
func (o *Opened) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.pos
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, errors.New("vault: seek before the beginning")
	}
	o.pos = offset
	return offset, nil
}

// fileAEAD is the sealer of a key that SealBytes or SealTo drew.
func fileAEAD(key string) (cipher.AEAD, error) {
	letter, body, _ := strings.Cut(key, ".")
	for _, s := range suites {
		if letter != string(s.letter) {
			continue
		}
		raw, err := decode(body)
		if err != nil {
			return nil, ErrBroken
		}
		a, err := s.aead(raw)
		if err != nil {
			return nil, ErrBroken
		}
		return a, nil
	}
	return nil, fmt.Errorf("%w: the key of the file is none", ErrBroken)
}

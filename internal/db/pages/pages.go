// Package pages reads, page by page, what a SQLite database in use changes, and puts such pages together again.
//
// SQLite writes changes to its log and copies them back into the file when there is time (a checkpoint); then the log
// may begin anew. Whoever has read the log up to its end and keeps a reader open loses nothing: a reader that stands
// in the log keeps it from beginning anew, and one that found everything copied back lets it begin anew once, since
// nothing more is copied back under it. So a [Follower] opens the next reader before it reads the log to its end, and
// closes the last one after. It needs no place in the process that writes, and asks that process for nothing.
//
// The life of a follower:
//
//	Begin or Resume  a reader is open; the place in the log is known
//	Base             all pages, once, where nothing was resumed
//	Next             pages that changed since, with the state after a commit; again and again
//	GiveWay          where the log has grown long: writers wait for a moment, and it may begin anew
//
// What must never leave the file is cut out of the pages as they pass, see [Rule]; bytes of a page in which nothing
// lives are zeroed, so that no remainder of such a value leaves either.
//
// It refuses: databases with pages of another size than 4 KiB, with auto_vacuum, or of 128 GiB and more, where a page
// could be taken for another kind; and it answers [ErrLost] where the log cannot continue the place it is given.
//
// Open this file first; log.go reads the log, cut.go knows what a page looks like inside.
package pages

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"comity/internal/db"
)

// Size is the size of a page, the one this program makes.
const Size = 4096

const (
	mostPages = 1 << 25  // from here on the number of a page can look like the mark of another kind
	longLog   = 40 << 20 // bytes of log from which writers are asked to wait; the city itself copies back at 32 MiB
	patience  = 10 * time.Second
)

// Most bounds how many pages one change holds, unless a single commit has more.
const Most = 16384

// ErrLost says that the log begins after the given place: what was between is known to nobody, and a new base is needed.
var ErrLost = errors.New("pages: the log of the database does not continue the place that was reached")

// Place is how far the log has been read. The zero Place is before the first commit of the log.
type Place struct {
	Salt   uint64 `json:"salt,omitempty"`   // drawn anew when the log begins anew
	Frames int64  `json:"frames,omitempty"` // read so far
	Sum    uint64 `json:"sum,omitempty"`    // running check over all of them
}

// Each hands over pages, in no order that matters, the later of two with one number being the valid one.
type Each func(number uint32, page []byte) error

// Follower follows one database. It is for one goroutine.
type Follower struct {
	path    string
	file    os.FileInfo // of the database that was opened
	pool    *sql.DB
	readers [2]*sql.Conn // one of them in a transaction
	now     int          // which
	other   *sql.Conn    // copies the log back, and asks writers to wait
	place   Place
	cut     *cutter
}

// Begin opens a database that is there, to follow it from a base. taken is handed each row from which rule cut a
// value, as it was before.
func Begin(ctx context.Context, path string, rule Rule, taken func(Row) error) (*Follower, error) {
	f, err := open(ctx, path, rule, taken)
	if err != nil {
		return nil, err
	}
	if err := f.read(ctx, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Resume is Begin where an earlier follower came to a place: ErrLost if the log does not continue it.
func Resume(ctx context.Context, path string, at Place, rule Rule, taken func(Row) error) (*Follower, error) {
	f, err := Begin(ctx, path, rule, taken)
	if err != nil {
		return nil, err
	}
	f.place = at
	l, err := f.log()
	if err == nil && (l == nil || l.salt != at.Salt || !l.holds(at)) {
		err = ErrLost
	}
	if l != nil {
		err = errors.Join(err, l.Close())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func open(ctx context.Context, path string, rule Rule, taken func(Row) error) (f *Follower, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	file, err := fits(path)
	if err != nil {
		return nil, err
	}
	pool, err := driver.Open(db.FileURI(path), func(c *sqlite3.Conn) error {
		if err := c.BusyTimeout(patience); err != nil {
			return err
		}
		return c.Exec(`PRAGMA query_only=ON; PRAGMA cache_size=-2000; PRAGMA wal_autocheckpoint=0`)
	})
	if err != nil {
		return nil, err
	}
	f = &Follower{path: path, file: file, pool: pool, cut: &cutter{rule: rule, taken: taken}}
	for _, conn := range []**sql.Conn{&f.readers[0], &f.readers[1], &f.other} {
		if *conn, err = pool.Conn(ctx); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// fits refuses what this package does not know.
func fits(path string) (os.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var head [100]byte
	if _, err := io.ReadFull(file, head[:]); err != nil || string(head[:16]) != "SQLite format 3\x00" {
		return nil, fmt.Errorf("pages: %s is no SQLite database with tables in it", path)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case binary.BigEndian.Uint16(head[16:]) != Size || head[20] != 0:
		err = fmt.Errorf("pages: %s has pages of another size than %d bytes, or bytes set apart in them", path, Size)
	case head[18] != 2 || head[19] != 2:
		err = fmt.Errorf("pages: %s has no log (journal_mode=WAL); it was not made by this program", path)
	case binary.BigEndian.Uint32(head[52:]) != 0:
		err = fmt.Errorf("pages: %s is kept with auto_vacuum; it was not made by this program", path)
	case info.Size() >= mostPages*Size:
		err = fmt.Errorf("pages: %s has 128 GiB or more, which is more than this can tell apart; a city of that size belongs on PostgreSQL", path)
	}
	return info, err
}

// Close lets the log go.
func (f *Follower) Close() (err error) {
	for _, conn := range []*sql.Conn{f.readers[0], f.readers[1], f.other} {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
	}
	return errors.Join(err, f.pool.Close())
}

// Place is how far the log was read.
func (f *Follower) Place() Place { return f.place }

// Base hands over all pages as they are at some moment after Begin. What Next hands over afterwards may begin before
// that moment and ends after it, so that base and first change together are one state. The copy it is read from lies in
// a folder made in temp, and needs the room of the database.
func (f *Follower) Base(ctx context.Context, temp string, each Each) (size uint32, err error) {
	dir, err := os.MkdirTemp(temp, ".copy-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "copy")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return 0, err
	}
	err = raw(f.readers[f.now], func(c *sqlite3.Conn) error { return c.Backup("main", db.FileURI(path)) })
	if err != nil {
		return 0, fmt.Errorf("pages: copy: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	_ = os.RemoveAll(dir) // while it is read nobody needs its name, and a crash leaves nothing behind
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	size = uint32(info.Size() / Size)
	numbers := func(yield func(uint32) bool) {
		for n := uint32(1); n <= size && ctx.Err() == nil && yield(n); n++ {
		}
	}
	err = f.hand(numbers, func(n uint32, page []byte) (bool, error) {
		_, err := file.ReadAt(page, int64(n-1)*Size)
		return true, err
	}, each)
	return size, errors.Join(err, ctx.Err())
}

// Sweep takes copies away that a crash of [Follower.Base] left behind, which hold what may have been erased since. Those
// written to after before may be another follower's.
func Sweep(temp string, before time.Time) error {
	left, err := filepath.Glob(filepath.Join(temp, ".copy-*", "copy"))
	for _, path := range left {
		if info, gone := os.Stat(path); gone == nil && info.ModTime().Before(before) {
			err = errors.Join(err, os.RemoveAll(filepath.Dir(path)))
		}
	}
	return err
}

// hand cuts pages and hands them over. get reads one; false if it is not among them.
func (f *Follower) hand(numbers iter.Seq[uint32], get func(uint32, []byte) (bool, error), each Each) error {
	f.cut.spilt = map[uint32][]span{}
	page, further := make([]byte, Size), make([]byte, Size)
	look := func(n uint32) ([]byte, error) {
		there, err := get(n, further)
		if !there {
			return nil, err
		}
		return further, err
	}
	for n := range numbers { // all rows first: where a long one goes on may have a smaller number
		if _, err := get(n, page); err != nil {
			return err
		}
		if err := f.cut.spills(page, look); err != nil {
			return err
		}
	}
	for n := range numbers {
		if _, err := get(n, page); err != nil {
			return err
		}
		if err := f.cut.page(n, page); err != nil {
			return err
		}
		if err := each(n, page); err != nil {
			return err
		}
	}
	return nil
}

// Change is what commits have changed.
type Change struct {
	Size  uint32 // pages of the database afterwards
	Pages int
	Place Place // behind them
	More  bool  // there are later commits, for another change
	Each  func(Each) error
}

// Next reads the log to its end and hands what it found to ship, in one or several changes; where nothing has changed
// ship is not called. If ship fails, the place stays before that change, and nothing of it is lost.
func (f *Follower) Next(ctx context.Context, ship func(Change) error) error {
	next := 1 - f.now
	if err := f.read(ctx, next); err != nil {
		return errors.Join(err, exec(ctx, f.readers[next], `ROLLBACK`))
	}
	if err := f.rest(ctx, ship); err != nil {
		// The reader that is there already holds the place; the other is not needed.
		return errors.Join(err, exec(context.WithoutCancel(ctx), f.readers[next], `ROLLBACK`))
	}
	f.now = next
	return exec(ctx, f.readers[1-next], `ROLLBACK`)
}

var errBusy = errors.New("pages: there is something to ship first")

// Breathe moves the reader to the end of the log where nothing is left to ship, and else does nothing. Whoever wants the
// log emptied ([comity/internal/db.DB.Scrub]) waits, with all writers, until a follower has done so twice.
func (f *Follower) Breathe(ctx context.Context) error {
	err := f.Next(ctx, func(Change) error { return errBusy })
	if errors.Is(err, errBusy) {
		return nil
	}
	return err
}

// rest ships what lies between the place and the end of the log.
func (f *Follower) rest(ctx context.Context, ship func(Change) error) error {
	if now, err := os.Stat(f.path); err != nil {
		return err
	} else if !os.SameFile(now, f.file) { // the log beside it is that of another database
		return fmt.Errorf("%w: another file was put in its place", ErrLost)
	}
	l, err := f.log()
	if err != nil || l == nil {
		return err
	}
	defer l.Close()
	from := f.place
	if from.Salt != l.salt { // it began anew, after all of it had been read
		from = Place{Salt: l.salt}
	}
	if !l.holds(from) {
		return fmt.Errorf("%w: what stood there was overwritten", ErrLost)
	}
	for ctx.Err() == nil {
		found, err := l.after(from)
		if err != nil || found == nil {
			return err
		}
		c := Change{Size: found.size, Pages: len(found.at), Place: found.to, More: found.more}
		c.Each = func(each Each) error { return f.pagesOf(l, found, each) }
		if err := ship(c); err != nil {
			return err
		}
		f.place, from = found.to, found.to
		if !found.more {
			return nil
		}
	}
	return ctx.Err()
}

func (f *Follower) pagesOf(l *log, found *stretch, each Each) error {
	numbers := make([]uint32, 0, len(found.at))
	for n := range found.at {
		if n <= found.size { // the file was cut to less afterwards
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return f.hand(slices.Values(numbers), func(n uint32, page []byte) (bool, error) {
		where, there := found.at[n]
		if !there {
			return false, nil
		}
		_, err := l.ReadAt(page, where)
		return true, err
	}, each)
}

// GiveWay lets a log that has grown long begin anew: all of it is copied back while writers wait for a moment, and
// what they had written by then is shipped first. Where other readers stand in the way it does nothing.
func (f *Follower) GiveWay(ctx context.Context, ship func(Change) error) (err error) {
	info, err := os.Stat(f.path + "-wal")
	if err != nil || info.Size() < longLog {
		return nil
	}
	if err := raw(f.other, copyBack); err != nil { // most of it, with nobody waiting
		return err
	}
	if err := f.Next(ctx, ship); err != nil {
		return err
	}
	if err := exec(ctx, f.other, `PRAGMA query_only=OFF; BEGIN IMMEDIATE`); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, exec(context.WithoutCancel(ctx), f.other, `ROLLBACK; PRAGMA query_only=ON`))
	}()
	if err := f.rest(ctx, ship); err != nil {
		return err
	}
	// Nobody writes now, so a moment without a reader loses nothing.
	if err := exec(ctx, f.readers[f.now], `ROLLBACK`); err != nil {
		return err
	}
	err = raw(f.readers[1-f.now], copyBack)
	return errors.Join(err, f.read(ctx, f.now))
}

// copyBack is not in anybody's way; when somebody else is at it, it leaves it to them.
func copyBack(c *sqlite3.Conn) error {
	_, _, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	if errors.Is(err, sqlite3.BUSY) {
		return nil
	}
	return err
}

func exec(ctx context.Context, conn *sql.Conn, text string) error {
	_, err := conn.ExecContext(ctx, text)
	return err
}

func raw(conn *sql.Conn, do func(*sqlite3.Conn) error) error {
	return conn.Raw(func(c any) error { return do(c.(driver.Conn).Raw()) })
}

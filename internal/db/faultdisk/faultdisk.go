// Package faultdisk is a disk that fails as disks do, below SQLite: for tests alone.
//
// A [Disk] lies over the machine's file system and remembers, for every sector written since the last sync that
// succeeded, what stood there before. [Disk.Cut] is the moment at which the power goes: nothing reaches the disk any
// more. [Disk.Restore] then makes the files what such a disk holds: all that was synced, and of each sector that was
// not, by chance, the old or the new content. A sync that fails loses what it should have written, as the kernel does:
// the pages are still read from memory, a later sync does not write them again, and only another write makes them
// dirty anew.
//
// It refuses to tear a sector of 512 bytes, to lose what was synced, and to bring files back that were deleted.
//
// This file is the whole package.
package faultdisk

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

const sectorSize = 512

// Disk is a file system of the driver. The zero value is not usable; see [New].
type Disk struct {
	name string
	base vfs.VFSFilename

	mu     sync.Mutex
	files  map[string]*image
	cut    bool
	full   bool
	delay  time.Duration
	broken int // syncs that will fail; less than 0: all
	synced int // that succeeded
	failed int
}

// image is what a file would be after a power cut.
type image struct {
	size    int64 // at the last sync
	pending map[int64]*sector
}

// sector is one that was written since the last sync.
type sector struct {
	old  [sectorSize]byte
	lost bool // a sync failed to write it, and nobody will try again
}

// New puts a disk under a name, by which db.OpenOn finds it. Call [Disk.Remove] when it is not needed any more.
func New(name string) *Disk {
	d := &Disk{name: name, base: vfs.Find("os").(vfs.VFSFilename), files: map[string]*image{}}
	vfs.Register(name, d)
	return d
}

// Name is what db.OpenOn wants.
func (d *Disk) Name() string { return d.name }

// Remove takes the name back.
func (d *Disk) Remove() { vfs.Unregister(d.name) }

// Slow makes every sync and every write of a page wait.
func (d *Disk) Slow(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = by
}

// Fill lets no write succeed, or lets them again, as where there is no space.
func (d *Disk) Fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// FailSyncs makes the next n syncs fail; less than 0 all from now on, and 0 none.
func (d *Disk) FailSyncs(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = n
}

// Syncs says how many syncs succeeded and how many failed.
func (d *Disk) Syncs() (good, bad int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.synced, d.failed
}

// Cut is the moment at which the power goes: everything fails from now on.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = true
}

// Restore makes the files what the disk holds after the power came back, and says how many sectors were written and
// not synced, and how many of them are old. It is called when everything that had them open is closed. keep is the
// chance: it is asked for every sector and every length.
func (d *Disk) Restore(keep func() bool) (unsynced, old int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range d.files {
		n, reverted, fail := f.restore(name, keep)
		unsynced, old, err = unsynced+n, old+reverted, errors.Join(err, fail)
	}
	d.files, d.cut, d.broken = map[string]*image{}, false, 0
	d.full, d.delay = false, 0
	return unsynced, old, err
}

func (f *image) restore(name string, keep func() bool) (unsynced, old int, err error) {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return 0, 0, err
	}
	size := info.Size()
	for at, s := range f.pending {
		unsynced++
		if !s.lost && keep() {
			continue
		}
		old++
		if _, err := file.WriteAt(s.old[:], at); err != nil {
			return unsynced, old, err
		}
	}
	// The length is kept elsewhere on a disk than the content: it is the old or the new one by itself.
	if size != f.size && !keep() {
		size = f.size
	}
	return unsynced, old, file.Truncate(size)
}

var _ vfs.VFSFilename = &Disk{}

// Open is part of the driver's interface; files without a name are temporary ones, which nobody misses.
func (d *Disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return d.base.Open(name, flags)
}

// OpenFilename opens a file and begins to remember.
func (d *Disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name == nil {
		return d.base.OpenFilename(name, flags)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut {
		return nil, flags, sqlite3.CANTOPEN
	}
	f, out, err := d.base.OpenFilename(name, flags)
	if err != nil {
		return nil, out, err
	}
	path := name.String()
	if d.files[path] == nil {
		size, err := f.Size()
		if err != nil {
			return nil, out, errors.Join(err, f.Close())
		}
		d.files[path] = &image{size: size, pending: map[int64]*sector{}}
	}
	return &file{File: f, d: d, image: d.files[path]}, out, nil
}

// Delete removes a file at once and for ever.
func (d *Disk) Delete(name string, sync bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut {
		return sqlite3.IOERR_DELETE
	}
	delete(d.files, name)
	return d.base.Delete(name, sync)
}

// Access is the machine's.
func (d *Disk) Access(name string, flags vfs.AccessFlag) (bool, error) {
	return d.base.Access(name, flags)
}

// FullPathname is the machine's.
func (d *Disk) FullPathname(name string) (string, error) { return d.base.FullPathname(name) }

// file is one open file. Several may be open on one image.
type file struct {
	vfs.File
	d     *Disk
	image *image
}

var _ vfs.FileSharedMemory = &file{}

// SharedMemory is where readers and the writer find each other; it lies in memory and dies with it.
func (f *file) SharedMemory() vfs.SharedMemory {
	if m, ok := f.File.(vfs.FileSharedMemory); ok {
		return m.SharedMemory()
	}
	return nil
}

func (f *file) wait() {
	f.d.mu.Lock()
	delay := f.d.delay
	f.d.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	f.wait()
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.cut || f.d.full {
		return 0, sqlite3.IOERR_WRITE
	}
	for first := at - at%sectorSize; first < at+int64(len(b)); first += sectorSize {
		if err := f.remember(first); err != nil {
			return 0, err
		}
	}
	return f.File.WriteAt(b, at)
}

// remember keeps what a sector held before it is written. One that a failed sync lost is dirty anew.
func (f *file) remember(at int64) error {
	if s := f.image.pending[at]; s != nil {
		s.lost = false
		return nil
	}
	s := &sector{}
	if _, err := f.File.ReadAt(s.old[:], at); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	f.image.pending[at] = s
	return nil
}

func (f *file) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.cut {
		return sqlite3.IOERR_TRUNCATE
	}
	now, err := f.File.Size()
	if err != nil {
		return err
	}
	for at := size - size%sectorSize; at < now; at += sectorSize {
		if err := f.remember(at); err != nil {
			return err
		}
	}
	return f.File.Truncate(size)
}

func (f *file) Sync(flags vfs.SyncFlag) error {
	f.wait()
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	switch {
	case f.d.cut:
		return sqlite3.IOERR_FSYNC
	case f.d.broken != 0:
		f.d.failed++
		if f.d.broken > 0 {
			f.d.broken--
		}
		for _, s := range f.image.pending {
			s.lost = true
		}
		return sqlite3.IOERR_FSYNC
	}
	size, err := f.File.Size()
	if err != nil {
		return err
	}
	f.image.size = size
	for at, s := range f.image.pending {
		if !s.lost {
			delete(f.image.pending, at)
		}
	}
	f.d.synced++
	return nil // the file under it is not synced: the machine does not lose power in a test
}

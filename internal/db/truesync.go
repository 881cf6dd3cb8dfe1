package db

import (
	"sync"

	"github.com/ncruces/go-sqlite3/vfs"

	"comity/internal/synced"
)

// trueSync is the machine's file system below SQLite, in which a sync succeeds only where it is proven (see package
// synced): neither is a commit acknowledged on any other, nor the log begun anew over one.
type trueSync struct{ vfs.VFSFilename }

// proven is the name under which the driver knows [trueSync].
var proven = sync.OnceValue(func() string {
	const name = "proven"
	vfs.Register(name, trueSync{vfs.Find("os").(vfs.VFSFilename)})
	return name
})

// OpenFilename is part of the driver's interface. A file without a name is a temporary one, which nobody syncs.
func (t trueSync) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := t.VFSFilename.OpenFilename(name, flags)
	if err != nil || name == nil {
		return f, flags, err
	}
	return trueFile{f.(machineFile), name.String()}, flags, nil
}

// machineFile is all that SQLite asks of a file of the machine, so that nothing of it is lost on the way.
type machineFile interface {
	vfs.FileHasMoved
	vfs.FileLockState
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSharedMemory
	vfs.FileSizeHint
}

type trueFile struct {
	machineFile
	path string
}

func (f trueFile) Sync(flags vfs.SyncFlag) error {
	if err := f.machineFile.Sync(flags); err != nil {
		return err
	}
	return synced.Proven(f.path)
}

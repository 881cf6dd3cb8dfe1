package db

import (
	"sync"

	"github.com/ncruces/go-sqlite3/vfs"
)

// trueSync is the machine's file system below SQLite, in which a sync succeeds only where it is proven.
//
// When ext4 finds an error in itself it ends its journal first and becomes read only some milliseconds later. A sync in
// between is answered well although what it stood for, above all the new length of the log, will never be written: the
// kernel finds that the part of the journal it would have to wait for is over, and does not look how it ended. What was
// acknowledged on such an answer was gone after the repair.
//
// The proof is a change that goes through the journal and was begun after the sync ended. An ended journal does not
// begin again, so that one which takes a change was alive during the sync. The change is to set the times of the very
// file. The kernel swallows the journal's refusal of it, but has made the file system read only by the time it is back;
// only a second one is told. Both together cost some hundredths of a sync.
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
	for range 2 {
		if err := touch(f.path); err != nil {
			return err
		}
	}
	return nil
}

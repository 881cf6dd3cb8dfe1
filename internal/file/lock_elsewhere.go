//go:build !unix

package file

import "sync"

var held sync.Map // names that are locked

// lock keeps others of this process away from a file: where there are no locks between processes, one has the folder to
// itself.
func lock(name string) (free func(), ok bool, err error) {
	if _, taken := held.LoadOrStore(name, true); taken {
		return nil, false, nil
	}
	return func() { held.Delete(name) }, true, nil
}

package vault

import (
	"bytes"
	"encoding/json"
	"time"

	"comity/internal/file/whole"
)

// ReplaceHead puts a head in place of the last one, even one that is shorter. It is for a city whose newest
// records are lost for good, after that was written into its log; everybody else calls SaveHead.
func (r *Ring) ReplaceHead(size int64, root []byte, at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.putHead(Head{Size: size, Root: bytes.Clone(root), At: at.UTC()})
}

func (r *Ring) putHead(h Head) error {
	if r.folder == "" {
		r.kept.head = h
		return nil
	}
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := whole.Write(headPath(r.folder, r.compartment), append(b, '\n')); err != nil {
		return err
	}
	return syncFolder(r.folder)
}

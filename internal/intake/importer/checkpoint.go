package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"comity/internal/file/whole"
	"comity/internal/intake/csvin"
)

// checkpoint is where a broken import goes on. It is written only after everything before it is in the
// ledger; rows after it may be there too, and are recognised by their keys.
type checkpoint struct {
	Mapping string     `json:"mapping"`
	Size    int64      `json:"size"`
	Header  []string   `json:"header"`
	Mark    csvin.Mark `json:"mark"`
	Rejects int64      `json:"rejects"` // bytes written to the rejects
	Counts  Counts     `json:"counts"`

	began int64 // offset at which this run began
}

// start opens the file at its beginning or where the checkpoint stands.
func (r *run) start() error {
	options := csvin.Options{Columns: r.Mapping.Needs()}
	found, err := readCheckpoint(r.Checkpoint)
	if err != nil {
		return err
	}
	if _, err := r.File.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if found == nil {
		if r.in, err = csvin.NewReader(r.File, options); err != nil {
			return err
		}
		r.at = checkpoint{Mapping: r.Mapping.Name, Size: r.Size, Header: r.in.Header(), Mark: r.in.Mark()}
		r.rejects, err = newRejects(r.Rejects, 0, r.Say)
		r.at.began = r.in.Offset()
		return err
	}
	if found.Mapping != r.Mapping.Name || found.Size != r.Size {
		return fmt.Errorf("the checkpoint %s belongs to another file or mapping (%s, %d bytes); remove it to begin anew", r.Checkpoint, found.Mapping, found.Size)
	}
	if r.in, err = csvin.NewReader(r.File, options); err != nil {
		return err
	}
	if !slices.Equal(r.in.Header(), found.Header) {
		return fmt.Errorf("the checkpoint %s belongs to a file with other columns; remove it to begin anew", r.Checkpoint)
	}
	if r.in, err = csvin.NewReaderAt(r.File, found.Mark, found.Header, options); err != nil {
		return err
	}
	r.at, r.before = *found, found.Counts.Rows
	r.at.began = found.Mark.Offset
	r.rejects, err = newRejects(r.Rejects, found.Rejects, r.Say)
	return err
}

// keep writes the checkpoint for what has been stored.
func (r *run) keep() error {
	if err := r.rejects.flush(); err != nil {
		return err
	}
	r.at.Mark, r.at.Rejects = r.in.Mark(), r.rejects.size
	if r.Checkpoint == "" {
		return nil
	}
	doc, err := json.Marshal(r.at)
	if err != nil {
		return err
	}
	return whole.Write(r.Checkpoint, doc)
}

func (r *run) finish() error {
	if r.Checkpoint == "" {
		return nil
	}
	return os.Remove(r.Checkpoint)
}

func readCheckpoint(path string) (*checkpoint, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c checkpoint
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("the checkpoint %s cannot be read (%w); remove it to begin anew, no case is made twice", path, err)
	}
	return &c, nil
}

// truncater is a file of rejects that an earlier run may have written further than its checkpoint.
type truncater interface {
	io.Seeker
	Truncate(size int64) error
}

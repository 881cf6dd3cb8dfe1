// Package posted reads a posted form with files as it arrives. Its fields are held in memory; its files are sealed on
// their way to the disk, each under a key that is in memory alone, and lie there under no name: what people send is
// never readable on a disk, not even until the form is judged, and a crash leaves nothing behind.
//
// It refuses more fields, files and bytes of fields than a form of ours has. How large a form is altogether is for whoever
// hands over its body, and what is in a file for package file. Open this file; there is no other.
package posted

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"

	"comity/internal/vault"
)

// Bounds of a form.
const (
	maxParts  = 1000     // fields and files
	maxFields = 10 << 20 // bytes of the fields together, and of all names
)

var (
	// ErrKeep marks trouble with the disk, which is not the sender's.
	ErrKeep = errors.New("posted: a file of the form cannot be kept")
	// ErrLarge is for more than there may be in a form.
	ErrLarge = errors.New("posted: the form has too many fields, or too much in them")
)

// Form is a form that was read. The files it lists are opened by Open, and by nothing else: they have no content of
// their own.
type Form struct {
	*multipart.Form
	kept  map[*multipart.FileHeader]kept
	space *os.File // where the files lie, one after the other; nil: there is none
	end   int64
}

type kept struct {
	key      string
	at, size int64
}

// Read takes a form off the line. Whoever gets one closes it. What r says of its form is left as it was, so that a form
// that could not be read is not taken for an empty one later.
func Read(r *http.Request) (*Form, error) {
	was := r.MultipartForm
	line, err := r.MultipartReader()
	r.MultipartForm = was
	if err != nil {
		return nil, err
	}
	f := &Form{Form: &multipart.Form{Value: map[string][]string{}, File: map[string][]*multipart.FileHeader{}}, kept: map[*multipart.FileHeader]kept{}}
	if err := f.read(line); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Form) read(line *multipart.Reader) error {
	room := int64(maxFields)
	for n := 0; ; n++ {
		p, err := line.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n == maxParts {
			return ErrLarge
		}
		name := p.FormName()
		if room -= int64(len(name) + len(p.FileName()) + len(p.Header.Get(kindOf))); room < 0 {
			return ErrLarge
		}
		switch {
		case name == "":
		case p.FileName() != "":
			err = f.file(name, p)
		default:
			var value []byte
			value, err = io.ReadAll(io.LimitReader(p, room+1))
			if room -= int64(len(value)); err == nil && room < 0 {
				err = ErrLarge
			}
			f.Value[name] = append(f.Value[name], string(value))
		}
		if err != nil {
			return err
		}
	}
}

const kindOf = "Content-Type"

// file seals one file behind those before it.
func (f *Form) file(name string, p *multipart.Part) error {
	if err := f.room(); err != nil {
		return fmt.Errorf("%w: %w", ErrKeep, err)
	}
	begin, disk := f.end, &disk{f: f}
	w, key, err := vault.SealTo("std", disk)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeep, err)
	}
	size, err := io.Copy(w, p)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	// Of what stands above a part only its type is kept: lines without end take many times their length in memory.
	h := &multipart.FileHeader{Filename: p.FileName(), Header: textproto.MIMEHeader{kindOf: p.Header.Values(kindOf)}, Size: size}
	f.File[name] = append(f.File[name], h)
	f.kept[h] = kept{key, begin, f.end - begin}
	return nil
}

// room makes the place where files lie. Its name is gone before anything is in it.
func (f *Form) room() (err error) {
	if f.space != nil {
		return nil
	}
	if f.space, err = os.CreateTemp("", "posted-*"); err != nil {
		return err
	}
	return os.Remove(f.space.Name())
}

// disk writes to the end of the space, and says whose fault it is when it cannot.
type disk struct{ f *Form }

func (d *disk) Write(p []byte) (int, error) {
	n, err := d.f.space.WriteAt(p, d.f.end)
	d.f.end += int64(n)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrKeep, err)
	}
	return n, err
}

// Open reads a file of the form, from the beginning. The reader is for one goroutine.
func (f *Form) Open(h *multipart.FileHeader) (io.ReadSeeker, error) {
	k, ok := f.kept[h]
	if !ok {
		return nil, http.ErrMissingFile
	}
	o, err := vault.OpenFrom(k.key, io.NewSectionReader(f.space, k.at, k.size), k.size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeep, err)
	}
	return o, nil
}

// Close forgets the files. It may be called twice.
func (f *Form) Close() error {
	if f.space == nil {
		return nil
	}
	space := f.space
	f.space, f.kept = nil, nil
	return space.Close()
}

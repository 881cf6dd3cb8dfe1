package file

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/file/whole"
	"comity/internal/vault"
)

// Uploads are files that arrive over several requests, because the line is weak:
//
//	Dir/ID/state   what is known of it, sealed under the key in its name
//	Dir/ID/N       its parts, one for each request, each sealed under a key that stands in state
//	Dir/ID/lock    held by the request that is being worked on; several nodes may share Dir
//
// The name of an upload is ID.KEY and is given to whoever began it. The key is kept nowhere here, so whoever has the
// name is its owner, and nobody who has the disk can read it. A part that was not finished when the program died is
// written anew: the sender asks how far it got.
type Uploads struct {
	Dir   string
	Suite string
	Most  int           // uploads at a time, of everybody; 0 = 500
	Life  time.Duration // from the beginning; 0 = a day
	Now   func() time.Time
}

// Upload is how far one has got.
type Upload struct {
	Name     string // the sender's name for the file
	Declared string
	Length   int64
	Offset   int64
	Until    time.Time
	Done     *casework.File // it was taken in
}

type uploadState struct {
	Upload
	Parts []string // their keys
}

var (
	// ErrNoUpload is for a name that was never given, or is too old.
	ErrNoUpload = errors.New("file: there is no such upload")
	// ErrOffset is for a part that does not begin where the last one ended.
	ErrOffset = errors.New("file: the part does not begin where the upload stands")
	// ErrBusy is for a second request about one upload while the first is under way.
	ErrBusy = errors.New("file: another part of this upload is just coming in")
	// ErrMany is for one upload more than there may be.
	ErrMany = errors.New("file: there are too many uploads at the moment")
)

const (
	mostUploads = 500
	uploadLife  = 24 * time.Hour
	mostParts   = 2000
)

var uploadID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Begin makes room for a file of a length, and returns the name of the upload.
func (u *Uploads) Begin(length int64, name, declared string) (string, Upload, error) {
	if err := u.sweep(); err != nil {
		return "", Upload{}, err
	}
	suite := u.Suite
	if suite == "" {
		suite = "std"
	}
	key, err := vault.NewFileKey(suite)
	if err != nil {
		return "", Upload{}, err
	}
	var raw [16]byte
	rand.Read(raw[:])
	id := hex.EncodeToString(raw[:])
	if err := os.MkdirAll(filepath.Join(u.Dir, id), 0o700); err != nil {
		return "", Upload{}, fmt.Errorf("file: %w", err)
	}
	s := &uploadState{Upload: Upload{Name: name, Declared: declared, Length: length, Until: u.Now().Add(u.life())}}
	return id + "." + key, s.Upload, u.write(id, key, s)
}

func (u *Uploads) life() time.Duration {
	if u.Life > 0 {
		return u.Life
	}
	return uploadLife
}

// sweep takes away uploads that are too old, and refuses when there are too many others.
func (u *Uploads) sweep() error {
	list, err := os.ReadDir(u.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	n := 0
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			continue // gone meanwhile
		}
		if uploadID.MatchString(e.Name()) && u.Now().Sub(info.ModTime()) > 2*u.life() {
			if err := os.RemoveAll(filepath.Join(u.Dir, e.Name())); err != nil {
				return fmt.Errorf("file: %w", err)
			}
			continue
		}
		n++
	}
	most := u.Most
	if most <= 0 {
		most = mostUploads
	}
	if n >= most {
		return ErrMany
	}
	return nil
}

func (u *Uploads) write(id, key string, s *uploadState) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sealed, err := vault.SealBytesUnder(key, raw)
	if err != nil {
		return err
	}
	if err := whole.Write(filepath.Join(u.Dir, id, "state"), sealed); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

func (u *Uploads) open(name string) (id, key string, s *uploadState, err error) {
	id, key, _ = strings.Cut(name, ".")
	if !uploadID.MatchString(id) {
		return "", "", nil, ErrNoUpload
	}
	sealed, err := os.ReadFile(filepath.Join(u.Dir, id, "state"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil, ErrNoUpload
	}
	if err != nil {
		return "", "", nil, fmt.Errorf("file: %w", err)
	}
	raw, err := vault.OpenBytes(key, sealed)
	if err != nil {
		return "", "", nil, ErrNoUpload // somebody else's
	}
	s = &uploadState{}
	if err := json.Unmarshal(raw, s); err != nil {
		return "", "", nil, fmt.Errorf("file: upload %s: %w", id, err)
	}
	if u.Now().After(s.Until) {
		return "", "", nil, ErrNoUpload
	}
	return id, key, s, nil
}

// At says how far an upload has got.
func (u *Uploads) At(name string) (Upload, error) {
	_, _, s, err := u.open(name)
	if err != nil {
		return Upload{}, err
	}
	return s.Upload, nil
}

// hold lets one request at a time work on an upload, whichever node of the city it came to: the folder is shared. A node
// that dies lets go.
func (u *Uploads) hold(id string) (free func(), err error) {
	free, ok, err := lock(filepath.Join(u.Dir, id, "lock"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNoUpload // dropped meanwhile
	case err != nil:
		return nil, fmt.Errorf("file: %w", err)
	case !ok:
		return nil, ErrBusy
	}
	return free, nil
}

// Add takes the next part of an upload, from offset on. What arrived before the line broke is kept, and ErrCut
// returned.
func (u *Uploads) Add(name string, offset int64, r io.Reader) (Upload, error) {
	id, _, s, err := u.open(name)
	if err != nil {
		return Upload{}, err
	}
	free, err := u.hold(id)
	if err != nil {
		return s.Upload, err
	}
	defer free()
	_, key, s, err := u.open(name) // as it stands now
	if err != nil {
		return Upload{}, err
	}
	if offset != s.Offset || len(s.Parts) >= mostParts {
		return s.Upload, ErrOffset
	}
	f, err := os.OpenFile(u.part(id, len(s.Parts)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return s.Upload, fmt.Errorf("file: %w", err)
	}
	suite := u.Suite
	if suite == "" {
		suite = "std"
	}
	w, partKey, err := vault.SealTo(suite, f)
	if err != nil {
		f.Close()
		return s.Upload, fmt.Errorf("file: %w", err)
	}
	n, cut := io.Copy(w, io.LimitReader(arriving{r}, s.Length-s.Offset))
	if err := errors.Join(w.Close(), f.Sync(), f.Close()); err != nil {
		return s.Upload, fmt.Errorf("file: %w", err)
	}
	if n > 0 {
		s.Offset += n
		s.Parts = append(s.Parts, partKey)
		if err := u.write(id, key, s); err != nil {
			return s.Upload, err
		}
	}
	return s.Upload, cut
}

func (u *Uploads) part(id string, n int) string { return filepath.Join(u.Dir, id, strconv.Itoa(n)) }

// Finish takes an upload that is complete into a store, through the one pipeline. A second time it says the same
// again, so that an answer that was lost can be asked for.
func (u *Uploads) Finish(ctx context.Context, name string, into Store) (casework.File, error) {
	id, _, _, err := u.open(name)
	if err != nil {
		return casework.File{}, err
	}
	free, err := u.hold(id)
	if err != nil {
		return casework.File{}, err
	}
	defer free()
	_, key, s, err := u.open(name)
	if err != nil {
		return casework.File{}, err
	}
	switch {
	case s.Done != nil:
		return *s.Done, nil
	case s.Offset != s.Length:
		return casework.File{}, ErrOffset
	}
	r := &partsReader{u: u, id: id, keys: s.Parts}
	f, err := into.Take(ctx, r, s.Name, Limits{Declared: s.Declared})
	r.close()
	if err != nil {
		return casework.File{}, err
	}
	parts := len(s.Parts)
	s.Done, s.Parts = &f, nil
	if err := u.write(id, key, s); err != nil {
		return casework.File{}, err
	}
	for n := range parts {
		os.Remove(u.part(id, n)) // what stays is sealed, and goes with the folder
	}
	return f, nil
}

// Drop takes an upload away. One that is being worked on is not torn out of the hands of who does.
func (u *Uploads) Drop(name string) error {
	id, _, _, err := u.open(name)
	if err != nil {
		return err
	}
	free, err := u.hold(id)
	if err != nil {
		return err
	}
	defer free()
	if err := os.RemoveAll(filepath.Join(u.Dir, id)); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

// partsReader reads one part after the other.
type partsReader struct {
	u    *Uploads
	id   string
	keys []string
	n    int
	f    *os.File
	now  io.Reader
}

func (p *partsReader) Read(b []byte) (int, error) {
	for {
		if p.now == nil {
			if p.n == len(p.keys) {
				return 0, io.EOF
			}
			if err := p.next(); err != nil {
				return 0, err
			}
		}
		n, err := p.now.Read(b)
		if err == io.EOF {
			p.close()
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (p *partsReader) next() (err error) {
	if p.f, err = os.Open(p.u.part(p.id, p.n)); err != nil {
		return err
	}
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	p.now, err = vault.OpenFrom(p.keys[p.n], p.f, info.Size())
	p.n++
	return err
}

func (p *partsReader) close() {
	if p.f != nil {
		p.f.Close()
	}
	p.f, p.now = nil, nil
}

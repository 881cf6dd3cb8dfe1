package vault

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"comity/internal/file/whole"
)

// A key file as it is stored. A new binary must read the files of every older one: fields may be added,
// with omitzero since the check is made of all of them, and a change of meaning takes a new format.
type keyFile struct {
	Format      string      `json:"format"`
	Compartment Compartment `json:"compartment"`
	Suite       string      `json:"suite"`
	secrets
	Check []byte `json:"check"` // keyed hash of all the rest: a file changed in one character is noticed
}

type secrets struct {
	Root        []byte       `json:"root"` // index, search and line keys derive from it
	Sign        []byte       `json:"sign"`
	Generations []generation `json:"generations"` // oldest first
}

type generation struct {
	N    int       `json:"n"`
	Made time.Time `json:"made,omitzero"` // zero for the first: opening a ring asks no clock
	Key  []byte    `json:"key"`
}

const format = "comity-keys-1"

// No file of any age comes near it; a larger one was mistaken for a key file.
const largest = 1 << 20

func (s *suite) newSecrets() secrets {
	return s.secretsFrom(func(_ string, size int) []byte { return random(size) })
}

// secretsFrom makes what a key file holds of bytes that draw hands out.
func (s *suite) secretsFrom(draw func(what string, size int) []byte) secrets {
	return secrets{Root: draw("root", rootSize), Sign: s.seed(draw), Generations: []generation{{N: 1, Key: draw("generation", rootSize)}}}
}

// Open reads the key file of a compartment from the folder dir, and makes it (and the folder) if there is
// none. The suite of an existing file wins over the one asked for. A caller that finds data but no key file
// asks Exists first: new keys open nothing that old ones sealed.
func Open(dir string, c Compartment, suiteName string) (*Ring, error) {
	if !c.Known() {
		return nil, unknown(c)
	}
	if err := folder(dir); err != nil {
		return nil, err
	}
	path := keyPath(dir, c)
	s, held, err := read(path, c)
	if errors.Is(err, fs.ErrNotExist) {
		if err := first(dir, c, suiteName); err != nil {
			return nil, err
		}
		s, held, err = read(path, c)
	}
	if err != nil {
		return nil, err
	}
	r, err := ringOf(c, s, held)
	if err != nil {
		return nil, damaged(path, err)
	}
	r.folder = dir
	if err := r.Refresh(); err != nil {
		return nil, err
	}
	return r, nil
}

// Exists tells whether the folder holds a key file of the compartment.
func Exists(dir string, c Compartment) bool {
	_, err := os.Lstat(keyPath(dir, c))
	return err == nil
}

func keyPath(dir string, c Compartment) string { return filepath.Join(dir, string(c)+".keys") }

// Refresh reads the key file again, to take in what another process has changed and to notice a file that
// was lost or spoiled while there is still a program that has its keys. It is cheap enough for every minute.
func (r *Ring) Refresh() error { return r.change(nil) }

// renewed tells whether the key file is another than the one last read: writing it gives it a new identity.
func (r *Ring) renewed() bool {
	if r.folder == "" {
		return false
	}
	now, err := os.Stat(keyPath(r.folder, r.compartment))
	seen := r.seen.Load()
	return err == nil && (seen == nil || !os.SameFile(*seen, now) || !(*seen).ModTime().Equal(now.ModTime()))
}

// change reads the key file again, since another process may have changed it, lets f edit what it holds and
// writes it whole. With f nil it only reads. The ring changes after the file, so that a key which could not
// be saved never wraps anything.
func (r *Ring) change(f func(*secrets) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.folder != "" {
		// Before it is read: if it is renewed in between, that is only noticed once too often.
		if info, err := os.Stat(keyPath(r.folder, r.compartment)); err == nil {
			r.seen.Store(&info)
		}
	}
	held, err := r.held()
	if err != nil {
		return err
	}
	if f != nil {
		if err := f(&held); err != nil {
			return err
		}
	}
	g, err := generationsOf(r.compartment, r.suite, held)
	if err != nil {
		return err
	}
	if err := r.keep(held, f != nil); err != nil {
		return err
	}
	r.generations.Store(g)
	return nil
}

func (r *Ring) held() (secrets, error) {
	if r.folder == "" {
		return r.kept.secrets, nil
	}
	path := keyPath(r.folder, r.compartment)
	s, held, err := read(path, r.compartment)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; bring the key file back from its backup before the program stops, for it alone still has the keys", err)
	}
	if err != nil {
		return secrets{}, err
	}
	if s != r.suite || !hmac.Equal(s.derive(held.Root, r.compartment, "index", s.hash().Size()), r.fixed.index) {
		return secrets{}, fmt.Errorf("%s: the file was replaced by one with other keys while the program ran; put the right one back", path)
	}
	if last := held.Generations[len(held.Generations)-1]; last.N < r.Generation() {
		return secrets{}, fmt.Errorf("%s: the file was replaced by an older one while the program ran: it ends with generation %d, and %d is in use; put the newest back",
			path, last.N, r.Generation())
	}
	return held, nil
}

func (r *Ring) keep(held secrets, changed bool) error {
	switch {
	case !changed:
		return nil
	case r.folder == "":
		r.kept.secrets = held
		return nil
	}
	path := keyPath(r.folder, r.compartment)
	if err := whole.Write(path, written(r.compartment, r.suite, held)); err != nil {
		return fmt.Errorf("%s: the keys could not be saved and nothing has changed: %w", path, err)
	}
	return syncFolder(r.folder)
}

// first makes the first key file. It is linked under its name and not renamed to it, so that of two
// processes starting at once one wins and the other reads what the winner wrote.
func first(dir string, c Compartment, suiteName string) error {
	path := keyPath(dir, c)
	s, err := suiteNamed(suiteName)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, beside := range []string{destroyedPath(dir, c), headPath(dir, c)} {
		if _, err := os.Lstat(beside); err == nil {
			return fmt.Errorf("%s is missing, but %s shows that there were keys; bring the key file back from its backup, for new keys would open nothing", path, beside)
		}
	}
	temp, err := os.MkdirTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("%s: the key file could not be made: %w", path, err)
	}
	defer os.RemoveAll(temp)
	made := filepath.Join(temp, "keys")
	if err := whole.Write(made, written(c, s, s.newSecrets())); err != nil {
		return fmt.Errorf("%s: the key file could not be made: %w", path, err)
	}
	if err := os.Link(made, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: the key file could not be made; the folder must be on a file system with hard links: %w", path, err)
	}
	return syncFolder(dir)
}

func written(c Compartment, s *suite, held secrets) []byte {
	k := keyFile{Format: format, Compartment: c, Suite: s.name, secrets: held}
	k.Check = k.check(s)
	b, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		panic(err) // of plain fields
	}
	return append(b, '\n')
}

func (k keyFile) check(s *suite) []byte {
	k.Check = nil
	b, err := json.Marshal(k)
	if err != nil {
		panic(err) // of plain fields
	}
	m := hmac.New(s.hash, s.derive(k.Root, k.Compartment, "check", s.hash().Size()))
	m.Write(b)
	return m.Sum(nil)
}

// read reads and checks a key file; an error names the file and never what it holds.
func read(path string, c Compartment) (*suite, secrets, error) {
	b, err := private(path, largest)
	if err != nil {
		return nil, secrets{}, err
	}
	s, held, err := parse(b, c)
	if err != nil {
		return nil, secrets{}, damaged(path, err)
	}
	return s, held, nil
}

func parse(b []byte, c Compartment) (*suite, secrets, error) {
	var k keyFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&k) != nil { // the decoder's own words could quote a key
		return nil, secrets{}, errors.New("it is cut off or not a key file")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, secrets{}, errors.New("something follows the keys")
	}
	if k.Format != format {
		return nil, secrets{}, fmt.Errorf("its format is not %s", format)
	}
	if k.Compartment != c {
		return nil, secrets{}, fmt.Errorf("it is the key file of another compartment than %s", c)
	}
	s, err := suiteNamed(k.Suite)
	if err != nil {
		return nil, secrets{}, errors.New("its suite of algorithms is not known")
	}
	if len(k.Root) != rootSize || len(k.Sign) != seedSize || len(k.Generations) == 0 {
		return nil, secrets{}, errors.New("keys are missing")
	}
	if !hmac.Equal(k.Check, k.check(s)) {
		return nil, secrets{}, errors.New("its checksum is wrong")
	}
	return s, k.secrets, nil
}

func damaged(path string, why error) error {
	return fmt.Errorf("%s: the key file cannot be used: %w; nothing was changed: bring it back from the backup of the key folder", path, why)
}

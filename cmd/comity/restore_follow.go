package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"comity/internal/backup"
	"comity/internal/file/whole"
	"comity/internal/ledger"
	"comity/internal/synced"
	"comity/internal/text"
	"comity/internal/vault"
)

// isFollowed tells whether a folder is one that comity backup follow writes.
func isFollowed(from string) bool {
	_, err := os.Stat(filepath.Join(from, backup.StatusFile))
	return err == nil
}

// moment reads --at; empty is the newest.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, usagef("--at %s does not read as a moment; write 2026-03-02T09:10:00+08:00", s)
	}
	return t, nil
}

// restoreFollowed makes the databases of a city as they were at a moment, with the attachments.
func restoreFollowed(ctx context.Context, from, identity string, at time.Time, cfg cityConfig, stdout io.Writer, say text.Speaker) error {
	if identity == "" {
		return usagef("name the file of the secret with --identity FILE")
	}
	ids, err := backup.Identities(identity)
	if err != nil {
		return err
	}
	names, err := backup.Compartments(from, backup.Data)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%s holds no whole generation of anything", from)
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return err
	}
	for _, c := range names {
		if !vault.Compartment(c).Known() {
			return fmt.Errorf("%s: %s is no compartment of this program", from, c)
		}
		path := filepath.Join(cfg.Data, databaseName(vault.Compartment(c)))
		if _, err := os.Lstat(path + "-wal"); err == nil {
			return fmt.Errorf("%s is there already; move it away first", path+"-wal")
		}
		r, err := backup.Restore(ctx, from, c, at, ids, path, ledger.WithoutKeys)
		if err != nil {
			return err
		}
		if r.Broken != "" {
			fmt.Fprintln(stdout, say.T("cli.restore.broken", "compartment", c, "why", r.Broken))
		}
		fmt.Fprintln(stdout, say.T("cli.restore.reached", "compartment", c, "has", r.Has.Format(time.RFC3339Nano), "at", r.At.Format(time.RFC3339Nano), "files", strconv.Itoa(r.Files)))
		if _, err := copyFolder(ctx, filesOf(from, c), filesOf(cfg.Data, c)); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(filesOf(cfg.Data, c), "gone.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	fmt.Fprintln(stdout, say.T("cli.restore.next"))
	return synced.Path(cfg.Data)
}

// unsealKeys makes of shipped keys the folder that comity backup keys would have made, for restore keys to go on with.
// remove takes it away again.
func unsealKeys(from, identity string, cfg cityConfig) (dir string, remove func() error, err error) {
	if identity == "" {
		return "", nil, usagef("name the file of the secret with --identity FILE")
	}
	ids, err := backup.Identities(identity)
	if err != nil {
		return "", nil, err
	}
	names, err := backup.Compartments(from, backup.Keys)
	if err != nil {
		return "", nil, err
	}
	if len(names) == 0 {
		return "", nil, fmt.Errorf("%s holds no whole generation of keys", from)
	}
	keys := keysFolder(cfg) // not beside it, where the user of the city need not be allowed to make anything
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return "", nil, err
	}
	if dir, err = os.MkdirTemp(keys, ".unsealed-*"); err != nil {
		return "", nil, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	m := manifest{Format: keysFormat}
	for _, name := range names {
		c := vault.Compartment(name)
		n, at, err := unsealed(from, dir, c, ids)
		if err != nil {
			return "", nil, errors.Join(err, remove())
		}
		m.At = at
		m.Parts = append(m.Parts, manifestPart{Compartment: c, Keys: n})
	}
	return dir, remove, writeManifest(dir, m)
}

// unsealed writes the newest state of each key once, and what the key folder held.
func unsealed(from, dir string, c vault.Compartment, ids backup.Secrets) (n int, at time.Time, err error) {
	f, err := os.OpenFile(wrappedFile(dir, c), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, at, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	type place struct {
		n    int64
		slot string
	}
	seen := map[place]bool{}
	lines := json.NewEncoder(f)
	ring, r, err := backup.RestoreKeys(from, string(c), ids, func(row json.RawMessage) error {
		var k ledger.KeptKey
		if err := json.Unmarshal(row, &k); err != nil {
			return err
		}
		if seen[place{k.N, k.Slot}] {
			return nil
		}
		seen[place{k.N, k.Slot}] = true
		n++
		return lines.Encode(k)
	})
	if err != nil {
		return 0, at, err
	}
	for name, b := range ring {
		if name != filepath.Base(name) {
			return 0, at, fmt.Errorf("%s: a file of the key folder is called %q", from, name)
		}
		if err := whole.Write(filepath.Join(dir, name), b); err != nil {
			return 0, at, err
		}
	}
	return n, r.At, nil
}

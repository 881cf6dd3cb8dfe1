package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/receipt"
	"comity/internal/vault"
)

// keyFileThere refuses a database with sealed cases and no key file: new keys would open nothing.
func keyFileThere(ctx context.Context, d *db.DB, dir string, c vault.Compartment) error {
	if vault.Exists(dir, c) {
		return nil
	}
	needs, err := ledger.NeedsKeys(ctx, d)
	if err != nil || !needs {
		return err
	}
	return fmt.Errorf("the database holds cases of compartment %s that are sealed, and the key folder %s holds no key file for them; "+
		"name the right folder with --keys, or bring the keys back with: comity restore keys --from FOLDER", c, dir)
}

// reconcile compares what may have come out of different backups before anybody is let in.
func (r *rooms) reconcile(ctx context.Context, cfg cityConfig, log *slog.Logger) error {
	if cfg.Mending {
		return nil
	}
	witness, err := witnessed(ctx, cfg.Witness, r.ring)
	if err != nil {
		return fmt.Errorf("--witness %s: %w", cfg.Witness, err)
	}
	found, err := r.ledger.Reconcile(ctx, witness)
	if err != nil {
		return err
	}
	if found.Destroyed > 0 || found.Marked > 0 {
		log.Warn("a backup was brought back: what had been erased was erased again",
			"compartment", r.compartment, "erased again", found.Destroyed, "added to the list of destroyed keys", found.Marked)
	}
	return nil
}

// maxWitness bounds what is read of a witness: a head is a few lines.
const maxWitness = 16 << 10

// witnessed reads a published head from a file or an address. One that this compartment did not sign says
// nothing about it and is passed over: one witness may be named for all.
func witnessed(ctx context.Context, where string, ring *vault.Ring) (*vault.Head, error) {
	if where == "" {
		return nil, nil
	}
	text, err := fetched(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("the head cannot be read: %w; start without --witness if it is not to be compared", err)
	}
	h, err := receipt.ParseHead(text)
	if err != nil {
		return nil, fmt.Errorf("it is no head of a log: %w", err)
	}
	if !h.Signed(ring.Public().String(), signedBy) {
		if strings.HasSuffix(h.Origin, "/"+string(ring.Compartment())) {
			return nil, errors.New("the head is not signed by the keys of this city; was it taken from another one, or has the key file been exchanged?")
		}
		return nil, nil
	}
	return &vault.Head{Size: h.Size, Root: h.Root[:], At: h.At}, nil
}

func fetched(ctx context.Context, where string) (string, error) {
	if !strings.HasPrefix(where, "http://") && !strings.HasPrefix(where, "https://") {
		b, err := os.ReadFile(where)
		return string(b), err
	}
	ctx, done := context.WithTimeout(ctx, 20*time.Second)
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", errors.New(answer.Status)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxWitness))
	return string(b), err
}

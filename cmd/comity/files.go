package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"

	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/file/bucket"
	"comity/internal/file/clamd"
	"comity/internal/neighbour"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/programme/quarantine"
)

// filesFile is what --files names: who looks for viruses, and where files rest. Everything may be left out.
type filesFile struct {
	Scanner struct {
		Clamd string `yaml:"clamd"` // unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310
	} `yaml:"scanner"`
	KeepSent bool `yaml:"keep_sent"` // what was sent is kept beside what is shown, sealed, because it may be evidence
	Bucket   *struct {
		Endpoint   string `yaml:"endpoint"`
		Region     string `yaml:"region"`
		Name       string `yaml:"name"`
		Access     string `yaml:"access_key"`
		Secret     string `yaml:"secret_key"`
		SecretFile string `yaml:"secret_key_file"` // instead of secret_key, so that this file may be read by more people
	} `yaml:"bucket"`
}

// filesConfig reads the file of --files; no name is an empty one.
func filesConfig(path string) (f filesFile, err error) {
	if path == "" {
		return f, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return f, fmt.Errorf("--files: %w", err)
	}
	d := yaml.NewDecoder(strings.NewReader(string(raw)))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return f, fmt.Errorf("--files %s: %w", path, err)
	}
	if b := f.Bucket; b != nil && b.SecretFile != "" {
		secret, err := os.ReadFile(b.SecretFile)
		if err != nil {
			return f, fmt.Errorf("--files %s: bucket: secret_key_file: %w", path, err)
		}
		b.Secret = strings.TrimSpace(string(secret))
	}
	return f, nil
}

// storeOf opens the place of a compartment's files.
func (cfg cityConfig) storeOf(compartment string) (file.Store, error) {
	f, err := filesConfig(cfg.Files)
	if err != nil {
		return file.Store{}, err
	}
	return storeOf(f, filesOf(cfg.Data, compartment), compartment)
}

// storeOf is where a compartment's files rest, and who looks at them on the way.
func storeOf(f filesFile, dir, compartment string) (file.Store, error) {
	s := file.Store{Dir: dir, KeepSent: f.KeepSent}
	if f.Scanner.Clamd != "" {
		d, err := clamd.At(f.Scanner.Clamd)
		if err != nil {
			return s, fmt.Errorf("--files: scanner: %w", err)
		}
		s.Scan = d.Scan
	}
	if b := f.Bucket; b != nil {
		at, err := bucket.Open(bucket.Place{Endpoint: b.Endpoint, Region: b.Region, Name: b.Name, Prefix: compartment + "/", Access: b.Access, Secret: b.Secret})
		if err != nil {
			return s, fmt.Errorf("--files: %w", err)
		}
		s.Bucket = at
	}
	return s, nil
}

// heldPages are the pages and the job of files that wait in one compartment.
func (c *city) heldPages(r *rooms) programme.Programme {
	return quarantine.New(quarantine.Deps{DB: r.db, Ledger: r.ledger, Packs: c.packs, Files: r.files})
}

// followed lets deliveries and files that wait follow their cases, in every compartment.
func followed(units func() *org.Tree) func(context.Context, *db.Tx, casework.Case, casework.Event) error {
	letters, held := courier.Follow(units), quarantine.Follow(units)
	return func(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
		if err := letters(ctx, tx, k, e); err != nil {
			return err
		}
		return held(ctx, tx, k, e)
	}
}

// erased takes away what rooms beside the ledger keep of an erased case. Neighbours are a matter of the civic
// compartment, and so are their tables.
func erased(compartment string) func(context.Context, *db.Tx, casework.CaseID) error {
	return func(ctx context.Context, tx *db.Tx, id casework.CaseID) error {
		err := errors.Join(courier.Erased(ctx, tx, id), quarantine.Erased(ctx, tx, id))
		if compartment == procedure.Civic {
			err = errors.Join(err, neighbour.Forget(ctx, tx, id))
		}
		return err
	}
}

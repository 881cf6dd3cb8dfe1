package main

import (
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/receipt"
	"comity/internal/translog"
)

func Test_a_case_of_a_real_city_has_a_receipt_and_a_restored_older_database_is_told(t *testing.T) {
	ctx, data, keys := t.Context(), t.TempDir(), t.TempDir()
	at := &clock{}
	at.Fix(time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC))
	config := cityConfig{Data: data, Keys: keys, Pack: demoWith(t), Clock: at, Hashing: account.Cheap(), Log: slog.New(slog.DiscardHandler)}
	open := func() *city {
		c, err := openCity(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	file := func(words string) ledger.Receipt {
		cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: "road.pavement", Text: words, Unit: "guiyuan-ganyuan", Source: "web"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.ledger.Do(ctx, authz.Reporter(), cmd)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	file("A loose tile.")
	filed := file("Another loose tile.")
	l := c.tree
	if err := l.Tick(ctx); err != nil {
		t.Fatal(err)
	}

	events, err := c.reader.Events(ctx, filed.Case)
	if err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-1]
	hash, err := hex.DecodeString(filed.Hash)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Receipt(ctx, ledger.LeafEvent, c.ledger.EventLeaf(filed.Case, last.Seq, last.At), translog.Subject{Case: string(filed.Ref), Event: last.Kind, At: last.At, Hash: hash})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(receipt.Expect{Keys: []string{l.Key}, Case: string(filed.Ref), Verify: signedBy}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Check(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.reconcile(ctx, config, c.log); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	name := filepath.Join(data, "comity.db")
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c = open()
	file("A third loose tile.")
	at.Fix(at.Now().Add(2 * time.Minute))
	if err := c.tree.Tick(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.RemoveAll(name + suffix); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openCity(ctx, config); !errors.Is(err, translog.ErrFork) {
		t.Fatalf("an older database beside newer keys: %v", err)
	}
}

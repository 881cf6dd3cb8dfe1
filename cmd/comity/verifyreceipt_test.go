package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/procedure"
	"comity/internal/receipt"
	"comity/internal/translog"
	"comity/internal/vault"
)

// madeReceipt is a receipt from a real log with other records around it.
func madeReceipt(t *testing.T, suite, seed string) receipt.Receipt {
	t.Helper()
	d, ctx := dbtest.OpenSQLite(t), t.Context()
	if err := translog.Migrate(ctx, d); err != nil {
		t.Fatal(err)
	}
	ring := vault.FromSeed(procedure.Civic, suite, []byte(seed))
	l := &translog.Log{DB: d, Origin: receipt.Origin("linjiang", "civic"), Key: ring.Public().String(), Sign: ring.Sign, Verify: signedBy}
	event := sha256.Sum256([]byte("stored"))
	about := translog.Subject{Case: "SR-26-000123", Event: "petition.accepted", At: dbtest.Start, Hash: event[:]}
	err := d.Transact(ctx, func(tx *db.Tx) error {
		for _, id := range []string{"aaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccc"} {
			if err := translog.Add(ctx, tx, "event", id, receipt.Digest(about.Case, about.Event, about.At, about.Hash)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Sequence(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := l.SignHead(ctx); err != nil {
		t.Fatal(err)
	}
	r, err := l.Receipt(ctx, "event", "bbbbbbbbbbbbbbbbbbbb", about)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func Test_a_receipt_is_checked_without_a_database_in_both_languages(t *testing.T) {
	r := madeReceipt(t, "std", "the city of a test, one of two")
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	forged := r
	forged.Case = "SR-26-000999"
	sm := madeReceipt(t, "sm", "the city of a test, in another suite")
	good, line, bad := write("r.json", r.JSON()), write("r.txt", []byte(r.Compact())), write("f.json", forged.JSON())
	half := write("half.json", r.JSON()[:300])
	for _, c := range []struct {
		args  []string
		exit  int
		words string
	}{
		{[]string{good, "--key", r.Key, "--lang", "en"}, 0, "The receipt is true. petition.accepted of case SR-26-000123"},
		{[]string{good, "--key", r.Key, "--lang", "zh-CN"}, 0, "回执属实"},
		{[]string{"--key", madeReceipt(t, "std", "the city of a test, two of two").Key, "--key", r.Key, line}, 0, ""},
		{[]string{good, "--lang", "en"}, 2, "give it with --key"},
		{[]string{good, "--key", r.Key, "--case", "SR-26-000001", "--lang", "en"}, 1, "(case)"},
		{[]string{good, "--key", r.Key, "--log", "comity/other/civic", "--lang", "en"}, 1, "(origin)"},
		{[]string{good, "--key", madeReceipt(t, "std", "the city of a test, two of two").Key, "--lang", "zh-CN"}, 1, "不是本市的密钥"},
		{[]string{bad, "--key", r.Key, "--lang", "en"}, 1, "(case)"},
		{[]string{half, "--key", r.Key, "--lang", "en"}, 1, "(malformed)"},
		{[]string{filepath.Join(dir, "nothing")}, 2, ""},
		{nil, 2, ""},
		{[]string{write("sm.json", sm.JSON()), "--key", sm.Key, "--lang", "en"}, 0, "The receipt is true"},
		{[]string{write("sm.txt", []byte(sm.Compact())), "--key", r.Key, "--lang", "en"}, 1, "(key)"},
	} {
		var out, errs bytes.Buffer
		err := run(t.Context(), append([]string{"verify", "receipt"}, c.args...), &out, &errs)
		var usage *usageError
		exit := 0
		if errors.As(err, &usage) {
			exit = 2
		} else if err != nil {
			exit = 1
		}
		if exit != c.exit || !strings.Contains(out.String(), c.words) || strings.Contains(out.String(), "⟦") {
			t.Errorf("%v: exit %d, want %d: %v\n%s", c.args, exit, c.exit, err, out.String())
		}
	}
}

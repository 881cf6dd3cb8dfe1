package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity/internal/receipt"
	"comity/internal/vault"
)

// publish signs the log of the civic compartment as a running city does each minute.
func publish(t *testing.T, c *city) string {
	t.Helper()
	if _, err := c.tree.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := c.tree.SignHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.tree.Published(h); err != nil {
		t.Fatal(err)
	}
	return h.Text()
}

func Test_a_city_does_not_start_with_a_log_older_than_what_it_published(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	data := filepath.Join(root, "data")
	c, cfg := testHouse(t, "../../packs/demo", data)
	tell(t, c)
	old := publish(t, c)
	if err := c.db.CopyTo(t.Context(), filepath.Join(root, "old.db"), ""); err != nil {
		t.Fatal(err)
	}
	tell(t, c)
	head := publish(t, c)
	kept, err := c.ring.Head()
	if err != nil || kept.Size < 2 {
		t.Fatalf("the head is not kept beside the keys: %+v, %v", kept, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	witness := filepath.Join(root, "head.txt")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(witness, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := func(where string) error {
		cfg.Witness = where
		c, err := openCity(t.Context(), cfg)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, witness) }))
	defer site.Close()
	for _, text := range []string{old, head} {
		put(text)
		for _, where := range []string{witness, site.URL} {
			if err := start(where); err != nil {
				t.Errorf("a head that the log continues: %v", err)
			}
		}
	}
	put("not a head")
	if err := start(witness); err == nil || !strings.Contains(err.Error(), "--witness") {
		t.Errorf("a witness that is none: %v", err)
	}
	other := vault.Memory(vault.Of[vault.Civic](), "std")
	h, err := receipt.ParseHead(head)
	if err != nil {
		t.Fatal(err)
	}
	h.Marks = nil
	put(h.Sign(other.Public().String(), other.Sign).Text())
	if err := start(witness); err == nil || !strings.Contains(err.Error(), "not signed by the keys of this city") {
		t.Errorf("the head of another city: %v", err)
	}
	if err := start(filepath.Join(root, "nowhere")); err == nil || !strings.Contains(err.Error(), "start without --witness") {
		t.Errorf("a witness that cannot be reached: %v", err)
	}

	// The database of yesterday comes back, the key folder is today's.
	if err := os.Rename(filepath.Join(root, "old.db"), filepath.Join(data, "comity.db")); err != nil {
		t.Fatal(err)
	}
	err = start("")
	if err == nil || !strings.Contains(err.Error(), "restore --accept-loss") {
		t.Fatalf("an older log than the remembered head: %v", err)
	}
	out, errs, err := said(t, "restore", "--accept-loss", "--pack", "../../packs/demo", "--data", data, "--lang", "en")
	if err != nil || !strings.Contains(out, "are left") {
		t.Fatalf("%v %s %s", err, out, errs)
	}
	if err := start(""); err != nil {
		t.Errorf("after the loss was said: %v", err)
	}
	put(head)
	if err := start(witness); err == nil || !strings.Contains(err.Error(), "of the witness") {
		t.Errorf("the witness knows better: %v", err)
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/vault"
	"comity/packs"
)

// What people say in the tests below. None of it may lie anywhere in the clear.
var personal = map[string]string{
	"name": "段小雨", "phone": "13755512345", "id": "430102199003071234", "words": "隔壁王师傅每晚打孩子", "photo": "a picture of the stairwell",
	"address": "桂花里三栋二单元四零五", "note": "夜班的陈工见过她哭", "photo name": "小雨家门口.txt",
}

// quietPack is the demo pack, with reports told by their category: by itself it shows what was written about
// a lamp or a pothole in lists, and so in the clear.
func quietPack(t *testing.T, root string) string {
	t.Helper()
	dir := filepath.Join(root, "pack")
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, sub); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "procedures", "service-request.yaml")
	said := readAll(t, path)
	quiet := bytes.Replace(said, []byte("heading: title "), []byte("heading: category "), 1)
	if bytes.Equal(said, quiet) {
		t.Fatal("the demo pack shows no titles any more; the test need not change it")
	}
	offer := filepath.Join(dir, "open311.yaml") // shows places, which needs titles
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, quiet, 0o600), os.Remove(offer)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// testHouse opens a city in a folder, as a command would.
func testHouse(t *testing.T, pack, data string) (*city, cityConfig) {
	t.Helper()
	cfg := cityConfig{Data: data, Pack: os.DirFS(pack), Bases: basesOf(pack), Clock: &clock{}, Log: slog.New(slog.DiscardHandler), Hashing: account.Cheap()}
	c, err := openCity(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, cfg
}

// report files a report that says everything there is to say.
func report(ctx context.Context, c *city) (ledger.Receipt, error) {
	p := c.packs.Current()
	name, key, err := c.files.Put([]byte(personal["photo"]))
	if err != nil {
		return ledger.Receipt{}, err
	}
	var category string
	for _, k := range p.Categories {
		if k.Procedure == "service-request" {
			category = k.ID
		}
	}
	var unit org.UnitID
	for _, id := range p.Units.All() {
		if u, _ := p.Units.Unit(id); u.Level == org.Community {
			unit = id
		}
	}
	cmd, err := intake.Command(p, intake.Report{Category: category, Unit: unit, Source: "web", Text: personal["words"] + "，身份证" + personal["id"], Address: personal["address"],
		Contact: casework.Contact{Name: personal["name"], Channel: "sms", Address: personal["phone"]},
		Files:   []casework.File{{SHA256: name, Key: key, Name: personal["photo name"], Kind: "text/plain", Size: 9, Public: true}}})
	if err != nil {
		return ledger.Receipt{}, err
	}
	return c.ledger.Do(ctx, authz.Reporter(), cmd)
}

// tell files a report, and looks at it.
func tell(t *testing.T, c *city) ledger.Receipt {
	t.Helper()
	r, err := report(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	holder := authz.Holder(string(r.Case))
	if _, err := c.ledger.Do(t.Context(), holder, casework.Command{Case: r.Case, Version: casework.AnyVersion, Note: &casework.Note{Text: personal["note"], Public: true}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ledger.Look(t.Context(), holder, ledger.Ticket{Case: r.Case, Purpose: ledger.PurposeOwn, Level: authz.Identity, Note: personal["note"]}); err != nil {
		t.Fatal(err)
	}
	return r
}

// carryAll sends what is owed, so that messages are stored too.
func carryAll(t *testing.T, c *city) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { c.runner.Run(ctx); close(done) }()
	for range 200 {
		if list, err := c.courier.Inbox(ctx, 10); err != nil || len(list) > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	<-done
}

// leaks names what of the personal words lies in the clear below a folder.
func leaks(t *testing.T, dirs ...string) (found []string) {
	t.Helper()
	looked := 0
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			looked++
			for what, words := range personal {
				if bytes.Contains(raw, []byte(words)) {
					found = append(found, what+" in "+filepath.Base(path))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 3 {
		t.Fatalf("only %d files were looked at", looked)
	}
	return found
}

func Test_no_word_about_a_person_lies_in_the_clear_in_data_keys_or_backups(t *testing.T) {
	root := t.TempDir()
	data, pack := filepath.Join(root, "data"), quietPack(t, root)
	c, _ := testHouse(t, pack, data)
	r := tell(t, c)
	carryAll(t, c)
	look, err := c.ledger.Look(t.Context(), authz.Machine(), ledger.Ticket{Case: r.Case, Purpose: "notice", Level: authz.Identity})
	if err != nil || look.Case().Contact.Name != personal["name"] || !strings.Contains(look.Case().Text, personal["id"]) {
		t.Fatalf("the case does not say what the test looks for: %v", err)
	}
	list, err := c.courier.Inbox(t.Context(), 10)
	if err != nil || len(list) == 0 {
		t.Fatalf("no message was stored: %v", err)
	}
	// While it runs, so that the log file of SQLite is looked at as well.
	said1, errs, err := said(t, "backup", "--to", filepath.Join(root, "backup"), "--pack", pack, "--data", data, "--lang", "en")
	if err != nil || !strings.Contains(said1, "comity backup keys") {
		t.Fatal(said1, errs, err)
	}
	if _, errs, err := said(t, "backup", "keys", "--to", filepath.Join(root, "kept"), "--pack", pack, "--data", data, "--lang", "en"); err != nil {
		t.Fatal(errs, err)
	}
	if found := leaks(t, data, data+".keys", filepath.Join(root, "backup"), filepath.Join(root, "kept")); len(found) > 0 {
		t.Errorf("in the clear: %v", found)
	}
	wrapped := string(bytes.TrimSpace(readAll(t, filepath.Join(root, "kept", "civic.wrapped"))))
	_, wrapped, _ = strings.Cut(wrapped, `"wrapped":"`)
	wrapped, _, _ = strings.Cut(wrapped, `"`)
	if raw := readAll(t, filepath.Join(root, "backup", "comity.db")); len(wrapped) < 40 || bytes.Contains(raw, []byte(wrapped)) {
		t.Errorf("the backup of the data holds the key %q of a case", wrapped)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if found := leaks(t, data); len(found) > 0 {
		t.Errorf("in the clear after the end: %v", found)
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func Test_a_backup_is_brought_back_in_two_steps_and_without_what_was_erased_since(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	data, pack := filepath.Join(root, "data"), quietPack(t, root)
	c, _ := testHouse(t, pack, data)
	kept, gone := tell(t, c), tell(t, c)
	if _, err := c.ledger.Do(t.Context(), authz.Holder(string(gone.Case)), casework.Command{Case: gone.Case, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	run := func(want string, args ...string) {
		t.Helper()
		out, errs, err := said(t, append(args, "--lang", "en")...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, errs)
		}
		if !strings.Contains(out, want) {
			t.Errorf("%v says %q, want %q", args, out, want)
		}
	}
	city := []string{"--pack", pack, "--data", data}
	backup, keys := filepath.Join(root, "backup"), filepath.Join(root, "kept")
	run("2 attachments", append([]string{"backup", "--to", backup}, city...)...)
	run("2 wrapped keys", append([]string{"backup", "keys", "--to", keys}, city...)...)
	run("is erased", append([]string{"erase", string(gone.Ref), "--ground", "unlawful", "--law", "PIPL/47"}, city...)...)
	if _, _, err := said(t, append([]string{"erase", string(kept.Ref), "--ground", "unlawful", "--law", "PIPL/47", "--lang", "en"}, city...)...); err == nil || !strings.Contains(err.Error(), "still open") {
		t.Errorf("erasing an open case: %v", err)
	}
	run("1 keys destroyed", append([]string{"keys", "status"}, city...)...)
	run("nothing is due", append([]string{"erase", "--due", "--dry-run"}, city...)...)
	run("; 0 wrong", append([]string{"verify", "--quiet"}, city...)...)

	// The machine burns down; the key folder on another one is left.
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	run("attachments. Now the keys", "restore", "--from", backup, "--data", data)
	if _, _, err := said(t, append([]string{"keys", "status"}, city...)...); err == nil || !strings.Contains(err.Error(), "comity restore keys") {
		t.Fatalf("a start without the keys of cases: %v", err)
	}
	run("1 keys of cases are back", append([]string{"restore", "keys", "--from", keys}, city...)...)
	c, _ = testHouse(t, pack, data)
	defer c.Close()
	look := func(id casework.CaseID) string {
		k, err := c.ledger.Look(t.Context(), authz.Machine(), ledger.Ticket{Case: id, Purpose: "notice", Level: authz.Identity})
		if err != nil {
			t.Fatal(err)
		}
		return k.Case().Contact.Name
	}
	if got := look(kept.Case); got != personal["name"] {
		t.Errorf("the case of the backup reads %q", got)
	}
	if got := look(gone.Case); got != casework.Veil {
		t.Errorf("the erased case came back and reads %q", got)
	}
}

func Test_a_city_whose_key_folder_is_missing_does_not_start_and_says_what_to_do(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	c, cfg := testHouse(t, "../../packs/demo", data)
	tell(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(data+".keys", data+".elsewhere"); err != nil {
		t.Fatal(err)
	}
	_, err := openCity(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "--keys") || !strings.Contains(err.Error(), "comity restore keys") {
		t.Fatalf("started without its keys: %v", err)
	}
	if vault.Exists(data+".keys", procedure.Civic) {
		t.Error("new keys were made beside data that old ones sealed")
	}
}

package inmail_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/file"
	"comity/internal/inmail"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
	"comity/internal/text"
)

// childEnv names the folder of a child: this binary, run again, takes mail in until it is killed.
const childEnv = "COMITY_TEST_MAIL_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := takeUntilKilled(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func start() time.Time { return dbtest.Start }

func takeUntilKilled(ctx context.Context, dir string) error {
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, "sqlite:"+filepath.Join(dir, "mail.db"), start)
	if err != nil {
		return err
	}
	defer d.Close()
	city, err := ledgertest.New(ctx, d, p)
	if err != nil {
		return err
	}
	defer city.Ledger.Close()
	base, err := text.Base()
	if err != nil {
		return err
	}
	r, err := inmail.New(inmail.Deps{Ledger: city.Ledger, Reader: city.Reader, Packs: city.Packs, Words: func(*pack.Pack) *text.Catalogue { return base.With(p.Texts) }, Files: file.Store{Dir: filepath.Join(dir, "files")},
		Now: start, Door: inmail.Door{Address: ours, Secret: secret}, Folder: inmail.Folder{Dir: filepath.Join(dir, "mail")}, Keep: time.Hour * 24 * 365 * 100, Every: time.Second})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return r.Once(ctx)
}

func Test_a_program_that_is_killed_again_and_again_loses_no_mail_and_takes_none_twice(t *testing.T) {
	const rounds, each = 8, 15
	const mails = rounds * each
	dir := t.TempDir()
	if err := (inmail.Folder{Dir: filepath.Join(dir, "mail")}).Make(); err != nil {
		t.Fatal(err)
	}
	left := func() int {
		all, err := os.ReadDir(filepath.Join(dir, "mail", "new"))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	begin := func() *exec.Cmd {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ready := make([]byte, 1)
		if _, err := out.Read(ready); err != nil { // it works on mail from here on
			t.Fatal(err)
		}
		return child
	}
	kills := 0
	for round := range rounds {
		for i := round * each; i < (round+1)*each; i++ {
			mail := strings.ReplaceAll(mailOf(fmt.Sprint("k", i), fmt.Sprintf("Subject: Matter %d\n", i), "A hole."), "li@home", fmt.Sprintf("li%d@home", i))
			if err := os.WriteFile(filepath.Join(dir, "mail", "new", fmt.Sprintf("%03d.eml", i)), []byte(mail), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		goal := left() - 1 - rand.IntN(each)
		child := begin()
		for tries := 0; left() > goal; tries++ {
			if tries == 60_000 {
				t.Fatalf("of %d mails none is taken in", left())
			}
			time.Sleep(time.Millisecond)
		}
		if child.Process.Kill() == nil {
			kills++
		}
		_ = child.Wait() // it was killed
	}
	if err := begin().Wait(); err != nil || left() > 0 {
		t.Fatalf("%d mails are left, %v", left(), err)
	}
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(dir, "mail.db"), start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	city := ledgertest.OpenPack(t, d, p)
	titles := map[string]int{}
	f := ledger.Filter{Limit: 200}
	for {
		page, err := city.Reader.Worklist(t.Context(), authz.Machine().Scope(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			titles[it.Title]++
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	for i := range mails {
		if n := titles[fmt.Sprintf("Matter %d", i)]; n != 1 {
			t.Errorf("matter %d is %d cases", i, n)
		}
	}
	if kills < 3 {
		t.Errorf("only %d kills", kills)
	}
}

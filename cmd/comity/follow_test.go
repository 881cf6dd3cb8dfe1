package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/backup"
	"comity/internal/casework"
	"comity/internal/ledger"
)

// drillEnv holds the orders of a child of the drill: this binary, run again, is a city under load or a follower, until
// it is killed.
const drillEnv = "COMITY_TEST_DRILL_CHILD"

type drillOrders struct {
	Follow     []string // arguments of comity backup follow; nil: be a city
	Pack, Data string
}

// heardCase is one line a city under load prints for a case that was acknowledged.
type heardCase struct {
	Ref, Case       string
	Begun, Answered time.Time
}

func drillChild(raw string) error {
	var o drillOrders
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		return err
	}
	if o.Follow != nil {
		return run(context.Background(), append([]string{"backup", "follow"}, o.Follow...), os.Stdout, os.Stderr)
	}
	c, err := openCity(context.Background(), cityConfig{Data: o.Data, Pack: os.DirFS(o.Pack), Bases: basesOf(o.Pack), Clock: &clock{}, Log: slog.New(slog.DiscardHandler), Hashing: account.Cheap()})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	failed := make(chan error)
	for range 3 {
		go func() {
			for {
				begun := time.Now()
				r, err := report(context.Background(), c)
				if err != nil {
					failed <- err
					return
				}
				b, _ := json.Marshal(heardCase{string(r.Ref), string(r.Case), begun, time.Now()})
				mu.Lock()
				fmt.Println(string(b))
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

// child is a process of the drill.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
	errs *strings.Builder
}

func startChild(t *testing.T, o drillOrders, hear func(heardCase)) *child {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(os.Args[0]), done: make(chan struct{}), errs: &strings.Builder{}}
	c.cmd.Env = append(os.Environ(), drillEnv+"="+string(b))
	c.cmd.Stderr = c.errs
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var one heardCase
			if json.Unmarshal(lines.Bytes(), &one) == nil {
				hear(one)
			}
		}
	}()
	return c
}

// kill pulls the plug, and tells whether the child was still at work.
func (c *child) kill(t *testing.T) {
	t.Helper()
	select {
	case <-c.done:
		t.Fatalf("a child ended by itself: %s", c.errs)
	default:
	}
	if err := c.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-c.done
	c.cmd.Wait()
}

// moments are the last one, and one drawn in between for every four rounds.
func moments(first, last time.Time) []time.Time {
	list := []time.Time{last}
	for range (drillRounds() + 3) / 4 {
		list = append(list, first.Add(rand.N(last.Sub(first))))
	}
	return list
}

// drillRounds is how often something is killed; more with COMITY_DRILL_ROUNDS.
func drillRounds() int {
	if n, err := strconv.Atoi(os.Getenv("COMITY_DRILL_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return 3
}

var drillReached = regexp.MustCompile(`civic: back from (\d+) files\. What was acknowledged before (\S+) is there, nothing that came after (\S+)`)

func Test_a_drill_a_city_is_brought_back_to_any_moment_whatever_was_killed_meanwhile(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	data, pack := filepath.Join(root, "data"), quietPack(t, root)
	follow, safe, secret := filepath.Join(root, "follow"), filepath.Join(root, "safe"), filepath.Join(root, "identity")
	recipient := strings.TrimSpace(mustSay(t, "backup", "identity", "--out", secret))
	args := []string{"--to", follow, "--recipient", recipient, "--keys-to", safe, "--data", data, "--every", "50ms", "--keep", "1000", "--lang", "en"} // each start may begin anew

	c, _ := testHouse(t, pack, data)
	gone := tell(t, c)
	if _, err := c.ledger.Do(t.Context(), authz.Holder(string(gone.Case)), casework.Command{Case: gone.Case, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	mustSay(t, append([]string{"backup", "follow", "--once"}, args...)...)
	first := time.Now()

	var mu sync.Mutex
	var heard []heardCase
	hear := func(one heardCase) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, one)
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(heard)
	}
	var city, follower *child
	rounds := drillRounds()
	for i := range rounds {
		if city == nil {
			city = startChild(t, drillOrders{Pack: pack, Data: data}, hear)
		}
		if follower == nil {
			follower = startChild(t, drillOrders{Follow: args}, hear)
		}
		had := count()
		for until := time.Now().Add(30 * time.Second); count() < had+8 && time.Now().Before(until); {
			time.Sleep(20 * time.Millisecond) // however slow the machine is, there is something to lose
		}
		time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond)
		which := rand.IntN(3)
		if which != 0 || i == rounds/2 || i == rounds-1 {
			city.kill(t)
			city = nil
		}
		if which != 1 || i == rounds-1 {
			follower.kill(t)
			follower = nil
		}
		if i == rounds/2 { // between two crashes a case is erased, with the follower at work or not
			c, _ := testHouse(t, pack, data)
			publish(t, c)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			mustSay(t, "erase", string(gone.Ref), "--ground", "unlawful", "--law", "PIPL/47", "--pack", pack, "--data", data, "--lang", "en")
		}
	}
	mustSay(t, append([]string{"backup", "follow", "--once"}, args...)...)
	t.Logf("%d cases were acknowledged", len(heard))
	if len(heard) < 10 {
		t.Fatal("too few for a drill")
	}
	if said := mustSay(t, "backup", "list", "--from", follow, "--hash", "--lang", "en"); !strings.Contains(said, "civic: from") {
		t.Error(said)
	}
	last := time.Now()
	if found := leaks(t, follow, safe); len(found) > 0 {
		t.Errorf("in the clear: %v", found)
	}
	// The machine is lost, with its key folder.
	for i, at := range moments(first, last) {
		bringBack(t, filepath.Join(root, fmt.Sprint("again", i)), pack, follow, safe, secret, at, gone, heard)
	}
}

// bringBack restores to a moment, on another machine, and looks at everything.
func bringBack(t *testing.T, data, pack, follow, safe, secret string, at time.Time, gone ledger.Receipt, heard []heardCase) {
	t.Helper()
	words := mustSay(t, "restore", "--from", follow, "--at", at.Format(time.RFC3339Nano), "--identity", secret, "--data", data, "--lang", "en")
	m := drillReached.FindStringSubmatch(words)
	if m == nil {
		t.Fatal(words)
	}
	has, err1 := time.Parse(time.RFC3339Nano, m[2])
	until, err2 := time.Parse(time.RFC3339Nano, m[3])
	if err1 != nil || err2 != nil || until.After(at) {
		t.Fatalf("asked for %s: %s", at, words)
	}
	city := []string{"--pack", pack, "--data", data, "--lang", "en"}
	mustSay(t, append([]string{"restore", "keys", "--from", safe, "--identity", secret}, city...)...)
	if out, errs, err := said(t, append([]string{"verify", "--quiet"}, city...)...); err != nil {
		if !strings.Contains(err.Error(), "accept-loss") { // the published head is younger than the moment
			t.Fatal(out, errs, err)
		}
		mustSay(t, append([]string{"restore", "--accept-loss"}, city...)...)
	}
	if out := mustSay(t, append([]string{"verify", "--quiet"}, city...)...); !strings.Contains(out, "; 0 wrong") {
		t.Error(out)
	}
	c, _ := testHouse(t, pack, data)
	defer c.Close()
	look := func(id string) (casework.Case, error) {
		k, err := c.ledger.Look(t.Context(), authz.Machine(), ledger.Ticket{Case: casework.CaseID(id), Purpose: "notice", Level: authz.Identity})
		if err != nil {
			return casework.Case{}, err
		}
		return k.Case(), nil
	}
	there, lost := 0, 0
	for _, one := range heard {
		if one.Answered.After(has) && !one.Begun.After(until) {
			continue // it came just then
		}
		k, err := c.reader.Case(t.Context(), authz.Machine().Scope(), one.Ref)
		if err == nil && (there < 10 || one.Answered.After(has.Add(-100*time.Millisecond))) { // a look is a commit; the last ones matter most
			k, err = look(one.Case)
		} else if err == nil {
			there++
			continue
		}
		switch {
		case one.Begun.After(until) && !errors.Is(err, ledger.ErrNotFound):
			t.Errorf("%s, begun at %s, is in what was brought back to %s", one.Ref, one.Begun, until)
		case one.Begun.After(until):
			lost++
		case err != nil || k.Contact.Name != personal["name"] || len(k.Files) != 1:
			t.Errorf("%s, acknowledged at %s, reads %q in what was brought back to %s (has %s): %v", one.Ref, one.Answered, k.Contact.Name, until, has, err)
		default:
			there++
			if err := opensPhoto(c, k.Files[0]); err != nil {
				t.Errorf("an attachment of %s: %v", one.Ref, err)
			}
		}
	}
	t.Logf("brought back to %s from %s files: %d cases there, %d came later", until, m[1], there, lost)
	if k, err := look(string(gone.Case)); err != nil || k.Contact.Name != casework.Veil {
		t.Errorf("the erased case reads %q, %v", k.Contact.Name, err)
	}
	found, err := c.surveyed(t.Context(), &c.rooms, nil)
	if err != nil {
		t.Error(err)
	}
	for _, f := range found {
		if f.Count != 0 {
			t.Errorf("an invariant is broken: %+v", f)
		}
	}
}

// The key folder of a service lies where its user may make nothing beside it.
func Test_a_city_is_followed_and_brought_back_with_a_key_folder_nothing_can_be_put_beside(t *testing.T) {
	root := t.TempDir()
	data, pack := filepath.Join(root, "data"), quietPack(t, root)
	follow, safe, secret := filepath.Join(root, "follow"), filepath.Join(root, "safe"), filepath.Join(root, "identity")
	recipient := strings.TrimSpace(mustSay(t, "backup", "identity", "--out", secret))
	c, cfg := testHouse(t, pack, data)
	receipt := tell(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	mustSay(t, "backup", "follow", "--once", "--to", follow, "--recipient", recipient, "--keys-to", safe, "--data", data, "--keys", alone(t, keysFolder(cfg)), "--lang", "en")
	if at, err := backup.Followed(data); err != nil || at.Before(begun) {
		t.Errorf("the city is followed until %s, %v", at, err)
	}
	again, keys := filepath.Join(root, "again"), filepath.Join(root, "again.keys")
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	mustSay(t, "restore", "--from", follow, "--identity", secret, "--data", again, "--lang", "en")
	mustSay(t, "restore", "keys", "--from", safe, "--identity", secret, "--pack", pack, "--data", again, "--keys", alone(t, keys), "--lang", "en")
	if left, err := filepath.Glob(filepath.Join(keys, ".*")); err != nil || len(left) > 0 {
		t.Errorf("in the clear is left %v, %v", left, err)
	}
	c, _ = testHouse(t, pack, again)
	defer c.Close()
	k, err := c.ledger.Look(t.Context(), authz.Machine(), ledger.Ticket{Case: receipt.Case, Purpose: "notice", Level: authz.Identity})
	if err != nil || k.Case().Contact.Name != personal["name"] {
		t.Errorf("the case that was brought back: %v", err)
	}
}

func Test_a_follower_ends_over_what_stays_wrong_and_tells_a_trouble_once_while_it_lasts(t *testing.T) {
	root := t.TempDir()
	recipient := strings.TrimSpace(mustSay(t, "backup", "identity", "--out", filepath.Join(root, "identity")))
	_, _, err := said(t, "backup", "follow", "--to", filepath.Join(root, "to"), "--recipient", recipient, "--data", filepath.Join(root, "data"), "--db", "postgres://db.internal/comity")
	var usage *usageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "SQLite") {
		t.Errorf("a city on PostgreSQL is followed: %v", err)
	}
	var log strings.Builder
	w := &follower{cfg: cityConfig{Clock: &clock{}, Log: slog.New(slog.NewTextHandler(&log, nil))}}
	for _, err := range []error{nil, errors.New("full"), errors.New("full"), errors.New("gone"), nil, nil} {
		w.tell(err)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 3 || !strings.Contains(log.String(), "goes on") {
		t.Errorf("%d lines:\n%s", lines, &log)
	}
}

// alone is a folder under a name beside which nothing can be made, not even by root.
func alone(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return fmt.Sprintf("/proc/self/fd/%d", f.Fd())
}

func opensPhoto(c *city, f casework.File) error {
	r, err := c.files.Open(f.SHA256, f.Key)
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err == nil && string(b) != personal["photo"] {
		err = fmt.Errorf("it holds %q", b)
	}
	return err
}

func mustSay(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, err := said(t, args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errs)
	}
	return out
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"comity/internal/bulk"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/procedure"
	"comity/internal/programme/quarantine"
	"comity/internal/vault"
)

const custodianExamples = `  comity custodian new --out my-custodian.key
    (on a machine of the custodian's own; the passphrase is read from standard input, the public key printed)
  comity custodian appoint --pack ./mycity --login zhou.hang --public custodian:… [--instead LOGIN] [--compartment youth]
    (on the city's server; each of the two custodians once, for every compartment that seals)
  comity custodian open --key my-custodian.key --share share:youth:…
    (on the custodian's machine: prints the line that the desk's page asks for)
`

// runCustodian makes custodians' keys, puts custodians in office, and opens their shares. Making and opening
// need no city and are done elsewhere: a custodian's key never comes near the server.
func runCustodian(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	verbs := map[string]func(context.Context, []string, io.Writer, io.Writer) error{"new": custodianNew, "appoint": custodianAppoint, "open": custodianOpen}
	if len(args) == 0 || verbs[args[0]] == nil {
		return usagef("say `comity custodian new`, `appoint` or `open`; --help shows how")
	}
	return verbs[args[0]](ctx, args[1:], stdout, stderr)
}

// minPassphrase is short of what is wise and long enough to notice that something was typed.
const minPassphrase = 12

func passphrase(stderr io.Writer) (string, error) {
	fmt.Fprint(stderr, "passphrase: ")
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if line == "" && err != nil {
		return "", usagef("no passphrase on standard input")
	}
	return line, nil
}

func custodianNew(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("custodian new", "Makes a custodian's key file, locked with a passphrase, and prints the public key.", custodianExamples, stderr)
	out := f.String("out", "", "where to write the key file; it must not exist")
	if err := parse(f, args); err != nil {
		return err
	}
	if *out == "" {
		return usagef("--out names the key file to write")
	}
	word, err := passphrase(stderr)
	if err != nil {
		return err
	}
	if len(word) < minPassphrase {
		return usagef("the passphrase has %d characters; take %d or more", len(word), minPassphrase)
	}
	file, public, err := vault.NewCustodian(word)
	if err != nil {
		return err
	}
	w, err := os.OpenFile(*out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usagef("--out %s is there already, and a custodian's key is never written over", *out)
	}
	if err != nil {
		return err
	}
	if _, err = w.Write(file); err == nil {
		err = w.Sync()
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	fmt.Fprintln(stdout, public)
	return nil
}

func custodianAppoint(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("custodian appoint", "Puts a custodian in office in a compartment.", custodianExamples, stderr)
	cf := addCityFlags(f)
	login, public := f.String("login", "", "the custodian's sign-in name"), f.String("public", "", "the custodian's public key")
	instead := f.String("instead", "", "sign-in name of the custodian who leaves")
	compartment := f.String("compartment", procedure.Civic, "the compartment whose cases are sealed")
	if err := parse(f, args); err != nil {
		return err
	}
	if *login == "" || *public == "" {
		return usagef("--login and --public are needed")
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	r, ok := c.of(*compartment)
	if !ok {
		return usagef("--compartment %s: the pack has no such compartment", *compartment)
	}
	who, err := c.accounts.ByLogin(ctx, *login)
	if err != nil {
		return err
	}
	leaves := ""
	if *instead != "" {
		old, err := c.accounts.ByLogin(ctx, *instead)
		if err != nil {
			return err
		}
		leaves = old.ID
	}
	if err := r.ledger.Appoint(ctx, "operator", who.ID, vault.CustodianKey(*public), leaves); err != nil {
		return err
	}
	fmt.Fprintln(stdout, who.ID)
	return nil
}

func custodianOpen(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("custodian open", "Opens a share with the custodian's key file and prints what the desk's page asks for.", custodianExamples, stderr)
	key, share := f.String("key", "", "the custodian's key file"), f.String("share", "", "the line the desk's page shows")
	if err := parse(f, args); err != nil {
		return err
	}
	file, err := os.ReadFile(*key)
	if err != nil {
		return err
	}
	word, err := passphrase(stderr)
	if err != nil {
		return err
	}
	half, err := vault.OpenShare(file, word, *share)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, half)
	return nil
}

// forget takes away what the rooms around a ledger keep of a case that goes under seal.
func (c *city) forget(r *rooms) func(context.Context, *db.Tx, casework.CaseID, casework.Ref) error {
	return func(ctx context.Context, tx *db.Tx, id casework.CaseID, _ casework.Ref) error {
		if err := errors.Join(courier.Forget(ctx, tx, id), bulk.Forget(ctx, tx, id), quarantine.Erased(ctx, tx, id)); err != nil {
			return err
		}
		if r.compartment != procedure.Civic {
			return nil // programmes keep their tables in the civic database
		}
		for _, g := range c.plugged {
			if g.Forget == nil {
				continue
			}
			if err := g.Forget(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	}
}

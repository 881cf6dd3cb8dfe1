package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"comity/internal/account"
	"comity/internal/text"
)

const peopleExamples = `  comity people admin --pack ./mycity --login ada.wu --name-en "Ada Wu"
    (prints a link that opens once; behind it the administrator chooses a passphrase)
`

// runPeople makes an administrator from the console: for the first one, and when all others are gone.
func runPeople(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "admin" {
		return usagef("say `comity people admin`; --help shows how")
	}
	f := flags("people admin", "Invites an administrator of accounts for the whole city. Administrators see no case.", peopleExamples, stderr)
	cf := addCityFlags(f)
	login := f.String("login", "", "name to sign in with")
	zh, en := f.String("name-zh", "", "name in Chinese"), f.String("name-en", "", "name in Latin letters")
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	if *login == "" || *zh == "" && *en == "" {
		return usagef("--login and a name are needed")
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	a := account.Account{Login: *login, Name: map[string]string{}}
	for lang, name := range map[string]string{"zh-CN": *zh, "en": *en} {
		if name != "" {
			a.Name[lang] = name
		}
	}
	in, err := c.accounts.InviteAdmin(ctx, c.packs.Current().Units.Root(), a)
	if err != nil {
		return refusedWords(c, err)
	}
	fmt.Fprintln(stdout, strings.TrimSuffix(*cf.base, "/")+"/desk/welcome/"+in.Secret)
	return nil
}

// firstRun tells whoever started a city without accounts how to make the first: on the console only, where
// nobody looks who could not take the machine anyway.
func (c *city) firstRun(ctx context.Context, base string, console io.Writer) error {
	code, err := c.accounts.SetupCode(ctx)
	if errors.Is(err, account.ErrNoInvite) {
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(console, "\nThere is no account yet. Open this address once within %d minutes to make the first administrator:\n\n  %s/desk/setup?code=%s\n\nLater: start again for a new address, or `comity people admin`.\n\n",
		int(account.SetupLife.Minutes()), base, url.QueryEscape(code))
	return nil
}

// refusedWords gives a refusal of the accounts its words; the console speaks the language of the machine.
func refusedWords(c *city, err error) error {
	var no *account.Refused
	if !errors.As(err, &no) {
		return err
	}
	var kv []string
	for k, v := range no.Params {
		kv = append(kv, k, v)
	}
	return errors.New(speak(c.base).T("problem."+no.Rule, kv...))
}

func speak(words *text.Catalogue) text.Speaker { return words.In(langOf("")) }

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/org"
)

const tokenExamples = `  comity token create --pack ./mycity --login zhou.hang --name "intake system" --scopes intake --days 90
    (prints the token once; only its hash is stored)
  comity token list --pack ./mycity --login zhou.hang
  comity token revoke --pack ./mycity --login zhou.hang --id t4f0c…
`

func runToken(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	verbs := map[string]func(context.Context, *city, tokenFlags, io.Writer) error{"create": createToken, "list": listTokens, "revoke": revokeToken}
	if len(args) == 0 || verbs[args[0]] == nil {
		return usagef("say `comity token create`, `list` or `revoke`; `comity token create --help` shows how")
	}
	f := flags("token "+args[0], "Creates, lists and revokes tokens for the JSON API.", tokenExamples, stderr)
	cf := addCityFlags(f)
	t := tokenFlags{
		login: f.String("login", "", "the account whose rights the token carries"),
		name:  f.String("name", "", "what the token is for"),
		days:  f.Int("days", 90, fmt.Sprintf("days until it ends, at most %d", account.MaxTokenDays)),
		scopes: f.String("scopes", "read", "what it may do, separated by commas: "+strings.Join(spelled(authz.Powers), ", ")+
			"; without story and identity it opens nothing that is sealed"),
		programmes: f.String("programmes", "", "only these programmes; empty = all the account has"),
		units:      f.String("units", "", "only these units of the account; empty = all"),
		id:         f.String("id", "", "the token to revoke, as list shows it"),
	}
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	if err := t.check(args[0]); err != nil {
		return err
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	return verbs[args[0]](ctx, c, t, stdout)
}

// tokenFlags are the flags of all three verbs.
type tokenFlags struct {
	login, name, scopes, programmes, units, id *string
	days                                       *int
}

func (t tokenFlags) check(verb string) error {
	switch {
	case *t.login == "":
		return usagef("--login is needed")
	case verb == "create" && (*t.name == "" || *t.days < 1 || *t.days > account.MaxTokenDays):
		return usagef("--name and --days of 1 to %d are needed: a token without an end is not made", account.MaxTokenDays)
	case verb == "revoke" && *t.id == "":
		return usagef("--id is needed; `comity token list` shows it")
	}
	for _, s := range words(*t.scopes) {
		if !slices.Contains(spelled(authz.Powers), s) {
			return usagef("--scopes: there is no %q; there are %s", s, strings.Join(spelled(authz.Powers), ", "))
		}
	}
	return nil
}

func createToken(ctx context.Context, c *city, t tokenFlags, stdout io.Writer) error {
	a, err := c.accounts.ByLogin(ctx, *t.login)
	if err != nil {
		return fmt.Errorf("--login %s: %w", *t.login, err)
	}
	k := account.Token{Account: a.ID, Name: *t.name, Programmes: words(*t.programmes), Expires: c.clock.Now().Add(time.Duration(*t.days) * 24 * time.Hour)}
	for _, s := range words(*t.scopes) {
		k.Powers = append(k.Powers, authz.Power(s))
	}
	for _, u := range words(*t.units) {
		k.Units = append(k.Units, org.UnitID(u))
	}
	_, plain, err := c.accounts.CreateToken(ctx, authz.Actor{}, k)
	if err != nil {
		return refusedWords(c, err)
	}
	fmt.Fprintln(stdout, plain)
	return nil
}

func listTokens(ctx context.Context, c *city, t tokenFlags, stdout io.Writer) error {
	a, err := c.accounts.ByLogin(ctx, *t.login)
	if err != nil {
		return fmt.Errorf("--login %s: %w", *t.login, err)
	}
	list, err := c.accounts.Tokens(ctx, a.ID)
	for _, k := range list {
		until := k.Expires.Format(time.DateOnly)
		if k.Endless() {
			until = "must be replaced"
		}
		fmt.Fprintf(stdout, "%s\t%s\t%s\t%s\tlast used %s\n", k.ID, k.Name, strings.Join(spelled(k.Powers), ","), until, orDash(k.Used))
	}
	return err
}

func revokeToken(ctx context.Context, c *city, t tokenFlags, stdout io.Writer) error {
	a, err := c.accounts.ByLogin(ctx, *t.login)
	if err != nil {
		return fmt.Errorf("--login %s: %w", *t.login, err)
	}
	list, err := c.accounts.Tokens(ctx, a.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(k account.Token) bool { return k.ID == *t.id }) {
		return fmt.Errorf("--id %s: %s has no such token; `comity token list` shows those there are", *t.id, *t.login)
	}
	return c.accounts.RevokeToken(ctx, authz.Actor{}, account.Plan{}, *t.id)
}

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func spelled(powers []authz.Power) []string {
	out := make([]string, len(powers))
	for i, p := range powers {
		out[i] = string(p)
	}
	return out
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

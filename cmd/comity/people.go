package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/org"
)

const userExamples = `  comity user add --pack ./mycity --login zhou.hang --name-zh 周航 --name-en "Zhou Hang" --unit guiyuan --roles clerk,officer
    (the password is read from standard input, so that it stands in no history)
`

// runUser adds an account. Roles and unit are checked against the pack, because a grant nobody can use
// is found out months later.
func runUser(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "add" {
		return usagef("say `comity user add`; --help shows how")
	}
	f := flags("user add", "Adds a person who can sign in.", userExamples, stderr)
	cf := addCityFlags(f)
	login := f.String("login", "", "name to sign in with")
	zh, en := f.String("name-zh", "", "name in Chinese"), f.String("name-en", "", "name in Latin letters")
	unit := f.String("unit", "", "unit the person works for")
	roles := f.String("roles", "", "roles, separated by commas")
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	if *login == "" || *unit == "" || *roles == "" || *zh == "" && *en == "" {
		return usagef("--login, --unit, --roles and a name are needed")
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
	tree := c.packs.Current().Units
	u, ok := tree.Unit(org.UnitID(*unit))
	if !ok {
		return usagef("--unit %s is not a unit of the pack", *unit)
	}
	for _, r := range strings.Split(*roles, ",") {
		declared, _ := c.packs.Current().Role(authz.Role(strings.TrimSpace(r)))
		if !declared.Admin && !slices.Contains(u.Roles, strings.TrimSpace(r)) {
			return usagef("--roles: unit %s has the roles %s, not %q", *unit, strings.Join(u.Roles, ", "), r)
		}
		a.Grants = append(a.Grants, authz.Grant{Role: authz.Role(strings.TrimSpace(r)), Unit: u.ID})
	}
	if err := c.packs.Current().Rules.Conflicts(a.Grants); err != nil {
		return usagef("--roles: %v", err)
	}
	fmt.Fprint(stderr, "password: ")
	password, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && password == "" {
		return usagef("no password on standard input")
	}
	if a, err = c.accounts.Create(ctx, a, strings.TrimRight(password, "\r\n")); err != nil {
		return err
	}
	fmt.Fprintln(stdout, a.ID)
	return nil
}

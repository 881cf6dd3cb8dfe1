package main

import (
	"io/fs"
	"net/url"
	"strings"
	"testing"

	"comity/internal/account"
	"comity/internal/db/dbtest"
	"comity/internal/vault"
	"comity/packs"
)

func Test_every_database_that_is_missing_is_named_at_once(t *testing.T) {
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	open := func() string {
		at := &clock{}
		at.Fix(dbtest.Start)
		c, err := openCity(t.Context(), cityConfig{Data: t.TempDir(), DB: u.String(), Pack: sub, Clock: at, Hashing: account.Cheap(), Rings: func(name string) *vault.Ring {
			return vault.FromSeed(vault.Compartment(name), "std", []byte{1})
		}})
		if err == nil {
			c.Close()
			t.Fatal("a city without its databases was opened")
		}
		return err.Error()
	}
	there := strings.TrimPrefix(u.Path, "/")
	said := open()
	for _, name := range []string{"residence", "corrections", "reentry"} {
		if !strings.Contains(said, there+"_"+name) {
			t.Errorf("%s is not named in: %s", name, said)
		}
	}
	if strings.Contains(said, there+",") {
		t.Errorf("the one that is there is called missing: %s", said)
	}
	u.Path += "_none"
	if said := open(); !strings.Contains(said, "named "+there+"_none, "+there+"_none_") || !strings.Contains(said, "CREATE DATABASE "+there+"_none ") {
		t.Error(said)
	}
}

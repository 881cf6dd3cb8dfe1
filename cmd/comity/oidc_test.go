package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func Test_flags_of_an_identity_provider_say_what_is_missing(t *testing.T) {
	dir := t.TempDir()
	empty, secret := filepath.Join(dir, "empty"), filepath.Join(dir, "secret")
	for path, words := range map[string]string{empty: "\n", secret: "of the client\n"} {
		if err := os.WriteFile(path, []byte(words), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with := func(base string, args ...string) (bool, error) {
		f := flag.NewFlagSet("serve", flag.ContinueOnError)
		f.SetOutput(io.Discard)
		o := addOIDCFlags(f)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		p, err := o.provider(base)
		return p != nil, err
	}
	const base, issuer = "https://help.example.gov", "--oidc-issuer=https://id.example.gov"
	for want, args := range map[string][]string{
		"need --oidc-issuer": {base, "--oidc-client=x"},
		"needs --base":       {"", issuer, "--oidc-client=x"},
		"client id is empty": {base, issuer},
		"is not https":       {base, "--oidc-issuer=http://id.example.gov", "--oidc-client=x"},
		"cannot be read":     {base, issuer, "--oidc-client=x", "--oidc-secret-file=" + filepath.Join(dir, "none")},
		"put the secret":     {base, issuer, "--oidc-client=x", "--oidc-secret-file=" + empty},
	} {
		if _, err := with(args[0], args[1:]...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	if there, err := with(base); there || err != nil {
		t.Errorf("without flags: %v, %v", there, err)
	}
	if there, err := with(base, issuer, "--oidc-client=x", "--oidc-secret-file="+secret); !there || err != nil {
		t.Errorf("with all flags: %v, %v", there, err)
	}
}

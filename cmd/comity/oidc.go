package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"comity/internal/account"
)

// oidcFlags say which identity provider of the city the desk trusts. The environment stands in for a flag
// that is not given: COMITY_OIDC_ISSUER, COMITY_OIDC_CLIENT, COMITY_OIDC_SECRET_FILE.
type oidcFlags struct {
	issuer, client, secretFile, claim *string
	create                            *bool
}

func addOIDCFlags(f *flag.FlagSet) oidcFlags {
	return oidcFlags{
		issuer:     f.String("oidc-issuer", os.Getenv("COMITY_OIDC_ISSUER"), "address of the city's identity provider (OpenID Connect), as its discovery document writes it"),
		client:     f.String("oidc-client", os.Getenv("COMITY_OIDC_CLIENT"), "client id of this site at the identity provider"),
		secretFile: f.String("oidc-secret-file", os.Getenv("COMITY_OIDC_SECRET_FILE"), "file that holds the client secret; none for a public client"),
		claim:      f.String("oidc-claim", "preferred_username", "claim that is the login here; sub = only subjects linked before come in"),
		create:     f.Bool("oidc-create", false, "make an account, without any grant, for people the provider knows and nobody here does"),
	}
}

// provider makes the identity provider, or nil when none is named. It asks nobody yet: the site starts
// while the provider is down.
func (o oidcFlags) provider(base string) (*account.Provider, error) {
	if *o.issuer == "" {
		if *o.client != "" || *o.secretFile != "" {
			return nil, usagef("--oidc-client and --oidc-secret-file need --oidc-issuer")
		}
		return nil, nil
	}
	if base == "" {
		return nil, usagef("--oidc-issuer needs --base: the provider sends people back to the public address of the site, followed by %s", "/desk/signin/oidc/callback")
	}
	c := account.OIDC{Issuer: *o.issuer, Client: *o.client, Claim: *o.claim, Create: *o.create}
	if *o.secretFile != "" {
		raw, err := os.ReadFile(*o.secretFile)
		if err != nil {
			return nil, fmt.Errorf("--oidc-secret-file cannot be read: %w", err)
		}
		if c.Secret = strings.TrimSpace(string(raw)); c.Secret == "" {
			return nil, fmt.Errorf("--oidc-secret-file %s is empty; put the secret the provider gave this client into it", *o.secretFile)
		}
	}
	return account.NewProvider(c)
}

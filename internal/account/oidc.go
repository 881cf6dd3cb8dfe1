package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"comity/internal/authz"
)

// OIDC says which identity provider a city trusts and how its people become accounts.
type OIDC struct {
	Issuer string // https address, exactly as the provider writes it in its tokens
	Client string // id of this site at the provider
	Secret string // empty for a public client; the code is protected by PKCE either way
	// Claim is compared with logins. Empty or "sub": only subjects stored with LinkSubject come in. A claim
	// people can change themselves lets them come in as somebody else: choose one the provider guards.
	Claim  string
	Scopes []string // beside openid; default profile and email

	Create bool          // an unknown person gets an account
	Grants []authz.Grant // which such an account begins with; none unless said here

	Now  func() time.Time // clock for the expiry of tokens
	HTTP *http.Client     // nil = one with a limit of ten seconds
}

// Errors of signing in with a provider.
var (
	// ErrProvider says that the provider could not be asked, or that its answer does not hold.
	ErrProvider = errors.New("account: the identity provider did not give a valid answer")
	// ErrNobody says that the provider knows the person and nobody here is meant by it.
	ErrNobody = errors.New("account: no account belongs to this person of the identity provider")
)

// Provider is an identity provider. It is asked for its keys when it is first needed, so that the site
// starts without it.
type Provider struct {
	config OIDC
	mu     sync.Mutex
	found  *oidc.Provider
}

// providerTime is how long a provider may take to answer.
const providerTime = 10 * time.Second

// signatures are those a token may carry: keys the provider alone holds. Symmetric ones and none are not.
var signatures = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// NewProvider checks the configuration and asks nobody yet.
func NewProvider(c OIDC) (*Provider, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("account: the issuer %q is no address; write it as the provider's discovery document does, such as https://id.example.gov", c.Issuer)
	}
	if loop := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"; u.Scheme != "https" && !loop {
		return nil, fmt.Errorf("account: the issuer %q is not https; tokens from it could be anybody's", c.Issuer)
	}
	if c.Client == "" {
		return nil, errors.New("account: the client id is empty; register this site at the identity provider and give the id it gets there")
	}
	if c.Claim == "" {
		c.Claim = "sub"
	}
	if c.Scopes == nil {
		c.Scopes = []string{"profile", "email"}
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: providerTime}
	}
	return &Provider{config: c}, nil
}

// Issuer is the address of the provider.
func (p *Provider) Issuer() string { return p.config.Issuer }

func (p *Provider) client(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.config.HTTP)
}

func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	found, err := oidc.NewProvider(p.client(context.WithoutCancel(ctx)), p.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %s/.well-known/openid-configuration could not be used: %w; check the issuer, the network and the certificate",
			ErrProvider, strings.TrimSuffix(p.config.Issuer, "/"), err)
	}
	p.found = found
	return found, nil
}

func (p *Provider) oauth(found *oidc.Provider, redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.config.Client, ClientSecret: p.config.Secret, Endpoint: found.Endpoint(), RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.config.Scopes...)}
}

// begun is what is kept of a sign-in until the provider sends the person back.
type begun struct {
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Browser  string `json:"browser"` // hash of the cookie of the browser that began
	Back     string `json:"back"`
}

// person is what the provider says about somebody.
type person struct {
	issuer, subject string
	login           string // value of the configured claim; empty = only the subject counts
	name            string
	asked           bool // the provider asked who it is just before it made the token
}

// ask turns the code of an answer into a checked person.
func (p *Provider) ask(ctx context.Context, redirect, code string, b begun) (person, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return person{}, err
	}
	token, err := p.oauth(found, redirect).Exchange(p.client(ctx), code, oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return person{}, fmt.Errorf("%w: the code was not exchanged: %w; check client id, secret and the redirect address registered there", ErrProvider, err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return person{}, fmt.Errorf("%w: there is no id_token in it; check that the scope openid is allowed for this client", ErrProvider)
	}
	idToken, err := found.VerifierContext(p.client(context.WithoutCancel(ctx)), &oidc.Config{ClientID: p.config.Client, SupportedSigningAlgs: signatures, Now: p.config.Now}).Verify(ctx, raw)
	if err != nil {
		return person{}, fmt.Errorf("%w: %w; check issuer, client id and both clocks", ErrProvider, err)
	}
	claims, err := p.holds(idToken, b)
	if err != nil {
		return person{}, err
	}
	if c := p.config.Claim; c != "sub" && claims[c] == nil {
		if err := p.more(ctx, found, token, idToken.Subject, claims); err != nil {
			return person{}, err
		}
	}
	return p.read(idToken, claims)
}

// holds checks what the library leaves to its caller, and gives the claims.
func (p *Provider) holds(t *oidc.IDToken, b begun) (map[string]json.RawMessage, error) {
	if t.Nonce == "" || t.Nonce != b.Nonce {
		return nil, fmt.Errorf("%w: its token answers another sign-in (nonce)", ErrProvider)
	}
	claims := map[string]json.RawMessage{}
	if err := t.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	if party := word(claims, "azp"); party != "" && party != p.config.Client || party == "" && len(t.Audience) > 1 {
		return nil, fmt.Errorf("%w: its token was made for another client (azp)", ErrProvider)
	}
	if t.Subject == "" {
		return nil, fmt.Errorf("%w: its token names nobody (sub)", ErrProvider)
	}
	return claims, nil
}

// more asks for what a token leaves out: many providers tell names only where the access token is shown.
func (p *Provider) more(ctx context.Context, found *oidc.Provider, token *oauth2.Token, subject string, claims map[string]json.RawMessage) error {
	info, err := found.UserInfo(p.client(ctx), oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("%w: its token has no claim %q and the user information cannot be had: %w", ErrProvider, p.config.Claim, err)
	}
	if info.Subject != subject {
		return fmt.Errorf("%w: the user information is that of somebody else (sub)", ErrProvider)
	}
	var extra map[string]json.RawMessage
	if err := info.Claims(&extra); err != nil {
		return fmt.Errorf("%w: %w", ErrProvider, err)
	}
	for k, v := range extra {
		if claims[k] == nil {
			claims[k] = v
		}
	}
	return nil
}

func (p *Provider) read(t *oidc.IDToken, claims map[string]json.RawMessage) (person, error) {
	who := person{issuer: t.Issuer, subject: t.Subject, name: word(claims, "name")}
	if c := p.config.Claim; c != "sub" {
		if who.login = tidyLogin(word(claims, c)); who.login == "" {
			return person{}, fmt.Errorf("%w: it does not tell the claim %q; check the scopes of this client", ErrProvider, c)
		}
		if c == "email" && string(claims["email_verified"]) != "true" {
			return person{}, fmt.Errorf("%w: the provider has not verified the email address", ErrProvider)
		}
	}
	var at float64
	if json.Unmarshal(claims["auth_time"], &at) == nil && at > 0 { // both times are the provider's, so no clock of ours counts
		who.asked = t.IssuedAt.Sub(time.Unix(int64(at), 0)) <= FreshFor
	}
	return who, nil
}

func word(claims map[string]json.RawMessage, name string) (s string) {
	if json.Unmarshal(claims[name], &s) != nil {
		return ""
	}
	return s
}

// names is a name for every language the account may be shown in: providers send one.
func (w person) names(fallback string) map[string]string {
	if strings.TrimSpace(w.name) == "" {
		return map[string]string{"en": fallback}
	}
	return map[string]string{"en": w.name}
}

// denied is the reason a provider gives for sending somebody back without a code.
func denied(q url.Values) string {
	e := q.Get("error")
	known := []string{"access_denied", "login_required", "interaction_required", "consent_required", "invalid_request", "unauthorized_client", "invalid_scope", "server_error", "temporarily_unavailable"}
	if !slices.Contains(known, e) {
		return "an unknown error"
	}
	return e
}

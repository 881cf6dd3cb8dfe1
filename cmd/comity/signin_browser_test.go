package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"comity/internal/account"
)

// picture keeps what the page looks like in the folder COMITY_TEST_PICTURES, at both widths; without it nothing.
func (b *browserCity) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("COMITY_TEST_PICTURES")
	if dir == "" {
		return
	}
	for _, wide := range []int64{360, 1280} {
		b.do(chromedp.EmulateViewport(wide, 900))
		shot, err := chromedp.Run(b.tab, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, wide)), shot, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// authenticator gives the browser one of Chromium's virtual authenticators, which says yes to everything.
func (b *browserCity) authenticator() {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
		return err
	}))
}

// code is what an authenticator app shows.
func (b *browserCity) code(secret string) string {
	b.t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(secret, " ", ""))
	if err != nil {
		b.t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, uint64(b.clock.Now().Unix()/30))
	sum := mac.Sum(nil)
	off := sum[19] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[off:])&0x7fffffff)%1_000_000)
}

func Test_an_officer_protects_the_account_with_a_passkey_and_an_app_and_comes_in_with_each(t *testing.T) {
	b := openBrowserCity(t)
	b.url = strings.Replace(b.url, "127.0.0.1", "localhost", 1) // passkeys belong to names, not to numbers
	b.authenticator()
	login, _ := b.workers("guiyuan")
	b.everywhere("sign in", "/desk/signin")
	b.open("/desk/signin?lang=en")
	b.picture("signin-en")
	b.signIn(login)
	b.everywhere("security", "/desk/me/security")
	b.open("/desk/me/security?lang=en")
	b.picture("security-bare-en")

	b.fill("#pk-name", "Office computer")
	b.submit(`form[data-make] button[type="submit"]`)
	b.expect("The passkey is added", "Each works once")
	b.accessible("recovery codes")
	b.picture("recovery-en")
	if n := b.js(`document.querySelectorAll("ol.recovery li").length`); n != "10" {
		t.Errorf("%s recovery codes are shown", n)
	}
	spare := b.js(`document.querySelector("ol.recovery li").textContent`)
	b.everywhere("security with a passkey", "/desk/me/security")
	b.open("/desk/me/security?lang=en")
	b.expect("Office computer", "10 recovery codes are left")
	b.signOut()

	b.open("/desk/signin?lang=en&back=/desk/me/security")
	b.submit(`form[data-passkey] button[type="submit"]`)
	b.expect("Sign-in and security", "passkey")
	b.signOut()

	// The password alone no longer lets in; a recovery code does as the second proof.
	b.signIn(login)
	b.expect("Second proof")
	b.accessible("second proof")
	b.picture("step-en")
	b.fill("#code", "000000")
	b.submit(`main form button[type="submit"].prime`)
	b.expect("does not fit")
	b.fill("#code", spare)
	b.submit(`main form button[type="submit"].prime`)
	b.open("/desk/me/security?lang=en")
	b.expect("9 recovery codes are left", "password, recovery code")

	// An hour later a sensitive act asks again, and goes on where it stopped.
	b.clock.Advance(time.Hour)
	b.open("/desk/me/security/totp?lang=en")
	b.expect("Please confirm that it is you")
	b.accessible("again")
	b.picture("again-en")
	b.submit(`form[data-passkey] button[type="submit"]`)
	b.expect("Scan this picture")
	b.accessible("authenticator app")
	b.picture("totp-en")
	b.fill("#code", b.code(b.js(`document.querySelector(".secretline").textContent`)))
	b.submit(`main form button[type="submit"].prime`)
	b.expect("The authenticator app is set up")

	// What a form held when the proof had become stale is sent again after it.
	b.clock.Advance(time.Hour)
	b.open("/desk/me/security?lang=en")
	b.submit(`form[action="/desk/me/security/recovery"] button`)
	b.expect("Please confirm that it is you", "What you sent is kept")
	b.accessible("again with a form")
	b.fill("#password", "wrong password")
	b.submit(`main form button[type="submit"].prime`)
	b.expect("The password is wrong", "What you sent is kept")
	b.fill("#password", demoPassword)
	b.submit(`main form button[type="submit"].prime`)
	b.expect("send it once more")
	b.accessible("again, ready")
	b.submit(`main form button[type="submit"].prime`)
	b.expect("There are new recovery codes")
	b.open("/desk/me/security?lang=en")
	b.picture("security-en")
	b.open("/desk/me/security?lang=zh-CN")
	b.picture("security-zh")
	b.open("/desk/me?lang=zh-CN")
	b.picture("me-zh")
}

func Test_an_officer_comes_in_through_the_citys_identity_provider(t *testing.T) {
	authority := httptest.NewUnstartedServer(nil)
	t.Cleanup(authority.Close)
	issuer := "http://" + authority.Listener.Addr().String()
	b := openBrowserCity(t, func(o *surfaceOptions) {
		p, err := account.NewProvider(account.OIDC{Issuer: issuer, Client: "comity", Secret: "secret", Claim: "preferred_username"})
		if err != nil {
			t.Fatal(err)
		}
		o.provider = p
	})
	b.url = strings.Replace(b.url, "127.0.0.1", "localhost", 1)
	back := b.url + "/desk/signin/oidc/callback"
	store := storage.NewStorageWithClients(storage.NewUserStore(issuer), map[string]*storage.Client{"comity": storage.WebClient("comity", "secret", back)})
	authority.Config.Handler = exampleop.SetupServer(issuer, store, slog.New(slog.DiscardHandler), false)
	authority.Start()
	if _, err := b.accounts.Create(t.Context(), account.Account{ID: "second", Login: "test-user2"}, demoPassword); err != nil {
		t.Fatal(err)
	}
	begin := func(user string) {
		b.open("/desk/signin?lang=en&back=/desk/me/security")
		b.submit(`a[href^="/desk/signin/oidc"]`)
		if !strings.HasPrefix(b.where(), issuer) {
			t.Fatalf("not at the provider but at %s: %s", b.where(), b.words())
		}
		b.fill(`input[name="username"]`, user)
		b.fill(`input[name="password"]`, "verysecure")
		b.submit(`button[type="submit"]`)
	}
	b.everywhere("sign in with a provider", "/desk/signin")
	b.open("/desk/signin?lang=zh-CN")
	b.picture("signin-oidc-zh")
	begin("test-user@127.0.0.1")
	b.expect("no account here belongs to you")
	begin("test-user2")
	b.expect("Sign-in and security", "identity provider")
	if !strings.HasPrefix(b.where(), b.url+"/desk/me/security") {
		t.Errorf("led to %s", b.where())
	}
	b.clock.Advance(time.Hour)
	b.open("/desk/me/security/totp?lang=en")
	b.submit(`a[href^="/desk/again/oidc"]`)
	b.fill(`input[name="username"]`, "test-user2")
	b.fill(`input[name="password"]`, "verysecure")
	b.submit(`button[type="submit"]`)
	b.expect("Scan this picture")
}

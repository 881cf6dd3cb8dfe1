package account

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// ErrPasskey says that the answer of an authenticator does not hold.
var ErrPasskey = errors.New("account: the passkey was not accepted")

// Passkey is one passkey as its owner sees it.
type Passkey struct {
	ID   string
	Name string
	Made time.Time
	Used time.Time // zero = never
}

// Offer is what a browser is asked to do with an authenticator, and the ticket its answer comes with.
type Offer struct {
	Options any    `json:"options"` // as the WebAuthn API of browsers takes it, bytes as base64url
	Ticket  string `json:"ticket"`
}

// maxPasskeys keeps the list one a person can survey.
const maxPasskeys = 20

// maxPasskeyName is in characters.
const maxPasskeyName = 60

// PasskeysAt tells whether passkeys can belong to a site: it needs a name, not the number of a machine.
func PasskeysAt(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" {
		return false
	}
	_, number := netip.ParseAddr(u.Hostname())
	return number != nil
}

// relying is the site as authenticators know it: passkeys belong to its host and work only at its very
// address. Each ceremony asks for the person, not only for the device.
func relying(origin, site string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(origin)
	if err != nil || !PasskeysAt(origin) {
		return nil, fmt.Errorf("account: %q is no address passkeys can belong to; they need a name such as https://help.example.gov", origin)
	}
	required := true
	return webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: site, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &required, UserVerification: protocol.VerificationRequired},
		// Some password managers report properties nobody asked for; they say nothing about the signature.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
}

// holder is an account as the library wants it.
type holder struct {
	handle      []byte
	login, name string
	credentials []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return h.handle }
func (h holder) WebAuthnName() string                       { return h.login }
func (h holder) WebAuthnDisplayName() string                { return h.name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

func credentialID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// cut keeps a name to a length in characters.
func cut(s string, n int) string {
	r := []rune(s)
	return string(r[:min(len(r), n)])
}

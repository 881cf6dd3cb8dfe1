// Package sdjwt owns the residence card as a credential whose holder shows only what is asked for: SD-JWT
// of RFC 9901, signed with ES256, bound to the holder's key.
//
// It refuses every algorithm but ES256 (none above all), claims that shadow others, digests that stand
// twice, disclosures nobody asked to be hashed, and presentations made for another reader, another
// question or another time. It asks for no time and calls nobody: a card is read without its issuer
// learning of it.
//
// Open this file first: issuing. present.go is what the holder does, verify.go what a reader does, card.go
// which claims a residence permit has, status.go the list of cards that are no longer good.
package sdjwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Types of the two tokens, as their headers say.
const (
	typeCard    = "dc+sd-jwt"
	typeBinding = "kb+jwt"
	algorithm   = "ES256"
	hashName    = "sha-256"
)

// reserved names stand in the clear part of a token and can never come from a disclosure.
var reserved = []string{"_sd", "_sd_alg", "...", "iss", "iat", "nbf", "exp", "cnf", "vct", "status"}

var b64 = base64.RawURLEncoding

// ErrRefused is wrapped by every refusal of this package.
var ErrRefused = errors.New("the credential is refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// Claim is one thing a card says, shown or kept by its holder.
type Claim struct {
	Name  string
	Value any // text, yes or no, or a whole number
}

// Terms are the clear parts of a card.
type Terms struct {
	Issuer, Type  string // iss and vct
	Issued, Until time.Time
	List          string // address of the status list; empty: none
	Index         int    // place of this copy in it
}

// Issue signs one copy of a card. Copies of one card have salts and a place in the status list of their own,
// and should be bound to keys of their own, so that two readers cannot tell that they saw the same card.
func Issue(key *ecdsa.PrivateKey, random io.Reader, t Terms, holder *ecdsa.PublicKey, claims []Claim) (string, error) {
	if holder == nil || t.Issuer == "" || t.Type == "" || !t.Until.After(t.Issued) {
		return "", refuse("a card names its issuer, its type, its end and the key of its holder")
	}
	digests, disclosures := []string{}, []string{}
	seen := map[string]bool{}
	for _, c := range claims {
		if slices.Contains(reserved, c.Name) || seen[c.Name] || c.Name == "" {
			return "", refuse("claim %q cannot be disclosed, or stands twice", c.Name)
		}
		seen[c.Name] = true
		d, err := disclosure(random, c)
		if err != nil {
			return "", err
		}
		disclosures, digests = append(disclosures, d), append(digests, digest(d))
	}
	slices.Sort(digests) // their order must not tell which is which
	jwk, err := jwkOf(holder)
	if err != nil {
		return "", err
	}
	body := map[string]any{"iss": t.Issuer, "vct": t.Type, "iat": t.Issued.Unix(), "exp": t.Until.Unix(),
		"_sd": digests, "_sd_alg": hashName, "cnf": map[string]any{"jwk": jwk}}
	if t.List != "" {
		body["status"] = map[string]any{"status_list": map[string]any{"idx": t.Index, "uri": t.List}}
	}
	token, err := sign(key, typeCard, body)
	if err != nil {
		return "", err
	}
	return token + "~" + strings.Join(append(disclosures, ""), "~"), nil
}

// disclosure is what has to be shown for a claim to be read: a salt nobody can guess, its name and its value.
func disclosure(random io.Reader, c Claim) (string, error) {
	salt := make([]byte, 16)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", err
	}
	raw, err := json.Marshal([]any{b64.EncodeToString(salt), c.Name, c.Value})
	if err != nil {
		return "", err
	}
	return b64.EncodeToString(raw), nil
}

// digest is the hash under which a disclosure stands in the signed part.
func digest(disclosure string) string {
	sum := sha256.Sum256([]byte(disclosure))
	return b64.EncodeToString(sum[:])
}

// key of a holder as it stands in a card.
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

func jwkOf(k *ecdsa.PublicKey) (jwk, error) {
	raw, err := k.Bytes() // 4, then x and y
	if err != nil || k.Curve != elliptic.P256() {
		return jwk{}, refuse("a holder's key is one of P-256")
	}
	return jwk{"EC", "P-256", b64.EncodeToString(raw[1:33]), b64.EncodeToString(raw[33:])}, nil
}

func (j jwk) key() (*ecdsa.PublicKey, error) {
	x, err1 := b64.DecodeString(j.X)
	y, err2 := b64.DecodeString(j.Y)
	if err := errors.Join(err1, err2); err != nil || j.Kty != "EC" || j.Crv != "P-256" || len(x) != 32 || len(y) != 32 {
		return nil, refuse("the card is not bound to a key of P-256")
	}
	k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, refuse("the holder's key lies on no curve")
	}
	return k, nil
}

// sign makes a compact token.
func sign(key *ecdsa.PrivateKey, typ string, body map[string]any) (string, error) {
	head, err := json.Marshal(map[string]string{"alg": algorithm, "typ": typ})
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	input := b64.EncodeToString(head) + "." + b64.EncodeToString(raw)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + b64.EncodeToString(sig), nil
}

// open checks a compact token and reads its body. Only what the reader expects is accepted: the header
// chooses nothing.
func open(key *ecdsa.PublicKey, typ, token string) (body, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || key == nil || key.Curve != elliptic.P256() {
		return nil, refuse("it is not a signed token")
	}
	var head body
	if err := decode(parts[0], &head); err != nil {
		return nil, err
	}
	if alg, _ := text(head["alg"]); alg != algorithm {
		return nil, refuse("algorithm %q is not %s", alg, algorithm)
	}
	if t, _ := text(head["typ"]); t != typ {
		return nil, refuse("type %q is not %q", t, typ)
	}
	if _, ok := head["crit"]; ok {
		return nil, refuse("it asks for extensions that are not known")
	}
	sig, err := b64.Strict().DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		return nil, refuse("the signature has another form")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return nil, refuse("the signature does not fit")
	}
	var out body
	return out, decode(parts[1], &out)
}

// body is a JSON object whose values are read when they are asked for.
type body map[string]json.RawMessage

// decode reads one object, strictly: a name that stands twice in it is refused, since two readers could
// read it differently.
func decode(part string, into *body) error {
	raw, err := b64.Strict().DecodeString(part)
	if err != nil {
		return refuse("it is not base64url")
	}
	if err := single(raw); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil || *into == nil {
		return refuse("it is not an object")
	}
	return nil
}

// single refuses an object in which a name stands twice, at any depth.
func single(raw []byte) error {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if err := walk(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return refuse("something stands after it")
	}
	return nil
}

// maxDepth bounds nesting; a card is flat but for the holder's key and the status.
const maxDepth = 8

func walk(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil || depth > maxDepth {
		return refuse("it is not JSON, or nested too deeply")
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	names := map[string]bool{}
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return refuse("it is not JSON")
			}
			n := fmt.Sprint(name)
			if names[n] {
				return refuse("%q stands twice", n)
			}
			names[n] = true
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return refuse("it is not JSON")
	}
	return nil
}

func text(raw json.RawMessage) (string, error) {
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

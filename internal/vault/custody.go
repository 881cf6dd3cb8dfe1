package vault

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What is put under seal has its data key under a seal key that nobody holds: it was split in two, each half
// sealed (HPKE, RFC 9180) to the public key of one custodian. Either half alone is a random number. The ring
// is needed beside both, so that custodians who copied the database open nothing with it.

// CustodianKey is the public key of a custodian, as text "custodian:…".
type CustodianKey string

// SealedKey is a data key under seal, as it is stored.
type SealedKey struct {
	Body   string    // the data key
	Shares [2]string // the halves of the seal key, each sealed to its custodian
	Checks [2]string // by which a half is known when its custodian enters it
}

var (
	// ErrShare: what was entered is not the half that was sealed to this custodian.
	ErrShare = errors.New("this is not the share that was sealed to the custodian")
	// ErrPassphrase: the custodian's key file does not open with it.
	ErrPassphrase = errors.New("the passphrase does not open the key file, or the file was changed")
)

const (
	custodianMark = "custodian:"
	shareMark     = "share:"
	halfMark      = "half:"
)

func custodianKEM() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// public reads the key.
func (k CustodianKey) public() (hpke.PublicKey, error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(string(k)), custodianMark)
	raw, err := decode(body)
	if !ok || err != nil {
		return nil, fmt.Errorf("%.40q is no custodian's public key; comity custodian new prints one, %s…", string(k), custodianMark)
	}
	return custodianKEM().NewPublicKey(raw)
}

// Check says why the text is no custodian's public key.
func (k CustodianKey) Check() error {
	_, err := k.public()
	return err
}

// PutUnderSeal wraps a data key once more, under a fresh seal key split between two custodians. The context
// says which case it belongs to.
func (r *Ring) PutUnderSeal(w Wrapped, context string, to [2]CustodianKey) (SealedKey, error) {
	raw, err := r.unwrap(w)
	if err != nil {
		return SealedKey{}, err
	}
	return r.underSeal(raw, context, to)
}

// Decoy looks like what PutUnderSeal makes and holds nothing. It stands where nothing is under seal, so that
// whoever asks does not learn that from the question.
func (r *Ring) Decoy(context string, to [2]CustodianKey) (SealedKey, error) {
	return r.underSeal(random(r.suite.keySize), context, to)
}

func (r *Ring) underSeal(raw []byte, context string, to [2]CustodianKey) (s SealedKey, err error) {
	half := random(rootSize)
	other := random(rootSize)
	a, err := r.sealKey(half, other)
	if err != nil {
		return s, err
	}
	s.Body = encode(seal(a, r.sealedFor(context), raw))
	for i, h := range [][]byte{half, other} {
		public, err := to[i].public()
		if err != nil {
			return s, err
		}
		sealed, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), r.shareInfo(), h)
		if err != nil {
			return s, err
		}
		s.Shares[i] = shareMark + string(r.compartment) + ":" + encode(sealed)
		s.Checks[i] = shareCheck(h)
	}
	return s, nil
}

// TakeFromSeal puts the halves together and wraps the data key under the ring alone.
func (r *Ring) TakeFromSeal(body, context string, halves [2]string) (Wrapped, error) {
	a, err := parseHalf(halves[0])
	if err != nil {
		return "", err
	}
	b, err := parseHalf(halves[1])
	if err != nil {
		return "", err
	}
	key, err := r.sealKey(a, b)
	if err != nil {
		return "", err
	}
	sealed, err := decode(body)
	if err != nil {
		return "", ErrBroken
	}
	raw, err := open(key, r.sealedFor(context), sealed)
	if err != nil {
		return "", err
	}
	r.follow()
	return r.wrap(raw), nil
}

// sealKey is the key that both halves make, and the ring: neither opens anything without the other.
func (r *Ring) sealKey(a, b []byte) (cipher.AEAD, error) {
	both := make([]byte, rootSize)
	subtle.XORBytes(both, a, b)
	return r.suite.aead(r.suite.derive(append(both, r.fixed.custody...), r.compartment, "under seal", r.suite.keySize))
}

func (r *Ring) sealedFor(context string) string { return "comity under seal\x00" + context }

func (r *Ring) shareInfo() []byte { return shareInfo(string(r.compartment)) }

func shareInfo(compartment string) []byte { return []byte("comity custodian share\x00" + compartment) }

func shareCheck(half []byte) string {
	sum := sha256.Sum256(append([]byte("comity share check\x00"), half...))
	return encode(sum[:])
}

// CheckHalf says whether an entered half is the one that belongs to a check.
func CheckHalf(check, half string) error {
	raw, err := parseHalf(half)
	if err != nil || subtle.ConstantTimeCompare([]byte(shareCheck(raw)), []byte(check)) != 1 {
		return ErrShare
	}
	return nil
}

func parseHalf(text string) ([]byte, error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(text), halfMark)
	raw, err := decode(body)
	if !ok || err != nil || len(raw) != rootSize {
		return nil, ErrShare
	}
	return raw, nil
}

// custodianFile is a custodian's private key, locked with a passphrase. It is kept by the custodian, on no
// machine that runs the city.
type custodianFile struct {
	Kind   string       `json:"kind"`
	Public CustodianKey `json:"public"`
	Salt   []byte       `json:"salt"`
	Sealed []byte       `json:"sealed"`
}

const custodianKind = "comity custodian key 1"

// NewCustodian makes a custodian's key: the file to keep, and the public key to hand to the city.
func NewCustodian(passphrase string) (file []byte, public CustodianKey, err error) {
	private, err := custodianKEM().GenerateKey()
	if err != nil {
		return nil, "", err
	}
	raw, err := private.Bytes()
	if err != nil {
		return nil, "", err
	}
	f := custodianFile{Kind: custodianKind, Public: CustodianKey(custodianMark + encode(private.PublicKey().Bytes())), Salt: random(16)}
	a, err := f.lock(passphrase)
	if err != nil {
		return nil, "", err
	}
	f.Sealed = seal(a, custodianKind, raw)
	file, err = json.MarshalIndent(f, "", "  ")
	return append(file, '\n'), f.Public, err
}

// lock makes a key of the passphrase (Argon2id, RFC 9106, second recommended choice).
func (f custodianFile) lock(passphrase string) (cipher.AEAD, error) {
	return suites[0].aead(argon2.IDKey([]byte(passphrase), f.Salt, 3, 64<<10, 4, uint32(suites[0].keySize)))
}

// OpenShare gives the half of a seal key that was sealed to a custodian, as the desk's page wants it typed.
func OpenShare(file []byte, passphrase, share string) (string, error) {
	var f custodianFile
	if err := json.Unmarshal(bytes.TrimSpace(file), &f); err != nil || f.Kind != custodianKind {
		return "", errors.New("the file is no custodian's key; comity custodian new makes one")
	}
	a, err := f.lock(passphrase)
	if err != nil {
		return "", err
	}
	raw, err := open(a, custodianKind, f.Sealed)
	if err != nil {
		return "", ErrPassphrase
	}
	private, err := custodianKEM().NewPrivateKey(raw)
	if err != nil {
		return "", err
	}
	body, ok := strings.CutPrefix(strings.TrimSpace(share), shareMark)
	compartment, body, parts := strings.Cut(body, ":")
	sealed, err := decode(body)
	if !ok || !parts || err != nil {
		return "", fmt.Errorf("%.40q is no sealed share; copy the whole line that the desk shows, %s…", share, shareMark)
	}
	half, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), shareInfo(compartment), sealed)
	if err != nil {
		return "", errors.New("the share was sealed to another custodian, or is not whole")
	}
	return halfMark + encode(half), nil
}

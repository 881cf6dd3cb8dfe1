package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
)

// Sealer keeps a secret that has to be read again, such as that of an authenticator app. Both take what
// the secret belongs to as context: sealed text moved to another account does not open.
type Sealer struct {
	Seal func(context, plain string) string
	Open func(context, sealed string) (string, error)
}

var errBroken = errors.New("account: a sealed secret does not open with this key; enrol the authenticator app anew, or start with the key it was sealed with")

// SealedBy seals with AES-256-GCM under a key derived from a secret the caller keeps outside the database.
func SealedBy(secret []byte) Sealer {
	key, err := hkdf.Key(sha256.New, secret, nil, "comity account seal", 32)
	if err != nil {
		panic(err) // only for a length no hash can give
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for a key of another length
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for a block of another size
	}
	return Sealer{
		Seal: func(context, plain string) string {
			return base64.RawURLEncoding.EncodeToString(box.Seal(nil, nil, []byte(plain), []byte(context)))
		},
		Open: func(context, sealed string) (string, error) {
			raw, err := base64.RawURLEncoding.DecodeString(sealed)
			if err != nil {
				return "", errBroken
			}
			plain, err := box.Open(nil, nil, raw, []byte(context))
			if err != nil {
				return "", errBroken
			}
			return string(plain), nil
		},
	}
}

// keyed hashes what must be compared and not read: a network, an unknown login.
func (s *Store) keyed(kind, value string) string {
	if value == "" {
		return ""
	}
	mac := hmac.New(sha256.New, s.config.Secret)
	mac.Write([]byte(kind + "\x00" + value))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// drawn is a secret for a process that was given none: what it hashed cannot be compared after a restart.
func drawn() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"strconv"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// suite is a choice of algorithms. Which one a city takes is decided when a compartment's key file is made.
type suite struct {
	name    string
	letter  byte // in every sealed text, so that texts of two suites can lie in one database
	keySize int
	block   func(key []byte) (cipher.Block, error)
	hash    func() hash.Hash
	signer  func(seed []byte) (signer, error)
	verify  func(public, msg, sig []byte) bool
}

type signer struct {
	public []byte
	sign   func(msg []byte) []byte
}

const (
	rootSize = 32 // of the secrets that subkeys are derived from
	seedSize = 32 // of a signing key; Ed25519 and SM2 alike
)

var suites = []*suite{
	// FIPS 197 and SP 800-38D, FIPS 180 and 198, RFC 5869, RFC 8032.
	{name: "std", letter: 's', keySize: 32, block: aes.NewCipher, hash: sha256.New, signer: signEd25519, verify: verifyEd25519},
	// GB/T 32907 (SM4), GB/T 32905 (SM3), GB/T 32918 (SM2); the constructions around them are the same.
	{name: "sm", letter: 'm', keySize: sm4.BlockSize, block: sm4.NewCipher, hash: sm3.New, signer: signSM2, verify: verifySM2},
}

func suiteNamed(name string) (*suite, error) {
	for _, s := range suites {
		if s.name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf(`there is no suite of algorithms %q; choose "std" (AES, SHA-256, Ed25519) or "sm" (SM4, SM3, SM2)`, name)
}

// aead makes a sealer of a key. Nonces are random: a key seals far fewer texts than the 2^32 up to which
// SP 800-38D allows that.
func (s *suite) aead(key []byte) (cipher.AEAD, error) {
	if len(key) != s.keySize {
		return nil, fmt.Errorf("a key of %d bytes where suite %q has %d", len(key), s.name, s.keySize)
	}
	b, err := s.block(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

// derive makes a subkey for one purpose in one compartment (HKDF, RFC 5869). The compartment is part of it,
// so that even one secret copied into two key files would give two families of keys.
func (s *suite) derive(root []byte, c Compartment, purpose string, size int) []byte {
	key, err := hkdf.Key(s.hash, root, nil, "comity 1\x00"+string(c)+"\x00"+purpose, size)
	if err != nil {
		panic(err) // only for sizes beyond 255 hashes
	}
	return key
}

// seal prepends a fresh nonce; open is its inverse.
func seal(a cipher.AEAD, context string, plain []byte) []byte {
	nonce := random(a.NonceSize())
	return a.Seal(nonce, nonce, plain, []byte(context))
}

func open(a cipher.AEAD, context string, sealed []byte) ([]byte, error) {
	if len(sealed) < a.NonceSize()+a.Overhead() {
		return nil, ErrBroken
	}
	plain, err := a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], []byte(context))
	if err != nil {
		return nil, ErrBroken
	}
	return plain, nil
}

func signEd25519(seed []byte) (signer, error) {
	if len(seed) != ed25519.SeedSize {
		return signer{}, errors.New("it does not have 32 bytes")
	}
	key := ed25519.NewKeyFromSeed(seed)
	return signer{
		public: key.Public().(ed25519.PublicKey),
		sign:   func(msg []byte) []byte { return ed25519.Sign(key, msg) },
	}, nil
}

func verifyEd25519(public, msg, sig []byte) bool {
	return len(public) == ed25519.PublicKeySize && ed25519.Verify(public, msg, sig)
}

func signSM2(seed []byte) (signer, error) {
	key, err := sm2.NewPrivateKey(seed)
	if err != nil {
		return signer{}, err
	}
	public, err := sm2.PublicKeyToECDH(&key.PublicKey)
	if err != nil {
		return signer{}, err
	}
	return signer{public: public.Bytes(), sign: func(msg []byte) []byte {
		sig, err := sm2.SignASN1(rand.Reader, key, msg, sm2.DefaultSM2SignerOpts)
		if err != nil {
			panic(err) // only if there is no randomness
		}
		return sig
	}}, nil
}

func verifySM2(public, msg, sig []byte) bool {
	key, err := sm2.NewPublicKey(public)
	return err == nil && sm2.VerifyASN1WithSM2(key, nil, msg, sig)
}

// seed draws until the number is a signing key: SM2 refuses about one in 2^32 of them.
func (s *suite) seed(draw func(what string, size int) []byte) []byte {
	for n := 0; ; n++ {
		seed := draw("sign "+strconv.Itoa(n), seedSize)
		if _, err := s.signer(seed); err == nil {
			return seed
		}
	}
}

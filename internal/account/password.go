package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Hashing is the price of one password check with argon2id.
type Hashing struct {
	MemoryKiB uint32
	Passes    uint32
	Threads   uint8
}

// OWASP is the smallest setting the OWASP password cheat sheet recommends: 19 MiB, two passes.
func OWASP() Hashing { return Hashing{MemoryKiB: 19 * 1024, Passes: 2, Threads: 1} }

// Cheap is for tests and the demo, whose passwords protect nothing.
func Cheap() Hashing { return Hashing{MemoryKiB: 64, Passes: 1, Threads: 1} }

// MinPassword is the shortest password taken, in bytes.
const MinPassword = 8

const (
	saltLen = 16
	hashLen = 32
	// maxPassword keeps a huge form field from costing time.
	maxPassword = 1024
)

// seal makes the stored text of a password: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (h Hashing) seal(password string) (string, error) {
	if len(password) < MinPassword || len(password) > maxPassword {
		return "", fmt.Errorf("account: a password has %d to %d bytes, this one has %d", MinPassword, maxPassword, len(password))
	}
	salt := make([]byte, saltLen)
	rand.Read(salt)
	return h.spell(salt, h.key(password, salt)), nil
}

func (h Hashing) key(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, h.Passes, h.MemoryKiB, h.Threads, hashLen)
}

func (h Hashing) spell(salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.MemoryKiB, h.Passes, h.Threads, b64(salt), b64(key))
}

var errSealed = errors.New("account: a stored password is not argon2id as this program writes it; set it anew")

// fits tells whether the password is the sealed one, at the price the sealed text names.
func fits(sealed, password string) (bool, error) {
	parts := strings.Split(sealed, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, errSealed
	}
	var h Hashing
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.MemoryKiB, &h.Passes, &h.Threads); err != nil || h.Passes < 1 || h.Threads < 1 {
		return false, errSealed
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errSealed
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, errSealed
	}
	if len(password) > maxPassword {
		return false, nil
	}
	return subtle.ConstantTimeCompare(h.key(password, salt), want) == 1, nil
}

// gate lets only a few password checks run at a time: each takes MemoryKiB.
type gate chan struct{}

func (g gate) through(ctx context.Context, fn func() (bool, error)) (bool, error) {
	select {
	case g <- struct{}{}:
		defer func() { <-g }()
		return fn()
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

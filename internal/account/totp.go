package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// RFC 6238 as every authenticator app knows it: SHA-1, 30 seconds, six digits.
const (
	totpPeriod = 30
	totpDigits = 6
	totpWindow = 1  // steps a phone's clock may be off
	totpSecret = 20 // bytes, as long as the hash (RFC 4226 section 4)
)

// hotp is the code of a counter (RFC 4226 section 5.3).
func hotp(secret []byte, counter uint64, digits int) string {
	mac := hmac.New(sha1.New, secret)
	var c [8]byte
	binary.BigEndian.PutUint64(c[:], counter)
	mac.Write(c[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := uint64(binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff)
	mod := uint64(1)
	for range digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", digits, n%mod)
}

func totpStep(now time.Time) int64 { return now.Unix() / totpPeriod }

// totpFits finds the step whose code this is, later than the last one used; 0 when there is none.
func totpFits(secret []byte, code string, now time.Time, last int64) int64 {
	at, found := totpStep(now), int64(0)
	for step := max(at-totpWindow, 0); step <= at+totpWindow; step++ {
		same := subtle.ConstantTimeCompare([]byte(hotp(secret, uint64(step), totpDigits)), []byte(code)) == 1
		if same && step > last {
			found = step
		}
	}
	return found
}

func newTOTP() []byte {
	b := make([]byte, totpSecret)
	rand.Read(b)
	return b
}

var b32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// TOTPAddress is what the QR code of an enrolment holds. Algorithm, digits and period are those every app
// takes for granted, and left out: a coarser picture is easier to scan.
func TOTPAddress(site, login, secret string) string {
	site = strings.ReplaceAll(site, ":", " ")
	q := url.Values{"secret": {secret}, "issuer": {site}}
	return "otpauth://totp/" + url.PathEscape(site+":"+login) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// recoveryCodes is how many an account gets at a time; each has recoveryBytes of chance, so that a plain
// hash is enough to keep it.
const (
	recoveryCodes = 10
	recoveryBytes = 10
)

// newRecovery draws a code: sixteen letters and digits in groups of four.
func newRecovery() string {
	b := make([]byte, recoveryBytes)
	rand.Read(b)
	s := strings.ToLower(b32.EncodeToString(b))
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// tidyCode forgives how people type codes.
func tidyCode(s string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\u3000", "").Replace(strings.TrimSpace(s)))
}

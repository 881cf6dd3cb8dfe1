package sdjwt

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
)

// Ask is what a reader asks a holder: which claims, for whom, and a question that was never asked before.
type Ask struct {
	Audience, Nonce string
	Claims          []string
}

// Names lists the claims a copy of a card can show, for the holder to choose from.
func Names(card string) ([]string, error) {
	_, shown, _, err := split(card)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, d := range shown {
		c, err := read(d)
		if err != nil {
			return nil, err
		}
		out = append(out, c.Name)
	}
	return out, nil
}

// Present shows the claims that were asked for and no others, signed with the holder's key for this reader
// and this question.
func Present(holder *ecdsa.PrivateKey, card string, ask Ask, now time.Time) (string, error) {
	token, shown, binding, err := split(card)
	if err != nil {
		return "", err
	}
	if binding != "" || ask.Audience == "" || ask.Nonce == "" {
		return "", refuse("a presentation is made from a card, for a named reader, with a question of theirs")
	}
	out := token + "~"
	left := slices.Clone(ask.Claims)
	for _, d := range shown {
		c, err := read(d)
		if err != nil {
			return "", err
		}
		if i := slices.Index(left, c.Name); i >= 0 {
			left = slices.Delete(left, i, i+1)
			out += d + "~"
		}
	}
	if len(left) > 0 {
		return "", refuse("the card does not say %q", left)
	}
	kb, err := sign(holder, typeBinding, map[string]any{"aud": ask.Audience, "nonce": ask.Nonce, "iat": now.Unix(), "sd_hash": over(out)})
	return out + kb, err
}

// over is the hash that ties the holder's signature to what is shown.
func over(shown string) string {
	sum := sha256.Sum256([]byte(shown))
	return b64.EncodeToString(sum[:])
}

// Bounds of what is read; a card of ten items has about 2.5 KB.
const (
	maxCard        = 64 << 10
	maxDisclosures = 64
)

// split cuts a card or presentation: the token, the disclosures, and the binding if there is one.
func split(card string) (token string, shown []string, binding string, err error) {
	parts := strings.Split(card, "~")
	if len(card) > maxCard || len(parts) < 2 || len(parts) > maxDisclosures+2 {
		return "", nil, "", refuse("it has not the form of a card")
	}
	return parts[0], parts[1 : len(parts)-1], parts[len(parts)-1], nil
}

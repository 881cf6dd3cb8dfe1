package sdjwt

import (
	"crypto/ecdsa"
	"crypto/subtle"
	"encoding/json"
	"slices"
	"time"
)

// Expect is what a reader holds a presentation against.
type Expect struct {
	Issuer, Type string
	Ask
	Now time.Time
	Age time.Duration // how old the holder's signature may be; zero is two minutes
	Bad func(list string, index int) (bool, error)
}

// Shown is what a presentation proves: the claims that were shown, and until when the card is good.
type Shown struct {
	Claims map[string]any
	Until  time.Time
	List   string
	Index  int
}

// skew is how far the clocks of holder and reader may stand apart.
const skew = time.Minute

// Verify checks a presentation and gives what it shows. Bad may be nil for a reader without a status list;
// an error of it refuses, since a card whose status is unknown is not known to be good.
func Verify(issuer *ecdsa.PublicKey, presentation string, want Expect) (Shown, error) {
	token, disclosures, binding, err := split(presentation)
	if err != nil {
		return Shown{}, err
	}
	if binding == "" {
		return Shown{}, refuse("nobody signed for it: it was copied, not presented")
	}
	card, err := open(issuer, typeCard, token)
	if err != nil {
		return Shown{}, err
	}
	out, err := card.terms(want)
	if err != nil {
		return Shown{}, err
	}
	if err := card.bound(presentation[:len(presentation)-len(binding)], binding, want); err != nil {
		return Shown{}, err
	}
	if out.Claims, err = card.claims(disclosures); err != nil {
		return Shown{}, err
	}
	for name := range out.Claims {
		if !slices.Contains(want.Claims, name) {
			return Shown{}, refuse("%q is shown and was not asked for", name)
		}
	}
	for _, name := range want.Claims {
		if _, ok := out.Claims[name]; !ok {
			return Shown{}, refuse("%q was asked for and is not shown", name)
		}
	}
	if want.Bad != nil && out.List != "" {
		if bad, err := want.Bad(out.List, out.Index); err != nil || bad {
			return Shown{}, refuse("the card is suspended or has ended, or its status is unknown (%v)", err)
		}
	}
	return out, nil
}

// terms checks the clear part.
func (b body) terms(want Expect) (Shown, error) {
	for name, expected := range map[string]string{"iss": want.Issuer, "vct": want.Type, "_sd_alg": hashName} {
		if got, err := text(b[name]); err != nil || got != expected {
			return Shown{}, refuse("%s is %q, not %q", name, got, expected)
		}
	}
	issued, err1 := b.time("iat")
	until, err2 := b.time("exp")
	if err1 != nil || err2 != nil || issued.After(want.Now.Add(skew)) || !until.After(want.Now) {
		return Shown{}, refuse("it is not good at this time")
	}
	for name := range b {
		if !slices.Contains(reserved, name) || name == "..." || name == "nbf" {
			return Shown{}, refuse("%q stands in the clear part", name)
		}
	}
	out := Shown{Until: until}
	if raw, ok := b["status"]; ok {
		var s struct {
			List *struct {
				Index int    `json:"idx"`
				URI   string `json:"uri"`
			} `json:"status_list"`
		}
		if err := json.Unmarshal(raw, &s); err != nil || s.List == nil || s.List.Index < 0 {
			return Shown{}, refuse("its status cannot be read")
		}
		out.List, out.Index = s.List.URI, s.List.Index
	}
	return out, nil
}

func (b body) time(name string) (time.Time, error) {
	var n int64
	if err := json.Unmarshal(b[name], &n); err != nil {
		return time.Time{}, refuse("%s is not a time", name)
	}
	return time.Unix(n, 0), nil
}

// bound checks that the holder signed for this reader and this question, just now, over what is shown.
func (b body) bound(shown, binding string, want Expect) error {
	var cnf struct {
		Key jwk `json:"jwk"`
	}
	if err := json.Unmarshal(b["cnf"], &cnf); err != nil {
		return refuse("it is bound to no key")
	}
	key, err := cnf.Key.key()
	if err != nil {
		return err
	}
	kb, err := open(key, typeBinding, binding)
	if err != nil {
		return err
	}
	for name, expected := range map[string]string{"aud": want.Audience, "nonce": want.Nonce, "sd_hash": over(shown)} {
		got, err := text(kb[name])
		if err != nil || expected == "" || subtle.ConstantTimeCompare([]byte(got), []byte(expected)) != 1 {
			return refuse("%s is not what was asked", name)
		}
	}
	age := want.Age
	if age == 0 {
		age = 2 * time.Minute
	}
	at, err := kb.time("iat")
	if err != nil || at.After(want.Now.Add(skew)) || at.Before(want.Now.Add(-age-skew)) {
		return refuse("it was signed at another time")
	}
	return nil
}

// claims reads the disclosures: each stands once in the signed list of digests, names a claim once, and
// none that stands in the clear.
func (b body) claims(disclosures []string) (map[string]any, error) {
	var digests []string
	if err := json.Unmarshal(b["_sd"], &digests); err != nil {
		return nil, refuse("it has no digests")
	}
	seen := map[string]int{}
	for _, d := range digests {
		if seen[d]++; seen[d] > 1 {
			return nil, refuse("a digest stands twice")
		}
	}
	out := map[string]any{}
	used := map[string]bool{}
	for _, d := range disclosures {
		sum := digest(d)
		if seen[sum] != 1 || used[sum] {
			return nil, refuse("a disclosure belongs to no digest, or is shown twice")
		}
		used[sum] = true
		c, err := read(d)
		if err != nil {
			return nil, err
		}
		_, clear := b[c.Name]
		if _, twice := out[c.Name]; twice || clear {
			return nil, refuse("claim %q would stand twice", c.Name)
		}
		out[c.Name] = c.Value
	}
	return out, nil
}

// read decodes a disclosure: salt, name, value.
func read(disclosure string) (Claim, error) {
	raw, err := b64.Strict().DecodeString(disclosure)
	if err != nil {
		return Claim{}, refuse("a disclosure is not base64url")
	}
	if err := single(raw); err != nil {
		return Claim{}, err
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil || len(parts) != 3 {
		return Claim{}, refuse("a disclosure has three parts")
	}
	salt, err1 := text(parts[0])
	name, err2 := text(parts[1])
	if err1 != nil || err2 != nil || salt == "" || slices.Contains(reserved, name) || name == "" {
		return Claim{}, refuse("a disclosure names %q", name)
	}
	var value any
	if err := json.Unmarshal(parts[2], &value); err != nil {
		return Claim{}, refuse("a disclosure has no value")
	}
	switch value.(type) {
	case string, bool, float64:
		return Claim{name, value}, nil
	}
	return Claim{}, refuse("claim %q is neither text nor number nor yes or no", name)
}

package account

import (
	"net/netip"
	"time"
)

// What the journal tells.
const (
	SignedIn = "in"      // came in
	Proved   = "again"   // proved again who they are
	Failed   = "failed"  // a wrong password or code
	Rejected = "refused" // a forged, replayed or foreign token
	Changed  = "changed" // a proof was added or taken away
)

// Why something was refused or changed, in one word.
const (
	WhyWrong    = "wrong"    // does not fit
	WhyReplayed = "replayed" // used before, or expired
	WhyForged   = "forged"   // was never given out
	WhyDisabled = "disabled" // the account is shut
	WhyProvider = "provider" // the identity provider's token does not hold
	WhyNobody   = "nobody"   // no account belongs to it
	WhyOther    = "other"    // belongs to somebody else
	WhyAdded    = "added"
	WhyRemoved  = "removed"
)

// Happening is one line of the journal.
type Happening struct {
	At     time.Time // of the last time
	Kind   string
	Method string
	Reason string
	Device string // browser and system
	Known  bool   // from a browser this account had come in from before
	Here   bool   // from the network the question comes from
	Times  int    // how often within that hour
}

// network is the neighbourhood of an address: /24 or /48. An address that is none has no neighbourhood.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		if prefix, err := netip.ParsePrefix(address); err == nil { // a caller that masked it already
			ip = prefix.Addr()
		} else {
			return ""
		}
	}
	ip = ip.Unmap().WithZone("")
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

package account

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Proofs of who somebody is, as sessions and the journal name them.
const (
	ByPassword = "password"
	ByTOTP     = "totp"
	ByRecovery = "recovery"
	ByPasskey  = "passkey"
	ByOIDC     = "oidc"
	BySession  = "session" // a cookie
	ByToken    = "token"   // an API token
)

// FreshFor is how long a proof of who somebody is counts for acts that need a fresh one.
const FreshFor = 10 * time.Minute

// ErrStale says that the act needs a fresh proof of who is acting.
var ErrStale = errors.New("account: the last proof of who you are is too old; prove it again")

// Session is one place where somebody is signed in.
type Session struct {
	Account     Account
	Handle      string    // names the session in lists without opening it
	Compartment string    // the compartment it is bound to; empty = none
	Created     time.Time // when the person signed in
	Seen        time.Time // last request, to about a minute
	AuthAt      time.Time // last proof of who it is
	Methods     []string  // the proofs given
	Device      string    // browser and system, as the browser calls itself; may be empty
}

// Fresh tells whether the person behind the session proved who they are within FreshFor.
func Fresh(s Session, now time.Time) bool {
	age := now.Sub(s.AuthAt)
	return !s.AuthAt.IsZero() && age >= 0 && age <= FreshFor
}

// From is where a request comes from, as far as sign-in has to know.
type From struct {
	Address string // network address as the surface reads it
	Agent   string // what the browser calls itself
	Device  string // secret of the cookie that makes a browser known; empty = none
}

// handleLen is how much of the hash names a session: too little to find the session by.
const handleLen = 24

func handleOf(hash string) string { return hash[:handleLen] }

// withMethod adds a proof to a list kept in the order in which they were given.
func withMethod(list []string, m string) []string {
	if slices.Contains(list, m) {
		return list
	}
	return append(list, m)
}

// browsers and systems are the names by which people know their browser, in the order in which they
// have to be looked for: most browsers also claim to be others.
var (
	browsers = [][2]string{{"MicroMessenger/", "WeChat"}, {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"QQBrowser/", "QQ Browser"}, {"UCBrowser/", "UC Browser"},
		{"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}
	systems = [][2]string{{"HarmonyOS", "HarmonyOS"}, {"OpenHarmony", "HarmonyOS"}, {"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"},
		{"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}}
)

// deviceName is what a person recognises a browser by. It keeps nothing else of the user agent.
func deviceName(agent string) string {
	var parts []string
	for _, list := range [][][2]string{browsers, systems} {
		for _, e := range list {
			if strings.Contains(agent, e[0]) {
				parts = append(parts, e[1])
				break
			}
		}
	}
	return strings.Join(parts, ", ")
}

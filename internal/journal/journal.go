// Package journal is the security journal: one line in the log and one count for every request that was
// refused for what it was, under event names that do not change, so that a city can watch for them.
//
// A line names the event, the rule, the route and the network the request came from, cut so that it
// points at a neighbourhood and not at a household. It refuses to hold anything a person typed: no
// address, no form content, no code, no token, no login.
//
// Life of a refusal: a handler refuses and says its rule (Say), the kit around the site (web.Site.Harden)
// takes rule and status to Journal.Refused, and /metrics shows Journal.Counts.
//
// Open this file first; it is the whole package.
package journal

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// Event is the kind of a refusal. The names stand in logs and alarms of cities: they are added to, never
// changed.
type Event string

// The events.
const (
	Host    Event = "refused.host"    // the request was meant for another host
	Origin  Event = "refused.origin"  // a form of another site
	Request Event = "refused.request" // address, header or body that no client of ours makes
	Field   Event = "refused.field"   // a field or member the page or operation does not know, or knows once
	Size    Event = "refused.size"    // more than is read
	Media   Event = "refused.media"   // a kind of body that is not read here
	Slow    Event = "refused.slow"    // a body that did not arrive in time
	Rate    Event = "refused.rate"    // too many failures from one place
	SignIn  Event = "refused.sign_in" // wrong name, password or second factor
	Token   Event = "refused.token"   // a token or session that is none of ours
	Code    Event = "refused.code"    // a follow code nobody was given
	Access  Event = "refused.access"  // known, but not open to this person
)

// Events lists every event, for the metrics: a count that is zero is shown as zero.
var Events = []Event{Host, Origin, Request, Field, Size, Media, Slow, Rate, SignIn, Token, Code, Access}

// byRule are the rules that say more than their status does.
var byRule = map[string]Event{
	"web.cross_origin":   Origin,
	"web.field_unknown":  Field,
	"web.field_repeated": Field,
	"request.unknown":    Field,
	"desk.signin.wrong":  SignIn,
	"desk.session.ended": Token,
	"token.invalid":      Token,
	"code.unknown":       Code,
}

// byStatus are the statuses that are always a refusal of this kind.
var byStatus = map[int]Event{
	http.StatusBadRequest:                  Request,
	http.StatusUnauthorized:                Token,
	http.StatusForbidden:                   Access,
	http.StatusRequestTimeout:              Slow,
	http.StatusRequestEntityTooLarge:       Size,
	http.StatusRequestURITooLong:           Size,
	http.StatusUnsupportedMediaType:        Media,
	http.StatusMisdirectedRequest:          Host,
	http.StatusTooManyRequests:             Rate,
	http.StatusRequestHeaderFieldsTooLarge: Size,
}

// EventOf classes an answer. What is no refusal of this kind, such as an empty field, is none.
func EventOf(status int, rule string) (Event, bool) {
	if e, ok := byRule[rule]; ok {
		return e, true
	}
	e, ok := byStatus[status]
	return e, ok
}

// Journal writes lines and counts. The zero value counts and writes nothing; nil does neither. It is safe
// for concurrent use.
type Journal struct {
	Log *slog.Logger
	// From names where a request comes from; nil = its network address. Behind a proxy it has to read
	// the proxy's header.
	From func(r *http.Request) string

	mu     sync.Mutex
	counts map[Event]uint64
}

// Refused records one answer, if it is a refusal of a kind that belongs here. route is the pattern that
// answered, never the address.
func (j *Journal) Refused(r *http.Request, route string, status int, rule string) {
	event, ok := EventOf(status, rule)
	if j == nil || !ok {
		return
	}
	j.mu.Lock()
	if j.counts == nil {
		j.counts = map[Event]uint64{}
	}
	j.counts[event]++
	j.mu.Unlock()
	if j.Log != nil {
		j.Log.Warn(string(event), "rule", cmp.Or(rule, "none"), "route", cmp.Or(route, "none"), "status", status, "network", j.network(r))
	}
}

// Count is how often an event happened since the start.
type Count struct {
	Event Event
	N     uint64
}

// Counts lists every event in the order of Events.
func (j *Journal) Counts() []Count {
	out := make([]Count, 0, len(Events))
	if j == nil {
		return out
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range Events {
		out = append(out, Count{e, j.counts[e]})
	}
	return out
}

func (j *Journal) network(r *http.Request) string {
	from := r.RemoteAddr
	if j.From != nil {
		from = j.From(r)
	}
	return Network(from)
}

// Network cuts an address so that it names a network and not a household: /24 of IPv4, /48 of IPv6. What
// is no address is not repeated.
func Network(from string) string {
	from, _, _ = strings.Cut(from, "/") // a limiter may have cut it already
	ip, err := netip.ParseAddr(from)
	if err != nil {
		port, err := netip.ParseAddrPort(from)
		if err != nil {
			return "unknown"
		}
		ip = port.Addr()
	}
	ip = ip.Unmap().WithZone("")
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

// teller is a response writer that carries a rule to whoever records the request.
type teller interface{ Refused(rule string) }

// Say tells whoever records the request why it was refused. Without a recorder it does nothing.
func Say(w http.ResponseWriter, rule string) {
	for w != nil {
		if t, ok := w.(teller); ok {
			t.Refused(rule)
			return
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = inner.Unwrap()
	}
}

package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Guard keeps calls to other machines out of the operator's own network: an address that a name leads to is
// looked at after it was resolved, when the connection is made, so that a name cannot first say one thing and
// then another. What the operator lists is let through.
type Guard struct {
	Hosts    []string       // names and addresses as they stand in the address of a gateway, with or without a port
	Networks []netip.Prefix // addresses by range
}

// errPrivate is told with the host it is about.
var errPrivate = errors.New("lies in a private or reserved range; list it under allow if that is meant")

// reserved are ranges that netip does not know as private and that lead to no public machine.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("fec0::/10"),
}

// private says whether an address leads to no public machine.
func private(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return true
	}
	return slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// named says whether the operator lists a host.
func (g Guard) named(host, port string) bool {
	return slices.ContainsFunc(g.Hosts, func(h string) bool {
		return strings.EqualFold(h, host) || strings.EqualFold(h, net.JoinHostPort(host, port))
	})
}

func (g Guard) allowed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(g.Networks, func(p netip.Prefix) bool { return p.Contains(a) }) || !private(a)
}

// Refuses says why a host cannot be called, as far as its name alone tells.
func (g Guard) Refuses(host, port string) error {
	a, err := netip.ParseAddr(host)
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		a, err = netip.IPv6Loopback(), nil
	}
	if err == nil && !g.named(host, port) && !g.allowed(a) {
		return fmt.Errorf("%s %w", host, errPrivate)
	}
	return nil
}

// dialTime bounds the making of one connection.
const dialTime = 15 * time.Second

// Dial connects to a machine, unless it stands where no gateway is to be called.
func (g Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTime}
	if !g.named(host, port) {
		d.Control = func(_, resolved string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(resolved)
			if err != nil || !g.allowed(to.Addr()) {
				return fmt.Errorf("%s %w", host, errPrivate)
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}

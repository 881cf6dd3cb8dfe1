// Package outward owns which machines this one may call when somebody else had a word in the address: a stranger who
// names a picture, a name that leads elsewhere tomorrow, a line in an operator's file.
//
// It refuses the operator's own network, and every range that leads to no public machine, unless the operator lists
// the host or the range. A name is judged by the address it led to, when the connection is made, and that very
// address is called: it cannot first say one thing and then another.
//
// It knows no protocol: redirects, sizes and answers are for those who call. Open this file; there is no other.
package outward

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

// Guard says who may be called. The zero Guard lets through every public machine and nothing else.
type Guard struct {
	Hosts    []string       // names and addresses as they are called, with or without a port; they may lead anywhere
	Networks []netip.Prefix // addresses by range
	Ports    []uint16       // of machines whose host is not listed; none: every port
	Patience time.Duration  // with the making of one connection; 0 = a quarter of a minute
}

// Both are told with the host they are about.
var (
	ErrPrivate = errors.New("lies in a private or reserved range and is not listed")
	ErrPort    = errors.New("is called on a port that is not one of the web")
)

// reserved are ranges that lead to no public machine and that the library does not know as private. Those by which
// one version of IP carries the other are among them: they lead wherever their last bytes say.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"),
}

func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !within(reserved, a)
}

func within(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Lists says whether the operator lists a host.
func (g Guard) Lists(host, port string) bool {
	return slices.ContainsFunc(g.Hosts, func(h string) bool {
		return strings.EqualFold(h, host) || strings.EqualFold(h, net.JoinHostPort(host, port))
	})
}

func (g Guard) judge(a netip.Addr) error {
	if a = a.Unmap().WithZone(""); within(g.Networks, a) || public(a) {
		return nil
	}
	return ErrPrivate
}

// Judge says why an address with its port, to which a host that is not listed has led, is not called.
func (g Guard) Judge(resolved string) error {
	to, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return ErrPrivate
	}
	if err := g.judge(to.Addr()); err != nil {
		return err
	}
	if len(g.Ports) > 0 && !slices.Contains(g.Ports, to.Port()) {
		return ErrPort
	}
	return nil
}

// Refuses says why a host cannot be called, as far as its name alone tells.
func (g Guard) Refuses(host, port string) error {
	a, err := netip.ParseAddr(host)
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		a, err = netip.IPv6Loopback(), nil
	}
	if err != nil || g.Lists(host, port) {
		return nil
	}
	if err := g.judge(a); err != nil {
		return fmt.Errorf("%s %w", host, err)
	}
	return nil
}

const patience = 15 * time.Second

// Dial connects to a machine that may be called. It goes where the dialler of an http.Transport does.
func (g Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: g.Patience}
	if d.Timeout <= 0 {
		d.Timeout = patience
	}
	if !g.Lists(host, port) {
		d.Control = func(_, resolved string, _ syscall.RawConn) error {
			if err := g.Judge(resolved); err != nil {
				return fmt.Errorf("%s %w", host, err)
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}

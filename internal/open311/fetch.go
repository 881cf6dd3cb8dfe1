package open311

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// fetcher gets pictures from addresses that strangers name. It must not become a way into the operator's own
// network: a name is resolved once, the address it leads to is judged when it is dialled, and that very address is
// dialled. Redirects go the same way. Names the operator lists may lead anywhere.
type fetcher struct {
	client *http.Client
	hosts  []string
}

const (
	maxRedirects = 3
	dialTime     = 5 * time.Second
	headerTime   = 10 * time.Second
	headerBytes  = 16 << 10
)

// unreachable says why there is no picture behind an address; rule is the text open311.media.RULE.
type unreachable struct {
	rule   string
	params map[string]string
	err    error
}

func (u *unreachable) Error() string { return fmt.Sprintf("open311: media: %s: %v", u.rule, u.err) }
func (u *unreachable) Unwrap() error { return u.err }

var (
	errPrivate = errors.New("the address is not a public one")
	errPort    = errors.New("the port is neither 80 nor 443")
	errScheme  = errors.New("neither http nor https")
	errFar     = errors.New("too many redirects")
	errCutOff  = errors.New("open311: the picture broke off")
)

func newFetcher(hosts []string) fetcher {
	f := fetcher{}
	for _, h := range hosts {
		f.hosts = append(f.hosts, strings.ToLower(h))
	}
	transport := &http.Transport{
		Proxy: nil, DialContext: f.dial, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: headerTime, MaxResponseHeaderBytes: headerBytes,
	}
	f.client = &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errFar
		}
		return plain(r.URL)
	}}
	return f
}

// dial connects to a host whose address is judged between its resolution and the connection.
func (f fetcher) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTime}
	if !slices.Contains(f.hosts, strings.ToLower(host)) {
		d.Control = func(_, address string, _ syscall.RawConn) error { return judge(address) }
	}
	return d.DialContext(ctx, network, hostPort)
}

// closed are ranges that are not the public network, beside those the library knows.
var closed = func() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10"} {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}()

// judge refuses an address outside the public network.
func judge(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errPrivate
	}
	ip := at.Addr().Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(closed, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return errPrivate
	}
	if at.Port() != 80 && at.Port() != 443 {
		return errPort
	}
	return nil
}

// plain refuses an address that is not of the web, or that carries a password.
func plain(u *url.URL) error {
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return errScheme
	}
	return nil
}

// get opens what stands behind an address. The caller closes it and reads no more than it may.
func (f fetcher) get(ctx context.Context, raw string) (io.ReadCloser, string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, "", &unreachable{rule: "scheme", err: errScheme}
	}
	if err := plain(u); err != nil {
		return nil, "", &unreachable{rule: "scheme", err: err}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", &unreachable{rule: "scheme", err: err}
	}
	r.Header.Set("Accept", "image/*, application/pdf, text/plain")
	r.Header.Set("User-Agent", "comity")
	res, err := f.client.Do(r)
	if err != nil {
		return nil, "", &unreachable{rule: whyNot(ctx, err), err: err}
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, "", &unreachable{rule: "failed", err: fmt.Errorf("status %d", res.StatusCode)}
	}
	return cut{res.Body}, res.Header.Get("Content-Type"), nil
}

func whyNot(ctx context.Context, err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, errPrivate), errors.Is(err, errPort):
		return "private"
	case errors.Is(err, errScheme):
		return "scheme"
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return "slow"
	}
	return "failed"
}

// cut marks an error of the connection, so that it is not taken for one of ours.
type cut struct{ io.ReadCloser }

func (c cut) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		err = errors.Join(errCutOff, err)
	}
	return n, err
}

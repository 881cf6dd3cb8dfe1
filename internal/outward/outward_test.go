package outward_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"comity/internal/outward"
)

func Test_only_addresses_of_the_public_network_are_dialled(t *testing.T) {
	g := outward.Guard{Ports: []uint16{80, 443}}
	for address, ok := range map[string]bool{
		"8.8.8.8:80": true, "8.8.8.8:443": true, "[2606:4700::1111]:443": true, "1.2.3.4:8080": false, "1.2.3.4:22": false,
		"127.0.0.1:80": false, "10.0.0.1:80": false, "172.31.255.255:80": false, "192.168.1.1:443": false, "169.254.169.254:80": false, "100.127.0.1:80": false,
		"0.0.0.0:80": false, "255.255.255.255:80": false, "224.0.0.1:80": false, "198.18.0.1:80": false, "203.0.113.5:80": false, "192.0.0.8:80": false, "240.0.0.1:80": false,
		"[::]:80": false, "[::1]:80": false, "[fe80::1%eth0]:80": false, "[fc00::1]:80": false, "[ff02::1]:80": false, "[::ffff:10.0.0.1]:80": false,
		"[64:ff9b::a00:1]:80": false, "[2002:a00:1::]:80": false, "[2001:db8::1]:80": false, "[2001:0:1::]:80": false, "[fec0::1]:80": false,
		"[::10.0.0.1]:80": false, "[::ffff:0:10.0.0.1]:80": false, "[3fff::1]:80": false,
		"": false, "8.8.8.8": false, "localhost:80": false,
	} {
		if err := g.Judge(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func Test_what_is_listed_may_be_called_and_nothing_beside_it(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().String()
	_, port, _ := net.SplitHostPort(at)
	for name, c := range map[string]struct {
		guard outward.Guard
		call  string
		want  error
	}{
		"nothing listed":            {outward.Guard{}, at, outward.ErrPrivate},
		"a name that leads inside":  {outward.Guard{}, "localhost:" + port, outward.ErrPrivate},
		"the host":                  {outward.Guard{Hosts: []string{"127.0.0.1"}}, at, nil},
		"the host with its port":    {outward.Guard{Hosts: []string{at}}, at, nil},
		"the host, another port":    {outward.Guard{Hosts: []string{"127.0.0.1:1"}}, at, outward.ErrPrivate},
		"a name in capitals":        {outward.Guard{Hosts: []string{"LOCALHOST"}, Ports: []uint16{80}}, "localhost:" + port, nil},
		"its range":                 {outward.Guard{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, at, nil},
		"its range on another port": {outward.Guard{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Ports: []uint16{80}}, at, outward.ErrPort},
	} {
		conn, err := c.guard.Dial(t.Context(), "tcp4", c.call)
		if conn != nil {
			conn.Close()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

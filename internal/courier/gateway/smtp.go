package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"comity/internal/courier"
	"comity/internal/outward"
)

// How a connection to a relay is protected.
const (
	StartTLS = "starttls" // begins in the clear and is refused where the relay offers no TLS
	TLS      = "tls"      // from the first byte
	Plain    = "none"     // not at all: for a relay on the same machine
)

// SMTP is a mail relay.
type SMTP struct {
	Name, Host, Port string
	Security         string
	Helo             string // name this machine gives itself; empty: the domain of From
	User, Password   string // both empty: the relay knows us by our address
	From             mail.Address
	ReplyTo          string
	Timeout          time.Duration
	Guard            outward.Guard
	Trust            *tls.Config // authorities beside the machine's own; nil: these alone
}

// Gateway is the relay as the courier calls it.
func (g *SMTP) Gateway() courier.Gateway { return courier.Gateway{Name: g.Name, Send: g.Send} }

// Send hands one message to the relay. A relay that refuses us, before it has heard for whom the message is,
// refuses every message: that is temporary, whatever number it gives, because the operator can put it right.
func (g *SMTP) Send(ctx context.Context, p courier.Parcel) courier.Answer {
	to, err := mailbox(p.Address)
	if err != nil {
		return permanent(err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, g.Timeout)
	defer cancel()
	c, err := g.greeted(ctx)
	if err != nil {
		return failed(err)
	}
	defer c.Close()
	words, err := g.hand(c, to, g.letter(p, to))
	if err != nil {
		return refusal(err)
	}
	c.Quit() // the relay has the message; how it says goodbye changes nothing
	return delivered(words, "")
}

// Check greets the relay and says what it answered, without sending anything.
func (g *SMTP) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, g.Timeout)
	defer cancel()
	c, err := g.greeted(ctx)
	if err != nil {
		return err
	}
	return errors.Join(c.Quit())
}

// greeted is a connection on which the relay takes messages.
func (g *SMTP) greeted(ctx context.Context) (*smtp.Client, error) {
	conn, err := g.Guard.Dial(ctx, "tcp", net.JoinHostPort(g.Host, g.Port))
	if err != nil {
		return nil, err
	}
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	wire := &bounded{Conn: conn, left: mostSaid}
	context.AfterFunc(ctx, func() { wire.Close() }) // a stop does not wait for a relay that is silent
	conn = wire
	if g.Security == TLS {
		conn = tls.Client(conn, g.trust())
	}
	c, err := smtp.NewClient(conn, g.Host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := g.agree(c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// mostSaid is how much a relay may say in one connection, in bytes.
const mostSaid = 1 << 20

// bounded is a connection that ends when the other side says too much.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the relay says more than it has to")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (g *SMTP) trust() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if g.Trust != nil {
		cfg = g.Trust.Clone()
	}
	cfg.ServerName = g.Host
	return cfg
}

func (g *SMTP) agree(c *smtp.Client) error {
	name := g.Helo
	if name == "" {
		_, name, _ = strings.Cut(g.From.Address, "@")
	}
	if err := c.Hello(name); err != nil {
		return err
	}
	if g.Security == StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return errors.New("the relay offers no STARTTLS; nothing is sent in the clear")
		}
		if err := c.StartTLS(g.trust()); err != nil {
			return err
		}
	}
	if g.User == "" {
		return nil
	}
	return g.signIn(c)
}

// signIn takes the first way both sides know.
func (g *SMTP) signIn(c *smtp.Client) error {
	_, offered := c.Extension("AUTH")
	ways := strings.Fields(strings.ToUpper(offered))
	switch {
	case slices.Contains(ways, "PLAIN"):
		return c.Auth(smtp.PlainAuth("", g.User, g.Password, g.Host))
	case slices.Contains(ways, "LOGIN"):
		return c.Auth(&login{g.User, g.Password})
	case slices.Contains(ways, "CRAM-MD5"):
		return c.Auth(smtp.CRAMMD5Auth(g.User, g.Password))
	}
	return fmt.Errorf("the relay offers no way to sign in that is known here (it offers %q)", oneLine(offered))
}

// login is the way to sign in that many providers still offer alone. Like PLAIN it shows the password, so it is
// kept to protected connections.
type login struct{ user, password string }

func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS {
		return "", nil, errors.New("the connection is not protected; the password is not sent")
	}
	return "LOGIN", nil, nil
}

func (l *login) Next(asked []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	switch strings.ToLower(strings.TrimRight(string(asked), ": ")) {
	case "username", "user name":
		return []byte(l.user), nil
	case "password":
		return []byte(l.password), nil
	}
	return nil, errors.New("the relay asks for something else than name and password")
}

// hand gives the message to the relay and returns what it said when it took it.
func (g *SMTP) hand(c *smtp.Client, to string, letter []byte) (string, error) {
	if err := c.Mail(g.From.Address); err != nil {
		return "", err
	}
	if err := c.Rcpt(to); err != nil {
		return "", err
	}
	id, err := c.Text.Cmd("DATA")
	if err != nil {
		return "", err
	}
	c.Text.StartResponse(id)
	_, _, err = c.Text.ReadResponse(354)
	c.Text.EndResponse(id)
	if err != nil {
		return "", err
	}
	w := c.Text.DotWriter() // doubles dots at the beginning of a line
	if _, err := w.Write(letter); err != nil {
		return "", errors.Join(err, w.Close())
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	_, words, err := c.Text.ReadResponse(250)
	return words, err
}

// refusal reads what the relay answered to a message: 4xx is for now, 5xx is for good (RFC 5321, 4.2.1).
func refusal(err error) courier.Answer {
	var said *textproto.Error
	if !errors.As(err, &said) {
		return failed(err)
	}
	words := fmt.Sprintf("%d %s", said.Code, said.Msg)
	if said.Code >= 500 && said.Code < 600 && said.Code != 503 { // 503: we said something in the wrong order
		return permanent(words)
	}
	return temporary(words)
}

package inmail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Mailbox is one on a mail server, emptied into the folder: each mail is written down here first and marked there
// afterwards, so that a crash in between fetches it twice and loses it never.
type Mailbox struct {
	Host         string `yaml:"host"`
	Port         int    `yaml:"port"`
	Security     string `yaml:"security"` // tls, starttls or none
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	Box          string `yaml:"mailbox"`

	password string
	trust    *tls.Config // tests trust a certificate of their own
}

// imapTime bounds one round with a mail server.
const imapTime = 2 * time.Minute

// imapBatch is how many mails are fetched in a round.
const imapBatch = 50

// Fetch takes the mails that are not marked as seen.
func (b *Mailbox) Fetch(ctx context.Context, f Folder) error {
	ctx, cancel := context.WithTimeout(ctx, imapTime)
	defer cancel()
	c, err := b.dial(ctx)
	if err != nil {
		return fmt.Errorf("mailbox %s: %w", b.Host, err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() }) // a stop does not wait for a server that is silent
	defer stop()
	if err := c.Login(b.User, b.password).Wait(); err != nil {
		return fmt.Errorf("mailbox %s: signing in: %w", b.Host, err)
	}
	box, err := c.Select(b.Box, nil).Wait()
	if err != nil {
		return fmt.Errorf("mailbox %s: opening %s: %w", b.Host, b.Box, err)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen, imap.FlagDeleted}}, nil).Wait()
	if err != nil {
		return fmt.Errorf("mailbox %s: %w", b.Host, err)
	}
	uids := found.AllUIDs()
	for _, uid := range uids[:min(len(uids), imapBatch)] {
		fail := fetchOne(c, uid, box.UIDValidity, f)
		if fail == nil {
			continue
		}
		err = errors.Join(err, fmt.Errorf("mailbox %s: mail %d: %w", b.Host, uid, fail))
		// One mail that the server does not give stands in the way of no other.
		if no := (*imap.Error)(nil); !errors.As(fail, &no) {
			return err
		}
	}
	return errors.Join(err, c.Logout().Wait())
}

func (b *Mailbox) dial(ctx context.Context) (*imapclient.Client, error) {
	conn, err := (&net.Dialer{Timeout: 20 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(b.Host, strconv.Itoa(b.Port)))
	if err != nil {
		return nil, err
	}
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.trust != nil {
		cfg = b.trust.Clone()
	}
	cfg.ServerName = b.Host
	switch b.Security {
	case "starttls":
		return imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: cfg})
	case "tls":
		return imapclient.New(tls.Client(conn, cfg), nil), nil
	}
	return imapclient.New(conn, nil), nil
}

// fetchOne writes one mail down and then marks it. One that is too large is written down as far as it goes, for
// the folder to say so.
func fetchOne(c *imapclient.Client, uid imap.UID, validity uint32, f Folder) error {
	set := imap.UIDSetNum(uid)
	cmd := c.Fetch(set, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
	written := false
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			body, ok := item.(imapclient.FetchItemDataBodySection)
			if !ok || body.Literal == nil {
				continue
			}
			raw, err := io.ReadAll(io.LimitReader(body.Literal, maxMail+1))
			if err != nil {
				return errors.Join(err, cmd.Close())
			}
			if _, err := io.Copy(io.Discard, body.Literal); err != nil {
				return errors.Join(err, cmd.Close())
			}
			if err := f.Put(fmt.Sprintf("imap-%d-%d.eml", validity, uid), raw); err != nil {
				return errors.Join(err, cmd.Close())
			}
			written = true
		}
	}
	if err := cmd.Close(); err != nil || !written {
		return err
	}
	return c.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagSeen}}, nil).Close()
}

// Check signs in and opens the mailbox; nothing is fetched.
func (c *Config) Check(ctx context.Context) error {
	if c.IMAP == nil {
		info, err := os.Stat(c.Folder)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is no folder", filepath.Base(c.Folder))
		}
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, imapTime)
	defer cancel()
	client, err := c.IMAP.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Login(c.IMAP.User, c.IMAP.password).Wait(); err != nil {
		return err
	}
	_, err = client.Select(c.IMAP.Box, &imap.SelectOptions{ReadOnly: true}).Wait()
	return err
}

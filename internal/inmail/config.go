package inmail

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Config is the operator's file: where mail comes from.
type Config struct {
	Address string   `yaml:"address"` // where people write to
	Also    []string `yaml:"also"`    // further addresses that are ours
	Folder  string   `yaml:"folder"`
	Keep    int      `yaml:"keep_days"` // how long what is done stays
	Every   string   `yaml:"every"`     // how often is looked
	IMAP    *Mailbox `yaml:"imap"`      // nil: a mail server fills the folder

	every time.Duration
}

const (
	usualKeep  = 7
	mostKeep   = 90
	usualEvery = 30 * time.Second
)

// Load reads the file. The error names everything that is wrong with it.
func Load(path string) (*Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &Config{Keep: usualKeep}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.check(path); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Config) check(path string) error {
	var bad []error
	wrong := func(field, format string, args ...any) {
		bad = append(bad, fmt.Errorf("%s: %s: %s", path, field, fmt.Sprintf(format, args...)))
	}
	if !mailbox.MatchString(c.Address) || strings.Contains(c.Address, "+") {
		wrong("address", "%q is no address people can write to, such as help@city.example; it holds no plus, which marks answers", c.Address)
	}
	for _, a := range c.Also {
		if !mailbox.MatchString(a) {
			wrong("also", "%q is no mail address", a)
		}
	}
	if !filepath.IsAbs(c.Folder) {
		wrong("folder", "%q: give the whole path of a folder of its own, such as /var/lib/comity-mail", c.Folder)
	}
	if c.Keep < 0 || c.Keep > mostKeep {
		wrong("keep_days", "%d; 0 to %d days are possible, and the case has the words anyway", c.Keep, mostKeep)
	}
	c.every = usualEvery
	if c.Every != "" {
		d, err := time.ParseDuration(c.Every)
		if c.every = d; err != nil || d < time.Second || d > time.Hour {
			wrong("every", "%q: write a time such as 30s; 1s to 1h are possible", c.Every)
		}
	}
	if c.IMAP != nil {
		c.IMAP.check(wrong)
	}
	return errors.Join(bad...)
}

// Apply puts what the file says into the room's parts.
func (c *Config) Apply(d *Deps) {
	d.Door.Address, d.Own, d.Folder, d.Every = c.Address, c.Also, Folder{Dir: c.Folder}, c.every
	d.Keep = time.Duration(c.Keep) * 24 * time.Hour
	if c.IMAP != nil {
		d.Fetch = c.IMAP.Fetch
	}
}

// securities are the ways a mailbox is reached.
var securities = []string{"tls", "starttls", "none"}

func (b *Mailbox) check(wrong func(field, format string, args ...any)) {
	if b.Security == "" {
		b.Security = securities[0]
	}
	if !slices.Contains(securities, b.Security) {
		wrong("imap.security", "%q is not one of %s", b.Security, strings.Join(securities, ", "))
	}
	if b.Box == "" {
		b.Box = "INBOX"
	}
	if b.Port == 0 {
		b.Port = map[string]int{"tls": 993}[b.Security]
		if b.Port == 0 {
			b.Port = 143
		}
	}
	if b.Host == "" || b.Port < 1 || b.Port > 65535 {
		wrong("imap.host", "name the machine, and a port of 1 to 65535 where it is not the usual one")
	}
	if ip := net.ParseIP(b.Host); b.Security == "none" && b.Host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		wrong("imap.security", "none sends the password in the clear; it is possible on this machine alone")
	}
	if b.User == "" {
		wrong("imap.user", "is missing")
	}
	raw, err := os.ReadFile(b.PasswordFile)
	if err != nil {
		wrong("imap.password_file", "%v", err)
		return
	}
	b.password = strings.TrimRight(string(raw), "\r\n")
}

// Where says where mail comes from, for people who check the file.
func (c *Config) Where() string {
	if c.IMAP == nil {
		return c.Folder
	}
	return c.IMAP.User + " at " + net.JoinHostPort(c.IMAP.Host, strconv.Itoa(c.IMAP.Port)) + ", " + c.IMAP.Box
}

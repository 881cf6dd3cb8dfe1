package inmail

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// mailServer is a real server of the protocol, with one mailbox in memory.
func mailServer(t *testing.T, security string, around ...func(imapserver.Session) imapserver.Session) (*Mailbox, *imapmemserver.User) {
	t.Helper()
	keys := httptest.NewUnstartedServer(nil)
	keys.StartTLS()
	t.Cleanup(keys.Close)
	user := imapmemserver.NewUser("help", "secret")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	mem := imapmemserver.New()
	mem.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			s := mem.NewSession()
			for _, wrap := range around {
				s = wrap(s)
			}
			return s, nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}}, TLSConfig: &tls.Config{Certificates: keys.TLS.Certificates}, InsecureAuth: security == "none",
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := net.Listener(listener)
	if security == "tls" {
		served = tls.NewListener(listener, &tls.Config{Certificates: keys.TLS.Certificates})
	}
	go server.Serve(served)
	t.Cleanup(func() { server.Close() })
	roots := x509.NewCertPool()
	roots.AddCert(keys.Certificate())
	return &Mailbox{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Security: security, User: "help", Box: "INBOX", password: "secret", trust: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}, user
}

func appendMail(t *testing.T, user *imapmemserver.User, mail string) {
	t.Helper()
	if _, err := user.Append("INBOX", literal{strings.NewReader(mail), int64(len(mail))}, &imap.AppendOptions{Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

type literal struct {
	*strings.Reader
	size int64
}

func (l literal) Size() int64 { return l.size }

func waitingIn(t *testing.T, f Folder) []string {
	t.Helper()
	list, err := f.waiting()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func Test_a_mailbox_is_emptied_into_the_folder_once(t *testing.T) {
	for _, security := range securities {
		t.Run(security, func(t *testing.T) {
			b, user := mailServer(t, security)
			f := Folder{Dir: t.TempDir()}
			if err := f.Make(); err != nil {
				t.Fatal(err)
			}
			first := letter("Subject: Hole\n", "A deep hole.\n")
			appendMail(t, user, first)
			appendMail(t, user, letter("Subject: Lamp\n", "Dark.\n"))
			if err := b.Fetch(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			list := waitingIn(t, f)
			if len(list) != 2 {
				t.Fatalf("fetched are %v", list)
			}
			raw, err := os.ReadFile(filepath.Join(f.Dir, list[0]))
			if err != nil || string(raw) != first {
				t.Errorf("what was fetched is %q, %v", raw, err)
			}
			for _, path := range list {
				if err := f.move(path, folderDone, "reason: opened"); err != nil {
					t.Fatal(err)
				}
			}
			appendMail(t, user, letter("Subject: New\n", "Another.\n"))
			if err := b.Fetch(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			if list := waitingIn(t, f); len(list) != 1 {
				t.Errorf("fetched again are %v", list)
			}
		})
	}
}

func Test_a_mail_that_could_not_be_written_down_stays_in_the_mailbox(t *testing.T) {
	b, user := mailServer(t, "none")
	appendMail(t, user, letter("Subject: Hole\n", "A deep hole.\n"))
	nowhere := Folder{Dir: filepath.Join(t.TempDir(), "missing")}
	if err := b.Fetch(t.Context(), nowhere); err == nil {
		t.Fatal("there is no such folder")
	}
	f := Folder{Dir: t.TempDir()}
	if err := f.Make(); err != nil {
		t.Fatal(err)
	}
	if err := b.Fetch(t.Context(), f); err != nil || len(waitingIn(t, f)) != 1 {
		t.Errorf("%v, %v", waitingIn(t, f), err)
	}
}

// grudging gives every mail but the first.
type grudging struct{ imapserver.SessionIMAP4rev2 }

func (g grudging) Fetch(w *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	if uids, ok := set.(imap.UIDSet); ok && uids.Contains(1) {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Text: "damaged"}
	}
	return g.SessionIMAP4rev2.Fetch(w, set, o)
}

func Test_a_mail_that_the_server_does_not_give_stands_in_the_way_of_no_other(t *testing.T) {
	b, user := mailServer(t, "none", func(s imapserver.Session) imapserver.Session {
		return grudging{s.(imapserver.SessionIMAP4rev2)}
	})
	appendMail(t, user, letter("Subject: Damaged\n", "x\n"))
	second := letter("Subject: Hole\n", "A deep hole.\n")
	appendMail(t, user, second)
	f := Folder{Dir: t.TempDir()}
	if err := f.Make(); err != nil {
		t.Fatal(err)
	}
	if err := b.Fetch(t.Context(), f); err == nil || !strings.Contains(err.Error(), "mail 1") || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("the mail is not named: %v", err)
	}
	list := waitingIn(t, f)
	if len(list) != 1 {
		t.Fatalf("fetched are %v", list)
	}
	if raw, err := os.ReadFile(filepath.Join(f.Dir, list[0])); err != nil || string(raw) != second {
		t.Errorf("what was fetched is %q, %v", raw, err)
	}
}

func Test_a_mailbox_that_says_no_is_named(t *testing.T) {
	b, _ := mailServer(t, "none")
	b.password = "wrong"
	if err := b.Fetch(t.Context(), Folder{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "signing in") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
	b.password, b.Box = "secret", "Elsewhere"
	if err := b.Fetch(t.Context(), Folder{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "Elsewhere") {
		t.Errorf("%v", err)
	}
	b.Port = 1
	if err := b.Fetch(t.Context(), Folder{Dir: t.TempDir()}); err == nil {
		t.Error("nobody listens there")
	}
	secured, _ := mailServer(t, "tls")
	secured.trust = nil
	if err := secured.Fetch(t.Context(), Folder{Dir: t.TempDir()}); err == nil {
		t.Error("a certificate of nobody's is trusted")
	}
}

func Test_the_operators_file_says_what_is_wrong_with_it(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := "address: help@city.example\nfolder: /var/lib/comity-mail\nimap:\n  host: imap.city.example\n  user: help\n  password_file: " + secret + "\n"
	load := func(s string) (*Config, error) {
		path := filepath.Join(dir, "mail.yaml")
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		return Load(path)
	}
	c, err := load(good)
	if err != nil || c.IMAP.Port != 993 || c.IMAP.Box != "INBOX" || c.IMAP.password != "secret" || c.Keep != usualKeep || c.every != usualEvery {
		t.Fatalf("%+v, %v", c, err)
	}
	for old, change := range map[string][2]string{
		"address: help@city.example":    {"address: help+x@city.example", "address:"},
		"folder: /var/lib/comity-mail":  {"folder: mail", "folder:"},
		"host: imap.city.example":       {"host: imap.city.example\n  security: none", "imap.security:"},
		"user: help":                    {"user: ''", "imap.user:"},
		"password_file: " + secret:      {"password_file: /nowhere", "imap.password_file:"},
		"address: help@city.example\nf": {"adress: help@city.example\nf", "adress"},
		"imap:\n":                       {"every: 5h\nimap:\n", "every:"},
	} {
		if _, err := load(strings.Replace(good, old, change[0], 1)); err == nil || !strings.Contains(err.Error(), change[1]) {
			t.Errorf("%s: %v", change[0], err)
		}
	}
}

package clamd

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// The string by which scanners are tested, put together here so that none takes this program for a virus.
var marker = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE` + `!$H+H*`

// daemon speaks the protocol: it reads the command and the pieces, and answers what verdict says of them.
func daemon(t *testing.T, verdict func(data []byte) string) Daemon {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clamd.ctl")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				if cmd, err := r.ReadString(0); err != nil || cmd != "zINSTREAM\x00" {
					io.WriteString(c, "UNKNOWN COMMAND\x00")
					return
				}
				var data bytes.Buffer
				for {
					var n uint32
					if binary.Read(r, binary.BigEndian, &n) != nil {
						return
					}
					if n == 0 {
						break
					}
					if _, err := io.CopyN(&data, r, int64(n)); err != nil {
						return
					}
				}
				if said := verdict(data.Bytes()); said != "" {
					io.WriteString(c, said+"\x00")
				}
			}()
		}
	}()
	return Daemon{Network: "unix", Address: path, Patience: 5 * time.Second}
}

func Test_whatever_is_no_clear_verdict_is_an_error(t *testing.T) {
	for said, want := range map[string]string{"stream: OK": "", "stream: Eicar-Test-Signature FOUND": "Eicar-Test-Signature"} {
		found, err := daemon(t, func([]byte) string { return said }).Scan(t.Context(), strings.NewReader("x"))
		if err != nil || found != want {
			t.Errorf("%q is read as %q, %v", said, found, err)
		}
	}
	for _, said := range []string{"", "INSTREAM size limit exceeded. ERROR", "stream: ERROR", "OK", "stream: FOUND", "stream:  FOUND", "stream: OK and more"} {
		if found, err := daemon(t, func([]byte) string { return said }).Scan(t.Context(), strings.NewReader("x")); err == nil {
			t.Errorf("%q is read as %q", said, found)
		}
	}
	if _, err := (Daemon{Network: "unix", Address: filepath.Join(t.TempDir(), "nobody")}).Scan(t.Context(), strings.NewReader("x")); err == nil {
		t.Error("nobody listens, and no error")
	}
	broken := errors.New("the disk")
	if _, err := daemon(t, func([]byte) string { return "stream: OK" }).Scan(t.Context(), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a file that could not be read: %v", err)
	}
}

func Test_a_long_file_arrives_whole_and_in_pieces(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 50_001)
	var got []byte
	d := daemon(t, func(data []byte) string { got = bytes.Clone(data); return "stream: OK" })
	if _, err := d.Scan(t.Context(), iotest.HalfReader(bytes.NewReader(want))); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
	}
}

func Test_a_daemon_that_never_answers_is_not_waited_for_longer_than_patience(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	d := daemon(t, func([]byte) string { <-forever; return "" })
	d.Patience = 50 * time.Millisecond
	if _, err := d.Scan(t.Context(), strings.NewReader("x")); err == nil {
		t.Error("no error")
	}
}

func Test_an_address_is_a_socket_or_a_host(t *testing.T) {
	for _, good := range []string{"unix:/run/clamav/clamd.ctl", "tcp:127.0.0.1:3310"} {
		if _, err := At(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "/run/clamd", "unix:", "http://x", "tcp"} {
		if d, err := At(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, d)
		}
	}
}

// The daemon itself, where it is installed, with a list of signatures that holds the one of the test string.
func Test_a_real_clamd_knows_the_test_string_and_lets_a_letter_pass(t *testing.T) {
	program, err := exec.LookPath("clamd")
	if err != nil {
		t.Skip("clamd is not installed on this machine")
	}
	dir := t.TempDir()
	signature := fmt.Sprintf("%x:%d:Eicar-Test-Signature\n", md5.Sum([]byte(marker)), len(marker))
	socket, conf := filepath.Join(dir, "clamd.ctl"), filepath.Join(dir, "clamd.conf")
	for path, what := range map[string]string{filepath.Join(dir, "test.hdb"): signature,
		conf: "LocalSocket " + socket + "\nDatabaseDirectory " + dir + "\nForeground yes\nTemporaryDirectory " + dir + "\nStreamMaxLength 1M\n"} {
		if err := os.WriteFile(path, []byte(what), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	cmd := exec.Command(program, "--config-file="+conf)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	d := Daemon{Network: "unix", Address: socket, Patience: 20 * time.Second}
	for tries := 0; ; tries++ {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("clamd ended: %v\n%s", err, said.String())
		case <-time.After(50 * time.Millisecond):
		}
		if tries > 400 {
			t.Fatal("clamd does not listen")
		}
	}
	if found, err := d.Scan(t.Context(), strings.NewReader(marker)); err != nil || !strings.Contains(found, "Eicar") {
		t.Errorf("the test string: %q, %v", found, err)
	}
	if found, err := d.Scan(t.Context(), strings.NewReader("Dear office, the lamp is dark.")); err != nil || found != "" {
		t.Errorf("a letter: %q, %v", found, err)
	}
	if found, err := d.Scan(t.Context(), bytes.NewReader(make([]byte, 3<<20))); err == nil {
		t.Errorf("longer than the daemon looks at, and no error: %q", found)
	}
}

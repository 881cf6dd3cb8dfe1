package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"comity/internal/db"
)

// Cluster is a PostgreSQL server of one's own that may be killed and started again. It syncs to disk as a real one
// does, and listens on a socket in its folder only.
type Cluster struct {
	dir, bin string
	holds    string // the folder of its data, below dir
	who      *syscall.Credential
	cmd      *exec.Cmd
	log      *os.File
	watch    *exec.Cmd
	alive    io.Closer
}

// ErrNoServer says that no PostgreSQL can be started here.
var ErrNoServer = errNoServer

// NewCluster makes and starts a server. Call [Cluster.Close] at the end; settings are as in name=value.
func NewCluster(ctx context.Context, settings ...string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	who, err := serverUser()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, who: who, holds: "data"}
	if c.dir, err = os.MkdirTemp("/tmp", "comity-pg-"); err != nil {
		return nil, err
	}
	if err := errors.Join(c.make(settings), c.Start(ctx)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) make(settings []string) error {
	if c.who != nil {
		if err := os.Chown(c.dir, int(c.who.Uid), int(c.who.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(c.bin, "initdb"), "-D", c.data(), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions")
	initdb.Dir = c.dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: c.who}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	f, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "\nlisten_addresses = ''\nmax_connections = 100\nshared_buffers = 32MB\n%s\n", strings.Join(settings, "\n"))
	return errors.Join(err, f.Close())
}

func (c *Cluster) data() string { return filepath.Join(c.dir, c.holds) }

// Run runs one of the server's own programs, or another by its path, in the folder of the cluster and as the user that
// owns it. Programs that connect find the server without being told.
func (c *Cluster) Run(ctx context.Context, program string, args ...string) (string, error) {
	if !filepath.IsAbs(program) {
		program = filepath.Join(c.bin, program)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "PGHOST="+c.dir, "PGUSER=postgres")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.who}
	out, err := cmd.CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
		return "", fmt.Errorf("%s %q: %w\n%s\n%s", filepath.Base(program), args, err, out, log)
	}
	return strings.TrimSpace(string(out)), nil
}

// StartOn starts the server on data of another folder of the cluster, such as a base backup made there. It must not run.
func (c *Cluster) StartOn(ctx context.Context, folder string) error {
	c.holds = folder
	return c.Start(ctx)
}

// Socket is the path of the socket, for a proxy.
func (c *Cluster) Socket() string { return filepath.Join(c.dir, ".s.PGSQL.5432") }

// Address is that of a database; parameters are those of the driver, name and value in turn.
func (c *Cluster) Address(database string, parameters ...string) string {
	q := url.Values{"host": {c.dir}, "sslmode": {"disable"}}
	for i := 0; i+1 < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database, RawQuery: q.Encode()}).String()
}

// Start starts the server and waits until it answers. A server that was killed recovers first.
func (c *Cluster) Start(ctx context.Context) error {
	var err error
	if c.log, err = os.OpenFile(filepath.Join(c.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	c.cmd = exec.Command(filepath.Join(c.bin, "postgres"), "-D", c.data(), "-k", c.dir)
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = c.dir, c.log, c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.who, Setsid: true}
	if err := c.cmd.Start(); err != nil {
		return errors.Join(err, c.log.Close())
	}
	if err := c.guard(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		d, err := db.Open(ctx, c.Address("postgres"), time.Now)
		if err == nil {
			return d.Close()
		}
		if !pause(ctx, 20*time.Millisecond) {
			return err
		}
	}
}

// mourn ends a server and removes its folder when whoever started it is gone, however it went.
const mourn = `cat >/dev/null
kill -QUIT "$1" 2>/dev/null && rm -rf "$2"`

// guard starts what mourns.
func (c *Cluster) guard() (err error) {
	watch := exec.Command("/bin/sh", "-c", mourn, "mourn", strconv.Itoa(c.cmd.Process.Pid), c.dir)
	watch.Dir = "/"
	watch.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.alive, err = watch.StdinPipe(); err != nil {
		return err
	}
	if err := watch.Start(); err != nil {
		return err
	}
	c.watch = watch
	return nil
}

// dismiss ends what mourns, when the server has ended before us.
func (c *Cluster) dismiss() {
	if c.watch != nil {
		_ = c.watch.Process.Kill()
		_ = c.watch.Wait()
		_ = c.alive.Close()
		c.watch = nil
	}
}

// Kill ends the server as a power cut would, kill -9 of every process of it, with SIGQUIT, which it answers by
// leaving everything as it stands, or with SIGINT, which has it put everything away first. It returns when the last
// process is gone.
func (c *Cluster) Kill(signal syscall.Signal) error {
	c.dismiss()
	all := append(c.children(), c.cmd.Process.Pid)
	err := c.cmd.Process.Signal(signal)
	if signal == syscall.SIGKILL { // the postmaster first, so that it cannot clean up behind the others
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = c.cmd.Wait()
	for _, pid := range all {
		for syscall.Kill(pid, 0) == nil {
			time.Sleep(time.Millisecond)
		}
	}
	return errors.Join(err, c.log.Close())
}

// children are the processes whose parent is the postmaster.
func (c *Cluster) children() (out []int) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.cmd.Process.Pid, c.cmd.Process.Pid))
	if err != nil {
		return nil
	}
	for _, s := range strings.Fields(string(raw)) {
		if pid, err := strconv.Atoi(s); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// Close stops the server and removes its folder.
func (c *Cluster) Close() error {
	if c.cmd != nil && c.cmd.Process != nil && c.cmd.ProcessState == nil {
		_ = c.Kill(syscall.SIGQUIT)
	}
	return os.RemoveAll(c.dir)
}

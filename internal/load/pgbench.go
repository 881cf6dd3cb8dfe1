package load

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"comity/internal/db"
)

// pgbench has the server's own tool run the statements of the bare loop, each client on a connection of its own and with
// a counter and tallies of its own, so that none waits for another. Where it is not installed, or the engine is not its
// own, nothing is measured.
func (b *baselines) pgbench(ctx context.Context) error {
	tool, err := exec.LookPath("pgbench")
	if err != nil {
		return nil
	}
	return b.in(ctx, func(s *Scratch) error {
		if s.DB.Engine() != db.Postgres {
			return nil
		}
		dir, err := os.MkdirTemp("", "comity-pgbench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		each := max(1, b.Cases/b.Clients)
		args := []string{"-n", "-M", "prepared", "-c", strconv.Itoa(b.Clients), "-j", strconv.Itoa(min(b.Clients, 4)), "-t", strconv.Itoa(each), "-D", "i=0"}
		for k, r := range spread(b.rows, scripts) {
			file := filepath.Join(dir, fmt.Sprintf("%d.sql", k))
			if err := os.WriteFile(file, []byte(r.script()), 0o600); err != nil {
				return err
			}
			args = append(args, "-f", file)
		}
		to, env, err := ServerPrograms(s.Address)
		if err != nil {
			return err
		}
		m, err := meterOf(ctx, s.DB)
		if err != nil {
			return err
		}
		used := m.used()
		cmd := exec.CommandContext(ctx, tool, append(args, to)...)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("pgbench: %w\n%s", err, out)
		}
		pairs, err := perSecond(string(out))
		if err != nil {
			return err
		}
		b.per[PgBench] = append(b.per[PgBench], 2*pairs)
		if spent := m.used() - used; spent > 0 {
			b.server[PgBench] = append(b.server[PgBench], spent.Seconds()/float64(2*each*b.Clients))
		}
		return nil
	})
}

// scripts is from how many cases the statements are taken: cases differ in size.
const scripts = 8

// base is where the numbers of the cases begin that pgbench writes: far above any that were drawn.
const base = 4_000_000_000_000_000_000

// script writes the statements of one case as a script that any number of clients may run any number of times.
func (c *rows) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\\set i :i + 1\n\\set n %d + :client_id * 1000000000000 + :i\n", int64(base))
	for _, list := range [][]statement{c.opening(db.Postgres), c.acting()} {
		b.WriteString("BEGIN;\n")
		for _, s := range list {
			b.WriteString(c.spell(s) + ";\n")
		}
		b.WriteString("END;\n")
	}
	return b.String()
}

var placeholder = regexp.MustCompile(`\?(\d+)`)

// spell puts the arguments into a statement.
func (c *rows) spell(s statement) string {
	return placeholder.ReplaceAllStringFunc(s.q, func(mark string) string {
		at, _ := strconv.Atoi(mark[1:]) // digits alone match
		switch v := s.args[at-1].(type) {
		case ownText:
			return "(" + quoted(string(v)) + " || CAST(:n AS TEXT))"
		case ownName:
			return "(" + quoted(string(v)) + " || CAST(:client_id AS TEXT))"
		case ownLine:
			return "CAST(:client_id AS BIGINT)"
		case int64:
			if v == c.n {
				return "CAST(:n AS BIGINT)"
			}
			return strconv.FormatInt(v, 10)
		case []byte:
			return `CAST(E'\\x` + hex.EncodeToString(v) + `' AS BYTEA)`
		default:
			return quoted(fmt.Sprint(v))
		}
	})
}

// quoted is a text as a constant. pgbench takes a colon and a name for a variable even inside of one.
func quoted(s string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, ":", `\x3a`, "\n", `\n`, "\r", `\r`).Replace(s) + "'"
}

// ServerPrograms is an address as PostgreSQL's own programs take it: settings of the session and the password go by the environment.
func ServerPrograms(address string) (to string, env []string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, errors.New("the address of the database does not read; write postgres://user@host/name")
	}
	q := u.Query()
	if schema := q.Get("search_path"); schema != "" {
		env = append(env, "PGOPTIONS=-c search_path="+schema)
		q.Del("search_path")
	}
	if password, ok := u.User.Password(); ok {
		env = append(env, "PGPASSWORD="+password)
		u.User = url.User(u.User.Username())
	}
	u.RawQuery = q.Encode()
	return u.String(), env, nil
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

func perSecond(said string) (float64, error) {
	m := tps.FindStringSubmatch(said)
	if m == nil {
		return 0, fmt.Errorf("pgbench did not say how fast it was:\n%s", said)
	}
	return strconv.ParseFloat(m[1], 64)
}

package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"comity/internal/db"
)

// meter reads how much processor time a PostgreSQL server on this machine has used, all its processes together, those
// that have ended too. Where the server is elsewhere, or the system does not tell, it reads nothing.
type meter struct{ server int } // the process that is the parent of all others; 0 = unknown

func meterOf(ctx context.Context, d *db.DB) (meter, error) {
	if d.Engine() != db.Postgres {
		return meter{}, nil
	}
	pid, err := serverProcess(ctx, d)
	if err != nil {
		return meter{}, err
	}
	s, ok := statOf(int(pid))
	if !ok || !strings.HasPrefix(s.name, "postgres") {
		return meter{}, nil // a process of another machine, or none of ours to see
	}
	return meter{s.parent}, nil
}

// used is what the server has used since it was started.
func (m meter) used() time.Duration {
	s, ok := statOf(m.server)
	if m.server == 0 || !ok {
		return 0
	}
	ticks := s.own + s.ended
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			continue
		}
		if c, ok := statOf(pid); ok && c.parent == m.server {
			ticks += c.own
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// ticksPerSecond is USER_HZ, which Linux gives as 100 on every architecture that Go runs on.
const ticksPerSecond = 100

// process is what the kernel says of one: its name, its parent, and the ticks it and its ended children have run.
type process struct {
	name       string
	parent     int
	own, ended int64
}

// statOf reads /proc/PID/stat, whose second field, the name, may hold blanks and brackets.
func statOf(pid int) (p process, ok bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false
	}
	from, to := strings.IndexByte(string(raw), '('), strings.LastIndexByte(string(raw), ')')
	if from < 0 || to < from {
		return p, false
	}
	f := strings.Fields(string(raw[to+1:])) // f[0] is the third field
	if len(f) < 15 {
		return p, false
	}
	var n [4]int64
	for i := range n {
		if n[i], err = strconv.ParseInt(f[11+i], 10, 64); err != nil {
			return p, false
		}
	}
	p.name, p.own, p.ended = string(raw[from+1:to]), n[0]+n[1], n[2]+n[3]
	p.parent, err = strconv.Atoi(f[1])
	return p, err == nil
}

package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"

	"comity/internal/db"
)

// Machine is where something was measured, without its name.
type Machine struct {
	Cores  int     `json:"cores"`
	System string  `json:"system"`
	Go     string  `json:"go"`
	Memory int64   `json:"memory_mb,omitempty"`
	Busy   float64 `json:"busy,omitempty"` // processes that wanted a core during the last minute, when it began
}

// City is what was measured.
type City struct {
	Engine   string            `json:"engine"`
	Version  string            `json:"version"`
	Settings map[string]string `json:"settings,omitempty"`
	Cases    int64             `json:"cases"`
	Events   int64             `json:"events"`
}

// Here describes this machine.
func Here() Machine {
	m := Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if kb, ok := line("/proc/meminfo", "MemTotal"); ok {
		m.Memory = kb >> 10
	}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(raw), " ")
		m.Busy, _ = strconv.ParseFloat(first, 64)
	}
	return m
}

// Describe asks a database what it is and how much is in it.
func Describe(ctx context.Context, d *db.DB) (c City, err error) {
	if c, err = contents(ctx, d); err != nil {
		return c, err
	}
	c.Engine = string(d.Engine())
	set, _, err := d.Settings(ctx)
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit", "wal_compression"} {
		if v, ok := set[name]; ok {
			if c.Settings == nil {
				c.Settings = map[string]string{}
			}
			c.Settings[name] = v
		}
	}
	return c, err
}

// resident is how much memory a process holds, in megabytes; 0 where the system does not tell.
func resident(pid int) float64 {
	kb, _ := line(fmt.Sprintf("/proc/%d/status", pid), "VmRSS")
	return float64(kb) / 1024
}

// line finds "name: 123 kB" in a file of the kernel.
func line(file, name string) (n int64, ok bool) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if rest, found := strings.CutPrefix(s.Text(), name+":"); found {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// Profiled runs fn under the profiler of processor time where a file is named; go tool pprof reads it.
func Profiled(file string, fn func() error) error {
	if file == "" {
		return fn()
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = fn()
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

	"comity/internal/org"
	"comity/internal/procedure"
)

// Memory is what has been searched already, by the fingerprint of each procedure: a check is a function of the
// procedure, its units and its calendar alone, so the same program need not search the same procedure twice.
// The zero Memory knows nothing; it can be used by several loads at once.
type Memory struct {
	mu      sync.Mutex
	reports map[string]procedure.Report
	asked   map[string]bool
	trusts  bool
}

// Unsearched is a memory that takes every procedure for sound: for whoever asks something else of a pack than whether
// its law holds, as a story under other rules, a measurement or a test of another room does. What serves a city never
// uses it.
func Unsearched() *Memory { return &Memory{trusts: true} }

// Learn adds what JSON gave.
func (m *Memory) Learn(raw []byte) error {
	var more map[string]procedure.Report
	if err := json.Unmarshal(raw, &more); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for print, r := range more {
		m.put(print, r)
	}
	return nil
}

// Len is how many procedures it knows.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.reports)
}

// JSON is what was found sound among the procedures that were asked for, a line each, in a fixed order.
func (m *Memory) JSON() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b bytes.Buffer
	b.WriteString("{")
	sep := "\n"
	for _, print := range keys(m.reports) {
		if !m.asked[print] || len(m.reports[print].Violations) > 0 {
			continue
		}
		raw, err := json.Marshal(m.reports[print])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%s%q:%s", sep, print, raw)
		sep = ",\n"
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

// put stores a report; the lock is held.
func (m *Memory) put(print string, r procedure.Report) {
	if m.reports == nil {
		m.reports = map[string]procedure.Report{}
	}
	m.reports[print] = r
}

func (m *Memory) report(print string) (procedure.Report, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked == nil {
		m.asked = map[string]bool{}
	}
	m.asked[print] = true
	r, ok := m.reports[print]
	return r, ok || m.trusts
}

func (m *Memory) keep(print string, r procedure.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(print, r)
}

// fingerprint tells procedures apart by everything the checker reads of them. A test walks the types and finds
// what JSON would leave out.
func fingerprint(d *procedure.Definition, units []org.Unit) (string, error) {
	shape := *d
	shape.Units = nil
	zone := ""
	if d.Calendar != nil && d.Calendar.Zone != nil {
		zone = d.Calendar.Zone.String()
	}
	raw, err := json.Marshal(struct {
		D     procedure.Definition
		Units []org.Unit
		Zone  string
	}{shape, units, zone})
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16]), err
}

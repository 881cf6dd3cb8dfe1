package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"comity/internal/file/whole"
	"comity/internal/procedure"
)

// checked is what the program remembers of the last pack it found sound, in the data folder: a start need
// not search again what the same program has searched. Another program, or one byte of the pack changed,
// and the check runs anew.
type checked struct {
	Program string                      `json:"program"`
	Digest  string                      `json:"digest"`
	Reports map[string]procedure.Report `json:"reports"`
}

func checkedFile(data string) string { return filepath.Join(data, "checked.json") }

// programMark tells this build from others: size and time of the executable. Empty means that nothing is
// remembered.
func programMark() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
}

// knownReports reads what is remembered. A file that does not read is no memory, not an error.
func knownReports(data string) func(digest string) (map[string]procedure.Report, bool) {
	return func(digest string) (map[string]procedure.Report, bool) {
		raw, err := os.ReadFile(checkedFile(data))
		if err != nil {
			return nil, false
		}
		var c checked
		if json.Unmarshal(raw, &c) != nil || c.Program == "" || c.Program != programMark() || c.Digest != digest {
			return nil, false
		}
		return c.Reports, true
	}
}

// remember keeps the reports of a sound pack.
func remember(data, digest string, reports map[string]procedure.Report) error {
	raw, err := json.Marshal(checked{programMark(), digest, reports})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	return whole.Write(checkedFile(data), raw)
}

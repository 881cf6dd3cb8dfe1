package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"comity/internal/file/whole"
	"comity/internal/pack"
	"comity/packs"
)

// checked is what the program remembers of the procedures it found sound, in the data folder: a start need not
// search again what the same program has searched. Another program searches anew, and so does this one where
// anything of a procedure changed. What ships with the program was searched when it was built.
type checked struct {
	Program string          `json:"program"`
	Reports json.RawMessage `json:"reports"`
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

// shipped knows the procedures of the packs in the program.
func shipped() *pack.Memory {
	var m pack.Memory
	if err := m.Learn(packs.Searched); err != nil {
		panic("packs/searched.json does not read; make generate writes it: " + err.Error())
	}
	return &m
}

// remembered is what is known without a search. A file that does not read is no memory, not an error.
func remembered(data string) *pack.Memory {
	m := shipped()
	raw, err := os.ReadFile(checkedFile(data))
	var c checked
	if err != nil || json.Unmarshal(raw, &c) != nil || c.Program == "" || c.Program != programMark() {
		return m
	}
	if m.Learn(c.Reports) != nil {
		return shipped()
	}
	return m
}

// remember keeps what is known of the procedures a pack has.
func remember(data string, memory *pack.Memory) error {
	reports, err := memory.JSON()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(checked{programMark(), reports})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	return whole.Write(checkedFile(data), raw)
}

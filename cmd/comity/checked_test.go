package main

import (
	"encoding/json"
	"os"
	"testing"

	"comity/internal/pack"
	"comity/packs"
)

func Test_what_was_searched_is_remembered_by_the_same_program_and_by_no_other(t *testing.T) {
	data := t.TempDir()
	ships := shipped().Len()
	if got := remembered(data).Len(); got != ships {
		t.Fatalf("%d procedures are known in an empty folder, and %d ship with the program", got, ships)
	}
	m := remembered(data)
	if _, err := pack.LoadFrom(packs.FS, "demo", m); err != nil {
		t.Fatal(err)
	}
	if err := remember(data, m); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(checkedFile(data))
	if err != nil {
		t.Fatal(err)
	}
	var kept checked
	if err := json.Unmarshal(raw, &kept); err != nil || kept.Program != programMark() {
		t.Fatalf("kept %.100s: %v", raw, err)
	}
	one := json.RawMessage(`{"0123456789abcdef": {"states": 7, "steps": 9, "road": {}}}`)
	write := func(program string) []byte {
		raw, err := json.Marshal(checked{program, one})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	mine := write(programMark())
	for name, c := range map[string]struct {
		content []byte
		more    int
	}{"this program": {mine, 1}, "another program": {write("1 2"), 0}, "half a file": {mine[:len(mine)/2], 0}, "nothing": {nil, 0}} {
		if err := os.WriteFile(checkedFile(data), c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := remembered(data).Len(); got != ships+c.more {
			t.Errorf("%s: %d procedures are known, want %d", name, got, ships+c.more)
		}
	}
}

package main

import (
	"os"
	"strings"
	"testing"

	"comity/internal/procedure"
)

func Test_a_pack_is_searched_once_by_one_program_and_again_after_any_change(t *testing.T) {
	data := t.TempDir()
	known := knownReports(data)
	if _, ok := known("abc"); ok {
		t.Fatal("nothing was checked yet")
	}
	want := map[string]procedure.Report{"p": {States: 7, Road: procedure.Road{Ordinary: procedure.Length{Known: true, First: 5}}}}
	if err := remember(data, "abc", want); err != nil {
		t.Fatal(err)
	}
	if got, ok := known("abc"); !ok || got["p"].States != 7 || got["p"].Road.Ordinary.First != 5 {
		t.Errorf("remembered %+v, %v", got, ok)
	}
	if _, ok := known("abd"); ok {
		t.Error("another version of the pack is taken for the one that was checked")
	}
	raw, err := os.ReadFile(checkedFile(data))
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(raw), programMark(), "1 2", 1)
	for name, content := range map[string]string{"another program": other, "half a file": string(raw[:len(raw)/2]), "nothing": ""} {
		if err := os.WriteFile(checkedFile(data), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := known("abc"); ok {
			t.Errorf("%s: the check would be left out", name)
		}
	}
}

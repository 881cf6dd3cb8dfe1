package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity/internal/file/filetest"
)

const importFile = `case_enquiry_id,open_dt,sla_target_dt,closed_dt,on_time,case_status,closure_reason,case_title,type,department,location,neighborhood,latitude,longitude,source
1,2018-05-02 06:00:00,,2018-05-03 05:00:00,ONTIME,Closed,Case Closed Case Resolved done,Dead cat,Pick up Dead Animal,PWDx,1 Main St,Dorchester,42.3,-71.1,Twitter
2,yesterday,,,ONTIME,Open,,Dead cat,Pick up Dead Animal,PWDx,1 Main St,Dorchester,42.3,-71.1,Twitter
`

func importArguments(t *testing.T, more ...string) (dir string, args []string) {
	t.Helper()
	dir = t.TempDir()
	file := filepath.Join(dir, "requests.csv")
	if err := os.WriteFile(file, []byte(importFile), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, append([]string{"requests", file, "--pack", "us-boston-311", "--map", "boston-311", "--data", dir, "--as-of", "2019-05-31", "--lang", "en"}, more...)
}

func Test_an_import_says_what_became_of_every_row_and_keeps_the_rejected_ones(t *testing.T) {
	dir, args := importArguments(t)
	for _, want := range []string{"1 new cases, 0 were there before, 1 answered", "0 new cases, 1 were there before, 0 answered"} {
		var out, errs bytes.Buffer
		if err := runImport(context.Background(), args, &out, &errs); err != nil {
			t.Fatal(err, errs.String())
		}
		if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "1 rejected") {
			t.Errorf("the import says %q, want %q", out.String(), want)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "import-boston-311-requests.csv.rejects.csv"))
	if err != nil || !strings.Contains(string(raw), "Column open_dt") || strings.Count(string(raw), "\n") != 2 {
		t.Errorf("rejects %q, %v", raw, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.checkpoint*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func Test_an_import_takes_attachments_in_as_every_door_does(t *testing.T) {
	dir := t.TempDir()
	packDir := filepath.Join(dir, "boston")
	if err := os.CopyFS(packDir, os.DirFS("../../packs/us-boston-311")); err != nil {
		t.Fatal(err)
	}
	mapping := filepath.Join(packDir, "mappings", "boston-311.yaml")
	raw, err := os.ReadFile(mapping)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(mapping, bytes.Replace(raw, []byte("columns:\n"), []byte("columns:\n  files: photos\n"), 1))
	lines := "case_enquiry_id,open_dt,sla_target_dt,closed_dt,on_time,case_status,closure_reason,case_title,type,department,location,neighborhood,latitude,longitude,source,photos\n"
	for id, photos := range map[string]string{"1": "in/cat.jpg;note.txt", "2": "../secret.txt", "3": "gone.jpg", "4": "liar.jpg", "5": "in"} {
		lines += id + ",2018-05-02 06:00:00,,,ONTIME,Open,,Dead cat,Pick up Dead Animal,PWDx,1 Main St,Dorchester,42.3,-71.1,Twitter," + photos + "\n"
	}
	file, from := filepath.Join(dir, "requests.csv"), filepath.Join(dir, "attachments")
	if err := os.MkdirAll(filepath.Join(from, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(file, []byte(lines))
	write(filepath.Join(dir, "secret.txt"), []byte("not in the folder"))
	write(filepath.Join(from, "in", "cat.jpg"), filetest.JPEG())
	write(filepath.Join(from, "note.txt"), []byte("It lies by the gate."))
	write(filepath.Join(from, "liar.jpg"), []byte("MZ\x90\x00this program cannot be run in DOS mode"))
	args := []string{"requests", file, "--pack", packDir, "--map", "boston-311", "--data", filepath.Join(dir, "data"), "--as-of", "2019-05-31", "--lang", "en", "--quiet"}
	var out, errs bytes.Buffer
	var usage *usageError
	if err := runImport(context.Background(), args, &out, &errs); !errors.As(err, &usage) || !strings.Contains(err.Error(), "--files-from") {
		t.Fatalf("without a folder: %v", err)
	}
	if err := runImport(context.Background(), append(args, "--files-from", from), &out, &errs); err != nil {
		t.Fatal(err, errs.String())
	}
	if !strings.Contains(out.String(), "1 new cases") || !strings.Contains(out.String(), "4 rejected") {
		t.Errorf("the import says %q", out.String())
	}
	bad, err := os.ReadFile(filepath.Join(dir, "data", "import-boston-311-requests.csv.rejects.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"../secret.txt: There is no such file", "gone.jpg: There is no such file", "in: There is no such file", "liar.jpg: "} {
		if !strings.Contains(string(bad), want) {
			t.Errorf("the rejects do not say %q:\n%s", want, bad)
		}
	}
	if strings.Contains(string(bad), "{") {
		t.Errorf("a place is not filled:\n%s", bad)
	}
	_, plain := importArguments(t, "--files-from", from)
	if err := runImport(context.Background(), plain, &out, &errs); !errors.As(err, &usage) || !strings.Contains(err.Error(), "names no column of attachments") {
		t.Errorf("a mapping without files: %v", err)
	}
}

func Test_a_quiet_import_in_Chinese_draws_no_progress(t *testing.T) {
	_, args := importArguments(t, "--quiet", "--lang", "zh-CN")
	var out, errs bytes.Buffer
	if err := runImport(context.Background(), args, &out, &errs); err != nil {
		t.Fatal(err)
	}
	if errs.Len() > 0 || !strings.Contains(out.String(), "新登记 1 件") {
		t.Errorf("out %q, errors %q", out.String(), errs.String())
	}
}

func Test_a_wrong_call_of_import_names_the_way_out(t *testing.T) {
	_, good := importArguments(t)
	for name, args := range map[string][]string{
		"nothing":         {},
		"no such noun":    {"cases"},
		"no file":         {"requests", "--map", "boston-311"},
		"no mapping":      good[:2],
		"two files":       append(append([]string{}, good...), "other.csv"),
		"no pack":         {"requests", good[1], "--map", "boston-311", "--data", t.TempDir(), "--pack", ""},
		"a day in words":  append(append([]string{}, good...), "--as-of", "yesterday"),
		"an unknown flag": append(append([]string{}, good...), "--mapping", "x"),
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			err := runImport(context.Background(), args, &out, &errs)
			var usage *usageError
			if !errors.As(err, &usage) {
				t.Errorf("got %v", err)
			}
		})
	}
	_, args := importArguments(t, "--map", "boston")
	if err := runImport(context.Background(), args, &bytes.Buffer{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "it has: boston-311") {
		t.Errorf("an unknown mapping: %v", err)
	}
}

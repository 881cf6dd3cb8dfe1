package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSmoke runs one line against the real program: what it prints and writes
// must hold a figure, and nothing may stay behind.
func TestSmoke(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "out", "bench.json")
	var stdout, stderr bytes.Buffer
	err := run([]string{"-lines", "^PUT 4 KiB, 8 connections$", "-rounds", "1", "-duration", "100ms", "-limit", "5m",
		"-data", data, "-json", file}, &stdout, &stderr)
	if err != nil {
		t.Fatalf("run: %v; it said:\n%s", err, &stderr)
	}
	if want := "| PUT 4 KiB, 8 connections | ops/s |"; !strings.Contains(stdout.String(), want) {
		t.Errorf("the table has no line %q:\n%s", want, &stdout)
	}
	for _, name := range peerNames() {
		if want := "skipped: " + name + " was not given"; !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr does not say %q:\n%s", want, &stderr)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("the JSON file: %v", err)
	}
	if len(got.Lines) != 1 || len(got.Lines[0].Samples["coffer"]) != 1 {
		t.Fatalf("the JSON file has lines %+v, want one with one sample of coffer", got.Lines)
	}
	s := got.Lines[0].Samples["coffer"][0]
	if s.Ops == 0 || s.Failed > 0 || s.Value <= 0 || s.Value != got.Lines[0].Medians["coffer"] {
		t.Errorf("sample %+v, median %v: want finished steps, none failed, and its own value as the median", s, got.Lines[0].Medians["coffer"])
	}
	if s.Amplified < 1 {
		t.Errorf("written for each byte: %v, want at least 1: the server must have written what it acknowledged", s.Amplified)
	}
	if m := got.row(got.Limits, commitName(8)); m == nil || m.Medians[machineColumn] <= 0 {
		t.Errorf("the JSON file has no figure of %q, which this line is held against", commitName(8))
	}
	left, err := os.ReadDir(data)
	if err != nil || len(left) > 0 {
		t.Errorf("the data folder holds %v, %v after the run, want nothing", left, err)
	}
}

func TestOptions(t *testing.T) {
	tests := []struct {
		name string
		args string
		want string // in the error, or empty for none
	}{
		{"NoneIsTheShortForm", "", ""},
		{"PeerWithPath", "--peer minio=/opt/minio", ""},
		{"PeerUnknown", "--peer ceph=/opt/ceph", "want one of minio, versitygw, weed"},
		{"PeerWithoutPath", "--peer minio", "want one of minio, versitygw, weed"},
		{"LinesThatAreNoRegexp", "-lines (", "-lines: "},
		{"RoundsZero", "-rounds 0", "-rounds 0: want 1 to 100"},
		{"DurationTooLong", "-duration 1h", "-duration 1h0m0s: want"},
		{"KeysTooFewForAFolder", "-keys 999", "-keys 999: want"},
		{"LimitZero", "-limit 0s", "-limit 0s: want"},
		{"GrowthOfNothing", "-grow 100000 -size 0", "-size 0: want"},
		{"GrowthTooSmallToCompare", "-grow 5", "-grow 5: want"},
		{"Argument", "minio", `unexpected argument "minio"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseOptions(strings.Fields(tt.args), new(bytes.Buffer))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parseOptions(%q) = %v, want %q", tt.args, err, tt.want)
			}
		})
	}
	opt, err := parseOptions([]string{"-long", "-rounds", "2"}, new(bytes.Buffer))
	if err != nil || opt.keys != 1_000_000 || opt.rounds != 2 {
		t.Errorf("parseOptions(-long -rounds 2) = %d keys, %d rounds, %v; want 1000000 and 2", opt.keys, opt.rounds, err)
	}
}

// TestPlanIsConsistent looks for names that nothing stands behind, which would
// only show as a figure that is missing.
func TestPlanIsConsistent(t *testing.T) {
	known, seen := map[string]bool{}, map[string]bool{}
	for _, l := range limits() {
		known[l.name] = true
	}
	for _, l := range plan() {
		if seen[l.name] {
			t.Errorf("two lines are called %q", l.name)
		}
		seen[l.name] = true
		for _, n := range l.limits {
			if !known[n] {
				t.Errorf("%q is held against %q, which is no limit", l.name, n)
			}
		}
		if (l.step == nil) != (l.per == 0) || (l.step == nil) != (l.conns == 0) {
			t.Errorf("%q has per %v and %d connections, with a step: %v", l.name, l.per, l.conns, l.step != nil)
		}
	}
}

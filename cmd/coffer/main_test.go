package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"coffer/server"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

// The scripts run this test binary as coffer, as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"coffer": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return os.Geteuid() == 0, nil
		},
		Setup: func(env *testscript.Env) error {
			// The race detector would let each process sleep for a second at its end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"waitready":  waitReady,
			"taken":      taken,
			"longdir":    longDir,
			"setsecret":  setSecret,
			"nowhere":    nowhere,
			"signal":     sendSignal,
			"setfromout": setFromOut,
			"setjson":    setJSON,
		},
		RequireExplicitExec: true,
	})
}

// waitReady FILE [OLD] waits for a ready file, of another server than that at the
// URL OLD, and sets S3, ADMIN and PID from it.
func waitReady(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var r server.Ready
		b, err := os.ReadFile(path)
		if err == nil {
			ts.Check(json.Unmarshal(b, &r))
		}
		if err == nil && (len(args) == 1 || r.S3 != args[1]) {
			ts.Setenv("S3", r.S3)
			ts.Setenv("S3ADDR", strings.TrimPrefix(r.S3, "http://"))
			ts.Setenv("ADMIN", r.Admin)
			ts.Setenv("CONSOLE", r.Console)
			ts.Setenv("PID", strconv.Itoa(r.PID))
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no ready file: %v", err)
		}
	}
}

// sendSignal NAME signals the process that PID names.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	pid, err := strconv.Atoi(ts.Getenv("PID"))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, map[string]syscall.Signal{
		"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}[args[0]]))
}

// taken holds a port until the end of the script and sets TAKEN to its address.
func taken(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("TAKEN", l.Addr().String())
}

// longDir sets LONG to a folder whose path no Unix socket's address can hold.
func longDir(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Setenv("LONG", ts.MkAbs(strings.Repeat("a-folder-with-a-long-name/", 8)+"data"))
}

// setSecret NAME sets a variable to what the last command printed.
func setSecret(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// setFromOut NAME PREFIX sets a variable to the word after PREFIX in the output
// of the last command.
func setFromOut(ts *testscript.TestScript, _ bool, args []string) {
	_, rest, ok := strings.Cut(ts.ReadFile("stdout"), args[1])
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		ts.Fatalf("the output has no %q", args[1])
	}
	ts.Setenv(args[0], fields[0])
}

// setJSON NAME PATH sets a variable to a text in the JSON that the last command
// printed; PATH is names and indexes with dots between them.
func setJSON(ts *testscript.TestScript, _ bool, args []string) {
	var v any
	// A command may print two documents: the first counts.
	ts.Check(json.NewDecoder(strings.NewReader(ts.ReadFile("stdout"))).Decode(&v))
	for part := range strings.SplitSeq(args[1], ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[part]
		case []any:
			i, err := strconv.Atoi(part)
			ts.Check(err)
			v = in[i]
		}
	}
	text, ok := v.(string)
	if !ok {
		ts.Fatalf("the output has %v at %s", v, args[1])
	}
	ts.Setenv(args[0], text)
}

// nowhere TEXT looks through every file of the script's folder, and through
// what the last command printed, for a text that must not be there.
func nowhere(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 || len(args[0]) < 8 {
		ts.Fatalf("nowhere takes one text of some length")
	}
	root := ts.MkAbs(".")
	ts.Check(filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "ballast" || strings.HasPrefix(d.Name(), "given-") {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), args[0]) {
			ts.Fatalf("%s has the text that must be nowhere", path)
		}
		return err
	}))
	for _, name := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(name), args[0]) {
			ts.Fatalf("%s has the text that must be nowhere", name)
		}
	}
}

// TestSettingsAreDocumented keeps docs/settings.md what the table says.
func TestSettingsAreDocumented(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "settings.md")
	want := settingsPage()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the table of settings says (%v): run go test ./cmd/coffer -update", path, err)
	}
}

func TestEverySettingReadsBackWhatItShows(t *testing.T) {
	samples := map[kind]string{
		kindText: "some text", kindPath: "/a b/c", kindList: "10.0.0.0/8,fd00::/8", kindPaths: "/a,/b",
		kindBool: "true", kindBytes: "3MiB", kindNumber: "7", kindDuration: "1m30s", kindSecret: "hunter22",
		kindTables: "name=a;url=https://a.example",
	}
	for _, s := range settings {
		v := defaults()
		if s.name == "replication_targets" {
			samples[s.kind] = "name=a;endpoint=https://a.example;account=*"
		}
		if err := s.set(&v, samples[s.kind]); err != nil {
			t.Errorf("%s: set(%q) = %v", s.name, samples[s.kind], err)
			continue
		}
		want := samples[s.kind]
		if s.kind == kindSecret {
			want = "[secret]"
		}
		if got := s.get(&v); got != want {
			t.Errorf("%s: set(%q) shows %q, want %q", s.name, samples[s.kind], got, want)
		}
		again := defaults()
		if err := s.set(&again, s.get(&v)); err != nil {
			t.Errorf("%s: what it shows, %q, is not read back: %v", s.name, s.get(&v), err)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64 // -1 for an error
	}{
		{"0", 0}, {"65536", 65536}, {"7B", 7}, {"64KiB", 64 << 10}, {"64 KiB", 64 << 10}, {"1MB", 1e6}, {"2GiB", 2 << 30},
		{"", -1}, {"KiB", -1}, {"-1", -1}, {"1.5GiB", -1}, {"64kib", -1}, {"9223372036854775807GiB", -1}, {"0x10", -1},
	} {
		got, err := parseBytes(tt.text)
		if err != nil {
			got = -1
		}
		if got != tt.want {
			t.Errorf("parseBytes(%q) = %d, %v, want %d", tt.text, got, err, tt.want)
		}
	}
}

func TestCommandNameWorksInAnotherTerminal(t *testing.T) {
	for exe, want := range map[string]bool{
		"/tmp/go-build123/b001/exe/coffer":    true,
		"/home/ann/.cache/go-build/ab/cd-d/x": true,
		"/usr/local/bin/coffer":               false,
		"/home/u/go/bin/coffer":               false,
	} {
		if got := goBuild(exe); got != want {
			t.Errorf("goBuild(%q) = %t, want %t", exe, got, want)
		}
	}
}

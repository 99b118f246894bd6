package main

import (
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/spf13/cobra"

	"coffer/api"
)

// Package snippets has the golden files of what the formats look like.
func TestExportFormats(t *testing.T) {
	want := "env aws rclone mc s3cmd boto3 js go terraform"
	if got := strings.Join(exportFormats(), " "); got != want {
		t.Errorf("the formats are %q, want %q", got, want)
	}
}

// TestEveryCommandIsExplained walks all commands: what an operator calls has an
// example, and prints JSON if asked.
func TestEveryCommandIsExplained(t *testing.T) {
	a := &app{args: []string{"coffer"}}
	noJSON := map[string]bool{"export": true} // has a form of its own
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		group := map[string]bool{"key": true, "account": true, "member": true, "audit": true, "bucket": true, "quota": true, "lifecycle": true, "backup": true}
		if !c.HasParent() || !group[c.Parent().Name()] {
			return
		}
		if c.Example == "" || !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has the example %q, want one of itself", c.CommandPath(), c.Example)
		}
		if c.Flags().Lookup("json") == nil && !c.HasSubCommands() && !noJSON[c.Name()] {
			t.Errorf("%s has no --json", c.CommandPath())
		}
		for _, name := range []string{"secret-access-key", "secret-key", "password"} {
			if c.Flags().Lookup(name) != nil {
				t.Errorf("%s takes a secret on the command line: --%s", c.CommandPath(), name)
			}
		}
	}
	walk(a.rootCommand())
}

// TestScanFindsWhatAPieceBoundaryCuts puts a secret at every place around the end
// of a piece, and reads in pieces of every kind.
func TestScanFindsWhatAPieceBoundaryCuts(t *testing.T) {
	const secret = "cfs_07ELSZgnu18FMTahov29GNUbipw3AH4HkMQS"
	const id = "CFAK07ENW3AHRZ6DG5AN"
	for at := scanChunk - 45; at < scanChunk+45; at++ {
		text := strings.Repeat(strings.Repeat("x", 99)+"\n", at/100) + strings.Repeat("y", at%100) + secret + "\n" +
			strings.Repeat("z\n", 500) + id
		var found []find
		if err := scan(iotest.HalfReader(strings.NewReader(text)), "f", func(f find) error {
			found = append(found, f)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		want := []find{{"f", at/100 + 1, "secret_access_key", "cfs_07…kMQS"}, {"f", strings.Count(text, "\n") + 1, "access_key_id", "CFAK07…G5AN"}}
		if len(found) != 2 || found[0] != want[0] || found[1] != want[1] {
			t.Fatalf("scan with a secret at %d = %+v, want %+v", at, found, want)
		}
	}
	if err := scan(iotest.TimeoutReader(strings.NewReader(strings.Repeat("x", 2*scanChunk))), "f", nil); err == nil {
		t.Error("scan of a reader that fails = nil")
	}
}

func TestTimesInWords(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		t    time.Time
		want string
	}{
		{time.Time{}, "never"}, {now, "now"}, {now.Add(-time.Second), "1 second ago"}, {now.Add(-90 * time.Second), "1 minute ago"},
		{now.Add(-2 * time.Hour), "2 hours ago"}, {now.Add(48 * time.Hour), "in 2 days"}, {now.AddDate(-3, 0, 0), "3 years ago"},
		{now.Add(time.Millisecond), "in less than a second"},
	} {
		if got := ago(tt.t, now); got != tt.want {
			t.Errorf("ago(%s) = %q, want %q", tt.t, got, tt.want)
		}
	}
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "12h": 12 * time.Hour, "0.5d": 12 * time.Hour, "0s": 0,
		"-1h": -1, "d": -1, "1w": -1, "-3d": -1, "99999999d": -1, "": -1} {
		got, err := parseSpan(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("parseSpan(%q) = %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestIdleIsCountedFromTheLastUse(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	server := began.Add(-time.Hour) // its clock is an hour behind
	usage := func(last time.Time) api.Usage {
		u := api.Usage{Key: api.Key{Rotation: &api.Rotation{Began: server}, Outgoing: &api.Credential{}}}
		if !last.IsZero() {
			u.Key.Outgoing.LastUsed = &api.LastUse{Time: last}
		}
		return u
	}
	for _, tt := range []struct {
		name string
		last time.Time
		want time.Duration
	}{
		{"NeverUsed", time.Time{}, 30 * time.Minute},
		{"UsedBeforeItBegan", server.Add(-time.Minute), 30 * time.Minute},
		{"UsedTenMinutesAfter", server.Add(10 * time.Minute), 20 * time.Minute},
	} {
		if got := idleFor(usage(tt.last), began, began.Add(30*time.Minute)); got != tt.want {
			t.Errorf("%s: idleFor = %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestWhatOthersWroteMovesNoCursor(t *testing.T) {
	var out strings.Builder
	tab := newTable(&out, "NAME")
	tab.row("a\x1b[2Jb\nc\td")
	if err := tab.flush(); err != nil || out.String() != "NAME\na\uFFFD[2Jb\uFFFDc\uFFFDd\n" {
		t.Errorf("the table is %q, %v", out.String(), err)
	}
}

package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	tests := []struct {
		name, text string
		want       time.Duration
		bad        bool
	}{
		{"UserAndSystem", "17 (coffer) S 1 17 17 0 -1 4194560 900 0 3 0 250 50 7 7 20 0 9 0 100", 3 * time.Second, false},
		{"NameWithBlanksAndParentheses", "17 (a (b) c 1 2) S 1 17 17 0 -1 4194560 900 0 3 0 1 2 7 7 20", 30 * time.Millisecond, false},
		{"TooShort", "17 (coffer) S 1 17 17", 0, true},
		{"NoNumber", "17 (coffer) S 1 17 17 0 -1 4194560 900 0 3 0 x 50 7", 0, true},
		{"Empty", "", 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStat(tt.text)
			if got != tt.want || (err != nil) != tt.bad {
				t.Errorf("parseStat(%q) = %v, %v; want %v, an error: %v", tt.text, got, err, tt.want, tt.bad)
			}
		})
	}
}

func TestParseField(t *testing.T) {
	const text = "VmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\nrchar: 5\nwrite_bytes: 8192\ncancelled_write_bytes: 3\nVmNone:\nVmText: many\n"
	tests := []struct {
		name string
		want int64
		bad  bool
	}{
		{"VmRSS", 1024, false}, {"VmHWM", 2048, false},
		{"write_bytes", 8192, false}, // and not cancelled_write_bytes
		{"VmNone", 0, true}, {"VmText", 0, true}, {"VmSwap", 0, true},
	}
	for _, tt := range tests {
		if got, err := parseField(text, tt.name); got != tt.want || (err != nil) != tt.bad {
			t.Errorf("parseField(%s) = %d, %v; want %d, an error: %v", tt.name, got, err, tt.want, tt.bad)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/proc is Linux's")
	}
	if _, err := usageOf(os.Getpid()); err != nil {
		t.Errorf("usageOf(this process): %v", err)
	}
	m, err := memoryOf(os.Getpid())
	if err != nil || m.now < mib || m.peak < m.now {
		t.Errorf("memoryOf(this process) = %+v, %v; want over 1 MiB, and a peak that is no less", m, err)
	}
}

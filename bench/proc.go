package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU time in /proc/PID/stat: USER_HZ is 100 on every
// architecture that Go runs on (proc_pid_stat(5)).
const clockTick = 10 * time.Millisecond

// usage is what a process has used since its start.
type usage struct {
	cpu        time.Duration // user and system
	wroteBytes int64         // sent to the disk, or to the page cache on its way there
}

// usageOf reads /proc/PID/stat and /proc/PID/io.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return usage{}, err
	}
	var u usage
	if u.cpu, err = parseStat(string(stat)); err != nil {
		return usage{}, err
	}
	u.wroteBytes, err = parseField(string(io), "write_bytes")
	return u, err
}

// parseStat returns the CPU time in the text of /proc/PID/stat. The name in its
// second field may hold blanks and parentheses, so the fields are counted from
// the last one.
func parseStat(text string) (time.Duration, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3 // of proc_pid_stat(5), where the first after the name is 3
	if len(fields) <= stime {
		return 0, fmt.Errorf("%q is no /proc/PID/stat", text)
	}
	var ticks int64
	for _, f := range []string{fields[utime], fields[stime]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no CPU time", f)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// memory is the resident size of a process in bytes.
type memory struct{ now, peak int64 }

// memoryOf reads /proc/PID/status.
func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	var m memory
	if m.now, err = parseField(string(text), "VmRSS"); err != nil {
		return memory{}, err
	}
	m.peak, err = parseField(string(text), "VmHWM")
	return memory{m.now << 10, m.peak << 10}, err
}

// parseField returns the number of a line "name: number" with whatever follows.
func parseField(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			break
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %q is no number", name, fields[0])
		}
		return n, nil
	}
	return 0, fmt.Errorf("no line %s", name)
}

// machine says where figures come from: processor, count, memory, kernel.
func machine() string {
	cpu := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	memory := "memory unknown"
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if kib, err := parseField(string(text), "MemTotal"); err == nil {
			memory = fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
		}
	}
	kernel := "kernel unknown"
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = "Linux " + strings.TrimSpace(string(text))
	}
	return strings.Join([]string{cpu, memory, kernel}, ", ")
}

// load returns the load average of the last minute, to tell whether the machine
// had other work.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

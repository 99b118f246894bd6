package server

import (
	"fmt"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// boundMemory has the collector work harder as the process comes near to what its
// control group may use, above which the kernel would end it; unless GOMEMLIMIT says
// something else. It returns how much the process may use, or 0 if that is not known.
func boundMemory(getenv func(string) string) int64 {
	if getenv("GOMEMLIMIT") != "" {
		if n := debug.SetMemoryLimit(-1); n != math.MaxInt64 {
			return n
		}
		return machineMemory(readText)
	}
	limit := groupMemory(readText)
	if limit == 0 {
		return machineMemory(readText)
	}
	// The kernel counts what sockets and files hold too.
	debug.SetMemoryLimit(limit / 5 * 4)
	return limit
}

// What is kept of the metadata's files in memory. The least is enough for the parts of
// one file that belong together.
const (
	metadataCacheMin  = 8 << 20
	metadataCacheAuto = 64 << 20
)

// metadataCache is how many bytes of the metadata's files are kept in a process that
// may use so much memory; 0 is not known. Go may hold twice as much, until it tidies.
func metadataCache(wanted, memory int64) (int64, error) {
	switch {
	case wanted == MetadataCacheAuto && memory == 0:
		return metadataCacheAuto, nil
	case wanted == MetadataCacheAuto:
		return min(max(memory/8, metadataCacheMin), metadataCacheAuto), nil
	case memory > 0 && wanted > memory/4:
		return 0, fmt.Errorf("metadata-cache is %d bytes: it must be at most %d, a quarter of the memory that there is", wanted, memory/4)
	}
	return wanted, nil
}

// readText reads a file; what is not there limits nothing.
func readText(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(b)
}

// machineMemory is how much memory there is; 0 if that is not known.
func machineMemory(read func(name string) string) int64 {
	for line := range strings.Lines(read("/proc/meminfo")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err == nil {
				return n << 10
			}
		}
	}
	return 0
}

// groupMemory is the least memory limit of this process's control groups, by either
// version of them; 0 if there is none.
func groupMemory(read func(name string) string) int64 {
	const root = "/sys/fs/cgroup"
	least := int64(0)
	for line := range strings.Lines(read("/proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount, file := root, "memory.max"
		switch controllers := "," + parts[1] + ","; {
		case parts[1] == "":
		case strings.Contains(controllers, ",memory,"):
			mount, file = root+"/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// Each group is bound by those above it; in a container its own is the root.
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			n, err := strconv.ParseInt(strings.TrimSpace(read(path.Join(mount, at, file))), 10, 64)
			// Version 1 says no limit by a number that no machine has.
			if err == nil && n > 0 && n < 1<<60 && (least == 0 || n < least) {
				least = n
			}
			if at == "/" {
				break
			}
		}
	}
	return least
}

package server

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// releaseProgram gives the pages of the program's own file back to the kernel, which
// has them in its cache and maps those that are used again. A start touches most of
// the program, since each package prepares its tables, and a server at rest little of
// it. It returns how many bytes of it were in memory.
func releaseProgram() (int64, error) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0, err
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	found, err := untouched(f, program)
	if err != nil {
		return 0, err
	}
	released := int64(0)
	for _, m := range found {
		// Not unix.Madvise, which wants a slice: the range is none of Go's.
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
			return released, os.NewSyscallError("madvise", errno)
		}
		released += m.resident
	}
	return released, nil
}

// mapping is a range of addresses, of which so many bytes are in memory.
type mapping struct {
	start, end uintptr
	resident   int64
}

// untouched finds the mappings of a file in the text of smaps (proc_pid_smaps(5)) that
// are as the file is: they cannot be written, and the loader or a debugger changed none
// of their pages, for what is changed is in memory only.
func untouched(smaps io.Reader, file string) ([]mapping, error) {
	var found []mapping
	mine := false // the fields are of the last mapping that was found
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		line := lines.Text()
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if !strings.HasSuffix(fields[0], ":") {
			m, ok := mappingOf(fields[0])
			right := fields[1] == "r--p" || fields[1] == "r-xp"
			if mine = ok && right && strings.HasSuffix(line, " "+file); mine {
				found = append(found, m)
			}
			continue
		}
		if !mine {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		last := &found[len(found)-1]
		switch {
		case fields[0] == "Rss:" && err == nil:
			last.resident = kib << 10
		case fields[0] == "Anonymous:" && (err != nil || kib > 0):
			found, mine = found[:len(found)-1], false
		}
	}
	return found, lines.Err()
}

// mappingOf reads a range as smaps writes it.
func mappingOf(addresses string) (mapping, bool) {
	from, to, _ := strings.Cut(addresses, "-")
	start, err := strconv.ParseUint(from, 16, strconv.IntSize)
	if err != nil {
		return mapping{}, false
	}
	end, err := strconv.ParseUint(to, 16, strconv.IntSize)
	if err != nil || end <= start {
		return mapping{}, false
	}
	return mapping{start: uintptr(start), end: uintptr(end)}, true
}

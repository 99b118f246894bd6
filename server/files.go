package server

import (
	"math"

	"golang.org/x/sys/unix"
)

// What the metadata has of the files that the process may have open: an eighth, as far
// as it has any use for them.
const (
	metadataShare    = 8
	metadataFilesMin = 500
	metadataFilesMax = 4096
)

// filesLimit is how many files the process may have open at a time.
func filesLimit() uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxUint64
	}
	return limit.Cur
}

// metadataFiles is how many of so many open files the metadata has.
func metadataFiles(files uint64) int {
	return int(min(max(files/metadataShare, metadataFilesMin), metadataFilesMax))
}

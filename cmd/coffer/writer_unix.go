//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// becomeWriter makes the process the user who last wrote in a data folder, if root began
// it: the files that root would make there keep the server of another user from starting.
func becomeWriter(data string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	owner := lastWriter(filepath.Join(data, "meta"))
	if owner == nil || owner.Uid == 0 {
		return nil
	}
	uid, gid := int(owner.Uid), int(owner.Gid)
	for _, become := range []func() error{
		func() error { return syscall.Setgroups([]int{gid}) },
		func() error { return syscall.Setgid(gid) },
		func() error { return syscall.Setuid(uid) },
	} {
		if err := become(); err != nil {
			return fmt.Errorf("work as the user %d, whose data %s has: %w", uid, data, err)
		}
	}
	return nil
}

// lastWriter is the owner of the newest file in a folder; nil if there is none.
func lastWriter(dir string) (owner *syscall.Stat_t) {
	entries, _ := os.ReadDir(dir) // whoever opens the folder next says what is wrong with it
	var newest time.Time
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Type() != fs.FileMode(0) || info.ModTime().Before(newest) {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			owner, newest = st, info.ModTime()
		}
	}
	return owner
}

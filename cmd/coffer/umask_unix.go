//go:build unix

package main

import "syscall"

// umask takes rights from every file that the process makes from now on.
func umask(mask int) { syscall.Umask(mask) }

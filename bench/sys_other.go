//go:build !linux

package main

import (
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
)

func endWithParent(*exec.Cmd) {}

func syncData(f *os.File) error { return f.Sync() }

func diskSize(info fs.FileInfo) int64 { return info.Size() }

func processCPU() float64 { return 0 }

func discardTCP(c *net.TCPConn, n int64) error {
	_, err := io.CopyN(io.Discard, c, n)
	return err
}

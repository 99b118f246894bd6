package main

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"time"
)

// limit is a figure of the machine, not of a server.
type limit struct {
	name, unit string
	measure    func(ctx context.Context, m *machineLimits) (sample, error)
}

// machineLimits is where limits are measured, and with what.
type machineLimits struct {
	dir      string
	duration time.Duration // of one limit in one round
	self     string        // this program, which also is the bare handler; empty where there is none
	nginx    string        // nginx's program; empty where there is none
}

// errNoProgram is the end of a limit for which a program is missing.
var errNoProgram = errors.New("its program is not here")

const (
	limitMD5      = "MD5, one core"
	limitSHA256   = "SHA-256, one core"
	limitDisk     = "sequential write, 512 MiB and one fdatasync"
	limitNginx    = "nginx GET 4 KiB, 32 connections"
	limitNginxBig = "nginx GET 64 MiB, 4 connections"
)

func commitName(writers int) string {
	if writers == 1 {
		return "group commit of 4 KiB, 1 writer"
	}
	return fmt.Sprintf("group commit of 4 KiB, %d writers", writers)
}

func bareName(method string, conns int) string {
	return fmt.Sprintf("bare net/http %s 4 KiB, %s", method, connections(conns))
}

// limits returns every limit, in the order in which they are measured.
func limits() []limit {
	var all []limit
	for _, n := range []int{1, 8, 32} {
		all = append(all, limit{commitName(n), "ops/s", func(ctx context.Context, m *machineLimits) (sample, error) {
			return groupCommit(ctx, filepath.Join(m.dir, "log"), n, m.duration)
		}})
	}
	for _, method := range []string{"GET", "PUT"} {
		for _, n := range []int{1, 8, 32} {
			all = append(all, limit{bareName(method, n), "ops/s", func(ctx context.Context, m *machineLimits) (sample, error) {
				return m.bare(ctx, method, n)
			}})
		}
	}
	return append(all,
		limit{limitNginx, "ops/s", func(ctx context.Context, m *machineLimits) (sample, error) { return m.static(ctx, 4*kib, 32, 1) }},
		limit{limitNginxBig, "MB/s", func(ctx context.Context, m *machineLimits) (sample, error) {
			return m.static(ctx, 64*mib, 4, float64(bigPool.size)/1e6)
		}},
		limit{limitDisk, "MB/s", func(ctx context.Context, m *machineLimits) (sample, error) {
			return writeSequential(ctx, filepath.Join(m.dir, "sequential"), 512*mib)
		}},
		limit{limitMD5, "MB/s", func(ctx context.Context, m *machineLimits) (sample, error) {
			return hashRate(ctx, md5.New(), m.duration), nil
		}},
		limit{limitSHA256, "MB/s", func(ctx context.Context, m *machineLimits) (sample, error) {
			return hashRate(ctx, sha256.New(), m.duration), nil
		}},
	)
}

// hashRate hashes 1 MiB over and over, in this goroutine only.
func hashRate(ctx context.Context, h hash.Hash, d time.Duration) sample {
	data, start := body(mib, 0), time.Now()
	ops := 0
	for time.Since(start) < d && ctx.Err() == nil {
		_, _ = h.Write(data) // a hash never fails
		ops++
	}
	seconds := time.Since(start).Seconds()
	return sample{Ops: ops, Seconds: seconds, Value: float64(ops) * mib / 1e6 / seconds}
}

// writeSequential writes a new file of size bytes and makes it durable once.
func writeSequential(ctx context.Context, path string, size int) (out sample, err error) {
	f, err := os.Create(path)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(path)) }()
	data, start := body(mib, 0), time.Now()
	for n := 0; n < size; n += len(data) {
		if _, err := f.Write(data); err != nil {
			return out, err
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
	}
	if err := syncData(f); err != nil {
		return out, err
	}
	seconds := time.Since(start).Seconds()
	return sample{Ops: 1, Seconds: seconds, Value: float64(size) / 1e6 / seconds}, nil
}

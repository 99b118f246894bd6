// Command bench measures coffer beside its peers and beside the limits of the
// machine, in one run: each server alone on the same disk, in alternating
// order, several rounds, medians and ratios. It knows nothing of how coffer is
// built inside: it starts the program and speaks S3 to it, as to any peer.
//
//	go run ./bench                                  # coffer and the limits, under 15 minutes
//	go run ./bench --peer minio=/opt/minio --peer versitygw=/opt/versitygw
//	go run ./bench -lines 'PUT 4 KiB' -rounds 5
//	go run ./bench -grow 10000000 -data /mnt/disk   # one bucket that grows, over several runs
//
// It is a closed loop: each connection sends its next request when the last one
// is answered. Requests are signed before the clock starts, and HTTP is spoken
// straight over the socket, so that the client takes little from a server that
// shares its processors.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run does what args ask. Progress and what was skipped go to stderr, the table
// to stdout.
func run(args []string, stdout, stderr io.Writer) error {
	opt, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if opt.bare != "" {
		return serveBare(ctx, opt.bare)
	}
	ctx, cancel := context.WithTimeout(ctx, opt.limit)
	defer cancel()
	return benchmark(ctx, opt, stdout, stderr)
}

// benchmark makes the folder of the run, measures, reports, and removes the
// folder, however the run ends.
func benchmark(ctx context.Context, opt options, stdout, stderr io.Writer) (err error) {
	if err := os.MkdirAll(opt.data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	dir, err := os.MkdirTemp(opt.data, "coffer-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for this run: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, err := newRunner(ctx, opt, dir, stderr)
	if err != nil {
		return err
	}
	if opt.grow > 0 {
		return grow(ctx, r, stdout)
	}
	r.report.Started = time.Now().UTC().Truncate(time.Second)
	err = r.rounds(ctx)
	r.report.Seconds = time.Since(r.report.Started).Round(time.Second).Seconds()
	if ctx.Err() != nil {
		r.report.note("the run ended before its last line: %v", context.Cause(ctx))
		err = errors.Join(err, ctx.Err())
	}
	return errors.Join(err, r.report.writeTables(stdout), writeJSON(opt.json, r.report), r.report.failures())
}

// writeJSON writes the report to path, unless that is empty.
func writeJSON(path string, r *report) error {
	if path == "" {
		return nil
	}
	text, err := r.json()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of the JSON file: %w", err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write the JSON file: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	recordSize = 4 * kib
	logSize    = 64 * mib // written again from its start when it is full
)

// groupCommit is the least that durable small writes cost on this disk: writers
// hand records to one committer, which writes all that wait into a preallocated
// log, syncs once, and tells them.
func groupCommit(ctx context.Context, path string, writers int, d time.Duration) (out sample, err error) {
	f, err := preallocate(path, logSize)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(path)) }()

	waiting := make(chan chan error, writers)
	ended := make(chan struct{})
	data := body(recordSize*writers, 0)
	go func() {
		defer close(ended)
		commit(f, waiting, data)
	}()
	times := make([][]int64, writers)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range writers {
		wg.Go(func() {
			done := make(chan error, 1)
			for now := time.Now(); (len(times[i]) == 0 || now.Sub(start) < d) && ctx.Err() == nil; {
				waiting <- done
				if errs[i] = <-done; errs[i] != nil {
					return
				}
				after := time.Now()
				times[i] = append(times[i], int64(after.Sub(now)))
				now = after
			}
		})
	}
	wg.Wait()
	seconds := time.Since(start).Seconds()
	close(waiting)
	<-ended
	all := slices.Sorted(slices.Values(slices.Concat(times...)))
	return sample{Ops: len(all), Seconds: seconds, Value: float64(len(all)) / seconds,
		P50: float64(quantile(all, .50)) / 1e6, P99: float64(quantile(all, .99)) / 1e6}, errors.Join(errs...)
}

// commit serves waiting until it is closed. data holds a record of each writer.
func commit(f *os.File, waiting <-chan chan error, data []byte) {
	at := int64(0)
	var group []chan error
	for first := range waiting {
		group = append(group[:0], first)
		for more := true; more && (len(group)+1)*recordSize <= len(data); {
			select {
			case next, ok := <-waiting:
				if more = ok; ok {
					group = append(group, next)
				}
			default:
				more = false
			}
		}
		n := int64(len(group)) * recordSize
		if at+n > logSize {
			at = 0
		}
		_, err := f.WriteAt(data[:n], at)
		if err == nil {
			err = syncData(f)
		}
		at += n
		for _, done := range group {
			done <- err
		}
	}
}

// preallocate returns a durable file of size bytes whose blocks have been
// written, so that writing them again changes no metadata.
func preallocate(path string, size int) (*os.File, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	zero := make([]byte, mib)
	for n := 0; n < size && err == nil; n += len(zero) {
		_, err = f.Write(zero)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preallocate %s: %w", path, err), f.Close(), os.Remove(path))
	}
	return f, nil
}

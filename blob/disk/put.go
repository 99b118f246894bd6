package disk

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"coffer/blob"
)

// emptyReadsMax is how often a reader may return neither bytes nor an error.
const emptyReadsMax = 100

// Put stores r until EOF in a new file. It reads and writes at the same time, in
// two buffers whatever the size.
func (s *Store) Put(ctx context.Context, r io.Reader) (blob.Ref, int64, error) {
	ref, n, err := s.put(ctx, r, s.create)
	if err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	return ref, n, nil
}

func (s *Store) put(ctx context.Context, r io.Reader, create func() (*writer, error)) (blob.Ref, int64, error) {
	first := s.chunks.Get().(*chunk)
	defer s.chunks.Put(first)
	// Nothing is created for a reader that fails at once.
	n, whole, err := fill(ctx, r, first[:])
	if err != nil {
		return "", 0, err
	}
	w, err := create()
	if err != nil {
		return "", 0, err
	}
	kept := false
	defer func() {
		if !kept {
			w.abandon()
		}
	}()
	if whole {
		err = w.write(first[:n])
	} else {
		err = s.stream(ctx, r, w, first)
	}
	if err != nil {
		return "", 0, err
	}
	if err := ctx.Err(); err != nil {
		return "", 0, err
	}
	if err := w.finish(); err != nil {
		return "", 0, err
	}
	kept = true
	return makeRef(w.disk.id, w.name), w.size, nil
}

// stream writes first, which is full, and the rest of r: while one chunk is
// written the next one is read, since reading waits for a client and hashes.
func (s *Store) stream(ctx context.Context, r io.Reader, w *writer, first *chunk) error {
	second := s.chunks.Get().(*chunk)
	defer s.chunks.Put(second)
	w.goDirect()

	full, written := make(chan []byte), make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for p := range full {
			written <- w.write(p)
		}
	})
	// Also when r panics, nobody may use the chunks or the file after this.
	defer func() {
		close(full)
		wg.Wait()
	}()
	now, next := first[:], second[:]
	for {
		full <- now
		n, last, err := fill(ctx, r, next)
		if err := <-written; err != nil {
			return err
		}
		if err != nil {
			return err
		}
		if last {
			return w.write(next[:n])
		}
		now, next = next, now
	}
}

// fill reads until p is full or r has ended, which it reports.
func fill(ctx context.Context, r io.Reader, p []byte) (n int, ended bool, err error) {
	for empty := 0; n < len(p); {
		if err := ctx.Err(); err != nil {
			return n, false, err
		}
		m, err := r.Read(p[n:])
		n += m
		if empty++; m > 0 {
			empty = 0
		}
		if err == io.EOF {
			return n, true, nil
		}
		if err == nil && empty == emptyReadsMax {
			err = io.ErrNoProgress
		}
		if err != nil {
			return n, false, &blob.ReaderError{Err: err}
		}
	}
	return n, false, nil
}

// pick chooses a disk with a chance in proportion to its free space: a new disk
// fills faster than the others, but does not take all writes until they are
// even. A disk that does not answer gets nothing, unless none does.
func (s *Store) pick(random uint64) *disk {
	if len(s.disks) == 1 {
		return s.disks[0]
	}
	free, total := make([]uint64, len(s.disks)), uint64(0)
	for i, d := range s.disks {
		if u, err := s.fs.GetDiskUsage(d.dir); err == nil {
			free[i] = u.AvailBytes >> 10
			total += free[i]
		}
	}
	if total == 0 {
		return s.disks[random%uint64(len(s.disks))]
	}
	at := random % total
	for i, d := range s.disks {
		if at < free[i] {
			return d
		}
		at -= free[i]
	}
	return s.disks[len(s.disks)-1]
}

// newName returns a name for a file, and the disk that it is for.
func (s *Store) newName() (*disk, string, error) {
	var p [nameRandomBytes]byte
	if err := s.random(p[:]); err != nil {
		return nil, "", err
	}
	// The folder comes from the first byte, the disk from the last eight.
	return s.pick(binary.LittleEndian.Uint64(p[nameRandomBytes-8:])), hex.EncodeToString(p[:]), nil
}

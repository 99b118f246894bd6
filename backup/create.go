package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"
	"sync"

	"coffer/blob"
	"coffer/meta"
)

// Progress tells how far the work is.
type Progress struct {
	Records, RecordBytes int64
	// Blobs is how many were looked at, Copied how many of them were copied.
	Blobs, Copied, CopiedBytes int64
}

// CreateOptions say how to make a backup.
type CreateOptions struct {
	// Incremental trusts the blobs that are there. Otherwise each of them that the
	// backup needs is read, and copied again if it is damaged.
	Incremental bool
	// Progress is called by one goroutine at a time; nil for nobody.
	Progress func(Progress)
}

// Create makes a backup of the server in a store, which may be empty.
func Create(ctx context.Context, server *Client, store Store, key Key, rand io.Reader, opt CreateOptions) (Manifest, error) {
	snap, err := server.snapshot(ctx)
	if err != nil {
		return Manifest{}, err
	}
	defer snap.Close()
	work, end := context.WithCancelCause(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { snap.keep(work, end) })
	m, err := create(work, snap, store, key, rand, opt)
	if cause := context.Cause(work); err != nil && errors.Is(cause, errEnded) {
		err = cause
	}
	end(nil)
	keeping.Wait()
	return m, snap.why(ctx, err)
}

// create makes a backup of a snapshot.
func create(ctx context.Context, snap *snapshot, store Store, key Key, rand io.Reader, opt CreateOptions) (Manifest, error) {
	if snap.MasterKey != key.MasterID {
		return Manifest{}, fmt.Errorf("the master key that was given is %q, and the server's is %.32q: a backup under another key could not be restored", key.MasterID, snap.MasterKey)
	}
	// Whoever names the wrong folder finds no lock in it either.
	if err := fits(ctx, store); err != nil {
		return Manifest{}, err
	}
	ctx, release, err := store.Lock(ctx)
	if err != nil {
		return Manifest{}, err
	}
	defer release()
	repo, err := Make(ctx, store, key, rand)
	if err != nil {
		return Manifest{}, err
	}
	id, err := repo.newID(ctx, snap.Time)
	if err != nil {
		return Manifest{}, err
	}
	c := &creation{Repository: repo, snap: snap, opt: opt, sum: sha256.New(), m: Manifest{
		Format: Format, ID: id, Time: snap.Time, Coffer: snap.Coffer, DataFormat: snap.DataFormat, Disks: snap.Disks,
	}}
	if err := c.writeRecords(ctx); err != nil {
		return Manifest{}, err
	}
	if err := c.writeBlobs(ctx); err != nil {
		return Manifest{}, err
	}
	slices.Sort(c.m.Damaged)
	b, err := json.Marshal(c.m)
	if err != nil {
		return Manifest{}, err
	}
	if len(b) > fileBytesMax {
		return Manifest{}, fmt.Errorf("the manifest has %d bytes, over %d", len(b), fileBytesMax)
	}
	// With this file the backup comes to be.
	return c.m, c.put(ctx, manifestName(id), b)
}

// creation is a backup that is being made.
type creation struct {
	*Repository
	snap *snapshot
	opt  CreateOptions
	sum  hash.Hash // of the records

	refs [2]int // the files that have the names of the blobs, from and to

	mu sync.Mutex // guards what follows while workers run
	m  Manifest
	p  Progress
}

// progress changes the numbers and tells of them.
func (c *creation) progress(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	if c.opt.Progress != nil {
		c.opt.Progress(c.p)
	}
}

// writeRecords copies all records into files, those that name blobs apart.
func (c *creation) writeRecords(ctx context.Context) error {
	var buf []byte
	flush := func() error {
		if len(buf) == 0 {
			return nil
		}
		c.sum.Write(buf)
		if err := c.put(ctx, recordsName(c.m.ID, c.m.Files), buf); err != nil {
			return err
		}
		c.m.Files++
		c.progress(func() { c.p.Records, c.p.RecordBytes = c.m.Records, c.m.RecordBytes })
		buf = buf[:0]
		return nil
	}
	inRefs := false
	for {
		p, err := c.snap.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		limit := recordsBytes
		if isRef(p) != inRefs {
			if err := flush(); err != nil {
				return err
			}
			inRefs = !inRefs
			c.refs[1] = c.m.Files
			if inRefs {
				c.refs[0] = c.m.Files
			}
		}
		if inRefs {
			limit = refsBytes
		}
		if len(buf) > 0 && len(buf)+len(p.key)+len(p.value) > limit {
			if err := flush(); err != nil {
				return err
			}
		}
		buf = appendPair(buf, p)
		c.m.Records++
		c.m.RecordBytes += int64(len(p.key) + len(p.value))
	}
	if err := flush(); err != nil {
		return err
	}
	if inRefs {
		c.refs[1] = c.m.Files
	}
	c.m.SHA256 = hex.EncodeToString(c.sum.Sum(nil))
	return nil
}

// refPrefix is what the keys of the records begin with that name blobs.
const refPrefix = meta.PrefixBlobOwner

func isRef(p pair) bool { return p.key[0] == refPrefix }

// writeBlobs copies the blobs that are not there. Their names are read from the
// files that were just written, in order, next to a list of what is there.
func (c *creation) writeBlobs(ctx context.Context) error {
	there, stop := c.wholeBlobs(ctx)
	defer stop()
	return each(ctx, func(yield func(pair, error) bool) {
		for file := c.refs[0]; file < c.refs[1]; file++ {
			if !c.pairsOf(ctx, c.m.ID, file, nil, yield) {
				return
			}
		}
	}, func(p pair) (func(context.Context) error, error) {
		ref := refOf(p)
		has, err := there(ref)
		return func(ctx context.Context) error { return c.writeBlob(ctx, ref, has) }, err
	})
}

// wholeBlobs returns a call that tells whether a blob is there. It is made with
// refs in their order.
func (r *Repository) wholeBlobs(ctx context.Context) (there func(blob.Ref) (bool, error), stop func()) {
	next, stop := iter.Pull2(r.store.List(ctx, blobsFolder))
	var at blob.Ref // the blob that the list has come to
	var whole, done bool
	return func(ref blob.Ref) (bool, error) {
		has := at == ref && whole
		for !done && at <= ref {
			name, err, ok := next()
			if err != nil {
				return false, err
			}
			if done = !ok; done {
				break
			}
			got, last, ok := parseBlobName(name)
			if !ok {
				continue
			}
			at, whole = got, last
			has = has || at == ref && whole
		}
		return has, nil
	}, stop
}

// writeBlob copies a blob, unless it is there.
func (c *creation) writeBlob(ctx context.Context, ref blob.Ref, has bool) error {
	if has && !c.opt.Incremental {
		_, err := io.Copy(io.Discard, c.blob(ctx, ref))
		if err != nil && !errors.Is(err, ErrDamaged) {
			return err
		}
		has = err == nil
	}
	var n int64
	if !has {
		var err error
		n, err = c.copyBlob(ctx, ref)
		if errors.Is(err, errGone) {
			return c.lack(ref)
		}
		if err != nil {
			return err
		}
	}
	c.progress(func() {
		c.m.Blobs++
		c.p.Blobs++
		if !has {
			c.m.Added++
			c.m.AddedBytes += n
			c.p.Copied++
			c.p.CopiedBytes += n
		}
	})
	return nil
}

// lack notes that the server cannot read a blob.
func (c *creation) lack(ref blob.Ref) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m.Damaged = append(c.m.Damaged, ref)
	if len(c.m.Damaged) > damagedMax {
		return fmt.Errorf("more than %d blobs cannot be read: is a disk missing?", damagedMax)
	}
	return nil
}

func (c *creation) copyBlob(ctx context.Context, ref blob.Ref) (int64, error) {
	body, size, err := c.snap.blob(ctx, ref)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	buf := make([]byte, min(size, blobBytes))
	left := size
	for file := 0; ; file++ {
		part := buf[:min(left, blobBytes)]
		if _, err := io.ReadFull(body, part); err != nil {
			return 0, fmt.Errorf("read blob %s: %w", ref, cut(err))
		}
		left -= int64(len(part))
		if left == 0 {
			// Only the end tells whether all of it was right.
			if n, err := io.Copy(io.Discard, body); err != nil || n != 0 {
				return 0, fmt.Errorf("read blob %s: %d bytes too many: %w", ref, n, cut(err))
			}
		}
		if err := c.put(ctx, blobName(ref, file, left == 0), part); err != nil {
			return 0, err
		}
		if left == 0 {
			return size, nil
		}
	}
}

// pairsOf yields the records of one file. The digest gets its bytes.
func (r *Repository) pairsOf(ctx context.Context, id string, file int, sum hash.Hash, yield func(pair, error) bool) bool {
	b, err := r.get(ctx, recordsName(id, file))
	if err != nil {
		yield(pair{}, fmt.Errorf("backup %s: %w", id, err))
		return false
	}
	if sum != nil {
		sum.Write(b)
	}
	for len(b) > 0 {
		var p pair
		if p, b, err = cutPair(b); err != nil {
			yield(pair{}, fmt.Errorf("backup %s: %s: %w: %w", id, recordsName(id, file), ErrDamaged, err))
			return false
		}
		if !yield(p, nil) {
			return false
		}
	}
	return true
}

// clone makes a pair that may be kept.
func (p pair) clone() pair { return pair{bytes.Clone(p.key), bytes.Clone(p.value)} }

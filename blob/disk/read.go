package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/blob"
)

// file is one open blob.
type file struct {
	store *Store
	ref   blob.Ref
	file  vfs.File
	footer
	table  []byte // verified
	closed atomic.Bool
}

// Open opens a blob and verifies its footer and its table of checksums, with one
// read. Content is verified as it is read.
func (s *Store) Open(ctx context.Context, ref blob.Ref) (blob.Blob, error) {
	b, err := s.open(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", ref, err)
	}
	return b, nil
}

func (s *Store) open(ctx context.Context, ref blob.Ref) (*file, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, name, err := s.locate(ref)
	if err != nil {
		return nil, err
	}
	f, err := s.fs.Open(s.path(d, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.ErrNotFound
	}
	if err != nil {
		return nil, unreadable(err)
	}
	b := &file{store: s, ref: ref, file: f}
	if err := b.readTail(d.id, name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return b, nil
}

// readTail reads and verifies all that follows the content.
func (b *file) readTail(id, name string) error {
	info, err := b.file.Stat()
	if err != nil {
		return unreadable(err)
	}
	size := info.Size()
	if size < footerBytes {
		return b.damaged(blob.WholeBlob, "it is shorter than a footer")
	}
	if size > contentBytesMax+tableBytes(contentBytesMax, blockBytesMin)+footerBytes {
		return b.damaged(blob.WholeBlob, "it is larger than a blob can be")
	}
	tail, err := b.readEnd(size, tableBytesIn(size, blockBytes))
	if err != nil {
		return err
	}
	if b.footer, err = parseFooter(tail[len(tail)-footerBytes:]); err != nil {
		return b.damaged(blob.WholeBlob, err.Error())
	}
	table := tableBytes(b.contentBytes, b.blockBytes)
	if b.contentBytes+table+footerBytes != size {
		return b.damaged(blob.WholeBlob, fmt.Sprintf("%d bytes of content in a file of %d bytes", b.contentBytes, size))
	}
	if int64(len(tail)) != table+footerBytes {
		if tail, err = b.readEnd(size, table); err != nil {
			return err
		}
	}
	if err := checkSum(tail); err != nil {
		return b.damaged(blob.WholeBlob, err.Error())
	}
	if b.disk != id || b.name != name {
		return b.damaged(blob.WholeBlob, fmt.Sprintf("the file holds %s", makeRef(b.disk, b.name)))
	}
	b.table = tail[:table]
	return nil
}

// readEnd reads that much of the table and the footer.
func (b *file) readEnd(fileBytes, table int64) ([]byte, error) {
	if table+footerBytes > fileBytes {
		return nil, b.damaged(blob.WholeBlob, "it is shorter than its table")
	}
	tail := make([]byte, table+footerBytes)
	n, err := b.file.ReadAt(tail, fileBytes-int64(len(tail)))
	if n == len(tail) {
		return tail, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return nil, b.damaged(blob.WholeBlob, "it ends early")
	}
	return nil, fmt.Errorf("read footer: %w", unreadable(err))
}

func (b *file) Size() int64 { return b.contentBytes }

func (b *file) Close() error {
	if b.closed.Swap(true) {
		return fs.ErrClosed
	}
	return b.file.Close()
}

// ReadAt is io.ReaderAt. It reads and verifies the whole of each block that the
// range touches.
func (b *file) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read blob %s: negative offset %d", b.ref, off)
	}
	n := 0
	for n < len(p) && off < b.contentBytes {
		m, err := b.readSome(p[n:], off)
		if err != nil {
			return n, err
		}
		n += m
		off += int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readSome reads at least one byte: whole blocks into p where it has room for
// them, or a part of one block by way of a chunk.
func (b *file) readSome(p []byte, off int64) (int, error) {
	size := int64(b.blockBytes)
	start := off - off%size
	if start == off {
		room := min(int64(len(p)), b.contentBytes-off)
		if off+room < b.contentBytes {
			room -= room % size
		}
		if room > 0 {
			return int(room), b.readBlocks(p[:room], off)
		}
	}
	c := b.store.chunks.Get().(*chunk)
	defer b.store.chunks.Put(c)
	block := c[:min(size, b.contentBytes-start)]
	if err := b.readBlocks(block, start); err != nil {
		return 0, err
	}
	return copy(p, block[off-start:]), nil
}

// CopyRange writes n verified bytes from off to w, a chunk at a time.
func (b *file) CopyRange(w io.Writer, off, n int64) (int64, error) {
	if off < 0 || n < 0 || off > b.contentBytes || n > b.contentBytes-off {
		return 0, fmt.Errorf("copy blob %s: %d bytes from %d of %d", b.ref, n, off, b.contentBytes)
	}
	c := b.store.chunks.Get().(*chunk)
	defer b.store.chunks.Put(c)
	size := int64(b.blockBytes)
	for at, end := off, off+n; at < end; {
		start := at - at%size
		stop := min(start+chunkBytes, (end+size-1)/size*size, b.contentBytes)
		if err := b.readBlocks(c[:stop-start], start); err != nil {
			return at - off, err
		}
		p := c[at-start : min(stop, end)-start]
		m, err := w.Write(p)
		if err == nil && m != len(p) {
			err = io.ErrShortWrite
		}
		at += int64(m)
		if err != nil {
			return at - off, fmt.Errorf("copy blob %s: %w", b.ref, err)
		}
	}
	return n, nil
}

// readBlocks fills p from off, which starts a block, and verifies it. p ends with
// a block or with the content.
func (b *file) readBlocks(p []byte, off int64) error {
	if b.closed.Load() {
		return fmt.Errorf("read blob %s: %w", b.ref, fs.ErrClosed)
	}
	block := off / int64(b.blockBytes)
	n, err := b.file.ReadAt(p, off)
	if n != len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			return b.damaged(block+int64(n/b.blockBytes), "the file ends early")
		}
		return fmt.Errorf("read blob %s at %d: %w", b.ref, off, unreadable(err))
	}
	for ; len(p) > 0; block++ {
		m := min(len(p), b.blockBytes)
		if crc32.Checksum(p[:m], castagnoli) != binary.LittleEndian.Uint32(b.table[block*sumBytes:]) {
			return b.damaged(block, "checksum does not match")
		}
		p = p[m:]
	}
	return nil
}

// unreadable tells errors of the disk from those of who asks, which has too many files
// open, say.
func unreadable(err error) error {
	for _, e := range []error{syscall.EIO, syscall.ENXIO, syscall.ENODEV, syscall.EBADMSG} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", err, blob.ErrUnreadable)
		}
	}
	return err
}

func (b *file) damaged(block int64, reason string) error {
	return &blob.DamagedError{Ref: b.ref, Block: block, Reason: reason}
}

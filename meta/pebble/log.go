package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"

	pebbledb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Every commit ends with a mark that the log alone keeps: its number, and the number of
// the newest commit that was durable by then. Pebble takes the end of the newest log for
// what a crash left of a write that nobody waited for, if it does not find out better,
// and it does not for what is near the end. A mark behind it knows better.
const markBytes = 1 + 1 + 8 + 8 // kind and length of an entry in a batch, and the numbers

// mark ends a batch with the mark of the commit that it will be.
func (s *Store) mark(b *pebbledb.Batch, seq uint64) error {
	durable := s.durable.seq.Load()
	if !s.sync.Sync {
		durable = 0
	}
	var m [16]byte
	binary.LittleEndian.PutUint64(m[:], seq)
	binary.LittleEndian.PutUint64(m[8:], durable)
	return b.LogData(m[:], nil)
}

// readMark finds the mark at the end of a commit.
func readMark(commit []byte) (seq, durable uint64, ok bool) {
	if len(commit) < markBytes {
		return 0, 0, false
	}
	m := commit[len(commit)-markBytes:]
	if m[0] != byte(pebbledb.InternalKeyKindLogData) || m[1] != markBytes-2 {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint64(m[2:]), binary.LittleEndian.Uint64(m[10:]), true
}

// checkLog returns ErrLostLog if the newest log cannot be read to its end, and a commit
// behind that place knew a lost one to be durable. No log tells a rotten last commit
// from one that was cut; Close leaves none.
func checkLog(fs vfs.FS, dir string) error {
	name, number, err := newestLog(fs, dir)
	if err != nil || name == "" {
		return err
	}
	f, err := fs.Open(fs.PathJoin(dir, name), vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	defer f.Close()
	l := logReader{r: f, number: uint32(number)}
	whole, err := l.readWhole()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	end := l.base
	first, durable, err := l.readBehind()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	lost := whole + 1
	if whole == 0 && first > 0 {
		lost = max(first-1, 1)
	}
	if durable >= lost {
		return fmt.Errorf("%w: %s cannot be read from byte %d on, where commit %d was", ErrLostLog, name, end, lost)
	}
	return nil
}

func newestLog(fs vfs.FS, dir string) (name string, number uint64, err error) {
	names, err := fs.List(dir)
	if errors.Is(err, os.ErrNotExist) {
		return "", 0, nil
	}
	for _, n := range names {
		stem, isLog := strings.CutSuffix(n, logSuffix)
		if num, err := strconv.ParseUint(stem, 10, 64); isLog && err == nil && num >= number {
			name, number = n, num
		}
	}
	return name, number, err
}

// What a log is made of: chunks of commits, in blocks of 32 KiB, each with the CRC-32C
// of what follows it, its length, its kind, the number of its log, and an offset ("The
// WAL sync format" in Pebble's package record).
const (
	logBlockBytes  = 32 << 10
	logHeaderBytes = 4 + 2 + 1 + 4 + 8
	logLengthAt    = 4
	logKindAt      = 6
	logNumberAt    = 7
)

// The kinds of chunks: a whole commit, or a part of one.
const (
	chunkWhole = 9 + iota
	chunkFirst
	chunkMiddle
	chunkLast
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// logReader reads a log chunk by chunk.
type logReader struct {
	r      io.Reader
	number uint32 // as chunks have it
	buf    [logBlockBytes]byte
	block  []byte // of buf, what was read of the block and is still to be looked at
	base   int64  // where in the log that is
}

// next reads the next block; io.EOF is the end of the file.
func (l *logReader) next() error {
	l.base += int64(len(l.block))
	n, err := io.ReadFull(l.r, l.buf[:])
	l.block = l.buf[:n]
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// skip leaves n bytes of the block behind.
func (l *logReader) skip(n int) {
	l.block = l.block[n:]
	l.base += int64(n)
}

// readWhole goes to the first chunk that cannot be read, and returns the number of the
// last commit before it that is whole.
func (l *logReader) readWhole() (whole uint64, err error) {
	var end []byte // of the commit that is read
	for {
		for len(l.block) >= logHeaderBytes {
			kind, payload, ok := l.chunk()
			if !ok {
				return whole, nil
			}
			if kind == chunkWhole || kind == chunkFirst {
				end = end[:0]
			}
			end = append(end, payload[max(0, len(payload)-markBytes):]...)
			if kind == chunkWhole || kind == chunkLast {
				if seq, _, ok := readMark(end); ok {
					whole = seq
				}
			}
			l.skip(logHeaderBytes + len(payload))
		}
		if err := l.next(); errors.Is(err, io.EOF) {
			return whole, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// readBehind reads the chunks behind the one that cannot be read: it returns the
// number of the first commit that is whole, and the newest that a mark knew to be
// durable. Each byte may begin a chunk, since the length of the bad one is not believed;
// a log that Pebble uses again has much behind its end, so the number is looked for.
func (l *logReader) readBehind() (first, durable uint64, err error) {
	number := binary.LittleEndian.AppendUint32(nil, l.number)
	for {
		for len(l.block) >= logHeaderBytes {
			i := bytes.Index(l.block[logNumberAt:], number)
			if i < 0 {
				break
			}
			l.skip(i)
			kind, payload, ok := l.chunk()
			if !ok {
				l.skip(1)
				continue
			}
			if seq, d, marked := readMark(payload); marked && (kind == chunkWhole || kind == chunkLast) {
				durable = max(durable, d)
				if first == 0 && kind == chunkWhole {
					first = seq
				}
			}
			l.skip(logHeaderBytes + len(payload))
		}
		if err := l.next(); errors.Is(err, io.EOF) {
			return first, durable, nil
		} else if err != nil {
			return 0, 0, err
		}
	}
}

// chunk returns the chunk that begins here; ok is false if there is none that is whole.
func (l *logReader) chunk() (kind byte, payload []byte, ok bool) {
	b := l.block
	if len(b) < logHeaderBytes {
		return 0, nil, false
	}
	kind = b[logKindAt]
	if kind < chunkWhole || kind > chunkLast || binary.LittleEndian.Uint32(b[logNumberAt:]) != l.number {
		return 0, nil, false
	}
	size := logHeaderBytes + int(binary.LittleEndian.Uint16(b[logLengthAt:]))
	if size > len(b) || binary.LittleEndian.Uint32(b) != maskedSum(b[logKindAt:size]) {
		return 0, nil, false
	}
	return kind, b[logHeaderBytes:size], true
}

// maskedSum is the checksum of a chunk: turned, so that a chunk within a chunk is none.
func maskedSum(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

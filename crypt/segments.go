package crypt

import (
	"errors"
	"fmt"
	"io"

	"github.com/minio/sio"
)

// The format is DARE 2.0 (github.com/minio/sio, "DARE.md") with AES-256-GCM: each
// segment of up to segmentBytes has a header and a tag. The number of a segment,
// and whether it is the last, are part of its nonce, so that none can be moved,
// dropped or added unseen.
const (
	segmentBytes = 64 << 10
	headerBytes  = 16
	extraBytes   = headerBytes + 16 // header and tag
	sealedBytes  = segmentBytes + extraBytes

	// lastFlag is in this byte of the header of the last segment.
	flagByte = 4
	lastFlag = 0x80
)

// SizeMax is how many bytes can be encrypted as one: the number of a segment has
// 32 bits.
const SizeMax = segmentBytes << 32

// StoredSize is what size bytes take when they are encrypted.
func StoredSize(size int64) int64 { return size + segments(size)*extraBytes }

func segments(size int64) int64 { return (size + segmentBytes - 1) / segmentBytes }

func (k Key) config() sio.Config {
	return sio.Config{MinVersion: sio.Version20, MaxVersion: sio.Version20, CipherSuites: []byte{sio.AES_256_GCM}, Key: k.b[:]}
}

// Encrypter is a reader of encrypted bytes.
type Encrypter struct {
	io.Reader
	plain counter
}

// Size is how many bytes were read to be encrypted.
func (e *Encrypter) Size() int64 { return e.plain.n }

// Encrypt reads r encrypted under k, a key that encrypts nothing else. An error of
// r comes out as it is.
func (k Key) Encrypt(rand io.Reader, r io.Reader) (*Encrypter, error) {
	e := &Encrypter{plain: counter{r: r}}
	cfg := k.config()
	cfg.Rand = rand
	sealed, err := sio.EncryptReader(&e.plain, cfg)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	e.Reader = &unhidden{sealed, &e.plain}
	return e, nil
}

// counter counts what is read, and keeps the error that ended it.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

// cutError stands for the error of the source on its way through sio, which would
// take io.ErrUnexpectedEOF, what a body that was cut says, for its end.
type cutError struct{ error }

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.n > SizeMax {
		err = fmt.Errorf("encrypt: over %d bytes", int64(SizeMax))
	}
	if err != nil && err != io.EOF {
		c.err = err
		return n, cutError{err}
	}
	return n, err
}

// unhidden gives the error of the source back.
type unhidden struct {
	r     io.Reader
	plain *counter
}

func (u *unhidden) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if u.plain.err != nil {
		return n, u.plain.err
	}
	return n, err
}

// Source is where encrypted bytes are.
type Source interface {
	Size() int64
	// CopyRange writes n bytes from off to w.
	CopyRange(w io.Writer, off, n int64) (int64, error)
}

// CopyRange writes n bytes from off of the size bytes that src has encrypted, and
// returns how many it wrote. It reads only the segments that have some of them,
// and writes of each only when all of it was found authentic; the error is then
// ErrDamaged.
func (k Key) CopyRange(w io.Writer, src Source, size, off, n int64) (int64, error) {
	switch {
	case off < 0 || n < 0 || off > size || n > size-off:
		return 0, fmt.Errorf("decrypt %d bytes from %d of %d", n, off, size)
	case src.Size() != StoredSize(size):
		return 0, fmt.Errorf("%d encrypted bytes are stored in %d, not in %d: %w", size, StoredSize(size), src.Size(), ErrDamaged)
	case n == 0:
		return 0, nil
	}
	first, end := off/segmentBytes, segments(off+n)
	from, to := first*sealedBytes, min(end*sealedBytes, src.Size())
	cfg := k.config()
	cfg.SequenceNumber = uint32(first)
	out := &window{w: w, skip: off - first*segmentBytes, left: n}
	plain, err := sio.DecryptWriter(out, cfg)
	if err != nil {
		return 0, fmt.Errorf("decrypt: %w", err)
	}
	flags := &flagged{w: plain, at: from, last: (segments(size) - 1) * sealedBytes}
	if _, err = src.CopyRange(flags, from, to-from); err == nil {
		err = plain.Close()
	}
	if _, ok := errors.AsType[sio.Error](err); ok {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err == nil && out.left != 0 {
		err = fmt.Errorf("%d bytes are missing: %w", out.left, ErrDamaged)
	}
	return out.written, err
}

// window passes on the bytes that were asked for.
type window struct {
	w                   io.Writer
	skip, left, written int64
}

func (f *window) Write(p []byte) (int, error) {
	all := len(p)
	n := min(f.skip, int64(len(p)))
	f.skip -= n
	p = p[n:]
	p = p[:min(f.left, int64(len(p)))]
	if len(p) == 0 {
		return all, nil
	}
	m, err := f.w.Write(p)
	f.written += int64(m)
	f.left -= int64(m)
	if err != nil {
		return all - len(p) + m, err
	}
	return all, nil
}

// flagged looks whether the last segment, and no other, says that it is the last,
// before it is decrypted: sio sees only the segments that it is given.
type flagged struct {
	w        io.Writer
	at, last int64 // where the next byte, and the last segment, are in what is stored
}

func (f *flagged) Write(p []byte) (int, error) {
	next := f.at - f.at%sealedBytes + flagByte
	if next < f.at {
		next += sealedBytes
	}
	for ; next < f.at+int64(len(p)); next += sealedBytes {
		if isLast := p[next-f.at]&lastFlag != 0; isLast != (next-flagByte == f.last) {
			return 0, fmt.Errorf("segment %d of what is encrypted is in the wrong place: %w", next/sealedBytes, ErrDamaged)
		}
	}
	n, err := f.w.Write(p)
	f.at += int64(n)
	return n, err
}

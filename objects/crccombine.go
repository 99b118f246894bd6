package objects

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"coffer"
)

// polyCRC64NVME is the polynomial of CRC-64/NVME in reversed bit order (NVM
// Express base specification, "64b CRC").
const polyCRC64NVME = 0x9a6c9329ac4bc9b5

// joiner computes the FULL_OBJECT checksum of pieces in turn: the CRC of joined
// bytes follows from the CRCs of the pieces and their lengths. A CRC is a
// polynomial over GF(2), its highest bit the coefficient of 1; to append n bytes to
// what it was computed over is to multiply it by x^8n, modulo the polynomial.
type joiner struct {
	poly uint64
	one  uint64 // the polynomial 1: the highest bit of the width
	sum  uint64

	size  int64  // of the last piece; most pieces of an upload have the same
	shift uint64 // x^(8·size)
}

func newJoiner(a coffer.ChecksumAlgorithm) *joiner {
	j := &joiner{poly: polyCRC64NVME, one: 1 << 63}
	switch a {
	case coffer.CRC32:
		j = &joiner{poly: crc32.IEEE, one: 1 << 31}
	case coffer.CRC32C:
		j = &joiner{poly: crc32.Castagnoli, one: 1 << 31}
	}
	j.shift = j.one
	return j
}

// bytes is the width of the checksum.
func (j *joiner) bytes() int {
	if j.one == 1<<31 {
		return 4
	}
	return 8
}

// add appends a piece by its base64 checksum and its size in bytes.
func (j *joiner) add(checksum string, size int64) error {
	b, err := base64.StdEncoding.DecodeString(checksum)
	if err != nil || len(b) != j.bytes() {
		return coffer.Errorf(coffer.InvalidRequest, "The checksum %q is not one of %d bits.", checksum, 8*j.bytes())
	}
	if size != j.size {
		j.size, j.shift = size, j.power(uint64(size))
	}
	j.sum = j.times(j.sum, j.shift) ^ binary.BigEndian.Uint64(append(make([]byte, 8-len(b), 8), b...))
	return nil
}

// power is x^8n, by squaring.
func (j *joiner) power(n uint64) uint64 {
	p := j.one
	for square := j.one >> 8; n != 0; n >>= 1 {
		if n&1 != 0 {
			p = j.times(p, square)
		}
		square = j.times(square, square)
	}
	return p
}

// times multiplies two polynomials: b is multiplied by x once for each bit of a,
// and added where that bit is set.
func (j *joiner) times(a, b uint64) (product uint64) {
	for bit := j.one; a != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
			a &^= bit
		}
		carry := b & 1
		if b >>= 1; carry != 0 {
			b ^= j.poly
		}
	}
	return product
}

func (j *joiner) value() string {
	b := binary.BigEndian.AppendUint64(nil, j.sum)
	return base64.StdEncoding.EncodeToString(b[8-j.bytes():])
}

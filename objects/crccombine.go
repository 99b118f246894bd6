package objects

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"coffer"
)

// The polynomials in reversed bit order: CRC-64/NVME is in the NVM Express base
// specification, "64b CRC".
const (
	polyCRC64NVME = 0x9a6c9329ac4bc9b5
)

// combinable tells whether the checksum of joined bytes follows from those of
// the pieces and their lengths.
func combinable(a coffer.ChecksumAlgorithm) bool {
	return a == coffer.CRC32 || a == coffer.CRC32C || a == coffer.CRC64NVME
}

// crcCombine returns the CRC of A followed by B from the CRCs of both and the
// length of B in bytes. Appending a zero bit to A is a linear map over GF(2); it is
// squared for each bit of the length (Mark Adler's method in zlib's crc32_combine).
func crcCombine(poly uint64, width int, a, b uint64, lenB int64) uint64 {
	if lenB == 0 {
		return a
	}
	var op [64]uint64 // column i is what bit i becomes
	op[0] = poly
	for i := 1; i < width; i++ {
		op[i] = 1 << (i - 1)
	}
	// One zero bit, squared three times: one zero byte.
	for range 3 {
		op = squared(op, width)
	}
	for n := uint64(lenB); n != 0; n >>= 1 {
		if n&1 != 0 {
			a = times(op, a)
		}
		op = squared(op, width)
	}
	return a ^ b
}

func times(m [64]uint64, v uint64) (sum uint64) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 != 0 {
			sum ^= m[i]
		}
	}
	return sum
}

func squared(m [64]uint64, width int) (sq [64]uint64) {
	for i := range width {
		sq[i] = times(m, m[i])
	}
	return sq
}

// joiner computes the FULL_OBJECT checksum of pieces in turn.
type joiner struct {
	poly  uint64
	width int
	sum   uint64
}

func newJoiner(a coffer.ChecksumAlgorithm) *joiner {
	switch a {
	case coffer.CRC32:
		return &joiner{poly: crc32.IEEE, width: 32}
	case coffer.CRC32C:
		return &joiner{poly: crc32.Castagnoli, width: 32}
	}
	return &joiner{poly: polyCRC64NVME, width: 64}
}

// add appends a piece by its base64 checksum and its size in bytes.
func (j *joiner) add(checksum string, size int64) error {
	b, err := base64.StdEncoding.DecodeString(checksum)
	if err != nil || len(b) != j.width/8 {
		return coffer.Errorf(coffer.InvalidRequest, "The checksum %q is not one of %d bits.", checksum, j.width)
	}
	j.sum = crcCombine(j.poly, j.width, j.sum, binary.BigEndian.Uint64(append(make([]byte, 8-len(b), 8), b...)), size)
	return nil
}

func (j *joiner) value() string {
	b := binary.BigEndian.AppendUint64(nil, j.sum)
	return base64.StdEncoding.EncodeToString(b[8-j.width/8:])
}

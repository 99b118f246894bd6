package coffer

import (
	"fmt"
	"strings"
)

// ChecksumAlgorithm is one of the ten that S3 knows, or "" for none.
type ChecksumAlgorithm string

// The checksum algorithms, as S3 writes them.
const (
	CRC32     ChecksumAlgorithm = "CRC32"
	CRC32C    ChecksumAlgorithm = "CRC32C"
	CRC64NVME ChecksumAlgorithm = "CRC64NVME"
	MD5       ChecksumAlgorithm = "MD5"
	SHA1      ChecksumAlgorithm = "SHA1"
	SHA256    ChecksumAlgorithm = "SHA256"
	SHA512    ChecksumAlgorithm = "SHA512"
	XXHASH128 ChecksumAlgorithm = "XXHASH128"
	XXHASH3   ChecksumAlgorithm = "XXHASH3"
	XXHASH64  ChecksumAlgorithm = "XXHASH64"
)

// ChecksumAlgorithms lists them in the order in which S3 tells them.
var ChecksumAlgorithms = [...]ChecksumAlgorithm{CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64}

// Joins tells whether the checksum of joined bytes follows from those of the pieces
// and their lengths, so that it can be of a whole object made of parts.
func (a ChecksumAlgorithm) Joins() bool { return a == CRC32 || a == CRC32C || a == CRC64NVME }

// ChecksumType says what a checksum of an object made of parts covers.
type ChecksumType string

// The checksum types: over the checksums of the parts, or over all bytes.
const (
	Composite  ChecksumType = "COMPOSITE"
	FullObject ChecksumType = "FULL_OBJECT"
)

// Checksum is a data checksum: Value is base64, with "-N" behind it for a
// composite one of N parts.
type Checksum struct {
	Algorithm ChecksumAlgorithm
	Type      ChecksumType
	Value     string
}

// ParseChecksumAlgorithm reads the name of an algorithm.
func ParseChecksumAlgorithm(s string) (ChecksumAlgorithm, error) {
	for _, a := range ChecksumAlgorithms {
		if string(a) == s {
			return a, nil
		}
	}
	return "", Errorf(InvalidRequest, "Checksum algorithm provided is unsupported. "+
		"Please try again with any of the valid types: [%s]", strings.Trim(strings.ReplaceAll(fmt.Sprint(ChecksumAlgorithms), " ", ", "), "[]"))
}

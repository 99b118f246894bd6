package disk

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
)

// A file is the content, the CRC32C of each block of it, and a footer; see
// docs/format.md.
const (
	footerMagic   = "CFBL"
	footerVersion = 1
	footerBytes   = 64
	sumBytes      = 4

	// blockBytes is the unit of verification: docs/decisions/003-blob-files.md.
	blockBytes    = 128 << 10
	blockBytesMin = 4 << 10
	blockBytesMax = chunkBytes
	chunkBytes    = 256 << 10

	// contentBytesMax keeps the table of an open blob below 2 MiB. S3 has no
	// part above 5 GiB.
	contentBytesMax = 64 << 30

	offVersion = 4
	offContent = 8
	offBlock   = 16
	offDisk    = 20
	offName    = 24
	offCreated = 40
	offZero    = 48
	offSum     = 60
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// footer is the end of each file. It names the blob, so that a file in the place
// of another is noticed.
type footer struct {
	contentBytes int64
	blockBytes   int
	disk, name   string
	createdNanos int64 // since 1970, for whoever has lost the metadata
}

// tableBytes is how much the checksums of that many bytes of content take.
func tableBytes(contentBytes int64, blockBytes int) int64 {
	size := int64(blockBytes)
	return (contentBytes + size - 1) / size * sumBytes
}

// tableBytesIn is how much the checksums take in a file of that size.
func tableBytesIn(fileBytes int64, blockBytes int) int64 {
	return tableBytes(max(0, fileBytes-footerBytes), blockBytes+sumBytes)
}

// appendTo appends the footer to the table, which its checksum covers too.
func (f footer) appendTo(table []byte) ([]byte, error) {
	name, err := hex.DecodeString(f.name)
	if err != nil || len(name) != nameRandomBytes || len(f.disk) != idBytes {
		return nil, fmt.Errorf("footer of %q on disk %q: malformed name", f.name, f.disk)
	}
	var p [footerBytes]byte
	copy(p[:], footerMagic)
	binary.LittleEndian.PutUint32(p[offVersion:], footerVersion)
	binary.LittleEndian.PutUint64(p[offContent:], uint64(f.contentBytes))
	binary.LittleEndian.PutUint32(p[offBlock:], uint32(f.blockBytes))
	copy(p[offDisk:], f.disk)
	copy(p[offName:], name)
	binary.LittleEndian.PutUint64(p[offCreated:], uint64(f.createdNanos))
	sum := crc32.Update(crc32.Checksum(table, castagnoli), castagnoli, p[:offSum])
	binary.LittleEndian.PutUint32(p[offSum:], sum)
	return append(table, p[:]...), nil
}

// parseFooter reads the last footerBytes of a file. What it returns is within
// bounds, but not verified before checkSum.
func parseFooter(p []byte) (footer, error) {
	if len(p) != footerBytes || string(p[:offVersion]) != footerMagic {
		return footer{}, errors.New("no footer")
	}
	if v := binary.LittleEndian.Uint32(p[offVersion:]); v != footerVersion {
		return footer{}, fmt.Errorf("footer version %d is not known", v)
	}
	content := binary.LittleEndian.Uint64(p[offContent:])
	block := binary.LittleEndian.Uint32(p[offBlock:])
	if content > contentBytesMax {
		return footer{}, fmt.Errorf("footer says %d bytes of content, max %d", content, int64(contentBytesMax))
	}
	if block < blockBytesMin || block > blockBytesMax || block&(block-1) != 0 {
		return footer{}, fmt.Errorf("footer says blocks of %d bytes", block)
	}
	return footer{
		contentBytes: int64(content),
		blockBytes:   int(block),
		disk:         string(p[offDisk:offName]),
		name:         hex.EncodeToString(p[offName:offCreated]),
		createdNanos: int64(binary.LittleEndian.Uint64(p[offCreated:])),
	}, nil
}

// checkSum verifies a table with the footer behind it.
func checkSum(tail []byte) error {
	at := len(tail) - sumBytes
	if binary.LittleEndian.Uint32(tail[at:]) != crc32.Checksum(tail[:at], castagnoli) {
		return errors.New("checksum of the footer does not match")
	}
	return nil
}

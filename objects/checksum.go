package objects

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"

	"coffer"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newHash(a coffer.ChecksumAlgorithm) hash.Hash {
	switch a {
	case coffer.CRC32:
		return crc32.NewIEEE()
	case coffer.CRC32C:
		return crc32.New(castagnoli)
	case coffer.MD5:
		return md5.New()
	case coffer.SHA1:
		return sha1.New()
	case coffer.SHA256:
		return sha256.New()
	case coffer.SHA512:
		return sha512.New()
	case coffer.XXHASH128:
		return xxh3.New128()
	case coffer.XXHASH3:
		return xxh3.New()
	case coffer.XXHASH64:
		return xxhash.New()
	}
	return crc64nvme.New()
}

// Digests are what a client says of the bytes that it sends.
type Digests struct {
	// MD5 is the decoded Content-MD5, or nil.
	MD5 []byte
	// Checksum has the algorithm that the client chose, or none, and the value
	// unless it comes behind the bytes.
	Checksum coffer.Checksum
	// Trailer gives the value that came behind the bytes, once they are read; nil
	// if the value came before.
	Trailer func() string
}

// digester computes the digests of what is read through it, or written to it.
type digester struct {
	r   io.Reader
	md5 hash.Hash
	sum hash.Hash
	all hash.Hash // CRC64NVME beside sum, for a part of another algorithm; or nil
	alg coffer.ChecksumAlgorithm
	n   int64
	max int64
}

// newDigester reads at most max bytes of r: one more is EntityTooLarge.
func newDigester(r io.Reader, alg coffer.ChecksumAlgorithm, max int64) *digester {
	if alg == "" {
		alg = coffer.CRC64NVME
	}
	return &digester{r: r, md5: md5.New(), sum: newHash(alg), alg: alg, max: max}
}

func (d *digester) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if _, over := d.Write(p[:n]); over != nil {
		return n, over
	}
	return n, err
}

// Write takes bytes that come from elsewhere than a reader.
func (d *digester) Write(p []byte) (int, error) {
	d.md5.Write(p)
	d.sum.Write(p)
	if d.all != nil {
		d.all.Write(p)
	}
	if d.n += int64(len(p)); d.n > d.max {
		return len(p), tooLarge(d.n, d.max)
	}
	return len(p), nil
}

func tooLarge(size, max int64) error {
	return (&coffer.Error{Code: coffer.EntityTooLarge}).
		With("ProposedSize", strconv.FormatInt(size, 10)).
		With("MaxSizeAllowed", strconv.FormatInt(max, 10))
}

// etag is the MD5 in hexadecimal.
func (d *digester) etag() string { return hex.EncodeToString(d.md5.Sum(nil)) }

// checksum is what was computed over all bytes.
func (d *digester) checksum() coffer.Checksum {
	return coffer.Checksum{Algorithm: d.alg, Type: coffer.FullObject,
		Value: base64.StdEncoding.EncodeToString(d.sum.Sum(nil))}
}

// whole is the CRC64NVME that was computed beside the checksum; "" if none was.
func (d *digester) whole() string {
	if d.all == nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(d.all.Sum(nil))
}

// verify compares what the client said with what arrived: how many bytes, if
// size is not -1, and their digests. A body that ends early is never an object.
func (d *digester) verify(said Digests, size int64) error {
	if size >= 0 && d.n != size {
		return (&coffer.Error{Code: coffer.IncompleteBody}).Wrap(fmt.Errorf("%d bytes came, %d were announced", d.n, size))
	}
	if said.MD5 != nil && string(said.MD5) != string(d.md5.Sum(nil)) {
		return (&coffer.Error{Code: coffer.BadDigest}).
			With("ExpectedDigest", hex.EncodeToString(said.MD5)).
			With("CalculatedDigest", base64.StdEncoding.EncodeToString(d.md5.Sum(nil)))
	}
	want := said.Checksum.Value
	if said.Trailer != nil {
		want = said.Trailer()
	}
	if got := d.checksum().Value; want != "" && want != got {
		return badChecksum(d.alg, want, got)
	}
	return nil
}

func badChecksum(alg coffer.ChecksumAlgorithm, want, got string) error {
	return coffer.Errorf(coffer.BadDigest, "The %s you specified did not match the calculated checksum.", alg).
		With("ExpectedDigest", want).With("CalculatedDigest", got)
}

// CheckBytes compares bytes at hand with what a client says of them.
func CheckBytes(b []byte, said Digests) error {
	d := newDigester(bytes.NewReader(b), said.Checksum.Algorithm, int64(len(b)))
	if _, err := io.Copy(io.Discard, d); err != nil {
		return err
	}
	return d.verify(said, int64(len(b)))
}

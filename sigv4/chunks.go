package sigv4

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
)

// Limits of an aws-chunked body. A chunk header or a trailer must fit the
// buffer, so that a line without end costs no memory.
const (
	chunkBuffer    = 4 << 10
	chunkSizeMax   = 5 << 30 // a single PUT's limit
	chunkSizeMin   = 8 << 10 // of every signed chunk but the last
	chunkDigitsMax = 16
	trailerMax     = 16 << 10 // the whole trailer section
	trailersMax    = 32
)

// chunks reads an aws-chunked body, as in "Signature Calculations for the
// Authorization Header: Transferring Payload in Multiple Chunks":
//
//	hex-size [;chunk-signature=hex] CRLF payload CRLF   for each chunk
//	0 [;chunk-signature=hex] CRLF                       the last one
//	CRLF, or name:value lines, CRLF
//
// Payload goes straight from r into the caller's buffer but for what r's
// buffer holds already when a chunk header has been read from it.
type chunks struct {
	r        *bufio.Reader
	payload  Payload
	left     int64 // of the current chunk
	size     int64 // of the current chunk
	number   int   // of the current chunk, from 1
	owed     int64 // payload announced in x-amz-decoded-content-length and not yet in a chunk
	announce []string
	trailer  http.Header

	// Only with signed chunks. Each signature covers the one before.
	accessKeyID string
	scope       string // date, newline, credential scope, newline: the same in every text
	mac         *mac
	sum         hash.Hash // of the current chunk's payload, then of the trailers
	digest      [sha256.Size]byte
	previous    [signatureChars]byte
	given       [signatureChars]byte // the current chunk's
	text        []byte               // the string to sign, its memory used again
}

func newChunks(a *Auth, r io.Reader, key Key) *chunks {
	c := &chunks{
		r: bufio.NewReaderSize(r, chunkBuffer), payload: a.Payload,
		owed: a.decodedLength, announce: a.trailers,
	}
	if a.Payload.signed() {
		c.accessKeyID = a.Credential.AccessKeyID
		c.scope = a.date + "\n" + a.scope + "\n"
		c.mac, c.sum = key.mac(), sha256.New()
		copy(c.previous[:], a.signature)
		c.text = make([]byte, 0, 512)
	}
	return c
}

// Read returns payload of one chunk at most. The last bytes of a chunk come
// only when its signature has been found right.
func (c *chunks) Read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
		if c.left == 0 {
			if err := c.finish(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	if err != nil {
		return 0, incomplete(err)
	}
	c.left -= int64(n)
	if c.sum != nil {
		c.sum.Write(p[:n])
	}
	if c.left == 0 {
		if err := c.endChunk(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// next reads a chunk header.
func (c *chunks) next() error {
	line, err := c.r.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		return refuse(codeIncompleteBody, "A chunk header of the aws-chunked body is too long.")
	case err != nil:
		return incomplete(err)
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return malformedChunk()
	}
	if c.payload.signed() {
		var signature []byte
		line, signature, ok = bytes.Cut(line, []byte(";chunk-signature="))
		if !ok || len(signature) != signatureChars {
			return malformedChunk()
		}
		copy(c.given[:], signature)
		c.sum.Reset()
	}
	before := c.size
	if c.size, ok = parseChunkSize(line); !ok {
		return malformedChunk()
	}
	c.number++
	if c.payload.signed() && c.number > 1 && c.size > 0 && before < chunkSizeMin {
		return refuse(codeBadChunkSize, "Only the last chunk is allowed to have a size less than %d bytes", chunkSizeMin).
			with("Chunk", itoa(c.number-1)).with("BadChunkSize", itoa(int(before)))
	}
	if c.size > c.owed {
		return refuse(codeIncompleteBody, "The aws-chunked body holds more bytes than x-amz-decoded-content-length says.")
	}
	c.owed -= c.size
	c.left = c.size
	return nil
}

// parseChunkSize reads hex digits and nothing else.
func parseChunkSize(digits []byte) (int64, bool) {
	if len(digits) == 0 || len(digits) > chunkDigitsMax {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if !isHex(c) {
			return 0, false
		}
		n = n<<4 | uint64(unhex(c))
	}
	return int64(n), n <= chunkSizeMax
}

// endChunk reads what follows a chunk's payload and checks its signature.
func (c *chunks) endChunk() error {
	if err := c.crlf(); err != nil {
		return err
	}
	return c.checkChunk()
}

func (c *chunks) crlf() error {
	for _, want := range [...]byte{'\r', '\n'} {
		got, err := c.r.ReadByte()
		if err != nil {
			return incomplete(err)
		}
		if got != want {
			return malformedChunk()
		}
	}
	return nil
}

// finish reads what follows the header of the last chunk, to the very end: with
// bytes left over, sender and receiver do not mean the same body.
func (c *chunks) finish() error {
	if err := c.checkChunk(); err != nil {
		return err
	}
	if c.owed > 0 {
		return incomplete(nil)
	}
	if c.payload.Trailing() {
		return c.readTrailer()
	}
	if err := c.crlf(); err != nil {
		return err
	}
	switch _, err := c.r.ReadByte(); err {
	case io.EOF:
		return nil
	case nil:
		return refuse(codeIncompleteBody, "Bytes follow the end of the aws-chunked body.")
	default:
		return incomplete(err)
	}
}

// checkChunk compares the current chunk's signature, and makes it the one that
// the next is chained to.
func (c *chunks) checkChunk() error {
	if !c.payload.signed() {
		return nil
	}
	c.text = c.chained(chunkAlgorithm)
	c.text = append(c.text, emptySHA256...)
	c.text = append(c.text, '\n')
	return c.check(c.given[:])
}

// chained begins a string to sign with what both kinds of it begin with.
func (c *chunks) chained(algorithm string) []byte {
	b := append(c.text[:0], algorithm...)
	b = append(b, '\n')
	b = append(b, c.scope...)
	b = append(b, c.previous[:]...)
	return append(b, '\n')
}

// check ends the string to sign with the hash of what c.sum was given, and
// compares its signature with given.
func (c *chunks) check(given []byte) error {
	c.text = hex.AppendEncode(c.text, c.sum.Sum(c.digest[:0]))
	c.mac.appendHex(c.previous[:0], c.text)
	if !hmac.Equal(c.previous[:], given) {
		return mismatch(c.accessKeyID, string(given), c.text, nil)
	}
	return nil
}

// malformedChunk has the code that AWS was seen to answer with, whatever is wrong
// with the framing.
func malformedChunk() *Error {
	return refuse(codeIncompleteBody, "The aws-chunked body is malformed: a chunk is a size in hex digits, its signature if chunks are signed, CRLF, that many bytes, CRLF.")
}

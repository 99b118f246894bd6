package backup

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"coffer/meta"
)

// pair is one record with its key.
type pair struct{ key, value []byte }

// appendPair writes a pair: the length of each, as a varint (protobuf.dev,
// "Encoding"), before its bytes.
func appendPair(b []byte, p pair) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(p.key))), p.key...)
	return append(binary.AppendUvarint(b, uint64(len(p.value))), p.value...)
}

var errPair = errors.New("malformed record")

// cutPair reads the first pair of b, whose bytes it shares.
func cutPair(b []byte) (p pair, rest []byte, err error) {
	if p.key, b, err = cutBytes(b, meta.KeyBytesMax); err == nil {
		p.value, b, err = cutBytes(b, meta.ValueBytesMax)
	}
	if err == nil && len(p.key) == 0 {
		err = errPair
	}
	return p, b, err
}

func cutBytes(b []byte, most uint64) (out, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > most || n > uint64(len(b)-size) {
		return nil, nil, errPair
	}
	b = b[size:]
	return b[:n:n], b[n:], nil
}

// readPair reads a pair off a stream; with an empty key, the text that ends it.
func readPair(r *bufio.Reader) (p pair, err error) {
	if p.key, err = readBytes(r, meta.KeyBytesMax); err == nil {
		p.value, err = readBytes(r, meta.ValueBytesMax)
	}
	return p, err
}

func readBytes(r *bufio.Reader, most uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, cut(err)
	}
	if n > most {
		return nil, fmt.Errorf("%w of %d bytes", errPair, n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, cut(err)
}

// cut makes sure that a stream which ends early is not taken for one that ended.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

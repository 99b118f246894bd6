package sigv4

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// readTrailer reads the trailers that follow the last chunk header, to the end
// of the body, as in "Signature calculations for trailing headers". They must
// be the announced ones, each once, and with signed chunks their signature
// after them.
//
// Clients frame them in several ways: minio-go ends a trailer with a bare LF,
// puts an empty line between it and the signature, and ends an unsigned section
// with two; others leave the last empty line out. So any line end does, and
// empty lines mean nothing: the end of the body ends the section. Only a line
// that is cut short is refused, as truncation.
func (c *chunks) readTrailer() error {
	c.trailer = http.Header{}
	if c.sum != nil {
		c.sum.Reset()
	}
	signed, ended, used := false, false, 0
	for {
		line, err := c.r.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			break
		}
		if err == bufio.ErrBufferFull {
			return malformedTrailer()
		}
		if err != nil {
			return incomplete(err)
		}
		if used += len(line); used > trailerMax {
			return malformedTrailer()
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if ended = len(line) == 0; ended {
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || signed {
			return malformedTrailer()
		}
		name, value = bytes.ToLower(name), bytes.Trim(value, " \t")
		if c.payload.signed() && string(name) == trailerSignatureName {
			if err := c.checkTrailer(value); err != nil {
				return err
			}
			signed = true
			continue
		}
		if err := c.addTrailer(name, value); err != nil {
			return err
		}
	}
	if len(c.trailer) != len(c.announce) || signed != c.payload.signed() {
		if !ended { // without an empty line at the end: cut, rather than malformed
			return incomplete(nil)
		}
		return malformedTrailer()
	}
	return nil
}

// addTrailer keeps an announced trailer. It is signed as the line that came:
// lower-case name, colon, trimmed value, newline, in the order sent.
func (c *chunks) addTrailer(name, value []byte) error {
	key := http.CanonicalHeaderKey(string(name))
	if !slices.Contains(c.announce, string(name)) || c.trailer[key] != nil || !isFieldValue(value) {
		return malformedTrailer()
	}
	c.trailer[key] = []string{string(value)}
	if c.sum != nil {
		c.sum.Write(name)
		c.sum.Write([]byte{':'})
		c.sum.Write(value)
		c.sum.Write([]byte{'\n'})
	}
	return nil
}

// isFieldValue refuses what could not stand in an HTTP header either.
func isFieldValue(value []byte) bool {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func (c *chunks) checkTrailer(given []byte) error {
	c.text = c.chained(trailerAlgorithm)
	return c.check(given)
}

func itoa(n int) string { return strconv.Itoa(n) }

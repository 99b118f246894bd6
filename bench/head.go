package main

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
)

// headLinesMax bounds what a server may send before its body.
const headLinesMax = 200

// head is what matters of an answer's head.
type head struct {
	status  int
	length  int64 // -1 if not announced
	chunked bool
	close   bool
	etag    string
}

// readHead reads a status line and header lines, up to the empty line.
func readHead(br *bufio.Reader) (head, error) {
	h := head{length: -1}
	text, err := br.ReadSlice('\n')
	if err != nil {
		return h, fmt.Errorf("read the status line: %w", err)
	}
	if len(text) < len("HTTP/1.1 200") || !bytes.HasPrefix(text, []byte("HTTP/1.")) {
		return h, fmt.Errorf("%q is no status line", text)
	}
	if h.status, err = strconv.Atoi(string(text[9:12])); err != nil {
		return h, fmt.Errorf("%q is no status line", text)
	}
	for range headLinesMax {
		text, err := br.ReadSlice('\n')
		if err != nil {
			return h, fmt.Errorf("read a header line: %w", err)
		}
		text = bytes.TrimRight(text, "\r\n")
		if len(text) == 0 {
			return h, nil
		}
		if err := h.set(text); err != nil {
			return h, err
		}
	}
	return h, fmt.Errorf("more than %d header lines", headLinesMax)
}

func (h *head) set(text []byte) error {
	name, value, _ := bytes.Cut(text, []byte(":"))
	value = bytes.TrimSpace(value)
	is := func(s string) bool { return len(name) == len(s) && bytes.EqualFold(name, []byte(s)) }
	switch {
	case is("Content-Length"):
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no length", value)
		}
		h.length = n
	case is("Transfer-Encoding"):
		h.chunked = bytes.EqualFold(value, []byte("chunked"))
	case is("Connection"):
		h.close = bytes.EqualFold(value, []byte("close"))
	case is("ETag"):
		h.etag = string(value)
	}
	return nil
}

// skipTrailer reads the trailer of a chunked body, to its empty line.
func skipTrailer(br *bufio.Reader) error {
	for range headLinesMax {
		text, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(bytes.TrimRight(text, "\r\n")) == 0 {
			return nil
		}
	}
	return fmt.Errorf("more than %d trailer lines", headLinesMax)
}

// between returns what stands between open and end in b, or "".
func between(b []byte, open, end string) string {
	_, b, ok := bytes.Cut(b, []byte(open))
	if !ok {
		return ""
	}
	b, _, ok = bytes.Cut(b, []byte(end))
	if !ok {
		return ""
	}
	return string(b)
}

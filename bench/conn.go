package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"time"
)

const (
	requestTimeout = 30 * time.Second
	readBuffer     = 64 << 10
	keptMax        = 8 << 20 // of an answer that is looked at
	oneWriteMax    = 32 << 10
)

// request is one HTTP/1.1 request, signed already.
type request struct {
	method, target string
	header         string // further lines, each with its CRLF
	body           []byte
	keep           bool // the answer's body is looked at
}

// answer is what came back. body is valid until the connection's next request,
// and nil unless it was asked for or tells of an error.
type answer struct {
	status int
	size   int64
	etag   string
	body   []byte
}

// conn is one keep-alive connection of one worker. It speaks only as much HTTP
// as S3 servers answer with, since net/http's client costs more than a server
// that is worth measuring.
type conn struct {
	addr string
	tls  *tls.Config // nil for plain TCP

	c    net.Conn
	br   *bufio.Reader
	out  []byte
	kept bytes.Buffer
}

func (c *conn) close() {
	if c.c != nil {
		_ = c.c.Close()
		c.c = nil
	}
}

// do sends r and reads its answer. A kept connection that the server closed
// meanwhile is made again, once.
func (c *conn) do(r request) (answer, error) {
	fresh := c.c == nil
	if fresh {
		if err := c.dial(); err != nil {
			return answer{}, err
		}
	}
	a, err := c.roundTrip(r)
	if errors.Is(err, errClosedIdle) && !fresh {
		if err := c.dial(); err != nil {
			return answer{}, err
		}
		a, err = c.roundTrip(r)
	}
	if err != nil {
		c.close()
	}
	return a, err
}

var errClosedIdle = errors.New("the server closed the connection without an answer")

func (c *conn) dial() error {
	c.close()
	d := net.Dialer{Timeout: requestTimeout}
	raw, err := d.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	c.c = raw
	if c.tls != nil {
		c.c = tls.Client(raw, c.tls)
	}
	if c.br == nil {
		c.br = bufio.NewReaderSize(nil, readBuffer)
	}
	c.br.Reset(c.c)
	return nil
}

func (c *conn) roundTrip(r request) (answer, error) {
	if err := c.c.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return answer{}, errClosedIdle
	}
	c.out = append(c.out[:0], r.method...)
	c.out = append(append(c.out, ' '), r.target...)
	c.out = append(append(c.out, " HTTP/1.1\r\nHost: "...), c.addr...)
	c.out = append(append(c.out, "\r\n"...), r.header...)
	if r.method == "PUT" || r.method == "POST" {
		c.out = strconv.AppendInt(append(c.out, "Content-Length: "...), int64(len(r.body)), 10)
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, "\r\n"...)
	var err error
	if len(r.body) <= oneWriteMax {
		c.out = append(c.out, r.body...)
		_, err = c.c.Write(c.out)
	} else {
		parts := net.Buffers{c.out, r.body}
		_, err = parts.WriteTo(c.c)
	}
	if err != nil {
		return answer{}, errors.Join(errClosedIdle, err)
	}
	return c.readAnswer(r)
}

func (c *conn) readAnswer(r request) (answer, error) {
	if _, err := c.br.Peek(1); err != nil {
		return answer{}, errors.Join(errClosedIdle, err)
	}
	for {
		h, err := readHead(c.br)
		if err != nil {
			return answer{}, err
		}
		if h.status == 100 {
			continue
		}
		a := answer{status: h.status, etag: h.etag}
		if r.method == "HEAD" || h.status == 204 || h.status == 304 {
			h.length, h.chunked = 0, false
		}
		if err := c.readBody(&a, h, r.keep || h.status >= 300); err != nil {
			return a, fmt.Errorf("read the answer's body: %w", err)
		}
		if h.close {
			c.close()
		}
		return a, nil
	}
}

func (c *conn) readBody(a *answer, h head, keep bool) error {
	var body io.Reader
	switch {
	case h.chunked:
		body = httputil.NewChunkedReader(c.br)
	case h.length < 0:
		return errors.New("it has no length")
	case !keep:
		a.size = h.length
		return c.discard(h.length)
	default:
		body = io.LimitReader(c.br, h.length)
	}
	c.kept.Reset()
	var err error
	if keep {
		a.size, err = c.kept.ReadFrom(io.LimitReader(body, keptMax))
		a.body = c.kept.Bytes()
	}
	rest, err2 := io.Copy(io.Discard, body)
	a.size += rest
	if err = errors.Join(err, err2); err != nil {
		return err
	}
	if !h.chunked {
		if a.size != h.length {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	return skipTrailer(c.br)
}

// discard drops n bytes. Large plain bodies are dropped in the kernel, so that
// a large GET measures the server and not this client's copying.
func (c *conn) discard(n int64) error {
	buffered := min(n, int64(c.br.Buffered()))
	if _, err := c.br.Discard(int(buffered)); err != nil {
		return err
	}
	n -= buffered
	if tcp, ok := c.c.(*net.TCPConn); ok && n > readBuffer {
		return discardTCP(tcp, n)
	}
	_, err := io.CopyN(io.Discard, c.br, n)
	return err
}

package backup

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"coffer/blob"
)

// Client reaches the Source of a server.
type Client struct {
	HTTP *http.Client
	Base string // the URL before the path
}

// errGone says that the server cannot read a blob.
var errGone = errors.New("the server cannot read it")

// errEnded says that the server has no snapshot for a backup any more.
var errEnded = errors.New("the backup was ended")

// snapshot is one that the server has out, until Close.
type snapshot struct {
	Header
	client *Client
	body   io.ReadCloser
	r      *bufio.Reader
}

func (c *Client) snapshot(ctx context.Context) (*snapshot, error) {
	resp, err := c.do(ctx, "POST", snapshotPath)
	if err != nil {
		return nil, fmt.Errorf("ask for a snapshot: %w", err)
	}
	s := &snapshot{client: c, body: resp.Body, r: bufio.NewReaderSize(resp.Body, 64<<10)}
	line, err := s.r.ReadSlice('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.Header)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the head of the snapshot: %w", err), s.Close())
	}
	return s, nil
}

// next returns the next record, or io.EOF after the last one.
func (s *snapshot) next() (pair, error) {
	p, err := readPair(s.r)
	switch {
	case err != nil:
		return p, fmt.Errorf("read the snapshot: %w", err)
	case len(p.key) > 0:
		return p, nil
	case len(p.value) > 0:
		return p, fmt.Errorf("the server could not read its metadata: %s", p.value)
	}
	return p, io.EOF
}

// keep renews the lease until ctx ends. It calls end with the reason if the server has
// ended the snapshot.
func (s *snapshot) keep(ctx context.Context, end func(error)) {
	ticks := time.NewTicker(renewTime)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			if err := s.renew(ctx); errors.Is(err, errEnded) {
				end(err)
				return
			}
		}
	}
}

// renew asks for the lease; the error is errEnded if the snapshot is not out any more.
func (s *snapshot) renew(ctx context.Context) error {
	resp, err := s.client.do(ctx, "GET", leasePath+s.Hold)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// why is err, or what the server says of the snapshot if it has ended that: a stream that
// was cut does not tell.
func (s *snapshot) why(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, errEnded) || ctx.Err() != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	if ended := s.renew(ctx); errors.Is(ended, errEnded) {
		return ended
	}
	return err
}

// Close lets the server delete blobs again.
func (s *snapshot) Close() error { return s.body.Close() }

// blob opens a blob of the snapshot, and tells its size.
func (s *snapshot) blob(ctx context.Context, ref blob.Ref) (io.ReadCloser, int64, error) {
	resp, err := s.client.do(ctx, "GET", blobPath+url.PathEscape(string(ref))+"?hold="+url.QueryEscape(s.Hold))
	if err != nil {
		return nil, 0, fmt.Errorf("read blob %s: %w", ref, err)
	}
	size, err := strconv.ParseInt(resp.Header.Get(sizeHeader), 10, 64)
	if err != nil || size < 0 {
		return nil, 0, errors.Join(fmt.Errorf("read blob %s: its size is %.20q", ref, resp.Header.Get(sizeHeader)), resp.Body.Close())
	}
	return &blobBody{resp: resp, left: size}, size, nil
}

// blobBody reads the bytes of a blob and ends in an error unless they are all there.
type blobBody struct {
	resp *http.Response
	left int64
}

func (b *blobBody) Read(p []byte) (int, error) {
	n, err := b.resp.Body.Read(p)
	b.left -= int64(n)
	if err != io.EOF {
		return n, err
	}
	switch text := b.resp.Trailer.Get(errorTrailer); {
	case text != "":
		err = fmt.Errorf("%w: %s", errGone, text)
	case b.left != 0:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *blobBody) Close() error { return b.resp.Body.Close() }

func (c *Client) do(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	err = errors.Join(fmt.Errorf("%s", strings.TrimSpace(string(text))), err, resp.Body.Close())
	if resp.StatusCode == http.StatusConflict && path != snapshotPath {
		err = fmt.Errorf("%w: %w", errEnded, err)
	}
	if resp.StatusCode == http.StatusNotFound && strings.HasPrefix(path, blobPath) {
		err = fmt.Errorf("%w: %w", errGone, err)
	}
	return nil, err
}

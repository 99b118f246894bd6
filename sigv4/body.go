package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
)

// Body reads the payload of a request, out of its framing, and verifies it on
// the way: the hash, the signatures of chunks and trailer, the lengths. Bytes
// are handed on before they are proved (a chunk's signature follows from its
// last byte), so nothing that was read may be published, nor acted on, before
// Read has returned io.EOF itself. Every other end is an *Error; where the
// reader below ended the body with an error of its own, that is its cause.
type Body struct {
	src    io.Reader
	size   int64
	err    error // what ended the body; Read goes on returning it
	chunks *chunks
}

// Body returns the payload of the claim, read from r. contentLength is what
// the HTTP request announced, -1 if nothing. key signs chunks; it is not looked
// at unless Payload says that they are signed. Call it only after Verify, or
// for an anonymous request.
func (a *Auth) Body(r io.Reader, contentLength int64, key Key) *Body {
	if r == nil {
		r = http.NoBody
	}
	if a.Payload.Streaming() {
		if contentLength == 0 && a.decodedLength == 0 && !a.Payload.Trailing() {
			// minio-go sends nothing at all, not even a last chunk, for an empty
			// object. That it is empty is signed: by x-amz-decoded-content-length.
			return &Body{src: &whole{r: r, left: 0}, size: 0}
		}
		c := newChunks(a, r, key)
		return &Body{src: c, size: a.decodedLength, chunks: c}
	}
	w := &whole{r: r, left: contentLength}
	if a.Payload == PayloadHash {
		w.sum, w.want = sha256.New(), a.ContentSHA256
	}
	return &Body{src: w, size: max(contentLength, -1)}
}

// Size is the length of the payload in bytes, -1 when it was not announced.
// A body that ends with io.EOF has that size.
func (b *Body) Size() int64 { return b.size }

// Trailer returns the trailers, by canonical name, once Read has returned
// io.EOF; before that, and without trailers, nil. They are those that
// x-amz-trailer announced, each once. What they mean is for the caller to check.
func (b *Body) Trailer() http.Header {
	if b.chunks == nil || b.err != io.EOF {
		return nil
	}
	return b.chunks.trailer
}

// Read reads payload. See Body for what io.EOF means.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.src.Read(p)
	b.err = err
	return n, err
}

// whole is a body without framing.
type whole struct {
	r    io.Reader
	left int64     // negative: not announced
	sum  hash.Hash // nil: not verified
	want string
}

func (w *whole) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.left >= 0 {
		if int64(n) > w.left {
			return 0, refuse(codeIncompleteBody, "The request body is longer than the Content-Length HTTP header says.")
		}
		w.left -= int64(n)
	}
	if w.sum != nil {
		w.sum.Write(p[:n])
	}
	if err == nil {
		return n, nil
	}
	if err != io.EOF {
		return n, incomplete(err)
	}
	if w.left > 0 {
		return n, incomplete(nil)
	}
	if w.sum != nil {
		if got := hex.EncodeToString(w.sum.Sum(nil)); !hmac.Equal([]byte(got), []byte(w.want)) {
			return 0, refuse(codeBadSHA256, "The provided 'x-amz-content-sha256' header does not match what was computed.").
				with("ClientComputedContentSHA256", w.want).with("S3ComputedContentSHA256", got)
		}
	}
	return n, io.EOF
}

// incomplete is a body that ended too early. Any error of the connection ends
// it too early; io.EOF as a cause says nothing more.
func incomplete(cause error) *Error {
	e := refuse(codeIncompleteBody, "You did not provide the number of bytes specified by the Content-Length HTTP header")
	if cause != io.EOF {
		e.cause = cause
	}
	return e
}

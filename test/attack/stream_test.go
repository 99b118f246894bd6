package attack

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
)

// The values of x-amz-content-sha256 for bodies in chunks.
const (
	signedStream        = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedStreamTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedStream      = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

var streams = []string{signedStream, signedStreamTrailer, unsignedStream}

const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// streamed is a request with a body in chunks.
type streamed struct {
	forged
	kind    string   // one of streams
	chunks  []string // without the last, empty one
	trailer string   // the value of x-amz-checksum-crc32; the right one if empty
	// spoil changes the frames: each chunk, the last one, and the trailer.
	spoil func(frames []string) []string
	// length is x-amz-decoded-content-length; that of the chunks if empty.
	length string
}

// text is the request as it goes out.
func (s streamed) text(w *world) string {
	payload := strings.Join(s.chunks, "")
	f := s.forged
	f.hash = s.kind
	if s.length == "" {
		s.length = fmt.Sprint(len(payload))
	}
	f.lines = append(append([]string{}, f.lines...), "x-amz-decoded-content-length: "+s.length, "Content-Encoding: aws-chunked")
	if s.kind != signedStream {
		f.lines = append(f.lines, "x-amz-trailer: x-amz-checksum-crc32")
	}
	f = f.complete(w)
	_, seed := f.text(w)
	frames := s.frames(f, seed, payload)
	if s.spoil != nil {
		frames = s.spoil(frames)
	}
	f.body = strings.Join(frames, "")
	text, _ := f.text(w)
	return text
}

// frames are the chunks, the empty one and the trailer, each of which is signed
// if the kind is, as "Transferring Payload in Multiple Chunks" says.
func (s streamed) frames(f forged, seed, payload string) []string {
	scope := f.date + "\n" + strings.TrimPrefix(f.credential(), f.who.id+"/") + "\n"
	previous := seed
	var frames []string
	for i, chunk := range append(append([]string{}, s.chunks...), "") {
		head := fmt.Sprintf("%x", len(chunk))
		if s.kind != unsignedStream {
			previous = mac(f.key(), "AWS4-HMAC-SHA256-PAYLOAD\n"+scope+previous+"\n"+emptySum+"\n"+sum(chunk))
			head += ";chunk-signature=" + previous
		}
		if i < len(s.chunks) {
			chunk += "\r\n"
		}
		frames = append(frames, head+"\r\n"+chunk)
	}
	if s.kind == signedStream {
		return append(frames, "\r\n")
	}
	value := s.trailer
	if value == "" {
		value = crc(payload)
	}
	line := "x-amz-checksum-crc32:" + value
	if s.kind == signedStreamTrailer {
		line += "\r\nx-amz-trailer-signature:" + mac(f.key(), "AWS4-HMAC-SHA256-TRAILER\n"+scope+previous+"\n"+sum("x-amz-checksum-crc32:"+value+"\n"))
	}
	return append(frames, line+"\r\n\r\n")
}

// crc is the value of x-amz-checksum-crc32.
func crc(payload string) string {
	n := crc32.ChecksumIEEE([]byte(payload))
	return base64.StdEncoding.EncodeToString([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

package attack

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// CHK-14, the matrix of operations, is TestCredentials. Of CHK-13 the private bucket is
// tried here, and one that strangers may write to in TestPublicBuckets. CHK-15 is
// in TestSignedPayloadsOverHTTP.
var chunkRows = []row{
	{"CHK-00", "streams that are well formed are stored as they were meant", goodStreams},
	{"CHK-01", "the head of an unsigned stream is verified", unsignedStreamHead},
	{"CHK-03", "nothing is seen before it was verified", heldStream},
	{"CHK-04", "a stream that is cut is not stored", cutStream},
	{"CHK-05", "chunks have their order and their end", shuffledStream},
	{"CHK-07", "a chunk begins with a size and nothing else", chunkHeaders},
	{"CHK-08", "a chunk that is announced costs no memory", hugeChunk},
	{"CHK-09", "only the last signed chunk is small", smallChunks},
	{"CHK-11", "a trailer is checked", wrongTrailer},
	{"CHK-12", "framing is never content", framing},
	{"CHK-13", "strangers stream nothing", anonymousStream},
}

func TestStreamedBodies(t *testing.T) {
	t.Parallel()
	attack(t, newPlainWorld(t), chunkRows)
}

// stream is an upload over an object that is there.
func stream(w *world, kind string, chunks ...string) streamed {
	f := put(w)
	f.body = ""
	return streamed{forged: f, kind: kind, chunks: chunks}
}

// big is a chunk that need not be the last.
var big = strings.Repeat("0123456789abcdef", 512)

func goodStreams(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams {
			for _, chunks := range [][]string{{"hello"}, {big, "hello"}, {big, big + big, "x"}, {}, {strings.Repeat(big, 20), "end"}} {
				s := stream(w, kind, chunks...)
				s.path = "/a-priv/stream"
				w.exchange(t, "PUT", s.text(w)).oneOf(t, fmt.Sprintf("PUT of %d chunks with %s", len(chunks), kind), 200)
				if a := w.s3(t, w.full, "GET", s.path, ""); a.body != strings.Join(chunks, "") || strings.Contains(a.header.Get("Content-Encoding"), "aws-chunked") {
					t.Errorf("GET of %d chunks with %s = %d %.100q %v, want the payload", len(chunks), kind, a.status, a.body, a.header)
				}
				w.s3(t, w.full, "DELETE", s.path, "").oneOf(t, "DELETE", 204)
			}
		}
	})
}

func unsignedStreamHead(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams {
			s := stream(w, kind, "evil")
			s.auth = func(v string) string {
				head, _, _ := strings.Cut(v, "Signature=")
				return head + "Signature=" + sum("x")
			}
			w.exchange(t, "PUT", s.text(w)).is(t, "PUT of "+kind+" with a random signature", 403, "SignatureDoesNotMatch")
			s = stream(w, kind, "evil")
			s.who.secret = "wrong"
			w.exchange(t, "PUT", s.text(w)).is(t, "PUT of "+kind+" with a wrong secret", 403, "SignatureDoesNotMatch")
			s.path = "/a-priv/mp"
			s.query = "partNumber=1&uploadId=x"
			w.exchange(t, "PUT", s.text(w)).is(t, "UploadPart of "+kind+" with a wrong secret", 403, "SignatureDoesNotMatch")
		}
	})
}

// heldStream sends all but the end, and looks at the object meanwhile.
func heldStream(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams {
			for _, chunk := range []string{strings.Repeat(big, 4), strings.Repeat(big, 40)} {
				s := stream(w, kind, chunk, "tail")
				s.path = "/a-priv/held"
				s.spoil = func(frames []string) []string {
					frames[1] = strings.Replace(frames[1], "tail", "evil", 1)
					return frames
				}
				text := s.text(w)
				conn := w.dial(t, w.server.Endpoint)
				if _, err := io.WriteString(conn, text[:len(text)-20]); err != nil {
					t.Error(err)
				}
				for range 3 {
					w.s3(t, w.full, "GET", "/a-priv/held", "").oneOf(t, "GET while "+kind+" is sent", 404)
				}
				if _, err := io.WriteString(conn, text[len(text)-20:]); err != nil {
					t.Error(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil || resp.StatusCode/100 != 4 {
					t.Errorf("PUT of a spoilt %s = %v, %v, want a refusal", kind, resp, err)
				}
				conn.Close()
				w.s3(t, w.full, "GET", "/a-priv/held", "").oneOf(t, "GET after a spoilt "+kind, 404)
			}
		}
	})
}

func cutStream(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams {
			for name, spoil := range map[string]func([]string) []string{
				"the last chunk": func(f []string) []string { return f[:len(f)-2] },
				"all chunks":     func(f []string) []string { return nil },
				"half a chunk":   func(f []string) []string { return []string{f[0], f[1][:len(f[1])-3]} },
				"the first one":  func(f []string) []string { return f[1:] },
			} {
				s := stream(w, kind, big, "evil")
				s.spoil = spoil
				a := w.exchange(t, "PUT", s.text(w))
				a.refused(t, "PUT of "+kind+" without "+name)
				if name == "the last chunk" || name == "half a chunk" {
					a.is(t, "PUT of "+kind+" without "+name, 400, "IncompleteBody")
				}
				w.cut(t, s)
			}
			s := stream(w, kind, big, "evil")
			if s.spoil = func(f []string) []string { return f[:len(f)-1] }; kind != signedStream {
				w.exchange(t, "PUT", s.text(w)).is(t, "PUT of "+kind+" without its trailer", 400, "IncompleteBody")
			} else {
				w.exchange(t, "PUT", s.text(w)).refused(t, "PUT of "+kind+" without its end")
			}
		}
	})
}

// cut sends a stream with a length that it never has, and closes.
func (w *world) cut(t *testing.T, s streamed) {
	t.Helper()
	s.lines = append(s.lines, "Content-Length: 1000000")
	conn := w.dial(t, w.server.Endpoint)
	defer conn.Close()
	if _, err := io.WriteString(conn, s.text(w)); err != nil {
		t.Error(err)
	}
}

func shuffledStream(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams {
			for name, spoil := range map[string]func([]string) []string{
				"two chunks swapped":      func(f []string) []string { f[0], f[1] = f[1], f[0]; return f },
				"a chunk twice":           func(f []string) []string { return slices.Insert(f, 1, f[0]) },
				"bytes behind the end":    func(f []string) []string { return append(f, "evil") },
				"a chunk behind the end":  func(f []string) []string { return append(f, f[0]) },
				"an end in the middle":    func(f []string) []string { return slices.Insert(f, 1, f[2]) },
				"bytes between chunks":    func(f []string) []string { f[0] += "x"; return f },
				"a chunk of another size": func(f []string) []string { f[0] = strings.Replace(f[0], "2000", "1fff", 1); return f },
				"a byte of a chunk":       func(f []string) []string { f[0] = strings.Replace(f[0], "0123", "0124", 1); return f },
			} {
				s := stream(w, kind, big, strings.ToUpper(big), "evil")
				s.spoil = spoil
				w.exchange(t, "PUT", s.text(w)).refused(t, "PUT of "+kind+" with "+name)
			}
			for _, length := range []string{"0", "4", "999999", "-1", "+5", "x", "", "99999999999999999999", "5,5"} {
				s := stream(w, kind, big, "evil")
				if s.length = length; length == "" {
					s.length = " "
				}
				w.exchange(t, "PUT", s.text(w)).oneOf(t, "PUT of "+kind+" with x-amz-decoded-content-length "+length, 400, 411)
			}
		}
	})
}

func chunkHeaders(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, size := range []string{"FFFFFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFFF", "7FFFFFFFFFFFFFFF", "-1", "-4", "+4", "0x4", "0x10", "1_0", "", "4 ", " 4", "4\t", "４", "4;", "g", "4\x00", "00000000000000000000000000004", "4;x=y;chunk-signature=z",
			strings.Repeat("0", 1<<20) + "4"} {
			for _, kind := range streams {
				s := stream(w, kind, "evil")
				s.spoil = func(f []string) []string { f[0] = size + strings.TrimPrefix(f[0], "4"); return f }
				if kind == unsignedStream && size == "4;x=y;chunk-signature=z" {
					continue // a chunk extension is not ours to know
				}
				w.exchange(t, "PUT", s.text(w)).refused(t, fmt.Sprintf("PUT of %s with the chunk size %.30q", kind, size))
			}
		}
		for _, kind := range streams {
			for name, spoil := range map[string]func([]string) []string{
				"bare line feeds": func(f []string) []string { f[0] = strings.ReplaceAll(f[0], "\r\n", "\n"); return f },
				"two signatures": func(f []string) []string {
					f[0] = strings.Replace(f[0], "4", "4;chunk-signature="+sum("x"), 1)
					return f
				},
				"no signature":           func(f []string) []string { h, r, _ := strings.Cut(f[0], ";"); f[0] = h + r[len(r)-6-2:]; return f },
				"a signature in capital": func(f []string) []string { f[0] = strings.ToUpper(f[0]); return f },
			} {
				if s := stream(w, kind, "evil"); kind != unsignedStream || name == "bare line feeds" {
					s.spoil = spoil
					w.exchange(t, "PUT", s.text(w)).refused(t, "PUT of "+kind+" with "+name)
				}
			}
		}
	})
}

// hugeChunk announces one chunk of 5 GiB and sends a little of it, many times at
// once, and looks at the memory while all of them hang.
func hugeChunk(t *testing.T, w *world) {
	const connections, most = 20, 64 << 20
	w.unchanged(t, func() {
		before := resident(t, w.server.PID())
		for _, kind := range streams {
			for range connections {
				s := stream(w, kind, big)
				s.path = "/a-priv/huge"
				s.length = fmt.Sprint(5 << 30)
				s.lines = []string{fmt.Sprintf("Content-Length: %d", 5<<30+1000)}
				s.spoil = func(f []string) []string { return []string{strings.Replace(f[0], "2000", "140000000", 1)} }
				conn := w.dial(t, w.server.Endpoint)
				defer conn.Close()
				if _, err := io.WriteString(conn, s.text(w)); err != nil {
					t.Error(err)
				}
			}
		}
		w.s3(t, w.full, "GET", "/a-priv/other", "").oneOf(t, "GET meanwhile", 200)
		if more := resident(t, w.server.PID()) - before; more > memory(most) {
			t.Errorf("%d chunks of 5 GiB took %d MiB, want them to cost nothing", 3*connections, more>>20)
		}
	})
}

func smallChunks(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range []string{signedStream, signedStreamTrailer} {
			s := stream(w, kind, big[:4096], big[:4096])
			a := w.exchange(t, "PUT", s.text(w))
			a.oneOf(t, "PUT of "+kind+" with two chunks of 4 KiB", 400, 403)
			a.is(t, "PUT of "+kind+" with two chunks of 4 KiB", a.status, "InvalidChunkSizeError")
			s = stream(w, kind, "a", big)
			w.exchange(t, "PUT", s.text(w)).refused(t, "PUT of "+kind+" with a small chunk first")
		}
	})
}

func wrongTrailer(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams[1:] {
			s := stream(w, kind, big, "evil")
			s.trailer = crc("another")
			w.exchange(t, "PUT", s.text(w)).is(t, "PUT of "+kind+" with another checksum", 400, "BadDigest")
			s.trailer = "nonsense"
			w.exchange(t, "PUT", s.text(w)).refused(t, "PUT of "+kind+" with a checksum that is none")
			for name, spoil := range map[string]func([]string) []string{
				"another name":        func(f []string) []string { f[3] = strings.Replace(f[3], "crc32", "sha1", 1); return f },
				"two of it":           func(f []string) []string { f[3] = "x-amz-checksum-crc32:" + crc("x") + "\r\n" + f[3]; return f },
				"one more":            func(f []string) []string { f[3] = "x-amz-meta-a:1\r\n" + f[3]; return f },
				"a longer one":        func(f []string) []string { f[3] = "x-amz-checksum-crc32:" + strings.Repeat("A", 1<<20); return f },
				"a control character": func(f []string) []string { f[3] = strings.Replace(f[3], ":", ":\x01", 1); return f },
			} {
				s := stream(w, kind, big, "evil")
				s.spoil = spoil
				w.exchange(t, "PUT", s.text(w)).refused(t, "PUT of "+kind+" with a trailer of "+name)
			}
		}
		s := stream(w, signedStreamTrailer, big, "evil")
		s.spoil = func(f []string) []string {
			head, _, _ := strings.Cut(f[3], "signature:")
			f[3] = head + "signature:" + sum("x") + "\r\n\r\n"
			return f
		}
		w.exchange(t, "PUT", s.text(w)).is(t, "PUT with a wrong trailer signature", 403, "SignatureDoesNotMatch")
		s.spoil = func(f []string) []string { f[3], _, _ = strings.Cut(f[3], "x-amz-trailer-signature"); return f }
		w.exchange(t, "PUT", s.text(w)).is(t, "PUT without the trailer's signature", 400, "IncompleteBody", "MalformedTrailerError")
		s.spoil = func(f []string) []string {
			f[3] = strings.Replace(f[3], crc(big+"evil"), crc("x"), 1)
			return f
		}
		w.exchange(t, "PUT", s.text(w)).is(t, "PUT with another trailer than was signed", 403, "SignatureDoesNotMatch")
	})
}

func framing(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams {
			for _, encoding := range []string{"", "aws-chunked,gzip", "gzip,aws-chunked", "AWS-Chunked", "aws-chunked, aws-chunked"} {
				s := stream(w, kind, big, "hello")
				s.path = "/a-priv/framing"
				text := s.text(w)
				if encoding == "" {
					text = strings.Replace(text, "Content-Encoding: aws-chunked\r\n", "", 1)
				} else {
					text = strings.Replace(text, "Content-Encoding: aws-chunked", "Content-Encoding: "+encoding, 1)
				}
				w.exchange(t, "PUT", text).oneOf(t, "PUT of "+kind+" with Content-Encoding "+encoding, 200, 400)
				w.noFraming(t, kind+" with Content-Encoding "+encoding, big+"hello")
			}
		}
		// The encoding alone says nothing: the body is its own length and hash.
		body := "5\r\nhello\r\n0\r\n\r\n"
		f := forged{who: w.full, method: "PUT", path: "/a-priv/framing", body: body, lines: []string{"Content-Encoding: aws-chunked", "x-amz-decoded-content-length: 5"}}
		w.forge(t, f).oneOf(t, "PUT with aws-chunked alone", 200, 400)
		w.noFraming(t, "aws-chunked alone", body)
	})
}

// noFraming looks at what was stored, if it was, and deletes it.
func (w *world) noFraming(t *testing.T, how, want string) {
	t.Helper()
	a := w.s3(t, w.full, "GET", "/a-priv/framing", "", "Accept-Encoding", "identity")
	if strings.Contains(strings.ToLower(a.header.Get("Content-Encoding")), "aws-chunked") || a.status == 200 && a.body != want {
		t.Errorf("GET after %s = %d %.60q %v, want the payload without framing", how, a.status, a.body, a.header)
	}
	w.s3(t, w.full, "DELETE", "/a-priv/framing", "").oneOf(t, "DELETE", 204)
}

func anonymousStream(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, kind := range streams {
			s := stream(w, kind, "evil")
			s.who = nobody
			w.exchange(t, "PUT", s.text(w)).oneOf(t, "PUT of "+kind+" without credentials", 400, 403)
		}
		f := put(w)
		f.who, f.hash = nobody, sum("another")
		w.forge(t, f).oneOf(t, "PUT without credentials and a wrong hash", 400, 403)
		// Chunks of long ago, chained to a signature of now.
		s := stream(w, signedStream, "evil")
		s.date = ago(10 * time.Minute)
		text := s.text(w)
		head, _, _ := strings.Cut(stream(w, signedStream, "evil").text(w), "\r\n\r\n")
		_, body, _ := strings.Cut(text, "\r\n\r\n")
		w.exchange(t, "PUT", head+"\r\n\r\n"+body).is(t, "PUT with the chunks of another request", 403, "SignatureDoesNotMatch")
	})
}

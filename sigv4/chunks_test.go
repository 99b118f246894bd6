package sigv4_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"coffer/sigv4"
)

const checksum = "x-amz-checksum-crc32:AAAAAA=="

// streamed is a signed request that announces a stream of n bytes, and one
// trailer where the payload kind has trailers.
func streamed(payload string, n int) *http.Request {
	headers := []string{"x-amz-decoded-content-length: " + strconv.Itoa(n)}
	if strings.HasSuffix(payload, "-TRAILER") {
		headers = append(headers, "x-amz-trailer: x-amz-checksum-crc32")
	}
	return signed("PUT", "http://b.test/k", "", payload, headers...)
}

// read parses and verifies r, and reads body as its body.
func read(t testing.TB, r *http.Request, body io.Reader) (string, *sigv4.Body, error) {
	t.Helper()
	a, err := sigv4.Parse(r, options(exampleTime))
	if err != nil {
		t.Fatalf("Parse = %v, want nil", err)
	}
	if err := a.Verify(exampleKey()); err != nil {
		t.Fatalf("Verify = %v, want nil", err)
	}
	b := a.Body(body, -1, exampleKey())
	got, err := readAll(b)
	if _, again := b.Read(make([]byte, 1)); err != nil && again != err || err == nil && again != io.EOF {
		t.Errorf("Read after the end = %v, want the same end again, %v", again, err)
	}
	return got, b, err
}

var (
	big   = strings.Repeat("0123456789abcdef", 1024) // 16 KiB
	small = "the end"
)

// whole is a good body of big and small.
func whole(r *http.Request, payload string) string {
	f := newFramer(r, exampleKey(), payload != unsignedTrailer)
	f.chunk(big)
	f.chunk(small)
	endWith(f, payload)
	return f.String()
}

// TestEveryCutIsRefused cuts good bodies at every place near their frames. Only
// the last empty line of a trailer section may be missing.
func TestEveryCutIsRefused(t *testing.T) {
	for _, payload := range []string{signedChunks, signedChunksTrailer, unsignedTrailer} {
		r := streamed(payload, len(big)+len(small))
		body := whole(r, payload)
		for n := range len(body) + 1 {
			if n > 200 && n < len(big)-10 {
				continue
			}
			got, _, err := read(t, r, iotest.DataErrReader(strings.NewReader(body[:n])))
			complete := n == len(body) || payload != signedChunks && n >= len(body)-2
			if complete && n != len(body)-1 {
				if err != nil || got != big+small {
					t.Errorf("%s cut to %d of %d bytes: %d bytes, %v, want all, nil", payload, n, len(body), len(got), err)
				}
				continue
			}
			if code(err) != "IncompleteBody" {
				t.Errorf("%s cut to %d of %d bytes: %v, want IncompleteBody", payload, n, len(body), err)
			}
		}
	}
}

// TestEveryChangeIsRefused changes single bytes of signed bodies.
func TestEveryChangeIsRefused(t *testing.T) {
	for _, payload := range []string{signedChunks, signedChunksTrailer} {
		r := streamed(payload, len(big)+len(small))
		body := whole(r, payload)
		for n := range len(body) {
			if n > 200 && n < len(big)-10 && n%1000 != 0 {
				continue
			}
			changed := []byte(body)
			changed[n] ^= 0x11
			if got, _, err := read(t, r, strings.NewReader(string(changed))); err == nil && got != big+small {
				t.Errorf("%s with byte %d changed is accepted", payload, n)
			} else if err == nil && !strings.ContainsAny(body[n:n+1], "\r\n") {
				t.Errorf("%s with byte %d (%q) changed is accepted", payload, n, body[n])
			}
		}
	}
}

func TestChunkRefusals(t *testing.T) {
	const line = ";chunk-signature="
	tests := []struct {
		name    string
		payload string
		change  func(body string) string
		code    string
	}{
		{"Swapped", signedChunks, func(b string) string {
			first, rest, _ := strings.Cut(b, small)
			i := strings.LastIndex(first, "7"+line)
			return first[i:] + small + "\r\n" + first[:i] + strings.TrimPrefix(rest, "\r\n")
		}, "SignatureDoesNotMatch"},
		{"BytesAfterTheEnd", signedChunks, func(b string) string { return b + "x" }, "IncompleteBody"},
		{"BytesAfterTheTrailer", unsignedTrailer, func(b string) string { return b + "x\r\n" }, "MalformedTrailerError"},
		{"HugeSize", unsignedTrailer, replace("4000\r\n", "FFFFFFFFFFFFFFFFFF\r\n"), "IncompleteBody"},
		{"SizeOver5GiB", unsignedTrailer, replace("4000\r\n", "140000001\r\n"), "IncompleteBody"},
		{"NegativeSize", unsignedTrailer, replace("4000\r\n", "-1\r\n"), "IncompleteBody"},
		{"PrefixedSize", unsignedTrailer, replace("4000\r\n", "0x4000\r\n"), "IncompleteBody"},
		{"UnderscoredSize", unsignedTrailer, replace("4000\r\n", "40_00\r\n"), "IncompleteBody"},
		{"EmptySize", unsignedTrailer, replace("4000\r\n", "\r\n"), "IncompleteBody"},
		{"SpaceAfterSize", unsignedTrailer, replace("4000\r\n", "4000 \r\n"), "IncompleteBody"},
		{"SpaceBeforeSize", unsignedTrailer, replace("4000\r\n", " 4000\r\n"), "IncompleteBody"},
		{"BareLF", unsignedTrailer, replace("4000\r\n", "4000\n"), "IncompleteBody"},
		{"ExtensionOfUnsigned", unsignedTrailer, replace("4000\r\n", "4000;a=b\r\n"), "IncompleteBody"},
		{"LongHeader", unsignedTrailer, replace("4000\r\n", strings.Repeat("0", 1<<20)), "IncompleteBody"},
		{"NoCRLFAfterPayload", unsignedTrailer, replace(small+"\r\n", small+"\n\n"), "IncompleteBody"},
		{"TwoSignatures", signedChunks, replace("4000"+line, "4000"+line+strings.Repeat("0", 64)+line), "IncompleteBody"},
		{"NoSignature", signedChunks, replace("4000"+line, "4000;"), "IncompleteBody"},
		{"ShortSignature", signedChunks, replace("4000"+line, "4000"+line[:len(line)-1]), "IncompleteBody"},
		{"MoreThanAnnounced", unsignedTrailer, replace("7\r\n"+small, "8\r\n"+small+"!"), "IncompleteBody"},
		{"LessThanAnnounced", unsignedTrailer, replace("7\r\n"+small, "3\r\nend"), "IncompleteBody"},
		{"OtherTrailer", unsignedTrailer, replace("x-amz-checksum-crc32:", "x-amz-checksum-sha1:"), "MalformedTrailerError"},
		{"TrailerTwice", unsignedTrailer, replace(checksum, checksum+"\r\n"+checksum), "MalformedTrailerError"},
		{"TrailerMissing", unsignedTrailer, replace(checksum+"\r\n", ""), "MalformedTrailerError"},
		{"TrailerWithoutColon", unsignedTrailer, replace(checksum, "x-amz-checksum-crc32"), "MalformedTrailerError"},
		{"ControlByteInTrailer", unsignedTrailer, replace(checksum, checksum+"\x01"), "MalformedTrailerError"},
		{"TrailerTooLong", unsignedTrailer, replace(checksum, checksum+strings.Repeat("=", 1<<20)), "MalformedTrailerError"},
		{"TrailersTooLong", unsignedTrailer, replace(checksum, checksum+strings.Repeat("\r\n", 9<<10)), "MalformedTrailerError"},
		{"UnsignedTrailerOfSigned", signedChunksTrailer, func(b string) string {
			return b[:strings.Index(b, "x-amz-trailer-signature")] + "\r\n"
		}, "MalformedTrailerError"},
		{"TrailerAfterSignature", signedChunksTrailer, func(b string) string { return b + checksum + "\r\n" }, "MalformedTrailerError"},
		{"ChangedTrailer", signedChunksTrailer, replace("AAAAAA==", "AAAAAQ=="), "SignatureDoesNotMatch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := streamed(tt.payload, len(big)+len(small))
			good := whole(r, tt.payload)
			bad := tt.change(good)
			if bad == good {
				t.Fatal("the change changes nothing")
			}
			_, b, err := read(t, r, strings.NewReader(bad))
			wantCode(t, "Read", err, tt.code, "")
			if b.Trailer() != nil {
				t.Errorf("Trailer() of a refused body = %v, want nil", b.Trailer())
			}
		})
	}
}

func replace(old, new string) func(string) string {
	return func(body string) string { return strings.Replace(body, old, new, 1) }
}

// TestChunkSizes lets only the last of signed chunks be small.
func TestChunkSizes(t *testing.T) {
	const payload8K, payload4K = 8 << 10, 4 << 10
	for _, tt := range []struct {
		name    string
		payload string
		sizes   []int
		code    string
	}{
		{"Nothing", signedChunks, nil, ""},
		{"OneByte", signedChunks, []int{1}, ""},
		{"SmallestThenSmaller", signedChunks, []int{payload8K, payload8K, 1}, ""},
		{"TwoSmall", signedChunks, []int{payload4K, payload4K}, "InvalidChunkSizeError"},
		{"SmallInTheMiddle", signedChunks, []int{payload8K, payload8K - 1, 1}, "InvalidChunkSizeError"},
		{"UnsignedMayBeSmall", unsignedTrailer, []int{1, 2, 3}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			total, trailers := 0, []string{checksum}
			for _, n := range tt.sizes {
				total += n
			}
			if tt.payload == signedChunks {
				trailers = nil
			}
			r := streamed(tt.payload, total)
			f := newFramer(r, exampleKey(), tt.payload == signedChunks)
			for _, n := range tt.sizes {
				f.chunk(big[:n])
			}
			f.end(trailers...)
			got, _, err := read(t, r, strings.NewReader(f.String()))
			wantCode(t, "Read", err, tt.code, "")
			if err == nil && len(got) != total {
				t.Errorf("Read gave %d bytes, want %d", len(got), total)
			}
		})
	}
}

// TestTrailerFraming reads the trailer sections that clients are known to send.
func TestTrailerFraming(t *testing.T) {
	for _, tt := range []struct{ name, payload, section string }{
		{"AWS", signedChunksTrailer, checksum + "\r\n%s\r\n\r\n"},
		{"MinIO", signedChunksTrailer, checksum + "\n\r\n%s\r\n\r\n"},
		{"NoEmptyLine", signedChunksTrailer, checksum + "\r\n%s\r\n"},
		{"EmptyLineFirst", signedChunksTrailer, "\r\n" + checksum + "\r\n%s\r\n"},
		{"UpperCaseAndSpaces", unsignedTrailer, "X-Amz-Checksum-CRC32: AAAAAA== \r\n\r\n"},
		{"MinIOUnsigned", unsignedTrailer, checksum + "\n\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := streamed(tt.payload, len(small))
			f := newFramer(r, exampleKey(), tt.payload == signedChunksTrailer)
			f.chunk(small)
			f.WriteString(f.header(""))
			f.WriteString(strings.Replace(tt.section, "%s", "x-amz-trailer-signature:"+f.trailerSignature(checksum+"\n"), 1))
			got, b, err := read(t, r, strings.NewReader(f.String()))
			if err != nil || got != small {
				t.Fatalf("Read = %q, %v, want %q, nil", got, err, small)
			}
			if len(b.Trailer()) != 1 || b.Trailer().Get("x-amz-checksum-crc32") != "AAAAAA==" {
				t.Errorf("Trailer() = %v, want the checksum AAAAAA== only", b.Trailer())
			}
		})
	}
}

// TestTrailerBehindItsSignature: a signature over no trailers at all must not
// cover those that follow it.
func TestTrailerBehindItsSignature(t *testing.T) {
	r := streamed(signedChunksTrailer, len(small))
	f := newFramer(r, exampleKey(), true)
	f.chunk(small)
	f.WriteString(f.header(""))
	f.WriteString("x-amz-trailer-signature:" + f.trailerSignature("") + "\r\n" + checksum + "\r\n\r\n")
	_, _, err := read(t, r, strings.NewReader(f.String()))
	wantCode(t, "Read", err, "MalformedTrailerError", "")
}

// TestEmptyStream: older minio-go announces a stream and sends no byte of it.
func TestEmptyStream(t *testing.T) {
	for _, tt := range []struct {
		payload string
		decoded int
		length  int64
		code    string
	}{
		{signedChunks, 0, 0, ""},
		{signedChunks, 0, -1, "IncompleteBody"},
		{signedChunks, 1, 0, "IncompleteBody"},
		{unsignedTrailer, 0, 0, "IncompleteBody"},
	} {
		a, err := sigv4.Parse(streamed(tt.payload, tt.decoded), options(exampleTime))
		if err != nil {
			t.Fatal(err)
		}
		_, err = readAll(a.Body(nil, tt.length, exampleKey()))
		wantCode(t, fmt.Sprintf("Read of nothing for %+v", tt), err, tt.code, "")
	}
}

func TestStreamHeaders(t *testing.T) {
	const length, trailer = "x-amz-decoded-content-length: ", "x-amz-trailer: "
	for _, tt := range []struct {
		name    string
		payload string
		headers []string
		code    string
	}{
		{"Plain", signedChunks, []string{length + "5"}, ""},
		{"NoLength", signedChunks, nil, "MissingContentLength"},
		{"NegativeLength", signedChunks, []string{length + "-5"}, "InvalidArgument"},
		{"SignedLength", signedChunks, []string{length + "+5"}, "InvalidArgument"},
		{"HugeLength", signedChunks, []string{length + "9999999999999999999"}, "InvalidArgument"},
		{"TwoLengths", signedChunks, []string{length + "5", length + "5"}, "InvalidRequest"},
		{"TrailerOfNone", signedChunks, []string{length + "5", trailer + "x-amz-checksum-crc32"}, "InvalidRequest"},
		{"NoTrailer", unsignedTrailer, []string{length + "5"}, ""},
		{"NamelessTrailer", unsignedTrailer, []string{length + "5", trailer}, "MalformedTrailerError"},
		{"TwoTrailers", unsignedTrailer, []string{length + "5", trailer + "x-amz-checksum-crc32, x-amz-meta-a", trailer + "x-amz-meta-b"}, ""},
		{"SameTrailerTwice", unsignedTrailer, []string{length + "5", trailer + "a,A"}, "MalformedTrailerError"},
		{"EmptyTrailer", unsignedTrailer, []string{length + "5", trailer + "a,"}, "MalformedTrailerError"},
		{"SignatureAsTrailer", unsignedTrailer, []string{length + "5", trailer + "x-amz-trailer-signature"}, "MalformedTrailerError"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := sigv4.Parse(signed("PUT", "http://b.test/k", "", tt.payload, tt.headers...), options(exampleTime))
			wantCode(t, "Parse", err, tt.code, "")
		})
	}
}

// TestPlainBodies holds what arrives against Content-Length.
func TestPlainBodies(t *testing.T) {
	broken := errors.New("connection reset")
	a, err := sigv4.Parse(signed("PUT", "http://b.test/k", "", "UNSIGNED-PAYLOAD"), options(exampleTime))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		r      io.Reader
		length int64
		code   string
		cause  error
	}{
		{"Whole", strings.NewReader("abc"), 3, "", nil},
		{"Unannounced", strings.NewReader("abc"), -1, "", nil},
		{"None", nil, 0, "", nil},
		{"Short", strings.NewReader("abc"), 4, "IncompleteBody", nil},
		{"Long", strings.NewReader("abc"), 2, "IncompleteBody", nil},
		{"Cut", iotest.ErrReader(io.ErrUnexpectedEOF), 3, "IncompleteBody", io.ErrUnexpectedEOF},
		{"Broken", iotest.ErrReader(broken), -1, "IncompleteBody", broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := a.Body(tt.r, tt.length, sigv4.Key{})
			if b.Size() != tt.length {
				t.Errorf("Size() = %d, want %d", b.Size(), tt.length)
			}
			_, err := readAll(b)
			wantCode(t, "Read", err, tt.code, "")
			if tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("Read = %v, which does not wrap %v", err, tt.cause)
			}
		})
	}
}

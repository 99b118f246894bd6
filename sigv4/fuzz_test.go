package sigv4_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"coffer/sigv4"
)

// FuzzParse feeds raw HTTP requests. Nothing may panic, and nothing verifies
// under a key that never signed it.
func FuzzParse(f *testing.F) {
	for _, r := range []*http.Request{
		signed("PUT", "http://b.test/b/k?x=1", "", emptyHash, "x-amz-meta-a: 1"), streamed(signedChunksTrailer, 5), presigned(nil),
		request("GET", "/b/k?AWSAccessKeyId=1", ""), request("GET", "http://b.test/%2F%41?%zz=%&+;a", ""), request("OPTIONS", "*", ""),
	} {
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	other := sigv4.DeriveKey("no one's", "20130524", exampleRegion, "s3")
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		a, err := sigv4.Parse(r, options(exampleTime))
		if err != nil {
			if a != nil || code(err) == err.Error() {
				t.Errorf("Parse = %v, %v, want nil and an *Error", a, err)
			}
			return
		}
		if a.Verify(other) == nil {
			t.Errorf("Verify of %q = nil under a key that did not sign", raw)
		}
		if a.Kind == sigv4.Anonymous && strings.Contains(strings.ToLower("&"+r.URL.RawQuery), "&x-amz-signature=") {
			t.Errorf("Parse of %q is anonymous, though it has a signature", raw)
		}
		io.Copy(io.Discard, a.Body(r.Body, r.ContentLength, other))
	})
}

// FuzzChunks reads arbitrary bytes as a body, and reads back what our framer
// wrote.
func FuzzChunks(f *testing.F) {
	kinds := []string{signedChunks, signedChunksTrailer, unsignedTrailer}
	for i, payload := range kinds {
		frames := newFramer(streamed(payload, len(small)), exampleKey(), payload != unsignedTrailer)
		frames.chunk(small) // short seeds: long ones are minimized for a minute each
		endWith(frames, payload)
		f.Add(uint8(i), frames.Bytes(), uint16(3))
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte, split uint16) {
		payload := kinds[int(kind)%len(kinds)]
		r := streamed(payload, len(small))
		got, _, err := read(t, r, bytes.NewReader(data))
		if len(got) > len(data) {
			t.Errorf("Read gave %d bytes of %d", len(got), len(data))
		}
		if err == nil && payload != unsignedTrailer && got != small {
			t.Errorf("Read accepted %q, which nobody signed", data)
		}

		r = streamed(payload, len(data))
		frames := newFramer(r, exampleKey(), payload != unsignedTrailer)
		for rest, step := data, max(int(split), 8<<10); len(rest) > 0; {
			n := min(step, len(rest))
			frames.chunk(string(rest[:n]))
			rest = rest[n:]
		}
		endWith(frames, payload)
		got, _, err = read(t, r, iotest.HalfReader(strings.NewReader(frames.String())))
		if err != nil || got != string(data) {
			t.Errorf("%d bytes read back as %d bytes, %v", len(data), len(got), err)
		}
	})
}

// endWith ends a body with the trailer that its payload kind has.
func endWith(frames *framer, payload string) {
	if payload == signedChunks {
		frames.end()
	} else {
		frames.end(checksum)
	}
}

func BenchmarkVerify(b *testing.B) {
	r := signed("PUT", "http://b.test/bucket/some/key%20of/a-usual/length.bin?partNumber=7&uploadId=abcdef", "", emptyHash,
		"x-amz-meta-a: 1", "Content-Type: text/plain", "x-amz-checksum-crc32: AAAAAA==", "User-Agent: bench/1")
	opt, key := options(exampleTime.Add(time.Minute)), exampleKey()
	b.ReportAllocs()
	for b.Loop() {
		a, err := sigv4.Parse(r, opt)
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Verify(key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignedChunks(b *testing.B) {
	const chunk, count = 64 << 10, 64
	r := streamed(signedChunks, chunk*count)
	f := newFramer(r, exampleKey(), true)
	for range count {
		f.chunk(strings.Repeat("x", chunk))
	}
	f.end()
	a, err := sigv4.Parse(r, options(exampleTime))
	if err != nil {
		b.Fatal(err)
	}
	key, body, buffer := exampleKey(), f.Bytes(), make([]byte, 128<<10)
	b.SetBytes(chunk * count)
	b.ReportAllocs()
	for b.Loop() {
		src := a.Body(bytes.NewReader(body), int64(len(body)), key)
		for {
			_, err := src.Read(buffer)
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

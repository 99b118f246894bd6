package crash_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"

	"coffer/test/harness"
)

// The parts of a file of bytes (docs/format-blob.md): the content in blocks, the
// checksum of each, and a footer.
const (
	blockBytes  = 128 << 10
	sumBytes    = 4
	footerBytes = 64
)

// rotTest is an object whose bytes rot, and another one beside it.
type rotTest struct {
	server *harness.Server
	client *client
	body   []byte
	files  []string // in the order of the body
	other  version
}

func newRotTest(t *testing.T) *rotTest {
	t.Helper()
	s := harness.Start(t, harness.Options{})
	r := &rotTest{server: s, client: newClient(s, "rot")}
	makeBucket(t, r.client)
	r.other = mustPut(t, r.client, "other", content("other", 300<<10))
	return r
}

// newFile notes the file that appeared since the last call.
func (r *rotTest) newFile(t *testing.T, known *[]string) {
	t.Helper()
	now := blobFiles(t, r.server.Data)
	var fresh []string
	for _, f := range now {
		if !slices.Contains(*known, f) {
			fresh = append(fresh, f)
		}
	}
	if len(fresh) != 1 {
		t.Fatalf("one write made %d files of bytes, want 1", len(fresh))
	}
	*known = now
	r.files = append(r.files, fresh[0])
}

// check reads the object whole and in ranges while it is damaged from byte good
// on: an error or a cut is right, and so are right bytes before it.
func (r *rotTest) check(t *testing.T, what string, good int64) {
	t.Helper()
	got, err := r.client.do(request{method: http.MethodGet, key: "rotten"})
	if cut, ok := errors.AsType[*cutError](err); ok {
		if b := cut.got.body; int64(len(b)) > good || !bytes.HasPrefix(r.body, b) {
			t.Errorf("%s: GET was cut after %d bytes, want right bytes and at most %d", what, len(b), good)
		}
	} else if err != nil {
		// The connection was cut before the answer began.
		t.Logf("%s: GET: %v", what, err)
	} else if got.status != http.StatusInternalServerError {
		t.Errorf("%s: GET = %s with %d bytes, want 500 or a cut answer", what, got, len(got.body))
	}
	size := int64(len(r.body))
	for first := int64(0); first < size; first += blockBytes/2 + 1 {
		last := min(size, first+1000) - 1
		got, err := r.client.do(request{method: http.MethodGet, key: "rotten",
			header: map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", first, last)}})
		if err == nil && got.status < 300 && !bytes.Equal(got.body, r.body[first:last+1]) {
			t.Errorf("%s: GET of bytes %d to %d = %s with wrong bytes", what, first, last, got)
		}
		if err == nil && got.status >= 300 && got.status != http.StatusInternalServerError {
			t.Errorf("%s: GET of bytes %d to %d = %s, want 206 or 500", what, first, last, got)
		}
	}
	for _, wrong := range expect(r.client, map[string]version{"other": r.other}) {
		t.Errorf("%s: the object beside it: %s", what, wrong)
	}
}

// checkWhole reads the object after its file is as it was.
func (r *rotTest) checkWhole(t *testing.T, what string) {
	t.Helper()
	got, err := r.client.do(request{method: http.MethodGet, key: "rotten"})
	if err != nil || got.status != http.StatusOK || !bytes.Equal(got.body, r.body) {
		t.Errorf("%s, undone: GET = %v, %v, want 200 with the right bytes", what, got, err)
	}
}

// damage changes a file of the object, checks, and changes it back.
func (r *rotTest) damage(t *testing.T, what string, file int, good int64, change func([]byte) []byte) {
	t.Helper()
	was, err := os.ReadFile(r.files[file])
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, r.files[file], change(bytes.Clone(was)))
	r.check(t, what, good)
	overwrite(t, r.files[file], was)
	r.checkWhole(t, what)
}

func flipAt(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[at] ^= 1
		return b
	}
}

func TestRottenBytesAreNeverServed(t *testing.T) {
	r := newRotTest(t)
	known := blobFiles(t, r.server.Data)
	r.body = content("rotten", 2*blockBytes+blockBytes/2)
	mustPut(t, r.client, "rotten", r.body)
	r.newFile(t, &known)
	size := len(r.body)
	table := (size + blockBytes - 1) / blockBytes * sumBytes
	if info, err := os.Stat(r.files[0]); err != nil || info.Size() != int64(size+table+footerBytes) {
		t.Fatalf("the file of bytes is %v, %v, want %d bytes: the regions below are not where they are", info, err, size+table+footerBytes)
	}
	for block := range 3 {
		start := block * blockBytes
		end := min(start+blockBytes, size)
		for _, at := range []int{start, (start + end) / 2, end - 1} {
			r.damage(t, fmt.Sprintf("byte %d in block %d", at, block), 0, int64(start), flipAt(at))
		}
	}
	for at := size; at < size+table; at += sumBytes {
		r.damage(t, fmt.Sprintf("byte %d in the checksums", at), 0, 0, flipAt(at))
	}
	// Every field of the footer, and what is between them.
	for at := 0; at < footerBytes; at += 2 {
		r.damage(t, fmt.Sprintf("byte %d of the footer", at), 0, 0, flipAt(size+table+at))
	}
	r.damage(t, "the file cut in half", 0, 0, half)
	r.damage(t, "an empty file", 0, 0, func([]byte) []byte { return nil })
	r.damage(t, "a block of zeros", 0, blockBytes, func(b []byte) []byte {
		clear(b[blockBytes : 2*blockBytes])
		return b
	})
	r.damage(t, "two blocks swapped", 0, 0, func(b []byte) []byte {
		first := bytes.Clone(b[:blockBytes])
		copy(b, b[blockBytes:2*blockBytes])
		copy(b[blockBytes:], first)
		return b
	})
	r.damage(t, "the file of another object", 0, 0, func([]byte) []byte {
		for _, f := range known {
			if f != r.files[0] {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
		}
		t.Fatal("there is no other file")
		return nil
	})
}

// TestObjectWithItsFileGoneIsAnError: a file that is gone is damage, and not an
// object that never was.
func TestObjectWithItsFileGoneIsAnError(t *testing.T) {
	r := newRotTest(t)
	known := blobFiles(t, r.server.Data)
	r.body = content("rotten", 2*blockBytes)
	mustPut(t, r.client, "rotten", r.body)
	r.newFile(t, &known)
	away := r.files[0] + ".away"
	if err := os.Rename(r.files[0], away); err != nil {
		t.Fatal(err)
	}
	r.check(t, "the file gone", 0)
	if err := os.Rename(away, r.files[0]); err != nil {
		t.Fatal(err)
	}
	r.checkWhole(t, "the file gone")
}

func TestRottenPartOfAnUploadIsNeverServed(t *testing.T) {
	r := newRotTest(t)
	known := blobFiles(t, r.server.Data)
	begun, err := r.client.do(request{method: http.MethodPost, key: "rotten", query: url.Values{"uploads": {""}}})
	if err != nil || begun.status != http.StatusOK {
		t.Fatalf("begin upload = %v, %v", begun, err)
	}
	all, err := r.client.listUploads()
	if err != nil || len(all) != 1 {
		t.Fatalf("list uploads = %v, %v, want one", all, err)
	}
	u := &upload{id: all[0].UploadID, op: "rotten"}
	for number, size := range []int64{partBytes, partBytes, 100 << 10} {
		body := content(partName(u.op, number+1), size)
		p := newPart(u.op, number+1, body)
		got, err := r.client.do(request{method: http.MethodPut, key: "rotten", body: body, query: partQuery(u.id, p.number)})
		if err != nil || got.status != http.StatusOK {
			t.Fatalf("part %d = %v, %v", p.number, got, err)
		}
		u.parts, r.body = append(u.parts, p), append(r.body, body...)
		r.newFile(t, &known)
	}
	if got, err := r.client.complete("rotten", u.id, u.parts); err != nil || got.status != http.StatusOK || got.code() != "" {
		t.Fatalf("complete = %v, %v", got, err)
	}
	r.checkWhole(t, "nothing")
	const middle = partBytes/2 + 7
	r.damage(t, "the middle of part 2", 1, partBytes+middle/blockBytes*blockBytes, flipAt(middle))
	r.damage(t, "the first byte of part 1", 0, 0, flipAt(0))
	r.damage(t, "the last byte of part 3", 2, 2*partBytes, flipAt(100<<10-1))
	r.damage(t, "part 2 cut in half", 1, partBytes, half)
}

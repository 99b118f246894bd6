package crash_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
)

// inlineMax is the largest object, in bytes, that is not a file: the server's
// default.
const inlineMax = 64 << 10

// version is what a key may hold: an object, or nothing.
type version struct {
	exists bool
	size   int64
	sha256 [32]byte
	etag   string
	copied string // the ETag of a copy, which has no parts
	op     string // metadata that no other write has
	ctype  string
	blobs  []string // names, of ours, for the files that its bytes take
}

func (v version) String() string {
	if !v.exists {
		return "nothing"
	}
	return fmt.Sprintf("op %q: %d bytes, sha256 %x…, ETag %s, type %q", v.op, v.size, v.sha256[:4], v.etag, v.ctype)
}

// same tells whether two versions cannot be told apart by a client.
func (v version) same(o version) bool {
	return v.exists == o.exists && v.size == o.size && v.sha256 == o.sha256 && v.etag == o.etag && v.op == o.op && v.ctype == o.ctype
}

// content is size bytes that only this name has.
func content(name string, size int64) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(b) // never fails
	return b
}

// newVersion is what a PUT of body makes.
func newVersion(op, ctype string, body []byte) version {
	v := version{exists: true, size: int64(len(body)), sha256: sha256.Sum256(body), op: op, ctype: ctype}
	sum := md5.Sum(body)
	v.etag = hex.EncodeToString(sum[:])
	v.copied = v.etag
	if v.size > inlineMax {
		v.blobs = []string{op}
	}
	return v
}

// headers sends what newVersion expects to be kept.
func (v version) headers() map[string]string {
	return map[string]string{"Content-Type": v.ctype, "X-Amz-Meta-Op": v.op}
}

// seen is the version that an answer to a GET shows.
func seen(r *reply) (version, error) {
	switch {
	case r.status == http.StatusNotFound && r.code() == "NoSuchKey":
		return version{}, nil
	case r.status != http.StatusOK:
		return version{}, fmt.Errorf("GET = %s", r)
	}
	return version{
		exists: true, size: int64(len(r.body)), sha256: sha256.Sum256(r.body), etag: r.etag(),
		op: r.header.Get("X-Amz-Meta-Op"), ctype: r.header.Get("Content-Type"),
	}, nil
}

// entry is a key and what it may hold. Its mutex is held by the one operation
// that uses the key, so that the oracle is exact.
type entry struct {
	key string

	mu sync.Mutex // guards might, and held for the whole of an operation on the key
	// might is what the key may hold: one version when every answer was clear,
	// and one more after each write whose outcome nobody told.
	might []version
}

// known tells whether every answer was clear. A key that is not known is left
// alone until the next check, which finds out.
func (e *entry) known() bool { return len(e.might) == 1 }

// holds finds v among what the key may hold.
func (e *entry) holds(v version) int {
	return slices.IndexFunc(e.might, func(m version) bool { return m.same(v) })
}

// part is a part of an upload that was acknowledged, or may have been.
type part struct {
	number int
	size   int64
	etag   string
	name   string // of its content
}

func newPart(op string, number int, body []byte) part {
	sum := md5.Sum(body)
	return part{number: number, size: int64(len(body)), etag: hex.EncodeToString(sum[:]), name: partName(op, number)}
}

func partName(op string, number int) string { return fmt.Sprintf("%s/%d", op, number) }

// ending says which request was the last to an upload, if its outcome is not known.
type ending int

const (
	open ending = iota
	completing
	aborting
)

// upload is a multipart upload that is not known to be over.
type upload struct {
	entry  *entry
	id     string
	op     string
	ctype  string
	parts  []part // acknowledged
	maybe  []part // not known
	ending ending
}

// version is what completing the upload with its acknowledged parts makes.
func (u *upload) version() version {
	v := version{exists: true, op: u.op, ctype: u.ctype}
	whole, copied, sums := sha256.New(), md5.New(), md5.New()
	for _, p := range u.parts {
		body := content(p.name, p.size)
		_, _ = whole.Write(body)
		_, _ = copied.Write(body)
		sum := md5.Sum(body)
		_, _ = sums.Write(sum[:])
		v.size += p.size
		v.blobs = append(v.blobs, p.name)
	}
	whole.Sum(v.sha256[:0])
	v.etag, v.copied = fmt.Sprintf("%x-%d", sums.Sum(nil), len(u.parts)), hex.EncodeToString(copied.Sum(nil))
	return v
}

// ledger is all that clients know of one bucket.
type ledger struct {
	seed    uint64
	entries []*entry

	mu sync.Mutex // guards what follows
	// uploads are those that are not known to be over.
	uploads []*upload
	// begun counts requests to begin an upload whose outcome nobody told.
	begun int
	// problems are what must never happen; the same ones are told once.
	problems []string
}

// newLedger knows that each of the keys holds nothing.
func newLedger(seed uint64, keys []string) *ledger {
	l := &ledger{seed: seed}
	for _, key := range keys {
		l.entries = append(l.entries, &entry{key: key, might: []version{{}}})
	}
	return l
}

func (l *ledger) problem(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

// takeProblems returns the problems since the last call.
func (l *ledger) takeProblems() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.problems
	l.problems = nil
	return p
}

func (l *ledger) add(u *upload) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.uploads = append(l.uploads, u)
}

func (l *ledger) remove(u *upload) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.uploads = slices.DeleteFunc(l.uploads, func(o *upload) bool { return o == u })
}

// blobs counts the files that the objects take, those that share one once.
func (l *ledger) blobs() int {
	names := map[string]bool{}
	for _, e := range l.entries {
		for _, name := range e.might[0].blobs {
			names[name] = true
		}
	}
	return len(names)
}

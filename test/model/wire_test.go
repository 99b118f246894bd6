package model_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/blob/disk"
	"coffer/keys"
	"coffer/meta/pebble"
	"coffer/objects"
	"coffer/s3"
	"coffer/sigv4"
)

// What is small here so that little data reaches every path: bodies of up to
// inlineMax bytes are inline, parts of partMin bytes are large enough.
const (
	inlineMax = 100
	partMin   = 20
)

// clock is the time of the server and of those who sign.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

type pair struct{ id, secret string }

// server is the real thing: the S3 front on the real services, on file systems in
// memory that can lose what was not synced.
type server struct {
	t testing.TB
	settings
	fs      vfs.FS
	mem     *vfs.MemFS // fs, unless it is a disk
	clock   *clock
	random  *rand.ChaCha8
	pairs   map[string]pair // by the name of the actor
	handler http.Handler
	objects *objects.Service
	close   func()
}

func newServer(t testing.TB, with settings) *server {
	s := &server{t: t, settings: with, clock: &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
		random: rand.NewChaCha8([32]byte{1}), pairs: map[string]pair{}}
	if s.fs = vfs.Default; with.dir == "" {
		s.mem = vfs.NewCrashableMem()
		s.fs = s.mem
	}
	ring := s.open()
	for _, who := range actors {
		if who.account == "" {
			continue
		}
		account := coffer.Account{ID: coffer.AccountID(who.account), Canonical: coffer.CanonicalID(who.canonical), Name: who.account}
		key, secret, err := ring.As(coffer.Caller{Operator: true}).Create(context.Background(), account,
			keys.CreateInput{Name: who.name, Scope: who.scope})
		if err != nil {
			t.Fatal(err)
		}
		s.pairs[who.name] = pair{string(key.Current.AccessKeyID), secret.Reveal()}
	}
	return s
}

// open starts all services on the file system.
func (s *server) open() *keys.Service {
	store, err := pebble.Open(filepath.Join(s.dir, "meta"), pebble.Options{FS: s.fs, MemtableBytes: s.memtable, CacheBytes: s.cache, RowsBytes: s.cache})
	if err != nil {
		s.t.Fatal(err)
	}
	blobs, err := disk.Open(disk.Options{FS: s.fs, Dirs: s.blobDirs(), Rand: s.random})
	if err != nil {
		s.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	master, err := keys.ParseMaster(coffer.NewSecretFrom(strings.Repeat("01", 32)))
	if err != nil {
		s.t.Fatal(err)
	}
	ring, err := keys.Open(context.Background(), keys.Options{Meta: store, Master: master, Now: s.clock.Now, Rand: s.random, Logger: log})
	if err != nil {
		s.t.Fatal(err)
	}
	s.objects, err = objects.Open(context.Background(), objects.Options{Meta: store, Blobs: blobs, Now: s.clock.Now, Rand: s.random,
		Logger: log, InlineMax: s.inline, PartSizeMin: partMin, Encrypt: s.encrypt, Seal: ring.Seal, Unseal: ring.Unseal})
	if err != nil {
		s.t.Fatal(err)
	}
	s.handler = s3.New(s3.Options{Objects: s.objects, Keys: ring, Regions: []string{"auto"}, Now: s.clock.Now, Rand: s.random, Logger: log})
	s.close = func() {
		_ = ring.Close()
		_ = store.Close()
	}
	return ring
}

// restart ends all services and starts them again.
func (s *server) restart() {
	s.close()
	s.open()
}

// crash cuts the power: what was not synced is lost, but for a part of it. That of a
// real disk is not cut here.
func (s *server) crash(keptPercent int) {
	if s.mem == nil {
		s.restart()
		return
	}
	clone := s.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keptPercent, RNG: rand.New(s.random)})
	s.close()
	s.mem, s.fs = clone, clone
	s.open()
}

// ask is one request.
type ask struct {
	as, method, bucket, key string
	query                   url.Values
	header                  http.Header
	body                    []byte
}

// answer is what came back; element has the first text of each XML element.
type answer struct {
	status int
	code   string // of the error
	header http.Header
	body   []byte
}

func (a answer) version() string { return a.header.Get("X-Amz-Version-Id") }
func (a answer) etag() string    { return strings.Trim(a.header.Get("Etag"), `"`) }

// parse reads the XML of an answer.
func (a answer) parse(t fataler, into any) {
	if err := xml.Unmarshal(a.body, into); err != nil {
		t.Fatalf("the answer is not XML: %v: %s", err, a.body)
	}
}

// fataler is what ends a test: rapid's or Go's.
type fataler interface {
	Fatalf(format string, args ...any)
}

// send asks the server.
func (s *server) send(q ask) answer {
	target := &url.URL{Scheme: "http", Host: "s3.test", Path: "/"}
	if q.bucket != "" {
		target.Path += q.bucket
	}
	if q.key != "" {
		target.Path += "/" + q.key
	}
	// What is asked for has no value, as in ?tagging, and that is what = gives too.
	target.RawQuery = q.query.Encode()
	r := httptest.NewRequest(q.method, target.String(), bytes.NewReader(q.body))
	if q.header != nil {
		r.Header = q.header
	}
	if q.method == http.MethodPut || q.method == http.MethodPost {
		r.Header.Set("Content-Length", strconv.Itoa(len(q.body)))
		sum := md5.Sum(q.body)
		r.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	if p, ok := s.pairs[q.as]; ok {
		sum := sha256.Sum256(q.body)
		sigv4.Sign(r, p.id, p.secret, "auto", "s3", hex.EncodeToString(sum[:]), s.clock.Now())
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	result := w.Result()
	body, err := io.ReadAll(result.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.heard != nil {
		s.heard(q, result, body)
	}
	a := answer{status: result.StatusCode, header: http.Header{}, body: body}
	for name, values := range result.Header {
		a.header[http.CanonicalHeaderKey(name)] = values // S3 writes ETag, and not Etag
	}
	if a.status >= 300 {
		var e struct{ Code string }
		_ = xml.Unmarshal(body, &e)
		a.code = e.Code
	}
	return a
}

package main

import (
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"coffer/sigv4"
)

const (
	region      = "us-east-1"
	bucket      = "bench"
	signedFor   = 24 * time.Hour
	presignMax  = 100_000 // targets of one table; a key beyond them is signed when it is its turn
	signingOnce = 512     // keys that a signing goroutine takes at a time
)

// signer signs for one server. Everything that a run sends bears the same time,
// so that servers find their signing key cached, as they do in earnest.
type signer struct {
	accessKeyID, secret string
	host                string
	now                 time.Time
}

// target returns a signed request target. path and query hold only what needs
// no further escaping.
func (s *signer) target(method, path, query string) string {
	r := &http.Request{Method: method, Host: s.host, URL: &url.URL{Scheme: "http", Host: s.host, Path: path, RawQuery: query}}
	sigv4.Presign(r, s.accessKeyID, s.secret, region, "s3", signedFor, s.now)
	return path + "?" + r.URL.RawQuery
}

// escape encodes a query's value.
func escape(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

// targets are the signed targets of numbered keys for one method.
type targets struct {
	first int
	ready []string
	sign  func(i int) string
}

// presign signs for the keys first to first+n-1.
func presign(first, n int, sign func(i int) string) *targets {
	t := &targets{first: first, ready: make([]string, min(n, presignMax)), sign: sign}
	var wg sync.WaitGroup
	todo := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for from := range todo {
				for i := from; i < min(from+signingOnce, len(t.ready)); i++ {
					t.ready[i] = sign(first + i)
				}
			}
		})
	}
	for i := 0; i < len(t.ready); i += signingOnce {
		todo <- i
	}
	close(todo)
	wg.Wait()
	return t
}

func (t *targets) at(i int) string {
	if n := i - t.first; n >= 0 && n < len(t.ready) {
		return t.ready[n]
	}
	return t.sign(i)
}

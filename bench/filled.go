package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	filledPrefix = "k/"
	filledSize   = 4 * kib
	perFolder    = 1000   // keys below each common prefix
	readSample   = 50_000 // of the keys, spread over all of them, are read
)

// filledPath names the i-th of n keys. They come in an order that is spread over
// the folders, as keys do in earnest.
func filledPath(i, n int) string {
	return fmt.Sprintf("/%s/%s%s%08d", bucket, filledPrefix, folder(i%folders(n)), i)
}

func folder(i int) string  { return fmt.Sprintf("d%05d/", i) }
func folders(keys int) int { return max(1, keys/perFolder) }
func sampled(keys int) int { return min(readSample, keys) }
func nth(i, keys int) int  { return i * (keys / sampled(keys)) }
func filledTable() string  { return "GET " + filledPrefix }

// fill puts the keys that are listed and read, for at most d, and returns how
// many there are. What a slow server did not finish is said in the report.
func fill(s *session, keys int, d time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(s.ctx, d)
	defer cancel()
	const step = 5000 // so that what is there is a whole number of steps
	part := *s
	part.ctx = ctx
	done := 0
	for done < keys {
		first, n := done, min(step, keys-done)
		t := presign(first, n, func(i int) string { return s.signer.target("PUT", filledPath(i, keys), "") })
		err := part.putAll(n, s.each, func(i int) string { return t.at(first + i) })
		if errors.Is(err, context.DeadlineExceeded) && s.ctx.Err() == nil {
			return done, nil
		}
		if err != nil {
			return done, fmt.Errorf("put the keys: %w", err)
		}
		done += n
	}
	return done, nil
}

func prepareFilled(s *session) error {
	if s.filled == 0 {
		return errors.New("there are no keys")
	}
	if s.tables[filledTable()] == nil {
		s.tables[filledTable()] = presign(0, sampled(s.filled), func(i int) string {
			return s.signer.target("GET", filledPath(nth(i, s.filled), s.wanted), "")
		})
	}
	return nil
}

func getFilled(w *worker) error {
	return w.get(w.tables[filledTable()].at(w.rng.IntN(sampled(w.filled))), w.each)
}

// listFlat walks all keys, page by page, over and over.
func listFlat(w *worker) error {
	return w.list("list-type=2&max-keys=1000&prefix="+escape(filledPrefix), "<Key>")
}

// listFolder lists one folder at a time.
func listFolder(w *worker) error {
	w.token = ""
	f := folder(w.rng.IntN(folders(w.wanted)))
	return w.list("delimiter=%2F&list-type=2&max-keys=1000&prefix="+escape(filledPrefix+f), "<Key>")
}

// listPrefixes lists the folders.
func listPrefixes(w *worker) error {
	w.token = ""
	return w.list("delimiter=%2F&list-type=2&max-keys=1000&prefix="+escape(filledPrefix), "<CommonPrefixes>")
}

// list asks for a page and looks whether it holds anything, then remembers
// where the next one begins.
func (w *worker) list(query, element string) error {
	if w.token != "" {
		query = "continuation-token=" + escape(w.token) + "&" + query
	}
	a, err := w.call(request{method: "GET", target: w.signer.target("GET", "/"+bucket, query), keep: true})
	w.token = ""
	if err != nil {
		return err
	}
	if bytes.Count(a.body, []byte(element)) == 0 {
		return fmt.Errorf("a list page without any %s", element)
	}
	w.token = between(a.body, "<NextContinuationToken>", "</NextContinuationToken>")
	return nil
}

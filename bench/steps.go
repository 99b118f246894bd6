package main

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

const (
	batch      = 1000 // keys of a multi-delete
	mixedConns = 8
	mixedKeys  = 200 // of one connection of the mixed line

	smallAhead = 24_000 // PUTs signed before a line begins
	deletesMin = 8_000  // keys that are there for a line of deletes
	putConns   = 32     // with which keys are put that a line needs
)

// pool is a set of numbered keys of one size.
type pool struct {
	prefix string
	size   int
	keys   int // 0 for no bound
}

func (p pool) path(i int) string { return fmt.Sprintf("/%s/%s%08d", bucket, p.prefix, i) }

// targets returns the signed targets of method for n keys from first; they are
// signed once for each server.
func (p pool) targets(s *session, method string, first, n int) *targets {
	name := method + " " + p.prefix
	t := s.tables[name]
	if t == nil || first < t.first || first+n > t.first+len(t.ready) {
		t = presign(first, n, func(i int) string { return s.signer.target(method, p.path(i), "") })
		s.tables[name] = t
	}
	return t
}

func (p pool) table(w *worker, method string) *targets { return w.tables[method+" "+p.prefix] }

func (p pool) signPut(s *session) error {
	p.targets(s, "PUT", 0, p.keys)
	return nil
}

// present puts every key of the pool, once for each server.
func (p pool) present(s *session) error {
	p.targets(s, "GET", 0, p.keys)
	if s.present[p.prefix] {
		return nil
	}
	t := p.targets(s, "PUT", 0, p.keys)
	if err := s.putAll(p.keys, p.size, t.at); err != nil {
		return err
	}
	s.present[p.prefix] = true
	return nil
}

func (p pool) put(w *worker) error {
	i := int(w.turn.Add(1)) % p.keys
	_, err := w.call(request{method: "PUT", target: p.table(w, "PUT").at(i), body: body(p.size, i)})
	return err
}

func (p pool) get(w *worker) error {
	return w.get(p.table(w, "GET").at(w.rng.IntN(p.keys)), p.size)
}

// get reads an object and looks at its length, so that a wrong answer is no fast one.
func (w *worker) get(target string, size int) error {
	a, err := w.call(request{method: "GET", target: target})
	if err == nil && a.size != int64(size) {
		err = fmt.Errorf("GET answered %d bytes, want %d", a.size, size)
	}
	return err
}

// putAll puts the objects 0 to n-1, or up to the first refusal.
func (s *session) putAll(n, size int, target func(i int) string) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	conns := putConns
	if size > mib {
		conns = 4
	}
	errs := make([]error, conns)
	for id := range conns {
		wg.Go(func() {
			w := &worker{session: s, id: id, c: conn{addr: s.addr, tls: s.tls}}
			defer w.c.close()
			for errs[id] == nil && s.ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				_, errs[id] = w.call(request{method: "PUT", target: target(i), body: body(size, i)})
			}
		})
	}
	wg.Wait()
	return errors.Join(errors.Join(errs...), s.ctx.Err())
}

func prepareSmall(s *session) error {
	smallPool.targets(s, "PUT", int(s.put.Load()), smallAhead)
	return nil
}

func putSmall(w *worker) error {
	i := int(w.put.Add(1)) - 1
	_, err := w.call(request{method: "PUT", target: smallPool.table(w, "PUT").at(i), body: body(smallPool.size, i)})
	return err
}

// prepareDelete sees to keys that no other line needs, and leaves half of them
// to the multi-delete.
func prepareDelete(s *session) error {
	if err := moreSmall(s, deletesMin); err != nil {
		return err
	}
	first, end := s.deleted.Load(), s.put.Load()
	s.deleteEnd = first + (end-first)/2
	smallPool.targets(s, "DELETE", int(first), int(min(s.deleteEnd-first, smallAhead)))
	return nil
}

func deleteSmall(w *worker) error {
	i := w.deleted.Add(1) - 1
	if i >= w.deleteEnd {
		return errDone
	}
	_, err := w.call(request{method: "DELETE", target: smallPool.table(w, "DELETE").at(int(i))})
	return err
}

func moreSmall(s *session, want int64) error {
	have := s.put.Load() - s.deleted.Load()
	if have >= want {
		return nil
	}
	first := int(s.put.Load())
	n := int(want - have)
	t := smallPool.targets(s, "PUT", first, n)
	s.put.Add(int64(n))
	return s.putAll(n, smallPool.size, func(i int) string { return t.at(first + i) })
}

func prepareMultiDelete(s *session) error {
	// Workers of the deletes before may each have taken a number past their end.
	s.deleted.Store(min(s.deleted.Load(), max(s.deleteEnd, s.deletedBatches)))
	if err := moreSmall(s, deletesMin); err != nil {
		return err
	}
	s.deletedBatches = s.put.Load()
	return nil
}

// multiDelete deletes the next 1,000 keys. Whole batches only, since a line
// counts each as one.
func multiDelete(w *worker) error {
	end := w.deleted.Add(batch)
	if end > w.deletedBatches {
		w.deleted.Add(-batch)
		return errDone
	}
	var b bytes.Buffer
	b.WriteString(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>`)
	for i := end - batch; i < end; i++ {
		fmt.Fprintf(&b, "<Object><Key>%s%08d</Key></Object>", smallPool.prefix, i)
	}
	b.WriteString("</Delete>")
	sum := md5.Sum(b.Bytes())
	a, err := w.call(request{method: "POST", target: w.signer.target("POST", "/"+bucket, "delete="), body: b.Bytes(),
		header: "Content-MD5: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n", keep: true})
	if err == nil && bytes.Contains(a.body, []byte("<Error>")) {
		err = fmt.Errorf("multi-delete answered %s", between(a.body, "<Code>", "</Code>"))
	}
	return err
}

// bodyKinds differ, so that a server cannot profit from one body only.
const bodyKinds = 2

// bodies are random bytes that objects are cut from; the same in every run.
var bodies = sync.OnceValue(func() []byte {
	b := make([]byte, 64*mib+bodyKinds)
	_, _ = rand.NewChaCha8([32]byte{'b', 'e', 'n', 'c', 'h'}).Read(b) // never fails
	return b
})

// body returns size bytes, the same for the same i.
func body(size, i int) []byte {
	b := bodies()
	at := i * 4093 % max(len(b)-size, 1)
	return b[at : at+size]
}

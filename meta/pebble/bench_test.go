package pebble_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"coffer/meta"
	"coffer/meta/pebble"
)

// BenchmarkUpdate4KiB is a small PUT without its HTTP: a precondition is read,
// a row and its bytes are written, and all of it is durable.
func BenchmarkUpdate4KiB(b *testing.B) {
	for _, goroutines := range []int{1, 32} {
		b.Run(fmt.Sprintf("%dGoroutines", goroutines), func(b *testing.B) {
			s := open(b, nil, b.TempDir(), pebble.Options{})
			defer s.Close()
			value, row := random(4096), random(200)
			var n atomic.Uint64
			var wg sync.WaitGroup
			b.SetBytes(4096)
			b.ReportAllocs()
			b.ResetTimer()
			for range goroutines {
				wg.Go(func() {
					for i := n.Add(1); i <= uint64(b.N); i = n.Add(1) {
						key := binary.BigEndian.AppendUint64([]byte("o"), i*0x9e3779b97f4a7c15)
						err := s.Update(b.Context(), func(tx meta.Tx) error {
							if _, err := tx.Get(key); err == nil {
								return fmt.Errorf("key %x exists", key)
							}
							if err := tx.Set(key, row); err != nil {
								return err
							}
							return tx.Set(append([]byte("b"), key...), value)
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			m := s.Metrics()
			b.ReportMetric(float64(m.Commits)/float64(max(1, m.Syncs)), "commits/sync")
			b.ReportMetric(float64(m.Conflicts), "conflicts")
		})
	}
}

const benchKeys = 200_000

func benchStore(b *testing.B) *pebble.Store {
	s := open(b, nil, b.TempDir(), pebble.Options{NoSync: true})
	b.Cleanup(func() { s.Close() })
	row := random(200)
	for at := 0; at < benchKeys; at += 1000 {
		if err := s.Update(b.Context(), func(tx meta.Tx) error {
			for i := at; i < at+1000; i++ {
				if err := tx.Set(fmt.Appendf(nil, "key/%07d", i), row); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	return s
}

func BenchmarkGet(b *testing.B) {
	s := benchStore(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := fmt.Appendf(nil, "key/%07d", rand.IntN(benchKeys))
			if err := s.View(b.Context(), func(r meta.Reader) error { _, err := r.Get(key); return err }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkScan1000(b *testing.B) {
	s := benchStore(b)
	for b.Loop() {
		start := fmt.Appendf(nil, "key/%07d", rand.IntN(benchKeys-1000))
		err := s.View(b.Context(), func(r meta.Reader) error {
			it := r.Iter(start, []byte("key0"))
			for n := 0; n < 1000 && it.Next(); n++ {
				if _, err := it.Value(); err != nil {
					return err
				}
			}
			return it.Close()
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(b)
	return b
}

package disk

import (
	"bytes"
	"io"
	"testing"

	"coffer/blob/blobtest"
)

const benchBytes = 64 << 20

func BenchmarkPut64MiB(b *testing.B) {
	s := openWith(b, Options{Dirs: []string{b.TempDir()}})
	content := blobtest.Content(1, benchBytes)
	b.SetBytes(benchBytes)
	b.ReportAllocs()
	for b.Loop() {
		ref, _, err := s.Put(b.Context(), struct{ io.Reader }{bytes.NewReader(content)})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Delete(b.Context(), ref); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkCopyRange64MiB(b *testing.B) {
	s := openWith(b, Options{Dirs: []string{b.TempDir()}})
	ref := blobtest.Put(b, s, blobtest.Content(1, benchBytes))
	b.SetBytes(benchBytes)
	b.ReportAllocs()
	for b.Loop() {
		blob, err := s.Open(b.Context(), ref)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := blob.CopyRange(io.Discard, 0, benchBytes); err != nil {
			b.Fatal(err)
		}
		if err := blob.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallRange(b *testing.B) {
	s := openWith(b, Options{Dirs: []string{b.TempDir()}})
	blob, err := s.Open(b.Context(), blobtest.Put(b, s, blobtest.Content(1, benchBytes)))
	if err != nil {
		b.Fatal(err)
	}
	defer blob.Close()
	p, off := make([]byte, 4096), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := blob.ReadAt(p, off+1000); err != nil {
			b.Fatal(err)
		}
		off = (off + 1<<20) % (benchBytes / 2)
	}
}

func BenchmarkPut128KiB(b *testing.B) { benchmarkPuts(b, 128<<10, 16) }

func BenchmarkPut1MiB(b *testing.B) { benchmarkPuts(b, 1<<20, 4) }

// benchmarkPuts stores blobs of a size, so many at a time for each processor.
func benchmarkPuts(b *testing.B, size, parallel int) {
	s := openWith(b, Options{Dirs: []string{b.TempDir()}})
	content := blobtest.Content(1, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.SetParallelism(parallel)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := s.Put(b.Context(), bytes.NewReader(content)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

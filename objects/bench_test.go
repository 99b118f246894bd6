package objects

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"coffer"
)

func BenchmarkPutSmall(b *testing.B) {
	w := newWorld(b)
	w.Meta = w.store.Store
	body := content(1, 512)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		_, err := w.alice.Put(b.Context(), PutInput{Bucket: "bucket", Key: fmt.Sprint("key", i%1000), Body: bytes.NewReader(body), Size: int64(len(body)),
			Attributes: coffer.Attributes{ContentType: "text/plain"}})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetSmall(b *testing.B) {
	w := newWorld(b)
	w.put(b, "k", content(1, 512))
	b.ReportAllocs()
	for b.Loop() {
		c, err := w.alice.Get(b.Context(), GetInput{Bucket: "bucket", Key: "k"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.WriteTo(b.Context(), io.Discard); err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
	}
}

func BenchmarkList1000(b *testing.B) {
	w := newWorld(b)
	w.Meta = w.store.Store
	for i := range 1001 {
		w.put(b, fmt.Sprintf("some/prefix/key-%06d", i), []byte("x"))
	}
	b.ReportAllocs()
	for b.Loop() {
		page, err := w.alice.List(b.Context(), ListInput{Bucket: "bucket", Max: 1000})
		if err != nil || len(page.Objects) != 1000 {
			b.Fatal(len(page.Objects), err)
		}
	}
}

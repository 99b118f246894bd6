package keys

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/meta"
)

// TestLookupsNeverOutliveADelete hammers keys that are made and deleted: a
// lookup that begins after Delete returned must refuse.
func TestLookupsNeverOutliveADelete(t *testing.T) {
	s := newService(t)
	for range 40 {
		key, _ := create(t, s, ann, CreateInput{})
		var deleted atomic.Bool
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for after := 0; after < 20; {
					began := deleted.Load()
					err := admit(t, s, key.Current.AccessKeyID)
					switch {
					case began && coffer.CodeOf(err) != coffer.InvalidAccessKeyID:
						t.Errorf("a lookup after Delete = %v, want InvalidAccessKeyID", err)
						return
					case err != nil && coffer.CodeOf(err) != coffer.InvalidAccessKeyID:
						t.Errorf("Signer: %v", err)
						return
					}
					if began {
						after++
					}
				}
			})
		}
		if _, err := s.As(operator).Delete(t.Context(), string(key.ID)); err != nil {
			t.Errorf("Delete: %v", err)
		}
		deleted.Store(true)
		wg.Wait()
	}
}

// stallingStore lets a test do something between a read and what follows it,
// and tells of no change, so that nothing but the generation helps.
type stallingStore struct {
	meta.Store
	afterView func()
}

func (s *stallingStore) View(ctx context.Context, fn func(meta.Reader) error) error {
	err := s.Store.View(ctx, fn)
	if s.afterView != nil {
		s.afterView()
	}
	return err
}

func (s *stallingStore) Watch(ctx context.Context, _ []byte) iter.Seq2[meta.Event, error] {
	return func(yield func(meta.Event, error) bool) {
		<-ctx.Done()
		yield(meta.Event{}, ctx.Err())
	}
}

func TestAFillThatADeleteOvertookIsDropped(t *testing.T) {
	store := &stallingStore{Store: openStore(t, vfs.NewMem())}
	s := openService(t, options(store))
	key, _ := create(t, s, ann, CreateInput{})
	store.afterView = func() { // the lookup has read the record and not yet filled the cache
		store.afterView = nil
		if _, err := s.As(operator).Delete(t.Context(), string(key.ID)); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
	if _, err := lookUp(t, s, key.Current.AccessKeyID); err != nil {
		t.Errorf("the lookup that began before: %v", err)
	}
	if err := admit(t, s, key.Current.AccessKeyID); coffer.CodeOf(err) != coffer.InvalidAccessKeyID {
		t.Errorf("the lookup after = %v, want InvalidAccessKeyID", err)
	}
}

// TestAChangeOfAnotherNodeIsSeen changes the store through a second service, as
// another node would, and looks until the first one hears of it.
func TestAChangeOfAnotherNodeIsSeen(t *testing.T) {
	store := openStore(t, vfs.NewMem())
	here, there := openService(t, options(store)), openService(t, options(store))
	key, _ := create(t, here, ann, CreateInput{})
	if _, err := lookUp(t, here, key.Current.AccessKeyID); err != nil {
		t.Fatal(err)
	}
	if _, err := there.As(operator).Delete(t.Context(), string(key.ID)); err != nil {
		t.Fatal(err)
	}
	for {
		err := admit(t, here, key.Current.AccessKeyID)
		if coffer.CodeOf(err) == coffer.InvalidAccessKeyID {
			return
		}
		if err != nil || t.Context().Err() != nil {
			t.Fatalf("Signer: %v", err)
		}
	}
}

// deafStore cannot watch.
type deafStore struct{ meta.Store }

func (deafStore) Watch(context.Context, []byte) iter.Seq2[meta.Event, error] {
	return func(yield func(meta.Event, error) bool) { yield(meta.Event{}, errors.New("the line is cut")) }
}

func TestWithoutAWatchNothingIsCached(t *testing.T) {
	s := openService(t, options(deafStore{openStore(t, vfs.NewMem())}))
	key, _ := create(t, s, ann, CreateInput{})
	s.stop()
	s.done.Wait()
	if _, err := lookUp(t, s, key.Current.AccessKeyID); err != nil {
		t.Errorf("Signer: %v", err)
	}
	if n := len(cached(s)); n != 0 {
		t.Errorf("the cache has %d entries, want 0", n)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	for i := range cacheMax + 100 {
		c.put(&entry{actor: coffer.Actor{AccessKeyID: coffer.AccessKeyID(fmt.Sprint(i))}}, 0)
	}
	if n, ids := len(c.entries), len(c.byKey[""]); n != cacheMax || ids != cacheMax {
		t.Errorf("the cache has %d entries, %d by key, want %d", n, ids, cacheMax)
	}
	e := &entry{candidates: []candidate{{secret: coffer.NewSecretFrom("secret")}}}
	for i := range 3 * scopesMax {
		sc := binding{fmt.Sprint(i), "auto", "s3"}
		if a, b := e.signingKeys(sc), e.signingKeys(sc); &a[0] != &b[0] {
			t.Errorf("the signing key of %v was derived twice", sc)
		}
	}
	// Nothing is kept for a text of any length that a client calls a region.
	known := e.derived.Load()
	if e.signingKeys(binding{"20260301", strings.Repeat("r", regionMax+1), "s3"}); e.derived.Load() != known {
		t.Error("a signing key for a very long region is kept")
	}
	if n := len(*e.derived.Load()); n != scopesMax {
		t.Errorf("an entry has %d signing keys, want %d", n, scopesMax)
	}
}

func TestSignerFromTheCacheAllocatesNothing(t *testing.T) {
	s := newService(t)
	key, _ := create(t, s, ann, CreateInput{})
	ctx, id := t.Context(), key.Current.AccessKeyID
	n := testing.AllocsPerRun(100, func() {
		if _, err := s.Signer(ctx, id, "20260301", "auto", "s3"); err != nil {
			t.Error(err)
		}
	})
	// The watch may forget the entry once, when it hears of Create.
	if n > 0 {
		t.Errorf("a lookup makes %v allocations, want 0", n)
	}
}

func TestConcurrentCreatesAndDeletes(t *testing.T) {
	s := newService(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				key, _, err := s.As(operator).Create(t.Context(), ann, CreateInput{})
				if err != nil {
					t.Errorf("Create: %v", err)
					return
				}
				var inner sync.WaitGroup
				for range 2 { // two deletes of one key both succeed
					inner.Go(func() {
						if _, err := s.As(operator).Delete(t.Context(), string(key.Current.AccessKeyID)); err != nil {
							t.Errorf("Delete: %v", err)
						}
					})
				}
				inner.Wait()
			}
		})
	}
	wg.Wait()
	all, err := s.As(operator).List(t.Context(), ann.ID)
	if err != nil || len(all) != 40 {
		t.Errorf("List = %d keys, %v, want 40", len(all), err)
	}
	for _, key := range all {
		if key.Status != coffer.KeyDeleted {
			t.Errorf("key %s is %s, want deleted", key.ID, key.Status)
		}
	}
}

func BenchmarkSigner(b *testing.B) {
	store := openStore(b, vfs.NewMem())
	s, err := Open(b.Context(), options(store))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	key, _, err := s.As(operator).Create(b.Context(), ann, CreateInput{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Signer(b.Context(), key.Current.AccessKeyID, "20260301", "auto", "s3"); err != nil {
				b.Error(err)
			}
		}
	})
}

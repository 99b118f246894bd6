// Package metatest is the contract of the metadata boundary as tests. A driver
// passes all of them or is not a driver. It knows nothing of any driver.
package metatest

import (
	"errors"
	"fmt"
	"testing"

	"coffer/meta"
)

// Run runs the contract. open returns an empty store; Run closes it.
func Run(t *testing.T, open func(t *testing.T) meta.Store) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, s meta.Store)
	}{
		{"ReadsWhatWasWritten", testReadWrite},
		{"KeepsLimits", testLimits},
		{"RefusesATransactionThatIsTooLarge", testTxLimit},
		{"WalksBothWays", testWalk},
		{"SkipsAPrefix", testSkip},
		{"SeesItsOwnWrites", testOwnWrites},
		{"DeletesARange", testDeleteRange},
		{"AnErrorWritesNothing", testErrorWritesNothing},
		{"AnIgnoredWriteErrorWritesNothing", testIgnoredError},
		{"APanicWritesNothingAndBlocksNobody", testPanic},
		{"AContextThatIsDoneWritesNothing", testContext},
		{"ForgetsNothingThatIsLeftOpen", testLeftOpen},
		{"AViewIsOneMoment", testViewIsOneMoment},
		{"AnIterHoldsItsMoment", testIterHoldsAMoment},
		{"NothingStaleIsRead", testNothingStaleIsRead},
		{"RunsAgainAfterAConflict", testRunsAgain},
		{"LosesNoIncrement", testLosesNoIncrement},
		{"HasNoWriteSkew", testWriteSkew},
		{"HasNoPhantoms", testPhantom},
		{"EveryRunSeesOneState", testEveryRunSeesOneState},
		{"ARunIsOneMoment", testRunIsOneMoment},
		{"ADeletedRangeConflictsWithItsReaders", testDeleteRangeConflicts},
		{"AdditionsSumUp", testAdditions},
		{"AdditionsConflictWithNoOtherKey", testAdditionsConflictWithNobody},
		{"WatchTellsOfCommits", testWatch},
		{"WatchOfASlowReaderLosesNothingSilently", testWatchOverflow},
		{"WatchEnds", testWatchEnds},
		{"AWatchMissesNothingAfterItBegan", testWatchMissesNothing},
		{"IsLikeASortedMap", testModel},
		{"AClosedStoreSaysSo", testClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close() = %v", err)
				}
			})
			tt.test(t, s)
		})
	}
}

// set commits pairs of keys and values.
func set(t testing.TB, s meta.Store, pairs ...string) {
	t.Helper()
	update(t, s, func(tx meta.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Set([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

func update(t testing.TB, s meta.Store, fn func(meta.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update() = %v", err)
	}
}

func view(t testing.TB, s meta.Store, fn func(meta.Reader) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatalf("View() = %v", err)
	}
}

// get reads one key within a transaction; a missing key is "<none>".
func get(r meta.Reader, key string) (string, error) {
	value, err := r.Get([]byte(key))
	if errors.Is(err, meta.ErrNotFound) {
		return "<none>", nil
	}
	return string(value), err
}

// want checks one key in a View of its own.
func want(t testing.TB, s meta.Store, key, value string) {
	t.Helper()
	view(t, s, func(r meta.Reader) error {
		got, err := get(r, key)
		if err == nil && got != value {
			t.Errorf("Get(%q) = %q, want %q", key, got, value)
		}
		return err
	})
}

// scan reads start <= key < end as "k=v" in ascending order; "" is nil.
func scan(r meta.Reader, start, end string) ([]string, error) {
	it := r.Iter(bound(start), bound(end))
	var out []string
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return nil, errors.Join(err, it.Close())
		}
		out = append(out, fmt.Sprintf("%s=%s", it.Key(), value))
	}
	return out, it.Close()
}

func bound(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

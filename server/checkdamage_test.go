package server

import (
	"slices"
	"testing"

	"coffer/api"
	"coffer/meta"
	"coffer/meta/pebble"
)

// TestACheckFindsWhatKeepsAServerFromStarting, and a repair mends what can be.
func TestACheckFindsWhatKeepsAServerFromStarting(t *testing.T) {
	for _, tt := range []struct {
		record string // the beginning of its key
		code   string
		mended bool
	}{
		{"objectkey", "object-key", false},
		{"disk/", "disk-record", true},
	} {
		t.Run(tt.code, func(t *testing.T) {
			cfg := testConfig(t)
			if err := open(t, cfg).Close(); err != nil {
				t.Fatal(err)
			}
			damageRecord(t, cfg, meta.Key(meta.PrefixInstance, []byte(tt.record)))
			refusal(t, cfg)
			check := func(repair bool) (codes []string) {
				t.Helper()
				in := CheckInput{CheckInput: api.CheckInput{Repair: repair}}
				_, err := Check(t.Context(), cfg, in, func(f api.Found) error {
					codes = append(codes, f.Code)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				return codes
			}
			if got, want := check(false), []string{tt.code}; !slices.Equal(got, want) {
				t.Errorf("Check = %q, want %q", got, want)
			}
			if !tt.mended {
				return
			}
			check(true)
			if got := check(false); len(got) != 0 {
				t.Errorf("Check after a repair = %q, want nothing", got)
			}
			open(t, cfg)
		})
	}
}

// damageRecord makes the first record whose key begins with prefix unreadable.
func damageRecord(t *testing.T, cfg Config, prefix []byte) {
	t.Helper()
	store, err := pebble.Open(metaDir(cfg.Data), pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(t.Context(), func(tx meta.Tx) error {
		it := tx.Iter(prefix, meta.PrefixEnd(prefix))
		defer it.Close()
		if !it.Next() {
			t.Fatalf("there is no record %q", prefix)
		}
		return tx.Set(it.Key(), []byte{0xff, 3, 7})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

package server

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"coffer"
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
	changeRecord(t, cfg, prefix, func(tx meta.Tx, key []byte) error { return tx.Set(key, []byte{0xff, 3, 7}) })
}

// changeRecord changes the first record whose key begins with prefix.
func changeRecord(t *testing.T, cfg Config, prefix []byte, change func(tx meta.Tx, key []byte) error) {
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
		return change(tx, it.Key())
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAMissingKeyOfObjectsIsNotMadeAnew while objects are encrypted under it: nobody
// would hear that they are lost.
func TestAMissingKeyOfObjectsIsNotMadeAnew(t *testing.T) {
	cfg := testConfig(t)
	cfg.Encryption = true
	cfg.RootAccessKeyID, cfg.RootSecretAccessKey = rootID, coffer.NewSecretFrom(rootSecret)
	lose := func() {
		t.Helper()
		changeRecord(t, cfg, meta.Key(meta.PrefixInstance, []byte("objectkey")), func(tx meta.Tx, key []byte) error { return tx.Delete(key) })
	}
	s := open(t, cfg)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	lose()
	s = open(t, cfg) // nothing is encrypted yet
	stop := start(t, s)
	for _, path := range []string{"/bucket", "/bucket/object"} {
		if status, answer := signed(t, s, rootID, rootSecret, "PUT", path, strings.TrimPrefix(path, "/bucket")); status != 200 {
			t.Fatalf("PUT %s = %d %s", path, status, answer)
		}
	}
	if err := errors.Join(stop(), s.Close()); err != nil {
		t.Fatal(err)
	}
	lose()
	for range 2 {
		if got, want := refusal(t, cfg), "the key of objects is missing"; !strings.Contains(got, want) {
			t.Errorf("New = %q, want %q in it", got, want)
		}
	}
	for _, in := range []api.CheckInput{{}, {Repair: true}, {Repair: true, RemoveDamaged: true}} {
		var found []string
		_, err := Check(t.Context(), cfg, CheckInput{CheckInput: in}, func(f api.Found) error {
			found = append(found, strings.TrimSpace(f.Code+" "+string(f.Bucket)+" "+f.Key))
			return nil
		})
		if want := []string{"object-key-lost bucket object", "object-key"}; err != nil || !slices.Equal(found, want) {
			t.Errorf("Check(%+v) = %q, %v, want %q", in, found, err, want)
		}
	}
	open(t, cfg)
}

package server

import (
	"crypto/rand"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/accounts"
	"coffer/keys"
	"coffer/meta"
	"coffer/meta/pebble"
)

var update = flag.Bool("update", false, "write the golden files anew")

// services are what a first start works on, in memory.
type services struct {
	meta     *pebble.Store
	accounts *accounts.Service
	keys     *keys.Service
}

func memoryServices(t *testing.T) services {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	store, err := pebble.Open("db", pebble.Options{FS: vfs.NewMem(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	master, err := keys.ParseMaster(coffer.NewSecretFrom(strings.Repeat("ab", 32)))
	if err != nil {
		t.Fatal(err)
	}
	ks, err := keys.Open(t.Context(), keys.Options{Meta: store, Master: master, Now: time.Now, Rand: rand.Reader, Logger: logger, Reveal: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ks.Close() })
	as, err := accounts.New(accounts.Options{Meta: store, Now: time.Now, Rand: rand.Reader, Logger: logger,
		Sealer: accounts.Sealer{Seal: ks.Seal, Open: ks.Unseal}})
	if err != nil {
		t.Fatal(err)
	}
	return services{store, as, ks}
}

func (s services) run(t *testing.T, cfg Config) (root, error) {
	t.Helper()
	return firstRun(t.Context(), &cfg, s.meta, s.accounts, s.keys)
}

func TestAFirstStartThatWasCutShortIsCompleted(t *testing.T) {
	makeAccount := func(t *testing.T, s services) coffer.Account {
		t.Helper()
		a, err := s.accounts.Create(t.Context(), DefaultRootEmail, "root")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	tests := []struct {
		name string
		done func(t *testing.T, s services)
	}{
		{"BeforeAnything", func(*testing.T, services) {}},
		{"AfterTheAccount", func(t *testing.T, s services) { makeAccount(t, s) }},
		{"AfterTheRecordOfIt", func(t *testing.T, s services) {
			if err := writeRoot(t.Context(), s.meta, makeAccount(t, s).ID); err != nil {
				t.Fatal(err)
			}
		}},
		{"AfterTheKey", func(t *testing.T, s services) {
			if _, err := s.run(t, NewConfig()); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := memoryServices(t)
			tt.done(t, s)
			r, err := s.run(t, NewConfig())
			if err != nil || r.key.Status != coffer.KeyActive {
				t.Fatalf("firstRun = %+v, %v, want a key", r, err)
			}
			all, err := s.accounts.List(t.Context())
			if err != nil || len(all) != 1 {
				t.Errorf("accounts = %v, %v, want one", all, err)
			}
			ks, err := s.keys.As(starter()).List(t.Context(), "")
			if err != nil || len(ks) != 1 {
				t.Errorf("keys = %v, %v, want one", ks, err)
			}
		})
	}
}

func TestTheFirstAccountStaysTheFirst(t *testing.T) {
	s := memoryServices(t)
	first, err := s.run(t, NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.accounts.Create(t.Context(), "b@example.com", ""); err != nil {
		t.Fatal(err)
	}
	cfg := NewConfig()
	cfg.RootEmail = "c@example.com"
	again, err := s.run(t, cfg)
	if err != nil || again.account.ID != first.account.ID || again.made {
		t.Errorf("a later start = %+v, %v, want account %s", again, err, first.account.ID)
	}
}

func TestADeletedFirstKeyIsNotMadeAgain(t *testing.T) {
	s := memoryServices(t)
	r, err := s.run(t, NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.keys.As(starter()).Delete(t.Context(), string(r.key.ID)); err != nil {
		t.Skipf("the last key cannot be deleted: %v", err)
	}
	r, err = s.run(t, NewConfig())
	if err != nil || r.key.ID != "" || r.made {
		t.Errorf("a start after the only key was deleted = %+v, %v, want no key", r, err)
	}
}

func TestTheConfiguredPairIsAKeyOfTheFirstAccount(t *testing.T) {
	const id, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	pair := func(id, secret string) Config {
		cfg := NewConfig()
		cfg.Logger = slog.New(slog.DiscardHandler)
		cfg.RootAccessKeyID, cfg.RootSecretAccessKey = id, coffer.NewSecretFrom(secret)
		return cfg
	}
	s := memoryServices(t)
	step := func(name string, cfg Config, wantKey, wantErr string, wantKeys int) {
		t.Helper()
		r, err := s.run(t, cfg)
		if (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: error %v, want %q", name, err, wantErr)
		}
		if err == nil && string(r.key.Current.AccessKeyID) != wantKey {
			t.Errorf("%s: key %s, want %s", name, r.key.Current.AccessKeyID, wantKey)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error has the secret", name)
		}
		all, err := s.keys.As(starter()).List(t.Context(), "")
		if err != nil || len(all) != wantKeys {
			t.Errorf("%s: %d keys, %v, want %d", name, len(all), err, wantKeys)
		}
	}
	step("the first start takes it", pair(id, secret), id, "", 1)
	step("the same again", pair(id, secret), id, "", 1)
	step("without the settings it stays", NewConfig(), id, "", 1)
	step("another secret is refused", pair(id, "another-secret"), "", "is not the secret of the stored key "+id, 1)
	step("an unknown ID is another key", pair("AKIAIOSFODNN7EXAMPL2", secret), "AKIAIOSFODNN7EXAMPL2", "", 2)
	if _, got, err := s.keys.As(starter()).Reveal(t.Context(), id); err != nil || got.Reveal() != secret {
		t.Errorf("the secret of %s changed, or %v", id, err)
	}
	if _, err := s.keys.As(starter()).Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	step("a deleted one does not come back, and is no reason not to start", pair(id, secret), "AKIAIOSFODNN7EXAMPL2", "", 2)
	other, err := s.accounts.Create(t.Context(), "b@example.com", "")
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := s.keys.As(starter()).Create(t.Context(), other, keys.CreateInput{})
	if err != nil {
		t.Fatal(err)
	}
	step("a key of another account is refused", pair(string(key.Current.AccessKeyID), secret), "", "another account", 3)
}

func TestFormatOfTheStore(t *testing.T) {
	set := func(key, value []byte) func(t *testing.T, s *pebble.Store) {
		return func(t *testing.T, s *pebble.Store) {
			if err := s.Update(t.Context(), func(tx meta.Tx) error { return tx.Set(key, value) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name string
		harm func(t *testing.T, s *pebble.Store)
		want string
	}{
		{"EmptyIsMarked", func(*testing.T, *pebble.Store) {}, ""},
		{"ThisVersion", set(formatKey(), encodeFormat(1)), ""},
		{"NewerIsRefused", set(formatKey(), encodeFormat(2)), "the data has format 2"},
		{"RecordsWithoutFormatAreRefused", set([]byte("a1"), []byte("x")), "no format record"},
		{"GarbageIsRefused", set(formatKey(), []byte{instanceVersion, 0xff}), "format record"},
		{"ZeroIsRefused", set(formatKey(), encodeFormat(0)), "format record"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store, err := pebble.Open("db", pebble.Options{FS: vfs.NewMem()})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			tt.harm(t, store)
			for range 2 {
				err := checkFormat(t.Context(), store)
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("checkFormat = %v, want %q", err, tt.want)
				}
			}
		})
	}
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	golden := func(name string, now []byte) []byte {
		path := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(path, now, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if err := readFormat(golden("format", encodeFormat(1))); err != nil {
		t.Errorf("readFormat(golden) = %v", err)
	}
	b := golden("root", encodeRoot("412644145637"))
	if id, err := decodeRoot(b); err != nil || id != "412644145637" {
		t.Errorf("decodeRoot(golden) = %q, %v, want 412644145637", id, err)
	}
	if string(b) != string(encodeRoot("412644145637")) {
		t.Error("encodeRoot writes other bytes than the golden file has")
	}
	for name, want := range map[string]knownDisk{
		"disk":     {dir: "/srv/blobs"},
		"disklost": {dir: "/srv/blobs", lost: time.Unix(1790000000, 5).UTC()},
	} {
		b = golden(name, encodeDisk(want))
		if d, err := decodeDisk(b); err != nil || d != want {
			t.Errorf("decodeDisk(golden) = %+v, %v, want %+v", d, err, want)
		}
		if string(b) != string(encodeDisk(want)) {
			t.Errorf("encodeDisk writes other bytes than %s.golden has", name)
		}
	}
}

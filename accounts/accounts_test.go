package accounts

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/meta"
	"coffer/meta/pebble"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func open(t *testing.T, fs vfs.FS, random io.Reader) *Service {
	t.Helper()
	store, err := pebble.Open("db", pebble.Options{FS: fs})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { store.Close() })
	s, err := New(Options{Meta: store, Now: func() time.Time { return noon }, Rand: rand.Reader,
		Logger: slog.New(slog.DiscardHandler), Sealer: testSealer(t)})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	s.rand = random
	return s
}

func TestCreateIsFoundByEveryName(t *testing.T) {
	s := open(t, vfs.NewMem(), rand.Reader)
	want, err := s.Create(t.Context(), "Ann@Example.com", " Ann ")
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	if want.Email != "ann@example.com" || want.Name != "Ann" || !want.Created.Equal(noon) || len(want.Canonical) != 64 {
		t.Errorf("Create = %+v, want ann@example.com, Ann, %v and a canonical ID of 64 digits", want, noon)
	}
	for _, handle := range []string{string(want.ID), string(want.Canonical), "ann@example.com", "ANN@example.COM"} {
		if got, err := s.Find(t.Context(), handle); err != nil || got != want {
			t.Errorf("Find(%q) = %+v, %v, want %+v", handle, got, err, want)
		}
	}
	other, err := s.Create(t.Context(), "bob@example.com", "")
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 2 || !slices.Contains(all, want) || !slices.Contains(all, other) {
		t.Errorf("List = %+v, %v, want both accounts", all, err)
	}
}

func TestFindRefusesWhatIsNoAccount(t *testing.T) {
	s := open(t, vfs.NewMem(), rand.Reader)
	for _, handle := range []string{"", "1", "123456789012", "x@example.com", "@", strings.Repeat("9", 5000),
		strings.Repeat("a", 5000) + "@b", "\x00\xff"} {
		if _, err := s.Find(t.Context(), handle); coffer.CodeOf(err) != coffer.NoSuchAccount {
			t.Errorf("Find(%.20q) = %v, want NoSuchAccount", handle, err)
		}
	}
}

func TestCreateRefusesBadInput(t *testing.T) {
	s := open(t, vfs.NewMem(), rand.Reader)
	for _, tt := range []struct{ email, name string }{
		{"", ""}, {"ann", ""}, {"Ann <ann@example.com>", ""}, {"a@b\n", ""}, {"ann@example.com", "a\nb"},
		{"ann@example.com", strings.Repeat("x", 129)}, {strings.Repeat("x", 250) + "@example.com", ""},
	} {
		if _, err := s.Create(t.Context(), tt.email, tt.name); coffer.CodeOf(err) != coffer.InvalidArgument {
			t.Errorf("Create(%.20q, %.20q) = %v, want InvalidArgument", tt.email, tt.name, err)
		}
	}
	if all, err := s.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("List = %v, %v, want nothing", all, err)
	}
}

func TestOneEmailIsOneAccount(t *testing.T) {
	s := open(t, vfs.NewMem(), rand.Reader)
	var made, refused int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			email := []string{"ann@example.com", "ANN@example.com"}[i%2]
			_, err := s.Create(t.Context(), email, "")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case coffer.CodeOf(err) == coffer.AccountExists:
				refused++
			default:
				t.Errorf("Create(%q): %v", email, err)
			}
		})
	}
	wg.Wait()
	if made != 1 || refused != 7 {
		t.Errorf("%d were made and %d refused, want 1 and 7", made, refused)
	}
}

// sequence gives each of its pieces once, so that a test says which ID is drawn.
type sequence struct{ pieces [][]byte }

func (s *sequence) Read(p []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, errors.New("no more randomness")
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func TestATakenIDIsDrawnAgain(t *testing.T) {
	one, two, canonical := bytes.Repeat([]byte{1}, 8), bytes.Repeat([]byte{2}, 8), bytes.Repeat([]byte{3}, 32)
	s := open(t, vfs.NewMem(), &sequence{[][]byte{one, canonical, one, canonical, two, canonical}})
	a, err := s.Create(t.Context(), "a@example.com", "")
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	b, err := s.Create(t.Context(), "b@example.com", "")
	if err != nil || a.ID == b.ID {
		t.Errorf("Create = %+v, %v, want an ID other than %s", b, err, a.ID)
	}
	if got, err := s.Get(t.Context(), a.ID); err != nil || got != a {
		t.Errorf("Get(%s) = %+v, %v, want %+v", a.ID, got, err, a)
	}
	if _, err := s.Create(t.Context(), "c@example.com", ""); err == nil {
		t.Error("Create without randomness made an account")
	}
}

func TestWhatCreateAnsweredSurvivesACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, rand.Reader)
	want, err := s.Create(t.Context(), "ann@example.com", "")
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	after := open(t, fs.CrashClone(vfs.CrashCloneCfg{}), rand.Reader)
	if got, err := after.ByEmail(t.Context(), "ann@example.com"); err != nil || got != want {
		t.Errorf("ByEmail after a crash = %+v, %v, want %+v", got, err, want)
	}
}

func TestRecordsReadAsWritten(t *testing.T) {
	full := coffer.Account{ID: "123456789012", Canonical: coffer.CanonicalID(strings.Repeat("ab", 32)),
		Email: "ann@example.com", Name: "Ann", Created: noon}
	checkGolden(t, "account.golden", encodeAccount(full))
	checkGolden(t, "email.golden", encodeEmail(full.ID))
	if got, err := decodeAccount(golden(t, "account.golden")); err != nil || got != full {
		t.Errorf("decodeAccount(golden) = %+v, %v, want %+v", got, err, full)
	}
	if got, err := decodeEmail(golden(t, "email.golden")); err != nil || got != full.ID {
		t.Errorf("decodeEmail(golden) = %q, %v, want %q", got, err, full.ID)
	}
}

func TestADamagedRecordIsNoAccount(t *testing.T) {
	record := encodeAccount(coffer.Account{ID: "123456789012", Canonical: "c", Email: "a@b", Created: noon})
	for name, b := range map[string][]byte{
		"Empty": nil, "VersionOnly": {recordVersion}, "NewerVersion": append([]byte{9}, record[1:]...),
		"Cut": record[:len(record)-1], "UnknownField": append(bytes.Clone(record), 0x98, 0x06, 0x02),
	} {
		if got, err := decodeAccount(b); err == nil {
			t.Errorf("%s: decodeAccount = %+v, want an error", name, got)
		}
	}
	s := open(t, vfs.NewMem(), rand.Reader)
	err := s.meta.Update(t.Context(), func(tx meta.Tx) error {
		if err := tx.Set(emailKey("a@b.c"), encodeEmail("123456789012")); err != nil {
			return err
		}
		return tx.Set(accountKey("999999999999"), []byte{recordVersion})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ByEmail(t.Context(), "a@b.c"); err == nil || coffer.CodeOf(err) != coffer.Internal {
		t.Errorf("ByEmail of a dangling address = %v, want an internal error", err)
	}
	if _, err := s.List(t.Context()); err == nil {
		t.Error("List left out a damaged record")
	}
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := golden(t, name); !bytes.Equal(got, want) {
		t.Errorf("%s: encoded %x, want %x", name, got, want)
	}
}

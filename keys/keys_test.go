package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/meta"
	"coffer/meta/pebble"
	"coffer/sigv4"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

var (
	ann = coffer.Account{ID: "111111111111", Canonical: "c1", Email: "ann@example.com", Name: "Ann"}
	bob = coffer.Account{ID: "222222222222", Canonical: "c2", Email: "bob@example.com"}
)

var master = Master{coffer.NewSecretFrom(strings.Repeat("m", masterBytes))}

func openStore(t testing.TB, fs vfs.FS) meta.Store {
	t.Helper()
	store, err := pebble.Open("db", pebble.Options{FS: fs})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func options(store meta.Store) Options {
	return Options{Meta: store, Master: master, Now: func() time.Time { return noon }, Rand: rand.Reader,
		Logger: slog.New(slog.DiscardHandler), Reveal: true}
}

// operator may do everything; the rights of others have their own tests.
var operator = coffer.Caller{Operator: true, Name: "operator"}

func openService(t *testing.T, opt Options) *Service {
	t.Helper()
	s, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newService(t *testing.T) *Service { return openService(t, options(openStore(t, vfs.NewMem()))) }

func create(t *testing.T, s *Service, account coffer.Account, in CreateInput) (coffer.Key, coffer.Secret) {
	t.Helper()
	key, secret, err := s.As(operator).Create(t.Context(), account, in)
	if err != nil {
		t.Fatalf("Create(%s, %+v): %v", account.ID, in, err)
	}
	return key, secret
}

func lookUp(t *testing.T, s *Service, id coffer.AccessKeyID) (Signer, error) {
	t.Helper()
	return s.Signer(t.Context(), id, "20260301", "auto", "s3")
}

// admit looks id up and asks whether its current credential may sign.
func admit(t *testing.T, s *Service, id coffer.AccessKeyID) error {
	t.Helper()
	signer, err := lookUp(t, s, id)
	if err != nil {
		return err
	}
	return signer.Keys[0].Admit(s.now(), false, s.now())
}

// cached copies what is cached, which the watch may change.
func cached(s *Service) map[coffer.AccessKeyID]*entry {
	s.cache.mu.RLock()
	defer s.cache.mu.RUnlock()
	return maps.Clone(s.cache.entries)
}

func TestCreatedKeySignsAndIsFoundByBothNames(t *testing.T) {
	s := newService(t)
	key, secret := create(t, s, ann, CreateInput{Name: " ci "})
	want := coffer.Key{ID: key.ID, Account: ann.ID, Name: "ci", Status: coffer.KeyActive, Created: noon,
		Current: coffer.Credential{AccessKeyID: key.Current.AccessKeyID, Generation: 1, Created: noon}}
	if !reflect.DeepEqual(key, want) || !key.Current.AccessKeyID.Minted() || len(secret.Reveal()) != 40 {
		t.Errorf("Create = %+v with a secret of %d, want %+v and 40", key, len(secret.Reveal()), want)
	}
	for _, handle := range []string{string(key.ID), string(key.Current.AccessKeyID)} {
		if got, err := s.As(operator).Get(t.Context(), handle); err != nil || !reflect.DeepEqual(got, key) {
			t.Errorf("Get(%q) = %+v, %v, want %+v", handle, got, err, key)
		}
		if got, revealed, err := s.As(operator).Reveal(t.Context(), handle); err != nil || !reflect.DeepEqual(got, key) || !revealed.Equal(secret) {
			t.Errorf("Reveal(%q) = %+v, %v, same secret: %t", handle, got, err, revealed.Equal(secret))
		}
	}
	wantActor := coffer.Actor{Account: ann.ID, Canonical: "c1", DisplayName: "Ann", Key: key.ID,
		AccessKeyID: key.Current.AccessKeyID}
	for range 2 { // from the store, from the cache
		got, err := lookUp(t, s, key.Current.AccessKeyID)
		if err != nil || got.Actor != wantActor {
			t.Errorf("Signer = %+v, %v, want %+v", got.Actor, err, wantActor)
		}
		if k := sigv4.DeriveKey(secret.Reveal(), "20260301", "auto", "s3"); len(got.Keys) != 1 || got.Keys[0].Key != k {
			t.Error("Signer's key is not the one of the secret")
		}
	}
}

// TestPageIsBounded reads lists page by page: with each size, with keys whose scopes take
// a page each, and from places that no page has named.
func TestPageIsBounded(t *testing.T) {
	s := newService(t)
	large := &coffer.Scope{}
	for range 50 {
		g := coffer.Grant{Preset: coffer.PresetReadOnly}
		for i := range 100 {
			g.Prefixes = append(g.Prefixes, fmt.Sprintf("%02d/", i))
		}
		large.Grants = append(large.Grants, g)
	}
	for i := range 12 {
		in := CreateInput{Name: fmt.Sprint(i)}
		if i%2 == 0 {
			in.Scope = large
		}
		key, _ := create(t, s, ann, in)
		if i%3 == 0 {
			if _, err := s.As(operator).Delete(t.Context(), string(key.ID)); err != nil {
				t.Fatal(err)
			}
		}
		create(t, s, bob, CreateInput{})
	}
	living := func(k coffer.Key) bool { return k.Deleted.IsZero() }
	all := func(coffer.Key) bool { return true }
	for _, tt := range []struct {
		account coffer.AccountID
		want    func(coffer.Key) bool
		n       int
	}{{ann.ID, all, 12}, {ann.ID, living, 8}, {bob.ID, all, 12}, {"", all, 24}, {"", living, 20}} {
		for _, max := range []int{1, 5, 1000} {
			seen, after := map[coffer.KeyID]bool{}, ""
			for pages := 0; ; pages++ {
				page, next, err := s.As(operator).Page(t.Context(), tt.account, after, max, tt.want)
				if err != nil || len(page) > max || pages > 30 {
					t.Fatalf("Page(%q, %q, %d) = %d keys, %v, on page %d", tt.account, after, max, len(page), err, pages)
				}
				bytes := 0
				for _, k := range page {
					if bytes += scopeBytes(k.Scope); seen[k.ID] || bytes > pageBytes+scopeBytes(large) {
						t.Errorf("Page(%q, %q, %d): the key %s again, or %d bytes of scopes", tt.account, after, max, k.ID, bytes)
					}
					seen[k.ID] = true
				}
				if after = next; next == "" {
					break
				}
			}
			if len(seen) != tt.n {
				t.Errorf("the pages of %d of %q have %d keys, want %d", max, tt.account, len(seen), tt.n)
			}
		}
	}
	for _, after := range []string{"0", "1", "~", "\x00", "111122223333", "111122223333.", "444455556666.key_x", strings.Repeat("9", 10_000), ".."} {
		page, _, err := s.As(coffer.Caller{Account: ann.ID, Member: "mem_1", Role: coffer.RoleReadOnly}).Page(t.Context(), "", after, 1000, all)
		for _, k := range page {
			if k.Account != ann.ID {
				t.Errorf("Page after %.20q shows a key of %s", after, k.Account)
			}
		}
		if err != nil {
			t.Errorf("Page after %.20q = %v", after, err)
		}
	}
}

func TestListShowsOneAccountOnly(t *testing.T) {
	s := newService(t)
	var want []string
	for range 3 {
		key, _ := create(t, s, ann, CreateInput{})
		want = append(want, string(key.ID))
		create(t, s, bob, CreateInput{})
	}
	for account, n := range map[coffer.AccountID]int{ann.ID: 3, bob.ID: 3, "": 6, "1": 0, "11111111111": 0, "333333333333": 0} {
		all, err := s.As(operator).List(t.Context(), account)
		if err != nil || len(all) != n {
			t.Errorf("List(%q) = %d keys, %v, want %d", account, len(all), err, n)
		}
		for _, key := range all {
			if account != "" && key.Account != account {
				t.Errorf("List(%q) shows a key of %s", account, key.Account)
			}
		}
	}
	// Each ID is found, whichever account stands before it.
	for _, id := range want {
		if key, err := s.As(operator).Get(t.Context(), id); err != nil || string(key.ID) != id {
			t.Errorf("Get(%q) = %+v, %v", id, key, err)
		}
	}
}

func TestImport(t *testing.T) {
	s := newService(t)
	pair := Pair{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Secret: coffer.NewSecretFrom("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")}
	key, secret := create(t, s, ann, CreateInput{Import: &pair})
	if key.Current.AccessKeyID != coffer.AccessKeyID(pair.AccessKeyID) || !secret.Equal(pair.Secret) {
		t.Errorf("Create = %+v, want the pair as it is", key)
	}
	minted, _ := create(t, s, bob, CreateInput{})
	deleted, _ := create(t, s, bob, CreateInput{})
	if _, err := s.As(operator).Delete(t.Context(), string(deleted.ID)); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 128)
	for _, tt := range []struct {
		name, id, secret string
		want             coffer.Code
	}{
		{"TheSameAgain", pair.AccessKeyID, pair.Secret.Reveal(), coffer.KeyExists},
		{"OfAnotherAccount", string(minted.Current.AccessKeyID), "another-secret", coffer.KeyExists},
		{"OfADeletedKey", string(deleted.Current.AccessKeyID), "another-secret", coffer.KeyExists},
		{"ShortID", "AKIA", "another-secret", coffer.InvalidArgument},
		{"LongID", long + "x", "another-secret", coffer.InvalidArgument},
		{"ShortSecret", "AKIAIOSFODNN7EXAMPLF", "seven77", coffer.InvalidArgument},
		{"LikeAKeyID", "key_0123456789abcdefghij", "another-secret", coffer.InvalidArgument},
		{"LikeATemporaryID", "CFTK0123456789ABCDEF", "another-secret", coffer.InvalidArgument},
	} {
		_, _, err := s.As(operator).Create(t.Context(), ann, CreateInput{Import: &Pair{tt.id, coffer.NewSecretFrom(tt.secret)}})
		if coffer.CodeOf(err) != tt.want {
			t.Errorf("%s: Create = %v, want code %d", tt.name, err, tt.want)
		}
	}
	longest := Pair{AccessKeyID: long, Secret: coffer.NewSecretFrom(long)}
	create(t, s, ann, CreateInput{Import: &longest})
	if _, err := lookUp(t, s, coffer.AccessKeyID(long)); err != nil {
		t.Errorf("Signer of the longest ID: %v", err)
	}
	// What was refused changed nothing.
	if _, got, err := s.As(operator).Reveal(t.Context(), pair.AccessKeyID); err != nil || !got.Equal(pair.Secret) {
		t.Errorf("Reveal after refused imports: %v, same secret: %t", err, got.Equal(pair.Secret))
	}
}

func TestDeletedKeyRefusesFromTheAnswerOn(t *testing.T) {
	s := newService(t)
	key, _ := create(t, s, ann, CreateInput{})
	other, _ := create(t, s, ann, CreateInput{})
	id := key.Current.AccessKeyID
	if _, err := lookUp(t, s, id); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		got, err := s.As(operator).Delete(t.Context(), string(id))
		if err != nil || got.Status != coffer.KeyDeleted || !got.Deleted.Equal(noon) {
			t.Errorf("Delete = %+v, %v, want deleted at %v", got, err, noon)
		}
		s.now = func() time.Time { return noon.Add(time.Hour) }
	}
	err := admit(t, s, id)
	e, ok := errors.AsType[*coffer.Error](err)
	if !ok || e.Code != coffer.InvalidAccessKeyID || len(e.Fields) != 1 || e.Fields[0] != (coffer.Field{Name: "AWSAccessKeyId", Value: string(id)}) {
		t.Errorf("Signer of a deleted key = %v, want InvalidAccessKeyID of it", err)
	}
	if _, _, err := s.As(operator).Reveal(t.Context(), string(key.ID)); coffer.CodeOf(err) != coffer.NoSuchKeyRecord {
		t.Errorf("Reveal of a deleted key = %v, want NoSuchKeyRecord", err)
	}
	if got, err := s.As(operator).Get(t.Context(), string(id)); err != nil || got.Status != coffer.KeyDeleted {
		t.Errorf("Get of a deleted key = %+v, %v, want its record", got, err)
	}
	if err := admit(t, s, other.Current.AccessKeyID); err != nil {
		t.Errorf("the other key: %v", err)
	}
}

func TestUnknownHandles(t *testing.T) {
	s := newService(t)
	create(t, s, ann, CreateInput{})
	for _, handle := range []string{"", "key_", "key_zzzzzzzzzzzzzzzzzzzz", "key_\x00\xff", "CFAK000000000000AAAA",
		"AKIAIOSFODNN7EXAMPLE", strings.Repeat("A", 5000), "key_" + strings.Repeat("a", 5000), "\x00"} {
		_, getErr := s.As(operator).Get(t.Context(), handle)
		_, _, revealErr := s.As(operator).Reveal(t.Context(), handle)
		_, deleteErr := s.As(operator).Delete(t.Context(), handle)
		for _, err := range []error{getErr, revealErr, deleteErr} {
			if coffer.CodeOf(err) != coffer.NoSuchKeyRecord {
				t.Errorf("%.30q: %v, want NoSuchKeyRecord", handle, err)
			}
		}
		if _, err := lookUp(t, s, coffer.AccessKeyID(handle)); coffer.CodeOf(err) != coffer.InvalidAccessKeyID {
			t.Errorf("Signer(%.30q) = %v, want InvalidAccessKeyID", handle, err)
		}
	}
	if n := len(cached(s)); n != 0 {
		t.Errorf("the cache has %d entries for unknown IDs, want 0", n)
	}
}

func TestATakenIDIsDrawnAgain(t *testing.T) {
	opt := options(openStore(t, vfs.NewMem()))
	s := openService(t, opt)
	draw := func(b byte) []byte { return bytes.Repeat([]byte{b}, 3*64+12) } // ID, secret, key ID; nonce
	s.rand = io.MultiReader(bytes.NewReader(draw(1)), bytes.NewReader(draw(1)), bytes.NewReader(draw(2)))
	a, _ := create(t, s, ann, CreateInput{})
	b, _ := create(t, s, ann, CreateInput{})
	if a.Current.AccessKeyID == b.Current.AccessKeyID || a.ID == b.ID {
		t.Errorf("two keys have the names %s, %s and %s, %s", a.ID, a.Current.AccessKeyID, b.ID, b.Current.AccessKeyID)
	}
	if _, _, err := s.As(operator).Create(t.Context(), ann, CreateInput{}); err == nil {
		t.Error("Create without randomness made a key")
	}
}

func TestWhatWasAnsweredSurvivesACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openService(t, options(openStore(t, fs)))
	kept, secret := create(t, s, ann, CreateInput{})
	gone, _ := create(t, s, ann, CreateInput{})
	if _, err := s.As(operator).Delete(t.Context(), string(gone.ID)); err != nil {
		t.Fatal(err)
	}
	after := openService(t, options(openStore(t, fs.CrashClone(vfs.CrashCloneCfg{}))))
	if _, got, err := after.As(operator).Reveal(t.Context(), string(kept.ID)); err != nil || !got.Equal(secret) {
		t.Errorf("Reveal after a crash: %v, same secret: %t", err, got.Equal(secret))
	}
	if err := admit(t, after, gone.Current.AccessKeyID); coffer.CodeOf(err) != coffer.InvalidAccessKeyID {
		t.Errorf("Signer of the deleted key after a crash = %v, want InvalidAccessKeyID", err)
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	var log bytes.Buffer
	opt := options(openStore(t, vfs.NewMem()))
	opt.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := openService(t, opt)
	pair := &Pair{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Secret: coffer.NewSecretFrom("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")}
	key, secret := create(t, s, ann, CreateInput{Import: pair})
	signer, err := lookUp(t, s, key.Current.AccessKeyID)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.As(operator).Reveal(t.Context(), string(key.ID)); err != nil {
		t.Fatal(err)
	}
	derived := sigv4.DeriveKey(secret.Reveal(), "20260301", "auto", "s3")
	var out bytes.Buffer
	for _, v := range []any{secret, master, key, signer, CreateInput{Import: pair}, *pair, opt.Master, cached(s)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%s", "%q", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		b, _ := json.Marshal(v)
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	out.Write(log.Bytes())
	text := strings.ToLower(out.String())
	for name, b := range map[string][]byte{"secret": []byte(secret.Reveal()), "master key": []byte(master.Reveal()),
		"signing key": derived[:]} {
		for form, needle := range map[string]string{"plain": string(b), "hex": hex.EncodeToString(b),
			"numbers": strings.Trim(fmt.Sprint(b), "[]"), "JSON numbers": strings.ReplaceAll(fmt.Sprint(b), " ", ",")} {
			if strings.Contains(text, strings.ToLower(needle)) {
				t.Errorf("the %s is printed in %s", name, form)
			}
		}
	}
	if !strings.Contains(log.String(), string(key.ID)) {
		t.Error("the log does not tell of the key, so this test proves nothing of it")
	}
}

func TestSecretIsNotInTheStoreInPlain(t *testing.T) {
	s := newService(t)
	_, secret := create(t, s, ann, CreateInput{})
	err := s.meta.View(context.Background(), func(r meta.Reader) error {
		it := r.Iter(nil, nil)
		defer it.Close()
		n := 0
		for it.Next() {
			n++
			if v, err := it.Value(); err != nil || bytes.Contains(v, []byte(secret.Reveal()[:12])) {
				t.Errorf("row %q has the secret in plain (%v)", it.Key(), err)
			}
		}
		if n != 5 {
			t.Errorf("the store has %d rows, want data key, key, credential and two of the audit log", n)
		}
		return it.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

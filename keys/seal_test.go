package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
	"coffer/meta"
)

// rewrite changes one row behind the service's back.
func rewrite(t *testing.T, store meta.Store, key []byte, fn func([]byte) []byte) {
	t.Helper()
	err := store.Update(context.Background(), func(tx meta.Tx) error {
		v, err := tx.Get(key)
		if err != nil {
			return err
		}
		if v = fn(bytes.Clone(v)); v == nil {
			return tx.Delete(key)
		}
		return tx.Set(key, v)
	})
	if err != nil {
		t.Fatalf("rewrite %q: %v", key, err)
	}
}

func TestSwappedRowsDoNotOpen(t *testing.T) {
	s := newService(t)
	a, _ := create(t, s, ann, CreateInput{})
	b, _ := create(t, s, bob, CreateInput{})
	var row []byte
	rewrite(t, s.meta, credentialKey(b.Current.AccessKeyID), func(v []byte) []byte { row = v; return v })
	rewrite(t, s.meta, credentialKey(a.Current.AccessKeyID), func([]byte) []byte { return row })
	if got, err := lookUp(t, s, a.Current.AccessKeyID); err == nil || coffer.CodeOf(err) != coffer.Internal {
		t.Errorf("Signer of a swapped row = %+v, %v, want an internal error", got, err)
	}
	if _, _, err := s.As(operator).Reveal(t.Context(), string(a.Current.AccessKeyID)); err == nil {
		t.Error("Reveal of a swapped row gave a secret")
	}
}

func TestDamagedCredentialGrantsNothing(t *testing.T) {
	s := newService(t)
	key, _ := create(t, s, ann, CreateInput{})
	row := credentialKey(key.Current.AccessKeyID)
	var good []byte
	rewrite(t, s.meta, row, func(v []byte) []byte { good = v; return v })
	for i := range good {
		if i > 0 && i < bytes.Index(good, []byte("Ann"))+len("Ann") {
			continue // names of account and key are plain text, guarded by the store's checksums
		}
		damaged := bytes.Clone(good)
		damaged[i] ^= 0x80
		rewrite(t, s.meta, row, func([]byte) []byte { return damaged })
		s.cache.forget(key.Current.AccessKeyID)
		got, err := lookUp(t, s, key.Current.AccessKeyID)
		if err == nil {
			t.Errorf("with byte %d flipped, Signer = %+v, want an error", i, got.Actor)
		}
	}
}

func TestWrongMasterKeyIsToldFromDamage(t *testing.T) {
	store := openStore(t, vfs.NewMem())
	s := openService(t, options(store))
	_, secret := create(t, s, ann, CreateInput{})

	wrong := options(store)
	wrong.Master = Master{coffer.NewSecretFrom(strings.Repeat("w", masterBytes))}
	if _, err := Open(t.Context(), wrong); !errors.Is(err, ErrWrongMasterKey) || !strings.Contains(err.Error(), "restore the master key file") {
		t.Errorf("Open with another master key = %v, want ErrWrongMasterKey and what to do", err)
	}
	again := openService(t, options(store)) // and nothing was harmed
	keys, err := again.As(operator).List(t.Context(), "")
	if err != nil || len(keys) != 1 {
		t.Fatalf("List = %v, %v", keys, err)
	}
	if _, got, err := again.As(operator).Reveal(t.Context(), string(keys[0].ID)); err != nil || !got.Equal(secret) {
		t.Errorf("Reveal: %v, same secret: %t", err, got.Equal(secret))
	}

	var good []byte
	rewrite(t, store, dataKeyKey(), func(v []byte) []byte { good = v; return v })
	for i := range good {
		damaged := bytes.Clone(good)
		damaged[i] ^= 1
		rewrite(t, store, dataKeyKey(), func([]byte) []byte { return damaged })
		opened, err := Open(t.Context(), options(store))
		// The master key's ID is for a message only: damage to it alone does no
		// harm, as the key itself is what opens the data key.
		if id := bytes.Index(good, []byte(master.id())); i >= id && i < id+16 {
			if err == nil {
				opened.Close()
			}
			continue
		}
		if err == nil || errors.Is(err, ErrWrongMasterKey) {
			t.Errorf("Open with byte %d flipped = %v, want an error that is not ErrWrongMasterKey", i, err)
		}
	}
	rewrite(t, store, dataKeyKey(), func([]byte) []byte { return nil })
	if _, err := Open(t.Context(), options(store)); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("Open without the data key = %v, want damage and no new data key", err)
	}
	if sealed, err := Sealed(t.Context(), store); err != nil || !sealed {
		t.Errorf("Sealed = %t, %v, want true while there are credentials", sealed, err)
	}
}

func TestSealed(t *testing.T) {
	store := openStore(t, vfs.NewMem())
	if sealed, err := Sealed(t.Context(), store); err != nil || sealed {
		t.Errorf("Sealed of an empty store = %t, %v", sealed, err)
	}
	openService(t, options(store))
	if sealed, err := Sealed(t.Context(), store); err != nil || !sealed {
		t.Errorf("Sealed after Open = %t, %v", sealed, err)
	}
}

func TestMasterFileIsMadeOnceAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	log := slog.New(slog.DiscardHandler)
	m, err := LoadOrCreateMaster(vfs.Default, path, true, rand.Reader, log)
	if err != nil {
		t.Fatalf("LoadOrCreateMaster: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v, want 0600", info.Mode(), err)
	}
	text, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(text), masterComment+"\n") {
		t.Errorf("the file does not begin with what it is: %.20q", text)
	}
	if names, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(names) != 1 {
		t.Errorf("the folder has %q, want the key only", names)
	}
	for _, create := range []bool{true, false} {
		if again, err := LoadOrCreateMaster(vfs.Default, path, create, rand.Reader, log); err != nil || !again.Equal(m.Secret) {
			t.Errorf("LoadOrCreateMaster(create %t) again: %v, same key: %t", create, err, again.Equal(m.Secret))
		}
	}
	if p, err := ParseMaster(coffer.NewSecretFrom(string(text))); err != nil || !p.Equal(m.Secret) {
		t.Errorf("ParseMaster of the file: %v, same key: %t", err, p.Equal(m.Secret))
	}
	var warned bytes.Buffer
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = LoadOrCreateMaster(vfs.Default, path, false, rand.Reader, slog.New(slog.NewTextHandler(&warned, nil)))
	if err != nil || !strings.Contains(warned.String(), "chmod 600") {
		t.Errorf("with mode 0644: %v, log %q, want a warning", err, warned.String())
	}
}

func TestMasterFileThatIsGoneOrDamagedIsNotMadeAnew(t *testing.T) {
	fs := vfs.NewMem()
	log := slog.New(slog.DiscardHandler)
	if _, err := LoadOrCreateMaster(fs, "k", false, rand.Reader, log); !errors.Is(err, ErrNoMasterKey) {
		t.Errorf("LoadOrCreateMaster = %v, want ErrNoMasterKey", err)
	}
	for name, text := range map[string]string{
		"Empty": "", "Comment": masterComment + "\n", "Cut": strings.Repeat("ab", 31),
		"NotHex": strings.Repeat("zz", 32), "Two": strings.Repeat("ab", 32) + "\n" + strings.Repeat("cd", 32),
	} {
		f, err := fs.Create("k", vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, text)
		f.Close()
		_, err = LoadOrCreateMaster(fs, "k", true, rand.Reader, log)
		if err == nil || (text != "" && strings.Contains(err.Error(), "abab")) {
			t.Errorf("%s: LoadOrCreateMaster = %v, want an error without the key", name, err)
		}
	}
}

// TestMasterFileSurvivesACrash cuts the power when the call has returned: the
// key must be there whatever of the unsynced writes is lost.
func TestMasterFileSurvivesACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	log := slog.New(slog.DiscardHandler)
	m, err := LoadOrCreateMaster(fs, "k", true, rand.Reader, log)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := LoadOrCreateMaster(fs.CrashClone(vfs.CrashCloneCfg{}), "k", false, rand.Reader, log); err != nil || !after.Equal(m.Secret) {
		t.Errorf("after a crash: %v, same key: %t", err, after.Equal(m.Secret))
	}
}

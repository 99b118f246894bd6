package keys

import (
	"context"
	"slices"
	"testing"
	"time"

	"coffer"
	"coffer/meta"
)

// wantFound checks a store: what it finds must be want, after which it is mended.
func wantFound(t testing.TB, s *Service, want ...string) {
	t.Helper()
	var found []string
	var mends []func(meta.Tx) error
	err := s.meta.View(context.Background(), func(r meta.Reader) error {
		return Check(context.Background(), r, CheckInput{Keys: s, Found: func(f coffer.Finding, mend func(meta.Tx) error) error {
			if found = append(found, f.Code); mend != nil {
				mends = append(mends, mend)
			}
			if (mend == nil) != (f.Mend == coffer.MendNever) {
				t.Errorf("%+v has a mend: %t", f, mend != nil)
			}
			return nil
		}})
	})
	if slices.Sort(found); err != nil || !slices.Equal(found, want) {
		t.Errorf("Check() = %v, found %q, want %q", err, found, want)
	}
	for _, mend := range mends {
		if err := s.meta.Update(context.Background(), mend); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCheck damages the records of two keys.
func TestCheck(t *testing.T) {
	s := newService(t)
	key, _ := create(t, s, ann, CreateInput{Name: "a"})
	other, _ := create(t, s, ann, CreateInput{Name: "b"})
	gone, _ := create(t, s, bob, CreateInput{})
	if _, err := s.As(operator).Delete(t.Context(), string(key.ID)); err != nil {
		t.Fatal(err)
	}
	wantFound(t, s)
	err := s.meta.Update(t.Context(), func(tx meta.Tx) error {
		k, err := readKey(tx, ann.ID, key.ID)
		if err != nil {
			return err
		}
		_ = tx.Delete(dueKey(due(k), ann.ID, key.ID))
		_ = tx.Set(dueKey(noon.Add(time.Hour), ann.ID, other.ID), nil)
		_ = tx.Delete(keyKey(bob.ID, gone.ID))
		_ = tx.Set(usageKey("key_x", 1, rowClient, make([]byte, 16)), []byte{0})
		c, err := readCredential(tx, other.Current.AccessKeyID)
		if err != nil {
			return err
		}
		c.secrets[0].sealed[20] ^= 1
		return tx.Set(credentialKey(other.Current.AccessKeyID), encodeCredential(c))
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFound(t, s, "credential-left", "credential-record", "key-due", "key-due-left", "usage-record")
	wantFound(t, s, "credential-record")
}

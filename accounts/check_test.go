package accounts

import (
	"context"
	"slices"
	"testing"

	"coffer"
	"coffer/meta"
)

// wantFound checks a store: what it finds must be want. It returns what mends it.
func wantFound(t testing.TB, store meta.Store, want ...string) (mends []func(meta.Tx) error) {
	t.Helper()
	var found []string
	err := store.View(context.Background(), func(r meta.Reader) error {
		return Check(context.Background(), r, func(f coffer.Finding, mend func(meta.Tx) error) error {
			if found = append(found, f.Code); mend != nil {
				mends = append(mends, mend)
			}
			if (mend == nil) != (f.Mend == coffer.MendNever) {
				t.Errorf("%+v has a mend: %t", f, mend != nil)
			}
			return nil
		})
	})
	if slices.Sort(found); err != nil || !slices.Equal(found, want) {
		t.Errorf("Check() = %v, found %q, want %q", err, found, want)
	}
	return mends
}

// TestCheck damages the records of an account with a member, one after the other.
// What a repair can mend is gone after it.
func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(tx meta.Tx, m coffer.Member, a coffer.Account) error
		found  []string
		left   []string
	}{
		{"Indexes", func(tx meta.Tx, m coffer.Member, a coffer.Account) error {
			_ = tx.Delete(emailKey(a.Email))
			_ = tx.Set(canonicalKey("ffff"), encodeEmail(a.ID))
			_ = tx.Set(memberEmailKey("old@example.com"), encodeMemberEmail(a.ID, m.ID))
			return tx.Set(memberEmailKey(m.Email), encodeMemberEmail(a.ID, "mbr_other"))
		}, []string{"account-index", "account-index-left", "member-index", "member-index-left", "member-index-left"}, nil},
		{"Sessions", func(tx meta.Tx, _ coffer.Member, _ coffer.Account) error {
			_ = tx.Set(meta.Key(meta.PrefixSession, meta.KeyText("m"), make([]byte, 32)), []byte{1})
			_ = tx.Set(meta.Key(meta.PrefixLink, meta.KeyText("m"), make([]byte, 32)), []byte{1})
			return tx.Set(boxKeyKey(), []byte{1})
		}, []string{"challenge-key", "session-record", "session-record"}, nil},
		{"RecordsThatCannotBeRead", func(tx meta.Tx, m coffer.Member, a coffer.Account) error {
			_ = tx.Set(accountKey(a.ID), []byte{9})
			return tx.Set(memberKey(a.ID, m.ID), []byte{9})
		}, []string{"account-record", "member-record"}, []string{"account-record", "member-record"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.owner()
			account, err := w.Get(t.Context(), a.member.Account)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.store.Update(t.Context(), func(tx meta.Tx) error { return tt.damage(tx, a.member, account) }); err != nil {
				t.Fatal(err)
			}
			for _, mend := range wantFound(t, w.store, tt.found...) {
				if err := w.store.Update(t.Context(), mend); err != nil {
					t.Fatal(err)
				}
			}
			wantFound(t, w.store, tt.left...)
			if tt.left != nil {
				// The end of the test checks the store once more.
				_ = w.store.Update(t.Context(), func(tx meta.Tx) error { return tx.DeleteRange(nil, nil) })
			}
		})
	}
}

package accounts

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
)

// member is a member's record: who it is, and what proves it.
type member struct {
	coffer.Member

	password        string // as hashPassword writes it; empty: none was set
	passwordChanged time.Time
	// epoch grows with each change of what proves the member. A challenge of an
	// earlier epoch is worth nothing.
	epoch int64
	// devicesSince ends the known browsers of before.
	devicesSince time.Time

	totp     []byte // the sealed seed; empty: none
	totpStep int64  // the last step whose code was used
	recovery [][]byte
	passkeys []passkey
}

// hasFactor tells whether the member has a second factor to sign in with.
func (m *member) hasFactor() bool { return len(m.totp) > 0 || len(m.passkeys) > 0 }

// changed begins a new epoch.
func (m *member) changed() { m.epoch++ }

// forgetFactors removes all second factors.
func (m *member) forgetFactors() {
	m.totp, m.recovery, m.passkeys = nil, nil, nil
}

// memberIDMax is longer than any member ID, and short enough for a key of the
// store: what a token or a user handle says is not trusted to be an ID.
const memberIDMax = 64

func memberKey(account coffer.AccountID, id coffer.MemberID) []byte {
	return meta.Key(meta.PrefixMember, meta.KeyText(string(account)), []byte(id))
}

func memberEmailKey(email string) []byte { return meta.Key(meta.PrefixMemberEmail, []byte(email)) }

// isID tells whether s can be part of a key of the store as an ID is.
func isID(s string) bool { return s != "" && len(s) <= memberIDMax && !strings.ContainsRune(s, 0) }

func errNoMember(handle string) error {
	return coffer.Errorf(coffer.NoSuchMember, "there is no member %.254q", handle)
}

// readMember returns the member, or NoSuchMember.
func readMember(r meta.Reader, account coffer.AccountID, id coffer.MemberID) (*member, error) {
	if !isID(string(account)) || !isID(string(id)) {
		return nil, errNoMember(string(id))
	}
	value, err := r.Get(memberKey(account, id))
	if errors.Is(err, meta.ErrNotFound) {
		return nil, errNoMember(string(id))
	}
	if err != nil {
		return nil, err
	}
	m, err := decodeMember(value)
	if err == nil && (m.Account != account || m.ID != id) {
		return nil, fmt.Errorf("the row of member %s has the record of member %s", id, m.ID)
	}
	return m, err
}

// memberByEmail returns the member with an e-mail address, or NoSuchMember.
func memberByEmail(r meta.Reader, email string) (*member, error) {
	email = strings.ToLower(email)
	if email == "" || len(email) > handleMax {
		return nil, errNoMember(email)
	}
	value, err := r.Get(memberEmailKey(email))
	if errors.Is(err, meta.ErrNotFound) {
		return nil, errNoMember(email)
	}
	if err != nil {
		return nil, err
	}
	account, id, err := decodeMemberEmail(value)
	if err != nil {
		return nil, err
	}
	m, err := readMember(r, account, id)
	if coffer.CodeOf(err) == coffer.NoSuchMember {
		return nil, fmt.Errorf("the record of %s names the member %s, which is missing", email, id)
	}
	return m, err
}

// findMember returns the member of account that handle names: an e-mail address
// if it has an @, an ID otherwise.
func findMember(r meta.Reader, account coffer.AccountID, handle string) (*member, error) {
	if !strings.Contains(handle, "@") {
		return readMember(r, account, coffer.MemberID(handle))
	}
	m, err := memberByEmail(r, handle)
	if err == nil && m.Account != account {
		return nil, errNoMember(handle)
	}
	return m, err
}

func writeMember(tx meta.Tx, m *member) error {
	return tx.Set(memberKey(m.Account, m.ID), encodeMember(m))
}

// insertMember adds a member. An e-mail address belongs to one member of the
// instance, so that it alone says who signs in.
func insertMember(tx meta.Tx, m *member) error {
	if err := claimEmail(tx, m.Email, m.Account, m.ID); err != nil {
		return err
	}
	switch _, err := tx.Get(memberKey(m.Account, m.ID)); {
	case err == nil:
		return errTaken
	case !errors.Is(err, meta.ErrNotFound):
		return err
	}
	return writeMember(tx, m)
}

func claimEmail(tx meta.Tx, email string, account coffer.AccountID, id coffer.MemberID) error {
	switch _, err := tx.Get(memberEmailKey(email)); {
	case err == nil:
		return coffer.Errorf(coffer.MemberExists, "a member with the e-mail address %s exists already", email)
	case !errors.Is(err, meta.ErrNotFound):
		return err
	}
	return tx.Set(memberEmailKey(email), encodeMemberEmail(account, id))
}

// deleteMember removes a member with their sessions.
func deleteMember(tx meta.Tx, m *member) error {
	if err := tx.Delete(memberEmailKey(m.Email)); err != nil {
		return err
	}
	if err := tx.Delete(memberKey(m.Account, m.ID)); err != nil {
		return err
	}
	_, err := endSessions(tx, m.ID, func(Session) bool { return true })
	return err
}

// eachMember walks over the members of account in the order of their IDs.
func eachMember(r meta.Reader, account coffer.AccountID, fn func(*member) error) error {
	return each(r, memberKey(account, ""), func(_, value []byte) error {
		m, err := decodeMember(value)
		if err != nil {
			return err
		}
		return fn(m)
	})
}

// each walks over all rows under prefix.
func each(r meta.Reader, prefix []byte, fn func(key, value []byte) error) error {
	it := r.Iter(prefix, meta.PrefixEnd(prefix))
	defer it.Close()
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return err
		}
		if err := fn(it.Key(), value); err != nil {
			return err
		}
	}
	return it.Err()
}

// anyRow tells whether there is a row under prefix.
func anyRow(r meta.Reader, prefix []byte) (bool, error) {
	it := r.Iter(prefix, meta.PrefixEnd(prefix))
	found := it.Next()
	return found, it.Close()
}

// owners counts the owners of account.
func owners(r meta.Reader, account coffer.AccountID) (n int, err error) {
	err = eachMember(r, account, func(m *member) error {
		if m.Role == coffer.RoleOwner {
			n++
		}
		return nil
	})
	return n, err
}

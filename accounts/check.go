package accounts

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"coffer"
	"coffer/meta"
)

// What a check of accounts and members can find.
var (
	foundAccount = coffer.FindingKind{Code: "account-record", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The record of an account cannot be read.", Remedy: "Restore the metadata from a backup."}
	foundAccountIndex = coffer.FindingKind{Code: "account-index", Severity: coffer.WrongRecord, Mend: coffer.MendStopped,
		Means: "An account is not found by its e-mail address or canonical ID.", Remedy: "Repair writes the index anew."}
	foundAccountIndexLeft = coffer.FindingKind{Code: "account-index-left", Severity: coffer.LeftOver, Mend: coffer.MendStopped,
		Means: "An e-mail address or canonical ID leads to an account that does not have it.", Remedy: "Repair removes it from the index."}
	foundMember = coffer.FindingKind{Code: "member-record", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The record of a member cannot be read, who therefore cannot sign in.", Remedy: "Restore the metadata from a backup."}
	foundMemberAccount = coffer.FindingKind{Code: "member-account", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "A member belongs to an account that does not exist.", Remedy: "Restore the metadata from a backup."}
	foundMemberIndex = coffer.FindingKind{Code: "member-index", Severity: coffer.WrongRecord, Mend: coffer.MendStopped,
		Means: "A member is not found by the e-mail address.", Remedy: "Repair writes the index anew."}
	foundMemberIndexLeft = coffer.FindingKind{Code: "member-index-left", Severity: coffer.LeftOver, Mend: coffer.MendStopped,
		Means: "An e-mail address leads to a member who does not have it.", Remedy: "Repair removes it from the index."}
	foundSession = coffer.FindingKind{Code: "session-record", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "A session, a link or a used challenge cannot be read, or is of nobody.", Remedy: "Repair removes it; who had it signs in or is invited again."}
	foundChallengeKey = coffer.FindingKind{Code: "challenge-key", Severity: coffer.WrongRecord, Mend: coffer.MendAnytime,
		Means: "The key of sign-in challenges cannot be read, so nobody can sign in.", Remedy: "Repair removes it, and the next sign-in after a restart makes another."}
)

// Exists tells whether r has an account.
func Exists(r meta.Reader, id coffer.AccountID) (bool, error) { return meta.Has(r, accountKey(id)) }

// Check goes through every record of accounts and members as r has them, and
// compares each with what it leads to. found hears of each finding, and of what
// mends it in a transaction. The error is one that kept it from checking.
func Check(ctx context.Context, r meta.Reader, found func(coffer.Finding, func(meta.Tx) error) error) error {
	c := &checker{ctx: ctx, reader: r, found: found}
	for _, step := range []struct {
		prefix byte
		check  func(key, value []byte) error
	}{
		{meta.PrefixAccount, c.account},
		{meta.PrefixAccountEmail, c.accountIndex},
		{meta.PrefixCanonical, c.accountIndex},
		{meta.PrefixMember, c.member},
		{meta.PrefixMemberEmail, c.memberIndex},
		{meta.PrefixSession, c.session},
		{meta.PrefixLink, c.link},
		{meta.PrefixPending, c.pending},
	} {
		if err := meta.Each(ctx, r, []byte{step.prefix}, step.check); err != nil {
			return fmt.Errorf("check accounts: %w", err)
		}
	}
	return nil
}

type checker struct {
	ctx    context.Context
	reader meta.Reader
	found  func(coffer.Finding, func(meta.Tx) error) error
}

// about begins a finding about a record, without what may follow from a token.
func about(k coffer.FindingKind, key []byte) coffer.Finding {
	rest, _, _ := bytes.Cut(key[1:], []byte{0})
	if key[0] == meta.PrefixMember {
		rest = key[1:]
	} else if key[0] == meta.PrefixPending {
		rest = nil
	}
	return k.In(string(key[:1]), strconv.Quote(string(rest)))
}

func (c *checker) account(key, value []byte) error {
	a, err := decodeAccount(value)
	if err != nil || string(a.ID) != string(key[1:]) {
		return c.found(about(foundAccount, key).Because(fmt.Sprint(err)), nil)
	}
	for _, index := range [][]byte{emailKey(strings.ToLower(a.Email)), canonicalKey(a.Canonical)} {
		at, err := meta.Peek(c.reader, index)
		if err != nil {
			return err
		}
		if id, err := decodeEmail(at); at != nil && err == nil && id == a.ID {
			continue
		}
		f := about(foundAccountIndex, key).Because(string(index))
		f.Account = a.ID
		if err := c.found(f, meta.Unchanged(index, at, func(tx meta.Tx) error { return tx.Set(index, encodeEmail(a.ID)) })); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) accountIndex(key, value []byte) error {
	id, err := decodeEmail(value)
	if err == nil {
		row, err := meta.Peek(c.reader, accountKey(id))
		if err != nil {
			return err
		}
		a, err := decodeAccount(row)
		if row != nil && (err != nil || string(key[1:]) == strings.ToLower(a.Email) || string(key[1:]) == string(a.Canonical)) {
			return nil // what cannot be read was found before
		}
	}
	return c.found(about(foundAccountIndexLeft, key), meta.Drop(key, value))
}

func (c *checker) member(key, value []byte) error {
	m, err := decodeMember(value)
	if err != nil || string(memberKey(m.Account, m.ID)) != string(key) {
		return c.found(about(foundMember, key).Because(fmt.Sprint(err)), nil)
	}
	f := about(foundMemberAccount, key)
	f.Account = m.Account
	if ok, err := Exists(c.reader, m.Account); err != nil || !ok {
		if err == nil {
			err = c.found(f, nil)
		}
		return err
	}
	index := memberEmailKey(strings.ToLower(m.Email))
	at, err := meta.Peek(c.reader, index)
	if err != nil {
		return err
	}
	if account, id, err := decodeMemberEmail(at); at != nil && err == nil && account == m.Account && id == m.ID {
		return nil
	}
	f = about(foundMemberIndex, key)
	f.Account = m.Account
	return c.found(f, meta.Unchanged(index, at, func(tx meta.Tx) error { return tx.Set(index, encodeMemberEmail(m.Account, m.ID)) }))
}

func (c *checker) memberIndex(key, value []byte) error {
	account, id, err := decodeMemberEmail(value)
	if err == nil {
		row, err := meta.Peek(c.reader, memberKey(account, id))
		if err != nil {
			return err
		}
		m, err := decodeMember(row)
		if row != nil && (err != nil || strings.ToLower(m.Email) == string(key[1:])) {
			return nil
		}
	}
	return c.found(about(foundMemberIndexLeft, key), meta.Drop(key, value))
}

func (c *checker) session(key, value []byte) error {
	x, err := decodeSession(value)
	if err == nil {
		var ok bool
		if ok, err = meta.Has(c.reader, memberKey(x.Account, x.Member)); err != nil {
			return err
		}
		if ok && bytes.HasPrefix(key, sessionsPrefix(x.Member)) {
			return nil
		}
	}
	return c.found(about(foundSession, key).Because(text(err)), meta.Drop(key, value))
}

func (c *checker) link(key, value []byte) error {
	l, err := decodeLink(value)
	if err == nil && bytes.HasPrefix(key, linksPrefix(l.owner())) {
		if l.Kind == LinkSetup {
			return nil
		}
		if ok, err := Exists(c.reader, l.Account); err != nil || ok {
			return err
		}
	}
	return c.found(about(foundSession, key).Because(text(err)), meta.Drop(key, value))
}

func (c *checker) pending(key, value []byte) error {
	var err error
	k := foundSession
	if bytes.Equal(key, boxKeyKey()) {
		k = foundChallengeKey
		_, err = decodeBoxKey(value)
	} else {
		_, err = decodeSpent(value)
	}
	if err != nil {
		return c.found(about(k, key).Because(text(err)), meta.Drop(key, value))
	}
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"coffer"
	"coffer/meta"
)

// LinkID names a link, for whoever may revoke it. It is no secret.
type LinkID string

// LinkKind says what a link is for.
type LinkKind string

// The kinds of links.
const (
	LinkSetup  LinkKind = "setup"  // the first member
	LinkInvite LinkKind = "invite" // a further member
	LinkReset  LinkKind = "reset"  // a new password for a member
)

// How long links are good.
const (
	setupFor  = time.Hour
	inviteFor = 7 * 24 * time.Hour
	resetFor  = 24 * time.Hour
)

// aheadMax is how far the clock may have been ahead when a link or a challenge was
// made. By one that was further, it would be good for longer than it should.
const aheadMax = 5 * time.Minute

// linksMax bounds the open links of an account.
const linksMax = 100

// Link lets whoever has its token do one thing, once.
type Link struct {
	ID      LinkID
	Kind    LinkKind
	Account coffer.AccountID // empty for LinkSetup
	// Email is whom it is for; empty: whoever uses it says so.
	Email    string
	Role     coffer.Role
	Operator bool
	// Member is whose password LinkReset sets.
	Member coffer.MemberID
	// By is the e-mail address of who made it; empty for an operator.
	By      string
	Created time.Time
	Expires time.Time
	// Token is set only in the answer that made the link.
	Token coffer.Secret

	byMember  coffer.MemberID  // empty for an operator at the socket
	byAccount coffer.AccountID // whose member byMember is
	factors   bool             // LinkReset: second factors begin anew
}

// setupOwner stands where the account stands in the token of another link.
const setupOwner = "setup"

func (l Link) owner() string {
	if l.Kind == LinkSetup {
		return setupOwner
	}
	return string(l.Account)
}

func linksPrefix(owner string) []byte { return meta.Key(meta.PrefixLink, meta.KeyText(owner)) }

func errNoLink() error {
	return coffer.Errorf(coffer.NoSuchLink, "this link does not exist, was used already or has expired: ask for a new one")
}

// drawLink gives a new link its ID, its token and its times.
func (s *Service) drawLink(l Link, good time.Duration) (Link, error) {
	id, err := newID(s.rand, "lnk_")
	if err != nil {
		return l, err
	}
	l.ID, l.Created = LinkID(id), s.time()
	l.Expires = l.Created.Add(good)
	l.Token, err = newToken(s.rand, l.owner())
	return l, err
}

func writeLink(tx meta.Tx, l Link) error {
	key, _, _ := tokenRow(meta.PrefixLink, l.Token)
	return tx.Set(key, encodeLink(l))
}

// readLink returns the link of a token, or NoSuchLink.
func (s *Service) readLink(r meta.Reader, token coffer.Secret) (key []byte, l Link, err error) {
	key, _, ok := tokenRow(meta.PrefixLink, token)
	if !ok {
		return nil, l, errNoLink()
	}
	value, err := r.Get(key)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, l, errNoLink()
	}
	if err != nil {
		return nil, l, err
	}
	if l, err = decodeLink(value); err != nil {
		return nil, l, err
	}
	if now := s.time(); !now.Before(l.Expires) || l.Created.Sub(now) > aheadMax {
		return nil, l, errNoLink()
	}
	return key, l, s.checkLink(r, l)
}

// checkLink refuses a link whose maker could not make it any more: what a link
// gives is never more than its maker has.
func (s *Service) checkLink(r meta.Reader, l Link) error {
	if l.Kind == LinkSetup {
		any, err := anyRow(r, meta.Key(meta.PrefixMember))
		if err == nil && any {
			err = errNoLink()
		}
		return err
	}
	a := authority{operator: l.byMember == ""}
	if l.byMember != "" {
		by, err := readMember(r, l.byAccount, l.byMember)
		if coffer.CodeOf(err) == coffer.NoSuchMember {
			return errNoLink()
		}
		if err != nil {
			return err
		}
		a = authority{operator: by.Operator}
		if l.byAccount == l.Account {
			// In other accounts an operator is no member, and has no role.
			a.role = by.Role
		}
	}
	if l.Kind == LinkInvite {
		if a.grant(l.Role) != nil || l.Operator && !a.operator {
			return errNoLink()
		}
		return nil
	}
	target, err := readMember(r, l.Account, l.Member)
	if coffer.CodeOf(err) == coffer.NoSuchMember || err == nil && a.touch(target) != nil {
		return errNoLink()
	}
	return err
}

// eachLink walks over the links of owner, those that are over too.
func eachLink(r meta.Reader, owner string, fn func(key []byte, l Link) error) error {
	return each(r, linksPrefix(owner), func(key, value []byte) error {
		l, err := decodeLink(value)
		if err != nil {
			return err
		}
		return fn(key, l)
	})
}

// endLinks removes the links of owner that fn picks.
func endLinks(tx meta.Tx, owner string, fn func(Link) bool) (ended []Link, err error) {
	var keys [][]byte
	err = eachLink(tx, owner, func(key []byte, l Link) error {
		if fn(l) {
			ended, keys = append(ended, l), append(keys, slices.Clone(key))
		}
		return nil
	})
	for _, key := range keys {
		err = errors.Join(err, tx.Delete(key))
	}
	return ended, err
}

// HasMembers tells whether there is any member on the instance.
func (s *Service) HasMembers(ctx context.Context) (any bool, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		any, err = anyRow(r, meta.Key(meta.PrefixMember))
		return err
	})
	return any, wrapf(err, "look for members")
}

// SetupLink makes the link by which the first member comes: owner of the first
// account, and operator. It ends the one of before, and is refused as
// MemberExists once there is a member.
func (s *Service) SetupLink(ctx context.Context) (Link, error) {
	l, err := s.drawLink(Link{Kind: LinkSetup, Role: coffer.RoleOwner, Operator: true}, setupFor)
	if err != nil {
		return Link{}, err
	}
	err = s.meta.Update(ctx, func(tx meta.Tx) error {
		any, err := anyRow(tx, meta.Key(meta.PrefixMember))
		if err == nil && any {
			err = coffer.Errorf(coffer.MemberExists, "the first member is there already: use an invitation")
		}
		if err != nil {
			return err
		}
		if _, err := endLinks(tx, setupOwner, func(Link) bool { return true }); err != nil {
			return err
		}
		if err := writeLink(tx, l); err != nil {
			return err
		}
		return s.write(ctx, tx, coffer.Caller{}, "", actionMemberSetup, string(l.ID), nil, fields{"expires": l.Expires.Format(time.RFC3339)})
	})
	if err != nil {
		return Link{}, wrapf(err, "make setup link")
	}
	return l, nil
}

// OpenLink tells what a link is for, and uses nothing up. The account is the zero
// one when the link would make it.
func (s *Service) OpenLink(ctx context.Context, token coffer.Secret) (l Link, account coffer.Account, err error) {
	err = s.meta.View(ctx, func(r meta.Reader) error {
		if _, l, err = s.readLink(r, token); err != nil {
			return err
		}
		if l.Kind == LinkSetup {
			account, _, err = oldestAccount(r)
			return err
		}
		account, err = readAccount(r, l.Account)
		return err
	})
	if err != nil {
		return Link{}, coffer.Account{}, wrapf(err, "open link")
	}
	return l, account, nil
}

// oldestAccount returns the first account of the instance, if there is one.
func oldestAccount(r meta.Reader) (first coffer.Account, found bool, err error) {
	err = each(r, meta.Key(meta.PrefixAccount), func(_, value []byte) error {
		a, err := decodeAccount(value)
		if err == nil && (!found || a.Created.Before(first.Created)) {
			first, found = a, true
		}
		return err
	})
	return first, found, err
}

// The fields of a link, under PrefixLink, the account ID (or "setup") as text,
// the hash of its token.
const (
	fieldLinkID       = 1
	fieldLinkKind     = 2
	fieldLinkAccount  = 3
	fieldLinkEmail    = 4
	fieldLinkRole     = 5
	fieldLinkOperator = 6
	fieldLinkMember   = 7
	fieldLinkBy       = 8
	fieldLinkByMember = 9
	fieldLinkCreated  = 10
	fieldLinkExpires  = 11
	fieldLinkFactors  = 12
	fieldLinkByAcc    = 13
)

func encodeLink(l Link) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldLinkID, string(l.ID))
	r.Text(fieldLinkKind, string(l.Kind))
	r.Text(fieldLinkAccount, string(l.Account))
	r.Text(fieldLinkEmail, l.Email)
	r.Text(fieldLinkRole, string(l.Role))
	r.Int(fieldLinkOperator, bit(l.Operator))
	r.Text(fieldLinkMember, string(l.Member))
	r.Text(fieldLinkBy, l.By)
	r.Text(fieldLinkByMember, string(l.byMember))
	r.Time(fieldLinkCreated, l.Created)
	r.Time(fieldLinkExpires, l.Expires)
	r.Int(fieldLinkFactors, bit(l.factors))
	r.Text(fieldLinkByAcc, string(l.byAccount))
	return r.Bytes()
}

// decodeLink fails closed: a link without a kind or an end is none.
func decodeLink(b []byte) (Link, error) {
	var l Link
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldLinkID:
			l.ID = LinkID(f.Text())
		case fieldLinkKind:
			l.Kind = LinkKind(f.Text())
		case fieldLinkAccount:
			l.Account = coffer.AccountID(f.Text())
		case fieldLinkEmail:
			l.Email = f.Text()
		case fieldLinkRole:
			l.Role = coffer.Role(f.Text())
		case fieldLinkOperator:
			l.Operator = f.Int() == 1
		case fieldLinkMember:
			l.Member = coffer.MemberID(f.Text())
		case fieldLinkBy:
			l.By = f.Text()
		case fieldLinkByMember:
			l.byMember = coffer.MemberID(f.Text())
		case fieldLinkCreated:
			l.Created = f.Time()
		case fieldLinkExpires:
			l.Expires = f.Time()
		case fieldLinkFactors:
			l.factors = f.Int() == 1
		case fieldLinkByAcc:
			l.byAccount = coffer.AccountID(f.Text())
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil {
		switch {
		case l.ID == "" || l.Expires.IsZero():
			err = errors.New("the record lacks an ID or an end")
		case l.Kind != LinkSetup && l.Account == "", l.Kind == LinkReset && l.Member == "":
			err = errors.New("the record does not say for whom the link is")
		case l.Kind != LinkSetup && l.Kind != LinkInvite && l.Kind != LinkReset:
			err = fmt.Errorf("there is no kind of link %q", l.Kind)
		}
	}
	if err != nil {
		return Link{}, fmt.Errorf("read link record: %w", err)
	}
	return l, nil
}

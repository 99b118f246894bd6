package keys

import (
	"errors"

	"coffer"
	"coffer/meta"
)

// right is what a call needs.
type right int

const (
	// see: the key and who uses it, never its secret.
	see right = iota
	// manage: make, change, rotate and end keys.
	manage
	// show: read a secret again.
	show
)

// may tells whether the caller has a right over a key of its own account, or
// over any key as an operator. A key that calls is looked up each time: what it
// may do is in its record, not in what is said of it. It has every right but
// show if it may do everything in its account, and otherwise sees itself.
func (s Session) may(r meta.Reader, need right, target record) error {
	c := s.caller
	switch {
	case c.Key != "":
		return s.keyMay(r, need, target)
	case c.Operator && (c.Member == "" || c.Fresh || need != show):
		return nil
	case c.Member == "" && !c.Operator:
		return denied()
	}
	least := coffer.RoleAdmin
	if need == see {
		least = coffer.RoleReadOnly
	}
	switch {
	case !c.Operator && !c.Role.AtLeast(least):
		return coffer.Errorf(coffer.AccessDenied, "the role %.20q does not manage access keys: ask an owner or an admin of the account", string(c.Role))
	case need == show && !c.Fresh:
		return coffer.Errorf(coffer.FreshSignInNeeded, "a secret is shown after a fresh sign-in only: sign in again")
	}
	return nil
}

func denied() error {
	return coffer.Errorf(coffer.AccessDenied, "this caller may not manage access keys")
}

func (s Session) keyMay(r meta.Reader, need right, target record) error {
	self, err := readKey(r, s.caller.Account, s.caller.Key)
	switch {
	case errors.Is(err, meta.ErrNotFound):
		return denied()
	case err != nil:
		return err
	case self.StatusAt(s.s.now()) != coffer.KeyActive:
		return coffer.Errorf(coffer.AccessDenied, "the access key %s is not active", self.ID)
	case need == see && target.ID == self.ID:
		return nil
	case need == show:
		return coffer.Errorf(coffer.AccessDenied, "an access key cannot read secrets: sign in to the console")
	case !self.Scope.Everything():
		return coffer.Errorf(coffer.AccessDenied, "the access key %s has a scope, and scoped keys manage no keys", self.ID)
	case need == see:
		return nil
	case !self.Expires.IsZero() && (target.Expires.IsZero() || target.Expires.After(self.Expires)):
		return coffer.Errorf(coffer.AccessDenied, "the access key %s expires, and cannot make or manage one that lives longer", self.ID)
	}
	return nil
}

// account is the one that the caller is confined to; false for operators.
func (s Session) account() (coffer.AccountID, bool) {
	if s.caller.Operator && s.caller.Key == "" {
		return "", false
	}
	return s.caller.Account, true
}

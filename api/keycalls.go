package api

import (
	"cmp"
	"context"
	"strings"
	"time"

	"coffer"
	"coffer/keys"
)

// keyQuery is the query of GET /v1/keys.
type keyQuery struct {
	Account Optional[string] `query:"account" doc:"ID or e-mail address of an account; at the socket, all accounts without it."`
	Deleted bool             `query:"deleted" doc:"Deleted keys too."`
	pageQuery
}

type keyList struct {
	Keys []Key  `json:"keys"`
	Next string `json:"next,omitempty" doc:"The after of the next page; absent at the end. Where scopes are large a page has fewer keys than were asked for, and may be empty and not the last."`
}

func (q *request) listKeys(in keyQuery, _ none) (keyList, error) {
	account, err := q.accountID(in.Account)
	if err != nil {
		return keyList{}, err
	}
	size, err := in.max()
	if err != nil {
		return keyList{}, err
	}
	page, next, err := q.keys().Page(q.ctx(), account, in.After, size, func(k coffer.Key) bool {
		return in.Deleted || k.Status != coffer.KeyDeleted
	})
	list := keyList{Keys: make([]Key, 0, len(page)), Next: next}
	for _, k := range page {
		list.Keys = append(list.Keys, keyOf(k, coffer.Secret{}))
	}
	return list, err
}

func (q *request) createKey(_ none, in CreateKeyInput) (Key, error) {
	account, err := q.account(in.Account)
	if err != nil {
		return Key{}, err
	}
	expires, err := whenOrNever(in.Expires)
	if err != nil {
		return Key{}, err
	}
	create := keys.CreateInput{Name: in.Name, Scope: in.Scope, Expires: expires}
	if in.Import != nil {
		create.Import = &keys.Pair{AccessKeyID: in.Import.AccessKeyID, Secret: in.Import.SecretAccessKey.Secret}
	}
	key, secret, err := q.keys().Create(q.ctx(), account, create)
	if err != nil {
		return Key{}, err
	}
	return keyOf(key, secret), nil
}

// whenOrNever is the end of a key as keys have it: zero for never. A time that somebody
// forgot to set is the year 1, and was not meant so.
func whenOrNever(t *time.Time) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if t.IsZero() {
		return time.Time{}, coffer.Errorf(coffer.InvalidArgument, "expires is the year 1: write null for never")
	}
	return *t, nil
}

func (q *request) getKey(none, none) (Key, error) {
	key, err := q.keys().Get(q.ctx(), q.handle())
	if err != nil {
		return Key{}, err
	}
	return keyOf(key, coffer.Secret{}), nil
}

func (q *request) revealKey(none, none) (Key, error) {
	key, secret, err := q.keys().Reveal(q.ctx(), q.handle())
	if err != nil {
		return Key{}, err
	}
	if seen := q.used(key); seen.Current.Generation == key.Current.Generation { // else it is no longer this secret's
		key = seen
	}
	return keyOf(key, secret), nil
}

func (q *request) deleteKey(none, none) (Key, error)   { return q.change(keys.Session.Delete) }
func (q *request) undeleteKey(none, none) (Key, error) { return q.change(keys.Session.Undelete) }
func (q *request) pauseKey(none, none) (Key, error)    { return q.change(keys.Session.Pause) }
func (q *request) resumeKey(none, none) (Key, error)   { return q.change(keys.Session.Resume) }

// change makes a call that takes a key and answers with it.
func (q *request) change(call func(keys.Session, context.Context, string) (coffer.Key, error)) (Key, error) {
	key, err := call(q.keys(), q.ctx(), q.handle())
	if err != nil {
		return Key{}, err
	}
	return keyOf(q.used(key), coffer.Secret{}), nil
}

// used is a key that was changed, with when its credentials were last used. It
// was changed whether that can be read or not.
func (q *request) used(key coffer.Key) coffer.Key {
	if seen, err := q.keys().Get(q.ctx(), string(key.ID)); err == nil {
		return seen
	}
	return key
}

// changeKey changes one thing: two could not be done in one transaction, and one
// of them done alone is nothing that anybody asked for.
func (q *request) changeKey(_ none, in ChangeKeyInput) (Key, error) {
	given := 0
	for _, set := range []bool{in.Name != nil, in.Status != nil, in.Expires.Set} {
		if set {
			given++
		}
	}
	if given != 1 {
		return Key{}, coffer.Errorf(coffer.InvalidRequest, "the body has %d of name, status and expires: change one in each call", given)
	}
	switch {
	case in.Name != nil:
		return q.change(func(s keys.Session, ctx context.Context, handle string) (coffer.Key, error) {
			return s.Rename(ctx, handle, *in.Name)
		})
	case in.Expires.Set:
		expires, err := whenOrNever(in.Expires.Value)
		if err != nil {
			return Key{}, err
		}
		return q.change(func(s keys.Session, ctx context.Context, handle string) (coffer.Key, error) {
			return s.Extend(ctx, handle, expires)
		})
	}
	switch *in.Status {
	case coffer.KeyPaused:
		return q.change(keys.Session.Pause)
	case coffer.KeyActive:
		return q.change(keys.Session.Resume)
	}
	return Key{}, coffer.Errorf(coffer.InvalidArgument, "the status %.20q cannot be set: choose active or paused", string(*in.Status))
}

func (q *request) setScope(_ none, in ScopeInput) (Key, error) {
	if !in.Scope.Set {
		return Key{}, coffer.Errorf(coffer.InvalidRequest, "the body lacks scope: write null for everything in the account")
	}
	return q.change(func(s keys.Session, ctx context.Context, handle string) (coffer.Key, error) {
		return s.SetScope(ctx, handle, in.Scope.Value)
	})
}

func (q *request) rotateKey(_ none, in RotateInput) (Key, error) {
	key, secret, err := q.keys().Rotate(q.ctx(), q.handle(),
		keys.RotateOptions{SameID: in.SameID, Reason: in.Reason, ConfirmBy: in.ConfirmBy})
	if err != nil {
		return Key{}, err
	}
	if seen := q.used(key); seen.Current.Generation == key.Current.Generation { // else somebody was quicker
		key = seen
	}
	return keyOf(key, secret), nil
}

func (q *request) confirmKey(_ none, in ConfirmInput) (Key, error) {
	return q.change(func(s keys.Session, ctx context.Context, handle string) (coffer.Key, error) {
		return s.Confirm(ctx, handle, keys.ConfirmOptions{EvenIfInUse: in.EvenIfInUse, KeepLinks: in.KeepLinks})
	})
}

func (q *request) cancelKey(_ none, in CancelInput) (Key, error) {
	return q.change(func(s keys.Session, ctx context.Context, handle string) (coffer.Key, error) {
		return s.Cancel(ctx, handle, keys.CancelOptions{EvenIfInUse: in.EvenIfInUse})
	})
}

func (q *request) screamTest(_ none, in ScreamTestInput) (Key, error) {
	return q.change(func(s keys.Session, ctx context.Context, handle string) (coffer.Key, error) {
		return s.ScreamTest(ctx, handle, in.Minutes)
	})
}

func (q *request) keyUsage(none, none) (Usage, error) {
	u, err := q.keys().Usage(q.ctx(), q.handle())
	if err != nil {
		return Usage{}, err
	}
	return usageOf(u), nil
}

func (q *request) revokeSelf(none, none) (Key, error) {
	key, err := q.keys().RevokeSelf(q.ctx())
	if err != nil {
		return Key{}, err
	}
	return keyOf(key, coffer.Secret{}), nil
}

func (q *request) keys() keys.Session { return q.Keys.As(q.caller) }

// handle is the key that the path names: its ID, an Access Key ID of it, or self
// for the key that signed the request.
func (q *request) handle() string {
	handle := q.r.PathValue("key")
	if handle == "self" && q.caller.Key != "" {
		return string(q.caller.Key)
	}
	return handle
}

// The pages of a long list.
const (
	pageMax     = 1000
	pageDefault = 1000
)

// pageQuery is what calls take whose lists can be long.
type pageQuery struct {
	After string `query:"after" doc:"The next of the page before."`
	Max   int    `query:"max" doc:"The most entries of a page, 1 to 1000."`
}

func (p pageQuery) max() (int, error) {
	if p.Max < 0 || p.Max > pageMax {
		return 0, coffer.Errorf(coffer.InvalidArgument, "the parameter max is %d: it must be 1 to %d", p.Max, pageMax)
	}
	return cmp.Or(p.Max, pageDefault), nil
}

// page cuts a page out of a list that is in the order of its names.
func page[T any](all []T, in pageQuery, name func(T) string) (part []T, next string, err error) {
	size, err := in.max()
	if err != nil {
		return nil, "", err
	}
	start := 0
	for in.After != "" && start < len(all) && strings.Compare(name(all[start]), in.After) <= 0 {
		start++
	}
	all = all[start:]
	if len(all) <= size {
		return all, "", nil
	}
	return all[:size], name(all[size-1]), nil
}

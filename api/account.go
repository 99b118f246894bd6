package api

import (
	"strings"
	"time"

	"coffer"
	"coffer/keys"
)

// Account is an account as JSON.
type Account struct {
	ID          coffer.AccountID   `json:"id"`
	CanonicalID coffer.CanonicalID `json:"canonical_id" doc:"What S3 calls the owner's ID."`
	Email       string             `json:"email"`
	Name        string             `json:"name"`
	Created     time.Time          `json:"created"`
	// Quota and Used are there in lists.
	Quota Quota `json:"quota,omitzero" doc:"How much the account may have; absent if it has no quota."`
	Used  Use   `json:"used,omitzero" doc:"How much the account has; absent if that is nothing."`
}

// CreateAccountInput is the body of POST /v1/accounts.
type CreateAccountInput struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
	// KeyName is the name of the account's first key.
	KeyName string `json:"key_name,omitempty" doc:"The name of the account's first key."`
}

// NewAccount is the answer of POST /v1/accounts: the account and its first key,
// with the secret.
type NewAccount struct {
	Account Account `json:"account"`
	Key     Key     `json:"key"`
}

type accountList struct {
	Accounts []Account `json:"accounts"`
	Next     string    `json:"next,omitempty" doc:"The after of the next page; absent at the end."`
}

func accountOf(a coffer.Account) Account {
	return Account{ID: a.ID, CanonicalID: a.Canonical, Email: a.Email, Name: a.Name, Created: a.Created}
}

func (q *request) listAccounts(in pageQuery, _ none) (accountList, error) {
	all, err := q.Accounts.As(q.caller).Accounts(q.ctx())
	if err != nil {
		return accountList{}, err
	}
	list := accountList{Accounts: make([]Account, 0, len(all))}
	for _, a := range all {
		list.Accounts = append(list.Accounts, accountOf(a))
	}
	if list.Accounts, list.Next, err = page(list.Accounts, in, func(a Account) string { return string(a.ID) }); err != nil || q.Objects == nil {
		return list, err
	}
	s, err := q.objects()
	for i := 0; i < len(list.Accounts) && err == nil; i++ {
		var quota coffer.Quota
		var used coffer.Use
		quota, used, err = s.AccountQuota(q.ctx(), list.Accounts[i].ID)
		list.Accounts[i].Quota, list.Accounts[i].Used = quotaOf(quota), useOf(used)
	}
	return list, err
}

// createAccount makes an account and its first key. They are two transactions:
// when the second one fails the account stays without a key, which `coffer key
// create` mends, and the error says so.
func (q *request) createAccount(_ none, in CreateAccountInput) (NewAccount, error) {
	// What the key would be refused for is found before there is an account.
	if _, err := coffer.ParseName(in.KeyName); err != nil {
		return NewAccount{}, err
	}
	a, err := q.Accounts.As(q.caller).CreateAccount(q.ctx(), in.Email, in.Name)
	if err != nil {
		return NewAccount{}, err
	}
	key, secret, err := q.keys().Create(q.ctx(), a, keys.CreateInput{Name: in.KeyName})
	if err != nil {
		return NewAccount{}, coffer.Errorf(coffer.CodeOf(err), "the account %s was made, but not its first key: "+
			"make it with coffer key create --account %s", a.ID, a.ID).Wrap(err)
	}
	return NewAccount{Account: accountOf(a), Key: keyOf(key, secret)}, nil
}

// account finds the account that a call is about: the one that handle names, or
// the caller's own. An operator at the socket belongs to none, and may leave it
// out while there is one only.
func (q *request) account(handle string) (coffer.Account, error) {
	door := q.Accounts.As(q.caller)
	switch {
	case q.caller.Key != "":
		// Keys do not enter accounts: their own is all that there is for them.
		own, err := q.Accounts.Get(q.ctx(), q.caller.Account)
		if err == nil && handle != "" && handle != string(own.ID) && !strings.EqualFold(handle, own.Email) {
			err = coffer.Errorf(coffer.NoSuchAccount, "there is no account %.254q", handle)
		}
		return own, err
	case handle != "":
		return door.Account(q.ctx(), handle)
	case q.caller.Account != "":
		return door.Account(q.ctx(), string(q.caller.Account))
	}
	all, err := door.Accounts(q.ctx())
	if err != nil {
		return coffer.Account{}, err
	}
	if len(all) != 1 {
		return coffer.Account{}, coffer.Errorf(coffer.InvalidArgument,
			"there are %d accounts: name one by its ID or its e-mail address", len(all))
	}
	return all[0], nil
}

// accountID is account for a list, where "" stands for all that an operator at
// the socket may see.
func (q *request) accountID(handle Optional[string]) (coffer.AccountID, error) {
	if !handle.Set && q.caller.Account == "" {
		return "", nil
	}
	if handle.Set && handle.Value == "" {
		return "", coffer.Errorf(coffer.NoSuchAccount, `there is no account ""`)
	}
	a, err := q.account(handle.Value)
	return a.ID, err
}

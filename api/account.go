package api

import (
	"net/http"

	"coffer"
	"coffer/keys"
)

func (h *handler) listAccounts(r *http.Request) (any, error) {
	if _, err := query(r); err != nil {
		return nil, err
	}
	all, err := h.Accounts.List(r.Context())
	if err != nil {
		return nil, err
	}
	return accountsOf(all), nil
}

// createAccount makes an account and its first key. They are two transactions:
// when the second one fails the account stays without a key, which `coffer key
// create` mends, and the error says so.
func (h *handler) createAccount(r *http.Request) (any, error) {
	var in CreateAccountInput
	if err := readBody(r, &in); err != nil {
		return nil, err
	}
	// What the key would be refused for is found before there is an account.
	if _, err := coffer.ParseName(in.KeyName); err != nil {
		return nil, err
	}
	a, err := h.Accounts.Create(r.Context(), in.Email, in.Name)
	if err != nil {
		return nil, err
	}
	key, secret, err := h.Keys.Create(r.Context(), a, keys.CreateInput{Name: in.KeyName})
	if err != nil {
		return nil, coffer.Errorf(coffer.CodeOf(err), "the account %s was made, but not its first key: "+
			"make it with coffer key create --account %s", a.ID, a.ID).Wrap(err)
	}
	return NewAccount{Account: accountOf(a), Key: keyOf(key, secret)}, nil
}

// account finds the account that handle names; "" is the only one there is.
func (h *handler) account(r *http.Request, handle string) (coffer.Account, error) {
	if handle != "" {
		return h.Accounts.Find(r.Context(), handle)
	}
	all, err := h.Accounts.List(r.Context())
	if err != nil {
		return coffer.Account{}, err
	}
	if len(all) != 1 {
		return coffer.Account{}, coffer.Errorf(coffer.InvalidArgument,
			"there are %d accounts: name one by its ID or its e-mail address", len(all))
	}
	return all[0], nil
}

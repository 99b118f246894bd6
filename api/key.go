package api

import (
	"net/http"
	"strconv"

	"coffer"
	"coffer/keys"
)

func (h *handler) listKeys(r *http.Request) (any, error) {
	q, err := query(r, "account", "deleted")
	if err != nil {
		return nil, err
	}
	deleted := false
	if s, ok := q["deleted"]; ok {
		if deleted, err = strconv.ParseBool(s); err != nil {
			return nil, coffer.Errorf(coffer.InvalidArgument, "the parameter deleted is %.16q: it must be true or false", s)
		}
	}
	var id coffer.AccountID
	if handle, ok := q["account"]; ok {
		a, err := h.Accounts.Find(r.Context(), handle)
		if err != nil {
			return nil, err
		}
		id = a.ID
	}
	all, err := h.Keys.List(r.Context(), id)
	if err != nil {
		return nil, err
	}
	return keysOf(all, deleted), nil
}

func (h *handler) createKey(r *http.Request) (any, error) {
	var in CreateKeyInput
	if err := readBody(r, &in); err != nil {
		return nil, err
	}
	a, err := h.account(r, in.Account)
	if err != nil {
		return nil, err
	}
	create := keys.CreateInput{Name: in.Name}
	if in.Import != nil {
		create.Import = &keys.Pair{AccessKeyID: in.Import.AccessKeyID, Secret: in.Import.SecretAccessKey.Secret}
	}
	key, secret, err := h.Keys.Create(r.Context(), a, create)
	if err != nil {
		return nil, err
	}
	return keyOf(key, secret), nil
}

func (h *handler) getKey(r *http.Request) (any, error) {
	if _, err := query(r); err != nil {
		return nil, err
	}
	key, err := h.Keys.Get(r.Context(), r.PathValue("handle"))
	if err != nil {
		return nil, err
	}
	return keyOf(key, coffer.Secret{}), nil
}

func (h *handler) revealKey(r *http.Request) (any, error) {
	if err := noBody(r); err != nil {
		return nil, err
	}
	key, secret, err := h.Keys.Reveal(r.Context(), r.PathValue("handle"))
	if err != nil {
		return nil, err
	}
	return keyOf(key, secret), nil
}

func (h *handler) deleteKey(r *http.Request) (any, error) {
	if err := noBody(r); err != nil {
		return nil, err
	}
	key, err := h.Keys.Delete(r.Context(), r.PathValue("handle"))
	if err != nil {
		return nil, err
	}
	return keyOf(key, coffer.Secret{}), nil
}

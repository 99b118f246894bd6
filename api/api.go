// Package api is the JSON interface for operators, and its Go client, which the
// command line uses. It knows nothing of S3, of storage or of how secrets are
// kept; whoever can reach its handler is an operator, so it is served over a
// Unix socket that only the server's user can open.
package api

import (
	"encoding/json"
	"log/slog"
	"time"

	"coffer"
)

// Account is an account as JSON.
type Account struct {
	ID          coffer.AccountID   `json:"id"`
	CanonicalID coffer.CanonicalID `json:"canonical_id"`
	Email       string             `json:"email"`
	Name        string             `json:"name"`
	Created     time.Time          `json:"created"`
}

// Key is an access key as JSON.
type Key struct {
	ID      coffer.KeyID     `json:"id"`
	Name    string           `json:"name"`
	Account coffer.AccountID `json:"account"`
	Status  coffer.KeyStatus `json:"status"`
	Created time.Time        `json:"created"`
	Deleted time.Time        `json:"deleted,omitzero"`
	Current Credential       `json:"current"`
}

// Credential is the credential of a key as JSON. The secret is there only where
// it was asked for, and where it was just made.
type Credential struct {
	AccessKeyID     coffer.AccessKeyID `json:"access_key_id"`
	SecretAccessKey PlainSecret        `json:"secret_access_key,omitzero"`
	Created         time.Time          `json:"created"`
}

// LogValue leaves the secret out, which the JSON of a Key has.
func (k Key) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(k.ID)), slog.String("account", string(k.Account)),
		slog.Any("current", k.Current))
}

// LogValue leaves the secret out, which the JSON of a Credential has.
func (c Credential) LogValue() slog.Value { return slog.StringValue(string(c.AccessKeyID)) }

// PlainSecret is a secret on its way to or from its owner: it prints as a
// Secret does, and only its JSON has what it is.
type PlainSecret struct{ coffer.Secret }

// MarshalJSON writes the secret itself.
func (s PlainSecret) MarshalJSON() ([]byte, error) { return json.Marshal(s.Reveal()) }

// UnmarshalJSON reads the secret itself.
func (s *PlainSecret) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	s.Secret = coffer.NewSecretFrom(text)
	return nil
}

// IsZero tells encoding/json to leave out a secret that is not there.
func (s PlainSecret) IsZero() bool { return s.Empty() }

// CreateAccountInput is the body of POST /v1/accounts.
type CreateAccountInput struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
	// KeyName is the name of the account's first key.
	KeyName string `json:"key_name,omitempty"`
}

// NewAccount is the answer of POST /v1/accounts: the account and its first key,
// with the secret.
type NewAccount struct {
	Account Account `json:"account"`
	Key     Key     `json:"key"`
}

// CreateKeyInput is the body of POST /v1/keys.
type CreateKeyInput struct {
	// Account is the ID or the e-mail address of the account that gets the key.
	// It may be empty when there is one account only.
	Account string `json:"account,omitempty"`
	Name    string `json:"name,omitempty"`
	// Import is a pair that was made elsewhere; nil makes a new one.
	Import *ImportedPair `json:"import,omitempty"`
}

// ImportedPair is a credential that was made elsewhere.
type ImportedPair struct {
	AccessKeyID     string      `json:"access_key_id"`
	SecretAccessKey PlainSecret `json:"secret_access_key"`
}

// ReclaimReport says what a reclaim removed.
type ReclaimReport struct {
	// Blobs is how many blobs that no metadata names were deleted.
	Blobs int `json:"blobs"`
	// Bytes is how many bytes they had.
	Bytes int64 `json:"bytes"`
}

// Instance is the answer of GET /v1/instance.
type Instance struct {
	Version string `json:"version"`
	// Endpoint is the URL of the S3 interface.
	Endpoint string `json:"endpoint"`
	// Region is the region that clients best use.
	Region string `json:"region"`
}

type accountList struct {
	Accounts []Account `json:"accounts"`
}

type keyList struct {
	Keys []Key `json:"keys"`
}

// accountsOf and keysOf make lists that are [] and never null.
func accountsOf(all []coffer.Account) accountList {
	list := accountList{Accounts: make([]Account, 0, len(all))}
	for _, a := range all {
		list.Accounts = append(list.Accounts, accountOf(a))
	}
	return list
}

func accountOf(a coffer.Account) Account {
	return Account{ID: a.ID, CanonicalID: a.Canonical, Email: a.Email, Name: a.Name, Created: a.Created}
}

// keysOf leaves out deleted keys unless they are asked for.
func keysOf(all []coffer.Key, deleted bool) keyList {
	list := keyList{Keys: make([]Key, 0, len(all))}
	for _, k := range all {
		if deleted || k.Status != coffer.KeyDeleted {
			list.Keys = append(list.Keys, keyOf(k, coffer.Secret{}))
		}
	}
	return list
}

func keyOf(k coffer.Key, secret coffer.Secret) Key {
	return Key{ID: k.ID, Name: k.Name, Account: k.Account, Status: k.Status, Created: k.Created, Deleted: k.Deleted,
		Current: Credential{AccessKeyID: k.Current.AccessKeyID, SecretAccessKey: PlainSecret{secret},
			Created: k.Current.Created}}
}

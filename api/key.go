package api

import (
	"log/slog"
	"time"

	"coffer"
	"coffer/keys"
)

// Key is an access key as JSON. What a key always has or lacks is there, null if
// it lacks it.
type Key struct {
	ID      coffer.KeyID     `json:"id"`
	Name    string           `json:"name"`
	Account coffer.AccountID `json:"account"`
	Status  coffer.KeyStatus `json:"status"`
	// Scope is what the key may do; null is everything in the account.
	Scope    *coffer.Scope `json:"scope" doc:"What the key may do; null is everything in the account."`
	Created  time.Time     `json:"created"`
	Expires  *time.Time    `json:"expires" doc:"When the key stops working; null is never."`
	Paused   time.Time     `json:"paused,omitzero"`
	Deleted  time.Time     `json:"deleted,omitzero" doc:"When it was deleted; it can be restored for 30 days."`
	Current  Credential    `json:"current"`
	Outgoing *Credential   `json:"outgoing" doc:"During a rotation, the credential that confirm ends; else null."`
	Rotation *Rotation     `json:"rotation,omitempty"`
}

// Credential is the credential of a key as JSON. The secret is there only where
// it was asked for, and where it was just made.
type Credential struct {
	AccessKeyID     coffer.AccessKeyID `json:"access_key_id"`
	SecretAccessKey PlainSecret        `json:"secret_access_key,omitzero" doc:"Only where it was just made, or asked for."`
	Created         time.Time          `json:"created"`
	LastUsed        *LastUse           `json:"last_used" doc:"null if it was never used, or where nobody asked."`
}

// LastUse is the latest use of a credential as JSON.
type LastUse struct {
	Time      time.Time `json:"time"`
	Source    string    `json:"source"`
	UserAgent string    `json:"user_agent"`
	Operation string    `json:"operation"`
	Bucket    string    `json:"bucket"`
	Region    string    `json:"region"`
}

// Rotation is what is under way between rotate and confirm or cancel.
type Rotation struct {
	Began     time.Time             `json:"began"`
	SameID    bool                  `json:"same_id" doc:"Only the secret changes."`
	Reason    coffer.RotationReason `json:"reason"`
	ConfirmBy time.Time             `json:"confirm_by,omitzero" doc:"When the rotation confirms itself if the outgoing credential is idle."`
	// Overdue says that ConfirmBy came while the outgoing credential was in use.
	Overdue     bool      `json:"overdue" doc:"confirm_by came while the outgoing credential was in use."`
	ScreamBegan time.Time `json:"scream_began,omitzero"`
	ScreamUntil time.Time `json:"scream_until,omitzero" doc:"The outgoing credential is refused until then."`
}

// Usage is who uses a key.
type Usage struct {
	Key      Key    `json:"key"`
	Current  []User `json:"current" doc:"Who uses the current credential, the latest first."`
	Outgoing []User `json:"outgoing" doc:"Who used the outgoing credential since the rotation began, the latest first."`
	// CurrentOthers and OutgoingOthers count the uses of further clients.
	CurrentOthers  int64 `json:"current_others" doc:"Uses by further clients, when there are more than are told apart."`
	OutgoingOthers int64 `json:"outgoing_others"`
	InUse          bool  `json:"in_use" doc:"Confirm would be refused: the outgoing credential was used within 15 minutes."`
	// IdleAt is when Confirm will not be refused, if nothing else comes.
	IdleAt *time.Time `json:"idle_at" doc:"When confirm will not be refused, if nothing else comes; null is now."`
}

// User is who uses a credential: requests of one source, user agent, operation
// and bucket.
type User struct {
	Source      string     `json:"source"`
	UserAgent   string     `json:"user_agent"`
	Operation   string     `json:"operation"`
	Bucket      string     `json:"bucket"`
	Region      string     `json:"region"`
	First       time.Time  `json:"first"`
	Last        *time.Time `json:"last" doc:"null if all its requests were refused."`
	Count       int64      `json:"count"`
	Refused     int64      `json:"refused" doc:"Requests with the right signature that were refused, as in a scream test."`
	LastRefused time.Time  `json:"last_refused,omitzero"`
}

// InUse is the evidence in the refusal of a confirm or cancel, whose code is
// KeyInUse.
type InUse struct {
	AccessKeyID coffer.AccessKeyID `json:"access_key_id"`
	LastUsed    time.Time          `json:"last_used"`
	Clients     []User             `json:"clients"`
}

// CreateKeyInput is the body of POST /v1/keys.
type CreateKeyInput struct {
	// Account is the ID or the e-mail address of the account that gets the key.
	// It may be empty when there is one account only, and for who belongs to one.
	Account string `json:"account,omitempty" doc:"ID or e-mail address of the account that gets the key; may be left out by who belongs to one, and while there is one only."`
	Name    string `json:"name,omitempty"`
	// Import is a pair that was made elsewhere; nil makes a new one.
	Import *ImportedPair `json:"import,omitempty" doc:"A pair that was made elsewhere."`
	// Scope is what the key may do; nil is everything in the account.
	Scope   *coffer.Scope `json:"scope,omitempty" doc:"What the key may do; left out it may do everything in the account."`
	Expires *time.Time    `json:"expires,omitempty" doc:"When the key stops working; left out it never does."`
}

// ImportedPair is a credential that was made elsewhere.
type ImportedPair struct {
	AccessKeyID     string      `json:"access_key_id"`
	SecretAccessKey PlainSecret `json:"secret_access_key"`
}

// ChangeKeyInput is the body of PATCH /v1/keys/{key}. Exactly one field is set,
// so that a call is carried out whole or not at all.
type ChangeKeyInput struct {
	Name *string `json:"name,omitempty"`
	// Status pauses a key or resumes it.
	Status *coffer.KeyStatus `json:"status,omitempty" doc:"active or paused."`
	// Expires moves the end; null is never.
	Expires Optional[*time.Time] `json:"expires,omitzero" doc:"When the key stops working; null is never."`
}

// ScopeInput is the body of PUT /v1/keys/{key}/scope.
type ScopeInput struct {
	// Scope must be there; null is everything in the account.
	Scope Optional[*coffer.Scope] `json:"scope" doc:"What the key may do; null is everything in the account."`
}

// RotateInput is the body of POST /v1/keys/{key}:rotate.
type RotateInput struct {
	SameID    bool                  `json:"same_id,omitempty" doc:"Keep the Access Key ID and change only the secret."`
	Reason    coffer.RotationReason `json:"reason,omitempty"`
	ConfirmBy time.Time             `json:"confirm_by,omitzero" doc:"When the rotation confirms itself if the old credential is idle."`
}

// ConfirmInput is the body of POST /v1/keys/{key}:confirm.
type ConfirmInput struct {
	EvenIfInUse bool `json:"even_if_in_use,omitempty" doc:"Although the outgoing credential was used within 15 minutes."`
	KeepLinks   bool `json:"keep_links,omitempty" doc:"Pre-signed URLs that the outgoing secret signed before now work until they expire."`
}

// CancelInput is the body of POST /v1/keys/{key}:cancel.
type CancelInput struct {
	EvenIfInUse bool `json:"even_if_in_use,omitempty" doc:"Although the new credential was used within 15 minutes."`
}

// ScreamTestInput is the body of POST /v1/keys/{key}:scream-test.
type ScreamTestInput struct {
	Minutes int `json:"minutes" doc:"1 to 60; 0 ends the test at once."`
}

// LogValue leaves the secret out, which the JSON of a Key has.
func (k Key) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(k.ID)), slog.String("account", string(k.Account)),
		slog.Any("current", k.Current))
}

// LogValue leaves the secret out, which the JSON of a Credential has.
func (c Credential) LogValue() slog.Value { return slog.StringValue(string(c.AccessKeyID)) }

// keyOf writes a key, with the secret of its current credential if it is given.
func keyOf(k coffer.Key, secret coffer.Secret) Key {
	out := Key{ID: k.ID, Name: k.Name, Account: k.Account, Status: k.Status, Scope: k.Scope, Created: k.Created,
		Expires: orNull(k.Expires), Paused: k.Paused, Deleted: k.Deleted, Current: credentialOf(k.Current)}
	out.Current.SecretAccessKey = PlainSecret{secret}
	if r := k.Rotation; r != nil {
		outgoing := credentialOf(r.Outgoing)
		out.Outgoing = &outgoing
		out.Rotation = &Rotation{Began: r.Began, SameID: r.SameID, Reason: r.Reason, ConfirmBy: r.ConfirmBy,
			Overdue: r.Overdue, ScreamBegan: r.ScreamBegan, ScreamUntil: r.ScreamUntil}
	}
	return out
}

func credentialOf(c coffer.Credential) Credential {
	out := Credential{AccessKeyID: c.AccessKeyID, Created: c.Created}
	if u := c.LastUsed; u != nil {
		out.LastUsed = &LastUse{Time: u.Time, Source: u.Source, UserAgent: u.UserAgent, Operation: u.Operation,
			Bucket: u.Bucket, Region: u.Region}
	}
	return out
}

func usageOf(u keys.Usage) Usage {
	return Usage{Key: keyOf(u.Key, coffer.Secret{}), Current: clientsOf(u.Current), Outgoing: clientsOf(u.Outgoing),
		CurrentOthers: u.CurrentOthers, OutgoingOthers: u.OutgoingOthers, InUse: u.InUse, IdleAt: orNull(u.IdleAt)}
}

// clientsOf makes a list that is [] and never null.
func clientsOf(all []keys.Client) []User {
	out := make([]User, 0, len(all))
	for _, c := range all {
		out = append(out, User{Source: c.Source, UserAgent: c.UserAgent, Operation: c.Operation, Bucket: c.Bucket,
			Region: c.Region, First: c.First, Last: orNull(c.Last), Count: c.Count, Refused: c.Refused, LastRefused: c.LastRefused})
	}
	return out
}

package iam

import (
	"encoding/xml"
	"strconv"
	"strings"
	"time"

	"coffer"
	"coffer/keys"
	"coffer/policy"
)

// action is one call of STS: the parameters that it takes, and what does it.
type action struct {
	parameters []string
	do         func(*request) (any, error)
}

// actions are all there are. MFA devices, tags and managed policies are none of
// coffer's, so their parameters are refused rather than ignored.
var actions = map[string]action{
	"AssumeRole":         {[]string{"RoleArn", "RoleSessionName", "Policy", "DurationSeconds", "ExternalId"}, (*request).assumeRole},
	"GetCallerIdentity":  {nil, (*request).getCallerIdentity},
	"GetFederationToken": {[]string{"Name", "Policy", "DurationSeconds"}, (*request).getFederationToken},
	"GetSessionToken":    {[]string{"DurationSeconds"}, (*request).getSessionToken},
}

// How long temporary credentials live (AWS STS API Reference), in seconds.
const (
	lifeMin           = 15 * 60
	lifeMax           = 12 * 60 * 60
	federatedLifeMax  = 7 * 24 * 60 * 60
	roleLifeDefault   = 60 * 60
	longLifeDefault   = 12 * 60 * 60
	federatedNameMax  = 32
	rolePrefix        = ":role/"
	stsPackedSizeFull = 100 // percent
)

// credentials are a temporary credential as STS writes it.
type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type metadata struct {
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

type callerIdentityResponse struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	ARN     string   `xml:"GetCallerIdentityResult>Arn"`
	UserID  string   `xml:"GetCallerIdentityResult>UserId"`
	Account string   `xml:"GetCallerIdentityResult>Account"`
	metadata
}

// getCallerIdentity tells whose key signs. A temporary credential is told the key
// that it was made from, and its name.
func (q *request) getCallerIdentity() (any, error) {
	user := string(q.actor.Key)
	if s := q.actor.Session; s != nil && s.Name != "" {
		user += ":" + s.Name
	}
	return callerIdentityResponse{UserID: user, Account: string(q.actor.Account),
		ARN: "arn:aws:iam::" + string(q.actor.Account) + ":user/" + string(q.actor.Key), metadata: metadata{q.id}}, nil
}

type sessionTokenResponse struct {
	XMLName     xml.Name    `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetSessionTokenResponse"`
	Credentials credentials `xml:"GetSessionTokenResult>Credentials"`
	metadata
}

// getSessionToken gives a credential that may what the key may.
func (q *request) getSessionToken() (any, error) {
	made, err := q.make(keys.SessionInput{}, longLifeDefault, lifeMax)
	return sessionTokenResponse{Credentials: written(made), metadata: metadata{q.id}}, err
}

type federationTokenResponse struct {
	XMLName          xml.Name    `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetFederationTokenResponse"`
	Credentials      credentials `xml:"GetFederationTokenResult>Credentials"`
	ARN              string      `xml:"GetFederationTokenResult>FederatedUser>Arn"`
	UserID           string      `xml:"GetFederationTokenResult>FederatedUser>FederatedUserId"`
	PackedPolicySize int         `xml:"GetFederationTokenResult>PackedPolicySize"`
	metadata
}

// getFederationToken gives a credential that may what its policy allows of what the
// key may; without a policy that is nothing, as with AWS.
func (q *request) getFederationToken() (any, error) {
	in := keys.SessionInput{Name: q.values.Get("Name"), Policy: q.values.Get("Policy")}
	if in.Name == "" || len(in.Name) > federatedNameMax {
		return nil, coffer.Errorf(coffer.InvalidArgument, "Name is %.80q: it must have 2 to %d characters", in.Name, federatedNameMax)
	}
	if in.Policy == "" {
		in.Scope = &coffer.Scope{Grants: []coffer.Grant{}}
	}
	made, err := q.make(in, longLifeDefault, federatedLifeMax)
	account := string(q.actor.Account)
	return federationTokenResponse{Credentials: written(made), ARN: "arn:aws:sts::" + account + ":federated-user/" + in.Name,
		UserID: account + ":" + in.Name, PackedPolicySize: packed(in.Policy), metadata: metadata{q.id}}, err
}

type assumeRoleResponse struct {
	XMLName          xml.Name    `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
	Credentials      credentials `xml:"AssumeRoleResult>Credentials"`
	ARN              string      `xml:"AssumeRoleResult>AssumedRoleUser>Arn"`
	UserID           string      `xml:"AssumeRoleResult>AssumedRoleUser>AssumedRoleId"`
	PackedPolicySize int         `xml:"AssumeRoleResult>PackedPolicySize"`
	metadata
}

// assumeRole gives a credential that may what a role and a policy allow of what the
// key may. The roles of every account are the presets of scopes, as
// arn:aws:iam::111122223333:role/read-only. Who names none gets all that the key
// may, as from MinIO, whose clients need not name one.
func (q *request) assumeRole() (any, error) {
	in := keys.SessionInput{Name: q.values.Get("RoleSessionName"), Policy: q.values.Get("Policy")}
	role := string(coffer.PresetFull)
	if arn := q.values.Get("RoleArn"); arn != "" {
		scope, err := q.role(arn)
		if err != nil {
			return nil, err
		}
		in.Scope, role = scope, string(scope.Grants[0].Preset)
	}
	made, err := q.make(in, roleLifeDefault, lifeMax)
	return assumeRoleResponse{Credentials: written(made), ARN: "arn:aws:sts::" + string(q.actor.Account) + ":assumed-role/" + role + "/" + in.Name,
		UserID: string(q.actor.Key) + ":" + in.Name, PackedPolicySize: packed(in.Policy), metadata: metadata{q.id}}, err
}

// role is the scope that the ARN of a role stands for.
func (q *request) role(arn string) (*coffer.Scope, error) {
	own := "arn:aws:iam::" + string(q.actor.Account) + rolePrefix
	name, ok := strings.CutPrefix(arn, own)
	if !ok {
		return nil, coffer.Errorf(coffer.AccessDenied, "User: arn:aws:iam::%s:user/%s is not authorized to perform: sts:AssumeRole on resource: %.200s. The roles here are %s and the name of a preset, such as read-only.",
			q.actor.Account, q.actor.Key, arn, own)
	}
	scope, err := coffer.ParseScope(coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.Preset(name)}}})
	if err != nil {
		return nil, coffer.Errorf(coffer.AccessDenied, "There is no role %.100q: %s", name, err)
	}
	return scope, nil
}

// make makes a temporary credential that lives as long as is asked for.
func (q *request) make(in keys.SessionInput, usual, most int) (keys.TemporaryCredential, error) {
	seconds := usual
	if text := q.values.Get("DurationSeconds"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < lifeMin || n > most {
			return keys.TemporaryCredential{}, coffer.Errorf(coffer.InvalidArgument, "1 validation error detected: Value '%.40s' at 'durationSeconds' failed to satisfy constraint: Member must have value between %d and %d", text, lifeMin, most)
		}
		seconds = n
	}
	in.Life = time.Duration(seconds) * time.Second
	if in.Policy != "" {
		if len(in.Policy) > coffer.SessionPolicyMax {
			return keys.TemporaryCredential{}, coffer.Errorf(coffer.MalformedPolicy, "the policy has %d bytes: it may have up to %d", len(in.Policy), coffer.SessionPolicyMax)
		}
		if _, err := policy.ParseIdentity([]byte(in.Policy)); err != nil {
			return keys.TemporaryCredential{}, coffer.Errorf(coffer.MalformedPolicy, "%s", err)
		}
	}
	return q.Keys.As(q.actor.Caller).NewSession(q.ctx(), q.actor, in)
}

func written(c keys.TemporaryCredential) credentials {
	return credentials{AccessKeyID: string(c.ID), SecretAccessKey: c.Secret.Reveal(), SessionToken: c.Token, Expiration: c.Expires.UTC().Format(time.RFC3339)}
}

// packed is how much of the room for a policy is used, in percent.
func packed(text string) int {
	return (len(text)*stsPackedSizeFull + coffer.SessionPolicyMax - 1) / coffer.SessionPolicyMax
}

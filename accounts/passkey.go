package accounts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"coffer"
)

// PasskeyID names a passkey of a member.
type PasskeyID string

// Passkey is a passkey as its owner sees it.
type Passkey struct {
	ID       PasskeyID
	Name     string
	Created  time.Time
	LastUsed time.Time // zero: not since it was added
	// Synced says that it is kept in an account of its maker's, not in one device.
	Synced bool
}

const (
	passkeysMax    = 20
	challengeBytes = 32
	// responseMax bounds what a browser answers with.
	responseMax = 64 << 10
)

// passkey is what is kept of a credential (WebAuthn Level 3, "credential
// record"). No attestation is asked for, so none is kept.
type passkey struct {
	credential []byte
	publicKey  []byte // COSE
	name       string
	created    time.Time
	lastUsed   time.Time
	flags      byte
	signCount  uint32
	aaguid     []byte
	transports []string
	format     string
}

func (p passkey) id() PasskeyID {
	sum := sha256.Sum256(p.credential)
	return PasskeyID("pk_" + hex.EncodeToString(sum[:10]))
}

func (p passkey) view() Passkey {
	return Passkey{ID: p.id(), Name: p.name, Created: p.created, LastUsed: p.lastUsed,
		Synced: protocol.AuthenticatorFlags(p.flags).HasBackupState()}
}

func (p passkey) webauthn() webauthn.Credential {
	c := webauthn.Credential{
		ID: p.credential, PublicKey: p.publicKey, AttestationType: "none", AttestationFormat: p.format,
		Flags:         webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(p.flags)),
		Authenticator: webauthn.Authenticator{AAGUID: p.aaguid, SignCount: p.signCount},
	}
	for _, t := range p.transports {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	return c
}

// person is a member in the words of package webauthn.
type person struct{ *member }

// handleSplit stands between the two IDs of a user handle.
const handleSplit = "/"

func (p person) WebAuthnID() []byte          { return []byte(string(p.Account) + handleSplit + string(p.ID)) }
func (p person) WebAuthnName() string        { return p.Email }
func (p person) WebAuthnDisplayName() string { return p.DisplayName() }
func (p person) WebAuthnCredentials() []webauthn.Credential {
	var all []webauthn.Credential
	for _, k := range p.passkeys {
		all = append(all, k.webauthn())
	}
	return all
}

// newWebAuthn returns nil where there can be no passkeys: without a host name.
func newWebAuthn(opt Options) (*webauthn.WebAuthn, error) {
	if opt.RPID == "" || len(opt.Origins) == 0 || protocol.ValidateRPID(opt.RPID) != nil {
		return nil, nil
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: opt.RPID, RPDisplayName: opt.Issuer, RPOrigins: opt.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification:   protocol.VerificationPreferred,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("set up passkeys for %s: %w", opt.RPID, err)
	}
	return w, nil
}

// Passkeys tells whether the address of this console can have passkeys: browsers
// bind them to a host name, never to an IP address.
func (s *Service) Passkeys() bool { return s.webauthn != nil }

func errNoPasskeys() error {
	return coffer.Errorf(coffer.InvalidRequest, "passkeys need a console with a host name, such as localhost: its address is an IP address")
}

func (s *Service) drawChallenge() ([]byte, error) {
	b := make([]byte, challengeBytes)
	if _, err := io.ReadFull(s.rand, b); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return b, nil
}

// askPasskey makes the options of an assertion: by m, or by whoever has a passkey
// if m is nil.
func (s *Service) askPasskey(m *member) (json.RawMessage, *webauthn.SessionData, error) {
	challenge, err := s.drawChallenge()
	if err != nil {
		return nil, nil, err
	}
	var options *protocol.CredentialAssertion
	var data *webauthn.SessionData
	if m == nil {
		options, data, err = s.webauthn.BeginDiscoverableLogin(webauthn.WithChallenge(challenge))
	} else {
		options, data, err = s.webauthn.BeginLogin(person{m}, webauthn.WithChallenge(challenge))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("begin passkey sign-in: %w", err)
	}
	data.Expires = time.Time{} // the challenge has an end of its own, by our clock
	text, err := json.Marshal(options)
	if err != nil {
		return nil, nil, fmt.Errorf("write passkey options: %w", err)
	}
	return text, data, nil
}

// errPasskey is the one refusal of a passkey; why is for the log.
func errPasskey(why error) error {
	if e, ok := errors.AsType[*protocol.Error](why); ok && e.DevInfo != "" {
		why = fmt.Errorf("%s: %s", e.Details, e.DevInfo)
	}
	return coffer.Errorf(coffer.SignInRefused, "the passkey was not accepted").Wrap(why)
}

// parseAssertion reads a browser's answer.
func parseAssertion(response []byte) (*protocol.ParsedCredentialAssertionData, error) {
	if len(response) > responseMax {
		return nil, errPasskey(errors.New("the answer is too long"))
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return nil, errPasskey(err)
	}
	return parsed, nil
}

// userHandle says whom an assertion that names no member is by.
func userHandle(parsed *protocol.ParsedCredentialAssertionData) (coffer.AccountID, coffer.MemberID) {
	account, id, _ := strings.Cut(string(parsed.Response.UserHandle), handleSplit)
	return coffer.AccountID(account), coffer.MemberID(id)
}

// usePasskey checks an assertion by m, and notes the use in m. verified says
// whether the authenticator checked who holds it, by a PIN or a finger.
func (s *Service) usePasskey(m *member, data webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (verified bool, err error) {
	var used *webauthn.Credential
	if len(data.UserID) > 0 {
		used, err = s.webauthn.ValidateLogin(person{m}, data, parsed)
	} else {
		_, used, err = s.webauthn.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			if !bytes.Equal(handle, person{m}.WebAuthnID()) {
				return nil, errors.New("the user handle is another member's")
			}
			return person{m}, nil
		}, data, parsed)
	}
	if err != nil {
		return false, errPasskey(err)
	}
	if used.Authenticator.CloneWarning {
		return false, errPasskey(errors.New("its signature counter went back: there may be a copy of it"))
	}
	for i := range m.passkeys {
		if p := &m.passkeys[i]; bytes.Equal(p.credential, used.ID) {
			p.signCount = used.Authenticator.SignCount
			p.flags = used.Flags.MsgpByte()
			p.lastUsed = s.time()
			return parsed.Response.AuthenticatorData.Flags.HasUserVerified(), nil
		}
	}
	return false, errPasskey(errors.New("it is no passkey of the member"))
}

// offerPasskey makes the options of a new passkey of m.
func (s *Service) offerPasskey(m *member) (json.RawMessage, *webauthn.SessionData, error) {
	challenge, err := s.drawChallenge()
	if err != nil {
		return nil, nil, err
	}
	options, data, err := s.webauthn.BeginRegistration(person{m},
		webauthn.WithExclusions(webauthn.Credentials(person{m}.WebAuthnCredentials()).CredentialDescriptors()),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge = challenge
			return nil
		})
	if err != nil {
		return nil, nil, fmt.Errorf("begin adding a passkey: %w", err)
	}
	data.Expires = time.Time{}
	text, err := json.Marshal(options)
	if err != nil {
		return nil, nil, fmt.Errorf("write passkey options: %w", err)
	}
	return text, data, nil
}

// takePasskey checks a browser's answer to offerPasskey.
func (s *Service) takePasskey(m *member, data webauthn.SessionData, name string, response []byte) (passkey, error) {
	if len(response) > responseMax {
		return passkey{}, errPasskey(errors.New("the answer is too long"))
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return passkey{}, errPasskey(err)
	}
	c, err := s.webauthn.CreateCredential(person{m}, data, parsed)
	if err != nil {
		return passkey{}, errPasskey(err)
	}
	p := passkey{credential: c.ID, publicKey: c.PublicKey, name: name, created: s.time(), flags: c.Flags.MsgpByte(),
		signCount: c.Authenticator.SignCount, aaguid: c.Authenticator.AAGUID, format: c.AttestationFormat}
	for _, t := range c.Transport {
		p.transports = append(p.transports, string(t))
	}
	return p, nil
}

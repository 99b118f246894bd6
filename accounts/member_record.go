package accounts

import (
	"bytes"
	"fmt"

	"coffer"
	"coffer/meta"
)

// The fields of a member, under PrefixMember, the account ID as text, the ID.
const (
	fieldMemberID              = 1
	fieldMemberAccount         = 2
	fieldMemberEmail           = 3
	fieldMemberName            = 4
	fieldMemberRole            = 5
	fieldMemberOperator        = 6
	fieldMemberCreated         = 7
	fieldMemberLastSignIn      = 8
	fieldMemberPassword        = 9
	fieldMemberPasswordChanged = 10
	fieldMemberEpoch           = 11
	fieldMemberDevicesSince    = 12
	fieldMemberTOTP            = 13
	fieldMemberTOTPStep        = 14
	fieldMemberRecovery        = 15 // once for each code that is left
	fieldMemberPasskey         = 16 // once for each, a record of its own
)

// The fields of a passkey, inside its member.
const (
	fieldPasskeyCredential = 1
	fieldPasskeyPublicKey  = 2
	fieldPasskeyName       = 3
	fieldPasskeyCreated    = 4
	fieldPasskeyLastUsed   = 5
	fieldPasskeyFlags      = 6
	fieldPasskeySignCount  = 7
	fieldPasskeyAAGUID     = 8
	fieldPasskeyTransport  = 9 // once for each
	fieldPasskeyFormat     = 10
)

// The fields of a member's e-mail address, under PrefixMemberEmail and the
// address in lower case.
const (
	fieldMemberEmailAccount = 1
	fieldMemberEmailMember  = 2
)

func bit(on bool) int64 {
	if on {
		return 1
	}
	return 0
}

func encodeMember(m *member) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldMemberID, string(m.ID))
	r.Text(fieldMemberAccount, string(m.Account))
	r.Text(fieldMemberEmail, m.Email)
	r.Text(fieldMemberName, m.Name)
	r.Text(fieldMemberRole, string(m.Role))
	r.Int(fieldMemberOperator, bit(m.Operator))
	r.Time(fieldMemberCreated, m.Created)
	r.Time(fieldMemberLastSignIn, m.LastSignIn)
	r.Text(fieldMemberPassword, m.password)
	r.Time(fieldMemberPasswordChanged, m.passwordChanged)
	r.Int(fieldMemberEpoch, m.epoch)
	r.Time(fieldMemberDevicesSince, m.devicesSince)
	r.Blob(fieldMemberTOTP, m.totp)
	r.Int(fieldMemberTOTPStep, m.totpStep)
	for _, h := range m.recovery {
		r.Blob(fieldMemberRecovery, h)
	}
	for _, p := range m.passkeys {
		r.Blob(fieldMemberPasskey, encodePasskey(p))
	}
	return r.Bytes()
}

// decodeMember fails closed: a record without a role, or with one that this
// version does not know, is refused.
func decodeMember(b []byte) (*member, error) {
	m := &member{}
	err := meta.ReadRecord(b, recordVersion, m.field)
	if err == nil && (m.ID == "" || m.Account == "" || m.Email == "") {
		err = fmt.Errorf("the record lacks an ID, an account or an e-mail address")
	}
	if err == nil {
		_, err = coffer.ParseRole(string(m.Role))
	}
	if err != nil {
		// The cause's code is not for who asked: the record is damaged.
		return nil, fmt.Errorf("read member record: %s", err.Error())
	}
	return m, nil
}

func (m *member) field(f meta.Field) error {
	switch f.Number {
	case fieldMemberID:
		m.ID = coffer.MemberID(f.Text())
	case fieldMemberAccount:
		m.Account = coffer.AccountID(f.Text())
	case fieldMemberEmail:
		m.Email = f.Text()
	case fieldMemberName:
		m.Name = f.Text()
	case fieldMemberRole:
		m.Role = coffer.Role(f.Text())
	case fieldMemberOperator:
		m.Operator = f.Int() == 1
	case fieldMemberCreated:
		m.Created = f.Time()
	case fieldMemberLastSignIn:
		m.LastSignIn = f.Time()
	case fieldMemberPassword:
		m.password = f.Text()
	case fieldMemberPasswordChanged:
		m.passwordChanged = f.Time()
	case fieldMemberEpoch:
		m.epoch = f.Int()
	case fieldMemberDevicesSince:
		m.devicesSince = f.Time()
	case fieldMemberTOTP:
		m.totp = bytes.Clone(f.Blob())
	case fieldMemberTOTPStep:
		m.totpStep = f.Int()
	case fieldMemberRecovery:
		m.recovery = append(m.recovery, bytes.Clone(f.Blob()))
	case fieldMemberPasskey:
		p, err := decodePasskey(f.Blob())
		if err != nil {
			return err
		}
		m.passkeys = append(m.passkeys, p)
	default:
		return f.Unknown()
	}
	return nil
}

func encodePasskey(p passkey) []byte {
	r := meta.NewRecord(recordVersion)
	r.Blob(fieldPasskeyCredential, p.credential)
	r.Blob(fieldPasskeyPublicKey, p.publicKey)
	r.Text(fieldPasskeyName, p.name)
	r.Time(fieldPasskeyCreated, p.created)
	r.Time(fieldPasskeyLastUsed, p.lastUsed)
	r.Int(fieldPasskeyFlags, int64(p.flags))
	r.Int(fieldPasskeySignCount, int64(p.signCount))
	r.Blob(fieldPasskeyAAGUID, p.aaguid)
	for _, t := range p.transports {
		r.Text(fieldPasskeyTransport, t)
	}
	r.Text(fieldPasskeyFormat, p.format)
	return r.Bytes()
}

func decodePasskey(b []byte) (passkey, error) {
	var p passkey
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldPasskeyCredential:
			p.credential = bytes.Clone(f.Blob())
		case fieldPasskeyPublicKey:
			p.publicKey = bytes.Clone(f.Blob())
		case fieldPasskeyName:
			p.name = f.Text()
		case fieldPasskeyCreated:
			p.created = f.Time()
		case fieldPasskeyLastUsed:
			p.lastUsed = f.Time()
		case fieldPasskeyFlags:
			p.flags = byte(f.Int())
		case fieldPasskeySignCount:
			p.signCount = uint32(f.Int())
		case fieldPasskeyAAGUID:
			p.aaguid = bytes.Clone(f.Blob())
		case fieldPasskeyTransport:
			p.transports = append(p.transports, f.Text())
		case fieldPasskeyFormat:
			p.format = f.Text()
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (len(p.credential) == 0 || len(p.publicKey) == 0) {
		err = fmt.Errorf("it lacks a credential or a public key")
	}
	if err != nil {
		return passkey{}, fmt.Errorf("read passkey: %w", err)
	}
	return p, nil
}

func encodeMemberEmail(account coffer.AccountID, id coffer.MemberID) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldMemberEmailAccount, string(account))
	r.Text(fieldMemberEmailMember, string(id))
	return r.Bytes()
}

func decodeMemberEmail(b []byte) (account coffer.AccountID, id coffer.MemberID, err error) {
	err = meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldMemberEmailAccount:
			account = coffer.AccountID(f.Text())
		case fieldMemberEmailMember:
			id = coffer.MemberID(f.Text())
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (account == "" || id == "") {
		err = fmt.Errorf("the record names no member")
	}
	if err != nil {
		return "", "", fmt.Errorf("read member e-mail record: %w", err)
	}
	return account, id, nil
}

package accounts

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"coffer"
)

func TestMemberRecordsReadAsWritten(t *testing.T) {
	full := &member{
		Member: coffer.Member{ID: "mem_0123456789abcdefghjk", Account: "123456789012", Email: "ann@example.com", Name: "Ann",
			Role: coffer.RoleAdmin, Operator: true, Created: noon, LastSignIn: noon.Add(time.Hour)},
		password:        "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		passwordChanged: noon, epoch: 3, devicesSince: noon, totp: []byte{1, 2, 3}, totpStep: 58000000,
		recovery: [][]byte{{4}, {5, 6}},
		passkeys: []passkey{
			{credential: []byte{7}, publicKey: []byte{8}, name: "phone", created: noon, lastUsed: noon.Add(time.Minute), flags: 0x1d,
				signCount: 9, aaguid: bytes.Repeat([]byte{1}, 16), transports: []string{"internal", "hybrid"}, format: "none"},
			{credential: []byte{9}, publicKey: []byte{10}, name: "key", created: noon},
		},
	}
	session := Session{ID: "ses_0123456789abcdef0123", Account: full.Account, Member: full.ID, Source: "192.0.2.1", UserAgent: "Firefox",
		Method: "password+totp", Created: noon, LastSeen: noon.Add(time.Minute), Fresh: noon, Ends: noon.Add(12 * time.Hour), strong: true}
	link := Link{ID: "lnk_0123456789abcdef0123", Kind: LinkReset, Account: full.Account, Email: "bob@example.com", Role: coffer.RoleMember,
		Operator: true, Member: "mem_1", By: "ann@example.com", byMember: full.ID, byAccount: full.Account, Created: noon, Expires: noon.Add(time.Hour), factors: true}
	checkGolden(t, "member.golden", encodeMember(full))
	checkGolden(t, "member-email.golden", encodeMemberEmail(full.Account, full.ID))
	checkGolden(t, "session.golden", encodeSession(session))
	checkGolden(t, "link.golden", encodeLink(link))
	checkGolden(t, "challenge-key.golden", encodeBoxKey([]byte{1, 2, 3}))
	checkGolden(t, "spent.golden", encodeSpent(noon))

	if got, err := decodeMember(golden(t, "member.golden")); err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("decodeMember(golden) = %+v, %v, want %+v", got, err, full)
	}
	if account, id, err := decodeMemberEmail(golden(t, "member-email.golden")); err != nil || account != full.Account || id != full.ID {
		t.Errorf("decodeMemberEmail(golden) = %q, %q, %v", account, id, err)
	}
	if got, err := decodeSession(golden(t, "session.golden")); err != nil || got != session {
		t.Errorf("decodeSession(golden) = %+v, %v, want %+v", got, err, session)
	}
	if got, err := decodeLink(golden(t, "link.golden")); err != nil || got != link {
		t.Errorf("decodeLink(golden) = %+v, %v, want %+v", got, err, link)
	}
	if got, err := decodeBoxKey(golden(t, "challenge-key.golden")); err != nil || !bytes.Equal(got, []byte{1, 2, 3}) {
		t.Errorf("decodeBoxKey(golden) = %x, %v", got, err)
	}
	if got, err := decodeSpent(golden(t, "spent.golden")); err != nil || !got.Equal(noon) {
		t.Errorf("decodeSpent(golden) = %v, %v, want %v", got, err, noon)
	}
}

func TestADamagedRecordLetsNobodyIn(t *testing.T) {
	decoders := map[string]func([]byte) error{
		"member.golden":        func(b []byte) error { return second(decodeMember(b)) },
		"session.golden":       func(b []byte) error { return second(decodeSession(b)) },
		"link.golden":          func(b []byte) error { return second(decodeLink(b)) },
		"challenge-key.golden": func(b []byte) error { return second(decodeBoxKey(b)) },
		"spent.golden":         func(b []byte) error { return second(decodeSpent(b)) },
		"member-email.golden": func(b []byte) error {
			_, _, err := decodeMemberEmail(b)
			return err
		},
	}
	for name, decode := range decoders {
		whole := golden(t, name)
		for what, b := range map[string][]byte{
			"Empty": nil, "Newer": append([]byte{9}, whole[1:]...), "Cut": whole[:len(whole)-1],
			"UnknownField": append(bytes.Clone(whole), 0x98, 0x06, 0x02),
		} {
			if err := decode(b); err == nil || coffer.CodeOf(err) != coffer.Internal {
				t.Errorf("%s, %s: %v, want an internal error", name, what, err)
			}
		}
		if name != "spent.golden" {
			if err := decode(whole[:1]); err == nil {
				t.Errorf("%s without fields was read", name)
			}
		}
	}
	m, err := decodeMember(golden(t, "member.golden"))
	if err != nil {
		t.Fatal(err)
	}
	m.Role = "god"
	if _, err := decodeMember(encodeMember(m)); err == nil || coffer.CodeOf(err) != coffer.Internal {
		t.Errorf("a member with the role god = %v, want an internal error", err)
	}
}

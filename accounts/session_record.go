package accounts

import (
	"fmt"

	"coffer"
	"coffer/meta"
)

// The fields of a session, under PrefixSession, the member ID as text, the hash
// of its token.
const (
	fieldSessionID        = 1
	fieldSessionAccount   = 2
	fieldSessionMember    = 3
	fieldSessionSource    = 4
	fieldSessionUserAgent = 5
	fieldSessionMethod    = 6
	fieldSessionCreated   = 7
	fieldSessionLastSeen  = 8
	fieldSessionFresh     = 9
	fieldSessionEnds      = 10
	fieldSessionStrong    = 11
)

func encodeSession(x Session) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldSessionID, string(x.ID))
	r.Text(fieldSessionAccount, string(x.Account))
	r.Text(fieldSessionMember, string(x.Member))
	r.Text(fieldSessionSource, x.Source)
	r.Text(fieldSessionUserAgent, x.UserAgent)
	r.Text(fieldSessionMethod, x.Method)
	r.Time(fieldSessionCreated, x.Created)
	r.Time(fieldSessionLastSeen, x.LastSeen)
	r.Time(fieldSessionFresh, x.Fresh)
	r.Time(fieldSessionEnds, x.Ends)
	r.Int(fieldSessionStrong, bit(x.strong))
	return r.Bytes()
}

// decodeSession fails closed: a session without an end or an owner is none.
func decodeSession(b []byte) (Session, error) {
	var x Session
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldSessionID:
			x.ID = SessionID(f.Text())
		case fieldSessionAccount:
			x.Account = coffer.AccountID(f.Text())
		case fieldSessionMember:
			x.Member = coffer.MemberID(f.Text())
		case fieldSessionSource:
			x.Source = f.Text()
		case fieldSessionUserAgent:
			x.UserAgent = f.Text()
		case fieldSessionMethod:
			x.Method = f.Text()
		case fieldSessionCreated:
			x.Created = f.Time()
		case fieldSessionLastSeen:
			x.LastSeen = f.Time()
		case fieldSessionFresh:
			x.Fresh = f.Time()
		case fieldSessionEnds:
			x.Ends = f.Time()
		case fieldSessionStrong:
			x.strong = f.Int() == 1
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (x.ID == "" || x.Account == "" || x.Member == "" || x.Ends.IsZero() || x.LastSeen.IsZero()) {
		err = fmt.Errorf("the record lacks an ID, an owner or an end")
	}
	if err != nil {
		return Session{}, fmt.Errorf("read session record: %w", err)
	}
	return x, nil
}

// Package audit is the record of who changed what: an event for each change of
// accounts, members, keys and settings, written in the same transaction as the
// change, never altered, and kept for 400 days. It knows nothing of what the
// changes mean, and no secret may be put into it.
package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
)

// Kept is how long events are kept.
const Kept = 400 * 24 * time.Hour

// Kind says what sort of caller made a change.
type Kind string

// The kinds.
const (
	KindMember   Kind = "member"
	KindKey      Kind = "key"
	KindOperator Kind = "operator" // at the operator's socket
	KindSystem   Kind = "system"   // the server, by itself
)

// Who made a change.
type Who struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Event is one change, or one attempt worth remembering.
type Event struct {
	// ID names the event within its account and sorts by time. Write gives it.
	ID      string           `json:"id"`
	Time    time.Time        `json:"time"`
	Account coffer.AccountID `json:"account,omitempty"`
	Who     Who              `json:"who"`
	// Source is the address that the call came from.
	Source    string `json:"source,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Action is a group and a verb: key.rotate, session.start.
	Action string `json:"action"`
	// Target is the ID of what was changed.
	Target string `json:"target,omitempty"`
	// Before and After have what changed, by field. Never a secret.
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
}

// By begins the event of a change that caller makes in an account.
func By(ctx context.Context, caller coffer.Caller, now time.Time, account coffer.AccountID, action, target string) Event {
	e := Event{Time: now, Account: account, RequestID: coffer.RequestID(ctx), Source: caller.Source,
		UserAgent: caller.UserAgent, Action: action, Target: target, Who: Who{Name: caller.Name}}
	switch {
	case caller.Member != "":
		e.Who.Kind, e.Who.ID = KindMember, string(caller.Member)
	case caller.Key != "":
		e.Who.Kind, e.Who.ID = KindKey, string(caller.Key)
	case caller.Operator:
		e.Who.Kind = KindOperator
	default:
		e.Who.Kind = KindSystem
	}
	return e
}

// System begins the event of a change that the server makes by itself.
func System(ctx context.Context, now time.Time, account coffer.AccountID, action, target string) Event {
	return By(ctx, coffer.Caller{}, now, account, action, target)
}

// Write adds e to the log, if the transaction commits. It gives the event its
// ID, and cuts what is longer than the log takes: an attempt to flood it must
// not make the change fail that it tells of.
func Write(tx meta.Tx, e Event) error {
	if e.Action == "" || e.Time.IsZero() {
		return fmt.Errorf("write audit event: it lacks an action or a time")
	}
	if strings.IndexByte(string(e.Account), 0) >= 0 {
		return fmt.Errorf("write audit event: the account %q is not one", e.Account)
	}
	e.clip()
	p, err := unused(tx, place{nanos: uint64(e.Time.UnixNano())})
	if err != nil {
		return fmt.Errorf("write audit event: %w", err)
	}
	e.ID = p.String()
	if err := tx.Set(eventKey(e.Account, p), encode(e)); err != nil {
		return err
	}
	return tx.Set(timeKey(p, e.Account), nil)
}

// unused finds the next free place at an instant. Two events of one instant are
// rare, but the clock is the caller's.
func unused(tx meta.Tx, p place) (place, error) {
	end := timeKey(place{nanos: p.nanos + 1}, "")
	it := tx.Iter(timeKey(p, ""), end)
	defer it.Close()
	if it.SeekLT(end) {
		last, _, err := splitTimeKey(it.Key())
		if err != nil {
			return p, err
		}
		p = last.next()
	}
	return p, it.Err()
}

// The longest texts of an event, in bytes, and the most fields on each side.
const (
	textMax   = 256
	valueMax  = 2048
	fieldsMax = 32
)

func (e *Event) clip() {
	for _, s := range []*string{&e.Who.ID, &e.Who.Name, &e.Source, &e.UserAgent, &e.RequestID, &e.Action, &e.Target} {
		*s = clip(*s, textMax)
	}
	e.Before, e.After = clipFields(e.Before), clipFields(e.After)
}

// clip makes s valid UTF-8 of at most n bytes.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "…"
}

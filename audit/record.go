package audit

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"coffer"
	"coffer/meta"
)

// The version of the record here; docs/format.md has its fields.
const recordVersion = 1

const (
	fieldID        = 1
	fieldTime      = 2
	fieldAccount   = 3
	fieldWhoKind   = 4
	fieldWhoID     = 5
	fieldWhoName   = 6
	fieldSource    = 7
	fieldUserAgent = 8
	fieldRequestID = 9
	fieldAction    = 10
	fieldTarget    = 11
	fieldBefore    = 12 // repeated: name, NUL, value
	fieldAfter     = 13 // repeated: name, NUL, value
)

// The two kinds of rows of events under PrefixAudit; traffic.go has the third. The second finds the events of all
// accounts in the order of time, for the operator and for their end.
const (
	rowEvent = 'e' // account ID, place → event
	rowTime  = 't' // place, account ID → nothing
)

// place is where an event stands in the log: its time, and a number among those
// of the same nanosecond.
type place struct {
	nanos uint64
	seq   uint32
}

const (
	placeLen = 12
	idPrefix = "evt_"
)

func (p place) bytes() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, placeLen), p.nanos)
	return binary.BigEndian.AppendUint32(b, p.seq)
}

func placeOf(b []byte) place {
	return place{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])}
}

// String is the ID of the event at p.
func (p place) String() string { return idPrefix + hex.EncodeToString(p.bytes()) }

// parsePlace reads the ID of an event.
func parsePlace(id string) (place, error) {
	digits, ok := strings.CutPrefix(id, idPrefix)
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != placeLen {
		return place{}, coffer.Errorf(coffer.InvalidArgument, "%.40q is not the ID of an audit event", id)
	}
	return placeOf(b), nil
}

func eventKey(account coffer.AccountID, p place) []byte {
	return meta.Key(meta.PrefixAudit, []byte{rowEvent}, meta.KeyText(string(account)), p.bytes())
}

func timeKey(p place, account coffer.AccountID) []byte {
	return meta.Key(meta.PrefixAudit, []byte{rowTime}, p.bytes(), []byte(account))
}

var errRow = errors.New("malformed row of the audit log")

func splitEventKey(b []byte) (coffer.AccountID, place, error) {
	account, rest, ok := bytes.Cut(b[2:], []byte{0})
	if !ok || len(rest) != placeLen {
		return "", place{}, fmt.Errorf("%w: %q", errRow, b)
	}
	return coffer.AccountID(account), placeOf(rest), nil
}

func splitTimeKey(b []byte) (place, coffer.AccountID, error) {
	if len(b) < 2+placeLen {
		return place{}, "", fmt.Errorf("%w: %q", errRow, b)
	}
	return placeOf(b[2:]), coffer.AccountID(b[2+placeLen:]), nil
}

func encode(e Event) []byte {
	r := meta.NewRecord(recordVersion)
	r.Text(fieldID, e.ID)
	r.Time(fieldTime, e.Time)
	r.Text(fieldAccount, string(e.Account))
	r.Text(fieldWhoKind, string(e.Who.Kind))
	r.Text(fieldWhoID, e.Who.ID)
	r.Text(fieldWhoName, e.Who.Name)
	r.Text(fieldSource, e.Source)
	r.Text(fieldUserAgent, e.UserAgent)
	r.Text(fieldRequestID, e.RequestID)
	r.Text(fieldAction, e.Action)
	r.Text(fieldTarget, e.Target)
	for _, name := range slices.Sorted(maps.Keys(e.Before)) {
		r.Text(fieldBefore, name+"\x00"+e.Before[name])
	}
	for _, name := range slices.Sorted(maps.Keys(e.After)) {
		r.Text(fieldAfter, name+"\x00"+e.After[name])
	}
	return r.Bytes()
}

func decode(b []byte) (Event, error) {
	var e Event
	err := meta.ReadRecord(b, recordVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldID:
			e.ID = f.Text()
		case fieldTime:
			e.Time = f.Time()
		case fieldAccount:
			e.Account = coffer.AccountID(f.Text())
		case fieldWhoKind:
			e.Who.Kind = Kind(f.Text())
		case fieldWhoID:
			e.Who.ID = f.Text()
		case fieldWhoName:
			e.Who.Name = f.Text()
		case fieldSource:
			e.Source = f.Text()
		case fieldUserAgent:
			e.UserAgent = f.Text()
		case fieldRequestID:
			e.RequestID = f.Text()
		case fieldAction:
			e.Action = f.Text()
		case fieldTarget:
			e.Target = f.Text()
		case fieldBefore:
			return addField(&e.Before, f.Text())
		case fieldAfter:
			return addField(&e.After, f.Text())
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (e.ID == "" || e.Action == "") {
		err = errors.New("the record lacks an ID or an action")
	}
	if err != nil {
		return Event{}, fmt.Errorf("read audit event: %w", err)
	}
	return e, nil
}

func addField(m *map[string]string, text string) error {
	name, value, ok := strings.Cut(text, "\x00")
	if !ok {
		return errors.New("a field of the change has no name")
	}
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
	return nil
}

// clipFields copies m in its bounds, without what could not be read back.
func clipFields(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if len(out) == fieldsMax {
			break
		}
		out[strings.ReplaceAll(clip(name, textMax), "\x00", "")] = clip(m[name], valueMax)
	}
	return out
}

package keys

import (
	"fmt"

	"coffer"
	"coffer/meta"
)

// usageVersion is the version of the records here; docs/format.md has their
// fields.
const usageVersion = 1

// The fields of a client and of a summary.
const (
	fieldSource      = 1
	fieldAgent       = 2
	fieldOperation   = 3
	fieldUseBucket   = 4
	fieldRegion      = 5
	fieldFirst       = 6 // of a client
	fieldLast        = 7
	fieldCount       = 8 // of a client
	fieldRefused     = 9 // of a client
	fieldLastRefused = 10
	fieldClients     = 11 // of a summary
	fieldSeen        = 12 // of a summary
)

func encodeClient(c Client) []byte {
	r := meta.NewRecord(usageVersion)
	r.Text(fieldSource, c.Source)
	r.Text(fieldAgent, c.UserAgent)
	r.Text(fieldOperation, c.Operation)
	r.Text(fieldUseBucket, c.Bucket)
	r.Text(fieldRegion, c.Region)
	r.Time(fieldFirst, c.First)
	r.Time(fieldLast, c.Last)
	r.Int(fieldCount, c.Count)
	r.Int(fieldRefused, c.Refused)
	r.Time(fieldLastRefused, c.LastRefused)
	return r.Bytes()
}

func decodeClient(b []byte) (Client, error) {
	var c Client
	err := meta.ReadRecord(b, usageVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldSource:
			c.Source = f.Text()
		case fieldAgent:
			c.UserAgent = f.Text()
		case fieldOperation:
			c.Operation = f.Text()
		case fieldUseBucket:
			c.Bucket = f.Text()
		case fieldRegion:
			c.Region = f.Text()
		case fieldFirst:
			c.First = f.Time()
		case fieldLast:
			c.Last = f.Time()
		case fieldCount:
			c.Count = f.Int()
		case fieldRefused:
			c.Refused = f.Int()
		case fieldLastRefused:
			c.LastRefused = f.Time()
		default:
			return f.Unknown()
		}
		return nil
	})
	if err != nil {
		return Client{}, fmt.Errorf("read client record: %w", err)
	}
	return c, nil
}

func encodeSummary(s summary) []byte {
	r := meta.NewRecord(usageVersion)
	r.Int(fieldClients, int64(s.clients))
	r.Time(fieldSeen, s.seen)
	r.Time(fieldLast, s.last.Time)
	r.Text(fieldSource, s.last.Source)
	r.Text(fieldAgent, s.last.UserAgent)
	r.Text(fieldOperation, s.last.Operation)
	r.Text(fieldUseBucket, s.last.Bucket)
	r.Text(fieldRegion, s.last.Region)
	return r.Bytes()
}

func decodeSummary(b []byte) (summary, error) {
	var s summary
	s.last = coffer.LastUse{}
	err := meta.ReadRecord(b, usageVersion, func(f meta.Field) error {
		switch f.Number {
		case fieldClients:
			s.clients = int(f.Int())
		case fieldSeen:
			s.seen = f.Time()
		case fieldLast:
			s.last.Time = f.Time()
		case fieldSource:
			s.last.Source = f.Text()
		case fieldAgent:
			s.last.UserAgent = f.Text()
		case fieldOperation:
			s.last.Operation = f.Text()
		case fieldUseBucket:
			s.last.Bucket = f.Text()
		case fieldRegion:
			s.last.Region = f.Text()
		default:
			return f.Unknown()
		}
		return nil
	})
	if err != nil {
		return summary{}, fmt.Errorf("read usage summary: %w", err)
	}
	return s, nil
}

package meta

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Record builds the value of a record: one version byte, then fields in the
// protobuf wire format (protobuf.dev, "Encoding"). A field with its zero value
// is left out.
type Record struct{ b []byte }

// NewRecord begins a record of a version.
func NewRecord(version byte) *Record { return &Record{b: append(make([]byte, 0, 256), version)} }

// Bytes is the finished record.
func (r *Record) Bytes() []byte { return r.b }

// Text adds a string.
func (r *Record) Text(field int, s string) {
	if s != "" {
		r.b = protowire.AppendTag(r.b, protowire.Number(field), protowire.BytesType)
		r.b = protowire.AppendString(r.b, s)
	}
}

// Blob adds bytes.
func (r *Record) Blob(field int, v []byte) {
	if len(v) > 0 {
		r.b = protowire.AppendTag(r.b, protowire.Number(field), protowire.BytesType)
		r.b = protowire.AppendBytes(r.b, v)
	}
}

// Int adds a number.
func (r *Record) Int(field int, n int64) {
	if n != 0 {
		r.b = protowire.AppendTag(r.b, protowire.Number(field), protowire.VarintType)
		r.b = protowire.AppendVarint(r.b, protowire.EncodeZigZag(n))
	}
}

// Time adds an instant, to the nanosecond.
func (r *Record) Time(field int, t time.Time) {
	if !t.IsZero() {
		r.Int(field, t.UnixNano())
	}
}

// Field is one field of a record that is being read.
type Field struct {
	Number int
	n      int64
	b      []byte
}

// Text is the field as a string.
func (f Field) Text() string { return string(f.b) }

// Blob is the field's bytes, valid as long as the record.
func (f Field) Blob() []byte { return f.b }

// Int is the field as a number.
func (f Field) Int() int64 { return f.n }

// Time is the field as an instant, in UTC.
func (f Field) Time() time.Time { return time.Unix(0, f.n).UTC() }

// Unknown is the error of a field that the reader has no name for. A record
// that cannot be understood is refused, never half read.
func (f Field) Unknown() error { return fmt.Errorf("unknown field %d", f.Number) }

var errRecord = errors.New("malformed record")

// ReadRecord hands each field of a record of the given version to fn.
func ReadRecord(b []byte, version byte, fn func(Field) error) error {
	if len(b) == 0 {
		return fmt.Errorf("%w: it is empty", errRecord)
	}
	if b[0] != version {
		return fmt.Errorf("%w: version %d, this program reads %d", errRecord, b[0], version)
	}
	for b = b[1:]; len(b) > 0; {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: bad tag", errRecord)
		}
		b = b[n:]
		f := Field{Number: int(number)}
		switch kind {
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			f.n = protowire.DecodeZigZag(v)
		case protowire.BytesType:
			f.b, n = protowire.ConsumeBytes(b)
		default:
			return fmt.Errorf("%w: field %d has wire type %d", errRecord, number, kind)
		}
		if n < 0 {
			return fmt.Errorf("%w: field %d is cut", errRecord, number)
		}
		b = b[n:]
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}

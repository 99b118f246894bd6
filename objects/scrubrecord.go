package objects

import (
	"fmt"
	"time"

	"coffer"
	"coffer/blob"
	"coffer/meta"
)

// The records of a scrub: how far it is, and below scrubFound and the key of an
// object's or part's record, what it found.
var (
	scrubKey   = meta.Key(meta.PrefixInstance, []byte("scrub"))
	scrubFound = meta.Key(meta.PrefixInstance, []byte("scrub/"))
)

const scrubVersion = 1

// scrubProgress is how far a round is, and what the one before came to.
type scrubProgress struct {
	began    time.Time
	after    []byte // the records up to this key are done
	objects  int64
	bytes    int64
	finished time.Time // the last round that came to its end
	running  bool      // a round was begun and has not come to its end
}

func encodeScrub(p scrubProgress) []byte {
	r := meta.NewRecord(scrubVersion)
	r.Time(1, p.began)
	r.Blob(2, p.after)
	r.Int(3, p.objects)
	r.Int(4, p.bytes)
	r.Time(5, p.finished)
	r.Int(6, intOf(p.running))
	return r.Bytes()
}

func decodeScrub(value []byte) (p scrubProgress, err error) {
	err = meta.ReadRecord(value, scrubVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			p.began = f.Time()
		case 2:
			p.after = append([]byte(nil), f.Blob()...)
		case 3:
			p.objects = f.Int()
		case 4:
			p.bytes = f.Int()
		case 5:
			p.finished = f.Time()
		case 6:
			p.running = f.Int() != 0
		default:
			return f.Unknown()
		}
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("scrub record: %w", err)
	}
	return p, nil
}

// ScrubFinding is an object, or a part of an upload, whose bytes were found damaged.
type ScrubFinding struct {
	Time    time.Time         `json:"time"`
	Code    string            `json:"code"`
	Account coffer.AccountID  `json:"account,omitempty"`
	Bucket  coffer.BucketName `json:"bucket,omitempty"`
	Key     string            `json:"key,omitempty"`
	Version string            `json:"version,omitempty"`
	Upload  coffer.UploadID   `json:"upload,omitempty"`
	Detail  string            `json:"detail"`

	use blobUse // what it was found of
}

func encodeScrubFinding(x ScrubFinding) []byte {
	r := meta.NewRecord(scrubVersion)
	r.Time(1, x.Time)
	r.Text(2, x.Code)
	r.Text(3, string(x.Account))
	r.Text(4, string(x.Bucket))
	r.Text(5, x.Key)
	r.Text(6, x.Version)
	r.Text(7, string(x.Upload))
	r.Text(8, x.Detail)
	r.Blob(9, x.use.id[:])
	r.Text(10, string(x.use.ref))
	return r.Bytes()
}

// decodeScrubFinding reads a finding of the record at key.
func decodeScrubFinding(key, value []byte) (x ScrubFinding, err error) {
	x.use.key, x.use.by = append([]byte(nil), key...), namedByBody
	if len(key) > 0 && key[0] == meta.PrefixPart {
		x.use.by = namedByPart
	}
	err = meta.ReadRecord(value, scrubVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			x.Time = f.Time()
		case 2:
			x.Code = f.Text()
		case 3:
			x.Account = coffer.AccountID(f.Text())
		case 4:
			x.Bucket = coffer.BucketName(f.Text())
		case 5:
			x.Key = f.Text()
		case 6:
			x.Version = f.Text()
		case 7:
			x.Upload = coffer.UploadID(f.Text())
		case 8:
			x.Detail = f.Text()
		case 9:
			copy(x.use.id[:], f.Blob())
		case 10:
			x.use.ref = blob.Ref(f.Text())
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (x.Code == "" || len(key) == 0) {
		err = fmt.Errorf("it says nothing")
	}
	if err != nil {
		return x, fmt.Errorf("scrub finding: %w", err)
	}
	return x, nil
}

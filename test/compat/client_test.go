package compat

import (
	"errors"
	"fmt"
	"testing"
)

// target is what a client is pointed at.
type target struct {
	endpoint    string
	id, secret  string
	caFile      string // PEM, for https; else empty
	virtualHost bool   // the bucket is a label before the endpoint's host name
}

// client is one S3 client as the suite uses it: each method is what a person
// would call or type for it. Objects come from files and go to files, so that
// the client's own transfer code runs.
type client interface {
	MakeBucket(bucket string) error
	// Put uploads a file, in parts where the client takes that for large ones.
	Put(bucket, key, file string, h headers) error
	Get(bucket, key, file string) error
	Head(bucket, key string) (headers, error)
	// List returns all keys and common prefixes, in the order in which they
	// came. Page is how many the client asks for at once, 0 its own choice.
	List(bucket, prefix, delimiter string, page int) (listing, error)
	Copy(bucket, from, to string) error
	// Delete removes many keys with as few requests as the client can.
	Delete(bucket string, keys []string) error
	PresignGet(bucket, key string) (string, error)
	PresignPut(bucket, key string) (string, error)
	// Cannot says why the client cannot send a key as it stands, or "".
	Cannot(key string) string
}

// headers are what is kept with an object. The names are those of the AWS SDKs,
// which take them as they are.
type headers struct {
	ContentType        string            `json:",omitempty"`
	CacheControl       string            `json:",omitempty"`
	ContentDisposition string            `json:",omitempty"`
	Metadata           map[string]string `json:",omitempty"`
}

type listing struct {
	Keys     []string `json:"keys"`
	Prefixes []string `json:"prefixes"`
}

// program is a client of the suite.
type program struct {
	connect func(t *testing.T, to target) client
	virtual bool // it can be told to address buckets by host name
}

// cannot is the error of a method that a client has nothing for.
func cannot(why string) error {
	return fmt.Errorf("%w: %s", errors.ErrUnsupported, why)
}

// skipUnsupported ends a subtest about something that the client does not have.
func skipUnsupported(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("not for this client: %v", err)
	}
}

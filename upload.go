package coffer

import "time"

// UploadID names a multipart upload; it cannot be guessed.
type UploadID string

// Valid tells whether an upload could have the ID: it is hexadecimal digits.
func (id UploadID) Valid() bool {
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return id != ""
}

// The limits of a multipart upload, as in AWS's "Amazon S3 multipart upload
// limits".
const (
	PartNumberMax = 10_000
	PartSizeMin   = 5 << 20
	PartSizeMax   = 5 << 30
)

// Upload is a multipart upload in progress.
type Upload struct {
	ID         UploadID
	Key        string
	Initiated  time.Time
	Initiator  CanonicalID
	Attributes Attributes
	// Tags are those that the object will have.
	Tags []Tag
	// Lock is the one that the object will have, its own or its bucket's.
	Lock Lock
	// Encryption is that of the object; nil for none.
	Encryption *Encryption
	// ACL is that which the object will have.
	ACL *ACL
	// Checksum says which checksum the parts bear and how they are joined; its
	// Value is empty.
	Checksum Checksum
	// Abort is when the upload will be aborted, if a lifecycle says so; it is not
	// stored.
	Abort *Expiry
}

// Part is one uploaded part.
type Part struct {
	Number   int
	Size     int64
	ETag     string
	Modified time.Time
	Checksum Checksum
	// Encryption is that of the upload.
	Encryption *Encryption
}

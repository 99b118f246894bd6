package coffer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"unicode/utf8"
)

// EncryptionKind says who has the key of what is encrypted at rest (AWS,
// "Protecting data with encryption").
type EncryptionKind byte

// The kinds; the numbers are those of the records.
const (
	NotEncrypted EncryptionKind = iota
	SSES3                       // this instance
	SSEC                        // the client, which sends it with each request
	SSEKMS                      // a key management service
)

// Algorithm is the value of x-amz-server-side-encryption; "" for SSEC, which has a
// header of its own.
func (k EncryptionKind) Algorithm() string {
	switch k {
	case SSES3:
		return "AES256"
	case SSEKMS:
		return "aws:kms"
	}
	return ""
}

// Encryption is how an object is encrypted at rest. Nil is how one is that is not.
type Encryption struct {
	Kind EncryptionKind
	// KMSKey is the key's name or ARN, as the client or the bucket named it.
	KMSKey string
	// Context is what a client bound the key to: JSON, in one form only.
	Context string
	// BucketKey is told to clients, and means nothing else here.
	BucketKey bool
	// Sealed is the key of the bytes, encrypted. Package objects opens it.
	Sealed string
}

// Is tells whether e is of a kind; nil is NotEncrypted.
func (e *Encryption) Is(k EncryptionKind) bool {
	if e == nil {
		return k == NotEncrypted
	}
	return e.Kind == k
}

// CustomerKeyBytes is the length of a client's key: AES-256.
const CustomerKeyBytes = 32

// KMSKeyIDMax is how long the name of a KMS key can be, in bytes.
const KMSKeyIDMax = 2048

// encryptionContextMax bounds the JSON of an encryption context, in bytes.
const encryptionContextMax = 8 << 10

// ParseEncryptionContext reads the value of x-amz-server-side-encryption-context:
// in base64, a JSON object whose values are texts. It returns it in the one form in
// which it is stored.
func ParseEncryptionContext(value string) (string, error) {
	invalid := Errorf(InvalidArgument, "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map.").
		With("ArgumentName", "x-amz-server-side-encryption-context")
	text, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(text) > encryptionContextMax || !utf8.Valid(text) {
		return "", invalid
	}
	d := json.NewDecoder(bytes.NewReader(text))
	var pairs map[string]string
	if err := d.Decode(&pairs); err != nil || pairs == nil || d.More() {
		return "", invalid
	}
	if len(pairs) == 0 {
		return "", nil
	}
	// Maps are written sorted.
	b, err := json.Marshal(pairs)
	if err != nil {
		return "", invalid
	}
	return string(b), nil
}

// BucketEncryption is how new objects of a bucket are encrypted that do not say it
// themselves (AWS, "PutBucketEncryption").
type BucketEncryption struct {
	Kind EncryptionKind // NotEncrypted where only BlockSSEC is set
	// KMSKey is "" for the key that is used where none is named.
	KMSKey    string `json:",omitempty"`
	BucketKey bool   `json:",omitempty"`
	// BlockSSEC refuses new objects whose key the client has.
	BlockSSEC bool `json:",omitempty"`
}

package coffer

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
)

// KeyID names a key for as long as it lives, through every rotation.
type KeyID string

// AccessKeyID is the public half of a credential.
type AccessKeyID string

// KeyStatus is where a key stands in its life.
type KeyStatus string

// The states of a key. A key that is several of these at once is in the last.
const (
	KeyActive  KeyStatus = "active"
	KeyPaused  KeyStatus = "paused"
	KeyExpired KeyStatus = "expired"
	KeyDeleted KeyStatus = "deleted"
)

// KeyKept is how long a deleted key can be restored.
const KeyKept = 30 * 24 * time.Hour

// Key is a named principal of one account. Its credentials are what signs.
type Key struct {
	ID      KeyID
	Account AccountID
	Name    string
	// Status is where the key stood when it was read; see StatusAt.
	Status  KeyStatus
	Created time.Time
	// Paused, Expires and Deleted are when that came or comes; zero is never.
	Paused  time.Time
	Expires time.Time
	Deleted time.Time
	// Expired says that Expires was seen to come: a clock that is set back does not
	// make the key work again.
	Expired bool
	// Scope is what the key may do; nil is everything in the account.
	Scope   *Scope
	Current Credential
	// Rotation is nil when none is under way.
	Rotation *Rotation
}

// StatusAt is where the key stands at an instant.
func (k Key) StatusAt(now time.Time) KeyStatus {
	switch {
	case !k.Deleted.IsZero():
		return KeyDeleted
	case k.Expired, !k.Expires.IsZero() && !now.Before(k.Expires):
		return KeyExpired
	case !k.Paused.IsZero():
		return KeyPaused
	}
	return KeyActive
}

// RestorableUntil is when a deleted key is removed for good.
func (k Key) RestorableUntil() time.Time {
	if k.Deleted.IsZero() {
		return time.Time{}
	}
	return k.Deleted.Add(KeyKept)
}

// Credential is one Access Key ID with one secret, which is kept sealed, apart
// from it.
type Credential struct {
	AccessKeyID AccessKeyID
	// Generation counts the secrets of a key from 1. It tells two credentials
	// apart that have the same Access Key ID.
	Generation int
	Created    time.Time
	// LastUsed is nil for a credential that was never used, and where nobody
	// asked.
	LastUsed *LastUse
}

// LastUse is the latest use of a credential.
type LastUse struct {
	Time      time.Time
	Source    string
	UserAgent string
	Operation string
	Bucket    string
	Region    string
}

// RotationReason is why a key is rotated.
type RotationReason string

// The reasons.
const (
	ReasonRoutine RotationReason = "routine"
	// ReasonLeaked means that somebody else may have the old secret: nothing
	// that it signed is honoured after Confirm.
	ReasonLeaked RotationReason = "leaked"
	ReasonOther  RotationReason = "other"
)

// Rotation is the state of a key from Rotate until Confirm or Cancel.
type Rotation struct {
	// Outgoing is the credential that Confirm ends.
	Outgoing Credential
	// SameID says that only the secret changes.
	SameID bool
	Reason RotationReason
	Began  time.Time
	// ConfirmBy is when the rotation confirms itself if Outgoing is idle; zero
	// is never.
	ConfirmBy time.Time
	// Overdue says that ConfirmBy came while Outgoing was in use.
	Overdue bool
	// From ScreamBegan to ScreamUntil Outgoing is refused, to find who still
	// needs it.
	ScreamBegan time.Time
	ScreamUntil time.Time
}

// The format of the credentials that coffer makes; docs/format.md has it in
// words, and regular expressions for leak scanners.
const (
	keyIDPrefix = "key_"
	keyIDRandom = 20

	temporaryPrefix   = "CFTK"
	accessKeyPrefix   = "CFAK"
	accessKeyRandom   = 12
	accessKeyChecksum = 4
	accessKeyLen      = len(accessKeyPrefix) + accessKeyRandom + accessKeyChecksum

	secretPrefix   = "cfs_"
	secretRandom   = 30
	secretChecksum = 6
	secretLen      = len(secretPrefix) + secretRandom + secretChecksum

	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	base62    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// The lengths of an imported pair, in characters.
const (
	importedIDMin     = 16
	importedIDMax     = 128
	importedSecretMin = 8
	importedSecretMax = 128
)

// NewKeyID makes a random key ID from rand.
func NewKeyID(rand io.Reader) (KeyID, error) {
	s, err := randomText(rand, crockford, keyIDRandom)
	if err != nil {
		return "", err
	}
	return KeyID(keyIDPrefix + strings.ToLower(s)), nil
}

// ParseKeyHandle tells which of a key's names s is: its ID, or the Access Key
// ID of a credential of it. The other one is empty.
func ParseKeyHandle(s string) (KeyID, AccessKeyID) {
	if strings.HasPrefix(s, keyIDPrefix) {
		return KeyID(s), ""
	}
	return "", AccessKeyID(s)
}

// NewAccessKeyID makes an Access Key ID: the prefix, 60 random bits, and a
// checksum over both, 20 characters of [A-Z0-9].
func NewAccessKeyID(rand io.Reader) (AccessKeyID, error) {
	return newAccessKeyID(rand, accessKeyPrefix)
}

func newAccessKeyID(rand io.Reader, prefix string) (AccessKeyID, error) {
	s, err := randomText(rand, crockford, accessKeyRandom)
	if err != nil {
		return "", err
	}
	head := prefix + s
	return AccessKeyID(head + checksumText(head, crockford, accessKeyChecksum)), nil
}

// Minted tells whether id has the form and the checksum of an ID that coffer
// makes; an ID that begins like one and fails the checksum is a typing error.
func (id AccessKeyID) Minted() bool { return id.minted(accessKeyPrefix) }

func (id AccessKeyID) minted(prefix string) bool {
	s := string(id)
	if len(s) != accessKeyLen || !strings.HasPrefix(s, prefix) {
		return false
	}
	head := s[:accessKeyLen-accessKeyChecksum]
	return s[len(head):] == checksumText(head, crockford, accessKeyChecksum)
}

// Minted tells whether s has the form and the checksum of a secret that coffer
// makes. It says nothing of whose it is.
func (s Secret) Minted() bool {
	text := s.Reveal()
	if len(text) != secretLen || !strings.HasPrefix(text, secretPrefix) {
		return false
	}
	head := text[:secretLen-secretChecksum]
	return text[len(head):] == checksumText(head, base62, secretChecksum)
}

// NewSecret makes a Secret Access Key: the prefix, 30 random base62 characters
// (178 bits) and a checksum over both, 40 characters with none that a shell, a
// URL or YAML would change.
func NewSecret(rand io.Reader) (Secret, error) {
	s, err := randomText(rand, base62, secretRandom)
	if err != nil {
		return Secret{}, err
	}
	head := secretPrefix + s
	return NewSecretFrom(head + checksumText(head, base62, secretChecksum)), nil
}

// ParseImportedPair checks a pair made elsewhere (AWS, MinIO): an ID of 16 to
// 128 characters of [A-Za-z0-9_-], a secret of 8 to 128 printable characters.
// An ID that begins like a key's ID or like a temporary Access Key ID is
// refused: a handle and a credential must each mean one thing.
func ParseImportedPair(id, secret string) (AccessKeyID, Secret, error) {
	if len(id) < importedIDMin || len(id) > importedIDMax {
		return "", Secret{}, Errorf(InvalidArgument,
			"the Access Key ID has %d characters: it must have %d to %d", len(id), importedIDMin, importedIDMax)
	}
	for _, c := range []byte(id) {
		if !strings.ContainsRune(base62+"_-", rune(c)) {
			return "", Secret{}, Errorf(InvalidArgument,
				"the Access Key ID has the character %q: only letters, digits, _ and - are allowed", c)
		}
	}
	for _, p := range []string{keyIDPrefix, temporaryPrefix} {
		if strings.HasPrefix(id, p) {
			return "", Secret{}, Errorf(InvalidArgument, "the Access Key ID begins with %s, which is reserved", p)
		}
	}
	if len(secret) < importedSecretMin || len(secret) > importedSecretMax {
		return "", Secret{}, Errorf(InvalidArgument,
			"the Secret Access Key has %d characters: it must have %d to %d", len(secret), importedSecretMin, importedSecretMax)
	}
	for _, c := range []byte(secret) {
		if c <= ' ' || c > '~' {
			return "", Secret{}, Errorf(InvalidArgument,
				"the Secret Access Key has a space, a control or a non-ASCII character: only printable ASCII is allowed")
		}
	}
	return AccessKeyID(id), NewSecretFrom(secret), nil
}

// randomText draws n characters of alphabet evenly: bytes that would favour
// some characters are drawn again.
func randomText(rand io.Reader, alphabet string, n int) (string, error) {
	limit := 256 - 256%len(alphabet)
	out := make([]byte, 0, n)
	buf := make([]byte, 64)
	for len(out) < n {
		if _, err := io.ReadFull(rand, buf); err != nil {
			return "", fmt.Errorf("read randomness: %w", err)
		}
		for _, b := range buf {
			if int(b) < limit && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out), nil
}

// checksumText writes the CRC-32 (IEEE) of head in n digits of alphabet, most
// significant first, higher digits dropped.
func checksumText(head, alphabet string, n int) string {
	sum := uint64(crc32.ChecksumIEEE([]byte(head)))
	out := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		out[i] = alphabet[sum%uint64(len(alphabet))]
		sum /= uint64(len(alphabet))
	}
	return string(out)
}

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

// The states of a key that this version knows.
const (
	KeyActive  KeyStatus = "active"
	KeyDeleted KeyStatus = "deleted"
)

// Key is a named principal of one account. Its credential is what signs.
type Key struct {
	ID      KeyID
	Account AccountID
	Name    string
	Status  KeyStatus
	Created time.Time
	// Deleted is when the key was deleted; zero for one that was not.
	Deleted time.Time
	Current Credential
}

// Credential is one Access Key ID; its secret is kept sealed, apart from it.
type Credential struct {
	AccessKeyID AccessKeyID
	Created     time.Time
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
	s, err := randomText(rand, crockford, accessKeyRandom)
	if err != nil {
		return "", err
	}
	head := accessKeyPrefix + s
	return AccessKeyID(head + checksumText(head, crockford, accessKeyChecksum)), nil
}

// Minted tells whether id has the form and the checksum of an ID that coffer
// makes; an ID that begins like one and fails the checksum is a typing error.
func (id AccessKeyID) Minted() bool {
	s := string(id)
	if len(s) != accessKeyLen || !strings.HasPrefix(s, accessKeyPrefix) {
		return false
	}
	head := s[:accessKeyLen-accessKeyChecksum]
	return s[len(head):] == checksumText(head, crockford, accessKeyChecksum)
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

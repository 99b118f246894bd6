package meta

import "encoding/binary"

// The key prefixes: one byte that says what kind of record a key leads to. Each
// kind has one owner, the package that alone writes it. docs/format.md describes
// every key and value.
const (
	// Store-wide facts: format version, instance data key. Owners: server, keys.
	PrefixInstance = 'i'

	// Owner: accounts.
	PrefixAccount      = 'a' // account ID → account
	PrefixAccountEmail = 'e' // e-mail → account ID
	PrefixCanonical    = 'C' // canonical ID → account ID
	PrefixMember       = 'M' // account ID, member ID → member, with what proves who they are
	PrefixMemberEmail  = 'E' // e-mail → account ID, member ID
	PrefixSession      = 'S' // member ID, hash of the token → session
	PrefixLink         = 'I' // account ID, hash of the token → one-time link
	PrefixPending      = 'P' // hash of a challenge → nothing: it was used; and the key that seals challenges

	// Owner: keys.
	PrefixKey        = 'k' // account ID, key ID → key
	PrefixCredential = 'c' // Access Key ID → account ID, key ID, sealed secrets
	PrefixKeyDue     = 'D' // time, account ID, key ID → nothing: a key has something due
	PrefixUsage      = 'U' // key ID, generation, client → who used a credential

	// Owner: audit.
	PrefixAudit = 'A' // account ID, time → event; time, account ID → nothing; day, account ID, which → counter

	// Owner: objects.
	PrefixBucket        = 'b' // bucket name → bucket
	PrefixAccountBucket = 'l' // account ID, bucket name → nothing
	PrefixBucketCount   = 'n' // bucket ID, which → counter
	PrefixBucketConfig  = 'q' // bucket ID, kind → one of the bucket's configurations
	PrefixQuota         = 'Q' // account ID, which → quota of an account or a key, or what an account uses
	PrefixObject        = 'o' // bucket ID, object key → current version
	PrefixVersion       = 'v' // bucket ID, object key, position → a version that is not current, or a delete marker
	PrefixNullVersion   = 'N' // bucket ID, object key → position of the version called null among those
	PrefixData          = 'd' // body ID → the bytes of a small object
	PrefixManifest      = 'm' // body ID, page → the blobs of a large object
	PrefixBodyRefs      = 'r' // body ID → how many versions share it, if not one
	PrefixUpload        = 'u' // bucket ID, object key, upload ID → upload
	PrefixPart          = 'p' // upload ID, part number → part
	PrefixFinished      = 'f' // upload ID → what its Complete answered
	PrefixBlobOwner     = 'w' // blob ref → whether metadata names this blob, or may not any more
	PrefixGarbage       = 'g' // time, blob ref → body ID: to be deleted
	PrefixEvent         = 'x' // webhook, time → an event that is to be sent
	PrefixDeadEvent     = 'X' // webhook, time → an event that was given up
	PrefixEventCount    = 'y' // webhook, which → counter
	PrefixDelivery      = 'Y' // webhook, time → what one delivery came to

	PrefixReplication      = 'z' // target, time → a copy that is to be made
	PrefixReplicationCount = 'Z' // bucket ID, which → counter
)

// Key joins a prefix and parts into a key. Parts of varying length other than
// the last are ended by KeyText.
func Key(prefix byte, parts ...[]byte) []byte {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	key := append(make([]byte, 0, n), prefix)
	for _, p := range parts {
		key = append(key, p...)
	}
	return key
}

// KeyText is a part of varying length, ended by a NUL so that no text's keys are
// a prefix of another's. The text itself must have no NUL.
func KeyText(s string) []byte { return append([]byte(s), 0) }

// KeyUint64 is a number as a part, in an order that sorts as the numbers do.
func KeyUint64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

package objects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"coffer"
	"coffer/meta"
)

// configKind says which of a bucket's configurations a record has. It is a
// lower-case letter, and the name of its audit events is in configNames.
type configKind byte

const (
	configACL          configKind = 'a'
	configAcceleration configKind = 'f'
	configCORS         configKind = 'c'
	configEncryption   configKind = 'e'
	configLifecycle    configKind = 'l'
	configLock         configKind = 'k'
	configLogging      configKind = 'g'
	configNotification configKind = 'n'
	configOwnership    configKind = 'o'
	configPayment      configKind = 'y'
	configPolicy       configKind = 'p'
	configPublicAccess configKind = 'b'
	configQuota        configKind = 'q'
	configReplication  configKind = 'r'
	configTagging      configKind = 't'
	configWebsite      configKind = 'w'
)

// configNames are what the audit log calls the configurations.
var configNames = map[configKind]string{
	configACL:          "acl",
	configAcceleration: "acceleration",
	configCORS:         "cors",
	configEncryption:   "encryption",
	configLifecycle:    "lifecycle",
	configLock:         "object-lock",
	configLogging:      "logging",
	configNotification: "notification",
	configOwnership:    "ownership",
	configPayment:      "payment",
	configPolicy:       "policy",
	configPublicAccess: "public-access-block",
	configQuota:        "quota",
	configReplication:  "replication",
	configTagging:      "tagging",
	configWebsite:      "website",
}

// bit is the kind's in Bucket.Configs, which spares reading what is not there.
func (k configKind) bit() uint32 { return 1 << (k - 'a') }

func configKey(id coffer.BucketID, kind configKind) []byte {
	return append(configsPrefix(id), byte(kind))
}

func configsPrefix(id coffer.BucketID) []byte {
	return meta.Key(meta.PrefixBucketConfig, meta.KeyUint64(uint64(id)))
}

const configVersion = 1

// encodeConfig writes a configuration: one field, the noun as JSON. Configurations
// are small, read from memory, and have more shapes than records of their own
// would be worth.
func encodeConfig(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // nobody shows it in a page, and a < would take six bytes
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	r := meta.NewRecord(configVersion)
	r.Blob(1, bytes.TrimSuffix(text.Bytes(), []byte("\n")))
	value := r.Bytes()
	if len(value) > meta.ValueBytesMax {
		return nil, coffer.Errorf(coffer.InvalidRequest, "The configuration is too long: it takes %d bytes, and %d are the most. Use shorter names, or fewer rules.",
			len(value), meta.ValueBytesMax)
	}
	return value, nil
}

func decodeConfig[T any](value []byte) (*T, error) {
	v := new(T)
	err := meta.ReadRecord(value, configVersion, func(f meta.Field) error {
		if f.Number != 1 {
			return f.Unknown()
		}
		d := json.NewDecoder(bytes.NewReader(f.Blob()))
		d.DisallowUnknownFields()
		return d.Decode(v)
	})
	if err != nil {
		return nil, fmt.Errorf("bucket configuration %T: %w", *v, err)
	}
	return v, nil
}

// configs keeps what was decoded for as long as the bucket's row shows the same
// revision, so that a request reads no configuration twice.
type configs struct {
	mu    sync.RWMutex // guards what follows
	kept  map[configName]keptConfig
	bytes int // of the records of what is kept
}

// configsMax bounds the configurations kept, and configsBytes their records, which take
// a few times as much when they are decoded: a lifecycle has up to a thousand rules, and
// an account thousands of buckets. All are forgotten when there are more.
const (
	configsMax   = 10_000
	configsBytes = 4 << 20
)

type configName struct {
	bucket coffer.BucketID
	kind   configKind
}

type keptConfig struct {
	revision int64
	bytes    int
	value    any // the *T that decodeConfig made, or what was compiled from it
}

// readConfig is a configuration of b as T; nil if there is none. It is shared:
// nobody may change it. b must have been read with r.
func readConfig[T any](s *Service, r meta.Reader, b coffer.Bucket, kind configKind) (*T, error) {
	if b.Configs&kind.bit() == 0 {
		return nil, nil
	}
	name := configName{b.ID, kind}
	s.configs.mu.RLock()
	kept := s.configs.kept[name]
	s.configs.mu.RUnlock()
	if v, ok := kept.value.(*T); ok && kept.revision == b.Revision {
		return v, nil
	}
	value, err := r.Get(configKey(b.ID, kind))
	if err != nil {
		return nil, fmt.Errorf("configuration %q of bucket %s: %w", configNames[kind], b.Name, err)
	}
	v, err := decodeConfig[T](value)
	if err != nil {
		return nil, err
	}
	s.configs.keep(name, keptConfig{b.Revision, len(value), v})
	return v, nil
}

func (c *configs) keep(name configName, k keptConfig) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += k.bytes - c.kept[name].bytes
	if c.kept == nil || len(c.kept) >= configsMax || c.bytes > configsBytes {
		c.kept, c.bytes = map[configName]keptConfig{}, k.bytes
	}
	c.kept[name] = k
}

// getConfig is readConfig for who may do a to the bucket; an error of code none if
// there is none.
func getConfig[T any](ctx context.Context, s Session, name coffer.BucketName, kind configKind, a coffer.Action, none coffer.Code) (v *T, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := s.bucket(r, name, a, "")
		if err != nil {
			return err
		}
		if v, err = readConfig[T](s.Service, r, b, kind); err == nil && v == nil {
			err = (&coffer.Error{Code: none}).With("BucketName", string(name))
		}
		return err
	})
	return v, err
}

// putConfig puts a configuration in the place of the one that there is.
func (s Session) putConfig(ctx context.Context, name coffer.BucketName, kind configKind, a coffer.Action, v any) error {
	if err := s.Writable(); err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, name, a, "")
		if err != nil {
			return err
		}
		return s.setConfig(ctx, tx, b, kind, v)
	})
}

// setConfig writes a configuration of b in tx, for who was found to have the right.
func (s Session) setConfig(ctx context.Context, tx meta.Tx, b coffer.Bucket, kind configKind, v any) error {
	value, err := encodeConfig(v)
	if err != nil {
		return err
	}
	b.Configs |= kind.bit()
	b.Revision++
	return errors.Join(
		tx.Set(configKey(b.ID, kind), value),
		tx.Set(bucketKey(b.Name), encodeBucket(b)),
		s.note(ctx, tx, b, "bucket."+configNames[kind]+".put"))
}

// deleteConfig removes a configuration; that there is none is no error.
func (s Session) deleteConfig(ctx context.Context, name coffer.BucketName, kind configKind, a coffer.Action) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, name, a, "")
		if err != nil || b.Configs&kind.bit() == 0 {
			return err
		}
		b.Configs &^= kind.bit()
		b.Revision++
		return errors.Join(
			tx.Delete(configKey(b.ID, kind)),
			tx.Set(bucketKey(b.Name), encodeBucket(b)),
			s.note(ctx, tx, b, "bucket."+configNames[kind]+".delete"))
	})
}

// deleteConfigs removes all configurations of a bucket, which are a few.
func deleteConfigs(tx meta.Tx, id coffer.BucketID) error {
	low := configsPrefix(id)
	it := tx.Iter(low, meta.PrefixEnd(low))
	defer it.Close()
	var keys [][]byte
	for it.Next() {
		keys = append(keys, bytes.Clone(it.Key()))
	}
	if err := it.Err(); err != nil {
		return err
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

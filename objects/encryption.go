package objects

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"coffer"
	"coffer/crypt"
	"coffer/meta"
)

// Encrypting is what a write asks of encryption. The zero value leaves it to the
// bucket, and then to the instance.
type Encrypting struct {
	Kind coffer.EncryptionKind
	// KMSKey is the name of a key; "" for the one that is used where none is named.
	KMSKey  string
	Context string
	// BucketKey counts if HasBucketKey says so; the bucket's setting does otherwise.
	BucketKey    bool
	HasBucketKey bool
	// CustomerKey is the key of SSEC: coffer.CustomerKeyBytes bytes.
	CustomerKey coffer.Secret
}

// What a sealed key is for: one does not open as another.
const (
	instanceKeyContext = "object keys"
	sealedSSES3        = "coffer object key, SSE-S3 v1"
	sealedSSEC         = "coffer object key, SSE-C v1"
)

const (
	instanceKeyVersion = 1
	fieldInstanceKey   = 1
)

func instanceKeyKey() []byte { return meta.Key(meta.PrefixInstance, []byte("objectkey")) }

// openInstanceKey reads the key under which the keys of objects are wrapped, or
// makes it at the first start.
func (s *Service) openInstanceKey(ctx context.Context) error {
	if s.Seal == nil {
		if s.Encrypt {
			return errors.New("encryption of all objects needs a way to seal their keys")
		}
		return nil
	}
	fresh, err := crypt.NewKey(s.Rand)
	if err != nil {
		return err
	}
	sealed, err := s.Seal(instanceKeyContext, fresh.Reveal())
	if err != nil {
		return fmt.Errorf("seal the key of objects: %w", err)
	}
	var record []byte
	read := func(r meta.Reader) error {
		value, err := r.Get(instanceKeyKey())
		record = bytes.Clone(value)
		return err
	}
	err = s.Meta.View(ctx, read)
	if errors.Is(err, meta.ErrNotFound) {
		if err := s.Meta.View(ctx, func(r meta.Reader) error { return needsNoKey(ctx, r) }); err != nil {
			return err
		}
		err = s.Meta.Update(ctx, func(tx meta.Tx) error {
			if err := read(tx); !errors.Is(err, meta.ErrNotFound) {
				return err
			}
			r := meta.NewRecord(instanceKeyVersion)
			r.Blob(fieldInstanceKey, sealed)
			record = r.Bytes()
			return tx.Set(instanceKeyKey(), record)
		})
	}
	if err != nil {
		return fmt.Errorf("read the key of objects: %w", err)
	}
	err = meta.ReadRecord(record, instanceKeyVersion, func(f meta.Field) error {
		if f.Number != fieldInstanceKey {
			return f.Unknown()
		}
		b, err := s.Unseal(instanceKeyContext, f.Blob())
		if err == nil {
			s.instanceKey, err = crypt.KeyFrom(b)
		}
		return err
	})
	if err == nil && !s.instanceKey.Set() {
		err = errors.New("the record is empty")
	}
	if err != nil {
		return fmt.Errorf("the key of objects is damaged, restore the database from a backup: %w", err)
	}
	return nil
}

// underInstanceKey tells whether an object has bytes that need the key of the instance.
func underInstanceKey(o row) bool { return o.body.kind != bodyEmpty && o.Encryption.Is(coffer.SSES3) }

// needsNoKey refuses objects that are encrypted under a key that is not there. A new one
// would hide that it is lost: they would never open again, and new ones would.
func needsNoKey(ctx context.Context, r meta.Reader) error {
	for _, prefix := range []byte{meta.PrefixObject, meta.PrefixVersion} {
		err := meta.Each(ctx, r, []byte{prefix}, func(key, value []byte) error {
			// What cannot be read is an error of its own, when it is asked for.
			if o, err := decodeRow("", value); err == nil && underInstanceKey(o) {
				return errors.New("the key of objects is missing, and objects are encrypted under it: restore the database from a backup; coffer check --offline says which they are, and coffer repair --offline --remove-damaged --yes goes on without them")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Encrypts tells whether all new objects are encrypted, asked for or not.
func (s *Service) Encrypts() bool { return s.Encrypt }

// bucketEncryption settles how a new object of b is encrypted, as the bucket says
// now.
func (s Session) bucketEncryption(ctx context.Context, b coffer.Bucket, ask Encrypting) (e *coffer.Encryption, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		e, err = s.encryptionIn(r, b, ask)
		return err
	})
	return e, err
}

// encryptionIn is bucketEncryption inside of a transaction. There is no key yet,
// and nil says that the object is not encrypted.
func (s Session) encryptionIn(r meta.Reader, b coffer.Bucket, ask Encrypting) (*coffer.Encryption, error) {
	b, err := readBucket(r, b.Name)
	if err != nil {
		return nil, err
	}
	preset, err := readConfig[coffer.BucketEncryption](s.Service, r, b, configEncryption)
	if err != nil {
		return nil, err
	}
	return s.settle(preset, ask)
}

func (s Session) settle(preset *coffer.BucketEncryption, ask Encrypting) (*coffer.Encryption, error) {
	if preset != nil {
		switch {
		case ask.Kind == coffer.SSEC && preset.BlockSSEC:
			return nil, coffer.Errorf(coffer.AccessDenied, "Access Denied: this bucket does not take objects that are encrypted with the key of a client.")
		case ask.Kind == coffer.NotEncrypted:
			ask.Kind, ask.KMSKey = preset.Kind, preset.KMSKey
		}
		if !ask.HasBucketKey {
			ask.BucketKey = preset.BucketKey
		}
	}
	switch ask.Kind {
	case coffer.NotEncrypted:
		if !s.Encrypt {
			return nil, nil
		}
		ask.Kind = coffer.SSES3
	case coffer.SSEKMS:
		if ask.KMSKey == "" {
			if ask.KMSKey = s.KMS.Default(); ask.KMSKey == "" {
				return nil, coffer.Errorf(coffer.KMSKeyNotFound, "The request names no KMS key, and this server has none to use instead: its setting kms_keys names them. AES256 needs none.")
			}
		}
		if _, err := s.KMS.Resolve(ask.KMSKey); err != nil {
			return nil, kmsError(ask.KMSKey, err)
		}
		return &coffer.Encryption{Kind: ask.Kind, KMSKey: ask.KMSKey, Context: ask.Context, BucketKey: ask.BucketKey}, nil
	}
	if ask.Kind == coffer.SSES3 && !s.instanceKey.Set() {
		return nil, coffer.Errorf(coffer.NotImplemented, "This server has no key to encrypt with.")
	}
	return &coffer.Encryption{Kind: ask.Kind}, nil
}

// newEncryption settles how a new object of b is encrypted, and makes its key; nil
// and none if it is not.
func (s Session) newEncryption(ctx context.Context, b coffer.Bucket, ask Encrypting) (*coffer.Encryption, crypt.Key, error) {
	if b.Configs&configEncryption.bit() == 0 && ask.Kind == coffer.NotEncrypted && !s.Encrypt {
		return nil, crypt.Key{}, nil
	}
	e, err := s.bucketEncryption(ctx, b, ask)
	if err != nil || e == nil {
		return nil, crypt.Key{}, err
	}
	key, err := s.newKey(ctx, e, ask.CustomerKey)
	return e, key, err
}

// newKey makes the key of an object and seals it into e; none if e is nil.
func (s *Service) newKey(ctx context.Context, e *coffer.Encryption, customer coffer.Secret) (crypt.Key, error) {
	if e == nil {
		return crypt.Key{}, nil
	}
	key, err := crypt.NewKey(s.Rand)
	if err != nil {
		return key, err
	}
	var sealed []byte
	switch e.Kind {
	case coffer.SSES3:
		sealed, err = s.instanceKey.Wrap(s.Rand, sealedSSES3, key)
	case coffer.SSEC:
		sealed, err = s.sealUnder(customer, key)
	case coffer.SSEKMS:
		var name string
		if name, err = s.KMS.Resolve(e.KMSKey); err == nil {
			sealed, err = s.KMS.Wrap(ctx, name, e.Context, key)
		}
		err = kmsError(e.KMSKey, err)
	default:
		err = fmt.Errorf("encryption of kind %d", e.Kind)
	}
	e.Sealed = string(sealed)
	return key, err
}

// sealUnder seals an object's key under a client's, behind what tells that key
// from others.
func (s *Service) sealUnder(customer coffer.Secret, key crypt.Key) ([]byte, error) {
	k, err := crypt.KeyFrom([]byte(customer.Reveal()))
	if err != nil {
		return nil, err
	}
	check, err := k.Check(s.Rand)
	if err != nil {
		return nil, err
	}
	wrapped, err := k.Wrap(s.Rand, sealedSSEC, key)
	return append(check, wrapped...), err
}

// openKey opens the key of an object; none if e is nil. Of SSEC, checkCustomerKey
// has found the client's key to be the right one.
func (s *Service) openKey(ctx context.Context, e *coffer.Encryption, customer coffer.Secret) (key crypt.Key, err error) {
	switch {
	case e == nil:
		return key, nil
	case e.Kind == coffer.SSES3:
		if !s.instanceKey.Set() {
			return key, errors.New("the object is encrypted, and there is no key of objects")
		}
		key, err = s.instanceKey.Unwrap(sealedSSES3, []byte(e.Sealed))
	case e.Kind == coffer.SSEC:
		var k crypt.Key
		if k, err = crypt.KeyFrom([]byte(customer.Reveal())); err == nil {
			key, err = k.Unwrap(sealedSSEC, []byte(e.Sealed[min(len(e.Sealed), crypt.CheckBytes):]))
		}
	case e.Kind == coffer.SSEKMS:
		var name string
		if name, err = s.KMS.Resolve(e.KMSKey); err == nil {
			key, err = s.KMS.Unwrap(ctx, name, e.Context, []byte(e.Sealed))
		}
		err = kmsError(e.KMSKey, err)
	default:
		err = fmt.Errorf("encryption of kind %d", e.Kind)
	}
	return key, undecryptable(err)
}

// undecryptable classifies an error of decryption.
func undecryptable(err error) error {
	if errors.Is(err, crypt.ErrDamaged) {
		return damagedObject(err)
	}
	return err
}

func kmsError(id string, err error) error {
	switch {
	case err == nil, errors.Is(err, crypt.ErrDamaged):
		return err
	case errors.Is(err, crypt.ErrNoKey):
		return coffer.Errorf(coffer.KMSKeyNotFound, "Key '%s' does not exist: the setting kms_keys of the server names those that do.", id)
	}
	return coffer.Errorf(coffer.ServiceUnavailable, "The key management service of key '%s' did not do its work. Please try again.", id).Wrap(err)
}

// checkCustomerKey tells whether a request bears the key that what is encrypted as
// e needs, and none that it does not (AWS, "Using server-side encryption with
// customer-provided keys").
func checkCustomerKey(e *coffer.Encryption, customer coffer.Secret) error {
	switch {
	case !e.Is(coffer.SSEC) && customer.Empty():
		return nil
	case !e.Is(coffer.SSEC):
		return coffer.Errorf(coffer.InvalidRequest, "The encryption parameters are not applicable to this object.")
	case customer.Empty():
		return coffer.Errorf(coffer.InvalidRequest, "The object was stored using a form of Server Side Encryption. "+
			"The correct parameters must be provided to retrieve the object.")
	case !opens(e, customer):
		return coffer.Errorf(coffer.AccessDenied, "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.")
	}
	return nil
}

// checkUploadKey is checkCustomerKey for the parts of an upload.
func checkUploadKey(e *coffer.Encryption, customer coffer.Secret) error {
	switch {
	case !e.Is(coffer.SSEC) && customer.Empty():
		return nil
	case e == nil:
		return coffer.Errorf(coffer.InvalidRequest, "The multipart upload initiate did not request encryption. "+
			"Please resend the request without sending encryption parameters.")
	case !e.Is(coffer.SSEC), customer.Empty():
		return coffer.Errorf(coffer.InvalidRequest, "The multipart upload initiate requested encryption. "+
			"Subsequent part requests must include the appropriate encryption parameters.")
	case !opens(e, customer):
		return coffer.Errorf(coffer.InvalidRequest, "The provided encryption parameters did not match the ones used originally.")
	}
	return nil
}

// opens tells whether the key of a client is the one of e.
func opens(e *coffer.Encryption, customer coffer.Secret) bool {
	k, err := crypt.KeyFrom([]byte(customer.Reveal()))
	return err == nil && len(e.Sealed) >= crypt.CheckBytes && k.Matches([]byte(e.Sealed[:crypt.CheckBytes]))
}

// readsBytes tells whether an action needs the key of a client: what is known of
// an object beyond its bytes can be read and changed without.
func readsBytes(a coffer.Action) bool {
	switch a {
	case coffer.GetObject, coffer.GetObjectVersion, coffer.GetObjectAttributes, coffer.GetObjectVersionAttributes:
		return true
	}
	return false
}

// etagOf is the entity tag of bytes that were read by d and encrypted as e under key:
// not their MD5 where S3 says nothing of it, so that it tells nothing of them. A
// part that is sent again has the same tag.
func (d *digester) etagOf(e *coffer.Encryption, key crypt.Key) string {
	if e.Is(coffer.NotEncrypted) || e.Is(coffer.SSES3) {
		return d.etag()
	}
	return hex.EncodeToString(key.Tag(d.md5.Sum(nil)))
}

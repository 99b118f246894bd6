package objects

import (
	"fmt"

	"coffer"
	"coffer/crypt"
	"coffer/meta"
)

// fieldEncryption is the first of the fields that encryption has in the records of
// objects, uploads, parts and finished uploads.
const (
	fieldEncryption     = 70
	fieldEncryptionLast = fieldEncryption + 4
	fieldSalt           = 75 // of a part
)

// encodeEncryption takes the fields fieldEncryption to fieldEncryptionLast.
func encodeEncryption(r *meta.Record, e *coffer.Encryption) {
	if e == nil {
		return
	}
	r.Int(fieldEncryption, int64(e.Kind))
	r.Text(fieldEncryption+1, e.Sealed)
	r.Text(fieldEncryption+2, e.KMSKey)
	r.Text(fieldEncryption+3, e.Context)
	if e.BucketKey {
		r.Int(fieldEncryption+4, 1)
	}
}

func decodeEncryption(f meta.Field, to **coffer.Encryption) bool {
	if f.Number < fieldEncryption || f.Number > fieldEncryptionLast {
		return false
	}
	if *to == nil {
		*to = new(coffer.Encryption)
	}
	e := *to
	switch f.Number - fieldEncryption {
	case 0:
		e.Kind = coffer.EncryptionKind(f.Int())
	case 1:
		e.Sealed = f.Text()
	case 2:
		e.KMSKey = f.Text()
	case 3:
		e.Context = f.Text()
	case 4:
		e.BucketKey = f.Int() != 0
	}
	return true
}

// checkEncryption refuses what encodeEncryption was never given.
func checkEncryption(e *coffer.Encryption) error {
	if e != nil && (e.Sealed == "" || e.Kind != coffer.SSES3 && e.Kind != coffer.SSEC && e.Kind != coffer.SSEKMS) {
		return fmt.Errorf("encryption of kind %d with a key of %d bytes cannot be", e.Kind, len(e.Sealed))
	}
	return nil
}

// encodeSalt leaves out the salt of what is not encrypted.
func encodeSalt(r *meta.Record, field int, salt crypt.Salt) {
	if salt != (crypt.Salt{}) {
		r.Blob(field, salt[:])
	}
}

func decodeSalt(f meta.Field, to *crypt.Salt) error {
	if copy(to[:], f.Blob()) != len(f.Blob()) || len(f.Blob()) != len(to) {
		return fmt.Errorf("a salt has %d bytes", len(f.Blob()))
	}
	return nil
}

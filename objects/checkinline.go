package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"coffer"
	"coffer/crypt"
)

// wrongInline says what is wrong with the stored bytes of a small object; "" if
// nothing is. What only a client or a key management service can decrypt is not
// looked into, nor anything encrypted where the key of the instance is not at hand.
func (s *Service) wrongInline(ctx context.Context, o row, value []byte) string {
	if stored := storedSize(o.Size, o.Encryption != nil); int64(len(value)) != stored {
		return fmt.Sprintf("%d bytes are stored, and should be %d", len(value), stored)
	}
	if e := o.Encryption; e != nil {
		if e.Kind != coffer.SSES3 || !s.instanceKey.Set() {
			return ""
		}
		key, err := s.openKey(ctx, e, coffer.Secret{})
		if err != nil {
			return "the key of the object does not open"
		}
		plain := bytes.NewBuffer(make([]byte, 0, o.Size))
		if _, err := decryptPiece(plain, held(value), piece{size: o.Size}, key, 0, o.Size); err != nil {
			if !errors.Is(err, crypt.ErrDamaged) {
				return err.Error()
			}
			return "the encrypted bytes are not authentic"
		}
		value = plain.Bytes()
	}
	if !inlineChecksum(o) {
		return ""
	}
	if got := sumOf(o.Checksum.Algorithm, value); got != o.Checksum.Value {
		return fmt.Sprintf("their %s is %s, and was %s", o.Checksum.Algorithm, got, o.Checksum.Value)
	}
	return ""
}

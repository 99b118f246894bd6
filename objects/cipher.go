package objects

import (
	"bytes"
	"context"
	"io"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
)

// inlineMaxOf is the largest inline object, in bytes, under a key: what is
// encrypted must fit into a value too.
func (s *Service) inlineMaxOf(key crypt.Key) int64 {
	if key.Set() {
		return min(s.InlineMax, 2*inlineLimit-crypt.StoredSize(inlineLimit))
	}
	return s.InlineMax
}

// putBlob stores r, encrypted if there is a key, and returns how many bytes r had.
func (s *Service) putBlob(ctx context.Context, r io.Reader, key crypt.Key, salt crypt.Salt) (blob.Ref, int64, error) {
	if !key.Set() {
		return s.Blobs.Put(ctx, r)
	}
	key, err := key.Derive(salt)
	if err != nil {
		return "", 0, err
	}
	e, err := key.Encrypt(s.Rand, r)
	if err != nil {
		return "", 0, err
	}
	ref, _, err := s.Blobs.Put(ctx, e)
	return ref, e.Size(), err
}

// encryptInline encrypts bytes that are to be a value.
func (s *Service) encryptInline(key crypt.Key, plain []byte) ([]byte, error) {
	key, err := key.Derive(crypt.Salt{})
	if err != nil {
		return nil, err
	}
	e, err := key.Encrypt(s.Rand, bytes.NewReader(plain))
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(make([]byte, 0, crypt.StoredSize(int64(len(plain)))+bytes.MinRead))
	_, err = b.ReadFrom(e)
	return b.Bytes(), err
}

// decryptPiece is copyPiece for a blob that is encrypted.
func decryptPiece(w io.Writer, src crypt.Source, p piece, key crypt.Key, offset, n int64) (int64, error) {
	key, err := key.Derive(p.salt)
	if err != nil {
		return 0, err
	}
	written, err := key.CopyRange(w, src, p.size, offset, n)
	return written, undecryptable(damaged(err))
}

// partKey is the key of an upload and a salt that makes it one for a new part; none
// if the upload is not encrypted.
func (s *Service) partKey(ctx context.Context, e *coffer.Encryption, customer coffer.Secret) (key crypt.Key, salt crypt.Salt, err error) {
	if err := checkUploadKey(e, customer); err != nil || e == nil {
		return key, salt, err
	}
	if key, err = s.openKey(ctx, e, customer); err != nil {
		return key, salt, err
	}
	salt, err = crypt.NewSalt(s.Rand)
	return key, salt, err
}

// unlock opens the key of an encrypted object, and decrypts the bytes that are at
// hand. It may have to ask a key management service, so it is not for inside of a
// transaction.
func (c *Content) unlock(ctx context.Context, customer coffer.Secret) (err error) {
	if c.body.kind == bodyEmpty {
		return nil
	}
	if c.key, err = c.service.openKey(ctx, c.Encryption, customer); err != nil || c.body.kind != bodyInline {
		return err
	}
	plain := bytes.NewBuffer(make([]byte, 0, c.Length))
	_, err = decryptPiece(plain, held(c.inline), piece{size: c.Size}, c.key, c.Offset, c.Length)
	c.inline = plain.Bytes()
	return err
}

// held is bytes in memory as a crypt.Source.
type held []byte

func (h held) Size() int64 { return int64(len(h)) }

func (h held) CopyRange(w io.Writer, off, n int64) (int64, error) {
	m, err := w.Write(h[off : off+n])
	return int64(m), err
}

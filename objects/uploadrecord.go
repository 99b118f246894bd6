package objects

import (
	"encoding/binary"
	"errors"
	"fmt"

	"coffer"
	"coffer/blob"
	"coffer/crypt"
	"coffer/meta"
)

const (
	uploadVersion   = 1
	partVersion     = 1
	finishedVersion = 1
)

// uploadKey sorts the uploads of a bucket by object key, then by when they were
// begun, since an upload ID begins with its time.
func uploadKey(id coffer.BucketID, key string, upload coffer.UploadID) []byte {
	return meta.Key(meta.PrefixUpload, meta.KeyUint64(uint64(id)), meta.KeyText(key), []byte(upload))
}

func partKey(upload coffer.UploadID, number int) []byte {
	return meta.Key(meta.PrefixPart, meta.KeyText(string(upload)), binary.BigEndian.AppendUint16(nil, uint16(number)))
}

func partsPrefix(upload coffer.UploadID) []byte {
	return meta.Key(meta.PrefixPart, meta.KeyText(string(upload)))
}

func partNumberOf(key []byte) int { return int(binary.BigEndian.Uint16(key[len(key)-2:])) }

func finishedKey(upload coffer.UploadID) []byte {
	return meta.Key(meta.PrefixFinished, []byte(upload))
}

// uploadRow is the record of an upload in progress.
type uploadRow struct {
	coffer.Upload
	// counted tells whether countUploads has it: those that were begun before there was
	// that counter are not in it.
	counted bool
}

func encodeUpload(u uploadRow) []byte {
	r := meta.NewRecord(uploadVersion)
	r.Time(1, u.Initiated)
	r.Text(2, string(u.Initiator))
	r.Int(3, intOf(u.counted))
	encodeChecksum(r, 5, u.Checksum)
	encodeAttributes(r, 10, u.Attributes)
	encodeTags(r, fieldTag, u.Tags)
	encodeACL(r, u.ACL)
	encodeLock(r, u.Lock)
	encodeEncryption(r, u.Encryption)
	return r.Bytes()
}

func decodeUpload(key string, id coffer.UploadID, value []byte) (uploadRow, error) {
	u := uploadRow{Upload: coffer.Upload{Key: key, ID: id}}
	err := meta.ReadRecord(value, uploadVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			u.Initiated = f.Time()
		case 2:
			u.Initiator = coffer.CanonicalID(f.Text())
		case 3:
			u.counted = f.Int() != 0
		default:
			if decodeChecksum(f, 5, &u.Checksum) || decodeAttributes(f, 10, &u.Attributes) ||
				decodeTag(f, fieldTag, &u.Tags) || decodeACL(f, &u.ACL) || decodeLock(f, &u.Lock) || decodeEncryption(f, &u.Encryption) {
				return nil
			}
			return f.Unknown()
		}
		return nil
	})
	if err == nil && u.Initiated.IsZero() {
		err = errors.New("it has no time")
	}
	if err == nil && !checkLock(u.Lock) {
		err = fmt.Errorf("its lock %v cannot be", u.Lock)
	}
	if err == nil {
		err = checkEncryption(u.Encryption)
	}
	if err != nil {
		return u, fmt.Errorf("upload record of %q: %w", key, err)
	}
	return u, nil
}

// partRow is the record of an uploaded part.
type partRow struct {
	coffer.Part
	ref  blob.Ref
	salt crypt.Salt // of its key, if the upload is encrypted
	// crc64 is the CRC64NVME of the part, if Checksum is of another algorithm and the
	// upload of none.
	crc64 string
}

func encodePart(p partRow) []byte {
	r := meta.NewRecord(partVersion)
	r.Int(1, p.Size)
	r.Text(2, p.ETag)
	r.Time(3, p.Modified)
	r.Text(4, string(p.ref))
	encodeChecksum(r, 5, p.Checksum)
	r.Text(8, p.crc64)
	encodeSalt(r, fieldSalt, p.salt)
	return r.Bytes()
}

func decodePart(number int, value []byte) (partRow, error) {
	p := partRow{Part: coffer.Part{Number: number}}
	err := meta.ReadRecord(value, partVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			p.Size = f.Int()
		case 2:
			p.ETag = f.Text()
		case 3:
			p.Modified = f.Time()
		case 4:
			p.ref = blob.Ref(f.Text())
		case 8:
			p.crc64 = f.Text()
		case fieldSalt:
			return decodeSalt(f, &p.salt)
		default:
			if decodeChecksum(f, 5, &p.Checksum) {
				return nil
			}
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (p.Size < 0 || p.ETag == "" || !p.ref.Valid()) {
		err = fmt.Errorf("%d bytes in blob %q with the entity tag %q cannot be", p.Size, p.ref, p.ETag)
	}
	if err != nil {
		return p, fmt.Errorf("part record %d: %w", number, err)
	}
	return p, nil
}

// finished is what the Complete of an upload answered, kept so that a client
// that did not hear the answer can ask again.
type finished struct {
	bucket coffer.BucketID
	object coffer.Object
}

func encodeFinished(f finished) []byte {
	r := meta.NewRecord(finishedVersion)
	r.Int(1, int64(f.bucket))
	r.Text(2, f.object.Key)
	r.Text(3, f.object.ETag)
	r.Time(4, f.object.Modified)
	encodeChecksum(r, 5, f.object.Checksum)
	r.Text(fieldVersionID, f.object.VersionID)
	encodeEncryption(r, f.object.Encryption)
	return r.Bytes()
}

func decodeFinished(value []byte) (finished, error) {
	var d finished
	err := meta.ReadRecord(value, finishedVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			d.bucket = coffer.BucketID(f.Int())
		case 2:
			d.object.Key = f.Text()
		case 3:
			d.object.ETag = f.Text()
		case 4:
			d.object.Modified = f.Time()
		case fieldVersionID:
			d.object.VersionID = f.Text()
		default:
			if decodeChecksum(f, 5, &d.object.Checksum) || decodeEncryption(f, &d.object.Encryption) {
				return nil
			}
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (d.bucket == 0 || d.object.Key == "") {
		err = errors.New("it has no bucket or no key")
	}
	return d, err
}

// readUpload reads an upload by all of its names: an ID is of no use for another
// bucket or key.
func readUpload(r meta.Reader, id coffer.BucketID, key string, upload coffer.UploadID) (uploadRow, error) {
	// A NUL would end the ID early in the record's key.
	if len(upload) != uploadIDLen {
		return uploadRow{}, noSuchUpload(upload)
	}
	value, err := r.Get(uploadKey(id, key, upload))
	if errors.Is(err, meta.ErrNotFound) {
		return uploadRow{}, noSuchUpload(upload)
	}
	if err != nil {
		return uploadRow{}, err
	}
	return decodeUpload(key, upload, value)
}

// endUpload removes the record of an upload.
func endUpload(tx meta.Tx, b coffer.Bucket, u uploadRow) error {
	return errors.Join(tx.Delete(uploadKey(b.ID, u.Key, u.ID)), add(tx, b, countUploads, -intOf(u.counted)))
}

func noSuchUpload(upload coffer.UploadID) error {
	return (&coffer.Error{Code: coffer.NoSuchUpload}).With("UploadId", string(upload))
}

// parts goes through the parts of an upload whose numbers are over after.
func parts(r meta.Reader, upload coffer.UploadID, after int, fn func(partRow) (more bool, err error)) error {
	it := r.Iter(partKey(upload, after+1), meta.PrefixEnd(partsPrefix(upload)))
	defer it.Close()
	for it.Next() {
		value, err := it.Value()
		if err != nil {
			return err
		}
		p, err := decodePart(partNumberOf(it.Key()), value)
		if err != nil {
			return err
		}
		more, err := fn(p)
		if err != nil || !more {
			return err
		}
	}
	return it.Err()
}

package objects

import (
	"context"
	"slices"
	"time"

	"coffer"
	"coffer/meta"
)

// RestoreInput says which object to restore, and for how long.
type RestoreInput struct {
	Bucket  coffer.BucketName
	Key     string
	Version string // "" for the current one
	Days    int
	Tier    string // "" for Standard
}

// fieldRestored is the field of Object.Restored in an object's record.
const fieldRestored = 85

// restoreDaysMax keeps the end of a restore among the dates that a record can have.
const restoreDaysMax = 36_500

// archived are the storage classes that AWS restores objects from.
var archived = []string{"GLACIER", "DEEP_ARCHIVE"}

// Restore says of an archived object for how many days it is to be at hand, from
// now on, to the next midnight (AWS, "RestoreObject"). Storage classes are names
// here, and all objects are at hand: only what is told changes. again says that
// the object was restored already. The error is InvalidObjectState for an object
// that is not archived.
func (s Session) Restore(ctx context.Context, in RestoreInput) (again bool, err error) {
	if in.Days < 1 || in.Days > restoreDaysMax {
		return false, coffer.Errorf(coffer.InvalidArgument, "Days must be between 1 and %d.", restoreDaysMax).With("ArgumentName", "Days")
	}
	if err := s.Writable(); err != nil {
		return false, err
	}
	err = s.change(ctx, in.Bucket, in.Key, in.Version, coffer.RestoreObject, func(tx meta.Tx, b coffer.Bucket, o *row) error {
		if err := in.check(o.Object); err != nil {
			return err
		}
		now := s.now()
		again = o.IsRestored(now)
		o.Restored = now.AddDate(0, 0, in.Days+1).Truncate(24 * time.Hour)
		if again {
			return nil // only its end was moved
		}
		return s.restored(tx, b, o)
	})
	return again, err
}

func (in RestoreInput) check(o coffer.Object) error {
	class := o.Attributes.StorageClass
	if !slices.Contains(archived, class) {
		if class == "" {
			class = "STANDARD"
		}
		return coffer.Errorf(coffer.InvalidObjectState, "Restore is not allowed for the object's current storage class").
			With("StorageClass", class)
	}
	switch in.Tier {
	case "", "Standard", "Bulk":
		return nil
	case "Expedited":
		if class == "DEEP_ARCHIVE" {
			return coffer.Errorf(coffer.InvalidArgument, "Retrieval option is not supported by this storage class").
				With("ArgumentName", "Tier").With("ArgumentValue", in.Tier)
		}
		return nil
	}
	return coffer.Errorf(coffer.MalformedXML, "the Tier is Standard, Bulk or Expedited")
}

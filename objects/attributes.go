package objects

import (
	"context"

	"coffer"
)

// Attributes is what is known of an object, with its parts if it was made of
// any.
type Attributes struct {
	coffer.Object
	Bucket coffer.Bucket
	Parts  []coffer.Part
}

// Attributes reads what GetObjectAttributes shows.
func (s Session) Attributes(ctx context.Context, in GetInput) (Attributes, error) {
	c, err := s.open(ctx, in, wantParts)
	if err != nil {
		return Attributes{}, err
	}
	a := Attributes{Object: c.Object, Bucket: c.Bucket}
	if c.PartsCount == 0 {
		return a, nil
	}
	for i, p := range c.pieces {
		part := coffer.Part{Number: i + 1, Size: p.size}
		// A copy can have a checksum of another algorithm than its parts have.
		if p.checksum.Algorithm == c.Checksum.Algorithm {
			part.Checksum = p.checksum
		}
		a.Parts = append(a.Parts, part)
	}
	return a, nil
}

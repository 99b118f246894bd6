package objects

import (
	"context"

	"coffer"
)

// Attributes is what is known of an object, with its parts if it was made of
// any.
type Attributes struct {
	coffer.Object
	Parts []coffer.Part
}

// Attributes reads what GetObjectAttributes shows.
func (s Session) Attributes(ctx context.Context, in GetInput) (Attributes, error) {
	// The parts are read with the object, in one snapshot, as for a download.
	c, err := s.Get(ctx, in)
	if err != nil {
		return Attributes{}, err
	}
	defer c.Close()
	a := Attributes{Object: c.Object}
	if c.PartsCount == 0 {
		return a, nil
	}
	for i, p := range c.pieces {
		part := coffer.Part{Number: i + 1, Size: p.size}
		if c.Checksum.Algorithm != "" {
			part.Checksum = coffer.Checksum{Algorithm: c.Checksum.Algorithm, Value: p.checksum}
		}
		a.Parts = append(a.Parts, part)
	}
	return a, nil
}

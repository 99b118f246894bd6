package coffer

// ObjectOwnership says who owns the objects that other accounts put into a
// bucket, and whether access control lists count there (AWS, "Controlling
// ownership of objects and disabling ACLs for your bucket").
type ObjectOwnership string

// The settings.
const (
	// BucketOwnerEnforced is the setting of new buckets: the bucket's owner owns all
	// that is in it, and access control lists neither count nor can be written.
	BucketOwnerEnforced ObjectOwnership = "BucketOwnerEnforced"
	// BucketOwnerPreferred gives the bucket's owner what is put with the canned ACL
	// bucket-owner-full-control, and the rest to who writes it.
	BucketOwnerPreferred ObjectOwnership = "BucketOwnerPreferred"
	// ObjectWriter gives each object to who writes it.
	ObjectWriter ObjectOwnership = "ObjectWriter"
)

// ParseObjectOwnership checks s; nothing is BucketOwnerEnforced.
func ParseObjectOwnership(s string) (ObjectOwnership, error) {
	switch o := ObjectOwnership(s); o {
	case "":
		return BucketOwnerEnforced, nil
	case BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter:
		return o, nil
	}
	return "", Errorf(InvalidArgument, "Invalid x-amz-object-ownership header: %.100s", s).
		With("ArgumentName", "x-amz-object-ownership")
}

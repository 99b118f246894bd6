package s3

import (
	"coffer"
)

// noConfigs are the configurations of which a bucket can have many with AWS, each
// with an ID, and has none here: the root of their documents, and why.
var noConfigs = map[string]struct{ root, why string }{
	"inventory":           {"InventoryConfiguration", "no inventory is written. List the bucket instead."},
	"analytics":           {"AnalyticsConfiguration", "there are no storage classes to choose between, so no use is analysed for it."},
	"metrics":             {"MetricsConfiguration", "there is no CloudWatch to send request metrics to. The server's own metrics have all requests."},
	"intelligent-tiering": {"IntelligentTieringConfiguration", "there are no tiers between which objects could move."},
}

// noConfigMax is the most bytes of a document that is only read to be refused.
const noConfigMax = 64 << 10

// putNoConfig refuses a configuration that nothing would come of, after what AWS
// would refuse as well: a client is told what it did wrong first.
func (q *request) putNoConfig() error {
	if err := q.configID(); err != nil {
		return err
	}
	none := noConfigs[q.op.sub]
	n, err := q.readXMLUpTo(noConfigMax, none.root)
	if err != nil {
		return err
	}
	if id, ok := n.get("Id"); !ok || id != q.query.get("id") {
		return malformed("the Id is the one of the query")
	}
	return coffer.Errorf(coffer.NotImplemented, "%s is not implemented: %s", q.op.name, none.why)
}

// deleteNoConfig answers the delete of a configuration that there cannot be.
func (q *request) deleteNoConfig() error {
	if err := q.configID(); err != nil {
		return err
	}
	return &coffer.Error{Code: coffer.NoSuchConfiguration}
}

// configID checks that the actor may change the bucket's configurations, and that
// the request says which one.
func (q *request) configID() error {
	if _, err := q.session.HeadBucket(q.ctx, q.bucket, q.op.action); err != nil {
		return err
	}
	if q.query.get("id") == "" {
		return coffer.Errorf(coffer.InvalidArgument, "Missing required query parameter: id").With("ArgumentName", "id")
	}
	return nil
}

// reasons say why an operation of AWS is not here and will not be, or what to use
// instead.
var reasons = map[string]string{
	"GetObjectTorrent":    "AWS itself ended BitTorrent in 2022. Use GetObject.",
	"SelectObjectContent": "AWS itself closed S3 Select to new customers in 2024. Read the object, or ranges of it, and query it where the client is.",

	"CreateSession":        "sessions are for directory buckets, and all buckets here are general purpose buckets. Sign requests with the access key itself.",
	"ListDirectoryBuckets": "all buckets here are general purpose buckets. Use ListBuckets.",

	"CreateBucketMetadataConfiguration":                reasonMetadata,
	"GetBucketMetadataConfiguration":                   reasonMetadata,
	"DeleteBucketMetadataConfiguration":                reasonMetadata,
	"CreateBucketMetadataTableConfiguration":           reasonMetadata,
	"GetBucketMetadataTableConfiguration":              reasonMetadata,
	"DeleteBucketMetadataTableConfiguration":           reasonMetadata,
	"UpdateBucketMetadataInventoryTableConfiguration":  reasonMetadata,
	"UpdateBucketMetadataJournalTableConfiguration":    reasonMetadata,
	"UpdateBucketMetadataAnnotationTableConfiguration": reasonMetadata,

	"GetBucketAbac": reasonABAC,
	"PutBucketAbac": reasonABAC,

	"PutObjectAnnotation":    reasonAnnotation,
	"GetObjectAnnotation":    reasonAnnotation,
	"ListObjectAnnotations":  reasonAnnotation,
	"DeleteObjectAnnotation": reasonAnnotation,

	"UpdateObjectEncryption": "copy the object onto itself to encrypt it in another way.",
}

const (
	reasonMetadata   = "there are no table buckets that could hold metadata tables."
	reasonAnnotation = "use user metadata or tags."
	reasonABAC       = "access is not decided by tags on buckets."
)

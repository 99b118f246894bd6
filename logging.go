package coffer

// LogKeyFormat says how the keys of a bucket's log objects are made (AWS, "Log
// object key format").
type LogKeyFormat string

// The formats. The default and the simple one make the same keys; the client sees
// the one that it set.
const (
	LogKeyDefault      LogKeyFormat = ""
	LogKeySimple       LogKeyFormat = "SimplePrefix"
	LogKeyEventTime    LogKeyFormat = "EventTime"
	LogKeyDeliveryTime LogKeyFormat = "DeliveryTime"
)

// BucketLogging says where the access log of a bucket goes (AWS, "Logging requests
// with server access logging").
type BucketLogging struct {
	Target    BucketName
	Prefix    string
	KeyFormat LogKeyFormat
	// Owner is the canonical ID of the account of both buckets, for the records.
	Owner CanonicalID
}

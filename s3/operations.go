package s3

import (
	"net/http"

	"coffer"
)

// operation is a row of the route table: what AWS calls it, how a request asks
// for it, and which bodies and credentials it takes.
type operation struct {
	name   string
	method string
	level  level
	// sub is the query parameter that selects it, header the header that does.
	sub    string
	header string
	// data says that the body is an object's bytes: streamed payloads are taken.
	data bool
	// anonymous says that no credential is needed to be told the answer, nor looked
	// at: a browser asks before it sends what the signature is for, and a form has its
	// signature in its body, for PostObject itself to look at. A request without
	// one does not reach the handler of any other operation.
	anonymous bool
	// public says that a request without a signature reaches the handler, whose calls
	// of objects refuse what no policy and no access control list allows to everybody.
	public bool
	// action is what a Get of a configuration asks the scope for, and a change of one
	// that is refused; the other operations are checked by what objects does for them.
	action coffer.Action
	// handle is nil for an operation that AWS has and coffer does not yet.
	handle func(*request) error
}

const (
	get     = http.MethodGet
	head    = http.MethodHead
	put     = http.MethodPut
	post    = http.MethodPost
	del     = http.MethodDelete
	options = http.MethodOptions
)

// operations is the route table. Of the rows that fit, the first counts, so the
// more particular stand before the more general.
var operations = []operation{
	{name: "ListDirectoryBuckets", method: get, level: levelService, sub: "max-directory-buckets"},
	{name: "ListBuckets", method: get, level: levelService, handle: (*request).listBuckets},
	{name: "Preflight", method: options, level: levelService, anonymous: true, handle: (*request).preflight},
	{name: "Preflight", method: options, level: levelBucket, anonymous: true, handle: (*request).preflight},
	{name: "Preflight", method: options, level: levelObject, anonymous: true, handle: (*request).preflight},

	// Buckets.
	{name: "GetBucketLocation", public: true, action: coffer.GetBucketLocation, method: get, level: levelBucket, sub: "location", handle: (*request).getBucketLocation},
	{name: "ListMultipartUploads", public: true, method: get, level: levelBucket, sub: "uploads", handle: (*request).listMultipartUploads},
	{name: "ListObjectVersions", public: true, method: get, level: levelBucket, sub: "versions", handle: (*request).listObjectVersions},
	{name: "CreateSession", method: get, level: levelBucket, sub: "session"},
	{name: "GetBucketAcl", public: true, method: get, level: levelBucket, sub: "acl", handle: (*request).getBucketACL},
	{name: "PutBucketAcl", method: put, level: levelBucket, sub: "acl", handle: (*request).putBucketACL},
	{name: "GetBucketPolicyStatus", method: get, level: levelBucket, sub: "policyStatus", handle: (*request).getBucketPolicyStatus},
	{name: "GetBucketPolicy", method: get, level: levelBucket, sub: "policy", handle: (*request).getBucketPolicy},
	{name: "PutBucketPolicy", method: put, level: levelBucket, sub: "policy", handle: (*request).putBucketPolicy},
	{name: "DeleteBucketPolicy", method: del, level: levelBucket, sub: "policy", handle: (*request).deleteBucketPolicy},
	{name: "GetBucketCors", method: get, level: levelBucket, sub: "cors", handle: (*request).getBucketCORS},
	{name: "PutBucketCors", method: put, level: levelBucket, sub: "cors", handle: (*request).putBucketCORS},
	{name: "DeleteBucketCors", method: del, level: levelBucket, sub: "cors", handle: (*request).deleteBucketCORS},
	{name: "GetBucketTagging", method: get, level: levelBucket, sub: "tagging", handle: (*request).getBucketTagging},
	{name: "PutBucketTagging", method: put, level: levelBucket, sub: "tagging", handle: (*request).putBucketTagging},
	{name: "DeleteBucketTagging", method: del, level: levelBucket, sub: "tagging", handle: (*request).deleteBucketTagging},
	{name: "GetBucketVersioning", action: coffer.GetBucketVersioning, method: get, level: levelBucket, sub: "versioning", handle: (*request).getBucketVersioning},
	{name: "PutBucketVersioning", method: put, level: levelBucket, sub: "versioning", handle: (*request).putBucketVersioning},
	{name: "GetBucketLifecycleConfiguration", method: get, level: levelBucket, sub: "lifecycle", handle: (*request).getBucketLifecycle},
	{name: "PutBucketLifecycleConfiguration", method: put, level: levelBucket, sub: "lifecycle", handle: (*request).putBucketLifecycle},
	{name: "DeleteBucketLifecycle", method: del, level: levelBucket, sub: "lifecycle", handle: (*request).deleteBucketLifecycle},
	{name: "GetBucketEncryption", method: get, level: levelBucket, sub: "encryption", handle: (*request).getBucketEncryption},
	{name: "PutBucketEncryption", method: put, level: levelBucket, sub: "encryption", handle: (*request).putBucketEncryption},
	{name: "DeleteBucketEncryption", method: del, level: levelBucket, sub: "encryption", handle: (*request).deleteBucketEncryption},
	{name: "GetObjectLockConfiguration", action: coffer.GetBucketObjectLockConfiguration, method: get, level: levelBucket, sub: "object-lock", handle: (*request).getObjectLockConfiguration},
	{name: "PutObjectLockConfiguration", method: put, level: levelBucket, sub: "object-lock", handle: (*request).putObjectLockConfiguration},
	{name: "GetBucketOwnershipControls", method: get, level: levelBucket, sub: "ownershipControls", handle: (*request).getOwnershipControls},
	{name: "PutBucketOwnershipControls", method: put, level: levelBucket, sub: "ownershipControls", handle: (*request).putOwnershipControls},
	{name: "DeleteBucketOwnershipControls", method: del, level: levelBucket, sub: "ownershipControls", handle: (*request).deleteOwnershipControls},
	{name: "GetPublicAccessBlock", method: get, level: levelBucket, sub: "publicAccessBlock", handle: (*request).getPublicAccessBlock},
	{name: "PutPublicAccessBlock", method: put, level: levelBucket, sub: "publicAccessBlock", handle: (*request).putPublicAccessBlock},
	{name: "DeletePublicAccessBlock", method: del, level: levelBucket, sub: "publicAccessBlock", handle: (*request).deletePublicAccessBlock},
	{name: "GetBucketNotificationConfiguration", method: get, level: levelBucket, sub: "notification", handle: (*request).getBucketNotification},
	{name: "PutBucketNotificationConfiguration", method: put, level: levelBucket, sub: "notification", handle: (*request).putBucketNotification},
	{name: "GetBucketLogging", method: get, level: levelBucket, sub: "logging", handle: (*request).getBucketLogging},
	{name: "PutBucketLogging", method: put, level: levelBucket, sub: "logging", handle: (*request).putBucketLogging},
	{name: "GetBucketWebsite", method: get, level: levelBucket, sub: "website", handle: (*request).getBucketWebsite},
	{name: "PutBucketWebsite", method: put, level: levelBucket, sub: "website", handle: (*request).putBucketWebsite},
	{name: "DeleteBucketWebsite", method: del, level: levelBucket, sub: "website", handle: (*request).deleteBucketWebsite},
	{name: "GetBucketRequestPayment", method: get, level: levelBucket, sub: "requestPayment", handle: (*request).getBucketRequestPayment},
	{name: "PutBucketRequestPayment", method: put, level: levelBucket, sub: "requestPayment", handle: (*request).putBucketRequestPayment},
	{name: "GetBucketAccelerateConfiguration", method: get, level: levelBucket, sub: "accelerate", handle: (*request).getBucketAcceleration},
	{name: "PutBucketAccelerateConfiguration", method: put, level: levelBucket, sub: "accelerate", handle: (*request).putBucketAcceleration},
	{name: "GetBucketReplication", method: get, level: levelBucket, sub: "replication", handle: (*request).getBucketReplication},
	{name: "PutBucketReplication", method: put, level: levelBucket, sub: "replication", handle: (*request).putBucketReplication},
	{name: "DeleteBucketReplication", method: del, level: levelBucket, sub: "replication", handle: (*request).deleteBucketReplication},
	{name: "GetBucketInventoryConfiguration", action: coffer.GetInventoryConfiguration, method: get, level: levelBucket, sub: "inventory", handle: (*request).notSet},
	{name: "PutBucketInventoryConfiguration", action: coffer.PutInventoryConfiguration, method: put, level: levelBucket, sub: "inventory", handle: (*request).putNoConfig},
	{name: "DeleteBucketInventoryConfiguration", action: coffer.PutInventoryConfiguration, method: del, level: levelBucket, sub: "inventory", handle: (*request).deleteNoConfig},
	{name: "GetBucketAnalyticsConfiguration", action: coffer.GetAnalyticsConfiguration, method: get, level: levelBucket, sub: "analytics", handle: (*request).notSet},
	{name: "PutBucketAnalyticsConfiguration", action: coffer.PutAnalyticsConfiguration, method: put, level: levelBucket, sub: "analytics", handle: (*request).putNoConfig},
	{name: "DeleteBucketAnalyticsConfiguration", action: coffer.PutAnalyticsConfiguration, method: del, level: levelBucket, sub: "analytics", handle: (*request).deleteNoConfig},
	{name: "GetBucketMetricsConfiguration", action: coffer.GetMetricsConfiguration, method: get, level: levelBucket, sub: "metrics", handle: (*request).notSet},
	{name: "PutBucketMetricsConfiguration", action: coffer.PutMetricsConfiguration, method: put, level: levelBucket, sub: "metrics", handle: (*request).putNoConfig},
	{name: "DeleteBucketMetricsConfiguration", action: coffer.PutMetricsConfiguration, method: del, level: levelBucket, sub: "metrics", handle: (*request).deleteNoConfig},
	{name: "GetBucketIntelligentTieringConfiguration", action: coffer.GetIntelligentTieringConfiguration, method: get, level: levelBucket, sub: "intelligent-tiering", handle: (*request).notSet},
	{name: "PutBucketIntelligentTieringConfiguration", action: coffer.PutIntelligentTieringConfiguration, method: put, level: levelBucket, sub: "intelligent-tiering", handle: (*request).putNoConfig},
	{name: "DeleteBucketIntelligentTieringConfiguration", action: coffer.PutIntelligentTieringConfiguration, method: del, level: levelBucket, sub: "intelligent-tiering", handle: (*request).deleteNoConfig},
	{name: "CreateBucketMetadataConfiguration", method: post, level: levelBucket, sub: "metadataConfiguration"},
	{name: "GetBucketMetadataConfiguration", method: get, level: levelBucket, sub: "metadataConfiguration"},
	{name: "DeleteBucketMetadataConfiguration", method: del, level: levelBucket, sub: "metadataConfiguration"},
	{name: "CreateBucketMetadataTableConfiguration", method: post, level: levelBucket, sub: "metadataTable"},
	{name: "GetBucketMetadataTableConfiguration", method: get, level: levelBucket, sub: "metadataTable"},
	{name: "DeleteBucketMetadataTableConfiguration", method: del, level: levelBucket, sub: "metadataTable"},
	{name: "UpdateBucketMetadataInventoryTableConfiguration", method: put, level: levelBucket, sub: "metadataInventoryTable"},
	{name: "UpdateBucketMetadataJournalTableConfiguration", method: put, level: levelBucket, sub: "metadataJournalTable"},
	{name: "UpdateBucketMetadataAnnotationTableConfiguration", method: put, level: levelBucket, sub: "metadataAnnotationTable"},
	{name: "GetBucketAbac", method: get, level: levelBucket, sub: "abac"},
	{name: "PutBucketAbac", method: put, level: levelBucket, sub: "abac"},
	{name: "DeleteObjects", public: true, method: post, level: levelBucket, sub: "delete", handle: (*request).deleteObjects},
	{name: "PostObject", method: post, level: levelBucket, anonymous: true, handle: (*request).postObject},
	{name: "ListObjectsV2", public: true, method: get, level: levelBucket, sub: "list-type", handle: (*request).listObjectsV2},
	{name: "ListObjects", public: true, method: get, level: levelBucket, handle: (*request).listObjects},
	{name: "CreateBucket", method: put, level: levelBucket, handle: (*request).createBucket},
	{name: "HeadBucket", public: true, method: head, level: levelBucket, handle: (*request).headBucket},
	{name: "DeleteBucket", method: del, level: levelBucket, handle: (*request).deleteBucket},

	// Multipart uploads.
	{name: "CreateMultipartUpload", public: true, method: post, level: levelObject, sub: "uploads", handle: (*request).createMultipartUpload},
	{name: "CompleteMultipartUpload", public: true, method: post, level: levelObject, sub: "uploadId", handle: (*request).completeMultipartUpload},
	{name: "UploadPartCopy", method: put, level: levelObject, sub: "uploadId", header: "X-Amz-Copy-Source", handle: (*request).uploadPartCopy},
	{name: "UploadPart", public: true, method: put, level: levelObject, sub: "uploadId", data: true, handle: (*request).uploadPart},
	{name: "AbortMultipartUpload", public: true, method: del, level: levelObject, sub: "uploadId", handle: (*request).abortMultipartUpload},
	{name: "ListParts", public: true, method: get, level: levelObject, sub: "uploadId", handle: (*request).listParts},

	// Objects.
	{name: "GetObjectAttributes", public: true, action: coffer.GetObjectAttributes, method: get, level: levelObject, sub: "attributes", handle: (*request).getObjectAttributes},
	{name: "GetObjectAcl", public: true, method: get, level: levelObject, sub: "acl", handle: (*request).getObjectACL},
	{name: "PutObjectAcl", method: put, level: levelObject, sub: "acl", handle: (*request).putObjectACL},
	{name: "GetObjectTagging", public: true, method: get, level: levelObject, sub: "tagging", handle: (*request).getObjectTagging},
	{name: "PutObjectTagging", method: put, level: levelObject, sub: "tagging", handle: (*request).putObjectTagging},
	{name: "DeleteObjectTagging", method: del, level: levelObject, sub: "tagging", handle: (*request).deleteObjectTagging},
	{name: "GetObjectRetention", action: coffer.GetObjectRetention, method: get, level: levelObject, sub: "retention", handle: (*request).getObjectRetention},
	{name: "PutObjectRetention", method: put, level: levelObject, sub: "retention", handle: (*request).putObjectRetention},
	{name: "GetObjectLegalHold", action: coffer.GetObjectLegalHold, method: get, level: levelObject, sub: "legal-hold", handle: (*request).getObjectLegalHold},
	{name: "PutObjectLegalHold", method: put, level: levelObject, sub: "legal-hold", handle: (*request).putObjectLegalHold},
	{name: "GetObjectTorrent", method: get, level: levelObject, sub: "torrent"},
	{name: "RestoreObject", method: post, level: levelObject, sub: "restore", handle: (*request).restoreObject},
	{name: "SelectObjectContent", method: post, level: levelObject, sub: "select"},
	{name: "PutObjectAnnotation", method: put, level: levelObject, sub: "annotation", data: true},
	{name: "GetObjectAnnotation", method: get, level: levelObject, sub: "annotationName"},
	{name: "ListObjectAnnotations", method: get, level: levelObject, sub: "annotation"},
	{name: "DeleteObjectAnnotation", method: del, level: levelObject, sub: "annotation"},
	{name: "UpdateObjectEncryption", method: put, level: levelObject, sub: "encryption"},
	{name: "RenameObject", method: put, level: levelObject, sub: "renameObject", handle: (*request).renameObject},
	{name: "CopyObject", method: put, level: levelObject, header: "X-Amz-Copy-Source", handle: (*request).copyObject},
	{name: "PutObject", public: true, method: put, level: levelObject, data: true, handle: (*request).putObject},
	{name: "GetObject", public: true, method: get, level: levelObject, handle: (*request).getObject},
	{name: "HeadObject", public: true, method: head, level: levelObject, handle: (*request).headObject},
	{name: "DeleteObject", public: true, method: del, level: levelObject, handle: (*request).deleteObject},
}

package coffer

// Action is what a request wants to do, by the names of IAM (AWS, "Actions,
// resources, and condition keys for Amazon S3").
type Action uint8

// The actions of the operations that the S3 front knows. HeadObject needs
// GetObject, a copy needs GetObject of its source and PutObject of its target,
// and every step of a multipart upload that has no action of its own PutObject.
const (
	NoAction Action = iota

	// On the account.
	ListAllMyBuckets

	// On a bucket: to list what is in it.
	ListBucket
	ListBucketVersions
	ListBucketMultipartUploads

	// On a bucket: how it is set up.
	GetBucketLocation
	GetBucketACL
	GetBucketPolicy
	GetBucketPolicyStatus
	GetBucketCORS
	GetBucketTagging
	GetBucketVersioning
	GetLifecycleConfiguration
	GetEncryptionConfiguration
	GetBucketObjectLockConfiguration
	GetBucketOwnershipControls
	GetBucketPublicAccessBlock
	GetBucketNotification
	GetBucketLogging
	GetBucketWebsite
	GetBucketRequestPayment
	GetAccelerateConfiguration
	GetReplicationConfiguration
	GetInventoryConfiguration
	GetAnalyticsConfiguration
	GetMetricsConfiguration
	GetIntelligentTieringConfiguration

	// On a bucket: to make, change and delete it.
	CreateBucket
	DeleteBucket
	PutBucketACL
	PutBucketPolicy
	DeleteBucketPolicy
	PutBucketCORS
	PutBucketTagging
	PutBucketVersioning
	PutLifecycleConfiguration
	PutEncryptionConfiguration
	PutBucketObjectLockConfiguration
	PutBucketOwnershipControls
	PutBucketPublicAccessBlock
	PutBucketNotification
	PutBucketLogging
	PutBucketWebsite
	DeleteBucketWebsite
	PutBucketRequestPayment
	PutAccelerateConfiguration
	PutReplicationConfiguration
	PutInventoryConfiguration
	PutAnalyticsConfiguration
	PutMetricsConfiguration
	PutIntelligentTieringConfiguration

	// On an object: to read it.
	GetObject
	GetObjectVersion
	GetObjectAttributes
	GetObjectVersionAttributes
	GetObjectACL
	GetObjectVersionACL
	GetObjectTagging
	GetObjectVersionTagging
	GetObjectRetention
	GetObjectLegalHold
	GetObjectTorrent

	// On an object: to bring it in.
	PutObject
	AbortMultipartUpload
	ListMultipartUploadParts

	// On an object: to change and remove it.
	DeleteObject
	DeleteObjectVersion
	PutObjectTagging
	PutObjectVersionTagging
	DeleteObjectTagging
	DeleteObjectVersionTagging
	ReplicateObject
	ReplicateDelete
	RestoreObject

	// On an object: what only the owner of its bucket decides.
	PutObjectACL
	PutObjectVersionACL
	PutObjectRetention
	PutObjectLegalHold
	BypassGovernanceRetention

	// ActionCount is how many there are.
	ActionCount
)

var actionNames = [ActionCount]string{
	NoAction:                           "none",
	ListAllMyBuckets:                   "s3:ListAllMyBuckets",
	ListBucket:                         "s3:ListBucket",
	ListBucketVersions:                 "s3:ListBucketVersions",
	ListBucketMultipartUploads:         "s3:ListBucketMultipartUploads",
	GetBucketLocation:                  "s3:GetBucketLocation",
	GetBucketACL:                       "s3:GetBucketAcl",
	GetBucketPolicy:                    "s3:GetBucketPolicy",
	GetBucketPolicyStatus:              "s3:GetBucketPolicyStatus",
	GetBucketCORS:                      "s3:GetBucketCORS",
	GetBucketTagging:                   "s3:GetBucketTagging",
	GetBucketVersioning:                "s3:GetBucketVersioning",
	GetLifecycleConfiguration:          "s3:GetLifecycleConfiguration",
	GetEncryptionConfiguration:         "s3:GetEncryptionConfiguration",
	GetBucketObjectLockConfiguration:   "s3:GetBucketObjectLockConfiguration",
	GetBucketOwnershipControls:         "s3:GetBucketOwnershipControls",
	GetBucketPublicAccessBlock:         "s3:GetBucketPublicAccessBlock",
	GetBucketNotification:              "s3:GetBucketNotification",
	GetBucketLogging:                   "s3:GetBucketLogging",
	GetBucketWebsite:                   "s3:GetBucketWebsite",
	GetBucketRequestPayment:            "s3:GetBucketRequestPayment",
	GetAccelerateConfiguration:         "s3:GetAccelerateConfiguration",
	GetReplicationConfiguration:        "s3:GetReplicationConfiguration",
	GetInventoryConfiguration:          "s3:GetInventoryConfiguration",
	GetAnalyticsConfiguration:          "s3:GetAnalyticsConfiguration",
	GetMetricsConfiguration:            "s3:GetMetricsConfiguration",
	GetIntelligentTieringConfiguration: "s3:GetIntelligentTieringConfiguration",
	CreateBucket:                       "s3:CreateBucket",
	DeleteBucket:                       "s3:DeleteBucket",
	PutBucketACL:                       "s3:PutBucketAcl",
	PutBucketPolicy:                    "s3:PutBucketPolicy",
	DeleteBucketPolicy:                 "s3:DeleteBucketPolicy",
	PutBucketCORS:                      "s3:PutBucketCORS",
	PutBucketTagging:                   "s3:PutBucketTagging",
	PutBucketVersioning:                "s3:PutBucketVersioning",
	PutLifecycleConfiguration:          "s3:PutLifecycleConfiguration",
	PutEncryptionConfiguration:         "s3:PutEncryptionConfiguration",
	PutBucketObjectLockConfiguration:   "s3:PutBucketObjectLockConfiguration",
	PutBucketOwnershipControls:         "s3:PutBucketOwnershipControls",
	PutBucketPublicAccessBlock:         "s3:PutBucketPublicAccessBlock",
	PutBucketNotification:              "s3:PutBucketNotification",
	PutBucketLogging:                   "s3:PutBucketLogging",
	PutBucketWebsite:                   "s3:PutBucketWebsite",
	DeleteBucketWebsite:                "s3:DeleteBucketWebsite",
	PutBucketRequestPayment:            "s3:PutBucketRequestPayment",
	PutAccelerateConfiguration:         "s3:PutAccelerateConfiguration",
	PutReplicationConfiguration:        "s3:PutReplicationConfiguration",
	PutInventoryConfiguration:          "s3:PutInventoryConfiguration",
	PutAnalyticsConfiguration:          "s3:PutAnalyticsConfiguration",
	PutMetricsConfiguration:            "s3:PutMetricsConfiguration",
	PutIntelligentTieringConfiguration: "s3:PutIntelligentTieringConfiguration",
	GetObject:                          "s3:GetObject",
	GetObjectVersion:                   "s3:GetObjectVersion",
	GetObjectAttributes:                "s3:GetObjectAttributes",
	GetObjectVersionAttributes:         "s3:GetObjectVersionAttributes",
	GetObjectACL:                       "s3:GetObjectAcl",
	GetObjectVersionACL:                "s3:GetObjectVersionAcl",
	GetObjectTagging:                   "s3:GetObjectTagging",
	GetObjectVersionTagging:            "s3:GetObjectVersionTagging",
	GetObjectRetention:                 "s3:GetObjectRetention",
	GetObjectLegalHold:                 "s3:GetObjectLegalHold",
	GetObjectTorrent:                   "s3:GetObjectTorrent",
	PutObject:                          "s3:PutObject",
	AbortMultipartUpload:               "s3:AbortMultipartUpload",
	ListMultipartUploadParts:           "s3:ListMultipartUploadParts",
	DeleteObject:                       "s3:DeleteObject",
	DeleteObjectVersion:                "s3:DeleteObjectVersion",
	PutObjectTagging:                   "s3:PutObjectTagging",
	PutObjectVersionTagging:            "s3:PutObjectVersionTagging",
	DeleteObjectTagging:                "s3:DeleteObjectTagging",
	DeleteObjectVersionTagging:         "s3:DeleteObjectVersionTagging",
	RestoreObject:                      "s3:RestoreObject",
	PutObjectACL:                       "s3:PutObjectAcl",
	PutObjectVersionACL:                "s3:PutObjectVersionAcl",
	PutObjectRetention:                 "s3:PutObjectRetention",
	PutObjectLegalHold:                 "s3:PutObjectLegalHold",
	BypassGovernanceRetention:          "s3:BypassGovernanceRetention",
	ReplicateObject:                    "s3:ReplicateObject",
	ReplicateDelete:                    "s3:ReplicateDelete",
}

// String is the action's name in IAM: s3:GetObject.
func (a Action) String() string {
	if a < ActionCount {
		return actionNames[a]
	}
	return "unknown action " + itoa(int(a))
}

// onBucket tells whether a is about a bucket as a whole, other than listing it.
func (a Action) onBucket() bool { return a >= GetBucketLocation && a < GetObject }

// ofVersion has the actions that are another when a version is named.
var ofVersion = map[Action]Action{
	GetObject:           GetObjectVersion,
	GetObjectAttributes: GetObjectVersionAttributes,
	GetObjectACL:        GetObjectVersionACL,
	GetObjectTagging:    GetObjectVersionTagging,
	DeleteObject:        DeleteObjectVersion,
	PutObjectTagging:    PutObjectVersionTagging,
	DeleteObjectTagging: DeleteObjectVersionTagging,
	PutObjectACL:        PutObjectVersionACL,
}

// OfVersion is the action that a needs where the request names a version; a itself
// where it names none, or where AWS makes no difference.
func (a Action) OfVersion(version string) Action {
	if v, ok := ofVersion[a]; ok && version != "" {
		return v
	}
	return a
}

// SetsUp tells whether a makes, changes or deletes a bucket or how it is set up.
func (a Action) SetsUp() bool { return a >= CreateBucket && a < GetObject }

// Lists tells whether a lists what is in a bucket.
func (a Action) Lists() bool { return a >= ListBucket && a <= ListBucketMultipartUploads }

// OnObject tells whether a is about an object, or a key that may have one.
func (a Action) OnObject() bool { return a >= GetObject && a < ActionCount }

package objects

import (
	"slices"
	"strings"

	"coffer"
	"coffer/policy"
)

// The names that a bucket's policy may have are AWS's ("Actions, resources, and
// condition keys for Amazon S3", "AWS global condition context keys"). One that is
// misspelt would never be met: what it was to deny would be open.

// otherActions are those that coffer never asks for.
var otherActions = [...]string{
	"s3:GetObjectVersionForReplication", "s3:GetObjectVersionTorrent", "s3:ReplicateTags", "s3:InitiateReplication", "s3:PauseReplication",
	"s3:ObjectOwnerOverrideToBucketOwner", "s3:UpdateObjectEncryption", "s3:GetBucketAbac", "s3:PutBucketAbac",
	"s3:ListTagsForResource", "s3:TagResource", "s3:UntagResource", "s3:CreateBucketMetadataTableConfiguration",
	"s3:GetBucketMetadataTableConfiguration", "s3:DeleteBucketMetadataTableConfiguration",
	"s3:UpdateBucketMetadataInventoryTableConfiguration", "s3:UpdateBucketMetadataJournalTableConfiguration",
	"s3:UpdateBucketMetadataAnnotationTableConfiguration",
	"s3:PutObjectAnnotation", "s3:GetObjectAnnotation", "s3:ListObjectAnnotations", "s3:DeleteObjectAnnotation",
	"s3:GetAccountPublicAccessBlock", "s3:PutAccountPublicAccessBlock", "s3:CreateAccessPoint", "s3:DeleteAccessPoint", "s3:GetAccessPoint",
	"s3:ListAccessPoints", "s3:GetAccessPointPolicy", "s3:PutAccessPointPolicy", "s3:DeleteAccessPointPolicy", "s3:GetAccessPointPolicyStatus",
	"s3:CreateJob", "s3:DescribeJob", "s3:ListJobs", "s3:UpdateJobPriority", "s3:UpdateJobStatus",
	"s3:GetStorageLensConfiguration", "s3:PutStorageLensConfiguration", "s3:ListStorageLensConfigurations",
}

// isPolicyAction tells whether a pattern of actions stands for any that there is.
func isPolicyAction(pattern string) bool {
	if pattern == "*" {
		return true
	}
	for a := coffer.NoAction + 1; a < coffer.ActionCount; a++ {
		if policy.MatchAction(pattern, a.String()) {
			return true
		}
	}
	return slices.ContainsFunc(otherActions[:], func(a string) bool { return policy.MatchAction(pattern, a) })
}

// policyKeys are the condition keys, in lower case; those that end in a slash are
// followed by the name of a tag.
var policyKeys = [...]string{
	"s3:accessgrantsinstancearn", "s3:accesspointnetworkorigin", "s3:authtype", "s3:buckettag/", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
	"s3:delimiter", "s3:destinationregion", "s3:existingjoboperation", "s3:existingjobpriority", "s3:existingobjecttag/", "s3:if-match", "s3:if-none-match",
	"s3:inventoryaccessibleoptionalfields", "s3:jobsuspendedcause", "s3:locationconstraint", "s3:max-keys", "s3:object-lock-legal-hold", "s3:object-lock-mode",
	"s3:object-lock-remaining-retention-days", "s3:object-lock-retain-until-date", "s3:objectcreationoperation", "s3:prefix", "s3:requestjoboperation",
	"s3:requestjobpriority", "s3:requestobjecttag/", "s3:requestobjecttagkeys", "s3:resourceaccount", "s3:signatureage", "s3:signatureversion",
	"s3:tlsversion", "s3:versionid", "s3:x-amz-acl", "s3:x-amz-bucket-namespace", "s3:x-amz-content-sha256", "s3:x-amz-copy-source", "s3:x-amz-grant-full-control", "s3:x-amz-grant-read",
	"s3:x-amz-grant-read-acp", "s3:x-amz-grant-write", "s3:x-amz-grant-write-acp", "s3:x-amz-metadata-directive", "s3:x-amz-object-ownership",
	"s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-server-side-encryption-customer-algorithm",
	"s3:x-amz-storage-class", "s3:x-amz-website-redirect-location",
	"aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:chatbotsourcearn", "aws:currenttime", "aws:ec2instancesourceprivateipv4",
	"aws:ec2instancesourcevpc", "aws:epochtime", "aws:federatedprovider", "aws:multifactorauthage", "aws:multifactorauthpresent", "aws:principalaccount",
	"aws:principalarn", "aws:principalisawsservice", "aws:principalorgid", "aws:principalorgpaths", "aws:principalservicename",
	"aws:principalservicenameslist", "aws:principaltag/", "aws:principaltype", "aws:referer", "aws:requestedregion", "aws:requesttag/", "aws:resourceaccount",
	"aws:resourceorgid", "aws:resourceorgpaths", "aws:resourcetag/", "aws:securetransport", "aws:sourceaccount", "aws:sourcearn", "aws:sourceidentity",
	"aws:sourceip", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpcarn", "aws:sourcevpce", "aws:tagkeys", "aws:tokenissuetime",
	"aws:useragent", "aws:userid", "aws:username", "aws:viaawsservice", "aws:vpceaccount", "aws:vpceorgid", "aws:vpceorgpaths", "aws:vpcsourceip",
}

// isPolicyKey tells whether there is a condition key of that name.
func isPolicyKey(key string) bool {
	key = strings.ToLower(key)
	if name, tag, ok := strings.Cut(key, "/"); ok {
		return tag != "" && slices.Contains(policyKeys[:], name+"/")
	}
	return slices.Contains(policyKeys[:], key)
}

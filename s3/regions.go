package s3

import (
	"slices"

	"coffer"
)

// awsRegions are the regions of AWS (its API's BucketLocationConstraint, and the one
// that is meant where there is none). A list of the buckets of any of them is empty
// here; one of a place that is nowhere is a mistake.
var awsRegions = [...]string{
	"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
	"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
	"ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1",
	"eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "mx-central-1",
	"sa-east-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2",
}

// bucketRegion reads the region whose buckets a list is to have; "" is all.
func (q *request) bucketRegion() (string, error) {
	region := q.query.get("bucket-region")
	if region == "" || slices.Contains(q.Regions, region) || slices.Contains(awsRegions[:], region) {
		return region, nil
	}
	return "", coffer.Errorf(coffer.InvalidArgument, "Argument value %s is not a valid AWS Region", region).
		With("ArgumentName", "bucket-region")
}

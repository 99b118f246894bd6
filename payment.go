package coffer

// Payer says who pays for the requests to a bucket and for what they transfer
// (AWS, "Using Requester Pays buckets").
type Payer string

// The payers. Nothing is paid here: the word is kept, and told.
const (
	BucketOwnerPays Payer = "BucketOwner"
	RequesterPays   Payer = "Requester"
)

// CheckPayer tells whether p is one of the payers; the error is MalformedXML, as
// AWS's schema forbids others.
func CheckPayer(p Payer) error {
	if p != BucketOwnerPays && p != RequesterPays {
		return Errorf(MalformedXML, "the Payer is %s or %s", BucketOwnerPays, RequesterPays)
	}
	return nil
}

// Acceleration is whether a bucket is reached by AWS's edge locations (AWS,
// "Configuring fast, secure file transfers using Amazon S3 Transfer
// Acceleration"). There are none here, so that it can only be off: never set, or
// suspended.
type Acceleration string

// What a client can ask for.
const (
	AccelerationEnabled   Acceleration = "Enabled"
	AccelerationSuspended Acceleration = "Suspended"
)

// CheckAcceleration tells whether a bucket can have a. The error is MalformedXML
// for what AWS's schema forbids, and NotImplemented for what is not here.
func CheckAcceleration(a Acceleration) error {
	switch a {
	case AccelerationSuspended:
		return nil
	case AccelerationEnabled:
		return Errorf(NotImplemented, "Transfer Acceleration is not implemented: there are no edge locations that could be nearer to a client than this server.")
	}
	return Errorf(MalformedXML, "the Status is %s or %s", AccelerationEnabled, AccelerationSuspended)
}

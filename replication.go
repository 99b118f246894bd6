package coffer

import (
	"slices"
	"strings"
)

// Replication says which objects of a bucket are copied to which bucket of another
// service (AWS, "Replicating objects within and across Regions").
type Replication struct {
	// Role is kept and given back; coffer has none.
	Role  string
	Rules []ReplicationRule
}

// ReplicationRule is one of its rules.
type ReplicationRule struct {
	ID       string
	Enabled  bool
	Priority int
	// Filtered says that the rule has a Filter, which is the newer form: it has a
	// priority and says what becomes of delete markers. The older one has a prefix.
	Filtered bool
	Prefix   string
	Tags     []Tag
	// And says that the filter has an And element.
	And bool
	// DeleteMarkers says that delete markers are replicated.
	DeleteMarkers bool
	// ARN names the destination as the client wrote it: arn:aws:s3:::TARGET:BUCKET.
	ARN    string
	Target string
	Bucket BucketName
	// StorageClass is that of the replicas; "" for the object's own.
	StorageClass string
}

// ReplicaHeader marks a write as the copy of what another coffer has, so that it is
// not replicated again. It counts only in a request that signs it.
const ReplicaHeader = "X-Coffer-Replica"

// ReplicationStatus is what a client sees of an object's replication (AWS, "Getting
// replication status information").
type ReplicationStatus string

// The statuses; "" is an object that no rule is for.
const (
	ReplicationPending   ReplicationStatus = "PENDING"
	ReplicationCompleted ReplicationStatus = "COMPLETED"
	ReplicationFailed    ReplicationStatus = "FAILED"
	ReplicationReplica   ReplicationStatus = "REPLICA"
)

// Replica is one copy of an object in another service, or one to be.
type Replica struct {
	// Destination is TARGET:BUCKET.
	Destination string
	Status      ReplicationStatus
	// VersionID is what the other service calls it; "" if it has no versions.
	VersionID string
}

// ReplicationState is the replication of one version of an object.
type ReplicationState struct {
	// Received says that the object is itself a replica, and goes nowhere else.
	Received bool
	Replicas []Replica
}

// Status sums up the replicas.
func (r ReplicationState) Status() ReplicationStatus {
	has := func(s ReplicationStatus) bool {
		return slices.ContainsFunc(r.Replicas, func(c Replica) bool { return c.Status == s })
	}
	switch {
	case r.Received:
		return ReplicationReplica
	case len(r.Replicas) == 0:
		return ""
	case has(ReplicationFailed):
		return ReplicationFailed
	case has(ReplicationPending):
		return ReplicationPending
	}
	return ReplicationCompleted
}

// The limits of a replication configuration (AWS, "PutBucketReplication"). How many
// destinations there are, AWS does not bound, but each makes one write into another.
const (
	replicationRulesMax    = 1000
	replicationIDMax       = 255
	replicationPriorityMax = 1<<31 - 1

	ReplicationDestinationsMax = 10
)

// Check tells whether a bucket can have the configuration, and reads the names of
// the destinations.
func (c *Replication) Check() error {
	if len(c.Rules) == 0 || len(c.Rules) > replicationRulesMax || c.Role == "" {
		return Errorf(MalformedXML, "a Role and 1 to %d rules are needed", replicationRulesMax)
	}
	ids, priorities, destinations := map[string]bool{}, map[int]bool{}, map[string]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		if len(r.ID) > replicationIDMax || r.Priority < 0 || r.Priority > replicationPriorityMax {
			return Errorf(MalformedXML, "an ID has at most %d bytes, and a Priority is no more than %d", replicationIDMax, replicationPriorityMax)
		}
		if r.Filtered != c.Rules[0].Filtered {
			return Errorf(InvalidRequest, "Replication configuration cannot have rules with and without Filter.")
		}
		if ids[r.ID] {
			return Errorf(InvalidArgument, "Rule Id must be unique. Found same Id for more than one rule: %s", r.ID)
		}
		if r.Filtered && priorities[r.Priority] {
			return Errorf(InvalidRequest, "Found duplicate priority %d", r.Priority)
		}
		ids[r.ID], priorities[r.Priority] = true, true
		if err := CheckObjectTags(r.Tags); err != nil {
			return err
		}
		if len(r.Tags) > 0 && r.DeleteMarkers {
			return Errorf(InvalidRequest, "Delete marker replication is not supported if any Tag filter is specified.")
		}
		if err := r.parseDestination(); err != nil {
			return err
		}
		if destinations[r.Destination()] = true; len(destinations) > ReplicationDestinationsMax {
			return Errorf(InvalidRequest, "A replication configuration can have at most %d different destinations: %s is one more.",
				ReplicationDestinationsMax, r.ARN)
		}
	}
	return nil
}

func (r *ReplicationRule) parseDestination() error {
	rest, ok := strings.CutPrefix(r.ARN, "arn:aws:s3:::")
	target, bucket, both := strings.Cut(rest, ":")
	if !ok {
		return Errorf(InvalidArgument, "Invalid bucket ARN.").With("ArgumentName", "Bucket").With("ArgumentValue", r.ARN)
	}
	name, err := ParseBucketName(bucket)
	if !both || !isTargetName(target) || err != nil {
		return Errorf(InvalidRequest, "Destination bucket must exist: write it as arn:aws:s3:::TARGET:BUCKET, with the name of a replication target that the operator defined.")
	}
	r.Target, r.Bucket = target, name
	return nil
}

// Destination is TARGET:BUCKET.
func (r *ReplicationRule) Destination() string { return r.Target + ":" + string(r.Bucket) }

// For returns the rules that are for an object: of those with one destination the
// one that counts most.
func (c *Replication) For(key string, tags []Tag) []ReplicationRule {
	var found []ReplicationRule
	for _, r := range c.Rules {
		if !r.Enabled || !strings.HasPrefix(key, r.Prefix) || slices.ContainsFunc(r.Tags, func(t Tag) bool { return !slices.Contains(tags, t) }) {
			continue
		}
		same := slices.IndexFunc(found, func(f ReplicationRule) bool { return f.Destination() == r.Destination() })
		switch {
		case same < 0:
			found = append(found, r)
		case r.Priority > found[same].Priority:
			found[same] = r
		}
	}
	return found
}

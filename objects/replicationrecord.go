package objects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"coffer"
	"coffer/meta"
)

// The fields of an object's replication in its record. A replica is its destination
// ended by a NUL, its status ended by a NUL, and its version.
const (
	fieldReplica  = 80
	fieldReplicas = 81
	// fieldReplicationLast is the last one reserved.
	fieldReplicationLast = 84
)

func encodeReplication(r *meta.Record, s coffer.ReplicationState) {
	if s.Received {
		r.Int(fieldReplica, 1)
	}
	for _, c := range s.Replicas {
		r.Text(fieldReplicas, c.Destination+"\x00"+string(c.Status)+"\x00"+c.VersionID)
	}
}

func decodeReplication(f meta.Field, s *coffer.ReplicationState) bool {
	switch f.Number {
	case fieldReplica:
		s.Received = f.Int() == 1
	case fieldReplicas:
		parts := strings.SplitN(f.Text(), "\x00", 3)
		if len(parts) != 3 {
			return false
		}
		s.Replicas = append(s.Replicas, coffer.Replica{Destination: parts[0], Status: coffer.ReplicationStatus(parts[1]), VersionID: parts[2]})
	default:
		return false
	}
	return true
}

// What a task replicates.
const (
	replicateObject = 1 + iota
	replicateMarker
	replicateTags
	replicateRetention
	replicateHold
)

// ReplicationTask is one copy that is to be made in another service.
type ReplicationTask struct {
	ID      [taskIDLen]byte
	Bucket  coffer.BucketName
	Key     string
	Version string // "" for the version called null
	// To is the bucket there.
	To           coffer.BucketName
	StorageClass string
	// Tries is how often it failed, Due when it is tried again, Why the last reason.
	Tries int
	Due   time.Time
	Why   string

	what     int
	bucketID coffer.BucketID
}

// Marker tells that a delete marker is to be made, and not a copy.
func (t ReplicationTask) Marker() bool { return t.what == replicateMarker }

// TagsOnly tells that the version has other tags now than when it was copied.
func (t ReplicationTask) TagsOnly() bool { return t.what == replicateTags }

// RetentionOnly tells that it has another retention, HoldOnly another legal hold.
func (t ReplicationTask) RetentionOnly() bool { return t.what == replicateRetention }

// HoldOnly is told by RetentionOnly.
func (t ReplicationTask) HoldOnly() bool { return t.what == replicateHold }

// Time is when the change was made that is to be replicated.
func (t ReplicationTask) Time() time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(t.ID[:]))).UTC()
}

const (
	taskVersion = 1
	taskIDLen   = 16
)

func taskKey(target string, id []byte) []byte {
	return meta.Key(meta.PrefixReplication, meta.KeyText(target), id)
}

func encodeTask(t ReplicationTask) []byte {
	r := meta.NewRecord(taskVersion)
	r.Int(1, int64(t.what))
	r.Text(2, string(t.Bucket))
	r.Int(3, int64(t.bucketID))
	r.Text(4, t.Key)
	r.Text(5, t.Version)
	r.Text(6, string(t.To))
	r.Text(7, t.StorageClass)
	r.Int(8, int64(t.Tries))
	r.Time(9, t.Due)
	r.Text(10, t.Why)
	return r.Bytes()
}

func decodeTask(value []byte) (ReplicationTask, error) {
	var t ReplicationTask
	err := meta.ReadRecord(value, taskVersion, func(f meta.Field) error {
		switch f.Number {
		case 1:
			t.what = int(f.Int())
		case 2:
			t.Bucket = coffer.BucketName(f.Text())
		case 3:
			t.bucketID = coffer.BucketID(f.Int())
		case 4:
			t.Key = f.Text()
		case 5:
			t.Version = f.Text()
		case 6:
			t.To = coffer.BucketName(f.Text())
		case 7:
			t.StorageClass = f.Text()
		case 8:
			t.Tries = int(f.Int())
		case 9:
			t.Due = f.Time()
		case 10:
			t.Why = f.Text()
		default:
			return f.Unknown()
		}
		return nil
	})
	if err == nil && (t.what < replicateObject || t.what > replicateHold || t.Key == "" || t.To == "") {
		err = errors.New("it names nothing to do")
	}
	if err != nil {
		return t, fmt.Errorf("replication record: %w", err)
	}
	return t, nil
}

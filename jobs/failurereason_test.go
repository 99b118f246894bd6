package jobs

import (
	"errors"
	"fmt"
	"testing"

	"coffer/objects"
	"coffer/remote"
)

func TestFailureReason(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("no answer"), ""},
		{&remote.Error{Status: 404, Code: "NoSuchBucket"}, "DstBucketNotFound"},
		{fmt.Errorf("copy: %w", &remote.Error{Status: 403, Code: "AccessDenied"}), "DstPutObjectNotPermitted"},
		{&remote.Error{Status: 400, Code: "KMS.NotFoundException"}, "DstKmsKeyNotFound"},
		{&remote.Error{Status: 400, Code: "InvalidArgument"}, ""},
	} {
		if got := failureReason(objects.ReplicationTask{}, tt.err); got != tt.want {
			t.Errorf("failureReason(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

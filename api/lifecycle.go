package api

import (
	"context"
	"maps"
	"net/url"
	"slices"

	"coffer"
)

// LifecyclePreview is what the lifecycle of a bucket would do if it ran now.
type LifecyclePreview struct {
	Bucket coffer.BucketName      `json:"bucket"`
	Rules  []LifecycleRulePreview `json:"rules" doc:"By ID. A version that several rules want is counted for the one that wants it first."`
}

// LifecycleRulePreview is what one rule would do.
type LifecycleRulePreview struct {
	ID          string `json:"id"`
	Expired     int64  `json:"expired" doc:"Current objects that would end; where there are versions, below a delete marker."`
	Noncurrent  int64  `json:"noncurrent" doc:"Versions that are not current and would end, if they are not locked."`
	Bytes       int64  `json:"bytes" doc:"Bytes of both."`
	Markers     int64  `json:"delete_markers" doc:"Delete markers that hide nothing and would end."`
	Transitions int64  `json:"transitions" doc:"Objects that would change their storage class."`
	Uploads     int64  `json:"uploads" doc:"Uploads that would be aborted."`
}

func (q *request) previewLifecycle(none, none) (LifecyclePreview, error) {
	s, name, err := q.bucket()
	if err != nil {
		return LifecyclePreview{}, err
	}
	sums, err := s.PreviewLifecycle(q.ctx(), name)
	out := LifecyclePreview{Bucket: name, Rules: []LifecycleRulePreview{}}
	for _, id := range slices.Sorted(maps.Keys(sums)) {
		n := sums[id]
		out.Rules = append(out.Rules, LifecycleRulePreview{ID: id, Expired: n.Expired, Noncurrent: n.Noncurrent, Bytes: n.Bytes,
			Markers: n.Markers, Transitions: n.Transitions, Uploads: n.Uploads})
	}
	return out, err
}

// PreviewLifecycle returns what the lifecycle of a bucket would do now.
func (c *Client) PreviewLifecycle(ctx context.Context, bucket string) (LifecyclePreview, error) {
	return do[LifecyclePreview](ctx, c, "GET", "/v1/buckets/"+url.PathEscape(bucket)+"/lifecycle-preview", nil)
}

package objects

import (
	"bytes"
	"testing"
	"time"

	"coffer"
)

// TestSessionPolicyNarrows does what a temporary credential with a policy may do, and
// what it may not, in a bucket of its own account.
func TestSessionPolicyNarrows(t *testing.T) {
	const photos = `"arn:aws:s3:::bucket/in/*"`
	readOnly := &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly}}}
	statement := func(body string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + body + `}]}`
	}
	for _, tt := range []struct {
		name   string
		policy string
		scope  *coffer.Scope
		want   string // what may be done: Get Put List (below in/) All (lists) Buckets Make
	}{
		{"NoPolicy", "", nil, "Get Put List All Buckets Make "},
		{"Everything", statement(`"Action":"*","Resource":"*"`), nil, "Get Put List All Buckets Make "},
		{"EverythingOfAScope", statement(`"Action":"*","Resource":"*"`), readOnly, "Get List All Buckets "},
		{"Reads", statement(`"Action":"s3:GetObject","Resource":` + photos), nil, "Get "},
		{"Elsewhere", statement(`"Action":"s3:*","Resource":"arn:aws:s3:::other/*"`), nil, ""},
		{"ListsBelowAPrefix", statement(`"Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket","Condition":{"StringLike":{"s3:prefix":"in/*"}}`), nil, "List "},
		{"Buckets", statement(`"Action":"s3:ListAllMyBuckets","Resource":"*"`), nil, "Buckets "},
		{"MakesOne", statement(`"Action":"s3:CreateBucket","Resource":"arn:aws:s3:::made"`), nil, "Make "},
		{"Denies", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:Put*","Resource":"*"}]}`, nil, "Get List All Buckets Make "},
		{"OfTheSessionsTime", statement(`"Action":"s3:GetObject","Resource":"*","Condition":{"DateGreaterThan":{"aws:TokenIssueTime":"2030-01-01T00:00:00Z"}}`), nil, ""},
		{"OfTheSessionsName", statement(`"Action":"s3:GetObject","Resource":"*","Condition":{"StringLike":{"aws:userid":"*:job"}}`), nil, "Get "},
		{"WithoutASecondFactor", statement(`"Action":"s3:GetObject","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`), nil, ""},
		{"DeniesWhatThereIsNot", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:DeletObject","Resource":"*"}]}`, nil, ""},
		{"ExceptsWhatThereIsNot", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":"s3:PutObjekt","Resource":"*"}]}`, nil, ""},
		{"ConditionThatThereIsNot", statement(`"Action":"*","Resource":"*","Condition":{"StringNotEquals":{"s3:prefx":"in/"}}`), nil, ""},
		{"AllowsWhatThereIsNot", statement(`"Action":["s3:HeadBucket","s3:GetObject","ec2:*"],"Resource":` + photos), nil, "Get "},
		{"DeniesOtherServices", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"},{"Effect":"Deny","Action":"ec2:*","Resource":"*"}]}`, nil, "Get "},
		{"NoPolicyAtAll", `{}`, nil, ""},
		{"Garbage", `x`, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.put(t, "in/a", []byte("a"))
			actor := alice
			actor.Key, actor.Scope = "key_1", tt.scope
			actor.Session = &coffer.Session{Name: "job", Policy: tt.policy, Issued: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
			s, ctx := w.As(actor), t.Context()
			got := ""
			for _, call := range []struct {
				name string
				do   func() error
			}{
				{"Get", func() error { _, err := s.Head(ctx, GetInput{Bucket: "bucket", Key: "in/a"}); return err }},
				{"Put", func() error {
					_, err := s.Put(ctx, PutInput{Bucket: "bucket", Key: "in/b", Body: bytes.NewReader(nil)})
					return err
				}},
				{"List", func() error { _, err := s.List(ctx, ListInput{Bucket: "bucket", Prefix: "in/", Max: 1}); return err }},
				{"All", func() error { _, err := s.List(ctx, ListInput{Bucket: "bucket", Max: 1}); return err }},
				{"Buckets", func() error { _, _, err := s.ListBuckets(ctx, ListBucketsInput{Max: 1}); return err }},
				{"Make", func() error {
					_, err := s.CreateBucket(ctx, "made", "auto")
					return err
				}},
			} {
				switch err := call.do(); coffer.CodeOf(err) {
				case coffer.AccessDenied:
				default:
					if err != nil {
						t.Errorf("%s: %v", call.name, err)
					}
					got += call.name + " "
				}
			}
			if got != tt.want {
				t.Errorf("it may %q, want %q", got, tt.want)
			}
		})
	}
}

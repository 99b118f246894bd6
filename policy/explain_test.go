package policy_test

import (
	"testing"

	"coffer/policy"
)

func TestExplain(t *testing.T) {
	tests := []struct {
		name string
		more string
		want string
	}{
		{"AMatch", `"Sid":"all","Effect":"Deny"`, `statement 0 (all) matches: Deny`},
		{"Principal", `"Principal":{"AWS":"444455556666"}`, `statement 0 does not match: Principal: it does not name arn:aws:iam::111122223333:user/alice`},
		{"NotPrincipal", `"Effect":"Deny","NotPrincipal":{"AWS":"111122223333"}`, `statement 0 does not match: NotPrincipal: it names arn:aws:iam::111122223333:user/alice`},
		{"Action", `"Sid":"writers only","Action":"s3:Put*"`, `statement 0 (writers only) does not match: Action: it does not name s3:GetObject`},
		{"NotAction", `"NotAction":"s3:Get*"`, `statement 0 does not match: NotAction: it names s3:GetObject`},
		{"Resource", `"Resource":"arn:aws:s3:::web/*"`, `statement 0 does not match: Resource: it does not name "arn:aws:s3:::logs/2030/a.txt"`},
		{"NotResource", `"NotResource":"arn:aws:s3:::logs/*"`, `statement 0 does not match: NotResource: it names "arn:aws:s3:::logs/2030/a.txt"`},
		{
			"TheConditionThatFailed", `"Condition":{"Bool":{"aws:SecureTransport":"true"},"IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.0.2.1"]}}`,
			`statement 0 does not match: Condition: IpAddress of aws:SourceIp with "10.0.0.0/8", "192.0.2.1": the request has ["203.0.113.9"]`,
		},
		{
			"AMissingKey", `"Condition":{"StringLike":{"s3:prefix":"home/*"}}`,
			`statement 0 does not match: Condition: StringLike of s3:prefix with "home/*": the request has no such key`,
		},
	}
	keys := context{"aws:securetransport": {"true"}, "aws:sourceip": {"203.0.113.9"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reasons := resource(t, statement(tt.more)).Explain(ask(func(q *policy.Request) { q.Context = keys.get }))
			if len(reasons) != 1 || reasons[0].String() != tt.want {
				t.Errorf("Explain of %s = %q, want %q", tt.more, reasons, tt.want)
			}
		})
	}
}

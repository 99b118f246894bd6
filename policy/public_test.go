package policy_test

import "testing"

// TestPublic follows the Amazon S3 User Guide, "Blocking public access to your
// Amazon S3 storage", The meaning of "public", with its examples first.
func TestPublic(t *testing.T) {
	tests := []struct {
		name string
		more string
		want bool
	}{
		{"AnIdentityProvider", `"Principal":{"Federated":"graph.facebook.com"},"Action":"s3:PutObject"`, true},
		{"Everybody", `"Action":"s3:PutObject"`, true},
		{"AnyVPC", `"Condition":{"StringLike":{"aws:SourceVpc":"vpc-*"}}`, true},
		{"OneVPC", `"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}`, false},
		{"OneNetwork", `"Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, false},
		{"HalfOfAllAddresses", `"Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}`, true},
		{"AnEighthOfIPv4", `"Condition":{"IpAddress":{"aws:SourceIp":"8.0.0.0/8"}}`, false},
		{"AWideIPv6", `"Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001::/31"]}}`, true},
		{"ANarrowIPv6", `"Condition":{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}`, false},
		{"PrivateAddresses", `"Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","172.16.0.0/12","192.168.0.0/16"]}}`, false},

		{"AnAccount", `"Principal":{"AWS":"111122223333"}`, false},
		{"AnAccountAndEverybody", `"Principal":{"AWS":["111122223333","*"]}`, true},
		{"AService", `"Principal":{"Service":"logging.s3.amazonaws.com"}`, false},
		{"ADenyOfEverybody", `"Effect":"Deny"`, false},
		{"AVariable", `"Condition":{"StringEquals":{"aws:SourceAccount":"${aws:PrincipalAccount}"}}`, true},
		{"AnythingIfMissing", `"Condition":{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-91237329"}}`, true},
		{"AllValuesIfMissing", `"Condition":{"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-91237329"}}`, true},
		{"AnyoneElse", `"Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-91237329"}}`, true},
		{"AnyOther", `"Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, true},
		{"ThatThereIsAKey", `"Condition":{"Null":{"aws:SourceVpc":"false"}}`, true},
		{"WhatTheRequestChooses", `"Condition":{"StringEquals":{"aws:Referer":"https://example.com/"}}`, true},
		{"OneFixedValueOfTwo", `"Condition":{"StringLike":{"aws:SourceVpce":["vpce-1","vpce-*"]}}`, true},
		{"OneConditionOfTwo", `"Condition":{"StringLike":{"aws:Referer":"*"},"StringEquals":{"AWS:sourcevpce":"vpce-1"}}`, false},
		{"AUserID", `"Condition":{"StringEquals":{"aws:userid":"AIDAEXAMPLE"}}`, false},
		{"Nobody", `"Condition":{"StringEquals":{"aws:userid":"anonymous"}}`, true},
		{"NobodyInCapitals", `"Condition":{"StringEqualsIgnoreCase":{"aws:userid":["AIDAEXAMPLE","Anonymous"]}}`, true},
		{"ARolesSessions", `"Condition":{"StringLike":{"aws:userid":"AROAEXAMPLE:*"}}`, true},
		{"AnOrganization", `"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-example"}}`, false},
		{"AnyAccessPointOfAnAccount", `"Condition":{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:111122223333:accesspoint/*"}}`, false},
		{"AnyAccessPoint", `"Condition":{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:*:accesspoint/a"}}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := resource(t, statement(tt.more)).Public(); got != tt.want {
				t.Errorf("Public of %s = %v, want %v", tt.more, got, tt.want)
			}
		})
	}
	both := `{"Statement":[` + one(`"Principal":{"AWS":"111122223333"}`) + `,` + one(`"Effect":"Deny","Action":"s3:Put*"`) + `,` + one(`"Action":"s3:GetObject"`) + `]}`
	if !resource(t, both).Public() {
		t.Error("Public of a document with one public statement = false, want true")
	}
}

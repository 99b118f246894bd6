package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"coffer/policy"
)

func TestRefused(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000)
	tests := []struct {
		name string
		text string
		want string // what the message begins with
		path string
	}{
		{"Nothing", ``, "Policies must be valid JSON and the first byte must be '{'", ""},
		{"AList", `[]`, "Policies must be valid JSON and the first byte must be '{'", ""},
		{"BrokenJSON", `{"Statement":[}`, "Policies must be valid JSON", ""},
		{"TwoDocuments", statement("") + statement(""), "Policies must be valid JSON", ""},
		{"NotUTF8", statement("\"Sid\":\"\xff\""), "Policies must be valid JSON in UTF-8", ""},
		{"TooLong", statement(`"Sid":"` + strings.Repeat("a", policy.BytesMax) + `"`), "Policy exceeds the maximum allowed document size", ""},
		{"TooManySingleWildcards", statement(`"Action":"s3:` + strings.Repeat("?", 100) + `","Resource":"arn:aws:s3:::` + strings.Repeat("?", 100) +
			`","Condition":{"StringLike":{"aws:x":"` + strings.Repeat("?", 57) + `"}}`), "Invalid policy syntax: there are 257 wildcards ?", ""},
		{"TooDeep", deep, "Invalid policy syntax: lists and objects are more than 8 deep", "a.a.a.a.a.a.a"},
		{"AVersionThatIsNone", `{"Version":"2020-01-01","Statement":[]}`, "The policy must contain a valid version string: write \"2012-10-17\"", "Version"},
		{"AVersionOfNull", `{"Version":null,"Statement":[]}`, "The policy must contain a valid version string", "Version"},
		{"NoStatement", `{"Version":"2012-10-17"}`, "Missing required field Statement", ""},
		{"AnEmptyStatement", `{"Statement":[]}`, "Could not parse the policy: Statement is empty!", "Statement"},
		{"AStatementOfText", `{"Statement":["x"]}`, "Invalid policy syntax: a statement is an object", "Statement[0]"},
		{"AnUnknownElement", `{"Statments":[]}`, "Unknown field Statments", "Statments"},
		{"AnElementInOtherCase", `{"statement":[]}`, "Unknown field statement: write Statement", "statement"},
		{"AnUnknownElementThatNobodySees", `{"\u0000":[]}`, `Unknown field "\x00"`, `["\x00"]`},
		{"AnUnknownElementOfAStatement", statement(`"Conditions":{}`), "Unknown field Conditions", "Statement.Conditions"},
		{"AMemberTwice", statement(`"Sid":"a","Sid":"b"`), `Invalid policy syntax: "Sid" is there twice`, "Statement.Sid"},
		{"AMemberTwiceByAnEscape", statement(`"Sid":"a","\u0053id":"b"`), `Invalid policy syntax: "Sid" is there twice`, "Statement.Sid"},
		{"AStatementIDTwice", `{"Statement":[` + one(`"Sid":"a"`) + `,` + one(`"Sid":"a"`) + `]}`, "Statement IDs (SID) in a single policy must be unique", "Statement[1].Sid"},
		{"NoEffect", `{"Statement":{"Principal":"*","Action":"*","Resource":"*"}}`, "Missing required field Effect", "Statement"},
		{"AnEffectInOtherCase", statement(`"Effect":"allow"`), "Invalid effect: allow: write Allow or Deny", "Statement.Effect"},

		{"NoPrincipal", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, "Missing required field Principal", "Statement"},
		{"APrincipalOfText", statement(`"Principal":"111122223333"`), "Invalid principal in policy", "Statement.Principal"},
		{"APrincipalOfNothing", statement(`"Principal":{}`), "Invalid principal in policy", "Statement.Principal"},
		{"APrincipalOfNobody", statement(`"Principal":{"AWS":[]}`), "Invalid principal in policy", "Statement.Principal.AWS"},
		{"APrincipalOfAnUnknownKind", statement(`"Principal":{"aws":"*"}`), "Invalid principal in policy", "Statement.Principal.aws"},
		{"AnAccountOf11Digits", statement(`"Principal":{"AWS":["*","11112222333"]}`), "Invalid principal in policy", "Statement.Principal.AWS[1]"},
		{"AnAccountAsANumber", statement(`"Principal":{"AWS":111122223333}`), "Invalid principal in policy", "Statement.Principal.AWS"},
		{"AWildcardInAUser", statement(`"Principal":{"AWS":"arn:aws:iam::111122223333:user/*"}`), "Invalid principal in policy", "Statement.Principal.AWS"},
		{"AGroup", statement(`"Principal":{"AWS":"arn:aws:iam::111122223333:group/g"}`), "Invalid principal in policy", "Statement.Principal.AWS"},
		{"ACanonicalStar", statement(`"Principal":{"CanonicalUser":"*"}`), "Invalid principal in policy", "Statement.Principal.CanonicalUser"},
		{"AServiceStar", statement(`"Principal":{"Service":"*.amazonaws.com"}`), "Invalid principal in policy", "Statement.Principal.Service"},
		{"AllowWithNotPrincipal", statement(`"NotPrincipal":{"AWS":"111122223333"}`), "Allow with NotPrincipal is not allowed", "Statement.NotPrincipal"},

		{"NoAction", `{"Statement":{"Effect":"Allow","Principal":"*","Resource":"*"}}`, "Missing required field Action", "Statement"},
		{"ActionAndNotAction", statement(`"Action":"*","NotAction":"*"`), "Invalid policy syntax: a statement has Action or NotAction", "Statement"},
		{"AnEmptyAction", statement(`"Action":[]`), "Missing required field Action cannot be empty!", "Statement.Action"},
		{"AnActionWithoutService", statement(`"Action":["s3:*","GetObject"]`), `Policy has invalid action "GetObject"`, "Statement.Action[1]"},
		{"AnActionOfNull", statement(`"Action":null`), "Policy has invalid action", "Statement.Action"},
		{"NoResource", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}`, "Missing required field Resource", "Statement"},
		{"AResourceThatIsNoARN", statement(`"Resource":"bucket/*"`), `Policy has invalid resource: "bucket/*" is not an ARN`, "Statement.Resource"},
		{"AResourceWithTooFewParts", statement(`"Resource":"arn:aws:s3*"`), "Policy has invalid resource", "Statement.Resource"},
		{"AVariableBeforeTheResource", statement(`"Resource":"arn:aws:s3::${aws:PrincipalAccount}:b"`), "Policy has invalid resource: a variable may stand only after", "Statement.Resource"},
		{"AVariableWithoutEnd", statement(`"Resource":"arn:aws:s3:::b/${aws:username"`), "Policy has invalid resource: the variable", "Statement.Resource"},
		{"AVariableWithoutName", statement(`"Resource":"arn:aws:s3:::b/${}"`), "Policy has invalid resource: ${} is not a variable", "Statement.Resource"},
		{"ADefaultWithoutQuotes", statement(`"Resource":"arn:aws:s3:::b/${aws:username, x}"`), "Policy has invalid resource: the default value", "Statement.Resource"},

		{"AConditionOfText", statement(`"Condition":"x"`), "Invalid policy syntax: write Condition as", "Statement.Condition"},
		{"AnUnknownOperator", statement(`"Condition":{"StringMatches":{"aws:x":"y"}}`), "Invalid Condition type : StringMatches", "Statement.Condition.StringMatches"},
		{"AnOperatorInOtherCase", statement(`"Condition":{"stringEquals":{"aws:x":"y"}}`), "Invalid Condition type : stringEquals", "Statement.Condition.stringEquals"},
		{"NullIfExists", statement(`"Condition":{"NullIfExists":{"aws:x":"true"}}`), "Invalid Condition type : NullIfExists", "Statement.Condition.NullIfExists"},
		{"AKeyWithoutService", statement(`"Condition":{"Null":{"x":"true"}}`), "Policy has an invalid condition key", "Statement.Condition.Null.x"},
		{"AKeyTwice", statement(`"Condition":{"Null":{"aws:x":"true","AWS:X":"false"}}`), "Invalid policy syntax: the condition key", "Statement.Condition.Null.AWS:X"},
		{"NoValues", statement(`"Condition":{"StringEquals":{"aws:x":[]}}`), "Invalid policy syntax: the condition key \"aws:x\" has no value", "Statement.Condition.StringEquals.aws:x"},
		{"AValueOfNull", statement(`"Condition":{"StringEquals":{"aws:x":[null]}}`), "Invalid policy syntax: the value", "Statement.Condition.StringEquals.aws:x[0]"},
		{"ANumberThatIsNone", statement(`"Condition":{"NumericEquals":{"aws:x":"0x10"}}`), `Invalid value of aws:x for NumericEquals: "0x10" is not a number`, "Statement.Condition.NumericEquals.aws:x"},
		{"ADateThatIsNone", statement(`"Condition":{"DateEquals":{"aws:x":"2030"}}`), "Invalid value of aws:x for DateEquals", "Statement.Condition.DateEquals.aws:x"},
		{"ABoolThatIsNone", statement(`"Condition":{"Bool":{"aws:x":"yes"}}`), "Invalid value of aws:x for Bool", "Statement.Condition.Bool.aws:x"},
		{"BytesThatAreNone", statement(`"Condition":{"BinaryEquals":{"aws:x":"?"}}`), "Invalid value of aws:x for BinaryEquals", "Statement.Condition.BinaryEquals.aws:x"},
		{"ANetworkThatIsNone", statement(`"Condition":{"IpAddress":{"aws:x":"10.0.0.0/33"}}`), "Invalid value of aws:x for IpAddress", "Statement.Condition.IpAddress.aws:x"},
		{"AnARNThatIsNone", statement(`"Condition":{"ArnLike":{"aws:x":"logs"}}`), "Invalid value of aws:x for ArnLike", "Statement.Condition.ArnLike.aws:x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := policy.ParseResource([]byte(tt.text))
			e, ok := errors.AsType[*policy.Error](err)
			if !ok || d != nil {
				t.Fatalf("ParseResource = %v, %v, want an *Error", d, err)
			}
			if !strings.HasPrefix(e.Message, tt.want) || e.Path != tt.path {
				t.Errorf("ParseResource = %q at %q, want %q at %q", e.Message, e.Path, tt.want, tt.path)
			}
			if len(err.Error()) > 600 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
}

// one is a statement about everybody and everything.
func one(more string) string {
	text := strings.TrimPrefix(statement(more), `{"Version":"2012-10-17","Statement":`)
	return strings.TrimSuffix(text, "}")
}

// TestTaken has forms that are less usual, and right.
func TestTaken(t *testing.T) {
	for _, text := range []string{
		`{"Version":"2008-10-17","Id":"S3 policy 1","Statement":[` + one(`"Sid":"Grant all, to all"`) + `,` + one(`"Sid":""`) + `,` + one(`"Sid":""`) + `]}`,
		statement(`"Principal":{"AWS":["111122223333","arn:aws-cn:iam::111122223333:role/path/r","arn:aws:sts::111122223333:assumed-role/r/session"],"Federated":["graph.facebook.com","arn:aws:iam::111122223333:saml-provider/p"]}`),
		statement(`"Condition":{"NumericLessThan":{"s3:max-keys":100},"Bool":{"aws:SecureTransport":true},"Null":{"aws:TokenIssueTime":["true",false]}}`),
		statement(`"Condition":{"DateGreaterThanIfExists":{"aws:CurrentTime":"2030-01"},"ForAnyValue:ArnLikeIfExists":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:role/*"}}`),
		statement(`"Resource":"arn:aws:s3:::` + strings.Repeat("?", 256) + `","Condition":{"StringEquals":{"aws:x":"` + strings.Repeat("?", 500) + `"}}`),
		statement(`"Action":"*:*","Resource":["**","arn:aws:s3:::${aws:username, ''}","arn:aws:s3:::a:b"]`),
	} {
		if _, err := policy.ParseResource([]byte(text)); err != nil {
			t.Errorf("ParseResource(%s) = %v", text, err)
		}
	}
}

func TestNames(t *testing.T) {
	d := resource(t, `{"Statement":[`+one(`"Sid":"a","Principal":{"AWS":["*","111122223333"]},"Action":["s3:Get*","s3:PutObject"],"NotResource":"arn:aws:s3:::b/*","Condition":{"StringLike":{"s3:prefix":["a/*","b"]}}`)+
		`,`+one(`"Effect":"Deny","NotPrincipal":{"CanonicalUser":"`+canonical+`"},"NotAction":"s3:*"`)+`]}`)
	if got, want := slices.Collect(d.Actions()), []string{"s3:Get*", "s3:PutObject", "s3:*"}; !slices.Equal(got, want) {
		t.Errorf("Actions = %q, want %q", got, want)
	}
	if got, want := slices.Collect(d.Resources()), []string{"arn:aws:s3:::b/*", "*"}; !slices.Equal(got, want) {
		t.Errorf("Resources = %q, want %q", got, want)
	}
	var got []string
	for i, s := range d.Statements() {
		got = append(got, fmt.Sprint(i, s))
	}
	want := []string{
		"0 {a Allow [s3:Get* s3:PutObject] false [arn:aws:s3:::b/*] true [{AWS *} {AWS 111122223333}] false [{StringLike s3:prefix [a/* b]}]}",
		"1 { Deny [s3:*] true [*] false [{CanonicalUser " + canonical + "}] true []}",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Statements = %q, want %q", got, want)
	}
}

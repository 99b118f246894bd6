package policy_test

import (
	"testing"

	"coffer/policy"
)

// TestConditions follows the IAM User Guide, "IAM JSON policy elements: Condition
// operators" and "Set operators for multivalued context keys".
func TestConditions(t *testing.T) {
	none := context{}
	key := func(values ...string) context { return context{"aws:key": values} }
	tests := []struct {
		name      string
		condition string
		context   context
		want      bool
	}{
		{"NoneHolds", `{}`, none, true},
		{"StringEquals", `{"StringEquals":{"aws:Key":"a"}}`, key("a"), true},
		{"StringEqualsIsOfOneCase", `{"StringEquals":{"aws:Key":"a"}}`, key("A"), false},
		{"StringEqualsHasNoWildcards", `{"StringEquals":{"aws:Key":"a*"}}`, key("ab"), false},
		{"StringEqualsIsFalseOfAMissingKey", `{"StringEquals":{"aws:Key":"a"}}`, none, false},
		{"ValuesAreAlternatives", `{"StringEquals":{"aws:Key":["a","b"]}}`, key("b"), true},
		{"KeysAreAllNeeded", `{"StringEquals":{"aws:Key":"a","aws:Other":"b"}}`, key("a"), false},
		{"OperatorsAreAllNeeded", `{"StringEquals":{"aws:Key":"a"},"StringNotEquals":{"aws:key":"a"}}`, key("a"), false},
		{"StringNotEquals", `{"StringNotEquals":{"aws:Key":"a"}}`, key("b"), true},
		{"StringNotEqualsIsTrueOfAMissingKey", `{"StringNotEquals":{"aws:Key":"a"}}`, none, true},
		{"StringNotEqualsIsNoneOfTheValues", `{"StringNotEquals":{"aws:Key":["a","b"]}}`, key("b"), false},
		{"StringEqualsIgnoreCase", `{"StringEqualsIgnoreCase":{"aws:Key":"aB"}}`, key("Ab"), true},
		{"StringEqualsIgnoreCaseOfOtherLetters", `{"StringEqualsIgnoreCase":{"aws:Key":"Äσ"}}`, key("äς"), true},
		{"StringEqualsIgnoreCaseIsAll", `{"StringEqualsIgnoreCase":{"aws:Key":"aB"}}`, key("Abc"), false},
		{"StringEqualsIgnoreCaseOfNoCharacter", `{"StringEqualsIgnoreCase":{"aws:Key":"\ufffd"}}`, key("\xff"), false},
		{"StringNotEqualsIgnoreCase", `{"StringNotEqualsIgnoreCase":{"aws:Key":"aB"}}`, key("Ab"), false},
		{"StringLike", `{"StringLike":{"aws:Key":"home/*/?.txt"}}`, key("home/a/b/c.txt"), true},
		{"StringLikeIsAll", `{"StringLike":{"aws:Key":"home/*"}}`, key("a/home/b"), false},
		{"StringNotLike", `{"StringNotLike":{"aws:Key":"home/*"}}`, key("home/a"), false},
		{"AnEmptyValueIsThere", `{"StringEquals":{"aws:Key":["","home/"]}}`, key(""), true},

		{"NumericEquals", `{"NumericEquals":{"aws:Key":10}}`, key("10.0"), true},
		{"NumericNotEquals", `{"NumericNotEquals":{"aws:Key":"10"}}`, key("10"), false},
		{"NumericLessThan", `{"NumericLessThan":{"aws:Key":"10"}}`, key("10"), false},
		{"NumericLessThanEquals", `{"NumericLessThanEquals":{"aws:Key":"10"}}`, key("10"), true},
		{"NumericGreaterThan", `{"NumericGreaterThan":{"aws:Key":"9"}}`, key("10"), true},
		{"NumericGreaterThanEquals", `{"NumericGreaterThanEquals":{"aws:Key":"-1"}}`, key("-2"), false},
		{"ANumberThatIsNoneIsNotLess", `{"NumericLessThan":{"aws:Key":"10"}}`, key("NaN"), false},
		{"NumbersAreFalseOfAMissingKey", `{"NumericLessThan":{"aws:Key":"10"}}`, none, false},

		{"DateGreaterThan", `{"DateGreaterThan":{"aws:Key":"2030-01-01T00:00:00Z"}}`, key("2030-01-01T00:00:01Z"), true},
		{"DateLessThan", `{"DateLessThan":{"aws:Key":"2030-01-01"}}`, key("2029-12-31T23:59:59.999Z"), true},
		{"DateOfSeconds", `{"DateLessThanEquals":{"aws:Key":1893456000}}`, key("2030-01-01T00:00:00Z"), true},
		{"DateInAnotherZone", `{"DateEquals":{"aws:Key":"2030-01-01T01:00:00+01:00"}}`, key("1893456000"), true},
		{"DateNotEquals", `{"DateNotEquals":{"aws:Key":"2030-01-01"}}`, key("2030-01-01T00:00:00Z"), false},
		{"DateGreaterThanEquals", `{"DateGreaterThanEquals":{"aws:Key":"2030-01-01T00:00Z"}}`, key("2029-12-31T23:59:59Z"), false},

		{"Bool", `{"Bool":{"aws:Key":"true"}}`, key("true"), true},
		{"BoolWithoutQuotes", `{"Bool":{"aws:Key":false}}`, key("false"), true},
		{"BoolIsFalseOfAMissingKey", `{"Bool":{"aws:Key":"false"}}`, none, false},
		{"BinaryEquals", `{"BinaryEquals":{"aws:Key":"aGVsbG8="}}`, key("hello"), true},
		{"BinaryEqualsIsOfTheBytes", `{"BinaryEquals":{"aws:Key":"aGVsbG8="}}`, key("aGVsbG8="), false},

		{"IpAddress", `{"IpAddress":{"aws:Key":"203.0.113.0/24"}}`, key("203.0.113.9"), true},
		{"IpAddressOutside", `{"IpAddress":{"aws:Key":"203.0.113.0/24"}}`, key("203.0.114.9"), false},
		{"IpAddressWithinIPv6", `{"IpAddress":{"aws:Key":"203.0.113.0/24"}}`, key("::ffff:203.0.113.9"), true},
		{"IpAddressOfOne", `{"IpAddress":{"aws:Key":"203.0.113.9"}}`, key("203.0.113.9"), true},
		{"IpAddressOfIPv6", `{"IpAddress":{"aws:Key":["10.0.0.0/8","2001:DB8:1234:5678::/64"]}}`, key("2001:db8:1234:5678::1"), true},
		{"IpAddressOfText", `{"IpAddress":{"aws:Key":"0.0.0.0/0"}}`, key("unknown"), false},
		{"NotIpAddress", `{"NotIpAddress":{"aws:Key":"203.0.113.0/24"}}`, key("203.0.113.9"), false},
		{"NotIpAddressOutside", `{"NotIpAddress":{"aws:Key":["10.0.0.0/8","203.0.113.0/24"]}}`, key("192.0.2.1"), true},

		{"ArnEquals", `{"ArnEquals":{"aws:Key":"arn:aws:s3:::logs"}}`, key("arn:aws:s3:::logs"), true},
		{"ArnEqualsHasWildcards", `{"ArnEquals":{"aws:Key":"arn:aws:iam::*:user/*"}}`, key(alice), true},
		{"ArnLike", `{"ArnLike":{"aws:Key":"arn:aws:iam::111122223333:user/a?ice"}}`, key(alice), true},
		{"ArnLikeIsByPart", `{"ArnLike":{"aws:Key":"arn:*:user/alice:*:*:*"}}`, key(alice + ":a:b:c"), false},
		{"ArnNotLike", `{"ArnNotLike":{"aws:Key":"arn:aws:iam::111122223333:*"}}`, key(alice), false},
		{"ArnNotEqualsIsTrueOfAMissingKey", `{"ArnNotEquals":{"aws:Key":"arn:aws:s3:::logs"}}`, none, true},

		{"NullOfAMissingKey", `{"Null":{"aws:Key":"true"}}`, none, true},
		{"NullOfAKey", `{"Null":{"aws:Key":true}}`, key("x"), false},
		{"NotNull", `{"Null":{"aws:Key":"false"}}`, key("x"), true},
		{"NotNullOfAMissingKey", `{"Null":{"aws:Key":"false"}}`, none, false},

		{"IfExistsOfAMissingKey", `{"StringEqualsIfExists":{"aws:Key":"a"}}`, none, true},
		{"IfExistsOfAnotherValue", `{"StringEqualsIfExists":{"aws:Key":"a"}}`, key("b"), false},
		{"IfExistsNegated", `{"StringNotEqualsIfExists":{"aws:Key":"a"}}`, key("a"), false},

		{"ForAllValues", `{"ForAllValues:StringEquals":{"aws:Key":["a","b"]}}`, key("a", "b"), true},
		{"ForAllValuesWithOneMore", `{"ForAllValues:StringEquals":{"aws:Key":["a","b"]}}`, key("a", "c"), false},
		{"ForAllValuesIsTrueOfAMissingKey", `{"ForAllValues:StringEquals":{"aws:Key":["a","b"]}}`, none, true},
		{"ForAllValuesIsTrueOfAnEmptySet", `{"ForAllValues:StringEquals":{"aws:Key":["a","b"]}}`, key(""), true},
		{"ForAllValuesNegated", `{"ForAllValues:StringNotEquals":{"aws:Key":["a","b"]}}`, key("c", "a"), false},
		{"ForAllValuesNegatedOfOthers", `{"ForAllValues:StringNotLike":{"aws:Key":["a*"]}}`, key("c", "d"), true},
		{"ForAnyValue", `{"ForAnyValue:StringLike":{"aws:Key":["a*"]}}`, key("c", "ab"), true},
		{"ForAnyValueOfOthers", `{"ForAnyValue:StringEquals":{"aws:Key":["a"]}}`, key("c", "d"), false},
		{"ForAnyValueIsFalseOfAMissingKey", `{"ForAnyValue:StringEquals":{"aws:Key":["a"]}}`, none, false},
		{"ForAnyValueNegated", `{"ForAnyValue:StringNotEquals":{"aws:Key":["a"]}}`, key("a", "b"), true},
		{"ForAnyValueNegatedOfAll", `{"ForAnyValue:StringNotEquals":{"aws:Key":["a","b"]}}`, key("a", "b"), false},
		{"ForAnyValueNegatedIsFalseOfAMissingKey", `{"ForAnyValue:StringNotEquals":{"aws:Key":["a"]}}`, none, false},
		{"ForAnyValueIfExists", `{"ForAnyValue:StringEqualsIfExists":{"aws:Key":["a"]}}`, none, true},
		{"PlainOfSeveralValuesIsAny", `{"StringEquals":{"aws:Key":"a"}}`, key("b", "a"), true},
		{"PlainNegatedOfSeveralValuesIsNone", `{"StringNotEquals":{"aws:Key":"a"}}`, key("b", "a"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := resource(t, statement(`"Condition":`+tt.condition))
			q := ask(func(q *policy.Request) { q.Context = tt.context.get })
			if got := d.Evaluate(q).Effect == policy.Allow; got != tt.want {
				t.Errorf("%s with %v = %v, want %v", tt.condition, tt.context, got, tt.want)
			}
			if got := d.Explain(q)[0].Matched; got != tt.want {
				t.Errorf("Explain of %s with %v = %v, want %v", tt.condition, tt.context, got, tt.want)
			}
		})
	}
}

// TestVariables follows the IAM User Guide, "IAM policy elements: Variables and tags".
func TestVariables(t *testing.T) {
	named := context{"aws:username": {"alice"}, "aws:wild": {"*"}, "aws:two": {"a", "b"}}
	tests := []struct {
		name    string
		more    string
		key     string
		context context
		want    policy.Effect
	}{
		{"OwnFolder", `"Resource":"arn:aws:s3:::b/home/${aws:username}/*"`, "home/alice/x", named, policy.Allow},
		{"AnothersFolder", `"Resource":"arn:aws:s3:::b/home/${aws:username}/*"`, "home/bob/x", named, policy.NoMatch},
		{"CaseOfTheNameDoesNotCount", `"Resource":"arn:aws:s3:::b/${aws:UserName}"`, "alice", named, policy.Allow},
		{"AWildcardInAValueIsNone", `"Resource":"arn:aws:s3:::b/${aws:wild}"`, "alice", named, policy.NoMatch},
		{"AWildcardInAValueIsItself", `"Resource":"arn:aws:s3:::b/${aws:wild}"`, "*", named, policy.Allow},
		{"AMissingValueMatchesNothing", `"Resource":"arn:aws:s3:::b/${aws:username}*"`, "alice", context{}, policy.NoMatch},
		{"SeveralValuesMatchNothing", `"Resource":"arn:aws:s3:::b/${aws:two}*"`, "a", named, policy.NoMatch},
		{"ADefault", `"Resource":"arn:aws:s3:::b/${aws:username, 'shared'}/*"`, "shared/x", context{}, policy.Allow},
		{"ADefaultIsNotUsedWithAValue", `"Resource":"arn:aws:s3:::b/${aws:username, 'shared'}/*"`, "shared/x", named, policy.NoMatch},
		{"AStarAsText", `"Resource":"arn:aws:s3:::b/${*}"`, "*", named, policy.Allow},
		{"AStarAsTextIsNoWildcard", `"Resource":"arn:aws:s3:::b/${*}"`, "x", named, policy.NoMatch},
		{"AQuestionMarkAndADollarAsText", `"Resource":"arn:aws:s3:::b/${?}${$}{x}"`, "?${x}", named, policy.Allow},
		{"InACondition", `"Condition":{"StringLike":{"aws:username":"${aws:username}"}}`, "x", named, policy.Allow},
		{"InAnARN", `"Condition":{"ArnNotLike":{"aws:two":"arn:aws:iam::1:user/${aws:username}"}}`, "x", named, policy.Allow},
		{"AllowWithNotResourceAndNoValue", `"NotResource":"arn:aws:s3:::b/${aws:username}"`, "x", context{}, policy.NoMatch},
		{"DenyWithNotResourceAndNoValue", `"Effect":"Deny","NotResource":"arn:aws:s3:::b/${aws:username}"`, "x", context{}, policy.Deny},
		{"AllowNegatedAndNoValue", `"Condition":{"StringNotEquals":{"aws:wild":"${aws:none}"}}`, "x", named, policy.NoMatch},
		{"DenyNegatedAndNoValue", `"Effect":"Deny","Condition":{"StringNotEquals":{"aws:wild":"${aws:none}"}}`, "x", named, policy.Deny},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := ask(func(q *policy.Request) { q.Resource, q.Context = "arn:aws:s3:::b/"+tt.key, tt.context.get })
			if got := resource(t, statement(tt.more)).Evaluate(q).Effect; got != tt.want {
				t.Errorf("%s with %q = %v, want %v", tt.more, tt.key, got, tt.want)
			}
		})
	}
	for _, version := range []string{"", `"Version":"2008-10-17",`} {
		d := resource(t, `{`+version+`"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}}`)
		for key, want := range map[string]policy.Effect{"alice": policy.NoMatch, "${aws:username}": policy.Allow} {
			q := ask(func(q *policy.Request) { q.Resource, q.Context = "arn:aws:s3:::b/"+key, named.get })
			if got := d.Evaluate(q).Effect; got != want {
				t.Errorf("a variable in a document with %q and the key %q = %v, want %v", version, key, got, want)
			}
		}
	}
}

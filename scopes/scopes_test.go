package scopes

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"coffer"
)

// one is a policy of one statement.
func one(statement string) string {
	return `{"Version":"2012-10-17","Statement":[{` + statement + `}]}`
}

func TestAPolicyIsAScope(t *testing.T) {
	for _, tt := range []struct{ name, policy, want string }{
		{"Everything", one(`"Effect":"Allow","Action":"s3:*","Resource":"*"`), "full on all buckets"},
		{"EverythingOfEveryService", one(`"Effect":"Allow","Action":"*","Resource":["*"]`), "full on all buckets"},
		{"FullOnABucket", one(`"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]`), "full on photos"},
		{"OneStatementNoList", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}}`, "s3:GetObject on photos"},
		{"CaseOfActionsDoesNotCount", one(`"Effect":"Allow","Action":"s3:getobject","Resource":"arn:aws:s3:::photos/2026/*"`), "s3:GetObject on photos/2026/"},
		{"ABucketAndItsObjects", one(`"Sid":"Sync","Effect":"Allow","Action":["s3:ListBucket","s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]`),
			"s3:ListBucket, s3:GetObject, s3:PutObject on photos"},
		{"TwoStatementsOfOnePlace", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::photos"},` +
			`{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::photos/*"}]}`, "s3:ListBucket, s3:GetObject on photos"},
		{"TwoBuckets", one(`"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::photos/*","arn:aws:s3:::logs-*/*"]`), "s3:GetObject on photos and logs-*"},
		{"AFolder", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::photos","Condition":{"StringLike":{"s3:prefix":["home/ann/*"]}}},` +
			`{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::photos/home/ann/*"}]}`, "s3:ListBucket, s3:GetObject on photos/home/ann/"},
		{"NamesOfAllBuckets", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"},` +
			`{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::photos/a/*"}]}`,
			"s3:ListAllMyBuckets on all buckets; s3:GetObject, s3:GetObjectVersion, s3:GetObjectAttributes, s3:GetObjectVersionAttributes, s3:GetObjectAcl, s3:GetObjectVersionAcl, " +
				"s3:GetObjectTagging, s3:GetObjectVersionTagging, s3:GetObjectRetention, s3:GetObjectLegalHold, s3:GetObjectTorrent on photos/a/"},
		{"NeverOverwrites", one(`"Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],"Resource":"arn:aws:s3:::photos/in/*",` +
			`"Condition":{"Null":{"s3:if-none-match":"false"}}`), "create-only on photos/in/"},
		{"WriteOnly", one(`"Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],"Resource":"arn:aws:s3:::photos/*"`), "write-only on photos"},
		{"AStarThatIsOne", one(`"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/a${*}b${$}/*"`), "s3:GetObject on photos/a*b$/"},
	} {
		s, err := FromPolicy(tt.policy)
		if err != nil || s.String() != tt.want {
			t.Errorf("%s: FromPolicy(%s) = %v, %v, want %s", tt.name, tt.policy, s, err, tt.want)
		}
	}
}

// TestWhatNoScopeCanSayIsRefused holds that a policy is never rounded, and that each
// refusal names the place, the value and what to write.
func TestWhatNoScopeCanSayIsRefused(t *testing.T) {
	on := func(action, resource, more string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"},{"Effect":"Allow","Action":` + action + `,"Resource":` + resource + more + `}]}`
	}
	const object, bucket = `"arn:aws:s3:::photos/*"`, `"arn:aws:s3:::photos"`
	for _, tt := range []struct{ name, policy, value, do, at string }{
		{"NoJSON", `{"Version":`, "valid JSON", "", ""},
		{"NoStatements", `{"Version":"2012-10-17","Statement":[]}`, "empty", "", "Statement"},
		{"Principal", on(`"s3:GetObject"`, object, `,"Principal":"*"`), "principal", "", "Statement[1].Principal"},
		{"Deny", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:GetObject","Resource":` + object + `}}`, "only allows", "leave this statement out", "Statement[0].Effect"},
		{"NotAction", one(`"Effect":"Allow","NotAction":"s3:GetObject","Resource":` + object), "NotAction", "list in Action", "Statement[0].NotAction"},
		{"NotResource", one(`"Effect":"Allow","Action":"s3:GetObject","NotResource":` + object), "NotResource", "list in Resource", "Statement[0].NotResource"},
		{"UnknownAction", on(`["s3:GetObject","s3:GetObjcet"]`, object, ""), "s3:GetObjcet", "did you mean s3:GetObject?", "Statement[1].Action"},
		{"UnknownActionFarFromAll", on(`"s3:Frobnicate"`, object, ""), "s3:Frobnicate", "as s3:GetObject", "Statement[1].Action"},
		{"UnknownActionsByWildcard", on(`"s3:Frob*"`, object, ""), "s3:Frob*", "s3:Get*", "Statement[1].Action"},
		{"OtherService", on(`["s3:GetObject","kms:Decrypt"]`, object, ""), "kms:Decrypt", "leave it out", "Statement[1].Action"},
		{"OtherServiceByWildcard", on(`"i*:*"`, object, ""), "i*:*", "leave it out", "Statement[1].Action"},
		{"OtherServiceResource", on(`"s3:GetObject"`, `"arn:aws:iam::123456789012:user/a"`, ""), "arn:aws:iam::123456789012:user/a", "arn:aws:s3:::BUCKET/*", "Statement[1].Resource"},
		{"BadBucket", on(`"s3:ListBucket"`, `"arn:aws:s3:::Photos_"`, ""), "Photos_", "its name", "Statement[1].Resource"},
		{"BucketWithQuestionMark", on(`"s3:ListBucket"`, `"arn:aws:s3:::photo?"`, ""), "photo?", "its name", "Statement[1].Resource"},
		{"BucketWithVariable", on(`"s3:ListBucket"`, `"arn:aws:s3:::${aws:username}"`, ""), "${aws:username}", "its name", "Statement[1].Resource"},
		{"OneKey", on(`"s3:GetObject"`, `"arn:aws:s3:::photos/a.txt"`, ""), "a.txt", "2026/*", "Statement[1].Resource"},
		{"NoBoundary", on(`"s3:GetObject"`, `"arn:aws:s3:::photos/tenant1*"`, ""), "tenant1*", "write arn:aws:s3:::photos/tenant1/*", "Statement[1].Resource"},
		{"WildcardWithin", on(`"s3:GetObject"`, `"arn:aws:s3:::photos/*/2026/*"`, ""), "photos/*/2026/*", "at the end only", "Statement[1].Resource"},
		{"VariableInAKey", on(`"s3:GetObject"`, `"arn:aws:s3:::photos/${aws:username}/*"`, ""), "${aws:username}", "what it stands for", "Statement[1].Resource"},
		{"SlashAlone", on(`"s3:GetObject"`, `"arn:aws:s3:::photos//*"`, ""), "photos//*", "first name", "Statement[1].Resource"},
		{"NULInAKey", on(`"s3:GetObject"`, `"arn:aws:s3:::photos/\u0000s/*"`, ""), "NUL", "", "Statement[1].Resource"},
		{"ListOnObjects", on(`"s3:ListBucket"`, object, ""), "s3:ListBucket", "add arn:aws:s3:::photos", "Statement[1].Resource"},
		{"ReadOnABucket", on(`["s3:GetObject","s3:ListBucket"]`, bucket, ""), "s3:GetObject", "add arn:aws:s3:::photos/*", "Statement[1].Resource"},
		{"AllBucketsOnOne", on(`"s3:ListAllMyBuckets"`, bucket, ""), "s3:ListAllMyBuckets", "resource *", "Statement[1].Resource"},
		{"Address", on(`"s3:GetObject"`, object, `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), "aws:SourceIp", "leave it out", "Statement[1].Condition.IpAddress"},
		{"PrefixForReads", on(`["s3:ListBucket","s3:GetObject"]`, `[`+bucket+`,`+object+`]`, `,"Condition":{"StringLike":{"s3:prefix":"a/*"}}`), "s3:prefix", "statement of its own", "Statement[1].Condition"},
		{"PrefixWithoutBoundary", on(`"s3:ListBucket"`, bucket, `,"Condition":{"StringLike":{"s3:prefix":"a*"}}`), "a*", "write a/*", "Statement[1].Condition.StringLike"},
		{"PrefixThatEquals", on(`"s3:ListBucket"`, bucket, `,"Condition":{"StringEquals":{"s3:prefix":"a/"}}`), "s3:prefix", "StringLike", "Statement[1].Condition.StringEquals"},
		{"PrefixThatMayBeMissing", on(`"s3:ListBucket"`, bucket, `,"Condition":{"StringLikeIfExists":{"s3:prefix":"a/*"}}`), "s3:prefix", "StringLike", "Statement[1].Condition.StringLikeIfExists"},
		{"EveryPrefix", on(`"s3:ListBucket"`, bucket, `,"Condition":{"StringLike":{"s3:prefix":"*"}}`), "every prefix", "leave the condition out", "Statement[1].Condition.StringLike"},
		{"IfNoneMatchForMore", on(`["s3:PutObject","s3:DeleteObject"]`, object, `,"Condition":{"Null":{"s3:if-none-match":"false"}}`), "s3:if-none-match", "statement of their own", "Statement[1].Condition"},
		{"IfNoneMatchTheOtherWay", on(`"s3:PutObject"`, object, `,"Condition":{"Null":{"s3:if-none-match":"true"}}`), "s3:if-none-match", "leave it out", "Statement[1].Condition.Null"},
		{"TooLong", one(`"Sid":"` + strings.Repeat("a", 21<<10) + `"`), "up to 20480", "", ""},
		{"TooManyPlaces", one(`"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b` + strings.Join(numbers(101), `/*","arn:aws:s3:::b`) + `/*"]`), "more than 100 buckets", "", ""},
	} {
		s, err := FromPolicy(tt.policy)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if coffer.CodeOf(err) != coffer.MalformedPolicy || !strings.Contains(text, tt.value) || !strings.Contains(text, tt.do) || !strings.Contains(text, tt.at) {
			t.Errorf("%s: FromPolicy(%s) = %v, %q, want an error with %q, %q and %q", tt.name, tt.policy, s, text, tt.value, tt.do, tt.at)
		}
	}
}

func numbers(n int) []string {
	var out []string
	for i := range n {
		out = append(out, "aa"+strings.Repeat("x", i%50)+string(rune('a'+i/50)))
	}
	return out
}

// TestAScopeComesBackFromItsPolicy holds, for any scope, that the policy that it is
// written as is read as one that allows the same, no more and no less.
func TestAScopeComesBackFromItsPolicy(t *testing.T) {
	buckets := []coffer.BucketName{"ab", "abc", "abcd", "zzz"}
	keys := []string{"", "t", "t/", "t/k", "t/u/k", "t1/k", "a*b/k", "axb/k"}
	rapid.Check(t, func(t *rapid.T) {
		var grants []coffer.Grant
		for range rapid.IntRange(1, 4).Draw(t, "grants") {
			g := coffer.Grant{
				Buckets:  rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"abc", "abcd", "ab*", "zzz"}), 0, 2, rapid.ID).Draw(t, "buckets"),
				Prefixes: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"t", "t/u", "a*b", "$x${"}), 0, 2, rapid.ID).Draw(t, "prefixes"),
			}
			if g.Preset = rapid.SampledFrom(append(coffer.Presets(), "")).Draw(t, "preset"); g.Preset == "" {
				var some []coffer.Action
				for _, a := range rapid.SliceOfN(rapid.IntRange(1, int(coffer.ActionCount)-1), 1, 6).Draw(t, "actions") {
					some = append(some, coffer.Action(a))
				}
				g.Actions = coffer.NewActions(some...)
			}
			grants = append(grants, g)
		}
		scope, err := coffer.ParseScope(coffer.Scope{Grants: grants})
		if err != nil {
			t.Fatal(err)
		}
		text := Policy(scope)
		again, err := FromPolicy(text)
		if err != nil {
			t.Fatalf("FromPolicy(Policy(%s)): %v\n%s", scope, err, text)
		}
		for _, b := range buckets {
			if scope.SeesBucket(b) != again.SeesBucket(b) {
				t.Fatalf("(%s) comes back as (%s): SeesBucket(%s) = %t\n%s", scope, again, b, again.SeesBucket(b), text)
			}
			for _, k := range keys {
				for a := coffer.NoAction; a < coffer.ActionCount; a++ {
					if got, want := again.Allows(a, b, k), scope.Allows(a, b, k); got != want {
						t.Fatalf("(%s) comes back as (%s): Allows(%s, %s, %q) = %t, want %t\n%s", scope, again, a, b, k, got, want, text)
					}
				}
				if scope.Allows(coffer.PutObject, b, k) && scope.CreateOnly(b, k) != again.CreateOnly(b, k) {
					t.Fatalf("(%s) comes back as (%s): CreateOnly(%s, %q) = %t\n%s", scope, again, b, k, again.CreateOnly(b, k), text)
				}
			}
		}
		if scope.Everything() != again.Everything() {
			t.Fatalf("(%s) comes back as (%s), which manages keys: %t", scope, again, again.Everything())
		}
	})
}

func TestAPresetIsItsPolicyAndBack(t *testing.T) {
	for _, p := range coffer.Presets() {
		for _, g := range []coffer.Grant{{Preset: p}, {Preset: p, Buckets: []string{"photos", "logs-*"}}, {Preset: p, Buckets: []string{"photos"}, Prefixes: []string{"a/", "b/"}}, {Preset: p, Prefixes: []string{"a/"}}} {
			want := (&coffer.Scope{Grants: []coffer.Grant{g}}).String()
			text := Policy(&coffer.Scope{Grants: []coffer.Grant{g}})
			if got, err := FromPolicy(text); err != nil || got.String() != want {
				t.Errorf("%s comes back as %v, %v\n%s", want, got, err, text)
			}
		}
	}
	if got, err := FromPolicy(Policy(nil)); err != nil || !got.Everything() {
		t.Errorf("no scope comes back as %v, %v, want everything", got, err)
	}
}

package coffer_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"coffer"
)

func grant(preset coffer.Preset, buckets, prefixes string) coffer.Grant {
	return coffer.Grant{Preset: preset, Buckets: strings.Fields(buckets), Prefixes: strings.Fields(prefixes)}
}

func scopeOf(t rapid.TB, grants ...coffer.Grant) *coffer.Scope {
	t.Helper()
	s, err := coffer.ParseScope(coffer.Scope{Grants: grants})
	if err != nil {
		t.Fatalf("ParseScope(%+v): %v", grants, err)
	}
	return s
}

func TestScopeAllows(t *testing.T) {
	const (
		full, readWrite, readOnly     = coffer.PresetFull, coffer.PresetReadWrite, coffer.PresetReadOnly
		writeOnly, createOnly, listed = coffer.PresetWriteOnly, coffer.PresetCreateOnly, coffer.PresetListOnly
	)
	nothing := scopeOf(t)
	prefixed := scopeOf(t, grant(readWrite, "photos", "tenant1 deep/er/"))
	byName := scopeOf(t, coffer.Grant{Actions: coffer.NewActions(coffer.GetObject, coffer.ListBucket, coffer.PutBucketPolicy), Buckets: []string{"photos"}, Prefixes: []string{"in/"}})
	for _, tt := range []struct {
		name   string
		scope  *coffer.Scope
		action coffer.Action
		bucket coffer.BucketName
		key    string
		want   bool
	}{
		{"NoScopeIsEverything", nil, coffer.DeleteBucket, "photos", "", true},
		{"NoScopeIsNotNoAction", nil, coffer.NoAction, "photos", "", false},
		{"AnUnknownActionIsRefused", nil, coffer.ActionCount, "photos", "", false},
		{"NoGrantsIsNothing", nothing, coffer.GetObject, "photos", "a", false},
		{"NoGrantsListNoBuckets", nothing, coffer.ListAllMyBuckets, "", "", false},
		{"AnyGrantListsBuckets", prefixed, coffer.ListAllMyBuckets, "", "", true},

		{"Prefix", prefixed, coffer.GetObject, "photos", "tenant1/x", true},
		{"PrefixItself", prefixed, coffer.PutObject, "photos", "tenant1/", true},
		{"PrefixEndsAtItsBoundary", prefixed, coffer.GetObject, "photos", "tenant1234/x", false},
		{"PrefixWithoutSlashIsNotIn", prefixed, coffer.GetObject, "photos", "tenant1", false},
		{"PrefixIsCaseSensitive", prefixed, coffer.GetObject, "photos", "Tenant1/x", false},
		{"PrefixIsNoPath", prefixed, coffer.GetObject, "photos", "other/../tenant1/x", false},
		{"SecondPrefix", prefixed, coffer.DeleteObject, "photos", "deep/er/x", true},
		{"OtherBucket", prefixed, coffer.GetObject, "photos2", "tenant1/x", false},
		{"ListOfThePrefix", prefixed, coffer.ListBucket, "photos", "tenant1/", true},
		{"ListBelowThePrefix", prefixed, coffer.ListBucket, "photos", "tenant1/a", true},
		{"ListOfTheBucket", prefixed, coffer.ListBucket, "photos", "", false},
		{"ListAtHalfThePrefix", prefixed, coffer.ListBucket, "photos", "tenant1", false},
		{"UploadsOfTheBucket", prefixed, coffer.ListBucketMultipartUploads, "photos", "", false},
		{"WhereTheBucketIs", prefixed, coffer.GetBucketLocation, "photos", "", true},
		{"SettingsBehindAPrefix", prefixed, coffer.GetBucketVersioning, "photos", "", false},
		{"BucketItselfBehindAPrefix", scopeOf(t, grant(full, "photos", "a")), coffer.DeleteBucket, "photos", "a/", false},

		{"FullMakesBuckets", scopeOf(t, grant(full, "", "")), coffer.CreateBucket, "new", "", true},
		{"FullMakesBucketsThatItCovers", scopeOf(t, grant(full, "logs-*", "")), coffer.CreateBucket, "logs-1", "", true},
		{"FullMakesNoOtherBuckets", scopeOf(t, grant(full, "logs-*", "")), coffer.CreateBucket, "logs", "", false},
		{"FullBypasses", scopeOf(t, grant(full, "", "")), coffer.BypassGovernanceRetention, "b", "k", true},
		{"ReadWriteMakesNoBuckets", scopeOf(t, grant(readWrite, "", "")), coffer.CreateBucket, "new", "", false},
		{"ReadWriteDeletesNoBuckets", scopeOf(t, grant(readWrite, "", "")), coffer.DeleteBucket, "new", "", false},
		{"ReadWriteSetsNoPolicy", scopeOf(t, grant(readWrite, "", "")), coffer.PutBucketPolicy, "new", "", false},
		{"ReadWriteDeletes", scopeOf(t, grant(readWrite, "", "")), coffer.DeleteObjectVersion, "b", "k", true},
		{"ReadWriteDoesNotBypass", scopeOf(t, grant(readWrite, "", "")), coffer.BypassGovernanceRetention, "b", "k", false},
		{"ReadOnlyReads", scopeOf(t, grant(readOnly, "", "")), coffer.GetObjectVersion, "b", "k", true},
		{"ReadOnlyReadsSettings", scopeOf(t, grant(readOnly, "", "")), coffer.GetBucketPolicy, "b", "", true},
		{"ReadOnlyWritesNot", scopeOf(t, grant(readOnly, "", "")), coffer.PutObject, "b", "k", false},
		{"ReadOnlyAbortsNot", scopeOf(t, grant(readOnly, "", "")), coffer.AbortMultipartUpload, "b", "k", false},
		{"WriteOnlyWrites", scopeOf(t, grant(writeOnly, "", "")), coffer.PutObject, "b", "k", true},
		{"WriteOnlyReadsNot", scopeOf(t, grant(writeOnly, "", "")), coffer.GetObject, "b", "k", false},
		{"WriteOnlyListsNot", scopeOf(t, grant(writeOnly, "", "")), coffer.ListBucket, "b", "", false},
		{"WriteOnlyDeletesNot", scopeOf(t, grant(writeOnly, "", "")), coffer.DeleteObject, "b", "k", false},
		{"CreateOnlyWrites", scopeOf(t, grant(createOnly, "", "")), coffer.PutObject, "b", "k", true},
		{"CreateOnlyTagsNot", scopeOf(t, grant(createOnly, "", "")), coffer.PutObjectTagging, "b", "k", false},
		{"ListOnlyLists", scopeOf(t, grant(listed, "", "")), coffer.ListBucketVersions, "b", "", true},
		{"ListOnlyReadsNot", scopeOf(t, grant(listed, "", "")), coffer.GetObject, "b", "k", false},
		{"OneGrantIsEnough", scopeOf(t, grant(listed, "", ""), grant(readOnly, "bbb", "")), coffer.GetObject, "bbb", "k", true},
		{"AnActionByName", byName, coffer.GetObject, "photos", "in/x", true},
		{"AnActionThatIsNotNamed", byName, coffer.PutObject, "photos", "in/x", false},
		{"AnActionByNameElsewhere", byName, coffer.GetObject, "photos", "out/x", false},
		{"AListByNameBelowAPrefix", byName, coffer.ListBucket, "photos", "in/", true},
		{"AListByNameAboveIt", byName, coffer.ListBucket, "photos", "", false},
		{"ASettingByNameBehindAPrefix", byName, coffer.PutBucketPolicy, "photos", "", false},
		{"ASettingByName", scopeOf(t, coffer.Grant{Actions: coffer.NewActions(coffer.PutBucketPolicy)}), coffer.PutBucketPolicy, "photos", "", true},
		{"GrantsDoNotMix", scopeOf(t, grant(listed, "bbb", ""), grant(readOnly, "ccc", "")), coffer.GetObject, "bbb", "k", false},
	} {
		if got := tt.scope.Allows(tt.action, tt.bucket, tt.key); got != tt.want {
			t.Errorf("%s: (%v).Allows(%v, %q, %q) = %t, want %t", tt.name, tt.scope, tt.action, tt.bucket, tt.key, got, tt.want)
		}
	}
	mixed := scopeOf(t, grant(createOnly, "bbb", ""), grant(writeOnly, "bbb", "open"))
	for key, want := range map[string]bool{"x": true, "open/x": false, "opener/x": true} {
		if got := mixed.CreateOnly("bbb", key); got != want {
			t.Errorf("(%v).CreateOnly(b, %q) = %t, want %t", mixed, key, got, want)
		}
	}
	var none *coffer.Scope
	if none.CreateOnly("b", "k") || !nothing.CreateOnly("b", "k") || !none.SeesBucket("b") || nothing.SeesBucket("b") || !prefixed.SeesBucket("photos") {
		t.Error("CreateOnly or SeesBucket of no scope, or of one without grants, is wrong")
	}
}

func TestScopeIsCheckedAndNormalised(t *testing.T) {
	for _, tt := range []struct {
		name  string
		grant coffer.Grant
		want  string // a piece of the error, or the scope in words
	}{
		{"Prefix", grant("read-only", "photos", "2024"), "read-only on photos/2024/"},
		{"Star", grant("read-write", "photos *", ""), "read-write on all buckets"},
		{"PrefixEverywhere", grant("list-only", "", "a/b"), "list-only on a/b/ in all buckets"},
		{"Several", grant("full", "a-one logs-* c-three", ""), "full on a-one, logs-* and c-three"},
		{"NoPreset", grant("", "", ""), "choose full, read-write"},
		{"UnknownPreset", grant("admin", "", ""), `no preset "admin"`},
		{"BadBucket", grant("full", "A", ""), `"A" is not the name of a bucket`},
		{"StarInside", grant("full", "a*b", ""), "not the name of a bucket"},
		{"TwoStars", grant("full", "ab**", ""), "not the beginning"},
		{"EmptyPrefix", coffer.Grant{Preset: "full", Prefixes: []string{""}}, "leave prefixes out"},
		{"RootPrefix", grant("full", "", "/"), "leave prefixes out"},
		{"StarPrefix", grant("full", "", "photos/*"), `write "photos/"`},
		{"NULPrefix", coffer.Grant{Preset: "full", Prefixes: []string{"a\x00"}}, "UTF-8 without NUL"},
		{"BadUTF8", coffer.Grant{Preset: "full", Prefixes: []string{"\xff"}}, "UTF-8 without NUL"},
		{"LongPrefix", coffer.Grant{Preset: "full", Prefixes: []string{strings.Repeat("a", 1024)}}, "up to 1023 bytes"},
		{"ManyBuckets", coffer.Grant{Preset: "full", Buckets: make([]string, 101)}, "more than 100"},
	} {
		s, err := coffer.ParseScope(coffer.Scope{Grants: []coffer.Grant{tt.grant}})
		got := s.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) || err != nil && (coffer.CodeOf(err) != coffer.InvalidArgument || !strings.HasPrefix(got, "grant 1 of the scope: ")) {
			t.Errorf("%s: ParseScope = %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
	if _, err := coffer.ParseScope(coffer.Scope{Grants: make([]coffer.Grant, 51)}); coffer.CodeOf(err) != coffer.InvalidArgument {
		t.Errorf("ParseScope of 51 grants = %v, want InvalidArgument", err)
	}
	var none *coffer.Scope
	for s, want := range map[*coffer.Scope]string{none: "everything", {}: "nothing"} {
		if got := s.String(); got != want {
			t.Errorf("String = %q, want %q", got, want)
		}
	}
	s := scopeOf(t, grant("read-only", "photos", "2024"), grant("list-only", "", ""))
	b, err := json.Marshal(s)
	want := `{"grants":[{"preset":"read-only","buckets":["photos"],"prefixes":["2024/"]},{"preset":"list-only"}]}`
	var again coffer.Scope
	if err != nil || string(b) != want || json.Unmarshal(b, &again) != nil || !reflect.DeepEqual(&again, s) {
		t.Errorf("the scope is %s as JSON, %v, want %s", b, err, want)
	}
}

func TestActionsAreTheirNames(t *testing.T) {
	s := scopeOf(t, coffer.Grant{Actions: coffer.NewActions(coffer.PutObject, coffer.ListBucket), Buckets: []string{"photos"}})
	b, err := json.Marshal(s)
	want := `{"grants":[{"actions":["s3:ListBucket","s3:PutObject"],"buckets":["photos"]}]}`
	var again coffer.Scope
	if err != nil || string(b) != want || json.Unmarshal(b, &again) != nil || !reflect.DeepEqual(&again, s) {
		t.Errorf("the scope is %s as JSON, %v, want %s", b, err, want)
	}
	if err := json.Unmarshal([]byte(`{"grants":[{"actions":["s3:listbucket","s3:PUTOBJECT"],"buckets":["photos"]}]}`), &again); err != nil || !reflect.DeepEqual(&again, s) {
		t.Errorf("names in another case read as %v, %v, want %v", &again, err, s)
	}
	for _, name := range []string{"s3:GetObjcet", "s3:*", "GetObject", "none", ""} {
		if err := json.Unmarshal([]byte(`{"grants":[{"actions":["s3:GetObject","`+name+`"]}]}`), &again); err == nil || !strings.Contains(err.Error(), "there is no action") {
			t.Errorf("the action %q reads as %v, %v, want an error", name, &again, err)
		}
	}
	for _, g := range []coffer.Grant{{}, {Actions: coffer.NewActions(coffer.NoAction, coffer.ActionCount)}, {Preset: "full", Actions: coffer.NewActions(coffer.GetObject)}} {
		if _, err := coffer.ParseScope(coffer.Scope{Grants: []coffer.Grant{g}}); coffer.CodeOf(err) != coffer.InvalidArgument {
			t.Errorf("ParseScope(%+v) = %v, want InvalidArgument", g, err)
		}
	}
}

func TestEveryActionHasItsName(t *testing.T) {
	seen := map[string]bool{}
	for a := coffer.NoAction; a < coffer.ActionCount; a++ {
		name := a.String()
		if name == "" || seen[name] || a != coffer.NoAction && !strings.HasPrefix(name, "s3:") {
			t.Errorf("action %d is called %q", uint8(a), name)
		}
		seen[name] = true
	}
	for _, p := range coffer.Presets() {
		if p.Words() == "" {
			t.Errorf("preset %s has no words", p)
		}
	}
}

// telling are actions of each kind, few enough that scopes of them often touch.
var telling = []coffer.Action{coffer.ListAllMyBuckets, coffer.GetBucketLocation, coffer.ListBucket, coffer.GetBucketPolicy, coffer.DeleteBucket,
	coffer.GetObject, coffer.PutObject, coffer.AbortMultipartUpload, coffer.ListMultipartUploadParts, coffer.DeleteObject}

// drawScope draws from names that are each other's beginnings, so that scopes
// often touch.
func drawScope(t *rapid.T, name string) *coffer.Scope {
	if rapid.IntRange(0, 20).Draw(t, name+" none") == 0 {
		return nil
	}
	buckets := []string{"abc", "abcd", "ab*", "abc*", "*", "zzz"}
	prefixes := []string{"t", "t/u", "t1", "t/u/v", "x"}
	var grants []coffer.Grant
	for range rapid.IntRange(0, 3).Draw(t, name+" grants") {
		preset, actions := rapid.SampledFrom(append(coffer.Presets(), "")).Draw(t, "preset"), coffer.Actions{}
		if preset == "" {
			actions = coffer.NewActions(rapid.SliceOfN(rapid.SampledFrom(telling), 1, 4).Draw(t, "actions")...)
		}
		grants = append(grants, coffer.Grant{
			Preset:   preset,
			Actions:  actions,
			Buckets:  rapid.SliceOfN(rapid.SampledFrom(buckets), 0, 2).Draw(t, "buckets"),
			Prefixes: rapid.SliceOfN(rapid.SampledFrom(prefixes), 0, 2).Draw(t, "prefixes"),
		})
	}
	return scopeOf(t, grants...)
}

// TestAChildNeverExceedsItsMaker holds what Covers promises, for every action
// and for places on both sides of each boundary; and that it is of use, since a
// scope covers itself.
func TestAChildNeverExceedsItsMaker(t *testing.T) {
	buckets := []coffer.BucketName{"ab", "abc", "abcd", "abcde", "abx", "zzz", "other"}
	keys := []string{"", "t", "t/", "t/k", "t/u", "t/u/", "t/u/k", "t/u/v/k", "t1/k", "t12/k", "x/", "y"}
	rapid.Check(t, func(t *rapid.T) {
		parent, child := drawScope(t, "parent"), drawScope(t, "child")
		if !parent.Covers(parent) {
			t.Fatalf("(%v) does not cover itself", parent)
		}
		if !parent.Covers(child) {
			return
		}
		for _, b := range buckets {
			if child.SeesBucket(b) && !parent.SeesBucket(b) {
				t.Fatalf("(%v) covers (%v), which sees %s", parent, child, b)
			}
			for _, k := range keys {
				for a := coffer.NoAction; a < coffer.ActionCount; a++ {
					if child.Allows(a, b, k) && !parent.Allows(a, b, k) {
						t.Fatalf("(%v) covers (%v), which allows %v on %s/%s", parent, child, a, b, k)
					}
				}
				if child.Allows(coffer.PutObject, b, k) && !child.CreateOnly(b, k) && parent.CreateOnly(b, k) {
					t.Fatalf("(%v) covers (%v), which overwrites %s/%s", parent, child, b, k)
				}
			}
		}
	})
}

// TestScopeWithinAnother holds Within against both scopes by themselves.
func TestScopeWithinAnother(t *testing.T) {
	presets := append(coffer.Presets(), "")
	gen := rapid.Custom(func(t *rapid.T) *coffer.Scope {
		if rapid.IntRange(0, 5).Draw(t, "nil") == 0 {
			return nil
		}
		var grants []coffer.Grant
		for range rapid.IntRange(0, 2).Draw(t, "grants") {
			g := grant(rapid.SampledFrom(presets).Draw(t, "preset"),
				rapid.SampledFrom([]string{"", "photos", "pho*", "logs"}).Draw(t, "buckets"),
				rapid.SampledFrom([]string{"", "a", "a/b", "b"}).Draw(t, "prefixes"))
			if g.Preset == "" {
				g.Actions = coffer.NewActions(rapid.SliceOfN(rapid.SampledFrom(telling), 1, 4).Draw(t, "actions")...)
			}
			grants = append(grants, g)
		}
		return scopeOf(t, grants...)
	})
	rapid.Check(t, func(t *rapid.T) {
		inner, outer, third := gen.Draw(t, "inner"), gen.Draw(t, "outer"), gen.Draw(t, "third")
		both := inner.Within(outer)
		action := coffer.Action(rapid.IntRange(0, int(coffer.ActionCount)).Draw(t, "action"))
		bucket := rapid.SampledFrom([]coffer.BucketName{"photos", "phone", "logs"}).Draw(t, "bucket")
		key := rapid.SampledFrom([]string{"", "a/", "a/b/x", "b/x", "c"}).Draw(t, "key")
		if got, want := both.Allows(action, bucket, key), inner.Allows(action, bucket, key) && outer.Allows(action, bucket, key); got != want {
			t.Errorf("(%s).Allows(%s, %s, %q) = %t, want %t", both, action, bucket, key, got, want)
		}
		if got, want := both.SeesBucket(bucket), inner.SeesBucket(bucket) && outer.SeesBucket(bucket); got != want {
			t.Errorf("(%s).SeesBucket(%s) = %t, want %t", both, bucket, got, want)
		}
		if got, want := both.CreateOnly(bucket, key), inner.CreateOnly(bucket, key) || outer.CreateOnly(bucket, key); got != want {
			t.Errorf("(%s).CreateOnly(%s, %q) = %t, want %t", both, bucket, key, got, want)
		}
		if got, want := both.Everything(), inner.Everything() && outer.Everything(); got != want {
			t.Errorf("(%s).Everything() = %t, want %t", both, got, want)
		}
		if !inner.Covers(both) || !outer.Covers(both) {
			t.Errorf("(%s) is not covered by %s and %s", both, inner, outer)
		}
		if both.Covers(third) && !(inner.Covers(third) && outer.Covers(third)) {
			t.Errorf("(%s).Covers(%s), which one of the two does not", both, third)
		}
	})
}

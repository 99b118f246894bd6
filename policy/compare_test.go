package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"coffer/policy"
)

func identity(t *testing.T, statements ...string) *policy.Document {
	t.Helper()
	d, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`))
	if err != nil {
		t.Fatalf("ParseIdentity(%q) = %v", statements, err)
	}
	return d
}

func TestAtMost(t *testing.T) {
	const (
		all     = `{"Effect":"Allow","Action":"*","Resource":"*"}`
		read    = `{"Effect":"Allow","Action":["s3:Get*","s3:ListBucket"],"Resource":"arn:aws:s3:::logs*"}`
		readOne = `{"Effect":"Allow","Action":"S3:GetObject","Resource":"arn:aws:s3:::logs/app/${aws:username}/*"}`
		readNet = `{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::logs/*","Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.0.2.1"]}}}`
		readIP  = `{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::logs/*","Condition":{"IpAddress":{"aws:sourceip":"192.0.2.1"},"Bool":{"aws:SecureTransport":"true"}}}`
		noPut   = `{"Sid":"noput","Effect":"Deny","Action":"s3:Put*","Resource":"*"}`
		noWrite = `{"Effect":"Deny","Action":["s3:Put*","s3:Delete*"],"Resource":"*"}`
		notGet  = `{"Effect":"Allow","NotAction":"s3:Get*","Resource":"*"}`
		notRead = `{"Effect":"Allow","NotAction":["s3:Get*","s3:List*"],"Resource":"*"}`
	)
	tests := []struct {
		name         string
		narrow, wide []string
		want         string
	}{
		{"Itself", []string{readNet, noPut}, []string{readNet, noPut}, ""},
		{"AllIsTheMost", []string{read, readOne, readNet, notGet}, []string{all}, ""},
		{"AllIsMore", []string{all}, []string{read}, "statement 0 allows more than any one statement does that it must stay within"},
		{"AVariableBelowAStar", []string{readOne}, []string{read}, ""},
		{"AStarAboveAVariable", []string{read}, []string{readOne}, "statement 0 allows more than any one statement does that it must stay within"},
		{"OneMoreConditionAndFewerValues", []string{readIP}, []string{readNet}, ""},
		{"OneConditionLess", []string{readNet}, []string{readIP}, "statement 0 allows more than any one statement does that it must stay within"},
		{"ADenyIsKept", []string{read, noWrite}, []string{all, noPut}, ""},
		{"ADenyIsLost", []string{all}, []string{all, noPut}, "statement 1 (noput) that it must stay within denies what it does not deny itself"},
		{"MoreExceptions", []string{notRead}, []string{notGet}, ""},
		{"FewerExceptions", []string{notGet}, []string{notRead}, "statement 0 allows more than any one statement does that it must stay within"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ok, why := identity(t, tt.narrow...).AtMost(identity(t, tt.wide...))
			if why != tt.want || ok != (tt.want == "") {
				t.Errorf("AtMost = %v, %q, want %q", ok, why, tt.want)
			}
		})
	}
}

// TestAtMostIsCertain compares random documents: no request may be allowed by
// one that is at most another, and not by that other.
func TestAtMostIsCertain(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	random := func() *policy.Document {
		var list []string
		for range 1 + rnd.IntN(2) {
			s := fmt.Sprintf(`"Effect":%q,"%sAction":[%q,%q],"%sResource":[%q,%q]`, pick("Allow", "Allow", "Allow", "Deny"),
				pick("", "", "Not"), pick("s:a", "s:?", "s:ab", "s:*b"), pick("s:*", "*", "s:b"),
				pick("", "", "Not"), pick("*", "arn:aws:s3:::a*", "arn:aws:s3:::${aws:u}", "arn:aws:s3:::?b"), pick("arn:aws:s3:::ab", "arn:aws:s3:::a${aws:u, 'b'}", "arn:*:s3:::*b"))
			list = append(list, "{"+s+pick("", "", `,"Condition":{"StringEquals":{"aws:u":["a","b"]}}`, `,"Condition":{"StringNotEquals":{"aws:u":["b"]}}`, `,"Condition":{"StringNotEquals":{"aws:u":["b","a"]}}`)+"}")
		}
		return identity(t, list...)
	}
	var certain int
	for range 6_000 {
		narrow, wide := random(), random()
		if ok, _ := narrow.AtMost(wide); !ok {
			continue
		}
		certain++
		for _, action := range []string{"s:a", "s:b", "s:ab", "s:c"} {
			for _, key := range []string{"", "a", "b", "ab", "abb", "ba", "c"} {
				for _, keys := range []context{{}, {"aws:u": {"a"}}, {"aws:u": {"b"}}, {"aws:u": {"a", "b"}}} {
					q := &policy.Request{Action: action, Context: keys.get}
					if key != "" {
						q.Resource = "arn:aws:s3:::" + key
					}
					if narrow.Evaluate(q).Effect == policy.Allow && wide.Evaluate(q).Effect != policy.Allow {
						t.Fatalf("%s is at most %s, and allows %s on %q with %v", narrow, wide, action, key, keys)
					}
				}
			}
		}
	}
	if certain < 200 {
		t.Errorf("only %d pairs of documents were comparable: the test says little", certain)
	}
}

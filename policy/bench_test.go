package policy_test

import (
	"strings"
	"testing"

	"coffer/policy"
)

// typical is a policy as buckets have them: TLS only, a partner who reads below a
// prefix, and a folder for each user.
const typical = `{"Version":"2012-10-17","Id":"typical","Statement":[
	{"Sid":"TLS","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::logs","arn:aws:s3:::logs/*"],
	 "Condition":{"Bool":{"aws:SecureTransport":"false"}}},
	{"Sid":"Partner","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":["s3:GetObject","s3:ListBucket"],
	 "Resource":["arn:aws:s3:::logs","arn:aws:s3:::logs/partner/*"],"Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/32"]}}},
	{"Sid":"Home","Effect":"Allow","Principal":"*","Action":"s3:*Object","Resource":"arn:aws:s3:::logs/home/${aws:username}/*",
	 "Condition":{"StringEquals":{"aws:PrincipalAccount":"111122223333"},"DateLessThan":{"aws:CurrentTime":"2040-01-01T00:00:00Z"},
	 "NumericLessThanEquals":{"s3:max-keys":"100"}}}]}`

func typicalRequest() *policy.Request {
	keys := context{
		"aws:securetransport": {"true"}, "aws:sourceip": {"203.0.113.9"}, "aws:username": {"alice"}, "aws:principalaccount": {account},
		"aws:currenttime": {"2030-01-01T12:00:00Z"}, "s3:max-keys": {"10"},
	}
	return ask(func(q *policy.Request) { q.Resource, q.Context = "arn:aws:s3:::logs/home/alice/2030/a.txt", keys.get })
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	d, q := resource(t, typical), typicalRequest()
	if got := d.Evaluate(q); got.Sid != "Home" || got.Effect != policy.Allow {
		t.Fatalf("Evaluate = %+v, want the Allow of Home", got)
	}
	if n := testing.AllocsPerRun(100, func() { d.Evaluate(q) }); n > 0 {
		t.Errorf("Evaluate allocates %v times, want 0", n)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	d, err := policy.ParseResource([]byte(typical))
	if err != nil {
		b.Fatal(err)
	}
	q := typicalRequest()
	b.ReportAllocs()
	for b.Loop() {
		d.Evaluate(q)
	}
}

// BenchmarkEvaluateWorst is what the owner of a bucket can make of one request:
// all wildcards in one pattern, a key of 1 KB, and a document that is full.
func BenchmarkEvaluateWorst(b *testing.B) {
	text := statement(`"Resource":["arn:aws:s3:::logs/*` + strings.Repeat("a?", 255) + `b*",` + strings.Repeat(`"arn:aws:s3:::logs/*a*a*a*a*b",`, 600) + `"arn:aws:s3:::x"]`)
	d, err := policy.ParseResource([]byte(text))
	if err != nil {
		b.Fatal(err)
	}
	q := ask(func(q *policy.Request) { q.Resource = "arn:aws:s3:::logs/" + strings.Repeat("a", 1024) })
	b.ReportAllocs()
	for b.Loop() {
		if d.Evaluate(q).Effect != policy.NoMatch {
			b.Fatal("it matches")
		}
	}
}

// BenchmarkEvaluateLongHeader is the same of a value that the request has in a header.
func BenchmarkEvaluateLongHeader(b *testing.B) {
	for name, value := range map[string]string{"End": `"*a",`, "Middle": `"*ab*",`, "Fallback": `"*${aws:none, 'ab'}*",`} {
		b.Run(name, func(b *testing.B) {
			text := statement(`"Condition":{"StringLike":{"aws:UserAgent":[` + strings.Repeat(value, 19<<10/len(value)) + `"x"]}}`)
			d, err := policy.ParseResource([]byte(text))
			if err != nil {
				b.Fatal(err)
			}
			keys := context{"aws:useragent": {strings.Repeat("a", 30<<10) + "c"}}
			q := ask(func(q *policy.Request) { q.Context = keys.get })
			b.ReportAllocs()
			for b.Loop() {
				if d.Evaluate(q).Effect == policy.Allow {
					b.Fatal("it matches")
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(typical)))
	for b.Loop() {
		if _, err := policy.ParseResource([]byte(typical)); err != nil {
			b.Fatal(err)
		}
	}
}

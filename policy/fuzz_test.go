package policy_test

import (
	"errors"
	"testing"

	"coffer/policy"
)

// FuzzParse reads any bytes. Nothing may panic; what is refused says why; what is
// taken reads back the same, is at most itself, and Explain agrees with
// Evaluate about it.
func FuzzParse(f *testing.F) {
	for _, more := range []string{
		``, `"Sid":"a","Principal":{"AWS":["111122223333","` + alice + `"]}`, `"Effect":"Deny","NotPrincipal":{"CanonicalUser":"` + canonical + `"}`,
		`"NotAction":["s3:Get*","s3:?ut*"],"NotResource":"arn:aws:s3:::b/${aws:username, 'x'}${*}"`,
		`"Condition":{"StringLikeIfExists":{"aws:x":["a*","${aws:y}"]},"ForAnyValue:ArnLike":{"aws:z":"arn:aws:s3:::*"}}`,
		`"Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","::/0"]},"DateLessThan":{"aws:CurrentTime":"2030-01-01"},"NumericEquals":{"aws:n":1}}`,
		`"Condition":{"Bool":{"aws:x":true},"BinaryEquals":{"aws:x":"aGk="},"Null":{"aws:x":"false"}}`,
	} {
		f.Add([]byte(statement(more)))
	}
	keys := context{"aws:x": {"a", "true", "1"}, "aws:y": {"*"}, "aws:username": {"alice"}, "aws:sourceip": {"203.0.113.9"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := policy.ParseIdentity(text); err != nil {
			if _, ok := errors.AsType[*policy.Error](err); !ok {
				t.Errorf("ParseIdentity(%q) = %T, want an *Error", text, err)
			}
		}
		d, err := policy.ParseResource(text)
		if err != nil {
			if e, ok := errors.AsType[*policy.Error](err); !ok || e.Message == "" || d != nil {
				t.Errorf("ParseResource(%q) = %v, %#v, want nil and an *Error", text, d, err)
			}
			return
		}
		again, err := policy.ParseResource([]byte(d.String()))
		if err != nil || d.String() != string(text) || again.Public() != d.Public() {
			t.Errorf("%q reads back as %v, %v", text, again, err)
		}
		if ok, why := d.AtMost(again); !ok {
			t.Errorf("%q is more than itself: %s", text, why)
		}
		q := ask(func(q *policy.Request) { q.Context = keys.get })
		got, want := d.Evaluate(q), policy.Result{Statement: -1}
		for _, r := range d.Explain(q) {
			if r.Matched && (want.Effect == policy.NoMatch || r.Effect == policy.Deny && want.Effect == policy.Allow) {
				want = policy.Result{Effect: r.Effect, Statement: r.Statement, Sid: r.Sid}
			}
		}
		if got != want {
			t.Errorf("Evaluate of %q = %+v, Explain says %+v", text, got, want)
		}
	})
}

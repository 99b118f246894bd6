package s3

import (
	"testing"
	"time"

	"coffer"
)

// FuzzLifecycle reads back what it wrote of a lifecycle that it took, asks it when
// something ends, and never trips over documents.
func FuzzLifecycle(f *testing.F) {
	f.Add(`<LifecycleConfiguration><Rule><ID>a</ID><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value/></Tag><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></And></Filter>`+
		`<Status>Enabled</Status><Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition><Expiration><Days>2147483647</Days></Expiration>`+
		`<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`, "pq")
	f.Add(`<LifecycleConfiguration><Rule><Prefix/><Status>Disabled</Status><Expiration><Date>2030-01-01</Date></Expiration>`+
		`<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`, "")
	f.Fuzz(func(t *testing.T, document, key string) {
		n, err := parseXML([]byte(document), "LifecycleConfiguration")
		if err != nil {
			return
		}
		rules, err := parseLifecycle(n)
		if err != nil {
			return
		}
		l := coffer.Lifecycle{Rules: rules, TransitionMinimum: coffer.TransitionMinimumAll}
		if l.Check() != nil {
			return
		}
		written := lifecycleDoc(rules).close()
		again, err := parseXML(written, "LifecycleConfiguration")
		if err != nil {
			t.Fatalf("%s reads back as %v", written, err)
		}
		back, err := parseLifecycle(again)
		if err != nil || string(lifecycleDoc(back).close()) != string(written) {
			t.Errorf("%s reads back as %s, %v", written, lifecycleDoc(back).close(), err)
		}
		made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for _, day := range []time.Duration{coffer.LifecycleDay, time.Minute} {
			if e := l.Expires(coffer.Object{Key: key, Modified: made}, day); e != nil && len(rules) == 1 && rules[0].Expiration.Date.IsZero() && !e.Date.After(made) {
				t.Errorf("%s: with days of %v an object ends at %v, before it was made", written, day, e.Date)
			}
			_ = l.Noncurrents(coffer.Object{Key: key}, made, 1, day)
			_, _ = l.Becomes(coffer.Object{Key: key, Modified: made}, made, day)
		}
	})
}

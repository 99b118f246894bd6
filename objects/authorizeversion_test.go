package objects

import (
	"strings"
	"testing"
	"time"

	"coffer"
)

// TestAccessToVersions says that each version has its own list, and that naming a
// version is another action than reading what is current.
func TestAccessToVersions(t *testing.T) {
	w := newOpenWorld(t)
	ctx := t.Context()
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	put := func(acl coffer.CannedACL) string {
		w.clock.step(time.Second)
		o, err := w.alice.Put(ctx, PutInput{Bucket: "bucket", Key: "k", Body: strings.NewReader(""), Size: 0, ACL: coffer.NewACL{Canned: acl}})
		must(t, err)
		return o.VersionID
	}
	public, private := put(coffer.CannedPublicRead), put(coffer.CannedPrivate)
	nobody := w.As(coffer.Actor{})
	for _, tt := range []struct {
		name, version string
		want          coffer.Code
	}{
		{"TheCurrentOneIsPrivate", "", coffer.AccessDenied},
		{"SoItIsByItsName", private, coffer.AccessDenied},
		{"AnOldOneIsPublic", public, 0},
		{"OneThatIsNotThereIsNotTold", private[:31] + "0", coffer.AccessDenied},
	} {
		_, err := nobody.Head(ctx, GetInput{Bucket: "bucket", Key: "k", Version: tt.version})
		if tt.want == 0 && err != nil || tt.want != 0 && coffer.CodeOf(err) != tt.want {
			t.Errorf("%s: Head(%q) = %v, want code %d", tt.name, tt.version, err, tt.want)
		}
	}
	must(t, w.alice.PutBucketPolicy(ctx, "bucket", statement("Allow", onlyBob, `"s3:GetObject","s3:ListBucket"`, "")))
	_, err := w.bob.Head(ctx, GetInput{Bucket: "bucket", Key: "k", Version: private})
	wantCode(t, "GetObject is not GetObjectVersion: Head()", err, coffer.AccessDenied)
	_, err = w.bob.ListVersions(ctx, ListVersionsInput{Bucket: "bucket", Max: 10})
	wantCode(t, "ListBucket is not ListBucketVersions: ListVersions()", err, coffer.AccessDenied)
	_, err = w.bob.Delete(ctx, "bucket", Doomed{Key: "k", Version: private})
	wantCode(t, "nothing lets bob delete: Delete()", err, coffer.AccessDenied)
}

// TestStrangersDoNotLoosenLocks says that a key without a scope has no rights over
// the locks of another account.
func TestStrangersDoNotLoosenLocks(t *testing.T) {
	w := newOpenWorld(t)
	ctx := t.Context()
	_, err := w.alice.MakeBucket(ctx, CreateBucketInput{Name: "locked", Region: "auto", ObjectLock: true})
	must(t, err)
	lock := coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance, Until: w.clock.Now().Add(time.Hour)}}
	o, err := w.alice.Put(ctx, PutInput{Bucket: "locked", Key: "k", Body: strings.NewReader(""), Size: 0, Lock: lock})
	must(t, err)
	const all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject*","s3:DeleteObject*","s3:PutObject"],"Resource":"arn:aws:s3:::locked/*"},` +
		`{"Effect":"Deny","Principal":"*","Action":"s3:GetObjectRetention","Resource":"arn:aws:s3:::locked/*"}]}`
	must(t, w.alice.PutPublicAccess(ctx, "locked", coffer.PublicAccessBlock{}))
	must(t, w.alice.PutBucketPolicy(ctx, "locked", all))
	for name, s := range map[string]Session{"bob": w.bob, "nobody": w.As(coffer.Actor{})} {
		_, err := s.Delete(ctx, "locked", Doomed{Key: "k", Version: o.VersionID, Bypass: true})
		wantCode(t, name+": Delete() with a bypass", err, coffer.AccessDenied)
		_, err = s.Put(ctx, PutInput{Bucket: "locked", Key: "new", Body: strings.NewReader(""), Size: 0, Lock: lock})
		wantCode(t, name+": Put() with a lock", err, coffer.AccessDenied)
		c, err := s.Head(ctx, GetInput{Bucket: "locked", Key: "k"})
		if err != nil || c.Lock.Retention.Mode != "" {
			t.Errorf("%s: Head() = %+v, %v, want no retention told", name, c, err)
		}
	}
}

// TestNoPolicyStopsTheBucketItself says that what the program does for a bucket is
// not a request.
func TestNoPolicyStopsTheBucketItself(t *testing.T) {
	w := newOpenWorld(t)
	must(t, putAs(t, w.alice, "k", coffer.NewACL{}))
	must(t, w.alice.PutBucketPolicy(t.Context(), "bucket", statement("Deny", everybody, `"s3:*"`, "")))
	_, err := w.alice.Delete(t.Context(), "bucket", Doomed{Key: "k"})
	wantCode(t, "the owner's key: Delete()", err, coffer.AccessDenied)
	b, err := w.alice.HeadBucket(t.Context(), "bucket", coffer.GetBucketPolicy)
	must(t, err)
	if _, err := w.asItself(b).Delete(t.Context(), "bucket", Doomed{Key: "k"}); err != nil {
		t.Errorf("asItself().Delete() = %v", err)
	}
}

// TestABypassIsAskedOfTheVersionThatIsRemoved: its tags count, and not those of the
// current one.
func TestABypassIsAskedOfTheVersionThatIsRemoved(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.alice.MakeBucket(ctx, CreateBucketInput{Name: "locked", Region: "auto", ObjectLock: true})
	must(t, err)
	var made []coffer.Object
	for _, tags := range [][]coffer.Tag{{{Key: "keep", Value: "yes"}}, nil} {
		o, err := w.alice.Put(ctx, PutInput{Bucket: "locked", Key: "k", Body: strings.NewReader(""), Tags: tags,
			Lock: coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance, Until: w.clock.Now().Add(time.Hour)}}})
		must(t, err)
		made = append(made, o)
	}
	must(t, w.alice.PutBucketPolicy(ctx, "locked", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:BypassGovernanceRetention",`+
		`"Resource":"arn:aws:s3:::locked/*","Condition":{"StringEquals":{"s3:ExistingObjectTag/keep":"yes"}}}]}`))
	_, err = w.alice.Delete(ctx, "locked", Doomed{Key: "k", Version: made[0].VersionID, Bypass: true})
	wantCode(t, "Delete() of the version with the tag", err, coffer.AccessDenied)
	_, err = w.alice.Delete(ctx, "locked", Doomed{Key: "k", Version: made[1].VersionID, Bypass: true})
	must(t, err)
}

// TestAttributesAreOfWhoMayRead: they tell of the bytes (AWS, "GetObjectAttributes").
func TestAttributesAreOfWhoMayRead(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	o := w.put(t, "k", []byte("x"))
	attributes := func(version string) error {
		_, err := w.alice.Attributes(ctx, GetInput{Bucket: "bucket", Key: "k", Version: version, Action: coffer.GetObjectAttributes})
		return err
	}
	must(t, w.alice.PutBucketPolicy(ctx, "bucket", statement("Deny", everybody, `"s3:GetObject"`, "")))
	wantCode(t, "Attributes() without GetObject", attributes(""), coffer.AccessDenied)
	must(t, attributes(o.VersionID))
	must(t, w.alice.PutBucketPolicy(ctx, "bucket", statement("Deny", everybody, `"s3:GetObjectVersion"`, "")))
	wantCode(t, "Attributes() of a version without GetObjectVersion", attributes(o.VersionID), coffer.AccessDenied)
	must(t, attributes(""))
}

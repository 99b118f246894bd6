package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"coffer"
)

// named finds alice and bob, as accounts would.
func named(_ context.Context, handle string) (coffer.Account, error) {
	for _, a := range []coffer.Account{
		{ID: alice.Account, Canonical: alice.Canonical, Email: "alice@example.com", Name: "Alice"},
		{ID: bob.Account, Canonical: bob.Canonical, Email: "bob@example.com", Name: "Bob"},
	} {
		if handle == string(a.ID) || handle == string(a.Canonical) || handle == a.Email {
			return a, nil
		}
	}
	return coffer.Account{}, &coffer.Error{Code: coffer.NoSuchAccount}
}

// newOpenWorld is newWorld in which lists count and nothing is blocked.
func newOpenWorld(t testing.TB) *world {
	t.Helper()
	w := openEmpty(t)
	w.Account, w.Ownership = named, coffer.ObjectWriter
	if _, err := w.alice.CreateBucket(t.Context(), "bucket", "auto"); err != nil {
		t.Fatal(err)
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func putAs(t testing.TB, s Session, key string, acl coffer.NewACL) error {
	t.Helper()
	_, err := s.Put(t.Context(), PutInput{Bucket: "bucket", Key: key, Body: strings.NewReader("x"), Size: 1, ACL: acl})
	return err
}

// statement is a policy of one statement about the bucket and all in it.
func statement(effect, principal, actions, more string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"one","Effect":%q,"Principal":%s,"Action":[%s],`+
		`"Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]%s}]}`, effect, principal, actions, more)
}

const (
	everybody = `"*"`
	onlyBob   = `{"AWS":"arn:aws:iam::222222222222:root"}`
)

// answers are what an actor is told when it tries everything: to read k, which is
// there, and none, which is not, to list, to put new, to read the bucket's list, to
// change its policy, and to delete k.
func answers(t *testing.T, s Session) string {
	t.Helper()
	ctx := t.Context()
	_, get := s.Head(ctx, GetInput{Bucket: "bucket", Key: "k"})
	_, none := s.Head(ctx, GetInput{Bucket: "bucket", Key: "none"})
	_, list := s.List(ctx, ListInput{Bucket: "bucket", Max: 10})
	_, acl := s.BucketACL(ctx, "bucket")
	put, change := putAs(t, s, "new", coffer.NewACL{}), s.PutBucketPolicy(ctx, "bucket", "no policy")
	_, del := s.Delete(ctx, "bucket", Doomed{Key: "k"})
	out := ""
	for _, a := range []struct {
		name string
		err  error
	}{
		{"get", get}, {"none", none}, {"list", list}, {"put", put}, {"acl", acl},
		{"policy", change}, {"delete", del},
	} {
		switch coffer.CodeOf(a.err) {
		case coffer.AccessDenied:
		case coffer.NoSuchObject:
			out += a.name + "=404 "
		case coffer.MalformedPolicy:
			out += a.name + " "
		case coffer.MethodNotAllowed:
			out += a.name + "=405 "
		default:
			if a.err != nil {
				t.Errorf("%s = %v", a.name, a.err)
			}
			out += a.name + " "
		}
	}
	return strings.TrimSpace(out)
}

func TestWhoMayDoWhat(t *testing.T) {
	const all, nothing = "get none=404 list put acl policy delete", ""
	policy := func(text string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { must(t, w.alice.PutBucketPolicy(t.Context(), "bucket", text)) }
	}
	acl := func(canned coffer.CannedACL, grants ...coffer.ACLGrant) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			must(t, w.alice.PutBucketACL(t.Context(), "bucket", coffer.NewACL{Canned: canned, Grants: grants}, ""))
		}
	}
	object := func(in coffer.NewACL) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { must(t, putAs(t, w.alice, "k", in)) }
	}
	block := func(b coffer.PublicAccessBlock) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { must(t, w.alice.PutPublicAccess(t.Context(), "bucket", b)) }
	}
	own := func(o coffer.ObjectOwnership) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { must(t, w.alice.PutBucketOwnership(t.Context(), "bucket", o)) }
	}
	toBob := func(p coffer.Permission) coffer.ACLGrant {
		return coffer.ACLGrant{Grantee: coffer.Grantee{Canonical: bob.Canonical}, Permission: p}
	}
	type steps []func(*testing.T, *world)
	for _, tt := range []struct {
		name                 string
		steps                steps
		alice, bob, stranger string
	}{
		{"NothingSet", nil, all, nothing, nothing},
		{"PublicReadPolicy", steps{policy(statement("Allow", everybody, `"s3:GetObject"`, ""))}, all, "get", "get"},
		{"ListIsWhatTellsOfMissingKeys", steps{policy(statement("Allow", everybody, `"s3:GetObject","s3:ListBucket"`, ""))}, all, "get none=404 list", "get none=404 list"},
		{"RestrictPublicBucketsKeepsStrangersOut", steps{policy(statement("Allow", everybody, `"s3:GetObject"`, "")), block(coffer.PublicAccessBlock{RestrictPublicBuckets: true})}, all, nothing, nothing},
		{"RestrictLeavesAPolicyThatIsNotPublic", steps{policy(statement("Allow", onlyBob, `"s3:GetObject"`, "")), block(coffer.AllPublicAccessBlocked())}, all, "get", nothing},
		{"CrossAccountEverything", steps{policy(statement("Allow", onlyBob, `"s3:*"`, ""))}, all, "get none=404 list put acl policy=405 delete", nothing},
		{"EverybodyEverythingStopsAtTheSetUp", steps{policy(statement("Allow", everybody, `"s3:*"`, ""))}, all, "get none=404 list put acl policy=405 delete", "get none=404 list put acl delete"},
		{"DenyWinsOverTheOwnerToo", steps{policy(statement("Deny", everybody, `"s3:GetObject","s3:DeleteObject"`, ""))}, "list put acl policy", nothing, nothing},
		{"NobodyLocksThemselvesOut", steps{policy(statement("Deny", everybody, `"s3:*"`, ""))}, "policy", nothing, nothing},
		{"ConditionOnTheAccount", steps{policy(statement("Allow", everybody, `"s3:GetObject"`, `,"Condition":{"StringEquals":{"aws:PrincipalAccount":"222222222222"}}`))}, all, "get", nothing},
		{"ConditionOnATagThatIsNotThere", steps{policy(statement("Allow", everybody, `"s3:GetObject"`, `,"Condition":{"StringEquals":{"s3:ExistingObjectTag/team":"a"}}`))}, all, nothing, nothing},
		{"BucketPublicRead", steps{acl(coffer.CannedPublicRead)}, all, "none=404 list", "none=404 list"},
		{"BucketPublicReadWrite", steps{acl(coffer.CannedPublicReadWrite)}, all, "none=404 list put delete", "none=404 list put delete"},
		{"BucketAuthenticatedRead", steps{acl(coffer.CannedAuthenticatedRead)}, all, "none=404 list", nothing},
		{"BucketGrantOfReadACP", steps{acl("", toBob(coffer.PermissionReadACP))}, all, "acl", nothing},
		{"BucketGrantOfFullControl", steps{acl("", toBob(coffer.PermissionFull))}, all, "none=404 list put acl delete", nothing},
		{"IgnorePublicAcls", steps{acl(coffer.CannedPublicReadWrite, toBob(coffer.PermissionRead)), block(coffer.PublicAccessBlock{IgnorePublicACLs: true})}, all, "none=404 list", nothing},
		{"BucketPublicReadWriteIgnored", steps{acl(coffer.CannedPublicReadWrite), block(coffer.PublicAccessBlock{IgnorePublicACLs: true})}, all, nothing, nothing},
		{"ObjectPublicRead", steps{object(coffer.NewACL{Canned: coffer.CannedPublicRead})}, all, "get", "get"},
		{"ObjectPublicReadIgnored", steps{object(coffer.NewACL{Canned: coffer.CannedPublicRead}), block(coffer.PublicAccessBlock{IgnorePublicACLs: true})}, all, nothing, nothing},
		{"ObjectGrantOfRead", steps{object(coffer.NewACL{Grants: []coffer.ACLGrant{toBob(coffer.PermissionRead)}})}, all, "get", nothing},
		{"DenyWinsOverAnACL", steps{object(coffer.NewACL{Canned: coffer.CannedPublicRead}), policy(statement("Deny", onlyBob, `"s3:GetObject"`, ""))}, all, nothing, "get"},
		{"ACLsDoNotCountWhereTheOwnerIsEnforced", steps{object(coffer.NewACL{Canned: coffer.CannedPublicRead}), own(coffer.BucketOwnerEnforced)}, all, nothing, nothing},
	} {
		for name, who := range map[string]struct {
			actor coffer.Actor
			want  string
		}{"alice": {alice, tt.alice}, "bob": {bob, tt.bob}, "nobody": {coffer.Actor{}, tt.stranger}} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				w := newOpenWorld(t)
				must(t, putAs(t, w.alice, "k", coffer.NewACL{}))
				for _, step := range tt.steps {
					step(t, w)
				}
				if got := answers(t, w.As(who.actor)); got != strings.TrimSpace(who.want) {
					t.Errorf("%s may %q, want %q", name, got, who.want)
				}
			})
		}
	}
}

// TestAPolicyIsAboutItsBucket refuses what would name the bucket in a language that
// policies do not have: such a Deny would keep nobody out.
func TestAPolicyIsAboutItsBucket(t *testing.T) {
	w := newOpenWorld(t)
	for resource, taken := range map[string]bool{"bucket": true, "buck*": true, "buck?t/*": true, "bucket/[a]": true,
		"other": false, "buck[e]t/*": false, "buck[!x]t": false, `b\\ucket/*`: false, "": false} {
		text := strings.ReplaceAll(statement("Deny", onlyBob, `"s3:*"`, ""), `["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`, `"arn:aws:s3:::`+resource+`"`)
		if err := w.alice.PutBucketPolicy(t.Context(), "bucket", text); taken && err != nil || !taken && coffer.CodeOf(err) != coffer.MalformedPolicy {
			t.Errorf("PutBucketPolicy on %q = %v, want it taken: %t", resource, err, taken)
		}
	}
}

// TestScopeCountsAbroad says that a key's scope bounds it in the buckets of others
// as in its own.
func TestScopeCountsAbroad(t *testing.T) {
	w := newOpenWorld(t)
	must(t, putAs(t, w.alice, "k", coffer.NewACL{}))
	must(t, w.alice.PutBucketPolicy(t.Context(), "bucket", statement("Allow", onlyBob, `"s3:*"`, "")))
	reader := bob
	reader.Scope = &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly}}}
	if got, want := answers(t, w.As(reader)), "get none=404 list acl"; got != want {
		t.Errorf("a read-only key may %q, want %q", got, want)
	}
	reader.Scope = &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetFull, Buckets: []string{"mine"}}}}
	if got := answers(t, w.As(reader)); got != "" {
		t.Errorf("a key for other buckets may %q, want nothing", got)
	}
}

// TestRefusalsSayWhyAtHome wants the reason told to the bucket's own account, and
// to nobody else.
func TestRefusalsSayWhyAtHome(t *testing.T) {
	w := newOpenWorld(t)
	must(t, w.alice.PutBucketPolicy(t.Context(), "bucket", statement("Deny", everybody, `"s3:GetObject"`, "")))
	for name, s := range map[string]Session{"alice": w.alice, "bob": w.bob, "nobody": w.As(coffer.Actor{})} {
		_, err := s.Head(t.Context(), GetInput{Bucket: "bucket", Key: "k"})
		e, ok := errors.AsType[*coffer.Error](err)
		if !ok || e.Code != coffer.AccessDenied || strings.Contains(e.Message, `"one"`) != (name == "alice") {
			t.Errorf("%s: Head() = %v", name, err)
		}
	}
}

// TestWriterOwnsItsObject plays what AWS documents of the objects of other accounts
// ("Controlling ownership of objects").
func TestWriterOwnsItsObject(t *testing.T) {
	w := newOpenWorld(t)
	ctx := t.Context()
	must(t, w.alice.PutBucketACL(ctx, "bucket", coffer.NewACL{Canned: coffer.CannedPublicReadWrite}, ""))
	must(t, putAs(t, w.bob, "k", coffer.NewACL{}))
	if _, err := w.bob.Head(ctx, GetInput{Bucket: "bucket", Key: "k"}); err != nil {
		t.Errorf("the writer reads: %v", err)
	}
	_, err := w.alice.Head(ctx, GetInput{Bucket: "bucket", Key: "k"})
	wantCode(t, "the bucket's owner reads", err, coffer.AccessDenied)
	list, _, err := w.bob.ObjectACL(ctx, GetInput{Bucket: "bucket", Key: "k"})
	if want := (coffer.Owner{Account: bob.Account, Canonical: bob.Canonical}); err != nil || list.Owner != want || !list.Private() {
		t.Errorf("ObjectACL() = %v, %v, want it private to %v", list, err, want)
	}
	page, err := w.alice.List(ctx, ListInput{Bucket: "bucket", Max: 1})
	if err != nil || page.Objects[0].ACL == nil || page.Objects[0].ACL.Owner.Canonical != bob.Canonical {
		t.Errorf("List() = %+v, %v, want bob as the owner", page, err)
	}
	must(t, w.alice.PutBucketPolicy(ctx, "bucket", statement("Allow", everybody, `"s3:GetObject"`, "")))
	_, err = w.As(coffer.Actor{}).Head(ctx, GetInput{Bucket: "bucket", Key: "k"})
	wantCode(t, "a policy speaks for the bucket's owner only: Head()", err, coffer.AccessDenied)

	must(t, putAs(t, w.bob, "given", coffer.NewACL{Canned: coffer.CannedOwnerFull}))
	if _, err := w.alice.Head(ctx, GetInput{Bucket: "bucket", Key: "given"}); err != nil {
		t.Errorf("bucket-owner-full-control: Head() = %v", err)
	}
	must(t, w.alice.PutBucketOwnership(ctx, "bucket", coffer.BucketOwnerPreferred))
	must(t, putAs(t, w.bob, "given", coffer.NewACL{Canned: coffer.CannedOwnerFull}))
	if c, err := w.alice.Head(ctx, GetInput{Bucket: "bucket", Key: "given"}); err != nil || c.ACL != nil {
		t.Errorf("BucketOwnerPreferred: Head() = %v, %v, want no list of its own", c, err)
	}
	_, _, err = w.bob.ObjectACL(ctx, GetInput{Bucket: "bucket", Key: "given"})
	wantCode(t, "what was given away: ObjectACL()", err, coffer.AccessDenied)
	_, err = w.alice.Delete(ctx, "bucket", Doomed{Key: "k"})
	must(t, err)
}

// TestUploadsOfOthers says who may go on with an upload, and whose its object is.
func TestUploadsOfOthers(t *testing.T) {
	w := newOpenWorld(t)
	ctx := t.Context()
	must(t, w.alice.PutBucketPolicy(ctx, "bucket", statement("Allow", onlyBob, `"s3:PutObject"`, "")))
	begin := func() coffer.UploadID {
		u, err := w.bob.CreateUpload(ctx, UploadInput{Bucket: "bucket", Key: "k"})
		must(t, err)
		return u.ID
	}
	id := begin()
	_, err := w.As(coffer.Actor{}).ListParts(ctx, "bucket", "k", id, 0, 10)
	wantCode(t, "nobody: ListParts()", err, coffer.AccessDenied)
	if _, err := w.bob.ListParts(ctx, "bucket", "k", id, 0, 10); err != nil {
		t.Errorf("the initiator: ListParts() = %v", err)
	}
	must(t, w.bob.Abort(ctx, "bucket", "k", id))
	theirs, err := w.alice.CreateUpload(ctx, UploadInput{Bucket: "bucket", Key: "k"})
	must(t, err)
	wantCode(t, "another's upload: Abort()", w.bob.Abort(ctx, "bucket", "k", theirs.ID), coffer.AccessDenied)

	id = begin()
	p, err := w.bob.PutPart(ctx, PartInput{Bucket: "bucket", Key: "k", Upload: id, Number: 1, Body: bytes.NewReader([]byte("x")), Size: 1})
	must(t, err)
	_, err = w.alice.Complete(ctx, CompleteInput{Bucket: "bucket", Key: "k", Upload: id, Parts: []coffer.Part{p}, Size: -1})
	must(t, err)
	_, err = w.alice.Head(ctx, GetInput{Bucket: "bucket", Key: "k"})
	wantCode(t, "the object of who began the upload: Head()", err, coffer.AccessDenied)
}

// TestPolicyThatCannotBeRead lets nobody in, and says that something is wrong.
func TestPolicyThatCannotBeRead(t *testing.T) {
	var p bucketPolicy
	if err := p.UnmarshalJSON([]byte(`"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Permit\"}]}"`)); err == nil {
		t.Error("UnmarshalJSON(a policy that is none) = nil, want an error")
	}
}

package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/objects"
)

// fullBucketShell is a page of a bucket with everything there.
func fullBucketShell(s shell, wrong problems) bucketShell {
	return bucketShell{s, coffer.Bucket{Name: "photos", Region: "auto", Created: noon, Revision: 7, Versioning: coffer.VersioningEnabled}, unseen{}, wrong, noon}
}

func fullObjects(s shell, wrong problems) objectsPage {
	return objectsPage{shell: s, Bucket: "photos", Prefix: "a/b/", Crumbs: []crumb{{"photos", "/buckets/photos/objects"}}, Folders: []folder{{"<c>", "/x"}},
		Objects: []objectRow{{coffer.Object{Key: "a/b/<script>", Size: 12, Modified: noon}, "<script>", "/d"}}, Versioning: coffer.VersioningEnabled,
		Switch: "/s", Next: "/n", First: "/f", Now: noon, Wrong: wrong}
}

// fullVersions is the same page with versions.
func fullVersions(s shell, wrong problems) objectsPage {
	p := fullObjects(s, wrong)
	p.Versions, p.Objects = true, nil
	for i, o := range []coffer.Object{{DeleteMarker: true}, {Size: 12, VersionID: "<id>"}, {Lock: coffer.Lock{Hold: coffer.HoldOn}},
		{Lock: coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance, Until: noon.Add(time.Hour)}}}} {
		o.Key, o.Modified = "a/b/<script>", noon
		p.Rows = append(p.Rows, versionRow{objects.ListedVersion{Object: o, Latest: i == 0}, "<script>", coffer.VersionName(o.VersionID), "/d"})
	}
	return p
}

func fullBucket(s shell, wrong problems) bucketPage {
	p := bucketPage{fullBucketShell(s, wrong), coffer.Quota{Bytes: 1 << 30, Objects: 5}, coffer.Use{Bytes: 1 << 20, Objects: 3, UploadBytes: 12},
		[]coffer.Tag{{Key: "team", Value: `<a> "b"`}, {}}, lockForm{"GOVERNANCE", "30", "days", "30 days, governance mode"}}
	p.Bucket.ObjectLock = true
	return p
}

func fullAccess(s shell, wrong problems) accessPage {
	return accessPage{fullBucketShell(s, wrong), publicView{Policy: true, ACL: true, Objects: true}, coffer.AllPublicAccessBlocked(),
		`{"Version": "<script>alert(1)</script>"}`, true,
		[]coffer.CORSRule{{Origins: []string{"*", "https://<b>"}, Methods: []string{"GET", "PUT"}, Headers: []string{"*", "x-<b>"}, Expose: []string{"ETag"}, MaxAgeSeconds: 60}},
		corsForm{"https://a\n</textarea><script>alert(1)</script>", "*", "ETag", "60", "https://b", []string{"GET"}}}
}

func fullLifecycle(s shell, wrong problems) lifecyclePage {
	prefix, size, yes := "logs/<b>", int64(1<<20), true
	rule := coffer.LifecycleRule{ID: "<id>", Enabled: true, AbortDays: 7,
		Filter:                coffer.LifecycleFilter{Prefix: &prefix, Tags: []coffer.Tag{{Key: "a", Value: "<b>"}, {Key: "c", Value: "d"}}, LargerThan: &size, SmallerThan: &size},
		Expiration:            &coffer.LifecycleExpiration{Days: 30},
		Noncurrent:            &coffer.LifecycleNoncurrent{Days: 1, Keep: 3},
		Transitions:           []coffer.LifecycleTransition{{Days: 3, Class: "GLACIER"}, {Date: noon, Class: "GLACIER"}},
		NoncurrentTransitions: []coffer.LifecycleNoncurrent{{Days: 3, Class: "GLACIER"}}}
	sums := objects.LifecycleSums{Expired: 12345, Noncurrent: 1, Markers: 2, Transitions: 3, Uploads: 4, Bytes: 1 << 20}
	dated, marked := rule, rule
	dated.Expiration, marked.Expiration = &coffer.LifecycleExpiration{Date: noon}, &coffer.LifecycleExpiration{DeleteMarkers: &yes}
	p := lifecyclePage{bucketShell: fullBucketShell(s, wrong), Counted: true, New: ruleForm{"i", "<p>", "t", "v", "1", "2", "3", "4", true}, Trial: &sums}
	for i, r := range []coffer.LifecycleRule{rule, dated, marked} {
		r.Enabled = i < 2
		p.Rules = append(p.Rules, ruleView{r, ruleFor(r.Filter), ruleDoes(r), sums, true})
	}
	return p
}

func fullNotifications(s shell, wrong problems) notificationsPage {
	return notificationsPage{fullBucketShell(s, wrong),
		[]coffer.NotificationRule{{ID: "<id>", Webhook: "hook", Events: []string{"s3:ObjectCreated:*", "s3:ObjectCreated:Put"}, Prefix: "<p>", Suffix: ".jpg"}, {ID: "all", Webhook: "hook"}},
		[]objects.Destination{{Name: "hook", Log: true}, {Name: "other"}},
		[]webhookLog{{"hook", objects.WebhookCounts{Waiting: 1, Dead: 2, Delivered: 3, Failed: 4}, []objects.Delivery{
			{ID: "d", Time: noon, Took: time.Second, Status: 200, Events: 2}, {ID: "e", Time: noon, Error: "<refused>", Events: 1}, {ID: "f", Time: noon, Events: 1}}}, {Name: "quiet"}},
		notificationForm{"hook", "<p>", ".jpg", []string{"s3:ObjectCreated:*"}}}
}

// TestVersionsExecuteForWhoWritesAndWhoLooks looks at the other form of the page of
// objects.
func TestVersionsExecuteForWhoWritesAndWhoLooks(t *testing.T) {
	files, err := newStatic()
	if err != nil {
		t.Fatal(err)
	}
	all, err := parsePages(files.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, writes := range []bool{true, false} {
		p := fullVersions(fullShell("photos"), nil)
		p.Writes = writes
		var b bytes.Buffer
		if err := all["objects"].ExecuteTemplate(&b, "page", p); err != nil {
			t.Fatal(err)
		}
		checkPage(t, "objects", b.String())
		if got, want := strings.Count(b.String(), `action="/buckets/photos/restore"`), 3; writes && got != want || !writes && got != 0 {
			t.Errorf("%d versions can be restored, want %d for who writes (%v)", got, want, writes)
		}
		if got, want := strings.Count(b.String(), "<dialog"), 2; writes && got != want || !writes && got != 0 {
			t.Errorf("%d versions can be deleted, want the %d that no lock keeps for who writes (%v)", got, want, writes)
		}
	}
}

// TestBucketPagesWithoutRightsExecute shows who may only look what there is, and says
// so of what the bucket's policy hides.
func TestBucketPagesWithoutRightsExecute(t *testing.T) {
	files, err := newStatic()
	if err != nil {
		t.Fatal(err)
	}
	all, err := parsePages(files.path)
	if err != nil {
		t.Fatal(err)
	}
	s := fullShell("photos")
	s.Writes, s.Manages, s.Owns, s.Member.Operator = false, false, false, false
	for _, hide := range []bool{false, true} {
		bucket, access, lifecycle, notes := fullBucket(s, nil), fullAccess(s, nil), fullLifecycle(s, nil), fullNotifications(s, nil)
		for _, b := range []*bucketShell{&bucket.bucketShell, &access.bucketShell, &lifecycle.bucketShell, &notes.bucketShell} {
			for _, what := range []string{"tags", "lock", "block", "policy", "cors", "status", "lifecycle", "notifications"} {
				b.Hidden[what] = hide
			}
		}
		for name, model := range map[string]any{"bucket": bucket, "access": access, "lifecycle": lifecycle, "notifications": notes} {
			var b bytes.Buffer
			if err := all[name].ExecuteTemplate(&b, "page", model); err != nil {
				t.Fatalf("page %s: %v", name, err)
			}
			checkPage(t, name, b.String())
			main := after(b.String(), "<main")
			if got := strings.Contains(main, `method="post" action="/buckets/photos/`) && !strings.Contains(main, "disabled"); got {
				t.Errorf("page %s has a form to change the bucket for who may only look", name)
			}
			if got := strings.Contains(main, "keeps you from seeing this"); got != hide {
				t.Errorf("page %s says that something is hidden: %v, want %v", name, got, hide)
			}
		}
	}
}

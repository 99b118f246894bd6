package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/objects"
)

// put stores one more version.
func (p person) put(bucket coffer.BucketName, key, text string, lock coffer.Lock) string {
	p.w.t.Helper()
	p.w.now = p.w.now.Add(time.Second)
	o, err := p.session().Put(p.w.t.Context(), objects.PutInput{Bucket: bucket, Key: key, Body: strings.NewReader(text), Size: int64(len(text)),
		Attributes: coffer.Attributes{ContentType: "text/" + text, StorageClass: "STANDARD_IA"}, Lock: lock})
	if err != nil {
		p.w.t.Fatal(err)
	}
	return o.VersionID
}

func TestVersionsAreShownRestoredAndDeleted(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "", "")
	if a := p.sees("/buckets/photos/objects?versions=1", "The bucket is empty"); strings.Contains(a.body, "versions") && strings.Contains(a.body, "Show versions") {
		t.Error("a bucket that never kept versions offers to show them")
	}
	p.change("photos", "/versioning", "versioning", "Enabled")
	first := p.put("photos", "a/x.txt", "first", coffer.Lock{})
	second := p.put("photos", "a/x.txt", "second", coffer.Lock{})
	p.sees("/buckets/photos/objects?prefix=a%2F", "Show versions", "It goes out of sight and stays")
	if a := p.post("/buckets/photos/erase", "key", "a/x.txt", "prefix", "a/"); a.header.Get("Location") != "/buckets/photos/objects?prefix=a%2F&did=erased" {
		t.Errorf("delete leads to %q", a.header.Get("Location"))
	}
	page := p.sees("/buckets/photos/objects?prefix=a%2F&versions=1", "delete marker", first, second, "Hide versions", "Restore", "gone for good, and nothing brings it back")
	if got := strings.Count(page.body, "latest</span>"); got != 1 {
		t.Errorf("%d versions are the latest, want 1", got)
	}

	down := p.get("/buckets/photos/download?key=a%2Fx.txt&version=" + first)
	if to, err := url.Parse(down.header.Get("Location")); err != nil || to.Query().Get("versionId") != first {
		t.Errorf("the download of a version leads to %v, %v", to, err)
	}
	if a := p.get("/buckets/photos/download?key=a%2Fx.txt"); a.status != http.StatusNotFound {
		t.Errorf("the download of a deleted object = %d, want 404", a.status)
	}

	if a := p.post("/buckets/photos/restore", "key", "a/x.txt", "version", first, "prefix", "a/", "versions", "1"); a.header.Get("Location") != "/buckets/photos/objects?prefix=a%2F&versions=1&did=restored" {
		t.Fatalf("restore = %d to %q\n%.900s", a.status, a.header.Get("Location"), after(a.body, "<main"))
	}
	c, err := p.session().Get(t.Context(), objects.GetInput{Bucket: "photos", Key: "a/x.txt"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var b strings.Builder
	if _, err := c.WriteTo(t.Context(), &b); err != nil || b.String() != "first" || c.Attributes.ContentType != "text/first" || c.Attributes.StorageClass != "STANDARD_IA" {
		t.Errorf("after the restore the object is %q with %+v, %v", b.String(), c.Attributes, err)
	}

	if a := p.post("/buckets/photos/erase", "key", "a/x.txt", "version", second, "prefix", "a/", "versions", "1"); a.status != http.StatusSeeOther {
		t.Errorf("delete a version = %d", a.status)
	}
	if a := p.get("/buckets/photos/objects?prefix=a%2F&versions=1"); strings.Contains(a.body, second) || !strings.Contains(a.body, first) {
		t.Error("after the version was deleted the page has it, or lacks the other")
	}
	if a := p.post("/buckets/photos/restore", "key", "a/x.txt", "version", second); a.status != http.StatusNotFound {
		t.Errorf("restore of a version that is gone = %d, want 404", a.status)
	}
}

func TestALockKeepsItsVersion(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "", "")
	p.change("photos", "/versioning", "versioning", "Enabled")
	p.change("photos", "/lock", "for_good", "1")
	held := p.put("photos", "x", "held", coffer.Lock{Retention: coffer.Retention{Mode: coffer.Governance, Until: w.now.Add(48 * time.Hour)}})
	free := p.put("photos", "x", "free", coffer.Lock{})
	a := p.sees("/buckets/photos/objects?versions=1", "locked</span>", "until 2026-03-03")
	if got := strings.Count(a.body, "<dialog"); got != 1 {
		t.Errorf("%d versions can be deleted, want only the one that is free", got)
	}
	a = p.post("/buckets/photos/erase", "key", "x", "version", held, "versions", "1")
	if a.status != http.StatusForbidden || !strings.Contains(a.body, "protected by object lock") || !strings.Contains(a.body, held) {
		t.Errorf("deleting a locked version = %d, want 403 on the page of versions\n%.900s", a.status, after(a.body, "<main"))
	}
	if a := p.post("/buckets/photos/erase", "key", "x", "version", free, "versions", "1"); a.status != http.StatusSeeOther {
		t.Errorf("deleting the other = %d", a.status)
	}
}

func TestVersionsComeInPages(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "", "")
	p.change("photos", "/versioning", "versioning", "Enabled")
	for range pageMax + 3 {
		p.put("photos", "x", "again", coffer.Lock{})
	}
	first := p.sees("/buckets/photos/objects?versions=1", "Next page")
	next := hrefOf(first.body, "Next page")
	if got := strings.Count(first.body, "Download<"); got != pageMax || !strings.Contains(next, "after_version=") {
		t.Errorf("the first page has %d versions and leads to %q, want %d", got, next, pageMax)
	}
	second := p.sees(next, "First page")
	if got := strings.Count(second.body, "Download<"); got != 3 {
		t.Errorf("the second page has %d versions, want 3", got)
	}
}

// hrefOf is where the link with a text leads.
func hrefOf(body, text string) string {
	before, _, ok := strings.Cut(body, ">"+text+"</a>")
	if !ok {
		return ""
	}
	i := strings.LastIndex(before, `href="`)
	to, _, _ := strings.Cut(before[i+len(`href="`):], `"`)
	return strings.ReplaceAll(to, "&amp;", "&")
}

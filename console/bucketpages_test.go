package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/objects"
)

// session is what p does by S3 with a key of everything.
func (p person) session() objects.Session {
	return p.w.objects.As(coffer.Actor{Account: p.account.ID, Canonical: p.account.Canonical})
}

// change sends a form of one of a bucket's pages as that page has it now, with the
// settings' revision, and wants it carried out.
func (p person) change(bucket, form string, pairs ...string) {
	p.w.t.Helper()
	if a := p.post("/buckets/"+bucket+form, append(pairs, "revision", p.revision(bucket))...); a.status != http.StatusSeeOther {
		p.w.t.Fatalf("POST /buckets/%s%s %q = %d, want 303\n%.900s", bucket, form, pairs, a.status, after(a.body, "<main"))
	}
}

func (p person) revision(bucket string) string {
	p.w.t.Helper()
	b, err := p.session().HeadBucket(p.w.t.Context(), coffer.BucketName(bucket), coffer.GetBucketLocation)
	if err != nil {
		p.w.t.Fatal(err)
	}
	return fmt.Sprint(b.Revision)
}

// sees checks that a page has all of these.
func (p person) sees(path string, want ...string) answer {
	p.w.t.Helper()
	a := p.get(path)
	for _, s := range want {
		if a.status != http.StatusOK || !strings.Contains(a.body, s) {
			p.w.t.Errorf("GET %s = %d, want %q in it:\n%.3000s", path, a.status, s, after(a.body, "<main"))
		}
	}
	return a
}

func TestABucketIsSetUpOnItsPages(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "a.txt", "hello")
	s, ctx := p.session(), t.Context()

	p.change("photos", "/versioning", "versioning", "Enabled")
	if v, err := s.Versioning(ctx, "photos"); v != coffer.VersioningEnabled || err != nil {
		t.Errorf("Versioning = %v, %v, want Enabled", v, err)
	}
	p.sees("/buckets/photos", "Suspend versions", "Turn Object Lock on")
	p.change("photos", "/versioning", "versioning", "Suspended")
	p.sees("/buckets/photos", "suspended", "Turn versions on")
	p.change("photos", "/versioning", "versioning", "Enabled")

	p.change("photos", "/tags", "tag_key", "team", "tag_value", "a b", "tag_key", "", "tag_value", "")
	if tags, err := s.BucketTagging(ctx, "photos"); err != nil || len(tags) != 1 || tags[0] != (coffer.Tag{Key: "team", Value: "a b"}) {
		t.Errorf("BucketTagging = %v, %v", tags, err)
	}
	p.sees("/buckets/photos", `value="team"`, `value="a b"`)
	p.change("photos", "/tags", "tag_key", "", "tag_value", "")
	if _, err := s.BucketTagging(ctx, "photos"); coffer.CodeOf(err) != coffer.NoSuchTagSet {
		t.Errorf("BucketTagging of none = %v", err)
	}

	if a := p.post("/buckets/photos/lock", "lock_mode", "GOVERNANCE", "lock_period", "3", "lock_unit", "days"); a.status != http.StatusBadRequest ||
		!strings.Contains(a.body, "tick that you know that") || !strings.Contains(a.body, `value="GOVERNANCE" checked`) {
		t.Errorf("Object Lock without the box = %d, want 400 with the choice kept", a.status)
	}
	p.change("photos", "/lock", "for_good", "1", "lock_mode", "GOVERNANCE", "lock_period", "3", "lock_unit", "years")
	if lock, err := s.ObjectLock(ctx, "photos"); err != nil || lock.Default != (coffer.DefaultRetention{Mode: coffer.Governance, Years: 3}) {
		t.Errorf("ObjectLock = %+v, %v", lock, err)
	}
	p.sees("/buckets/photos", "3 years, governance mode", "so they cannot be suspended")
	if a := p.post("/buckets/photos/versioning", "versioning", "Suspended"); a.status != http.StatusConflict {
		t.Errorf("suspending the versions of a locked bucket = %d, want 409", a.status)
	}
	p.change("photos", "/lock", "lock_mode", "")
	if lock, err := s.ObjectLock(ctx, "photos"); err != nil || lock.Default.Mode != "" {
		t.Errorf("ObjectLock without a default = %+v, %v", lock, err)
	}
}

const publicPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}`

func TestAPolicyIsEditedAndItsErrorsKeepWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "", "")
	p.sees("/buckets/photos/access", "The bucket is not public.")
	for typed, want := range map[string]string{
		`{"Statement": [`: "", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}]}`: "invalid resource",
		" ": "no policy in the field", publicPolicy: "BlockPublicPolicy",
	} {
		a := p.post("/buckets/photos/policy", "policy", typed, "revision", p.revision("photos"))
		shown := strings.NewReplacer("&#34;", `"`).Replace(a.body)
		if a.status != http.StatusBadRequest && a.status != http.StatusForbidden || !strings.Contains(shown, typed+"</textarea>") || !strings.Contains(shown, want) ||
			!strings.Contains(shown, `aria-invalid="true"`) {
			t.Errorf("policy %q = %d, want a refusal with %q that keeps it", typed, a.status, want)
		}
	}
	p.change("photos", "/public-access", "block_acls", "1", "ignore_acls", "1")
	p.change("photos", "/policy", "policy", strings.ReplaceAll(publicPolicy, ",", ",\r\n"))
	if text, err := p.session().BucketPolicy(t.Context(), "photos"); err != nil || text != strings.ReplaceAll(publicPolicy, ",", ",\n") {
		t.Errorf("BucketPolicy = %q, %v, want it with the ends of lines that were typed", text, err)
	}
	p.sees("/buckets/photos/access", "The bucket is public.", "Its policy lets in anybody")
	p.change("photos", "/public-access", "block_acls", "1", "ignore_acls", "1", "restrict", "1", "block_policy", "1")
	p.sees("/buckets/photos/access", "only the boxes below keep it so", "its policy")
	p.change("photos", "/policy/delete")
	p.sees("/buckets/photos/access", "The bucket is not public.")
}

func TestABucketThatIsPublicByItsListIsSaidToBe(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "", "")
	s, ctx := p.session(), t.Context()
	if err := s.DeletePublicAccess(ctx, "photos"); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBucketOwnership(ctx, "photos", coffer.ObjectWriter); err != nil {
		t.Fatal(err)
	}
	p.sees("/buckets/photos/access", "The bucket is not public.", "single objects may be public")
	if err := s.PutBucketACL(ctx, "photos", coffer.NewACL{Canned: coffer.CannedPublicRead}, ""); err != nil {
		t.Fatal(err)
	}
	p.sees("/buckets/photos/access", "The bucket is public.", "Its access control list lets in anybody")
}

func TestAPolicyThatHidesASettingHidesNoOther(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "", "")
	p.change("photos", "/policy", "policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:GetBucketCORS","s3:GetBucketTagging"],"Resource":"arn:aws:s3:::photos"}]}`)
	p.sees("/buckets/photos/access", "keeps you from seeing this", "GetBucketTagging")
	p.sees("/buckets/photos", "keeps you from seeing this", "Turn versions on")
}

func TestCORSRulesAreAddedAndRemoved(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "", "")
	p.change("photos", "/cors", "preset", "uploads", "origin", "https://app.example.com/")
	p.change("photos", "/cors", "preset", "reads")
	p.change("photos", "/cors", "origins", "https://a.example\r\nhttps://*.b.example", "method", "DELETE", "headers", "x-a\nx-b", "max_age", "0")
	rules, err := p.session().BucketCORS(t.Context(), "photos")
	if err != nil || len(rules) != 3 || rules[0].Origins[0] != "https://app.example.com" || rules[0].Expose[0] != "ETag" || rules[1].Origins[0] != "*" ||
		len(rules[2].Origins) != 2 || len(rules[2].Headers) != 2 || rules[2].MaxAgeSeconds != 0 {
		t.Fatalf("BucketCORS = %+v, %v", rules, err)
	}
	p.sees("/buckets/photos/access", "all sites", "https://*.b.example", "x-a, x-b")
	stale := p.revision("photos")
	p.change("photos", "/cors/remove", "rule", "1")
	if a := p.post("/buckets/photos/cors/remove", "rule", "0", "revision", stale); a.status != http.StatusConflict || !strings.Contains(a.body, "in the meantime") {
		t.Errorf("a form made before the change = %d, want 409", a.status)
	}
	p.change("photos", "/cors/remove", "rule", "1")
	p.change("photos", "/cors/remove", "rule", "0")
	if _, err := p.session().BucketCORS(t.Context(), "photos"); coffer.CodeOf(err) != coffer.NoSuchCORSConfiguration {
		t.Errorf("BucketCORS after all were removed = %v", err)
	}
	for want, form := range map[string][]string{
		"as the browser shows it": {"preset", "uploads", "origin", "app.example.com"},
		"no origin":               {"origins", " ", "method", "GET"},
		"no method":               {"origins", "https://kept.example"},
		"more than one wildcard":  {"origins", "*kept*", "method", "GET"},
		"whole number of seconds": {"origins", "https://kept.example", "method", "GET", "max_age", "-1"},
	} {
		a := p.post("/buckets/photos/cors", append(form, "revision", p.revision("photos"))...)
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, want) || !strings.Contains(a.body, strings.TrimSpace(form[1])) && form[0] == "origins" {
			t.Errorf("CORS %q = %d, want 400 with %q", form, a.status, want)
		}
	}
}

func TestALifecycleRuleIsTriedThenAddedAndCounted(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "logs/a.txt", "hello")
	w.now = w.now.Add(5 * 24 * time.Hour)
	p = w.again(p, "ann@example.com")
	tried := p.post("/buckets/photos/lifecycle", "do", "try", "prefix", "logs/", "days", "3")
	if tried.status != http.StatusOK || !strings.Contains(tried.body, "<strong>1 object</strong> now") || !strings.Contains(tried.body, `value="logs/"`) {
		t.Errorf("trying a rule = %d, want one object and the form kept\n%.2000s", tried.status, after(tried.body, `id="new"`))
	}
	if _, err := p.session().BucketLifecycle(t.Context(), "photos"); coffer.CodeOf(err) != coffer.NoSuchLifecycleConfiguration {
		t.Errorf("BucketLifecycle after a trial = %v, want none", err)
	}
	p.change("photos", "/lifecycle", "id", "old logs", "prefix", "logs/", "days", "3")
	p.change("photos", "/lifecycle", "filter_tag", "kind", "filter_value", "tmp", "noncurrent_days", "1", "keep", "2")
	p.change("photos", "/lifecycle", "id", "uploads", "abort_days", "7", "markers", "1")
	p.sees("/buckets/photos/lifecycle", "old logs", "“logs/”", "3 days after they were written", "rule-1", "but for the 2 newest", "kind=tmp", "aborted after 7 days", "Delete markers")
	p.sees("/buckets/photos/lifecycle?count=1", "<strong>1 object</strong> now", "would remove no object now")
	p.change("photos", "/lifecycle/rule", "rule", "old logs", "do", "off")
	p.sees("/buckets/photos/lifecycle?count=1", "nothing while it is off")
	p.change("photos", "/lifecycle/rule", "rule", "old logs", "do", "remove")
	l, err := p.session().BucketLifecycle(t.Context(), "photos")
	if err != nil || len(l.Rules) != 2 || l.Rules[1].AbortDays != 7 {
		t.Fatalf("BucketLifecycle = %+v, %v, want the two others", l, err)
	}
	for want, form := range map[string][]string{
		"At least one action": {"prefix", "kept/"},
		"from 1 on":           {"prefix", "kept/", "days", "0"},
		"whole numbers":       {"prefix", "kept/", "days", "soon"},
		"make two":            {"prefix", "kept/", "days", "1", "markers", "1"},
		"how many of them":    {"prefix", "kept/", "keep", "1"},
		"Found same ID":       {"prefix", "kept/", "days", "1", "id", "uploads"},
	} {
		a := p.post("/buckets/photos/lifecycle", append(form, "revision", p.revision("photos"))...)
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, want) || !strings.Contains(a.body, `value="kept/"`) {
			t.Errorf("rule %q = %d, want 400 with %q and the form kept", form, a.status, want)
		}
	}
}

// again signs in anew, after the session of p has ended.
func (w *world) again(p person, email string) person {
	w.t.Helper()
	b := w.tab()
	if a := b.post("/signin", "email", email, "password", testWord); a.status != http.StatusSeeOther {
		w.t.Fatalf("sign-in = %d", a.status)
	}
	return person{b, p.member, p.account}
}

func TestNotificationsAreSetAndTheirLogIsForWhoMayReadIt(t *testing.T) {
	w := newWorld(t)
	w.owner("operator@example.com")
	p, other := w.owner("ann@example.com"), w.owner("bob@example.com")
	p.bucket("photos", "", "")
	p.sees("/buckets/photos/notifications", "nowhere to send events to")
	w.objects.Webhooks = []coffer.Webhook{{Name: "shared", URL: coffer.NewSecretFrom("https://sink.example/secret-token")}, {Name: "own", URL: coffer.NewSecretFrom("https://sink.example/secret-token"), Account: p.account.ID},
		{Name: "theirs", URL: coffer.NewSecretFrom("https://sink.example/"), Account: other.account.ID}}
	a := p.sees("/buckets/photos/notifications", `value="shared"`, `value="own"`)
	if strings.Contains(a.body, "theirs") || strings.Contains(a.body, "secret-token") {
		t.Error("the page names a webhook of another account, or its URL")
	}
	p.change("photos", "/notifications", "to", "own", "event", "s3:ObjectCreated:*", "prefix", "in/", "suffix", ".jpg")
	p.change("photos", "/notifications", "to", "shared", "event", "s3:ObjectRemoved:*")
	for _, d := range []struct{ hook, why string }{{"own", "no route"}, {"shared", "of somebody else"}} {
		if err := w.objects.DeliveryFailed(t.Context(), d.hook, objects.Delivery{ID: "d", Time: w.now, Error: d.why, Events: 1}); err != nil {
			t.Fatal(err)
		}
	}
	a = p.sees("/buckets/photos/notifications", "Deliveries to own", "no route", "an object was written", "in/", ".jpg")
	if strings.Contains(a.body, "of somebody else") {
		t.Error("the page has the deliveries of a webhook that other accounts send to")
	}
	if a := p.post("/buckets/photos/notifications", "to", "theirs", "event", "s3:ObjectTagging:*", "prefix", "kept/", "revision", p.revision("photos")); a.status != http.StatusBadRequest ||
		!strings.Contains(a.body, `value="kept/"`) {
		t.Errorf("a rule for a webhook of another account = %d, want 400", a.status)
	}
	rules, err := p.session().BucketNotification(t.Context(), "photos")
	if err != nil || len(rules) != 2 {
		t.Fatalf("BucketNotification = %+v, %v", rules, err)
	}
	p.change("photos", "/notifications/remove", "rule", rules[0].ID)
	p.change("photos", "/notifications/remove", "rule", rules[1].ID)
	if rules, err := p.session().BucketNotification(t.Context(), "photos"); err != nil || len(rules) != 0 {
		t.Errorf("BucketNotification after both were removed = %+v, %v", rules, err)
	}
}

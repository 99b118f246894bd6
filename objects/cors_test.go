package objects

import (
	"testing"

	"coffer"
)

func TestCORSRulesAreTheOwnersAndTheirAnswerIsForAll(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	anybody := w.As(coffer.Actor{})
	asked := coffer.CORSRequest{Origin: "https://a.example", Method: "GET"}
	if r, err := anybody.MatchCORS(ctx, "bucket", asked); r != nil || coffer.CodeOf(err) != coffer.NoSuchCORSConfiguration {
		t.Errorf("MatchCORS without rules = %v, %v, want NoSuchCORSConfiguration", r, err)
	}
	if r, err := anybody.MatchCORS(ctx, "nowhere", asked); r != nil || coffer.CodeOf(err) != coffer.NoSuchBucket {
		t.Errorf("MatchCORS of no bucket = %v, %v, want NoSuchBucket", r, err)
	}
	rules := []coffer.CORSRule{{ID: "a", Origins: []string{"https://a.example"}, Methods: []string{"GET"}, MaxAgeSeconds: -1}}
	if err := w.alice.PutBucketCORS(ctx, "bucket", rules); err != nil {
		t.Fatalf("PutBucketCORS = %v", err)
	}
	if got, err := w.alice.BucketCORS(ctx, "bucket"); err != nil || !equal(got, rules) {
		t.Errorf("BucketCORS = %+v, %v, want %+v", got, err, rules)
	}
	if r, err := anybody.MatchCORS(ctx, "bucket", asked); err != nil || r == nil || r.ID != "a" {
		t.Errorf("MatchCORS(%+v) = %v, %v, want the rule", asked, r, err)
	}
	asked.Method = "PUT"
	if r, err := anybody.MatchCORS(ctx, "bucket", asked); err != nil || r != nil {
		t.Errorf("MatchCORS(%+v) = %v, %v, want no rule", asked, r, err)
	}
	if err := w.alice.PutBucketCORS(ctx, "bucket", nil); coffer.CodeOf(err) != coffer.MalformedXML {
		t.Errorf("PutBucketCORS without rules = %v, want MalformedXML", err)
	}
	for name, s := range map[string]Session{"nobody": anybody, "another account": w.As(bob), "a scope of objects": scoped(t, w, coffer.Grant{Preset: coffer.PresetWriteOnly})} {
		_, err := s.BucketCORS(ctx, "bucket")
		for call, err := range map[string]error{"BucketCORS": err, "PutBucketCORS": s.PutBucketCORS(ctx, "bucket", rules), "DeleteBucketCORS": s.DeleteBucketCORS(ctx, "bucket")} {
			if coffer.CodeOf(err) != coffer.AccessDenied {
				t.Errorf("%s by %s = %v, want AccessDenied", call, name, err)
			}
		}
	}
	if err := w.alice.DeleteBucketCORS(ctx, "bucket"); err != nil {
		t.Fatalf("DeleteBucketCORS = %v", err)
	}
	if _, err := w.alice.BucketCORS(ctx, "bucket"); coffer.CodeOf(err) != coffer.NoSuchCORSConfiguration {
		t.Errorf("BucketCORS after DeleteBucketCORS = %v, want NoSuchCORSConfiguration", err)
	}
}

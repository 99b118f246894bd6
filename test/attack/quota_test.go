package attack

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"coffer/api"
)

// TEN-20 and XML-14: a quota holds against all ways to bring bytes in.
var quotaRows = []row{
	{"TEN-20", "many writes at once do not pass a quota", quotaAtOnce},
	{"TEN-20", "no operation passes a quota", quotaOperations},
	{"TEN-20", "who has a quota does not change it", quotaByTenants},
	{"XML-14", "parts and uploads that are left count and are seen", litter},
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	w := newPlainWorld(t)
	w.s3(t, w.full, "PUT", "/a-quota", "").oneOf(t, "PUT /a-quota", 200)
	attack(t, w, quotaRows)
}

const quotaBytes = 10 << 20

// quota limits the bytes of a-quota, 0 for no limit, and returns what it holds.
func (w *world) quota(t *testing.T, bytes int64) api.Use {
	t.Helper()
	q, err := w.socket.ChangeBucketQuota(t.Context(), "a-quota", api.ChangeQuotaInput{Bytes: &bytes})
	if err != nil {
		t.Fatal(err)
	}
	return q.Used
}

// within fails the test if a-quota holds more than its quota.
func (w *world) within(t *testing.T, what string) {
	t.Helper()
	q, err := w.socket.BucketQuota(t.Context(), "a-quota")
	if err != nil {
		t.Fatal(err)
	}
	if sum := q.Used.Bytes + q.Used.UploadBytes; sum > quotaBytes {
		t.Errorf("%s: the bucket holds %d bytes, of which its quota allows %d", what, sum, quotaBytes)
	}
}

func quotaAtOnce(t *testing.T, w *world) {
	mib := strings.Repeat("q", 1<<20)
	w.unchanged(t, func() {
		w.quota(t, quotaBytes)
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				w.s3(t, w.full, "PUT", fmt.Sprintf("/a-quota/at-once-%d", i), mib).oneOf(t, "one of 20 PUTs of 1 MiB", 200, 403)
			})
		}
		all.Wait()
		w.within(t, "20 PUTs of 1 MiB at once")
		if used := w.quota(t, quotaBytes); used.Objects != 10 {
			t.Errorf("of 20 objects of 1 MiB %d are stored, want the 10 that fit", used.Objects)
		}
		for i := range 20 {
			w.s3(t, w.full, "DELETE", fmt.Sprintf("/a-quota/at-once-%d", i), "").oneOf(t, "DELETE", 204)
		}
		w.quota(t, 0)
	})
}

func quotaOperations(t *testing.T, w *world) {
	w.s3(t, w.full, "PUT", "/a-priv/source", strings.Repeat("s", 6<<20)).oneOf(t, "PUT", 200)
	w.unchanged(t, func() {
		w.quota(t, quotaBytes)
		w.s3(t, w.full, "PUT", "/a-quota/first", strings.Repeat("f", 8<<20)).oneOf(t, "PUT of what fits", 200)
		big := strings.Repeat("x", 3<<20)
		refused := func(what string, a answer) {
			t.Helper()
			a.is(t, what, 403, "QuotaExceeded")
			w.within(t, what)
		}
		refused("PUT", w.s3(t, w.full, "PUT", "/a-quota/over", big))
		f := forged{who: w.full, method: "PUT", path: "/a-quota/over", hash: unsigned, lines: []string{"Transfer-Encoding: chunked"}, body: fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(big), big)}
		refused("PUT of a length that nobody told", w.forge(t, f))
		for _, kind := range streams {
			s := stream(w, kind, big)
			s.path = "/a-quota/over"
			refused("PUT of "+kind, w.exchange(t, "PUT", s.text(w)))
		}
		refused("CopyObject", w.s3(t, w.full, "PUT", "/a-quota/over", "", "X-Amz-Copy-Source", "/a-priv/source"))
		refused("CopyObject within", w.s3(t, w.full, "PUT", "/a-quota/over", "", "X-Amz-Copy-Source", "/a-quota/first"))
		form := signForm(w.full, formPolicy("a-quota", "")).and([2]string{"key", "over"})
		refused("PostObject", w.form(t, "a-quota", form, big))
		refused("a URL to PUT", w.follow(t, "PUT", w.link(t, w.full, "PUT", "/a-quota/over"), big))
		id := w.upload(t, w.full, "/a-quota/over")
		path := "/a-quota/over?uploadId=" + url.QueryEscape(id)
		refused("UploadPart", w.s3(t, w.full, "PUT", path+"&partNumber=1", big))
		refused("UploadPartCopy", w.s3(t, w.full, "PUT", path+"&partNumber=1", "", "X-Amz-Copy-Source", "/a-priv/source"))
		refused("UploadPartCopy of a range", w.s3(t, w.full, "PUT", path+"&partNumber=1", "", "X-Amz-Copy-Source", "/a-priv/source", "X-Amz-Copy-Source-Range", "bytes=0-3145727"))
		// The same part again is in the place of the one before, and no more.
		for range 4 {
			w.s3(t, w.full, "PUT", path+"&partNumber=1", big[:1<<20]).oneOf(t, "UploadPart of what fits", 200)
			w.within(t, "UploadPart again")
		}
		refused("UploadPart behind it", w.s3(t, w.full, "PUT", path+"&partNumber=2", big[:3<<19]))
		w.s3(t, w.full, "DELETE", path, "").oneOf(t, "abort", 204)
		w.s3(t, w.full, "PUT", "/a-quota/first", big).oneOf(t, "PUT of less in the place of more", 200)
		w.s3(t, w.full, "DELETE", "/a-quota/first", "").oneOf(t, "DELETE in a full bucket", 204)
		w.quota(t, 0)
	})
	w.s3(t, w.full, "DELETE", "/a-priv/source", "").oneOf(t, "DELETE", 204)
}

func quotaByTenants(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.quota(t, quotaBytes)
		for _, who := range []pair{w.full, w.rw, w.bFull, nobody} {
			for _, path := range []string{"/v1/buckets/a-quota/quota", "/v1/buckets/b-priv/quota", "/v1/accounts/" + string(w.a.ID) + "/quota", "/v1/accounts/" + string(w.b.ID) + "/quota", "/v1/accounts/" + w.b.Email + "/quota"} {
				for _, body := range []string{`{"bytes":0}`, `{"objects":0}`, `{"requests_per_second":0}`, `{}`} {
					w.api(t, who, "PATCH", path, body).oneOf(t, "PATCH "+path+" "+body+" by "+who.id, 400, 401, 403, 404)
				}
				w.api(t, who, "GET", path, "").oneOf(t, "GET "+path+" by "+who.id, 401, 403, 404)
			}
		}
		if used := w.quota(t, quotaBytes); used.Bytes != 0 {
			t.Errorf("the bucket holds %d bytes, want none", used.Bytes)
		}
		for _, bytes := range []int64{-1, -1 << 63} {
			if _, err := w.socket.ChangeBucketQuota(t.Context(), "a-quota", api.ChangeQuotaInput{Bytes: &bytes}); err == nil {
				t.Errorf("a quota of %d bytes is taken, want an error", bytes)
			}
		}
		w.quota(t, 0)
	})
}

func litter(t *testing.T, w *world) {
	uploads := 1_100
	if testing.Short() {
		uploads = 150
	}
	w.bounded(t, "uploads that are left", func() {
		w.quota(t, quotaBytes)
		ids := make([]string, uploads)
		for i := range ids {
			ids[i] = w.upload(t, w.full, fmt.Sprintf("/a-quota/litter-%04d", i))
			if i%100 == 0 {
				w.s3(t, w.full, "PUT", fmt.Sprintf("/a-quota/litter-%04d?partNumber=1&uploadId=%s", i, url.QueryEscape(ids[i])), strings.Repeat("p", 100<<10)).oneOf(t, "UploadPart", 200)
			}
		}
		if used := w.quota(t, quotaBytes); used.UploadBytes != int64((uploads+99)/100)*100<<10 {
			t.Errorf("the parts that are left count %d bytes", used.UploadBytes)
		}
		listed, marker := 0, ""
		for {
			a := w.s3(t, w.full, "GET", "/a-quota?uploads"+marker, "")
			listed += strings.Count(a.body, "<UploadId>")
			_, rest, _ := strings.Cut(a.body, "<NextKeyMarker>")
			key, rest, _ := strings.Cut(rest, "<")
			_, rest, _ = strings.Cut(rest, "<NextUploadIdMarker>")
			id, _, _ := strings.Cut(rest, "<")
			if !strings.Contains(a.body, "<IsTruncated>true<") {
				break
			}
			marker = "&key-marker=" + url.QueryEscape(key) + "&upload-id-marker=" + url.QueryEscape(id)
		}
		if listed != uploads {
			t.Errorf("%d uploads are listed, of %d", listed, uploads)
		}
		for i, id := range ids {
			w.s3(t, w.full, "DELETE", fmt.Sprintf("/a-quota/litter-%04d?uploadId=%s", i, url.QueryEscape(id)), "").oneOf(t, "abort", 204)
		}
		if used := w.quota(t, 0); used.UploadBytes != 0 {
			t.Errorf("after all uploads were aborted their parts count %d bytes", used.UploadBytes)
		}
	})
}

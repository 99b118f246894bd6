package s3_test

import (
	"strings"
	"testing"
	"time"
)

// TestTimesAreInWholeSeconds: a list tells the same instant as the header of the
// object, which has no fractions. Only dates that a client gave keep theirs.
func TestTimesAreInWholeSeconds(t *testing.T) {
	w := newWorld(t)
	w.clock.tick(345 * time.Millisecond)
	w.play(t, "PUT /photos\nx-amz-bucket-object-lock-enabled: true", nil)
	w.play(t, "PUT /photos/a\n\nhello", nil)
	vars := map[string]string{}
	w.play(t, "@let upload UploadId\nPOST /photos/up?uploads", vars)
	w.play(t, "PUT /photos/up?partNumber=1&uploadId={upload}\n\nhello", vars)
	for _, request := range []string{
		"GET /", "GET /photos", "GET /photos?list-type=2", "GET /photos?versions", "GET /photos?uploads", "GET /photos/up?uploadId={upload}",
		"PUT /photos/b\nx-amz-copy-source: /photos/a", "PUT /photos/up?partNumber=2&uploadId={upload}\nx-amz-copy-source: /photos/a",
	} {
		if got := w.play(t, request, vars); !strings.Contains(got, ".000Z<") || strings.Contains(got, ".345Z") {
			t.Errorf("%s = %s, want times in whole seconds", request, got)
		}
	}
	w.play(t, "@md5\nPUT /photos/a?retention\n\n<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2031-01-01T00:00:00.250Z</RetainUntilDate></Retention>", nil)
	if got := w.play(t, "GET /photos/a?retention", nil); !strings.Contains(got, "2031-01-01T00:00:00.250Z") {
		t.Errorf("GET of the retention = %s, want the date to the millisecond", got)
	}
}

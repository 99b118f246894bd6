package s3_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/sigv4"
)

// TestWhoWasHandedALinkCannotKeepAnObjectFromBeingReplicated: what says that a write
// is a replica counts only if who signed the request said it.
func TestWhoWasHandedALinkCannotKeepAnObjectFromBeingReplicated(t *testing.T) {
	w := newWorld(t)
	for _, setup := range []string{"PUT /docs", "PUT /docs?versioning\n\n<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
		"PUT /docs?replication\n\n<ReplicationConfiguration><Role>r</Role><Rule><Prefix></Prefix><Status>Enabled</Status>" +
			"<Destination><Bucket>arn:aws:s3:::offsite:copies</Bucket></Destination></Rule></ReplicationConfiguration>"} {
		if got := w.play(t, setup, nil); !strings.HasPrefix(got, "200\n") {
			t.Fatalf("%s = %s", setup, got)
		}
	}
	for _, tt := range []struct {
		name         string
		before, link bool
		want         string
	}{
		{"NotSaid", false, true, "PENDING"},
		{"AddedToALink", false, true, "PENDING"},
		{"SignedInALink", true, true, "REPLICA"},
		{"AddedToASignedRequest", false, false, "PENDING"},
		{"Signed", true, false, "REPLICA"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", w.URL+"/docs/"+tt.name, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if tt.before {
			r.Header.Set(coffer.ReplicaHeader, "true")
		}
		p := w.pairs["alice"]
		if tt.link {
			sigv4.Presign(r, p.id, p.secret, "auto", "s3", time.Minute, w.clock.Now())
		} else {
			sigv4.Sign(r, p.id, p.secret, "auto", "s3", "UNSIGNED-PAYLOAD", w.clock.Now())
		}
		if tt.name != "NotSaid" {
			r.Header.Set(coffer.ReplicaHeader, "true")
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: PUT = %d, want 200", tt.name, answer.StatusCode)
		}
		if got := w.play(t, "HEAD /docs/"+tt.name, nil); !strings.Contains(got, "X-Amz-Replication-Status: "+tt.want) {
			t.Errorf("%s: the object is %s, want %s", tt.name, got, tt.want)
		}
	}
}

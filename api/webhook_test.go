package api

import (
	"strings"
	"testing"

	"coffer/objects"
)

func TestOperatorsSeeWebhooksAndReplayWhatWasGivenUp(t *testing.T) {
	opt, _ := newOptions(t)
	ctx := t.Context()
	h := Handler(opt)
	if err := opt.Objects.TestWebhook(ctx, "hook"); err != nil {
		t.Fatal(err)
	}
	waiting, err := opt.Objects.WaitingEvents(ctx, "hook", 10, 1000)
	if err != nil || len(waiting) != 1 {
		t.Fatalf("WaitingEvents() = %v, %v, want the test", waiting, err)
	}
	if err := opt.Objects.DeliveryFailed(ctx, "hook", objects.Delivery{ID: "d", Time: opt.Now(), Status: 500, Events: 1, Error: "no"}); err != nil {
		t.Fatal(err)
	}
	if err := opt.Objects.BuryEvents(ctx, "hook", waiting, "no"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/v1/webhooks", `"webhooks":[{"name":"hook","kind":"http","waiting":0,"dead":1,"delivered":0,"failed":1,"dropped":0}]`},
		{"GET", "/v1/webhooks/hook", `"status":500,"events":1,"error":"no"}],"dead":[{"time":`},
		{"GET", "/v1/webhooks/none", `"code":"NoSuchConfiguration"`},
		{"POST", "/v1/webhooks/hook:replay", `{"events":1}`},
		{"POST", "/v1/webhooks/hook:test", `{}`},
		{"GET", "/v1/webhooks", `"waiting":2,"dead":0`},
		{"GET", "/v1/buckets/none/replication", `"code":"NoSuchBucket"`},
	} {
		body := ""
		if tt.method == "POST" {
			body = "{}"
		}
		if w := send(h, tt.method, tt.path, body); !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s = %d %s, want %s", tt.method, tt.path, w.Code, w.Body, tt.want)
		}
	}
}

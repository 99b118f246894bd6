package s3_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"coffer"
	"coffer/objects"
)

// logged reads the log objects of a bucket, all their lines together.
func logged(t *testing.T, w *world, bucket coffer.BucketName) (keys, lines []string) {
	t.Helper()
	w.objects.FlushAccessLogs(context.Background(), true)
	alice := w.objects.As(coffer.Actor{Account: "111111111111"})
	page, err := alice.List(t.Context(), objects.ListInput{Bucket: bucket, Max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Objects {
		c, err := alice.Get(t.Context(), objects.GetInput{Bucket: bucket, Key: o.Key})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := c.WriteTo(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
		lines = append(lines, strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")...)
	}
	return keys, lines
}

func TestAccessLogsAreInTheFormOfAWS(t *testing.T) {
	w := newWorld(t)
	vars := map[string]string{}
	const to = `<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>p/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>`
	for _, request := range []string{
		"PUT /photos", "PUT /logs",
		"PUT /photos?logging\n\n" + to,
		"PUT /photos/a%20b%22\nUser-Agent: a\"b\tc\nReferer: https://r.example/\n\nhello",
		"GET /photos/a%20b%22?x=1&X-Amz-Signature=abc&x-amz-security-token=def\nRange: bytes=1-2",
		"@key bob\nGET /photos/none",
		"@key none\nGET /photos?acl",
		"@md5\nPOST /photos?delete\n\n<Delete><Object><Key>a b\"</Key></Object></Delete>",
		"GET /logs",
	} {
		w.play(t, request, vars)
	}
	keys, lines := logged(t, w, "logs")
	if len(keys) != 1 || !strings.HasPrefix(keys[0], "p/2026-01-01-00-00-09-") || len(keys[0]) != len("p/2026-01-01-00-00-09-")+16 {
		t.Errorf("the log objects are %q, want one with the time of its writing", keys)
	}
	owner, bob := strings.Repeat("01", 32), strings.Repeat("02", 32)
	want := []string{
		// The request that turned logging on is answered when it is on.
		owner + ` photos [01/Jan/2026:00:00:03 +0000] 127.0.0.1 ` + owner + ` ID REST.PUT.LOGGING_STATUS - "PUT /photos?logging HTTP/1.1" 200 - - - 0 - "-" "Go-http-client/1.1" - HOST SigV4 - AuthHeader ADDR - - - -`,
		owner + ` photos [01/Jan/2026:00:00:04 +0000] 127.0.0.1 ` + owner + ` ID REST.PUT.OBJECT a+b%22 "PUT /photos/a%20b%22 HTTP/1.1" 200 - - 5 0 - "https://r.example/" "a%22b%09c" - HOST SigV4 - AuthHeader ADDR - - - -`,
		owner + ` photos [01/Jan/2026:00:00:05 +0000] 127.0.0.1 - ID REST.GET.OBJECT a+b%22 "GET /photos/a%20b%22?x=1&X-Amz-Signature=REDACTED&x-amz-security-token=REDACTED HTTP/1.1" 400 `,
		owner + ` photos [01/Jan/2026:00:00:06 +0000] 127.0.0.1 ` + bob + ` ID REST.GET.OBJECT none "GET /photos/none HTTP/1.1" 403 AccessDenied `,
		owner + ` photos [01/Jan/2026:00:00:07 +0000] 127.0.0.1 - ID REST.GET.ACL - "GET /photos?acl HTTP/1.1" 403 AccessDenied `,
		owner + ` photos [01/Jan/2026:00:00:08 +0000] 127.0.0.1 ` + owner + ` ID REST.POST.MULTI_OBJECT_DELETE - "POST /photos?delete HTTP/1.1" 200 - `,
		owner + ` photos [01/Jan/2026:00:00:08 +0000] 127.0.0.1 ` + owner + ` ID BATCH.DELETE.OBJECT a+b%22 "POST /photos?delete HTTP/1.1" 204 - - - 0 - "-" "Go-http-client/1.1" - HOST SigV4 - AuthHeader ADDR - - - -`,
	}
	if len(lines) != len(want) {
		t.Fatalf("the log has %d lines, want %d:\n%s", len(lines), len(want), strings.Join(lines, "\n"))
	}
	for i, line := range lines {
		fields := strings.Fields(line)
		line = strings.Replace(line, fields[6], "ID", 1)
		line = strings.Replace(strings.Replace(line, "Y29mZmVyLXMz", "HOST", 1), strings.TrimPrefix(w.URL, "http://"), "ADDR", 1)
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is\n%s\nwant\n%s", i, line, want[i])
		}
	}
}

func TestAPresignedSignatureIsNotInTheAccessLog(t *testing.T) {
	w := newWorld(t)
	for _, request := range []string{"PUT /photos",
		"PUT /photos?logging\n\n<BucketLoggingStatus><LoggingEnabled><TargetBucket>photos</TargetBucket><TargetPrefix/><TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat></LoggingEnabled></BucketLoggingStatus>"} {
		w.play(t, request, map[string]string{})
	}
	answer, _ := link(t, w, "GET", "/photos/none", "", "")
	signed := answer.Request.URL
	// A page that was opened with the URL has its browser say where what it shows was
	// asked for.
	w.play(t, "GET /photos/image\nReferer: "+signed.String(), map[string]string{})
	signature := signed.Query().Get("X-Amz-Signature")
	keys, lines := logged(t, w, "photos")
	text := strings.Join(lines, "\n")
	if signature == "" || strings.Contains(text, signature) || !strings.Contains(text, "SigV4 - QueryString") || !strings.Contains(text, "&X-Amz-Signature=REDACTED\" ") || !strings.Contains(text, " 404 NoSuchKey ") {
		t.Errorf("the log is\n%s\nwant the request without its signature %q", text, signature)
	}
	if len(keys) != 1 || !strings.HasPrefix(keys[0], "111111111111/auto/photos/2026/01/01/2026-01-01-00-00-00-") {
		t.Errorf("the log objects are %q, want one below the day", keys)
	}
	// The bucket is its own target: what is written there is in no log.
	if again, _ := logged(t, w, "photos"); len(again) != 1 {
		t.Errorf("after another flush the log objects are %q, want the same", again)
	}
}

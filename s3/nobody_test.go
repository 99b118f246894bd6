package s3_test

import (
	"strings"
	"testing"

	"coffer/s3"
)

// TestNobodyGetsInWithoutACredential sends every request that the route table
// takes unsigned, with a body that no parser takes: in a private bucket, and in one
// whose policy lets nobody but bob in, the answer is 403 and nothing changes.
func TestNobodyGetsInWithoutACredential(t *testing.T) {
	for _, setup := range []string{"", "PUT /abc?policy\n\n" + `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222222222222"},` +
		`"Action":"s3:*","Resource":["arn:aws:s3:::abc","arn:aws:s3:::abc/*"]}]}`} {
		w := newWorld(t)
		w.play(t, "PUT /abc", nil)
		w.play(t, "PUT /abc/k\n\nsecret", nil)
		vars := map[string]string{}
		w.play(t, "@let id UploadId\nPOST /abc/k?uploads", vars)
		if setup != "" {
			if got := w.play(t, setup, nil); !strings.HasPrefix(got, "204") {
				t.Fatalf("%s = %s", setup, got)
			}
		}
		state := func() string {
			return w.play(t, "GET /abc?versions", nil) + w.play(t, "GET /abc/k", nil) + w.play(t, "GET /abc?uploads", nil) +
				w.play(t, "GET /abc/k?uploadId={id}", vars) + w.play(t, "GET /abc?policy", nil) + w.play(t, "GET /abc/k?tagging", nil)
		}
		before := state()
		for name, r := range s3.Routes() {
			if strings.HasPrefix(name, "Preflight") {
				continue // a browser has nothing to sign with when it asks
			}
			line := strings.ReplaceAll(r.Line, "uploadId", "uploadId="+vars["id"]+"&partNumber=1")
			header, body := "\nX-Amz-Object-Attributes: ETag", ""
			if r.Header != "" {
				header += "\n" + r.Header + ": abc/k"
			}
			if !strings.HasPrefix(line, "GET") && !strings.HasPrefix(line, "HEAD") {
				body = "\n\n" + bodyOf(name)
			}
			got := w.play(t, "@key none\n@md5\n"+line+header+body, nil)
			if refused := strings.HasPrefix(got, "403\n") || strings.HasPrefix(got, "4") && name == "PostObject"; !refused || strings.Contains(got, "secret") {
				t.Errorf("%s (%s) without a credential = %s, want 403", name, line, got)
			}
			if after := state(); after != before {
				t.Fatalf("%s without a credential changed\n%s\nto\n%s", name, before, after)
			}
		}
	}
}

// bodyOf is a body that the operation takes, where another would be refused before
// anybody asks who sent it.
func bodyOf(name string) string {
	switch name {
	case "DeleteObjects":
		return "<Delete><Object><Key>k</Key></Object></Delete>"
	case "CompleteMultipartUpload":
		return "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"
	}
	return "x"
}

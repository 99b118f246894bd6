package s3_test

import (
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coffer/s3"
	"coffer/sigv4"
)

// TestKeysOfClientsNeedAWireThatNobodyReads sends a client's key from elsewhere.
func TestKeysOfClientsNeedAWireThatNobodyReads(t *testing.T) {
	w := newWorld(t)
	handler := w.Server.Config.Handler.(*s3.Handler)
	key := strings.Repeat("k", 32)
	sum := md5.Sum([]byte(key))
	send := func(method, target, remote, prefix string, encrypted bool) int {
		w.clock.tick(time.Second)
		r := httptest.NewRequest(method, w.URL+target, strings.NewReader(""))
		r.RemoteAddr = remote
		if encrypted {
			r.TLS = &tls.ConnectionState{}
		}
		if prefix != "" {
			r.Header.Set(prefix+"Algorithm", "AES256")
			r.Header.Set(prefix+"Key", base64.StdEncoding.EncodeToString([]byte(key)))
			r.Header.Set(prefix+"Key-Md5", base64.StdEncoding.EncodeToString(sum[:]))
		}
		if strings.Contains(prefix, "Source") {
			r.Header.Set("X-Amz-Copy-Source", "/wire/a")
		}
		r.Header.Set("Content-Length", "0")
		p := w.pairs["alice"]
		sigv4.Sign(r, p.id, p.secret, "auto", "s3", "UNSIGNED-PAYLOAD", w.clock.Now())
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if strings.Contains(answer.Body.String(), key) {
			t.Errorf("%s %s tells the key", method, target)
		}
		return answer.Code
	}
	const here, elsewhere = "127.0.0.1:1234", "192.0.2.1:1234"
	const own, source = "X-Amz-Server-Side-Encryption-Customer-", "X-Amz-Copy-Source-Server-Side-Encryption-Customer-"
	if got := send("PUT", "/wire", here, "", false); got != http.StatusOK {
		t.Fatalf("CreateBucket = %d", got)
	}
	for _, tt := range []struct {
		name, method, target, remote, prefix string
		encrypted, allowed                   bool
		want                                 int
	}{
		{"FromHere", "PUT", "/wire/a", here, own, false, false, 200},
		{"FromHereByIPv6", "PUT", "/wire/a", "[::1]:1234", own, false, false, 200},
		{"FromElsewhere", "PUT", "/wire/a", elsewhere, own, false, false, 400},
		{"FromElsewhereOverTLS", "PUT", "/wire/a", elsewhere, own, true, false, 200},
		{"FromElsewhereIfThatIsAllowed", "PUT", "/wire/a", elsewhere, own, false, true, 200},
		{"Get", "GET", "/wire/a", elsewhere, own, false, false, 400},
		{"GetOverTLS", "GET", "/wire/a", elsewhere, own, true, false, 200},
		{"CreateMultipartUpload", "POST", "/wire/a?uploads", elsewhere, own, false, false, 400},
		{"UploadPart", "PUT", "/wire/a?partNumber=1&uploadId=x", elsewhere, own, false, false, 400},
		{"TheSourceOfACopy", "PUT", "/wire/b", elsewhere, source, false, false, 400},
		{"TheSourceOfACopyOverTLS", "PUT", "/wire/b", elsewhere, source, true, false, 200},
		{"NoKey", "PUT", "/wire/c", elsewhere, "", false, false, 200},
	} {
		handler.CustomerKeysOverHTTP = tt.allowed
		if got := send(tt.method, tt.target, tt.remote, tt.prefix, tt.encrypted); got != tt.want {
			t.Errorf("%s: %s %s = %d, want %d", tt.name, tt.method, tt.target, got, tt.want)
		}
	}
}

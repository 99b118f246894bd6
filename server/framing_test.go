package server

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestNoRequestHidesBehindABodyOfTwoLengths sends, to each front, a request in whose
// body another stands for who goes by its second length.
func TestNoRequestHidesBehindABodyOfTwoLengths(t *testing.T) {
	s := open(t, testConfig(t))
	start(t, s)
	const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
	chunked := "Content-Length: " + fmt.Sprint(5+len(hidden)) + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	old := "Connection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	for _, tt := range []struct{ name, listener, line, rest string }{
		{"S3", s.s3.l.Addr().String(), "PUT /abc/b HTTP/1.1", chunked},
		{"S3OfHTTP10", s.s3.l.Addr().String(), "PUT /abc/b HTTP/1.0", old},
		{"Form", s.s3.l.Addr().String(), "POST /abc HTTP/1.1", chunked},
		{"STS", s.s3.l.Addr().String(), "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded", chunked},
		{"Website", s.s3.l.Addr().String(), "POST / HTTP/1.1\r\nHost: abc.website.localhost", chunked},
		{"Console", s.console.l.Addr().String(), "POST /signin HTTP/1.1", chunked},
		{"ConsoleOfHTTP10", s.console.l.Addr().String(), "POST /signin HTTP/1.0", old},
		{"API", s.console.l.Addr().String(), "POST /v1/keys HTTP/1.1", chunked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", tt.listener)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			host := "Host: a\r\n"
			if strings.Contains(tt.line, "Host:") {
				host = ""
			}
			if _, err := io.WriteString(conn, tt.line+"\r\n"+host+tt.rest+hidden); err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(conn)
			if n := strings.Count(string(all), "HTTP/1."); n != 1 {
				t.Errorf("%q has %d answers (%v): %.600q, want one and the end of the connection", tt.line, n, err, all)
			}
		})
	}
}

// TestChunksOverTLSKeepTheConnection is for clients that send each upload in chunks:
// a handshake for each would cost more than the upload. A proxy that is named may have
// put requests of many clients on one connection, also over TLS.
func TestChunksOverTLSKeepTheConnection(t *testing.T) {
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8")}
	h := framed(trusted, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, tt := range []struct {
		name, remote string
		tls          bool
		want         string
	}{
		{"Plain", "192.0.2.1:1000", false, "close"},
		{"TLS", "192.0.2.1:1000", true, ""},
		{"TLSFromAProxy", "10.1.2.3:1000", true, "close"},
	} {
		r := httptest.NewRequest(http.MethodPut, "/abc/b", strings.NewReader("x"))
		r.TransferEncoding, r.RemoteAddr = []string{"chunked"}, tt.remote
		if tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Header().Get("Connection") != tt.want {
			t.Errorf("%s: Connection is %q, want %q", tt.name, w.Header().Get("Connection"), tt.want)
		}
	}
}

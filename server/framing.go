package server

import "net/http"

// framed makes a request the last one of its connection where a proxy in front may
// have read another length for its body: what the proxy took for the rest of that
// body would be a request here. net/http lets Content-Length beside Transfer-Encoding
// pass without a word, and in HTTP/1.0 Transfer-Encoding beside Content-Length (RFC
// 9112, section 6.3). HTTP/2 has one way to say how long a body is. A client whose TLS
// ends here has the connection for itself, and many send each upload in chunks.
func framed(trusted proxies, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unsure := len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) && r.ContentLength != 0
		if unsure && (r.TLS == nil || trusted.sent(r)) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

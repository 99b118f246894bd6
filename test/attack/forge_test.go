package attack

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// forged is a request of which every byte is chosen, the signature's parts among
// them. It signs with code of its own, as AWS's documents describe it, so that
// what the server accepts is not what the server's own signer happens to write.
type forged struct {
	who                pair
	method, path       string // GET / if empty; the path as it is on the wire
	query              string // as it is on the wire, without what presign adds
	host               string // of the server if empty
	lines              []string
	signed             []string // header names; host and every x-amz- of lines if nil
	hash               string   // the last line of the canonical request; that of body if empty
	sent               string   // x-amz-content-sha256; hash if empty, none for "-"
	date               string   // x-amz-date; now if empty, none for "-"
	day, region, scope string   // of the credential scope; scope is what follows the region
	token              string   // of a session, in a header or in the URL
	body               string
	auth               func(string) string // changes the Authorization header
}

const (
	isoFormat = "20060102T150405Z"
	unsigned  = "UNSIGNED-PAYLOAD"
)

// ago is an x-amz-date of the past.
func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(isoFormat) }

// complete fills what is empty.
func (f forged) complete(w *world) forged {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&f.method, "GET")
	set(&f.path, "/")
	set(&f.host, strings.TrimPrefix(strings.TrimPrefix(w.server.Endpoint, "http://"), "https://"))
	set(&f.hash, sum(f.body))
	set(&f.sent, f.hash)
	set(&f.date, ago(0))
	set(&f.region, "us-east-1")
	set(&f.scope, "s3/aws4_request")
	set(&f.day, (f.date + ago(0))[:8])
	if f.date == "-" {
		f.day = ago(0)[:8]
	}
	return f
}

// header is all lines but Authorization, the host first.
func (f forged) header() []string {
	lines := []string{"Host: " + f.host}
	if f.date != "-" {
		lines = append(lines, "x-amz-date: "+f.date)
	}
	if f.sent != "-" {
		lines = append(lines, "x-amz-content-sha256: "+f.sent)
	}
	if f.token != "" {
		lines = append(lines, "x-amz-security-token: "+f.token)
	}
	return append(lines, f.lines...)
}

// sessionToken is the parameter of a token, if there is one.
func sessionToken(token string) string {
	if token == "" {
		return ""
	}
	return "&X-Amz-Security-Token=" + url.QueryEscape(token)
}

func (f forged) credential() string {
	return strings.Join([]string{f.who.id, f.day, f.region, f.scope}, "/")
}

// text is the request with its signature in the Authorization header; the
// seed is that signature, to which signed chunks are chained.
func (f forged) text(w *world) (text, seed string) {
	f = f.complete(w)
	lines := f.header()
	if f.who != nobody {
		names := f.signed
		if names == nil {
			names = amzNames(lines)
		}
		seed = f.signature(lines, f.query, names, f.hash)
		value := "AWS4-HMAC-SHA256 Credential=" + f.credential() + ", SignedHeaders=" + strings.Join(names, ";") + ", Signature=" + seed
		if f.auth != nil {
			value = f.auth(value)
		}
		lines = append(lines, "Authorization: "+value)
	}
	return f.wire(lines, f.query), seed
}

// link is the request with its signature in the query. sign changes the query
// before it is signed, spoil afterwards.
func (f forged) link(w *world, expires string, sign, spoil func(string) string) string {
	f.hash = unsigned
	f = f.complete(w)
	lines := append([]string{"Host: " + f.host}, f.lines...)
	names := f.signed
	if names == nil {
		names = []string{"host"}
	}
	query := f.query
	if query != "" {
		query += "&"
	}
	query += "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(f.credential()) + "&X-Amz-Date=" + f.date +
		"&X-Amz-Expires=" + expires + sessionToken(f.token) + "&X-Amz-SignedHeaders=" + url.QueryEscape(strings.Join(names, ";"))
	if sign != nil {
		query = sign(query)
	}
	query += "&X-Amz-Signature=" + f.signature(lines, query, names, unsigned)
	if spoil != nil {
		query = spoil(query)
	}
	return f.wire(lines, query)
}

// wire writes the request. A length is there unless the lines say how the body
// is framed.
func (f forged) wire(lines []string, query string) string {
	target := f.path
	if query != "" {
		target += "?" + query
	}
	all := strings.Join(lines, "\r\n")
	if lower := "\r\n" + strings.ToLower(all); !strings.Contains(lower, "\r\ncontent-length:") && !strings.Contains(lower, "\r\ntransfer-encoding:") {
		all += fmt.Sprintf("\r\nContent-Length: %d", len(f.body))
	}
	return f.method + " " + target + " HTTP/1.1\r\n" + all + "\r\nConnection: close\r\n\r\n" + f.body
}

func (f forged) key() []byte {
	service, _, _ := strings.Cut(f.scope, "/")
	k := sigv4.DeriveKey(f.who.secret, f.day, f.region, service)
	return k[:]
}

// signature signs as "Create a signed AWS API request" says.
func (f forged) signature(lines []string, query string, names []string, hash string) string {
	pairs := []string{}
	for p := range strings.SplitSeq(query, "&") {
		if p != "" {
			name, value, _ := strings.Cut(p, "=")
			pairs = append(pairs, canonical(name, "")+"="+canonical(value, ""))
		}
	}
	slices.Sort(pairs)
	b := f.method + "\n" + canonical(f.path, "/") + "\n" + strings.Join(pairs, "&") + "\n"
	for _, name := range names {
		var values []string
		for _, line := range lines {
			if n, value, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
				values = append(values, strings.Join(strings.Fields(value), " "))
			}
		}
		b += name + ":" + strings.Join(values, ",") + "\n"
	}
	b += "\n" + strings.Join(names, ";") + "\n" + hash
	date := f.date
	if date == "-" {
		date = ago(0)
	}
	return mac(f.key(), "AWS4-HMAC-SHA256\n"+date+"\n"+strings.TrimPrefix(f.credential(), f.who.id+"/")+"\n"+sum(b))
}

func mac(key []byte, text string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// canonical writes what may be encoded in any way in AWS's way.
func canonical(s, keep string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		if c == '%' && i+2 < len(s) {
			if raw, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				c, i = raw[0], i+2
			}
		}
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// amzNames are the host and the x-amz- headers of lines, each once.
func amzNames(lines []string) []string {
	var names []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		if name = strings.ToLower(name); name == "host" || strings.HasPrefix(name, "x-amz-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// forge sends a request that is signed in its header.
func (w *world) forge(t *testing.T, f forged) answer {
	t.Helper()
	text, _ := f.text(w)
	return w.exchange(t, f.method, text)
}

// dial opens a connection to an address of the server.
func (w *world) dial(t *testing.T, base string) net.Conn {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	var d net.Dialer
	if runtime.GOOS == "linux" {
		// From another address of the loopback each time: one that sends many wrong
		// signatures would be told to slow down.
		n := w.dialed.Add(1)
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 1+byte(n>>16), byte(n>>8), byte(n))}
	}
	conn, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+u.Port())
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme == "https" {
		conn = tls.Client(conn, w.tls)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// exchange sends text to the S3 address and reads one answer to a request of
// the method; its status is 0 if the connection was cut without any.
func (w *world) exchange(t *testing.T, method, text string) answer {
	t.Helper()
	return w.exchangeWith(t, w.server.Endpoint, method, text)
}

func (w *world) exchangeWith(t *testing.T, base, method, text string) answer {
	t.Helper()
	conn := w.dial(t, base)
	defer conn.Close()
	// A server that answers early may not read all of it.
	go func() { _, _ = io.WriteString(conn, text) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{0, nil, err.Error()}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("read the answer to %.60q: %v", text, err)
	}
	if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
		w.errors.add(fmt.Sprintf("%.100q: %s %s", text, resp.Status, body))
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// is fails the test unless the answer is a refusal with the status and one of
// the codes.
func (a answer) is(t *testing.T, call string, status int, codes ...string) {
	t.Helper()
	for _, code := range codes {
		if a.status == status && strings.Contains(a.body, "<Code>"+code+"</Code>") {
			return
		}
	}
	t.Errorf("%s = %d %.400q, want %d %s", call, a.status, a.body, status, strings.Join(codes, " or "))
}

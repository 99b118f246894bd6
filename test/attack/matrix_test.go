package attack

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"coffer"
	"coffer/api"
)

// TestCredentials sends every operation of the route table with every kind of
// signature and every kind of bad credential (CHK-14): each is refused for the
// reason that is documented, and nothing has changed. With a good credential each
// operation is let in, so that what is refused is refused for its credential.
func TestCredentials(t *testing.T) {
	t.Parallel()
	w := newPlainWorld(t)
	m := newMatrix(t, w)
	w.unchanged(t, func() {
		before := w.configured(t, "a-empty", "other")
		work := make(chan operation)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for op := range work {
					m.try(t, op)
				}
			})
		}
		for _, op := range operations(t) {
			work <- op
		}
		close(work)
		all.Wait()
		if after := w.configured(t, "a-empty", "other"); after != before {
			t.Errorf("the configurations are\n%s\nwere\n%s", after, before)
		}
	})
	if m.tried < 5000 {
		t.Errorf("%d requests were tried, want each operation with each kind of signature and of credential", m.tried)
	}
	for _, e := range w.errors.take() {
		t.Errorf("server error: %s", e)
	}
	for _, op := range operations(t) {
		m.control(t, op)
	}
	w.errors.take()
	if w.server.PID() != w.pid {
		t.Error("the server has restarted")
	}
}

// matrix is what the requests are made of.
type matrix struct {
	*world
	aim                       aim
	deleted, expired, rotated pair
	session, ended, orphan    temporary // a good one, one that has ended, one of a paused key
	mu                        sync.Mutex
	tried                     int // guarded by mu
}

func newMatrix(t *testing.T, w *world) *matrix {
	t.Helper()
	m := &matrix{world: w}
	for _, bucket := range []string{"a-empty", "a-gone"} {
		w.s3(t, w.full, "PUT", "/"+bucket, "").oneOf(t, "CreateBucket", 200)
	}
	for _, p := range []struct {
		key  *pair
		name string
	}{{&m.deleted, "deleted"}, {&m.expired, "expired"}, {&m.rotated, "rotated"}} {
		in := api.CreateKeyInput{Name: p.name}
		if p.name == "expired" {
			in.Expires = new(time.Now().Add(time.Second))
		}
		*p.key = w.newKey(t, in)
	}
	w.drop(t, m.deleted)
	k, err := w.socket.RotateKey(t.Context(), m.rotated.id, api.RotateInput{})
	if err != nil {
		t.Fatal(err)
	}
	w.server.Hide(k.Current.SecretAccessKey.Reveal())
	if _, err := w.socket.ConfirmKey(t.Context(), m.rotated.id, api.ConfirmInput{EvenIfInUse: true}); err != nil {
		t.Fatal(err)
	}
	m.aim = aim{bucket: "a-empty", key: "other", source: "/a-priv/other", newBucket: "a-made", deletedBucket: "a-gone"}
	w.s3(t, w.full, "PUT", "/a-empty/other", "other").oneOf(t, "PUT", 200)
	m.aim.upload = w.upload(t, w.full, "/a-empty/other")
	w.s3(t, w.full, "PUT", "/a-empty/other?partNumber=1&uploadId="+m.aim.upload, "evil").oneOf(t, "UploadPart", 200)
	m.session, m.orphan = offline(t, w.full, nil), offline(t, w.paused, nil)
	m.ended = offline(t, w.full, func(s *coffer.Session) { s.Issued, s.Expires = s.Issued.Add(-time.Hour), s.Issued.Add(-time.Second) })
	for deadline := time.Now().Add(20 * time.Second); w.s3(t, m.expired, "GET", "/a-priv/other", "").status == 200; {
		if time.Now().After(deadline) {
			t.Fatal("a key that lives for a second is good for twenty")
		}
	}
	return m
}

// The kinds of signature.
var kinds = append([]string{"header", "header, unsigned payload", "URL", "URL and a stream", "anonymous"}, streams...)

// bad is a bad credential: what it does to a request, and what the answer is to
// a signature in the header and to one in a URL.
type bad struct {
	name         string
	change       func(m *matrix, f *forged)
	header, link refusal
}

type refusal struct {
	status int
	code   string
}

var (
	unknown   = refusal{403, "InvalidAccessKeyId"}
	mismatch  = refusal{403, "SignatureDoesNotMatch"}
	denied    = refusal{403, "AccessDenied"}
	badToken  = refusal{403, "InvalidToken"}
	malformed = refusal{400, "AuthorizationHeaderMalformed"}
	badQuery  = refusal{400, "AuthorizationQueryParametersError"}
)

var bads = []bad{
	{"an unknown ID", func(_ *matrix, f *forged) { f.who.id = "TEST0000000000000000" }, unknown, unknown},
	{"a wrong secret", func(_ *matrix, f *forged) { f.who.secret = "wrong" }, mismatch, mismatch},
	{"the secret of another account", func(m *matrix, f *forged) { f.who.secret = m.bFull.secret }, mismatch, mismatch},
	{"an expired key", func(m *matrix, f *forged) { f.who = m.expired }, unknown, unknown},
	{"a paused key", func(m *matrix, f *forged) { f.who = m.paused }, unknown, unknown},
	{"a deleted key", func(m *matrix, f *forged) { f.who = m.deleted }, unknown, unknown},
	{"a key that was rotated out", func(m *matrix, f *forged) { f.who = m.rotated }, unknown, unknown},
	{"a session that has ended", func(m *matrix, f *forged) { f.use(m.ended) }, refusal{403, "ExpiredToken"}, refusal{403, "ExpiredToken"}},
	{"a session of a paused key", func(m *matrix, f *forged) { f.use(m.orphan) }, unknown, unknown},
	{"a session without its token", func(m *matrix, f *forged) { f.who = m.session.pair }, unknown, unknown},
	{"the token of another session", func(m *matrix, f *forged) { f.use(temporary{m.session.pair, m.ended.token}) }, badToken, badToken},
	{"a session token beside a key", func(m *matrix, f *forged) { f.use(temporary{m.full, m.session.token}) }, badToken, badToken},
	{"another region", func(_ *matrix, f *forged) { f.region = "mars-1" }, malformed, badQuery},
	{"another service", func(_ *matrix, f *forged) { f.scope = "ec2/aws4_request" }, malformed, badQuery},
	{"the scope of another day", func(_ *matrix, f *forged) { f.day = "20260101" }, malformed, badQuery},
	{"an old date", func(_ *matrix, f *forged) { f.date = ago(20 * time.Minute) }, refusal{403, "RequestTimeTooSkewed"}, denied},
	{"an unsigned header", func(_ *matrix, f *forged) {
		f.lines = append(f.lines, "x-amz-evil: 1")
		f.signed = names(*f, "x-amz-evil")
	}, denied, denied},
	{"a changed signature", func(_ *matrix, f *forged) { f.auth = flip }, mismatch, mismatch},
	{"no signature", func(_ *matrix, f *forged) {
		f.auth = func(v string) string { s, _, _ := strings.Cut(v, ", Signature="); return s }
	}, malformed, badQuery},
}

// use has a request signed by a temporary credential.
func (f *forged) use(s temporary) { f.who, f.token = s.pair, s.token }

// names are the headers that f would sign, without one.
func names(f forged, without string) []string {
	var list []string
	for _, name := range amzNames(append(f.lines, "host:", "x-amz-date:", "x-amz-content-sha256:")) {
		if name != without {
			list = append(list, name)
		}
	}
	return list
}

// flip changes the last digit of a signature, which ends the text.
func flip(v string) string {
	last := byte('0')
	if strings.HasSuffix(v, "0") {
		last = '1'
	}
	return v[:len(v)-1] + string(last)
}

// tampered are changes to a request that was signed well.
var tampered = map[string]func(text string) string{
	"another query": func(text string) string { return strings.Replace(text, " HTTP/1.1", "&evil=1 HTTP/1.1", 1) },
	"another path":  func(text string) string { return strings.Replace(text, "/a-empty", "/a-priv", 1) },
	"another host":  func(text string) string { return strings.Replace(text, "Host: ", "Host: evil.", 1) },
	"another body": func(text string) string {
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		return head + "\r\n\r\n" + strings.NewReplacer("evil", "live", "<", "(").Replace(body)
	},
	"another method": nil,
}

// make is a request for the operation with a kind of signature, changed by bad.
func (m *matrix) make(op operation, kind string, change func(*matrix, *forged)) string {
	var f forged
	f.method, f.path, f.query, f.body, f.lines = op.aimed(m.aim)
	f.who = m.full
	link := strings.HasPrefix(kind, "URL")
	if link {
		// Of what a URL signs, the headers are a part.
		f.signed = amzNames(append(f.lines, "host:"))
	}
	s := streamed{forged: f, kind: kind, chunks: []string{f.body}}
	if f.body == "" {
		s.chunks = nil
	}
	change(m, &s.forged)
	if link {
		if s.date != "" { // an hour is more than is left of a URL of ten minutes
			s.date = ago(time.Hour)
		}
		if kind == "URL and a stream" {
			s.lines = append(s.lines, "x-amz-content-sha256: "+unsignedStream, "x-amz-decoded-content-length: 4", "x-amz-trailer: x-amz-checksum-crc32")
		}
		s.signed = amzNames(append(f.lines, "host:"))
		return s.link(m.world, "600", nil, func(q string) string {
			if s.auth == nil {
				return q
			}
			if q2 := s.auth(q); q2 != q {
				return q2
			}
			q, _, _ = strings.Cut(q, "&X-Amz-Signature=")
			return q
		})
	}
	switch kind {
	case "anonymous":
		s.who = nobody
	case "header, unsigned payload":
		s.hash = unsigned
	case signedStream, signedStreamTrailer, unsignedStream:
		s.body = ""
		return s.text(m.world)
	}
	text, _ := s.forged.text(m.world)
	return text
}

// try sends the operation with all kinds of signatures and bad credentials.
func (m *matrix) try(t *testing.T, op operation) {
	tried := 0
	for _, kind := range kinds {
		for _, b := range bads {
			want := b.header
			if strings.HasPrefix(kind, "URL") {
				want = b.link
			}
			call := op.name + " with " + b.name + " (" + kind + ")"
			a := m.exchange(t, op.method, m.make(op, kind, b.change))
			tried++
			m.refuses(t, op, kind, call, a, want)
		}
		good := m.make(op, kind, func(*matrix, *forged) {})
		for name, change := range tampered {
			method, text := op.method, good
			if change != nil {
				text = change(good)
			} else {
				method = map[string]string{"GET": "DELETE", "PUT": "GET", "DELETE": "PUT", "HEAD": "GET", "POST": "PUT", "OPTIONS": "GET"}[op.method]
				text = method + strings.TrimPrefix(good, op.method)
			}
			if text == good || name == "another body" && (kind == "header, unsigned payload" || kind == "URL" || kind == unsignedStream) {
				continue // there is no body, or nothing was signed about it
			}
			call := op.name + " with " + name + " (" + kind + ")"
			tried++
			if a := m.exchange(t, method, text); !op.anonymous || a.status/100 != 2 && method != op.method {
				if name == "another body" && a.status == 501 {
					continue // which is said before the body is read
				}
				a.oneOf(t, call, 400, 403, 404, 405, 412)
			}
		}
	}
	m.mu.Lock()
	m.tried += tried
	m.mu.Unlock()
}

// refuses checks the answer to a bad credential.
func (m *matrix) refuses(t *testing.T, op operation, kind, call string, a answer, want refusal) {
	t.Helper()
	switch {
	case op.name == "PostObject":
		// A form has its credentials in its fields, so that what is in headers may not
		// count, and a body that is no form may be refused first.
		a.oneOf(t, call, 400, 403, 405, 411, 412)
		return
	case op.anonymous:
		// Whoever asks is told, whatever the credential.
		a.oneOf(t, call, 200, 400, 403)
		return
	case kind == "anonymous":
		want = denied
	case !op.data && strings.HasPrefix(kind, "STREAMING-"):
		// That the body is of the wrong kind is said before or after the rest.
		a.oneOf(t, call, 400, want.status)
		return
	case kind == "URL and a stream":
		a.oneOf(t, call, 400, 403)
		return
	}
	if a.status != want.status || op.method != "HEAD" && !strings.Contains(a.body, "<Code>"+want.code+"</Code>") {
		t.Errorf("%s = %d %.300q, want %d %s", call, a.status, a.body, want.status, want.code)
	}
}

// control sends the operation with a good credential.
func (m *matrix) control(t *testing.T, op operation) {
	t.Helper()
	for _, kind := range []string{"header", "URL", "header, unsigned payload"} {
		a := m.exchange(t, op.method, m.make(op, kind, func(*matrix, *forged) {}))
		for _, code := range []string{"SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError"} {
			if strings.Contains(a.body, "<Code>"+code+"<") && op.name != "PostObject" && op.name != "Preflight" {
				t.Errorf("%s with a good credential (%s) = %d %.300q, want it let in", op.name, kind, a.status, a.body)
			}
		}
		if a.status == 0 || op.method == "HEAD" && a.status == 403 {
			t.Errorf("%s with a good credential (%s) = %d %s, want it let in", op.name, kind, a.status, a.body)
		}
	}
}

// configured is what is set on a bucket and on an object of it.
func (w *world) configured(t *testing.T, bucket, key string) string {
	t.Helper()
	return w.configuredOf(t, w.full, bucket, key)
}

func (w *world) configuredOf(t *testing.T, who pair, bucket, key string) string {
	t.Helper()
	var b strings.Builder
	for _, level := range []string{"Bucket", "Object"} {
		for _, sub := range configurations(t, level) {
			path := "/" + bucket
			if level == "Object" {
				path += "/" + key
			}
			a := w.s3(t, who, "GET", path+"?"+sub, "")
			text := a.body
			if a.status != 200 { // an error names its request
				_, text, _ = strings.Cut(text, "<Code>")
				text, _, _ = strings.Cut(text, "</Code>")
			}
			fmt.Fprintln(&b, level, sub, a.status, text)
		}
	}
	return b.String()
}

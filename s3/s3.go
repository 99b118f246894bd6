// Package s3 is the S3 front: it turns HTTP requests into calls on objects and
// their results into S3's answers, one file for each operation. What the calls
// mean, it does not know.
package s3

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/keys"
	"coffer/metrics"
	"coffer/objects"
	"coffer/sigv4"
)

// Options are what the front is made of.
type Options struct {
	Objects *objects.Service
	Keys    *keys.Service
	// Regions are those that a signature may be for; the first is the answer to a
	// client that used another, and where buckets are made by default.
	Regions []string
	// Domains are the host names under which buckets are host names of their own.
	Domains []string
	// WebsiteDomains are the host names under which buckets are websites.
	WebsiteDomains []string
	Now            func() time.Time
	Rand           io.Reader
	Logger         *slog.Logger
	Metrics        *metrics.S3
	// RequestsPerSecond is how many requests an account, and each of its access
	// keys, may make unless its quota says otherwise; 0 is no limit.
	RequestsPerSecond int64
	// CustomerKeysOverHTTP takes the keys of clients (SSE-C) over connections that
	// others could read, and not only over TLS and from this machine.
	CustomerKeysOverHTTP bool
	// SignedPayloadsOverHTTP refuses bodies that no signature covers on connections
	// on which others could change them.
	SignedPayloadsOverHTTP bool
	// Served hears of each request that was answered for an account: that of the key,
	// or of the bucket if there was none; and how many bytes of a body were sent. Nil
	// hears nothing.
	Served func(account coffer.AccountID, sent int64)
}

// Handler serves S3.
type Handler struct {
	Options
	limits  *limits
	memory  *memory
	visitor coffer.Actor // who opens a website: nobody
}

// New makes a Handler.
func New(opt Options) *Handler {
	for _, domains := range [][]string{opt.Domains, opt.WebsiteDomains} {
		for i, d := range domains {
			domains[i] = strings.ToLower(strings.Trim(d, "."))
		}
	}
	h := &Handler{Options: opt, limits: &limits{perSecond: opt.RequestsPerSecond}, memory: newMemory(runtime.GOMAXPROCS(0))}
	if opt.Objects != nil {
		h.limits.rates = opt.Objects.RequestRates
	}
	return h
}

// ServeHTTP answers one request. It is a plain handler on the escaped path: a
// ServeMux would clean the path, and keys such as a//b with it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{Handler: h, w: &response{ResponseWriter: w, memory: h.memory}, r: r, sent: r, start: h.Now(), id: h.newRequestID()}
	q.w.held = &q.held
	ctx := coffer.WithRequestID(r.Context(), q.id)
	q.ctx = ctx
	if r.ContentLength == 0 && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		// net/http has nothing to wait for and answers at once. botocore takes a final
		// answer in the place of 100 Continue for one to every later request on the
		// connection too, and waits for ever: AWS sends 100 first, and so does this.
		w.WriteHeader(http.StatusContinue)
	}
	head := w.Header()
	head.Set("Server", "coffer")
	head.Set("x-amz-request-id", q.id)
	head.Set("x-amz-id-2", hostID)
	defer q.forget()
	defer q.finish()
	defer q.catch()
	if err := q.serve(); err != nil {
		q.fail(err)
	}
}

// catch turns a panic into an answer, or into a cut connection if the answer has
// begun: no bug may look like a success.
func (q *request) catch() {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		q.Logger.Error("panic", "request_id", q.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		q.fail(fmt.Errorf("panic: %v", p))
	}
}

// hostID is the extended request ID, which AWS support would ask for; here it is
// the same for all.
const hostID = "Y29mZmVyLXMz"

func (h *Handler) newRequestID() string {
	var b [10]byte
	if _, err := io.ReadFull(h.Rand, b[:]); err != nil {
		h.Logger.Error("no randomness for a request ID", "error", err)
	}
	return base32.StdEncoding.EncodeToString(b[:])
}

// request is one request on its way through the front.
type request struct {
	*Handler
	ctx   context.Context
	w     *response
	r     *http.Request // with the headers that a pre-signed URL has in its query
	sent  *http.Request // as it arrived, and was signed
	start time.Time
	id    string

	op      operation
	query   query
	named   string // the bucket as the request names it, valid or not
	bucket  coffer.BucketName
	key     string
	actor   coffer.Actor
	session objects.Session
	body    body
	form    postFields // of a PostObject, which is a PutObject from then on; else nil
	region  string     // that the request was signed for
	// signature is how the request was signed, and when.
	signature struct {
		kind sigv4.Kind
		time time.Time
	}
	copied string       // BUCKET/KEY of the source of a copy, once it was read
	tags   []coffer.Tag // of what the request writes, once they were read
	// tagHeader is x-amz-tagging as a policy last asked for it, which many conditions do.
	tagHeader struct {
		text string
		tags []coffer.Tag
	}
	lock    *coffer.Lock                  // that a PutObjectRetention or PutObjectLegalHold sets, once it was read
	names   map[coffer.CanonicalID]string // that were looked up for the answer
	claimed coffer.AccessKeyID            // that exists, and the request says it was signed with
	failure error
	held    lease      // memory, while the client sends or reads a document
	work    lease      // and while one is acted on
	batch   []accessed // what DeleteObjects did, for the access log
}

// serve finds the operation, proves who asks, and runs it.
func (q *request) serve() error {
	if bucket, ok := q.siteOfHost(); ok {
		return q.serveSite(bucket)
	}
	if err := checkSingle(q.r); err != nil {
		return err
	}
	var err error
	if q.query, err = parseQuery(q.r.URL.RawQuery); err != nil {
		return err
	}
	if q.r, err = hoisted(q.sent, q.query); err != nil {
		q.r = q.sent
		return err
	}
	target, err := q.parseTarget()
	if err != nil {
		return err
	}
	if q.op, err = route(q.r, q.query, target); err != nil {
		return err
	}
	q.named, q.key = target.bucket, target.key
	q.allowOrigin(target)
	if q.op.anonymous {
		q.session = q.Objects.As(q.actor)
	} else if err := q.authenticate(); err != nil {
		return err
	}
	if target.level != levelService {
		if q.bucket, err = coffer.ParseBucketName(target.bucket); err != nil {
			return err
		}
	}
	q.session = q.session.In(q.condition)
	if err := q.expectOwner("x-amz-expected-bucket-owner", q.bucket); err != nil {
		return err
	}
	if q.op.handle == nil {
		return q.notImplemented()
	}
	if q.actor.Anonymous() && q.op.public {
		if err := q.session.Knock(q.ctx, q.bucket); err != nil {
			return err
		}
	}
	return q.asInHeaders(q.ofBucket(q.op.handle(q)))
}

// ofBucket answers a document that is refused with NoSuchBucket, as AWS does, where it
// was for a bucket that does not exist. Only who is refused waits for the look.
func (q *request) ofBucket(err error) error {
	switch coffer.CodeOf(err) {
	case coffer.MalformedXML, coffer.MalformedACL, coffer.MalformedPolicy:
		if q.op.name == "CreateBucket" {
			return err
		}
		if missing := q.session.Knock(q.ctx, q.bucket); coffer.CodeOf(missing) == coffer.NoSuchBucket {
			return missing
		}
	}
	return err
}

// listHeaders are those of x-amz- whose values are lists, so that a second line goes
// on with the first.
var listHeaders = [...]string{"X-Amz-Object-Attributes", "X-Amz-Optional-Object-Attributes", "X-Amz-Trailer"}

// singleHeaders are those of HTTP that count once, as all others of x-amz- do.
var singleHeaders = [...]string{"Content-Md5", "Content-Type", "Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// checkSingle refuses a request that says one thing twice: the second value may be
// read by one part of the way and not by another.
func checkSingle(r *http.Request) error {
	for name, values := range r.Header {
		if len(values) > 1 && countsOnce(name) {
			return coffer.Errorf(coffer.InvalidRequest, "The header %s was sent more than once.", name)
		}
	}
	return nil
}

func countsOnce(name string) bool {
	if strings.HasPrefix(name, "X-Amz-") {
		return !strings.HasPrefix(name, metaPrefix) && !slices.Contains(listHeaders[:], name)
	}
	return slices.Contains(singleHeaders[:], name)
}

func (q *request) notImplemented() error {
	if why, ok := reasons[q.op.name]; ok {
		return coffer.Errorf(coffer.NotImplemented, "%s is not implemented: %s", q.op.name, why)
	}
	return coffer.Errorf(coffer.NotImplemented, "%s is not implemented by this version of coffer.", q.op.name)
}

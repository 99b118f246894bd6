package s3

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"coffer"
)

// getBucketCORS answers GetBucketCors.
func (q *request) getBucketCORS() error {
	rules, err := q.session.BucketCORS(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	d := newDoc("CORSConfiguration", namespace)
	for _, r := range rules {
		d.begin("CORSRule")
		for _, s := range r.Headers {
			d.text("AllowedHeader", s)
		}
		for _, s := range r.Methods {
			d.text("AllowedMethod", s)
		}
		for _, s := range r.Origins {
			d.text("AllowedOrigin", s)
		}
		for _, s := range r.Expose {
			d.text("ExposeHeader", s)
		}
		d.optional("ID", r.ID)
		if r.MaxAgeSeconds >= 0 {
			d.number("MaxAgeSeconds", int64(r.MaxAgeSeconds))
		}
		d.end()
	}
	return q.send(http.StatusOK, d)
}

// corsBodyMax is the most bytes that a CORS configuration may have (AWS,
// "PutBucketCors").
const corsBodyMax = 64 << 10

// putBucketCORS answers PutBucketCors.
func (q *request) putBucketCORS() error {
	if err := q.requireDigest(); err != nil {
		return err
	}
	n, err := q.readXMLUpTo(corsBodyMax, "CORSConfiguration")
	if err != nil {
		return err
	}
	rules, err := parseCORS(n)
	if err != nil {
		return err
	}
	if err := q.session.PutBucketCORS(q.ctx, q.bucket, rules); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

func parseCORS(n *node) ([]coffer.CORSRule, error) {
	if err := n.only("CORSRule*"); err != nil {
		return nil, err
	}
	var rules []coffer.CORSRule
	for _, c := range n.children {
		err := errors.Join(c.only("ID", "AllowedOrigin*", "AllowedMethod*", "AllowedHeader*", "ExposeHeader*", "MaxAgeSeconds"), c.leaves())
		if err != nil {
			return nil, err
		}
		r := coffer.CORSRule{MaxAgeSeconds: -1}
		for _, e := range c.children {
			switch e.name {
			case "ID":
				r.ID = e.value
			case "AllowedOrigin":
				r.Origins = append(r.Origins, e.value)
			case "AllowedMethod":
				r.Methods = append(r.Methods, e.value)
			case "AllowedHeader", "ExposeHeader":
				if e.value == "" {
					return nil, malformed("%s is empty", e.name)
				}
				if e.name == "AllowedHeader" {
					r.Headers = append(r.Headers, e.value)
				} else {
					r.Expose = append(r.Expose, e.value)
				}
			case "MaxAgeSeconds":
				age, err := strconv.ParseInt(strings.TrimSpace(e.value), 10, 32)
				if err != nil || age < 0 {
					return nil, malformed("MaxAgeSeconds is no number of seconds")
				}
				r.MaxAgeSeconds = int(age)
			}
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// deleteBucketCORS answers DeleteBucketCors.
func (q *request) deleteBucketCORS() error {
	if err := q.session.DeleteBucketCORS(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.ok(http.StatusNoContent)
}

// preflight answers what a browser asks before it sends a request across origins.
// It counts as what else is asked without a key.
func (q *request) preflight() error {
	if err := q.limit(); err != nil {
		return err
	}
	return q.answerPreflight()
}

// answerPreflight tells what the rules of the bucket allow (Fetch Standard,
// "CORS-preflight request"; AWS, "Using cross-origin resource sharing"). The key is
// not looked up, and no signature: only the request that follows has one.
func (q *request) answerPreflight() error {
	h := q.r.Header
	method := h.Get("Access-Control-Request-Method")
	if h.Get("Origin") == "" {
		return coffer.Errorf(coffer.BadRequest, "Insufficient information. Origin request header needed.")
	}
	forbidden := func(message, resource string) error {
		asked := method
		if asked == "" {
			asked = options
		}
		return coffer.Errorf(coffer.CORSNotAllowed, "%s", message).With("Method", asked).With("ResourceType", resource)
	}
	rule, err := q.session.MatchCORS(q.ctx, q.bucket, corsRequest(q.r, method))
	switch coffer.CodeOf(err) {
	case coffer.NoSuchBucket:
		return forbidden("CORSResponse: Bucket not found", "BUCKET")
	case coffer.NoSuchCORSConfiguration:
		return forbidden("", "BUCKET")
	}
	if err != nil {
		return err
	}
	if !coffer.IsCORSMethod(method) {
		if method == "" {
			method = "null"
		}
		return coffer.Errorf(coffer.BadRequest, "Invalid Access-Control-Request-Method: %s", method)
	}
	if rule == nil {
		resource := "BUCKET"
		if q.key != "" {
			resource = "OBJECT"
		}
		// The misspelling is AWS's.
		return forbidden("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, "+
			"request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.", resource)
	}
	writeCORS(q.w.Header(), rule, corsRequest(q.r, method))
	return q.ok(http.StatusOK)
}

// allowOrigin sets the headers that let a page of another origin read the answer,
// whatever it will be, if a rule of the bucket allows it. A method that the
// request asks for counts for more than the one it has, as AWS has it.
func (q *request) allowOrigin(t target) {
	if q.r.Header.Get("Origin") == "" || q.r.Method == options || t.level == levelService {
		return
	}
	if q.w.Header().Get("Access-Control-Allow-Origin") != "" {
		return // somebody before decided it: the console's own pages
	}
	bucket, err := coffer.ParseBucketName(t.bucket)
	if err != nil {
		return
	}
	method := q.r.Header.Get("Access-Control-Request-Method")
	if method == "" {
		method = q.r.Method
	}
	asked := corsRequest(q.r, method)
	rule, err := q.Objects.As(coffer.Actor{}).MatchCORS(q.ctx, bucket, asked)
	switch {
	case err == nil && rule != nil:
		writeCORS(q.w.Header(), rule, asked)
	case err != nil && coffer.CodeOf(err) == coffer.Internal && q.ctx.Err() == nil:
		// The operation itself may well succeed, for who reads no CORS headers.
		q.Logger.Error("CORS rules", "request_id", q.id, "bucket", string(bucket), "error", err)
	}
}

// corsRequest reads what a request tells of itself.
func corsRequest(r *http.Request, method string) coffer.CORSRequest {
	asked := coffer.CORSRequest{Origin: r.Header.Get("Origin"), Method: method}
	for _, value := range r.Header["Access-Control-Request-Headers"] {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name != "" {
				asked.Headers = append(asked.Headers, strings.ToLower(name))
			}
		}
	}
	return asked
}

// writeCORS sets the headers of an answer that a rule lets a page read.
func writeCORS(h http.Header, rule *coffer.CORSRule, asked coffer.CORSRequest) {
	if rule.AnyOrigin() {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", asked.Origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(rule.Methods, ", "))
	if len(asked.Headers) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(asked.Headers, ", "))
	}
	if len(rule.Expose) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(rule.Expose, ", "))
	}
	if rule.MaxAgeSeconds >= 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(rule.MaxAgeSeconds))
	}
	h.Add("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
}

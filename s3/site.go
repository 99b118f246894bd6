package s3

import (
	"net/http"
	"net/url"
	"strings"

	"coffer"
	"coffer/objects"
)

// site is a request to a bucket's website: what a browser asks for with an address
// and no credential. Its answers are pages, its errors too.
type site struct {
	*request
	website *coffer.Website
	key     string // as asked for
}

// IsSite tells whether a request is for a website, where nothing else is.
func (h *Handler) IsSite(r *http.Request) bool {
	_, ok := (&request{Handler: h, r: r}).siteOfHost()
	return ok
}

// siteOfHost tells whether a request is for a website, and for the one of which
// bucket; the name is "" for the domain itself. Of the domains that fit a host the
// longest counts, whatever it is for, so that no host is both a website and S3.
func (q *request) siteOfHost() (bucket string, ok bool) {
	host, longest := q.hostName(), ""
	for _, d := range q.WebsiteDomains {
		if (host == d || strings.HasSuffix(host, "."+d)) && len(d) > len(longest) {
			longest = d
		}
	}
	if longest == "" {
		return "", false
	}
	for _, d := range q.Domains {
		if (host == d || strings.HasSuffix(host, "."+d)) && len(d) >= len(longest) {
			return "", false
		}
	}
	return strings.TrimSuffix(strings.TrimSuffix(host, longest), "."), true
}

// serveSite answers a request to the website of a bucket (AWS, "Website
// endpoints"). Who signs is a visitor as all others: only what everybody may read
// is shown.
func (q *request) serveSite(bucket string) error {
	q.op, q.named, q.query = operation{name: "Website", method: q.r.Method}, bucket, nil
	s := &site{request: q}
	q.session = q.Objects.As(q.visitor).In(q.condition)
	if err := q.limit(); err != nil {
		return s.page(err, nil)
	}
	if err := checkSingle(q.r); err != nil {
		return s.page(err, nil)
	}
	name, err := coffer.ParseBucketName(bucket)
	if err != nil {
		return s.page((&coffer.Error{Code: coffer.NoSuchBucket}).With("BucketName", bucket), nil)
	}
	q.bucket = name
	if q.r.Method == options {
		return q.answerPreflight() // which was counted above
	}
	if q.r.Method != get && q.r.Method != head {
		return s.page(methodNotAllowed(q.r.Method, "object"), nil)
	}
	q.allowOrigin(target{level: levelObject, bucket: bucket})
	if s.website, err = q.session.Website(q.ctx, name); err != nil {
		return s.page(err, nil)
	}
	if to := s.website.RedirectAll; to != nil {
		return s.redirect(http.StatusMovedPermanently, s.origin(*to)+s.path())
	}
	if s.key, err = url.PathUnescape(strings.TrimPrefix(q.r.URL.EscapedPath(), "/")); err != nil {
		return s.page(&coffer.Error{Code: coffer.InvalidURI}, nil)
	}
	if rule := s.website.Rule(s.key, 0); rule != nil {
		return s.follow(rule)
	}
	return s.show()
}

// path is the path and the query of the request as they came.
func (s *site) path() string {
	path := "/" + strings.TrimPrefix(s.r.URL.EscapedPath(), "/")
	if s.r.URL.RawQuery != "" {
		path += "?" + s.r.URL.RawQuery
	}
	return path
}

// show answers with the object of the key, or the index of the folder.
func (s *site) show() error {
	in := objects.GetInput{Bucket: s.bucket, Key: s.key, If: s.conditions("")}
	if header := s.r.Header.Get("Range"); header != "" {
		in.Range = parseRange(header)
	}
	folder := s.key == "" || strings.HasSuffix(s.key, "/")
	if folder {
		in.Key += s.website.Index
	}
	c, err := s.session.Get(s.ctx, in)
	if err == nil {
		defer c.Close()
		if to := c.Attributes.WebsiteRedirect; to != "" {
			return s.redirect(http.StatusMovedPermanently, to)
		}
		return s.send(c, in, 0)
	}
	code := coffer.CodeOf(err)
	if code == coffer.NotModified {
		s.validators(c)
		s.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if !folder && (code == coffer.NoSuchObject || code == coffer.AccessDenied) && s.isFolder() {
		// A slash at the beginning would be that of another host's name.
		path := urlEncode(s.key)
		if strings.HasPrefix(path, "/") {
			path = "%2F" + path[1:]
		}
		s.tell(answer{wireError: wireError{"Found", http.StatusFound, "Resource Found"}})
		return s.redirect(http.StatusFound, "/"+path+"/")
	}
	return s.refuse(err)
}

// isFolder tells whether the key with a slash behind it has an index.
func (s *site) isFolder() bool {
	c, err := s.session.Head(s.ctx, objects.GetInput{Bucket: s.bucket, Key: s.key + "/" + s.website.Index})
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// send writes an object; status is that of the answer, or 0 for the object's own.
func (s *site) send(c *objects.Content, in objects.GetInput, status int) error {
	own, err := s.describe(c, in)
	if err != nil {
		return s.page(err, nil)
	}
	if status == 0 {
		status = own
	}
	if c.Length == 0 || s.r.Method == head {
		s.w.WriteHeader(status)
		return nil
	}
	if _, err = c.WriteTo(s.ctx, &begun{s.w, status}); err != nil && s.w.status == 0 {
		return s.page(err, nil)
	}
	return err
}

// refuse answers with what the website has for an error: a rule that redirects, or
// its own page.
func (s *site) refuse(err error) error {
	status := translate(err).status
	if rule := s.website.Rule(s.key, status); rule != nil {
		return s.follow(rule)
	}
	if s.website.Error == "" || status >= http.StatusInternalServerError {
		return s.page(err, nil)
	}
	in := objects.GetInput{Bucket: s.bucket, Key: s.website.Error}
	c, failed := s.session.Get(s.ctx, in)
	if failed != nil {
		return s.page(err, failed)
	}
	defer c.Close()
	s.failure = err
	s.tell(translate(err))
	return s.send(c, in, status)
}

// follow redirects as a rule says.
func (s *site) follow(rule *coffer.WebsiteRule) error {
	code := rule.Code
	if code == 0 {
		code = http.StatusMovedPermanently
	}
	return s.redirect(code, s.origin(rule.Host)+"/"+urlEncode(rule.Target(s.key)))
}

// origin is the protocol and the host of an address, those of the request where h
// says nothing.
func (s *site) origin(h coffer.WebsiteHost) string {
	if h.Name == "" {
		h.Name = s.r.Host
	}
	if h.Protocol == "" {
		h.Protocol = "http"
		if s.r.TLS != nil {
			h.Protocol = "https"
		}
	}
	return h.Protocol + "://" + h.Name
}

func (s *site) redirect(status int, to string) error {
	s.w.Header().Set("Location", to)
	return s.ok(status)
}

package s3

import (
	"net/http"
	"net/url"
	"strings"

	"coffer"
	"coffer/sigv4"
)

// postObject answers PostObject: the upload of a form from a browser (AWS, "POST
// Object"). The form has the credential in its fields, so who asks is known only
// when they were read.
func (q *request) postObject() error {
	if len(q.r.Header["Authorization"]) > 0 || q.query.has("X-Amz-Signature") || q.query.has("Signature") {
		return coffer.Errorf(coffer.InvalidRequest, "A form is signed in its fields, policy and x-amz-signature, and nowhere else.")
	}
	if err := q.requireLength(); err != nil {
		return err
	}
	form, err := readForm(q.r.Header.Get("Content-Type"), q.r.Body)
	if err != nil {
		return err
	}
	if q.key = form.fields["key"]; q.key == "" {
		return noFormKey()
	}
	if err := q.admitForm(&form); err != nil {
		return err
	}
	return q.storeForm(form)
}

// admitForm proves who made the form, and that what came is what they let others
// send with it. A form of nobody is an anonymous write.
func (q *request) admitForm(f *postForm) error {
	auth, err := sigv4.ParseForm(f.fields.get, sigv4.Options{Now: q.Now(), Regions: q.Regions, Service: "s3"})
	if err != nil {
		return err
	}
	if auth.Kind != sigv4.Anonymous {
		if _, err := q.verify(auth); err != nil {
			return err
		}
		policy, err := parsePostPolicy(f.fields["policy"])
		if err != nil {
			return err
		}
		if err := policy.check(f.fields, q.bucket, q.Now()); err != nil {
			return err
		}
		if policy.sized {
			f.file = &sizedFile{Reader: f.file, policy: policy}
		}
	}
	if err := q.limit(); err != nil {
		return err
	}
	if bucket, ok := f.fields["bucket"]; ok && bucket != string(q.bucket) {
		return coffer.Errorf(coffer.InvalidArgument, "The form field bucket is not the bucket that the form was sent to.").
			With("ArgumentName", "bucket").With("ArgumentValue", bucket)
	}
	q.signature.kind, q.signature.time = auth.Kind, auth.Time
	q.session = q.Objects.As(q.actor).In(q.condition)
	if err := q.expectOwner("x-amz-expected-bucket-owner", q.bucket); err != nil {
		return err
	}
	return nil
}

// storeForm makes a PutObject of the form, so that all that is true of one is true
// of the other.
func (q *request) storeForm(f postForm) error {
	h, err := f.fields.header()
	if err != nil {
		return err
	}
	tags, err := f.fields.tags()
	if err != nil {
		return err
	}
	if len(tags) > 0 {
		h.Set("X-Amz-Tagging", tagQuery(tags))
	}
	for _, name := range []string{"User-Agent", "Referer", "Content-Length"} {
		h[name] = q.r.Header[name]
	}
	r := *q.r
	r.Header = h
	q.r, q.form = &r, f.fields
	q.body = body{Reader: f.file, size: -1, trailer: func() http.Header { return nil }}
	return q.putObject()
}

// tagQuery writes tags as the x-amz-tagging header has them.
func tagQuery(tags []coffer.Tag) string {
	var pairs []string
	for _, t := range tags {
		pairs = append(pairs, url.QueryEscape(t.Key)+"="+url.QueryEscape(t.Value))
	}
	return strings.Join(pairs, "&")
}

// tags reads the tagging field, which has the document of PutObjectTagging.
func (f postFields) tags() ([]coffer.Tag, error) {
	if f["tagging"] == "" {
		return nil, nil
	}
	n, err := parseXML([]byte(f["tagging"]), "Tagging")
	if err != nil {
		return nil, err
	}
	tags, err := parseTagging(n)
	if err != nil {
		return nil, err
	}
	return tags, coffer.CheckObjectTags(tags)
}

// formDone answers a form as it asks to be answered.
func (q *request) formDone(o coffer.Object) error {
	f, h := q.form, q.w.Header()
	redirect, ok := f["success_action_redirect"]
	if !ok {
		redirect = f["redirect"] // its old name
	}
	if to, ok := redirectAfterForm(redirect, q.bucket, o); ok {
		h.Set("Location", to)
		return q.ok(http.StatusSeeOther)
	}
	h.Set("Location", q.address(o.Key))
	switch f["success_action_status"] {
	case "200":
		return q.ok(http.StatusOK)
	case "201":
		d := newDoc("PostResponse", "")
		d.text("Location", q.address(o.Key))
		d.text("Bucket", string(q.bucket))
		d.text("Key", o.Key)
		d.etag(o.ETag)
		return q.send(http.StatusCreated, d)
	}
	return q.ok(http.StatusNoContent)
}

// redirectAfterForm adds to an address what became of the upload. What is no
// address counts as not sent.
func redirectAfterForm(address string, bucket coffer.BucketName, o coffer.Object) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", false
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "bucket=" + url.QueryEscape(string(bucket)) + "&key=" + url.QueryEscape(o.Key) + "&etag=" + url.QueryEscape(quoted(o.ETag))
	return u.String(), true
}

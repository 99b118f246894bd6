package s3

import (
	"net/http"
	"net/url"

	"coffer"
	"coffer/objects"
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
	o, err := q.storeForm(form)
	if err != nil {
		return err
	}
	return q.formDone(form.fields, o)
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
	if bucket, ok := f.fields["bucket"]; ok && bucket != string(q.bucket) {
		return coffer.Errorf(coffer.InvalidArgument, "The form field bucket is not the bucket that the form was sent to.").
			With("ArgumentName", "bucket").With("ArgumentValue", bucket)
	}
	q.session = q.Objects.As(q.actor)
	return nil
}

// storeForm puts the file as PutObject would, with the fields for its headers.
func (q *request) storeForm(f postForm) (coffer.Object, error) {
	h, err := f.fields.header()
	if err != nil {
		return coffer.Object{}, err
	}
	h["User-Agent"] = q.r.Header["User-Agent"]
	r := *q.r
	r.Header = h
	q.r = &r
	q.body = body{Reader: f.file, size: -1, trailer: func() http.Header { return nil }}
	if err := q.unsupported(); err != nil {
		return coffer.Object{}, err
	}
	in := objects.PutInput{Bucket: q.bucket, Key: q.key, Body: q.body, Size: -1}
	if in.Attributes, err = q.attributes(); err != nil {
		return coffer.Object{}, err
	}
	if in.Tags, err = f.fields.tags(); err != nil {
		return coffer.Object{}, err
	}
	if in.Lock, err = q.lockHeaders(); err != nil {
		return coffer.Object{}, err
	}
	if in.Encryption, err = q.encrypting(); err != nil {
		return coffer.Object{}, err
	}
	if in.Digests, err = q.digests(); err != nil {
		return coffer.Object{}, err
	}
	return q.session.Put(q.ctx, in)
}

// tags reads the tagging field, which has the document of PutObjectTagging.
func (f postFields) tags() ([]coffer.Tag, error) {
	if f["tagging"] == "" {
		return nil, nil
	}
	n, err := parseXML([]byte(f["tagging"]), "Tagging")
	if err != nil {
		return nil, malformed(err)
	}
	return parseTagging(n)
}

// formDone answers a form as it asks to be answered.
func (q *request) formDone(f postFields, o coffer.Object) error {
	h := q.w.Header()
	h["ETag"] = []string{quoted(o.ETag)}
	q.writeChecksum(o.Checksum)
	q.writeVersion(o.VersionID)
	q.writeEncryptionMade(o.Encryption)
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
		d.text("ETag", quoted(o.ETag))
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

package compat

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"coffer/test/harness"
)

func TestS3cmd(t *testing.T) {
	t.Parallel()
	path := tool(t, "s3cmd", "apt-get install s3cmd")
	conform(t, program{connect: func(t *testing.T, to target) client { return newS3cmd(t, to, path) }})
	t.Run("URL signed with Signature V2 is refused with the reason", func(t *testing.T) {
		t.Parallel()
		curl := tool(t, "curl", "apt-get install curl")
		s := harness.Start(t, harness.Options{})
		c := newS3cmd(t, target{endpoint: s.Endpoint, id: s.AccessKeyID, secret: s.Secret}, path)
		signed, err := c.run("signurl", "s3://bucket/key", "+600")
		if err != nil {
			t.Fatal(err)
		}
		out := must(t, environ(), curl, "--silent", strings.TrimSpace(signed))
		if !strings.Contains(out, "AWS4-HMAC-SHA256") {
			t.Errorf("curl %s = %s, want a text that names AWS4-HMAC-SHA256", signed, out)
		}
	})
}

type s3cmd struct {
	t      *testing.T
	path   string
	config string
}

func newS3cmd(t *testing.T, to target, path string) s3cmd {
	t.Helper()
	u, err := url.Parse(to.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	https := "False"
	if u.Scheme == "https" {
		https = "True"
	}
	return s3cmd{t, path, text(t, fmt.Sprintf("[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s\n"+
		"bucket_location = %s\nuse_https = %s\nca_certs_file = %s\nmax_retries = 1\n", to.id, to.secret, u.Host, u.Host, region, https, to.caFile))}
}

func (c s3cmd) run(args ...string) (string, error) {
	return run(c.t, environ(), c.path, append([]string{"--config", c.config, "--no-progress"}, args...)...)
}

func (c s3cmd) MakeBucket(bucket string) error {
	_, err := c.run("mb", "s3://"+bucket)
	return err
}

func (c s3cmd) Put(bucket, key, file string, h headers) error {
	args := []string{"put", file, "s3://" + bucket + "/" + key}
	if h.ContentType != "" {
		args = append(args, "--mime-type", h.ContentType)
	}
	if h.CacheControl != "" {
		args = append(args, "--add-header", "Cache-Control:"+h.CacheControl)
	}
	if h.ContentDisposition != "" {
		args = append(args, "--add-header", "Content-Disposition:"+h.ContentDisposition)
	}
	for name, value := range h.Metadata {
		if strings.Contains(value, "  ") {
			return cannot("s3cmd signs metadata with spaces in a row as AWS does not")
		}
		args = append(args, "--add-header", "x-amz-meta-"+name+":"+value)
	}
	_, err := c.run(args...)
	return err
}

func (c s3cmd) Get(bucket, key, file string) error {
	_, err := c.run("get", "--force", "s3://"+bucket+"/"+key, file)
	return err
}

var s3cmdInfo = regexp.MustCompile(`(?m)^ +(MIME type|x-amz-meta-[^:]+): *(.*)$`)

// Head shows neither Cache-Control nor Content-Disposition.
func (c s3cmd) Head(bucket, key string) (headers, error) {
	out, err := c.run("info", "s3://"+bucket+"/"+key)
	if err != nil {
		return headers{}, err
	}
	h := headers{Metadata: map[string]string{}}
	for _, m := range s3cmdInfo.FindAllStringSubmatch(out, -1) {
		if name, ok := strings.CutPrefix(m[1], "x-amz-meta-"); ok {
			h.Metadata[name] = m[2]
		} else {
			h.ContentType = m[2]
		}
	}
	return h, nil
}

var s3cmdEntry = regexp.MustCompile(`(?m)^ *(DIR|\d{4}-\d\d-\d\d \d\d:\d\d +\d+) +s3://[^/]+/(.*)$`)

// List pages by 1,000: s3cmd has no setting for it.
func (c s3cmd) List(bucket, prefix, delimiter string, _ int) (l listing, err error) {
	args := []string{"ls", "s3://" + bucket + "/" + prefix}
	switch delimiter {
	case "":
		args = append(args, "--recursive")
	case "/":
	default:
		return l, cannot("s3cmd lists by / or not at all")
	}
	out, err := c.run(args...)
	for _, m := range s3cmdEntry.FindAllStringSubmatch(out, -1) {
		if m[1] == "DIR" {
			l.Prefixes = append(l.Prefixes, m[2])
		} else {
			l.Keys = append(l.Keys, m[2])
		}
	}
	return l, err
}

func (c s3cmd) Copy(bucket, from, to string) error {
	_, err := c.run("cp", "s3://"+bucket+"/"+from, "s3://"+bucket+"/"+to)
	return err
}

// Delete uses DeleteObjects only for all that is below a folder, so keys that are
// in one are deleted by its name.
func (c s3cmd) Delete(bucket string, keys []string) error {
	folder, _, ok := strings.Cut(keys[0], "/")
	for _, key := range keys {
		ok = ok && strings.HasPrefix(key, folder+"/")
	}
	if ok && folder != "" {
		_, err := c.run("del", "--recursive", "--force", "s3://"+bucket+"/"+folder+"/")
		return err
	}
	args := []string{"del"}
	for _, key := range keys {
		args = append(args, "s3://"+bucket+"/"+key)
	}
	_, err := c.run(args...)
	return err
}

func (c s3cmd) PresignGet(string, string) (string, error) {
	return "", cannot("s3cmd signs URLs with Signature V2 only")
}

func (c s3cmd) PresignPut(string, string) (string, error) {
	return "", cannot("s3cmd signs URLs for GET only")
}

func (c s3cmd) Cannot(key string) string {
	switch {
	case strings.HasSuffix(key, "/"):
		return "s3cmd puts a file below a key that ends with a slash"
	case control(key) || !xmlText(key):
		return "s3cmd prints lists in lines, and asks for them in XML, which cannot hold every character"
	}
	return ""
}

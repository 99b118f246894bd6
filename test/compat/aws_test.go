package compat

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"coffer/test/harness"
)

func TestAWSCLI(t *testing.T) {
	t.Parallel()
	for version, path := range tools(t, "aws", "apt-get install awscli", "--version") {
		t.Run(strings.ReplaceAll(version, "/", " "), func(t *testing.T) {
			t.Parallel()
			conform(t, program{connect: func(t *testing.T, to target) client { return newAWSCLI(t, to, path) }})
			t.Run("sync", func(t *testing.T) { awsSync(t, path) })
		})
	}
}

// awsSync takes a tree up and down, and finds nothing to do a second time.
func awsSync(t *testing.T, path string) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	t.Cleanup(func() { noErrors(t, s) })
	c := newAWSCLI(t, target{endpoint: s.Endpoint, id: s.AccessKeyID, secret: s.Secret}, path)
	src, dst := goSource(t), filepath.Join(t.TempDir(), "down")
	c.must("s3", "mb", "s3://tree")
	timed(t, s, "sync up", func() { c.must("s3", "sync", "--only-show-errors", src, "s3://tree/src") })
	if out := c.must("s3", "sync", src, "s3://tree/src"); strings.TrimSpace(out) != "" {
		t.Errorf("a second sync up moves\n%.2000s", out)
	}
	timed(t, s, "sync down", func() { c.must("s3", "sync", "--only-show-errors", "s3://tree/src", dst) })
	sameTree(t, dst, src)
	if out := c.must("s3", "sync", "s3://tree/src", dst); strings.TrimSpace(out) != "" {
		t.Errorf("a second sync down moves\n%.2000s", out)
	}
	c.must("s3", "rb", "--force", "s3://tree")
	if out := c.must("s3", "ls"); strings.TrimSpace(out) != "" {
		t.Errorf("after rb --force there is\n%s", out)
	}
}

// awsCLI is the AWS command line, by its high-level commands where they can name
// the key, else by s3api.
type awsCLI struct {
	t        *testing.T
	path     string
	endpoint string
	env      []string
}

func newAWSCLI(t *testing.T, to target, path string) awsCLI {
	env := environ("AWS_ACCESS_KEY_ID="+to.id, "AWS_SECRET_ACCESS_KEY="+to.secret, "AWS_DEFAULT_REGION="+region, "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")
	if to.caFile != "" {
		env = append(env, "AWS_CA_BUNDLE="+to.caFile)
	}
	return awsCLI{t, path, to.endpoint, env}
}

func (c awsCLI) run(args ...string) (string, error) {
	return run(c.t, c.env, c.path, append([]string{"--endpoint-url", c.endpoint, "--output", "json"}, args...)...)
}

func (c awsCLI) must(args ...string) string {
	c.t.Helper()
	out, err := c.run(args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// api runs an s3api command and decodes what it prints, which may be nothing.
func (c awsCLI) api(result any, args ...string) error {
	out, err := c.run(append([]string{"s3api"}, args...)...)
	if err != nil || strings.TrimSpace(out) == "" {
		return err
	}
	return json.Unmarshal([]byte(out), result)
}

func (c awsCLI) MakeBucket(bucket string) error {
	_, err := c.run("s3", "mb", "s3://"+bucket)
	return err
}

func (c awsCLI) Put(bucket, key, file string, h headers) error {
	var more []string
	for _, o := range []struct{ flag, value string }{
		{"--content-type", h.ContentType}, {"--cache-control", h.CacheControl}, {"--content-disposition", h.ContentDisposition},
	} {
		if o.value != "" {
			more = append(more, o.flag, o.value)
		}
	}
	if h.Metadata != nil {
		b, err := json.Marshal(h.Metadata)
		if err != nil {
			return err
		}
		more = append(more, "--metadata", string(b))
	}
	if plain(key) {
		_, err := c.run(append([]string{"s3", "cp", "--only-show-errors", file, "s3://" + bucket + "/" + key}, more...)...)
		return err
	}
	_, err := c.run(append([]string{"s3api", "put-object", "--bucket", bucket, "--key", key, "--body", file}, more...)...)
	return err
}

func (c awsCLI) Get(bucket, key, file string) error {
	if plain(key) {
		_, err := c.run("s3", "cp", "--only-show-errors", "s3://"+bucket+"/"+key, file)
		return err
	}
	_, err := c.run("s3api", "get-object", "--bucket", bucket, "--key", key, file)
	return err
}

func (c awsCLI) Head(bucket, key string) (h headers, err error) {
	err = c.api(&h, "head-object", "--bucket", bucket, "--key", key)
	return h, err
}

func (c awsCLI) List(bucket, prefix, delimiter string, page int) (l listing, err error) {
	args := []string{"list-objects-v2", "--bucket", bucket, "--prefix", prefix}
	if delimiter != "" {
		args = append(args, "--delimiter", delimiter)
	}
	if page > 0 {
		args = append(args, "--page-size", strconv.Itoa(page))
	}
	var out struct {
		Contents       []struct{ Key string }
		CommonPrefixes []struct{ Prefix string }
	}
	if err := c.api(&out, args...); err != nil {
		return l, err
	}
	for _, o := range out.Contents {
		l.Keys = append(l.Keys, o.Key)
	}
	for _, p := range out.CommonPrefixes {
		l.Prefixes = append(l.Prefixes, p.Prefix)
	}
	return l, nil
}

// Copy copies by parts above 8 MiB.
func (c awsCLI) Copy(bucket, from, to string) error {
	_, err := c.run("s3", "cp", "--only-show-errors", "s3://"+bucket+"/"+from, "s3://"+bucket+"/"+to)
	return err
}

func (c awsCLI) Delete(bucket string, keys []string) error {
	many, single := split(keys, xmlText)
	for _, key := range single {
		if err := c.api(&struct{}{}, "delete-object", "--bucket", bucket, "--key", key); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(many, 1000) {
		type object struct{ Key string }
		var doc struct{ Objects []object }
		for _, key := range some {
			doc.Objects = append(doc.Objects, object{key})
		}
		b, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		file := filepath.Join(c.t.TempDir(), "delete.json") // 1,000 keys are too long for an argument
		if err := os.WriteFile(file, b, 0o600); err != nil {
			return err
		}
		var out struct {
			Deleted []object
			Errors  []any
		}
		if err := c.api(&out, "delete-objects", "--bucket", bucket, "--delete", "file://"+file); err != nil {
			return err
		}
		if len(out.Errors) > 0 || len(out.Deleted) != len(some) {
			return fmt.Errorf("deleted %d of %d: %v", len(out.Deleted), len(some), out.Errors)
		}
	}
	return nil
}

func (c awsCLI) PresignGet(bucket, key string) (string, error) {
	out, err := c.run("s3", "presign", "s3://"+bucket+"/"+key)
	return strings.TrimSpace(out), err
}

func (c awsCLI) PresignPut(string, string) (string, error) {
	return "", cannot("aws s3 presign signs GET only")
}

// Cannot finds nothing: an argument holds every key of the suite.
func (c awsCLI) Cannot(string) string { return "" }

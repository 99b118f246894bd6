package attack

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// operation is a row of the S3 route table, read from the table itself: a new
// operation is attacked without anybody adding it here.
type operation struct {
	name, method, level string
	sub, header         string
	data, anonymous     bool
}

var (
	operationLine = regexp.MustCompile(`(?m)^\t\{name: "(\w+)",(.*)\},$`)
	methodField   = regexp.MustCompile(`\bmethod: (\w+)`)
	levelField    = regexp.MustCompile(`\blevel: level(\w+)`)
	subField      = regexp.MustCompile(`\bsub: "([^"]*)"`)
	headerField   = regexp.MustCompile(`\bheader: "([^"]*)"`)
)

// operations are all of S3's.
func operations(t *testing.T) []operation {
	t.Helper()
	b, err := os.ReadFile("../../s3/operations.go")
	if err != nil {
		t.Fatal(err)
	}
	field := func(r *regexp.Regexp, s string) string {
		if m := r.FindStringSubmatch(s); m != nil {
			return m[1]
		}
		return ""
	}
	verbs := map[string]string{"get": "GET", "head": "HEAD", "put": "PUT", "post": "POST", "del": "DELETE", "options": "OPTIONS"}
	var all []operation
	for _, m := range operationLine.FindAllStringSubmatch(string(b), -1) {
		op := operation{m[1], verbs[field(methodField, m[2])], field(levelField, m[2]), field(subField, m[2]), field(headerField, m[2]),
			strings.Contains(m[2], "data: true"), strings.Contains(m[2], "anonymous: true")}
		if op.method == "" || op.level == "" {
			t.Fatalf("the row %s of the route table has the method %q and the level %q", op.name, op.method, op.level)
		}
		all = append(all, op)
	}
	// A row that the expression misses would be an operation that nobody attacks.
	if n := strings.Count(string(b), "{name: "); n != len(all) || n < 90 {
		t.Fatalf("the route table has %d rows, of which %d were read", n, len(all))
	}
	return all
}

// aim is what an operation is aimed at.
type aim struct {
	bucket, key   string // as in the path
	upload        string
	source        string // of copies
	newBucket     string // for CreateBucket
	deletedBucket string // for DeleteBucket, an empty one
}

// aimed is a request for the operation that would do its work for who may do it.
func (op operation) aimed(a aim) (method, path, query, body string, lines []string) {
	path = "/"
	if op.level != "Service" {
		path += a.bucket
	}
	if op.level == "Object" {
		path += "/" + a.key
	}
	switch op.name {
	case "CreateBucket":
		path = "/" + a.newBucket
	case "DeleteBucket":
		path = "/" + a.deletedBucket
	}
	var parts []string
	switch op.sub {
	case "":
	case "uploadId":
		parts = append(parts, "uploadId="+url.QueryEscape(a.upload))
	case "list-type", "select":
		parts = append(parts, op.sub+"=2")
	default:
		parts = append(parts, op.sub)
	}
	if strings.HasPrefix(op.name, "UploadPart") {
		parts = append(parts, "partNumber=1")
	}
	if op.header != "" {
		value := a.source
		if op.header != "X-Amz-Copy-Source" {
			value = "x"
		}
		lines = append(lines, op.header+": "+value)
	}
	if op.name == "GetObjectAttributes" {
		lines = append(lines, "x-amz-object-attributes: ETag")
	}
	if op.method == "PUT" || op.method == "POST" {
		body = bodyOf(op.name, a)
	}
	if body != "" && !op.data {
		lines = append(lines, "x-amz-checksum-sha256: "+checksum(body))
	}
	return op.method, path, strings.Join(parts, "&"), body, lines
}

// bodyOf is a body that the operation takes.
func bodyOf(name string, a aim) string {
	const ns = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
	switch name {
	case "PutObject", "UploadPart":
		return "evil"
	case "DeleteObjects":
		return `<Delete` + ns + `><Object><Key>` + a.key + `</Key></Object></Delete>`
	case "PutBucketCors":
		return `<CORSConfiguration` + ns + `><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`
	case "PutBucketTagging", "PutObjectTagging":
		return `<Tagging` + ns + `><TagSet><Tag><Key>evil</Key><Value>1</Value></Tag></TagSet></Tagging>`
	case "CompleteMultipartUpload":
		return `<CompleteMultipartUpload` + ns + `><Part><PartNumber>1</PartNumber><ETag>"4034a346ccee15292d823416f7510a2f"</ETag></Part></CompleteMultipartUpload>`
	case "PutBucketPolicy":
		// Not public, which a bucket may refuse to whoever asks.
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:DeleteBucketWebsite","Resource":"arn:aws:s3:::` + a.bucket + `"}]}`
	case "PutBucketVersioning":
		return `<VersioningConfiguration` + ns + `><Status>Enabled</Status></VersioningConfiguration>`
	case "PutBucketOwnershipControls":
		return `<OwnershipControls` + ns + `><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>`
	case "PutPublicAccessBlock":
		return `<PublicAccessBlockConfiguration` + ns + `><BlockPublicAcls>false</BlockPublicAcls></PublicAccessBlockConfiguration>`
	case "CreateBucket", "CreateMultipartUpload", "CopyObject", "UploadPartCopy", "PostObject", "RenameObject":
		return ""
	}
	return "<" + strings.TrimPrefix(name, "Put") + ns + "/>"
}

// configurations are the sub-resources of buckets and objects that are set by a
// Put, with which the state is read.
func configurations(t *testing.T, level string) []string {
	t.Helper()
	var gets, puts []string
	for _, op := range operations(t) {
		switch {
		case op.level != level || op.sub == "" || op.sub == "uploadId":
		case op.method == "GET":
			gets = append(gets, op.sub)
		case op.method == "PUT":
			puts = append(puts, op.sub)
		}
	}
	return slices.DeleteFunc(gets, func(sub string) bool { return !slices.Contains(puts, sub) })
}

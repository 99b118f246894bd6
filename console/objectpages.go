package console

import (
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/objects"
)

// objectsPage is one level of a bucket: its objects or, with Versions, all versions
// of them.
type objectsPage struct {
	shell
	Bucket     coffer.BucketName
	Prefix     string
	Crumbs     []crumb
	Folders    []folder
	Objects    []objectRow
	Versioning coffer.Versioning
	Versions   bool
	Rows       []versionRow
	// Switch is the URL of the same folder with, or without, versions.
	Switch string
	// Next is the URL of the next page, "" at the end; First of the first.
	Next, First string
	Now         time.Time
	Wrong       problems
}

// crumb is one step of the way down to a folder.
type crumb struct{ Name, URL string }

type folder struct{ Name, URL string }

type objectRow struct {
	coffer.Object
	Name        string
	DownloadURL string
}

// listURL is the address of a folder's page.
func listURL(bucket coffer.BucketName, prefix, after string) string {
	u := "/buckets/" + string(bucket) + "/objects"
	v := url.Values{}
	if prefix != "" {
		v.Set("prefix", prefix)
	}
	if after != "" {
		v.Set("after", after)
	}
	if len(v) > 0 {
		u += "?" + v.Encode()
	}
	return u
}

// withVersions is the address of a page of objects, with all their versions.
func withVersions(u string) string {
	if strings.Contains(u, "?") {
		return u + "&versions=1"
	}
	return u + "?versions=1"
}

const (
	// pageMax is how many lines one page of objects has, and fewer where their names
	// have more than namesBytes together: each stands on the page in several forms.
	pageMax    = 200
	namesBytes = 32 << 10
	// pageMin is how many there are in any case.
	pageMin = 20
)

// linesOf is how many lines a page is to have whose lines have such names.
func linesOf(names []string) int {
	bytes := 0
	for _, name := range names {
		bytes += len(name)
	}
	if bytes <= namesBytes {
		return pageMax
	}
	return max(pageMin, len(names)*namesBytes/bytes)
}

func (q *request) listObjects() error {
	return q.objectsAnswer(http.StatusOK, q.query("prefix"), q.query("after"), problems{})
}

func (q *request) objectsAnswer(status int, prefix, after string, wrong problems) error {
	b, err := q.bucket()
	if err != nil {
		return err
	}
	bucket := b.Name
	page := objectsPage{shell: q.shell(string(bucket)), Bucket: bucket, Prefix: prefix, Now: q.Now(), Wrong: wrong, Versioning: b.Versioning}
	page.Versions = b.Versioning != coffer.VersioningUnset && (q.query("versions") != "" || q.value("versions") != "")
	url := func(prefix string) string {
		if page.Versions {
			return withVersions(listURL(bucket, prefix, ""))
		}
		return listURL(bucket, prefix, "")
	}
	page.Crumbs = []crumb{{string(bucket), url("")}}
	for i, c := range prefix {
		if c == '/' {
			up := prefix[:i+1]
			page.Crumbs = append(page.Crumbs, crumb{name(up), url(up)})
		}
	}
	page.Switch = listURL(bucket, prefix, "")
	if !page.Versions {
		page.Switch = withVersions(page.Switch)
	}
	if after != "" {
		page.First = url(prefix)
	}
	fill := q.fillObjects
	if page.Versions {
		fill = q.fillVersions
	}
	prefixes, err := fill(&page, b, after)
	if err != nil {
		return err
	}
	for _, p := range prefixes {
		page.Folders = append(page.Folders, folder{name(p), url(p)})
	}
	return q.render(status, "objects", page)
}

// fillObjects reads the objects of a page, and returns the folders beside them.
func (q *request) fillObjects(page *objectsPage, b coffer.Bucket, after string) ([]string, error) {
	in := objects.ListInput{Bucket: b.Name, Prefix: page.Prefix, Delimiter: "/", After: after, Max: pageMax}
	list, err := q.objects().List(q.ctx(), in)
	names := slices.Clip(list.Prefixes)
	for _, o := range list.Objects {
		names = append(names, o.Key)
	}
	if in.Max = linesOf(names); err == nil && in.Max < pageMax {
		list, err = q.objects().List(q.ctx(), in)
	}
	if err != nil {
		return nil, err
	}
	for _, o := range list.Objects {
		page.Objects = append(page.Objects, objectRow{o, strings.TrimPrefix(o.Key, page.Prefix), downloadURL(b.Name, o.Key, "")})
	}
	if list.Next != "" {
		page.Next = listURL(b.Name, page.Prefix, list.Next)
	}
	return list.Prefixes, nil
}

// downloadURL leads to an object, or to the version of it that is named.
func downloadURL(bucket coffer.BucketName, key, version string) string {
	v := url.Values{"key": {key}}
	if version != "" {
		v.Set("version", version)
	}
	return "/buckets/" + string(bucket) + "/download?" + v.Encode()
}

// name is the last part of a prefix: a/b/ is b. A part that is empty still has a
// name to click on.
func name(prefix string) string {
	s := strings.TrimSuffix(prefix, "/")
	s = s[strings.LastIndexByte(s, '/')+1:]
	if s == "" {
		return "(no name)"
	}
	return s
}

// download sends the browser to the S3 address with a URL that is good for this
// one object and a minute. The answer there is always an attachment, so nothing
// that was uploaded is shown as a page anywhere.
func (q *request) download() error {
	bucket, err := q.bucketName()
	if err != nil {
		return err
	}
	key, version := q.query("key"), q.query("version")
	if _, err := q.objects().Head(q.ctx(), objects.GetInput{Bucket: bucket, Key: key, Version: version}); err != nil {
		return err
	}
	query := url.Values{"response-content-disposition": {attachment(key)}}
	if version != "" {
		query.Set("versionId", version)
	}
	to, err := q.presign(http.MethodGet, bucket, key, query, "")
	if err != nil {
		return err
	}
	return q.redirect(to)
}

// attachment is a Content-Disposition that saves under the key's last part
// (RFC 6266, RFC 8187).
func attachment(key string) string {
	file := path.Base(key)
	if v := mime.FormatMediaType("attachment", map[string]string{"filename": file}); v != "" {
		return v
	}
	return "attachment"
}

// signedUpload is what upload.js reads.
type signedUpload struct {
	URL  string `json:"url"`
	Type string `json:"type"`
}

// signUpload gives a script the URL to PUT one file to.
func (q *request) signUpload() error {
	err := q.writes()
	if err != nil {
		return q.failJSON(err)
	}
	bucket, err := q.bucketName()
	if err != nil {
		return q.failJSON(err)
	}
	key := q.r.PostForm.Get("prefix") + q.r.PostForm.Get("name")
	if err := coffer.CheckObjectKey(key); err != nil {
		return q.failJSON(err)
	}
	kind := contentType(q.value("type"))
	to, err := q.presign(http.MethodPut, bucket, key, nil, kind)
	if err != nil {
		return q.failJSON(err)
	}
	return q.json(http.StatusOK, signedUpload{to, kind})
}

// contentType is what the browser says of a file, if it is a type at all.
func contentType(said string) string {
	if kind, _, err := mime.ParseMediaType(said); err == nil && len(said) < 200 {
		return kind
	}
	return "application/octet-stream"
}

// upload stores the file of a form, for browsers without scripts. The bytes go
// from the request into the store, never into a file of the console's own.
func (q *request) upload() error {
	if err := q.writes(); err != nil {
		return err
	}
	bucket, err := q.bucketName()
	if err != nil {
		return err
	}
	body := &formBody{ReadCloser: q.r.Body}
	r := *q.r
	r.Body = body
	parts, err := r.MultipartReader()
	if err != nil {
		return coffer.Errorf(coffer.InvalidRequest, "the form has no file")
	}
	prefix := ""
	for {
		body.left = beforeFileMax
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return coffer.Errorf(coffer.InvalidRequest, "no file was chosen: choose one and try again")
		}
		if err != nil {
			return coffer.Errorf(coffer.InvalidRequest, "the file did not arrive as a whole: try again")
		}
		if part.FormName() == "prefix" {
			b, err := io.ReadAll(io.LimitReader(part, coffer.ObjectKeyMax+1))
			if err != nil {
				return coffer.Errorf(coffer.InvalidRequest, "the form could not be read")
			}
			prefix = string(b)
			continue
		}
		if part.FormName() != "file" || part.FileName() == "" {
			continue
		}
		body.left = math.MaxInt64
		if err := q.store(bucket, prefix+part.FileName(), part); err != nil {
			return err
		}
		return q.redirect(did(listURL(bucket, prefix, ""), "uploaded"))
	}
}

// beforeFileMax is how many bytes of a form may come before each part of it: headers, and
// what is left of the part before. Package multipart takes 10 MiB of headers.
const beforeFileMax = 64 << 10

// formBody is the body of a form, of which no more is read than is left.
type formBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *formBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the form has too much before its file")
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (q *request) store(bucket coffer.BucketName, key string, part *multipart.Part) error {
	_, err := q.objects().Put(q.ctx(), objects.PutInput{Bucket: bucket, Key: key, Body: part, Size: -1,
		Attributes: coffer.Attributes{ContentType: contentType(part.Header.Get("Content-Type"))}})
	return err
}

// did adds what was done to the address of the next page.
func did(to, what string) string {
	if strings.Contains(to, "?") {
		return to + "&did=" + what
	}
	return to + "?did=" + what
}

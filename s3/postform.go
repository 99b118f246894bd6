package s3

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"coffer"
)

const (
	// postFieldsMax is how many bytes the fields and boundaries before the file may
	// have (AWS, "POST Object", Form fields).
	postFieldsMax = 20 << 10
	// postReadAhead is more than the multipart reader takes beyond what it has given
	// back.
	postReadAhead = 8 << 10
)

// postFields are the fields of a form that stand before the file, by lower-case
// name. Those behind it are ignored, as AWS does.
type postFields map[string]string

func (f postFields) get(name string) (string, bool) {
	value, ok := f[name]
	return value, ok
}

// postForm is a form that was read up to the bytes of its file.
type postForm struct {
	fields postFields
	file   io.Reader
}

// readForm reads a form of multipart/form-data (RFC 7578) up to its file, which is
// left in the body. Fields are never more in memory than they may be long.
func readForm(contentType string, body io.Reader) (postForm, error) {
	f := postForm{fields: postFields{}}
	media, parameters, err := mime.ParseMediaType(contentType)
	if media != "multipart/form-data" {
		return f, coffer.Errorf(coffer.PreconditionFailed, "At least one of the pre-conditions you specified did not hold").
			With("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
	}
	boundary := parameters["boundary"]
	if err != nil || boundary == "" || len(boundary) > 70 {
		return f, &coffer.Error{Code: coffer.MalformedPOST}
	}
	head := &limited{r: body, left: postFieldsMax + postReadAhead}
	form := multipart.NewReader(head, boundary)
	total := 0
	for {
		part, err := form.NextRawPart()
		if err == io.EOF {
			return f, f.withoutFile()
		}
		if err != nil {
			return f, head.refusal(err)
		}
		name := strings.ToLower(part.FormName())
		switch {
		case part.Header.Get("Content-Disposition") == "" || name == "":
			return f, &coffer.Error{Code: coffer.MalformedPOST}
		case name == "file":
			if err := f.expand(part.FileName()); err != nil {
				return f, err
			}
			head.left = -1
			f.file = &formFile{part}
			return f, nil
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return f, head.refusal(err)
		}
		if total += len(name) + len(value); total > postFieldsMax {
			return f, tooManyFields()
		}
		if err := f.fields.add(name, string(value)); err != nil {
			return f, err
		}
	}
}

func tooManyFields() error { return &coffer.Error{Code: coffer.PostPreDataTooLong} }

// withoutFile is what is wrong with a form that has no file; that it has no key is
// said first.
func (f postForm) withoutFile() error {
	if f.fields["key"] == "" {
		return noFormKey()
	}
	return (&coffer.Error{Code: coffer.IncorrectNumberOfFiles}).With("ArgumentName", "file").With("ArgumentValue", "0")
}

func noFormKey() error {
	return coffer.Errorf(coffer.UserKeyMustBeSpecified,
		"Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.").
		With("ArgumentName", "key")
}

// add takes a field. What is said twice could be checked once and used the other
// time; and a field that becomes a header of later answers must be one line.
func (f postFields) add(name, value string) error {
	if _, again := f[name]; again {
		return coffer.Errorf(coffer.InvalidArgument, "The form has the field %q more than once.", name).With("ArgumentName", name)
	}
	if !isToken(name) || !utf8.ValidString(value) {
		return coffer.Errorf(coffer.InvalidArgument, "The form field %q is not valid.", name).With("ArgumentName", name)
	}
	f[name] = value
	return nil
}

// isToken tells whether s can be the name of a header (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// filenameVariable is where a form has the name of its file put in.
const filenameVariable = "${filename}"

// expandedMax is how many bytes the fields may have with the name of the file in them:
// of many variables and a long name they could become a thousand times as long.
const expandedMax = 2 * postFieldsMax

// expand puts the name of the file in the place of ${filename}: what stands behind
// the last slash or backslash, for browsers that tell the whole path. AWS does so
// before it looks at the policy.
// A file that was sent without a name has none to put in.
func (f postForm) expand(filename string) error {
	if filename == "" {
		return nil
	}
	filename = filename[strings.LastIndexAny(filename, `/\`)+1:]
	total := 0
	for name, value := range f.fields {
		if name == "policy" || name == "x-amz-signature" {
			continue
		}
		if total += len(value) + strings.Count(value, filenameVariable)*len(filename); total > expandedMax {
			return tooManyFields()
		}
		f.fields[name] = strings.ReplaceAll(value, filenameVariable, filename)
	}
	return nil
}

// postHeaders are the fields that mean what the header of their name does; those
// that begin with x-amz- do too.
var postHeaders = []string{"cache-control", "content-type", "content-disposition", "content-encoding", "content-language",
	"content-md5", "expires"}

// header is the form as the head of a PutObject.
func (f postFields) header() (http.Header, error) {
	h := http.Header{}
	_, acl := f["acl"]
	if _, again := f["x-amz-acl"]; acl && again {
		return nil, coffer.Errorf(coffer.InvalidArgument, "The form has the field acl twice, once as x-amz-acl.").With("ArgumentName", "acl")
	}
	for name, value := range f {
		switch {
		case name == "acl":
			name = "x-amz-acl"
		case !strings.HasPrefix(name, "x-amz-"):
			continue
		}
		h.Set(name, value)
	}
	for _, name := range postHeaders {
		if value, ok := f[name]; ok {
			h.Set(name, value)
		}
	}
	for name, values := range h {
		if strings.ContainsFunc(values[0], func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return nil, coffer.Errorf(coffer.InvalidArgument, "The form field %s has a control character.", strings.ToLower(name)).
				With("ArgumentName", strings.ToLower(name))
		}
	}
	// How a body is framed and what its trailer has, no form can say.
	for _, name := range []string{"X-Amz-Trailer", "X-Amz-Decoded-Content-Length", "X-Amz-Content-Sha256", "X-Amz-Copy-Source", "X-Amz-Tagging"} {
		delete(h, name)
	}
	return h, nil
}

// limited is a body of which only so much may be read; -1 for all.
type limited struct {
	r    io.Reader
	left int
}

var errLimit = errors.New("the fields before the file are too long")

func (l *limited) Read(b []byte) (int, error) {
	if l.left < 0 {
		return l.r.Read(b)
	}
	if l.left == 0 {
		return 0, errLimit
	}
	n, err := l.r.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}

// refusal says what became of a form that could not be read on.
func (l *limited) refusal(err error) error {
	if l.left == 0 {
		return tooManyFields()
	}
	return malformedForm(err)
}

func malformedForm(err error) error {
	if errors.Is(err, errLimit) {
		return tooManyFields()
	}
	return (&coffer.Error{Code: coffer.MalformedPOST}).Wrap(err)
}

// formFile is the file of a form. It ends with io.EOF only where the boundary
// stands behind it: a form that was cut is no object.
type formFile struct{ part *multipart.Part }

func (f *formFile) Read(b []byte) (int, error) {
	n, err := f.part.Read(b)
	if err != nil && err != io.EOF {
		err = malformedForm(err)
	}
	return n, err
}

package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"coffer"
)

const (
	namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
	xsi       = "http://www.w3.org/2001/XMLSchema-instance"
)

// timeFormat is how S3 writes an instant in XML.
const timeFormat = "2006-01-02T15:04:05.000Z"

// doc is an XML document that is being written. It is our own since keys may have
// characters that encoding/xml would replace by U+FFFD, so that two keys would
// look alike: like S3, it writes them as character references.
type doc struct {
	b    []byte
	open []string
	// to is where a long document goes piece by piece; nil to keep all of it.
	to   *response
	sent bool  // a piece was
	err  error // of sending it
}

// pieceBytes is how much of a document is put together before it is sent: a page of
// names that are not very long is one piece.
const pieceBytes = 512 << 10

func newDoc(root, ns string) *doc {
	d := &doc{b: make([]byte, 0, 1024)}
	d.b = append(d.b, xml.Header...)
	if ns == "" {
		d.begin(root)
		return d
	}
	d.b = append(d.b, '<')
	d.b = append(d.b, root...)
	d.b = append(d.b, ` xmlns="`...)
	d.b = append(d.b, ns...)
	d.b = append(d.b, `">`...)
	d.open = append(d.open, root)
	return d
}

// newLongDoc is a document that is sent while it is written, with status 200, if it
// gets long.
func (q *request) newLongDoc(root string) *doc {
	d := newDoc(root, namespace)
	d.to = q.w
	return d
}

// begin opens an element; end closes the innermost one.
func (d *doc) begin(name string) {
	d.b = append(d.b, '<')
	d.b = append(d.b, name...)
	d.b = append(d.b, '>')
	d.open = append(d.open, name)
}

func (d *doc) end() {
	name := d.open[len(d.open)-1]
	d.open = d.open[:len(d.open)-1]
	d.b = append(d.b, '<', '/')
	d.b = append(d.b, name...)
	d.b = append(d.b, '>')
	if len(d.b) >= pieceBytes && d.to != nil {
		d.flush()
	}
}

// empty closes the innermost element, in which nothing was written, as AWS writes an
// element that has no text.
func (d *doc) empty() {
	d.b = append(d.b[:len(d.b)-1], "/>"...)
	d.open = d.open[:len(d.open)-1]
}

// flush sends what there is of a document that is answered with 200. After an error
// the rest goes nowhere.
func (d *doc) flush() {
	if !d.sent {
		d.to.Header().Set("Content-Type", "application/xml")
		d.to.WriteHeader(http.StatusOK)
		d.sent = true
	}
	if d.err == nil {
		_, d.err = d.to.await(d.b)
	}
	if cap(d.b) > 2*pieceBytes {
		d.b = nil
	}
	d.b = d.b[:0]
}

// text writes an element with text in it.
func (d *doc) text(name, value string) {
	d.begin(name)
	d.b = appendEscaped(d.b, value)
	d.end()
}

// message writes the Message of an error, in which S3 leaves quotation marks as they
// are.
func (d *doc) message(value string) {
	d.begin("Message")
	for i, plain := range strings.Split(value, `"`) {
		if i > 0 {
			d.b = append(d.b, '"')
		}
		d.b = appendEscaped(d.b, plain)
	}
	d.end()
}

// optional writes an element unless its text is empty.
func (d *doc) optional(name, value string) {
	if value != "" {
		d.text(name, value)
	}
}

func (d *doc) number(name string, n int64) {
	d.begin(name)
	d.b = strconv.AppendInt(d.b, n, 10)
	d.end()
}

func (d *doc) flag(name string, v bool) { d.text(name, strconv.FormatBool(v)) }

// time writes an instant in whole seconds, as AWS tells when a thing was made: it is
// then the instant that the Last-Modified header has.
func (d *doc) time(name string, t time.Time) { d.instant(name, t.Truncate(time.Second)) }

// instant writes an instant to the millisecond.
func (d *doc) instant(name string, t time.Time) {
	d.begin(name)
	d.b = t.UTC().AppendFormat(d.b, timeFormat)
	d.end()
}

// etag writes an entity tag, which is quoted.
func (d *doc) etag(value string) {
	d.begin("ETag")
	d.b = append(d.b, "&quot;"...)
	d.b = appendEscaped(d.b, value)
	d.b = append(d.b, "&quot;"...)
	d.end()
}

// close ends what is open and returns the document.
func (d *doc) close() []byte {
	for len(d.open) > 0 {
		d.end()
	}
	return d.b
}

// appendEscaped appends the runs of characters that need no escape as they are.
func appendEscaped(b []byte, s string) []byte {
	plain := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '&' && c != '<' && c != '>' && c != '"' && c != 0x7f {
			continue
		}
		b = append(b, s[plain:i]...)
		plain = i + 1
		switch c {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '"':
			b = append(b, "&quot;"...)
		default:
			b = append(b, "&#x"...)
			b = strconv.AppendUint(b, uint64(c), 16)
			b = append(b, ';')
		}
	}
	return append(b, s[plain:]...)
}

// send answers with a document.
func (q *request) send(status int, d *doc) error {
	b := d.close()
	if d.sent {
		d.flush()
		return d.err
	}
	// What it was made of is garbage by now.
	q.work.keep(0)
	q.held.keep(int64(len(b)))
	h := q.w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	q.w.WriteHeader(status)
	_, err := q.w.await(b)
	return err
}

// node is an element of a document that was read.
type node struct {
	name     string
	kind     string // the xsi:type
	value    string
	text     []byte // what value is made of
	children []*node
}

const (
	xmlDepthMax = 10
	xmlBodyMax  = 2 << 20
	// elementsMax is more than the document of any operation has that says something;
	// a list of parts, with their checksums, may have more.
	elementsMax     = 40_000
	partElementsMax = 6 * coffer.PartNumberMax
	// tokensMax is how many tokens an element has, with the text around it.
	tokensMax = 6
)

// readXML reads the body as one document with the given root, strictly: no other
// namespace, no text between elements, no DOCTYPE, nothing behind the root.
func (q *request) readXML(root string) (*node, error) { return q.readXMLUpTo(xmlBodyMax, root) }

// readXMLUpTo is readXML for a body of at most max bytes.
func (q *request) readXMLUpTo(max int64, root string) (*node, error) {
	b, err := q.readBody(max)
	if err != nil {
		return nil, err
	}
	if err := q.checkBodyDigests(b); err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, &coffer.Error{Code: coffer.MissingRequestBody}
	}
	return parseXML(b, root)
}

// bodyPatience is how long a document may take to come, however steadily its client
// sends: what others hold is waited for.
const bodyPatience = 2 * time.Minute

// readBody reads the whole body, which must not be larger than max bytes. One that is
// not small waits for memory, to be read into and then to be worked with.
func (q *request) readBody(max int64) ([]byte, error) {
	if q.body.size > max {
		return nil, coffer.Errorf(coffer.MaxMessageLengthExceeded, "The body has %d bytes: this operation takes at most %d.", q.body.size, max)
	}
	expected := q.body.size
	if expected < 0 {
		expected = max
	}
	if expected > smallDocument {
		if err := q.hold(2 * expected); err != nil { // it grows by being copied
			return nil, err
		}
	}
	sender, done := q.held.awaits(q.memory, func() { _ = http.NewResponseController(q.w).SetReadDeadline(longAgo) })
	defer done()
	from := q.Now()
	var b []byte
	for {
		b = slices.Grow(b, 512)
		n, err := q.body.Read(b[len(b):min(cap(b), int(max)+1)])
		b = b[:len(b)+n]
		sender.moved.Store(int64(len(b)))
		switch {
		case sender.gone.Load():
			return nil, &coffer.Error{Code: coffer.RequestTimeout}
		case int64(len(b)) > max:
			return nil, coffer.Errorf(coffer.MaxMessageLengthExceeded, "This operation takes a body of at most %d bytes.", max)
		case err == io.EOF:
			if len(b) > smallDocument {
				return b, q.toil(workFactor * int64(len(b)))
			}
			return b, nil
		case err != nil:
			return nil, err
		case q.Now().Sub(from) > bodyPatience:
			return nil, &coffer.Error{Code: coffer.RequestTimeout}
		}
	}
}

// workFactor is how many times its length a document takes while it is read and acted
// on, with its elements and what they say.
const workFactor = 8

// malformed is the refusal of a document; the answer has AWS's text before what is
// wrong with it.
func malformed(format string, args ...any) error {
	return coffer.Errorf(coffer.MalformedXML, format, args...)
}

// isNamespace tells whether a document of S3 may have that namespace. AWS's own
// documentation writes it in several ways, and clients have each of them from there.
func isNamespace(s string) bool {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
	switch strings.TrimSuffix(s, "/") {
	case "s3.amazonaws.com/doc/2006-03-01", "s3.amazonaws.com/doc/2006-3-01", "doc.s3.amazonaws.com/2006-03-01":
		return true
	}
	return false
}

// parseXML reads a document with the given root. The error is a refusal of it.
func parseXML(b []byte, root string) (*node, error) {
	if !utf8.Valid(b) {
		return nil, malformed("it is not UTF-8")
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) // .NET begins with it, as XML 1.0 allows
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = subset(b)
	top := &node{}
	stack := []*node{top}
	names := map[string]string{} // so that a name is kept once
	most := elementsMax
	if root == "CompleteMultipartUpload" {
		most = partElementsMax
	}
	elements := 0
	for tokens := 0; ; tokens++ {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, malformed("%.200v", err)
		}
		if tokens > tokensMax*most {
			return nil, malformed("it has too many comments or instructions")
		}
		here := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if elements++; elements > most || len(stack) > xmlDepthMax {
				return nil, malformed("it has more than %d elements, or more than %d in one another", most, xmlDepthMax)
			}
			if t.Name.Space != "" && !isNamespace(t.Name.Space) {
				return nil, malformed("the namespace of %.100s is not %s", t.Name.Local, namespace)
			}
			name, known := names[t.Name.Local]
			if !known {
				name = t.Name.Local
				names[name] = name
			}
			n := &node{name: name}
			for _, a := range t.Attr {
				if a.Name.Space == xsi && a.Name.Local == "type" {
					n.kind = a.Value
				}
			}
			here.children = append(here.children, n)
			stack = append(stack, n)
		case xml.EndElement:
			here.value, here.text = string(here.text), nil
			if len(here.children) > 0 && strings.TrimSpace(here.value) != "" {
				return nil, malformed("%.100s has text between its elements", here.name)
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			here.text = append(here.text, t...)
		case xml.Directive:
			return nil, malformed("it has a DOCTYPE")
		}
	}
	if len(top.children) != 1 || top.children[0].name != root || len(bytes.TrimSpace(top.text)) != 0 {
		return nil, malformed("it is not one %s", root)
	}
	return top.children[0], nil
}

// subset reads a document that says it is in another encoding but has nothing in which
// that differs from UTF-8.
func subset(b []byte) func(string, io.Reader) (io.Reader, error) {
	return func(encoding string, r io.Reader) (io.Reader, error) {
		switch e := strings.ToUpper(encoding); {
		case e == "UTF8":
			return r, nil
		case e != "US-ASCII" && e != "ASCII" && e != "ISO-8859-1", bytes.ContainsFunc(b, func(c rune) bool { return c > unicode.MaxASCII }):
			return nil, errors.New("documents are UTF-8 here")
		}
		return r, nil
	}
}

// only checks that a node has no other children than those named, and none
// twice but those whose name ends in *.
func (n *node) only(names ...string) error {
	seen := map[string]bool{}
	for _, c := range n.children {
		switch {
		case slices.Contains(names, c.name+"*"):
		case slices.Contains(names, c.name) && !seen[c.name]:
			seen[c.name] = true
		default:
			return malformed("%.100s is not expected in %s, or there twice", c.name, n.name)
		}
	}
	return nil
}

// leaves checks that no child has children of its own.
func (n *node) leaves() error {
	for _, c := range n.children {
		if len(c.children) > 0 {
			return malformed("%.100s has elements in it", c.name)
		}
	}
	return nil
}

// get returns the text of a child, and whether there is one.
func (n *node) get(name string) (string, bool) {
	for _, c := range n.children {
		if c.name == name {
			return c.value, true
		}
	}
	return "", false
}

// ok answers with no body.
func (q *request) ok(status int) error {
	if status != http.StatusNoContent {
		q.w.Header().Set("Content-Length", "0")
	}
	q.w.WriteHeader(status)
	return nil
}

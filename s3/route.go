package s3

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"coffer"
)

// level says what a path names.
type level byte

const (
	levelService level = iota
	levelBucket
	levelObject
)

// target is what the request line and the Host header name. It is parsed once,
// and serves routing, authorization and storage alike.
type target struct {
	level  level
	bucket string
	key    string
}

// parseTarget reads bucket and key from the host and the escaped path.
func (q *request) parseTarget() (target, error) {
	path := q.r.URL.EscapedPath()
	if path == "*" && q.r.Method == http.MethodOptions {
		path = "/"
	}
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return target{}, &coffer.Error{Code: coffer.InvalidURI}
	}
	var t target
	if bucket, ok := q.bucketOfHost(); ok {
		t.bucket, t.level = bucket, levelBucket
	} else {
		var err error
		bucket, rest, _ = strings.Cut(rest, "/")
		if t.bucket, err = url.PathUnescape(bucket); err != nil {
			return t, &coffer.Error{Code: coffer.InvalidURI}
		}
		if t.bucket != "" {
			t.level = levelBucket
		} else if rest != "" {
			return t, coffer.Errorf(coffer.InvalidBucketName, "The specified bucket is not valid: the path begins with //.")
		}
	}
	key, err := url.PathUnescape(rest)
	if err != nil {
		return t, &coffer.Error{Code: coffer.InvalidURI}
	}
	if key != "" {
		t.key, t.level = key, levelObject
		if err := coffer.CheckObjectKey(key); err != nil {
			return t, err
		}
	}
	return t, nil
}

// bucketOfHost reads the bucket of a virtual-host style request.
func (q *request) bucketOfHost() (string, bool) { return q.bucketIn(q.hostName()) }

// bucketIn reads the bucket of a plain host.
func (q *request) bucketIn(host string) (string, bool) {
	for _, d := range q.Domains {
		if bucket, ok := strings.CutSuffix(host, "."+d); ok && bucket != "" {
			return bucket, true
		}
	}
	return "", false
}

// hostName is the host that the request is for, in lower case, without a port. What
// stands behind a colon and is no port stays: redirects of websites name the host as
// it came, and another host could stand there.
func (q *request) hostName() string { return plainHost(q.r.Host) }

func plainHost(host string) string {
	host = strings.ToLower(host)
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Trim(host[i+1:], "0123456789") == "" {
		host = host[:i]
	}
	return strings.TrimSuffix(host, ".")
}

// query has the parameters of a request by name. net/url's parser is not used
// since it drops a pair that has a semicolon in it, as some signed ones do.
type query map[string][]string

const queryPairsMax = 1000

func parseQuery(raw string) (query, error) {
	if raw == "" {
		return nil, nil
	}
	if strings.Count(raw, "&") >= queryPairsMax {
		return nil, coffer.Errorf(coffer.InvalidArgument, "The query has more than %d parameters.", queryPairsMax)
	}
	q := query{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, &coffer.Error{Code: coffer.InvalidURI}
		}
		if !utf8.ValidString(value) {
			return nil, coffer.Errorf(coffer.InvalidArgument, "The value of %q is not valid UTF-8.", name)
		}
		q[name] = append(q[name], value)
	}
	return q, nil
}

func (q query) has(name string) bool { return len(q[name]) > 0 }

func (q query) get(name string) string {
	if v := q[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// routes is the route table by what a request shows first, in the table's order.
var routes = func() map[routeStart][]*operation {
	by := map[routeStart][]*operation{}
	for i := range operations {
		op := &operations[i]
		by[routeStart{op.method, op.level}] = append(by[routeStart{op.method, op.level}], op)
	}
	return by
}()

type routeStart struct {
	method string
	level  level
}

// subResources has the query parameters that select an operation, with the levels
// that they do it on.
var subResources = func() map[string][]level {
	by := map[string][]level{}
	for _, op := range operations {
		if op.sub != "" {
			by[op.sub] = append(by[op.sub], op.level)
		}
	}
	return by
}()

// route finds the operation that a request asks for. What no row of the table
// names is refused: an operation that AWS does not have, or not by this method. So is
// one on a bucket that names a version or a part, since the key that it is of was lost:
// it would have deleted the bucket.
func route(r *http.Request, q query, t target) (operation, error) {
	if err := q.conflict(); err != nil {
		return operation{}, err
	}
	for _, op := range routes[routeStart{r.Method, t.level}] {
		if (op.sub == "" || q.has(op.sub)) && (op.header == "" || len(r.Header[op.header]) > 0) {
			if other := stray(q, t.level, r.Method); op.sub == "" && other != "" {
				return *op, methodNotAllowed(r.Method, other)
			}
			if t.level == levelBucket && r.Method != options {
				return *op, q.keyless()
			}
			return *op, nil
		}
	}
	return operation{}, methodNotAllowed(r.Method, stray(q, t.level, r.Method))
}

// conflict refuses a query with two sub-resources, in AWS's words: one part of the
// way could take it for the one, and the next for the other.
func (q query) conflict() error {
	var found []string
	for name := range q {
		switch name {
		case "list-type", "annotationName", "max-directory-buckets":
			// They say more of one.
		default:
			if len(subResources[name]) > 0 {
				found = append(found, name)
			}
		}
	}
	if len(found) < 2 {
		return nil
	}
	slices.Sort(found)
	return coffer.Errorf(coffer.InvalidArgument, "Conflicting query string parameters: %s", strings.Join(found, ", ")).
		With("ArgumentName", "ResourceType").With("ArgumentValue", found[0])
}

// keyless refuses a query that only a request on an object has.
func (q query) keyless() error {
	if q.has("partNumber") {
		return coffer.Errorf(coffer.InvalidRequest, "Object must have a valid key name.")
	}
	return q.unversioned()
}

// stray returns a sub-resource in the query that some operation on this level
// has, or for a request that changes something on any level, or "".
func stray(q query, l level, method string) string {
	reads := method == get || method == head
	for name := range q {
		if on := subResources[name]; len(on) > 0 && (!reads || slices.Contains(on, l)) {
			return name
		}
	}
	return ""
}

func methodNotAllowed(method, resource string) error {
	if resource == "" {
		resource = "resource"
	}
	return (&coffer.Error{Code: coffer.MethodNotAllowed}).With("Method", method).With("ResourceType", strings.ToUpper(resource))
}

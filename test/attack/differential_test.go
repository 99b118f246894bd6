package attack

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNothingTellsOfOthers sends every operation of the route table with handles
// of somebody else, once as they are and once as they could be: the answers are
// the same to the byte, and nothing of the other's has changed. What is secret is
// whether a key, an upload or a version is there; that a bucket's name is taken
// is not, since names are shared by all.
func TestNothingTellsOfOthers(t *testing.T) {
	t.Parallel()
	w := newPlainWorld(t)
	w.s3(t, w.full, "PUT", "/a-priv/mp", "own").oneOf(t, "PUT", 200)
	own := w.upload(t, w.full, "/a-priv/mp")
	tried := 0
	w.unchanged(t, func() {
		before := w.configured(t, "a-priv", "other") + w.configuredOf(t, w.bFull, "b-priv", "secret")
		for _, op := range operations(t) {
			if op.level == "Service" || op.anonymous {
				continue
			}
			for _, d := range w.differences(own) {
				tried += w.differ(t, op, d)
			}
		}
		if after := w.configured(t, "a-priv", "other") + w.configuredOf(t, w.bFull, "b-priv", "secret"); after != before {
			t.Errorf("the configurations are\n%s\nwere\n%s", after, before)
		}
	})
	if tried < 1000 {
		t.Errorf("%d requests were tried, want each operation with each handle", tried)
	}
	for _, e := range w.errors.take() {
		t.Errorf("server error: %s", e)
	}
	if w.server.PID() != w.pid {
		t.Error("the server has restarted")
	}
}

// difference is something that is there, something that is not, and who must
// not learn which is which.
type difference struct {
	name   string
	who    pair
	there  aim
	absent func(a aim) aim
	fits   func(op operation) bool // nil for all
}

// other changes one character in the middle of a handle, so that it has the same
// form and length.
func other(handle string) string {
	b := []byte(handle)
	i := len(b) / 2
	if b[i]++; b[i] == 'z'+1 || b[i] == 'Z'+1 || b[i] == '9'+1 {
		b[i] -= 2
	}
	return string(b)
}

// differences are what is compared. Versions are not: a bucket has but one of
// each key, and that is called null.
func (w *world) differences(own string) []difference {
	ofB := aim{bucket: "b-priv", key: "secret", upload: w.bUpload, source: "/b-priv/secret", newBucket: "b-priv", deletedBucket: "b-priv"}
	ofA := aim{bucket: "a-priv", key: "other", upload: own, source: "/a-priv/other", newBucket: "a-priv", deletedBucket: "a-priv"}
	noSource := func(a aim) aim { a.source = a.source[:len(a.source)-1] + "x"; return a }
	noKey := func(a aim) aim { a.key = other(a.key); return noSource(a) }
	noUpload := func(a aim) aim { a.upload = other(a.upload); return a }
	uploads := func(op operation) bool { return op.sub == "uploadId" }
	part := ofB
	part.key = "mp"
	foreign := ofA
	foreign.key, foreign.upload = "mp", w.bUpload
	source := ofA
	source.key, source.source = "copied", "/b-priv/secret"
	all := []difference{
		{"an upload of B under A's key", w.full, foreign, noUpload, uploads},
		{"a source of B", w.full, source, noSource, func(op operation) bool { return op.header == "X-Amz-Copy-Source" && op.sub == "" }},
	}
	for name, who := range map[string]pair{"A": w.full, "a stranger": nobody, "a key of a prefix": w.ro} {
		all = append(all,
			difference{"a key of B by " + name, who, ofB, noKey, nil},
			difference{"an upload of B by " + name, who, part, noUpload, uploads})
	}
	// By who may do nothing with it, what A has is as secret.
	for name, who := range map[string]pair{"a key without rights": w.none, "a key of another prefix": w.ro, "a key that writes elsewhere": w.up, "B": w.bFull, "a stranger": nobody} {
		all = append(all, difference{"a key of A by " + name, who, ofA, noKey, func(op operation) bool { return op.name != "ListMultipartUploads" }})
	}
	slices.SortFunc(all, func(a, b difference) int { return strings.Compare(a.name, b.name) })
	return all
}

// differ compares the answers to what is there and to what is not.
func (w *world) differ(t *testing.T, op operation, d difference) int {
	t.Helper()
	if d.fits != nil && !d.fits(op) {
		return 0
	}
	call := op.name + " of " + d.name
	absent := d.absent(d.there)
	yes, no := w.ask(t, op, d.who, d.there), w.ask(t, op, d.who, absent)
	for _, a := range []answer{yes, no} {
		switch {
		case op.name == "DeleteObjects" && a.status == 200 && strings.Contains(a.body, "<Code>AccessDenied</Code>") && !strings.Contains(a.body, "<Deleted>"):
			// Each key is refused by itself.
		case op.name == "CreateBucket":
			a.oneOf(t, call, 403, 409)
		case (d.who == w.ro || d.who == w.up) && d.there.bucket == "a-priv" && op.level == "Bucket" && a.status/100 == 2 && (op.method == "GET" || op.method == "HEAD"):
			// A key of a prefix may read where the bucket is.
		default:
			a.oneOf(t, call, 400, 403, 404, 405, 411, 412, 501)
		}
		a.lacks(t, call, bSecret)
	}
	if a, b := comparable(yes, absent, d.there), comparable(no, absent, d.there); a != b {
		t.Errorf("%s is answered\n%s\nif it is there, and\n%s\nif it is not: want no difference", call, a, b)
	}
	return 2
}

func (w *world) ask(t *testing.T, op operation, who pair, at aim) answer {
	t.Helper()
	method, path, query, body, lines := op.aimed(at)
	return w.forge(t, forged{who: who, method: method, path: path, query: query, body: body, lines: lines})
}

var perRequest = regexp.MustCompile(`<RequestId>[^<]*</RequestId>|<HostId>[^<]*</HostId>`)

// comparable is an answer without what is its request's own, and with the names
// of what is there for those of what is not.
func comparable(a answer, from, to aim) string {
	var lines []string
	for name, values := range a.header {
		if name != "Date" && name != "X-Amz-Request-Id" {
			lines = append(lines, fmt.Sprint(name, values))
		}
	}
	slices.Sort(lines)
	text := fmt.Sprint(a.status, "\n", strings.Join(lines, "\n"), "\n", perRequest.ReplaceAllString(a.body, ""))
	for _, pair := range [][2]string{{from.key, to.key}, {from.upload, to.upload}, {from.source, to.source}} {
		if pair[0] != "" {
			text = strings.ReplaceAll(text, pair[0], pair[1])
		}
	}
	return text
}

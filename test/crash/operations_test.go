package crash_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// draw makes the next version and its body.
func (w *worker) draw(size int64) (version, []byte) {
	op := w.name()
	body := content(op, size)
	return newVersion(op, "application/x-"+op[len(op)-1:], body), body
}

func (w *worker) put() bool {
	return w.one(func(e *entry) bool {
		v, body := w.draw(w.size())
		r, err := w.send(request{method: http.MethodPut, key: e.key, header: v.headers(), body: body})
		if err == nil && r.status == http.StatusOK && r.etag() != v.etag {
			w.ledger.problem("PUT %q acknowledged ETag %s, want %s", e.key, r.etag(), v.etag)
		}
		return w.settle("PUT", e, v, r, err)
	})
}

func (w *worker) delete() bool {
	return w.one(func(e *entry) bool {
		r, err := w.send(request{method: http.MethodDelete, key: e.key})
		return w.settle("DELETE", e, version{}, r, err)
	})
}

// copy copies one key to another, with the metadata of the source or new ones.
func (w *worker) copy() bool {
	held := w.hold(2)
	defer release(held)
	if len(held) < 2 || !held[0].might[0].exists {
		return true
	}
	from, to := held[0], held[1]
	v := from.might[0]
	v.etag = v.copied
	header := map[string]string{"X-Amz-Copy-Source": "/" + w.client.bucket + "/" + escapeKey(from.key)}
	if w.rand.IntN(2) == 0 {
		v.op, v.ctype = w.name(), "text/x-copied"
		header["X-Amz-Metadata-Directive"] = "REPLACE"
		header["X-Amz-Meta-Op"], header["Content-Type"] = v.op, v.ctype
	}
	r, err := w.send(request{method: http.MethodPut, key: to.key, header: header})
	return w.settle("COPY", to, v, r, err)
}

// rename gives an object the name of another key, whose object ends.
func (w *worker) rename() bool {
	held := w.hold(2)
	defer release(held)
	if len(held) < 2 || !held[0].might[0].exists {
		return true
	}
	return w.renameTo(held[0], held[1])
}

func (w *worker) renameTo(from, to *entry) bool {
	v := from.might[0]
	r, err := w.send(request{method: http.MethodPut, key: to.key, query: url.Values{"renameObject": {""}},
		header: map[string]string{"X-Amz-Rename-Source": escapeKey(from.key)}})
	alive := w.settle("RENAME", to, v, r, err)
	switch {
	case to.known() && to.might[0].same(v):
		from.might = []version{{}}
	case !to.known():
		from.might = append(from.might, version{})
	}
	return alive
}

// get reads during the load: what was acknowledged is there at once.
func (w *worker) get() bool {
	return w.one(func(e *entry) bool {
		r, err := w.send(request{method: http.MethodGet, key: e.key})
		if err != nil {
			w.surprise("GET %q: %v", e.key, err)
			return false
		}
		if r.status >= 500 {
			w.surprise("GET %q = %s", e.key, r)
			return true
		}
		v, err := seen(r)
		if err != nil || e.holds(v) < 0 {
			w.ledger.problem("GET %q under load = %v, %v, want %v", e.key, v, err, e.might[0])
		}
		return true
	})
}

// broken sends a PUT that must not happen: cut in its body, or with another hash
// than its body's.
func (w *worker) broken() bool {
	return w.one(func(e *entry) bool {
		v, body := w.draw(max(2, w.size()))
		q := request{method: http.MethodPut, key: e.key, header: v.headers(), body: body}
		if q.cut = w.rand.IntN(2) == 0; !q.cut {
			sum := sha256.Sum256([]byte(v.op))
			q.sha256 = hex.EncodeToString(sum[:])
		}
		r, err := w.send(q)
		switch {
		case err == nil && r.status < 300:
			w.ledger.problem("PUT %q of a broken body (cut %t) = %s, want a refusal", e.key, q.cut, r)
		case err == nil && r.status >= 500:
			w.surprise("PUT %q of a broken body (cut %t) = %s, want a 4xx", e.key, q.cut, r)
		case err != nil && !q.cut:
			w.surprise("PUT %q with a wrong hash: %v", e.key, err)
			return false
		}
		return true
	})
}

// race lets several writers create one key: at most one may win.
func (w *worker) race() bool {
	return w.one(func(e *entry) bool {
		const contenders = 3
		var versions [contenders]version
		var replies [contenders]*reply
		var errs [contenders]error
		var wg sync.WaitGroup
		for i := range contenders {
			v, body := w.draw(w.rand.Int64N(2 * inlineMax))
			versions[i] = v
			header := v.headers()
			header["If-None-Match"] = "*"
			wg.Go(func() {
				replies[i], errs[i] = w.send(request{method: http.MethodPut, key: e.key, header: header, body: body})
			})
		}
		wg.Wait()
		before, won, refused := e.might[0], 0, 0
		var unknown []version
		alive := true
		for i, r := range replies {
			switch {
			case errs[i] != nil:
				w.surprise("conditional PUT %q: %v", e.key, errs[i])
				unknown, alive = append(unknown, versions[i]), false
			case r.status == http.StatusOK:
				won++
				e.might = []version{versions[i]}
			case r.status == http.StatusPreconditionFailed:
				refused++
			case r.status >= 500:
				w.surprise("conditional PUT %q = %s", e.key, r)
				unknown = append(unknown, versions[i])
			case r.status != http.StatusConflict:
				w.ledger.problem("conditional PUT %q = %s, want 200, 409 or 412", e.key, r)
			}
		}
		w.acked.Add(int64(won))
		switch {
		case before.exists && won > 0:
			w.ledger.problem("conditional PUT %q = 200 over %v, want 412", e.key, before)
		case won > 1:
			w.ledger.problem("%d of %d concurrent conditional PUTs of %q = 200, want one", won, contenders, e.key)
		case !before.exists && won == 0 && len(unknown) == 0 && refused > 0:
			w.ledger.problem("%d conditional PUTs of %q = 412 and none 200: nobody created it", refused, e.key)
		case !before.exists && won == 0:
			w.unknown.Add(int64(len(unknown)))
			e.might = append(e.might, unknown...)
		}
		return alive
	})
}

func (w *worker) deleteMany() bool {
	held := w.hold(2 + w.rand.IntN(3))
	defer release(held)
	if len(held) == 0 {
		return true
	}
	var b strings.Builder
	b.WriteString("<Delete>")
	for _, e := range held {
		b.WriteString("<Object><Key>")
		_ = xml.EscapeText(&b, []byte(e.key))
		b.WriteString("</Key></Object>")
	}
	b.WriteString("</Delete>")
	body := []byte(b.String())
	r, err := w.send(request{method: http.MethodPost, query: url.Values{"delete": {""}},
		header: map[string]string{"Content-MD5": contentMD5(body)}, body: body})
	var doc struct {
		Deleted []struct{ Key string }
		Error   []struct{ Key, Code string }
	}
	if err != nil || r.status != http.StatusOK || xml.Unmarshal(r.body, &doc) != nil || r.code() != "" {
		alive := true
		for _, e := range held {
			alive = w.settle("DeleteObjects", e, version{}, r, err) && alive
		}
		return alive
	}
	told := map[string]string{}
	for _, d := range doc.Deleted {
		told[d.Key] = "deleted"
	}
	for _, e := range doc.Error {
		told[e.Key] = e.Code
	}
	for _, e := range held {
		switch told[e.key] {
		case "deleted":
			w.acked.Add(1)
			e.might = []version{{}}
		case "":
			w.ledger.problem("DeleteObjects says nothing of %q", e.key)
			fallthrough
		default:
			w.surprise("DeleteObjects of %q = %s", e.key, told[e.key])
			e.might = append(e.might, version{})
		}
	}
	return true
}

// multipart uploads in two or three parts; some uploads are left open or aborted.
func (w *worker) multipart() bool {
	return w.one(func(e *entry) bool {
		u := &upload{entry: e, op: w.name(), ctype: "application/x-parts"}
		r, err := w.send(request{method: http.MethodPost, key: e.key, query: url.Values{"uploads": {""}},
			header: version{op: u.op, ctype: u.ctype}.headers()})
		if err != nil || r.status != http.StatusOK {
			w.surprise("begin upload of %q = %v, %v", e.key, r, err)
			w.ledger.mu.Lock()
			w.ledger.begun++
			w.ledger.mu.Unlock()
			return err == nil
		}
		var doc struct{ UploadId string }
		if err := xml.Unmarshal(r.body, &doc); err != nil || doc.UploadId == "" {
			w.ledger.problem("begin upload of %q = %q, %v", e.key, r.body, err)
			return true
		}
		u.id = doc.UploadId
		w.ledger.add(u)
		fate, count := w.rand.IntN(10), 2+w.rand.IntN(2)
		for i := 1; i <= count; i++ {
			size := int64(partBytes)
			if i == count {
				size = inlineMax + 1 + w.rand.Int64N(partBytes-inlineMax)
			}
			if ok, alive := w.part(u, i, size); !ok {
				return alive
			}
			if fate == 0 && i == 1 {
				return true // left open
			}
		}
		if fate == 1 {
			return w.abort(u)
		}
		return w.complete(u)
	})
}

func (w *worker) part(u *upload, number int, size int64) (ok, alive bool) {
	body := content(partName(u.op, number), size)
	p := newPart(u.op, number, body)
	r, err := w.send(request{method: http.MethodPut, key: u.entry.key, body: body, query: partQuery(u.id, number)})
	switch {
	case err == nil && r.status == http.StatusOK && r.etag() == p.etag:
		w.acked.Add(1)
		u.parts = append(u.parts, p)
		return true, true
	case err == nil && r.status < 500:
		w.ledger.problem("part %d of %q = %s with ETag %s, want 200 with %s", number, u.entry.key, r, r.etag(), p.etag)
		return false, true
	}
	w.surprise("part %d of %q = %v, %v", number, u.entry.key, r, err)
	u.maybe = append(u.maybe, p)
	return false, err == nil
}

func (w *worker) complete(u *upload) bool {
	v := u.version()
	r, err := w.judge(func() (*reply, error) { return w.client.complete(u.entry.key, u.id, u.parts) })
	alive := w.settle("complete", u.entry, v, r, err)
	if u.entry.known() {
		w.ledger.remove(u)
		return alive
	}
	u.ending = completing
	return alive
}

func (w *worker) abort(u *upload) bool {
	r, err := w.judge(func() (*reply, error) { return w.client.abort(u.entry.key, u.id) })
	if err == nil && r.status == http.StatusNoContent {
		w.acked.Add(1)
		w.ledger.remove(u)
		return true
	}
	w.surprise("abort upload of %q = %v, %v", u.entry.key, r, err)
	u.ending = aborting
	return err == nil
}

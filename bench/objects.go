package main

import (
	"bytes"
	"fmt"
	"strings"
)

const partSize = 8 * mib

// putParts makes one object by a multipart upload, its parts one after another.
func putParts(w *worker) error {
	i := int(w.turn.Add(1)) % partsPool.keys
	path, data := partsPool.path(i), body(partsPool.size, i)
	a, err := w.call(request{method: "POST", target: w.signer.target("POST", path, "uploads="), keep: true})
	if err != nil {
		return fmt.Errorf("begin the upload: %w", err)
	}
	id := between(a.body, "<UploadId>", "</UploadId>")
	if id == "" {
		return fmt.Errorf("begin the upload: the answer has no UploadId")
	}
	var done strings.Builder
	done.WriteString("<CompleteMultipartUpload>")
	for n := 1; len(data) > 0; n++ {
		part := data[:min(partSize, len(data))]
		data = data[len(part):]
		query := fmt.Sprintf("partNumber=%d&uploadId=%s", n, escape(id))
		a, err := w.call(request{method: "PUT", target: w.signer.target("PUT", path, query), body: part})
		if err != nil {
			return fmt.Errorf("part %d: %w", n, err)
		}
		fmt.Fprintf(&done, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n, a.etag)
	}
	done.WriteString("</CompleteMultipartUpload>")
	a, err = w.call(request{method: "POST", target: w.signer.target("POST", path, "uploadId="+escape(id)), body: []byte(done.String()), keep: true})
	if err == nil && bytes.Contains(a.body, []byte("<Error>")) {
		err = fmt.Errorf("the answer says %s", between(a.body, "<Code>", "</Code>"))
	}
	if err != nil {
		return fmt.Errorf("complete the upload: %w", err)
	}
	return nil
}

// prepareMixed puts half of the keys, so that each request finds work from the
// start.
func prepareMixed(s *session) error {
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		mixedPool.targets(s, method, 0, mixedPool.keys)
	}
	t := mixedPool.targets(s, "PUT", 0, mixedPool.keys)
	return s.putAll(mixedPool.keys/2, mixedPool.size, func(i int) string { return t.at(2 * i) })
}

// mixed sends 45% GET, 30% HEAD, 15% PUT and 10% DELETE, as MinIO's warp does.
// Each worker owns its keys, so that nobody asks for what another has just
// deleted.
func mixed(w *worker) error {
	if len(w.there)+len(w.not) == 0 {
		for i := range mixedKeys {
			if key := w.id*mixedKeys + i; key%2 == 0 {
				w.there = append(w.there, key)
			} else {
				w.not = append(w.not, key)
			}
		}
	}
	send := func(method string, i int) error {
		r := request{method: method, target: mixedPool.table(w, method).at(i)}
		if method == "PUT" {
			r.body = body(mixedPool.size, i)
		}
		_, err := w.call(r)
		return err
	}
	x := w.rng.IntN(100)
	switch {
	case len(w.there) == 0 || x >= 85 && len(w.not) > 0:
		i := move(&w.not, &w.there, w.rng.IntN(len(w.not)))
		return send("PUT", i)
	case x >= 85: // every key is there, so one of them is written again
		return send("PUT", w.there[w.rng.IntN(len(w.there))])
	case x < 45:
		i := w.there[w.rng.IntN(len(w.there))]
		return w.get(mixedPool.table(w, "GET").at(i), mixedPool.size)
	case x < 75:
		return send("HEAD", w.there[w.rng.IntN(len(w.there))])
	}
	i := move(&w.there, &w.not, w.rng.IntN(len(w.there)))
	return send("DELETE", i)
}

// move takes the element at n out of from, appends it to to, and returns it.
func move(from, to *[]int, n int) int {
	f := *from
	v := f[n]
	f[n] = f[len(f)-1]
	*from, *to = f[:len(f)-1], append(*to, v)
	return v
}

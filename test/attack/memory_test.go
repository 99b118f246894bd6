package attack

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coffer/api"
)

// memoryRows are requests of which each takes more than a few kilobytes, sent by many
// at once: what they take together must not grow with how many they are.
var memoryRows = []row{
	{"MEM-01", "large lists at once", largeLists},
	{"MEM-02", "large lists that nobody reads", unreadLists},
	{"MEM-03", "large documents at once", largeDocuments},
	{"MEM-04", "documents that never end", unendingDocuments},
	{"MEM-05", "objects of many parts", manyParts},
	{"MEM-06", "forms that never end", unendingForms},
	{"MEM-06", "forms of nothing but fields", manyFields},
	{"MEM-06", "forms that repeat the name of their file", repeatedFileNames},
	{"MEM-07", "large objects that are read slowly", slowReaders},
	{"MEM-08", "large objects that are written slowly", slowWriters},
	{"MEM-09", "documents of several accounts that never come keep nobody waiting", idleDocuments},
}

const (
	// memoryClients is how many ask at the same time.
	memoryClients = 200
	// documentClients is how many send a document that takes the server a while.
	documentClients = 60
	// memoryMax is what they may add to the server's memory: what documents may take
	// together, and as much again of what is garbage but was not collected yet.
	memoryMax = 96 << 20
	// bodyMax is what one that sends or reads an object slowly may take: two blocks, what
	// belongs to a connection, and garbage.
	bodyMax = 1 << 20
)

func TestMemory(t *testing.T) {
	t.Parallel()
	w := newPlainWorld(t)
	w.makeLarge(t)
	attack(t, w, memoryRows)
}

// makeLarge makes an account of its own for what is large: that nothing of the others
// changed is quickly seen.
func (w *world) makeLarge(t *testing.T) {
	t.Helper()
	made, err := w.socket.CreateAccount(t.Context(), api.CreateAccountInput{Email: "l@l.example", Name: "Large"})
	if err != nil {
		t.Fatal(err)
	}
	w.large = w.remember(made.Key)
	w.s3(t, w.large, "PUT", "/a-large", "").oneOf(t, "PUT /a-large", 200)
}

// longKey is a key of 1,024 bytes, each but a few of them five bytes in XML.
func longKey(i int) string { return fmt.Sprintf("large/%04d%s", i, strings.Repeat("&", 1014)) }

// each runs fn for the numbers below n, eight at a time.
func each(n int, fn func(i int)) {
	var all sync.WaitGroup
	for c := range 8 {
		all.Go(func() {
			for i := c; i < n; i += 8 {
				fn(i)
			}
		})
	}
	all.Wait()
}

// flat runs fn and fails the test if the server's memory grew by more than most
// meanwhile.
func (w *world) flat(t *testing.T, what string, most int64, fn func()) {
	t.Helper()
	// What one row took may be given back in the next: the first counts for all.
	if w.rest == 0 {
		w.rest = resident(t, w.server.PID())
	}
	before := w.rest
	var peak atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				peak.Store(max(peak.Load(), resident(t, w.server.PID())))
			}
		}
	}()
	begin := time.Now()
	fn()
	close(stop)
	<-stopped
	more := peak.Load() - before
	t.Logf("%s: %d MiB, and %d MiB more in %s", what, before>>20, more>>20, time.Since(begin).Round(time.Millisecond))
	if more > memory(most) {
		t.Errorf("%s took the server's memory from %d to %d MiB, want at most %d MiB more", what, before>>20, peak.Load()>>20, most>>20)
	}
}

// atOnce sends the same request over many connections at once and reads the answers
// to their end. It returns how many there were of each status.
func (w *world) atOnce(t *testing.T, n int, f func(i int) forged) map[int]int {
	t.Helper()
	return w.atOnceText(t, n, func(i int) string {
		text, _ := f(i).text(w)
		return text
	})
}

// atOnceText is atOnce for requests that are written already.
func (w *world) atOnceText(t *testing.T, n int, text func(i int) string) map[int]int {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for i := range n {
		all.Go(func() {
			conn := w.dial(t, w.server.Endpoint)
			defer conn.Close()
			go func() { _, _ = io.WriteString(conn, text(i)) }()
			status := 0
			if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				status = resp.StatusCode
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					status = 0
				}
				resp.Body.Close()
			}
			mu.Lock()
			statuses[status]++
			mu.Unlock()
		})
	}
	all.Wait()
	return statuses
}

// answered fails the test unless all of n were answered, with one of the statuses.
func answered(t *testing.T, what string, got map[int]int, want ...int) {
	t.Helper()
	for status, n := range got {
		if !slices.Contains(want, status) {
			t.Errorf("%s: %d answers with %d, want %v", what, n, status, want)
		}
	}
	if got[want[0]] == 0 {
		t.Errorf("%s: answers %v, want %d among them", what, got, want[0])
	}
}

func largeLists(t *testing.T, w *world) {
	uploads := make([]string, 1000)
	each(1000, func(i int) {
		w.s3(t, w.large, "PUT", "/a-large/"+escape(longKey(i)), "").oneOf(t, "PUT", 200)
		uploads[i] = w.upload(t, w.large, "/a-large/"+escape(longKey(i)))
	})
	defer each(1000, func(i int) {
		w.s3(t, w.large, "DELETE", "/a-large/"+escape(longKey(i))+"?uploadId="+uploads[i], "").oneOf(t, "abort", 204)
	})
	w.unchanged(t, func() {
		for _, query := range []string{"list-type=2", "versions=", "uploads=", "list-type=2&delimiter=%26", "list-type=2&encoding-type=url&fetch-owner=true"} {
			w.flat(t, fmt.Sprintf("%d lists with ?%s", memoryClients, query), memoryMax, func() {
				answered(t, "lists with ?"+query, w.atOnce(t, memoryClients, func(int) forged {
					return forged{who: w.large, path: "/a-large", query: query}
				}), 200, 503)
			})
		}
	})
}

// held sends the same request over many connections, leaves the answers unread for a
// while, and looks whether others are still served.
func (w *world) held(t *testing.T, n int, text func(i int) string) {
	t.Helper()
	for i := range n {
		conn := w.dial(t, w.server.Endpoint)
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, text(i)) }()
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		w.s3(t, w.bFull, "GET", "/b-priv/secret", "").oneOf(t, "GET meanwhile", 200)
		time.Sleep(50 * time.Millisecond)
	}
	w.s3(t, w.bFull, "GET", "/b-priv?list-type=2", "").oneOf(t, "a list of another account meanwhile", 200)
}

func unreadLists(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.flat(t, "lists that nobody reads", memoryMax, func() {
			w.held(t, memoryClients, func(int) string {
				text, _ := forged{who: w.large, path: "/a-large", query: "list-type=2"}.text(w)
				return text
			})
		})
	})
}

// manyElements is a document of at most 2 MiB that is all elements.
func manyElements(root, inner string) string {
	return "<" + root + ">" + strings.Repeat(inner, (2<<20-100)/len(inner)) + "</" + root + ">"
}

func largeDocuments(t *testing.T, w *world) {
	list := "<Delete><Quiet>false</Quiet>"
	for i := range 1000 {
		list += "<Object><Key>" + fmt.Sprintf("none%04d", i) + strings.Repeat("&amp;", 300) + "</Key></Object>"
	}
	list += "</Delete>"
	id := w.upload(t, w.large, "/a-large/parts")
	parts := "<CompleteMultipartUpload>"
	for i := range 10_000 {
		parts += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>\"%032x\"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>", i+1, i)
	}
	parts += "</CompleteMultipartUpload>"
	tags := "<Tagging><TagSet>" + strings.Repeat("<Tag><Key>k</Key><Value>v</Value></Tag>", 10_000) + "</TagSet></Tagging>"
	digest := func(f forged) forged {
		f.lines = append(f.lines, "x-amz-checksum-sha256: "+checksum(f.body))
		return f
	}
	w.unchanged(t, func() {
		for _, tt := range []struct {
			name string
			n    int
			f    forged
			want []int
		}{
			{"DeleteObjects of 1,000 long keys", documentClients, digest(forged{method: "POST", path: "/a-large", query: "delete=", body: list}), []int{200, 503}},
			{"DeleteObjects of elements", documentClients, digest(forged{method: "POST", path: "/a-large", query: "delete=", body: manyElements("Delete", "<Object/>")}), []int{400, 503}},
			{"Complete of 10,000 parts", documentClients, forged{method: "POST", path: "/a-large/parts", query: "uploadId=" + id, body: parts}, []int{400, 503}},
			{"Complete of elements", documentClients, forged{method: "POST", path: "/a-large/parts", query: "uploadId=" + id, body: manyElements("CompleteMultipartUpload", "<Part><a/></Part>")}, []int{400, 503}},
			{"Complete of text", documentClients, forged{method: "POST", path: "/a-large/parts", query: "uploadId=" + id, body: manyElements("CompleteMultipartUpload", "x")}, []int{400, 503}},
			{"10,000 tags", documentClients, digest(forged{method: "PUT", path: "/a-large", query: "tagging=", body: tags}), []int{400, 503}},
			{"a policy", memoryClients, digest(forged{method: "PUT", path: "/a-large", query: "policy=", body: `{"Version":` + strings.Repeat("[", 1<<20)}), []int{400, 503}},
			{"rules", documentClients, digest(forged{method: "PUT", path: "/a-large", query: "lifecycle=", body: manyElements("LifecycleConfiguration", "<Rule><ID>a</ID><Status>Enabled</Status></Rule>")}), []int{400, 503}},
		} {
			f := tt.f
			f.who = w.large
			w.flat(t, tt.name, memoryMax, func() {
				answered(t, tt.name, w.atOnce(t, tt.n, func(int) forged { return f }), tt.want...)
			})
		}
	})
}

// unending is a request whose body is said to be longer than what is sent of it.
func (w *world) unending(f forged, length int) string {
	f.lines = append(f.lines, fmt.Sprintf("Content-Length: %d", length))
	text, _ := f.text(w)
	return text
}

func unendingDocuments(t *testing.T, w *world) {
	body := manyElements("Delete", "<Object><Key>k</Key></Object>")
	w.unchanged(t, func() {
		w.flat(t, "documents that never end", memoryMax, func() {
			w.held(t, memoryClients, func(int) string {
				return w.unending(forged{who: w.large, method: "POST", path: "/a-large", query: "delete=", body: body,
					lines: []string{"x-amz-checksum-sha256: " + checksum(body)}}, len(body)+50) // what is announced longer is refused at once
			})
		})
	})
}

// idleDocuments announces documents of two accounts which together may take all the
// memory that documents have, and sends nothing of them.
func idleDocuments(t *testing.T, w *world) {
	body := manyElements("Delete", "<Object><Key>k</Key></Object>")
	w.unchanged(t, func() {
		for who, path := range map[pair]string{w.full: "/a-priv", w.bFull: "/b-priv"} {
			for range 40 {
				text := w.unending(forged{who: who, method: "POST", path: path, query: "delete=", body: body,
					lines: []string{"x-amz-checksum-sha256: " + checksum(body)}}, len(body)+1)
				conn := w.dial(t, w.server.Endpoint)
				defer conn.Close()
				go func() { _, _ = io.WriteString(conn, text[:len(text)-len(body)]) }()
			}
		}
		for range 3 {
			w.s3(t, w.large, "GET", "/a-large?list-type=2", "").oneOf(t, "a list of a third account meanwhile", 200)
		}
	})
}

func unendingForms(t *testing.T, w *world) {
	body := "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n" + strings.Repeat("k", 1<<20)
	w.unchanged(t, func() {
		w.flat(t, "forms that never end", memoryMax, func() {
			w.held(t, memoryClients, func(int) string {
				return fmt.Sprintf("POST /a-large HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", 1<<30, body)
			})
		})
	})
}

// manyFields sends forms to the console, and to STS, that are many times as large once
// they are taken apart.
func manyFields(t *testing.T, w *world) {
	var fields strings.Builder
	for i := range 9_900 { // more than 10,000 net/url refuses
		fmt.Fprintf(&fields, "&k%d=%s", i, "vvvvvvvvvvvvvvvvv")
	}
	form := fields.String()[1:]
	w.unchanged(t, func() {
		for _, target := range []struct{ base, path, form string }{{w.console, "/signin", form}, {w.console, "/again", form}, {w.server.Endpoint, "/", form[:60<<10]}} {
			w.flat(t, "forms of many fields to "+target.path, memoryMax, func() {
				var all sync.WaitGroup
				for range memoryClients {
					all.Go(func() {
						r := request(t, target.base, "POST", target.path, target.form, "Content-Type", "application/x-www-form-urlencoded")
						w.do(t, r).oneOf(t, "POST "+target.path, 400)
					})
				}
				all.Wait()
			})
		}
	})
}

// repeatedFileNames sends forms that are many times as large with the name of the file
// in each place that asks for it.
func repeatedFileNames(t *testing.T, w *world) {
	const name = "${filename}"
	body := "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n" + strings.Repeat(name, (12<<10)/len(name)) +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + strings.Repeat("n", 12<<10) + "\"\r\n\r\nx\r\n--b--\r\n"
	w.unchanged(t, func() {
		w.flat(t, "forms that repeat the name of their file", memoryMax, func() {
			answered(t, "forms that repeat the name of their file", w.atOnceText(t, memoryClients, func(int) string {
				return fmt.Sprintf("POST /a-large HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}), 400)
		})
	})
}

func manyParts(t *testing.T, w *world) {
	count := 2_000
	if os.Getenv("COFFER_TEST_LONG") != "" {
		count = 10_000
	}
	id := w.upload(t, w.large, "/a-large/many")
	etags := make([]string, count)
	each(count, func(i int) {
		a := w.s3(t, w.large, "PUT", fmt.Sprintf("/a-large/many?partNumber=%d&uploadId=%s", i+1, id), "x")
		a.oneOf(t, "PUT a part", 200)
		etags[i] = a.header.Get("Etag")
	})
	w.unchanged(t, func() {
		w.flat(t, "lists of parts", memoryMax, func() {
			answered(t, "lists of parts", w.atOnce(t, memoryClients, func(int) forged {
				return forged{who: w.large, path: "/a-large/many", query: "uploadId=" + id}
			}), 200, 503)
		})
		parts := "<CompleteMultipartUpload>"
		for i := range count {
			parts += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, etags[i])
		}
		parts += "</CompleteMultipartUpload>"
		w.flat(t, "Complete of parts that are too small", memoryMax, func() {
			answered(t, "Complete", w.atOnce(t, documentClients, func(int) forged {
				return forged{who: w.large, method: "POST", path: "/a-large/many", query: "uploadId=" + id, body: parts}
			}), 400, 503)
		})
	})
}

func slowReaders(t *testing.T, w *world) {
	w.s3(t, w.large, "PUT", "/a-large/bytes", strings.Repeat("x", 32<<20)).oneOf(t, "PUT 32 MiB", 200)
	w.unchanged(t, func() {
		w.flat(t, "objects that are read slowly", memoryMax, func() {
			w.held(t, memoryClients, func(i int) string {
				f := forged{who: w.large, path: "/a-large/bytes"}
				if i%2 == 1 {
					f.lines = []string{"Range: bytes=" + strings.Repeat("0-1,", 5000) + "5-"}
				}
				text, _ := f.text(w)
				return text
			})
		})
	})
}

func slowWriters(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.flat(t, "objects that are written slowly", memoryClients*bodyMax, func() {
			w.held(t, memoryClients, func(i int) string {
				return w.unending(forged{who: w.large, method: "PUT", path: fmt.Sprintf("/a-large/slow%d", i), hash: unsigned, body: strings.Repeat("x", 2<<20)}, 1<<30)
			})
		})
	})
}

package attack

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coffer/api"
)

// liveLists has a thousand programs use a key that is being rotated, and opens as many
// pages as somebody likes who may only look, each of which tells who they are.
func liveLists(t *testing.T, w *world) {
	const most = 20 // streams that a member may have, and some
	w.unchanged(t, func() {
		old := w.newKey(t, api.CreateKeyInput{Name: "rotated"})
		defer w.drop(t, old)
		if _, err := w.socket.RotateKey(t.Context(), string(w.ids[old]), api.RotateInput{}); err != nil {
			t.Fatal(err)
		}
		each(1000, func(i int) {
			w.s3(t, old, "GET", "/a-priv/other", "", "User-Agent", fmt.Sprint(i)+strings.Repeat("<", 195)).oneOf(t, "GET", 200)
		})
		var taken, refused atomic.Int64
		w.flat(t, "live lists", memoryMax, func() {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					r := w.reader.asks(t, "GET", "/keys/"+string(w.ids[old])+"/events", "", "Accept", "text/event-stream")
					conn := w.dial(t, w.console)
					defer conn.Close()
					_ = r.Write(conn)
					resp, err := http.ReadResponse(bufio.NewReader(conn), r)
					if err != nil {
						t.Errorf("read the answer of a live list: %v", err)
						return
					}
					if resp.StatusCode == http.StatusTooManyRequests {
						refused.Add(1)
						return
					}
					taken.Add(1)
					time.Sleep(3 * time.Second) // a reader that takes its time
				})
			}
			all.Wait()
		})
		if taken.Load() == 0 || taken.Load() > most || refused.Load() == 0 {
			t.Errorf("of 100 live lists %d were taken and %d refused, want at most %d taken", taken.Load(), refused.Load(), most)
		}
	})
}

// asks is a request of a person to the console, to be sent over any connection.
func (p *person) asks(t *testing.T, method, path, body string, headers ...string) *http.Request {
	t.Helper()
	r := request(t, p.w.console, method, path, body, append(headers, "Sec-Fetch-Site", "same-origin")...)
	for _, c := range p.jar.Cookies(p.origin(t)) {
		r.AddCookie(c)
	}
	return r
}

// unreadPages asks many times at once for the page of a folder whose objects have names
// that are as long as may be, and reads nothing; meanwhile others see theirs.
func unreadPages(t *testing.T, w *world) {
	const count, clients = 200, 100
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-long", "").oneOf(t, "CreateBucket", 200)
		each(count, func(i int) {
			w.s3(t, w.full, "PUT", "/a-long/"+escape(longKey(i)[len("large/"):]), "").oneOf(t, "PUT", 200)
		})
		w.flat(t, "pages that nobody reads", memoryMax, func() {
			for range clients {
				conn := w.dial(t, w.console)
				defer conn.Close()
				r := w.reader.asks(t, "GET", "/buckets/a-long/objects", "")
				go func() { _ = r.Write(conn) }()
			}
			for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
				w.bob.get(t, "/keys").oneOf(t, "a page of another account meanwhile", 200)
				time.Sleep(50 * time.Millisecond)
			}
		})
		each(count, func(i int) {
			w.s3(t, w.full, "DELETE", "/a-long/"+escape(longKey(i)[len("large/"):]), "").oneOf(t, "DELETE", 204)
		})
		w.s3(t, w.full, "DELETE", "/a-long", "").oneOf(t, "DeleteBucket", 204)
	})
}

// longPartHeaders uploads files whose own headers are megabytes, or that have other fields
// before them without an end.
func longPartHeaders(t *testing.T, w *world) {
	const clients = 40
	long := strings.Repeat("x", 9<<20)
	const file = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nx\r\n--b--\r\n"
	w.unchanged(t, func() {
		for name, body := range map[string]string{
			"a header":     "--b\r\nX-Long: " + long + "\r\n" + file[len("--b\r\n"):],
			"many headers": "--b\r\n" + strings.Repeat("X-A: "+strings.Repeat("x", 1000)+"\r\n", 9000) + file[len("--b\r\n"):],
			"a field":      "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n" + long + "\r\n" + file,
		} {
			w.flat(t, name+" of megabytes", memoryMax, func() {
				var all sync.WaitGroup
				for range clients {
					all.Go(func() {
						r := w.member.asks(t, "POST", "/buckets/a-priv/upload", body, "Content-Type", "multipart/form-data; boundary=b", "Origin", w.console)
						w.do(t, r).oneOf(t, "an upload with "+name, 400)
					})
				}
				all.Wait()
			})
		}
	})
}

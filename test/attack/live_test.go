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
					r := request(t, w.console, "GET", "/keys/"+string(w.ids[old])+"/events", "", "Accept", "text/event-stream", "Sec-Fetch-Site", "same-origin")
					for _, c := range w.reader.jar.Cookies(w.reader.origin(t)) {
						r.AddCookie(c)
					}
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

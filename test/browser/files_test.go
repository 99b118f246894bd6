package browser_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// upload chooses a file in a form.
func (b *browser) upload(selector, path string) {
	b.t.Helper()
	b.do("choose a file", chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}

// redirectOf asks for a page of the console with the browser's cookies and
// returns where it leads, without going there.
func (b *browser) redirectOf(url string) string {
	b.t.Helper()
	cookies, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range cookies.Cookies {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("GET %s = %d, want 303", url, resp.StatusCode)
	}
	return resp.Header.Get("Location")
}

func clickCSS(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

// absolute is a path as the browser needs it, whose folder is another.
func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

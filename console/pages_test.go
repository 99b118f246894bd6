package console

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"coffer"
	"coffer/keys"
)

var nextPage = regexp.MustCompile(`href="([^"]*)">Next page`)

// TestLongListsComeInPages reads the lists of an account that has more than a page of
// keys and of buckets.
func TestLongListsComeInPages(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	s := w.objects.As(coffer.Actor{Account: p.account.ID, Canonical: p.account.Canonical})
	for i := range bucketsShown + 3 {
		if _, err := s.CreateBucket(t.Context(), coffer.BucketName(fmt.Sprintf("bucket-%04d", i)), "us-east-1"); err != nil {
			t.Fatal(err)
		}
	}
	var last coffer.Key
	for i := range keysShown + 3 {
		key, _, err := w.keys.As(coffer.Caller{Operator: true}).Create(t.Context(), p.account, keys.CreateInput{Name: fmt.Sprintf("program-%04d", i)})
		if err != nil {
			t.Fatal(err)
		}
		if key.ID > last.ID {
			last = key
		}
	}
	for _, tt := range []struct {
		path, item string
		most, all  int
	}{
		{"/buckets", `<th scope="row"><a href="/buckets/bucket-`, bucketsShown, bucketsShown + 3},
		{"/keys", `<h2><a href="/keys/key_`, keysShown, keysShown + 3},
	} {
		n, pages := 0, 0
		for path := tt.path; path != "" && pages < 5; pages++ {
			a := p.get(path)
			here := strings.Count(a.body, tt.item)
			if a.status != http.StatusOK || here > tt.most || pages > 0 && !strings.Contains(a.body, `href="`+tt.path+`">First page`) {
				t.Errorf("GET %s = %d with %d of the list, want %d at most, and the way back", path, a.status, here, tt.most)
			}
			n += here
			path = ""
			if m := nextPage.FindStringSubmatch(a.body); m != nil {
				path = html.UnescapeString(m[1])
			}
		}
		if n != tt.all || pages != 2 {
			t.Errorf("%s shows %d on %d pages, want %d on 2", tt.path, n, pages, tt.all)
		}
	}
	if a := p.get("/connect?key=" + string(last.ID)); !strings.Contains(a.body, string(last.Current.AccessKeyID)) {
		t.Error("Connect does not show a key of a later page that it was asked for")
	}
	if a := p.get("/"); a.status != http.StatusOK || !strings.Contains(a.body, fmt.Sprintf("%d and more", keysShown)) {
		t.Errorf("the overview = %d without the number of keys", a.status)
	}
}

package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"coffer"
	"coffer/objects"
	"coffer/sigv4"
	"coffer/snippets"
)

// connectView is a filled-in snippet with its neighbours.
type connectView struct {
	Endpoint, Region string
	Key              *keyView // nil when the account has none that works
	Bucket           string
	Tool             snippets.Tool
	Text             string
	Groups           []toolGroup
}

// toolGroup is the tools of one kind.
type toolGroup struct {
	Name  string
	Tools []toolText
}

// toolText is one tool with its snippet.
type toolText struct {
	snippets.Tool
	Text    string
	Current bool
}

// connectPage shows how to use a key with every tool.
type connectPage struct {
	shell
	Connect connectView
	Keys    []keyView
	Tested  *testResult
}

// testResult is what the S3 address answered to a request signed with a key.
type testResult struct {
	OK      bool
	Heading string
	Detail  string
	Buckets []string
}

// connectView fills in all snippets, with the first bucket that the key reaches,
// and without what the key may not do.
func (q *request) connectView(key keyView, tool string) (connectView, error) {
	v := connectView{Endpoint: q.S3URL(), Region: q.Region, Key: &key}
	var err error
	if v.Bucket, err = q.firstBucket(key.Scope); err != nil {
		return v, err
	}
	writes := key.Scope.Allows(coffer.PutObject, coffer.BucketName(v.Bucket), "hello.txt") && (v.Bucket != "" || key.Scope.Everything())
	values := snippets.Values{Endpoint: v.Endpoint, Region: v.Region, AccessKeyID: string(key.Current.AccessKeyID), Secret: key.Secret, Bucket: v.Bucket, ReadOnly: !writes}
	chosen, ok := snippets.Find(tool)
	if !ok {
		chosen = snippets.All()[0]
	}
	v.Tool = chosen
	for _, t := range snippets.All() {
		text, err := q.snippets.Write(t, values)
		if err != nil {
			return v, err
		}
		if t.ID == chosen.ID {
			v.Text = text
		}
		if n := len(v.Groups); n == 0 || v.Groups[n-1].Name != t.Group {
			v.Groups = append(v.Groups, toolGroup{Name: t.Group})
		}
		g := &v.Groups[len(v.Groups)-1]
		g.Tools = append(g.Tools, toolText{t, text, t.ID == chosen.ID})
	}
	return v, nil
}

// firstBucket is the first of the account's buckets that a scope reaches; "" for none.
func (q *request) firstBucket(scope *coffer.Scope) (string, error) {
	for in := (objects.ListBucketsInput{Max: bucketsShown}); ; {
		buckets, next, err := q.objects().ListBuckets(q.ctx(), in)
		for _, b := range buckets {
			if scope.SeesBucket(b.Name) {
				return string(b.Name), err
			}
		}
		if in.After = next; err != nil || next == "" {
			return "", err
		}
	}
}

func (q *request) connect() error {
	return q.connectAnswer(http.StatusOK, q.query("key"), coffer.Secret{}, nil)
}

// connectAnswer shows the page for the key that handle names, or for the first
// one that works.
func (q *request) connectAnswer(status int, handle string, secret coffer.Secret, tested *testResult) error {
	live, _, more, err := q.keysOfAccount("")
	if err != nil {
		return err
	}
	chosen := choose(live, handle)
	if more != "" && handle != "" && !named(chosen, handle) {
		// It may be on a later page.
		if key, err := q.keys().Get(q.ctx(), handle); err == nil && key.Status != coffer.KeyDeleted {
			view := q.keyView(key)
			live, chosen = append(live, view), &view
		}
	}
	page := connectPage{shell: q.shell("Connect"), Keys: live, Tested: tested}
	if chosen == nil {
		page.Connect = connectView{Endpoint: q.S3URL(), Region: q.Region}
		return q.render(status, "connect", page)
	}
	key := *chosen
	key.Secret = secret.Reveal()
	tool := q.query("tool")
	if tool == "" {
		tool = q.value("tool")
	}
	if page.Connect, err = q.connectView(key, tool); err != nil {
		return err
	}
	return q.render(status, "connect", page)
}

// choose returns the key that handle names, or else the first one that works.
func choose(live []keyView, handle string) (chosen *keyView) {
	for i := range live {
		if k := &live[i]; named(k, handle) {
			return k
		} else if chosen == nil && k.Status == coffer.KeyActive {
			chosen = k
		}
	}
	return chosen
}

func named(k *keyView, handle string) bool {
	return k != nil && (handle == string(k.ID) || handle == string(k.Current.AccessKeyID))
}

// connectReveal writes the secret into the snippets.
func (q *request) connectReveal() error {
	key, secret, err := q.keys().Reveal(q.ctx(), q.value("key"))
	if err != nil {
		return err
	}
	return q.connectAnswer(http.StatusOK, string(key.ID), secret, nil)
}

// connectTest sends a real request to the S3 address, signed with the key, as a
// client would. It needs the secret, so it asks for what Reveal asks for.
func (q *request) connectTest() error {
	key, secret, err := q.keys().Reveal(q.ctx(), q.value("key"))
	if err != nil {
		return err
	}
	result := q.test(key, secret)
	return q.connectAnswer(http.StatusOK, string(key.ID), secret, &result)
}

// The bounds of the request that tests a key.
const (
	testTimeout  = 10 * time.Second
	testBytesMax = 1 << 20
)

// probeClient asks the S3 address and follows nobody: a redirect is an answer.
func probeClient() *http.Client {
	return &http.Client{Timeout: testTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (q *request) test(key coffer.Key, secret coffer.Secret) testResult {
	ctx, cancel := context.WithTimeout(q.ctx(), testTimeout)
	defer cancel()
	endpoint := q.S3URL()
	unreachable := testResult{Heading: "The S3 address could not be reached from the server",
		Detail: "Nothing answered at " + endpoint + ". If clients reach it by another address, set public_s3_url to that."}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/", nil)
	if err != nil {
		return unreachable
	}
	empty := sha256.Sum256(nil)
	req.Header.Set("User-Agent", "coffer-console/"+coffer.Version+" (test)")
	sigv4.Sign(req, string(key.Current.AccessKeyID), secret.Reveal(), q.Region, "s3", hex.EncodeToString(empty[:]), q.Now())
	resp, err := q.probe.Do(req)
	if err != nil {
		q.Logger.InfoContext(ctx, "key test found nobody", "request_id", q.id(), "endpoint", endpoint, "error", err.Error())
		if errors.Is(err, context.DeadlineExceeded) {
			unreachable.Detail = endpoint + " did not answer within " + testTimeout.String() + "."
		}
		return unreachable
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, testBytesMax))
	if err != nil {
		return unreachable
	}
	var answer struct {
		Buckets []string `xml:"Buckets>Bucket>Name"`
		Code    string
		Message string
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		return testResult{Heading: "Something else than coffer answered", Detail: fmt.Sprintf("%s answered %s, and not as S3 does. Is public_s3_url right?", endpoint, resp.Status)}
	}
	if resp.StatusCode != http.StatusOK {
		return testResult{Heading: "The request was refused", Detail: answer.Code + ": " + answer.Message}
	}
	return testResult{OK: true, Heading: "The key works", Buckets: answer.Buckets,
		Detail: fmt.Sprintf("%s answered a signed ListBuckets with %d buckets.", endpoint, len(answer.Buckets))}
}

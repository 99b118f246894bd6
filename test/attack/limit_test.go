package attack

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"coffer"
	"coffer/api"
	"coffer/test/harness"
)

// growthMax is what an attack may add to the server's memory. It is generous:
// the collector comes late, and a bound that is missing costs far more.
const growthMax = 64 << 20

// memory is a bound for the binary that is tested: the race detector takes
// several times as much.
func memory(bytes int64) int64 {
	if harness.RaceDetector() {
		return 4 * bytes
	}
	return bytes
}

// Of passwords that are hashed in parallel, TestSignInUnderAttack tells.
var limitRows = []row{
	{"LIM-01", "headers are bounded", headerLimits},
	{"LIM-02", "an Authorization header is bounded", authorizationLimits},
	{"LIM-03", "connections that do nothing cost little", manyConnections},
	{"LIM-04", "bodies that are announced cost little", manyBodies},
	{"LIM-05", "what a refusal repeats is bounded", longEchoes},
	{"LIM-06", "IDs that do not exist are not remembered for ever", manyIDs},
	{"LIM-07", "the console and the JSON interface have bounds too", otherLimits},
	{"LIM-08", "a large list or document costs a few times its length", largeAtOnce},
	{"LIM-10", "configurations of many buckets are not all remembered", manyConfigurations},
	{"LIM-11", "keys with large scopes are not all remembered", manyScopes},
	{"LIM-12", "a long header beside a policy of many patterns costs little", longHeaders},
	{"LIM-13", "headers that a page asks leave for are not too many", manyAskedHeaders},
	{"LIM-14", "a list of keys with large scopes comes in pages", manyKeysListed},
	{"LIM-15", "bodies of the JSON interface cost a few times their length", emptyLists},
}

func TestLimits(t *testing.T) {
	t.Parallel()
	attack(t, newPlainWorld(t), limitRows)
}

// TestNobodyUsesUpWhatAFullDiskKeepsFree is LIM-09: keys and other records need room as
// well, and who makes them without an end ends the server for all.
func TestNobodyUsesUpWhatAFullDiskKeepsFree(t *testing.T) {
	t.Parallel()
	w := &world{errors: &errorList{}}
	config := filepath.Join(t.TempDir(), "coffer.toml")
	keep := func(free string) {
		if err := os.WriteFile(config, []byte("min_free = \""+free+"\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keep("0")
	w.server = harness.Start(t, harness.Options{Args: []string{"--config", config}})
	w.server.Stop()
	keep("1000TiB") // more than there is: full
	w.server.Restart()
	w.connect(t)
	w.full = pair{w.server.AccessKeyID, w.server.Secret}
	const tries = 300
	made, refused := 0, 0
	for i := range tries {
		a := w.api(t, w.full, "POST", "/v1/keys", fmt.Sprintf(`{"name":"%d"}`, i))
		if a.status == 200 {
			made++
			continue
		}
		refused++
		a.oneOf(t, "a key on a full disk", 507)
	}
	if made < 50 || refused == 0 {
		t.Errorf("of %d keys on a full disk %d were made and %d refused, want enough for an emergency and no more", tries, made, refused)
	}
	w.api(t, w.full, "GET", "/v1/keys/self", "").oneOf(t, "GET on a full disk", 200)
	if _, err := w.socket.PauseKey(t.Context(), w.full.id); err != nil {
		t.Errorf("PauseKey by the operator on a full disk = %v", err)
	}
}

// longHeaders deletes a thousand objects with a header that a policy compares with many
// patterns, for each of them, which is in a transaction. Each such comparison took
// seconds, and the answer would not come while the client waits.
func longHeaders(t *testing.T, w *world) {
	agent := strings.Repeat("a", 28<<10) + "c"
	var list strings.Builder
	list.WriteString("<Delete>")
	for i := range 1000 {
		fmt.Fprintf(&list, "<Object><Key>%d</Key></Object>", i)
	}
	list.WriteString("</Delete>")
	sum := md5.Sum([]byte(list.String()))
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-agents", "").oneOf(t, "CreateBucket", 200)
		for name, value := range map[string]string{"the ends of texts": `"*a",`, "the middles of texts": `"*ab*",`, "single characters": `"*?b*",`} {
			values := strings.Repeat(value, min(19<<10/len(value), 256))
			if !strings.Contains(value, "?") {
				values = strings.Repeat(value, 19<<10/len(value))
			}
			w.policy(t, "a-agents", `"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::a-agents/*","Condition":{"StringLike":{"aws:UserAgent":[`+values+`"x"]}}`)
			w.s3(t, w.full, "PUT", "/a-agents/x", "").oneOf(t, "PUT beside "+name, 200)
			a := w.s3(t, w.full, "POST", "/a-agents?delete", list.String(), "Content-Md5", base64.StdEncoding.EncodeToString(sum[:]), "User-Agent", agent)
			a.oneOf(t, "DeleteObjects beside "+name, 200)
			if cut := strings.Contains(a.body, "too long to compare"); cut == strings.HasPrefix(value, `"*a"`) {
				t.Errorf("DeleteObjects beside %s: refused for its length = %v: %.300s", name, cut, a.body)
			}
			w.s3(t, w.full, "POST", "/a-agents?delete", list.String(), "Content-Md5", base64.StdEncoding.EncodeToString(sum[:])).oneOf(t, "DeleteObjects with a short header", 200)
			w.s3(t, w.full, "DELETE", "/a-agents/x", "").oneOf(t, "DELETE", 204)
		}
		w.s3(t, w.full, "DELETE", "/a-agents", "").oneOf(t, "DeleteBucket", 204)
	})
}

// manyAskedHeaders sends what the rules of a bucket for other origins are compared with,
// before it is known who sends it. Each such request took seconds, and so many as here
// would not be answered while the client waits.
func manyAskedHeaders(t *testing.T, w *world) {
	rule := "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>" +
		strings.Repeat("<AllowedHeader>X</AllowedHeader>", 1800) + "<AllowedHeader>a</AllowedHeader></CORSRule></CORSConfiguration>"
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-asked", "").oneOf(t, "CreateBucket", 200)
		w.document(t, "PUT", "/a-asked?cors", rule).oneOf(t, "PutBucketCors", 200)
		asked := strings.Repeat("a,", 14_000) + "a"
		each(64, func(int) {
			w.s3(t, nobody, "OPTIONS", "/a-asked/x", "", "Origin", "https://page.test", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", asked).
				oneOf(t, "a preflight of 14,000 headers", 403)
			w.s3(t, nobody, "GET", "/a-asked/x", "", "Origin", "https://page.test", "Access-Control-Request-Headers", asked).oneOf(t, "GET with 14,000 headers", 403)
		})
		w.s3(t, nobody, "OPTIONS", "/a-asked/x", "", "Origin", "https://page.test", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "a, x").
			oneOf(t, "a preflight of two", 200)
		w.s3(t, w.full, "DELETE", "/a-asked", "").oneOf(t, "DeleteBucket", 204)
	})
}

// manyConfigurations asks for what makes the server read a large configuration of each
// of many buckets.
func manyConfigurations(t *testing.T, w *world) {
	const buckets = 150
	var lifecycle strings.Builder
	lifecycle.WriteString("<LifecycleConfiguration>")
	for i := range 1000 {
		fmt.Fprintf(&lifecycle, "<Rule><ID>%d</ID><Filter><And><Prefix>%d%s</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Days>9</Days></Expiration></Rule>", i, i, strings.Repeat("p", 300))
	}
	lifecycle.WriteString("</LifecycleConfiguration>")
	sum := md5.Sum([]byte(lifecycle.String()))
	w.unchanged(t, func() {
		before := resident(t, w.server.PID())
		for i := range buckets {
			path := fmt.Sprintf("/a-config-%d", i)
			w.s3(t, w.full, "PUT", path, "").oneOf(t, "CreateBucket", 200)
			w.s3(t, w.full, "PUT", path+"?lifecycle=", lifecycle.String(), "Content-Md5", base64.StdEncoding.EncodeToString(sum[:])).oneOf(t, "PutBucketLifecycleConfiguration", 200)
			w.s3(t, w.full, "PUT", path+"/x", "").oneOf(t, "PUT", 200)
		}
		// The store, which is written to, takes much of it.
		if more := resident(t, w.server.PID()) - before; more > memory(2*growthMax) {
			t.Errorf("large configurations: the server's memory grew by %d MiB, want a bound", more>>20)
		}
		for i := range buckets {
			path := fmt.Sprintf("/a-config-%d", i)
			w.s3(t, w.full, "DELETE", path+"/x", "").oneOf(t, "DELETE", 204)
			w.s3(t, w.full, "DELETE", path, "").oneOf(t, "DeleteBucket", 204)
		}
	})
}

// manyScopes signs a request with each of many keys whose scopes are as large as can be.
func manyScopes(t *testing.T, w *world) {
	const count = 400
	scope := largeScope()
	w.unchanged(t, func() {
		before := resident(t, w.server.PID())
		keys := make([]pair, count)
		for i := range keys {
			keys[i] = w.newKey(t, api.CreateKeyInput{Name: "large", Scope: scope})
		}
		for _, k := range keys {
			w.s3(t, k, "GET", "/a-priv/other", "").oneOf(t, "GET outside the scope", 403)
		}
		// A key that ends is forgotten, so this comes before.
		if more := resident(t, w.server.PID()) - before; more > memory(growthMax) {
			t.Errorf("keys with large scopes: the server's memory grew by %d MiB, want a bound", more>>20)
		}
		for _, k := range keys {
			w.drop(t, k)
		}
	})
}

// largeScope is one of as many texts as a scope may have.
func largeScope() *coffer.Scope {
	scope := &coffer.Scope{}
	for i := range 50 {
		g := coffer.Grant{Preset: coffer.PresetReadOnly}
		for j := range 100 {
			g.Prefixes = append(g.Prefixes, fmt.Sprintf("%d-%d/", i, j))
		}
		scope.Grants = append(scope.Grants, g)
	}
	return scope
}

// manyKeysListed asks for the keys of an account that has given them large scopes, many
// times at once. Each answer had all of them, in memory several times over.
func manyKeysListed(t *testing.T, w *world) {
	const count, clients = 150, 20
	var made []pair
	for range count {
		made = append(made, w.newKey(t, api.CreateKeyInput{Name: "large", Scope: largeScope()}))
	}
	w.bounded(t, "lists of keys", func() {
		var all sync.WaitGroup
		for range clients {
			all.Go(func() { w.api(t, w.full, "GET", "/v1/keys", "").oneOf(t, "GET /v1/keys", 200) })
		}
		all.Wait()
	})
	if all, err := w.socket.ListKeys(t.Context(), string(w.a.ID), false); err != nil || len(all) < count {
		t.Errorf("ListKeys = %d keys, %v, want all of them", len(all), err)
	}
	for _, k := range made {
		w.drop(t, k)
	}
}

// emptyLists sends bodies that are many times as large once they are read, signed by a
// key that may change no other.
func emptyLists(t *testing.T, w *world) {
	w.bounded(t, "bodies of empty grants", func() {
		for _, grants := range []string{`{"preset":"read-only"}` + strings.Repeat(`,{}`, 80_000), `{"preset":"read-only","prefixes":["a/"` + strings.Repeat(`,""`, 80_000) + `]}`} {
			var all sync.WaitGroup
			for range 60 {
				all.Go(func() {
					w.api(t, w.ro, "PUT", "/v1/keys/self/scope", `{"scope":{"grants":[`+grants+`]}}`).oneOf(t, "PUT of empty grants", 400, 403)
				})
			}
			all.Wait()
		}
	})
}

// bounded runs fn and fails the test if the server's memory grew by more than
// growthMax meanwhile.
func (w *world) bounded(t *testing.T, what string, fn func()) {
	t.Helper()
	w.unchanged(t, func() {
		before := resident(t, w.server.PID())
		fn()
		if more := resident(t, w.server.PID()) - before; more > memory(growthMax) {
			t.Errorf("%s: the server's memory grew by %d MiB, want a bound", what, more>>20)
		}
	})
}

func headerLimits(t *testing.T, w *world) {
	w.bounded(t, "headers", func() {
		for name, lines := range map[string][]string{
			"one of 64 KiB":       {"X-Long: " + strings.Repeat("x", 64<<10)},
			"one of 2 MiB":        {"X-Long: " + strings.Repeat("x", 2<<20)},
			"a name of 64 KiB":    {strings.Repeat("x", 64<<10) + ": 1"},
			"10,000 of them":      strings.Split(strings.Repeat("X-Many: 1,", 10_000), ","),
			"10,000 signed":       strings.Split(strings.Repeat("x-amz-meta-a: 1,", 10_000), ","),
			"cookies":             {"Cookie: " + strings.Repeat("a=b; ", 20_000)},
			"a line without end":  {strings.Repeat("x", 1<<20)},
			"metadata over 2 KiB": {"x-amz-meta-a: " + strings.Repeat("x", 3_000)},
		} {
			f := put(w)
			for _, line := range lines {
				if line != "" {
					f.lines = append(f.lines, line)
				}
			}
			w.forge(t, f).oneOf(t, "PUT with headers: "+name, 400, 403, 431)
		}
	})
}

func authorizationLimits(t *testing.T, w *world) {
	w.bounded(t, "Authorization", func() {
		for name, value := range map[string]string{
			"a long ID":              "AWS4-HMAC-SHA256 Credential=" + strings.Repeat("A", 7<<10) + "/" + ago(0)[:8] + "/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + sum("x"),
			"many parts":             "AWS4-HMAC-SHA256 " + strings.Repeat("Credential=x, ", 500),
			"many signed headers":    "AWS4-HMAC-SHA256 Credential=" + w.full.id + "/" + ago(0)[:8] + "/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date;" + strings.Repeat("a;", 2_000) + "b, Signature=" + sum("x"),
			"different ones":         "AWS4-HMAC-SHA256 Credential=" + w.full.id + "/" + ago(0)[:8] + "/us-east-1/s3/aws4_request, SignedHeaders=host;" + manyNames(1_000) + ";x-amz-date, Signature=" + sum("x"),
			"a long region":          "AWS4-HMAC-SHA256 Credential=" + w.full.id + "/" + ago(0)[:8] + "/" + strings.Repeat("r", 6<<10) + "/s3/aws4_request, SignedHeaders=host, Signature=" + sum("x"),
			"many slashes":           "AWS4-HMAC-SHA256 Credential=" + strings.Repeat("/", 7<<10) + ", SignedHeaders=host, Signature=" + sum("x"),
			"more than a header has": "AWS4-HMAC-SHA256 Credential=" + strings.Repeat("A", 20<<10),
		} {
			f := put(w)
			f.auth = func(string) string { return value }
			for range 20 {
				w.forge(t, f).oneOf(t, "PUT with an Authorization of "+name, 400, 403, 431)
			}
		}
	})
}

func manyNames(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("h%04d", i))
	}
	return strings.Join(names, ";")
}

func manyConnections(t *testing.T, w *world) {
	connections := 1_000
	if testing.Short() {
		connections = 200
	}
	open := descriptors(t, w.server.PID())
	w.bounded(t, "connections", func() {
		var all []net.Conn
		for range connections {
			conn, err := net.Dial("tcp", strings.TrimPrefix(w.server.Endpoint, "http://"))
			if err != nil {
				t.Fatalf("open connection %d: %v", len(all), err)
			}
			defer conn.Close()
			all = append(all, conn)
		}
		w.s3(t, w.full, "GET", "/a-priv/other", "").oneOf(t, "GET beside many connections", 200)
		for _, conn := range all {
			conn.Close()
		}
	})
	w.settles(t, open)
}

// manyBodies sends the heads of large uploads at once, each with a little of its
// body: what is kept for each must not be what it says it will send.
func manyBodies(t *testing.T, w *world) {
	const uploads = 60
	open := descriptors(t, w.server.PID())
	w.bounded(t, "bodies", func() {
		for i := range uploads {
			f := forged{who: w.full, method: "PUT", path: fmt.Sprintf("/a-priv/body%d", i), hash: unsigned, body: strings.Repeat("x", 1000), lines: []string{fmt.Sprintf("Content-Length: %d", 4<<30)}}
			if i%3 == 0 {
				f.lines = []string{"Transfer-Encoding: chunked"}
				f.body = "7fffffff\r\n" + f.body
			}
			text, _ := f.text(w)
			conn := w.dial(t, w.server.Endpoint)
			defer conn.Close()
			if _, err := io.WriteString(conn, text); err != nil {
				t.Error(err)
			}
		}
		w.s3(t, w.full, "GET", "/a-priv/other", "").oneOf(t, "GET beside many uploads", 200)
	})
	w.settles(t, open)
}

func longEchoes(t *testing.T, w *world) {
	const most = 400 << 10
	w.bounded(t, "refusals", func() {
		long := strings.Repeat("e", 20<<10)
		for _, f := range []forged{
			{who: pair{w.full.id, "wrong"}, path: "/a-priv/" + long}, {who: w.full, path: "/a-priv", query: "prefix=" + long + "&max-keys=" + long}, {who: w.full, path: "/" + long},
			{who: w.full, path: "/a-priv/other", query: "versionId=" + long}, {who: w.full, path: "/a-priv/other", query: "uploadId=" + long}, {who: pair{w.full.id, "wrong"}, path: "/a-priv", query: "x=" + long},
		} {
			if a := w.forge(t, f); a.status/100 != 4 || len(a.body) > most {
				t.Errorf("GET with a long text = %d with %d bytes, want a refusal of at most %d", a.status, len(a.body), most)
			}
		}
	})
}

// manyIDs asks with IDs that do not exist, from several clients.
func manyIDs(t *testing.T, w *world) {
	each := 2_000
	if testing.Short() {
		each = 500
	}
	w.bounded(t, "IDs", func() {
		var all sync.WaitGroup
		for client := range 4 {
			all.Go(func() {
				for i := range each {
					id := fmt.Sprintf("TEST%02d%014d", client, i)
					w.forge(t, forged{who: pair{id, "x"}, path: "/a-priv/other"}).oneOf(t, "GET with the ID "+id, 403)
				}
			})
		}
		all.Wait()
	})
}

func otherLimits(t *testing.T, w *world) {
	w.bounded(t, "other listeners", func() {
		deep := strings.Repeat(`{"a":`, 500_000)
		for name, body := range map[string]string{"a deep document": deep, "a deep list": strings.Repeat("[", 2_000_000), "a long name": `{"name":"` + strings.Repeat("n", 8<<20) + `"}`,
			"many names": `{` + strings.Repeat(`"a":1,`, 500_000) + `"b":1}`, "a name twice": `{"name":"a","name":"b"}`} {
			a := w.api(t, w.full, "POST", "/v1/keys", body)
			a.oneOf(t, "POST /v1/keys with "+name, 400, 413)
			w.api(t, nobody, "POST", "/v1/keys", body).oneOf(t, "POST /v1/keys by a stranger with "+name, 400, 401, 403, 413)
		}
		form := strings.Repeat("a=b&", 2_000_000)
		w.do(t, request(t, w.console, "POST", "/signin", form, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")).
			oneOf(t, "POST /signin of 8 MiB", 400, 401, 403, 413)
		for _, base := range []string{w.console, w.server.Admin} {
			for _, path := range []string{"/" + strings.Repeat("p", 64<<10), "/?" + strings.Repeat("a=b&", 100_000)} {
				w.exchangeWith(t, base, "GET", "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").oneOf(t, "GET of a long path", 303, 400, 404, 414, 431)
			}
		}
	})
}

// largeAtOnce has many clients ask for large lists, and send large documents, at the
// same time: of each no more may be in memory than a few times what it is.
func largeAtOnce(t *testing.T, w *world) {
	const clients, each = 24, 10 << 20
	const most = clients * each
	keys := 300
	if testing.Short() {
		keys = 100
	}
	long := strings.Repeat("&", 900) // of which each is five bytes in XML
	key := func(i int) string { return fmt.Sprintf("large/%04d%s", i, long) }
	list := "<Delete>" + strings.Repeat("<Object><Key>none"+strings.Repeat("&amp;", 300)+"</Key></Object>", 1_000) + "</Delete>"
	parts := "<CompleteMultipartUpload>"
	for i := range 10_000 {
		parts += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>\"%032x\"</ETag></Part>", i+1, i)
	}
	parts += "</CompleteMultipartUpload>"
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-large", "").oneOf(t, "PUT /a-large", 200)
		var made sync.WaitGroup
		for c := range 8 {
			made.Go(func() {
				for i := c; i < keys; i += 8 {
					w.s3(t, w.full, "PUT", "/a-large/"+escape(key(i)), "").oneOf(t, "PUT", 200)
				}
			})
		}
		made.Wait()
		id := w.upload(t, w.full, "/a-large/parts")
		before, peak := resident(t, w.server.PID()), int64(0)
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				for range 3 {
					switch i % 4 {
					case 0:
						w.s3(t, w.full, "GET", "/a-large?list-type=2", "").oneOf(t, "a large list", 200)
					case 1:
						w.s3(t, w.full, "GET", "/a-large?versions&delimiter=%26", "").oneOf(t, "a large list of versions", 200)
					case 2:
						w.document(t, "POST", "/a-large?delete", list).oneOf(t, "DeleteObjects of 1,000 long keys", 200, 400)
					case 3:
						w.s3(t, w.full, "POST", "/a-large/parts?uploadId="+id, parts).oneOf(t, "complete of 10,000 parts that are not there", 400)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		for busy := true; busy; {
			select {
			case <-done:
				busy = false
			default:
				peak = max(peak, resident(t, w.server.PID()))
			}
		}
		if peak-before > memory(most) {
			t.Errorf("%d clients with large lists and documents took the server's memory from %d to %d MiB, want a bound", clients, before>>20, peak>>20)
		}
		t.Logf("%d clients with large lists and documents: %d MiB more", clients, (peak-before)>>20)
		w.s3(t, w.full, "DELETE", "/a-large/parts?uploadId="+id, "").oneOf(t, "abort", 204)
		made = sync.WaitGroup{}
		for c := range 8 {
			made.Go(func() {
				for i := c; i < keys; i += 8 {
					w.s3(t, w.full, "DELETE", "/a-large/"+escape(key(i)), "").oneOf(t, "DELETE", 204)
				}
			})
		}
		made.Wait()
		w.s3(t, w.full, "DELETE", "/a-large", "").oneOf(t, "DELETE /a-large", 204)
	})
}

package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"coffer"
)

// fillPath puts IDs that mean nothing into a route's path.
func fillPath(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	return method, strings.NewReplacer("{$}", "", "{id}", "key_none", "{bucket}", "a-bucket", "{token}", "none").Replace(path)
}

func TestNobodyGetsInWithoutASession(t *testing.T) {
	w := newWorld(t)
	w.owner("ann@example.com")
	for _, r := range routes {
		if r.access == accessPublic {
			continue
		}
		method, path := fillPath(r.pattern)
		b := w.tab()
		var a answer
		if method == "GET" {
			a = b.get(path)
			if to := a.header.Get("Location"); a.status != http.StatusSeeOther || !strings.HasPrefix(to, "/signin") {
				t.Errorf("%s = %d to %q, want 303 to the sign-in", r.pattern, a.status, to)
			}
		} else if a = b.post(path, "name", "x"); a.status != http.StatusUnauthorized {
			t.Errorf("%s = %d, want 401", r.pattern, a.status)
		}
		b.cookies["__Host-coffer_session"] = "mem_0123.forged"
		if a := b.send(method, path, url.Values{}); a.status == http.StatusOK {
			t.Errorf("%s with a forged session = 200", r.pattern)
		}
	}
}

func TestEveryAnswerBearsTheHeaders(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.key("k")
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"connect-src 'self' https://s3.example.com; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Strict-Transport-Security":    "max-age=63072000; includeSubDomains",
	}
	check := func(name string, a answer) {
		t.Helper()
		for header, value := range want {
			if got := a.header.Get(header); got != value {
				t.Errorf("%s: %s = %q, want %q", name, header, got, value)
			}
		}
		if got := a.header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: Access-Control-Allow-Origin = %q, want none", name, got)
		}
		if got := a.header.Get("Cache-Control"); got != "no-store" && !strings.HasPrefix(name, "/static/") {
			t.Errorf("%s: Cache-Control = %q, want no-store", name, got)
		}
	}
	for _, r := range routes {
		method, path := fillPath(r.pattern)
		if strings.HasSuffix(path, "/events") {
			continue
		}
		check(r.pattern+" signed out", w.tab().send(method, path, url.Values{}))
		b := w.tab()
		for k, v := range p.cookies {
			b.cookies[k] = v
		}
		if path != "/signout" && !strings.Contains(path, "end") {
			check(r.pattern, b.send(method, path, url.Values{}))
		}
	}
	check("/nowhere", p.get("/nowhere"))
	check("cross-site", p.send("POST", "/keys", url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }))
	check("/static/", p.get(w.console.static.path("app.css")))
	if a := p.send("TRACE", "/", nil); a.status < 400 {
		t.Errorf("TRACE / = %d, want a refusal", a.status)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	for name, change := range map[string]func(*http.Request){
		"cross-site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same-site": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "same-site")
			r.Header.Set("Origin", "https://evil.example.com")
		},
		"null origin": func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") },
		"evil origin": func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.test") },
		"plain text": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Content-Type", "text/plain")
		},
	} {
		if a := p.send("POST", "/buckets", url.Values{"name": {"taken-over"}}, change); a.status != http.StatusForbidden {
			t.Errorf("POST /buckets, %s = %d, want 403", name, a.status)
		}
	}
	if a := p.get("/buckets"); strings.Contains(a.body, "taken-over") {
		t.Error("a form of another site made a bucket")
	}
}

func TestLocalPath(t *testing.T) {
	for _, tt := range []struct {
		in string
		ok bool
	}{
		{"/", true}, {"/keys?did=paused", true}, {"/buckets/a/objects?prefix=a%2Fb", true},
		{"//evil.test", false}, {`/\evil.test`, false}, {"https://evil.test/", false}, {"javascript:alert(1)", false}, {"", false},
		{"/\t/evil.test", false}, {"/\n/evil.test", false}, {"\\\\evil.test", false}, {"evil", false}, {"/" + strings.Repeat("a", 3000), false},
	} {
		if got := localPath(tt.in); tt.ok && got != tt.in || !tt.ok && got != "" {
			t.Errorf("localPath(%.40q) = %.40q, want it taken: %v", tt.in, got, tt.ok)
		}
	}
}

func TestSignInLeadsToThePathThatWasAskedFor(t *testing.T) {
	w := newWorld(t)
	w.owner("ann@example.com")
	for next, want := range map[string]string{"/audit?action=key.": "/audit?action=key.", "//evil.test": "/", `/\evil.test`: "/", "javascript:alert(1)": "/"} {
		b := w.tab()
		page := b.get("/signin?next=" + url.QueryEscape(next))
		kept := hidden(page.body, "kept_to")
		a := b.post("/signin", "email", "ann@example.com", "password", testWord, "kept_to", kept)
		if got := a.header.Get("Location"); a.status != http.StatusSeeOther || got != want {
			t.Errorf("sign-in with next=%s = %d to %q, want 303 to %q", next, a.status, got, want)
		}
	}
	// What a page said cannot be trusted either.
	b := w.tab()
	if got := b.post("/signin", "email", "ann@example.com", "password", testWord, "kept_to", "//evil.test").header.Get("Location"); got != "/" {
		t.Errorf("sign-in with a forged kept_to leads to %q, want /", got)
	}
}

// hidden reads the value of a hidden field.
func hidden(body, name string) string {
	_, rest, ok := strings.Cut(body, `name="`+name+`" value="`)
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return strings.NewReplacer("&#43;", "+", "&#34;", `"`, "&amp;", "&", "&#39;", "'").Replace(value)
}

func TestASessionIsNewAtEachSignInAndGoneAfterSignOut(t *testing.T) {
	w := newWorld(t)
	w.owner("ann@example.com")
	b := w.tab()
	b.cookies["__Host-coffer_session"] = "planted"
	a := b.post("/signin", "email", "ann@example.com", "password", testWord)
	if a.status != http.StatusSeeOther || b.cookies["__Host-coffer_session"] == "planted" {
		t.Fatalf("sign-in = %d, session %q, want a new one", a.status, b.cookies["__Host-coffer_session"])
	}
	set := a.header.Values("Set-Cookie")[0]
	for _, attribute := range []string{"__Host-coffer_session=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"} {
		if !strings.Contains(set, attribute) {
			t.Errorf("the cookie %q lacks %s", set, attribute)
		}
	}
	if strings.Contains(set, "Domain") {
		t.Errorf("the cookie %q names a domain", set)
	}
	old := b.cookies["__Host-coffer_session"]
	out := b.post("/signout")
	if out.status != http.StatusOK || !strings.Contains(out.header.Get("Clear-Site-Data"), `"storage"`) {
		t.Errorf("sign-out = %d, Clear-Site-Data %q", out.status, out.header.Get("Clear-Site-Data"))
	}
	b.cookies["__Host-coffer_session"] = old
	if a := b.get("/keys"); a.status != http.StatusSeeOther {
		t.Errorf("GET /keys with the session that was signed out = %d, want 303", a.status)
	}
}

func TestSignInTellsNothingOfWhoExists(t *testing.T) {
	w := newWorld(t)
	w.owner("ann@example.com")
	id := func(a answer) string { // what differs anyway
		_, rest, _ := strings.Cut(a.body, "<h1>")
		return strings.NewReplacer("ann@example.com", "E", "nobody@example.com", "E").Replace(rest)
	}
	known := w.tab().post("/signin", "email", "ann@example.com", "password", "wrong wrong wrong")
	unknown := w.tab().post("/signin", "email", "nobody@example.com", "password", "wrong wrong wrong")
	if known.status != http.StatusUnauthorized || unknown.status != known.status || id(known) != id(unknown) {
		t.Errorf("a wrong password = %d, an unknown address = %d, want 401 twice with the same page", known.status, unknown.status)
	}
	if strings.Contains(known.body, "wrong wrong wrong") {
		t.Error("the page has the password that was typed")
	}
	if !strings.Contains(known.body, `value="ann@example.com"`) {
		t.Error("the page forgot the address that was typed")
	}
}

func TestAFormOutlivesItsSession(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	w.now = w.now.Add(time.Hour)
	a := p.post("/keys", "name", `nightly "backup"`, "scope", "everything", "secret", "do-not-keep")
	if a.status != http.StatusUnauthorized || !strings.Contains(a.body, "what you typed is kept") || strings.Contains(a.body, "do-not-keep") {
		t.Fatalf("POST /keys after the end of the session = %d, want 401 with the form kept, without the secret", a.status)
	}
	a = p.post("/signin", "email", "ann@example.com", "password", testWord, "kept_to", hidden(a.body, "kept_to"), "kept_form", hidden(a.body, "kept_form"))
	if a.status != http.StatusOK || !strings.Contains(a.body, `name="name" value="nightly &#34;backup&#34;"`) {
		t.Fatalf("after the sign-in = %d, want the form with what was typed\n%s", a.status, a.body)
	}
	all, err := w.keys.As(coffer.Caller{Operator: true}).List(t.Context(), "")
	if err != nil || len(all) != 0 {
		t.Errorf("%d keys, %v: the form was sent by itself", len(all), err)
	}
}

func TestLinksComeFromTheConfiguredAddress(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	a := p.send("POST", "/members/invite", url.Values{"email": {"bob@example.com"}, "role": {"member"}}, func(r *http.Request) {
		r.Host = "evil.test"
		r.Header.Set("X-Forwarded-Host", "evil.test")
	})
	if a.status != http.StatusOK || !strings.Contains(a.body, testConsole+"/invite/") || strings.Contains(a.body, "evil.test") {
		t.Errorf("an invitation under a forged Host = %d, want a link to %s", a.status, testConsole)
	}
}

func TestTheLoopbackByNumberLeadsToItsName(t *testing.T) {
	w := newWorld(t)
	opt := w.console.Options
	opt.ConsoleURL = "http://localhost:9001"
	var err error
	if w.console, err = New(opt); err != nil {
		t.Fatal(err)
	}
	a := w.tab().send("GET", "/signin?next=%2Fkeys", nil, func(r *http.Request) { r.Host = "127.0.0.1:9001" })
	if got := a.header.Get("Location"); a.status != http.StatusTemporaryRedirect || got != "http://localhost:9001/signin?next=%2Fkeys" {
		t.Errorf("GET at 127.0.0.1 = %d to %q, want localhost", a.status, got)
	}
	if a.header.Get("Strict-Transport-Security") != "" {
		t.Error("plain http promises https")
	}
}

func TestAnS3ClientIsToldWhereS3Is(t *testing.T) {
	w := newWorld(t)
	signed := func(r *http.Request) {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=CFAK0000000000000000/20260301/auto/s3/aws4_request, SignedHeaders=host, Signature=00")
	}
	nothing := func(*http.Request) {}
	for _, tt := range []struct {
		method, path string
		change       func(*http.Request)
		want         int
	}{
		{"GET", "/", signed, http.StatusBadRequest},
		{"PUT", "/photos/a.txt", signed, http.StatusBadRequest},
		{"HEAD", "/photos", signed, http.StatusBadRequest},
		{"GET", "/photos/a.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00", nothing, http.StatusBadRequest},
		{"GET", "/", nothing, http.StatusSeeOther},
		{"GET", "/v1/keys", signed, http.StatusNotFound}, // of the API, which this console has none of
	} {
		a := w.tab().send(tt.method, tt.path, nil, tt.change)
		if a.status != tt.want {
			t.Errorf("%s %s = %d, want %d", tt.method, tt.path, a.status, tt.want)
		}
		told := strings.Contains(a.body, "<Code>InvalidRequest</Code><Message>This is the address of the console. S3 is at "+testS3+": use that as the endpoint URL.</Message>")
		if told != (tt.want == http.StatusBadRequest) {
			t.Errorf("%s %s tells where S3 is: %t\n%s", tt.method, tt.path, told, a.body)
		}
	}
}

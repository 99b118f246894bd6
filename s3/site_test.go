package s3_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"coffer"
	"coffer/s3"
)

// newSite is a world with the website of alice's bucket site, in which visitors
// may read what alice may, since nobody else may read anything here.
func newSite(t *testing.T, website string) *world {
	t.Helper()
	w := newWorld(t)
	w.Config.Handler.(*s3.Handler).VisitAs(coffer.Actor{Account: "111111111111"})
	for _, setup := range []string{"PUT /site", "PUT /site?website\n\n" + website,
		"PUT /site/index.html\nContent-Type: text/html\n\nhome", "PUT /site/error.html\nContent-Type: text/html\n\noops",
		"PUT /site/dir/index.html\n\nfolder", "PUT /site/a.txt\n\n0123456789", "PUT /site/%2Fevil.example/index.html\n\nx",
		"PUT /site/moved\nx-amz-website-redirect-location: /a.txt\n\nx"} {
		if got := w.play(t, setup, nil); !strings.HasPrefix(got, "200\n") {
			t.Fatalf("%s = %s", setup, got)
		}
	}
	return w
}

const wholeSite = `<WebsiteConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IndexDocument><Suffix>index.html</Suffix></IndexDocument>
<ErrorDocument><Key>error.html</Key></ErrorDocument><RoutingRules>
<RoutingRule><Condition><KeyPrefixEquals>docs/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith></Redirect></RoutingRule>
<RoutingRule><Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals><KeyPrefixEquals>old/</KeyPrefixEquals></Condition>
<Redirect><HostName>b.example</HostName><HttpRedirectCode>302</HttpRedirectCode><Protocol>https</Protocol><ReplaceKeyWith>gone.html</ReplaceKeyWith></Redirect></RoutingRule>
</RoutingRules></WebsiteConfiguration>`

func TestSite(t *testing.T) {
	w := newSite(t, wholeSite)
	tests := []struct{ name, request, want, has string }{
		{"IndexOfAll", "GET /", "200", "\n\nhome"},
		{"IndexOfAFolder", "GET /dir/", "200", "\n\nfolder"},
		{"FolderWithoutItsSlash", "GET /dir", "302", "Location: /dir/\n"},
		{"FolderThatLooksLikeAHost", "GET //evil.example", "302", "Location: /%2Fevil.example/\n"},
		{"Object", "GET /a.txt", "200", "\n\n0123456789"},
		{"ObjectAtItsHead", "HEAD /a.txt", "200", "Content-Length: 10"},
		{"PartOfIt", "GET /a.txt\nRange: bytes=2-3", "206", "\n\n23"},
		{"NotChanged", "GET /a.txt\nIf-None-Match: \"781e5e245d69b566979b86e28d23f2c7\"", "304", ""},
		{"QueryIsNotRead", "GET /a.txt?acl&response-content-type=text/html&versionId=x", "200", "binary/octet-stream"},
		{"SignatureIsNotRead", "@key bob\nGET /a.txt", "200", "\n\n0123456789"},
		{"ObjectThatRedirects", "GET /moved", "301", "Location: /a.txt\n"},
		{"ErrorHasItsPageAndStatus", "GET /none", "404", "Content-Type: text/html\n"},
		{"ErrorPage", "GET /none/", "404", "\n\noops"},
		{"ErrorPageTellsTheCode", "HEAD /none", "404", "X-Amz-Error-Code: NoSuchKey\nX-Amz-Error-Message: The specified key does not exist."},
		{"FolderTellsTheCode", "HEAD /dir", "302", "X-Amz-Error-Code: Found\nX-Amz-Error-Message: Resource Found"},
		{"RuleByPrefix", "GET /docs/a%20b", "301", "Location: http://site.website.localhost/documents/a%20b\n"},
		{"RuleByError", "GET /old/a", "302", "Location: https://b.example/gone.html\n"},
		{"NoWrites", "PUT /a.txt\n\nx", "405", "<li>Code: MethodNotAllowed</li>"},
		{"NoForms", "POST /\n\nx", "405", "<li>Code: MethodNotAllowed</li>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request := tt.request
			if !strings.HasPrefix(request, "@") {
				request = "@key none\n" + request
			}
			head, body, _ := strings.Cut(request, "\n\n")
			got := w.play(t, head+"\nHost: site.website.localhost\n\n"+body, nil)
			if !strings.HasPrefix(got, tt.want+"\n") || !strings.Contains(got, tt.has) {
				t.Errorf("%s = %s, want %s and %q", tt.request, got, tt.want, tt.has)
			}
		})
	}
}

// TestSiteShowsWhatVisitorsMayRead: a website makes nothing public.
func TestSiteShowsWhatVisitorsMayRead(t *testing.T) {
	w := newSite(t, wholeSite)
	w.Config.Handler.(*s3.Handler).VisitAs(coffer.Actor{})
	for _, path := range []string{"/", "/a.txt", "/dir", "/moved", "/none"} {
		got := w.play(t, "@key none\nGET "+path+"\nHost: site.website.localhost", nil)
		if !strings.HasPrefix(got, "403\n") || !strings.Contains(got, "<li>Code: AccessDenied</li>") {
			t.Errorf("GET %s = %s, want a page that says 403", path, got)
		}
	}
}

// TestNoHostIsTwoThings: of the domains that fit, the longest says what a host is.
func TestNoHostIsTwoThings(t *testing.T) {
	w := newSite(t, `<WebsiteConfiguration><RedirectAllRequestsTo><HostName>b.example</HostName></RedirectAllRequestsTo></WebsiteConfiguration>`)
	for _, tt := range []struct{ host, want string }{
		{"site.website.localhost", "Location: http://b.example/x?y"},
		{"SITE.Website.LocalHost.:9000", "Location: http://b.example/x?y"},
		{"site.localhost", "<Code>AccessDenied</Code>"},
		{"website.localhost", "<li>Code: NoSuchBucket</li>"},
		{"site.website.localhost:x", "<Code>InvalidBucketName</Code>"},
		{"site.website.localhost:1:2", "<Code>InvalidBucketName</Code>"},
		{"none.website.localhost", "<li>Code: NoSuchBucket</li>"},
		{"awebsite.localhost", "<Code>NoSuchBucket</Code>"},
		{"localhost", "<Code>InvalidBucketName</Code>"},
	} {
		if got := w.play(t, "@key none\nGET /x?y\nHost: "+tt.host, nil); !strings.Contains(got, tt.want) {
			t.Errorf("GET of %s = %s, want %s", tt.host, got, tt.want)
		}
	}
}

func TestAPageIsOnlyText(t *testing.T) {
	w := newSite(t, `<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>none.html</Key></ErrorDocument></WebsiteConfiguration>`)
	got := w.play(t, "@key none\nGET /%3Cscript%3E\nHost: site.website.localhost", nil)
	if !strings.HasPrefix(got, "404\n") || strings.Contains(got, "<script>") || !strings.Contains(got, "<li>Key: &lt;script&gt;</li>") ||
		!strings.Contains(got, "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n<li>Code: NoSuchKey</li>") {
		t.Errorf("GET = %s, want a page with the key as text, and why the error document is missing", got)
	}
}

// TestVisitorsOfAWebsiteAreLimited: it is no way around the limit of who has no key.
func TestVisitorsOfAWebsiteAreLimited(t *testing.T) {
	w := newSite(t, wholeSite)
	options := w.Config.Handler.(*s3.Handler).Options
	options.RequestsPerSecond = 3
	limited := s3.New(options)
	limited.VisitAs(coffer.Actor{Account: "111111111111"})
	answers := ""
	for range 4 {
		r := httptest.NewRequest(http.MethodGet, "/a.txt", nil)
		r.Host = "site.website.localhost"
		a := httptest.NewRecorder()
		limited.ServeHTTP(a, r)
		answers += fmt.Sprint(a.Code, " ")
	}
	if answers != "200 200 200 503 " {
		t.Errorf("4 requests when 3 a second are allowed are answered %s, want the last 503", answers)
	}
}

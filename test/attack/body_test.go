package attack

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf16"
)

// XML-14 is in TestQuotas; that an upload grows old is for tests with a clock of their
// own. XML-08 goes on in TestConfigurations and TestBucketPolicies.
var bodyRows = []row{
	{"XML-02", "no document fetches another", externalEntities},
	{"XML-03", "a deep document is refused early", deepXML},
	{"XML-04", "DeleteObjects takes 1,000 keys", manyKeys},
	{"XML-06", "a document that is not the one defined is refused", looseXML},
	{"XML-07", "a list of parts is what was uploaded", badParts},
	{"XML-08", "a configuration that is misspelt is refused", misspelt},
	{"XML-10", "parameters of lists are bounded", listParameters},
	{"XML-11", "ranges are those of the RFC", badRanges},
	{"XML-12", "digests are checked", badDigests},
}

func TestBodies(t *testing.T) {
	t.Parallel()
	attack(t, newPlainWorld(t), bodyRows)
}

// document sends an XML body to a path with its checksum.
func (w *world) document(t *testing.T, method, path, body string) answer {
	t.Helper()
	return w.s3(t, w.full, method, path, body, "X-Amz-Checksum-Sha256", checksum(body))
}

// documents are the operations that read one, with the name of its root.
var documents = [][3]string{{"POST", "/a-priv?delete", "Delete"}, {"PUT", "/a-priv?tagging", "Tagging"}, {"PUT", "/a-priv?cors", "CORSConfiguration"},
	{"PUT", "/a-priv/other?tagging", "Tagging"}, {"PUT", "/new-bucket", "CreateBucketConfiguration"}}

func externalEntities(t *testing.T, w *world) {
	var calls atomic.Int32
	canary, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer canary.Close()
	go func() {
		for {
			conn, err := canary.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			conn.Close()
		}
	}()
	lol := "<!ENTITY a \"lol\">"
	for i := range 9 {
		lol += fmt.Sprintf("<!ENTITY %c \"%s\">", 'b'+i, strings.Repeat(fmt.Sprintf("&%c;", 'a'+i), 10))
	}
	w.unchanged(t, func() {
		for _, d := range documents {
			for _, head := range []string{`<!DOCTYPE x [<!ENTITY j SYSTEM "file:///etc/passwd">]>`, `<!DOCTYPE x [<!ENTITY j SYSTEM "http://` + canary.Addr().String() + `/">]>`, "<!DOCTYPE x [" + lol + "]>",
				`<!DOCTYPE x SYSTEM "http://` + canary.Addr().String() + `/">`, `<!DOCTYPE x [<!ENTITY % p SYSTEM "http://` + canary.Addr().String() + `/"> %p;]>`, ""} {
				for _, inner := range []string{"<Object><Key>&j;</Key></Object>", "&j;", "<TagSet><Tag><Key>&j;</Key><Value>x</Value></Tag></TagSet>"} {
					body := `<?xml version="1.0"?>` + head + "<" + d[2] + ">" + inner + "</" + d[2] + ">"
					a := w.document(t, d[0], d[1], body)
					a.is(t, d[0]+" "+d[1]+" with an entity", 400, "MalformedXML")
					a.lacks(t, d[0]+" "+d[1], "root:", "lollol")
				}
			}
		}
	})
	if n := calls.Load(); n != 0 {
		t.Errorf("a document made the server call %d times", n)
	}
}

func deepXML(t *testing.T, w *world) {
	const most = 96 << 20
	w.unchanged(t, func() {
		before := resident(t, w.server.PID())
		for _, d := range append(documents, [3]string{"POST", "/b-priv?delete", "Delete"}) {
			for name, body := range map[string]string{
				"2,000,000 open tags":   strings.Repeat("<a>", 2_000_000),
				"600,000 open tags":     strings.Repeat("<a>", 600_000),
				"100,000 attributes":    "<" + d[2] + strings.Repeat(` a="b"`, 100_000) + "/>",
				"a long name":           "<" + strings.Repeat("a", 1<<20) + "/>",
				"a long text":           "<" + d[2] + ">" + strings.Repeat("x", 3<<20) + "</" + d[2] + ">",
				"many comments":         strings.Repeat("<!---->", 200_000) + "<" + d[2] + "/>",
				"many instructions":     strings.Repeat("<?a b?>", 200_000),
				"100,000 empty objects": "<" + d[2] + ">" + strings.Repeat("<Object/>", 100_000) + "</" + d[2] + ">",
			} {
				if (d[1] == "/new-bucket" || d[2] == "Tagging") && (name == "100,000 attributes" || name == "many comments") {
					continue // which is what a bucket with nothing to configure may send, and no tags
				}
				w.document(t, d[0], d[1], body).oneOf(t, d[0]+" "+d[1]+" with "+name, 400, 403)
			}
		}
		if more := resident(t, w.server.PID()) - before; more > memory(most) {
			t.Errorf("the documents took %d MiB, want a bound", more>>20)
		}
	})
}

func manyKeys(t *testing.T, w *world) {
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-priv/many", "x").oneOf(t, "PUT", 200)
		list := func(n int) string {
			return "<Delete><Object><Key>many</Key></Object>" + strings.Repeat("<Object><Key>nothing</Key></Object>", n-1) + "</Delete>"
		}
		w.document(t, "POST", "/a-priv?delete", list(1001)).is(t, "DeleteObjects of 1,001 keys", 400, "MalformedXML")
		w.document(t, "POST", "/a-priv?delete", "<Delete></Delete>").is(t, "DeleteObjects of no key", 400, "MalformedXML")
		w.document(t, "POST", "/a-priv?delete", "").oneOf(t, "DeleteObjects of nothing", 400)
		w.s3(t, w.full, "POST", "/a-priv?delete", list(1)).oneOf(t, "DeleteObjects without a digest", 400)
		w.s3(t, w.full, "GET", "/a-priv/many", "").oneOf(t, "GET of what was not deleted", 200)
		w.document(t, "POST", "/a-priv?delete", list(1000)).oneOf(t, "DeleteObjects of 1,000 keys", 200)
		w.s3(t, w.full, "GET", "/a-priv/many", "").oneOf(t, "GET of what was deleted", 404)
	})
}

func looseXML(t *testing.T, w *world) {
	w.unchanged(t, func() {
		const object = "<Object><Key>other</Key></Object>"
		wide := "<Delete>" + object + "</Delete>"
		utf16le := "\xff\xfe"
		for _, c := range utf16.Encode([]rune(wide)) {
			utf16le += string([]byte{byte(c), byte(c >> 8)})
		}
		for name, body := range map[string]string{
			"another root":           "<Remove>" + object + "</Remove>",
			"another namespace":      `<Delete xmlns="http://evil.test/">` + object + "</Delete>",
			"a key twice":            "<Delete><Object><Key>a</Key><Key>other</Key></Object></Delete>",
			"Quiet twice":            "<Delete><Quiet>true</Quiet><Quiet>false</Quiet>" + object + "</Delete>",
			"an unknown element":     "<Delete><Evil/>" + object + "</Delete>",
			"an unknown element in":  "<Delete><Object><Key>other</Key><Evil/></Object></Delete>",
			"no key":                 "<Delete><Object></Object></Delete>",
			"an element in the key":  "<Delete><Object><Key><b>other</b></Key></Object></Delete>",
			"a DOCTYPE":              "<!DOCTYPE Delete>" + wide,
			"bytes behind":           wide + "x",
			"a document behind":      wide + wide,
			"text between":           "<Delete>x" + object + "</Delete>",
			"an open root":           "<Delete>" + object,
			"another end":            "<Delete>" + object + "</delete>",
			"UTF-16":                 utf16le,
			"UTF-16 that it says":    `<?xml version="1.0" encoding="UTF-16"?>` + wide,
			"another encoding":       `<?xml version="1.0" encoding="latin1"?>` + wide,
			"bytes that are no text": "<Delete><Object><Key>other\xff</Key></Object></Delete>",
			"JSON":                   `{"Delete":{"Object":[{"Key":"other"}]}}`,
			"a NUL":                  "<Delete>" + object + "</Delete>\x00",
			"a bare ampersand":       "<Delete><Object><Key>a&b</Key></Object></Delete>",
		} {
			w.document(t, "POST", "/a-priv?delete", body).oneOf(t, "DeleteObjects with "+name, 400)
		}
		w.s3(t, w.full, "GET", "/a-priv/other", "").oneOf(t, "GET of what was not deleted", 200)
	})
}

func badParts(t *testing.T, w *world) {
	id := w.upload(t, w.full, "/a-priv/parts")
	path := "/a-priv/parts?uploadId=" + url.QueryEscape(id)
	etag := map[int]string{}
	for _, n := range []int{1, 2} {
		a := w.s3(t, w.full, "PUT", fmt.Sprintf("%s&partNumber=%d", path, n), "part")
		etag[n] = a.header.Get("Etag")
	}
	part := func(n any, etag string) string {
		return fmt.Sprintf("<Part><PartNumber>%v</PartNumber><ETag>%s</ETag></Part>", n, etag)
	}
	w.unchanged(t, func() {
		for name, body := range map[string]string{
			"no part": "", "10,001 parts": strings.Repeat(part(1, etag[1]), 10_001), "a part twice": part(1, etag[1]) + part(1, etag[1]),
			"a descending order": part(2, etag[2]) + part(1, etag[1]), "part 0": part(0, etag[1]), "part -1": part(-1, etag[1]), "part 10^9": part(1_000_000_000, etag[1]),
			"part 10^30": part("1"+strings.Repeat("0", 30), etag[1]), "part x": part("x", etag[1]), "part 1.0": part("1.0", etag[1]), "a wrong ETag": part(1, `"00000000000000000000000000000000"`),
			"no ETag": "<Part><PartNumber>1</PartNumber></Part>", "no number": "<Part><ETag>" + etag[1] + "</ETag></Part>", "a part that is not there": part(3, etag[1]),
			"small parts": part(1, etag[1]) + part(2, etag[2]), "two numbers": "<Part><PartNumber>1</PartNumber><PartNumber>2</PartNumber><ETag>" + etag[1] + "</ETag></Part>",
		} {
			a := w.s3(t, w.full, "POST", path, "<CompleteMultipartUpload>"+body+"</CompleteMultipartUpload>")
			a.is(t, "CompleteMultipartUpload with "+name, 400, "MalformedXML", "InvalidPartOrder", "InvalidPart", "EntityTooSmall", "InvalidArgument")
		}
		for _, number := range []string{"0", "-1", "10001", "x", "", "1e1", "99999999999999999999", "+1", "1&partNumber=2"} {
			a := w.s3(t, w.full, "PUT", path+"&partNumber="+number, "evil")
			if number == "+1" || number == "1&partNumber=2" { // a space, which may be trimmed; the first, which may count
				a.oneOf(t, "UploadPart of the number "+number, 200, 400)
				w.s3(t, w.full, "PUT", path+"&partNumber=1", "part").oneOf(t, "UploadPart", 200)
				continue
			}
			a.oneOf(t, "UploadPart of the number "+number, 400)
		}
	})
	w.s3(t, w.full, "DELETE", path, "").oneOf(t, "abort", 204)
}

func misspelt(t *testing.T, w *world) {
	rule := "<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"
	w.unchanged(t, func() {
		for _, body := range []string{"<CORSRule>" + rule + "<MaxAgeSecond>1</MaxAgeSecond></CORSRule>", "<CORSRule>" + rule + "<MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule>",
			"<CORSRule>" + rule + "<MaxAgeSeconds>x</MaxAgeSeconds></CORSRule>", "<CorsRule>" + rule + "</CorsRule>", "<CORSRule>" + rule + "</CORSRule><Evil/>", "", "<CORSRule/>",
			"<CORSRule><AllowedMethod>FOO</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>", "<CORSRule><AllowedMethod></AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>",
			"<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>http://*.*</AllowedOrigin></CORSRule>", strings.Repeat("<CORSRule>"+rule+"</CORSRule>", 101)} {
			a := w.document(t, "PUT", "/a-priv?cors", "<CORSConfiguration>"+body+"</CORSConfiguration>")
			a.oneOf(t, fmt.Sprintf("PutBucketCors with %.80s", body), 400)
		}
		for _, body := range []string{"<Tagset/>", "<TagSet><Tag><Key>a</Key></Tag></TagSet>", "<TagSet><Tag><Key></Key><Value>1</Value></Tag></TagSet>", "<TagSet><Tag><Name>a</Name><Value>1</Value></Tag></TagSet>",
			"<TagSet>" + strings.Repeat("<Tag><Key>a</Key><Value>1</Value></Tag>", 2) + "</TagSet>", "<TagSet><Tag><Key>aws:a</Key><Value>1</Value></Tag></TagSet>", "<TagSet/><TagSet/>"} {
			for _, path := range []string{"/a-priv?tagging", "/a-priv/other?tagging"} {
				w.document(t, "PUT", path, "<Tagging>"+body+"</Tagging>").oneOf(t, "PUT "+path+" with "+body, 400)
			}
		}
	})
}

func listParameters(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, list := range []string{"list-type=2&max-keys=", "max-keys=", "versions&max-keys=", "uploads&max-uploads="} {
			for _, n := range []string{"-1", "abc", "1.5", "99999999999999999999", "2147483648", "-2147483649", "0x10", " ", "1e3"} {
				w.s3(t, w.full, "GET", "/a-priv?"+list+url.QueryEscape(n), "").is(t, "GET ?"+list+n, 400, "InvalidArgument")
			}
			for _, n := range []string{"1000000000", "2147483647", "0", ""} {
				a := w.s3(t, w.full, "GET", "/a-priv?"+list+n, "")
				a.oneOf(t, "GET ?"+list+n, 200)
				if strings.Contains(a.body, "<MaxKeys>1000000000<") || strings.Contains(a.body, "<MaxKeys>2147483647<") {
					t.Errorf("GET ?%s%s = %s, want no more than 1,000", list, n, a.body)
				}
			}
			long := url.QueryEscape(strings.Repeat("d", 1024))
			w.s3(t, w.full, "GET", "/a-priv?"+list+"&delimiter="+long, "").oneOf(t, "GET ?"+list+" with a long delimiter", 200, 400)
			w.s3(t, w.full, "GET", "/a-priv?"+list+"&prefix="+strings.Repeat("p", 20_000), "").oneOf(t, "GET ?"+list+" with a huge prefix", 200, 400)
			w.s3(t, w.full, "GET", "/a-priv?"+list+"&encoding-type=base64", "").oneOf(t, "GET ?"+list+" with an encoding", 400)
		}
		for _, q := range []string{"max-buckets=0", "max-buckets=-1", "max-buckets=10001", "max-buckets=x", "continuation-token=%00"} {
			w.s3(t, w.full, "GET", "/?"+q, "").oneOf(t, "GET /?"+q, 400)
		}
	})
}

func badRanges(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, c := range []struct {
			header string
			status []int
			body   string
		}{
			{"bytes=0-0", []int{206}, "o"}, {"bytes=-2", []int{206}, "er"}, {"bytes=3-", []int{206}, "er"}, {"bytes=1-2", []int{206}, "th"},
			{"bytes=0-99999999999999999999", []int{206}, "other"}, {"bytes=-99999999999999999999", []int{206}, "other"}, {"bytes=-0", []int{416}, ""},
			{"bytes=5-", []int{416}, ""}, {"bytes=99999999999999999999-", []int{416}, ""}, {"bytes=9-1", []int{200, 416}, "other"}, {"lines=0-1", []int{200}, "other"},
			{"bytes=", []int{200, 416}, "other"}, {"bytes=-", []int{200, 416}, "other"}, {"bytes=a-b", []int{200, 416}, "other"}, {"bytes=0x0-1", []int{200, 416}, "other"},
			{"bytes=0-0,1-1", []int{200, 206}, "other"}, {"bytes=" + strings.Repeat("0-0,", 5_000) + "0-0", []int{200, 206, 400}, "other"}, {"bytes=+1-2", []int{200, 416}, "other"}, {"bytes=--1", []int{200, 416}, "other"},
		} {
			for _, method := range []string{"GET", "HEAD"} {
				a := w.s3(t, w.full, method, "/a-priv/other", "", "Range", c.header)
				a.oneOf(t, fmt.Sprintf("%s with %.40s", method, c.header), c.status...)
				if method == "GET" && a.status/100 == 2 && a.body != c.body {
					t.Errorf("GET with %.40s = %q, want %q", c.header, a.body, c.body)
				}
			}
		}
	})
}

func badDigests(t *testing.T, w *world) {
	right := md5.Sum([]byte("evil"))
	other := md5.Sum([]byte("other"))
	w.unchanged(t, func() {
		for _, c := range []struct {
			headers []string
			codes   []string
		}{
			{[]string{"Content-Md5", "nonsense"}, []string{"InvalidDigest"}},
			{[]string{"Content-Md5", "!!!!"}, []string{"InvalidDigest"}},
			{[]string{"Content-Md5", base64.StdEncoding.EncodeToString(right[:8])}, []string{"InvalidDigest"}},
			{[]string{"Content-Md5", fmt.Sprintf("%x", right)}, []string{"InvalidDigest"}},
			{[]string{"Content-Md5", base64.StdEncoding.EncodeToString(other[:])}, []string{"BadDigest"}},
			{[]string{"X-Amz-Checksum-Crc32", crc("other")}, []string{"BadDigest"}},
			{[]string{"X-Amz-Checksum-Sha256", checksum("other")}, []string{"BadDigest"}},
			{[]string{"X-Amz-Checksum-Sha256", crc("evil")}, []string{"InvalidRequest"}},
			{[]string{"X-Amz-Checksum-Crc32", "nonsense"}, []string{"InvalidRequest"}},
			{[]string{"X-Amz-Checksum-Crc32", crc("evil"), "X-Amz-Checksum-Sha256", checksum("evil")}, []string{"InvalidRequest"}},
			{[]string{"X-Amz-Checksum-Crc32", crc("evil"), "X-Amz-Checksum-Crc32", crc("other")}, []string{"InvalidRequest", "BadDigest"}},
			{[]string{"X-Amz-Sdk-Checksum-Algorithm", "SHA3"}, []string{"InvalidRequest"}},
		} {
			w.s3(t, w.full, "PUT", "/a-priv/other", "evil", c.headers...).is(t, fmt.Sprintf("PUT with %q", c.headers), 400, c.codes...)
		}
		body := "<Delete><Object><Key>other</Key></Object></Delete>"
		w.s3(t, w.full, "POST", "/a-priv?delete", body, "Content-Md5", base64.StdEncoding.EncodeToString(other[:])).is(t, "DeleteObjects with another digest", 400, "BadDigest")
		w.s3(t, w.full, "POST", "/a-priv?delete", body, "X-Amz-Checksum-Sha256", checksum("x")).is(t, "DeleteObjects with another checksum", 400, "BadDigest")
	})
}

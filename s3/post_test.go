package s3_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

// form is a form as a browser sends it: fields in order, then the file.
type form struct {
	fields   [][2]string
	filename string
	file     string
	noFile   bool
	behind   [][2]string // fields behind the file
	cut      int         // bytes missing at the end
}

// signedForm is a form of alice's with a policy of these conditions, which are
// joined to those of the signature's own fields.
func (w *world) signedForm(key, conditions string, fields ...[2]string) form {
	if conditions != "" {
		conditions = ", " + conditions
	}
	policy := fmt.Sprintf(`{"expiration": %q, "conditions": [["starts-with", "$x-amz-algorithm", ""],
		["starts-with", "$x-amz-credential", ""], ["starts-with", "$x-amz-date", ""], {"bucket": "photos"}%s]}`,
		w.clock.Now().Add(time.Hour).Format("2006-01-02T15:04:05.000Z"), conditions)
	return form{fields: append(w.sign(policy), append([][2]string{{"key", key}}, fields...)...), filename: "me.txt", file: "hello"}
}

// unnamedForm is a signed form whose file was sent without a name.
func (w *world) unnamedForm(key string) form {
	f := w.signedForm(key, anyKey)
	f.filename = ""
	return f
}

// sign makes the fields that a policy is sent with.
func (w *world) sign(policy string) [][2]string {
	now, p := w.clock.Now().UTC(), w.pairs["alice"]
	encoded := base64.StdEncoding.EncodeToString([]byte(policy))
	key := sigv4.DeriveKey(p.secret, now.Format("20060102"), "auto", "s3")
	mac := hmac.New(sha256.New, key[:])
	io.WriteString(mac, encoded)
	return [][2]string{{"policy", encoded}, {"x-amz-algorithm", "AWS4-HMAC-SHA256"},
		{"X-Amz-Credential", p.id + "/" + now.Format("20060102") + "/auto/s3/aws4_request"},
		{"x-amz-date", now.Format("20060102T150405Z")}, {"x-amz-signature", hex.EncodeToString(mac.Sum(nil))}}
}

// post sends a form to the bucket photos.
func (w *world) post(t *testing.T, f form) (*http.Response, string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, field := range f.fields {
		_ = m.WriteField(field[0], field[1])
	}
	if !f.noFile {
		part, _ := m.CreateFormFile("file", f.filename)
		io.WriteString(part, f.file)
	}
	for _, field := range f.behind {
		_ = m.WriteField(field[0], field[1])
	}
	_ = m.Close()
	b.Truncate(b.Len() - f.cut)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/photos", &b)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

const anyKey = `["starts-with", "$key", ""]`

func TestFormsThatArePolicyConform(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /photos", nil)
	big := strings.Repeat("0123456789abcdef", 1<<16)
	tests := []struct {
		name           string
		form           form
		status         int
		location, body string // what they contain
		key, get       string // the object and what its GET contains
	}{
		{"NothingAskedIsNoContent", w.signedForm("a", anyKey), 204, "/photos/a", "", "a", "hello"},
		{"Status201HasADocument", w.signedForm("b c", anyKey+`, {"success_action_status": "201"}`, [2]string{"success_action_status", "201"}), 201, "/photos/b%20c",
			`<PostResponse><Location>` + w.URL + `/photos/b%20c</Location><Bucket>photos</Bucket><Key>b c</Key><ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag></PostResponse>`, "b%20c", "hello"},
		{"Status404IsNoContent", w.signedForm("a", anyKey+`, {"success_action_status": "404"}`, [2]string{"success_action_status", "404"}), 204, "", "", "a", "hello"},
		{"RedirectTellsWhatCameToBe", w.signedForm("r", anyKey+`, ["starts-with", "$success_action_redirect", ""]`, [2]string{"success_action_redirect", "https://a.example/done?x=1"}), 303,
			"https://a.example/done?x=1&bucket=photos&key=r&etag=%225d41402abc4b2a76b9719d911017c592%22", "", "r", "hello"},
		{"RedirectThatIsNoAddressIsIgnored", w.signedForm("r", anyKey+`, ["starts-with", "$success_action_redirect", ""]`, [2]string{"success_action_redirect", "javascript:alert(1)"}), 204, "/photos/r", "", "r", "hello"},
		{"FilenameIsPutIn", w.signedForm("up/${filename}", `["eq", "$key", "up/me.txt"]`), 204, "/photos/up/me.txt", "", "up/me.txt", "hello"},
		{"NoNameIsPutInWhereTheFileHasNone", w.unnamedForm("up/${filename}"), 204, "", "", "up/$%7Bfilename%7D", "hello"},
		{"FieldsBecomeHeaders", w.signedForm("h", anyKey+`, ["starts-with", "$Content-Type", "text/"], {"X-Amz-Meta-Tag": "v"}, {"cache-control": "no-store"}, ["eq", "$acl", "private"]`,
			[2]string{"Content-Type", "text/plain,text/html"}, [2]string{"x-amz-meta-tag", "v"}, [2]string{"Cache-Control", "no-store"}, [2]string{"acl", "private"}), 204, "", "", "h",
			"Cache-Control: no-store\nContent-Length: 5\nContent-Type: text/plain,text/html\n"},
		{"TagsCount", w.signedForm("t", anyKey+`, ["starts-with", "$tagging", ""]`, [2]string{"tagging", "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"}),
			204, "", "", "t", "X-Amz-Tagging-Count: 1"},
		{"ChecksumIsCompared", w.signedForm("c", anyKey+`, ["starts-with", "$x-amz-checksum-crc32", ""]`, [2]string{"x-amz-checksum-crc32", "NhCmhg=="}), 204, "", "", "c", "hello"},
		{"NamesAndOperatorsHaveNoCase", w.signedForm("foo", `["StArTs-WiTh", "$KeY", "foo"]`), 204, "", "", "foo", "hello"},
		{"DollarMayBeEscaped", w.signedForm("$foo", `["starts-with", "$key", "\$foo"]`), 204, "", "", "$foo", "hello"},
		{"IgnoredFieldsNeedNoCondition", w.signedForm("i", anyKey, [2]string{"x-ignore-foo", "bar"}), 204, "", "", "i", "hello"},
		{"TrailerIsNoField", w.signedForm("tr", anyKey+`, ["starts-with", "$x-amz-trailer", ""]`, [2]string{"x-amz-trailer", "x-amz-checksum-crc32"}), 204, "", "", "tr", "hello"},
		{"SizeInItsRange", w.signedForm("s", anyKey+`, ["content-length-range", 5, "5"]`), 204, "", "", "s", "hello"},
		{"FieldsBehindTheFileDoNotCount", func() form {
			f := w.signedForm("z", anyKey)
			f.behind = [][2]string{{"acl", "public-read"}, {"key", "other"}}
			return f
		}(), 204, "", "", "z", "hello"},
		{"LargeFile", func() form { f := w.signedForm("l", anyKey); f.file = big; return f }(), 204, "", "", "l", "Content-Length: 1048576"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, body := w.post(t, tt.form)
			if answer.StatusCode != tt.status || !strings.Contains(answer.Header.Get("Location"), tt.location) || !strings.Contains(body, tt.body) {
				t.Fatalf("POST = %d, Location %q, %s, want %d, %q, %s", answer.StatusCode, answer.Header.Get("Location"), body, tt.status, tt.location, tt.body)
			}
			if got := w.play(t, "GET /photos/"+tt.key, nil); !strings.Contains(got, tt.get) {
				t.Errorf("GET %s = %s, want %q in it", tt.key, got, tt.get)
			}
		})
	}
}

func TestFormsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /photos", nil)
	raw := func(policy string) form {
		return form{fields: append(w.sign(policy), [2]string{"key", "a"}), file: "hello"}
	}
	change := func(f form, edit func(f *form)) form { edit(&f); return f }
	plain := form{fields: [][2]string{{"key", "a"}}, file: "hello"}
	tests := []struct {
		name   string
		form   form
		status int
		code   string
		text   string
	}{
		{"Unsigned", plain, 403, "AccessDenied", ""},
		{"NoKey", form{file: "x"}, 400, "UserKeyMustBeSpecified", "Bucket POST must contain a field named 'key'"},
		{"KeyBehindTheFile", change(form{file: "x"}, func(f *form) { f.behind = [][2]string{{"key", "a"}} }), 400, "UserKeyMustBeSpecified", ""},
		{"NoFile", change(plain, func(f *form) { f.noFile = true }), 400, "IncorrectNumberOfFilesInPostRequest", "exactly one file"},
		{"FieldTwice", form{fields: [][2]string{{"key", "a"}, {"KEY", "b"}}, file: "x"}, 400, "InvalidArgument", ""},
		{"FieldsTooLong", form{fields: [][2]string{{"key", "a"}, {"x-ignore-a", strings.Repeat("x", 21<<10)}}, file: "x"}, 400, "MaxPostPreDataLengthExceeded", ""},
		{"EndlessFields", form{fields: [][2]string{{"key", "a"}, {"x-ignore-a", strings.Repeat("x", 1<<20)}}, file: "x"}, 400, "MaxPostPreDataLengthExceeded", ""},
		{"SignatureV2", form{fields: [][2]string{{"key", "a"}, {"AWSAccessKeyId", "x"}, {"policy", "e30="}, {"signature", "x"}}, file: "x"}, 400, "InvalidRequest", "Signature Version 2"},
		{"SignatureMissing", form{fields: [][2]string{{"key", "a"}, {"policy", "e30="}}, file: "x"}, 403, "AccessDenied", ""},
		{"PolicyChanged", change(w.signedForm("a", anyKey), func(f *form) { f.fields[0][1] += "AAAA" }), 403, "SignatureDoesNotMatch", ""},
		{"PolicyWithoutExpiration", raw(`{"conditions": []}`), 400, "InvalidPolicyDocument", "missing expiration"},
		{"PolicyWithoutConditions", raw(`{"expiration": "2030-01-01T00:00:00Z"}`), 400, "InvalidPolicyDocument", "missing conditions"},
		{"PolicyNamesHaveCase", raw(`{"expiration": "2030-01-01T00:00:00Z", "CONDITIONS": []}`), 400, "InvalidPolicyDocument", "CONDITIONS"},
		{"PolicyExpired", raw(`{"expiration": "2025-12-31T00:00:00Z", "conditions": []}`), 403, "AccessDenied", "Policy expired."},
		{"PolicyIsNoJSON", raw(`hello`), 400, "InvalidPolicyDocument", "Invalid JSON"},
		{"ExpirationTwice", raw(`{"expiration": "2020-01-01T00:00:00Z", "conditions": [], "expiration": "2030-01-01T00:00:00Z"}`), 400, "InvalidPolicyDocument", "more than once"},
		{"ConditionTwiceInOne", w.signedForm("a", `{"key": "b", "key": "a"}`), 400, "InvalidPolicyDocument", "exactly one property"},
		{"BucketFieldForAnother", w.signedForm("a", anyKey, [2]string{"bucket", "other"}), 400, "InvalidArgument", ""},
		{"EmptyCondition", w.signedForm("a", `{}`), 400, "InvalidPolicyDocument", "exactly one property"},
		{"UnknownOperation", w.signedForm("a", `["ends-with", "$key", "a"]`), 400, "InvalidPolicyDocument", "ends-with"},
		{"RangeOfOneNumber", w.signedForm("a", anyKey+`, ["content-length-range", 0]`), 400, "InvalidPolicyDocument", "wrong number"},
		{"RangeBelowZero", w.signedForm("a", anyKey+`, ["content-length-range", -1, 0]`), 400, "InvalidPolicyDocument", "not negative"},
		{"ConditionDoesNotHold", w.signedForm("a", `["starts-with", "$key", "user/"]`), 403, "AccessDenied", "Policy Condition failed: [\"starts-with\", \"$key\", \"user/\"]"},
		{"SimpleConditionDoesNotHold", w.signedForm("a", `{"key": "A"}`), 403, "AccessDenied", "Policy Condition failed: [\"eq\", \"$key\", \"A\"]"},
		{"ConditionWithoutADollar", w.signedForm("a", anyKey+`, ["eq", "acl", "private"]`), 403, "AccessDenied", "Policy Condition failed: [\"eq\", \"acl\", \"private\"]"},
		{"RangeOfAWord", w.signedForm("a", anyKey+`, ["content-length-range", "test", "10"]`), 403, "AccessDenied", "Policy Condition failed: [\"content-length-range\", \"test\", \"10\"]"},
		{"OtherBucket", w.signedForm("a", anyKey+`, {"bucket": "other"}`), 403, "AccessDenied", "$bucket"},
		{"ConditionOnAFieldThatIsNotThere", w.signedForm("a", anyKey+`, ["starts-with", "$Content-Type", ""]`), 403, "AccessDenied", "$content-type"},
		{"OneOfTheContentTypesIsAnother", w.signedForm("a", anyKey+`, ["starts-with", "$Content-Type", "image/"]`, [2]string{"Content-Type", "image/png,text/html"}), 403, "AccessDenied", "$content-type"},
		{"FilenameClimbsOutOfThePrefix", w.signedForm("${filename}", `["starts-with", "$key", "user/"]`), 403, "AccessDenied", "$key"},
		{"FieldThatNoConditionNames", w.signedForm("a", anyKey, [2]string{"x-amz-meta-foo", "bar"}), 403, "AccessDenied", "Extra input fields: x-amz-meta-foo"},
		{"FileTooLarge", w.signedForm("a", anyKey+`, ["content-length-range", 0, 4]`), 400, "EntityTooLarge", "<MaxSizeAllowed>4</MaxSizeAllowed>"},
		{"FileTooSmall", w.signedForm("a", anyKey+`, ["content-length-range", 6, 10]`), 400, "EntityTooSmall", "<MinSizeAllowed>6</MinSizeAllowed>"},
		{"ChecksumOfOtherBytes", w.signedForm("a", anyKey+`, ["starts-with", "$x-amz-checksum-crc32", ""]`, [2]string{"x-amz-checksum-crc32", "AAAAAA=="}), 400, "BadDigest", ""},
		{"LineBreakInAHeader", w.signedForm("a", anyKey+`, ["starts-with", "$Content-Type", ""]`, [2]string{"Content-Type", "a\r\nSet-Cookie: x"}), 400, "InvalidArgument", "control character"},
		{"TagsThatAreNoDocument", w.signedForm("a", anyKey+`, ["starts-with", "$tagging", ""]`, [2]string{"tagging", "k=v"}), 400, "MalformedXML", ""},
		// What a PutObject does not take, a form does not leave out silently.
		{"UnknownEncryption", w.signedForm("a", anyKey+`, {"x-amz-server-side-encryption": "AES"}`, [2]string{"x-amz-server-side-encryption", "AES"}), 400, "InvalidArgument", "x-amz-server-side-encryption"},
		{"ObjectLock", w.signedForm("a", anyKey+`, {"x-amz-object-lock-legal-hold": "ON"}`, [2]string{"x-amz-object-lock-legal-hold", "ON"}), 400, "InvalidRequest", "Bucket is missing Object Lock Configuration"},
		{"PublicACL", w.signedForm("a", anyKey+`, {"acl": "public-read"}`, [2]string{"acl", "public-read"}), 400, "AccessControlListNotSupported", ""},
		{"StorageClassThatIsNone", w.signedForm("a", anyKey+`, {"x-amz-storage-class": "X"}`, [2]string{"x-amz-storage-class", "X"}), 400, "InvalidStorageClass", ""},
		{"CutInTheFile", change(w.signedForm("a", anyKey), func(f *form) { f.cut = 70 }), 400, "MalformedPOSTRequest", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, body := w.post(t, tt.form)
			if answer.StatusCode != tt.status || !strings.Contains(body, "<Code>"+tt.code+"</Code>") || !strings.Contains(body, tt.text) {
				t.Errorf("POST = %d, %s, want %d, %s, %s", answer.StatusCode, body, tt.status, tt.code, tt.text)
			}
			if got := w.play(t, "GET /photos/a", nil); !strings.HasPrefix(got, "404\n") {
				t.Errorf("GET after the refusal = %s, want 404", got)
			}
		})
	}
}

// TestAFormIsOfWhoSignedIt: who sends it gets the rights of the key, until its
// policy expires, and no others.
func TestAFormIsOfWhoSignedIt(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /photos", nil)
	f := w.signedForm("a", anyKey)
	w.clock.tick(2 * time.Hour)
	if answer, body := w.post(t, f); answer.StatusCode != 403 || !strings.Contains(body, "Policy expired.") {
		t.Errorf("POST after the policy expired = %d, %s, want 403", answer.StatusCode, body)
	}
	// bob's policy may say what it likes: the bucket is alice's.
	w.pairs["alice"] = w.pairs["bob"]
	if answer, body := w.post(t, w.signedForm("a", anyKey)); answer.StatusCode != 403 || !strings.Contains(body, "<Code>AccessDenied</Code>") {
		t.Errorf("POST of bob = %d, %s, want 403 AccessDenied", answer.StatusCode, body)
	}
	w.pairs["alice"] = pair{"CFAK0000000000000000", "x"}
	if answer, body := w.post(t, w.signedForm("a", anyKey)); answer.StatusCode != 403 || !strings.Contains(body, "<Code>InvalidAccessKeyId</Code>") {
		t.Errorf("POST of nobody = %d, %s, want 403 InvalidAccessKeyId", answer.StatusCode, body)
	}
}

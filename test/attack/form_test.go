package attack

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	"coffer/sigv4"
)

var formRows = []row{
	{"PST-01", "a field cannot name another bucket", formBucket},
	{"PST-02", "no bucket is the server's own, whatever a form calls itself", formReserved},
	{"PST-04", "every field needs a condition", formExtra},
	{"PST-05", "tags are those of the policy", formTags},
	{"PST-06", "a file is as long as the policy says", formSize},
	{"PST-08", "nothing is said twice", formTwice},
	{"PST-09", "a form has the rights of its key", formKeys},
	{"PST-10", "a key is never a path", formPaths},
	{"PST-12", "what stands behind the file does not count", formBehind},
	{"PST-13", "a redirect leads to an address and nowhere else", formRedirect},
	{"PST-14", "a refusal is no redirect", formRefusal},
	{"PST-16", "a form is bounded before its file", formBombs},
	{"PST-17", "a form with a part of a signature is nobody's", formParts},
	{"RSP-04", "a field adds no header", formHeaders},
}

func TestForms(t *testing.T) {
	t.Parallel()
	attack(t, newWorld(t), formRows)
}

// fields are those of a form, in order.
type fields [][2]string

// formPolicy is a policy of an hour, for a bucket, with further conditions.
func formPolicy(bucket, conditions string) string {
	if conditions != "" {
		conditions = ", " + conditions
	}
	return `{"expiration": "` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `", "conditions": [["starts-with", "$x-amz-algorithm", ""],
		["starts-with", "$x-amz-credential", ""], ["starts-with", "$x-amz-date", ""], ["starts-with", "$key", ""], {"bucket": "` + bucket + `"}` + conditions + `]}`
}

// signForm makes the fields that say who made a policy.
func signForm(who pair, policy string) fields {
	now := time.Now().UTC()
	day, encoded := now.Format("20060102"), base64.StdEncoding.EncodeToString([]byte(policy))
	key := sigv4.DeriveKey(who.secret, day, "us-east-1", "s3")
	mac := hmac.New(sha256.New, key[:])
	io.WriteString(mac, encoded)
	return fields{{"policy", encoded}, {"x-amz-algorithm", "AWS4-HMAC-SHA256"}, {"x-amz-credential", who.id + "/" + day + "/us-east-1/s3/aws4_request"},
		{"x-amz-date", now.Format("20060102T150405Z")}, {"x-amz-signature", hex.EncodeToString(mac.Sum(nil))}}
}

// form sends a form; behind are the fields behind the file.
func (w *world) form(t *testing.T, bucket string, f fields, file string, behind ...[2]string) answer {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	write := func(f fields) {
		for _, field := range f {
			_ = m.WriteField(field[0], field[1])
		}
	}
	write(f)
	part, _ := m.CreateFormFile("file", "../../x")
	io.WriteString(part, file)
	write(behind)
	_ = m.Close()
	return w.do(t, request(t, w.server.Endpoint, "POST", "/"+bucket, b.String(), "Content-Type", m.FormDataContentType()))
}

func (f fields) and(more ...[2]string) fields { return append(f[:len(f):len(f)], more...) }

func formBucket(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := signForm(w.full, formPolicy("a-priv", "")).and([2]string{"key", "form"}, [2]string{"bucket", "a-priv"})
		w.form(t, "b-priv", f, "x").oneOf(t, "a form for a-priv sent to b-priv", 403)
		f = signForm(w.full, formPolicy("b-priv", "")).and([2]string{"key", "form"}, [2]string{"bucket", "b-priv"})
		w.form(t, "a-priv", f, "x").oneOf(t, "a form for b-priv sent to a-priv", 403)
		w.form(t, "b-priv", f, "x").oneOf(t, "a form of A for b-priv", 403)
	})
}

func formExtra(t *testing.T, w *world) {
	w.unchanged(t, func() {
		base := signForm(w.full, formPolicy("a-priv", "")).and([2]string{"key", "form"})
		for _, name := range []string{"Content-Type", "x-amz-meta-a", "acl", "x-amz-storage-class", "tagging", "x-amz-security-token", "success_action_redirect", "x-amz-website-redirect-location"} {
			w.form(t, "a-priv", base.and([2]string{name, "private"}), "x").oneOf(t, "a form with "+name, 403)
		}
		w.form(t, "a-priv", base.and([2]string{"x-ignore-a", "b"}), "x").oneOf(t, "a form with x-ignore-a", 204)
		w.s3(t, w.full, "DELETE", "/a-priv/form", "").oneOf(t, "DELETE", 204)
	})
}

func formTags(t *testing.T, w *world) {
	w.unchanged(t, func() {
		pinned := "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
		f := signForm(w.full, formPolicy("a-priv", `{"tagging": "`+pinned+`"}`)).and([2]string{"key", "form"})
		w.form(t, "a-priv", f.and([2]string{"tagging", strings.Replace(pinned, "1", "2", 1)}), "x").oneOf(t, "a form with other tags", 403)
		w.form(t, "a-priv", f, "x").oneOf(t, "a form without tags", 403)
	})
}

func formSize(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := signForm(w.full, formPolicy("a-priv", `["content-length-range", 1, 100]`)).and([2]string{"key", "form"})
		for _, size := range []int{0, 101, 8 << 20} {
			w.form(t, "a-priv", f, strings.Repeat("x", size)).oneOf(t, "a form with a file out of its range", 400)
		}
	})
}

func formTwice(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := signForm(w.full, formPolicy("a-priv", "")).and([2]string{"key", "form"})
		w.form(t, "a-priv", f.and([2]string{"key", "other-form"}), "x").oneOf(t, "two keys", 400, 403)
		w.form(t, "a-priv", f.and([2]string{"Policy", f[0][1]}), "x").oneOf(t, "two policies", 400, 403)
		twice := strings.Replace(formPolicy("a-priv", ""), "{", `{"expiration": "2020-01-01T00:00:00Z", `, 1)
		w.form(t, "a-priv", signForm(w.full, twice).and([2]string{"key", "form"}), "x").oneOf(t, "two expirations", 400, 403)
		f = signForm(w.full, formPolicy("a-priv", `{"bucket": "b-priv"}`)).and([2]string{"key", "form"})
		w.form(t, "a-priv", f, "x").oneOf(t, "two buckets", 400, 403)
	})
}

func formKeys(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, who := range []pair{w.ro, w.up, w.rw, w.none, w.paused, w.bFull, {w.full.id, "guess"}, {"CFAK0000000000000000", "x"}} {
			f := signForm(who, formPolicy("a-priv", "")).and([2]string{"key", "pfx/form"})
			w.form(t, "a-priv", f, "x").oneOf(t, "a form of "+who.id, 403)
		}
		w.form(t, "a-priv", fields{{"key", "form"}}, "x").oneOf(t, "a form of nobody", 403)
		f := signForm(w.full, formPolicy("a-priv", ""))
		for i := range f {
			w.form(t, "a-priv", append(f[:i:i], f[i+1:]...).and([2]string{"key", "form"}), "x").oneOf(t, "a form without "+f[i][0], 400, 403)
		}
	})
}

func formPaths(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := signForm(w.full, formPolicy("a-priv", ""))
		w.form(t, "a-priv", f.and([2]string{"key", "a\x00b"}), "x").oneOf(t, "a key with NUL", 400)
		for key, stored := range map[string]string{"form/${filename}": "form/x", "../../form": "..%2F..%2Fform", "form/..": "form%2F.."} {
			w.form(t, "a-priv", f.and([2]string{"key", key}), key).oneOf(t, "a form for "+key, 204)
			if a := w.s3(t, w.full, "GET", "/a-priv/"+stored, ""); a.status != 200 {
				t.Errorf("GET %s after a form for %s = %d, want 200", stored, key, a.status)
			}
			w.s3(t, w.full, "DELETE", "/a-priv/"+stored, "").oneOf(t, "DELETE", 204)
		}
	})
}

func formBehind(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := signForm(w.full, formPolicy("a-priv", ""))
		w.form(t, "a-priv", fields{{"key", "form"}}, "x", f...).oneOf(t, "a policy behind the file", 403)
		w.form(t, "a-priv", f, "x", [2]string{"key", "form"}).oneOf(t, "a key behind the file", 400, 403)
		w.form(t, "a-priv", f[:4].and([2]string{"key", "form"}), "x", f[4]).oneOf(t, "a signature behind the file", 400, 403)
	})
}

func formRedirect(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := signForm(w.full, formPolicy("a-priv", `["starts-with", "$success_action_redirect", ""]`)).and([2]string{"key", "form&a=b#c"})
		for _, to := range []string{"javascript:alert(1)", "data:text/html,x", "//evil.test", "https://a.test/\r\nSet-Cookie: x=1", "", "https:"} {
			a := w.form(t, "a-priv", f.and([2]string{"success_action_redirect", to}), "x")
			if a.oneOf(t, "a redirect to "+to, 204, 400); a.header.Get("Set-Cookie") != "" {
				t.Errorf("a redirect to %q sets a cookie", to)
			}
		}
		a := w.form(t, "a-priv", f.and([2]string{"success_action_redirect", "https://a.test/done?x=1"}), "x")
		const want = "https://a.test/done?x=1&bucket=a-priv&key=form%26a%3Db%23c&etag=%229dd4e461268c8034f5c8564e155c67a6%22"
		if got := a.header.Get("Location"); a.status != 303 || got != want {
			t.Errorf("a redirect = %d to %s, want 303 to %s", a.status, got, want)
		}
		w.s3(t, w.full, "DELETE", "/a-priv/form&a=b%23c", "").oneOf(t, "DELETE", 204)
	})
}

func formRefusal(t *testing.T, w *world) {
	w.unchanged(t, func() {
		f := signForm(w.full, formPolicy("a-priv", `["starts-with", "$success_action_redirect", ""], {"acl": "private"}`)).
			and([2]string{"key", "form"}, [2]string{"success_action_redirect", "https://a.test/"})
		a := w.form(t, "a-priv", f, "x")
		if a.status != 403 || a.header.Get("Location") != "" || a.header.Get("Content-Type") != "application/xml" {
			t.Errorf("a form that breaks its policy = %d, %v, want 403 as XML and no Location", a.status, a.header)
		}
	})
}

func formHeaders(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, name := range []string{"Content-Type", "Content-Disposition", "x-amz-meta-a", "x-amz-website-redirect-location"} {
			f := signForm(w.full, formPolicy("a-priv", `["starts-with", "$`+name+`", ""]`)).and([2]string{"key", "form"})
			for _, value := range []string{"/a\r\nSet-Cookie: x=1", "/a\x00b", "/a\x7fb"} {
				w.form(t, "a-priv", f.and([2]string{name, value}), "x").oneOf(t, "a control character in "+name, 400)
			}
		}
	})
}

func formReserved(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, bucket := range []string{".minio.sys", ".coffer", "meta", "blobs", "_system", "..", "%2e%2e", "a-priv%2F..%2Fb-priv", "", "-", "v1"} {
			for _, kind := range []string{"multipart/form-data; boundary=x", "Multipart/Form-Data; boundary=x", "MULTIPART/FORM-DATA; BOUNDARY=x", "multipart/form-data; charset=utf-8; boundary=\"x\"", "multipart/form-data;boundary=x;boundary=y"} {
				body := "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nform\r\n--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--x--\r\n"
				a := w.do(t, request(t, w.server.Endpoint, "POST", "/"+bucket, body, "Content-Type", kind))
				a.oneOf(t, "a form to /"+bucket+" as "+kind, 400, 403, 404, 405, 412)
			}
		}
	})
}

// formBombs are forms that are made to cost much before anybody knows whose they are.
func formBombs(t *testing.T, w *world) {
	field := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	file := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--x--\r\n"
	var many strings.Builder
	for i := range 100_000 {
		many.WriteString(field("x-ignore-"+strings.Repeat("f", i%5)+string(rune('a'+i%26)), "v"))
	}
	w.bounded(t, "forms", func() {
		for name, body := range map[string]string{
			"100,000 fields": many.String() + file, "a field of 64 MiB": field("key", strings.Repeat("k", 64<<20)) + file, "a part's header of 1 MiB": "--x\r\nContent-Disposition: form-data; name=\"key\"; a=\"" + strings.Repeat("a", 1<<20) + "\"\r\n\r\nx\r\n" + file,
			"100,000 headers of a part": "--x\r\n" + strings.Repeat("A: b\r\n", 100_000) + "\r\nx\r\n" + file, "no boundary in it": strings.Repeat("y", 1<<20), "a form in a form": "--x\r\nContent-Disposition: form-data; name=\"key\"\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n" + strings.Repeat("--z\r\n\r\na\r\n", 50_000) + "--z--\r\n" + file,
			"a preamble of 1 MiB": strings.Repeat("p", 1<<20) + "\r\n" + field("key", "form") + file, "no file": field("key", "form") + "--x--\r\n", "no end": field("key", "form") + "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + strings.Repeat("x", 1<<20),
			"two files": field("key", "form") + strings.Replace(file, "--x--", "--x", 1) + file, "a part without a name": "--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + file, "a part without a disposition": "--x\r\n\r\nx\r\n" + file,
		} {
			for _, kind := range []string{"multipart/form-data; boundary=x", "multipart/form-data", "multipart/form-data; boundary=" + strings.Repeat("x", 5_000), "multipart/mixed; boundary=x"} {
				w.do(t, request(t, w.server.Endpoint, "POST", "/a-priv", body, "Content-Type", kind)).oneOf(t, "a form with "+name+" as "+kind[:min(len(kind), 40)], 400, 403, 405, 412)
			}
		}
	})
}

func formParts(t *testing.T, w *world) {
	whole := signForm(w.full, formPolicy("a-priv", ""))
	w.unchanged(t, func() {
		for mask := 1; mask < 1<<len(whole)-1; mask++ {
			f := fields{{"key", "form"}}
			for i, field := range whole {
				if mask&(1<<i) != 0 {
					f = append(f, field)
				}
			}
			w.form(t, "a-priv", f, "x").oneOf(t, "a form with a part of its signature", 400, 403)
		}
		for i := range whole {
			f := append(fields{{"key", "form"}}, whole...)
			f[i+1] = [2]string{f[i+1][0], ""}
			w.form(t, "a-priv", f, "x").oneOf(t, "a form with an empty "+whole[i][0], 400, 403)
		}
	})
}

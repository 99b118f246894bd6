package remote

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"coffer"
)

// headers are those by which an object is made as it is here.
func headers(o coffer.Object) http.Header {
	h := http.Header{}
	a := o.Attributes
	for _, f := range [...]struct{ name, value string }{
		{"Content-Type", a.ContentType}, {"Content-Encoding", a.ContentEncoding}, {"Content-Disposition", a.ContentDisposition},
		{"Content-Language", a.ContentLanguage}, {"Cache-Control", a.CacheControl}, {"Expires", a.Expires},
		{"X-Amz-Website-Redirect-Location", a.WebsiteRedirect}, {"X-Amz-Storage-Class", a.StorageClass},
	} {
		if f.value != "" {
			h.Set(f.name, f.value)
		}
	}
	for name, value := range a.Metadata {
		h.Set("X-Amz-Meta-"+name, encodeMetadata(value))
	}
	if len(o.Tags) > 0 {
		var pairs []string
		for _, t := range o.Tags {
			pairs = append(pairs, url.QueryEscape(t.Key)+"="+url.QueryEscape(t.Value))
		}
		h.Set("X-Amz-Tagging", strings.Join(pairs, "&"))
	}
	return h
}

// setLock locks a copy as the object is. A retention that is over keeps nothing, and
// no service would take it.
func setLock(h http.Header, lock coffer.Lock, now time.Time) {
	if lock.Retention.Holds(now) {
		h.Set("X-Amz-Object-Lock-Mode", string(lock.Retention.Mode))
		h.Set("X-Amz-Object-Lock-Retain-Until-Date", lock.Retention.Until.UTC().Format(time.RFC3339Nano))
	}
	if lock.Hold == coffer.HoldOn {
		h.Set("X-Amz-Object-Lock-Legal-Hold", lock.Hold.String())
	}
}

// encodeMetadata writes a value that is not ASCII in the form of RFC 2047, as S3
// takes it.
func encodeMetadata(value string) string {
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' {
			return mime.BEncoding.Encode("UTF-8", value)
		}
	}
	return value
}

// setMD5 protects a body whose entity tag is its MD5.
func setMD5(h http.Header, etag string) {
	if sum, err := hex.DecodeString(etag); err == nil && len(sum) == md5.Size {
		h.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum))
	}
}

func md5Of(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func escapeText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}

// chosen tells whether a checksum is one that a client chose. The one that is made
// of every object is made there as well, if the service knows it.
func chosen(c coffer.Checksum) bool { return c.Algorithm != "" && c.Algorithm != coffer.CRC64NVME }

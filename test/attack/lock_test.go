package attack

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/api"
)

// KEY-20, with what is like it: locked versions in bucket a-lock of A.
var lockRows = []row{
	{"KEY-20", "a governance lock gives way to who has the right and says so", governance},
	{"KEY-20", "a compliance lock and a hold give way to nobody", compliance},
	{"KEY-20", "a lock is never made shorter or weaker", weakerLocks},
	{"KEY-20", "no other operation removes a locked version", aroundLocks},
	{"KEY-20", "who writes objects locks none", locksByWriters},
	{"KEY-20", "lock documents are read strictly", lockDocuments},
}

func TestLocks(t *testing.T) {
	t.Parallel()
	w := newPlainWorld(t)
	w.s3(t, w.full, "PUT", "/a-lock", "", "X-Amz-Bucket-Object-Lock-Enabled", "true").oneOf(t, "PUT /a-lock", 200)
	attack(t, w, lockRows)
}

// locked puts an object with a lock and returns its version.
func (w *world) locked(t *testing.T, key, mode string, until time.Time) string {
	t.Helper()
	a := w.s3(t, w.full, "PUT", "/a-lock/"+key, "locked", "X-Amz-Object-Lock-Mode", mode, "X-Amz-Object-Lock-Retain-Until-Date", until.UTC().Format(time.RFC3339),
		"X-Amz-Checksum-Sha256", checksum("locked"))
	a.oneOf(t, "PUT with a lock", 200)
	return a.header.Get("X-Amz-Version-Id")
}

// stays fails the test if the version is gone or its lock is another.
func (w *world) stays(t *testing.T, key, version, lock string) {
	t.Helper()
	if a := w.s3(t, w.full, "GET", "/a-lock/"+key+"?versionId="+version, ""); a.status != 200 || a.body != "locked" {
		t.Errorf("GET of the locked version = %d %.100q, want its bytes", a.status, a.body)
	}
	a := w.s3(t, w.full, "GET", "/a-lock/"+key+"?retention&versionId="+version, "")
	if !strings.Contains(a.body, lock) {
		t.Errorf("the retention is %d %s, want %s", a.status, a.body, lock)
	}
}

func governance(t *testing.T, w *world) {
	noBypass := w.newKey(t, api.CreateKeyInput{Name: "writes", Scope: &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadWrite, Buckets: []string{"a-lock"}}}}})
	w.allowLocks(t, `"s3:DeleteObject","s3:DeleteObjectVersion"`)
	w.unchanged(t, func() {
		until := time.Now().Add(time.Hour)
		id := w.locked(t, "gov", "GOVERNANCE", until)
		path := "/a-lock/gov?versionId=" + id
		for name, who := range map[string]pair{"a key of objects": noBypass, "B, who may delete": w.bFull, "nobody": nobody} {
			for _, headers := range [][]string{nil, {"X-Amz-Bypass-Governance-Retention", "true"}, {"X-Amz-Bypass-Governance-Retention", "TRUE"}} {
				w.s3(t, who, "DELETE", path, "", headers...).oneOf(t, fmt.Sprint("DELETE by ", name, " with ", headers), 403)
				body := "<Delete><Object><Key>gov</Key><VersionId>" + id + "</VersionId></Object></Delete>"
				w.s3(t, who, "POST", "/a-lock?delete", body, append([]string{"X-Amz-Checksum-Sha256", checksum(body)}, headers...)...).lacks(t, "DeleteObjects by "+name, "<Deleted>")
			}
		}
		for _, headers := range [][]string{nil, {"X-Amz-Bypass-Governance-Retention", "false"}, {"X-Amz-Bypass-Governance-Retention", ""}, {"X-Amz-Bypass-Governance-Retention", "1"}, {"X-Amz-Bypass-Governance-Retention", "yes"},
			{"X-Amz-Bypass-Governance-Retention", "false", "X-Amz-Bypass-Governance-Retention", "true"}, {"X-Coffer-Replica", "true"}, {"X-Minio-Force-Delete", "true"}} {
			w.s3(t, w.full, "DELETE", path, "", headers...).oneOf(t, fmt.Sprint("DELETE by who may, with ", headers), 400, 403)
		}
		// What was not signed says nothing.
		f := forged{who: w.full, method: "DELETE", path: "/a-lock/gov", query: "versionId=" + id, lines: []string{"x-amz-bypass-governance-retention: true"}}
		f.signed = []string{"host", "x-amz-content-sha256", "x-amz-date"}
		w.forge(t, f).is(t, "DELETE with a bypass that is not signed", 403, "AccessDenied")
		w.putLink(t, f, "600", nil, nil).oneOf(t, "a URL to DELETE with a bypass that is not signed", 403)
		w.putLink(t, forged{who: w.full, method: "DELETE", path: "/a-lock/gov", query: "versionId=" + id + "&x-amz-bypass-governance-retention=true"}, "600", nil, nil).oneOf(t, "a URL to DELETE with a bypass in its query", 403)
		w.stays(t, "gov", id, "GOVERNANCE")
		w.s3(t, w.full, "DELETE", path, "", "X-Amz-Bypass-Governance-Retention", "true").oneOf(t, "DELETE by who may and says so", 204)
	})
	w.drop(t, noBypass)
}

// allowLocks sets the policy of a-lock, for B.
func (w *world) allowLocks(t *testing.T, actions string) {
	t.Helper()
	w.policy(t, "a-lock", `"Effect":"Allow","Principal":{"AWS":"`+string(w.b.ID)+`"},"Action":[`+actions+`],"Resource":"arn:aws:s3:::a-lock/*"`)
}

func compliance(t *testing.T, w *world) {
	until := time.Now().Add(time.Hour)
	id := w.locked(t, "comp", "COMPLIANCE", until)
	w.s3(t, w.full, "PUT", "/a-lock/held", "locked", "X-Amz-Object-Lock-Legal-Hold", "ON", "X-Amz-Checksum-Sha256", checksum("locked")).oneOf(t, "PUT with a hold", 200)
	held := w.s3(t, w.full, "HEAD", "/a-lock/held", "").header.Get("X-Amz-Version-Id")
	w.unchanged(t, func() {
		for key, version := range map[string]string{"comp": id, "held": held} {
			for _, headers := range [][]string{nil, {"X-Amz-Bypass-Governance-Retention", "true"}} {
				w.s3(t, w.full, "DELETE", "/a-lock/"+key+"?versionId="+version, "", headers...).oneOf(t, "DELETE of "+key, 403)
				body := "<Delete><Object><Key>" + key + "</Key><VersionId>" + version + "</VersionId></Object></Delete>"
				w.s3(t, w.full, "POST", "/a-lock?delete", body, append([]string{"X-Amz-Checksum-Sha256", checksum(body)}, headers...)...).lacks(t, "DeleteObjects of "+key, "<Deleted>")
			}
		}
		w.s3(t, w.full, "DELETE", "/a-lock", "").oneOf(t, "DELETE of the bucket", 409)
		w.stays(t, "comp", id, "COMPLIANCE")
	})
	hold := "<LegalHold><Status>OFF</Status></LegalHold>"
	w.s3(t, w.full, "PUT", "/a-lock/held?legal-hold&versionId="+held, hold, "X-Amz-Checksum-Sha256", checksum(hold)).oneOf(t, "the hold ends", 200)
	w.s3(t, w.full, "DELETE", "/a-lock/held?versionId="+held, "").oneOf(t, "DELETE of what is no longer held", 204)
}

func retention(mode string, until time.Time) string {
	return "<Retention><Mode>" + mode + "</Mode><RetainUntilDate>" + until.UTC().Format("2006-01-02T15:04:05.000Z") + "</RetainUntilDate></Retention>"
}

func weakerLocks(t *testing.T, w *world) {
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	gov, comp := w.locked(t, "gov2", "GOVERNANCE", until), w.locked(t, "comp2", "COMPLIANCE", until)
	w.unchanged(t, func() {
		for _, body := range []string{retention("GOVERNANCE", until), retention("GOVERNANCE", until.Add(time.Hour)), retention("COMPLIANCE", until.Add(-time.Minute)), retention("COMPLIANCE", until.Add(-time.Millisecond)),
			"<Retention/>", retention("COMPLIANCE", time.Now().Add(-time.Hour))} {
			for _, headers := range [][]string{nil, {"X-Amz-Bypass-Governance-Retention", "true"}} {
				w.s3(t, w.full, "PUT", "/a-lock/comp2?retention&versionId="+comp, body, append([]string{"X-Amz-Checksum-Sha256", checksum(body)}, headers...)...).
					oneOf(t, fmt.Sprint("PutObjectRetention of a compliance lock with ", headers, body), 400, 403)
			}
		}
		w.stays(t, "comp2", comp, "COMPLIANCE")
		for _, body := range []string{retention("GOVERNANCE", until.Add(-time.Minute)), "<Retention/>", retention("GOVERNANCE", until.Add(-time.Millisecond))} {
			w.s3(t, w.full, "PUT", "/a-lock/gov2?retention&versionId="+gov, body, "X-Amz-Checksum-Sha256", checksum(body)).oneOf(t, "PutObjectRetention of a governance lock without a bypass, "+body, 400, 403)
		}
		w.stays(t, "gov2", gov, "GOVERNANCE")
		for _, body := range []string{`<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`} {
			w.document(t, "PUT", "/a-lock?versioning", body).oneOf(t, "suspending versions where locks are", 400, 409)
		}
		for _, body := range []string{"<ObjectLockConfiguration/>", "<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>"} {
			w.document(t, "PUT", "/a-lock?object-lock", body).oneOf(t, "turning locks off", 400)
		}
	})
	w.s3(t, w.full, "DELETE", "/a-lock/gov2?versionId="+gov, "", "X-Amz-Bypass-Governance-Retention", "true").oneOf(t, "DELETE", 204)
}

func aroundLocks(t *testing.T, w *world) {
	id := w.locked(t, "around", "COMPLIANCE", time.Now().Add(time.Hour))
	w.unchanged(t, func() {
		// Each of these writes another version in front.
		w.s3(t, w.full, "PUT", "/a-lock/around", "evil").oneOf(t, "PUT over it", 200)
		w.s3(t, w.full, "PUT", "/a-lock/around", "", "X-Amz-Copy-Source", "/a-priv/other").oneOf(t, "copy over it", 200)
		w.s3(t, w.full, "DELETE", "/a-lock/around", "").oneOf(t, "DELETE in front of it", 204)
		upload := w.upload(t, w.full, "/a-lock/around")
		path := "/a-lock/around?uploadId=" + url.QueryEscape(upload)
		etag := w.s3(t, w.full, "PUT", path+"&partNumber=1", "evil").header.Get("Etag")
		w.s3(t, w.full, "POST", path, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+etag+"</ETag></Part></CompleteMultipartUpload>").oneOf(t, "complete over it", 200)
		w.s3(t, w.full, "PUT", "/a-lock/renamed", "", "X-Amz-Rename-Source", "/a-lock/around").oneOf(t, "rename of it", 400, 403, 405, 409, 501)
		for _, v := range []string{"null", strings.Repeat("0", 32), ""} {
			w.s3(t, w.full, "DELETE", "/a-lock/around?versionId="+v, "", "X-Amz-Bypass-Governance-Retention", "true").oneOf(t, "DELETE of the version "+v, 204, 400, 404)
		}
		w.stays(t, "around", id, "COMPLIANCE")
		a := w.s3(t, w.full, "GET", "/a-lock?versions&prefix=around", "")
		var list struct {
			Version, DeleteMarker []struct{ VersionId string }
		}
		if err := xml.Unmarshal([]byte(a.body), &list); err != nil {
			t.Fatal(err)
		}
		for _, v := range append(list.Version, list.DeleteMarker...) {
			if v.VersionId != id {
				w.s3(t, w.full, "DELETE", "/a-lock/around?versionId="+v.VersionId, "").oneOf(t, "DELETE of what is not locked", 204)
			}
		}
		w.stays(t, "around", id, "COMPLIANCE")
	})
}

func locksByWriters(t *testing.T, w *world) {
	writer := w.newKey(t, api.CreateKeyInput{Name: "lock writer", Scope: &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadWrite, Buckets: []string{"a-lock"}}}}})
	w.allowLocks(t, `"s3:PutObject"`)
	id := w.s3(t, w.full, "PUT", "/a-lock/plain", "plain").header.Get("X-Amz-Version-Id")
	w.unchanged(t, func() {
		until := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
		for name, who := range map[string]pair{"a key of objects": writer, "B, who may write": w.bFull, "nobody": nobody} {
			for _, headers := range [][]string{{"X-Amz-Object-Lock-Mode", "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date", until}, {"X-Amz-Object-Lock-Legal-Hold", "ON"}} {
				w.s3(t, who, "PUT", "/a-lock/mine", "x", append([]string{"X-Amz-Checksum-Sha256", checksum("x")}, headers...)...).oneOf(t, fmt.Sprint("PUT by ", name, " with ", headers), 403)
				w.s3(t, who, "POST", "/a-lock/mine?uploads", "", headers...).oneOf(t, fmt.Sprint("CreateMultipartUpload by ", name, " with ", headers), 403)
				w.s3(t, who, "PUT", "/a-lock/mine", "", append([]string{"X-Amz-Copy-Source", "/a-lock/plain"}, headers...)...).oneOf(t, fmt.Sprint("CopyObject by ", name, " with ", headers), 403)
			}
			for sub, body := range map[string]string{"retention": retention("COMPLIANCE", time.Now().Add(time.Hour)), "legal-hold": "<LegalHold><Status>ON</Status></LegalHold>"} {
				w.s3(t, who, "PUT", "/a-lock/plain?"+sub+"&versionId="+id, body, "X-Amz-Checksum-Sha256", checksum(body)).oneOf(t, "PUT ?"+sub+" by "+name, 403)
			}
			body := "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"
			w.s3(t, who, "PUT", "/a-lock?object-lock", body, "X-Amz-Checksum-Sha256", checksum(body)).oneOf(t, "PUT ?object-lock by "+name, 403)
		}
	})
	w.drop(t, writer)
	w.s3(t, w.full, "DELETE", "/a-lock/plain?versionId="+id, "").oneOf(t, "DELETE", 204)
}

func lockDocuments(t *testing.T, w *world) {
	id := w.s3(t, w.full, "PUT", "/a-lock/doc", "doc").header.Get("X-Amz-Version-Id")
	until := time.Now().Add(time.Hour)
	good := retention("GOVERNANCE", until)
	w.unchanged(t, func() {
		for name, body := range map[string]string{
			"nothing": "", "a mode alone": "<Retention><Mode>GOVERNANCE</Mode></Retention>", "a date alone": strings.Replace(good, "<Mode>GOVERNANCE</Mode>", "", 1), "two modes": strings.Replace(good, "<Mode>", "<Mode>COMPLIANCE</Mode><Mode>", 1),
			"a mode in small": strings.Replace(good, "GOVERNANCE", "governance", 1), "the past": retention("GOVERNANCE", time.Now().Add(-time.Minute)), "a date of year 9999": retention("GOVERNANCE", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)),
			"an unknown element": strings.Replace(good, "</Retention>", "<Days>1</Days></Retention>", 1), "a date that is none": strings.Replace(good, "T", " ", 2), "two dates": strings.Replace(good, "<RetainUntilDate>", "<RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate><RetainUntilDate>", 1),
		} {
			w.s3(t, w.full, "PUT", "/a-lock/doc?retention&versionId="+id, body, "X-Amz-Checksum-Sha256", checksum(body)).oneOf(t, "PutObjectRetention with "+name, 400)
		}
		w.s3(t, w.full, "PUT", "/a-lock/doc?retention", good).oneOf(t, "PutObjectRetention without a digest", 400)
		for _, headers := range [][]string{{"X-Amz-Object-Lock-Mode", "GOVERNANCE"}, {"X-Amz-Object-Lock-Retain-Until-Date", "2030-01-01T00:00:00Z"}, {"X-Amz-Object-Lock-Mode", "governance", "X-Amz-Object-Lock-Retain-Until-Date", "2030-01-01T00:00:00Z"},
			{"X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", "2001-01-01T00:00:00Z"}, {"X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", "soon"}, {"X-Amz-Object-Lock-Legal-Hold", "on"},
			{"X-Amz-Object-Lock-Legal-Hold", "ON", "X-Amz-Object-Lock-Legal-Hold", "OFF"}} {
			w.s3(t, w.full, "PUT", "/a-lock/doc", "x", append([]string{"X-Amz-Checksum-Sha256", checksum("x")}, headers...)...).oneOf(t, fmt.Sprint("PUT with ", headers), 400)
		}
		for name, body := range map[string]string{"0 days": "<Days>0</Days>", "-1 days": "<Days>-1</Days>", "many days": "<Days>999999999</Days>", "days and years": "<Days>1</Days><Years>1</Years>", "a day that is none": "<Days>1e3</Days>", "no time": "", "10^30 years": "<Years>1" + strings.Repeat("0", 30) + "</Years>"} {
			w.document(t, "PUT", "/a-lock?object-lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode>"+body+"</DefaultRetention></Rule></ObjectLockConfiguration>").
				oneOf(t, "PutObjectLockConfiguration with "+name, 400)
		}
	})
	w.s3(t, w.full, "DELETE", "/a-lock/doc?versionId="+id, "").oneOf(t, "DELETE", 204)
}

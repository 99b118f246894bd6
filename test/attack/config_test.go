package attack

import (
	"fmt"
	"strings"
	"testing"
)

// Configurations of buckets: what is misspelt or out of bounds is refused, since
// what is left out in silence is found when it is too late.
var configRows = []row{
	{"XML-08", "a lifecycle that is misspelt is refused", misspeltLifecycle},
	{"XML-08", "other configurations that are misspelt are refused", misspeltOthers},
	{"XML-08", "every configuration is read strictly", strictConfigurations},
	{"RSP-06", "CORS rules are checked", corsRules},
	{"RSP-05", "a CORS rule lets in what it names and no more", corsAnswers},
	{"TEN-09", "no configuration outlives its bucket", configurationsEnd},
}

func TestConfigurations(t *testing.T) {
	t.Parallel()
	w := newPlainWorld(t)
	w.s3(t, w.full, "PUT", "/a-conf", "").oneOf(t, "PUT /a-conf", 200)
	w.versions(t, "a-conf")
	attack(t, w, configRows)
}

func misspeltLifecycle(t *testing.T, w *world) {
	rule := func(inner string) string {
		return "<Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix>x/</Prefix></Filter>" + inner + "</Rule>"
	}
	good := rule("<Expiration><Days>1</Days></Expiration>")
	w.unchanged(t, func() {
		before := w.configured(t, "a-conf", "none")
		for name, body := range map[string]string{
			"no rule": "", "NoncurentDays": rule("<NoncurrentVersionExpiration><NoncurentDays>1</NoncurentDays></NoncurrentVersionExpiration>"), "no action": rule(""),
			"0 days": rule("<Expiration><Days>0</Days></Expiration>"), "-1 days": rule("<Expiration><Days>-1</Days></Expiration>"), "1.5 days": rule("<Expiration><Days>1.5</Days></Expiration>"), "10^30 days": rule("<Expiration><Days>1" + strings.Repeat("0", 30) + "</Days></Expiration>"),
			"2^31 days": rule("<Expiration><Days>2147483648</Days></Expiration>"), "no days": rule("<Expiration/>"), "days twice": rule("<Expiration><Days>1</Days><Days>9</Days></Expiration>"), "days and a date": rule("<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date></Expiration>"),
			"a date that is none": rule("<Expiration><Date>tomorrow</Date></Expiration>"), "a date in the day": rule("<Expiration><Date>2030-01-01T10:00:00Z</Date></Expiration>"), "an expiration twice": rule("<Expiration><Days>1</Days></Expiration><Expiration><Days>9</Days></Expiration>"),
			"a status in small": strings.Replace(good, "Enabled", "enabled", 1), "another status": strings.Replace(good, "Enabled", "On", 1), "no status": strings.Replace(good, "<Status>Enabled</Status>", "", 1), "two states": strings.Replace(good, "<Status>", "<Status>Disabled</Status><Status>", 1),
			"the same ID twice": good + good, "a long ID": strings.Replace(good, "<ID>r</ID>", "<ID>"+strings.Repeat("r", 256)+"</ID>", 1), "Perfix": strings.Replace(good, "Prefix", "Perfix", 2), "an unknown element": strings.Replace(good, "</Rule>", "<Evil/></Rule>", 1),
			"two filters": strings.Replace(good, "<Filter>", "<Filter><Prefix>y</Prefix></Filter><Filter>", 1), "two prefixes": strings.Replace(good, "<Prefix>", "<Prefix>y</Prefix><Prefix>", 1), "a prefix and a filter": strings.Replace(good, "<Filter>", "<Prefix>y</Prefix><Filter>", 1),
			"And of one": strings.Replace(good, "<Prefix>x/</Prefix>", "<Prefix>x/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag>", 1), "a tag without a value": strings.Replace(good, "<Prefix>x/</Prefix>", "<Tag><Key>a</Key></Tag>", 1),
			"sizes that cross": strings.Replace(good, "<Prefix>x/</Prefix>", "<And><ObjectSizeGreaterThan>10</ObjectSizeGreaterThan><ObjectSizeLessThan>5</ObjectSizeLessThan></And>", 1), "a size below 0": strings.Replace(good, "<Prefix>x/</Prefix>", "<ObjectSizeLessThan>-5</ObjectSizeLessThan>", 1),
			"an unknown class": rule("<Transition><Days>1</Days><StorageClass>FROZEN</StorageClass></Transition>"), "no class": rule("<Transition><Days>1</Days></Transition>"), "0 days of uploads": rule("<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>"),
			"1,001 rules": manyRules(1001), "text between": "x" + good, "NewerNoncurrentVersions -1": rule("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>-1</NewerNoncurrentVersions></NoncurrentVersionExpiration>"),
		} {
			w.document(t, "PUT", "/a-conf?lifecycle", "<LifecycleConfiguration>"+body+"</LifecycleConfiguration>").oneOf(t, "a lifecycle with "+name, 400)
		}
		if after := w.configured(t, "a-conf", "none"); after != before {
			t.Errorf("the configurations are\n%s\nwere\n%s", after, before)
		}
	})
}

func manyRules(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<Rule><ID>r%d</ID><Status>Enabled</Status><Filter><Prefix>%d/</Prefix></Filter><Expiration><Days>1</Days></Expiration></Rule>", i, i)
	}
	return b.String()
}

func misspeltOthers(t *testing.T, w *world) {
	w.unchanged(t, func() {
		before := w.configured(t, "a-conf", "none")
		for _, c := range [][2]string{
			{"versioning", "<VersioningConfiguration><Status>enabled</Status></VersioningConfiguration>"}, {"versioning", "<VersioningConfiguration><Status>Enabled</Status><Status>Suspended</Status></VersioningConfiguration>"}, {"versioning", "<VersioningConfiguration><Statuss>Enabled</Statuss></VersioningConfiguration>"},
			{"encryption", "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES128</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"},
			{"encryption", "<ServerSideEncryptionConfiguration/>"},
			{"ownershipControls", "<OwnershipControls><Rule><ObjectOwnership>Everybody</ObjectOwnership></Rule></OwnershipControls>"}, {"ownershipControls", "<OwnershipControls/>"},
			{"publicAccessBlock", "<PublicAccessBlockConfiguration><BlockPublicAcl>true</BlockPublicAcl></PublicAccessBlockConfiguration>"}, {"publicAccessBlock", "<PublicAccessBlockConfiguration><BlockPublicAcls>yes</BlockPublicAcls></PublicAccessBlockConfiguration>"},
			{"publicAccessBlock", "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><BlockPublicAcls>false</BlockPublicAcls></PublicAccessBlockConfiguration>"},
			{"website", "<WebsiteConfiguration/>"}, {"website", "<WebsiteConfiguration><IndexDocument><Suffix>a/b</Suffix></IndexDocument></WebsiteConfiguration>"}, {"website", "<WebsiteConfiguration><IndexDocument><Suffix></Suffix></IndexDocument></WebsiteConfiguration>"},
			{"website", "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>a.test</HostName><Protocol>javascript</Protocol></RedirectAllRequestsTo></WebsiteConfiguration>"},
			{"logging", "<BucketLoggingStatus><LoggingEnabled><TargetBucket>b-priv</TargetBucket><TargetPrefix>x</TargetPrefix></LoggingEnabled></BucketLoggingStatus>"}, {"logging", "<BucketLoggingStatus><LoggingEnabled><TargetBucket>no-such-bucket-at-all</TargetBucket><TargetPrefix/></LoggingEnabled></BucketLoggingStatus>"},
			{"notification", "<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:::nothing</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"},
			{"notification", "<NotificationConfiguration><QueueConfiguration><Queue>http://127.0.0.1/</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>"},
			{"replication", "<ReplicationConfiguration><Role>x</Role><Rule><ID>r</ID><Priority>1</Priority><Status>Enabled</Status><Filter/><DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication><Destination><Bucket>arn:aws:s3:::b-priv</Bucket></Destination></Rule></ReplicationConfiguration>"},
			{"replication", "<ReplicationConfiguration><Role>x</Role><Rule><ID>r</ID><Priority>1</Priority><Status>Enabled</Status><Filter/><DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication><Destination><Bucket>https://127.0.0.1/x</Bucket></Destination></Rule></ReplicationConfiguration>"},
			{"requestPayment", "<RequestPaymentConfiguration><Payer>Nobody</Payer></RequestPaymentConfiguration>"}, {"tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value><Value>2</Value></Tag></TagSet></Tagging>"},
			{"accelerate", "<AccelerateConfiguration><Status>On</Status></AccelerateConfiguration>"},
		} {
			w.document(t, "PUT", "/a-conf?"+c[0], c[1]).oneOf(t, "PUT ?"+c[0]+" "+c[1], 400, 403, 404)
		}
		if after := w.configured(t, "a-conf", "none"); after != before {
			t.Errorf("the configurations are\n%s\nwere\n%s", after, before)
		}
	})
}

// strictConfigurations has, for every Put of a configuration in the route table,
// documents that are none.
func strictConfigurations(t *testing.T, w *world) {
	tried := 0
	w.unchanged(t, func() {
		w.s3(t, w.full, "PUT", "/a-conf/o", "o").oneOf(t, "PUT", 200)
		before := w.configured(t, "a-conf", "o")
		for _, op := range operations(t) {
			if op.method != "PUT" || op.sub == "" || op.data || op.header != "" || op.name == "PutBucketPolicy" {
				continue
			}
			root := strings.TrimPrefix(op.name, "Put")
			path := "/a-conf"
			if op.level == "Object" {
				path += "/o"
			}
			for name, body := range map[string]string{
				"another root": "<Evil/>", "another namespace": `<` + root + ` xmlns="http://evil.test/"/>`, "JSON": `{"a":1}`, "nothing but spaces": "  \n ", "a DOCTYPE": `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><` + root + `>&e;</` + root + `>`,
				"depth": strings.Repeat("<"+root+">", 50_000), "an unknown element": "<" + root + "><Evil>1</Evil></" + root + ">", "bytes behind": bodyOf(op.name, aim{bucket: "a-conf"}) + "x", "two documents": bodyOf(op.name, aim{bucket: "a-conf"}) + bodyOf(op.name, aim{bucket: "a-conf"}),
				"UTF-16": "\xff\xfe<\x00a\x00/\x00>\x00", "text": "x", "3 MiB": "<" + root + ">" + strings.Repeat(" ", 3<<20) + "</" + root + ">",
			} {
				tried++
				w.document(t, "PUT", path+"?"+op.sub, body).oneOf(t, op.name+" with "+name, 400, 403, 404, 409, 501)
			}
		}
		if after := w.configured(t, "a-conf", "o"); after != before {
			t.Errorf("the configurations are\n%s\nwere\n%s", after, before)
		}
		w.clear(t, "a-conf", "o")
	})
	if tried < 200 {
		t.Errorf("%d documents were tried, want each configuration with each", tried)
	}
}

func corsRules(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for _, c := range []struct{ origin, method, more, code string }{
			{"*", "", "", "UnsupportedCORSMethod"}, {"*", "GET", "<AllowedHeader/>", "MalformedXML"}, {"*", "FOO", "", "UnsupportedCORSMethod"}, {"*", "get", "", "UnsupportedCORSMethod"}, {"*", "OPTIONS", "", "UnsupportedCORSMethod"}, {"*", "PATCH", "", "UnsupportedCORSMethod"},
			{"http://*.*.test", "GET", "", ""}, {"**", "GET", "", ""}, {"*", "GET", "<AllowedHeader>x-*-*</AllowedHeader>", ""}, {"*", "GET", "<MaxAgeSeconds>-1</MaxAgeSeconds>", ""}, {"*", "GET", "<MaxAgeSeconds>1e9</MaxAgeSeconds>", ""},
			{"*", "GET", "<ExposeHeader>a\nSet-Cookie: x</ExposeHeader>", ""}, {"*", "GET", "<ExposeHeader>*</ExposeHeader>", ""}, {"*", "GET", "<AllowCredentials>true</AllowCredentials>", ""}, {"*", "GET", "<ID>" + strings.Repeat("i", 256) + "</ID>", ""},
		} {
			a := w.document(t, "PUT", "/a-conf?cors", "<CORSConfiguration><CORSRule><AllowedOrigin>"+c.origin+"</AllowedOrigin><AllowedMethod>"+c.method+"</AllowedMethod>"+c.more+"</CORSRule></CORSConfiguration>")
			if c.code == "" {
				a.oneOf(t, fmt.Sprintf("a CORS rule of %+v", c), 400)
			} else {
				a.is(t, fmt.Sprintf("a CORS rule of %+v", c), 400, c.code, "MalformedXML", "InvalidRequest")
			}
		}
	})
}

func corsAnswers(t *testing.T, w *world) {
	w.unchanged(t, func() {
		rule := "<CORSConfiguration><CORSRule><AllowedOrigin>https://good.test</AllowedOrigin><AllowedOrigin>https://*.ours.test</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedHeader>x-ok</AllowedHeader></CORSRule></CORSConfiguration>"
		w.document(t, "PUT", "/a-conf?cors", rule).oneOf(t, "PutBucketCors", 200)
		preflight := func(origin, method, headers string) answer {
			return w.do(t, request(t, w.server.Endpoint, "OPTIONS", "/a-conf/x", "", "Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers))
		}
		preflight("https://good.test", "GET", "x-ok").oneOf(t, "a preflight that is let in", 200)
		for _, c := range [][3]string{{"https://evil.test", "GET", ""}, {"null", "GET", ""}, {"https://good.test.evil.test", "GET", ""}, {"https://good.test:8443", "GET", ""}, {"http://good.test", "GET", ""}, {"https://GOOD.test", "GET", ""}, {"https://goodxtest", "GET", ""},
			{"https://ours.test.evil.test", "GET", ""}, {"https://.ours.test@evil.test", "GET", ""}, {"https://good.test, https://evil.test", "GET", ""}, {"https://good.test", "PUT", ""}, {"https://good.test", "get", ""}, {"https://good.test", "GET", "x-ok, x-evil"}, {"https://good.test", "GET", "authorization"}, {"", "GET", ""}} {
			a := preflight(c[0], c[1], c[2])
			a.oneOf(t, fmt.Sprintf("a preflight of %q", c), 400, 403)
			if got := a.header.Get("Access-Control-Allow-Origin") + a.header.Get("Access-Control-Allow-Credentials") + a.header.Get("Access-Control-Allow-Headers"); got != "" {
				t.Errorf("a preflight of %q allows %s", c, got)
			}
			b := w.s3(t, w.full, "GET", "/a-conf?list-type=2", "", "Origin", c[0])
			if got := b.header.Get("Access-Control-Allow-Origin"); got != "" && (got != c[0] || c[0] != "https://good.test") {
				t.Errorf("a GET from %q is answered with Access-Control-Allow-Origin: %s", c[0], got)
			}
		}
		w.s3(t, w.full, "DELETE", "/a-conf?cors", "").oneOf(t, "DELETE ?cors", 204)
	})
}

// configurationsEnd sets all that a bucket of A can have, deletes it, and has B make
// one of the same name.
func configurationsEnd(t *testing.T, w *world) {
	w.unchanged(t, func() {
		for bucket, who := range map[string]pair{"a-fresh": w.full, "b-fresh": w.bFull} {
			w.s3(t, who, "PUT", "/"+bucket, "").oneOf(t, "CreateBucket", 200)
		}
		w.s3(t, w.full, "PUT", "/squatted", "").oneOf(t, "CreateBucket", 200)
		w.s3(t, w.full, "DELETE", "/squatted?publicAccessBlock", "").oneOf(t, "open it", 204)
		for sub, body := range map[string]string{
			"policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::squatted","arn:aws:s3:::squatted/*"]}]}`,
			"cors":   "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>", "tagging": "<Tagging><TagSet><Tag><Key>of</Key><Value>A</Value></Tag></TagSet></Tagging>",
			"lifecycle": "<LifecycleConfiguration>" + manyRules(1) + "</LifecycleConfiguration>", "website": "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>",
			"ownershipControls": "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>", "versioning": "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
			"encryption":     "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
			"logging":        "<BucketLoggingStatus><LoggingEnabled><TargetBucket>a-priv</TargetBucket><TargetPrefix>logs/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>",
			"requestPayment": "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>", "acl": "",
		} {
			if sub == "acl" {
				continue
			}
			w.document(t, "PUT", "/squatted?"+sub, body).oneOf(t, "PUT ?"+sub, 200, 204)
		}
		w.s3(t, w.full, "PUT", "/squatted?acl", "", "X-Amz-Acl", "public-read").oneOf(t, "PutBucketAcl", 200)
		w.s3(t, w.full, "DELETE", "/squatted", "").oneOf(t, "DeleteBucket by A", 204)
		w.s3(t, w.bFull, "PUT", "/squatted", "").oneOf(t, "CreateBucket by B", 200)
		fresh := strings.ReplaceAll(w.configuredOf(t, w.bFull, "b-fresh", "x"), "b-fresh", "squatted")
		if got := w.configuredOf(t, w.bFull, "squatted", "x"); got != fresh {
			t.Errorf("a bucket that B makes after A's has the configurations\n%s\nwant those of a new one\n%s", got, fresh)
		}
		for _, who := range []pair{nobody, w.full} {
			w.s3(t, who, "GET", "/squatted?list-type=2", "").oneOf(t, "list of B's bucket by "+who.id, 403)
		}
		a := w.do(t, request(t, w.server.Endpoint, "GET", "/", "", "Host", "squatted.website.localhost"))
		a.oneOf(t, "the website of B's bucket, which has none", 403, 404)
		for bucket, who := range map[string]pair{"a-fresh": w.full, "b-fresh": w.bFull, "squatted": w.bFull} {
			w.s3(t, who, "DELETE", "/"+bucket, "").oneOf(t, "DeleteBucket", 204)
		}
	})
}

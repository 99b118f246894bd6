package console

import (
	"bytes"
	"html/template"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"coffer"
	"coffer/accounts"
	"coffer/audit"
	"coffer/keys"
	"coffer/objects"
	"coffer/snippets"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fullShell is a page of an owner with everything there.
func fullShell(title string) shell {
	return shell{Title: title, RequestID: "0123456789ABCDEF", Theme: "dark", Nav: "/keys", Version: "1.2.3", Notice: notices["made"],
		SignedIn: true, Manages: true, Owns: true, Writes: true, Passkeys: true,
		Member:  coffer.Member{ID: "mem_1", Account: "123456789012", Email: "ann@example.com", Name: "Ann <b>", Role: coffer.RoleOwner, Operator: true},
		Account: coffer.Account{ID: "123456789012", Email: "ann@example.com", Name: "Acme & <Sons>"}}
}

func fullKey() keyView {
	use := &coffer.LastUse{Time: noon, Source: "192.0.2.7", UserAgent: "<script>alert(1)</script>", Operation: "GetObject", Bucket: "photos", Region: "auto"}
	current := coffer.Credential{AccessKeyID: "CFAK0000000000000000", Generation: 2, Created: noon, LastUsed: use}
	return keyView{Now: noon.Add(time.Hour), Manages: true, Secret: `cfs_"quoted'<secret>`, Key: coffer.Key{
		ID: "key_1", Account: "123456789012", Name: `nightly "<backup>"`, Status: coffer.KeyActive, Created: noon, Expires: noon.Add(48 * time.Hour),
		Scope:   &coffer.Scope{Grants: []coffer.Grant{{Preset: coffer.PresetReadOnly, Buckets: []string{"photos"}, Prefixes: []string{"2026/"}}}},
		Current: current,
		Rotation: &coffer.Rotation{Outgoing: current, Reason: coffer.ReasonRoutine, Began: noon, ConfirmBy: noon, Overdue: true,
			ScreamBegan: noon, ScreamUntil: noon.Add(2 * time.Hour)}}}
}

func fullConnect(t *testing.T) connectView {
	t.Helper()
	set, err := snippets.Parse()
	if err != nil {
		t.Fatal(err)
	}
	key := fullKey()
	v := connectView{Endpoint: "https://s3.example.com", Region: "auto", Key: &key, Bucket: "photos", Tool: snippets.All()[0], Text: "aws s3 ls"}
	for _, tool := range snippets.All() {
		text, err := set.Write(tool, snippets.Values{Endpoint: v.Endpoint, Region: v.Region, AccessKeyID: string(key.Current.AccessKeyID), Secret: key.Secret, Bucket: v.Bucket})
		if err != nil {
			t.Fatal(err)
		}
		v.Groups = append(v.Groups, toolGroup{tool.Group, []toolText{{tool, text, false}}})
	}
	return v
}

func fullUsage() usageView {
	c := keys.Client{Source: "192.0.2.7", UserAgent: "<script>alert(1)</script>", Operation: "GetObject", Bucket: "photos", First: noon, Last: noon, Count: 12345, Refused: 3}
	return usageView{Key: fullKey().Key, Now: noon, Current: []keys.Client{c}, Outgoing: []keys.Client{c}, CurrentOthers: 7, OutgoingOthers: 8, InUse: true, IdleAt: noon.Add(time.Minute)}
}

func fullEvents() []eventView {
	return []eventView{{Now: noon, Changes: []changeView{{"name", "<old>", "new"}, {"status", "", "paused"}},
		Event: audit.Event{ID: "1", Time: noon, Who: audit.Who{Kind: audit.KindMember, ID: "mem_1", Name: "ann@example.com"}, Source: "192.0.2.7",
			UserAgent: "Mozilla <img src=x>", RequestID: "R", Action: "key.rotate", Target: "key_1"}}}
}

// models has every page with all that it can show, and with nothing.
func models(t *testing.T) map[string][2]any {
	t.Helper()
	wrong := problems{"": "The form is wrong.", "name": "Too <long>.", "email": "No.", "password": "No.", "code": "No.", "scope": "No.", "expires": "No.",
		"minutes": "No.", "from": "No.", "to": "No.", "old_password": "No.", "new_password": "No.", "account_name": "No.", "confirm_by": "No.",
		"versioning": "No.", "lock": "No.", "tags": "No.", "block": "No.", "policy": "No <b>.", "cors": "No.", "rule": "No."}
	k := kept{To: "/keys", Form: "fYQ"}
	s, key := fullShell("Title <b>"), fullKey()
	gone := key
	gone.Status, gone.Key.Deleted, gone.Rotation = coffer.KeyDeleted, noon, nil
	paused := key
	paused.Status, paused.Rotation, paused.ID = coffer.KeyPaused, nil, "key_2"
	scope := scopeForm{Kind: scopePolicy, Grants: []grantForm{{1, "read-only", "photos", "2026/"}, {Number: 2}}, Presets: []presetChoice{{"read-only", "reads"}},
		Policy: "{</textarea><b>}", Revision: "read-only on photos", Says: []string{"read-only on <b>"}}
	connect := fullConnect(t)
	link := accounts.Link{ID: "l1", Kind: accounts.LinkInvite, Email: "bob@example.com", Role: coffer.RoleMember, By: "ann@example.com", Created: noon, Expires: noon.Add(time.Hour)}
	member := accounts.MemberInfo{Member: s.Member, TOTP: true, Passkeys: 2, Sessions: 3}
	return map[string][2]any{
		"signin":    {signInPage{shell{Title: "Sign in", Passkeys: true}, k, "ann@example.com", true, wrong}, signInPage{}},
		"unset":     {unsetPage{s}, unsetPage{}},
		"code":      {codePage{s, k, "token", true, true, `{"publicKey":{}}`, true, wrong}, codePage{}},
		"signedout": {signedOutPage{s}, signedOutPage{}},
		"join":      {joinPage{shell: s, Link: link, Account: s.Account, Token: "t", Email: "a@b.c", Name: "A", Wrong: wrong}, joinPage{}},
		"factors":   {factorsPage{s, wrong}, factorsPage{}},
		"totp":      {totpPage{s, template.HTML("<svg></svg>"), "KEY", "otpauth://x", "t", wrong}, totpPage{}},
		"codes":     {codesPage{s, []string{"a-b", "c-d"}, "/", true}, codesPage{}},
		"again":     {againPage{s, k, true, `{"publicKey":{}}`, "t", wrong}, againPage{}},
		"resume":    {resumePage{s, "/keys", []keptField{{"name", "<b>"}, {"x", ""}}}, resumePage{}},
		"error":     {errorPage{shell: s, Status: 500, Heading: "H", Message: "M <b>"}, errorPage{}},
		"overview": {overviewPage{shell: s, Connect: connect, Buckets: 1, Objects: 12345, Bytes: 1 << 40, Keys: 2, MoreKeys: true, Rotating: []keyView{key},
			Expiring: []keyView{key}, Overdue: []keyView{key}, Empty: true,
			Traffic: newTraffic([]audit.Day{{Date: noon}, {Date: noon, Counted: true}, {Date: noon, Requests: 12345, Bytes: 1 << 40, Counted: true}})}, overviewPage{}},
		"keys":   {keysPage{s, []keyView{key, paused}, []keyView{gone}, noon, "/keys?after=a.b", "/keys"}, keysPage{}},
		"newkey": {newKeyPage{s, "n", "2026-03-02", scope, true, "AKIA", wrong, "2026-03-01"}, newKeyPage{}},
		"made":   {madePage{s, key, connect, true}, madePage{}},
		"key": {keyPage{shell: s, Key: key, Usage: fullUsage(), Scope: scope, Expires: "2026-03-02", Events: fullEvents(), Wrong: wrong},
			keyPage{}},
		"rotate": {rotatePage{s, key, true, "leaked", "2026-03-02", wrong, ""}, rotatePage{}},
		"rotation": {rotationPage{s, key, fullUsage(), &connect, "confirm", true, wrong},
			rotationPage{Key: keyView{Key: coffer.Key{Rotation: &coffer.Rotation{}}}}},
		"connect": {connectPage{s, connect, []keyView{key, paused}, &testResult{true, "H", "D", []string{"a", "b"}}}, connectPage{}},
		"buckets": {bucketsPage{s, []objects.BucketUsage{{Bucket: coffer.Bucket{Name: "photos", Created: noon}}, {Bucket: coffer.Bucket{Name: "logs", Created: noon}, Objects: 3, Bytes: 1 << 20}},
			noon, "n", wrong, "/buckets?after=logs", "/buckets"}, bucketsPage{}},
		"objects":       {fullObjects(s, wrong), objectsPage{}},
		"bucket":        {fullBucket(s, wrong), bucketPage{}},
		"access":        {fullAccess(s, wrong), accessPage{}},
		"lifecycle":     {fullLifecycle(s, wrong), lifecyclePage{}},
		"notifications": {fullNotifications(s, wrong), notificationsPage{}},
		"audit":         {auditPage{s, fullEvents(), auditFilter{"key.", "w", "t", "2026-01-01", "2026-01-02"}, auditGroups, "/n", "/e", wrong, true}, auditPage{}},
		"members": {membersPage{s, []memberView{{member, noon, true, true, coffer.Roles()}}, []accounts.Link{link}, noon, &madeLink{link, "https://c/invite/t", "bob"},
			"e", "member", coffer.Roles(), wrong}, membersPage{}},
		"settings": {settingsPage{shell: s, Profile: accounts.Profile{Member: s.Member, TOTP: true, RecoveryLeft: 3, PasswordChanged: noon,
			Passkeys: []accounts.Passkey{{ID: "p", Name: "<Key>", Created: noon, Synced: true}}}, Sessions: []accounts.Session{{ID: "s", Source: "192.0.2.1", UserAgent: "<x>", Method: "passkey", Created: noon, LastSeen: noon}},
			This: "s", Now: noon, Name: "n", Email: "e", AccountName: "a", Wrong: wrong}, settingsPage{}},
	}
}

func TestEveryPageExecutesOnFullAndEmptyData(t *testing.T) {
	files, err := newStatic()
	if err != nil {
		t.Fatal(err)
	}
	all, err := parsePages(files.path)
	if err != nil {
		t.Fatal(err)
	}
	have := models(t)
	if got, want := slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		t.Fatalf("models for %v, want one for each page of %v", got, want)
	}
	for name, pair := range have {
		for i, model := range pair {
			var b bytes.Buffer
			if err := all[name].ExecuteTemplate(&b, "page", model); err != nil {
				t.Errorf("page %s, model %d: %v", name, i, err)
				continue
			}
			checkPage(t, name, b.String())
		}
	}
}

// checkPage looks for what the content security policy would block, and for
// what was not escaped.
func checkPage(t *testing.T, name, html string) {
	t.Helper()
	for _, bad := range []string{"<script>alert", " style=", "<style", "onclick=", "javascript:", "hx-on", "<img src=x", "ZgotmplZ", "<no value>", "%!"} {
		if strings.Contains(html, bad) {
			t.Errorf("page %s has %q", name, bad)
		}
	}
	if n := strings.Count(html, "<h1"); n != 1 {
		t.Errorf("page %s has %d headings of the first level, want 1", name, n)
	}
	for _, want := range []string{`lang="en"`, `<main`, `name="viewport"`} {
		if !strings.Contains(html, want) {
			t.Errorf("page %s lacks %s", name, want)
		}
	}
}

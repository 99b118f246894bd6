package console

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"

	"coffer"
)

// same opens another tab of the same person.
func (p person) same() person {
	b := p.w.tab()
	b.cookies = maps.Clone(p.cookies)
	p.tab = b
	return p
}

// TestOfManyWhoSaveAtOnceOneIsNotUndone holds that of forms that were opened on the
// same settings, and are sent at the same moment, one is carried out, and the others
// are told; and that what the one did is there.
func TestOfManyWhoSaveAtOnceOneIsNotUndone(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "", "")
	key, _ := p.key("k")
	const people = 8
	for round := range 10 {
		revision, scope := p.revision("photos"), hidden(p.get("/keys/"+string(key.ID)).body, "revision")
		var all sync.WaitGroup
		var tags, scopes [people]int
		for i := range people {
			tab, name := p.same(), fmt.Sprintf("r%dp%d", round, i)
			all.Go(func() {
				tags[i] = tab.post("/buckets/photos/tags", "revision", revision, "tag_key", "who", "tag_value", name).status
				scopes[i] = tab.post("/keys/"+string(key.ID)+"/scope", "revision", scope, "scope", "limited", "preset", "read-only", "buckets", name, "prefixes", "").status
			})
		}
		all.Wait()
		got, err := p.session().BucketTagging(t.Context(), "photos")
		if err != nil {
			t.Fatal(err)
		}
		for what, answers := range map[string][people]int{"tags": tags, "scopes": scopes} {
			done := 0
			for i, status := range answers {
				name := fmt.Sprintf("r%dp%d", round, i)
				switch status {
				case http.StatusSeeOther:
					done++
					if what == "tags" && (len(got) != 1 || got[0].Value != name) || what == "scopes" && w.keyNamed("k").Scope.String() != "read-only on "+name {
						t.Errorf("round %d: %s was told that its %s are saved, and they are %v, %s", round, name, what, got, w.keyNamed("k").Scope)
					}
				case http.StatusConflict:
				default:
					t.Errorf("round %d: %s = %d, want 303 or 409", round, what, status)
				}
			}
			if done != 1 {
				t.Errorf("round %d: %d of %d who saved %s at once were told that it is done, want 1", round, done, people, what)
			}
		}
	}
}

// TestAnOldPageOpensNoBucket holds that the boxes against public access, and the other
// settings of few values, are not put back to what they were when a page was opened.
func TestAnOldPageOpensNoBucket(t *testing.T) {
	w := newWorld(t)
	p := w.owner("ann@example.com")
	p.bucket("photos", "", "")
	p.change("photos", "/public-access")
	old := hidden(p.get("/buckets/photos/access").body, "revision")
	p.change("photos", "/public-access", "block_policy", "1", "restrict", "1", "block_acls", "1", "ignore_acls", "1")
	for path, more := range map[string][]string{"/public-access": {"block_acls", "1"}, "/versioning": {"versioning", "Enabled"}, "/lock": {"for_good", "1"}} {
		if a := p.post("/buckets/photos"+path, append(more, "revision", old)...); a.status != http.StatusConflict {
			t.Errorf("POST %s of an old page = %d, want 409", path, a.status)
		}
	}
	if got, err := p.session().PublicAccess(t.Context(), "photos"); err != nil || got != (coffer.PublicAccessBlock{BlockPublicACLs: true, IgnorePublicACLs: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}) {
		t.Errorf("PublicAccess = %+v, %v, want all four", got, err)
	}
	for _, page := range []string{"/buckets/photos", "/buckets/photos/access"} {
		if a := p.get(page); hidden(a.body, "revision") != p.revision("photos") {
			t.Errorf("GET %s has the revision %q, want %s", page, hidden(a.body, "revision"), p.revision("photos"))
		}
	}
}

package keys

import (
	"fmt"
	"testing"
	"time"

	"coffer"
)

func TestALinkIsBoundedInTimeAndNumber(t *testing.T) {
	var l links
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	add := func(id coffer.AccessKeyID, end time.Time) {
		l.add(&entry{actor: coffer.Actor{AccessKeyID: id}}, link{id, end}, now)
	}
	add("CFTK-first", now.Add(time.Minute))
	if e := l.get("CFTK-first"); e == nil || e.actor.AccessKeyID != "CFTK-first" {
		t.Errorf("get(CFTK-first) = %v, want it", e)
	}
	for _, id := range []coffer.AccessKeyID{"", "CFTK", "CFTK-other", "CFAK-first"} {
		if e := l.get(id); e != nil {
			t.Errorf("get(%q) = %v, want nil", id, e)
		}
	}
	now = now.Add(time.Minute)
	add("CFTK-second", now.Add(time.Minute))
	if l.get("CFTK-first") != nil || len(l.byID) != 1 || len(l.order) != 1 {
		t.Errorf("at its end a link is still kept: %d of them", len(l.byID))
	}
	for i := range linksMax + 5 {
		add(coffer.AccessKeyID(linkPrefix+string(rune('!'+i%90))+time.Duration(i).String()), now.Add(time.Minute))
	}
	if len(l.byID) != linksMax || l.get("CFTK-second") != nil {
		t.Errorf("%d links are kept, want the newest %d", len(l.byID), linksMax)
	}
}

// TestWhoUsesALinkIsNotRemembered: there are thousands of links, each may be used by
// whoever has it, and who did is nobody's evidence.
func TestWhoUsesALinkIsNotRemembered(t *testing.T) {
	s := newService(t)
	id, _, err := s.Link(coffer.Actor{Account: ann.ID}, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := s.Signer(t.Context(), id, "20260301", "auto", "s3")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		s.Used(signer.Keys[0], Use{Time: time.Now(), UserAgent: fmt.Sprint(i)})
	}
	if signer.Keys[0].state.tracker != nil || len(s.evidence.trackers) != 0 {
		t.Errorf("the users of a link are in memory")
	}
}

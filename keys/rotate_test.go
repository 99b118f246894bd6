package keys

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
)

// rotated makes a key and rotates it, and returns the old and the new pair.
func rotated(t *testing.T, s *Service, opt RotateOptions) (coffer.Key, pair, pair) {
	t.Helper()
	key, secret := create(t, s, ann, CreateInput{})
	next, fresh, err := s.As(operator).Rotate(t.Context(), string(key.ID), opt)
	if err != nil {
		t.Fatalf("Rotate(%+v): %v", opt, err)
	}
	return next, pairOf(key, secret), pairOf(next, fresh)
}

func TestBothStylesSignUntilConfirm(t *testing.T) {
	for _, same := range []bool{false, true} {
		s, c := newClocked(t)
		op := s.As(operator)
		key, old, fresh := rotated(t, s, RotateOptions{SameID: same, ConfirmBy: noon.Add(time.Hour)})
		ro := key.Rotation
		if ro == nil || ro.Outgoing.AccessKeyID != old.id || ro.SameID != same || ro.Reason != coffer.ReasonRoutine || !ro.Began.Equal(noon) ||
			(key.Current.AccessKeyID == old.id) != same || key.Current.Generation != 2 || ro.Outgoing.Generation != 1 {
			t.Fatalf("same ID %t: Rotate = %+v with %+v", same, key, ro)
		}
		for _, p := range []pair{old, fresh, old} {
			if err := p.sign(s); err != nil {
				t.Errorf("same ID %t: before Confirm: %v", same, err)
			}
		}
		if _, _, err := op.Rotate(t.Context(), string(old.id), RotateOptions{}); coffer.CodeOf(err) != coffer.RotationInProgress {
			t.Errorf("same ID %t: a second Rotate = %v, want RotationInProgress", same, err)
		}
		if _, secret, err := op.Reveal(t.Context(), string(key.ID)); err != nil || !secret.Equal(fresh.secret) {
			t.Errorf("same ID %t: Reveal = %v, want the new secret", same, err)
		}
		_, err := op.Confirm(t.Context(), string(old.id), ConfirmOptions{})
		in, ok := errors.AsType[*InUse](err)
		if !ok || coffer.CodeOf(err) != coffer.KeyInUse || !in.LastUsed.Equal(noon) || len(in.Clients) != 1 ||
			in.Clients[0].Count != 2 || in.Clients[0].Source != "192.0.2.1" || in.Clients[0].UserAgent != "test/1" || in.AccessKeyID != old.id {
			t.Errorf("same ID %t: Confirm while in use = %+v, %v, want InUse by the one client", same, in, err)
		}
		c.add(idleEnough - 1)
		if _, err := op.Confirm(t.Context(), string(old.id), ConfirmOptions{}); coffer.CodeOf(err) != coffer.KeyInUse {
			t.Errorf("same ID %t: Confirm a moment too early = %v, want KeyInUse", same, err)
		}
		c.add(1)
		done, err := op.Confirm(t.Context(), string(fresh.id), ConfirmOptions{})
		if err != nil || done.Rotation != nil || done.Current.Generation != 2 {
			t.Errorf("same ID %t: Confirm when idle = %+v, %v", same, done, err)
		}
		if err := old.sign(s); coffer.CodeOf(err) != coffer.InvalidAccessKeyID || !strings.Contains(err.Error(), "rotated out") {
			t.Errorf("same ID %t: the old pair after Confirm = %v, want it rotated out", same, err)
		}
		if err := fresh.sign(s); err != nil {
			t.Errorf("same ID %t: the new pair after Confirm: %v", same, err)
		}
		for name, err := range map[string]error{
			"Confirm": func() error { _, err := op.Confirm(t.Context(), string(key.ID), ConfirmOptions{}); return err }(),
			"Cancel":  func() error { _, err := op.Cancel(t.Context(), string(key.ID), CancelOptions{}); return err }(),
		} {
			if coffer.CodeOf(err) != coffer.NoRotation {
				t.Errorf("same ID %t: %s after Confirm = %v, want NoRotation", same, name, err)
			}
		}
		if got := actions(t, s, key.ID); !slices.Equal(got, []string{"key.create", "key.rotate", "key.reveal", "key.confirm"}) {
			t.Errorf("same ID %t: the audit log has %v", same, got)
		}
	}
}

func TestCancelEndsTheNewPair(t *testing.T) {
	for _, same := range []bool{false, true} {
		s, _ := newClocked(t)
		key, old, fresh := rotated(t, s, RotateOptions{SameID: same})
		if err := fresh.sign(s); err != nil {
			t.Fatal(err)
		}
		if _, err := s.As(operator).Cancel(t.Context(), string(key.ID), CancelOptions{}); coffer.CodeOf(err) != coffer.KeyInUse {
			t.Errorf("same ID %t: Cancel while the new pair is in use = %v, want KeyInUse", same, err)
		}
		got, err := s.As(operator).Cancel(t.Context(), string(key.ID), CancelOptions{EvenIfInUse: true})
		if err != nil || got.Current.AccessKeyID != old.id || got.Current.Generation != 1 || got.Rotation != nil {
			t.Errorf("same ID %t: Cancel = %+v, %v, want the old credential", same, got, err)
		}
		if err := old.sign(s); err != nil {
			t.Errorf("same ID %t: the old pair after Cancel: %v", same, err)
		}
		if err := fresh.sign(s); coffer.CodeOf(err) != coffer.InvalidAccessKeyID {
			t.Errorf("same ID %t: the new pair after Cancel = %v, want it refused", same, err)
		}
	}
}

func TestLinksAlreadyGivenOut(t *testing.T) {
	for _, same := range []bool{false, true} {
		s, c := newClocked(t)
		key, old, fresh := rotated(t, s, RotateOptions{SameID: same})
		c.add(time.Hour)
		confirmed := c.Now()
		if _, err := s.As(operator).Confirm(t.Context(), string(key.ID), ConfirmOptions{KeepLinks: true}); err != nil {
			t.Fatal(err)
		}
		c.add(time.Minute)
		for _, tt := range []struct {
			name   string
			link   bool
			signed time.Time
			want   bool
		}{
			{"ALinkFromBefore", true, confirmed.Add(-time.Second), true},
			{"ALinkFromThatInstant", true, confirmed, false},
			{"ALinkFromAfter", true, c.Now(), false},
			{"ARequestDatedBefore", false, confirmed.Add(-time.Second), false},
		} {
			if err := old.use(t.Context(), s, tt.link, tt.signed); (err == nil) != tt.want {
				t.Errorf("same ID %t: %s = %v, want it let in: %t", same, tt.name, err, tt.want)
			}
		}
		if _, err := s.As(operator).Pause(t.Context(), string(key.ID)); err != nil {
			t.Fatal(err)
		}
		if err := old.use(t.Context(), s, true, confirmed.Add(-time.Second)); err == nil {
			t.Errorf("same ID %t: an old link of a paused key is let in", same)
		}
		_ = fresh

		leaked, _, _ := rotated(t, s, RotateOptions{SameID: same, Reason: coffer.ReasonLeaked})
		if _, err := s.As(operator).Confirm(t.Context(), string(leaked.ID), ConfirmOptions{KeepLinks: true}); coffer.CodeOf(err) != coffer.InvalidRequest {
			t.Errorf("same ID %t: Confirm that keeps the links of a leaked secret = %v, want InvalidRequest", same, err)
		}
	}
}

func TestDeadline(t *testing.T) {
	s, c := newClocked(t)
	by := RotateOptions{ConfirmBy: noon.Add(time.Hour)}
	idle, oldIdle, _ := rotated(t, s, by)
	busy, oldBusy, _ := rotated(t, s, by)
	gone, _, _ := rotated(t, s, by)
	if _, err := s.As(operator).Delete(t.Context(), string(gone.ID)); err != nil {
		t.Fatal(err)
	}
	c.add(time.Hour - time.Minute)
	if err := oldBusy.sign(s); err != nil {
		t.Fatal(err)
	}
	tick := func() {
		t.Helper()
		if err := s.Tick(t.Context()); err != nil {
			t.Errorf("Tick: %v", err)
		}
	}
	tick()
	if err := oldIdle.sign(s); err != nil {
		t.Errorf("the old pair before the deadline: %v", err)
	}
	c.add(20 * time.Minute) // the deadline is 19 minutes past, the idle key was used 20 minutes ago
	if err := oldBusy.sign(s); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		tick()
		if err := oldIdle.sign(s); coffer.CodeOf(err) != coffer.InvalidAccessKeyID {
			t.Errorf("the old idle pair after the deadline = %v, want it refused", err)
		}
		if err := oldBusy.sign(s); err != nil {
			t.Errorf("the old busy pair after the deadline: %v", err)
		}
		c.add(time.Hour)
	}
	if got, err := s.As(operator).Get(t.Context(), string(busy.ID)); err != nil || got.Rotation == nil || !got.Rotation.Overdue {
		t.Errorf("the busy key is %+v, %v, want its rotation overdue", got, err)
	}
	if got := actions(t, s, busy.ID); !slices.Equal(got, []string{"key.create", "key.rotate", "key.overdue"}) {
		t.Errorf("the audit log of the busy key has %v", got)
	}
	if got := actions(t, s, idle.ID); !slices.Equal(got, []string{"key.create", "key.rotate", "key.confirm"}) {
		t.Errorf("the audit log of the idle key has %v", got)
	}
	if got, err := s.As(operator).Undelete(t.Context(), string(gone.ID)); err != nil || got.Rotation == nil {
		t.Errorf("the deleted key comes back as %+v, %v, want it in its rotation", got, err)
	}
	for name, opt := range map[string]RotateOptions{"Past": {ConfirmBy: noon}, "Far": {ConfirmBy: noon.Add(500 * 24 * time.Hour)}, "Reason": {Reason: "why"}} {
		key, _ := create(t, s, ann, CreateInput{})
		if _, _, err := s.As(operator).Rotate(t.Context(), string(key.ID), opt); coffer.CodeOf(err) != coffer.InvalidArgument {
			t.Errorf("%s: Rotate = %v, want InvalidArgument", name, err)
		}
	}
}

func TestScreamTestTellsWhoWasHit(t *testing.T) {
	s, c := newClocked(t)
	key, old, fresh := rotated(t, s, RotateOptions{})
	for _, minutes := range []int{-1, 61} {
		if _, err := s.As(operator).ScreamTest(t.Context(), string(key.ID), minutes); coffer.CodeOf(err) != coffer.InvalidArgument {
			t.Errorf("ScreamTest(%d) = %v, want InvalidArgument", minutes, err)
		}
	}
	if err := old.sign(s); err != nil {
		t.Fatal(err)
	}
	if _, err := s.As(operator).ScreamTest(t.Context(), string(key.ID), 10); err != nil {
		t.Fatal(err)
	}
	c.add(9 * time.Minute)
	if err := old.sign(s); coffer.CodeOf(err) != coffer.InvalidAccessKeyID {
		t.Errorf("the old pair in the test = %v, want it refused", err)
	}
	if err := fresh.sign(s); err != nil {
		t.Errorf("the new pair in the test: %v", err)
	}
	u, err := s.As(operator).Usage(t.Context(), string(key.ID))
	if err != nil || len(u.Outgoing) != 1 || u.Outgoing[0].Count != 1 || u.Outgoing[0].Refused != 1 || !u.Outgoing[0].LastRefused.Equal(c.Now()) || !u.InUse {
		t.Errorf("Usage = %+v, %v, want one use and one that was hit", u, err)
	}
	c.add(time.Minute) // it ends by itself
	if err := old.sign(s); err != nil {
		t.Errorf("the old pair after the test: %v", err)
	}
	if _, err := s.As(operator).ScreamTest(t.Context(), string(key.ID), 60); err != nil {
		t.Fatal(err)
	}
	if _, err := s.As(operator).ScreamTest(t.Context(), string(key.ID), 0); err != nil {
		t.Fatal(err)
	}
	if err := old.sign(s); err != nil {
		t.Errorf("the old pair after the test was ended: %v", err)
	}
}

func TestOldSecretsAreForgotten(t *testing.T) {
	s, c := newClocked(t)
	op := s.As(operator)
	key, secret := create(t, s, ann, CreateInput{})
	first := pairOf(key, secret)
	turn := func() {
		t.Helper()
		if _, _, err := op.Rotate(t.Context(), string(key.ID), RotateOptions{SameID: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := op.Confirm(t.Context(), string(key.ID), ConfirmOptions{EvenIfInUse: true}); err != nil {
			t.Fatal(err)
		}
	}
	for range retiredMax {
		turn()
	}
	if err := first.sign(s); coffer.CodeOf(err) != coffer.InvalidAccessKeyID {
		t.Errorf("the oldest secret that is kept = %v, want it rotated out", err)
	}
	turn()
	if err := first.sign(s); err != errSignature {
		t.Errorf("the secret that went = %v, want %v", err, errSignature)
	}
	c.add(secretsKept)
	if err := s.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if signer, err := lookUp(t, s, first.id); err != nil || len(signer.Keys) != 1 {
		t.Errorf("after 30 days there are %d secrets, %v, want the current one", len(signer.Keys), err)
	}
}

// TestSameIDUnderLoad signs with both secrets of one ID from several goroutines
// while it is rotated and confirmed: none fails before Confirm, and none with the
// old secret is let in that begins after it.
func TestSameIDUnderLoad(t *testing.T) {
	s := newService(t)
	key, secret := create(t, s, ann, CreateInput{})
	old := pairOf(key, secret)
	var confirming, confirmed, stop atomic.Bool
	var fresh atomic.Pointer[pair]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				ended := confirmed.Load()
				err := old.use(context.Background(), s, false, noon)
				if err != nil && !confirming.Load() {
					t.Errorf("the old secret before Confirm: %v", err)
					return
				}
				if err == nil && ended {
					t.Error("the old secret was let in after Confirm")
					return
				}
				if p := fresh.Load(); p != nil {
					if err := p.use(context.Background(), s, false, noon); err != nil {
						t.Errorf("the new secret: %v", err)
						return
					}
				}
			}
		})
	}
	next, plain, err := s.As(operator).Rotate(t.Context(), string(key.ID), RotateOptions{SameID: true})
	if err != nil {
		t.Error(err)
	}
	p := pairOf(next, plain)
	fresh.Store(&p)
	for range 100 {
		if err := old.use(t.Context(), s, false, noon); err != nil {
			t.Errorf("the old secret during the rotation: %v", err)
		}
	}
	confirming.Store(true)
	if _, err := s.As(operator).Confirm(t.Context(), string(key.ID), ConfirmOptions{EvenIfInUse: true}); err != nil {
		t.Error(err)
	}
	confirmed.Store(true)
	for range 100 {
		if err := old.use(t.Context(), s, false, noon); err == nil {
			t.Error("the old secret is let in after Confirm")
		}
	}
	stop.Store(true)
	wg.Wait()
}

// TestEvidence counts uses of several clients, over flushes, a rotation and a
// restart.
func TestEvidence(t *testing.T) {
	s, c := newClocked(t)
	op := s.As(operator)
	key, secret := create(t, s, ann, CreateInput{})
	p := pairOf(key, secret)
	k, err := p.match(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	use := func(source, agent, operation string) {
		s.Used(k, Use{Time: c.Now(), Source: netip.MustParseAddr(source), UserAgent: agent, Operation: operation, Bucket: "photos", Region: "auto"})
	}
	use("192.0.2.1", "boto3", "GetObject")
	c.add(time.Second)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	use("192.0.2.1", "boto3", "GetObject")
	c.add(time.Second)
	use("2001:db8::1", "aws\x1b[31m-cli", "PutObject")
	u, err := op.Usage(t.Context(), string(key.ID))
	want := []Client{
		{Source: "2001:db8::1", UserAgent: "aws\uFFFD[31m-cli", Operation: "PutObject", Bucket: "photos", Region: "auto",
			First: noon.Add(2 * time.Second), Last: noon.Add(2 * time.Second), Count: 1},
		{Source: "192.0.2.1", UserAgent: "boto3", Operation: "GetObject", Bucket: "photos", Region: "auto",
			First: noon, Last: noon.Add(time.Second), Count: 2},
	}
	if err != nil || !slices.Equal(u.Current, want) || u.Outgoing != nil || u.InUse {
		t.Errorf("Usage = %+v, %v, want %+v", u, err, want)
	}
	last := u.Key.Current.LastUsed
	if last == nil || *last != (coffer.LastUse{Time: noon.Add(2 * time.Second), Source: "2001:db8::1", UserAgent: "aws\uFFFD[31m-cli", Operation: "PutObject", Bucket: "photos", Region: "auto"}) {
		t.Errorf("last used = %+v", last)
	}
	// What is counted before the rotation is not in its list, what is after it is.
	use("192.0.2.1", "boto3", "GetObject")
	if _, _, err := op.Rotate(t.Context(), string(key.ID), RotateOptions{}); err != nil {
		t.Fatal(err)
	}
	if u, err = op.Usage(t.Context(), string(key.ID)); err != nil || len(u.Outgoing) != 0 || !u.InUse || !u.IdleAt.Equal(c.Now().Add(idleEnough)) ||
		u.Key.Rotation.Outgoing.LastUsed == nil {
		t.Errorf("Usage after Rotate = %+v, %v, want no clients yet, and in use", u, err)
	}
	c.add(time.Second)
	use("192.0.2.1", "boto3", "GetObject")
	again, err := Open(t.Context(), func() Options { o := options(s.meta); o.Now = c.Now; return o }())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := s.Close(); err != nil { // which writes what was in memory
		t.Fatal(err)
	}
	u, err = again.As(operator).Usage(t.Context(), string(key.ID))
	if err != nil || len(u.Outgoing) != 1 || u.Outgoing[0].Count != 1 || !u.Outgoing[0].First.Equal(c.Now()) || len(u.Current) != 0 {
		t.Errorf("Usage after a restart = %+v, %v, want the one use since the rotation", u, err)
	}
	c.add(unusedFor + 1)
	if n, err := again.Expire(t.Context()); err != nil || n != 1 {
		t.Errorf("Expire = %d, %v, want 1", n, err)
	}
	if u, err = again.As(operator).Usage(t.Context(), string(key.ID)); err != nil || len(u.Outgoing) != 0 || u.Key.Rotation.Outgoing.LastUsed == nil {
		t.Errorf("Usage after Expire = %+v, %v, want no clients, and the last use", u, err)
	}
}

// signing makes a key, and returns it with what signs for it.
func signing(t *testing.T, s *Service) (coffer.Key, SigningKey) {
	t.Helper()
	key, secret := create(t, s, ann, CreateInput{})
	k, err := pairOf(key, secret).match(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return key, k
}

func TestEvidenceIsBounded(t *testing.T) {
	s, c := newClocked(t)
	key, k := signing(t, s)
	source := netip.MustParseAddr("10.0.0.0")
	for i := range 2*clientsMax + 7 {
		source = source.Next()
		s.Used(k, Use{Time: c.Now(), Source: source, UserAgent: strings.Repeat("a", 5000)})
		if i == clientsMax-1 { // a part is written and forgotten in memory
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.add(rememberFor + 1)
			s.evidence.forget(c.Now().Add(-rememberFor))
		}
	}
	if n := len(k.state.tracker.clients); n > clientsMax+1 {
		t.Errorf("there are %d clients in memory, want %d at most", n, clientsMax+1)
	}
	u, err := s.As(operator).Usage(t.Context(), string(key.ID))
	if err != nil || len(u.Current) != clientsMax || u.CurrentOthers != clientsMax+7 || len(u.Current[0].UserAgent) != textMax {
		t.Errorf("Usage = %d clients and %d uses of others, %v, want %d and %d", len(u.Current), u.CurrentOthers, err, clientsMax, clientsMax+7)
	}
}

// TestEvidenceOfManyKeysIsBounded counts as many clients of many credentials as each may
// have, which is what one account can do.
func TestEvidenceOfManyKeysIsBounded(t *testing.T) {
	const credentials = 2 * knownMax / clientsMax
	e := newEvidence()
	for i := range credentials {
		tracker := e.tracker(ref{coffer.KeyID(fmt.Sprint("key_", i)), 1})
		for j := range clientsMax {
			tracker.meet(clientID{agent: fmt.Sprint(j)}, Use{Time: time.Unix(1, 0)})
		}
	}
	n := 0
	for _, tracker := range e.trackers {
		n += len(tracker.clients)
	}
	// Those that are only counted have one of each credential.
	if n > knownMax+credentials || int64(n) != e.known.Load() || len(e.many) != 1 {
		t.Errorf("there are %d clients in memory, %d known of, told %d times: want %d at most, and once", n, e.known.Load(), len(e.many), knownMax+credentials)
	}
	for _, tracker := range e.trackers {
		tracker.collect()
	}
	if e.forget(time.Unix(2, 0)); len(e.trackers) != 0 || e.known.Load() != 0 {
		t.Errorf("after all were written there are %d credentials and %d clients in memory, want none", len(e.trackers), e.known.Load())
	}
}

func TestLatestHasTheLatest(t *testing.T) {
	s, c := newClocked(t)
	key, k := signing(t, s)
	const count = 3*latestMax + 7
	for i := range count {
		c.add(time.Second)
		s.Used(k, Use{Time: c.Now(), UserAgent: fmt.Sprint(i)})
	}
	u, err := s.As(operator).Latest(t.Context(), string(key.ID))
	if err != nil || len(u.Current) != latestMax || u.CurrentOthers != count-latestMax {
		t.Fatalf("Latest = %d clients and %d uses of others, %v, want %d and %d", len(u.Current), u.CurrentOthers, err, latestMax, count-latestMax)
	}
	for i, client := range u.Current {
		if want := fmt.Sprint(count - 1 - i); client.UserAgent != want {
			t.Fatalf("client %d is %s, want %s", i, client.UserAgent, want)
		}
	}
}

func TestEvidenceOfNewClientsNeedsRoom(t *testing.T) {
	s, c := newClocked(t)
	key, k := signing(t, s)
	use := func(agent string) {
		t.Helper()
		s.Used(k, Use{Time: c.Now(), UserAgent: agent})
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	use("known")
	s.writable = func() error { return &coffer.Error{Code: coffer.StorageFull} }
	c.add(time.Minute)
	for _, agent := range []string{"new", "newer", "known"} {
		use(agent)
	}
	u, err := s.As(operator).Usage(t.Context(), string(key.ID))
	if err != nil || len(u.Current) != 1 || u.Current[0].Count != 2 || u.CurrentOthers != 2 {
		t.Errorf("Usage = %+v and %d uses of others, %v, want the known one twice and 2", u.Current, u.CurrentOthers, err)
	}
	if last := u.Key.Current.LastUsed; last == nil || !last.Time.Equal(c.Now()) {
		t.Errorf("LastUsed = %+v, want now", last)
	}
}

func TestEvidenceThatCannotBeWrittenIsKept(t *testing.T) {
	s, _ := newClocked(t)
	key, secret := create(t, s, ann, CreateInput{})
	p := pairOf(key, secret)
	if err := p.sign(s); err != nil {
		t.Fatal(err)
	}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Flush(cut); err == nil {
		t.Fatal("Flush wrote although it was cancelled")
	}
	if err := p.sign(s); err != nil {
		t.Fatal(err)
	}
	if u, err := s.As(operator).Usage(t.Context(), string(key.ID)); err != nil || len(u.Current) != 1 || u.Current[0].Count != 2 || !u.Current[0].First.Equal(noon) {
		t.Errorf("Usage = %+v, %v, want both uses", u.Current, err)
	}
}

func TestWatchTellsOfUses(t *testing.T) {
	s, _ := newClocked(t)
	s.watchEvery = time.Millisecond
	key, old, _ := rotated(t, s, RotateOptions{})
	var counts []int64
	for u, err := range s.As(operator).Watch(t.Context(), string(key.ID)) {
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for _, c := range u.Outgoing {
			n += c.Count
		}
		counts = append(counts, n)
		if n == 2 {
			break
		}
		if err := old.sign(s); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(counts, []int64{0, 1, 2}) {
		t.Errorf("Watch told of %v uses, want 0, 1 and 2", counts)
	}
	cut, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range s.As(operator).Watch(cut, string(key.ID)) {
		cancel() // the range ends although nothing changed
	}
}

func TestUsedAllocatesNothingForAKnownClient(t *testing.T) {
	s, c := newClocked(t)
	_, k := signing(t, s)
	u := Use{Time: c.Now(), Source: netip.MustParseAddr("192.0.2.1"), UserAgent: "boto3/1.40", Operation: "GetObject", Bucket: "photos", Region: "auto"}
	s.Used(k, u)
	if n := testing.AllocsPerRun(100, func() { s.Used(k, u) }); n > 0 {
		t.Errorf("Used makes %v allocations, want 0", n)
	}
}

func BenchmarkUsed(b *testing.B) {
	s, err := Open(b.Context(), options(openStore(b, vfs.NewMem())))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	key, secret, err := s.As(operator).Create(b.Context(), ann, CreateInput{})
	if err != nil {
		b.Fatal(err)
	}
	k, err := pairOf(key, secret).match(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	u := Use{Time: noon, Source: netip.MustParseAddr("192.0.2.1"), UserAgent: "boto3/1.40 md/Botocore#1.40", Operation: "GetObject", Bucket: "photos", Region: "auto"}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.Used(k, u)
		}
	})
}

package crash_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"coffer/test/harness"
)

// pair is what a program holds of an access key.
type pair struct{ id, secret string }

// accessKey is what the command line says of an access key.
type accessKey struct {
	ID       string
	Status   string
	Current  credential
	Outgoing *credential
}

type credential struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

func (c credential) pair() pair { return pair{c.AccessKeyID, c.SecretAccessKey} }

// keyTest interrupts what operators do to access keys.
type keyTest struct {
	server *harness.Server
	object version
}

const keyTestObject = "object"

// command runs a command of keys; ok tells whether it succeeded.
func (k *keyTest) command(t *testing.T, args ...string) (got accessKey, ok bool) {
	t.Helper()
	r := k.server.Command(append([]string{"key"}, append(args, "--json")...)...)
	if r.Code != 0 {
		return got, false
	}
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
		t.Fatalf("coffer key %v printed %q: %v", args, r.Stdout, err)
	}
	for _, c := range []*credential{&got.Current, got.Outgoing} {
		if c != nil && c.SecretAccessKey != "" {
			k.server.Hide(c.SecretAccessKey)
		}
	}
	return got, true
}

// must is command where nothing is broken.
func (k *keyTest) must(t *testing.T, args ...string) accessKey {
	t.Helper()
	got, ok := k.command(t, args...)
	if !ok {
		t.Fatalf("coffer key %v did not succeed while nothing is broken", args)
	}
	return got
}

// works tells whether the pair can read the object; it is refused or it works.
func (k *keyTest) works(t *testing.T, p pair) bool {
	t.Helper()
	c := newClient(k.server, "keys")
	c.id, c.secret = p.id, p.secret
	defer c.close()
	r, err := c.do(request{method: http.MethodGet, key: keyTestObject})
	if err != nil {
		t.Fatalf("GET with %s: %v", p.id, err)
	}
	if v, err := seen(r); err == nil && v.same(k.object) {
		return true
	}
	if r.status != http.StatusForbidden {
		t.Fatalf("GET with %s = %s, want 200 or 403", p.id, r)
	}
	return false
}

// keyStep is a command on an access key, and what it makes of pairs that worked
// or did not.
type keyStep struct {
	name    string
	prepare func(*testing.T, *keyTest, accessKey) (pairs []pair)
	command func(accessKey) []string
	// before and after say of each pair whether it works.
	before, after []bool
}

var keySteps = []keyStep{
	{"Rotate", func(_ *testing.T, _ *keyTest, key accessKey) []pair { return []pair{key.Current.pair()} },
		func(key accessKey) []string { return []string{"rotate", key.ID} }, []bool{true}, []bool{true}},
	{"Confirm", rotated, func(key accessKey) []string { return []string{"confirm", key.ID, "--even-if-in-use"} }, []bool{true, true}, []bool{false, true}},
	{"Cancel", rotated, func(key accessKey) []string { return []string{"cancel", key.ID, "--even-if-in-use"} }, []bool{true, true}, []bool{true, false}},
	{"Pause", rotated, func(key accessKey) []string { return []string{"pause", key.ID} }, []bool{true, true}, []bool{false, false}},
	{"Delete", rotated, func(key accessKey) []string { return []string{"delete", key.ID} }, []bool{true, true}, []bool{false, false}},
}

// rotated begins a rotation: the old pair and the new one work.
func rotated(t *testing.T, k *keyTest, key accessKey) []pair {
	t.Helper()
	now := k.must(t, "rotate", key.ID)
	return []pair{key.Current.pair(), now.Current.pair()}
}

// state says of each pair whether it works.
func (k *keyTest) state(t *testing.T, pairs []pair) []bool {
	t.Helper()
	var all []bool
	for _, p := range pairs {
		all = append(all, k.works(t, p))
	}
	return all
}

// TestKilledAtEachSystemCallKeepsKeys interrupts commands on access keys. One that
// was answered holds for ever: no pair comes back that was ended, and none is lost
// that was given out. One that was not has happened or not, for good.
func TestKilledAtEachSystemCallKeepsKeys(t *testing.T) {
	newSeed(t)
	needTracer(t)
	k := &keyTest{server: harness.Start(t, harness.Options{})}
	c := newClient(k.server, "keys")
	makeBucket(t, c)
	k.object = mustPut(t, c, keyTestObject, content(keyTestObject, 100))
	c.close()
	for _, st := range keySteps {
		t.Run(st.name, func(t *testing.T) {
			for n := 1; n < callsMax; n++ {
				if k.interrupt(t, st, n) {
					if n < 3 {
						t.Errorf("%s makes %d system calls: nothing was interrupted", st.name, n-1)
					}
					return
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// interrupt kills the server at the n-th call of a command, and tells whether the
// command made fewer.
func (k *keyTest) interrupt(t *testing.T, st keyStep, n int) (over bool) {
	t.Helper()
	key := k.must(t, "create", "--name", st.name)
	pairs := st.prepare(t, k, key)
	if got := k.state(t, pairs); !slices.Equal(got, st.before) {
		t.Fatalf("before %s pairs work: %v, want %v", st.name, got, st.before)
	}
	tr := trace(t, k.server, traceOrder{Calls: changes, When: n, Action: traceKill})
	told, ok := k.command(t, st.command(key)...)
	hits := tr.end()
	if len(hits) > 0 {
		k.server.Kill()
		k.server.Restart()
	}
	got := k.state(t, pairs)
	if !slices.Equal(got, st.after) && (ok || !slices.Equal(got, st.before)) {
		t.Errorf("%s killed before call %q (answered: %t): pairs work: %v, want %v or %v", st.name, hits, ok, got, st.after, st.before)
	}
	if ok && st.name == "Rotate" && !k.works(t, told.Current.pair()) {
		t.Errorf("%s killed before call %q: the new pair was given out, and does not work", st.name, hits)
	}
	if len(hits) == 0 {
		if !ok {
			t.Errorf("%s while nothing is broken did not succeed", st.name)
		}
		return true
	}
	// What it turned out to be it stays.
	k.server.Kill()
	k.server.Restart()
	if again := k.state(t, pairs); !slices.Equal(again, got) {
		t.Errorf("%s killed before call %q: pairs work: %v, and after another start %v", st.name, hits, got, again)
	}
	return false
}

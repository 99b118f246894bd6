// Package attack tries the attacks of the security table on the real binary: one
// test for each family of rows, one row for each attack, named by its number.
// Every row states what is answered, and every row is looked at from outside of
// the attack: an operator reads all accounts, keys, members, links, buckets,
// objects and uploads before and after, and nothing may have changed. No answer
// may be a server error, and the server may not have restarted.
//
// It knows nothing of how the server is made. Routes are read from the console's
// table and from the OpenAPI document that the server itself hands out, so a new
// route is attacked without anybody adding it here.
package attack

import (
	"fmt"
	"strings"
	"testing"

	"coffer/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// row is one attack.
type row struct {
	id, claim string
	run       func(t *testing.T, w *world)
}

// attack runs the rows of a family against one server, one after the other.
func attack(t *testing.T, w *world, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.id+"/"+strings.ReplaceAll(r.claim, " ", "_"), func(t *testing.T) {
			looked := w.looked
			w.errors.take()
			r.run(t, w)
			if w.looked == looked {
				t.Errorf("%s never compared the state before and after", r.id)
			}
			for _, e := range w.errors.take() {
				t.Errorf("server error: %s", e)
			}
			select {
			case <-w.server.Exited():
				t.Fatal("the server has ended")
			default:
			}
			if pid := w.server.PID(); pid != w.pid {
				t.Errorf("the server has restarted: its process is %d, was %d", pid, w.pid)
			}
		})
	}
}

// unchanged runs fn and fails the test if the state afterwards is another.
func (w *world) unchanged(t *testing.T, fn func()) {
	t.Helper()
	w.looked++
	before := w.state(t)
	fn()
	after := w.state(t)
	for line := range before {
		if !after[line] {
			t.Errorf("the state lacks what was there before: %.300s", line)
		}
	}
	for line := range after {
		if !before[line] {
			t.Errorf("the state has what was not there before: %.300s", line)
		}
	}
}

// oneOf fails the test unless the answer's status is one of want.
func (a answer) oneOf(t *testing.T, call string, want ...int) {
	t.Helper()
	for _, status := range want {
		if a.status == status {
			return
		}
	}
	t.Errorf("%s = %d %.200q, want %s", call, a.status, a.body, strings.Trim(strings.ReplaceAll(fmt.Sprint(want), " ", " or "), "[]"))
}

// refused is oneOf for the usual refusals.
func (a answer) refused(t *testing.T, call string) {
	t.Helper()
	a.oneOf(t, call, 400, 403, 404)
}

// lacks fails the test if the answer, its headers included, has any of texts.
func (a answer) lacks(t *testing.T, call string, texts ...string) {
	t.Helper()
	whole := a.body + "\n" + fmt.Sprint(a.header)
	for _, text := range texts {
		if text != "" && strings.Contains(whole, text) {
			t.Errorf("%s = %d, and the answer has %.60q in it", call, a.status, text)
		}
	}
}

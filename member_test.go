package coffer_test

import (
	"crypto/rand"
	"regexp"
	"testing"

	"coffer"
)

func TestRolesAreOrdered(t *testing.T) {
	all := coffer.Roles()
	for i, a := range all {
		for j, b := range all {
			if got, want := a.AtLeast(b), i <= j; got != want {
				t.Errorf("%s.AtLeast(%s) = %v, want %v", a, b, got, want)
			}
		}
		if got, want := a.MayManageMembers(), a == coffer.RoleOwner || a == coffer.RoleAdmin; got != want {
			t.Errorf("%s.MayManageMembers() = %v, want %v", a, got, want)
		}
		if got, err := coffer.ParseRole(string(a)); err != nil || got != a {
			t.Errorf("ParseRole(%q) = %q, %v", a, got, err)
		}
	}
	for _, none := range []coffer.Role{"", "god", "Owner", "owner "} {
		if none.AtLeast(coffer.RoleReadOnly) || none.AtLeast("") || coffer.RoleOwner.AtLeast(none) {
			t.Errorf("%q, which is no role, may something or suffices for something", none)
		}
		if _, err := coffer.ParseRole(string(none)); coffer.CodeOf(err) != coffer.InvalidArgument {
			t.Errorf("ParseRole(%q) = %v, want InvalidArgument", none, err)
		}
	}
}

func TestNewMemberID(t *testing.T) {
	form := regexp.MustCompile(`^mem_[0-9a-z]{20}$`)
	seen := map[coffer.MemberID]bool{}
	for range 100 {
		id, err := coffer.NewMemberID(rand.Reader)
		if err != nil || !form.MatchString(string(id)) || seen[id] {
			t.Fatalf("NewMemberID = %q, %v, want a new one of the form %s", id, err, form)
		}
		seen[id] = true
	}
}

func TestMemberDisplayName(t *testing.T) {
	if got := (coffer.Member{Email: "a@b.c"}).DisplayName(); got != "a@b.c" {
		t.Errorf("DisplayName = %q, want the address", got)
	}
	if got := (coffer.Member{Email: "a@b.c", Name: "Ann"}).DisplayName(); got != "Ann" {
		t.Errorf("DisplayName = %q, want the name", got)
	}
}

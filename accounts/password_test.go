package accounts

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"coffer"
)

func TestPasswords(t *testing.T) {
	for _, tt := range []struct {
		name, password string
		ok             bool
	}{
		{"FourWords", "correct horse battery staple", true},
		{"Random", "kX9#vLq2mPz!", true},
		{"NoCapitalsNoDigits", "teapotviolet harbour", true},
		{"OnlyDigits", "739184620174", true},
		{"Chinese", "我的密码是一个很长的句子", true},
		{"SixtyFour", strings.Repeat("vb7Q-plm", 8), true},
		{"Long", strings.Repeat("vb7Q plm ", 100), true},
		{"SpacesCount", "  vb7Q plm   ", true},
		{"Empty", "", false},
		{"Eleven", "vb7Qplm9xK2", false},
		{"ElevenLettersOfTwoBytes", "äöüßéèêñçåø", false},
		{"TooLong", strings.Repeat("vb7Q plm ", 114), false},
		{"NoText", "vb7Qplm9xK2\xff\xfe", false},
		{"OneCharacter", "aaaaaaaaaaaaaaaa", false},
		{"FourCharacters", "abababcdcdabcd", false},
		{"Digits", "123456789012", false},
		{"DigitsDown", "987654321098", false},
		{"Alphabet", "abcdefghijklm", false},
		{"Keyboard", "qwertyuiopas", false},
		{"CommonTwice", "passwordpassword", false},
		{"ShortTwice", "vbq7x2-vbq7x2-", false},
		{"CommonAndDigits", "password2026!", false},
		{"CommonInDisguise", "P@$$w0rd!2026", false},
		{"TwoCommon", "iloveyoujessica", false},
		{"CommonAndRun", "welcome123456789", false},
		{"Product", "coffer2026!!", false},
		{"ProductAndAdmin", "Coffer-Admin-2026", false},
		{"S3", "s3s3s3bucket!2026", false},
		{"Address", "ann.smith@example.com", false},
		{"NameAndYear", "AnnSmith-1987", false},
		{"AccountName", "Acme-Widgets-26", false},
		{"ProductInASentence", "my coffer sings about violet teapots", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := checkPassword(secret(tt.password), false, "ann.smith@example.com", "Ann Smith", "Acme Widgets")
			if (err == nil) != tt.ok || err != nil && coffer.CodeOf(err) != coffer.InvalidArgument {
				t.Errorf("checkPassword(%q) = %v, want allowed %v", tt.password, err, tt.ok)
			}
			if err != nil && tt.password != "" && strings.Contains(err.Error(), tt.password) {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
	if err := checkPassword(secret("vb7Qplm9xK2!aa"), true); err == nil {
		t.Error("14 characters are enough without a second factor, want 15")
	}
}

func TestTheListIsWhatItSays(t *testing.T) {
	list := commonWords()
	if len(list) < 800 {
		t.Errorf("the list has %d words, want 800 or more", len(list))
	}
	for w := range list {
		if w != strings.ToLower(w) {
			t.Errorf("%q is not in lower case", w)
		}
	}
}

func TestAHashReadsBackAndNamesItsCost(t *testing.T) {
	h, err := newHasher(cheap, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := h.hash(t.Context(), rand.Reader, secret("x"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := h.hash(t.Context(), rand.Reader, secret("x"))
	if stored == again || !strings.HasPrefix(stored, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("hashes %q and %q, want different salts and the PHC form", stored, again)
	}
	// A hash of another cost is compared at that cost.
	h.cost.passes = 2
	for password, want := range map[string]bool{"x": true, "y": false, "X": false, "x ": false} {
		if got, err := h.matches(t.Context(), stored, secret(password)); err != nil || got != want {
			t.Errorf("matches(%q) = %v, %v, want %v", password, got, err, want)
		}
	}
	for _, bad := range []string{"x", "$argon2i$v=19$m=8,t=1,p=1$AAAA$AAAA", strings.Replace(stored, "m=8", "m=999999999", 1),
		strings.Replace(stored, "t=1", "t=0", 1), strings.Replace(stored, "p=1", "p=0", 1), stored[:len(stored)-2]} {
		if ok, err := h.matches(t.Context(), bad, secret("x")); err == nil || ok {
			t.Errorf("matches with the stored %q = %v, %v, want an error", bad, ok, err)
		}
	}
	if usualCost.memoryKiB < 19*1024 || usualCost.passes < 2 || usualCost.lanes != 1 {
		t.Errorf("usualCost = %+v, want at least 19 MiB, 2 passes, 1 lane", usualCost)
	}
}

func TestThrottle(t *testing.T) {
	now := noon
	for _, tt := range []struct {
		failed int
		want   time.Duration
	}{{0, 0}, {9, 0}, {10, time.Second}, {11, 2 * time.Second}, {14, 16 * time.Second}, {15, 30 * time.Second}, {1000, 30 * time.Second}} {
		if got := newThrottle(ruleEmail).delay(tt.failed); got != tt.want {
			t.Errorf("delay(%d) = %v, want %v", tt.failed, got, tt.want)
		}
	}
	x := newThrottle(ruleEmail)
	x.max = 100
	for range 200 {
		if x.begin("a", now) > 0 {
			now = now.Add(ruleEmail.longest)
		}
	}
	if w := x.begin("a", now); w <= 0 || w > ruleEmail.longest {
		t.Errorf("begin after many failures = %v, want a wait of at most %v", w, ruleEmail.longest)
	}
	if w := x.begin("b", now); w != 0 {
		t.Errorf("begin of another = %v, want 0", w)
	}
	// A flood of names does not free who failed often.
	for i := range 2 * x.max {
		x.begin("flood "+itoa(int64(i)), now)
	}
	if len(x.tries) > x.max {
		t.Errorf("%d names are kept, want at most %d", len(x.tries), x.max)
	}
	if w := x.begin("a", now); w <= 0 {
		t.Error("a flood of names freed one that failed often")
	}
	now = now.Add(forgetAfter + time.Second)
	if w := x.begin("a", now); w != 0 {
		t.Errorf("begin after an hour = %v, want 0", w)
	}
}

func TestNetwork(t *testing.T) {
	for source, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "192.0.2.1:5000": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64", "[2001:db8:1:2:9::4]:80": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "what": "what",
	} {
		if got := network(source); got != want {
			t.Errorf("network(%q) = %q, want %q", source, got, want)
		}
	}
}

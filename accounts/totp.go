package accounts

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"coffer"
)

const (
	// totpPeriod is a step of RFC 6238, in seconds.
	totpPeriod    = 30
	totpSeedBytes = 20
	// totpSkew is how many steps a code may be early or late.
	totpSkew = 1
)

func totpSealContext(id coffer.MemberID) string { return totpContext + string(id) }

// newTOTP makes a seed, as base32 text, and the otpauth URL that a QR code holds.
func newTOTP(rand io.Reader, issuer, email string) (seed string, link string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: issuer, AccountName: email, Period: totpPeriod, SecretSize: totpSeedBytes,
		Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1, Rand: rand,
	})
	if err != nil {
		return "", "", fmt.Errorf("make TOTP seed: %w", err)
	}
	if _, err := url.Parse(key.URL()); err != nil {
		return "", "", fmt.Errorf("make TOTP URL: %w", err)
	}
	return key.Secret(), key.URL(), nil
}

// checkTOTP returns the step that code belongs to, if it is the code of a step
// around now that comes after the last one used: a code that was seen over a
// shoulder is worth nothing.
func checkTOTP(seed, code string, now time.Time, last int64) (step int64, ok bool) {
	code = strings.Join(strings.Fields(code), "")
	middle := now.Unix() / totpPeriod
	for s := middle - totpSkew; s <= middle+totpSkew; s++ {
		want, err := hotp.GenerateCode(seed, uint64(s))
		if err != nil {
			return 0, false
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

const (
	recoveryCodes = 10
	// recoveryBytes is 120 bits, 24 characters in base32: enough for a plain hash
	// (ASVS 5, 6.5.2).
	recoveryBytes = 15
	recoveryGroup = 6
)

// newRecovery makes a set of recovery codes, and their hashes.
func newRecovery(rand io.Reader) (codes []coffer.Secret, hashes [][]byte, err error) {
	for range recoveryCodes {
		b := make([]byte, recoveryBytes)
		if _, err := io.ReadFull(rand, b); err != nil {
			return nil, nil, fmt.Errorf("read randomness: %w", err)
		}
		text := base32.StdEncoding.EncodeToString(b)
		hashes = append(hashes, recoveryHash(text))
		var groups []string
		for ; text != ""; text = text[recoveryGroup:] {
			groups = append(groups, text[:recoveryGroup])
		}
		codes = append(codes, coffer.NewSecretFrom(strings.ToLower(strings.Join(groups, "-"))))
	}
	return codes, hashes, nil
}

// recoveryHash is the hash of a code in whatever way a person typed it.
func recoveryHash(code string) []byte {
	sum := sha256.Sum256([]byte("coffer recovery code v1 " + strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))))
	return sum[:]
}

// useRecovery removes code from the codes that are left, and tells whether it was
// one of them.
func (m *member) useRecovery(code string) bool {
	hash := recoveryHash(code)
	for i, h := range m.recovery {
		if subtle.ConstantTimeCompare(h, hash) == 1 {
			m.recovery = append(m.recovery[:i:i], m.recovery[i+1:]...)
			return true
		}
	}
	return false
}

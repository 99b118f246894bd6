package accounts

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"coffer"
)

// cost is what one argon2id hash takes: memory in KiB, passes, lanes.
type cost struct {
	memoryKiB uint32
	passes    uint32
	lanes     uint8
}

// usualCost is the least that the OWASP Password Storage Cheat Sheet and ASVS 5
// appendix C name for argon2id: about 60 ms on a small machine.
var usualCost = cost{memoryKiB: 19 * 1024, passes: 2, lanes: 1}

const (
	saltBytes = 16
	hashBytes = 32

	// hashesMax bounds the memory of sign-ins: 4 × 19 MiB.
	hashesMax = 4
	// hashQueueMax is how many more may wait for one of those: about a second's
	// work. Who comes later is told that sign-in is busy.
	hashQueueMax = 64

	// Bounds on what a stored hash may ask for, so that a damaged one cannot
	// take all memory.
	memoryKiBMax = 1 << 20
	passesMax    = 64
)

// hasher hashes passwords, a few at a time.
type hasher struct {
	cost    cost
	running chan struct{}
	waiting atomic.Int32
	// dummy is the hash of no password. It is compared with where there is no
	// member, so that the answer takes as long.
	dummy string
}

func newHasher(c cost, rand io.Reader) (*hasher, error) {
	h := &hasher{cost: c, running: make(chan struct{}, hashesMax)}
	// The bytes are random and nobody hashed them: no password fits.
	random := make([]byte, saltBytes+hashBytes)
	if _, err := io.ReadFull(rand, random); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	h.dummy = format(c, random[:saltBytes], random[saltBytes:])
	return h, nil
}

// enter waits for a turn. It ends in ServiceUnavailable when too many wait.
func (h *hasher) enter(ctx context.Context) error {
	if h.waiting.Add(1) > hashQueueMax {
		h.waiting.Add(-1)
		return coffer.Errorf(coffer.ServiceUnavailable, "too many people sign in at this moment: try again in a few seconds")
	}
	defer h.waiting.Add(-1)
	select {
	case h.running <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hasher) leave() { <-h.running }

// hash returns the hash of password with a new salt, in the PHC string format.
func (h *hasher) hash(ctx context.Context, rand io.Reader, password coffer.Secret) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	c := h.cost
	return format(c, salt, argon2.IDKey([]byte(password.Reveal()), salt, c.passes, c.memoryKiB, c.lanes, hashBytes)), nil
}

// matches tells whether password is the one that stored is the hash of. An empty
// stored is nobody's, and takes as long as any.
func (h *hasher) matches(ctx context.Context, stored string, password coffer.Secret) (bool, error) {
	real := stored != ""
	if !real {
		stored = h.dummy
	}
	c, salt, want, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	text := password.Reveal()
	if len(text) > passwordBytesMax {
		// It cannot have been set; hashing it would cost what its sender likes.
		text, real = "", false
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(text), salt, c.passes, c.memoryKiB, c.lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && real, nil
}

func format(c cost, salt, hash []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, c.memoryKiB, c.passes, c.lanes, b64.EncodeToString(salt), b64.EncodeToString(hash))
}

var errHash = errors.New("the stored password hash cannot be read")

func parseHash(s string) (c cost, salt, hash []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memoryKiB, &c.passes, &c.lanes); err != nil {
		return c, nil, nil, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	hash, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(hash) != hashBytes ||
		c.memoryKiB == 0 || c.memoryKiB > memoryKiBMax || c.passes == 0 || c.passes > passesMax || c.lanes == 0 {
		return c, nil, nil, errHash
	}
	return c, salt, hash, nil
}

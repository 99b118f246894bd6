package crypt

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
)

// KMS wraps keys under master keys that are somewhere else: whoever has only what
// is stored here cannot open them.
type KMS struct {
	keepers map[string]*secrets.Keeper
	first   string
}

// ErrNoKey says that there is no master key of that name.
var ErrNoKey = errors.New("there is no such KMS key")

// OpenKMS opens master keys from a list of name=URL, separated by commas or line
// ends; the URLs are those of gocloud.dev/secrets, and which schemes there are is
// up to who imports their drivers. The first is the one to use where none is named.
// Errors never quote a URL, which can be the key itself.
func OpenKMS(ctx context.Context, list string) (*KMS, error) {
	k := &KMS{keepers: map[string]*secrets.Keeper{}}
	for entry := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == '\n' }) {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		name, url, ok := strings.Cut(entry, "=")
		name = strings.TrimSpace(name)
		if !ok || !validName(name) {
			return nil, errors.Join(fmt.Errorf("%q is not the name of a KMS key: write name=URL, "+
				"the name of 1 to 128 letters, digits and -_", before(name)), k.Close())
		}
		if _, twice := k.keepers[name]; twice {
			return nil, errors.Join(fmt.Errorf("there are two KMS keys %q", name), k.Close())
		}
		url = strings.TrimSpace(url)
		if url == "base64key://" {
			// The driver would make a key that nobody has after the next start.
			return nil, errors.Join(fmt.Errorf("the URL of the KMS key %q has no key", name), k.Close())
		}
		keeper, err := secrets.OpenKeeper(ctx, url)
		if err != nil {
			scheme, _, _ := strings.Cut(url, "://")
			return nil, errors.Join(fmt.Errorf("the KMS key %q cannot be opened: its URL of scheme %q is not right, "+
				"or there is no such scheme", name, before(scheme)), k.Close())
		}
		k.keepers[name] = keeper
		if k.first == "" {
			k.first = name
		}
	}
	return k, nil
}

// before is the beginning of a text that may hold more than it should.
func before(s string) string { return s[:min(len(s), 16)] }

func validName(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// Close closes the keys.
func (k *KMS) Close() error {
	var errs []error
	for _, keeper := range k.keepers {
		errs = append(errs, keeper.Close())
	}
	return errors.Join(errs...)
}

// Names are the names of the keys, sorted.
func (k *KMS) Names() []string {
	var names []string
	if k != nil {
		for name := range k.keepers {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Default is the name of the key to use where none is named; "" if there is none.
func (k *KMS) Default() string {
	if k == nil {
		return ""
	}
	return k.first
}

// Resolve finds the name of a key by what a client calls it: its name, an alias
// (alias/name) or an ARN that ends in key/name or alias/name. The error is ErrNoKey.
func (k *KMS) Resolve(id string) (string, error) {
	name := id
	if strings.HasPrefix(id, "arn:") {
		// arn:aws:kms:REGION:ACCOUNT:key/NAME
		parts := strings.SplitN(id, ":", 6)
		if len(parts) != 6 || parts[2] != "kms" {
			return "", ErrNoKey
		}
		name = parts[5]
		if after, ok := strings.CutPrefix(name, "key/"); ok {
			name = after
		} else if !strings.HasPrefix(name, "alias/") {
			return "", ErrNoKey
		}
	}
	name = strings.TrimPrefix(name, "alias/")
	if k == nil || k.keepers[name] == nil {
		return "", ErrNoKey
	}
	return name, nil
}

// Wrap encrypts a key under the master key of that name, bound to a context.
func (k *KMS) Wrap(ctx context.Context, name, bound string, data Key) ([]byte, error) {
	keeper, err := k.keeper(name)
	if err != nil {
		return nil, err
	}
	// Not all services take associated data: the context is inside, as a digest.
	digest := sha256.Sum256([]byte(bound))
	wrapped, err := keeper.Encrypt(ctx, append(digest[:], data.Reveal()...))
	if err != nil {
		return nil, fmt.Errorf("wrap a key under the KMS key %q: %w", name, err)
	}
	return wrapped, nil
}

// Unwrap undoes Wrap. The error is ErrNoKey, ErrDamaged, or what the service says,
// such as that it cannot be reached.
func (k *KMS) Unwrap(ctx context.Context, name, bound string, wrapped []byte) (Key, error) {
	keeper, err := k.keeper(name)
	if err != nil {
		return Key{}, err
	}
	b, err := keeper.Decrypt(ctx, wrapped)
	if err != nil {
		if gcerrors.Code(err) == gcerrors.InvalidArgument {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return Key{}, fmt.Errorf("unwrap a key under the KMS key %q: %w", name, err)
	}
	digest := sha256.Sum256([]byte(bound))
	if len(b) != len(digest)+KeyBytes || subtle.ConstantTimeCompare(b[:len(digest)], digest[:]) != 1 {
		return Key{}, fmt.Errorf("a key under the KMS key %q is of another context: %w", name, ErrDamaged)
	}
	return KeyFrom(b[len(digest):])
}

func (k *KMS) keeper(name string) (*secrets.Keeper, error) {
	if k == nil || k.keepers[name] == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoKey, name)
	}
	return k.keepers[name], nil
}

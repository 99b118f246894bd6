package meta

import "fmt"

// CheckKey returns ErrEmptyKey or ErrTooLarge for a key that no driver takes.
func CheckKey(key []byte) error {
	if len(key) == 0 {
		return ErrEmptyKey
	}
	if len(key) > KeyBytesMax {
		return fmt.Errorf("key of %d bytes, at most %d: %w", len(key), KeyBytesMax, ErrTooLarge)
	}
	return nil
}

// CheckPair returns the error of CheckKey, or ErrTooLarge for a value that no
// driver takes.
func CheckPair(key, value []byte) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if len(value) > ValueBytesMax {
		return fmt.Errorf("value of %d bytes, at most %d: %w", len(value), ValueBytesMax, ErrTooLarge)
	}
	return nil
}

// PrefixEnd returns the smallest key that is greater than every key that starts
// with prefix, or nil when there is none (prefix is empty or all 0xff), which
// is also how Iter and DeleteRange write "to the end". The result is a copy.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}

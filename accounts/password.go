package accounts

import (
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"

	"coffer"
)

const (
	// passwordMin is the length of the shortest password, in characters. NIST SP
	// 800-63B-4 asks for 8 beside a second factor and 15 alone.
	passwordMin      = 12
	passwordMinAlone = 15
	// passwordBytesMax bounds what is hashed. It is far over the 64 characters
	// that ASVS 5 6.2.9 wants allowed.
	passwordBytesMax = 1024
	// passwordRest is how much of a password must be left without the words that
	// an attacker tries first.
	passwordRest = 8
	// passwordKinds is how many different characters a password has at least.
	passwordKinds = 5
)

// common.txt has the words that most guessed passwords are built from. A list of
// whole passwords would be of little use at passwordMin: of the thousand most
// frequent ones, none is that long.
//
//go:embed common.txt
var commonText string

// productWords are about what runs here, for anyone to guess.
var productWords = []string{"coffer", "console", "bucket", "object", "storage", "admin", "root", "access", "secret", "s3"}

// checkPassword tells what is wrong with a password that a person chose, as
// InvalidArgument: too short or long, a common one, or made of words that are
// known of the person. alone says that it is all that stands before the account.
// There are no rules on which kinds of characters it has (ASVS 5, 6.2.5).
func checkPassword(password coffer.Secret, alone bool, known ...string) error {
	p := password.Reveal()
	least := passwordMin
	if alone {
		least = passwordMinAlone
	}
	n := utf8.RuneCountInString(p)
	switch {
	case !utf8.ValidString(p):
		return coffer.Errorf(coffer.InvalidArgument, "the password is not text in UTF-8")
	case n < least:
		return coffer.Errorf(coffer.InvalidArgument, "the password has %d characters: it needs at least %d. A few words in a row are easy to remember", n, least)
	case len(p) > passwordBytesMax:
		return coffer.Errorf(coffer.InvalidArgument, "the password is longer than %d bytes", passwordBytesMax)
	}
	kinds := map[rune]bool{}
	for _, r := range p {
		kinds[r] = true
	}
	if len(kinds) < passwordKinds {
		return coffer.Errorf(coffer.InvalidArgument, "the password has only %d different characters: choose another one", len(kinds))
	}
	lower := strings.ToLower(p)
	if common(lower) {
		return coffer.Errorf(coffer.InvalidArgument, "the password is one of those that are tried first: choose another one")
	}
	rest, found := without(lower, append(contextWords(known), productWords...))
	if found && (letters(rest) < passwordRest || common(rest)) {
		return coffer.Errorf(coffer.InvalidArgument,
			"the password is made of words that are easy to guess here, such as names or the name of this program: choose another one")
	}
	return nil
}

// common tells whether p is a common password, two that are put together, or a
// short one twice; also in disguise: with digits and signs around it, with
// look-alikes for letters.
func common(p string) bool {
	list := commonWords()
	core := strings.TrimFunc(p, notLetter)
	for _, b := range []string{p, core, plain(p), plain(core), strings.TrimFunc(plain(core), notLetter)} {
		// A long enough number around a word is no disguise.
		if len(b) < 3 || len(p)-len(b) > passwordRest {
			continue
		}
		if list[b] || isRun(b) {
			return true
		}
		for i := range b {
			head, tail := b[:i], b[i:]
			if head == tail && len(head) < passwordRest || list[head] && list[tail] {
				return true
			}
		}
	}
	return false
}

// commonWords is the list as a set. It is built anew each time: passwords are set
// rarely.
func commonWords() map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(commonText) {
		set[w] = true
	}
	return set
}

// plain undoes the usual replacements of letters, and drops what is no letter
// and no digit.
func plain(p string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '0':
			return 'o'
		case '1', '!', '|':
			return 'i'
		case '3':
			return 'e'
		case '4', '@':
			return 'a'
		case '5', '$':
			return 's'
		case '7':
			return 't'
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return r
	}, p)
}

// isRun tells whether p walks along the digits, the alphabet or a row of keys,
// from wherever and in either direction.
func isRun(p string) bool {
	for _, line := range []string{"0123456789", "1234567890", "abcdefghijklmnopqrstuvwxyz",
		"qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn"} {
		round := strings.Repeat(line, 1+len(p)/len(line)+1)
		if strings.Contains(round, p) || strings.Contains(round, reversed(p)) {
			return true
		}
	}
	return false
}

func reversed(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// contextWords cuts what is known of a person into words: names, an address.
func contextWords(known []string) []string {
	var words []string
	for _, k := range known {
		words = append(words, strings.FieldsFunc(strings.ToLower(k), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})...)
	}
	return words
}

// without removes the words from p, and tells whether there were any. Words of
// one or two letters are too frequent to mean anything, but for the last of the
// product's.
func without(p string, words []string) (rest string, found bool) {
	for _, w := range words {
		if utf8.RuneCountInString(w) < 3 && w != "s3" {
			continue
		}
		if strings.Contains(p, w) {
			p, found = strings.ReplaceAll(p, w, ""), true
		}
	}
	return p, found
}

// letters counts the letters of p, and digits as half of one; signs around a word
// add nothing.
func letters(p string) int {
	halves := 0
	for _, r := range p {
		switch {
		case unicode.IsLetter(r):
			halves += 2
		case unicode.IsDigit(r):
			halves++
		}
	}
	return halves / 2
}

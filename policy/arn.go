package policy

import (
	"errors"
	"fmt"
	"strings"
)

// arnParts is how many parts an ARN has: arn:partition:service:region:account:resource.
// Only the last may have colons of its own.
const arnParts = 6

// arnPattern is an ARN with wildcards. Each part is compared with its own part,
// so that a wildcard does not reach over a colon into the next one (IAM User
// Guide, "IAM JSON policy elements: Resource").
type arnPattern struct {
	text  string
	all   bool // *: whatever it is, also nothing
	parts [arnParts]pattern
}

// splitARN cuts an ARN into its parts; all are empty if s is none.
func splitARN(s string) (parts [arnParts]string, ok bool) {
	rest := s
	for i := range arnParts - 1 {
		parts[i], rest, ok = strings.Cut(rest, ":")
		if !ok {
			return [arnParts]string{}, false
		}
	}
	parts[arnParts-1] = rest
	if parts[0] != "arn" {
		return [arnParts]string{}, false
	}
	return parts, true
}

// compileARN reads a pattern of an ARN. Colons within variables do not separate.
func compileARN(text string, x syntax) (arnPattern, error) {
	a := arnPattern{text: text}
	if text != "" && strings.Trim(text, "*") == "" {
		a.all = true
		return a, nil
	}
	rest := text
	for i := range arnParts {
		end := len(rest)
		if i < arnParts-1 {
			end = colon(rest, x)
			if end < 0 {
				return arnPattern{}, fmt.Errorf("%.100q is not an ARN: write six parts with colons between, as arn:aws:s3:::bucket/*", text)
			}
		}
		var err error
		if a.parts[i], err = compile(rest[:end], x); err != nil {
			return arnPattern{}, err
		}
		rest = rest[min(end+1, len(rest)):]
	}
	if a.parts[0].text != "arn" {
		return arnPattern{}, fmt.Errorf("%.100q does not begin as an ARN, with arn: and five more parts", text)
	}
	return a, nil
}

// colon finds the first colon that is not within a variable; -1 if there is none.
func colon(s string, x syntax) int {
	for i := 0; i < len(s); i++ {
		if x.variables && strings.HasPrefix(s[i:], "${") {
			_, n, err := parseVariable(s[i:])
			if err != nil {
				return -1
			}
			i += n - 1
		} else if s[i] == ':' {
			return i
		}
	}
	return -1
}

// checkResource refuses variables before the last part, where they may not stand.
func (a *arnPattern) checkResource() error {
	for i := range arnParts - 1 {
		if a.parts[i].variables {
			return errors.New("a variable may stand only after the fifth colon of a resource")
		}
	}
	return nil
}

// match compares an ARN that has been cut; resolved as for pattern.match.
func (a *arnPattern) match(arn *[arnParts]string, q *Request) (ok, resolved bool) {
	if a.all {
		return true, true
	}
	if arn[0] == "" {
		return false, true
	}
	for i := arnParts - 1; i >= 0; i-- {
		if ok, resolved := a.parts[i].match(arn[i], q); !ok {
			return false, resolved
		}
	}
	return true, true
}

// fixed tells whether the pattern stands for one ARN only.
func (a *arnPattern) fixed() bool {
	if a.all {
		return false
	}
	for i := range a.parts {
		if !a.parts[i].fixed() {
			return false
		}
	}
	return true
}

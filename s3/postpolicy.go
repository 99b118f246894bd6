package s3

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"coffer"
)

// postPolicy is what the maker of a form lets others send with it (AWS, "POST
// policy").
type postPolicy struct {
	expires    time.Time
	conditions []postCondition
	sized      bool // min and max count
	min, max   int64
}

// postCondition is what a field must be; prefix tells that it must only begin so.
type postCondition struct {
	field  string // in lower case, without $; "" if no form meets the condition
	prefix bool
	value  string // of one that no form meets the whole, as it was written
}

// unmet is a condition that says nothing that a form could meet. AWS takes it, and
// every form fails it.
func unmet(list []any) postCondition {
	var text strings.Builder
	for i, v := range list {
		if i > 0 {
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, `"%v"`, v)
	}
	return postCondition{value: "[" + text.String() + "]"}
}

// String writes the condition as AWS does when it does not hold.
func (c postCondition) String() string {
	if c.field == "" {
		return c.value
	}
	op := "eq"
	if c.prefix {
		op = "starts-with"
	}
	return `["` + op + `", "$` + c.field + `", "` + c.value + `"]`
}

// holds tells whether a value meets the condition. A list of content types meets
// it if each of them does.
func (c postCondition) holds(value string) bool {
	if !c.prefix {
		return value == c.value
	}
	if c.field == "content-type" {
		for v := range strings.SplitSeq(value, ",") {
			if !strings.HasPrefix(strings.TrimSpace(v), c.value) {
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(value, c.value)
}

func badPolicy(format string, args ...any) error {
	return coffer.Errorf(coffer.InvalidPolicyDocument, "Invalid Policy: "+format, args...)
}

// parsePostPolicy reads the policy field of a form.
func parsePostPolicy(field string) (postPolicy, error) {
	var p postPolicy
	text, err := base64.StdEncoding.DecodeString(field)
	if err != nil {
		return p, badPolicy("Invalid Base64 encoding.")
	}
	var top map[string]json.RawMessage
	text = jsonOfPolicy(text)
	if err := json.Unmarshal(text, &top); err != nil || top == nil {
		return p, badPolicy("Invalid JSON.")
	}
	if name := repeatedName(text); name != "" {
		return p, badPolicy("'%s' is there more than once.", name)
	}
	for name := range top {
		// Names count by case here, as with AWS.
		if name != "expiration" && name != "conditions" {
			return p, badPolicy("Unexpected: '%s'", name)
		}
	}
	var expiration *string
	if err := json.Unmarshal(top["expiration"], &expiration); err != nil || expiration == nil {
		return p, badPolicy("Policy missing expiration.")
	}
	if p.expires, err = time.Parse(time.RFC3339, *expiration); err != nil {
		return p, badPolicy("Invalid 'expiration' value: '%s'", *expiration)
	}
	var list []json.RawMessage
	if _, ok := top["conditions"]; !ok {
		return p, badPolicy("Policy missing conditions.")
	}
	if err := json.Unmarshal(top["conditions"], &list); err != nil || list == nil {
		return p, badPolicy("Invalid 'conditions' value: must be a List.")
	}
	for _, raw := range list {
		if err := p.add(raw); err != nil {
			return p, err
		}
	}
	return p, nil
}

// repeatedName returns a name that a JSON object has twice, or "". Whoever made
// the policy may have been shown the other of the two values.
func repeatedName(object []byte) string {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return ""
	}
	seen := map[any]bool{}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return ""
		}
		if seen[name] {
			return fmt.Sprint(name)
		}
		seen[name] = true
	}
	return ""
}

// jsonOfPolicy turns the two escapes that AWS documents for policies and JSON
// does not have, \$ and \v, into what JSON has for them.
func jsonOfPolicy(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		switch i++; text[i] {
		case '$':
			out = append(out, '$')
		case 'v':
			out = append(out, `\u000b`...)
		default:
			out = append(out, '\\', text[i])
		}
	}
	return out
}

// add reads one condition: {"field": "value"}, ["eq" or "starts-with", "$field",
// "value"], or ["content-length-range", min, max].
func (p *postPolicy) add(raw json.RawMessage) error {
	var simple map[string]any
	if json.Unmarshal(raw, &simple) == nil && simple != nil {
		if len(simple) != 1 || repeatedName(raw) != "" {
			return badPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
		}
		for name, v := range simple {
			value, ok := v.(string)
			if !ok {
				return badPolicy("Invalid Simple-Condition: value must be a string.")
			}
			p.conditions = append(p.conditions, postCondition{field: strings.ToLower(name), value: value})
		}
		return nil
	}
	var list []any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&list); err != nil || len(list) == 0 {
		return badPolicy("Invalid Condition: must be a List or an Object.")
	}
	op, ok := list[0].(string)
	if !ok {
		return badPolicy("Invalid Condition: the first entry must be a string.")
	}
	switch op = strings.ToLower(op); op {
	case "content-length-range":
		return p.addRange(list)
	case "eq", "starts-with":
		if len(list) != 3 {
			return badPolicy("Invalid Condition: wrong number of arguments.")
		}
		field, ok1 := list[1].(string)
		value, ok2 := list[2].(string)
		name, ok3 := strings.CutPrefix(field, "$")
		if !ok1 || !ok2 || field == "" || name == "" {
			return badPolicy("Invalid Condition: expected [\"%s\", \"$field\", \"value\"].", op)
		}
		if !ok3 {
			p.conditions = append(p.conditions, unmet([]any{op, field, value}))
			return nil
		}
		p.conditions = append(p.conditions, postCondition{field: strings.ToLower(name), prefix: op == "starts-with", value: value})
		return nil
	}
	return badPolicy("Invalid Condition: unknown operation '%s'.", op)
}

func (p *postPolicy) addRange(list []any) error {
	if len(list) != 3 {
		return badPolicy("Invalid content-length-range: wrong number of arguments.")
	}
	if isWord(list[1]) || isWord(list[2]) {
		p.conditions = append(p.conditions, unmet(list))
		return nil
	}
	low, ok1 := sizeOf(list[1])
	high, ok2 := sizeOf(list[2])
	if !ok1 || !ok2 || low > high {
		return badPolicy("Invalid content-length-range: the range must be of two numbers that are not negative, the smaller one first.")
	}
	if p.sized {
		// Both hold.
		low, high = max(low, p.min), min(high, p.max)
	}
	p.sized, p.min, p.max = true, low, high
	return nil
}

// isWord tells whether a bound of a range is a string that is no number.
func isWord(v any) bool {
	text, ok := v.(string)
	if !ok {
		return false
	}
	_, err := strconv.ParseInt(text, 10, 64)
	return err != nil
}

// sizeOf reads a number, which some clients write as a string.
func sizeOf(v any) (int64, bool) {
	text, ok := v.(string)
	if n, isNumber := v.(json.Number); isNumber {
		text, ok = n.String(), true
	}
	if !ok || text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// check applies the policy to the fields of a form that goes to bucket, at a time.
// How long the file is, only its end tells: see sizedFile.
func (p postPolicy) check(f postFields, bucket coffer.BucketName, now time.Time) error {
	if !now.Before(p.expires) {
		return coffer.Errorf(coffer.AccessDenied, "Invalid according to Policy: Policy expired.")
	}
	covered := map[string]bool{}
	for _, c := range p.conditions {
		covered[c.field] = true
		value, ok := f.get(c.field)
		if c.field == "bucket" {
			value, ok = string(bucket), true
		}
		if c.field == "" || !ok || !c.holds(value) {
			return coffer.Errorf(coffer.AccessDenied, "Invalid according to Policy: Policy Condition failed: %s", c)
		}
	}
	var extra []string
	for name := range f {
		if !covered[name] && name != "policy" && name != "x-amz-signature" && !strings.HasPrefix(name, "x-ignore-") {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		slices.Sort(extra)
		return coffer.Errorf(coffer.AccessDenied, "Invalid according to Policy: Extra input fields: %s", strings.Join(extra, ", "))
	}
	return nil
}

// sizedFile is a file that must be as long as the policy says.
type sizedFile struct {
	io.Reader
	policy postPolicy
	n      int64
}

func (s *sizedFile) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	s.n += int64(n)
	switch {
	case s.n > s.policy.max:
		return 0, (&coffer.Error{Code: coffer.EntityTooLarge}).
			With("ProposedSize", strconv.FormatInt(s.n, 10)).With("MaxSizeAllowed", strconv.FormatInt(s.policy.max, 10))
	case err == io.EOF && s.n < s.policy.min:
		return 0, (&coffer.Error{Code: coffer.EntityTooSmall}).
			With("ProposedSize", strconv.FormatInt(s.n, 10)).With("MinSizeAllowed", strconv.FormatInt(s.policy.min, 10))
	}
	return n, err
}

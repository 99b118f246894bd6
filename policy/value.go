package policy

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// value is one value of a condition, ready to be compared. Which field counts is
// told by the operator's family.
type value struct {
	text    string // as written; of bytes as decoded
	pattern pattern
	arn     arnPattern
	number  float64
	date    time.Time
	network netip.Prefix
	truth   bool
}

// compileValue reads a value as the operator needs it.
func compileValue(op operator, text string, variables bool) (value, error) {
	v := value{text: text}
	x := syntax{wild: op.wild, variables: variables, fold: op.fold}
	var err error
	ok := true
	switch op.family {
	case byText:
		v.pattern, err = compile(text, x)
	case byARN:
		v.arn, err = compileARN(text, x)
	case byNumber:
		if v.number, ok = parseNumber(text); !ok {
			err = fmt.Errorf("%.100q is not a number", text)
		}
	case byDate:
		if v.date, ok = parseDate(text); !ok {
			err = fmt.Errorf("%.100q is not a date: write 2030-01-31T12:00:00Z, 2030-01-31, or seconds since 1970", text)
		}
	case byBool, byPresence:
		if v.truth, ok = parseBool(text); !ok {
			err = fmt.Errorf("%.100q is not true or false", text)
		}
	case byBytes:
		var b []byte
		if b, err = base64.StdEncoding.DecodeString(text); err != nil {
			err = fmt.Errorf("%.100q is not base64", text)
		}
		v.text = string(b)
	case byNetwork:
		if v.network, ok = parseNetwork(text); !ok {
			err = fmt.Errorf("%.100q is not an address or a network: write 203.0.113.0/24 or 2001:db8::/32", text)
		}
	default:
		err = errors.New("the operator compares nothing")
	}
	return v, err
}

// match compares a value of the request with v, without negation; resolved as
// for pattern.match. What the request gives in a wrong form equals nothing.
func (v *value) match(op *operator, given string, q *Request) (ok, resolved bool) {
	if q.spend(perValue); q.exhausted() {
		return false, false
	}
	switch op.family {
	case byNumber, byDate, byNetwork:
		q.spend(perParsed * len(given))
	}
	switch op.family {
	case byText:
		return v.pattern.match(given, q)
	case byARN:
		parts, _ := splitARN(given)
		return v.arn.match(&parts, q)
	case byNumber:
		n, ok := parseNumber(given)
		return ok && op.order.holds(cmp.Compare(n, v.number)), true
	case byDate:
		t, ok := parseDate(given)
		return ok && op.order.holds(t.Compare(v.date)), true
	case byBool:
		b, ok := parseBool(given)
		return ok && b == v.truth, true
	case byBytes:
		return given == v.text, true
	case byNetwork:
		addr, err := netip.ParseAddr(given)
		return err == nil && v.network.Contains(addr.Unmap().WithZone("")), true
	}
	return false, true
}

// fixed tells whether the value stands for one text, ARN or network only.
func (v *value) fixed(op *operator) bool {
	switch op.family {
	case byText:
		// A wildcard is one to a reader, whatever the operator makes of it.
		return v.pattern.fixed() && !strings.ContainsAny(v.text, "*?")
	case byARN:
		return v.arn.fixed()
	case byNetwork:
		return true
	}
	return false
}

// parseNumber takes integers and decimals (not hexadecimal, nor Inf and NaN).
func parseNumber(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// parseDate takes the forms of ISO 8601 that the W3C's note "Date and Time
// Formats" names down to days, and seconds since 1970. Four digits alone could
// be either, and are refused.
func parseDate(s string) (time.Time, bool) {
	if s != "" && len(s) != 4 && len(s) < 16 && strings.Trim(s, "0123456789") == "" {
		n, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(n, 0), err == nil
	}
	for _, form := range [...]string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01"} {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func parseBool(s string) (truth, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parseNetwork takes an address or a network, of either IP version. An IPv4
// address within IPv6 is the IPv4 address.
func parseNetwork(s string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == ""
	}
	network, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if addr := network.Addr(); addr.Is4In6() {
		if network.Bits() < 96 {
			return netip.Prefix{}, false
		}
		network = netip.PrefixFrom(addr.Unmap(), network.Bits()-96)
	}
	return network.Masked(), true
}

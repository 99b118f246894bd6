package objects

import (
	"fmt"
	"strings"

	"coffer"
	"coffer/meta"
)

const bucketCORSVersion = 1

// encodeBucketCORS writes one field for each rule, which is a record of its own.
func encodeBucketCORS(rules []coffer.CORSRule) []byte {
	r := meta.NewRecord(bucketCORSVersion)
	for _, rule := range rules {
		r.Blob(1, encodeCORSRule(rule))
	}
	return r.Bytes()
}

func encodeCORSRule(rule coffer.CORSRule) []byte {
	r := meta.NewRecord(bucketCORSVersion)
	r.Text(1, rule.ID)
	for i, list := range [...][]string{rule.Origins, rule.Methods, rule.Headers, rule.Expose} {
		for _, s := range list {
			// The NUL keeps an empty text, which a record would leave out.
			r.Text(2+i, s+"\x00")
		}
	}
	r.Int(6, int64(rule.MaxAgeSeconds)+1)
	return r.Bytes()
}

func decodeBucketCORS(value []byte) ([]coffer.CORSRule, error) {
	var rules []coffer.CORSRule
	err := meta.ReadRecord(value, bucketCORSVersion, func(f meta.Field) error {
		if f.Number != 1 {
			return f.Unknown()
		}
		rule, err := decodeCORSRule(f.Blob())
		rules = append(rules, rule)
		return err
	})
	if err == nil {
		err = coffer.CheckCORSRules(rules)
	}
	if err != nil {
		return nil, fmt.Errorf("bucket CORS record: %v", err) // its code, if any, is not the caller's
	}
	return rules, nil
}

func decodeCORSRule(value []byte) (coffer.CORSRule, error) {
	rule := coffer.CORSRule{MaxAgeSeconds: -1}
	err := meta.ReadRecord(value, bucketCORSVersion, func(f meta.Field) error {
		lists := [...]*[]string{&rule.Origins, &rule.Methods, &rule.Headers, &rule.Expose}
		switch {
		case f.Number == 1:
			rule.ID = f.Text()
		case 2 <= f.Number && f.Number < 2+len(lists):
			s, ok := strings.CutSuffix(f.Text(), "\x00")
			if !ok {
				return fmt.Errorf("field %d has no end", f.Number)
			}
			*lists[f.Number-2] = append(*lists[f.Number-2], s)
		case f.Number == 6:
			rule.MaxAgeSeconds = int(f.Int() - 1)
		default:
			return f.Unknown()
		}
		return nil
	})
	return rule, err
}

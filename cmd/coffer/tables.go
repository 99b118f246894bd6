package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"coffer"
)

// A setting of tables is several things with the same fields: in a configuration
// file [[NAME]] for each, elsewhere name=a;url=b for each, with spaces or line ends
// between them. Its text may hold secrets and is never shown.

// tablesText turns the tables of a configuration file into the text that the other
// sources give.
func tablesText(tables []map[string]any) (string, error) {
	var lines []string
	for _, table := range tables {
		var fields []string
		for _, name := range slices.Sorted(maps.Keys(table)) {
			value, ok := table[name].(string)
			if !ok {
				return "", fmt.Errorf("%s takes a text in quotes", name)
			}
			if strings.ContainsAny(value, "; \t\r\n") {
				return "", fmt.Errorf("%s has a space or a semicolon in it", name)
			}
			fields = append(fields, name+"="+value)
		}
		lines = append(lines, strings.Join(fields, ";"))
	}
	return strings.Join(lines, "\n"), nil
}

// parseTables reads the fields of each thing into set, which refuses a name that it
// does not know.
func parseTables(text string, begin func() (set map[string]func(string), check func() error)) error {
	for line := range strings.FieldsSeq(text) {
		set, check := begin()
		seen := map[string]bool{}
		for field := range strings.SplitSeq(line, ";") {
			if field == "" {
				continue
			}
			name, value, ok := strings.Cut(field, "=")
			if !ok {
				return errors.New("write it as name=NAME;url=URL, with a space before the next one")
			}
			if set[name] == nil || seen[name] {
				return fmt.Errorf("the field %q is not known, or given twice: there are %s", name, strings.Join(slices.Sorted(maps.Keys(set)), ", "))
			}
			seen[name] = true
			if base, isFile := strings.CutSuffix(name, "_file"); isFile {
				content, err := readSettingFile(value)
				if err != nil {
					return err
				}
				seen[base], value = true, content
			}
			set[name](value)
		}
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// tables makes a setting of them; shown has each without what must not be shown.
func tables(name, usage string, set func(v *values, text string) error, shown func(*values) []string) setting {
	return setting{name: name, kind: kindTables, usage: usage, file: true, empty: "none", set: set,
		get: func(v *values) string { return strings.Join(shown(v), " ") }}
}

func shownWebhooks(v *values) (shown []string) {
	for _, w := range v.Webhooks {
		shown = append(shown, "name="+w.Name+";url="+w.Origin())
	}
	return shown
}

// origin is an address without what may be a secret in it.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func setWebhooks(v *values, text string) error {
	v.Webhooks = nil
	return parseTables(text, func() (map[string]func(string), func() error) {
		w := coffer.Webhook{}
		secret := func(s string) { w.Secret = coffer.NewSecretFrom(s) }
		url := func(s string) { w.URL = coffer.NewSecretFrom(s) }
		return map[string]func(string){
				"name": func(s string) { w.Name = s }, "url": url, "url_file": url, "secret": secret, "secret_file": secret,
				"account": func(s string) { w.Account = coffer.AccountID(s) },
			}, func() error {
				v.Webhooks = append(v.Webhooks, w)
				return nil // a server that starts checks them
			}
	})
}

func setTargets(v *values, text string) error {
	v.ReplicationTargets = nil
	return parseTables(text, func() (map[string]func(string), func() error) {
		t := coffer.ReplicationTarget{}
		secret := func(s string) { t.Secret = coffer.NewSecretFrom(s) }
		return map[string]func(string){
				"name": func(s string) { t.Name = s }, "endpoint": func(s string) { t.Endpoint = s }, "region": func(s string) { t.Region = s },
				"access_key_id": func(s string) { t.AccessKeyID = s }, "secret": secret, "secret_file": secret,
				"account": func(s string) { t.Account = coffer.AccountID(s) },
			}, func() error {
				v.ReplicationTargets = append(v.ReplicationTargets, t)
				return nil // a server that starts checks them
			}
	})
}

func shownTargets(v *values) (shown []string) {
	for _, t := range v.ReplicationTargets {
		shown = append(shown, "name="+t.Name+";endpoint="+origin(t.Endpoint)+";account="+string(t.Account))
	}
	return shown
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"coffer"
	"coffer/api"
	"coffer/scopes"
)

// scopeFlags say what a key may do.
type scopeFlags struct {
	preset            string
	buckets, prefixes []string
	file              string
	everything        bool
}

func addScopeFlags(flags *pflag.FlagSet) *scopeFlags {
	s := &scopeFlags{}
	var presets []string
	for _, p := range coffer.Presets() {
		presets = append(presets, string(p))
	}
	flags.StringVar(&s.preset, "preset", "", "what the key may do: `PRESET` is one of "+strings.Join(presets, ", "))
	flags.StringSliceVar(&s.buckets, "bucket", nil, "with --preset: only in this `BUCKET`; may end in *, may be repeated")
	flags.StringSliceVar(&s.prefixes, "prefix", nil, "with --preset: only keys below this `PREFIX`; may be repeated")
	flags.StringVar(&s.file, "scope-file", "", "the scope as JSON, or as an IAM policy, in a `FILE`, - for standard input")
	flags.BoolVar(&s.everything, "everything", false, "everything in the account, keys included")
	return s
}

// notEmpty refuses flags that are there and say nothing, as --bucket "$BUCKET" does
// where the variable is not set: without them there would be no restriction.
func notEmpty(cmd *cobra.Command, flags ...string) error {
	for _, name := range flags {
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		empty := f.Value.String() == ""
		if list, ok := f.Value.(pflag.SliceValue); ok {
			empty = len(list.GetSlice()) == 0
		}
		if empty {
			return usagef("--%s is empty: leave it out, or give it a value", name)
		}
	}
	return nil
}

// given tells how many ways of saying a scope were used.
func (s *scopeFlags) given() int {
	n := 0
	for _, set := range []bool{s.preset != "", s.file != "", s.everything} {
		if set {
			n++
		}
	}
	return n
}

// scope is what the flags say; nil is everything.
func (a *app) scope(cmd *cobra.Command, s *scopeFlags) (*coffer.Scope, error) {
	if err := notEmpty(cmd, "preset", "bucket", "prefix", "scope-file"); err != nil {
		return nil, err
	}
	switch {
	case s.given() > 1:
		return nil, usagef("--preset, --scope-file and --everything are three ways to say a scope: choose one")
	case s.preset == "" && len(s.buckets)+len(s.prefixes) > 0:
		return nil, usagef("--bucket and --prefix need --preset: see %s --help", cmd.CommandPath())
	case s.preset != "":
		scope, err := coffer.ParseScope(coffer.Scope{Grants: []coffer.Grant{
			{Preset: coffer.Preset(s.preset), Buckets: s.buckets, Prefixes: s.prefixes}}})
		if err != nil {
			return nil, usagef("%w", err)
		}
		return scope, nil
	case s.file == "":
		return nil, nil
	}
	text, err := a.readInput(s.file)
	if err != nil {
		return nil, usagef("read the scope from %s: %w", s.file, pathReason(err))
	}
	var policy struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(text), &policy); err == nil && policy.Statement != nil {
		scope, err := scopes.FromPolicy(strings.TrimSpace(text))
		if err != nil {
			return nil, usagef("the policy in %s: %w", s.file, err)
		}
		return scope, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var raw struct {
		Grants *[]coffer.Grant `json:"grants"`
	}
	if err := d.Decode(&raw); err != nil {
		return nil, usagef(`the scope in %s is not as {"grants":[{"preset":"read-only","buckets":["photos"]}]}, nor a policy as {"Version":"2012-10-17","Statement":[…]}: %w`, s.file, err)
	}
	// A file without grants would mean nothing or everything: neither was said.
	if raw.Grants == nil {
		return nil, usagef("the scope in %s has no grants", s.file)
	}
	scope, err := coffer.ParseScope(coffer.Scope{Grants: *raw.Grants})
	if err != nil {
		return nil, usagef("%w", err)
	}
	return scope, nil
}

// readInput reads a file in bounds, or standard input for -.
func (a *app) readInput(path string) (string, error) {
	if path != "-" {
		return readBounded(path)
	}
	b, err := io.ReadAll(io.LimitReader(a.stdin, settingFileMax+1))
	if err == nil && len(b) > settingFileMax {
		err = fmt.Errorf("it has more than %d bytes", settingFileMax)
	}
	return string(b), err
}

func (a *app) keyScopeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scope HANDLE",
		Short: "Show or change what an access key may do",
		Long:  "Show what an access key may do, or change it, from the next request on.",
		Example: "  coffer key scope CFAK0123456789ABCDEF\n" +
			"  coffer key scope CFAK0123456789ABCDEF --preset read-only --bucket photos --prefix 2024/\n" +
			"  coffer key scope CFAK0123456789ABCDEF --json > scope.json\n" +
			"  coffer key scope CFAK0123456789ABCDEF --scope-file scope.json\n" +
			"  coffer key scope CFAK0123456789ABCDEF --policy > policy.json\n" +
			"  coffer key scope CFAK0123456789ABCDEF --scope-file policy.json",
		Args: oneArgument("a key's ID or an Access Key ID"),
	}
	flags := addScopeFlags(cmd.Flags())
	asJSON := cmd.Flags().Bool("json", false, "print the scope as JSON, null for everything")
	asPolicy := cmd.Flags().Bool("policy", false, "print the scope as an IAM policy")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		scope, err := a.scope(cmd, flags)
		if err != nil {
			return err
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		var key api.Key
		if flags.given() == 0 {
			key, err = c.GetKey(cmd.Context(), args[0])
		} else {
			key, err = c.SetKeyScope(cmd.Context(), args[0], scope)
		}
		switch {
		case err != nil:
			return err
		case *asJSON:
			return writeJSON(a.stdout, key.Scope)
		case *asPolicy:
			return a.print(scopes.Policy(key.Scope))
		}
		return a.print(scopeWords(key.Scope) + "\n")
	}
	return cmd
}

// print writes text to standard output.
func (a *app) print(text string) error {
	_, err := io.WriteString(a.stdout, text)
	return err
}

// parseWhen reads a time, or a time from now on: 90d, 12h, 30m. "" and never are
// zero.
func parseWhen(flag, text string, now time.Time) (time.Time, error) {
	if text == "" || text == "never" {
		return time.Time{}, nil
	}
	if d, err := parseSpan(text); err == nil {
		return now.Add(d).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.IsZero() {
		return t, usagef("--%s is %q: write it as 90d, 12h, or 2027-01-31T00:00:00Z", flag, text)
	}
	return t, nil
}

// parseSpan reads a duration, of days too.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		d, err := time.ParseDuration(days + "h")
		if err == nil && d > 0 && d < 100_000*time.Hour {
			return 24 * d, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = fmt.Errorf("%q is negative", text)
	}
	return d, err
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "config",
		Short: "Show the settings",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	show := &cobra.Command{
		Use:   "show",
		Short: "Show the settings that serve would use, as a configuration file",
		Long: "Show the settings that serve would use with the same flags, environment and\n" +
			"configuration file, in the form of a configuration file. Flags count more than COFFER_\n" +
			"variables, and those more than the file: --config, else $COFFER_CONFIG, else\n" +
			"$XDG_CONFIG_HOME/coffer/config.toml (or ~/.config), else /etc/coffer/config.toml.\n" +
			"Secrets are never shown.",
		Example: "  coffer config show > config.toml\n  coffer config show --origin",
		Args:    noArguments,
	}
	origin := show.Flags().Bool("origin", false, "say where each value comes from")
	asJSON := show.Flags().Bool("json", false, "print JSON")
	show.RunE = func(cmd *cobra.Command, _ []string) error {
		shown, err := a.shownSettings(cmd)
		switch {
		case err != nil:
			return err
		case *asJSON:
			return writeJSON(a.stdout, map[string]any{"settings": shown})
		case *origin:
			return writeOrigins(a.stdout, shown)
		}
		return writeTOML(a.stdout, shown)
	}
	addSettingFlags(show.Flags())
	group.AddCommand(show)
	return group
}

// shownSetting is one setting as it is shown: of a secret only that it is there.
type shownSetting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"`

	setting *setting
}

func (a *app) shownSettings(cmd *cobra.Command) ([]shownSetting, error) {
	v, found, err := a.load(cmd)
	if err != nil {
		return nil, err
	}
	var out []shownSetting
	for i := range settings {
		s := &settings[i]
		shown := shownSetting{Name: s.name, Value: s.get(&v), Origin: "default", setting: s}
		if g, ok := found[s.name]; ok {
			shown.Origin = g.origin
		}
		out = append(out, shown)
	}
	return out, nil
}

func writeOrigins(w io.Writer, shown []shownSetting) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range shown {
		value := s.Value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.Name, value, s.Origin)
	}
	return t.Flush()
}

// writeTOML writes what load reads back to the same settings; what is not set,
// and what must not be shown, is a comment.
func writeTOML(w io.Writer, shown []shownSetting) error {
	var b strings.Builder
	for _, s := range shown {
		value := tomlValue(s)
		switch {
		case s.setting.hidden() && s.Value != "":
			fmt.Fprintf(&b, "# %s is set, and is not shown\n", s.Name)
		case s.Value == "" && !s.setting.list():
			fmt.Fprintf(&b, "# %s = \"\"\n", s.Name)
		default:
			fmt.Fprintf(&b, "%s = %s\n", s.Name, value)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func tomlValue(s shownSetting) string {
	switch {
	case s.setting.kind == kindBool:
		return s.Value
	case s.setting.list():
		var items []string
		for _, item := range splitList(s.Value) {
			items = append(items, tomlString(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return tomlString(s.Value)
}

// tomlString quotes as TOML's basic strings do, whose escapes JSON's are among.
func tomlString(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // no string is refused
		return strconv.Quote(s)
	}
	return string(b)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

package main

import (
	"fmt"
	"strings"
)

// settingsPage is docs/settings.md.
func settingsPage() string {
	var b strings.Builder
	b.WriteString(`# Settings

Every setting but a secret is a flag of ` + "`coffer serve`" + `, a variable and a key of the configuration
file; a flag counts more than a variable, and a variable more than the file. The file is TOML:
` + "`--config`" + `, else ` + "`$COFFER_CONFIG`" + `, else ` + "`$XDG_CONFIG_HOME/coffer/config.toml`" + ` (or ` + "`~/.config`" + `), else
` + "`/etc/coffer/config.toml`" + `. A variable that is empty counts as not set; an unknown variable or key is an error.
` + "`coffer config show --origin`" + ` says what is in force and where it comes from.

Lists are separated by commas in variables and flags, which may also be repeated, and are
lists of texts in the file. Paths in the file are relative to its folder. Sizes are bytes or have a unit (` + "`64KiB`, `1GiB`, `5GB`" + `).

| key | flag | variable | value | default | what it is |
|---|---|---|---|---|---|
`)
	for i := range settings {
		s := &settings[i]
		flag := "`--" + s.flag() + "`"
		if s.hidden() {
			flag = "never"
		}
		variable, key := "`"+s.env()+"`", "`"+s.name+"`"
		if s.file {
			variable += ", `" + s.env() + "_FILE`"
			key += ", `" + s.name + "_file`"
		}
		value := s.empty
		if d := s.defaultText(); d != "" {
			value = "`" + d + "`"
		}
		if value == "" {
			value = "none"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", key, flag, variable, s.kind, value, s.usage)
	}
	b.WriteString(`
A ` + "`…_FILE`" + ` names a file that holds the value; the end of its last line is not part of it.

The pair of ` + "`root_access_key_id` and `root_secret_access_key`" + ` becomes a key of the first account at the start
that first sees it, which may be a later one. If a key with that ID exists, its secret must be the
same, and the key must not have been deleted; otherwise the server does not start, and changes nothing.
`)
	return b.String()
}

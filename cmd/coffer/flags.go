package main

import (
	"strings"

	"github.com/spf13/pflag"
)

// flagText is a setting as a flag: it keeps the text, which is read together
// with what the other sources give. A list's flag may be repeated.
type flagText struct {
	setting *setting
	texts   []string
}

func (f *flagText) String() string { return strings.Join(f.texts, ",") }

// Type is what the help text puts behind the flag's name.
func (f *flagText) Type() string {
	switch {
	case f.setting.kind == kindBool:
		return ""
	case f.setting.list():
		return "list"
	}
	return string(f.setting.kind)
}

func (f *flagText) Set(text string) error {
	if !f.setting.list() {
		f.texts = nil
	}
	f.texts = append(f.texts, text)
	return nil
}

// addSettingFlag adds the flag of a setting. A secret has none: command lines
// can be read by everybody on the machine.
func addSettingFlag(flags *pflag.FlagSet, s *setting) {
	if s.hidden() {
		return
	}
	f := flags.VarPF(&flagText{setting: s}, s.flag(), "", s.usage)
	f.DefValue = s.defaultText()
	if s.kind == kindBool {
		f.NoOptDefVal = "true"
	}
}

// addSettingFlags adds all but --data, which every command has.
func addSettingFlags(flags *pflag.FlagSet) {
	for i := range settings {
		if settings[i].name != "data" {
			addSettingFlag(flags, &settings[i])
		}
	}
}

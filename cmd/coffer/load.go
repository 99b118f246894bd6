package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"coffer/server"
)

// settingFileMax bounds what is read of a …_FILE and of a configuration file.
const settingFileMax = 1 << 20

// given is the text of a setting and where it comes from: "flag --data",
// "env COFFER_DATA", "file PATH:data".
type given struct {
	text   string
	origin string
}

// load reads every setting that cmd's flags, the environment or the
// configuration file gives, in that order of precedence.
func (a *app) load(cmd *cobra.Command) (values, map[string]given, error) {
	v := defaults()
	v.Data = server.DefaultData(a.getenv)
	found, err := a.collect(cmd)
	if err != nil {
		return v, nil, err
	}
	for i := range settings {
		s := &settings[i]
		g, ok := found[s.name]
		if !ok {
			continue
		}
		if err := s.set(&v, g.text); err != nil {
			return v, nil, usagef("%s: %w", g.origin, err)
		}
	}
	return v, found, nil
}

// data is the data folder, for commands that need no other setting: a mistake in
// those must not keep an operator from the server that runs.
func (a *app) data(cmd *cobra.Command) (string, error) {
	found, err := a.collect(cmd)
	if err != nil {
		return "", err
	}
	if g, ok := found["data"]; ok {
		return filepath.Abs(g.text)
	}
	return server.DefaultData(a.getenv), nil
}

// collect merges the sources; the ones that count more come later.
func (a *app) collect(cmd *cobra.Command) (map[string]given, error) {
	found, err := a.fromFile(cmd)
	if err != nil {
		return nil, err
	}
	env, err := a.fromEnvironment()
	if err != nil {
		return nil, err
	}
	maps.Copy(found, env)
	maps.Copy(found, fromFlags(cmd))
	return found, nil
}

func fromFlags(cmd *cobra.Command) map[string]given {
	found := map[string]given{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*flagText); ok {
			found[v.setting.name] = given{v.String(), "flag --" + f.Name}
		}
	})
	return found
}

// fromEnvironment reads the COFFER_ variables. One that is empty counts as not
// set, as an unset one in a compose file becomes.
func (a *app) fromEnvironment() (map[string]given, error) {
	found := map[string]given{}
	known := map[string]*setting{}
	for i := range settings {
		s := &settings[i]
		known[s.env()] = s
		if s.file {
			known[s.env()+"_FILE"] = s
		}
	}
	for _, kv := range slices.Sorted(slices.Values(a.environ)) {
		name, text, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "COFFER_") || slices.Contains(otherVariables, name) || serviceLink(name) {
			continue
		}
		s, ok := known[name]
		if !ok {
			return nil, usagef("there is no setting for the environment variable %s%s: see coffer config show",
				name, didYouMean(name, slices.Sorted(maps.Keys(known))))
		}
		if text == "" {
			continue
		}
		if was, twice := found[s.name]; twice {
			return nil, usagef("%s and %s are both set: unset one", strings.TrimPrefix(was.origin, "env "), name)
		}
		if name != s.env() {
			var err error
			if text, err = readSettingFile(text); err != nil {
				return nil, usagef("%s: %w", name, err)
			}
		}
		found[s.name] = given{text, "env " + name}
	}
	return found, nil
}

// serviceLink tells the variables that Kubernetes sets in every pod beside a
// service called coffer (COFFER_SERVICE_HOST, COFFER_PORT_9000_TCP, …).
func serviceLink(name string) bool {
	return name == "COFFER_PORT" || strings.HasPrefix(name, "COFFER_PORT_") || strings.HasPrefix(name, "COFFER_SERVICE_")
}

// configPath finds the configuration file, or "". One that was asked for must
// exist; of the usual places the first counts.
func (a *app) configPath(cmd *cobra.Command) string {
	if path, _ := cmd.Flags().GetString("config"); path != "" {
		return path
	}
	if path := a.getenv("COFFER_CONFIG"); path != "" {
		return path
	}
	home := a.getenv("XDG_CONFIG_HOME")
	if home == "" && a.getenv("HOME") != "" {
		home = filepath.Join(a.getenv("HOME"), ".config")
	}
	for _, dir := range []string{home, "/etc"} {
		path := filepath.Join(dir, "coffer", "config.toml")
		if _, err := os.Stat(path); filepath.IsAbs(path) && err == nil {
			return path
		}
	}
	return ""
}

func (a *app) fromFile(cmd *cobra.Command) (map[string]given, error) {
	found := map[string]given{}
	path := a.configPath(cmd)
	if path == "" {
		return found, nil
	}
	content, err := readBounded(path)
	if err != nil {
		return nil, usagef("read the configuration file %s: %w", path, pathReason(err))
	}
	var table map[string]any
	if _, err := toml.Decode(content, &table); err != nil {
		if e, ok := errors.AsType[toml.ParseError](err); ok {
			// Its text quotes the line, which may hold a secret.
			return nil, usagef("the configuration file %s has a mistake in line %d: %s", path, e.Position.Line, e.Message)
		}
		return nil, usagef("the configuration file %s is not TOML: %w", path, err)
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		s, isFile := settingOfKey(key)
		origin := fmt.Sprintf("file %s:%s", path, key)
		if s == nil {
			return nil, usagef("the configuration file %s has the unknown setting %s%s", path, key, didYouMean(key, tomlKeys()))
		}
		if was, twice := found[s.name]; twice {
			return nil, usagef("%s has both %s and %s: remove one", path, was.origin[strings.LastIndexByte(was.origin, ':')+1:], key)
		}
		text, err := tomlText(table[key], s.list())
		if many, ok := table[key].([]map[string]any); ok && s.kind == kindTables {
			text, err = tablesText(many)
		}
		if err == nil && (isFile || s.kind == kindPath || s.kind == kindPaths) {
			text = besideFile(path, text, s.kind == kindPaths)
		}
		if err == nil && isFile {
			text, err = readSettingFile(text)
		}
		if err != nil {
			return nil, usagef("%s: %w", origin, err)
		}
		found[s.name] = given{text, origin}
	}
	return found, nil
}

func settingOfKey(key string) (s *setting, isFile bool) {
	for i := range settings {
		switch {
		case settings[i].name == key:
			return &settings[i], false
		case settings[i].file && settings[i].name+"_file" == key:
			return &settings[i], true
		}
	}
	return nil, false
}

func tomlKeys() []string {
	var keys []string
	for _, s := range settings {
		keys = append(keys, s.name)
		if s.file {
			keys = append(keys, s.name+"_file")
		}
	}
	return keys
}

// besideFile makes paths in a configuration file relative to its folder, so that
// they mean the same wherever coffer is started.
func besideFile(config, text string, many bool) string {
	paths := []string{text}
	if many {
		paths = splitList(text)
	}
	for i, p := range paths {
		if p != "" && !filepath.IsAbs(p) {
			paths[i] = filepath.Join(filepath.Dir(config), p)
		}
	}
	return strings.Join(paths, ",")
}

func tomlText(value any, list bool) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case []any:
		if !list {
			return "", errors.New("it takes one value, not a list")
		}
		var texts []string
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return "", errors.New("its list must be of texts in quotes")
			}
			texts = append(texts, s)
		}
		return strings.Join(texts, ","), nil
	}
	return "", errors.New("it takes a text in quotes, a number, true, false, or a list of texts")
}

// readSettingFile reads the value that a …_FILE names, without the end of its
// line, which editors and echo put there.
func readSettingFile(path string) (string, error) {
	content, err := readBounded(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, pathReason(err))
	}
	content = strings.TrimSuffix(strings.TrimSuffix(content, "\n"), "\r")
	if content == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return content, nil
}

func readBounded(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, settingFileMax+1))
	if err == nil && len(b) > settingFileMax {
		err = fmt.Errorf("it has more than %d bytes", settingFileMax)
	}
	return string(b), err
}

func pathReason(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

package console

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"coffer"
)

// funcs are what templates can call. now is not among them: models bring the
// time, so that a page is the same for the same model.
func funcs(static func(string) string) template.FuncMap {
	return template.FuncMap{
		"static": static,
		"menu":   func() []menuEntry { return menu },
		"icon":   icon,
		"size":   formatSize,
		"count":  formatCount,
		"when":   newWhen,
		"roles":  coffer.Roles,
		"field":  newField,
		"add":    func(a, b int) int { return a + b },
		"dict":   dict,
		"tabs":   bucketTabs,
	}
}

// dict makes a map for a shared template that takes several values.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict takes names and values, got %d of them", len(pairs))
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// clock is the time as templates print it: relative to Now, with the absolute
// time beside it.
type clock struct {
	At, Now time.Time
}

// newWhen is the template function "when".
func newWhen(at, now time.Time) clock { return clock{at.UTC(), now.UTC()} }

// Machine is the form that scripts read.
func (c clock) Machine() string { return c.At.Format(time.RFC3339) }

// Absolute is the time in full, in UTC.
func (c clock) Absolute() string { return c.At.Format("2 January 2006, 15:04:05 UTC") }

// Short is the time in the length of a column.
func (c clock) Short() string { return c.At.Format("2006-01-02 15:04 UTC") }

// Zero tells whether there is a time at all.
func (c clock) Zero() bool { return c.At.IsZero() || c.At.Unix() == 0 }

// Relative is how long ago, or how long until; static/times.js does the same.
func (c clock) Relative() string {
	d := c.Now.Sub(c.At)
	ahead := d < 0
	if ahead {
		d = -d
	}
	if d < 5*time.Second {
		return "just now"
	}
	text := ""
	for _, step := range []struct {
		end, unit time.Duration
		name      string
	}{
		{time.Minute, time.Second, "second"}, {time.Hour, time.Minute, "minute"}, {24 * time.Hour, time.Hour, "hour"},
		{30 * 24 * time.Hour, 24 * time.Hour, "day"}, {365 * 24 * time.Hour, 30 * 24 * time.Hour, "month"},
		{1 << 62, 365 * 24 * time.Hour, "year"},
	} {
		if d < step.end {
			n := int(d / step.unit)
			text = strconv.Itoa(n) + " " + step.name
			if n != 1 {
				text += "s"
			}
			break
		}
	}
	if ahead {
		return "in " + text
	}
	return text + " ago"
}

// formatSize writes bytes in both families of units: 1.5 MiB (1.6 MB).
func formatSize(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	return scaled(n, 1024, "B", "KiB", "MiB", "GiB", "TiB", "PiB") + " (" + scaled(n, 1000, "B", "kB", "MB", "GB", "TB", "PB") + ")"
}

func scaled(n int64, base float64, units ...string) string {
	v, i := float64(n), 0
	for v >= base && i < len(units)-1 {
		v, i = v/base, i+1
	}
	if i == 0 || v >= 100 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + units[i]
}

// formatCount writes a number with its thousands apart.
func formatCount(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// sentence makes of an error's text one for people: a capital and a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(r)) + s[n:]
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

// field is one input of a form with what was typed into it and what was wrong.
type field struct {
	Name, Label, Value, Type, Hint, Error, Autocomplete string
	Required, Autofocus, Code                           bool
	Attrs                                               map[string]string
}

// newField is the template function "field": name, label, value, problems, and
// then names and values of what else there is to say.
func newField(name, label, value string, wrong problems, more ...string) (field, error) {
	f := field{Name: name, Label: label, Value: value, Type: "text", Error: wrong[name]}
	for i := 0; i+1 < len(more); i += 2 {
		switch k, v := more[i], more[i+1]; k {
		case "type":
			f.Type = v
		case "hint":
			f.Hint = v
		case "autocomplete":
			f.Autocomplete = v
		case "required":
			f.Required = v != ""
		case "autofocus":
			f.Autofocus = v != ""
		case "code":
			f.Code = v != ""
		default:
			return f, fmt.Errorf("field %s: there is no %q", name, k)
		}
	}
	return f, nil
}

// icons are drawn on a grid of 24 in the colour of the text. They stand beside
// words, so screen readers pass over them.
var icons = map[string]string{
	"coffer": `<path d="M3 9.5 5.5 4h13L21 9.500v9a1.5 1.5 0 0 1-1.5 1.500h-15A1.5 1.5 0 0 1 3 18.500z"/><path d="M3 9.500h18"/><circle cx="12" cy="13.5" r="1.6"/><path d="M12 15.100V17"/>`,
	"home":   `<path d="M4 11 12 4l8 7"/><path d="M6 9.500V20h12V9.5"/><path d="M10 20v-5h4v5"/>`,
	"key":    `<circle cx="8" cy="15" r="4"/><path d="m11 12 8.5-8.5"/><path d="m16 7 3 3"/>`,
	"plug":   `<path d="M9 3v5M15 3v5"/><path d="M6 8h12v3a6 6 0 0 1-12 0z"/><path d="M12 17v4"/>`,
	"bucket": `<ellipse cx="12" cy="6" rx="8" ry="2.5"/><path d="m4 6 2 13c.2 1.1 2.9 2 6 2s5.8-.9 6-2l2-13"/>`,
	"list":   `<path d="M8 6h12M8 12h12M8 18h12"/><path d="M4 6h.01M4 12h.01M4 18h.01"/>`,
	"people": `<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20a6.5 6.5 0 0 1 13 0"/><path d="M16 5a3.5 3.5 0 0 1 0 6.500M18 14.500a6.5 6.5 0 0 1 3.5 5.5"/>`,
	"gear":   `<circle cx="12" cy="12" r="3"/><path d="M12 2.500v3M12 18.500v3M2.5 12h3M18.5 12h3M5.300 5.300l2.1 2.100M16.6 16.600l2.1 2.100M5.300 18.700l2.1-2.100M16.6 7.400l2.1-2.1"/>`,
	"menu":   `<path d="M4 7h16M4 12h16M4 17h16"/>`,
	"folder": `<path d="M3 6.500A1.5 1.5 0 0 1 4.5 5H9l2 2.500h8.500A1.5 1.5 0 0 1 21 9v9a1.5 1.5 0 0 1-1.5 1.500h-15A1.5 1.5 0 0 1 3 18z"/>`,
	"file":   `<path d="M6 3h8l4 4v14H6z"/><path d="M14 3v4h4"/>`,
}

func icon(name string) (template.HTML, error) {
	shape, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("there is no icon %q", name)
	}
	return template.HTML(`<svg aria-hidden="true" width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">` + shape + `</svg>`), nil
}

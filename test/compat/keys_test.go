package compat

import "strings"

// oddKey is a key that breaks servers which take keys for paths, decode them
// twice or write them into XML as they are.
type oddKey struct{ name, key string }

var oddKeys = []oddKey{
	{"DoubleSlash", "a//b"},
	{"ParentFirst", "../x"},
	{"ParentInside", "a/../b"},
	{"DotFirst", "./y"},
	{"LeadingSlash", "/lead"},
	{"TrailingSlash", "trail/"},
	{"EmojiOf1024Bytes", strings.Repeat("😀", 256)},
	{"EncodedSlash", "100%2Fdone"},
	{"PercentAlone", "50% of%zz"},
	{"Plus", "a+b"},
	{"Spaces", " two  spaces "},
	{"Controls", "c\x01\x08\x1f\x7f"},
	{"TabAndNewline", "tab\tnewline\nend"},
	{"CarriageReturn", "carriage\rreturn"},
	{"Quotes", "\"double\" 'single' `back`"},
	{"Markup", "<&>&amp;]]>"},
	{"QueryAndFragment", "what?x=1&y=2#part;z"},
	{"Backslash", `back\slash`},
	{"Punctuation", "!$()*,:=@[]^_{|}~-."},
	{"Composed", "gr\u00fc\u00dfe/\u65e5\u672c\u8a9e"},
	{"Decomposed", "gru\u0308\u00dfe"},
	{"NoCharacter", "end\uffff"},
}

// plain tells a key that every client sends as it stands.
func plain(key string) bool {
	return strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") == "" &&
		!strings.HasPrefix(key, "/") && !strings.HasSuffix(key, "/") && !strings.Contains(key, "//") && !dots(key)
}

// dots tells a key with a segment that means something to file systems.
func dots(key string) bool {
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// control tells a key with a character that a terminal would act on.
func control(key string) bool {
	return strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// xmlText tells a key that XML 1.0 can hold. A DeleteObjects document cannot name
// any other: clients send a replacement character, or what no parser takes. AWS
// has such keys deleted one by one.
func xmlText(key string) bool {
	return !strings.ContainsFunc(key, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
	})
}

// split parts keys into those that ok holds for and the others.
func split(keys []string, ok func(string) bool) (yes, no []string) {
	for _, key := range keys {
		if ok(key) {
			yes = append(yes, key)
		} else {
			no = append(no, key)
		}
	}
	return yes, no
}

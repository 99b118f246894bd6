package s3

import (
	"encoding/base64"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"
)

// decodeMetadata reads a value that is not ASCII: S3 takes it in the form of
// RFC 2047, and gives it back so.
func decodeMetadata(value string) string {
	if !strings.HasPrefix(value, "=?") {
		return value
	}
	text, err := new(mime.WordDecoder).DecodeHeader(value)
	if err != nil {
		return value
	}
	return text
}

// encodeMetadata is the other way, as AWS was recorded to write it: one encoded word
// however long it is, in Q where all of it can be read, else in B.
func encodeMetadata(value string) string {
	if isPlainMetadata(value) {
		return value
	}
	if !isReadable(value) {
		return "=?UTF-8?B?" + base64.StdEncoding.EncodeToString([]byte(value)) + "?="
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, 3*len(value)+16)
	b = append(b, "=?UTF-8?Q?"...)
	for i := range len(value) {
		switch c := value[i]; {
		case c == ' ':
			b = append(b, '_')
		case c < ' ' || c > '~' || c == '_' || c == '=' || c == '?':
			b = append(b, '=', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(append(b, "?="...))
}

// isPlainMetadata tells whether a header can have the value as it is.
func isPlainMetadata(value string) bool {
	for i := range len(value) {
		if c := value[i]; (c < ' ' || c > '~') && c != '\t' {
			return false
		}
	}
	return true
}

// isReadable tells whether the value is text without characters that nobody sees.
func isReadable(value string) bool {
	for _, r := range value {
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			return false
		}
	}
	return true
}

package text

import (
	"bytes"
	"mime"
)

// contentType is what a Content-Type value says of a part.
type contentType struct {
	kind     []byte // in lower case; empty if none is named
	boundary string
	charset  string // in lower case
}

// parseValue reads a Content-Type value as mail clients do. Where a parameter
// that counts has a form of RFC 2231, the standard library reads it, in which all
// its rules are: that is slow, so nothing else goes there.
func parseValue(value []byte) (v contentType) {
	kind, params, _ := bytes.Cut(value, []byte(";"))
	v.kind = bytes.ToLower(bytes.TrimSpace(kind))
	if isExtended(params) {
		if _, all, err := mime.ParseMediaType(string(bytes.TrimSpace(value))); err == nil {
			v.boundary, v.charset = all["boundary"], lower([]byte(all["charset"]))
			return v
		}
	}
	for len(params) > 0 {
		var name, text []byte
		name, text, params = param(params)
		switch {
		case equalFold(name, "boundary") && v.boundary == "":
			v.boundary = string(text)
		case equalFold(name, "charset") && v.charset == "":
			v.charset = lower(text)
		}
	}
	return v
}

// isExtended reports whether params may have a "boundary*" or "charset*".
func isExtended(params []byte) bool {
	for i, c := range params {
		if c == '*' && (endsFold(params[:i], "boundary") || endsFold(params[:i], "charset")) {
			return true
		}
	}
	return false
}

// param cuts the first parameter off params.
func param(params []byte) (name, text, rest []byte) {
	params = bytes.TrimLeft(params, " \t\r\n;")
	end := bytes.IndexAny(params, "=;")
	if end < 0 {
		return nil, nil, nil
	}
	name, rest = bytes.TrimSpace(params[:end]), params[end+1:]
	if params[end] == ';' {
		return nil, nil, rest
	}
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) > 0 && rest[0] == '"' {
		text, rest, _ = bytes.Cut(rest[1:], []byte(`"`))
		return name, text, rest
	}
	text, rest, _ = bytes.Cut(rest, []byte(";"))
	return name, bytes.TrimSpace(text), rest
}

// lower returns the usual names without a string of their own for each part.
func lower(charset []byte) string {
	for _, usual := range []string{"utf-8", "us-ascii", "iso-8859-1", "windows-1252", "iso-8859-15"} {
		if equalFold(charset, usual) {
			return usual
		}
	}
	return string(bytes.ToLower(charset))
}

// equalFold compares with a lower-case ASCII text, in which "-" and "/" stand
// for themselves.
func equalFold[T string | []byte](s T, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func endsFold(s []byte, lower string) bool {
	return len(s) >= len(lower) && equalFold(s[len(s)-len(lower):], lower)
}

func hasPrefixFold(s []byte, lower string) bool {
	return len(s) >= len(lower) && equalFold(s[:len(lower)], lower)
}

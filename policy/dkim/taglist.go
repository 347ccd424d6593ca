package dkim

import (
	"errors"
	"strings"
)

// maxTags bounds a tag-list; RFC 6376 defines 14 tags for a signature.
const maxTags = 64

// usualTags are as many as nearly every list has.
const usualTags = 12

// errTags says that a text is not a tag-list.
var errTags = errors.New("dkim: malformed tag-list")

// tag is one tag=value of a tag-list, without surrounding white space.
type tag struct{ name, value string }

// parseTags reads a tag-list: RFC 6376, Section 3.2. A name that stands there
// twice voids the list. Empty elements are passed over, as most verifiers do.
//
// Names are checked against the grammar, so that the library, which trims
// more kinds of white space, cannot see a tag that this does not.
func parseTags(s string) ([]tag, error) {
	tags := make([]tag, 0, usualTags)
	for element := range strings.SplitSeq(s, ";") {
		if trimFWS(element) == "" {
			continue
		}
		name, value, ok := strings.Cut(element, "=")
		name = trimFWS(name)
		if !ok || !isTagName(name) || len(tags) == maxTags {
			return nil, errTags
		}
		if _, twice := lookup(tags, name); twice {
			return nil, errTags
		}
		tags = append(tags, tag{name, trimFWS(value)})
	}
	return tags, nil
}

// lookup returns the value of a tag.
func lookup(tags []tag, name string) (string, bool) {
	for _, t := range tags {
		if t.name == name {
			return t.value, true
		}
	}
	return "", false
}

func isTagName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

const fws = " \t\r\n"

func trimFWS(s string) string { return strings.Trim(s, fws) }

// removeFWS removes white space everywhere: values that may be folded anywhere.
func removeFWS(s string) string {
	if !strings.ContainsAny(s, fws) {
		return s
	}
	kept := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			kept = append(kept, c)
		}
	}
	return string(kept)
}

// words splits a colon-separated value and drops empty elements.
func words(s string) []string {
	var list []string
	for w := range strings.SplitSeq(s, ":") {
		if w = removeFWS(w); w != "" {
			list = append(list, w)
		}
	}
	return list
}

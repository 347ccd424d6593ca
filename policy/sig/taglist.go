package sig

import (
	"errors"
	"strings"
)

// maxTags bounds a tag-list; RFC 6376 defines 14 tags for a signature.
const maxTags = 64

// usualTags are as many as nearly every list has.
const usualTags = 12

// ErrTags says that a text is not a tag-list.
var ErrTags = errors.New("sig: malformed tag-list")

// Tag is one tag=value of a tag-list, without surrounding white space.
type Tag struct{ Name, Value string }

// Tags is a tag-list in its order. No name stands in it twice.
type Tags []Tag

// ParseTags reads a tag-list: RFC 6376, Section 3.2. A name that stands there
// twice voids the list. Empty elements are passed over, as most verifiers do.
//
// Names are checked against the grammar, so that go-msgauth, which trims
// more kinds of white space, cannot see a tag that this does not.
func ParseTags(s string) (Tags, error) {
	tags := make(Tags, 0, usualTags)
	for element := range strings.SplitSeq(s, ";") {
		if trimFWS(element) == "" {
			continue
		}
		name, value, ok := strings.Cut(element, "=")
		name = trimFWS(name)
		if !ok || !isTagName(name) || len(tags) == maxTags {
			return nil, ErrTags
		}
		if _, twice := tags.Lookup(name); twice {
			return nil, ErrTags
		}
		tags = append(tags, Tag{name, trimFWS(value)})
	}
	return tags, nil
}

// Lookup returns the value of a tag, and whether it is there.
func (tags Tags) Lookup(name string) (string, bool) {
	for _, t := range tags {
		if t.Name == name {
			return t.Value, true
		}
	}
	return "", false
}

// Value returns the value of a tag, "" if it is absent.
func (tags Tags) Value(name string) string {
	v, _ := tags.Lookup(name)
	return v
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

func isFWS(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trimFWS(s string) string {
	for s != "" && isFWS(s[0]) {
		s = s[1:]
	}
	for s != "" && isFWS(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// RemoveFWS removes folding white space everywhere: for values that may be
// folded anywhere, as base64 may.
func RemoveFWS(s string) string {
	var kept strings.Builder
	from := 0
	for i := 0; i < len(s); i++ {
		if !isFWS(s[i]) {
			continue
		}
		if kept.Len() == 0 {
			kept.Grow(len(s))
		}
		kept.WriteString(s[from:i])
		from = i + 1
	}
	if from == 0 {
		return s
	}
	kept.WriteString(s[from:])
	return kept.String()
}

// Words splits a colon-separated value, as h= or t= of a key, removes white
// space and drops empty elements.
func Words(s string) []string {
	var list []string
	for w := range strings.SplitSeq(s, ":") {
		if w = RemoveFWS(w); w != "" {
			list = append(list, w)
		}
	}
	return list
}

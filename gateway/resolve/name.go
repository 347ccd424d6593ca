package resolve

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of RFC 1035, Section 2.3.4, without the root label.
const (
	maxNameOctets  = 253
	maxLabelOctets = 63
)

var errName = errors.New("resolve: want labels of letters, digits, hyphen and underscore")

// checkName returns name in lower case without a trailing dot, or why it cannot
// be asked. The library would send spaces, "@" and backslashes: what a message
// or an SPF macro put together must not become another question.
func checkName(name string) (string, error) { return check(name, "") }

// checkAlias is checkName for the target of a CNAME, which may hold the "/" of
// classless reverse zones: RFC 2317, Section 4.
func checkAlias(name string) (string, error) { return check(name, "/") }

func check(name, extra string) (string, error) {
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxNameOctets {
		return "", fmt.Errorf("%w: longer than %d octets", errName, maxNameOctets)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabelOctets {
			return "", fmt.Errorf("%w of 1 to %d octets", errName, maxLabelOctets)
		}
		for i := range len(label) {
			if c := label[i]; !isLDH(c) && strings.IndexByte(extra, c) < 0 {
				return "", errName
			}
		}
	}
	return strings.ToLower(name), nil
}

func isLDH(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

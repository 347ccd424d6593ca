package dns

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of a name without its trailing dot: RFC 1035, Section 2.3.4.
const (
	MaxNameOctets  = 253
	MaxLabelOctets = 63
)

var (
	errNameOctets  = fmt.Errorf("dns: name longer than %d octets", MaxNameOctets)
	errLabelOctets = fmt.Errorf("dns: want labels of 1 to %d octets", MaxLabelOctets)
	errNameOctet   = errors.New("dns: octet that no name we ask for may hold")
)

// CheckName says why name cannot be asked, nil if it can: every Resolver refuses
// such a name with ErrPermanent. A trailing dot is allowed, the root is not.
//
// A label holds printable ASCII, with spaces: SPF macros bring "%_" and whole
// addresses into names (RFC 7208, Section 7). Backslash and quote are left out,
// because they mean something where names are written as text.
func CheckName(name string) error {
	name = strings.TrimSuffix(name, ".")
	if len(name) > MaxNameOctets {
		return errNameOctets
	}
	start := 0
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '.' {
			if c := name[i]; c < ' ' || c > '~' || c == '\\' || c == '"' {
				return errNameOctet
			}
			continue
		}
		if n := i - start; n == 0 || n > MaxLabelOctets {
			return errLabelOctets
		}
		start = i + 1
	}
	return nil
}
